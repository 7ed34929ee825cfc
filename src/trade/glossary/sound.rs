//! How alike words sound: pinyin for Chinese, double metaphone for words in Latin letters.
//!
//! Readings are the `pinyin` library's, keys `rphonetic`'s. Knows no glossary; called by [`super::repair`].

use pinyin::ToPinyinMulti;
use rphonetic::{DoubleMetaphone, Encoder as _};

/// Initials and finals that are confused, by people from many places and by recognisers.
const INITIALS: [(&str, &str); 8] =
    [("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("r", "l"), ("j", "q"), ("g", "k")];
const FINALS: [(&str, &str); 5] = [("ing", "in"), ("eng", "en"), ("ang", "an"), ("uang", "uan"), ("uo", "o")];

/// The cost of one syllable that sounds nearly the same.
const NEARLY: u32 = 1;

/// A character and how it may be read, without tones.
pub(super) type Read = (char, Vec<&'static str>);

/// How each character of a text may be read. A digit alone is read as its word: recognisers write the first syllable of 零售 as 0. Of
/// several in a row none is.
pub(super) fn readings(text: &str) -> Vec<Read> {
    let of = |c: char| c.to_pinyin_multi().map(|all| all.into_iter().map(pinyin::Pinyin::plain).collect()).unwrap_or_default();
    let chars: Vec<char> = text.chars().collect();
    let in_number = |i: usize| chars.get(i).is_some_and(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    let word = |i: usize, c: char| {
        let is_alone = !in_number(i + 1) && !i.checked_sub(1).is_some_and(in_number);
        let word = "零一二三四五六七八九".chars().nth(c.to_digit(10)? as usize);
        word.filter(|_| is_alone)
    };
    chars.iter().enumerate().map(|(i, c)| (*c, of(word(i, *c).unwrap_or(*c)))).collect()
}

/// How far two Chinese words of the same length sound from each other: 0 when each syllable may sound the same (tones left out), 1 for
/// each that nearly does; nothing when one is another sound altogether.
pub(super) fn chinese(a: &[Read], b: &[Read]) -> Option<u32> {
    if a.len() != b.len() {
        return None;
    }
    let nearest = |(x, a): &Read, (y, b): &Read| {
        let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (a, b)));
        if x == y { Some(0) } else { pairs.filter_map(|(a, b)| distance(a, b)).min() }
    };
    a.iter().zip(b).map(|(a, b)| nearest(a, b)).sum()
}

fn distance(a: &str, b: &str) -> Option<u32> {
    if a == b {
        return Some(0);
    }
    let ((ia, fa), (ib, fb)) = (split(a), split(b));
    let pair = |table: &[(&str, &str)], x: &str, y: &str| table.iter().any(|(p, q)| (*p, *q) == (x, y) || (*p, *q) == (y, x));
    // The south says hu- for f-.
    let south = |x: &str, y: &str| x.strip_prefix('f').is_some_and(|rest| y.strip_prefix("hu") == Some(rest));
    let near = (ia == ib && pair(&FINALS, fa, fb)) || (fa == fb && pair(&INITIALS, ia, ib)) || south(a, b) || south(b, a);
    near.then_some(NEARLY)
}

/// Initial and final of a syllable.
fn split(syllable: &str) -> (&str, &str) {
    let at = syllable.find(['a', 'e', 'i', 'o', 'u', 'ü', 'v']).unwrap_or(0);
    syllable.split_at(at)
}

/// True when two phrases in Latin letters have the same sounds and nearly the same letters, word by word; not when one has only other
/// words, or an ending more.
pub(super) fn latin(a: &str, b: &str) -> bool {
    let pairs = || a.split_whitespace().zip(b.split_whitespace());
    let is_ending = |(a, b): (&str, &str)| a.starts_with(b) || b.starts_with(a);
    a.split_whitespace().count() == b.split_whitespace().count()
        && pairs().all(|(a, b)| a == b || word(a, b))
        && !pairs().all(is_ending)
}

fn word(a: &str, b: &str) -> bool {
    let key = |word: &str| DoubleMetaphone::default().encode(word);
    let plain = |word: &str| word.is_ascii() && word.chars().filter(char::is_ascii_alphabetic).count() >= 5;
    // A doubled letter sounds like a single one.
    let single = |word: &str| {
        let mut bytes = word.as_bytes().to_vec();
        bytes.dedup();
        bytes
    };
    // Two kinds of doubled letters at most: what is longer by more has other sounds.
    if a.len().abs_diff(b.len()) * 4 > a.len().max(b.len()) + 8 || !plain(a) || !plain(b) {
        return false;
    }
    let (short_a, short_b) = (single(a), single(b));
    edits(&short_a, &short_b) * 4 <= short_a.len().max(short_b.len()) && key(a) == key(b)
}

/// Levenshtein's distance of two short ASCII words.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, y) in b.iter().enumerate() {
            let best = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], best);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_sound_alike() {
        let chinese = |a, b| chinese(&readings(a), &readings(b));
        assert_eq!(chinese("高龟", "高柜"), Some(0), "tones are left out");
        assert_eq!(chinese("装箱", "桩香"), Some(0));
        assert_eq!(chinese("钢笔", "铅笔"), None);
        assert_eq!(chinese("批花", "批发"), Some(1), "f and h");
        assert_eq!(chinese("定金", "定"), None);
        assert_eq!((chinese("0受", "零售"), chinese("第3放", "第三方")), (Some(0), Some(0)), "a digit by its word");
        assert_eq!((chinese("10手", "三零售"), chinese("1.0受", "一点零售")), (None, None), "no part of a number");
        assert!(latin("cartoon", "carton") && latin("pallet", "palette") && !latin("button", "carton") && !latin("ton", "tone"));
        assert_eq!((edits(b"", b"abc"), edits(b"kitten", b"sitting")), (3, 3));
    }
}
