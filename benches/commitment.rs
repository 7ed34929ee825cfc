//! When words may be committed, three rules side by side on the same recordings: the program's own ([`Policy`]), and, on decodes by
//! `whisper_full` with token times from the decoder's cross-attention (whisper.cpp's DTW), LocalAgreement-2 and AlignAtt-like commitment.
//!
//! `cargo bench --bench commitment`. Time passes as the recording does, models take none of it: what they take is in a table of its own.
//! Data and licences: benches/data/README.md.
#![allow(clippy::print_stdout, reason = "a bench's output is its purpose")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use ferrous_opencc::{OpenCC, config::BuiltinConfig};
use tongchuan::{
    asr::{AsrJob, Hypothesis, prompt},
    audio::file,
    config::Config,
    engines::Engines,
    inference::{
        Priority,
        worker::{Done, Handle},
    },
    language::{Language, Spoken},
    models::store::Store,
    pipeline::policy::{Answer, Decode, Mode, Output, Policy},
    privacy::Redacted,
    score::{percentile, recognition_edits},
    time::SampleRate,
    vad::{
        WINDOW,
        segmenter::{EndReason, Event, Utterance},
    },
};
use whisper_rs::{
    DtwMode, DtwModelPreset, DtwParameters, FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperState,
};

const DATA: &str = "benches/data/speech";
const LIMIT: Duration = Duration::from_secs(120);
const THREADS: usize = 2;

/// The first decode hears so much, and each one so much more than the one before: as the policy does when nothing else wants the cores.
const FIRST: usize = 35 * WINDOW;
const STEP: usize = 14 * WINDOW;

/// Encoder positions per second, and how many of silence a partial decode has behind its sound: as the recogniser does.
const POSITIONS: usize = 50;
const MARGIN: usize = 128;

/// AlignAtt's frames, in seconds: a word is committed when its last token attends to sound that is so much older than the newest.
const AGES: [f64; 4] = [0.2, 0.5, 1.0, 2.0];

struct Recording {
    language: Language,
    transcript: String,
    samples: Arc<[f32]>,
}

fn recordings() -> Vec<Recording> {
    let manifest = std::fs::read_to_string(Path::new(DATA).join("manifest.tsv")).expect("the manifest");
    let rows = manifest.lines().skip(1).filter_map(|row| {
        let mut columns = row.split('\t');
        let (name, tag, transcript) = (columns.next()?, columns.next()?, columns.next()?);
        let language: Language = tag.parse().expect("a language");
        [Language::ZH, Language::EN].contains(&language).then(|| Recording {
            language,
            transcript: transcript.to_owned(),
            samples: file::read(&Path::new(DATA).join(name), SampleRate::ASR).expect("a recording").into(),
        })
    });
    rows.collect()
}

/// A token and where in the sound the decoder begins to attend to it, in seconds.
struct Token {
    bytes: Vec<u8>,
    at: f64,
}

/// Whisper run by `whisper_full`, greedily, into one segment without timestamps.
struct Aligned {
    state: WhisperState,
    simplify: OpenCC,
}

impl Aligned {
    fn load(path: &Path, dtw: bool) -> Self {
        let mode = if dtw { DtwMode::ModelPreset { model_preset: DtwModelPreset::Base } } else { DtwMode::None };
        let mut parameters = WhisperContextParameters::new();
        parameters.flash_attn(false).dtw_parameters(DtwParameters { mode, ..DtwParameters::default() });
        let context = WhisperContext::new_with_params(path, parameters).expect("the weights");
        let simplify = OpenCC::from_config(BuiltinConfig::T2s).expect("the table");
        Self { state: context.create_state().expect("a state"), simplify }
    }

    /// Decodes `samples`; `positions` of the encoder, 0 for all 1,500.
    fn decode(&mut self, samples: &[f32], language: Language, positions: usize) -> (Vec<Token>, Duration) {
        let began = Instant::now();
        let mut parameters = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        parameters.set_n_threads(THREADS as i32);
        parameters.set_language(Some(language.tag()));
        parameters.set_audio_ctx(positions as i32);
        parameters.set_initial_prompt(prompt::market_vocabulary(language).unwrap_or(""));
        parameters.set_max_tokens((12 + 9 * samples.len() / SampleRate::ASR.0 as usize) as i32);
        parameters.set_no_context(true);
        parameters.set_no_timestamps(true);
        parameters.set_single_segment(true);
        parameters.set_temperature_inc(0.0);
        parameters.set_suppress_nst(true);
        parameters.set_print_progress(false);
        parameters.set_print_realtime(false);
        parameters.set_print_timestamps(false);
        self.state.full(parameters, samples).expect("decoded");
        let took = began.elapsed();
        let segments = self.state.as_iter();
        let tokens = segments.flat_map(|segment| {
            let tokens = (0..segment.n_tokens()).filter_map(|n| segment.get_token(n).map(|t| (t.token_data(), t.to_bytes())));
            let text = tokens.filter_map(|(data, bytes)| {
                let bytes = bytes.ok()?.to_vec();
                (!bytes.starts_with(b"[_")).then_some(Token { bytes, at: data.t_dtw as f64 / 100.0 })
            });
            text.collect::<Vec<_>>()
        });
        (tokens.collect(), took)
    }

    fn text(&self, bytes: &[u8], language: Language) -> String {
        let whole = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or(""),
        };
        if language == Language::ZH { self.simplify.convert(whole) } else { whole.to_owned() }
    }
}

/// What a rule made of the recordings.
#[derive(Default)]
struct Outcome {
    /// Per letter: from when it was said, if letters share a recording evenly, until what had been heard when it was committed.
    delays: Vec<Duration>,
    /// Edits and length of the transcripts, Chinese and English.
    edits: [(usize, usize); 2],
}

fn letters(text: &str) -> usize {
    text.chars().filter(|c| c.is_alphanumeric()).count()
}

impl Outcome {
    /// `committed` are the letters that were committed when so many samples had been heard, in order; the last of them is all of `text`.
    fn add(&mut self, recording: &Recording, committed: &[(usize, usize)], text: &str) {
        let (edits, length) = recognition_edits(&recording.transcript, text, recording.language.is_unspaced());
        let sum = &mut self.edits[usize::from(recording.language != Language::ZH)];
        *sum = (sum.0 + edits, sum.1 + length);
        let all = letters(text).max(1);
        for letter in 0..letters(text) {
            let heard =
                committed.iter().find(|(letters, _)| *letters > letter).map_or(recording.samples.len(), |(_, heard)| *heard);
            let said = recording.samples.len() * (letter + 1) / all;
            self.delays.push(SampleRate::ASR.duration(heard.saturating_sub(said)));
        }
    }

    fn print(&self, rule: &str) {
        let [zh, en] = self.edits.map(|(edits, length)| 100.0 * edits as f64 / length.max(1) as f64);
        let s = |p| percentile(&self.delays, p).as_secs_f64();
        println!("| {rule} | {zh:.1} | {en:.1} | {:.2} | {:.2} |", s(50.0), s(95.0));
    }
}

/// What is heard of `decode`.
async fn recognise(asr: &Handle<AsrJob, Hypothesis>, language: Language, decode: Decode) -> Done<Hypothesis> {
    let Decode { samples, prompt, committed, partial, .. } = decode;
    let some = |text: Redacted| (!text.is_blank()).then_some(text);
    let (language, prompt, committed) = (Spoken::Fixed(language), some(prompt), some(committed));
    let job = AsrJob { samples, language, candidates: Vec::new(), prompt, committed, partial };
    asr.submit(job, Priority::FinalAsr, LIMIT).expect("a place in the queue").output().await.expect("recognised")
}

/// As the program does it; what each partial decode took goes to `took`.
async fn by_policy(asr: &Handle<AsrJob, Hypothesis>, recording: &Recording, outcome: &mut Outcome, took: &mut Vec<Duration>) {
    let samples = &recording.samples;
    let (mut policy, mut text, mut committed) = (Policy::new(Mode::Simultaneous), String::new(), Vec::new());
    let end = Utterance { start: 0, samples: samples.clone(), speech_end: samples.len() as u64, reason: EndReason::Pause };
    let sound = samples.chunks(WINDOW).map(|window| Event::Audio(window.to_vec()));
    for event in [Event::Started { at: 0 }].into_iter().chain(sound).chain([Event::Ended(end)]) {
        policy.on_segment(event);
        while let Some(output) = policy.poll_output() {
            match output {
                Output::Decode(decode) => {
                    let (request, partial) = (decode.request, decode.partial);
                    let done = recognise(asr, recording.language, decode).await;
                    if partial {
                        took.push(done.ran);
                    }
                    let ran = u32::try_from(done.ran.as_millis()).unwrap_or(u32::MAX);
                    policy.on_decoded(request, Ok(Answer { hypothesis: done.output, queued: 0, ran }));
                }
                Output::Words(words) => {
                    text.push_str(words.committed.expose());
                    committed.push((letters(&text), words.heard as usize));
                }
                _ => {}
            }
        }
    }
    outcome.add(recording, &committed, &text);
}

/// As `rule` says, which is given a decode, the one before it, and the seconds heard, and says how many tokens are certain; what follows
/// the committed words in the end is heard as the program does.
async fn by_rule(
    asr: &Handle<AsrJob, Hypothesis>,
    aligned: &Aligned,
    recording: &Recording,
    decodes: &[(usize, Vec<Token>)],
    rule: impl Fn(&[Token], &[Token], f64) -> usize,
    outcome: &mut Outcome,
) {
    let (mut certain, mut committed) = (Vec::new(), Vec::new());
    for (n, (heard, tokens)) in decodes.iter().enumerate() {
        let before = n.checked_sub(1).map_or(&[][..], |n| &decodes[n].1);
        let count = rule(tokens, before, SampleRate::ASR.duration(*heard).as_secs_f64());
        let now: Vec<u8> = tokens[..count].iter().flat_map(|token| token.bytes.clone()).collect();
        // What is committed stays: a decode that heard something else before it makes nothing certain.
        if now.starts_with(&certain) {
            certain = now;
            committed.push((letters(&aligned.text(&certain, recording.language)), *heard));
        }
    }
    let text = aligned.text(&certain, recording.language);
    let rest = Decode {
        request: 0,
        utterance: 0,
        at: 0,
        samples: recording.samples.clone(),
        prompt: Redacted::default(),
        committed: text.clone().into(),
        language: None,
        partial: false,
    };
    let done = recognise(asr, recording.language, rest).await;
    outcome.add(recording, &committed, &(text + done.output.text.expose()));
}

/// Tokens that both begin with, but for the last one, which may grow.
fn agreed(now: &[Token], before: &[Token]) -> usize {
    let same = now.iter().zip(before).take_while(|(a, b)| a.bytes == b.bytes).count();
    same.min(now.len().saturating_sub(1))
}

/// Tokens in front of the first one that attends to sound younger than `age`.
fn attended(now: &[Token], heard: f64, age: f64) -> usize {
    now.iter().take_while(|token| token.at <= heard - age).count()
}

#[tokio::main]
async fn main() {
    whisper_rs::install_logging_hooks();
    let config = Config::default();
    let engines = Engines::open(&config).expect("the models are installed (make models)");
    let path = Store::open(config.models.dir.clone()).file("whisper-base", "ggml-base.bin").expect("the weights");
    let asr = engines.asr().await.expect("recognition starts");
    let (mut aligned, mut plain) = (Aligned::load(&path, true), Aligned::load(&path, false));
    let (mut policy, mut two) = (Outcome::default(), Outcome::default());
    let mut ages = AGES.map(|age| (age, Outcome::default()));
    let mut took: [Vec<Duration>; 4] = Default::default();
    for recording in recordings() {
        by_policy(&asr, &recording, &mut policy, &mut took[0]).await;
        let mut decodes = Vec::new();
        for heard in (FIRST..recording.samples.len()).step_by(STEP) {
            let sound = &recording.samples[..heard];
            let fitted = (heard * POSITIONS / SampleRate::ASR.0 as usize + MARGIN).next_multiple_of(16);
            let (tokens, dtw) = aligned.decode(sound, recording.language, fitted);
            let (_, without) = plain.decode(sound, recording.language, fitted);
            took[1].push(without);
            took[2].push(dtw);
            if decodes.is_empty() {
                took[3].push(aligned.decode(sound, recording.language, 0).1);
            }
            decodes.push((heard, tokens));
        }
        by_rule(&asr, &aligned, &recording, &decodes, |now, before, _| agreed(now, before), &mut two).await;
        for (age, outcome) in &mut ages {
            by_rule(&asr, &aligned, &recording, &decodes, |now, _, heard| attended(now, heard, *age), outcome).await;
        }
    }
    println!("| commitment | CER zh, % | WER en, % | delay p50, s | p95 |\n| --- | --- | --- | --- | --- |");
    policy.print("the program's policy");
    two.print("LocalAgreement-2 on tokens");
    for (age, outcome) in &ages {
        outcome.print(&format!("AlignAtt-like, {age} s"));
    }
    println!("\n| a partial decode | n | p50 ms | p95 ms |\n| --- | --- | --- | --- |");
    let labels = ["the program's", "`whisper_full`, fitted window", "with token times", "with token times, full window"];
    for (label, took) in labels.iter().zip(&took) {
        let ms = |p| percentile(took, p).as_secs_f64() * 1000.0;
        println!("| {label} | {} | {:.0} | {:.0} |", took.len(), ms(50.0), ms(95.0));
    }
}
