//! Length-adaptive average lagging, the latency measure of simultaneous translation (pure).
//!
//! Papi et al. 2022, "Over-Generation Cannot Be Rewarded: Length-Adaptive Average Lagging for Simultaneous Speech Translation"
//! (arXiv 2206.05807). How far behind an ideal translator, who speaks as fast as the speaker and with no delay, each token comes.
//! Computation-aware when the delays are times on a clock, computation-unaware when they are how much of the speech had been
//! listened to. Checked against the package SimulEval: benches/README.md.

use crate::language::Language;

/// LAAL in the unit of its arguments, seconds here.
///
/// `delays[i]` is when token `i` came, counted from the beginning of the source; `source` is the source's length; `reference` the
/// number of tokens of the reference translation (0 without one). With `|X|` = `source`, `|Y|` = number of delays, `|Y*|` =
/// `reference`: the mean of `delays[i] - i * |X| / max(|Y|, |Y*|)` over the tokens up to the first one that came when the source was
/// over. None without tokens or source.
pub fn laal(delays: &[f64], source: f64, reference: usize) -> Option<f64> {
    if delays.is_empty() || source <= 0.0 {
        return None;
    }
    let pace = source / delays.len().max(reference) as f64;
    let counted = delays.iter().position(|d| *d >= source).map_or(delays.len(), |last| last + 1);
    let lags = delays.iter().take(counted).enumerate().map(|(i, delay)| delay - i as f64 * pace);
    Some(lags.sum::<f64>() / counted as f64)
}

/// Tokens of `text`: characters where words are written without spaces (punctuation is a character), else words.
pub fn tokens(text: &str, language: Language) -> usize {
    token_delays([(0.0, text)], language).len()
}

/// When each token of a text that came in pieces was complete: with its last character.
pub fn token_delays<'a>(pieces: impl IntoIterator<Item = (f64, &'a str)>, language: Language) -> Vec<f64> {
    let mut delays = Vec::new();
    let mut inside = false;
    for (delay, text) in pieces {
        for c in text.chars() {
            if c.is_whitespace() {
                inside = false;
            } else if language.is_unspaced() || !inside {
                delays.push(delay);
                inside = true;
            } else if let Some(last) = delays.last_mut() {
                *last = delay;
            }
        }
    }
    delays
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() < 1e-9)
    }

    #[test]
    fn values_computed_by_hand() {
        // 4 tokens in 4 s, each 1 s after an ideal one would be: 1-0, 2-1, 3-2, 4-3; the last comes when the source is over.
        assert!(close(laal(&[1.0, 2.0, 3.0, 4.0], 4.0, 4), 1.0));
        // All at the end of a source of 4 s: only the first counts, 4 - 0.
        assert!(close(laal(&[4.0, 4.0, 4.0], 4.0, 3), 4.0));
        // Later than the end, as a clock sees it.
        assert!(close(laal(&[5.5, 6.0], 4.0, 2), 5.5));
        // The reference is longer (8 tokens): the ideal translator is twice as fast. 1-0, 2-0.5, 3-1, 4-1.5 = 7 / 4.
        assert!(close(laal(&[1.0, 2.0, 3.0, 4.0], 4.0, 8), 1.75));
        // Too many tokens are not rewarded: |Y| = 4 counts, not |Y*| = 2. AL would say (1 - 0 + 2 - 2 + 3 - 4 + 4 - 6) / 4 = -0.5.
        assert!(close(laal(&[1.0, 2.0, 3.0, 4.0], 4.0, 2), 1.0));
        // Stops at the third token, which comes at the end: (2 - 0) + (2 - 2) + (6 - 4) = 4, over 3.
        assert!(close(laal(&[2.0, 2.0, 6.0], 6.0, 3), 4.0 / 3.0));
        // Nothing came after the end: all count. (1 - 0) + (1 - 5) = -3, over 2.
        assert!(close(laal(&[1.0, 1.0], 10.0, 0), -1.5));
        assert_eq!(laal(&[], 4.0, 3), None);
        assert_eq!(laal(&[1.0], 0.0, 3), None);
    }

    #[test]
    fn values_of_simuleval() {
        // SimulEval 1.1.4, LAALScorer, see benches/README.md.
        assert!(close(laal(&[1.2, 1.2, 3.4, 3.4, 3.4, 7.9, 8.3], 7.5, 6), SIMULEVAL[0]));
        assert!(close(laal(&[2.5, 2.5, 4.0, 6.1], 9.0, 11), SIMULEVAL[1]));
        assert!(close(laal(&[9.7, 9.7, 10.1], 8.2, 5), SIMULEVAL[2]));
    }

    const SIMULEVAL: [f64; 3] = [0.7380952380952381, 2.547727272727273, 9.7];

    #[test]
    fn a_word_counts_when_it_is_whole_and_chinese_by_character() {
        assert_eq!(token_delays([(1.0, "How mu"), (2.0, "ch is"), (3.0, " it?")], Language::EN), [1.0, 2.0, 2.0, 3.0]);
        assert_eq!(token_delays([(1.0, "多少"), (2.0, "钱？")], Language::ZH), [1.0, 1.0, 2.0, 2.0]);
        assert_eq!(tokens("Fine, two then.", Language::EN), 3);
        assert_eq!(tokens("", Language::ZH), 0);
    }
}
