//! Runs the graph of a decoder-only model as Hugging Face exports them: tokens and a KV cache in, scores of what follows and a new cache out.
//!
//! Owns the names and shapes of inputs and outputs; knows no text. Called by [`super::DecoderLm`].
//!
//! Inputs: `input_ids` i64 `[1, n]`, `attention_mask` i64 `[1, past + n]`, `position_ids` i64 `[1, n]` and `num_logits_to_keep` i64 (a
//! scalar) when the graph has them, and per layer `past_key_values.N.key|value` f32 `[1, kv heads, past, head]`. Outputs: `logits` f32
//! `[1, kept, vocabulary]`, of the last positions, and `present.N.key|value`, shaped as the past with `past + n`.

use std::path::Path;

use ort::{
    session::{Session, SessionInputValue},
    value::{DynValue, Tensor, TensorElementType, ValueType},
};

use super::LoadError;
use crate::inference::onnx::{self, SessionOptions};

/// How many of the last positions are to be scored.
const KEPT: &str = "num_logits_to_keep";
/// Positions when the graph does not say: short enough for any export, long enough for a prompt and a paragraph.
const POSITIONS: usize = 4096;

/// A step failed. Runtime messages are about shapes and memory, never about text.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecoderError {
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),
    #[error("the graph gave no usable {0}")]
    Output(&'static str),
}

/// Keys and values of all layers for the tokens read so far. Never changed: a step reads one and makes another.
pub(super) struct KvCache {
    /// Key and value of each layer in turn.
    values: Vec<DynValue>,
    length: usize,
}

impl KvCache {
    /// Tokens in it.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Itself without its last `count` tokens.
    pub(super) fn without_last(self, count: usize) -> Result<Self, DecoderError> {
        if count == 0 { Ok(self) } else { self.first(self.length.saturating_sub(count)) }
    }

    /// A copy of its first `length` tokens.
    pub(super) fn first(&self, length: usize) -> Result<Self, DecoderError> {
        let cut = |value: &DynValue| {
            let (shape, all) = value.try_extract_tensor::<f32>()?;
            let size = |at: usize| shape.get(at).and_then(|d| usize::try_from(*d).ok()).ok_or(DecoderError::Output("cache"));
            let (heads, past, head) = (size(1)?, size(2)?, size(3)?);
            let length = length.min(past);
            let mut kept = Vec::with_capacity(heads * length * head);
            all.chunks_exact((past * head).max(1)).for_each(|one| kept.extend_from_slice(&one[..length * head]));
            Ok(Tensor::from_array(([1, heads, length, head], kept))?.into_dyn())
        };
        let values = self.values.iter().map(cut).collect::<Result<_, DecoderError>>()?;
        Ok(Self { values, length: length.min(self.length) })
    }
}

/// The session, and what its graph looks like.
pub(super) struct Decoder {
    session: Session,
    /// Names of a cache value as input and as output, in the order of [`KvCache::values`].
    cache_names: Vec<(String, String)>,
    /// `[1, kv heads, 0, head]`
    empty_shape: [usize; 4],
    wants_positions: bool,
    wants_kept: bool,
    #[cfg(test)]
    pub(super) steps: usize,
}

impl Decoder {
    /// Loads `model` and looks at its inputs.
    pub(super) fn load(model: &Path, options: &SessionOptions) -> Result<Self, LoadError> {
        let session = onnx::session(model, options)?;
        let wrong = |reason: &str| LoadError::Graph { path: model.display().to_string(), reason: reason.into() };
        let has_input = |name: &str| session.inputs().iter().any(|i| i.name() == name);
        let has_output = |name: &str| session.outputs().iter().any(|o| o.name() == name);
        if !has_input("input_ids") || !has_input("attention_mask") || !has_output("logits") {
            return Err(wrong("it lacks input_ids, attention_mask or logits"));
        }
        let mut cache_names = Vec::new();
        for layer in 0.. {
            if !has_input(&format!("past_key_values.{layer}.key")) {
                break;
            }
            for part in ["key", "value"] {
                let names = (format!("past_key_values.{layer}.{part}"), format!("present.{layer}.{part}"));
                if !has_input(&names.0) || !has_output(&names.1) {
                    return Err(wrong("its KV cache has inputs without outputs"));
                }
                cache_names.push(names);
            }
        }
        let past = session.inputs().iter().find(|i| i.name() == "past_key_values.0.key").map(|i| i.dtype());
        let Some(ValueType::Tensor { ty: TensorElementType::Float32, shape, .. }) = past else {
            return Err(wrong("it has no float32 KV cache"));
        };
        let size = |at: usize| shape.get(at).and_then(|d| usize::try_from(*d).ok()).filter(|d| *d > 0);
        let (Some(kv_heads), Some(head)) = (size(1), size(3)) else { return Err(wrong("its KV cache has no fixed sizes")) };
        let (wants_positions, wants_kept) = (has_input("position_ids"), has_input(KEPT));
        Ok(Self {
            empty_shape: [1, kv_heads, 0, head],
            session,
            cache_names,
            wants_positions,
            wants_kept,
            #[cfg(test)]
            steps: 0,
        })
    }

    /// True when a step scores what follows any of its last tokens, not only the last one.
    pub(super) fn keeps_scores(&self) -> bool {
        self.wants_kept
    }

    /// Longest prompt and answer together.
    pub(super) fn positions(&self) -> usize {
        POSITIONS
    }

    /// The cache before the first token.
    pub(super) fn empty_cache(&self) -> Result<KvCache, DecoderError> {
        let allocator = self.session.allocator();
        let values = self
            .cache_names
            .iter()
            .map(|_| Ok(Tensor::<f32>::new(allocator, self.empty_shape)?.into_dyn()))
            .collect::<Result<_, ort::Error>>()?;
        Ok(KvCache { values, length: 0 })
    }

    /// Reads `tokens` (at least one) after `past`. Scored is what follows each of the last `kept` tokens; where the graph does not
    /// [keep scores](Self::keeps_scores), what follows the last one.
    pub(super) fn step(&mut self, tokens: &[u32], kept: usize, past: &KvCache) -> Result<Step, DecoderError> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        let length = past.length + tokens.len();
        let row = |values: Vec<i64>| Tensor::<i64>::from_array(([1, values.len()], values));
        let mut inputs: Vec<(&str, SessionInputValue<'_>)> = vec![
            ("input_ids", row(tokens.iter().map(|t| i64::from(*t)).collect())?.into()),
            ("attention_mask", row(vec![1; length])?.into()),
        ];
        if self.wants_positions {
            inputs.push(("position_ids", row((past.length as i64..length as i64).collect())?.into()));
        }
        if self.wants_kept {
            inputs.push((KEPT, Tensor::<i64>::from_array(((), vec![kept as i64]))?.into()));
        }
        for ((name, _), value) in self.cache_names.iter().zip(&past.values) {
            inputs.push((name, value.into()));
        }
        let mut outputs = self.session.run(inputs)?;
        let logits = outputs.remove("logits").ok_or(DecoderError::Output("logits"))?;
        let values = self
            .cache_names
            .iter()
            .map(|(_, name)| outputs.remove(name).ok_or(DecoderError::Output("cache")))
            .collect::<Result<_, _>>()?;
        Ok(Step { logits, cache: KvCache { values, length } })
    }
}

/// What came of reading tokens.
pub(super) struct Step {
    logits: DynValue,
    /// With the tokens in it.
    pub(super) cache: KvCache,
}

impl Step {
    /// The most probable token behind all that was read but the last `unread` tokens, among those that `allowed` has true (ids past its
    /// end are not allowed); `other`, if it is allowed and at least `share` times as probable.
    pub(super) fn best(&self, unread: usize, allowed: &[bool], other: Option<(u32, f32)>) -> Result<u32, DecoderError> {
        let (shape, scores) = self.logits.try_extract_tensor::<f32>()?;
        let vocabulary = shape.last().and_then(|v| usize::try_from(*v).ok()).filter(|v| *v > 0);
        let scores = vocabulary.and_then(|v| scores.rchunks_exact(v).nth(unread)).ok_or(DecoderError::Output("logits"))?;
        let best = argmax(scores, allowed).ok_or(DecoderError::Output("logits"))?;
        let score = |token: u32| scores.get(usize::try_from(token).unwrap_or(usize::MAX)).copied().unwrap_or(f32::NEG_INFINITY);
        let is_allowed = |token: &u32| allowed.get(usize::try_from(*token).unwrap_or(usize::MAX)) == Some(&true);
        let other = other.filter(|(token, share)| is_allowed(token) && score(*token) >= score(best) + share.ln());
        Ok(other.map_or(best, |(token, _)| token))
    }
}

/// The position of the largest score, the first one of equals; nothing when none is a number.
fn argmax(scores: &[f32], allowed: &[bool]) -> Option<u32> {
    let mut best: Option<(usize, f32)> = None;
    for (at, score) in scores.iter().enumerate() {
        let may = allowed.get(at) == Some(&true);
        if may && best.is_none_or(|(_, top)| *score > top) && !score.is_nan() {
            best = Some((at, *score));
        }
    }
    best.and_then(|(at, _)| u32::try_from(at).ok())
}
