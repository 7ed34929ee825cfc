//! Somebody who talks without a pause, with the real weights: interpreted while he speaks, once, in order, nothing taken back.

use std::{path::Path, sync::Arc};

use tongchuan::{
    config::Config,
    dialogue,
    engines::Engines,
    eval::{
        data::{Clip, Item},
        events::Kind,
        measure::measure,
        trace::{Player, Scene},
    },
    language::{Language, Spoken, Voice},
    pipeline::{
        policy::Mode,
        stages::{Deadlines, PipelineOptions, Stages},
    },
    protocol::message::Role,
    router::RoomSerial,
    time::SampleRate,
    trade::{Context, Glossary},
};

/// Sentences in a row, about twenty seconds.
const SENTENCES: usize = 6;

/// Share of the characters that may be wrong: Whisper base errs in a tenth of each sentence alone.
const MAX_ERROR: f64 = 0.3;

/// Recordings of the dialogue's merchant, each up to its last word and with nothing between them.
fn monologue() -> Clip {
    let lines = dialogue::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trade")).expect("the dialogue");
    let (mut transcript, mut samples) = (String::new(), Vec::new());
    for line in lines.iter().filter(|line| line.speaker == Role::Merchant).take(SENTENCES) {
        let sound = dialogue::recording(line).expect("a recording");
        let end = SampleRate::ASR.samples(dialogue::end_of_words(&sound, SampleRate::ASR)).min(sound.len());
        transcript.push_str(&line.text);
        samples.extend_from_slice(&sound[..end]);
    }
    let item = Item {
        id: "monologue".into(),
        speaker: "merchant".into(),
        audio: Vec::new(),
        from: Language::ZH,
        to: Language::EN,
        transcript,
        reference: None,
        numbers: None,
    };
    Clip::of(item, samples)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monologue_is_interpreted_while_it_is_spoken_and_nothing_is_taken_back() {
    let engines = Engines::open(&Config::default()).expect("the models are installed (make models)");
    let stages = engines.stages().await.expect("the engines start");
    // However slow the machine is, everything is interpreted.
    let deadlines = Deadlines { asr_ms: 60_000, mt_ms: 60_000, tts_ms: 60_000 };
    let options = PipelineOptions { mode: Mode::Simultaneous, deadlines, ..(*stages.options).clone() };
    let stages = Stages { options: Arc::new(options), ..stages };
    let player =
        Player::new(stages, Glossary::default(), &[(Language::ZH, Language::EN)]).await.expect("the translator is ready");
    let clip = monologue();
    let scene = Scene {
        samples: &clip.samples,
        from: Spoken::Fixed(Language::ZH),
        to: Language::EN,
        voice: Voice::Female,
        room: RoomSerial(0),
        record: true,
    };
    let trace = player.play(scene, |_| Ok(())).await.expect("it comes to its end");
    let measures = measure(&clip, &trace.events, &Context::default());
    assert_eq!((measures.errors, trace.dropped), (0, 0));
    assert_eq!(measures.retractions, 0);
    assert_eq!(measures.untranslated, 0, "what was recognised is translated: {:?}", measures.source);
    let error = measures.number_edits.0 as f64 / measures.number_edits.1 as f64;
    eprintln!("error rate {error:.2}");
    assert!(error <= MAX_ERROR, "error rate {error:.2}: recognised {:?}", measures.source);
    let heard = |kind: Kind| trace.events.iter().filter(move |e| e.event == kind).filter_map(|e| e.heard_ms);
    let length = SampleRate::ASR.duration(clip.samples.len()).as_millis() as u64;
    // How many and how early is a matter of the machine.
    assert!(heard(Kind::Source).filter(|ms| *ms < length).count() > 1, "words are committed while somebody speaks");
    assert!(heard(Kind::Speech).next().is_some_and(|ms| ms < length), "and interpreted");
    assert!(trace.heard.iter().any(|sample| sample.abs() > 0.05), "the listener hears it");
}
