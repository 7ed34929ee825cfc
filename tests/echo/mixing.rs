//! The sounds of a stall: recordings, what a room and a codec make of them, and what two microphones hear.
//!
//! Used by both halves of the test; knows of the product only the codec, and the judgement that hears it all.

use std::path::Path;

use tongchuan::{
    audio::{
        file, level,
        opus::{Decoder, Encoder, EncoderOptions},
    },
    dialogue::{self, Line},
    pipeline::echo::{Acoustics, EchoOptions, Kind, SourceId},
    time::{Millis, SampleRate},
};

/// Samples of 20 ms at 16 kHz.
pub(crate) const FRAME: usize = 320;

/// The longest that a recording of people goes on here: most sentences of a conversation are shorter.
const LONGEST: usize = 6 * 16_000;

pub(crate) fn lines() -> Vec<Line> {
    let lines = dialogue::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trade")).expect("the dialogue");
    assert_eq!(lines.len(), 40);
    lines
}

/// A recording without the silence around it.
pub(crate) fn words(line: &Line) -> Vec<f32> {
    trimmed(&dialogue::recording(line).expect("a recording"))
}

/// Recordings of people in eight languages with their names, as loud as the synthetic voices of the dialogue.
pub(crate) fn people() -> Vec<(String, Vec<f32>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/data/speech");
    let manifest = std::fs::read_to_string(folder.join("manifest.tsv")).expect("the manifest");
    let recordings: Vec<_> = manifest
        .lines()
        .skip(1)
        .map(|row| {
            let name = row.split('\t').next().expect("a name");
            let mut samples = file::read(&folder.join(name), SampleRate::ASR).expect("a recording");
            let loudest = samples.chunks(FRAME).map(level::rms).fold(1e-6, f32::max);
            samples.iter_mut().for_each(|s| *s *= 0.2 / loudest);
            let mut samples = trimmed(&samples);
            samples.truncate(LONGEST);
            (name.to_owned(), samples)
        })
        .collect();
    assert_eq!(recordings.len(), 48);
    recordings
}

fn trimmed(samples: &[f32]) -> Vec<f32> {
    let loud = |frame: &[f32]| level::dbfs(level::rms(frame)) > -50.0;
    let first = samples.chunks(FRAME).position(loud).unwrap_or(0);
    let last = samples.chunks(FRAME).rposition(loud).unwrap_or(0);
    samples[first * FRAME..((last + 1) * FRAME).min(samples.len())].to_vec()
}

pub(crate) fn add(to: &mut Vec<f32>, at_ms: usize, what: &[f32], db: f32) {
    let at = at_ms * 16;
    to.resize(to.len().max(at + what.len()), 0.0);
    for (t, w) in to[at..].iter_mut().zip(what) {
        *t += w * level::factor(db);
    }
}

/// The same sound after a room: a few late copies of it, each fainter.
pub(crate) fn in_a_room(samples: &[f32]) -> Vec<f32> {
    let mut out = samples.to_vec();
    for (delay_ms, db) in [(11, -6.0), (23, -8.0), (47, -12.0), (89, -17.0), (151, -23.0)] {
        add(&mut out, delay_ms, samples, db);
    }
    out
}

/// After an encoder and a decoder, as every sound of a client is.
pub(crate) fn through_opus(samples: &[f32]) -> Vec<f32> {
    let mut encoder = Encoder::new(&EncoderOptions { rate: SampleRate::ASR, ..EncoderOptions::default() }).unwrap();
    let (mut decoder, mut out) = (Decoder::new().unwrap(), Vec::new());
    encoder.push(samples, |packet| decoder.decode(packet, &mut out).unwrap());
    out
}

/// A little noise, different for each seed.
pub(crate) fn hiss(seed: u32, samples: &mut [f32]) {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    for sample in samples {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *sample += (state as f32 / u32::MAX as f32 - 0.5) * 0.002;
    }
}

/// A room with two microphones and a loudspeaker that have heard all this from time 0 on; what is played (decoded), at which time in ms.
pub(crate) fn room(sounds: [Vec<f32>; 2], played: &[(usize, &[f32])]) -> (Acoustics, [SourceId; 2]) {
    let mut acoustics = Acoustics::new(EchoOptions::default());
    let mics = [acoustics.add(Kind::Microphone), acoustics.add(Kind::Microphone)];
    let speaker = acoustics.add(Kind::Playback);
    let length = sounds.iter().map(Vec::len).max().unwrap_or(0) + 8_000;
    for ((seed, mic), mut sound) in (1..).zip(mics).zip(sounds) {
        sound.resize(length, 0.0);
        hiss(seed, &mut sound);
        for (n, piece) in through_opus(&sound).chunks(512).enumerate() {
            acoustics.hear(mic, piece, Millis((n as u64 + 1) * 32));
        }
    }
    for (at_ms, samples) in played {
        for (n, piece) in samples.chunks(FRAME).enumerate() {
            acoustics.hear(speaker, piece, Millis(*at_ms as u64 + (n as u64 + 1) * 20));
        }
    }
    (acoustics, mics)
}

/// As the segmenter delimits it: a pre-roll before, a tail after.
pub(crate) fn delimited(begin_ms: usize, samples: usize) -> std::ops::Range<u64> {
    ((begin_ms - 256) * 16) as u64..(begin_ms * 16 + samples + 2560) as u64
}
