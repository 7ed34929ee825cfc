//! Runs the graph of a decoder-only model: tokens and a KV cache in, scores of what follows and the cache with the tokens in it out.
//!
//! Owns the names and shapes of inputs and outputs; knows no text. Called by [`super::DecoderLm`].
//!
//! Inputs: `input_ids` i64 `[1, n]`, `attention_mask` i64 `[1, past + n]`, `position_ids` i64 `[1, n]` and `num_logits_to_keep` i64 (a
//! scalar) when the graph has them, and per layer `past_key_values.N.key|value` f32 `[1, kv heads, room, head]`. Outputs: `logits` f32
//! `[1, kept, vocabulary]`, of the last positions, and `present.N.key|value`, shaped as the past.
//!
//! The names are those of Hugging Face's exports. The attention is ONNX Runtime's `GroupQueryAttention`. It takes a past with room behind
//! its tokens, and where past and present are the same memory it writes the new ones there; otherwise it would copy what was read for
//! every token that is written.

use std::path::Path;

use ort::{
    session::Session,
    value::{DynValue, Tensor, TensorElementType, ValueType},
};

use super::LoadError;
use crate::inference::onnx::{self, SessionOptions};

/// How many of the last positions are to be scored.
const KEPT: &str = "num_logits_to_keep";
/// Positions when the graph does not say: short enough for any export, long enough for a prompt and a paragraph.
const POSITIONS: usize = 4096;
/// A cache has room for a multiple of so many tokens: an answer seldom outgrows it.
const ROOM: usize = 128;

/// Scores that are so much lower than another one (as natural logarithms) weigh nothing beside it: 150,000 of them together less than a
/// thousandth.
const NEGLIGIBLE: f32 = -20.0;

/// A step failed. Runtime messages are about shapes and memory, never about text.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecoderError {
    #[error("ONNX Runtime: {0}")]
    Runtime(#[from] ort::Error),
    #[error("the graph gave no usable {0}")]
    Output(&'static str),
}

/// Keys and values of all layers for the tokens read so far.
pub(super) struct KvCache {
    /// Key and value of each layer in turn, `[1, kv heads, room, head]`; what is behind the tokens is nothing.
    values: Vec<Tensor<f32>>,
    length: usize,
    room: usize,
}

impl KvCache {
    /// Tokens in it.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// Itself without its last `count` tokens.
    pub(super) fn without_last(self, count: usize) -> Self {
        Self { length: self.length.saturating_sub(count), ..self }
    }

    /// Its first `count` tokens.
    pub(super) fn first(self, count: usize) -> Self {
        Self { length: self.length.min(count), ..self }
    }
}

/// The session, and what its graph looks like.
pub(super) struct Decoder {
    session: Session,
    /// Names of a cache value as input and as output, in the order of [`KvCache::values`].
    cache_names: Vec<(String, String)>,
    kv_heads: usize,
    head: usize,
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
            session,
            kv_heads,
            head,
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
        self.cache_for(0)
    }

    /// A cache without tokens that has room for some more than `length`.
    fn cache_for(&self, length: usize) -> Result<KvCache, DecoderError> {
        let room = (length + 1).next_multiple_of(ROOM);
        let (allocator, shape) = (self.session.allocator(), [1, self.kv_heads, room, self.head]);
        let values = self.cache_names.iter().map(|_| Tensor::new(allocator, shape)).collect::<Result<_, ort::Error>>()?;
        Ok(KvCache { values, length: 0, room })
    }

    /// A copy of the first `length` tokens of `cache`, with room for `more`.
    pub(super) fn copy(&self, cache: &KvCache, length: usize, more: usize) -> Result<KvCache, DecoderError> {
        let length = length.min(cache.length);
        let mut copy = self.cache_for(length + more)?;
        let (from, to) = (cache.room * self.head, copy.room * self.head);
        for (value, copied) in cache.values.iter().zip(&mut copy.values) {
            let ((_, value), (_, copied)) = (value.extract_tensor(), copied.extract_tensor_mut());
            for (value, copied) in value.chunks_exact(from).zip(copied.chunks_exact_mut(to)) {
                copied[..length * self.head].copy_from_slice(&value[..length * self.head]);
            }
        }
        copy.length = length;
        Ok(copy)
    }

    /// Reads `tokens` (at least one) after `past`. Scored is what follows each of the last `kept` tokens; where the graph does not
    /// [keep scores](Self::keeps_scores), what follows the last one.
    pub(super) fn step(&mut self, tokens: &[u32], kept: usize, mut past: KvCache) -> Result<Step, DecoderError> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        let length = past.length + tokens.len();
        if length > past.room {
            past = self.copy(&past, past.length, tokens.len())?;
        }
        let mut binding = self.session.create_binding()?;
        let row = |values: Vec<i64>| Tensor::<i64>::from_array(([1, values.len()], values));
        binding.bind_input("input_ids", &row(tokens.iter().map(|t| i64::from(*t)).collect())?)?;
        binding.bind_input("attention_mask", &row(vec![1; length])?)?;
        if self.wants_positions {
            binding.bind_input("position_ids", &row((past.length as i64..length as i64).collect())?)?;
        }
        if self.wants_kept {
            binding.bind_input(KEPT, &Tensor::<i64>::from_array(((), vec![kept as i64]))?)?;
        }
        for ((input, output), value) in self.cache_names.iter().zip(&mut past.values) {
            binding.bind_input(input, value)?;
            binding.bind_output(output, value)?;
        }
        binding.bind_output_to_device("logits", self.session.allocator().memory_info())?;
        let mut outputs = self.session.run_binding(&binding)?;
        let logits = outputs.remove("logits").ok_or(DecoderError::Output("logits"))?;
        Ok(Step { logits, cache: KvCache { length, ..past } })
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
        let scores = self.scores(unread)?;
        let best = argmax(scores, allowed).ok_or(DecoderError::Output("logits"))?;
        let score = |token: u32| scores.get(usize::try_from(token).unwrap_or(usize::MAX)).copied().unwrap_or(f32::NEG_INFINITY);
        let is_allowed = |token: &u32| allowed.get(usize::try_from(*token).unwrap_or(usize::MAX)) == Some(&true);
        let other = other.filter(|(token, share)| is_allowed(token) && score(*token) >= score(best) + share.ln());
        Ok(other.map_or(best, |(token, _)| token))
    }

    /// The probability, 0 to 1, of `token` where [`Self::best`] chooses, among all tokens.
    pub(super) fn probability(&self, unread: usize, token: u32) -> Result<f32, DecoderError> {
        let scores = self.scores(unread)?;
        let score = usize::try_from(token).ok().and_then(|token| scores.get(token)).ok_or(DecoderError::Output("logits"))?;
        let others = scores.iter().map(|other| other - score).filter(|above| *above > NEGLIGIBLE);
        Ok(others.map(f32::exp).sum::<f32>().recip())
    }

    /// The scores of all tokens behind all that was read but the last `unread` tokens.
    fn scores(&self, unread: usize) -> Result<&[f32], DecoderError> {
        let (shape, scores) = self.logits.try_extract_tensor::<f32>()?;
        let vocabulary = shape.last().and_then(|v| usize::try_from(*v).ok()).filter(|v| *v > 0);
        vocabulary.and_then(|v| scores.rchunks_exact(v).nth(unread)).ok_or(DecoderError::Output("logits"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::load_test_runtime;

    #[test]
    fn a_tokens_probability_is_its_share_of_all() {
        load_test_runtime();
        let scores = vec![0.0, 3_f32.ln(), -50.0, 7.0, 7.0, 7.0];
        let logits = Tensor::from_array(([1_usize, 2, 3], scores)).unwrap().into_dyn();
        let step = Step { logits, cache: KvCache { values: Vec::new(), length: 0, room: 0 } };
        for (unread, token, wanted) in [(1, 0, 0.25), (1, 1, 0.75), (1, 2, 0.0), (0, 2, 1.0 / 3.0)] {
            let probability = step.probability(unread, token).unwrap();
            assert!((probability - wanted).abs() < 1e-3, "{unread} {token}: {probability}");
        }
        assert!(step.probability(0, 3).is_err() && step.probability(2, 0).is_err());
    }
}
