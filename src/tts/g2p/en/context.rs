//! Parts of speech from neighbouring words, for the few hundred English spellings with two pronunciations.
//!
//! Stands in for the tagger misaki uses: it looks one or two words back and one ahead, and is right for the frames trade talk is
//! made of (`the use`, `to use`, `have read`, `we live`); elsewhere a word keeps its default reading.

/// What a word is here, as far as pronunciation needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Noun,
    Verb,
    Past,
    Participle,
    Adjective,
    Determiner,
    Other,
}

impl Tag {
    /// Keys of the dictionary's readings, best first.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Tag::Noun => &["NOUN"],
            Tag::Verb => &["VERB"],
            Tag::Past => &["VBD", "VERB"],
            Tag::Participle => &["VBN", "ADJ", "VERB"],
            Tag::Adjective => &["ADJ"],
            Tag::Determiner => &["DT"],
            Tag::Other => &[],
        }
    }
}

const BEFORE_VERB: &[&str] = &[
    "to", "will", "would", "can", "could", "shall", "should", "may", "might", "must", "i", "we", "you", "they", "don't",
    "doesn't", "didn't", "won't", "can't", "couldn't", "wouldn't", "please", "let's", "i'll", "we'll", "you'll", "they'll",
    "i'd", "we'd", "who", "do", "did", "does", "cannot", "not", "never", "always", "also", "just", "us", "and",
];
const BEFORE_NOUN: &[&str] = &[
    "the", "a", "an", "my", "your", "his", "her", "its", "our", "their", "this", "that", "these", "those", "of", "no", "any",
    "some", "each", "every", "in", "for", "with", "on", "at", "by", "from", "per", "for", "much", "more", "good", "new", "first",
    "one", "two", "three", "many",
];
const HAVE_OR_BE: &[&str] = &[
    "have", "has", "had", "i've", "we've", "you've", "they've", "be", "been", "is", "are", "was", "were", "being", "it's",
    "having", "already",
];
const PAST_TIME: &[&str] = &["yesterday", "ago", "last", "was", "were", "did", "had"];
/// After these and a noun-like word, the word before is an adjective or part of a compound, not a verb.
const AFTER_VERB: &[&str] =
    &["the", "a", "an", "it", "them", "him", "her", "us", "me", "you", "this", "that", "these", "those", "your", "our", "my"];

/// A tag per entry of `words`; a pause between words is `None`.
pub(super) fn tags(words: &[Option<&str>]) -> Vec<Tag> {
    let lower: Vec<Option<String>> = words.iter().map(|w| w.map(str::to_lowercase)).collect();
    let past = lower.iter().flatten().any(|w| PAST_TIME.contains(&w.as_str()));
    let word = |at: Option<usize>| at.and_then(|i| lower.get(i)).and_then(|w| w.as_deref()).unwrap_or("");
    (0..words.len())
        .map(|at| tag(word(Some(at)), word(at.checked_sub(1)), word(at.checked_sub(2)), word(at.checked_add(1)), past))
        .collect()
}

fn tag(word: &str, previous: &str, before: &str, next: &str, past: bool) -> Tag {
    let adverb = previous.ends_with("ly") || matches!(previous, "also" | "just" | "already" | "not" | "never" | "always");
    let previous = if adverb && !before.is_empty() { before } else { previous };
    let is_verb_frame = BEFORE_VERB.contains(&previous);
    if word == "that" {
        // That one, that price: stressed; the conjunction is not.
        return if matches!(next, "" | "one" | "is" | "was" | "price") || previous.is_empty() {
            Tag::Determiner
        } else {
            Tag::Other
        };
    }
    if word == "used" {
        return if next == "to" && !HAVE_OR_BE.contains(&previous) { Tag::Past } else { Tag::Other };
    }
    if word == "read" && past && !matches!(previous, "to" | "did" | "didn't" | "will" | "can" | "please") {
        return if HAVE_OR_BE.contains(&previous) { Tag::Participle } else { Tag::Past };
    }
    if word == "live" {
        return if is_verb_frame || next == "in" { Tag::Verb } else { Tag::Adjective };
    }
    if word == "minute" || word == "content" {
        return Tag::Noun;
    }
    if HAVE_OR_BE.contains(&previous) {
        return Tag::Participle;
    }
    if BEFORE_NOUN.contains(&previous) {
        return Tag::Noun;
    }
    if is_verb_frame {
        return Tag::Verb;
    }
    // At the start of a clause, before an object: Present the card.
    if previous.is_empty() && AFTER_VERB.contains(&next) { Tag::Verb } else { Tag::Noun }
}
