//! How a translation begins before its source is complete (pure): what two translations of a growing source both begin with.
//!
//! LocalAgreement-2 on the target side (Liu et al. 2020; Polák et al. 2022): each time words came, the translator drafts the beginning of
//! a translation of what is there; the words that two drafts in a row begin with are said, and every later draft, and in the end the
//! translation, goes on behind them. Where word order differs the drafts do not agree, and the listener waits for the clause as he would
//! without. No amount is said this way: what follows may still change it. Called by [`super::lane`].

use super::agreement::agreed;
use crate::{
    language::Language,
    trade::{Context, read},
};

/// Tokens that a draft goes beyond what was said already: two drafts that agree on more are as good as sure of it.
pub(super) const TOKENS: usize = 8;

/// Letters (characters of unspaced languages) that are worth saying by themselves: the first and the later ones.
const WORTH: (usize, usize) = (8, 16);
const WORTH_UNSPACED: (usize, usize) = (3, 6);

/// `pending` without its last word (two characters of unspaced languages), which was cut off in the middle as often as not, and the marks
/// around it: the recogniser takes the end of what it has heard for the end of a sentence.
pub(super) fn settled(language: Language, pending: &str) -> &str {
    let is_letter = |c: char| c.is_alphanumeric();
    let text = pending.trim_end_matches(|c| !is_letter(c));
    let text = if language.is_unspaced() {
        text.char_indices().rev().filter(|(_, c)| is_letter(*c)).nth(1).map_or("", |(at, _)| &text[..at])
    } else {
        text.rfind(char::is_whitespace).map_or("", |at| &text[..at])
    };
    text.trim_end_matches(|c| !is_letter(c))
}

/// The translation of a segment that is not complete.
#[derive(Debug, Default)]
pub(super) struct Draft {
    latest: String,
    /// What of it was said.
    said: String,
}

impl Draft {
    /// What was said of the segment's translation; nothing is left.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(self).said
    }

    /// What was said of the segment's translation.
    pub(super) fn said(&self) -> &str {
        &self.said
    }

    /// Takes a draft in `language` of all that came: gives what is to be said now, if anything.
    pub(super) fn push(&mut self, language: Language, text: &str) -> Option<String> {
        let before = std::mem::replace(&mut self.latest, text.to_owned());
        let amount = read(text, language, &Context::default()).first().map_or(text.len(), |amount| amount.span.start);
        let end = agreed(language, &before, text).min(amount);
        let new = text.get(..end)?.strip_prefix(self.said.as_str())?.trim_end();
        let worth = if language.is_unspaced() { WORTH_UNSPACED } else { WORTH };
        let worth = if self.said.is_empty() { worth.0 } else { worth.1 };
        if super::segments::letters(new) < worth {
            return None;
        }
        self.said.push_str(new);
        Some(new.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(language: Language, drafts: &[&str]) -> Vec<String> {
        let mut draft = Draft::default();
        drafts.iter().filter_map(|text| draft.push(language, text)).collect()
    }

    #[test]
    fn the_last_pending_word_and_the_stop_behind_it_are_not_translated() {
        assert_eq!(settled(Language::EN, " and the garden behind. It"), " and the garden behind");
        assert_eq!(settled(Language::EN, " extreme."), "");
        assert_eq!(settled(Language::ZH, "我们的花园。"), "我们的");
        assert_eq!(settled(Language::ZH, "花"), "");
    }

    #[test]
    fn what_two_drafts_begin_with_is_said_once() {
        let drafts = [
            "The office is still",
            "The office is still looking into",
            "The office is still looking into the new bridges and",
            "The office is still looking into the new bridges in town",
        ];
        // "still looking" alone is not worth a breath.
        assert_eq!(said(Language::EN, &drafts), ["The office is", " still looking into the new bridges"]);
        assert_eq!(said(Language::ZH, &["办公室还在", "办公室还在研究新桥"]), ["办公室还"]);
    }

    #[test]
    fn other_words_and_amounts_wait_for_the_clause() {
        assert!(said(Language::EN, &["We are looking at it", "It is being looked into by us"]).is_empty());
        assert_eq!(said(Language::EN, &["It will cost 12 euros each", "It will cost 12 euros each, or"]), ["It will cost"]);
        assert!(said(Language::EN, &["", "Blank was the first one", ""]).is_empty());
    }

    #[test]
    fn a_draft_that_does_not_go_on_behind_what_was_said_says_nothing() {
        let mut draft = Draft::default();
        for text in ["A new bridge is", "A new bridge is being"] {
            draft.push(Language::EN, text);
        }
        assert_eq!(draft.said(), "A new bridge");
        for text in ["No new bridge is being built this year", "No new bridge is being built this year at all"] {
            assert_eq!(draft.push(Language::EN, text), None);
        }
        assert_eq!(draft.take(), "A new bridge");
        assert_eq!(draft.said(), "");
    }
}
