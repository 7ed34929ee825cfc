//! From speech probabilities to utterances: hysteresis, pre-roll, adaptive hangover, a maximum length cut at the best pause.
//!
//! Pure and sans-IO: windows go in, events come out, and time is the number of samples seen. It knows nothing of the model that
//! judged the windows nor of who listens to the events. The speaker's pipeline feeds it; the recogniser gets [`Event::Audio`]
//! while an utterance grows and the whole of it with [`Event::Ended`].

mod hangover;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use self::hangover::Hangover;
use super::WINDOW;
use crate::{audio::level, time::SampleRate};

/// How to delimit utterances. The defaults were chosen on recordings of 40 synthetic and 79 human sentences.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmenterOptions {
    /// Probability at which speech starts; Silero's own default.
    pub start_threshold: f32,
    /// Probability under which it may end; lower than the start, so that a weak syllable does not flicker.
    pub end_threshold: f32,
    /// Speech shorter than this never starts an utterance: clicks, taps on the table. A spoken "no" lasts 150 ms or more.
    pub min_speech: Duration,
    /// Kept from before the first speech window: the model hears a soft consonant one or two windows late.
    pub pre_roll: Duration,
    /// Kept after the last speech window: enough for a final fricative, little enough that recognition has less to read.
    pub tail: Duration,
    /// Silence that ends an utterance when the voice clearly fell. The longest pause inside the 40 sentences was 384 ms, the
    /// second longest 224; one window more than the longest splits none of them.
    pub short_hangover: Duration,
    /// Silence that ends an utterance which has just started, or whose background is not clearly silent.
    pub long_hangover: Duration,
    /// The most that [`SegmenterOptions::long_hangover`] grows to for a speaker who goes on after pauses.
    pub max_hangover: Duration,
    /// The longest utterance: Whisper reads 30 s, and its last seconds are its worst.
    pub max_utterance: Duration,
    /// How far back from the maximum to look for the best pause to cut at.
    pub cut_search: Duration,
}

impl Default for SegmenterOptions {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            start_threshold: 0.5,
            end_threshold: 0.35,
            min_speech: ms(96),
            pre_roll: ms(256),
            tail: ms(160),
            short_hangover: ms(416),
            long_hangover: ms(512),
            max_hangover: ms(800),
            max_utterance: Duration::from_secs(25),
            cut_search: Duration::from_secs(8),
        }
    }
}

/// Why an utterance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndReason {
    /// The speaker paused.
    Pause,
    /// It reached the maximum length; another follows without a gap.
    MaxLength,
    /// The caller asked for it: push-to-talk released, end of the stream.
    Forced,
}

/// A finished utterance. Positions count 16 kHz samples since the stream began.
#[derive(Clone, PartialEq)]
pub struct Utterance {
    /// Position of the first sample.
    pub start: u64,
    /// The sound, pre-roll and tail included.
    pub samples: Arc<[f32]>,
    /// End of the last window judged speech: where lag is counted from.
    pub speech_end: u64,
    /// Why it ended.
    pub reason: EndReason,
}

impl std::fmt::Debug for Utterance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What somebody said does not belong in a log, as numbers either.
        let Self { start, samples, speech_end, reason } = self;
        write!(f, "Utterance({start} + {}, speech until {speech_end}, {reason:?})", samples.len())
    }
}

/// What happened. Order: `Started`, `Audio`, then any of `Audio`, `Paused`, `Resumed`, then `Ended`, and again.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An utterance began at this position, pre-roll included.
    Started {
        /// Position of its first sample.
        at: u64,
    },
    /// More of the utterance, in order without gaps; the first piece carries the pre-roll.
    Audio(Vec<f32>),
    /// Silence has begun and may end the utterance: a good moment to recognise what there is.
    Paused {
        /// End of the last window judged speech.
        speech_end: u64,
    },
    /// The speaker went on after `Paused`.
    Resumed,
    /// The utterance is over. Its samples are those of `Audio`, less silence after the tail.
    Ended(Utterance),
}

/// One stream's segmenter.
#[derive(Debug)]
pub struct Segmenter {
    options: Limits,
    hangover: Hangover,
    /// Position after the last window taken.
    position: u64,
    /// Position before which the sound of an utterance stays in it: see [`Segmenter::keep`].
    kept: u64,
    events: VecDeque<Event>,
    state: State,
}

/// The options in samples and windows.
#[derive(Debug)]
struct Limits {
    start_threshold: f32,
    end_threshold: f32,
    min_speech: usize,
    pre_roll: usize,
    tail: u64,
    max_utterance: usize,
    cut_search: usize,
}

#[derive(Debug)]
enum State {
    /// Nobody speaks. `recent` ends at the position; `run` counts the latest consecutive speech windows, all within `recent`.
    Idle { recent: Vec<f32>, run: usize },
    /// Somebody does.
    Speaking(Speaking),
}

#[derive(Debug)]
struct Speaking {
    start: u64,
    samples: Vec<f32>,
    /// One per whole window at the end of `samples`, for the cut.
    windows: Vec<Judged>,
    speech_end: u64,
    /// Windows since the last speech.
    silent: usize,
}

#[derive(Debug, Clone, Copy)]
struct Judged {
    probability: f32,
    rms: f32,
    speech: bool,
}

impl Segmenter {
    /// A segmenter at the start of a stream.
    pub fn new(options: &SegmenterOptions) -> Self {
        let samples = |d| SampleRate::ASR.samples(d);
        let windows = |d| samples(d).div_ceil(WINDOW).max(1);
        let max_utterance = windows(options.max_utterance) * WINDOW;
        let limits = Limits {
            start_threshold: options.start_threshold,
            end_threshold: options.end_threshold.min(options.start_threshold),
            min_speech: windows(options.min_speech),
            pre_roll: samples(options.pre_roll),
            tail: samples(options.tail) as u64,
            max_utterance,
            cut_search: windows(options.cut_search).min(max_utterance / WINDOW),
        };
        let hangover =
            Hangover::new(windows(options.short_hangover), windows(options.long_hangover), windows(options.max_hangover));
        Self { options: limits, hangover, position: 0, kept: 0, events: VecDeque::new(), state: idle() }
    }

    /// Takes the next window of 16 kHz samples with its probability; one that is not a number counts as silence. A window that is
    /// not [`WINDOW`] long (the end of a stream) is taken as it is.
    pub fn push(&mut self, window: &[f32], probability: f32) {
        let probability = if probability.is_finite() { probability } else { 0.0 };
        let judged = Judged { probability, rms: level::rms(window), speech: false };
        self.position = self.position.saturating_add(window.len() as u64);
        match &mut self.state {
            State::Idle { .. } => self.listen(window, judged),
            State::Speaking(_) => self.follow(window, judged),
        }
    }

    /// The oldest event not yet taken.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The sound before `position` was listened to as part of the utterance being spoken: should the utterance grow too long, it is cut
    /// behind it.
    pub fn keep(&mut self, position: u64) {
        self.kept = position;
    }

    /// Ends the utterance now, if there is one: push-to-talk released, end of the stream. What follows is a new utterance.
    pub fn force_end(&mut self) {
        self.end(EndReason::Forced);
        self.state = idle();
    }

    /// Forgets the stream, events included. Positions start from zero again.
    pub fn reset(&mut self) {
        self.hangover.forget();
        (self.position, self.kept) = (0, 0);
        self.events.clear();
        self.state = idle();
    }

    /// True between `Started` and `Ended`.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking(_))
    }

    fn listen(&mut self, window: &[f32], judged: Judged) {
        let State::Idle { recent, run } = &mut self.state else { return };
        recent.extend_from_slice(window);
        *run = if judged.probability >= self.options.start_threshold { *run + 1 } else { 0 };
        if *run < self.options.min_speech {
            let keep = self.options.pre_roll + *run * WINDOW;
            recent.drain(..recent.len().saturating_sub(keep));
            return;
        }
        let samples = std::mem::take(recent);
        let start = self.position - samples.len() as u64;
        // The windows of the run are speech; those of the pre-roll are only there to be cut at, which nobody would.
        let windows = vec![Judged { speech: true, ..judged }; *run];
        self.hangover.on_start(self.position.saturating_sub((*run * WINDOW) as u64), *run);
        self.events.push_back(Event::Started { at: start });
        self.events.push_back(Event::Audio(samples.clone()));
        self.state = State::Speaking(Speaking { start, samples, windows, speech_end: self.position, silent: 0 });
    }

    fn follow(&mut self, window: &[f32], mut judged: Judged) {
        let State::Speaking(now) = &mut self.state else { return };
        judged.speech = judged.probability >= self.options.end_threshold;
        now.samples.extend_from_slice(window);
        now.windows.push(judged);
        self.events.push_back(Event::Audio(window.to_vec()));
        if judged.speech {
            if now.silent > 0 {
                self.hangover.on_resume(now.silent);
                self.events.push_back(Event::Resumed);
            }
            self.hangover.on_speech(judged.rms);
            (now.speech_end, now.silent) = (self.position, 0);
        } else {
            now.silent += 1;
            self.hangover.on_silence(judged.probability, judged.rms, now.silent);
            if now.silent == 1 {
                self.events.push_back(Event::Paused { speech_end: now.speech_end });
            }
            if now.silent >= self.hangover.windows() {
                return self.end(EndReason::Pause);
            }
        }
        if now.samples.len() >= self.options.max_utterance {
            self.cut();
        }
    }

    /// Ends the utterance with its tail; silence after it becomes the pre-roll of the next.
    fn end(&mut self, reason: EndReason) {
        let State::Speaking(now) = std::mem::replace(&mut self.state, idle()) else { return };
        let keep = now.speech_end.saturating_add(self.options.tail).saturating_sub(now.start);
        let keep = usize::try_from(keep).unwrap_or(usize::MAX).min(now.samples.len());
        let (samples, rest) = now.samples.split_at(keep);
        if reason == EndReason::Pause {
            self.hangover.on_end(self.position);
        }
        self.state = self.idle_after(rest);
        self.events.push_back(Event::Ended(Utterance {
            start: now.start,
            samples: samples.into(),
            speech_end: now.speech_end,
            reason,
        }));
    }

    /// The utterance is too long: ends it after the quietest window of the last seconds and goes on with the rest.
    fn cut(&mut self) {
        let State::Speaking(now) = std::mem::replace(&mut self.state, idle()) else { return };
        let count = now.windows.len();
        let free = usize::try_from(self.position.saturating_sub(self.kept)).unwrap_or(usize::MAX) / WINDOW;
        let first = count.saturating_sub(self.options.cut_search.min(free)).max(1);
        // The last window may be the first of the next word: there must be something after the cut.
        let quietness = |i: usize| {
            let around = now.windows.get(i.saturating_sub(1)..(i + 2).min(count)).unwrap_or_default();
            let sum: f32 = around.iter().map(|w| w.probability).sum();
            sum / around.len().max(1) as f32 + level::dbfs(now.windows[i].rms) / -level::SILENCE_DBFS
        };
        let best = (first..count.saturating_sub(1)).min_by(|a, b| quietness(*a).total_cmp(&quietness(*b))).unwrap_or(count - 1);
        let after = &now.windows[best + 1..];
        let at = now.samples.len().saturating_sub(after.len() * WINDOW);
        let (samples, rest) = now.samples.split_at(at);
        let boundary = now.start + at as u64;
        let speech_end = last_speech(&now.windows[..=best], boundary);
        self.events.push_back(Event::Ended(Utterance {
            start: now.start,
            samples: samples.into(),
            speech_end,
            reason: EndReason::MaxLength,
        }));
        if !after.iter().any(|w| w.speech) {
            self.hangover.on_end(self.position);
            self.state = self.idle_after(rest);
            return;
        }
        self.hangover.on_start(boundary, after.iter().filter(|w| w.speech).count());
        self.events.push_back(Event::Started { at: boundary });
        self.events.push_back(Event::Audio(rest.to_vec()));
        if now.silent > 0 {
            self.events.push_back(Event::Paused { speech_end: now.speech_end });
        }
        self.state = State::Speaking(Speaking {
            start: boundary,
            samples: rest.to_vec(),
            windows: after.to_vec(),
            speech_end: now.speech_end,
            silent: now.silent,
        });
    }

    fn idle_after(&self, rest: &[f32]) -> State {
        let recent = rest.get(rest.len().saturating_sub(self.options.pre_roll)..).unwrap_or_default().to_vec();
        State::Idle { recent, run: 0 }
    }
}

fn idle() -> State {
    State::Idle { recent: Vec::new(), run: 0 }
}

/// End of the last speech among `windows`, which end at `boundary`.
fn last_speech(windows: &[Judged], boundary: u64) -> u64 {
    let silent = windows.iter().rev().take_while(|w| !w.speech).count();
    boundary.saturating_sub((silent * WINDOW) as u64)
}

#[cfg(test)]
mod tests;
