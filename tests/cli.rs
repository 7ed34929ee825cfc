//! The command-line tools as a person or a script uses them, with the real weights.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tongchuan::{
    audio::{file, resample::resample_all},
    score::{cer, wer},
    time::SampleRate,
};

fn tongchuan() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tongchuan"));
    command.env_remove("RUST_LOG");
    command
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn fails(command: &mut Command) -> String {
    let output = command.output().expect("the program starts");
    assert!(!output.status.success(), "{command:?} succeeds");
    assert!(output.stdout.is_empty(), "an error is on stderr: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("UTF-8")
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

const JFK: &str = "and so my fellow americans ask not what your country can do for you ask what you can do for your country";

#[test]
fn transcribe_reads_any_rate_and_stereo_and_gives_json_per_file() {
    let dir = tempfile::tempdir().unwrap();
    // The same recording as 44.1 kHz stereo WAV.
    let samples = file::read(&fixture("jfk.wav"), SampleRate(44_100)).unwrap();
    let stereo = dir.path().join("stereo.wav");
    let spec = hound::WavSpec { channels: 2, sample_rate: 44_100, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(&stereo, spec).unwrap();
    for sample in &samples {
        let value = (sample * 32_000.0) as i16;
        writer.write_sample(value).unwrap();
        writer.write_sample(value).unwrap();
    }
    writer.finalize().unwrap();
    let output = run(tongchuan().args(["transcribe", "--lang", "en", "--json"]).arg(fixture("jfk.wav")).arg(&stereo));
    let records = json_lines(&output);
    assert_eq!(records.len(), 2);
    for record in &records {
        assert!(wer(JFK, record["source"].as_str().unwrap()) <= 0.1, "{record}");
        assert!((record["audio_s"].as_f64().unwrap() - 11.0).abs() < 0.1, "{record}");
        assert!(record["ms"]["asr"].is_u64() && record["ms"]["vad"].is_u64(), "{record}");
    }
    assert_eq!(records[1]["file"], stereo.to_string_lossy().as_ref());
}

#[test]
fn files_that_are_not_sound_are_refused_with_what_works() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let error = fails(tongchuan().args(["transcribe"]).arg(&manifest));
    assert!(error.contains("Cargo.toml") && error.to_lowercase().contains("flac"), "{error}");
    let error = fails(tongchuan().args(["transcribe", "no/such/file.wav"]));
    assert!(error.contains("no/such/file.wav"), "{error}");
}

#[test]
fn translate_answers_each_line_before_the_next_is_written() {
    let mut child = tongchuan()
        .args(["translate", "--from", "en", "--to", "zh"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in ["The library opens at nine.", "I will wait outside."] {
        writeln!(stdin, "{line}").unwrap();
        let target = stdout.next().expect("an answer").unwrap();
        let chinese = target.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
        assert!(chinese >= 3, "{line} -> {target}");
    }
    drop(stdin);
    assert!(stdout.next().is_none(), "one line out per line in");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_speak_says_is_understood() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("speech.wav");
    let text = "我们明天下午去参观博物馆";
    let output = run(tongchuan().args(["speak", "--lang", "zh", "--json", "--out"]).arg(&out).arg(text));
    let record = &json_lines(&output)[0];
    assert!(record["ms"]["tts"].is_u64() && record["audio_s"].as_f64().unwrap() > 1.0, "{record}");
    let output = run(tongchuan().args(["transcribe", "--lang", "zh"]).arg(&out));
    let heard = String::from_utf8(output.stdout).unwrap();
    assert!(cer(text, &heard) <= 0.25, "{heard}");
}

#[test]
fn interpret_gives_text_times_and_sound() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("interpretation.wav");
    let output = run(tongchuan()
        .args(["interpret", "--from", "zh", "--to", "en", "--json", "--out"])
        .arg(&out)
        .arg(fixture("aishell_trade.wav")));
    let record = &json_lines(&output)[0];
    assert!(!record["source"].as_str().unwrap().is_empty(), "{record}");
    let target = record["target"].as_str().unwrap();
    assert!(target.chars().filter(char::is_ascii_alphabetic).count() > 10, "{record}");
    for stage in ["vad", "asr", "mt", "tts"] {
        assert!(record["ms"][stage].is_u64(), "{stage}: {record}");
    }
    let speech = file::read(&out, SampleRate::TTS).unwrap();
    let speech = resample_all(&speech, SampleRate::TTS, SampleRate::ASR).unwrap();
    assert!(speech.len() > 16_000, "more than a second of speech");
}

#[test]
fn wrong_use_is_answered_with_the_next_step() {
    let empty = tempfile::tempdir().unwrap();
    let error = fails(tongchuan().args(["transcribe", "--models-dir"]).arg(empty.path()).arg(fixture("jfk.wav")));
    assert!(error.contains("tongchuan models pull"), "{error}");
    let error = fails(tongchuan().args(["models", "pull", "enormous", "--models-dir"]).arg(empty.path()));
    assert!(error.contains("default") && error.contains("lite"), "{error}");
    let error = fails(tongchuan().args(["translate", "--from", "en", "--to", "en"]));
    assert!(error.contains("same language"), "{error}");
    let error = fails(tongchuan().args(["check", "--config"]).arg(fixture("config/invalid/unknown-key.toml")));
    assert!(error.contains("adress"), "{error}");
    let error = fails(tongchuan().args(["speak", "--lang", "klingon", "--out", "x.wav", "nuqneH"]));
    assert!(error.contains("tongchuan languages"), "{error}");
}

#[test]
fn check_prints_every_key_and_languages_lists_who_speaks_them() {
    let output = run(tongchuan().args(["check", "--config"]).arg(fixture("config/valid/stall.toml")));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("listen = \"0.0.0.0:9000\"") && text.contains("max_utterance_ms"), "{text}");
    let output = run(tongchuan().arg("languages"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|l| l.starts_with("zh\t") && l.ends_with("Kokoro")), "{text}");
    assert!(text.lines().any(|l| l.starts_with("ru\t") && l.ends_with("espeak-ng")), "{text}");
}
