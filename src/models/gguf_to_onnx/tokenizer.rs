//! A Hugging Face `tokenizer.json` from the vocabulary in a GGUF file: byte-level BPE with Qwen2's pre-tokenizer.
//!
//! Owns the mapping of the metadata; knows nothing of prompts. Called by `convert`; read back by `mt::tokenizer`.

use serde_json::json;

use super::{
    super::gguf::{Gguf, Value},
    Failure,
};

/// How Qwen2 cuts text before merging (its published `tokenizer.json`): contractions, words with one leading sign, single digits,
/// signs, line ends, spaces.
const PRE_TOKENIZER: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// ggml's token types that never come from text: control and user-defined ones are added tokens, unused ones are padding.
const CONTROL: i128 = 3;
const USER_DEFINED: i128 = 4;
const UNUSED: i128 = 5;

/// The bytes of `tokenizer.json`.
pub(super) fn from_gguf(model: &Gguf<'_>) -> Result<Vec<u8>, Failure> {
    let unsupported = |what: &str| Failure::Unsupported(format!("its tokenizer {what}"));
    if model.text("tokenizer.ggml.model")? != "gpt2" || model.text("tokenizer.ggml.pre")? != "qwen2" {
        return Err(unsupported("is not Qwen2's byte-level BPE"));
    }
    let tokens = model.array("tokenizer.ggml.tokens")?;
    let types = model.array("tokenizer.ggml.token_type")?;
    if tokens.len() != types.len() {
        return Err(unsupported("has not one type per token"));
    }
    let mut vocabulary = serde_json::Map::new();
    let mut added = Vec::new();
    for (id, pair) in tokens.iter().zip(types).enumerate() {
        match pair {
            (Value::Text(_), Value::Int(UNUSED)) => {}
            (Value::Text(token), Value::Int(kind @ (CONTROL | USER_DEFINED))) => added.push(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
                "special": *kind == CONTROL,
            })),
            (Value::Text(token), Value::Int(_)) => {
                if vocabulary.insert(token.clone(), json!(id)).is_some() {
                    return Err(unsupported("has a token twice"));
                }
            }
            _ => return Err(unsupported("has a token that is no text")),
        }
    }
    let mut merges = Vec::new();
    for merge in model.array("tokenizer.ggml.merges")? {
        let Value::Text(merge) = merge else { return Err(unsupported("has a merge that is no text")) };
        let (left, right) = merge.split_once(' ').ok_or_else(|| unsupported("has a merge without a space"))?;
        merges.push(json!([left, right]));
    }
    let byte_level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false});
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": PRE_TOKENIZER}, "behavior": "Isolated", "invert": false},
            byte_level,
        ]},
        "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocabulary, "merges": merges,
        },
    });
    serde_json::to_vec(&tokenizer).map_err(|e| Failure::Unsupported(e.to_string()))
}
