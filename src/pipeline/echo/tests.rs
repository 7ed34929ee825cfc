//! Echo and cross-talk on voices made of noise: what is played or said by others is known, what is real is kept.

use std::f32::consts::TAU;

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::*;
use crate::{audio::level, time::SampleRate};

const PIECE: usize = 512;

/// Something like speech: syllables of 90 to 250 ms with a spectrum each, and pauses.
fn voice(seed: u64, seconds: f32) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut samples = Vec::new();
    let wanted = (seconds * 16_000.0) as usize;
    while samples.len() < wanted {
        let length = rng.random_range(1_440..4_000);
        let tones: Vec<(f32, f32, f32)> = (0..8)
            .map(|_| (rng.random_range(5.5_f32..8.6).exp(), rng.random_range(0.0..1.0_f32).powi(2), rng.random_range(0.0..TAU)))
            .collect();
        let loudness = rng.random_range(0.03..0.12);
        for n in 0..length {
            let rise = (n as f32 / length as f32 * TAU / 2.0).sin();
            let tone: f32 = tones.iter().map(|(hz, a, phase)| a * (n as f32 * hz * TAU / 16_000.0 + phase).sin()).sum();
            samples.push(tone * rise * loudness);
        }
        samples.resize(samples.len() + rng.random_range(0..2_400), 0.0);
    }
    samples.truncate(wanted);
    samples
}

fn noise(seed: u64, samples: usize, amplitude: f32) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..samples).map(|_| rng.random_range(-amplitude..amplitude)).collect()
}

fn add(to: &mut Vec<f32>, at_ms: usize, what: &[f32], db: f32) {
    let at = at_ms * 16;
    to.resize(to.len().max(at + what.len()), 0.0);
    for (t, w) in to[at..].iter_mut().zip(what) {
        *t += w * level::factor(db);
    }
}

/// Two microphones and a loudspeaker.
struct Stall {
    acoustics: Acoustics,
    mics: [SourceId; 2],
    speaker: SourceId,
}

const A: usize = 0;
const B: usize = 1;

impl Stall {
    fn new(options: EchoOptions) -> Self {
        let mut acoustics = Acoustics::new(options);
        let mics = [acoustics.add(Kind::Microphone), acoustics.add(Kind::Microphone)];
        let speaker = acoustics.add(Kind::Playback);
        Self { acoustics, mics, speaker }
    }

    /// All that two microphones hear from time 10 s on, with a little noise, and what is played `at` ms after that.
    fn hear(&mut self, mut sounds: [Vec<f32>; 2], played: &[(usize, Vec<f32>)]) {
        let length = sounds.iter().map(Vec::len).max().unwrap_or(0).next_multiple_of(PIECE);
        for (mic, sound) in sounds.iter_mut().enumerate() {
            sound.resize(length, 0.0);
            let noise = noise(mic as u64 + 77, length, 0.000_5);
            sound.iter_mut().zip(noise).for_each(|(s, n)| *s += n);
            for (n, piece) in sound.chunks(PIECE).enumerate() {
                self.acoustics.hear(self.mics[mic], piece, Millis(10_000 + (n as u64 + 1) * 32));
            }
        }
        for (at, sound) in played {
            for (n, piece) in sound.chunks(320).enumerate() {
                self.acoustics.hear(self.speaker, piece, Millis(10_000 + *at as u64 + (n as u64 + 1) * 20));
            }
        }
    }

    /// Judges what was said at a microphone between two times in ms, as the segmenter delimits it.
    fn judge(&mut self, mic: usize, from_ms: usize, to_ms: usize) -> Verdict {
        let range = delimited(from_ms, to_ms);
        self.acoustics.began(self.mics[mic], range.start);
        self.acoustics.judge(self.mics[mic], range)
    }
}

fn delimited(from_ms: usize, to_ms: usize) -> Range<u64> {
    (from_ms.saturating_sub(256) * 16) as u64..((to_ms + 160) * 16) as u64
}

#[test]
fn what_was_played_is_an_echo_at_both_microphones() {
    for (n, delay) in [30, 100, 300, 1200].into_iter().enumerate() {
        let mut stall = Stall::new(EchoOptions::default());
        let played = voice(n as u64, 3.0);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1000 + delay, &played, -20.0);
        add(&mut sounds[B], 1000 + delay + 40, &played, -30.0);
        stall.hear(sounds, &[(1000, played)]);
        for mic in [A, B] {
            assert_eq!(stall.judge(mic, 1000 + delay, 4000 + delay), Verdict::Echo(Kind::Playback), "{delay} ms, {mic}");
        }
    }
}

#[test]
fn the_louder_microphone_keeps_the_voice() {
    for (n, (delay, db)) in [(30, -6.0), (120, -12.0), (300, -18.0)].into_iter().enumerate() {
        for order in [[A, B], [B, A]] {
            let mut stall = Stall::new(EchoOptions::default());
            let said = voice(10 + n as u64, 2.5);
            let mut sounds = [Vec::new(), Vec::new()];
            add(&mut sounds[B], 1000, &said, 0.0);
            add(&mut sounds[A], 1000 + delay, &said, db);
            stall.hear(sounds, &[]);
            // The other microphone's utterance has begun, whichever is judged first.
            stall.acoustics.began(stall.mics[order[1]], 12_000);
            for mic in order {
                let begin = if mic == A { 1000 + delay } else { 1000 };
                let verdict = stall.judge(mic, begin, begin + 2500);
                let expected = if mic == A { Verdict::Echo(Kind::Microphone) } else { Verdict::Real };
                assert_eq!(verdict, expected, "{delay} ms, {db} dB, {mic} in {order:?}");
            }
        }
    }
}

#[test]
fn a_voice_that_both_hear_alike_is_kept_once() {
    for seed in 20..26 {
        let mut stall = Stall::new(EchoOptions::default());
        let said = voice(seed, 2.5);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1000, &said, 0.0);
        add(&mut sounds[B], 1050, &said, 0.5 - (seed % 2) as f32);
        stall.hear(sounds, &[]);
        stall.acoustics.began(stall.mics[B], 12_000);
        let mut kept = 0;
        for (mic, begin) in [(A, 1000), (B, 1050)] {
            if stall.judge(mic, begin, begin + 2500) == Verdict::Real {
                kept += 1;
                assert_eq!(stall.acoustics.settle(stall.mics[mic], delimited(begin, begin + 2500), "some words"), None);
            }
        }
        assert_eq!(kept, 1, "{seed}");
    }
}

#[test]
fn a_voice_that_no_other_microphone_would_keep_is_real() {
    let mut stall = Stall::new(EchoOptions::default());
    let said = voice(30, 2.5);
    let mut sounds = [Vec::new(), Vec::new()];
    add(&mut sounds[B], 1000, &said, 0.0);
    add(&mut sounds[A], 1100, &said, -12.0);
    stall.hear(sounds, &[]);
    // The louder microphone never took it for speech: dropping it here would lose it.
    assert_eq!(stall.judge(A, 1100, 3600), Verdict::Real);
}

#[test]
fn unrelated_voices_are_real_whoever_talks_and_whatever_is_played() {
    for seed in 40..60 {
        let mut stall = Stall::new(EchoOptions::default());
        let seconds = 1.0 + (seed % 5) as f32;
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1000, &voice(seed, seconds), 0.0);
        add(&mut sounds[B], 900, &voice(seed + 100, 5.0), 0.0);
        stall.hear(sounds, &[(500, voice(seed + 200, 6.0))]);
        stall.acoustics.began(stall.mics[B], 10_000);
        let end = 1000 + (seconds * 1000.0) as usize;
        assert_eq!(stall.judge(A, 1000, end), Verdict::Real, "{seed}");
        assert_eq!(stall.judge(B, 900, 5900), Verdict::Real, "{seed}");
    }
}

#[test]
fn an_answer_into_the_echo_loses_the_echo_only() {
    for seed in 70..80 {
        let mut stall = Stall::new(EchoOptions::default());
        let played = voice(seed, 3.0);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1100, &played, -20.0);
        add(&mut sounds[A], 4200, &voice(seed + 100, 0.8), 0.0);
        stall.hear(sounds, &[(1000, played)]);
        let Verdict::Partly(parts) = stall.judge(A, 1100, 5000) else { panic!("{seed}: not in parts") };
        let [part] = parts.as_slice() else { panic!("{seed}: {parts:?}") };
        // The utterance begins 256 ms before 1100 ms.
        let (from, to) = (844 + part.start / 16, 844 + part.end / 16);
        assert!((3500..=4200).contains(&from) && to >= 5000, "{seed}: kept {from} to {to} ms of the answer from 4200 to 5000");
    }
}

#[test]
fn two_who_speak_at_once_are_both_heard() {
    for seed in 90..100 {
        let mut stall = Stall::new(EchoOptions::default());
        let (one, other) = (voice(seed, 3.0), voice(seed + 100, 3.0));
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1000, &one, 0.0);
        add(&mut sounds[A], 1400, &other, -12.0);
        add(&mut sounds[B], 1300, &other, 0.0);
        add(&mut sounds[B], 1100, &one, -12.0);
        stall.hear(sounds, &[]);
        stall.acoustics.began(stall.mics[B], 10_000);
        for (mic, begin) in [(A, 1000), (B, 1100)] {
            let verdict = stall.judge(mic, begin, 4400);
            assert!(!matches!(verdict, Verdict::Echo(_)), "{seed}, {mic}: {verdict:?}");
        }
    }
}

#[test]
fn a_dropped_utterance_stays_dropped_and_tells_why() {
    let mut stall = Stall::new(EchoOptions::default());
    let played = voice(110, 2.0);
    let mut sounds = [Vec::new(), Vec::new()];
    add(&mut sounds[A], 1200, &played, -20.0);
    stall.hear(sounds, &[(1000, played)]);
    assert_eq!(stall.judge(A, 1200, 3200), Verdict::Echo(Kind::Playback));
    assert_eq!(stall.acoustics.settle(stall.mics[A], delimited(1200, 3200), ""), Some(Cause::Playback));
}

#[test]
fn an_echo_behind_a_sentence_takes_nothing_of_it() {
    for seed in 140..150 {
        let mut stall = Stall::new(EchoOptions::default());
        let (said, played) = (voice(seed, 3.0), voice(seed + 100, 2.0));
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1200, &said, -12.0);
        add(&mut sounds[B], 1000, &said, 0.0);
        // What was committed of it is spoken as soon as the speaker is silent, and both microphones take it for the same utterance.
        for mic in [A, B] {
            add(&mut sounds[mic], 4300, &played, -20.0);
        }
        stall.hear(sounds, &[(4200, played)]);
        stall.acoustics.began(stall.mics[B], delimited(1000, 0).start);
        assert_eq!(stall.judge(A, 1200, 4200), Verdict::Echo(Kind::Microphone), "{seed}");
        let rest = delimited(4616, 6300);
        assert_eq!(stall.acoustics.judge(stall.mics[A], rest), Verdict::Echo(Kind::Playback), "{seed}");
        let Verdict::Partly(parts) = stall.judge(B, 1000, 6300) else { panic!("{seed}: not in parts") };
        let [part] = parts.as_slice() else { panic!("{seed}: {parts:?}") };
        let (from, to) = (744 + part.start / 16, 744 + part.end / 16);
        assert!(from <= 1000 && (3900..=4700).contains(&to), "{seed}: kept {from} to {to} ms of what was said from 1000 to 4000");
    }
}

#[test]
fn of_a_voice_that_both_hear_alike_the_first_keeps_all() {
    for seed in 160..166 {
        let mut stall = Stall::new(EchoOptions::default());
        let said = voice(seed, 4.0);
        let mut sounds = [Vec::new(), Vec::new()];
        add(&mut sounds[A], 1000, &said, 0.0);
        // A little louder, and a little later.
        add(&mut sounds[B], 1050, &said, 1.0);
        stall.hear(sounds, &[]);
        // Words of it were sent before the other microphone's sound had come.
        stall.acoustics.set(stall.mics[A], delimited(1000, 0).start, Some(48_000), State::Kept);
        stall.acoustics.began(stall.mics[B], delimited(1050, 0).start);
        assert_eq!(stall.acoustics.judge(stall.mics[A], delimited(1000, 5000)), Verdict::Real, "{seed}");
        assert_eq!(stall.judge(B, 1050, 5050), Verdict::Echo(Kind::Microphone), "{seed}");
    }
}

#[test]
fn the_same_words_at_the_same_time_and_somewhat_the_same_sound_are_an_echo() {
    let words = "The minimum order is five hundred pieces.";
    for (heard, at, expected) in [(words, 1000, Some(Cause::Words)), ("How long does it take?", 1000, None), (words, 4500, None)]
    {
        let mut stall = Stall::new(EchoOptions::default());
        let played = voice(120, 3.0);
        let mut sounds = [Vec::new(), Vec::new()];
        // So much other sound that the comparison alone is not sure.
        add(&mut sounds[A], at + 100, &played, -20.0);
        add(&mut sounds[A], at + 100, &noise(5, 48_000, 0.02), 0.0);
        stall.hear(sounds, &[(1000, played)]);
        stall.acoustics.says(stall.speaker, words.into(), Millis(11_000), Duration::from_secs(3));
        let range = ((at - 156) * 16) as u64..((at + 3260) * 16) as u64;
        stall.acoustics.began(stall.mics[A], range.start);
        let cause = stall.acoustics.settle(stall.mics[A], range, heard);
        assert!(cause == expected || cause == Some(Cause::Playback), "{heard:?} at {at}: {cause:?}");
    }
}

#[test]
fn nothing_is_suppressed_when_it_is_switched_off() {
    let mut stall = Stall::new(EchoOptions { enabled: false, ..EchoOptions::default() });
    let played = voice(130, 2.0);
    let mut sounds = [Vec::new(), Vec::new()];
    add(&mut sounds[A], 1100, &played, -10.0);
    stall.hear(sounds, &[(1000, played)]);
    assert_eq!(stall.judge(A, 1100, 3100), Verdict::Real);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut stall = Stall::new(EchoOptions::default());
    for minute in 0..3_u64 {
        for n in 0..(60_000 / 32) {
            // A pause before each piece: every one is a stretch of its own.
            let end = Millis(minute * 60_000 + n * 32 + n * 1000);
            stall.acoustics.hear(stall.mics[A], &[0.1; PIECE], end);
        }
    }
    for n in 0..1000 {
        stall.acoustics.began(stall.mics[A], n * 1000);
        let gone = stall.acoustics.add(Kind::Playback);
        stall.acoustics.remove(gone);
    }
    let mic = &stall.acoustics.sources[&stall.mics[A]];
    assert!(mic.track.len() <= 2000 && mic.windows.len() <= MAX_WINDOWS);
    assert!(stall.acoustics.sources.len() <= 3 + MAX_CLOSED);
    // Positions and times that were never heard are answered, not a panic.
    for range in [0..10, 0..u64::MAX, u64::MAX - 5..u64::MAX, 16_000..16_000] {
        assert_eq!(stall.acoustics.judge(stall.mics[A], range), Verdict::Real);
    }
}

#[test]
fn packets_in_bursts_and_silence_that_is_not_sent_keep_their_time() {
    let mut track = Track::new(Duration::from_millis(250));
    let piece = |n: u64| vec![if n.is_multiple_of(2) { 0.3 } else { 0.0 }; 1600];
    let second = SampleRate::ASR.samples(Duration::from_secs(1)) as u64;
    // A second of sound, five seconds of nothing, then a second that comes late and all at once.
    for n in 0..10 {
        track.push(&piece(n), Millis(1000 + (n + 1) * 100));
    }
    for n in 0..10 {
        track.push(&piece(n), Millis(7950 + n));
    }
    track.push(&piece(1), Millis(8100));
    assert!(track.time(second / 256 / 2).abs_diff(1500) <= 32, "{}", track.time(second / 512));
    // The last packet came in time: it sets the clock for the burst.
    assert!(track.time(second / 256 + 31).abs_diff(7500) <= 64, "{}", track.time(second / 256 + 31));
    let window = track.window(1000, 500);
    assert!(window[70..370].iter().all(|f| bands::level(f) <= -70.0), "silence where nothing was sent");
    assert!(window.iter().take(60).any(|f| bands::level(f) > -60.0) && window.iter().skip(380).any(|f| bands::level(f) > -60.0));
}
