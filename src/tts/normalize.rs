//! Text normalisation: numbers, signs, units and dates written as words, so that what follows sees only words and punctuation.
//!
//! Chinese and English are written out in full (after [`normalize`] neither contains an ASCII digit). espeak-ng reads the digits of
//! the other languages itself; there only currencies, percentages and units are put into words. Pure text to text: knows nothing
//! of phonemes or engines, never fails and never panics. Called by the synthesiser before [`super::g2p`].

mod clean;
mod en;
pub(crate) mod en_number;
mod other;
mod zh;
pub(crate) mod zh_number;

use std::borrow::Cow;

use regex::{Captures, Regex};

use crate::language::Language;

/// Writes the digits and signs of `text` as words of `language`; markdown, emoji and the addresses of links are dropped.
pub fn normalize(language: Language, text: &str) -> String {
    let text = clean::clean(language, text);
    let text = match language {
        Language::ZH => zh::normalize(&text),
        Language::EN => en::normalize(&text),
        _ => other::normalize(language, &text),
    };
    clean::collapse_spaces(&text)
}

/// One rewriting step: a pattern and what replaces each match (`None` leaves the match as it is).
struct Rule {
    pattern: Regex,
    rewrite: fn(&Captures<'_>) -> Option<String>,
}

impl Rule {
    /// `\d` and `\b` mean the ASCII ones: between a Han character and a digit there is a boundary, which Unicode's `\b` denies.
    ///
    /// `pattern` is written in this crate, so a pattern that does not compile is a bug and panics on first use (tests use all).
    fn new(pattern: &str, rewrite: fn(&Captures<'_>) -> Option<String>) -> Self {
        let pattern = &pattern.replace(r"\d", "[0-9]").replace(r"\b", r"(?-u:\b)");
        Self { pattern: Regex::new(pattern).unwrap_or_else(|e| panic!("bad pattern {pattern}: {e}")), rewrite }
    }

    fn apply(&self, text: String) -> String {
        let replaced = self
            .pattern
            .replace_all(&text, |found: &Captures<'_>| (self.rewrite)(found).unwrap_or_else(|| group(found, 0).to_owned()));
        match replaced {
            Cow::Borrowed(_) => text,
            Cow::Owned(changed) => changed,
        }
    }
}

/// Group `n` of a match, empty when it took no part.
fn group<'t>(found: &'t Captures<'_>, n: usize) -> &'t str {
    found.get(n).map_or("", |m| m.as_str())
}

#[cfg(test)]
mod tests;
