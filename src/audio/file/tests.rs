//! Reading files: every container and sample rate against a fixture, broken ones as errors.

use super::*;
use crate::audio::{level, opus::EncoderOptions};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn at_16k(bytes: Vec<u8>) -> Result<Vec<f32>, FileError> {
    read_bytes(bytes, SampleRate::ASR, Duration::from_secs(60))
}

fn wav(spec: hound::WavSpec, frames: usize) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for i in 0..frames {
        let s = 0.5 * (std::f32::consts::TAU * 440.0 * i as f32 / spec.sample_rate as f32).sin();
        for _ in 0..spec.channels {
            match spec.sample_format {
                hound::SampleFormat::Float => writer.write_sample(s).unwrap(),
                hound::SampleFormat::Int => {
                    writer.write_sample((s * ((1u32 << (spec.bits_per_sample - 1)) - 1) as f32) as i32).unwrap();
                }
            }
        }
    }
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn small_wav() -> Vec<u8> {
    wav(hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int }, 400)
}

/// 440 Hz at half of full scale, told by zero crossings and level away from the ends.
fn assert_is_the_tone(samples: &[f32], seconds: f32, what: &str) {
    let wanted = seconds * 16_000.0;
    assert!((samples.len() as f32 - wanted).abs() < 2.0, "{what}: {} samples, not {wanted}", samples.len());
    let inside = &samples[samples.len() / 5..samples.len() * 4 / 5];
    let crossings = inside.windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count() as f32;
    let hz = crossings / 2.0 / (inside.len() as f32 / 16_000.0);
    assert!((hz - 440.0).abs() < 8.0, "{what}: {hz} Hz");
    let db = level::dbfs(level::rms(inside));
    assert!((db + 9.03).abs() < 0.7, "{what}: {db} dBFS");
}

#[test]
fn every_format_gives_the_same_tone() {
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.opus"] {
        assert_is_the_tone(&at_16k(fixture(name)).unwrap_or_else(|e| panic!("{name}: {e}")), 0.3, name);
    }
}

#[test]
fn wav_of_every_rate_width_and_channel_count() {
    for sample_rate in [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000] {
        for channels in [1, 2, 6] {
            for (bits_per_sample, sample_format) in [
                (8, hound::SampleFormat::Int),
                (16, hound::SampleFormat::Int),
                (24, hound::SampleFormat::Int),
                (32, hound::SampleFormat::Int),
                (32, hound::SampleFormat::Float),
            ] {
                let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
                let samples = at_16k(wav(spec, sample_rate as usize / 5)).unwrap_or_else(|e| panic!("{spec:?}: {e}"));
                assert_is_the_tone(&samples, 0.2, &format!("{spec:?}"));
            }
        }
    }
}

#[test]
fn stereo_is_the_mean_of_both_sides() {
    let spec = hound::WavSpec { channels: 2, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    for _ in 0..100 {
        writer.write_sample(16_384i16).unwrap();
        writer.write_sample(0i16).unwrap();
    }
    writer.finalize().unwrap();
    assert_eq!(at_16k(bytes.into_inner()).unwrap(), vec![0.25; 100]);
}

#[test]
fn what_is_no_audio_is_told_which_formats_work() {
    for bytes in
        [b"hello, this is a text file and nothing else at all".to_vec(), vec![0; 5_000], b"\x89PNG\r\n\x1a\n0000000000".to_vec()]
    {
        let error = at_16k(bytes).unwrap_err();
        assert!(matches!(error, FileError::NotAudio), "{error:?}");
        assert!(["WAV", "FLAC", "MP3", "Opus"].iter().all(|f| error.to_string().contains(f)));
    }
    assert!(matches!(at_16k(Vec::new()), Err(FileError::Empty)));
    let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    assert!(matches!(at_16k(wav(spec, 0)), Err(FileError::Empty)));
    let missing = read(Path::new("no-such-file.wav"), SampleRate::ASR).unwrap_err();
    assert!(missing.to_string().contains("no-such-file.wav"));
    assert!(matches!(read(Path::new(env!("CARGO_MANIFEST_DIR")), SampleRate::ASR), Err(FileError::Read { .. })));
}

#[test]
fn the_limit_holds_for_every_format() {
    let mut files = ["tone.flac", "tone.mp3", "tone.ogg", "tone.opus"].map(|n| (n, fixture(n))).to_vec();
    let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    files.push(("wav", wav(spec, 4_800)));
    for (name, bytes) in files {
        let limit = Duration::from_millis(100);
        assert!(matches!(read_bytes(bytes, SampleRate::ASR, limit), Err(FileError::TooLong { .. })), "{name}");
    }
}

#[test]
fn half_a_file_is_said_to_be_incomplete() {
    let spec = hound::WavSpec { channels: 1, sample_rate: 16_000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut files = ["tone.flac", "tone.ogg", "tone.opus"].map(|n| (n, fixture(n))).to_vec();
    files.push(("wav", wav(spec, 4_800)));
    for (name, mut bytes) in files {
        bytes.truncate(bytes.len() / 2);
        let error = at_16k(bytes).unwrap_err();
        assert!(matches!(error, FileError::Truncated { .. } | FileError::Corrupt(_)), "{name}: {error:?}");
    }
}

#[test]
fn no_prefix_and_no_corruption_panics_or_runs_away() {
    let mut files = ["tone.flac", "tone.mp3", "tone.ogg", "tone.opus"].map(|n| (n, fixture(n))).to_vec();
    files.push(("wav", small_wav()));
    for (name, bytes) in files {
        // Headers, where the structure is, byte by byte; the sound itself in steps, to stay quick.
        let places = || (0..bytes.len()).filter(|i| *i < 600 || i % 37 == 0);
        for end in places() {
            if let Ok(samples) = at_16k(bytes[..end].to_vec()) {
                assert!(samples.len() < 16_000, "{name}[..{end}]");
            }
        }
        for i in places() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[i] ^= flip;
                if let Ok(samples) = at_16k(bad) {
                    assert!(samples.iter().all(|s| s.is_finite()), "{name} byte {i}");
                }
            }
        }
    }
}

#[test]
fn written_files_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let tone: Vec<f32> = (0..24_123).map(|i| 0.5 * (std::f32::consts::TAU * 440.0 * i as f32 / 24_000.0).sin()).collect();
    let seconds = tone.len() as f32 / 24_000.0;

    let path = folder.path().join("x.wav");
    write_wav(&path, &tone, SampleRate::TTS).unwrap();
    let same = read(&path, SampleRate::TTS).unwrap();
    assert_eq!(same.len(), tone.len());
    assert!(same.iter().zip(&tone).all(|(a, b)| (a - b).abs() < 1e-4));

    let path = folder.path().join("x.opus");
    write_ogg_opus(&path, &tone, &EncoderOptions::default()).unwrap();
    assert_is_the_tone(&read(&path, SampleRate::ASR).unwrap(), seconds, "our own Ogg Opus");
    assert_eq!(read(&path, SampleRate(44_100)).unwrap().len(), (seconds * 44_100.0).round() as usize);

    write_ogg_opus(&path, &[], &EncoderOptions::default()).unwrap();
    assert!(matches!(read(&path, SampleRate::ASR), Err(FileError::Empty)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing half-written is left");
}

#[test]
fn writing_where_nothing_can_be_written_is_an_error() {
    let error = write_wav(Path::new("no/such/folder/x.wav"), &[0.0], SampleRate::TTS).unwrap_err();
    assert!(error.to_string().contains("no/such/folder/x.wav"));
    assert!(write_wav(Path::new("/"), &[0.0], SampleRate::TTS).is_err());
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_is_written_to_and_a_link_stays_a_link() {
    use std::{io::Read as _, os::fd::AsRawFd as _};
    let (mut reader, writer) = std::io::pipe().unwrap();
    write_wav(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd())), &[0.5; 100], SampleRate::TTS).unwrap();
    drop(writer);
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("x.wav"), dir.path().join("link.wav"));
    std::fs::write(&file, "old").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    write_wav(&link, &[0.5; 100], SampleRate::TTS).unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}
