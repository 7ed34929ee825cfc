//! Tells a client that is silent from one whose connection is broken, when its packets stop without an announcement.
//!
//! Pure; part of the session's state, which owns one and feeds it. The pipeline cannot know the difference: it would cut a sentence in
//! the middle of a word for a lift, or let a listener wait for 15 s. The session can ask: an answer to a ping comes after every packet
//! sent before it.

use std::time::Duration;

use crate::time::Millis;

/// Packets come every 20 ms; a network that holds them back for this long is asked after.
const ASK_AFTER: Duration = Duration::from_millis(600);

/// Silence is believed after this long: the client's own delays (a busy page) are shorter, pauses between sentences longer.
const QUIET_AFTER: Duration = Duration::from_secs(1);

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for a sign of life.
    Ask,
    /// The client is there and sends nothing.
    Quiet,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct GapWatch(Option<Gap>);

#[derive(Debug)]
struct Gap {
    last_packet: Millis,
    asked: bool,
    answered: bool,
}

impl GapWatch {
    /// A packet came; `more` when the client announced no silence after it.
    pub(super) fn on_packet(&mut self, now: Millis, more: bool) {
        self.0 = more.then_some(Gap { last_packet: now, asked: false, answered: false });
    }

    /// Anything else came.
    pub(super) fn on_sign_of_life(&mut self) {
        if let Some(gap) = &mut self.0 {
            gap.answered |= gap.asked;
        }
    }

    /// When to ask for the next step; `None` when only the client can change something.
    pub(super) fn poll_timeout(&self) -> Option<Millis> {
        match self.0.as_ref()? {
            Gap { last_packet, asked: false, .. } => Some(*last_packet + ASK_AFTER),
            Gap { last_packet, answered: true, .. } => Some(*last_packet + QUIET_AFTER),
            _ => None,
        }
    }

    /// What is due.
    pub(super) fn step(&mut self, now: Millis) -> Option<Step> {
        if self.poll_timeout().is_none_or(|at| now < at) {
            return None;
        }
        let gap = self.0.as_mut()?;
        if gap.asked {
            self.0 = None;
            return Some(Step::Quiet);
        }
        gap.asked = true;
        Some(Step::Ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_silent_and_who_does_not_is_waited_for() {
        let mut gap = GapWatch::default();
        assert_eq!(gap.poll_timeout(), None);
        gap.on_packet(Millis(1000), true);
        gap.on_sign_of_life();
        assert_eq!(gap.poll_timeout(), Some(Millis(1600)), "life before the question proves nothing");
        assert_eq!(gap.step(Millis(1599)), None);
        assert_eq!(gap.step(Millis(1600)), Some(Step::Ask));
        assert_eq!((gap.poll_timeout(), gap.step(Millis(9000))), (None, None), "no answer, no silence");
        gap.on_sign_of_life();
        assert_eq!(gap.step(Millis(9000)), Some(Step::Quiet));
        assert_eq!((gap.poll_timeout(), gap.step(Millis(9999))), (None, None), "told once");
    }

    #[test]
    fn packets_and_announced_silence_end_the_watch() {
        let mut gap = GapWatch::default();
        gap.on_packet(Millis(0), true);
        assert_eq!(gap.step(Millis(600)), Some(Step::Ask));
        gap.on_packet(Millis(700), true);
        gap.on_sign_of_life();
        assert_eq!(gap.step(Millis(1200)), None, "the answer was to another question");
        assert_eq!(gap.step(Millis(1300)), Some(Step::Ask));
        gap.on_sign_of_life();
        assert_eq!(gap.step(Millis(1699)), None);
        assert_eq!(gap.step(Millis(1700)), Some(Step::Quiet));
        gap.on_packet(Millis(2000), false);
        assert_eq!(gap.poll_timeout(), None);
    }
}
