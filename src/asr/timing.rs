//! Where in the clip its words lie, estimated: pure.
//!
//! Whisper decodes here without timestamps, so the times of tokens are interpolated: the loud part of the clip is shared out
//! by the length of each token's text. Good to a few tenths of a second, which is what trimming a window at a committed word
//! needs; not for lip-sync.

use std::{ops::Range, time::Duration};

use super::AsrToken;
use crate::{privacy::Redacted, time::SampleRate};

/// Energy is looked at in steps of 20 ms.
const FRAME: usize = 320;
/// A frame is loud from 5 % of the loudest frame's amplitude on (-26 dB): above breath and room, below the quietest consonants
/// that matter for the ends of a sentence.
const LOUD: f32 = 0.05;

/// From the first loud moment of `samples` (16 kHz) to the last; empty for silence.
pub(super) fn speech_bounds(samples: &[f32]) -> Range<Duration> {
    let power: Vec<f32> =
        samples.chunks(FRAME).map(|frame| frame.iter().map(|s| s * s).sum::<f32>() / frame.len() as f32).collect();
    let loudest = power.iter().copied().fold(0.0, f32::max);
    let is_loud = |power: &f32| loudest > 0.0 && *power >= loudest * LOUD * LOUD;
    let (Some(first), Some(last)) = (power.iter().position(is_loud), power.iter().rposition(is_loud)) else {
        return Duration::ZERO..Duration::ZERO;
    };
    let end = ((last + 1) * FRAME).min(samples.len());
    SampleRate::ASR.duration(first * FRAME)..SampleRate::ASR.duration(end)
}

/// Gives each piece of text (with its probability) its share of `speech`, in order.
pub(super) fn spread(pieces: Vec<(String, f32)>, speech: Range<Duration>) -> Vec<AsrToken> {
    let weight = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    let total: usize = pieces.iter().map(|(text, _)| weight(text)).sum();
    let length = speech.end.saturating_sub(speech.start);
    let at = |done: usize| speech.start + length.mul_f64(done as f64 / total.max(1) as f64);
    let mut done = 0;
    pieces
        .into_iter()
        .map(|(text, probability)| {
            let from = at(done);
            done += weight(&text);
            AsrToken { text: Redacted::new(text), from, to: at(done), probability }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loud_part_is_found_between_silences() {
        let mut samples = vec![0.001; 16_000];
        samples.extend(vec![0.3; 8_000]);
        samples.extend(vec![0.001; 4_000]);
        assert_eq!(speech_bounds(&samples), Duration::from_millis(1_000)..Duration::from_millis(1_500));
        assert!(speech_bounds(&[]).is_empty());
        assert!(speech_bounds(&[0.0; 999]).is_empty());
    }

    #[test]
    fn tokens_share_the_speech_by_their_letters() {
        let pieces = vec![("你好".to_owned(), 0.9), ("，".to_owned(), 0.8), ("老板".to_owned(), 0.7)];
        let tokens = spread(pieces, Duration::from_secs(1)..Duration::from_secs(3));
        let times: Vec<_> = tokens.iter().map(|t| (t.from.as_millis(), t.to.as_millis())).collect();
        assert_eq!(times, [(1_000, 2_000), (2_000, 2_000), (2_000, 3_000)]);
        assert!(spread(vec![], Duration::ZERO..Duration::ZERO).is_empty());
        assert_eq!(spread(vec![("。".to_owned(), 1.0)], Duration::ZERO..Duration::ZERO)[0].to, Duration::ZERO);
    }
}
