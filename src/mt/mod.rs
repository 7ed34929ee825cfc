//! Machine translation: committed text in one language in, text in another out.
//!
//! [`decoder_lm`] runs a decoder-only language model; [`prompt`] (pure) builds what it is asked and judges what it answers;
//! [`tokenizer`] turns text into its tokens.

pub mod decoder_lm;
pub mod prompt;
pub mod tokenizer;

use crate::{
    inference::{JobContext, JobError},
    language::Language,
    privacy::Redacted,
};

/// A piece of text to translate.
#[derive(Debug, Clone)]
pub struct MtJob {
    /// Language of `text`.
    pub from: Language,
    /// Language wanted; differs from `from`.
    pub to: Language,
    /// A sentence or clause.
    pub text: Redacted,
    /// Earlier pieces of the dialogue with their translations, oldest first; may be empty.
    pub history: Vec<(Redacted, Redacted)>,
}

/// A translation that may be shown and spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// The text, trimmed, never blank.
    pub text: Redacted,
    /// Tokens generated, over all tries.
    pub tokens: usize,
    /// Tries it took: 1 normally, more when an answer was rejected.
    pub tries: usize,
}

/// A translator.
pub trait Translator: Send {
    /// Translates `job.text`.
    ///
    /// # Errors
    /// [`JobError::Failed`] when the model fails or no try gave an acceptable translation, [`JobError::Cancelled`] when the
    /// context says so (looked at between tokens).
    fn translate(&mut self, job: &MtJob, context: &JobContext) -> Result<Translation, JobError>;
}
