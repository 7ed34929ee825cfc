//! Speech recognition: samples in, words with times out.
//!
//! [`whisper`] is the engine (whisper.cpp); [`filter`] (pure) throws out what Whisper makes up on noise and silence; [`prompt`]
//! holds the market's words.

mod chinese;
pub mod filter;
pub mod prompt;
mod sampling;
mod timing;
pub mod whisper;

use std::time::Duration;

use crate::{
    inference::{JobContext, JobError},
    language::{Language, Spoken},
    privacy::Redacted,
};

/// A stretch of speech to recognise.
#[derive(Debug, Clone)]
pub struct AsrJob {
    /// 16 kHz mono samples in -1..1, up to 30 s. Shared so that partial decodes of a growing window need no copy.
    pub samples: std::sync::Arc<[f32]>,
    /// The speaker's language, or detect it.
    pub language: Spoken,
    /// Languages to choose from when detecting; empty means any.
    pub candidates: Vec<Language>,
    /// Words that are likely here (names, trade vocabulary, the end of the previous segment).
    pub prompt: Option<Redacted>,
    /// What these samples were already heard to begin with, and may not be heard as anything else any more: only what follows is
    /// answered.
    pub committed: Option<Redacted>,
    /// False for the last decode of an utterance, true for one of a window that still grows: the words at its end that the recogniser is
    /// not sure of are left out.
    pub partial: bool,
}

/// One recognised token with its place in the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct AsrToken {
    /// Text including any leading space.
    pub text: Redacted,
    /// Start, from the beginning of the samples.
    pub from: Duration,
    /// End, from the beginning of the samples.
    pub to: Duration,
    /// The model's probability for this token, 0..=1.
    pub probability: f32,
}

/// What the recogniser heard.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypothesis {
    /// The text after [`AsrJob::committed`]; empty when nothing (more) was said. Chinese is in simplified characters. Trimmed, but for
    /// the space that parts it from what is committed.
    pub text: Redacted,
    /// The language it is in.
    pub language: Language,
    /// Tokens in order; their texts joined and trimmed give `text` before conversion and filtering.
    pub tokens: Vec<AsrToken>,
    /// The model's probability that there was no speech, 0..=1.
    pub no_speech: f32,
}

/// A speech recogniser.
pub trait Recogniser: Send {
    /// Recognises `job.samples`.
    ///
    /// # Errors
    /// [`JobError::Failed`] when the model fails, [`JobError::Cancelled`] when the context says so.
    fn recognise(&mut self, job: &AsrJob, context: &JobContext) -> Result<Hypothesis, JobError>;
}
