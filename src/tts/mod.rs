//! Speech synthesis: text in, 24 kHz mono samples out, a clause at a time.
//!
//! [`normalize`] writes numbers and signs as words, [`g2p`] turns words into phonemes, [`kokoro`] into sound; [`espeak`] speaks
//! the languages Kokoro has no voice for; [`clauses`] cuts long text so that the first clause is heard while the next is computed.

pub mod clauses;
pub mod engine;
pub mod espeak;
pub mod g2p;
pub mod kokoro;
pub mod normalize;
mod sound;

use crate::{
    inference::{JobContext, JobError},
    language::{Language, Voice},
    privacy::Redacted,
};

/// A clause to speak.
#[derive(Debug, Clone)]
pub struct TtsJob {
    /// Language of `text`.
    pub language: Language,
    /// Whose voice.
    pub voice: Voice,
    /// The clause, as written (digits and signs are read out).
    pub text: Redacted,
    /// Speed, 1.0 is normal; 0.5..=2.0.
    pub speed: f32,
}

/// Spoken audio.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speech {
    /// 24 kHz mono samples in -1..1, silence at the ends trimmed; empty when there was nothing to say (only punctuation).
    pub samples: Vec<f32>,
}

/// A speech synthesiser.
pub trait Synthesiser: Send {
    /// Speaks `job.text`.
    ///
    /// # Errors
    /// [`JobError::Failed`] when no engine speaks the language or the engine fails, [`JobError::Cancelled`] when the context says so.
    fn synthesise(&mut self, job: &TtsJob, context: &JobContext) -> Result<Speech, JobError>;
}
