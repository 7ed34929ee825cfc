//! Measures of the field: percentiles, character and word error rate, chrF. Pure; used by `demo`, the benches and the tests.

use std::{collections::HashMap, time::Duration};

use unicode_normalization::UnicodeNormalization as _;

/// The `p`-th percentile (0..=100) by nearest rank; zero for no values.
pub fn percentile(values: &[Duration], p: f64) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (p / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied().unwrap_or_default()
}

/// Lower case without punctuation and with compatible forms unified, as error rates are counted; white space is kept.
pub fn normalised(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).map(|c| if c.is_alphanumeric() || is_mark(c) { c } else { ' ' }).collect()
}

/// Combining vowel signs are part of a word (Hindi, Thai, Arabic) though they are not letters.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

/// Edit distance by characters over the reference's length, white space and punctuation left out (Chinese has no words to count).
pub fn cer(reference: &str, hypothesis: &str) -> f64 {
    rate(recognition_edits(reference, hypothesis, true))
}

/// Edit distance by words over the reference's number of words, punctuation left out.
pub fn wer(reference: &str, hypothesis: &str) -> f64 {
    rate(recognition_edits(reference, hypothesis, false))
}

/// The edits between a transcript and what was recognised, and the transcript's length, both in characters (`unspaced`) or words:
/// summed over recordings they give a corpus' error rate.
pub fn recognition_edits(reference: &str, hypothesis: &str, unspaced: bool) -> (usize, usize) {
    let chars = |text: &str| normalised(text).chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
    let words = |text: &str| normalised(text).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    if unspaced {
        let (reference, hypothesis) = (chars(reference), chars(hypothesis));
        (edits(&reference, &hypothesis), reference.len())
    } else {
        let (reference, hypothesis) = (words(reference), words(hypothesis));
        (edits(&reference, &hypothesis), reference.len())
    }
}

fn rate((edits, length): (usize, usize)) -> f64 {
    edits as f64 / length.max(1) as f64
}

/// Levenshtein distance.
pub fn edits<T: PartialEq>(a: &[T], b: &[T]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Corpus chrF (Popović 2015): character n-grams of order 1 to 6 without white space, beta 2, 0..=100, as sacreBLEU's default.
pub fn chrf<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
    const ORDER: usize = 6;
    const BETA_SQUARED: f64 = 4.0;
    let mut counts = [[0.0_f64; 3]; ORDER];
    for (reference, hypothesis) in pairs {
        let chars = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
        let (reference, hypothesis) = (chars(reference), chars(hypothesis));
        for (n, [matched, in_hypothesis, in_reference]) in (1..).zip(&mut counts) {
            let (r, h) = (ngrams(&reference, n), ngrams(&hypothesis, n));
            // sacreBLEU leaves an order out of a sentence's count when the reference has none of it.
            let h_total: usize = if r.is_empty() { 0 } else { h.values().sum() };
            *matched += h.iter().map(|(gram, count)| (*count).min(r.get(gram).copied().unwrap_or(0))).sum::<usize>() as f64;
            *in_hypothesis += h_total as f64;
            *in_reference += r.values().sum::<usize>() as f64;
        }
    }
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for [matched, in_hypothesis, in_reference] in counts {
        if in_hypothesis > 0.0 && in_reference > 0.0 {
            precision += matched / in_hypothesis;
            recall += matched / in_reference;
            orders += 1.0;
        }
    }
    if orders == 0.0 || precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders, recall / orders);
    100.0 * (1.0 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)
}

fn ngrams(chars: &[char], n: usize) -> HashMap<&[char], usize> {
    let mut counts = HashMap::new();
    for gram in chars.windows(n) {
        *counts.entry(gram).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let values: Vec<_> = (1..=20).rev().map(Duration::from_secs).collect();
        assert_eq!(percentile(&values, 50.0), Duration::from_secs(10));
        assert_eq!(percentile(&values, 95.0), Duration::from_secs(19));
        assert_eq!(percentile(&values, 0.0), Duration::from_secs(1));
        assert_eq!(percentile(&[], 50.0), Duration::ZERO);
    }

    #[test]
    fn error_rates_ignore_case_width_and_punctuation() {
        assert_eq!(cer("今天，天气好。", "今天天汽好"), 0.2);
        assert_eq!(cer("ＡＢ", "ab!"), 0.0);
        assert_eq!(wer("It's a fine day.", "its a day"), 0.6);
        assert_eq!(cer("", "x"), 1.0);
    }

    #[test]
    fn chrf_agrees_with_sacrebleu() {
        // sacrebleu 2.6.0: CHRF().corpus_score(hypotheses, [references]).score
        let pairs = [("The cat sat on the mat.", "A cat sat on a mat."), ("今天下雨了。", "今天在下雨。")];
        assert!((chrf(pairs) - CHRF_OF_SACREBLEU).abs() < 0.01, "{}", chrf(pairs));
        assert_eq!(chrf([("same", "same")]), 100.0);
        assert_eq!(chrf([("same", "")]), 0.0);
    }

    const CHRF_OF_SACREBLEU: f64 = 42.592;
}
