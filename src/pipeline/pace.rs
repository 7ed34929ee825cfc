//! How fast to speak (pure): a listener who has more to hear than he should hears it a little faster, never less of it.
//!
//! Languages take different times to say the same, and an interpretation begins late: whoever talks without a pause would leave his
//! listener further behind with every sentence. A [`super::lane`] says what is to be spoken, its [`super::synthesis`] what it handed to the
//! player and when.

use std::time::Duration;

use crate::time::Millis;

/// Speech that may wait to be heard without hurry: one clause is computed ahead of the one that is heard.
const AT_EASE: Duration = Duration::from_millis(500);

/// With so much waiting it is spoken as fast as it can be understood: whoever speaks next is heard when all of it is over.
const HURRIED: Duration = Duration::from_millis(2500);

/// The same in the middle of an interpretation.
const HURRIED_BRISK: Duration = Duration::from_millis(1500);

/// Who has so much to hear is served better by whole sentences than by what comes a little sooner.
const BEHIND: Duration = Duration::from_secs(3);

/// Heard so long after it was said, an interpretation belongs to another sentence of the speaker...
const FAR_BEHIND: Duration = Duration::from_secs(10);

/// ...and this is as good as any.
const CAUGHT_UP: Duration = Duration::from_secs(5);

/// How long a clause is whose speech is not there yet, roughly.
const CLAUSE: Duration = Duration::from_millis(1500);

/// A quarter faster is as fast as people who are in a hurry speak; more costs words.
const FASTEST: f32 = 1.25;

/// Behind the first words: what is over sooner leaves room for what will be said next.
const BRISK: f32 = 1.1;

/// In how much haste something is said, whatever waits to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// At the voice's own pace.
    None,
    /// A little faster: see [`BRISK`].
    Brisk,
    /// As fast as it is understood: more is being said already.
    Hurried,
}

/// What a listener still has to hear.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When all that was handed to the player will have been heard.
    heard: Millis,
    /// Clauses that are to be spoken and were not handed to the player yet.
    unspoken: u32,
    /// He was found to be far behind and has not caught up.
    late: bool,
}

impl Pace {
    /// A clause is to be spoken.
    pub(super) fn asked(&mut self) {
        self.unspoken += 1;
    }

    /// One that was to be is spoken, or cannot be.
    pub(super) fn spoken(&mut self) {
        self.unspoken = self.unspoken.saturating_sub(1);
    }

    /// `length` of speech was handed to the player, `now`.
    pub(super) fn enqueued(&mut self, now: Millis, length: Duration) {
        self.heard = self.heard.max(now) + length;
    }

    /// Speech that waits to be heard.
    fn waiting(&self, now: Millis) -> Duration {
        self.heard.since(now)
    }

    /// True when he hears nothing.
    pub(super) fn is_silent(&self, now: Millis) -> bool {
        self.waiting(now).is_zero()
    }

    /// True when he will hear nothing soon: what comes first should come in small pieces.
    pub(super) fn is_short(&self, now: Millis) -> bool {
        self.unspoken == 0 && self.waiting(now) <= AT_EASE
    }

    /// True when the listener has more to hear than he should.
    pub(super) fn is_behind(&self, now: Millis) -> bool {
        self.waiting(now) + CLAUSE * self.unspoken > BEHIND
    }

    /// What was said until `speech_end` is about to be handed over: gives how much later it will be heard, when that is so much that the
    /// speaker should know; once, until it was little again.
    pub(super) fn late(&mut self, now: Millis, speech_end: Millis) -> Option<Duration> {
        let lag = now.since(speech_end) + self.waiting(now);
        let is_news = lag >= FAR_BEHIND && !self.late;
        self.late = lag >= if self.late { CAUGHT_UP } else { FAR_BEHIND };
        is_news.then_some(lag)
    }

    /// How fast to say what comes next, 1.0 being the voice's own pace: faster the more waits, and with such `haste` at least.
    pub(super) fn speed(&self, now: Millis, haste: Haste) -> f32 {
        let (least, hurried) = match haste {
            Haste::None => (1.0, HURRIED),
            Haste::Brisk => (BRISK, HURRIED_BRISK),
            Haste::Hurried => return FASTEST,
        };
        let late = self.waiting(now).saturating_sub(AT_EASE).as_secs_f32() / (hurried - AT_EASE).as_secs_f32();
        (1.0 + (FASTEST - 1.0) * late.min(1.0)).max(least)
    }
}

/// The silence behind what is said at `speed`, where it is `usual` at a voice's own pace: who is in a hurry saves at pauses before he
/// saves at words, up to a half.
pub(super) fn pause(usual: Duration, speed: f32) -> Duration {
    let hurry = (speed - 1.0) / (FASTEST - 1.0);
    usual.mul_f32(1.0 - hurry.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hurries_makes_shorter_pauses() {
        let usual = Duration::from_millis(200);
        let of = |speed| pause(usual, speed).as_millis();
        assert_eq!([0.9, 1.0, 1.125, FASTEST, 2.0].map(of), [200, 200, 150, 100, 100]);
    }

    #[test]
    fn who_is_behind_hears_it_faster_and_catches_up() {
        let at = |s: u64| Millis(1_000 * s);
        let start = at(0);
        let mut pace = Pace::default();
        assert_eq!((pace.speed(start, Haste::None), pace.is_behind(start)), (1.0, false));
        assert_eq!(pace.speed(start, Haste::Brisk), BRISK, "more is coming");
        assert_eq!(pace.speed(start, Haste::Hurried), FASTEST, "more is being said already");
        pace.enqueued(start, Duration::from_millis(500));
        assert_eq!((pace.speed(start, Haste::None), pace.is_behind(start)), (1.0, false));
        pace.enqueued(start, Duration::from_secs(1));
        assert_eq!((pace.speed(start, Haste::None), pace.is_behind(start)), (1.125, false));
        assert_eq!(pace.speed(start, Haste::Brisk), FASTEST, "and more is coming");
        pace.enqueued(start, Duration::from_millis(3500));
        assert_eq!((pace.speed(start, Haste::None), pace.is_behind(start)), (FASTEST, true));
        pace.enqueued(start, Duration::from_secs(60));
        assert_eq!(pace.speed(start, Haste::None), FASTEST);
        assert_eq!(
            (pace.speed(at(64), Haste::None), pace.speed(at(65), Haste::None), pace.speed(at(1_000), Haste::None)),
            (1.0 + 0.25 / 4.0, 1.0, 1.0)
        );
        assert_eq!((pace.late(start, start), pace.late(at(61), at(60))), (Some(Duration::from_secs(65)), None));
        assert_eq!(pace.late(at(100), at(99)), None, "he has caught up");
        assert!(pace.late(at(200), at(100)).is_some());
        pace.enqueued(at(1_000), Duration::from_secs(1));
        assert!(!pace.is_behind(at(1_000)), "silence is not saved up");
        assert_eq!((pace.is_silent(at(1_000)), pace.is_silent(at(1_001))), (false, true));
    }

    #[test]
    fn clauses_whose_speech_is_not_there_yet_count_too() {
        let (mut pace, now) = (Pace::default(), Millis(0));
        assert!(pace.is_short(now));
        pace.asked();
        assert!(!pace.is_behind(now));
        assert!(pace.is_silent(now) && !pace.is_short(now));
        pace.asked();
        pace.asked();
        assert_eq!((pace.speed(now, Haste::None), pace.is_behind(now)), (1.0, true), "nobody hears them yet");
        pace.spoken();
        assert!(!pace.is_behind(now));
    }
}
