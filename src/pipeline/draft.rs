//! How a translation begins before its source is complete (pure): what two translations of a growing source both begin with.
//!
//! LocalAgreement-2 on the target side (Liu et al. 2020; Polák et al. 2022): each time words came, the translator drafts the beginning of
//! a translation of what is there; the words that two drafts in a row begin with are shown, and said when there are enough for a breath,
//! and every later draft, and in the end the translation, goes on behind them. Where word order differs the drafts do not agree, and the
//! listener waits for the clause as he would without, or, when he hears nothing, until something new is overdue
//! ([`super::segments::Patience`]): then one draft is enough, whole while he has heard nothing of the utterance, after that as far as the
//! translator is sure of it. So silences in the middle of a sentence are filled, and less is left to be said when the next one begins. An
//! amount is said this way when the words that it stands for are committed: what follows them cannot change it. When the source is
//! complete, what is written of its translation is shown by the word ([`ready`]). Called by [`super::lane`].

use super::{agreement::both_begin, segments::letters};
use crate::{
    language::Language,
    trade::{Context, guard::Guard, read},
};

/// Tokens that a draft goes beyond what was said already: two drafts that agree on more are as good as sure of it. The first one, which
/// the listener waits for in silence, is shorter.
const TOKENS: (usize, usize) = (6, 8);

/// How much (see [`size`]) a translation may begin with, is worth showing behind that, and saying.
const WORTH: Worth = Worth { first: 6, shown: 4, said: 18 };
const WORTH_UNSPACED: Worth = Worth { first: 2, shown: 2, said: 6 };

/// See [`WORTH`].
struct Worth {
    first: usize,
    shown: usize,
    said: usize,
}

fn worth(language: Language) -> Worth {
    if language.is_unspaced() { WORTH_UNSPACED } else { WORTH }
}

/// Letters, and spaces between them: two short words are as good a beginning as a long one.
fn size(text: &str) -> usize {
    letters(text) + text.trim().chars().filter(|c| c.is_whitespace()).count()
}

/// `pending` without the marks at its end: the recogniser takes the end of what it has heard for the end of a sentence.
pub(super) fn settled(pending: &str) -> &str {
    pending.trim_end_matches(|c: char| !c.is_alphanumeric())
}

/// How much of a translation that is still being written may be shown behind the first `shown` bytes: complete words, none that is or
/// follows an amount, if they are enough.
pub(super) fn ready(language: Language, running: &str, shown: usize) -> Option<usize> {
    let amount = first_amount(language, running, shown);
    let end = running.get(..both_begin(language, running, running, false).min(amount))?.trim_end().len();
    (size(running.get(shown..end)?) >= worth(language).shown).then_some(end)
}

/// True when `text` is enough for an interpretation to begin with.
pub(super) fn may_begin(language: Language, text: &str) -> bool {
    size(text) >= worth(language).first
}

/// Where the first amount of `text` behind `from` begins, or the end.
fn first_amount(language: Language, text: &str, from: usize) -> usize {
    let amounts = read(text, language, &Context::default());
    amounts.iter().map(|amount| amount.span.start).find(|start| *start >= from).unwrap_or(text.len())
}

/// A draft of the translation of all that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drafted<'a> {
    pub(super) text: &'a str,
    /// Up to which byte of it the translator is sure: how much of it may be believed when it is overdue.
    pub(super) sure: usize,
    /// It was not cut off.
    pub(super) complete: bool,
    /// It need not agree with the one before.
    pub(super) overdue: bool,
    /// Knows the amounts of the words that are committed.
    pub(super) guard: &'a Guard,
}

/// The translation of a segment that is not complete.
#[derive(Debug, Default)]
pub(super) struct Draft {
    latest: String,
    /// What of it was shown.
    shown: String,
    /// How much of that was said.
    said: usize,
}

impl Draft {
    /// What was shown of the segment's translation, and the end of it that was not said; nothing is left.
    pub(super) fn take(&mut self) -> (String, String) {
        let Self { shown, said, .. } = std::mem::take(self);
        let unsaid = shown.get(said..).unwrap_or_default().to_owned();
        (shown, unsaid)
    }

    /// The last one that was taken, whole.
    pub(super) fn latest(&self) -> &str {
        &self.latest
    }

    /// How many tokens the next one goes beyond what was shown.
    pub(super) fn tokens(&self) -> usize {
        if self.shown.is_empty() { TOKENS.0 } else { TOKENS.1 }
    }

    /// What was shown of the segment's translation.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Takes a draft in `language`: gives what is to be shown now, if anything. One without text was none.
    pub(super) fn push(&mut self, language: Language, drafted: Drafted<'_>) -> Option<String> {
        let Drafted { text, sure, complete, overdue, guard } = drafted;
        if text.is_empty() {
            return None;
        }
        let before = std::mem::replace(&mut self.latest, text.to_owned());
        let other = if overdue { text.get(..sure).unwrap_or_default() } else { &before };
        let end = both_begin(language, other, text, complete).min(guard.right(text));
        let new = text.get(..end)?.strip_prefix(self.shown.as_str())?.trim_end();
        let worth = if self.shown.is_empty() { worth(language).first } else { worth(language).shown };
        if size(new) < worth {
            return None;
        }
        self.shown.push_str(new);
        Some(new.to_owned())
    }

    /// What of the shown is to be said now, if it is enough.
    pub(super) fn say(&mut self, language: Language) -> Option<String> {
        let new = self.shown.get(self.said..)?;
        let worth = if self.said == 0 { worth(language).first } else { worth(language).said };
        if size(new) < worth {
            return None;
        }
        let new = new.to_owned();
        self.said = self.shown.len();
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A draft whose source has no amounts.
    fn push(draft: &mut Draft, language: Language, text: &str, complete: bool, overdue: bool) -> Option<String> {
        let guard = Guard::new("", Language::ZH, language, &Context::default());
        draft.push(language, Drafted { text, sure: text.len(), complete, overdue, guard: &guard })
    }

    fn shown(language: Language, drafts: &[&str]) -> Vec<String> {
        let mut draft = Draft::default();
        drafts.iter().filter_map(|text| push(&mut draft, language, text, false, false)).collect()
    }

    fn said(language: Language, drafts: &[&str]) -> Vec<String> {
        let mut draft = Draft::default();
        let mut said: Vec<String> = drafts
            .iter()
            .filter_map(|text| push(&mut draft, language, text, false, false).and_then(|_| draft.say(language)))
            .collect();
        let (shown, rest) = draft.take();
        said.push(rest);
        assert_eq!(said.concat(), shown);
        said
    }

    #[test]
    fn the_stop_behind_what_is_pending_is_not_translated() {
        assert_eq!(settled(" and the garden behind."), " and the garden behind");
        assert_eq!(settled("我们的花园。"), "我们的花园");
        assert_eq!(settled("。"), "");
    }

    #[test]
    fn a_running_translation_is_shown_by_the_word_up_to_an_amount() {
        let shown = |language, text: &str, from| ready(language, text, from).map(|end| text[from..end].to_owned());
        assert_eq!(shown(Language::EN, "The garden is open", 0).as_deref(), Some("The garden is"));
        assert_eq!(shown(Language::EN, "The garden is open un", 13).as_deref(), Some(" open"));
        assert_eq!(shown(Language::EN, "The garden is", 10), None, "nothing follows the last word yet");
        assert_eq!(shown(Language::EN, "Tickets cost 12 euros each, and", 0).as_deref(), Some("Tickets cost"));
        assert_eq!(shown(Language::EN, "Tickets cost 12 euros each, and", 12), None);
        assert_eq!(shown(Language::ZH, "花园开放到", 0).as_deref(), Some("花园开放"));
    }

    #[test]
    fn what_two_drafts_begin_with_is_said_once() {
        let drafts = [
            "The office is still",
            "The office is still looking into",
            "The office is still looking into the new bridges and",
            "The office is still looking into the new bridges in town",
        ];
        assert_eq!(shown(Language::EN, &drafts), ["The office is still", " looking into", " the new bridges"]);
        // "looking into" alone is not worth a breath.
        assert_eq!(said(Language::EN, &drafts), ["The office is still", " looking into the new bridges", ""]);
        assert_eq!(said(Language::EN, &drafts[..3]), ["The office is still", " looking into"]);
        assert_eq!(said(Language::EN, &["We are", "We are glad"]), ["We are", ""]);
        assert_eq!(said(Language::EN, &["Their", "Their bridge"]), [""], "one short word is no beginning");
        assert_eq!(said(Language::ZH, &["办公室还在", "办公室还在研究新桥"]), ["办公室还在", ""]);
    }

    #[test]
    fn the_last_word_of_a_draft_that_was_not_cut_off_is_certain() {
        let mut draft = Draft::default();
        assert_eq!(push(&mut draft, Language::ZH, "办公室", true, false), None, "one draft is none");
        assert_eq!(push(&mut draft, Language::ZH, "办公室。", true, false).as_deref(), Some("办公室"));
        let mut draft = Draft::default();
        for text in ["The office", "The office"] {
            assert_eq!(push(&mut draft, Language::EN, text, false, false), None, "it may be that of the officer");
        }
    }

    #[test]
    fn a_draft_that_is_overdue_is_said_alone() {
        let mut draft = Draft::default();
        push(&mut draft, Language::EN, "A new office is", false, false);
        assert_eq!(push(&mut draft, Language::EN, "There will be 12 new", false, true).as_deref(), Some("There will be"));
    }

    #[test]
    fn of_a_draft_that_is_overdue_only_what_the_translator_is_sure_of_is_said() {
        let guard = Guard::new("", Language::ZH, Language::EN, &Context::default());
        let text = "There will be a new garden";
        for (sure, wanted) in
            [("There will be a new gar", Some("There will be a new")), ("There will be", Some("There will be")), ("", None)]
        {
            let drafted = Drafted { text, sure: sure.len(), complete: false, overdue: true, guard: &guard };
            assert_eq!(Draft::default().push(Language::EN, drafted).as_deref(), wanted);
        }
    }

    #[test]
    fn other_words_and_amounts_wait_for_the_clause() {
        assert!(shown(Language::EN, &["We are looking at it", "It is being looked into by us"]).is_empty());
        assert_eq!(shown(Language::EN, &["It will cost 12 euros each", "It will cost 12 euros each, or"]), ["It will cost"]);
        assert!(shown(Language::EN, &["", "Blank was the first one", ""]).is_empty());
        assert_eq!(shown(Language::EN, &["A new office is", "", "A new office is open"]), ["A new office is"]);
    }

    #[test]
    fn an_amount_is_said_when_its_words_are_committed() {
        let drafts = ["12 new bridges are being", "12 new bridges are being built in 3 towns"];
        for (committed, wanted) in
            [("", None), ("十二座新桥", Some("12 new bridges are being")), ("十三座新桥", None), ("这座新桥", None)]
        {
            let (mut draft, guard) = (Draft::default(), Guard::new(committed, Language::ZH, Language::EN, &Context::default()));
            let shown = drafts
                .map(|text| draft.push(Language::EN, Drafted { text, sure: 0, complete: true, overdue: false, guard: &guard }));
            assert_eq!(shown, [None, wanted.map(str::to_owned)], "{committed}");
        }
    }

    #[test]
    fn a_draft_that_does_not_go_on_behind_what_was_said_says_nothing() {
        let mut draft = Draft::default();
        for text in ["A new bridge is", "A new bridge is being"] {
            push(&mut draft, Language::EN, text, false, false);
        }
        assert_eq!(draft.shown(), "A new bridge is");
        for text in ["No new bridge is being built this year", "No new bridge is being built this year at all"] {
            assert_eq!(push(&mut draft, Language::EN, text, false, false), None);
        }
        assert_eq!(draft.take(), ("A new bridge is".to_owned(), "A new bridge is".to_owned()));
        assert_eq!(draft.shown(), "");
    }
}
