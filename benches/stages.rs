//! Speed of every stage alone, and of a translation while a recognition and a synthesis compete for the cores.
//!
//! `cargo bench --bench stages` (or `make bench`). Everything is measured in one run, interleaved, p50 and p95 of [`ROUNDS`].
#![allow(clippy::print_stdout, reason = "a bench's output is its purpose")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tongchuan::{
    asr::{AsrJob, Hypothesis},
    audio::{
        file,
        opus::{Encoder, EncoderOptions},
    },
    config::Config,
    dialogue::{self, Line},
    engines::Engines,
    inference::{Priority, worker::Done},
    language::{Language, Spoken, Voice},
    mt::MtJob,
    pipeline::{amounts, conversation::Conversation, stages::Stages, terms},
    score::percentile,
    time::SampleRate,
    trade::guard::Guard,
    tts::TtsJob,
    vad::{VadJob, VadState, WINDOW},
};

const ROUNDS: usize = 20;
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Table(Vec<(String, Vec<Duration>)>);

impl Table {
    fn add(&mut self, label: &str, took: Duration) {
        match self.0.iter_mut().find(|(l, _)| l == label) {
            Some((_, values)) => values.push(took),
            None => self.0.push((label.to_owned(), vec![took])),
        }
    }

    fn print(&self) {
        println!("| what | n | p50 ms | p95 ms |\n| --- | --- | --- | --- |");
        for (label, values) in &self.0 {
            let ms = |p| percentile(values, p).as_secs_f64() * 1000.0;
            println!("| {label} | {} | {:.1} | {:.1} |", values.len(), ms(50.0), ms(95.0));
        }
    }
}

async fn recognise(stages: &Stages, samples: &Arc<[f32]>, language: Language, partial: bool) -> Done<Hypothesis> {
    let job = AsrJob {
        samples: samples.clone(),
        language: Spoken::Fixed(language),
        candidates: Vec::new(),
        prompt: None,
        committed: None,
        partial,
    };
    stages.asr.submit(job, Priority::FinalAsr, LIMIT).unwrap().output().await.unwrap()
}

/// What the other one speaks: the language of a line's reference.
fn listener(line: &Line) -> Language {
    if line.language == Language::ZH { Language::EN } else { Language::ZH }
}

async fn translate(stages: &Stages, line: &Line) -> Done<tongchuan::mt::Translation> {
    let job = MtJob::new(line.language, listener(line), line.text.as_str());
    stages.mt.submit(job, Priority::Mt, LIMIT).unwrap().output().await.unwrap()
}

async fn speak(stages: &Stages, language: Language, text: &str) -> Done<tongchuan::tts::Speech> {
    let job = TtsJob { language, voice: Voice::Female, text: text.into(), speed: 1.0 };
    stages.tts.submit(job, Priority::FirstClause, LIMIT).unwrap().output().await.unwrap()
}

/// What the care for terms and amounts adds to a sentence in which nothing needs repair, besides the models.
fn care(heard: &Hypothesis, to: Language, translation: &str) -> Duration {
    let talk = Conversation::default();
    let (from, began) = (heard.language, Instant::now());
    let (heard, _) = terms::put_right(heard.clone(), "", &talk);
    let guard = Guard::new(heard.text.expose(), from, to, &talk.context());
    let job = amounts::job(from, to, &guard);
    let asked = terms::worded(job.text.expose(), from, to, &talk);
    let verdict = guard.check(translation);
    std::hint::black_box((asked, verdict));
    began.elapsed()
}

#[tokio::main]
async fn main() {
    terms::warm_up();
    let config = Config::default();
    let stages =
        Engines::open(&config).expect("the models are installed (make models)").stages().await.expect("the engines start");
    let lines = dialogue::read(Path::new("tests/fixtures/trade")).unwrap();
    let clips: Vec<Arc<[f32]>> = lines.iter().map(|l| file::read(&l.audio, SampleRate::ASR).unwrap().into()).collect();
    let cores = config.compute.cores();
    println!("{cores} cores, {} rounds\n", ROUNDS);

    let mut table = Table::default();
    for (line, clip) in lines.iter().zip(&clips).cycle().skip(2).take(ROUNDS) {
        let seconds = |samples: usize, rate: SampleRate| rate.duration(samples).as_secs_f64();
        let job = VadJob { samples: clip[..32 * WINDOW].to_vec(), state: VadState::default() };
        let vad = stages.vad.submit(job, Priority::FinalAsr, LIMIT).unwrap().output().await.unwrap();
        table.add("VAD, one second of sound", vad.ran);
        let bucket = |s: f64, name: &str| {
            format!(
                "{name}, {} s",
                if s < 3.0 {
                    "1-3"
                } else if s < 5.0 {
                    "3-5"
                } else {
                    "5-8"
                }
            )
        };
        let asr = recognise(&stages, clip, line.language, false).await;
        table.add(&bucket(seconds(clip.len(), SampleRate::ASR), "ASR, clip of"), asr.ran);
        let partial = recognise(&stages, clip, line.language, true).await;
        table.add(&bucket(seconds(clip.len(), SampleRate::ASR), "ASR, growing clip of"), partial.ran);
        let mt = translate(&stages, line).await;
        table.add(&format!("MT {}, one sentence", if line.language == Language::ZH { "zh-en" } else { "en-zh" }), mt.ran);
        table.add("MT, one token, reading the sentence included", mt.ran / u32::try_from(mt.output.tokens.max(1)).unwrap_or(1));
        let (language, text) = (listener(line), &line.reference);
        table.add("care for terms and amounts, one sentence", care(&asr.output, language, mt.output.text.expose()));
        let tts = speak(&stages, language, text).await;
        let length = seconds(tts.output.samples.len(), SampleRate::TTS);
        table.add(&bucket(length, &format!("TTS {language}, speech of")), tts.ran);
        let mut encoder = Encoder::new(&EncoderOptions::default()).unwrap();
        let began = Instant::now();
        encoder.push(&tts.output.samples, |_| {});
        table.add("Opus encoding, one second of speech", began.elapsed().div_f64(length.max(0.1)));

        // The same sentence alone and with the other engines kept busy, one after the other.
        table.add("MT alone: until it is there", mt.queued + mt.ran);
        let began = Instant::now();
        let (mt, asr, tts) = tokio::join!(
            async { (translate(&stages, line).await, began.elapsed()) },
            async { (recognise(&stages, clip, line.language, false).await, began.elapsed()) },
            async { (speak(&stages, language, text).await, began.elapsed()) },
        );
        table.add("MT beside ASR and TTS: until it is there", mt.1);
        table.add("MT beside ASR and TTS: computing only", mt.0.ran);
        table.add("all three together: until the last is there", mt.1.max(asr.1).max(tts.1));
        table.add("the three one after the other: sum", asr.0.ran + mt.0.ran + tts.0.ran);
    }
    table.print();
    println!("\npeak memory of this process: {}", peak_memory());
}

/// High-water mark of resident memory, from the kernel (Linux).
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known on this system".into(), |kib| kib.trim().to_owned())
}
