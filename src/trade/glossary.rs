//! A glossary: the words of a trade and what each is called in other languages.
//!
//! A table in CSV, one term per line, a column per language ([`Glossary::parse`]). It works in three places: words that the recogniser
//! should expect ([`Glossary::vocabulary`]), repair of words that were misheard ([`Glossary::repair`]), and wording that a translation
//! must use ([`Glossary::wanted`]). A room's own terms go before the server's ([`Glossary::over`]). Pure: text in, text out; who keeps
//! which glossary is for `pipeline::conversation`, who may change it for `transport`.

mod read;
mod repair;
mod sound;

use std::{
    collections::HashSet,
    ops::Range,
    sync::{Arc, LazyLock},
};

pub use self::{read::LineError, repair::bounds as word_bounds};
use crate::language::Language;

/// The trade's words that the program comes with; written for this project.
const STARTER: &str = include_str!("glossary/starter.csv");

/// A term in several languages.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    /// Per language the word to use, and other words that mean the same.
    words: Vec<(Language, Vec<String>)>,
    /// What it is taken for when it is misheard; always repaired.
    heard: Vec<String>,
    /// Words that make it likely where something that sounds alike was heard.
    near: Vec<String>,
    /// A name: the same in every language.
    keep: bool,
    /// How many of its words in a language translators are asked for even if they are everyday words.
    ask: usize,
    /// How its Chinese words sound, those that may be misheard.
    sounds: Vec<(String, Vec<sound::Read>)>,
}

impl Term {
    /// The words in `language`; a name's are the same everywhere.
    fn words(&self, language: Language) -> &[String] {
        let own = self.words.iter().find(|(l, _)| *l == language);
        let any = || self.words.first().filter(|_| self.keep);
        own.or_else(any).map_or(&[], |(_, words)| words)
    }
}

/// Terms, the most important first. Cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glossary {
    terms: Vec<Arc<Term>>,
}

/// A term that stands in a text, and how a translation must call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// As it stands in the source.
    pub source: String,
    /// Where, in bytes.
    pub place: Range<usize>,
    /// What the translation should say.
    pub target: String,
    /// Other words that are as good.
    pub others: Vec<String>,
    /// It is to be asked for: an expression of the trade, not an everyday word that may mean something else (order, size, run).
    pub asked: bool,
}

impl Wanted {
    /// True when `text`, a translation into `to`, calls it so.
    pub fn is_in(&self, text: &str, to: Language) -> bool {
        let text = text.to_lowercase();
        std::iter::once(&self.target).chain(&self.others).any(|word| find(&text, &word.to_lowercase(), to).is_some())
    }
}

impl Glossary {
    /// The glossary that the program comes with.
    pub fn starter() -> &'static Glossary {
        static PARSED: LazyLock<Glossary> = LazyLock::new(|| Glossary::parse(STARTER).unwrap_or_default());
        &PARSED
    }

    /// Reads a table. The first line names the columns: language tags, and as many of `sounds_like`, `near`, `keep` and `ask` as are wanted;
    /// several words in a cell are separated by `|`, the first is the one to use.
    ///
    /// # Errors
    /// Every line that is wrong, with its number; up to 20 of them.
    pub fn parse(text: &str) -> Result<Self, Vec<LineError>> {
        read::parse(text)
    }

    /// How many terms it has.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// True when it has no terms.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// These terms, and then those of `base`.
    pub fn over(&self, base: &Glossary) -> Glossary {
        Glossary { terms: self.terms.iter().chain(&base.terms).cloned().collect() }
    }

    /// The terms of `text` that have a word in `to`, in the order of their place; of two that overlap the longer one.
    pub fn wanted(&self, text: &str, from: Language, to: Language) -> Vec<Wanted> {
        let lower = text.to_lowercase();
        // Lower case may have other lengths in a few scripts (İ); then places are those of the lower-case text.
        let text = if lower.len() == text.len() { text } else { lower.as_str() };
        // 铁 in 地铁 is no iron.
        let bounds = (from == Language::ZH).then(|| repair::bounds(text));
        let is_whole = |place: &Range<usize>| bounds.as_ref().is_none_or(|b| b.contains(&place.start) && b.contains(&place.end));
        let mut found: Vec<(Range<usize>, bool, &Term)> = Vec::new();
        for term in &self.terms {
            if term.words(to).is_empty() {
                continue;
            }
            for (n, word) in term.words(from).iter().enumerate() {
                let asked = n < term.ask || is_expression(word, from);
                let places = places(&lower, &word.to_lowercase(), from).filter(&is_whole).collect::<Vec<_>>();
                found.extend(places.into_iter().map(|place| (place, asked, &**term)));
            }
        }
        // The longest first; of equals the more important one.
        found.sort_by_key(|(place, ..)| std::cmp::Reverse(place.len()));
        let mut taken: Vec<(Range<usize>, bool, &Term)> = Vec::new();
        for (place, asked, term) in found {
            if taken.iter().all(|(other, ..)| other.end <= place.start || place.end <= other.start) {
                taken.push((place, asked, term));
            }
        }
        taken.sort_by_key(|(place, ..)| place.start);
        let wanted = taken.into_iter().filter_map(|(place, asked, term)| {
            let (target, others) = term.words(to).split_first()?;
            let source = text.get(place.clone())?.to_owned();
            Some(Wanted { source, place, target: target.clone(), others: others.to_vec(), asked })
        });
        wanted.collect()
    }

    /// Words for the recogniser to expect, the most important terms first, as many as fit into `characters`; none when there are none.
    pub fn vocabulary(&self, language: Language, characters: usize) -> Option<String> {
        let comma = if language.is_unspaced() { "、" } else { ", " };
        let (mut out, mut seen) = (String::new(), HashSet::new());
        for word in self.terms.iter().filter_map(|term| term.words(language).first()).filter(|word| seen.insert(*word)) {
            let length = out.chars().count() + comma.chars().count() + word.chars().count();
            if length > characters {
                break;
            }
            if !out.is_empty() {
                out.push_str(comma);
            }
            out.push_str(word);
        }
        (!out.is_empty()).then_some(out)
    }

    /// `text` with the words that were misheard put right: those that a term's `sounds_like` names, and those that sound like a term,
    /// where what is around them makes the term more likely than what was heard.
    pub fn repair(&self, text: &str, language: Language) -> String {
        repair::repair(self, text, language)
    }
}

/// True for what hardly means anything else: several words (not "the rest"), an abbreviation, two Chinese characters.
fn is_expression(word: &str, language: Language) -> bool {
    let capitals = word.chars().filter(|c| c.is_uppercase()).count();
    let several = word.split_whitespace().filter(|w| *w != "the").count() > 1;
    capitals > 1 || several || (language.is_unspaced() && word.chars().count() > 1)
}

/// Where the lower-case `word` stands in the lower-case `text`.
fn find(text: &str, word: &str, language: Language) -> Option<Range<usize>> {
    places(text, word, language).next()
}

/// All places of the lower-case `word` in the lower-case `text`: whole words in languages that space them, an English plural too.
fn places(text: &str, word: &str, language: Language) -> impl Iterator<Item = Range<usize>> {
    let spaced = !language.is_unspaced() || word.is_ascii();
    text.match_indices(word).filter(|(_, found)| !found.is_empty()).filter_map(move |(at, found)| {
        let mut end = at + found.len();
        if !spaced {
            return Some(at..end);
        }
        if language == Language::EN {
            let rest = text.get(end..)?;
            end += ["es", "s"].iter().find(|s| rest.starts_with(**s) && !starts_word(rest.get(s.len()..))).map_or(0, |s| s.len());
        }
        let before = text.get(..at)?.chars().next_back().is_some_and(is_letter);
        (!before && !starts_word(text.get(end..))).then_some(at..end)
    })
}

fn starts_word(rest: Option<&str>) -> bool {
    rest.and_then(|rest| rest.chars().next()).is_some_and(is_letter)
}

/// A letter of a spaced script: Latin words may stand right beside Chinese ones.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric() && !('\u{3040}'..='\u{9fff}').contains(&c)
}

#[cfg(test)]
mod tests;
