//! Cuts committed text into segments that are translated as one (pure): sentences, as soon as they are complete, and clauses where the
//! translation need not wait for the end of the sentence.
//!
//! A short greeting in front of a sentence is translated with it: alone it would cost a translation and say little. How long a clause
//! must be to stand alone is the [`Patience`] with its language. Clauses that are there together are translated together.

use std::{cell::LazyCell, time::Duration};

use crate::{
    language::Language,
    trade::{Amount, Context, read},
    tts::clauses,
};

/// Letters, or characters of unspaced languages, below which a sentence waits for the next one.
const SHORTEST: usize = 4;

/// How long to wait for the end of a sentence, in letters (characters, where words are not spaced).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A clause of so many does not wait for its sentence.
    clause: usize,
    /// So many without a mark are cut in front of a word that begins a clause.
    longest: usize,
    /// Sentences that wait together are translated together up to so many.
    together: usize,
    /// A listener who hears nothing does not wait longer than this after the first words, or after what was shown last, for what is certain.
    pub(super) budget: Duration,
}

impl Patience {
    /// Whole sentences, one by one.
    pub const SENTENCES: Self = Self { clause: usize::MAX, longest: usize::MAX, together: 0, budget: Duration::MAX };

    /// For words in `from`.
    ///
    /// About 2 s of speech make a clause that a translation can begin with; shorter ones are translated visibly worse. The first words are
    /// known a second and a half after they began: with the budget of 1.2 s the listener waits as long as for a person who interprets. Where
    /// the verb ends the sentence, its beginning does not say yet what is going to be said of it: there all of it is twice that.
    pub fn of(from: Language) -> Self {
        let scale = if VERB_LAST.contains(&from.tag()) { 2 } else { 1 };
        let (clause, longest, together) = if from.is_unspaced() { (7, 16, 40) } else { (30, 60, 120) };
        Self { clause: clause * scale, longest: longest * scale, together, budget: BUDGET * scale as u32 }
    }
}

/// See [`Patience::of`].
const BUDGET: Duration = Duration::from_millis(1200);

/// Languages whose sentences end with the verb.
const VERB_LAST: &[&str] = &["de", "hi", "ja", "ko", "tr"];

/// Collects the committed text of one utterance.
#[derive(Debug, Default)]
pub struct Segments {
    buffer: String,
    /// Of so much the translation was begun: no clause ends before it.
    begun: usize,
}

impl Segments {
    /// Appends committed text.
    pub fn push(&mut self, text: &str) {
        self.buffer.push_str(text);
    }

    /// What is there of the segment that is not complete.
    pub fn open(&self) -> &str {
        self.buffer.trim()
    }

    /// The translation of what is open was begun.
    pub fn begin(&mut self) {
        self.begun = self.buffer.trim_end().len();
    }

    /// The next segment, if one is complete. `behind` says that the listener has more to hear already than he should: then sentences go
    /// together, which is quicker to compute and to say.
    pub fn next(&mut self, language: Language, patience: Patience, behind: bool) -> Option<String> {
        let mut end = self.sentence(language, 0).or_else(|| self.clause(language, patience))?;
        let fits = |end: &usize| self.buffer.get(..*end).is_some_and(|text| letters(text) <= patience.together);
        while let Some(more) = self.sentence(language, end).filter(|more| behind && fits(more)) {
            end = more;
        }
        self.take(end)
    }

    /// What is left at the end of the utterance.
    pub fn finish(&mut self) -> Option<String> {
        self.take(self.buffer.len())
    }

    fn take(&mut self, end: usize) -> Option<String> {
        let rest = self.buffer.split_off(end);
        let segment = std::mem::replace(&mut self.buffer, rest);
        self.begun = 0;
        let segment = segment.trim();
        (!segment.is_empty()).then(|| segment.to_owned())
    }

    /// Where the first sentence that begins at `from` ends.
    fn sentence(&self, language: Language, from: usize) -> Option<usize> {
        let mut letters = 0;
        let mut chars = self.buffer.get(from..)?.char_indices().map(|(at, c)| (from + at, c)).peekable();
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
                return Some(at + c.len_utf8());
            }
        }
        None
    }

    /// Where the last clause ends, when its sentence is not complete and there is enough of it.
    fn clause(&self, language: Language, patience: Patience) -> Option<usize> {
        let text = self.buffer.as_str();
        // A sentence that only waits to be told that it is over is translated whole.
        if text.trim_end().ends_with(['。', '！', '？', '!', '?', '…', '؟', '।', '.']) {
            return None;
        }
        let follows = |end: usize| text.get(end..).and_then(|rest| rest.chars().next());
        // The recogniser writes Western marks between Chinese characters too; between digits they are part of a number.
        let parts = |c: char| c.is_whitespace() || language.is_unspaced() && !c.is_ascii_digit();
        // Read for a text with a mark in it only: this is asked for every word.
        let amounts = LazyCell::new(|| read(text, language, &Context::default()));
        // "Plus four nine, one five": what follows an amount may belong to it.
        let in_amount = |at: usize, end: usize| {
            let next = text.len() - text[end..].trim_start().len();
            let goes_on =
                next == text.len() || amounts.iter().any(|Amount { span: amount, .. }| amount.start <= next && next < amount.end);
            amounts
                .iter()
                .any(|Amount { span: amount, .. }| amount.start < at && (at < amount.end || at == amount.end && goes_on))
        };
        let boundary = |(at, c): (usize, char)| {
            let end = at + c.len_utf8();
            let ends = matches!(c, '，' | '；') || matches!(c, ',' | ';' | '،' | '؛') && follows(end).is_none_or(parts);
            (ends && !in_amount(at, end)).then_some(end)
        };
        let mark = text.char_indices().filter_map(boundary).next_back();
        let mark = mark.filter(|end| letters(&text[..*end]) >= patience.clause);
        let end = mark.or_else(|| {
            let long = letters(text) >= patience.longest;
            long.then(|| connective(language, text, patience.clause)).flatten()
        });
        end.filter(|end| *end >= self.begun)
    }
}

/// Where the last clause of `text` begins that opens with a word for it and leaves at least so many letters in front.
fn connective(language: Language, text: &str, least: usize) -> Option<usize> {
    let words = clauses::conjunctions(language);
    let unspaced = language.is_unspaced();
    let opens = |at: &usize| {
        let (before, rest) = (text.get(..*at).unwrap_or(""), text.get(*at..).unwrap_or(""));
        let word = |word: &&&str| {
            let rest = rest.get(..word.len()).filter(|begin| begin.eq_ignore_ascii_case(word)).and(rest.get(word.len()..));
            // The word is complete, and not the last of the text: what follows might change it.
            rest.is_some_and(|rest| if unspaced { !rest.is_empty() } else { rest.starts_with(char::is_whitespace) })
        };
        (unspaced || before.ends_with(char::is_whitespace)) && words.iter().any(|w| word(&w)) && letters(before) >= least
    };
    text.char_indices().map(|(at, _)| at).rfind(opens)
}

/// Letters and digits: what the length of a text is counted in.
pub(super) fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

/// Keeps the last `most` characters of `text`.
pub(super) fn keep_last(text: &mut String, most: usize) {
    let excess = text.chars().count().saturating_sub(most);
    *text = text.chars().skip(excess).collect();
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

    fn cut(language: Language, patience: Patience, behind: bool, pieces: &[&str]) -> Vec<String> {
        let mut segments = Segments::default();
        let mut out = Vec::new();
        for piece in pieces {
            segments.push(piece);
            out.extend(std::iter::from_fn(|| segments.next(language, patience, behind)));
        }
        out.extend(segments.finish());
        out
    }

    fn sentences(language: Language, pieces: &[&str]) -> Vec<String> {
        cut(language, Patience::SENTENCES, false, pieces)
    }

    fn early(language: Language, pieces: &[&str]) -> Vec<String> {
        cut(language, Patience::of(language), false, pieces)
    }

    #[test]
    fn no_clause_ends_before_what_its_translation_was_begun_with() {
        let (language, patience) = (Language::EN, Patience::of(Language::EN));
        let mut segments = Segments::default();
        segments.push("The new office in the town is open every day, and it has");
        segments.begin();
        assert_eq!(segments.next(language, patience, false), None);
        segments.push(" a garden, where");
        let clause = segments.next(language, patience, false);
        assert_eq!(clause.as_deref(), Some("The new office in the town is open every day, and it has a garden,"));
        segments.push(" the visitors of the office sit, because");
        assert!(segments.next(language, patience, false).is_some(), "the next one begins anew");
    }

    #[test]
    fn sentences_leave_as_soon_as_they_are_complete() {
        for cut in [sentences, early] {
            assert_eq!(cut(Language::ZH, &["今天下雨了。我们", "明天再去吧。"]), ["今天下雨了。", "我们明天再去吧。"]);
            assert_eq!(cut(Language::EN, &["It rains today. We go", " tomorrow."]), ["It rains today.", "We go tomorrow."]);
        }
    }

    #[test]
    fn a_long_clause_does_not_wait_for_its_sentence_and_a_complete_sentence_is_not_cut() {
        let clause = "这些雨伞的质量都非常好，";
        assert_eq!(early(Language::ZH, &[clause, "很多客人买过。"]), [clause, "很多客人买过。"]);
        assert_eq!(early(Language::ZH, &["好的，", "很多客人买过。"]), ["好的，很多客人买过。"]);
        assert_eq!(early(Language::ZH, &["这些雨伞的质量都非常好，很多客人买过。"]), ["这些雨伞的质量都非常好，很多客人买过。"]);
        let clause = "We have been buying umbrellas for years,";
        assert_eq!(early(Language::EN, &[clause, " but never 1,000 of them."]), [clause, "but never 1,000 of them."]);
        assert_eq!(
            sentences(Language::EN, &[clause, " but not these."]),
            ["We have been buying umbrellas for years, but not these."]
        );
    }

    #[test]
    fn a_mark_behind_an_amount_parts_clauses_when_something_else_follows() {
        let front = "这把伞批发价是三块八,";
        assert_eq!(early(Language::ZH, &[front, "要是零售", "就贵一点。"]), [front, "要是零售就贵一点。"]);
        assert_eq!(early(Language::ZH, &["我们仓库里还有,", "12,000把伞。"]).len(), 2);
        let text = ["You can always reach me in the office at 0800,", " 555 12 34."];
        assert_eq!(early(Language::EN, &text), [text.concat()]);
        let text = ["Early in the spring we have sent you 300,", " and the others", " in May."];
        assert_eq!(early(Language::EN, &text), [text[0], "and the others in May."]);
    }

    #[test]
    fn a_verb_that_comes_last_is_waited_for() {
        let ja: Language = "ja".parse().unwrap();
        let (clause, rest) = ("この傘はとても丈夫ですから、", "よく売れます。");
        assert_eq!(early(ja, &[&clause.replace('、', "，"), rest]).len(), 1);
    }

    #[test]
    fn much_without_a_mark_is_cut_before_a_connective() {
        let (front, back) = ("我们上个月从海边的工厂订了一批雨伞和帽子", "但是颜色都不对");
        assert_eq!(early(Language::ZH, &[front, back]), [front, back]);
        let front = "our partners in the north ordered several hundred umbrellas from you last winter";
        let text = format!("{front} but the colour");
        assert_eq!(early(Language::EN, &[&text, " was wrong"]), [front, "but the colour was wrong"]);
        assert_eq!(early(Language::EN, &["so and so but so"]).len(), 1);
    }

    #[test]
    fn who_is_behind_translates_short_sentences_together() {
        let text = "It rains today. We go tomorrow. Bring an umbrella, please.";
        assert_eq!(cut(Language::EN, Patience::of(Language::EN), true, &[text]).len(), 2, "the last may go on");
        assert_eq!(cut(Language::EN, Patience::of(Language::EN), false, &[text]).len(), 3);
        let long = "The ship leaves tonight. ".repeat(20);
        assert!(cut(Language::EN, Patience::of(Language::EN), true, &[&long]).iter().all(|s| letters(s) <= 120));
    }

    #[test]
    fn numbers_titles_and_greetings_stay_with_their_sentence() {
        assert_eq!(early(Language::EN, &["Dr. Li pays 3.50 each. Fine then."]), ["Dr. Li pays 3.50 each.", "Fine then."]);
        assert_eq!(early(Language::ZH, &["好。那就这样定了。"]), ["好。那就这样定了。"]);
        assert_eq!(early(Language::EN, &["Oh! Really nice, that one."]), ["Oh! Really nice, that one."]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "([a-z0-9。！？，.!?, 一-十]|但是|but ){0,60}", behind: bool) {
            let squeeze = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            for language in [Language::ZH, Language::EN] {
                prop_assert_eq!(squeeze(&cut(language, Patience::of(language), behind, &[&text]).concat()), squeeze(&text));
            }
        }
    }
}
