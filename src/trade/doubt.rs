//! Which amounts of a recognised text the recogniser was not sure of: those with an uncertain token in their number.
//!
//! Pure: a hypothesis's tokens in, stretches of its text out. `pipeline::terms` asks; what it finds travels with the words and is shown
//! as "?" beside the amount.

use std::ops::Range;

use super::{
    amount::{Amount, Context},
    numbers,
};
use crate::language::Language;

/// A number with a token less probable than this is doubtful.
///
/// Measured with Whisper base on 51 numbers of 85 recordings in Chinese and English (`tongchuan eval DIR --doubts`), of which 45 were
/// heard right: below 0.4 lie 1 right and no wrong one, below 0.5 9 and none, below 0.6 17 and 1, below 0.8 27 and 5. A token's
/// probability hardly tells right from wrong; a higher limit would only put "?" beside right numbers.
pub const LIMIT: f32 = 0.4;

/// An amount as it was heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// What was read.
    pub amount: Amount,
    /// Where, in characters of the text that are not white space.
    pub place: Range<usize>,
    /// The probability of the least certain token in its number, 0..=1.
    pub sure: f32,
}

impl Heard {
    /// True when it may have been another number.
    pub fn is_doubtful(&self) -> bool {
        self.sure < LIMIT
    }
}

/// The amounts of `text` that count, each with how sure the recogniser was of its number.
///
/// `tokens` are the recogniser's, in order, with their probabilities; their characters may have been converted since (traditional to
/// simplified), a few left out and misheard words put right, so characters are brought together in order.
pub fn heard<'a>(
    text: &str,
    language: Language,
    context: &Context,
    tokens: impl IntoIterator<Item = (&'a str, f32)>,
) -> Vec<Heard> {
    let tokens: Vec<(char, f32)> =
        tokens.into_iter().flat_map(|(token, p)| ink(token).map(move |c| (c, p)).collect::<Vec<_>>()).collect();
    let probabilities = align(&ink(text).collect::<Vec<_>>(), &tokens);
    let place = |at: usize| ink(text.get(..at).unwrap_or("")).count();
    let amounts = numbers::read(text, language, context);
    let heard = amounts.into_iter().filter(|amount| !amount.optional).map(|amount| {
        let number = place(amount.number.start)..place(amount.number.end);
        let sure = probabilities.get(number).unwrap_or_default().iter().copied().fold(1.0, f32::min);
        Heard { place: place(amount.span.start)..place(amount.span.end), amount, sure }
    });
    heard.collect()
}

fn ink(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| !c.is_whitespace())
}

/// The probability of each character of the text. Where both sides have as many characters they belong to each other one by one; else a
/// character of the text takes the next equal one, and one that finds none its neighbour's.
fn align(text: &[char], heard: &[(char, f32)]) -> Vec<f32> {
    if text.len() == heard.len() {
        return heard.iter().map(|(_, p)| *p).collect();
    }
    /// How far ahead the same character is looked for: more than a filtered word is long.
    const AHEAD: usize = 24;
    let (mut at, mut last) = (0, 1.0);
    let mut next = |c: char| {
        let rest = heard.get(at..).unwrap_or_default();
        match rest.iter().take(AHEAD).position(|(h, _)| *h == c) {
            Some(found) => {
                last = rest[found].1;
                at += found + 1;
            }
            // Converted to another character.
            None => {
                last = rest.first().map_or(last, |(_, p)| *p);
                at = (at + 1).min(heard.len());
            }
        }
        last
    };
    text.iter().map(|c| next(*c)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, tokens: &[(&str, f32)]) -> Vec<(usize, usize)> {
        let language = if text.is_ascii() { Language::EN } else { Language::ZH };
        let heard = heard(text, language, &Context::default(), tokens.iter().copied());
        heard.iter().filter(|heard| heard.is_doubtful()).map(|heard| (heard.place.start, heard.place.end)).collect()
    }

    #[test]
    fn an_amount_with_an_uncertain_number_is_doubtful() {
        assert_eq!(
            found("要五百个，四块七", &[("要", 0.2), ("五百", 0.9), ("个", 0.3), ("，", 0.4), ("四", 0.3), ("块七", 0.9)]),
            [(5, 8)]
        );
        assert!(found("要五百个", &[("要", 0.2), ("五百", 0.9), ("个", 0.3)]).is_empty(), "the unit is not the number");
        assert_eq!(
            found("I want 15 of them", &[("I", 0.9), (" want", 0.9), (" 15", 0.3), (" of", 0.9), (" them", 0.9)]),
            [(5, 7)]
        );
    }

    #[test]
    fn converted_and_filtered_text_is_brought_together() {
        assert_eq!(found("要两万个", &[("嗯", 0.1), ("，", 0.9), ("要", 0.9), ("兩", 0.9), ("萬", 0.3), ("個", 0.9)]), [(1, 4)]);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,30}", tokens in prop::collection::vec(("\\PC{0,4}", 0.0_f32..1.0), 0..20)) {
            let tokens: Vec<(&str, f32)> = tokens.iter().map(|(t, p)| (t.as_str(), *p)).collect();
            for heard in heard(&text, Language::ZH, &Context::default(), tokens) {
                prop_assert!(heard.place.end <= text.chars().count());
            }
        }
    }
}
