//! Cuts text into clauses that can be spoken one after another, so that the first is heard while the next is computed.
//!
//! Pure text work: no language model, no audio. The lane feeds it committed text; joining the clauses gives the text back exactly.
//! A clause ends at punctuation; the first one may end earlier and is kept short, because somebody waits in silence for it.
//! Never inside a number ("3.50", "1,200"), after an abbreviation ("No. 5"), or inside quotation marks or brackets.

use crate::language::Language;

/// Words (or, without spaces, characters) a clause should have at least, and at most before a word boundary will do as well.
#[derive(Debug, Clone, Copy)]
struct Limits {
    least: usize,
    most: usize,
}

/// About 1.5 to 3 s of speech: long enough to cover the synthesis of the next clause at twice real time.
const FIRST_WORDS: Limits = Limits { least: 2, most: 8 };
const LATER_WORDS: Limits = Limits { least: 6, most: 24 };
const FIRST_CHARACTERS: Limits = Limits { least: 2, most: 12 };
const LATER_CHARACTERS: Limits = Limits { least: 10, most: 45 };

/// Clauses of a text that arrives in pieces.
#[derive(Debug, Clone)]
pub struct ClauseSplitter {
    language: Language,
    /// What has come and not gone.
    text: String,
    spoken: bool,
}

impl ClauseSplitter {
    /// For one utterance.
    pub fn new(language: Language) -> Self {
        Self { language, text: String::new(), spoken: false }
    }

    /// Its beginning was spoken already.
    #[must_use]
    pub fn going_on(self) -> Self {
        Self { spoken: true, ..self }
    }

    /// Adds `text` and gives the clauses that are complete: what comes later cannot change them.
    pub fn push(&mut self, text: &str) -> Vec<String> {
        self.text.push_str(text);
        let mut clauses = Vec::new();
        while let Some(end) = clause_end(self.language, &self.text, !self.spoken) {
            let rest = self.text.split_off(end);
            clauses.push(std::mem::replace(&mut self.text, rest));
            self.spoken = true;
        }
        clauses
    }

    /// Its next `bytes`, of those that are in no clause yet, are spoken already.
    pub fn skip(&mut self, bytes: usize) {
        if let Some(rest) = self.text.get(bytes..) {
            self.text = rest.to_owned();
            self.spoken = true;
        }
    }

    /// Bytes of what has come that are in no clause yet.
    pub fn waiting(&self) -> usize {
        self.text.len()
    }

    /// The rest of the utterance, if there is any; the next text begins a new utterance.
    pub fn finish(&mut self) -> Option<String> {
        self.spoken = false;
        Some(std::mem::take(&mut self.text)).filter(|rest| !rest.is_empty())
    }
}

/// The clauses of a whole text; joined they are the text.
pub fn split(language: Language, text: &str) -> Vec<String> {
    let mut splitter = ClauseSplitter::new(language);
    let mut clauses = splitter.push(text);
    clauses.extend(splitter.finish());
    clauses
}

/// The clauses of the rest of an utterance whose first clause was spoken already; joined they are the text.
pub fn split_rest(language: Language, text: &str) -> Vec<String> {
    let mut splitter = ClauseSplitter::new(language).going_on();
    let mut clauses = splitter.push(text);
    clauses.extend(splitter.finish());
    clauses
}

/// Length in bytes of the first clause of `text`, if it is complete there. Something must follow it, so that a number or a
/// closing quote that is still to come is not cut.
fn clause_end(language: Language, text: &str, first: bool) -> Option<usize> {
    let unspaced = language.is_unspaced();
    let limits = match (unspaced, first) {
        (true, true) => FIRST_CHARACTERS,
        (true, false) => LATER_CHARACTERS,
        (false, true) => FIRST_WORDS,
        (false, false) => LATER_WORDS,
    };
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let at = |n: usize| characters.get(n).map(|c| c.1);
    let (mut size, mut in_word, mut depth) = (0_usize, false, 0_usize);
    for (n, &(_, c)) in characters.iter().enumerate() {
        let previous = n.checked_sub(1).and_then(at);
        depth = nesting(depth, c, previous);
        let before = size;
        if c.is_alphanumeric() && (!in_word || is_wide(c)) {
            size += 1;
        }
        in_word = c.is_alphanumeric() && !is_wide(c) || in_word && matches!(c, '\'' | '’' | '-' | '.' | ',');
        // An opened quote that never closes must not hold everything back.
        if depth > 0 && size < 2 * limits.most {
            continue;
        }
        let next = at(n + 1)?;
        let strength = strength(c);
        let ends = match strength {
            Strength::Sentence | Strength::Clause => {
                let enough = if strength == Strength::Sentence { size >= 1 } else { size >= limits.least };
                enough && !is_inside(previous, c, next) && !(c == '.' && after_abbreviation(text, characters[n].0))
            }
            // No punctuation for long: a word boundary, best before a conjunction.
            Strength::None if !unspaced && c.is_whitespace() && previous.is_some_and(char::is_alphanumeric) => {
                size >= limits.most || size > limits.least && before_conjunction(language, text, characters[n].0 + c.len_utf8())?
            }
            // Between two characters of a long run, but not inside a number or a foreign word.
            Strength::None => unspaced && size >= 2 * limits.most && is_wide(c) && is_wide(next) && before < size,
        };
        if ends {
            // Closing quotes, further marks and the space after belong to this clause.
            let mut end = n + 1;
            while let Some(mark) = at(end) {
                if !(mark.is_whitespace()
                    || strength != Strength::None && (is_closing(mark) || self::strength(mark) != Strength::None))
                {
                    return characters.get(end).map(|c| c.0);
                }
                end += 1;
            }
            return None;
        }
    }
    None
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strength {
    None,
    Clause,
    Sentence,
}

fn strength(c: char) -> Strength {
    match c {
        '.' | '!' | '?' | '…' | '。' | '！' | '？' | '؟' | '۔' | '।' | '॥' | '።' | '။' | '։' | '\n' => {
            Strength::Sentence
        }
        ',' | ';' | ':' | '，' | '、' | '；' | '：' | '،' | '؛' | '–' | '—' | '၊' | '፣' | '·' => Strength::Clause,
        _ => Strength::None,
    }
}

/// True when the mark stands inside a number, a time, an address or a word: nothing is between it and the next character.
fn is_inside(previous: Option<char>, c: char, next: char) -> bool {
    let wide_mark = !matches!(c, '.' | ',' | ':' | ';' | '!' | '?' | '،' | '·' | '–' | '—');
    let digits = previous.is_some_and(char::is_numeric) && next.is_numeric();
    digits || !wide_mark && next.is_alphanumeric() && !is_wide(next) && !matches!(c, '—' | ';' | '!' | '?')
}

/// Short forms after which a sentence goes on; lower case, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "st", "no", "nos", "vs", "etc", "e.g", "i.e", "approx", "inc", "ltd", "co", "dept", "est",
    "fig", "vol", "pcs", "max", "min", "sr", "sra", "srta", "ud", "uds", "núm", "pág", "aprox", "mme", "mlle", "env", "dott",
    "sig", "ing", "art", "dña", "nr", "bzw", "z.b", "usw", "ca", "str", "г", "т.е", "руб", "тыс", "шт",
];

fn after_abbreviation(text: &str, stop: usize) -> bool {
    let word = text.get(..stop).and_then(|t| t.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“')).next());
    word.is_some_and(|word| {
        let single = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        single || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
    })
}

/// Words that open a clause of their own; nothing when the text ends before the word does.
fn before_conjunction(language: Language, text: &str, from: usize) -> Option<bool> {
    let words = conjunctions(language);
    let rest = text.get(from..)?;
    let end = rest.find(|c: char| !c.is_alphanumeric())?;
    Some(rest.get(..end).is_some_and(|word| words.contains(&word.to_lowercase().as_str())))
}

/// Words that open a clause of their own, in lower case; none where we do not know them.
pub fn conjunctions(language: Language) -> &'static [&'static str] {
    match language.tag() {
        "zh" => &["因为", "所以", "但是", "不过", "如果", "要是", "然后", "而且", "还有", "另外", "那么", "只要", "虽然", "同时"],
        "en" => &["and", "but", "because", "so", "if", "when", "while", "although", "which", "unless", "or"],
        "es" => &["y", "pero", "porque", "si", "cuando", "aunque", "o"],
        "fr" => &["et", "mais", "parce", "si", "quand", "car", "ou"],
        "it" => &["e", "ma", "perché", "se", "quando", "o"],
        "pt" => &["e", "mas", "porque", "se", "quando", "ou"],
        "de" => &["und", "aber", "weil", "wenn", "dass", "oder"],
        "ru" => &["и", "но", "если", "когда", "чтобы", "или"],
        _ => &[],
    }
}

fn nesting(depth: usize, c: char, previous: Option<char>) -> usize {
    match c {
        '“' | '«' | '(' | '（' | '「' | '『' | '《' | '【' | '[' => depth + 1,
        '”' | '»' | ')' | '）' | '」' | '』' | '》' | '】' | ']' => depth.saturating_sub(1),
        // A straight quote opens after a space and closes after anything else (but not the inch of `12"`).
        '"' if depth > 0 => depth - 1,
        '"' if previous.is_none_or(|p| p.is_whitespace() || is_wide(p)) => depth + 1,
        _ => depth,
    }
}

fn is_closing(c: char) -> bool {
    matches!(c, '”' | '»' | ')' | '）' | '」' | '』' | '》' | '】' | ']' | '"' | '’')
}

/// Scripts that put no spaces between words: each character counts as half a word or so.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0e7f}' | '\u{1000}'..='\u{109f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clauses(tag: &str, text: &str) -> Vec<String> {
        split(tag.parse().unwrap(), text)
    }

    #[test]
    fn the_first_clause_is_short_and_later_ones_longer() {
        let english =
            clauses("en", "We have three colours, red, blue and green, and the minimum order is two boxes. Is that all right?");
        assert_eq!(english[0], "We have three colours, ");
        assert_eq!(english.last().map(String::as_str), Some("Is that all right?"));
        let chinese = clauses("zh", "这个杯子是不锈钢的，可以保温十二个小时，颜色有三种。您要多少？");
        assert_eq!(chinese, ["这个杯子是不锈钢的，", "可以保温十二个小时，颜色有三种。", "您要多少？"]);
    }

    #[test]
    fn a_long_first_clause_ends_before_a_conjunction() {
        let text = "The boxes leave our warehouse on Monday and they reach the port two days later.";
        assert_eq!(clauses("en", text)[0], "The boxes leave our warehouse on Monday ");
    }

    #[test]
    fn numbers_abbreviations_and_quotes_stay_whole() {
        for (tag, text) in [
            ("en", "One costs 1,200.50 yuan today"),
            ("en", "Please tell Mr. Li in room No. 5"),
            ("en", "He said \"wait, no, stop\" to us"),
            ("de", "Das kostet 3,50 Euro"),
            ("zh", "一共3.50元"),
            ("en", "It opens at 10:30 today"),
        ] {
            assert_eq!(clauses(tag, text), [text], "{tag}");
        }
    }

    #[test]
    fn every_script_has_its_marks() {
        assert_eq!(clauses("ar", "نعم هذا جيد، شكرا لك؟ نعم.").len(), 3);
        assert_eq!(clauses("hi", "यह अच्छा है। ठीक है।"), ["यह अच्छा है। ", "ठीक है।"]);
        assert_eq!(clauses("ru", "Да. Хорошо."), ["Да. ", "Хорошо."]);
        assert_eq!(clauses("ja", "はい。そうです。"), ["はい。", "そうです。"]);
    }

    #[test]
    fn endless_text_is_cut_somewhere() {
        let most = |tag: &str, text: &str| clauses(tag, text).iter().map(|c| c.chars().count()).max().unwrap_or(0);
        assert!(most("en", &"word ".repeat(500)) < 200);
        assert!(most("zh", &"好".repeat(500)) < 120);
        assert!(most("en", &format!("\"{}", "word ".repeat(500))) < 400, "an open quote");
    }

    #[test]
    fn text_in_pieces_gives_the_same_clauses() {
        let text = "Yes, of course. The price is 3.50 for one, and 3.20 if you take five hundred or more.";
        let mut splitter = ClauseSplitter::new(Language::EN);
        let mut got: Vec<String> = text.chars().flat_map(|c| splitter.push(&c.to_string())).collect();
        got.extend(splitter.finish());
        assert_eq!(got, split(Language::EN, text));
        assert_eq!(splitter.finish(), None);
    }

    proptest! {
        #[test]
        fn joined_clauses_are_the_text(text in r#"([a-zA-Z]{1,6}|[0-9]{1,3}|[一-龥]{1,4}|[ ,.!?;:"'()，。！？“”،।\n-]|\PC){0,60}"#, pieces in 1_usize..7) {
            for tag in ["en", "zh", "ar", "hi"] {
                let language: Language = tag.parse().unwrap();
                prop_assert_eq!(split(language, &text).concat(), text.clone());
                let mut splitter = ClauseSplitter::new(language);
                let characters: Vec<char> = text.chars().collect();
                let mut joined = String::new();
                for piece in characters.chunks(pieces) {
                    joined.extend(splitter.push(&piece.iter().collect::<String>()));
                }
                joined.extend(splitter.finish());
                prop_assert_eq!(joined, text.clone());
            }
        }

        #[test]
        fn no_cut_falls_between_digits(whole in 1_u32..100_000, part in 0_u32..1000) {
            let text = format!("we will take it for {whole}.{part:03} or {whole},{part:03} a box and not more than that today ok");
            for clause in split(Language::EN, &text) {
                prop_assert!(!clause.ends_with(['.', ',']), "{}", clause);
            }
        }
    }
}
