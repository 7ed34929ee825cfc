//! How much of a growing hypothesis is certain (pure): LocalAgreement-2, with what must not be cut in two held back.
//!
//! Two decodes of a window, the later one having heard more: the words that both begin with are committed (Liu et al. 2020, as in
//! Macháček et al. 2023, "Turning Whisper into Real-Time Transcription System"). Marks and capitals do not count: they change with what
//! follows and are nobody's words. Held back are the last word, which may still grow, a Chinese word of which not every character is
//! certain, and an amount, whose last digit or unit may not have been heard yet. Called by [`super::policy`] and [`super::draft`].

use crate::{
    language::Language,
    trade::{Context, read, word_bounds},
};

/// How many bytes of `current` may be committed, given that `previous` heard the beginning of the same sound. Both start with what was
/// committed before; the answer may be shorter than that, and then nothing new is certain.
pub(super) fn agreed(language: Language, previous: &str, current: &str) -> usize {
    // A word that nothing follows may still grow.
    common(language, words(language, previous).split_last().map_or(&[], |(_, before)| before), current, false)
}

/// The same of two translations: a word that the later one goes on behind was complete in the earlier one too, and so is its last word if
/// nothing was cut off it.
pub(super) fn both_begin(language: Language, previous: &str, current: &str, complete: bool) -> usize {
    common(language, &words(language, previous), current, complete)
}

/// How many bytes of `current` begin with the words `before`, all that must not be cut held back; its last word may grow unless it is
/// `complete`.
fn common(language: Language, before: &[Word], current: &str, complete: bool) -> usize {
    let now = words(language, current);
    let same = before.iter().zip(&now).take_while(|(a, b)| a.letters == b.letters).count();
    let certain = same.min(now.len().saturating_sub(usize::from(!complete)));
    let mut end = certain.checked_sub(1).and_then(|last| now.get(last)).map_or(0, |word| word.end);
    if language == Language::ZH && end > 0 {
        let bounds = word_bounds(current);
        end = (0..=end).rev().find(|end| bounds.contains(end)).unwrap_or(0);
    }
    for amount in read(current, language, &Context::default()).iter().rev() {
        if amount.span.start < end && end <= amount.span.end {
            end = amount.span.start;
        }
    }
    current.get(..end).map_or(0, |text| text.trim_end_matches(is_no_word).len())
}

/// A word of a text.
#[derive(Debug, PartialEq, Eq)]
struct Word {
    /// Its letters and digits, in lower case.
    letters: String,
    /// Where it ends, in bytes, marks after it left out.
    end: usize,
}

/// Words as the language writes them: between spaces; without spaces every character is one, but foreign words and numbers stay whole.
fn words(language: Language, text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if c.is_whitespace() {
            open = false;
        } else if is_mark(c) {
            // "3.50" and "it's" are one word; a mark at a word's end is not part of it.
            open &= !language.is_unspaced() || c.is_ascii();
        } else {
            let alone = language.is_unspaced() && !c.is_ascii();
            match words.last_mut().filter(|_| open && !alone) {
                Some(word) => {
                    word.letters.extend(c.to_lowercase());
                    word.end = end;
                }
                None => words.push(Word { letters: c.to_lowercase().collect(), end }),
            }
            open = !alone;
        }
    }
    words
}

/// Marks say how words go together, not what they are; signs of money and per cent are words.
fn is_mark(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !is_sign(c) && !unicode_normalization::char::is_combining_mark(c)
}

/// Signs that are said.
pub(super) fn is_sign(c: char) -> bool {
    matches!(c, '%' | '％' | '$' | '€' | '£' | '￥' | '¥')
}

fn is_no_word(c: char) -> bool {
    c.is_whitespace() || is_mark(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn certain<'t>(language: Language, previous: &str, current: &'t str) -> &'t str {
        &current[..agreed(language, previous, current)]
    }

    #[test]
    fn what_two_decodes_agree_on_is_certain_but_for_the_last_word() {
        assert_eq!(certain(Language::EN, "we would like to", "we would like two of"), "we would like");
        assert_eq!(certain(Language::EN, "we would like", "we would like"), "we would");
        assert_eq!(certain(Language::ZH, "我们想要这", "我们想要这种颜色"), "我们想要");
        assert_eq!(certain(Language::ZH, "你们的LED灯", "你们的LED灯好"), "你们的LED");
        assert_eq!(certain(Language::EN, "yes", "no"), "");
        assert_eq!(certain(Language::EN, "we would", "we would like to"), "we");
        assert_eq!(both_begin(Language::EN, "we would", "we would like to", false), "we would".len());
        assert_eq!(both_begin(Language::EN, "we would", "we would", false), "we".len());
        assert_eq!(both_begin(Language::EN, "we would", "we would.", true), "we would".len());
    }

    #[test]
    fn marks_and_capitals_do_not_matter_and_wait_for_what_follows() {
        assert_eq!(certain(Language::EN, "Hello. Sir, we", "hello, sir we would"), "hello, sir");
        assert_eq!(certain(Language::ZH, "你好。我们走", "你好，我们走吧"), "你好，我们");
        assert_eq!(certain(Language::EN, "it's fine, thanks", "it's fine, thanks"), "it's fine");
    }

    #[test]
    fn amounts_wait_until_something_else_follows() {
        assert_eq!(certain(Language::EN, "it costs 12 euros", "it costs 12 euros"), "it costs");
        assert_eq!(certain(Language::EN, "it costs 12 euros if we", "it costs 12 euros if we"), "it costs 12 euros if");
        assert_eq!(certain(Language::EN, "we take one hundred and", "we take one hundred and fifty of"), "we take");
        assert_eq!(certain(Language::ZH, "一共要三百五", "一共要三百五十条"), "一共要");
        assert_eq!(certain(Language::ZH, "这个卖三块八可以", "这个卖三块八可以吗"), "这个卖");
        assert_eq!(certain(Language::ZH, "这个卖三块八可以的吗", "这个卖三块八可以的吗"), "这个卖三块八可以的");
    }

    #[test]
    fn a_chinese_word_is_not_cut_in_two() {
        assert_eq!(certain(Language::ZH, "他们在研究图", "他们在研究图书馆"), "他们在研究");
        assert_eq!(certain(Language::ZH, "他们在研究图书馆的", "他们在研究图书馆的窗户"), "他们在研究图书馆");
        // Nor does a mark stay behind where the word after it was held back.
        assert_eq!(certain(Language::ZH, "他们，图书", "他们，图书馆"), "他们");
    }

    proptest! {
        #[test]
        fn the_answer_is_a_beginning_of_both(a in "[a-c0-9 ,。我三块]{0,20}", b in "[a-c0-9 ,。我三块]{0,20}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            for language in [Language::EN, Language::ZH] {
                let certain = certain(language, &a, &b);
                prop_assert!(b.starts_with(certain) && letters(&a).starts_with(&letters(certain)));
                prop_assert!(!certain.ends_with(is_no_word));
            }
        }

        #[test]
        fn never_panics(a in "\\PC{0,24}", b in "\\PC{0,24}") {
            for tag in ["en", "zh", "ar", "hi", "ja"] {
                prop_assert!(b.get(..agreed(tag.parse().unwrap(), &a, &b)).is_some());
            }
        }
    }
}
