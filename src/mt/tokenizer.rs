//! Text to token ids and back, for one language model: a `tokenizer.json` in Hugging Face's format.
//!
//! Owns the line between control and text: ids of control tokens come from [`Tokenizer::control`] only, and whatever a person
//! says is encoded as plain text, even when it spells a control token. Knows no prompt. Called by `decoder_lm`.

use std::{collections::BTreeSet, path::Path};

/// A tokenizer could not be loaded, or failed on a text (which the error does not carry).
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// The file is missing or broken.
    #[error("cannot load {path}: {reason}; run `tongchuan models verify`")]
    Load {
        /// Which file.
        path: String,
        /// What the loader said.
        reason: String,
    },
    /// The vocabulary has no such control token: the file belongs to another model.
    #[error("the tokenizer has no token {0}: it does not belong to a ChatML model")]
    NoControl(&'static str),
    /// A text could not be encoded or decoded.
    #[error("the tokenizer failed on a text")]
    Text,
}

/// A loaded tokenizer.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Ids of the added tokens, and what spells them.
    added: BTreeSet<u32>,
    spellings: Vec<String>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} tokens)", self.inner.get_vocab_size(true))
    }
}

impl Tokenizer {
    /// Loads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`TokenizerError::Load`].
    pub fn load(path: &Path) -> Result<Self, TokenizerError> {
        let failed = |reason: String| TokenizerError::Load { path: path.display().to_string(), reason };
        let bytes = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(|e| failed(e.to_string()))?;
        inner.set_encode_special_tokens(true);
        let decoder = inner.get_added_tokens_decoder();
        let added = decoder.keys().copied().collect();
        let spellings = decoder.values().map(|token| token.content.clone()).filter(|s| !s.is_empty()).collect();
        Ok(Self { inner, added, spellings })
    }

    /// The number of tokens, added ones included.
    pub fn size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The id of a control token such as `<|im_end|>`.
    ///
    /// # Errors
    /// [`TokenizerError::NoControl`].
    pub fn control(&self, name: &'static str) -> Result<u32, TokenizerError> {
        self.inner.token_to_id(name).filter(|id| self.added.contains(id)).ok_or(TokenizerError::NoControl(name))
    }

    /// The ids of `text`, none of which is a control token, whatever the text spells.
    ///
    /// # Errors
    /// [`TokenizerError::Text`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let ids = self.encode_piece(text)?;
        if !ids.iter().any(|id| self.added.contains(id)) {
            return Ok(ids);
        }
        // Some exports mark a part of their control tokens as ordinary added tokens, which the library still recognises in text.
        // Cut such spellings after their first character: neither part is a token's name any more.
        let mut cuts: Vec<usize> = self
            .spellings
            .iter()
            .flat_map(|s| text.match_indices(s.as_str()).map(|(at, m)| at + m.chars().next().map_or(0, char::len_utf8)))
            .collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let (mut ids, mut start) = (Vec::new(), 0);
        for cut in cuts {
            ids.extend(self.encode_piece(text.get(start..cut).unwrap_or(""))?);
            start = cut;
        }
        if ids.iter().any(|id| self.added.contains(id)) { Err(TokenizerError::Text) } else { Ok(ids) }
    }

    fn encode_piece(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        Ok(self.inner.encode_fast(text, false).map_err(|_| TokenizerError::Text)?.get_ids().to_vec())
    }

    /// The text of `ids`; control tokens are spelled out, so that one that leaks is seen.
    ///
    /// # Errors
    /// [`TokenizerError::Text`].
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.inner.decode(ids, false).map_err(|_| TokenizerError::Text)
    }
}
