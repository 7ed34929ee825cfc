//! The graph of a Qwen2 decoder over ONNX Runtime's fused operators, with the inputs and outputs of Hugging Face's exports.
//!
//! Owns which tensors go where and in how many bits; [`super::graph`] writes them. Called by `convert`.
//! Model: <https://arxiv.org/abs/2407.10671>; operators: ONNX Runtime's `docs/ContribOperators.md`.
//!
//! Per layer: norm, one fused q/k/v product with bias, GroupQueryAttention (rotary embedding inside), output product, norm,
//! SwiGLU feed-forward. The residual sums are inside SkipSimplifiedLayerNormalization. Logits are computed of as
//! many last positions as `num_logits_to_keep` says (0: all): over a whole prompt the output layer would cost as much as several layers.

use super::{
    super::gguf::{Gguf, Tensor},
    Failure,
    graph::{
        Dim::{Fixed, Named},
        GraphWriter, ONNX, int,
    },
    quantize::{self, BLOCK, Bits},
};
use crate::inference::{
    onnx_attributes::{MICROSOFT, float, integer},
    onnx_proto::tensor_proto::DataType,
};

/// Longest prompt and answer together, in tokens. The rotary tables are stored up to here; an interpreter's prompts are a few
/// hundred tokens, and the model's own 32,768 would cost 16 MB for nothing.
const MAX_POSITIONS: usize = 4096;

/// The numbers that define the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) feed_forward: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head: usize,
    pub(super) vocabulary: usize,
    pub(super) positions: usize,
    pub(super) rope_base: f64,
    pub(super) epsilon: f32,
}

impl Shape {
    /// Reads and checks the metadata.
    pub(super) fn from_gguf(model: &Gguf<'_>) -> Result<Self, Failure> {
        let architecture = model.text("general.architecture")?;
        if architecture != "qwen2" {
            return Err(Failure::Unsupported("its architecture is not qwen2".into()));
        }
        let heads = model.size("qwen2.attention.head_count")?;
        let hidden = model.size("qwen2.embedding_length")?;
        let embedding =
            model.find("token_embd.weight").ok_or_else(|| Failure::Unsupported("it has no token_embd.weight".into()))?;
        let shape = Self {
            layers: model.size("qwen2.block_count")?,
            hidden,
            feed_forward: model.size("qwen2.feed_forward_length")?,
            heads,
            kv_heads: model.size("qwen2.attention.head_count_kv")?,
            head: hidden.checked_div(heads).unwrap_or(0),
            vocabulary: embedding.rows,
            positions: model.size("qwen2.context_length")?.min(MAX_POSITIONS),
            rope_base: model.float("qwen2.rope.freq_base")?,
            epsilon: model.float("qwen2.attention.layer_norm_rms_epsilon")? as f32,
        };
        // The limits are far above any real model, and keep every product of two sizes from overflowing.
        let sizes = [shape.hidden, shape.feed_forward, shape.heads, shape.kv_heads, shape.head, shape.positions];
        let plausible = sizes.iter().all(|n| (1..=1 << 20).contains(n))
            && (1..=1024).contains(&shape.layers)
            && shape.heads * shape.head == shape.hidden
            && shape.heads.is_multiple_of(shape.kv_heads)
            && shape.head.is_multiple_of(2)
            && shape.hidden.is_multiple_of(BLOCK)
            && shape.feed_forward.is_multiple_of(BLOCK)
            && shape.rope_base > 1.0;
        if plausible { Ok(shape) } else { Err(Failure::Unsupported("its sizes do not fit together".into())) }
    }
}

/// Writes the whole graph.
pub(super) fn write(model: &Gguf<'_>, graph: &mut GraphWriter) -> Result<(), Failure> {
    let shape = Shape::from_gguf(model)?;
    let cache = |length| [Named("batch_size"), Fixed(shape.kv_heads), Named(length), Fixed(shape.head)];
    graph.input("input_ids", DataType::Int64, &[Named("batch_size"), Named("sequence_length")]);
    graph.input("attention_mask", DataType::Int64, &[Named("batch_size"), Named("total_sequence_length")]);
    graph.input("num_logits_to_keep", DataType::Int64, &[]);
    graph.output("logits", DataType::Float, &[Named("batch_size"), Named("num_logits"), Fixed(shape.vocabulary)]);
    for layer in 0..shape.layers {
        for part in ["key", "value"] {
            graph.input(&format!("past_key_values.{layer}.{part}"), DataType::Float, &cache("past_sequence_length"));
            graph.output(&format!("present.{layer}.{part}"), DataType::Float, &cache("total_sequence_length"));
        }
    }
    lengths(graph);
    rotary_tables(graph, &shape)?;
    let layers = Layers { model, shape };
    let (mut stream, output_weights) = layers.embed(graph)?;
    let mut branch: Option<String> = None;
    for layer in 0..shape.layers {
        (stream, branch) = layers.layer(graph, layer, &stream, branch.as_deref())?;
    }
    let (normed, _) = layers.norm(graph, "output_norm", &stream, branch.as_deref())?;
    let [first, end, axis] =
        [("last.first", 0), ("last.end", i64::MAX), ("last.axis", 1)].map(|(name, v)| graph.int_constant(name, &[1], &[v]));
    let back = graph.node(ONNX, "Neg", &["num_logits_to_keep"], "last.back", vec![]);
    let start = graph.node(ONNX, "Unsqueeze", &[&back, &first], "last.start", vec![]);
    let last = graph.node(ONNX, "Slice", &[&normed, &start, &end, &axis], "last", vec![]);
    output_weights.logits(graph, &last)
}

/// What GroupQueryAttention wants to know about lengths, from the attention mask: the last position per sequence, and the longest.
fn lengths(graph: &mut GraphWriter) {
    let one = graph.int_constant("one", &[1], &[1]);
    let to_i32 = || vec![int("to", DataType::Int32 as usize)];
    let sum = graph.node(ONNX, "ReduceSum", &["attention_mask", &one], "mask.sum", vec![int("keepdims", 0)]);
    let last = graph.node(ONNX, "Sub", &[&sum, &one], "mask.last", vec![]);
    graph.node(ONNX, "Cast", &[&last], "seqlens_k", to_i32());
    let index = graph.int_constant("mask.axis", &[], &[1]);
    let dims = graph.node(ONNX, "Shape", &["attention_mask"], "mask.shape", vec![]);
    let total = graph.node(ONNX, "Gather", &[&dims, &index], "mask.length", vec![int("axis", 0)]);
    graph.node(ONNX, "Cast", &[&total], "total_sequence_length", to_i32());
}

/// Cosines and sines of `position * base^(-2i / head)`, `[positions, head / 2]`.
fn rotary_tables(graph: &mut GraphWriter, shape: &Shape) -> Result<(), Failure> {
    let half = shape.head / 2;
    let angles: Vec<f64> = (0..shape.positions)
        .flat_map(|position| (0..half).map(move |i| (position, i)))
        .map(|(position, i)| position as f64 * shape.rope_base.powf(-2.0 * i as f64 / shape.head as f64))
        .collect();
    let table = |f: fn(f64) -> f64| angles.iter().map(|a| f(*a) as f32).collect::<Vec<f32>>();
    graph.floats("cos_cache", &[shape.positions, half], &table(f64::cos))?;
    graph.floats("sin_cache", &[shape.positions, half], &table(f64::sin))?;
    Ok(())
}

struct Layers<'m, 'f> {
    model: &'m Gguf<'f>,
    shape: Shape,
}

/// The output layer, ready to be put after the last norm.
struct OutputWeights {
    matrix: quantize::Quantized,
    stored: (super::graph::Stored, super::graph::Stored, Option<super::graph::Stored>),
}

impl OutputWeights {
    fn logits(self, graph: &mut GraphWriter, last: &str) -> Result<(), Failure> {
        graph.matmul_stored(last, &self.matrix, self.stored, None, "logits");
        Ok(())
    }
}

impl<'f> Layers<'_, 'f> {
    fn tensor(&self, name: &str, rows: usize, columns: usize) -> Result<&Tensor<'f>, Failure> {
        Ok(self.model.tensor(name, rows, columns)?)
    }

    /// Token embeddings, and the output layer. Where they are the same matrix there is one copy of the bytes: two initializers
    /// name the same place in the data file, because the two operators want it in different shapes.
    fn embed(&self, graph: &mut GraphWriter) -> Result<(String, OutputWeights), Failure> {
        let (vocabulary, hidden) = (self.shape.vocabulary, self.shape.hidden);
        let embedding = self.tensor("token_embd.weight", vocabulary, hidden)?;
        let output = match self.model.find("output.weight") {
            None => embedding,
            Some(_) => self.tensor("output.weight", vocabulary, hidden)?,
        };
        let matrix = quantize::rows(&[output], Bits::Eight)?;
        let (codes, scales) = (graph.store(&matrix.codes)?, graph.store_floats(&matrix.scales)?);
        let stream = if same_matrix(embedding, output)? {
            graph.gather(&matrix, (codes, scales), "input_ids", "embedding")
        } else {
            let own = quantize::rows(&[embedding], Bits::Eight)?;
            let stored = (graph.store(&own.codes)?, graph.store_floats(&own.scales)?);
            graph.gather(&own, stored, "input_ids", "embedding")
        };
        Ok((stream, OutputWeights { matrix, stored: (codes, scales, None) }))
    }

    /// RMS norm of `stream` plus `branch`; gives the normed values and the sum.
    fn norm(&self, graph: &mut GraphWriter, name: &str, stream: &str, branch: Option<&str>) -> Result<(String, String), Failure> {
        let values = self.tensor(&format!("{name}.weight"), 1, self.shape.hidden)?.read_all()?;
        let weight = graph.floats(&format!("{name}.weight"), &[self.shape.hidden], &values)?;
        let epsilon = float("epsilon", self.shape.epsilon);
        Ok(match branch {
            None => {
                let attributes = vec![epsilon, integer("axis", -1), int("stash_type", 1)];
                (graph.node(ONNX, "SimplifiedLayerNormalization", &[stream, &weight], name, attributes), stream.to_owned())
            }
            Some(branch) => {
                let sum = format!("{name}.sum");
                let outputs = [name, "", "", &sum];
                graph.node_with_outputs(
                    MICROSOFT,
                    "SkipSimplifiedLayerNormalization",
                    &[stream, branch, &weight],
                    &outputs,
                    vec![epsilon],
                );
                (name.to_owned(), sum)
            }
        })
    }

    /// One layer; gives the residual stream, and the feed-forward's output that the next norm adds to it.
    fn layer(
        &self,
        graph: &mut GraphWriter,
        layer: usize,
        stream: &str,
        branch: Option<&str>,
    ) -> Result<(String, Option<String>), Failure> {
        let Shape { hidden, feed_forward, heads, kv_heads, head, .. } = self.shape;
        let name = |part: &str| format!("blk.{layer}.{part}");
        let (normed, stream) = self.norm(graph, &name("attn_norm"), stream, branch)?;

        let (mut weights, mut bias) = (Vec::new(), Vec::new());
        for (part, rows) in [("attn_q", hidden), ("attn_k", kv_heads * head), ("attn_v", kv_heads * head)] {
            weights.push(self.tensor(&name(&format!("{part}.weight")), rows, hidden)?);
            bias.extend(self.tensor(&name(&format!("{part}.bias")), 1, rows)?.read_all()?);
        }
        let bias = graph.floats(&name("attn_qkv.bias"), &[bias.len()], &bias)?;
        let qkv = graph.matmul(&normed, &quantize::rows(&weights, Bits::Four)?, Some(&bias), &name("attn_qkv"))?;
        let (past_key, past_value) = (format!("past_key_values.{layer}.key"), format!("past_key_values.{layer}.value"));
        let (key, value) = (format!("present.{layer}.key"), format!("present.{layer}.value"));
        let attention = name("attn");
        graph.node_with_outputs(
            MICROSOFT,
            "GroupQueryAttention",
            &[&qkv, "", "", &past_key, &past_value, "seqlens_k", "total_sequence_length", "cos_cache", "sin_cache"],
            &[&attention, &key, &value],
            vec![int("num_heads", heads), int("kv_num_heads", kv_heads), int("do_rotary", 1), int("rotary_interleaved", 0)],
        );
        let projected = self.product(graph, &attention, &name("attn_output"), hidden, hidden)?;

        let (normed, stream) = self.norm(graph, &name("ffn_norm"), &stream, Some(&projected))?;
        let gate = self.product(graph, &normed, &name("ffn_gate"), feed_forward, hidden)?;
        let up = self.product(graph, &normed, &name("ffn_up"), feed_forward, hidden)?;
        // SiLU(gate) * up; ONNX Runtime fuses the first two.
        let sigmoid = graph.node(ONNX, "Sigmoid", &[&gate], &name("ffn_sigmoid"), vec![]);
        let silu = graph.node(ONNX, "Mul", &[&gate, &sigmoid], &name("ffn_silu"), vec![]);
        let gated = graph.node(ONNX, "Mul", &[&silu, &up], &name("ffn_gated"), vec![]);
        let down = self.product(graph, &gated, &name("ffn_down"), hidden, feed_forward)?;
        Ok((stream, Some(down)))
    }

    fn product(&self, graph: &mut GraphWriter, input: &str, name: &str, rows: usize, columns: usize) -> Result<String, Failure> {
        let weight = self.tensor(&format!("{name}.weight"), rows, columns)?;
        Ok(graph.matmul(input, &quantize::rows(&[weight], Bits::Four)?, None, name)?)
    }
}

/// True when two matrices of one shape differ only by how they were quantised (a tied model whose file holds both).
///
/// A sample of the rows decides: 4- and 6-bit versions of one matrix differ by less than 0.1 of its norm, different ones by more
/// than 1.
fn same_matrix(a: &Tensor<'_>, b: &Tensor<'_>) -> Result<bool, Failure> {
    const SAMPLE: usize = 64;
    let (mut x, mut y) = (vec![0.0; a.columns], vec![0.0; a.columns]);
    let (mut difference, mut norm) = (0.0f64, 0.0f64);
    for row in (0..a.rows).step_by(a.rows.div_ceil(SAMPLE).max(1)) {
        a.read_row(row, &mut x)?;
        b.read_row(row, &mut y)?;
        for (x, y) in x.iter().zip(&y) {
            difference += f64::from(x - y).powi(2);
            norm += f64::from(*y).powi(2);
        }
    }
    Ok(difference <= 0.04 * norm)
}
