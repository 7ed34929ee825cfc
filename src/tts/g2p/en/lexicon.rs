//! misaki's American dictionaries and its rules for words derived from them (plural, past, -ing, possessive, spelled acronyms).
//!
//! `us_gold.json` is hand-checked and may give readings by part of speech; `us_silver.json` is generated and used when gold has
//! nothing. About 180,000 words together. Words in Kokoro's letters; see `super::stress` for what the marks mean.

use std::{collections::HashMap, fmt, fs, path::Path};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{
    Tag,
    stress::{PRIMARY, SECONDARY, apply_stress},
};
use crate::tts::g2p::G2pError;

/// What follows a word in the sentence.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// Whether the next sound is a vowel; unknown at a pause and at the end.
    pub(super) future_vowel: Option<bool>,
    /// Whether the next word is "to".
    pub(super) future_to: bool,
}

/// Words of trade that a dictionary takes for ordinary ones: spelled when written in capitals.
const SPELLED: &[&str] = &["FOB", "CIF", "DAP", "LED", "PI", "BL", "PO", "ID", "US", "UK", "AM", "PM", "MM", "CM"];

enum Entry {
    Plain(Box<str>),
    ByTag(Box<[(Box<str>, Box<str>)]>),
}

impl Entry {
    fn reading(&self, tag: Tag, pause_follows: bool) -> Option<&str> {
        match self {
            Entry::Plain(sounds) => Some(sounds),
            Entry::ByTag(readings) => {
                let find = |key: &str| readings.iter().find(|(name, _)| &**name == key).map(|(_, sounds)| &**sounds);
                let at_pause = if pause_follows { find("None") } else { None };
                at_pause.or_else(|| tag.keys().iter().find_map(|key| find(key))).or_else(|| find("DEFAULT"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Entry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("phonemes, or phonemes by part of speech")
            }
            fn visit_str<E: Error>(self, sounds: &str) -> Result<Entry, E> {
                Ok(Entry::Plain(sounds.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut readings = Vec::with_capacity(2);
                while let Some((tag, sounds)) = map.next_entry::<Box<str>, Option<Box<str>>>()? {
                    // A null says "spell it here": the caller spells what has no reading.
                    readings.extend(sounds.map(|s| (tag, s)));
                }
                Ok(Entry::ByTag(readings.into()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

pub(super) struct Lexicon {
    gold: HashMap<Box<str>, Entry>,
    silver: HashMap<Box<str>, Entry>,
}

fn read(path: &Path) -> Result<HashMap<Box<str>, Entry>, G2pError> {
    let bytes = fs::read(path).map_err(|e| G2pError::dictionary(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| G2pError::dictionary(path, e))
}

/// misaki lists each lower-case word capitalised too, and each capitalised one in lower case; here the other form is tried instead.
fn find<'d>(dictionary: &'d HashMap<Box<str>, Entry>, word: &str) -> Option<&'d Entry> {
    dictionary.get(word).or_else(|| {
        let mut letters = word.chars();
        let first = letters.next()?;
        let rest = letters.as_str();
        if rest.is_empty() || rest.chars().any(char::is_uppercase) {
            return None;
        }
        let other: String = if first.is_uppercase() {
            first.to_lowercase().chain(rest.chars()).collect()
        } else {
            first.to_uppercase().chain(rest.chars()).collect()
        };
        dictionary.get(other.as_str())
    })
}

fn is_upper(word: &str) -> bool {
    !word.chars().any(char::is_lowercase)
}

impl Lexicon {
    pub(super) fn load(dir: &Path) -> Result<Self, G2pError> {
        Ok(Self { gold: read(&dir.join("us_gold.json"))?, silver: read(&dir.join("us_silver.json"))? })
    }

    /// Phonemes of a word, `None` when no rule knows it. `shouted`: the whole sentence is in capitals, so they mean nothing.
    pub(super) fn word(&self, word: &str, tag: Tag, shouted: bool, context: &Context) -> Option<String> {
        let acronym = is_upper(word) && !shouted && word.chars().count() > 1;
        let lower = word.to_lowercase();
        let stress = match () {
            () if word == lower => None,
            () if acronym => Some(2.0),
            () if is_upper(word) && word.chars().count() == 1 => Some(2.0),
            () => Some(0.5),
        };
        if let Some(special) = self.special(word, acronym, tag, context) {
            return Some(special);
        }
        let word = if shouted && word.chars().count() > 1 { lower.as_str() } else { word };
        // A capitalised or shouted form of a known word is that word.
        let mut word = word;
        let one_case = is_upper(word) || word.chars().skip(1).all(|c| !c.is_uppercase());
        if word != lower
            && one_case
            && word.chars().count() > 1
            && !self.has(word)
            && self.derived(&lower, tag, stress, context).is_some()
        {
            word = &lower;
        }
        self.derived(word, tag, stress, context).or_else(|| self.contraction(word, tag, stress, context))
    }

    fn has(&self, word: &str) -> bool {
        find(&self.gold, word).is_some() || find(&self.silver, word).is_some()
    }

    fn is_known(&self, word: &str) -> bool {
        if self.has(word) {
            return true;
        }
        // A single letter, or capitals, can be spelled.
        let ascii = word.bytes().all(|b| b.is_ascii_alphabetic()) && !word.is_empty();
        ascii && (word.len() == 1 || word.bytes().skip(1).all(|b| b.is_ascii_uppercase()))
    }

    fn derived(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        if self.is_known(word) {
            return self.lookup(word, tag, stress, context);
        }
        if let Some(stem) = word.strip_suffix('\'') {
            let possessive = format!("{stem}'s");
            let known = if stem.ends_with('s') && self.is_known(&possessive) { &possessive } else { stem };
            return self.derived(known, tag, stress, context);
        }
        self.stem_s(word, tag, stress, context)
            .or_else(|| self.stem_ed(word, tag, stress, context))
            .or_else(|| self.stem_ing(word, tag, stress.or(Some(0.5)), context))
    }

    fn lookup(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        let lower;
        let mut word = word;
        let mut capitals = false;
        if is_upper(word) && find(&self.gold, word).is_none() {
            capitals = word.chars().count() > 1;
            lower = word.to_lowercase();
            word = &lower;
        }
        let pause = context.future_vowel.is_none();
        let entry = find(&self.gold, word).or_else(|| if capitals { None } else { find(&self.silver, word) });
        match entry.and_then(|e| e.reading(tag, pause)) {
            Some(sounds) if !capitals || sounds.contains(PRIMARY) => Some(apply_stress(sounds, stress)),
            _ => self.spell(word),
        }
    }

    /// Letter by letter, the last one stressed.
    fn spell(&self, word: &str) -> Option<String> {
        let mut sounds = String::new();
        for letter in word.chars().filter(|c| c.is_alphabetic()) {
            let name = self.gold.get(letter.to_uppercase().to_string().as_str())?.reading(Tag::Other, false)?;
            sounds.push_str(name);
        }
        let weak = apply_stress(&sounds, Some(0.0));
        Some(match weak.rsplit_once(SECONDARY) {
            Some((head, tail)) => format!("{head}{PRIMARY}{tail}"),
            None => weak,
        })
    }

    /// Function words whose sound depends on what follows.
    fn special(&self, word: &str, acronym: bool, tag: Tag, context: &Context) -> Option<String> {
        if word.contains('.') {
            return self.spell(word);
        }
        if acronym && SPELLED.contains(&word) {
            return self.spell(word);
        }
        let follows = context.future_vowel;
        Some(match (word.to_lowercase().as_str(), follows) {
            ("a", Some(_)) if word == "a" || word == "A" => "ɐ".into(),
            ("a", None) => "ˈA".into(),
            ("am", None) => "æm".into(),
            ("am", Some(_)) => "ɐm".into(),
            ("an", _) => "ɐn".into(),
            ("i", _) if word == "I" => "ˌI".into(),
            ("to", Some(true)) => "tʊ".into(),
            ("to", Some(false)) => "tə".into(),
            ("to", None) => "tu".into(),
            ("in", Some(_)) => "ɪn".into(),
            ("in", None) => "ˈɪn".into(),
            ("the", Some(true)) => "ði".into(),
            ("the", _) => "ðə".into(),
            ("used", _) if tag == Tag::Past && context.future_to => "jˈust".into(),
            _ => return None,
        })
    }

    /// `they'd've`, `Zhang's`: the word and what the apostrophe adds, each on its own.
    fn contraction(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        let at = word.rfind('\'').filter(|at| *at > 0)?;
        let (head, tail) = word.split_at(at);
        let sounds = self.derived(head, tag, stress, context)?;
        let added = self.gold.get(tail)?.reading(Tag::Other, false)?;
        Some(format!("{sounds}{added}"))
    }

    fn stem_s(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        let cut = word.strip_suffix('s').filter(|_| word.chars().count() > 2)?;
        let possessive = word.strip_suffix("'s");
        let es = word.strip_suffix("es").filter(|_| word.len() > 4 && !word.ends_with("ies"));
        let ies = word.strip_suffix("ies").filter(|_| word.len() > 4).map(|stem| format!("{stem}y"));
        let stem = if !word.ends_with("ss") && self.is_known(cut) {
            cut
        } else if let Some(stem) = possessive.or(es).filter(|stem| self.is_known(stem)) {
            stem
        } else {
            ies.as_deref().filter(|stem| self.is_known(stem))?
        };
        let sounds = self.lookup(stem, tag, stress, context)?;
        let ending = match sounds.chars().last()? {
            'p' | 't' | 'k' | 'f' | 'θ' => "s",
            's' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ' => "ᵻz",
            _ => "z",
        };
        Some(sounds + ending)
    }

    fn stem_ed(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        let cut = word.strip_suffix('d').filter(|_| word.chars().count() > 3)?;
        let ed = word.strip_suffix("ed").filter(|_| word.len() > 4 && !word.ends_with("eed"));
        let stem = if !word.ends_with("dd") && self.is_known(cut) { cut } else { ed.filter(|stem| self.is_known(stem))? };
        let sounds = self.lookup(stem, tag, stress, context)?;
        let ending = match sounds.chars().last()? {
            'p' | 'k' | 'f' | 'θ' | 'ʃ' | 's' | 'ʧ' => "t",
            'd' | 't' => "ᵻd",
            _ => "d",
        };
        Some(flap(&sounds) + ending)
    }

    fn stem_ing(&self, word: &str, tag: Tag, stress: Option<f32>, context: &Context) -> Option<String> {
        let cut = word.strip_suffix("ing").filter(|_| word.chars().count() > 4)?;
        let with_e = format!("{cut}e");
        let doubled = {
            let mut ending = cut.chars().rev();
            let (last, before) = (ending.next(), ending.next());
            (last == before && last.is_some_and(|c| "bcdgklmnprstvxz".contains(c))) || cut.ends_with("ck")
        };
        let single = cut.get(..cut.len().saturating_sub(1)).filter(|_| doubled && word.len() > 5);
        let stem = if word.len() > 5 && self.is_known(cut) {
            cut
        } else if self.is_known(&with_e) {
            &with_e
        } else {
            single.filter(|stem| self.is_known(stem))?
        };
        let sounds = self.lookup(stem, tag, stress, context)?;
        Some(flap(&sounds) + "ɪŋ")
    }
}

/// A t between vowels is flapped before an ending that starts with one: waiting, rated.
fn flap(sounds: &str) -> String {
    match sounds.strip_suffix('t') {
        Some(stem) if stem.ends_with(|c| "AIOWYiuæɑəɛɪɹʊʌ".contains(c)) => format!("{stem}ɾ"),
        _ => sounds.to_owned(),
    }
}
