//! The four stages as handles: what a pipeline asks for work. `server` builds real ones, `fake` scripted ones.

use std::{sync::Arc, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{echo::EchoOptions, policy::Mode};
use crate::{
    asr::{AsrJob, Hypothesis},
    audio::opus::EncoderOptions,
    inference::worker::Handle,
    mt::{MtJob, Translation},
    tts::{Speech, TtsJob},
    vad::{VadJob, VadOutput, segmenter::SegmenterOptions},
};

/// Everything a pipeline needs, shared by all pipelines of the process.
#[derive(Debug, Clone)]
pub struct Stages {
    /// Voice activity detection.
    pub vad: Handle<VadJob, VadOutput>,
    /// Recognition.
    pub asr: Handle<AsrJob, Hypothesis>,
    /// Translation.
    pub mt: Handle<MtJob, Translation>,
    /// Synthesis.
    pub tts: Handle<TtsJob, Speech>,
    /// How the pipeline behaves.
    pub options: Arc<PipelineOptions>,
}

/// How a pipeline behaves.
#[derive(Debug, Clone, Default)]
pub struct PipelineOptions {
    /// When words are committed.
    pub mode: Mode,
    /// Where utterances begin and end.
    pub segmenter: SegmenterOptions,
    /// How interpretations are coded.
    pub encoder: EncoderOptions,
    /// How long each stage may take.
    pub deadlines: Deadlines,
    /// How to tell an echo.
    pub echo: EchoOptions,
}

/// How long each stage may take for one job, waiting included, before the session is told that it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Deadlines {
    /// Recognition of one utterance, in milliseconds. 25 s of speech take about 2 s on two cores; others may be in front.
    pub asr_ms: u64,
    /// Translation of one sentence, in milliseconds. Up to about 2 s on two cores, three times that with retries.
    pub mt_ms: u64,
    /// Synthesis of one clause, in milliseconds.
    pub tts_ms: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { asr_ms: 15_000, mt_ms: 20_000, tts_ms: 15_000 }
    }
}

impl Deadlines {
    /// For recognition.
    pub fn asr(&self) -> Duration {
        Duration::from_millis(self.asr_ms)
    }

    /// For translation.
    pub fn mt(&self) -> Duration {
        Duration::from_millis(self.mt_ms)
    }

    /// For synthesis.
    pub fn tts(&self) -> Duration {
        Duration::from_millis(self.tts_ms)
    }

    /// For voice activity detection: behind by more than this it is useless.
    pub fn vad(&self) -> Duration {
        Duration::from_secs(2)
    }
}
