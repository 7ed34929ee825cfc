//! What waits for a pipeline that is behind: bounded queues between a room, which must not block, and a channel that is full.
//!
//! Pure. A lane's backlog refuses text past its bound, utterance by utterance, and keeps the promise that a begun utterance gets its
//! `last`. A speaker's backlog holds control only and merges what a newer message replaces.

use std::{collections::VecDeque, mem::discriminant};

use crate::{
    ids::UtteranceId,
    pipeline::event::{LaneInput, LaneText, SpeakerInput},
};

/// Pieces of text that may wait for one lane. At a piece per second of speech this is half a minute behind: what would be spoken
/// later than that is no interpretation any more.
const LANE_TEXTS: usize = 32;

/// What waits for one lane, in order.
#[derive(Debug, Default)]
pub struct LaneBacklog {
    queue: VecDeque<LaneInput>,
    texts: usize,
    /// The utterance that last entered whole so far, and is not complete.
    begun: Option<UtteranceId>,
    /// The utterance whose rest is refused.
    refused: Option<UtteranceId>,
}

/// Text was refused: the utterance is not interpreted from here on. Reported once per utterance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub UtteranceId);

impl LaneBacklog {
    /// Queues `input`; voice and finish always fit.
    ///
    /// # Errors
    /// [`Refused`] at the first piece of an utterance that does not fit; its further pieces are left out silently.
    pub fn push(&mut self, input: LaneInput) -> Result<(), Refused> {
        match &input {
            LaneInput::Text(text) => {
                let LaneText { utterance, from, last, .. } = *text;
                if self.refused == Some(utterance) || text.is_pending_only() && !self.queue.is_empty() {
                    // A lane that is behind does not get ready for what may come.
                    return Ok(());
                }
                if self.texts >= LANE_TEXTS {
                    self.refused = Some(utterance);
                    if self.begun == Some(utterance) {
                        // One place past the bound, at most: nothing begins again before the queue is shorter.
                        self.queue.push_back(LaneInput::Text(LaneText::end(utterance, from, None)));
                        self.texts += 1;
                        self.begun = None;
                    }
                    return Err(Refused(utterance));
                }
                self.begun = (!last).then_some(utterance);
                self.texts += 1;
                self.queue.push_back(input);
            }
            LaneInput::Voice(_) => {
                if matches!(self.queue.back(), Some(LaneInput::Voice(_))) {
                    self.queue.pop_back();
                }
                self.queue.push_back(input);
            }
            LaneInput::Finish => self.queue.push_back(input),
        }
        Ok(())
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<LaneInput> {
        let input = self.queue.pop_front()?;
        if matches!(input, LaneInput::Text(_)) {
            self.texts -= 1;
        }
        Some(input)
    }

    /// Puts back what [`LaneBacklog::pop`] gave and the channel did not take.
    pub fn unpop(&mut self, input: LaneInput) {
        if matches!(input, LaneInput::Text(_)) {
            self.texts += 1;
        }
        self.queue.push_front(input);
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

/// Control that waits for one speaker's pipeline, in order; a newer message of a kind replaces the waiting one, so at most one of
/// each of the four kinds waits. (A press and release of push-to-talk while it waits is a release.)
#[derive(Debug, Default)]
pub struct SpeakerBacklog(VecDeque<SpeakerInput>);

impl SpeakerBacklog {
    /// Queues `input`.
    pub fn push(&mut self, input: SpeakerInput) {
        self.0.retain(|waiting| discriminant(waiting) != discriminant(&input));
        self.0.push_back(input);
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<SpeakerInput> {
        self.0.pop_front()
    }

    /// Puts back what [`SpeakerBacklog::pop`] gave and the channel did not take.
    pub fn unpop(&mut self, input: SpeakerInput) {
        self.0.push_front(input);
    }

    /// True when nothing waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Language, Spoken, Voice};

    fn text(utterance: u64, last: bool) -> LaneInput {
        let text = if last { "" } else { "word" };
        LaneInput::Text(LaneText { last, ..LaneText::new(UtteranceId(utterance), Language::ZH, text.into()) })
    }

    fn drained(backlog: &mut LaneBacklog) -> Vec<LaneInput> {
        std::iter::from_fn(|| backlog.pop()).collect()
    }

    #[test]
    fn a_begun_utterance_that_overflows_is_ended_and_refused_once() {
        let mut backlog = LaneBacklog::default();
        for _ in 0..LANE_TEXTS {
            assert_eq!(backlog.push(text(1, false)), Ok(()));
        }
        assert_eq!(backlog.push(text(1, false)), Err(Refused(UtteranceId(1))));
        assert_eq!(backlog.push(text(1, false)), Ok(()), "told once");
        assert_eq!(backlog.push(text(1, true)), Ok(()), "it was ended already");
        assert_eq!(backlog.push(text(2, false)), Err(Refused(UtteranceId(2))));
        let got = drained(&mut backlog);
        assert_eq!(got.len(), LANE_TEXTS + 1);
        assert_eq!(got.last(), Some(&text(1, true)));
        assert_eq!(backlog.push(text(3, false)), Ok(()), "the next utterance works");
    }

    #[test]
    fn what_is_only_pending_takes_no_place() {
        let pending = |utterance, pending: &str| {
            let nothing = LaneText::new(UtteranceId(utterance), Language::ZH, "".into());
            LaneInput::Text(LaneText { pending: pending.into(), ..nothing })
        };
        let mut backlog = LaneBacklog::default();
        assert_eq!(backlog.push(pending(1, "may be")), Ok(()));
        assert_eq!(backlog.push(text(1, false)), Ok(()));
        for _ in 0..2 * LANE_TEXTS {
            assert_eq!(backlog.push(pending(1, "may be said")), Ok(()));
        }
        assert_eq!(drained(&mut backlog), [pending(1, "may be"), text(1, false)]);
    }

    #[test]
    fn an_utterance_refused_from_the_start_leaves_no_trace() {
        let mut backlog = LaneBacklog::default();
        for n in 0..LANE_TEXTS as u64 {
            assert_eq!(backlog.push(text(n, true)), Ok(()));
        }
        assert_eq!(backlog.push(text(100, false)), Err(Refused(UtteranceId(100))));
        assert_eq!(backlog.push(LaneInput::Finish), Ok(()), "finish always fits");
        let got = drained(&mut backlog);
        assert_eq!((got.len(), got.last()), (LANE_TEXTS + 1, Some(&LaneInput::Finish)));
    }

    #[test]
    fn newer_control_replaces_older() {
        let mut backlog = SpeakerBacklog::default();
        for n in 0..100 {
            backlog.push(SpeakerInput::Floor(Some(n % 2 == 0)));
            backlog.push(SpeakerInput::Language(Spoken::Auto));
        }
        assert_eq!(backlog.pop(), Some(SpeakerInput::Floor(Some(false))));
        assert_eq!(backlog.pop(), Some(SpeakerInput::Language(Spoken::Auto)));
        assert!(backlog.is_empty());
        let mut backlog = LaneBacklog::default();
        assert_eq!(backlog.push(LaneInput::Voice(Voice::Male)), Ok(()));
        assert_eq!(backlog.push(LaneInput::Voice(Voice::Female)), Ok(()));
        assert_eq!(drained(&mut backlog), [LaneInput::Voice(Voice::Female)]);
    }
}
