//! The interpretation of one utterance (pure): what was heard of it, and how far its interpretation has come.
//!
//! A [`super::lane`] asks it what there is to translate and tells it what came of that; it says which words a caption or a clause stands
//! for, and what it begins with.

use std::time::Duration;

use super::{
    agreement::agreed,
    amounts::{self, Doubts},
    draft::{self, Draft, Drafted},
    event::{LaneEvent, LaneText, StageTimes, Stretch},
    pace::Haste,
    segments::{Patience, Segments},
    synthesis::Clause,
};
use crate::{ids::UtteranceId, language::Language, mt::prompt, privacy::Redacted, time::Millis, trade::guard::Guard};

/// So many segments of an utterance are left of its history when there are more than the translator is shown. It remembers those that it
/// has just read, but without the first of them it reads all the others again.
const HISTORY_LEFT: usize = 1;

/// The first words of an utterance come so soon after the last of the one before when somebody says one sentence after the other.
const FLOWS: Duration = Duration::from_secs(4);

/// See the module.
pub(super) struct Interpretation {
    pub(super) utterance: UtteranceId,
    pub(super) from: Language,
    into: Language,
    heard: Heard,
    /// The words of the segment that was interpreted last, or is being.
    source: Stretch,
    /// The words that what is said now stands for: a segment may end before what its translation was begun with.
    saying: Stretch,
    /// The translation of what was before that segment.
    target: Stretch,
    /// What the translation of the segment that is not complete begins with.
    draft: Draft,
    /// What was shown and is said with what follows.
    unsaid: String,
    /// The segments before, as the translator was asked, and their translations.
    history: Vec<(Redacted, Redacted)>,
    /// What stands between the last segment's translation and the next one's.
    lead: &'static str,
    /// Some of it was handed over to be spoken.
    is_spoken: bool,
    /// It followed another one soon: so will the next.
    flows: bool,
    /// Since when he waits for something new: its first words came, committed or not, or more of its interpretation was shown.
    waits_since: Millis,
}

/// What was heard of an utterance.
struct Heard {
    segments: Segments,
    /// What the recogniser heard behind them and may change.
    pending: Redacted,
    /// Its first words were committed, or heard twice.
    is_certain: bool,
    /// What of its words was not heard well.
    doubts: Doubts,
    speech_end: Option<Millis>,
}

impl Heard {
    /// What is there of the segment that is not complete: committed words and those of the others that are worth translating.
    fn open(&self) -> String {
        format!("{}{}", self.segments.open(), draft::settled(self.pending.expose())).trim().to_owned()
    }
}

impl Interpretation {
    /// That of `utterance`, whose first words are there now (`began`), `into` a language. The last word of the utterance before, if there
    /// was one, was said at `last_word`.
    pub(super) fn new(utterance: UtteranceId, from: Language, into: Language, began: Millis, last_word: Option<Millis>) -> Self {
        let heard = Heard {
            segments: Segments::default(),
            pending: Redacted::default(),
            is_certain: false,
            doubts: Doubts::default(),
            speech_end: None,
        };
        Self {
            utterance,
            from,
            into,
            heard,
            source: Stretch::default(),
            saying: Stretch::default(),
            target: Stretch::default(),
            draft: Draft::default(),
            unsaid: String::new(),
            history: Vec::new(),
            lead: "",
            is_spoken: false,
            flows: last_word.is_some_and(|at| began.since(at) <= FLOWS),
            waits_since: began,
        }
    }

    /// Takes the next words.
    pub(super) fn hear(&mut self, text: LaneText) {
        let LaneText { text, pending, speech_end, doubtful, .. } = text;
        let heard = &mut self.heard;
        let before = (!heard.is_certain).then(|| heard.open());
        heard.segments.push(text.expose());
        heard.pending = pending;
        if let Some(before) = before {
            heard.is_certain = !text.is_blank() || agreed(self.from, &before, &heard.open()) > 0;
        }
        heard.doubts.push(text.expose(), &doubtful);
        heard.speech_end = speech_end.or(heard.speech_end);
    }

    /// What is there of the segment that is not complete: committed words and those of the others that are worth translating.
    pub(super) fn open(&self) -> String {
        self.heard.open()
    }

    /// Of that the committed words.
    pub(super) fn committed(&self) -> &str {
        self.heard.segments.open()
    }

    /// When the last of the words that are known was over.
    pub(super) fn speech_end(&self) -> Option<Millis> {
        self.heard.speech_end
    }

    /// True when no words are there but such as are not committed, and none of them was interpreted.
    pub(super) fn is_empty(&self) -> bool {
        self.source.to == 0 && self.committed().is_empty() && self.draft.shown().is_empty()
    }

    /// True when no segment of it was translated.
    pub(super) fn is_new(&self) -> bool {
        self.history.is_empty()
    }

    /// True when nothing of it was interpreted.
    fn is_unheard(&self) -> bool {
        self.is_new() && self.draft.shown().is_empty()
    }

    /// True when words of it are certain and, by `now`, nothing new of its interpretation was shown for too long.
    pub(super) fn is_overdue(&self, now: Millis) -> bool {
        self.heard.is_certain && now.since(self.waits_since) >= Patience::of(self.from).budget
    }

    /// The segments before, as the translator was asked, and their translations.
    pub(super) fn history(&self) -> &[(Redacted, Redacted)] {
        &self.history
    }

    /// The translation of the segment that is not complete, as far as it was begun.
    pub(super) fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Takes a draft of the translation of what is [`Self::open`]: gives what is to be shown now, if anything, and what of it and of what
    /// was shown before is to be said.
    pub(super) fn push_draft(&mut self, drafted: Drafted<'_>) -> Option<(String, Option<String>)> {
        // Who has heard nothing of it waits for anything.
        let sure = if self.is_unheard() { drafted.text.len() } else { drafted.sure };
        let drafted = Drafted { sure, ..drafted };
        let shown = self.draft.push(self.into, drafted)?;
        // It stands for the words that are there, and so will the rest of the translation.
        self.heard.segments.begin();
        self.say(self.source.followed_by(&self.heard.open()));
        Some((shown, self.draft.say(self.into)))
    }

    /// The next segment that is complete, if there is one. `behind`: see [`Segments::next`].
    pub(super) fn next_segment(&mut self, patience: Patience, behind: bool) -> Option<Redacted> {
        let segment = self.heard.segments.next(self.from, patience, behind);
        self.begin_segment(segment)
    }

    /// What is left, complete or not.
    pub(super) fn last_segment(&mut self) -> Option<Redacted> {
        let segment = self.heard.segments.finish();
        self.begin_segment(segment)
    }

    fn begin_segment(&mut self, segment: Option<String>) -> Option<Redacted> {
        let segment = segment?;
        self.source = self.source.followed_by(&segment);
        self.say(self.source);
        Some(segment.into())
    }

    /// What is said from now on stands for the words from `from` to `to`, or to where it had come before.
    fn say(&mut self, Stretch { from, to }: Stretch) {
        self.saying = Stretch { from, to: to.max(self.saying.to) };
    }

    /// The segment is complete: its translation goes on behind what was shown of its drafts, and probably as the last of them did. Gives
    /// both. What was shown and not said is said with what follows.
    pub(super) fn take_begun(&mut self) -> (String, String) {
        let guess = self.draft.latest().to_owned();
        let (begun, unsaid) = self.draft.take();
        self.unsaid = unsaid;
        (begun, guess)
    }

    /// The segment was translated: what the translator was asked and what came of it.
    pub(super) fn end_segment(&mut self, asked: Redacted, translation: Redacted) {
        self.lead = if self.into.is_unspaced() { "" } else { " " };
        self.history.push((asked, translation));
        if self.history.len() > prompt::HISTORY {
            self.history.drain(..self.history.len() - HISTORY_LEFT);
        }
    }

    /// What is shown next does not go on behind what was shown.
    pub(super) fn show_anew(&mut self) {
        self.lead = "… ";
    }

    /// The translation does not go on behind what was said of it: all of it follows, nothing is lost or taken back.
    pub(super) fn say_anew(&mut self) {
        self.show_anew();
        self.unsaid.clear();
    }

    /// What was shown and waits to be said, when nothing follows that it could be said with.
    pub(super) fn take_unsaid(&mut self) -> Option<String> {
        let (_, drafted) = self.draft.take();
        let unsaid = std::mem::take(&mut self.unsaid) + &drafted;
        (!unsaid.is_empty()).then_some(unsaid)
    }

    /// Captions a piece of the translation `now`, the `last` one or not.
    pub(super) fn caption(&mut self, text: &str, last: bool, now: Millis, times: StageTimes) -> LaneEvent {
        self.waits_since = now;
        let lead = if text.is_empty() { "" } else { std::mem::take(&mut self.lead) };
        let committed = format!("{lead}{text}").into();
        LaneEvent::Translated { utterance: self.utterance, source: self.saying, committed, last, times }
    }

    /// A clause of the translation, and what waits to be said before it, to be spoken. It `may_hurry` when its segment is complete, so
    /// that it comes a second after its words and the next ones are being said, and has no amount, which nobody should mishear.
    pub(super) fn clause(&mut self, text: &str, may_hurry: bool) -> Clause {
        let is_first = !std::mem::replace(&mut self.is_spoken, true);
        let haste = match (self.flows, may_hurry) {
            (true, true) => Haste::Hurried,
            // The first words in a while, alone in the silence, are hard enough to understand.
            (false, _) if is_first => Haste::None,
            // It began later than what it interprets and should be over with it.
            _ => Haste::Brisk,
        };
        let text = (std::mem::take(&mut self.unsaid) + text).into();
        Clause { utterance: self.utterance, source: self.saying, text, haste, speech_end: self.heard.speech_end }
    }

    /// Which amounts were said in `segment`, the last one that was taken, and whether its translation keeps them; none if there is
    /// nothing to say.
    pub(super) fn amounts(&mut self, guard: &Guard, segment: &str, settled: &amounts::Settled) -> Option<LaneEvent> {
        let amounts = amounts::said(guard, segment, self.source, settled, self.target, &self.heard.doubts);
        self.target = Stretch { from: self.target.to, to: self.target.to }.followed_by(settled.text.expose());
        let is_news = !amounts.is_empty() || !settled.verified;
        is_news.then_some(LaneEvent::Amounts { utterance: self.utterance, amounts, verified: settled.verified })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::UtteranceId, trade::Context};

    const BEGAN: Millis = Millis(10_000);

    fn interpretation(last_word: Option<Millis>) -> Interpretation {
        Interpretation::new(UtteranceId(1), Language::ZH, Language::EN, BEGAN, last_word)
    }

    fn hear(current: &mut Interpretation, committed: &str, pending: &str) {
        let text = LaneText::new(UtteranceId(1), Language::ZH, committed.to_owned().into());
        current.hear(LaneText { pending: pending.to_owned().into(), ..text });
    }

    fn push_draft(current: &mut Interpretation, text: &str) -> Option<(String, Option<String>)> {
        let guard = Guard::new(current.committed(), Language::ZH, Language::EN, &Context::default());
        current.push_draft(Drafted { text, sure: text.len(), complete: false, overdue: false, guard: &guard })
    }

    fn caption(current: &mut Interpretation, text: &str) -> (String, Stretch) {
        match current.caption(text, false, BEGAN, StageTimes::default()) {
            LaneEvent::Translated { committed, source, .. } => (committed.into_inner(), source),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn captions_stand_for_their_segments_and_go_on_behind_one_another() {
        let mut current = interpretation(None);
        hear(&mut current, "花园开了。办公室也", "");
        let segment = current.next_segment(Patience::SENTENCES, false);
        assert_eq!(segment.map(Redacted::into_inner).as_deref(), Some("花园开了。"));
        assert_eq!(caption(&mut current, "The garden is open."), ("The garden is open.".to_owned(), Stretch { from: 0, to: 5 }));
        current.end_segment("花园开了。".to_owned().into(), "The garden is open.".to_owned().into());
        assert!(current.next_segment(Patience::SENTENCES, false).is_none());
        hear(&mut current, "开了", "");
        assert!(current.last_segment().is_some());
        assert_eq!(caption(&mut current, "").0, "", "the space waits for words");
        assert_eq!(caption(&mut current, "So is"), (" So is".to_owned(), Stretch { from: 5, to: 11 }));
        current.show_anew();
        assert_eq!(caption(&mut current, "The office").0, "… The office");
    }

    #[test]
    fn words_are_overdue_when_they_are_certain_and_nothing_new_was_shown_for_long() {
        let budget = Patience::of(Language::ZH).budget;
        let late = BEGAN + budget;
        let mut current = interpretation(None);
        hear(&mut current, "", "花园开");
        assert!(current.is_empty() && !current.is_overdue(late), "heard once");
        hear(&mut current, "", "花园开了。");
        assert!(current.is_overdue(late) && !current.is_overdue(BEGAN));
        assert_eq!((current.open().as_str(), current.committed()), ("花园开了", ""));
        assert_eq!(push_draft(&mut current, "The garden is"), None);
        let (shown, _) = push_draft(&mut current, "The garden is open").unwrap();
        assert!(!current.is_empty());
        current.caption(&shown, false, late, StageTimes::default());
        assert!(!current.is_overdue(late) && current.is_overdue(late + budget));
    }

    #[test]
    fn what_was_shown_of_a_draft_is_said_with_the_rest_of_its_segment() {
        let mut current = interpretation(None);
        hear(&mut current, "花园", "开了，我们");
        push_draft(&mut current, "The garden is");
        let (shown, said) = push_draft(&mut current, "The garden is open").unwrap();
        assert_eq!((shown.as_str(), said.as_deref()), ("The garden is", Some("The garden is")));
        let clause = current.clause(&said.unwrap(), false);
        assert_eq!((clause.text.expose(), clause.source), ("The garden is", Stretch { from: 0, to: 7 }));
        assert!(push_draft(&mut current, "The garden is open, we").is_some_and(|(_, said)| said.is_none()));
        hear(&mut current, "开了，", "");
        assert!(current.last_segment().is_some());
        let (begun, guess) = current.take_begun();
        assert_eq!((begun.as_str(), guess.as_str()), ("The garden is open", "The garden is open, we"));
        assert!(!current.unsaid.is_empty());
        let clause = current.clause(", we will see.", true);
        assert_eq!(clause.text.expose(), " open, we will see.");
        assert_eq!(clause.source, Stretch { from: 0, to: 7 }, "what it was begun with counts");
        assert!(current.unsaid.is_empty());
    }

    #[test]
    fn only_the_first_words_in_a_while_are_spoken_at_their_own_pace() {
        let haste = |mut current: Interpretation| {
            [("The garden", false), (" is open", false), (" today.", true)]
                .map(|(text, may_hurry)| current.clause(text, may_hurry).haste)
        };
        for last_word in [None, Some(Millis(BEGAN.0 - 8_000))] {
            assert_eq!(haste(interpretation(last_word)), [Haste::None, Haste::Brisk, Haste::Brisk]);
        }
        let flows = interpretation(Some(Millis(BEGAN.0 - 1_000)));
        assert_eq!(haste(flows), [Haste::Brisk, Haste::Brisk, Haste::Hurried]);
    }

    #[test]
    fn the_translator_is_shown_the_last_segments_only() {
        let mut current = interpretation(None);
        for _ in 0..=prompt::HISTORY {
            assert!(current.history().len() <= prompt::HISTORY);
            current.end_segment("开了。".to_owned().into(), "Open.".to_owned().into());
        }
        assert_eq!(current.history().len(), HISTORY_LEFT);
        assert!(!current.is_new());
    }
}
