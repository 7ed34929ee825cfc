//! Cuts committed text into segments that are translated as one (pure): sentences, and long clauses, as soon as they are complete.
//!
//! A short greeting in front of a sentence is translated with it: alone it would cost a translation and say little. A clause that
//! is long enough to stand alone does not wait for the end of its sentence: the translator sees the clause before it.

use crate::language::Language;

/// Characters (unspaced languages) or letters (others) below which a sentence waits for the next one.
const SHORTEST: usize = 4;

/// Characters of unspaced languages, and letters of others, from which on a clause is translated before its sentence is complete.
/// About 2.5 s of speech; shorter pieces are translated visibly worse.
const CLAUSE: (usize, usize) = (10, 30);

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
        self.clause(language)
    }

    /// The text up to its last clause boundary, when that is much and its sentence is not complete.
    fn clause(&mut self, language: Language) -> Option<String> {
        // A sentence that only waits to be told that it is over is translated whole.
        if self.buffer.trim_end().ends_with(['。', '！', '？', '!', '?', '…', '؟', '।', '.']) {
            return None;
        }
        let boundary = |(at, c): (usize, char)| {
            let rest = &self.buffer[at + c.len_utf8()..];
            let ends = matches!(c, '，' | '；')
                || matches!(c, ',' | ';' | '،' | '؛') && rest.chars().next().is_none_or(char::is_whitespace);
            ends.then_some(at + c.len_utf8())
        };
        let at = self.buffer.char_indices().filter_map(boundary).next_back()?;
        let long = if language.is_unspaced() { CLAUSE.0 } else { CLAUSE.1 };
        if self.buffer[..at].chars().filter(|c| c.is_alphanumeric()).count() < long {
            return None;
        }
        let rest = self.buffer.split_off(at);
        Some(std::mem::replace(&mut self.buffer, rest).trim().to_owned())
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
    fn a_long_clause_does_not_wait_for_its_sentence_and_a_complete_sentence_is_not_cut() {
        let clause = "这些雨伞的质量都非常好，";
        assert_eq!(all(Language::ZH, &[clause, "很多客人买过。"]), [clause, "很多客人买过。"]);
        assert_eq!(all(Language::ZH, &["好的，", "很多客人买过。"]), ["好的，很多客人买过。"]);
        assert_eq!(all(Language::ZH, &["这些雨伞的质量都非常好，很多客人买过。"]), ["这些雨伞的质量都非常好，很多客人买过。"]);
        let clause = "We have been buying umbrellas for years,";
        assert_eq!(all(Language::EN, &[clause, " but never 1,000 of them."]), [clause, "but never 1,000 of them."]);
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
