//! Is this the same sound? One microphone's frames against what may have been their source, at every possible delay.
//!
//! Levels are compared after the slow part of each band is removed, so loudness, loudspeaker and room colour do not matter, only how
//! the sound rises and falls in each band, half a second at a time. Then, at the delay found, each frame is asked whether the source
//! explains it. Pure arithmetic over frames; what follows from it is decided in [`super`].

use std::ops::Range;

use super::bands::{BANDS, Bands, SILENCE, power};

/// Frames that are compared at a time: half a second, about two syllables. Shorter pieces of speech resemble each other by chance.
pub const SPAN: usize = 32;
/// Frames from one comparison to the next.
pub const STEP: usize = 8;
/// Frames to each side over which a band's slow part is averaged.
const SLOW: usize = 24;
/// Frames by which a stretch may be shifted against the best delay of the whole: a jitter buffer stretches and shortens.
pub(super) const WANDER: usize = 2;
/// A band whose speech rises less than this above its noise, in dB, says nothing.
const MIN_RANGE: f32 = 6.0;
/// Nothing that is fainter than the loudest by more than this matters, in dB: rooms ring, codecs invent.
const MAX_RANGE: f32 = 35.0;
/// Sound is what is louder than the noise by this, in dB.
const ABOVE_NOISE: f32 = 3.0;
/// Fewer bands than this with sound are a hum or a whistle, not a voice.
const MIN_BANDS: usize = 4;
/// How fast sound dies away in the rooms where it may still count as the same sound, in dB per frame: 60 dB in 1.2 s.
const DECAY: f32 = 0.8;
/// A frame is not explained where it is louder than the source makes it by this, in dB.
const LOUDER: f32 = 6.0;

/// What was heard: the frames of one utterance at one microphone.
#[derive(Debug)]
pub struct Heard {
    frames: Vec<Bands>,
    /// In each band, the level that speech reaches, and the one under which nothing is sound.
    loud: Bands,
    floor: Bands,
    /// Bands with enough sound.
    useful: [bool; BANDS],
}

/// What a comparison found.
#[derive(Debug, Clone)]
pub struct Likeness {
    /// The source's frame that the microphone's first frame is.
    pub delay: usize,
    /// For each stretch of [`SPAN`] frames, [`STEP`] apart: correlation -1..=1 with the source at that delay; 0 without sound.
    pub correlations: Vec<f32>,
    /// How much louder the microphone is in each stretch, in dB, where it has sound.
    pub gains: Vec<f32>,
}

impl Likeness {
    /// Mean correlation over the utterance.
    pub fn mean(&self) -> f32 {
        self.correlations.iter().sum::<f32>() / self.correlations.len().max(1) as f32
    }
}

impl Heard {
    /// `noise` is the microphone's own level in each band when nobody speaks. None when there is no sound that could be speech.
    pub fn new(frames: Vec<Bands>, noise: &Bands) -> Option<Self> {
        let loud = loud(&frames);
        let range: Bands = std::array::from_fn(|b| (loud[b] - noise[b] - ABOVE_NOISE).clamp(0.0, MAX_RANGE));
        let useful = range.map(|r| r >= MIN_RANGE);
        let floor = std::array::from_fn(|b| loud[b] - range[b]);
        (useful.iter().filter(|u| **u).count() >= MIN_BANDS).then_some(Self { frames, loud, floor, useful })
    }

    /// Number of frames.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// The frames from the first to the last that has sound.
    pub(super) fn sounding(&self) -> Range<usize> {
        let sounds = |i: &usize| self.sounds(*i).count() >= MIN_BANDS;
        let first = (0..self.count()).find(sounds).unwrap_or(0);
        first..(first..self.count()).rfind(sounds).map_or(first, |last| last + 1)
    }

    /// What [`Heard::compare`] compares, of the frames `range` here and of all of `source`. None when there is nothing to compare.
    pub(super) fn features(&self, range: Range<usize>, source: &[Bands]) -> Option<(Vec<Bands>, Vec<Bands>)> {
        let source_loud = loud(source);
        let useful: [bool; BANDS] = std::array::from_fn(|b| self.useful[b] && source_loud[b] > SILENCE + MIN_RANGE);
        if useful.iter().filter(|u| **u).count() < MIN_BANDS {
            return None;
        }
        // What is too faint to be heard above the microphone's noise is cut off at the source too.
        let floor = std::array::from_fn(|b| source_loud[b] - (self.loud[b] - self.floor[b]));
        Some((fast(self.frames.get(range)?, &useful, &self.floor), fast(source, &useful, &floor)))
    }

    /// Level of the sound in a frame, in dB; what is noise does not count.
    pub fn level(&self, frame: usize) -> f32 {
        let sum: f32 = self.sounds(frame).map(|(_, db)| power(db)).sum();
        10.0 * sum.max(1e-9).log10()
    }

    /// Compares with `source`. The first frame here may be any frame there after which enough follow: `source` is longer by the range
    /// of delays. None when there is nothing to compare with.
    pub fn compare(&self, source: &[Bands]) -> Option<Likeness> {
        let delays = (source.len() + 1).checked_sub(self.frames.len())?;
        let (x, y) = self.features(0..self.count(), source)?;
        let starts: Vec<usize> = (0..self.count().saturating_sub(SPAN - STEP).max(1)).step_by(STEP).collect();
        let score = |delay: usize| -> f32 {
            // Every other stretch: they still overlap by half.
            let positive = starts.iter().step_by(2).map(|start| correlation(&x, &y, *start, delay).max(0.0));
            positive.map(|r| r * r).sum()
        };
        let delay = (0..delays).map(|d| (d, score(d))).max_by(|a, b| a.1.total_cmp(&b.1))?.0;
        let near = delay.saturating_sub(WANDER)..(delay + WANDER + 1).min(delays);
        let (mut correlations, mut gains) = (Vec::new(), Vec::new());
        for start in starts {
            let at = |d| (d, correlation(&x, &y, start, d));
            let (d, r) = near.clone().map(at).max_by(|a, b| a.1.total_cmp(&b.1))?;
            correlations.push(r);
            gains.push(self.gain(source, start, d));
        }
        Some(Likeness { delay, correlations, gains })
    }

    /// For each frame whether `source` explains it: at the delay found, as loud as in the stretches for which `same` holds, and with a
    /// room's reverberation.
    pub fn explained(&self, source: &[Bands], likeness: &Likeness, same: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut inside = vec![false; self.count()];
        for stretch in (0..likeness.correlations.len()).filter(|s| same(*s)) {
            let from = stretch * STEP;
            let to = (from + SPAN).min(self.count());
            inside[from..to].fill(true);
        }
        let aligned = |frame: usize, b: usize| {
            let near = (likeness.delay + frame).saturating_sub(WANDER)..(likeness.delay + frame + WANDER).min(source.len());
            source.get(near).unwrap_or_default().iter().fold(SILENCE, |max, f| max.max(f[b]))
        };
        // How loud each band of the source is here: by power, so that the loud cells count, which noise does not touch.
        let gains: Bands = std::array::from_fn(|b| {
            let cells = (0..self.count()).filter(|i| inside[*i] && self.frames[*i][b] > self.floor[b]);
            let (mut here, mut there) = (1e-9_f32, 1e-9_f32);
            for i in cells {
                here += power(self.frames[i][b]);
                there += power(source.get(likeness.delay + i).map_or(SILENCE, |f| f[b]));
            }
            10.0 * (here / there).log10()
        });
        let mut rings = [SILENCE; BANDS];
        (0..self.count())
            .map(|i| {
                for b in 0..BANDS {
                    rings[b] = (rings[b] - DECAY).max(aligned(i, b) + gains[b]);
                }
                let (mut all, mut own) = (0.0, 0.0);
                for (b, db) in self.sounds(i) {
                    all += power(db);
                    own += if db > rings[b] + LOUDER { power(db) } else { 0.0 };
                }
                inside[i] && own <= 0.5 * all
            })
            .collect()
    }

    /// The cells of a frame that are sound.
    fn sounds(&self, frame: usize) -> impl Iterator<Item = (usize, f32)> {
        let cells = self.frames.get(frame).into_iter().flat_map(|f| f.iter().copied().enumerate());
        cells.filter(|(b, db)| self.useful[*b] && *db > self.floor[*b])
    }

    /// Power here over power in the source, over the cells that are sound here.
    fn gain(&self, source: &[Bands], start: usize, delay: usize) -> f32 {
        let (mut here, mut there) = (1e-9_f32, 1e-9_f32);
        for i in start..(start + SPAN).min(self.count()) {
            for (b, db) in self.sounds(i) {
                here += power(db);
                there += power(source.get(i + delay).map_or(SILENCE, |f| f[b]));
            }
        }
        10.0 * (here / there).log10()
    }
}

/// The level that each band exceeds in 3 % of the frames.
fn loud(frames: &[Bands]) -> Bands {
    let rank = frames.len() * 3 / 100;
    std::array::from_fn(|b| {
        let mut levels: Vec<f32> = frames.iter().map(|f| f[b]).collect();
        levels.sort_unstable_by(|a, b| b.total_cmp(a));
        levels.get(rank).copied().unwrap_or(SILENCE)
    })
}

/// What each band does beyond its average of the 0.8 s around; nothing in bands that are not useful.
fn fast(frames: &[Bands], useful: &[bool; BANDS], floor: &Bands) -> Vec<Bands> {
    let mut out = vec![[0.0; BANDS]; frames.len()];
    let mut sums = Vec::with_capacity(frames.len() + 1);
    for b in (0..BANDS).filter(|b| useful[*b]) {
        let above = |frame: &Bands| (frame[b] - floor[b]).max(0.0);
        let mut sum = 0.0;
        sums.clear();
        sums.push(sum);
        sums.extend(frames.iter().map(|frame| {
            sum += above(frame);
            sum
        }));
        for (i, (out, frame)) in out.iter_mut().zip(frames).enumerate() {
            let (from, to) = (i.saturating_sub(SLOW), (i + SLOW + 1).min(frames.len()));
            out[b] = above(frame) - (sums[to] - sums[from]) / (to - from) as f32;
        }
    }
    out
}

fn correlation(x: &[Bands], y: &[Bands], start: usize, delay: usize) -> f32 {
    let end = (start + SPAN).min(x.len());
    let (mut xx, mut yy, mut xy) = (0.0_f32, 0.0_f32, 0.0_f32);
    for (a, b) in x[start..end].iter().zip(&y[start + delay..]) {
        for (a, b) in a.iter().zip(b) {
            xx += a * a;
            yy += b * b;
            xy += a * b;
        }
    }
    // Without sound in one of them there is nothing to compare.
    let both = xx * yy;
    if both > 1.0 { xy / both.sqrt() } else { 0.0 }
}
