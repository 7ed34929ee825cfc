//! American English grapheme-to-phoneme in Kokoro's letters: misaki's dictionaries and rules (Apache-2.0) without its spaCy tagger.
//!
//! Text is cut into words and punctuation; words are looked up from the last to the first, because `the`, `to`, `a` depend on the sound
//! that follows. Where misaki asks a tagger (read, live, use, record ...), [`context`] looks at the neighbouring words instead. Words the
//! dictionaries do not know are handed back to the caller, who asks espeak-ng.

mod context;
mod lexicon;
mod stress;

use std::{collections::HashMap, path::Path};

use self::{
    context::Tag,
    lexicon::{Context, Lexicon},
    stress::{PRIMARY, VOWELS, apply_stress, weight},
};
use super::G2pError;

/// Consonants of Kokoro's American letters.
const CONSONANTS: &str = "bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθ";
/// Punctuation that Kokoro knows; the first part ends a breath group.
const PAUSES: &str = ";:,.!?—…";

/// The English frontend.
pub(super) struct En {
    lexicon: Lexicon,
}

/// A word with the parts that hyphens, camel case or slashes join, or a punctuation mark.
#[derive(Debug, PartialEq)]
enum Token {
    Word { parts: Vec<String>, whole: String },
    Mark(char),
    Space,
}

impl En {
    /// Reads `us_gold.json` and `us_silver.json` in `dir`.
    pub(super) fn load(dir: &Path) -> Result<Self, G2pError> {
        Ok(Self { lexicon: Lexicon::load(dir)? })
    }

    /// Phonemes of `text`. Words neither the dictionaries nor `known` have are added to `unknown` and left out.
    pub(super) fn phonemes(&self, text: &str, known: &HashMap<String, String>, unknown: &mut Vec<String>) -> String {
        let tokens = tokenize(text);
        let words: Vec<Option<&str>> = tokens
            .iter()
            .filter_map(|t| match t {
                Token::Word { whole, .. } => Some(Some(whole.as_str())),
                Token::Mark(mark) if PAUSES.contains(*mark) => Some(None),
                _ => None,
            })
            .collect();
        let tags = context::tags(&words);
        let shouted = words.iter().flatten().all(|w| !w.chars().any(char::is_lowercase)) && words.len() > 3;
        let mut next_tag = tags.iter().rev();
        let mut context = Context::default();
        let mut spoken: Vec<String> = Vec::with_capacity(tokens.len());
        for token in tokens.iter().rev() {
            match token {
                Token::Space => spoken.push(" ".into()),
                Token::Mark(mark) => {
                    spoken.push(mark.to_string());
                    if PAUSES.contains(*mark) {
                        next_tag.next();
                        context.future_vowel = None;
                    }
                    context.future_to = false;
                }
                Token::Word { parts, whole } => {
                    let tag = next_tag.next().copied().unwrap_or(Tag::Other);
                    let sounds = self.word(parts, whole, tag, shouted, &context, known, unknown);
                    let first = sounds.chars().find(|c| VOWELS.contains(*c) || CONSONANTS.contains(*c));
                    context.future_vowel = first.map_or(context.future_vowel, |c| Some(VOWELS.contains(c)));
                    context.future_to = whole.eq_ignore_ascii_case("to");
                    spoken.push(sounds);
                }
            }
        }
        spoken.reverse();
        // Kokoro v1.0 writes the flap as T and has no glottal stop.
        let text = spoken.concat().replace('ɾ', "T").replace('ʔ', "t");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[allow(clippy::too_many_arguments, reason = "the state of one pass over the sentence, all of it needed for a word")]
    fn word(
        &self,
        parts: &[String],
        whole: &str,
        tag: Tag,
        shouted: bool,
        context: &Context,
        known: &HashMap<String, String>,
        unknown: &mut Vec<String>,
    ) -> String {
        let mut one = |word: &str, context: &Context| {
            let found = self.lexicon.word(word, tag, shouted, context);
            found.unwrap_or_else(|| match known.get(word) {
                Some(sounds) => sounds.clone(),
                None => {
                    unknown.push(word.to_owned());
                    String::new()
                }
            })
        };
        if let [single] = parts {
            return one(single, context);
        }
        if let Some(sounds) = self.lexicon.word(whole, tag, shouted, context).filter(|_| whole.contains('-')) {
            return sounds;
        }
        let mut context = *context;
        let mut spoken: Vec<String> = Vec::new();
        for part in parts.iter().rev() {
            let sounds = one(part, &context);
            if let Some(first) = sounds.chars().find(|c| VOWELS.contains(*c) || CONSONANTS.contains(*c)) {
                context.future_vowel = Some(VOWELS.contains(first));
            }
            spoken.push(sounds);
        }
        spoken.reverse();
        balance(&mut spoken, parts);
        spoken.concat()
    }
}

/// Parts of one word share its stress: the lighter half is weakened (misaki's `resolve_tokens`).
fn balance(spoken: &mut [String], parts: &[String]) {
    let mut order: Vec<(bool, usize, usize)> =
        spoken.iter().enumerate().filter(|(_, s)| !s.is_empty()).map(|(i, s)| (s.contains(PRIMARY), weight(s), i)).collect();
    let weaken = |spoken: &mut [String], at: usize| {
        if let Some(sounds) = spoken.get_mut(at) {
            *sounds = apply_stress(sounds, Some(-0.5));
        }
    };
    if let [(_, _, first), (_, _, second)] = order.as_slice()
        && parts.get(*first).is_some_and(|p| p.chars().count() == 1)
    {
        return weaken(spoken, *second);
    }
    let stressed = order.iter().filter(|(stressed, ..)| *stressed).count();
    if order.len() < 2 || stressed <= order.len().div_ceil(2) {
        return;
    }
    order.sort_unstable();
    for (_, _, at) in order.iter().take(order.len() / 2) {
        weaken(spoken, *at);
    }
}

fn tokenize(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    for chunk in text.split_whitespace() {
        if !out.is_empty() {
            out.push(Token::Space);
        }
        tokenize_chunk(chunk, &mut out);
    }
    out
}

fn is_abbreviation(chunk: &str) -> bool {
    let core = chunk.trim_matches('.');
    core.contains('.') && core.split('.').all(|p| !p.is_empty() && p.chars().count() < 3 && p.chars().all(char::is_alphabetic))
}

fn tokenize_chunk(chunk: &str, out: &mut Vec<Token>) {
    let mut word = String::new();
    let core = chunk.trim_end_matches([',', ';', ':', '!', '?', ')', '”', '"']);
    if is_abbreviation(core) {
        // a.m., U.S.: letters with dots are spelled; a final dot belongs to them.
        let whole = core.trim_end_matches('.').to_owned();
        out.push(Token::Word { parts: vec![whole.clone()], whole });
        out.extend(chunk.get(core.len()..).unwrap_or("").chars().filter(|c| is_mark(*c)).map(Token::Mark));
        return;
    }
    let mut characters = chunk.chars().peekable();
    while let Some(c) = characters.next() {
        let next_is_letter = characters.peek().is_some_and(|n| n.is_alphabetic());
        let joins = matches!(c, '-' | '/') && !word.is_empty() && next_is_letter;
        // Apostrophes inside, before ('em) and after (sellers') a word.
        let apostrophe = c == '\'' && (next_is_letter || !word.is_empty());
        if c.is_alphabetic() || super::is_mark(c) || joins || apostrophe {
            word.push(c);
            continue;
        }
        push_word(&mut word, out);
        match c {
            '-' | '–' | '—' => out.push(Token::Mark('—')),
            _ if is_mark(c) => out.push(Token::Mark(c)),
            _ => out.push(Token::Space),
        }
    }
    push_word(&mut word, out);
}

fn is_mark(c: char) -> bool {
    PAUSES.contains(c) || matches!(c, '"' | '“' | '”' | '(' | ')')
}

fn push_word(word: &mut String, out: &mut Vec<Token>) {
    let whole = std::mem::take(word);
    if whole.chars().any(char::is_alphabetic) {
        let parts = whole.split(['-', '/']).flat_map(split_camel).filter(|p| !p.is_empty()).collect();
        out.push(Token::Word { parts, whole });
    }
}

/// `WeChat` is We, Chat; `USBs` and `iPhone` stay together where a single letter would be left.
fn split_camel(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    let mut parts = vec![String::new()];
    for (at, c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|b| chars.get(b));
        if c.is_uppercase() && before.is_some_and(|b| b.is_lowercase()) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(*c);
        }
    }
    parts
}
