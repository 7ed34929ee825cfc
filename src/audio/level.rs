//! How loud: RMS and peak, gain, fades, and mixing noise at a stated signal-to-noise ratio.
//!
//! Plain functions over samples in -1..1; dBFS is decibels relative to full scale (a full-scale square wave is 0 dBFS RMS).
//! Used by the segmenter, the synthesiser's joints, tests and benches.

/// The level reported for digital silence, instead of minus infinity: below the noise floor of 16 bits.
pub const SILENCE_DBFS: f32 = -120.0;

/// Root mean square of the samples, 0 for none; samples that are not finite count as 0.
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    let energy: f64 = samples.iter().filter(|s| s.is_finite()).map(|s| f64::from(*s) * f64::from(*s)).sum();
    (energy / samples.len() as f64).sqrt() as f32
}

/// Largest absolute sample, 0 for none.
pub fn peak(samples: &[f32]) -> f32 {
    samples.iter().filter(|s| s.is_finite()).fold(0.0, |peak, s| peak.max(s.abs()))
}

/// Linear amplitude to dBFS, never below [`SILENCE_DBFS`].
pub fn dbfs(amplitude: f32) -> f32 {
    (20.0 * amplitude.max(0.0).log10()).max(SILENCE_DBFS)
}

/// Decibels to a linear factor.
pub fn factor(db: f32) -> f32 {
    10.0f32.powf(db / 20.0)
}

/// Makes the samples louder by `db` decibels (quieter when negative), clipped to -1..1.
pub fn gain(samples: &mut [f32], db: f32) {
    let factor = factor(db);
    for s in samples {
        *s = (*s * factor).clamp(-1.0, 1.0);
    }
}

/// Raises the first `length` samples from silence, linearly.
pub fn fade_in(samples: &mut [f32], length: usize) {
    let length = length.min(samples.len());
    for (i, s) in samples.iter_mut().take(length).enumerate() {
        *s *= i as f32 / length as f32;
    }
}

/// Lowers the last `length` samples to silence, linearly.
pub fn fade_out(samples: &mut [f32], length: usize) {
    let length = length.min(samples.len());
    for (i, s) in samples.iter_mut().rev().take(length).enumerate() {
        *s *= i as f32 / length as f32;
    }
}

/// `speech` with `noise` (repeated as needed) `snr_db` decibels below it by RMS over the whole; scaled down as one when the sum
/// would clip, which keeps the ratio. Silent or missing noise leaves the speech as it is.
pub fn mix_at_snr(speech: &[f32], noise: &[f32], snr_db: f32) -> Vec<f32> {
    let noise_rms = rms(noise);
    if noise_rms == 0.0 {
        return speech.to_vec();
    }
    let noise_gain = rms(speech) / (noise_rms * factor(snr_db));
    let mut mixed: Vec<f32> = speech.iter().zip(noise.iter().cycle()).map(|(s, n)| s + n * noise_gain).collect();
    let loudest = peak(&mixed);
    if loudest > 1.0 {
        mixed.iter_mut().for_each(|s| *s /= loudest);
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_known_signals() {
        let square: Vec<f32> = (0..1000).map(|i| if i % 2 == 0 { 0.5 } else { -0.5 }).collect();
        assert!((dbfs(rms(&square)) + 6.02).abs() < 0.01);
        assert_eq!(peak(&square), 0.5);
        assert_eq!((rms(&[]), peak(&[]), dbfs(0.0)), (0.0, 0.0, SILENCE_DBFS));
        assert_eq!(rms(&[f32::NAN]), 0.0);
    }

    #[test]
    fn noise_is_mixed_at_the_ratio_asked_for() {
        let speech: Vec<f32> = (0..16_000).map(|i| 0.3 * (i as f32 * 0.05).sin()).collect();
        let noise: Vec<f32> = (0..999).map(|i| 0.9 * ((i * 7919 % 997) as f32 / 498.0 - 1.0)).collect();
        for snr in [0.0, 10.0, 20.0] {
            let mixed = mix_at_snr(&speech, &noise, snr);
            // When nothing clips, what was added is the difference.
            let added: Vec<f32> = mixed.iter().zip(&speech).map(|(m, s)| m - s).collect();
            assert!((dbfs(rms(&speech)) - dbfs(rms(&added)) - snr).abs() < 0.1, "{snr}");
        }
        assert!(peak(&mix_at_snr(&speech, &noise, -20.0)) <= 1.0);
        assert_eq!(mix_at_snr(&speech, &[], 5.0), speech);
    }

    #[test]
    fn gain_and_fades() {
        let mut samples = vec![0.25; 100];
        gain(&mut samples, 6.0206);
        assert!(samples.iter().all(|s| (s - 0.5).abs() < 1e-4));
        fade_in(&mut samples, 10);
        fade_out(&mut samples, 1_000);
        assert_eq!((samples[0], samples[99]), (0.0, 0.0));
        assert!(samples[50] > 0.0 && samples[50] < 0.5);
    }
}
