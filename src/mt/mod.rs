//! Machine translation: committed text in one language in, text in another out.
//!
//! [`decoder_lm`] runs a decoder-only language model; [`prompt`] (pure) builds what it is asked and judges what it answers;
//! [`numerals`] (pure) keeps it to the numbers that were said; [`tokenizer`] turns text into its tokens.

pub mod decoder_lm;
pub mod numerals;
pub mod prompt;
pub mod tokenizer;

use tokio::sync::watch;

use self::numerals::Numerals;
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
    /// A sentence or clause. Blank asks the translator to get ready for this direction, and gives a blank translation.
    pub text: Redacted,
    /// Earlier pieces of the dialogue with their translations, oldest first; may be empty.
    pub history: Vec<(Redacted, Redacted)>,
    /// Where to show the translation as it grows, so that its first clause can be spoken while the rest is generated. Shown is
    /// only what the judge would accept so far; the result may still differ, so what was used must be compared with it.
    pub running: Option<watch::Sender<Redacted>>,
    /// The only numerals that may stand in the translation, as it writes them; `None` means that any may.
    pub numerals: Option<Numerals>,
    /// How the translation begins: what was shown and spoken of an earlier one. It is part of the new one.
    pub begun: Redacted,
    /// How the translation may read, `begun` included: an earlier one of nearly the same words. It is read at once with them instead of
    /// being written token by token, as far as it is what would have been written; a draft (see `ahead`) stays
    /// with it where that is nearly as good.
    pub guess: Redacted,
    /// Words of `text` and what a translation should call them; each pair costs time (its tokens are read with the sentence).
    pub wording: Vec<(Redacted, Redacted)>,
    /// More of `text` will come: read it, so that the whole of it is translated sooner, and give so many tokens, at most, of what
    /// its translation might begin with. Blank when nothing of that could be shown.
    pub ahead: Option<usize>,
}

impl MtJob {
    /// A piece of text without history that nobody watches.
    pub fn new(from: Language, to: Language, text: impl Into<Redacted>) -> Self {
        Self {
            from,
            to,
            text: text.into(),
            history: Vec::new(),
            running: None,
            numerals: None,
            begun: Redacted::default(),
            guess: Redacted::default(),
            wording: Vec::new(),
            ahead: None,
        }
    }

    /// False when the translator is only to get ready.
    pub fn wants_answer(&self) -> bool {
        self.ahead.is_none() && !self.text.is_blank()
    }

    /// Asks the translator to get ready for a direction: the first sentence is then as fast as the others.
    pub fn prepare(from: Language, to: Language) -> Self {
        Self::new(from, to, Redacted::default())
    }
}

/// A translation that may be shown and spoken.
#[derive(Debug, Clone, PartialEq)]
pub struct Translation {
    /// The text, trimmed; blank only when the source is.
    pub text: Redacted,
    /// Up to which byte of `text` the translator is sure of it. Behind that a draft may make up how its source goes on; what is no draft
    /// is sure.
    pub sure: usize,
    /// Tokens generated, over all tries.
    pub tokens: usize,
    /// Tries it took: 1 normally, more when an answer was rejected, 0 when there was nothing to translate (digits and signs).
    pub tries: usize,
    /// The translator has no more to say of the text; a draft may be cut off before that, in the middle of a word.
    pub complete: bool,
}

impl Translation {
    /// All of `text`, at the first try, in so many tokens.
    pub fn whole(text: impl Into<Redacted>, tokens: usize) -> Self {
        let text = text.into();
        Self { sure: text.expose().len(), text, tokens, tries: 1, complete: true }
    }
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
