//! Sample-rate conversion of a mono stream, in pieces of any size, by rubato's FFT resampler.
//!
//! Output starts at the first sample of input (the filter's delay is taken out) and is as long as the input, to a sample.
//! Called by the file reader, the kiosk and the synthesiser's encoder; equal rates pass through untouched.

use std::time::Duration;

use rubato::{Fft, FixedSync, Resampler as _, audioadapter_buffers::direct::InterleavedSlice};

use crate::time::SampleRate;

/// Length of one FFT block: a filter long enough for a sharp cutoff just under the lower Nyquist frequency at 10 ms of delay.
const BLOCK: Duration = Duration::from_millis(20);
/// Rates outside are not sound that anyone recorded, and odd ones near the ends make enormous FFT blocks.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=384_000;

/// The rates cannot be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot convert sound from {from} to {to} samples per second; both must be {} to {}", RATES.start(), RATES.end())]
pub struct UnsupportedRate {
    /// Rate of the input.
    pub from: u32,
    /// Rate asked for.
    pub to: u32,
}

/// A conversion under way.
#[derive(Debug)]
pub struct Resampler {
    from: SampleRate,
    to: SampleRate,
    /// None when the rates are equal.
    stage: Option<Stage>,
}

struct Stage {
    fft: Fft<f32>,
    /// Less than one block of input.
    pending: Vec<f32>,
    block_out: Vec<f32>,
    /// Output of the filter's run-in that is still to be dropped.
    skip: usize,
    taken: u64,
    given: u64,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("taken", &self.taken).field("given", &self.given).finish_non_exhaustive()
    }
}

impl Resampler {
    /// From `from` to `to`.
    ///
    /// # Errors
    /// [`UnsupportedRate`] outside 4 to 384 kHz.
    pub fn new(from: SampleRate, to: SampleRate) -> Result<Self, UnsupportedRate> {
        let unsupported = UnsupportedRate { from: from.0, to: to.0 };
        if !RATES.contains(&from.0) || !RATES.contains(&to.0) {
            return Err(unsupported);
        }
        if from == to {
            return Ok(Self { from, to, stage: None });
        }
        // An even number of the smallest blocks: with an odd one the filter's delay is no whole number of samples.
        let smallest = (from.0 / gcd(from.0, to.0)) as usize;
        let block = smallest * from.samples(BLOCK).div_ceil(smallest).next_multiple_of(2);
        let fft = Fft::new_custom(
            from.0 as usize,
            to.0 as usize,
            block,
            1,
            1,
            rubato::WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|_| unsupported)?;
        let (block_out, skip) = (vec![0.0; fft.output_frames_max()], fft.output_delay());
        let stage = Stage { fft, pending: Vec::new(), block_out, skip, taken: 0, given: 0 };
        Ok(Self { from, to, stage: Some(stage) })
    }

    /// Takes samples and appends to `out` those of the output that they complete; up to 30 ms are held back.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        match &mut self.stage {
            None => out.extend_from_slice(samples),
            Some(stage) => stage.push(samples, out),
        }
    }

    /// Appends the rest, so that output and input last equally long, and starts afresh.
    pub fn flush(&mut self, out: &mut Vec<f32>) {
        let Some(stage) = &mut self.stage else { return };
        let total = (u128::from(stage.taken) * u128::from(self.to.0) + u128::from(self.from.0 / 2)) / u128::from(self.from.0);
        let missing = usize::try_from(total.saturating_sub(u128::from(stage.given))).unwrap_or(0);
        let end = out.len() + missing;
        // A block of the delay's length may still be inside; each round of silence pushes one block out.
        let silence = vec![0.0; stage.fft.input_frames_next()];
        while out.len() < end {
            stage.push(&silence, out);
        }
        out.truncate(end);
        stage.fft.reset();
        stage.pending.clear();
        (stage.skip, stage.taken, stage.given) = (stage.fft.output_delay(), 0, 0);
    }
}

impl Stage {
    fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        let block = self.fft.input_frames_next();
        let mut rest = samples;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(block - self.pending.len()));
            // One bad number would spread over a whole FFT block.
            self.pending.extend(head.iter().map(|s| if s.is_finite() { *s } else { 0.0 }));
            rest = tail;
            if self.pending.len() == block {
                self.convert(out);
            }
        }
    }

    fn convert(&mut self, out: &mut Vec<f32>) {
        let frames = self.block_out.len();
        let made = match (
            InterleavedSlice::new(&self.pending[..], 1, self.pending.len()),
            InterleavedSlice::new_mut(&mut self.block_out[..], 1, frames),
        ) {
            (Ok(input), Ok(mut output)) => self.fft.process_into_buffer(&input, &mut output, None).map_or(0, |(_, made)| made),
            _ => 0,
        };
        let skipped = self.skip.min(made);
        self.skip -= skipped;
        out.extend_from_slice(&self.block_out[skipped..made]);
        self.given += (made - skipped) as u64;
        self.pending.clear();
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// All of `samples` at another rate.
///
/// # Errors
/// [`UnsupportedRate`] outside 4 to 384 kHz.
pub fn resample_all(samples: &[f32], from: SampleRate, to: SampleRate) -> Result<Vec<f32>, UnsupportedRate> {
    let mut resampler = Resampler::new(from, to)?;
    let mut out = Vec::with_capacity(to.samples(from.duration(samples.len())) + 1);
    resampler.push(samples, &mut out);
    resampler.flush(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::level;

    fn sine(rate: u32, hz: f64, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (0.5 * (std::f64::consts::TAU * hz * i as f64 / f64::from(rate)).sin()) as f32).collect()
    }

    const PAIRS: [(u32, u32); 9] = [
        (48_000, 16_000),
        (44_100, 16_000),
        (22_050, 16_000),
        (8_000, 16_000),
        (24_000, 16_000),
        (16_000, 24_000),
        (24_000, 48_000),
        (16_000, 48_000),
        (11_025, 24_000),
    ];

    #[test]
    fn a_sine_keeps_its_place_and_60_db_of_signal_to_noise() {
        for (from, to) in PAIRS {
            for hz in [200.0, 1_000.0, 3_000.0] {
                let out = resample_all(&sine(from, hz, from as usize), SampleRate(from), SampleRate(to)).unwrap();
                assert_eq!(out.len(), to as usize, "{from} -> {to}");
                let wanted = sine(to, hz, to as usize);
                // The ends see the silence around the tone.
                let inside = to as usize / 20..to as usize * 19 / 20;
                let error: Vec<f32> = inside.clone().map(|i| out[i] - wanted[i]).collect();
                let snr = level::dbfs(level::rms(&wanted[inside])) - level::dbfs(level::rms(&error));
                assert!(snr > 60.0, "{from} -> {to} at {hz} Hz: {snr} dB");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_gone_and_not_folded() {
        for from in [24_000, 44_100, 48_000] {
            let out = resample_all(&sine(from, 9_500.0, from as usize), SampleRate(from), SampleRate::ASR).unwrap();
            let left = level::dbfs(level::rms(&out[800..15_200]));
            assert!(left < -70.0, "{from}: {left} dBFS");
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_stream() {
        let input = sine(44_100, 700.0, 30_011);
        let whole = resample_all(&input, SampleRate(44_100), SampleRate::ASR).unwrap();
        let mut resampler = Resampler::new(SampleRate(44_100), SampleRate::ASR).unwrap();
        for _ in 0..2 {
            let mut out = Vec::new();
            for piece in input.chunks(37) {
                resampler.push(piece, &mut out);
            }
            resampler.flush(&mut out);
            assert_eq!(out, whole, "and again after a flush");
        }
    }

    #[test]
    fn short_odd_and_bad_input() {
        for length in [0, 1, 2, 100] {
            let out = resample_all(&vec![0.1; length], SampleRate(48_000), SampleRate::ASR).unwrap();
            assert_eq!(out.len(), (length + 1) / 3);
        }
        let same = [0.1, 0.2];
        assert_eq!(resample_all(&same, SampleRate::ASR, SampleRate::ASR).unwrap(), same);
        assert!(resample_all(&[f32::NAN; 1000], SampleRate::TTS, SampleRate::ASR).unwrap().iter().all(|s| s.is_finite()));
        assert_eq!(resample_all(&[0.0; 7_919], SampleRate(7_919), SampleRate::ASR).unwrap().len(), 16_000);
        for rate in [0, 3_999, u32::MAX] {
            assert!(Resampler::new(SampleRate(rate), SampleRate::ASR).is_err());
        }
    }
}
