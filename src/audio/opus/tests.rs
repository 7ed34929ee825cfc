//! The codec on tones: length, pitch and level survive it, loss is concealed, wrong packets are errors.

use super::*;
use crate::audio::level;

fn tone(rate: SampleRate, hz: f32, seconds: f32) -> Vec<f32> {
    let n = rate.samples(Duration::from_secs_f32(seconds));
    (0..n).map(|i| 0.5 * (std::f32::consts::TAU * hz * i as f32 / rate.0 as f32).sin()).collect()
}

fn encode(options: &EncoderOptions, samples: &[f32]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut encoder = Encoder::new(options).unwrap();
    // Odd pieces: the encoder must not care how its input is cut.
    for piece in samples.chunks(317) {
        encoder.push(piece, |p| packets.push(p.to_vec()));
    }
    encoder.flush(|p| packets.push(p.to_vec()));
    packets
}

/// Share of the energy at `hz`, in 0..=1.
fn share_at(samples: &[f32], rate: SampleRate, hz: f32) -> f32 {
    let (mut re, mut im, mut energy) = (0.0f64, 0.0f64, 0.0f64);
    for (i, s) in samples.iter().enumerate() {
        let phase = std::f64::consts::TAU * f64::from(hz) * i as f64 / f64::from(rate.0);
        re += f64::from(*s) * phase.cos();
        im += f64::from(*s) * phase.sin();
        energy += f64::from(s * s);
    }
    (2.0 * (re * re + im * im) / (samples.len() as f64 * energy.max(1e-9))) as f32
}

#[test]
fn speech_at_every_client_rate_arrives_at_16_khz_with_its_length() {
    for rate in [16_000, 24_000, 48_000].map(SampleRate) {
        let packets = encode(&EncoderOptions { rate, ..EncoderOptions::default() }, &tone(rate, 440.0, 1.0));
        let mut decoder = Decoder::new().unwrap();
        let mut out = Vec::new();
        for packet in &packets {
            decoder.decode(packet, &mut out).unwrap();
        }
        assert_eq!(out.len(), packets.len() * 320);
        assert!((16_000..=16_640).contains(&out.len()), "{rate:?}: {}", out.len());
        assert!(share_at(&out[1_600..14_400], SampleRate::ASR, 440.0) > 0.9, "{rate:?}");
    }
}

#[test]
fn stereo_packets_and_every_frame_size_decode_to_mono() {
    for (ms, samples) in [(5, 80), (10, 160), (20, 320), (40, 640), (60, 960)] {
        let mut codec = ::opus::Encoder::new(48_000, Channels::Stereo, Application::Audio).unwrap();
        let packet = codec.encode_vec_float(&vec![0.1; ms * 48 * 2], 1_500).unwrap();
        let mut out = Vec::new();
        let mut decoder = Decoder::new().unwrap();
        decoder.decode(&packet, &mut out).unwrap();
        assert_eq!((out.len(), decoder.frame_samples()), (samples, samples), "{ms} ms");
    }
}

#[test]
fn bad_packets_are_errors_and_the_decoder_lives_on() {
    let good = encode(&EncoderOptions::default(), &tone(SampleRate::TTS, 300.0, 0.1));
    let mut decoder = Decoder::new().unwrap();
    let mut out = Vec::new();
    assert_eq!(decoder.decode(&[], &mut out), Err(OpusError::Empty));
    assert_eq!(decoder.decode(&vec![0; 70_000], &mut out), Err(OpusError::TooLong(70_000)));
    // Code 3 with 63 frames: longer than 120 ms.
    assert!(matches!(decoder.decode(&[0xff, 0x3f, 0, 0], &mut out), Err(OpusError::Invalid(_))));
    assert!(out.is_empty());
    decoder.decode(&good[0], &mut out).unwrap();
    assert_eq!(out.len(), 320);
}

#[test]
fn no_prefix_or_corruption_of_a_packet_panics() {
    let packets = encode(
        &EncoderOptions { fec: true, expected_loss_percent: 20, ..EncoderOptions::default() },
        &tone(SampleRate::TTS, 200.0, 0.1),
    );
    let packet = &packets[2];
    let mut decoder = Decoder::new().unwrap();
    let mut out = Vec::new();
    for end in 0..packet.len() {
        let _ = decoder.decode(&packet[..end], &mut out);
        decoder.conceal(1, Some(&packet[..end]), &mut out);
    }
    for i in 0..packet.len() {
        for bit in 0..8 {
            let mut bad = packet.clone();
            bad[i] ^= 1 << bit;
            let _ = decoder.decode(&bad, &mut out);
            out.clear();
        }
    }
    decoder.decode(packet, &mut out).unwrap();
    assert!(out.iter().all(|s| s.is_finite()));
}

#[test]
fn a_gap_sounds_on_for_200_ms_and_then_is_silence_of_the_right_length() {
    let packets = encode(&EncoderOptions::default(), &tone(SampleRate::TTS, 300.0, 0.4));
    let mut decoder = Decoder::new().unwrap();
    let mut out = Vec::new();
    for packet in &packets[..12] {
        decoder.decode(packet, &mut out).unwrap();
    }
    out.clear();
    decoder.conceal(30, None, &mut out);
    assert_eq!(out.len(), 30 * 320);
    assert!(level::rms(&out[..640]) > 0.05, "the first lost packets go on sounding");
    assert!(out[10 * 320..].iter().all(|s| *s == 0.0), "later ones are silence");
    out.clear();
    decoder.conceal(usize::MAX, None, &mut out);
    assert_eq!(out.len(), SampleRate::ASR.samples(MAX_CONCEALED), "bounded whatever was asked for");
}

#[test]
fn forward_error_correction_recovers_the_last_lost_packet() {
    // Syllables: 120 ms of a different pitch each, so that extrapolation guesses wrong where FEC knows.
    let options = EncoderOptions { rate: SampleRate::ASR, fec: true, expected_loss_percent: 30, ..EncoderOptions::default() };
    let samples: Vec<f32> = (0..16_000)
        .map(|i| {
            let t = i as f32 / 16_000.0;
            let hz = 150.0 + 80.0 * ((i / 1_920) % 4) as f32;
            0.4 * (1..6).map(|h| (std::f32::consts::TAU * hz * h as f32 * t).sin() / h as f32).sum::<f32>()
        })
        .collect();
    let packets = encode(&options, &samples);
    let error = |use_fec: bool| -> f32 {
        let (mut whole, mut lossy) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        let (mut reference, mut heard) = (Vec::new(), Vec::new());
        for (i, packet) in packets.iter().enumerate() {
            whole.decode(packet, &mut reference).unwrap();
            if i % 6 == 0 && i > 0 {
                continue;
            }
            if i % 6 == 1 && i > 1 {
                lossy.conceal(1, use_fec.then_some(packet.as_slice()), &mut heard);
            }
            lossy.decode(packet, &mut heard).unwrap();
        }
        reference.iter().zip(&heard).map(|(a, b)| (a - b).powi(2)).sum()
    };
    let (with, without) = (error(true), error(false));
    assert!(with < 0.7 * without, "squared error {with} with FEC, {without} without");
}

#[test]
fn silence_with_dtx_is_nearly_free() {
    let packets = encode(&EncoderOptions { dtx: true, ..EncoderOptions::default() }, &vec![0.0; 48_000]);
    let resting = packets.iter().filter(|p| is_dtx(p)).count();
    assert!(resting > packets.len() / 2, "{resting} of {}", packets.len());
}

#[test]
fn flush_emits_the_tail_once() {
    let mut encoder = Encoder::new(&EncoderOptions::default()).unwrap();
    let mut count = 0;
    encoder.flush(|_| count += 1);
    assert_eq!(count, 0, "nothing was pushed");
    encoder.push(&[0.1, f32::NAN, f32::INFINITY], |_| count += 1);
    assert_eq!(count, 0, "not yet a frame");
    encoder.flush(|_| count += 1);
    encoder.flush(|_| count += 1);
    assert_eq!(count, 1);
}

#[test]
fn settings_that_do_not_exist_are_refused() {
    let refused = |options| matches!(Encoder::new(&options), Err(OpusError::Settings(_)));
    assert!(refused(EncoderOptions { rate: SampleRate(44_100), ..EncoderOptions::default() }));
    assert!(refused(EncoderOptions { complexity: 11, ..EncoderOptions::default() }));
    assert!(refused(EncoderOptions { expected_loss_percent: 101, ..EncoderOptions::default() }));
    assert!(matches!(Decoder::with_rate(SampleRate(44_100)), Err(OpusError::Settings(_))));
}
