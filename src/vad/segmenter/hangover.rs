//! How much silence ends an utterance: short when the voice clearly fell, longer when it has just started, when the background is
//! loud, or when this speaker is known to go on after pauses.
//!
//! Pure; only the segmenter calls it. Silence is counted in VAD windows.

use super::WINDOW;

/// Speech before a pause may be taken for the end of a sentence: 480 ms. Shorter starts ("well, ...") are followed by thinking.
const ESTABLISHED: usize = 15;
/// Mean probability of the silence under which it is one, and not a whisper or a crowd.
const CLEAR_PROBABILITY: f32 = 0.15;
/// How far the level must fall from the speech (to a third: 10 dB). A market's noise leaves less.
const CLEAR_FALL: f32 = 0.316;
/// Speech resumed within this time of an end means that the end came too early: 192 ms. Sentences in flow are further apart.
const TOO_EARLY: u64 = 6 * WINDOW as u64;
/// Weight of a new window in the running level of the speech: about half a second.
const LEVEL_WEIGHT: f32 = 0.06;

#[derive(Debug)]
pub(super) struct Hangover {
    short: usize,
    long: usize,
    max: usize,
    /// Windows that this speaker's habit adds to both; shrinks by one with each utterance that ended rightly.
    habit: usize,
    /// Speech windows in this utterance.
    voiced: usize,
    /// Running RMS of speech windows.
    speech_level: f32,
    silence_probability: f32,
    silence_level: f32,
    silent: usize,
    last_end: Option<u64>,
}

impl Hangover {
    pub(super) fn new(short: usize, long: usize, max: usize) -> Self {
        let (long, max) = (long.max(short), max.max(long).max(short));
        let (voiced, silent, habit) = (0, 0, 0);
        Self {
            short,
            long,
            max,
            habit,
            voiced,
            speech_level: 0.0,
            silence_probability: 0.0,
            silence_level: 0.0,
            silent,
            last_end: None,
        }
    }

    /// Windows of silence that end the utterance as it is now.
    pub(super) fn windows(&self) -> usize {
        let silent = self.silent.max(1) as f32;
        let fell = self.silence_probability / silent < CLEAR_PROBABILITY
            && self.silence_level / silent <= self.speech_level * CLEAR_FALL;
        let base = if fell && self.voiced >= ESTABLISHED { self.short } else { self.long };
        (base + self.habit).min(self.max)
    }

    /// Speech, of which there were `voiced` windows so far, began at `onset`.
    pub(super) fn on_start(&mut self, onset: u64, voiced: usize) {
        match self.last_end.take() {
            Some(end) if onset.saturating_sub(end) < TOO_EARLY => self.habit = (self.habit + 2).min(self.max),
            _ => self.habit = self.habit.saturating_sub(1),
        }
        (self.voiced, self.silent) = (voiced, 0);
    }

    pub(super) fn on_speech(&mut self, rms: f32) {
        self.voiced += 1;
        self.silent = 0;
        let weight = if self.speech_level == 0.0 { 1.0 } else { LEVEL_WEIGHT };
        self.speech_level += weight * (rms - self.speech_level);
    }

    /// A pause of `silent` windows was not the end. One that came close means that the next may be longer.
    pub(super) fn on_resume(&mut self, silent: usize) {
        if silent * 4 >= self.short * 3 {
            self.habit = (self.habit + 1).min(self.max);
        }
    }

    pub(super) fn on_silence(&mut self, probability: f32, rms: f32, silent: usize) {
        if silent == 1 {
            (self.silence_probability, self.silence_level) = (0.0, 0.0);
        }
        self.silent = silent;
        self.silence_probability += probability;
        self.silence_level += rms;
    }

    /// Silence ended the utterance at this position.
    pub(super) fn on_end(&mut self, position: u64) {
        self.last_end = Some(position);
    }

    pub(super) fn forget(&mut self) {
        *self = Self::new(self.short, self.long, self.max);
    }
}
