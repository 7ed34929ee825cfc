//! How much of a growing hypothesis is certain (pure): LocalAgreement-2, with what must not be cut in two held back.
//!
//! Two decodes of a window, the later one having heard more: what both begin with is committed (Liu et al. 2020, as in Macháček et
//! al. 2023, "Turning Whisper into Real-Time Transcription System"). Held back are the last word, which may still grow, a number,
//! whose last digit may not have been heard yet, and punctuation, which depends on what follows. Called by [`super::policy`].

use crate::language::Language;

/// The part of `current` that may be committed, given that `previous` heard the beginning of the same sound. Both start with what
/// was committed before; the answer may be shorter than that, and then nothing new is certain.
pub fn agreed<'t>(language: Language, previous: &str, current: &'t str) -> &'t str {
    let common: usize =
        previous.chars().zip(current.chars()).take_while(|(a, b)| a == b).map(|(_, c)| c.len_utf8()).sum();
    let mut certain = &current[..common];
    if language.is_unspaced() {
        certain = without_last(certain);
    } else {
        // A word is over when something that is no part of it follows.
        certain = &certain[..certain.rfind(char::is_whitespace).unwrap_or(0)];
    }
    loop {
        let shorter = without_number(certain.trim_end_matches(|c: char| c.is_whitespace() || is_punctuation(c)));
        if shorter.len() == certain.len() {
            return certain;
        }
        certain = shorter;
    }
}

fn without_last(text: &str) -> &str {
    text.char_indices().next_back().map_or("", |(at, _)| &text[..at])
}

/// `text` without the number at its end, where one is.
fn without_number(text: &str) -> &str {
    text.trim_end_matches(is_numeral)
}

/// A sign that numbers are written with; the Chinese ones, their units and the signs inside a number too.
fn is_numeral(c: char) -> bool {
    c.is_numeric() || "零一二三四五六七八九十百千万亿两半点块毛%％$€￥¥".contains(c)
}

/// Punctuation of the languages we know; apostrophes and hyphens are parts of words.
pub fn is_punctuation(c: char) -> bool {
    !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '\'' | '’' | '-' | '%' | '$' | '€' | '￥' | '¥')
        && !unicode_normalization::char::is_combining_mark(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_two_decodes_agree_on_is_certain_but_for_the_last_word() {
        assert_eq!(agreed(Language::EN, "we would like to", "we would like two of"), "we would like");
        assert_eq!(agreed(Language::EN, "we would like", "we would like"), "we would");
        assert_eq!(agreed(Language::ZH, "我们想要这", "我们想要这个颜色"), "我们想要");
        assert_eq!(agreed(Language::EN, "yes", "no"), "");
    }

    #[test]
    fn numbers_and_punctuation_wait_for_what_follows() {
        assert_eq!(agreed(Language::EN, "it costs 12 euros", "it costs 12 euros"), "it costs");
        assert_eq!(agreed(Language::EN, "it costs 12 euros each", "it costs 12 euros each"), "it costs 12 euros");
        assert_eq!(agreed(Language::ZH, "一共要三百五", "一共要三百五十个"), "一共要");
        assert_eq!(agreed(Language::EN, "hello, sir", "hello, sir"), "hello");
        assert_eq!(agreed(Language::ZH, "你好，我", "你好，我们"), "你好");
    }

    proptest! {
        #[test]
        fn the_answer_is_a_beginning_of_both(a in "[a-c0-9 ,。我三]{0,20}", b in "[a-c0-9 ,。我三]{0,20}") {
            for language in [Language::EN, Language::ZH] {
                let certain = agreed(language, &a, &b);
                prop_assert!(a.starts_with(certain) && b.starts_with(certain));
                prop_assert!(!certain.ends_with(|c: char| is_numeral(c) || is_punctuation(c) || c.is_whitespace()));
            }
        }
    }
}
