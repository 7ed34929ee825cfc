//! Tracing and evaluation with scripted stages: what is predicted for the listener's ear against the packets that arrive, in
//! virtual time; the commands as a person uses them.

use std::{path::Path, process::Command, time::Duration};

use serde_json::Value;
use tongchuan::{
    audio::file,
    eval::{
        data::{Clip, Part},
        events::{Kind, TraceEvent},
        measure::measure,
        trace::{Player, Scene, Trace},
    },
    fake::{self, FakeOptions},
    language::{Language, Spoken, Voice},
    pipeline::{policy::Mode, stages::PipelineOptions},
    router::RoomSerial,
    time::SampleRate,
    trade::{Context, Glossary},
};

/// Sound and silence by turns, in milliseconds, sound first.
fn sound(turns: &[u64]) -> Vec<f32> {
    let mut samples = Vec::new();
    for (n, ms) in turns.iter().enumerate() {
        let amplitude = if n % 2 == 0 { 0.3 } else { 0.0 };
        let count = SampleRate::ASR.samples(Duration::from_millis(*ms));
        samples.extend((0..count).map(|i| (i as f32 * 0.12).sin() * amplitude));
    }
    samples
}

async fn trace(samples: &[f32], mut options: FakeOptions) -> Trace {
    // The scripted voice hums like this microphone: an echo, if they were in one room.
    options.pipeline.echo.enabled = false;
    let player = Player::new(fake::stages(options), Glossary::default(), &[(Language::ZH, Language::EN)]).await.unwrap();
    let (from, to, voice) = (Spoken::Fixed(Language::ZH), Language::EN, Voice::Female);
    let scene = Scene { samples, from, to, voice, room: RoomSerial(0), record: true };
    player.play(scene, |_| Ok(())).await.unwrap()
}

fn of(trace: &Trace, kind: Kind) -> Vec<&TraceEvent> {
    trace.events.iter().filter(|e| e.event == kind).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_said_to_be_heard_is_heard_then() {
    // Three utterances; the interpretation of each is longer than its pause, so the second and third wait.
    let samples = sound(&[1_500, 850, 500, 850, 500]);
    let trace = trace(&samples, FakeOptions::default()).await;
    assert_eq!(of(&trace, Kind::Source).len(), 3, "{:?}", trace.events);
    let speech = of(&trace, Kind::Speech);
    let mut firsts: Vec<(Option<u64>, u64)> = Vec::new();
    for event in &speech {
        if firsts.last().is_none_or(|(utterance, _)| *utterance != event.utterance) {
            firsts.push((event.utterance, event.play_ms.unwrap()));
        }
    }
    assert_eq!(firsts.len(), trace.streams_ms.len());
    for ((_, predicted), arrived) in firsts.iter().zip(&trace.streams_ms) {
        assert!(predicted.abs_diff(*arrived) <= 25, "predicted {firsts:?}, arrived {:?}", trace.streams_ms);
    }
    assert!(speech.last().unwrap().play_ms > Some(speech.last().unwrap().wall_ms + 500), "the last one had to wait");
    // What was heard ends when the last clause does.
    let until = speech.last().map(|e| e.play_ms.unwrap() + e.audio_ms.unwrap()).unwrap();
    let heard = u64::try_from(SampleRate::TTS.duration(trace.heard.len()).as_millis()).unwrap();
    assert!((until..until + 300).contains(&heard), "{heard} and {until}");
    assert_eq!(trace.dropped, 0);
}

#[tokio::test(start_paused = true)]
async fn phrases_stand_for_what_was_spoken_and_nothing_is_lost() {
    let samples = sound(&[2_000, 1_200, 3_000]);
    let pipeline = PipelineOptions { mode: Mode::Sentence, ..PipelineOptions::default() };
    let trace = trace(&samples, FakeOptions { pipeline, ..FakeOptions::default() }).await;
    let [first, second] = of(&trace, Kind::Source)[..] else { panic!("{:?}", trace.events) };
    for (event, from, to) in [(first, 0, 2_000), (second, 3_200, 6_200)] {
        let (begins, ends, heard) = (event.from_ms.unwrap(), event.to_ms.unwrap(), event.heard_ms.unwrap());
        assert!(begins.abs_diff(from) <= 60 && ends.abs_diff(to) <= 100, "{event:?}");
        // Endpointing waits for 0.4 to 0.5 s of silence; the scripted recogniser is as fast.
        assert!((ends + 350..ends + 700).contains(&heard) && heard <= event.wall_ms + 40, "{event:?}");
    }
    let clip = Clip {
        id: "tone".into(),
        from: Language::ZH,
        to: Language::EN,
        parts: vec![Part { from_s: 0.0, to_s: 6.2, transcript: "heard".into(), reference: None, numbers: None }],
        samples,
    };
    let m = measure(&clip, &trace.events, &Context::default());
    assert_eq!((m.retractions, m.untranslated, m.errors), (0, 0, 0), "{:?}", trace.events);
    assert_eq!(m.phrases.len(), 2);
    assert!(m.laal_unaware_s[0] < m.laal_aware_s[0], "{m:?}");
    assert!(m.first_audio_lag_s.iter().all(|lag| *lag > 0.5), "recognised after the end: {m:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_stage_is_in_the_trace_and_counts() {
    let options = FakeOptions { fail: Some(("mt", 0)), ..FakeOptions::default() };
    let samples = sound(&[1_500, 1_200, 1_500]);
    let trace = trace(&samples, options).await;
    assert_eq!(of(&trace, Kind::Error).len(), 1, "{:?}", trace.events);
    assert_eq!(of(&trace, Kind::End).len(), 2, "each utterance ends: {:?}", trace.events);
    let clip = Clip { id: "x".into(), from: Language::ZH, to: Language::EN, parts: Vec::new(), samples };
    let m = measure(&clip, &trace.events, &Context::default());
    assert_eq!(m.errors, 1);
    assert!(m.untranslated > 0, "its words are missing: {m:?}");
}

fn tongchuan(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tongchuan")).args(args).env_remove("RUST_LOG").output().expect("it starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_commands_trace_and_evaluate_a_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let samples = sound(&[1_200]);
    file::write_wav(Path::new(&path("a.wav")), &samples, SampleRate::ASR).unwrap();
    let lines = tongchuan(&["interpret", "--realtime", "--trace", "--fake-stages", "--from", "zh", "--to", "en", &path("a.wav")]);
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let kinds: Vec<&str> = events.iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"source"), "{lines}");
    assert_eq!(kinds.last(), Some(&"end"), "{lines}");
    let speech = events.iter().find(|e| e["event"] == "speech").expect("speech");
    for key in ["utterance", "from_ms", "to_ms", "heard_ms", "wall_ms", "play_ms", "audio_ms"] {
        assert!(speech[key].is_u64(), "{key}: {speech}");
    }

    let table = "file\tlang\ttranscript\ttarget_lang\treference\na.wav\tzh\theard 1.2 seconds\ten\t[en] heard 1.2 seconds.\n";
    std::fs::write(path("eval.tsv"), table).unwrap();
    let out = path("out");
    let text = tongchuan(&["eval", dir.path().to_str().unwrap(), "--out", &out, "--fake-stages"]);
    assert!(text.contains("simultaneous zh→en") && text.contains("LAAL computation-aware"), "{text}");
    let report: Value = serde_json::from_slice(&std::fs::read(Path::new(&out).join("report.json")).unwrap()).unwrap();
    let summary = &report["runs"][0]["summaries"][0];
    assert_eq!(
        (&summary["clips"], &summary["retractions"], &summary["untranslated"]),
        (&1.into(), &0.into(), &0.into()),
        "{report}"
    );
    assert!(summary["laal_aware_s"]["p50"].as_f64().unwrap() > summary["laal_unaware_s"]["p50"].as_f64().unwrap(), "{report}");
    assert!(std::fs::read_to_string(Path::new(&out).join("report.html")).unwrap().contains("<svg"));
    let traced = std::fs::read_to_string(Path::new(&out).join("traces.jsonl")).unwrap();
    assert!(traced.lines().any(|line| line.contains("\"clip\":\"a.wav\"") && line.contains("\"speech\"")), "{traced}");
}
