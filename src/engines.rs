//! Puts the real engines on their workers: the one place that knows which file of which model each engine loads.
//!
//! Every engine is warmed up on its thread before it counts as ready. Called by `server` and by the command-line tools, which load
//! only what they need.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context as _;

use crate::{
    asr::{
        AsrJob, Hypothesis, Recogniser as _,
        whisper::{Whisper, WhisperOptions},
    },
    config::Config,
    inference::{
        compute::ComputeGate,
        onnx::{self, Provider},
        worker::{Handle, WorkerOptions, spawn},
    },
    language::Language,
    models::store::Store,
    mt::{
        MtJob, Translation, Translator as _,
        decoder_lm::{DecoderLm, DecoderLmOptions},
    },
    pipeline::stages::Stages,
    tts::{
        Speech, Synthesiser as _, TtsJob,
        engine::{TtsEngine, TtsOptions},
    },
    vad::{VadJob, VadOutput, VoiceDetector as _, silero::Silero},
};

/// Jobs that may wait per stage. Behind two sentences of somebody else an interpretation is late; behind sixteen it is useless.
const QUEUE: usize = 16;

/// Windows of all speakers that may wait for the VAD: two speakers need 62 a second, 0.1 ms each.
const VAD_QUEUE: usize = 256;

/// Directions whose prompts are computed before anybody waits: the market's own. Others cost about 2 s once.
const WARM_PAIRS: [(Language, Language); 2] = [(Language::ZH, Language::EN), (Language::EN, Language::ZH)];

/// ONNX Runtime's library, as each platform names it.
const ONNX_RUNTIME: &str = if cfg!(windows) {
    "onnxruntime.dll"
} else if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else {
    "libonnxruntime.so"
};

/// Loads engines as the configuration says.
#[derive(Debug)]
pub struct Engines {
    config: Config,
    store: Store,
    gate: ComputeGate,
}

impl Engines {
    /// Finds the models and loads ONNX Runtime.
    ///
    /// # Errors
    /// When the models were not pulled, or ONNX Runtime does not load.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let store = Store::open(config.models.dir.clone());
        let library = match std::env::var_os("ORT_DYLIB_PATH") {
            Some(path) => PathBuf::from(path),
            None => store.file("onnxruntime", ONNX_RUNTIME)?,
        };
        onnx::load(&library)?;
        Ok(Self { gate: ComputeGate::new(config.compute.cores()), config: config.clone(), store })
    }

    /// All four, in the order of the path of a sentence.
    ///
    /// # Errors
    /// When a model is missing or does not load.
    pub async fn stages(&self) -> anyhow::Result<Stages> {
        let (vad, asr, mt, tts) = (self.vad().await?, self.asr().await?, self.mt().await?, self.tts().await?);
        Ok(Stages { vad, asr, mt, tts, options: Arc::new(self.config.pipeline()) })
    }

    /// Voice activity detection.
    ///
    /// # Errors
    /// When the model is missing or does not load.
    pub async fn vad(&self) -> anyhow::Result<Handle<VadJob, VadOutput>> {
        let path = self.store.file("silero-vad", "silero_vad.onnx")?;
        // Outside the gate: see `inference::compute`.
        let options = WorkerOptions { name: "vad", queue: VAD_QUEUE, threads: 1, gate: None };
        let load = move || {
            let mut engine = Silero::load(&path)?;
            engine.warm_up()?;
            Ok(move |job, context: &_| engine.detect(job, context))
        };
        spawn(options, load).await.context("cannot start voice activity detection")
    }

    /// Recognition.
    ///
    /// # Errors
    /// When the model is missing or does not load.
    pub async fn asr(&self) -> anyhow::Result<Handle<AsrJob, Hypothesis>> {
        let path = self.store.file("whisper-base", "ggml-base.bin")?;
        let gpu = self.config.compute.provider != Provider::Cpu;
        let options = WhisperOptions { threads: self.gate.cores(), gpu, ..WhisperOptions::default() };
        let load = move || {
            let mut engine = Whisper::load(&path, options.clone())?.recogniser()?;
            engine.warm_up()?;
            Ok(move |job: AsrJob, context: &_| engine.recognise(&job, context))
        };
        spawn(self.worker("asr"), load).await.context("cannot start recognition")
    }

    /// Translation.
    ///
    /// # Errors
    /// When the model is missing or does not load.
    pub async fn mt(&self) -> anyhow::Result<Handle<MtJob, Translation>> {
        let model = if self.config.models.profile == "lite" { "qwen2.5-0.5b" } else { "qwen2.5-1.5b" };
        let dir = parent(self.store.file(model, "model.onnx")?);
        let options = DecoderLmOptions { provider: self.config.compute.provider, ..DecoderLmOptions::cpu(self.gate.cores()) };
        let load = move || {
            let mut engine = DecoderLm::load(&dir, &options)?;
            engine.warm_up(&WARM_PAIRS)?;
            Ok(move |job: MtJob, context: &_| engine.translate(&job, context))
        };
        spawn(self.worker("mt"), load).await.context("cannot start translation")
    }

    /// Synthesis.
    ///
    /// # Errors
    /// When the model is missing or does not load, or espeak-ng is not installed.
    pub async fn tts(&self) -> anyhow::Result<Handle<TtsJob, Speech>> {
        let options = TtsOptions {
            kokoro_dir: parent(self.store.file("kokoro-82m", "kokoro.onnx")?),
            g2p_en_dir: parent(self.store.file("g2p-en", "us_gold.json")?),
            g2p_zh_dir: parent(self.store.file("g2p-zh", "phrases_dict.json")?),
            espeak: self.config.models.espeak.clone(),
            threads: self.gate.cores(),
            provider: self.config.compute.provider,
        };
        let load = move || {
            let mut engine = TtsEngine::load(&options)?;
            engine.warm_up()?;
            Ok(move |job: TtsJob, context: &_| engine.synthesise(&job, context))
        };
        spawn(self.worker("tts"), load).await.context("cannot start speech synthesis")
    }

    fn worker(&self, name: &'static str) -> WorkerOptions {
        WorkerOptions { name, queue: QUEUE, threads: self.gate.cores(), gate: Some(self.gate.clone()) }
    }
}

fn parent(file: PathBuf) -> PathBuf {
    file.parent().map(PathBuf::from).unwrap_or_default()
}
