//! Deterministic stages with programmable delay and failure, for tests of timing and ordering and for `serve --fake-stages`.
//!
//! They are tokio tasks, so their delays follow virtual time. The fake VAD calls any sound speech; the fake recogniser writes how
//! long the utterance was; the fake translator marks text with its language; the fake voice is a tone as long as the text.

use std::{sync::Arc, time::Duration};

use crate::{
    asr::{AsrJob, Hypothesis},
    audio::level,
    inference::{
        JobContext, JobError,
        worker::{WorkerOptions, spawn_task},
    },
    language::Language,
    mt::{MtJob, Translation},
    pipeline::stages::{PipelineOptions, Stages},
    privacy::Redacted,
    time::SampleRate,
    tts::{Speech, TtsJob},
    vad::{VadJob, VadOutput, WINDOW},
};

/// What the fakes do.
#[derive(Debug, Clone)]
pub struct FakeOptions {
    /// Recognition time.
    pub asr: Duration,
    /// Translation time.
    pub mt: Duration,
    /// Synthesis time.
    pub tts: Duration,
    /// Jobs that may wait in each queue.
    pub queue: usize,
    /// A stage (`asr`, `mt`, `tts`) and the number of its job, counted from 0, that fails.
    pub fail: Option<(&'static str, usize)>,
    /// A stage and the number of its job that never answers; it stops when it is cancelled.
    pub hang: Option<(&'static str, usize)>,
    /// How the pipelines behave.
    pub pipeline: PipelineOptions,
}

impl Default for FakeOptions {
    fn default() -> Self {
        Self {
            asr: Duration::from_millis(200),
            mt: Duration::from_millis(300),
            tts: Duration::from_millis(200),
            queue: 16,
            fail: None,
            hang: None,
            pipeline: PipelineOptions::default(),
        }
    }
}

/// RMS level, in dBFS, above which the fake detector hears speech.
const SPEECH_DBFS: f32 = -45.0;

/// Seconds of tone per character of text.
const SECONDS_PER_CHAR: f64 = 0.08;

/// Fake stages; call inside a tokio runtime.
pub fn stages(options: FakeOptions) -> Stages {
    let worker = |name| WorkerOptions { name, queue: options.queue, threads: 1, gate: None };
    let (fail, hang) = (options.fail, options.hang);
    let script = move |stage: &'static str, took: Duration| {
        let mut count = 0;
        move |context: JobContext| {
            let n = count;
            count += 1;
            async move {
                tokio::time::sleep(took).await;
                while hang == Some((stage, n)) {
                    context.checkpoint()?;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                if fail == Some((stage, n)) { Err(JobError::failed(stage, "scripted")) } else { Ok(()) }
            }
        }
    };
    let vad = spawn_task(worker("vad"), |job: VadJob, _| async move {
        let probability = |window: &[f32]| if level::dbfs(level::rms(window)) > SPEECH_DBFS { 0.95 } else { 0.02 };
        Ok(VadOutput { probabilities: job.samples.chunks_exact(WINDOW).map(probability).collect(), state: job.state })
    });
    let mut next = script("asr", options.asr);
    let asr = spawn_task(worker("asr"), move |job: AsrJob, context| {
        let wait = next(context);
        async move {
            wait.await?;
            let seconds = SampleRate::ASR.duration(job.samples.len()).as_secs_f64();
            Ok(Hypothesis {
                text: format!("heard {seconds:.1} seconds.").into(),
                language: job.language.fixed().or(job.candidates.first().copied()).unwrap_or(Language::EN),
                tokens: Vec::new(),
                no_speech: 0.0,
            })
        }
    });
    let mut next = script("mt", options.mt);
    let mt = spawn_task(worker("mt"), move |job: MtJob, context| {
        let wait = job.wants_answer().then(|| next(context));
        async move {
            let Some(wait) = wait else {
                return Ok(Translation { tries: 0, ..Translation::whole(Redacted::default(), 0) });
            };
            wait.await?;
            Ok(Translation::whole(format!("[{}] {}", job.to, job.text.expose()), 1))
        }
    });
    let mut next = script("tts", options.tts);
    let tts = spawn_task(worker("tts"), move |job: TtsJob, context| {
        let wait = next(context);
        async move {
            wait.await?;
            let seconds = job.text.expose().chars().count() as f64 * SECONDS_PER_CHAR / f64::from(job.speed);
            let length = SampleRate::TTS.samples(Duration::from_secs_f64(seconds));
            let tone = |n: usize| (n as f32 * 440.0 * std::f32::consts::TAU / 24_000.0).sin() * 0.2;
            Ok(Speech { samples: (0..length).map(tone).collect() })
        }
    });
    Stages { vad, asr, mt, tts, options: Arc::new(options.pipeline) }
}
