//! Who really spoke: which utterances of a room's microphones are its own loudspeakers or the person at the other phone.
//!
//! Two phones lie at one stall. Each microphone hears both loudspeakers, which speak its owner's language, and the other person, who
//! does not: text alone proves little, so sound is compared with sound, whatever its language. Every microphone and everything that is
//! played becomes a [`track`] of [`bands`]; an utterance that [`compare`] finds in something played is an echo, one that it finds in
//! another microphone counts where it is louder. Only the part that is explained is taken away: who answers into an echo is heard.
//!
//! Pure: no clock, no task; time is an argument. One [`Acoustics`] per room, shared by its pipelines through [`super::acoustics`].

pub mod bands;
mod claims;
pub mod compare;
mod parts;
mod replay;
pub mod text;
pub mod track;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

use self::{
    bands::{Bands, HOP, SILENCE},
    claims::Claim,
    compare::Heard,
    parts::Parts,
    text::Played,
    track::Track,
};
use crate::{privacy::Redacted, time::Millis};

/// How to tell an echo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EchoOptions {
    /// Whether to look for echoes at all.
    pub enabled: bool,
    /// The longest time from when something should be heard until a microphone brings it back: two ways through the network, the
    /// client's jitter buffer, a room.
    pub playback_delay: Duration,
    /// The most that one microphone's sound may come before or after another's: the difference of their ways through the network.
    pub microphone_delay: Duration,
}

impl Default for EchoOptions {
    fn default() -> Self {
        Self { enabled: true, playback_delay: Duration::from_millis(2_500), microphone_delay: Duration::from_millis(800) }
    }
}

/// Windows remembered per microphone.
const MAX_WINDOWS: usize = 32;

/// Sources per room: microphones, and one loudspeaker for each language of each speaker.
const MAX_SOURCES: usize = 256;

/// Loudspeakers remembered after their end.
const MAX_CLOSED: usize = 8;

/// Names a source in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A participant's microphone.
    Microphone,
    /// An interpretation that is played in the room.
    Playback,
}

/// Why an utterance is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is what was played in the room.
    Playback,
    /// Another microphone heard it better.
    Crosstalk,
    /// It has the words that were played, at the time they were.
    Words,
}

impl Cause {
    /// As metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Playback => "playback",
            Self::Crosstalk => "crosstalk",
            Self::Words => "words",
        }
    }
}

impl From<Kind> for Cause {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Playback => Self::Playback,
            Kind::Microphone => Self::Crosstalk,
        }
    }
}

/// What an utterance is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Somebody said it to this microphone.
    Real,
    /// Only these samples of it are to be recognised, counted from its first one: in order, apart from each other.
    Partly(Vec<Range<usize>>),
    /// All of it comes from a source of this kind.
    Echo(Kind),
}

/// The sounds of one room.
#[derive(Debug)]
pub struct Acoustics {
    options: EchoOptions,
    sources: BTreeMap<SourceId, Source>,
    next: u32,
}

#[derive(Debug)]
struct Source {
    kind: Kind,
    track: Track,
    windows: VecDeque<Window>,
    played: Played,
    /// Nothing more comes from it.
    closed: bool,
}

/// What a microphone's recogniser hears at a time, in samples: an utterance or a part of it, which may still grow. What becomes of one
/// says nothing about the next: behind a sentence there may be an echo without a pause.
#[derive(Debug)]
struct Window {
    from: u64,
    to: Option<u64>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may still turn out to be anything.
    Open,
    /// Its words were sent.
    Kept,
    /// It was an echo.
    Dropped(Kind),
}

impl Acoustics {
    /// A silent room.
    pub fn new(options: EchoOptions) -> Self {
        Self { options, sources: BTreeMap::new(), next: 0 }
    }

    /// A new microphone or loudspeaker.
    pub fn add(&mut self, kind: Kind) -> SourceId {
        let id = SourceId(self.next);
        self.next = self.next.wrapping_add(1);
        // Times of packets from a microphone jitter; those of what is played are the server's own.
        let jitter = Duration::from_millis(if kind == Kind::Microphone { 250 } else { 40 });
        let source =
            Source { kind, track: Track::new(jitter), windows: VecDeque::new(), played: Played::default(), closed: false };
        self.sources.insert(id, source);
        if self.sources.len() > MAX_SOURCES {
            // Without its microphone a person would not be heard at all; without an old loudspeaker he may be heard twice.
            let oldest = self.sources.iter().find(|(_, s)| s.kind == Kind::Playback).map(|(id, _)| *id);
            if let Some(oldest) = oldest {
                self.sources.remove(&oldest);
            }
        }
        id
    }

    /// A source is gone. What a loudspeaker played may still be on its way to a microphone, so the last few are remembered.
    pub fn remove(&mut self, id: SourceId) {
        match self.sources.get_mut(&id) {
            Some(source) if source.kind == Kind::Playback => source.closed = true,
            _ => drop(self.sources.remove(&id)),
        }
        let closed: Vec<SourceId> = self.sources.iter().filter(|(_, s)| s.closed).map(|(id, _)| *id).collect();
        for id in closed.iter().rev().skip(MAX_CLOSED) {
            self.sources.remove(id);
        }
    }

    /// Takes 16 kHz samples of which the last was heard, or is to be heard, at `end`.
    pub fn hear(&mut self, id: SourceId, samples: &[f32], end: Millis) {
        if let Some(source) = self.sources.get_mut(&id).filter(|_| self.options.enabled) {
            source.track.push(samples, end);
        }
    }

    /// `text` is what a loudspeaker says from `begin` on.
    pub fn says(&mut self, id: SourceId, text: Redacted, begin: Millis, lasts: Duration) {
        if let Some(source) = self.sources.get_mut(&id).filter(|_| self.options.enabled) {
            source.played.push(text, signed(begin), signed(begin + lasts));
        }
    }

    /// A microphone's window begins at its sample `from`.
    pub fn began(&mut self, mic: SourceId, from: u64) {
        self.set(mic, from, None, State::Open);
    }

    /// Judges a microphone's window, or what there is of it: its samples `range`.
    pub fn judge(&mut self, mic: SourceId, range: Range<u64>) -> Verdict {
        let verdict = self.verdict(mic, range.clone());
        let state = match verdict {
            Verdict::Echo(kind) => State::Dropped(kind),
            Verdict::Real | Verdict::Partly(_) if self.state(mic, range.start) == Some(State::Kept) => State::Kept,
            Verdict::Real | Verdict::Partly(_) => State::Open,
        };
        self.set(mic, range.start, Some(range.end), state);
        verdict
    }

    /// The last word on a window, now that `text` was recognised in its samples `range` and sound that was late has come: why it is
    /// not to be passed on, if it is not.
    pub fn settle(&mut self, mic: SourceId, range: Range<u64>, text: &str) -> Option<Cause> {
        let cause = match self.state(mic, range.start) {
            // The recogniser was not asked, so there are no words whatever is found now.
            Some(State::Dropped(kind)) => Some(kind.into()),
            _ => match self.judge(mic, range.clone()) {
                Verdict::Echo(kind) => Some(kind.into()),
                Verdict::Real | Verdict::Partly(_) => self.repeats(mic, &range, text).then_some(Cause::Words),
            },
        };
        let state = match cause {
            Some(Cause::Crosstalk) => State::Dropped(Kind::Microphone),
            Some(Cause::Playback | Cause::Words) => State::Dropped(Kind::Playback),
            None if text.trim().is_empty() => State::Open,
            None => State::Kept,
        };
        self.set(mic, range.start, Some(range.end), state);
        cause
    }

    /// Whether an utterance of which `text` was recognised is what was being played, though it sounds only somewhat like it: its words
    /// are the same and it began before they had ended. Who repeats what he hears does so afterwards.
    fn repeats(&self, mic: SourceId, range: &Range<u64>, text: &str) -> bool {
        let Some(microphone) = self.sources.get(&mic).filter(|_| self.options.enabled) else { return false };
        let (first, frames) = microphone.track.frames(range.start, range.end);
        let Some(heard) = Heard::new(frames, &microphone.noise()) else { return false };
        let begin = microphone.track.time(first);
        let voice = begin + PRE_ROLL;
        let played = self.sources.values().filter(|s| s.kind == Kind::Playback);
        played.filter(|source| source.played.share(text, voice) >= SAME_WORDS).any(|source| {
            let window = claims::window(&heard, begin, self.options.playback_delay, claims::EARLY, &source.track);
            heard.compare(&window).is_some_and(|likeness| likeness.mean() >= SOMEWHAT)
        })
    }

    /// What became of the window that begins at sample `from`.
    fn state(&self, mic: SourceId, from: u64) -> Option<State> {
        self.sources.get(&mic)?.windows.iter().rfind(|w| w.from == from).map(|w| w.state)
    }

    fn set(&mut self, mic: SourceId, from: u64, to: Option<u64>, state: State) {
        let Some(windows) = self.sources.get_mut(&mic).map(|s| &mut s.windows) else { return };
        match windows.iter_mut().rfind(|w| w.from == from) {
            Some(window) => *window = Window { from, to: to.or(window.to), state },
            None => windows.push_back(Window { from, to, state }),
        }
        if windows.len() > MAX_WINDOWS {
            windows.pop_front();
        }
    }

    fn verdict(&self, mic: SourceId, range: Range<u64>) -> Verdict {
        let Some(microphone) = self.sources.get(&mic).filter(|_| self.options.enabled) else { return Verdict::Real };
        let (first, frames) = microphone.track.frames(range.start, range.end);
        let noise = microphone.noise();
        let Some(heard) = Heard::new(frames, &noise) else { return Verdict::Real };
        let begin = microphone.track.time(first);
        let sent = self.state(mic, range.start) == Some(State::Kept);
        let others = self.sources.iter().filter(|(id, _)| **id != mic);
        let claims: Vec<Claim> = others
            .filter_map(|(_, source)| match source.kind {
                Kind::Playback => Claim::played(&heard, begin, source, &self.options),
                Kind::Microphone => Claim::overheard(&heard, begin, sent, microphone, source, &self.options),
            })
            .collect();
        if claims.is_empty() {
            return if self.is_replay(&heard) { Verdict::Echo(Kind::Playback) } else { Verdict::Real };
        }
        let unexplained = |by: &dyn Fn(&Claim) -> bool| {
            let explained = |i: usize| claims.iter().any(|c| by(c) && c.explained.get(i).copied().unwrap_or(false));
            parts::parts(&heard, |i| !explained(i))
        };
        // A voice that was heard together with what was played is not the loudspeaker's: its own microphone must keep it.
        let all_played = || unexplained(&|c| c.kind == Kind::Playback) == Parts::None;
        let position = |frame: usize| (first + frame as u64) * HOP as u64;
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let sample = |frame| usize::try_from(position(frame).saturating_sub(range.start)).unwrap_or(length).min(length);
        match unexplained(&|_| true) {
            Parts::All | Parts::Some(_) if self.is_replay(&heard) => Verdict::Echo(Kind::Playback),
            Parts::All => Verdict::Real,
            Parts::None => Verdict::Echo(if all_played() { Kind::Playback } else { Kind::Microphone }),
            Parts::Some(kept) => Verdict::Partly(kept.into_iter().map(|r| sample(r.start)..sample(r.end)).collect()),
        }
    }
}

impl Acoustics {
    /// Whether all that was heard was played before, within what is remembered: the words of such a sound would not be the room's.
    fn is_replay(&self, heard: &Heard) -> bool {
        let mut played = self.sources.values().filter(|s| s.kind == Kind::Playback).filter_map(|s| Claim::replayed(heard, s));
        played.any(|claim| parts::parts(heard, |i| !claim.explained.get(i).copied().unwrap_or(false)) == Parts::None)
    }
}

impl Source {
    /// The level of each band when nobody speaks: what it is under for a tenth of the last ten seconds.
    fn noise(&self) -> Bands {
        let frames: Vec<&Bands> = self.track.latest(NOISE_FRAMES).collect();
        std::array::from_fn(|b| {
            let mut levels: Vec<f32> = frames.iter().map(|f| f[b]).collect();
            levels.sort_unstable_by(f32::total_cmp);
            levels.get(levels.len() / 10).copied().unwrap_or(SILENCE)
        })
    }

    /// What became of the window that heard `time`.
    fn state_at(&self, time: i64) -> Option<State> {
        let time_of = |position: u64| self.track.time(position / HOP as u64);
        let heard = |w: &&Window| time_of(w.from) <= time && w.to.is_none_or(|to| time <= time_of(to) + AFTER_END);
        self.windows.iter().rev().find(heard).map(|w| w.state)
    }
}

/// Milliseconds of an utterance before its voice: the segmenter's pre-roll.
const PRE_ROLL: i64 = 256;

/// From this share of the recognised words on they are those that were played: a recogniser errs in one of ten of a faint echo's.
const SAME_WORDS: f32 = 0.7;

/// Mean correlation from which the same words are the same sound. Of unrelated utterances one in twenty is so much like another at its
/// most similar delay.
const SOMEWHAT: f32 = 0.3;

/// Frames from which the noise is estimated: 10 s.
const NOISE_FRAMES: usize = 625;

/// A window may go on after the samples that were judged, in milliseconds.
const AFTER_END: i64 = 500;

fn signed(time: Millis) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
