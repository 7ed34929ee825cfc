//! The mel filterbank that Whisper was trained with.
//!
//! OpenAI ships it as a table, `librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)`: Slaney's mel scale and Slaney's
//! normalisation (M. Slaney, Auditory Toolbox, 1998). It is computed here instead, in 64-bit floats as librosa does.

/// Samples per second that Whisper hears.
pub(super) const SAMPLE_RATE: u32 = 16_000;

/// Below this frequency the scale is linear, above it logarithmic.
const BREAK_HZ: f64 = 1_000.0;
/// Width of one mel in the linear part.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
/// In the logarithmic part 27 mels multiply the frequency by 6.4.
const LOG_STEP: f64 = 1.856_297_990_365_626 / 27.0;

fn hz_to_mel(hz: f64) -> f64 {
    if hz < BREAK_HZ { hz / HZ_PER_MEL } else { BREAK_HZ / HZ_PER_MEL + (hz / BREAK_HZ).ln() / LOG_STEP }
}

fn mel_to_hz(mel: f64) -> f64 {
    let break_mel = BREAK_HZ / HZ_PER_MEL;
    if mel < break_mel { mel * HZ_PER_MEL } else { BREAK_HZ * ((mel - break_mel) * LOG_STEP).exp() }
}

/// `bands` triangles over the `fft / 2 + 1` bins of a real transform, band after band: each rises from the centre of the band
/// below to its own and falls to the next one's, scaled so that all have the same area.
pub(super) fn slaney_filterbank(bands: usize, fft: usize, sample_rate: u32) -> Vec<f32> {
    let bins = fft / 2 + 1;
    let top = f64::from(sample_rate) / 2.0;
    let corners: Vec<f64> = (0..bands + 2).map(|i| mel_to_hz(hz_to_mel(top) * i as f64 / (bands + 1) as f64)).collect();
    let mut weights = Vec::with_capacity(bands * bins);
    for corner in corners.windows(3) {
        let (low, centre, high) = (corner[0], corner[1], corner[2]);
        for bin in 0..bins {
            let hz = top * bin as f64 / (bins - 1) as f64;
            let triangle = ((hz - low) / (centre - low)).min((high - hz) / (high - centre)).max(0.0);
            #[allow(clippy::cast_possible_truncation, reason = "the file holds 32-bit floats")]
            weights.push((triangle * 2.0 / (high - low)) as f32);
        }
    }
    weights
}
