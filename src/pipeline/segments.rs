//! Cuts committed text into segments that are translated as one (pure): sentences, as soon as they are complete.
//!
//! A short greeting in front of a sentence is translated with it: alone it would cost a translation and say little.

use crate::language::Language;

/// Characters (unspaced languages) or letters (others) below which a sentence waits for the next one.
const SHORTEST: usize = 4;

/// Collects the committed text of one utterance.
#[derive(Debug, Default)]
pub struct Segments {
    buffer: String,
}

impl Segments {
    /// Appends committed text.
    pub fn push(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    /// The next complete sentence, if there is one.
    pub fn next(&mut self, language: Language) -> Option<String> {
        let mut letters = 0;
        let mut chars = self.buffer.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            letters += usize::from(c.is_alphanumeric());
            let follows = chars.peek().map(|(_, c)| *c);
            let ends = match c {
                '。' | '！' | '？' | '!' | '?' | '…' | '؟' | '।' => follows.is_some_and(|n| !is_closing(n)),
                // "3.50" and "No.5" go on; a point before white space ends a sentence unless it is a one-letter initial.
                '.' => follows.is_some_and(char::is_whitespace) && !ends_with_initial(&self.buffer[..at]),
                _ => false,
            };
            if ends && (letters >= SHORTEST || (language.is_unspaced() && letters + 1 >= SHORTEST)) {
                let rest = self.buffer.split_off(at + c.len_utf8());
                let segment = std::mem::replace(&mut self.buffer, rest);
                return Some(segment.trim().to_owned());
            }
        }
        None
    }

    /// What is left at the end of the utterance.
    pub fn finish(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.buffer);
        let rest = rest.trim();
        (!rest.is_empty()).then(|| rest.to_owned())
    }
}

fn is_closing(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '!' | '?' | '…' | '.' | '"' | '\'' | '”' | '’' | '」' | '』' | ')' | '）' | '»')
}

fn ends_with_initial(text: &str) -> bool {
    let word = text.rsplit(char::is_whitespace).next().unwrap_or("");
    let mut chars = word.chars();
    // "J. Smith", and the titles that are written with a point.
    (chars.next().is_some_and(char::is_uppercase) && chars.next().is_none())
        || matches!(word, "Mr" | "Mrs" | "Ms" | "Dr" | "St" | "No")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(language: Language, pieces: &[&str]) -> Vec<String> {
        let mut segments = Segments::default();
        let mut out = Vec::new();
        for piece in pieces {
            segments.push(piece);
            out.extend(std::iter::from_fn(|| segments.next(language)));
        }
        out.extend(segments.finish());
        out
    }

    #[test]
    fn sentences_leave_as_soon_as_they_are_complete() {
        assert_eq!(all(Language::ZH, &["今天下雨了。我们", "明天再去吧。"]), ["今天下雨了。", "我们明天再去吧。"]);
        assert_eq!(all(Language::EN, &["It rains today. We go", " tomorrow."]), ["It rains today.", "We go tomorrow."]);
    }

    #[test]
    fn numbers_titles_and_greetings_stay_with_their_sentence() {
        assert_eq!(all(Language::EN, &["Dr. Li pays 3.50 each. Fine then."]), ["Dr. Li pays 3.50 each.", "Fine then."]);
        assert_eq!(all(Language::ZH, &["好。那就这样定了。"]), ["好。那就这样定了。"]);
        assert_eq!(all(Language::EN, &["Oh! Really nice, that one."]), ["Oh! Really nice, that one."]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a-z0-9。！？.!? 一-十]{0,60}") {
            let squeeze = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(squeeze(&all(Language::ZH, &[&text]).concat()), squeeze(&text));
        }
    }
}
