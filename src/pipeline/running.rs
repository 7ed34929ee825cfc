//! A translation while it is written (pure): what of it was shown, what was spoken, and what may be next.
//!
//! Captions grow by the word ([`draft::ready`]), speech by the clause ([`ClauseSplitter`]); both wait for amounts until they are known to be
//! right ([`Release`]). In the end the whole translation goes on behind what was shown and spoken, or, if another try came to other
//! words, begins anew: nothing is taken back, nothing is lost. Called by [`super::lane`] for each segment.

use super::draft;
use crate::{
    language::Language,
    trade::guard::{Guard, Release},
    tts::clauses::{self, ClauseSplitter},
};

/// What to do with a piece of the translation. Cannot print itself: it is what people say.
pub(super) enum Next {
    /// Caption it.
    Show(String),
    /// Speak it.
    Speak(String),
}

/// What is left of a complete translation.
pub(super) struct Rest {
    pub(super) follows: Follows,
    pub(super) show: String,
    /// Clauses.
    pub(super) speak: Vec<String>,
}

/// Behind what a [`Rest`] goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// All that was shown.
    Shown,
    /// What was spoken: words that were only shown come again.
    Spoken,
    /// Nothing: it is the whole translation.
    Nothing,
}

/// See the module.
pub(super) struct Running<'g> {
    language: Language,
    guard: &'g Guard,
    splitter: ClauseSplitter,
    release: Release<'g>,
    /// What was written, and how many bytes of it were shown and spoken.
    seen: String,
    shown: usize,
    spoken: usize,
    /// See [`Running::new`].
    eager: bool,
}

impl<'g> Running<'g> {
    /// A translation into `language` that goes on behind what was `begun`, which was shown and spoken. `eager`: the listener has heard
    /// nothing of the utterance, of which more is being said: the first words are worth saying if he hears nothing. `short`, here and
    /// below: he hears nothing soon, clauses are short.
    pub(super) fn new(language: Language, guard: &'g Guard, begun: &str, eager: bool, short: bool) -> Self {
        let splitter = ClauseSplitter::new(language);
        let splitter = if begun.is_empty() || short { splitter } else { splitter.going_on() };
        let release = Release::new(guard, begun);
        Self { language, guard, splitter, release, seen: begun.to_owned(), shown: begun.len(), spoken: begun.len(), eager }
    }

    /// Takes all that is `written` by now.
    pub(super) fn push(&mut self, written: &str, short: bool) -> Vec<Next> {
        // Another try began: nothing more is spoken before it is complete.
        let Some(more) = written.strip_prefix(self.seen.as_str()) else { return Vec::new() };
        let mut out = Vec::new();
        let clauses = self.splitter.push(more);
        self.seen = written.to_owned();
        for clause in clauses {
            self.speak(clause, &mut out);
        }
        // Of the clause that is being written the words are shown, unless it or the one before it waits for its amounts.
        let waits = self.has_amounts() || self.spoken + self.splitter.waiting() != self.seen.len();
        if !waits && let Some(end) = draft::ready(self.language, &self.seen, self.shown) {
            self.show(end, &mut out);
            let beginning = self.seen.get(..end).unwrap_or_default();
            if self.eager && short && self.spoken == 0 && draft::may_begin(self.language, beginning) {
                let beginning = beginning.to_owned();
                self.splitter.skip(end);
                self.speak(beginning, &mut out);
            }
        }
        out
    }

    /// Shows and speaks the next clause and those that waited for it, or lets it wait for its amounts.
    fn speak(&mut self, clause: String, out: &mut Vec<Next>) {
        for clause in self.release.push(clause) {
            self.spoken += clause.len();
            self.show(self.spoken, out);
            out.push(Next::Speak(clause));
        }
    }

    /// Shows what was written up to `end`, if it was not.
    fn show(&mut self, end: usize, out: &mut Vec<Next>) {
        if let Some(text) = self.seen.get(self.shown..end).filter(|text| !text.is_empty()) {
            out.push(Next::Show(text.to_owned()));
            self.shown = end;
        }
    }

    /// True when it has amounts to keep.
    pub(super) fn has_amounts(&self) -> bool {
        self.guard.is_needed()
    }

    /// What was shown.
    pub(super) fn shown(&self) -> &str {
        self.seen.get(..self.shown).unwrap_or_default()
    }

    /// What was written led nowhere.
    pub(super) fn give_up(&mut self) {
        self.seen.clear();
        (self.shown, self.spoken) = (0, 0);
    }

    /// What is left of the complete translation `text`.
    pub(super) fn finish(&self, text: &str, short: bool) -> Rest {
        // A space at the end of what was said may be none in the whole.
        let behind = |said: &str| [said, said.trim_end()].into_iter().find(|said| text.starts_with(said)).map(str::len);
        let spoken = behind(self.seen.get(..self.spoken).unwrap_or_default());
        let (follows, shown, spoken) = match (behind(self.shown()), spoken) {
            (Some(shown), spoken) => (Follows::Shown, shown, spoken.unwrap_or_default()),
            (None, Some(spoken)) if spoken > 0 => (Follows::Spoken, spoken, spoken),
            _ => (Follows::Nothing, 0, 0),
        };
        let rest = |from: usize| text.get(from..).unwrap_or_default();
        let split = if spoken == 0 || short { clauses::split } else { clauses::split_rest };
        Rest { follows, show: rest(shown).to_owned(), speak: split(self.language, rest(spoken)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trade::Context;

    /// Eager, short.
    const WAITS: (bool, bool) = (false, true);
    const EAGER: (bool, bool) = (true, true);
    const HEARS: (bool, bool) = (true, false);

    fn guard(source: &str) -> Guard {
        Guard::new(source, Language::ZH, Language::EN, &Context::default())
    }

    /// What is shown and spoken of `text` when it is written word by word, and the rest.
    fn written(guard: &Guard, begun: &str, text: &str, (eager, short): (bool, bool)) -> (Vec<String>, Vec<String>, Rest) {
        let mut running = Running::new(Language::EN, guard, begun, eager, short);
        let (mut shown, mut spoken) = (Vec::new(), Vec::new());
        for (at, _) in text.match_indices(' ').filter(|(at, _)| *at > begun.len()) {
            for next in running.push(&text[..at], short) {
                match next {
                    Next::Show(text) => shown.push(text),
                    Next::Speak(text) => spoken.push(text),
                }
            }
        }
        assert!(shown.concat().starts_with(&spoken.concat()), "{spoken:?} is spoken, {shown:?} shown");
        assert_eq!(format!("{begun}{}", shown.concat()), running.shown());
        let rest = running.finish(text, short);
        (shown, spoken, rest)
    }

    #[test]
    fn captions_grow_by_the_word_and_speech_by_the_clause() {
        let text = "The old garden behind our house, which everybody likes, is open today.";
        let (shown, spoken, rest) = written(&guard("大家喜欢的老花园今天开放。"), "", text, WAITS);
        assert_eq!(shown[..2], ["The old", " garden"]);
        assert_eq!(spoken, ["The old garden behind our house, "]);
        assert_eq!((rest.follows, rest.speak.concat().as_str()), (Follows::Shown, "which everybody likes, is open today."));
        assert_eq!(shown.concat() + &rest.show, text);
    }

    #[test]
    fn who_waits_in_silence_hears_the_first_words_at_once() {
        let text = "The old garden behind our house is still open to everybody today.";
        let plain = guard("老花园今天开放。");
        assert_eq!(written(&plain, "", text, EAGER).1[0], "The old");
        for (begun, listener) in [("", WAITS), ("", HEARS), ("The old garden", EAGER)] {
            let (_, spoken, rest) = written(&plain, begun, text, listener);
            assert!(spoken.iter().all(|clause| clause.len() > 15), "{spoken:?}");
            assert_eq!(begun.to_owned() + &spoken.concat() + &rest.speak.concat(), text);
        }
    }

    #[test]
    fn amounts_wait_until_they_are_right() {
        let twelve = guard("老花园大家都是十二块，明天开放。");
        let (shown, spoken, rest) = written(&twelve, "", "The old garden is 12 yuan for all, and opens tomorrow.", EAGER);
        assert_eq!((shown.concat().as_str(), spoken.len()), ("The old garden is 12 yuan for all, ", 1));
        assert_eq!(rest.show, "and opens tomorrow.");
        let (shown, spoken, rest) = written(&twelve, "", "The old garden is 2 yuan for all, and opens tomorrow.", EAGER);
        assert!(shown.is_empty() && spoken.is_empty(), "{shown:?}");
        assert_eq!(rest.follows, Follows::Shown);
    }

    #[test]
    fn another_try_goes_on_behind_what_was_spoken_or_begins_anew() {
        let plain = guard("老花园今天开放。");
        let mut running = Running::new(Language::EN, &plain, "", false, true);
        running.push("The old garden behind our house is", true);
        assert!(running.push("Another try", true).is_empty(), "it waits for its end");
        let rest = running.finish("The new park is open.", true);
        assert_eq!((rest.follows, rest.show.as_str()), (Follows::Nothing, "The new park is open."));
        let mut running = Running::new(Language::EN, &plain, "", false, true);
        running.push("Well, the old garden, behind our house", true);
        let rest = running.finish("Well, the old garden, which is open.", true);
        assert_eq!((rest.follows, rest.show.as_str()), (Follows::Spoken, "which is open."));
        running.give_up();
        assert_eq!(running.finish("A new one.", true).show, "A new one.");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_said_twice(text in "([a-z]{1,6}[,.]? ){1,24}[a-z]{1,6}", eager: bool, short: bool) {
            let (shown, spoken, rest) = written(&guard("花园开放。"), "", &text, (eager, short));
            prop_assert_eq!(shown.concat() + &rest.show, text.as_str());
            prop_assert_eq!(spoken.concat() + &rest.speak.concat(), text.as_str());
        }
    }
}
