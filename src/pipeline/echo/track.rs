//! One source of sound in a room over the last seconds: a ring of frames, and when each of them was to be heard.
//!
//! Frames follow the samples' own count, so a comparison is never torn by packets that come in bursts; their time on the server's
//! clock is known from the earliest arrival. Pure: time is an argument. Used by [`super`].

use std::{collections::VecDeque, time::Duration};

use super::bands::{Bands, FilterBank, HOP, SILENCE};
use crate::time::{Millis, SampleRate};

/// How much is remembered: an utterance of 25 s with all that may be its source.
const MEMORY: Duration = Duration::from_secs(32);

/// Stretches without a pause that are remembered. Each phrase of an interpretation may be one.
const MAX_STRETCHES: usize = 256;

/// Milliseconds per frame.
pub const FRAME_MS: u64 = 16;

/// A source.
#[derive(Debug)]
pub struct Track {
    bank: FilterBank,
    frames: VecDeque<Bands>,
    /// Number of the first frame kept.
    first: u64,
    /// Samples taken.
    samples: u64,
    stretches: VecDeque<Stretch>,
    /// A jump in time up to this is jitter, a longer one a pause.
    jitter: u64,
}

/// Frames that follow each other in time.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    /// Its first frame.
    from: u64,
    /// Time of frame 0, were it in this stretch, in milliseconds: by the packet that came soonest. May be before time began.
    origin: i64,
}

impl Track {
    /// Nothing was heard yet. Sound that comes up to `jitter` late or early still belongs to what came before it.
    pub fn new(jitter: Duration) -> Self {
        Self {
            bank: FilterBank::default(),
            frames: VecDeque::new(),
            first: 0,
            samples: 0,
            stretches: VecDeque::new(),
            jitter: u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Takes 16 kHz samples of which the last was heard at `end`.
    pub fn push(&mut self, samples: &[f32], end: Millis) {
        let frames = &mut self.frames;
        self.bank.push(samples, |frame| frames.push_back(frame));
        let from = self.samples / HOP as u64;
        self.samples += samples.len() as u64;
        let lasted = SampleRate::ASR.duration(usize::try_from(self.samples).unwrap_or(usize::MAX));
        let origin = signed(end.0) - signed(u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX));
        match self.stretches.back_mut() {
            Some(stretch) if origin <= stretch.origin.saturating_add(signed(self.jitter)) => {
                stretch.origin = stretch.origin.min(origin);
            }
            _ => self.stretches.push_back(Stretch { from, origin }),
        }
        let keep = usize::try_from(MEMORY.as_millis() / u128::from(FRAME_MS)).unwrap_or(usize::MAX);
        let excess = self.frames.len().saturating_sub(keep);
        self.frames.drain(..excess);
        self.first += excess as u64;
        while self.stretches.len() > MAX_STRETCHES || self.stretches.get(1).is_some_and(|next| next.from <= self.first) {
            self.stretches.pop_front();
        }
    }

    /// The frames of the samples in `from..to`, as far as they are remembered, and the number of the first of them.
    pub fn frames(&self, from: u64, to: u64) -> (u64, Vec<Bands>) {
        let hop = HOP as u64;
        let begin = (from / hop).max(self.first);
        let end = (to / hop).min(self.first + self.frames.len() as u64);
        (begin, (begin..end).filter_map(|n| self.frame(n)).collect())
    }

    /// When frame `number` was heard, in milliseconds.
    pub fn time(&self, number: u64) -> i64 {
        let stretch = self.stretches.iter().rev().find(|s| s.from <= number).or(self.stretches.front());
        stretch.map_or(0, |s| s.origin) + signed(number * FRAME_MS)
    }

    /// `count` frames from the time `start` on; silence where nothing is known.
    pub fn window(&self, start: i64, count: usize) -> Vec<Bands> {
        let mut window = vec![[SILENCE; _]; count];
        let ends = self.stretches.iter().skip(1).map(|s| s.from).chain([self.first + self.frames.len() as u64]);
        for (stretch, end) in self.stretches.iter().zip(ends) {
            // Frame `n` of the stretch stands at index `n - shift` of the window.
            let shift = (start - stretch.origin).div_euclid(signed(FRAME_MS));
            let from = signed(stretch.from.max(self.first)).max(shift);
            let to = signed(end).min(shift.saturating_add(signed(count as u64)));
            for n in from..to {
                let (Ok(number), Ok(index)) = (u64::try_from(n), usize::try_from(n - shift)) else { continue };
                if let (Some(place), Some(frame)) = (window.get_mut(index), self.frame(number)) {
                    *place = frame;
                }
            }
        }
        window
    }

    /// The latest `count` frames, oldest first.
    pub fn latest(&self, count: usize) -> impl Iterator<Item = &Bands> {
        self.frames.iter().skip(self.frames.len().saturating_sub(count))
    }

    /// Number of frames kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.frames.len()
    }

    fn frame(&self, number: u64) -> Option<Bands> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.frames.get(index).copied()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
