//! Sound as a sequence of band levels: what remains of a voice after a loudspeaker, a room and another microphone.
//!
//! A frame every 16 ms holds the level of [`BANDS`] bands in dB. Phases and exact waveforms are thrown away: another phone's clock,
//! its codec and its noise suppression change them, while the levels' rise and fall in each band stay. Pure; used by [`super`].

use std::{f32::consts::TAU, sync::Arc};

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Samples from one frame to the next: 16 ms at 16 kHz, shorter than a stop consonant.
pub const HOP: usize = 256;
/// Samples of one frame.
const SPAN: usize = 2 * HOP;
/// Number of bands.
pub const BANDS: usize = 14;
/// The lowest band begins above the hum and handling noise that each phone has for itself...
const LOWEST_HZ: f32 = 220.0;
/// ...and the highest ends where Bluetooth microphones and 24 kbit/s Opus still carry something.
const HIGHEST_HZ: f32 = 6_000.0;
/// Level of digital silence, in dB.
pub const SILENCE: f32 = -90.0;

/// The level of each band in dB relative to full scale.
pub type Bands = [f32; BANDS];

/// Turns a stream of 16 kHz samples into frames.
pub struct FilterBank {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    /// First bin of each band, and the end of the last.
    edges: [usize; BANDS + 1],
    pending: Vec<f32>,
    input: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl std::fmt::Debug for FilterBank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FilterBank").finish_non_exhaustive()
    }
}

impl Default for FilterBank {
    fn default() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(SPAN);
        let mel = |hz: f32| (1.0 + hz / 700.0).ln();
        let (low, high) = (mel(LOWEST_HZ), mel(HIGHEST_HZ));
        let hz_per_bin = 16_000.0 / SPAN as f32;
        let edges = std::array::from_fn(|i| {
            let hz = 700.0 * ((low + (high - low) * i as f32 / BANDS as f32).exp() - 1.0);
            (hz / hz_per_bin).round() as usize
        });
        Self {
            window: (0..SPAN).map(|n| 0.5 - 0.5 * (n as f32 * TAU / SPAN as f32).cos()).collect(),
            edges,
            pending: Vec::with_capacity(SPAN),
            input: fft.make_input_vec(),
            spectrum: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            fft,
        }
    }
}

impl FilterBank {
    /// Takes samples in -1..1 and calls `emit` for each frame that they complete: one per [`HOP`] samples, one hop late.
    pub fn push(&mut self, samples: &[f32], mut emit: impl FnMut(Bands)) {
        for piece in samples.chunks(HOP) {
            // A sample that is not a number would spoil the frames around it, and nothing else.
            self.pending.extend(piece.iter().map(|s| if s.is_finite() { *s } else { 0.0 }));
            while self.pending.len() >= SPAN {
                emit(self.frame());
                self.pending.drain(..HOP);
            }
        }
    }

    fn frame(&mut self) -> Bands {
        for ((out, sample), window) in self.input.iter_mut().zip(&self.pending).zip(&self.window) {
            *out = sample * window;
        }
        // The lengths are right by construction; were they not, the frame is as silent as it can be.
        let done = self.fft.process_with_scratch(&mut self.input, &mut self.spectrum, &mut self.scratch).is_ok();
        // A full-scale sine in a Hann window has the power (SPAN / 4)² in its bin, and half as much in its neighbours together.
        let full = (SPAN as f32 / 4.0).powi(2) * 1.5;
        std::array::from_fn(|b| {
            let bins = self.spectrum.get(self.edges[b]..self.edges[b + 1]).unwrap_or_default();
            let power: f32 = bins.iter().map(Complex32::norm_sqr).sum();
            if done { (10.0 * (power / full).max(1e-12).log10()).max(SILENCE) } else { SILENCE }
        })
    }
}

/// The level of a frame over all bands, in dB.
pub fn level(frame: &Bands) -> f32 {
    10.0 * frame.iter().map(|db| power(*db)).sum::<f32>().max(1e-12).log10()
}

/// Decibels to power.
pub fn power(db: f32) -> f32 {
    10.0f32.powf(db / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(samples: &[f32]) -> Vec<Bands> {
        let mut frames = Vec::new();
        FilterBank::default().push(samples, |frame| frames.push(frame));
        frames
    }

    #[test]
    fn a_tone_stands_out_in_its_band_at_its_level() {
        let tone: Vec<f32> = (0..16_000).map(|n| 0.5 * (n as f32 * 1000.0 * TAU / 16_000.0).sin()).collect();
        let frames = frames(&tone);
        assert_eq!(frames.len(), 16_000 / HOP - 1);
        let frame = frames[30];
        let loudest = (0..BANDS).max_by(|a, b| frame[*a].total_cmp(&frame[*b])).unwrap();
        assert!((level(&frame) + 6.0).abs() < 0.5, "{} dB", level(&frame));
        assert!((0..BANDS).all(|b| b.abs_diff(loudest) < 2 || frame[b] < frame[loudest] - 30.0), "{frame:?}");
    }

    #[test]
    fn silence_and_numbers_that_are_none_stay_in_range() {
        let mut samples = vec![0.0; 2048];
        samples[700] = f32::NAN;
        samples[1500] = f32::INFINITY;
        assert!(frames(&samples).iter().flatten().all(|db| *db == SILENCE));
    }
}
