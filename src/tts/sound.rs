//! What every synthesiser's raw output gets before anyone hears it: silence trimmed, ends faded, one loudness.
//!
//! Pure arithmetic on 24 kHz mono samples; called by the engines of this stage.

/// Samples in a millisecond at 24 kHz.
const MS: usize = 24;
/// Kept before and after the sound: a cut right at the first sample clips soft consonants.
const MARGIN: usize = 30 * MS;
/// Against clicks; shorter than any speech sound.
const FADE: usize = 5 * MS;
/// Level of speech while it is voiced, -20 dBFS: comfortable, and quiet enough that peaks rarely reach the limit.
const TARGET_RMS: f32 = 0.1;
/// Peaks stay under -1 dBFS so that the Opus decoder does not clip.
const PEAK: f32 = 0.89;
/// A whisper is not blown up to a shout, nor noise to speech.
const MAX_GAIN: f32 = 8.0;

/// Cuts silence (40 dB under the peak) off both ends, but for 30 ms, and fades 5 ms in and out. Nothing but silence becomes empty.
pub(super) fn trim(samples: &mut Vec<f32>) {
    let peak = samples.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    let loud = |s: &f32| peak > 1e-4 && s.abs() > peak * 0.01;
    let (Some(first), Some(last)) = (samples.iter().position(loud), samples.iter().rposition(loud)) else {
        samples.clear();
        return;
    };
    samples.truncate((last + 1 + MARGIN).min(samples.len()));
    samples.drain(..first.saturating_sub(MARGIN));
    let fade = FADE.min(samples.len() / 2);
    for n in 0..fade {
        let gain = n as f32 / fade as f32;
        let mirrored = samples.len() - 1 - n;
        for at in [n, mirrored] {
            if let Some(sample) = samples.get_mut(at) {
                *sample *= gain;
            }
        }
    }
}

/// Brings speech to one loudness: the RMS of its 20 ms frames that are not pauses becomes [`TARGET_RMS`], unless a peak forbids it.
pub(super) fn normalise(samples: &mut [f32]) {
    let energies: Vec<f32> =
        samples.chunks(20 * MS).map(|frame| frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32).collect();
    // Pauses, 26 dB under the loudest frame, would make a slow speaker too loud.
    let floor = energies.iter().fold(0.0_f32, |a, b| a.max(*b)) / 400.0;
    let (sum, count) = energies.iter().filter(|e| **e > floor).fold((0.0, 0_u32), |(sum, count), e| (sum + e, count + 1));
    let peak = samples.iter().fold(0.0_f32, |peak, s| peak.max(s.abs()));
    if count == 0 || peak < 1e-4 {
        return;
    }
    let gain = (TARGET_RMS / (sum / count as f32).sqrt()).min(PEAK / peak).min(MAX_GAIN);
    samples.iter_mut().for_each(|s| *s *= gain);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(level: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| level * (n as f32 * 0.1).sin()).collect()
    }

    #[test]
    fn silence_goes_and_the_margin_stays() {
        let mut samples = [vec![0.0; 12_000], tone(0.5, 24_000), vec![0.0; 9_000]].concat();
        trim(&mut samples);
        assert!(samples.len().abs_diff(24_000 + 2 * MARGIN) < 100, "{}", samples.len());
        assert_eq!((samples.first(), samples.last()), (Some(&0.0), Some(&0.0)));
        for mut nothing in [vec![], vec![0.0; 5000]] {
            trim(&mut nothing);
            assert!(nothing.is_empty());
        }
    }

    #[test]
    fn loud_and_quiet_speech_become_equally_loud() {
        let rms = |s: &[f32]| (s.iter().map(|v| v * v).sum::<f32>() / s.len() as f32).sqrt();
        for level in [0.03, 0.2, 0.9] {
            let mut samples = tone(level, 24_000);
            normalise(&mut samples);
            assert!((rms(&samples) - TARGET_RMS).abs() < 0.005, "{level} became {}", rms(&samples));
        }
        let mut click = tone(0.01, 24_000);
        click[500] = 1.0;
        normalise(&mut click);
        assert!(click.iter().all(|s| s.abs() <= PEAK + 1e-6));
        normalise(&mut []);
    }
}
