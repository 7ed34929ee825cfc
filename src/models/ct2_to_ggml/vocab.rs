//! The tokenizer's base vocabulary as raw bytes, in order of their numbers.
//!
//! `tokenizer.json` writes a byte-level BPE's tokens in GPT-2's printable alphabet, where each of the 256 bytes is one character;
//! whisper.cpp wants the bytes. Special tokens (from `<|endoftext|>` on) are not listed: whisper.cpp makes those itself.

use std::collections::HashMap;

use serde::Deserialize;

#[derive(Deserialize)]
struct Tokenizer {
    model: Bpe,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Bpe {
    vocab: HashMap<String, usize>,
}

#[derive(Deserialize)]
struct Added {
    id: usize,
    content: String,
}

/// The first token that is not text.
const END_OF_TEXT: &str = "<|endoftext|>";

/// The bytes of every token before `<|endoftext|>`.
pub(super) fn base_tokens(tokenizer_json: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let tokenizer: Tokenizer = serde_json::from_slice(tokenizer_json).map_err(|e| format!("not a tokenizer.json: {e}"))?;
    let added = tokenizer.added_tokens.iter().find(|token| token.content == END_OF_TEXT).map(|token| token.id);
    let count =
        added.or_else(|| tokenizer.model.vocab.get(END_OF_TEXT).copied()).ok_or_else(|| format!("it has no {END_OF_TEXT}"))?;
    if count > tokenizer.model.vocab.len() {
        return Err(format!("it has only {} tokens before number {count}", tokenizer.model.vocab.len()));
    }
    let bytes_of = byte_alphabet();
    let mut tokens: Vec<Option<Vec<u8>>> = vec![None; count];
    for (text, id) in &tokenizer.model.vocab {
        let Some(slot) = tokens.get_mut(*id) else { continue };
        let bytes = text.chars().map(|c| bytes_of.get(&c).copied()).collect::<Option<Vec<u8>>>();
        let bytes = bytes.ok_or_else(|| format!("token {id} is not in the byte alphabet"))?;
        if slot.replace(bytes).is_some() {
            return Err(format!("two tokens have the number {id}"));
        }
    }
    tokens.into_iter().enumerate().map(|(id, token)| token.ok_or_else(|| format!("token {id} is missing"))).collect()
}

/// GPT-2's `bytes_to_unicode`, reversed: printable Latin-1 characters stand for themselves, the other bytes for the characters
/// from U+0100 on, in order.
fn byte_alphabet() -> HashMap<char, u8> {
    let mut stand_ins = (0x100..).filter_map(char::from_u32);
    (0..=u8::MAX)
        .filter_map(|byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            Some((if printable { char::from(byte) } else { stand_ins.next()? }, byte))
        })
        .collect()
}
