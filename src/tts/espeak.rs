//! espeak-ng's own voice: speaks every language that Kokoro has no voice for.
//!
//! espeak-ng is GPL-3, so it runs as a separate program and is never linked. The text goes through its standard input only: command
//! lines are visible to every user of the machine. A run is bounded in time and output and is killed when cancelled.
//! Called by [`super::engine`].

use std::{
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rubato::{Fft, FixedSync, Resampler, audioadapter_buffers::direct::InterleavedSlice};

use super::sound;
use crate::{
    inference::{JobContext, JobError},
    language::{Language, Voice},
    time::SampleRate,
};

/// It speaks a hundred times faster than real time: whoever takes this long hangs.
const TIME_LIMIT: Duration = Duration::from_secs(5);
/// How soon a cancelled run stops.
const POLL: Duration = Duration::from_millis(5);
/// Three minutes of 16-bit audio at 22.05 kHz; a clause takes seconds.
const MAX_BYTES: u64 = 8 << 20;
/// Longer text is no clause; also less than a pipe holds, so that writing it cannot block.
const MAX_TEXT: usize = 16 << 10;
/// espeak-ng's words per minute at normal speed; it takes 80 to 450.
const WORDS_PER_MINUTE: f32 = 165.0;
const STAGE: &str = "tts";

/// espeak-ng cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}: {source}; install espeak-ng (`apt install espeak-ng`) or set its path", program.display())]
pub struct EspeakError {
    program: PathBuf,
    source: std::io::Error,
}

/// The program, found and working.
#[derive(Debug, Clone)]
pub struct Espeak {
    program: PathBuf,
}

impl Espeak {
    /// Checks that `program` (a path, or a name to look up in `PATH`) runs.
    ///
    /// # Errors
    /// [`EspeakError`] says how to install it.
    pub fn load(program: &Path) -> Result<Self, EspeakError> {
        let failed = |source| EspeakError { program: program.to_owned(), source };
        let status = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(failed)?;
        if !status.success() {
            return Err(failed(std::io::Error::other(format!("it failed ({status})"))));
        }
        Ok(Self { program: program.to_owned() })
    }

    /// Speaks `text`; `speed` 1.0 is normal. 24 kHz mono, silence at the ends trimmed; empty when there is nothing to say.
    ///
    /// # Errors
    /// [`JobError::Cancelled`]; [`JobError::DeadlinePassed`] when it hangs; [`JobError::Failed`] when it cannot be started or does
    /// not know the language.
    pub fn speak(
        &self,
        language: Language,
        voice: Voice,
        text: &str,
        speed: f32,
        context: &JobContext,
    ) -> Result<Vec<f32>, JobError> {
        if text.len() > MAX_TEXT {
            return Err(JobError::failed(STAGE, "the text is too long for one clause"));
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Ok(Vec::new());
        }
        let wave = self.run(language, voice, text, speed, context)?;
        let (rate, samples) = parse_wave(&wave)
            .ok_or_else(|| JobError::failed(STAGE, format!("espeak-ng made no sound for {language}; is its voice installed?")))?;
        let mut samples = resample(samples, rate).map_err(|e| JobError::failed(STAGE, e))?;
        sound::trim(&mut samples);
        Ok(samples)
    }

    fn run(&self, language: Language, voice: Voice, text: &str, speed: f32, context: &JobContext) -> Result<Vec<u8>, JobError> {
        let failed = |e: std::io::Error| JobError::failed(STAGE, format!("espeak-ng: {e}"));
        // The third of its women's and men's variants: the clearest of them.
        let variant = match voice {
            Voice::Female => "f3",
            Voice::Male => "m3",
        };
        let pace = (WORDS_PER_MINUTE * speed).clamp(80.0, 450.0).round();
        let child = Command::new(&self.program)
            .args(["--stdin", "--stdout", "-b", "1", "-s", &pace.to_string(), "-v"])
            .arg(format!("{}+{variant}", language.info().espeak))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut running = Running(child);
        if let Some(mut stdin) = running.0.stdin.take() {
            // Double brackets would switch to phoneme mnemonics.
            match stdin.write_all(text.replace("[[", " ").as_bytes()) {
                // It stopped early: what it has to say about that is its exit status.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
                other => other.map_err(failed)?,
            }
        }
        let stdout = running.0.stdout.take().ok_or_else(|| JobError::failed(STAGE, "espeak-ng has no output"))?;
        let (wave_tx, wave_rx) = mpsc::sync_channel(1);
        // Ends when the program does, at the latest when `running` kills it.
        thread::spawn(move || {
            let mut wave = Vec::new();
            let result = stdout.take(MAX_BYTES).read_to_end(&mut wave).map(|_| wave);
            let _ = wave_tx.send(result);
        });
        let started = Instant::now();
        loop {
            match wave_rx.recv_timeout(POLL) {
                Ok(result) => return result.map_err(failed),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(JobError::failed(STAGE, "espeak-ng's reader stopped")),
                Err(mpsc::RecvTimeoutError::Timeout) if context.cancel.is_cancelled() => return Err(JobError::Cancelled),
                Err(mpsc::RecvTimeoutError::Timeout) if started.elapsed() > TIME_LIMIT => {
                    return Err(JobError::DeadlinePassed("espeak-ng"));
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// A started program; killed and collected when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Rate and samples of 16-bit mono WAV. Written to a pipe, its lengths are wrong: the data goes on to the end.
fn parse_wave(mut bytes: &[u8]) -> Option<(u32, Vec<f32>)> {
    let mut rate = None;
    bytes = bytes.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
    loop {
        let (id, rest) = bytes.split_first_chunk::<4>()?;
        let (length, body) = rest.split_first_chunk::<4>()?;
        match id {
            b"fmt " => {
                let field = |at: usize| body.get(at..at + 2).map(|b| b.iter().rev().fold(0_u16, |n, b| n << 8 | u16::from(*b)));
                let pcm_mono_16 = (field(0), field(2), field(14)) == (Some(1), Some(1), Some(16));
                let (low, high) = (field(4)?, field(6)?);
                rate = pcm_mono_16.then_some(u32::from(high) << 16 | u32::from(low));
            }
            b"data" => {
                let samples = body.as_chunks::<2>().0.iter().map(|b| f32::from(i16::from_le_bytes(*b)) / 32_768.0).collect();
                return Some((rate.filter(|r| (8_000..=192_000).contains(r))?, samples));
            }
            _ => {}
        }
        bytes = body.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
    }
}

/// To 24 kHz.
fn resample(samples: Vec<f32>, rate: u32) -> Result<Vec<f32>, String> {
    if SampleRate(rate) == SampleRate::TTS || samples.is_empty() {
        return Ok(samples);
    }
    let error = |e: &dyn std::fmt::Display| format!("resampling: {e}");
    let (from, to) = (rate as usize, SampleRate::TTS.0 as usize);
    let mut resampler = Fft::<f32>::new(from, to, 1024, 1, FixedSync::Both).map_err(|e| error(&e))?;
    let input = InterleavedSlice::new(&samples, 1, samples.len()).map_err(|e| error(&e))?;
    let output = resampler.process_all(&input, samples.len(), None).map_err(|e| error(&e))?;
    Ok(output.take_data())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data\xff\xff\xff\x7f");
        bytes.extend(samples.iter().flat_map(|s| s.to_le_bytes()));
        bytes
    }

    #[test]
    fn a_wave_without_a_length_is_read_and_a_broken_one_is_not() {
        let whole = wave(22_050, &[0, 16_384, -16_384]);
        assert_eq!(parse_wave(&whole), Some((22_050, vec![0.0, 0.5, -0.5])));
        for end in 0..44 {
            assert_eq!(parse_wave(&whole[..end]), None, "the first {end} bytes");
        }
        assert_eq!(parse_wave(&wave(0, &[1])), None);
    }

    #[test]
    fn resampling_keeps_length_and_level() {
        let tone: Vec<f32> = (0..22_050).map(|n| (n as f32 * std::f32::consts::TAU * 440.0 / 22_050.0).sin()).collect();
        let out = resample(tone, 22_050).unwrap();
        assert!(out.len().abs_diff(24_000) <= 1, "{}", out.len());
        let rms = (out.iter().map(|s| s * s).sum::<f32>() / out.len() as f32).sqrt();
        assert!((rms - 0.707).abs() < 0.01, "{rms}");
    }

    #[test]
    fn every_language_it_is_meant_for_has_a_voice() {
        let espeak = Espeak::load(Path::new("espeak-ng")).unwrap();
        let silent: Vec<Language> = Language::all()
            .filter(|l| {
                espeak.speak(*l, Voice::Female, l.info().native, 1.0, &JobContext::detached()).map_or(true, |s| s.len() < 2400)
            })
            .collect();
        assert_eq!(silent, []);
    }

    #[test]
    fn voices_and_speeds_differ_and_markup_is_only_text() {
        let espeak = Espeak::load(Path::new("espeak-ng")).unwrap();
        let ru: Language = "ru".parse().unwrap();
        let say = |voice, text: &str, speed| espeak.speak(ru, voice, text, speed, &JobContext::detached()).unwrap();
        let normal = say(Voice::Female, "Хорошо, спасибо.", 1.0);
        assert_ne!(normal, say(Voice::Male, "Хорошо, спасибо.", 1.0));
        assert!(say(Voice::Female, "Хорошо, спасибо.", 2.0).len() < normal.len() * 3 / 4);
        assert!(say(Voice::Female, " … ! ", 1.0).is_empty());
        assert!(!say(Voice::Female, "-w /dev/null [[a]] <b>да</b>", 1.0).is_empty());
        let long = espeak.speak(ru, Voice::Male, &"да ".repeat(10_000), 1.0, &JobContext::detached());
        assert!(matches!(long, Err(JobError::Failed { .. })));
    }

    #[test]
    fn a_cancelled_run_stops_and_a_missing_program_is_named() {
        let context = JobContext::detached();
        context.cancel.cancel();
        let espeak = Espeak::load(Path::new("espeak-ng")).unwrap();
        let spoken = espeak.speak(Language::EN, Voice::Male, &"word ".repeat(3000), 1.0, &context);
        assert_eq!(spoken, Err(JobError::Cancelled));
        let missing = Espeak::load(Path::new("no-such-espeak")).unwrap_err().to_string();
        assert!(missing.contains("no-such-espeak") && missing.contains("apt install espeak-ng"), "{missing}");
    }
}
