//! Attention behind a KV cache, as ONNX Runtime's `GroupQueryAttention` computes it.
//!
//! For every token that is written it reads all that was read before, twice. ONNX Runtime's code for one token is not made for vector
//! instructions; it was a seventh of a token's time. Here a stretch of keys is read into the first cache once for all queries that
//! share it. [`adopt`] puts this operator into a graph when that is loaded, so that the file stays one that runs everywhere.
//!
//! Inputs: queries, keys and values of the new tokens f32 [1, new, (heads + 2 kv heads) * head]; past keys and values f32 [1, kv heads,
//! room, head], of which the first are tokens; the last token's position i32 [1]; cosines and sines f32 [positions, head / 2].
//! Attributes `num_heads` and `kv_num_heads`. Outputs: f32 [1, new, heads * head]; keys and values as the past, with the new tokens in
//! them and as much more room as they need: in place where the memory is the same, otherwise in a copy.
//!
//! Queries and keys are rotated by their positions (Su et al. 2021, halves as pairs); output = softmax(q k^T / sqrt(head)) v over the
//! tokens up to the query's own.

use std::{
    arch::x86_64::{
        __m256, _mm_add_ps, _mm_storeu_ps, _mm256_add_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
        _mm256_hadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    },
    sync::{Mutex, PoisonError},
};

use ort::{
    operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext},
    value::{TensorElementType, ValueRef, ValueRefMut, ValueType},
};

use super::{DOMAIN, floats, replace, set_output};
use crate::inference::{
    onnx_attributes::MICROSOFT,
    onnx_proto::{GraphProto, NodeProto, tensor_shape_proto::dimension::Value as Dimension, type_proto},
};

/// The operator's name here, and that of ONNX Runtime's in its own domain.
const ATTENTION: &str = "Attention";
const THEIRS: &str = "GroupQueryAttention";
/// Heads are whole numbers of these values: a sum of so many stays in registers.
const PART: usize = 64;
/// Heads have at most this many values.
const MAX_HEAD: usize = 1 << 12;
/// Tokens whose queries are computed together.
const ROWS: usize = 4;
/// Keys, or values, that stay in the first cache for all queries: 16 kB with 128 values each.
const STRETCH: usize = 32;
/// Keys that a query is multiplied with at the same time.
const KEYS: usize = 4;
/// Values in a vector.
const LANES: usize = 8;

/// True when this processor is faster at it than ONNX Runtime.
fn available() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

/// Puts the operator into `graph` in place of those of ONNX Runtime that it can compute: true when there are any.
pub(super) fn adopt(graph: &mut GraphProto) -> bool {
    available() && replace(graph, ours)
}

/// This operator for one that it computes as ONNX Runtime would.
fn ours(graph: &GraphProto, node: &NodeProto) -> Option<NodeProto> {
    if node.op_type() != THEIRS || node.domain() != MICROSOFT {
        return None;
    }
    let plain = [("do_rotary", 1), ("rotary_interleaved", 0)];
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name() == name).map(|a| a.i());
    if !plain.iter().all(|(name, value)| attribute(name) == Some(*value)) {
        return None;
    }
    // Windows, caps, other scales and whatever else there may be are ONNX Runtime's business.
    let (heads, others): (Vec<_>, Vec<_>) =
        node.attribute.iter().cloned().partition(|a| ["num_heads", "kv_num_heads"].contains(&a.name()));
    if heads.len() != 2 || others.len() != plain.len() {
        return None;
    }
    let [qkv, "", "", key, value, last, _, cosines, sines] = *node.input.iter().map(String::as_str).collect::<Vec<_>>() else {
        return None;
    };
    if node.output.len() != 3 || [qkv, key, value, last, cosines, sines].contains(&"") || !fits(head(graph, key)?) {
        return None;
    }
    let input = [qkv, key, value, last, cosines, sines].map(str::to_owned).into();
    Some(NodeProto { op_type: Some(ATTENTION.into()), domain: Some(DOMAIN.into()), input, attribute: heads, ..node.clone() })
}

/// Values of a head, from the shape of the past keys, when that is an input of the graph.
fn head(graph: &GraphProto, key: &str) -> Option<usize> {
    let input = graph.input.iter().find(|input| input.name() == key)?;
    let type_proto::Value::TensorType(tensor) = input.r#type.as_ref()?.value.as_ref()? else { return None };
    match tensor.shape.as_ref()?.dim.last()?.value.as_ref()? {
        Dimension::DimValue(head) => usize::try_from(*head).ok(),
        Dimension::DimParam(_) => None,
    }
}

/// True for heads that the code can take.
fn fits(head: usize) -> bool {
    (1..=MAX_HEAD).contains(&head) && head.is_multiple_of(PART)
}

pub(super) struct Attention;

impl Operator for Attention {
    type Kernel<'attr> = AttentionKernel;

    fn name(&self) -> &str {
        ATTENTION
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        use TensorElementType::{Float32, Int32};
        [Float32, Float32, Float32, Int32, Float32, Float32].map(OperatorInput::required)
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [const { OperatorOutput::required(TensorElementType::Float32) }; 3]
    }

    fn create_kernel<'attr>(&self, attributes: &KernelContext<'attr>) -> ort::Result<AttentionKernel> {
        if !available() {
            return Err(ort::Error::new("this processor has no AVX2 and FMA"));
        }
        let size = |name: &str| attributes.get::<i64>(name).and_then(|v| usize::try_from(v).ok()).unwrap_or(0);
        let (heads, kv_heads) = (size("num_heads"), size("kv_num_heads"));
        if !(1..1 << 16).contains(&heads) || kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(ort::Error::new("its numbers of heads are missing or do not fit"));
        }
        Ok(AttentionKernel { heads, kv_heads })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let dimensions = |n: usize| match context.inputs().get(n) {
            Some(ValueType::Tensor { shape, .. }) => Some(shape.to_vec()),
            _ => None,
        };
        let (Some(mut output), Some(key), Some(value)) = (dimensions(0), dimensions(1), dimensions(2)) else { return Ok(()) };
        if let (Some(last), Some(head)) = (output.last_mut(), key.last()) {
            *last = if *head > 0 { context.attr::<i64>("num_heads")?.saturating_mul(*head) } else { -1 };
        }
        for (n, mut dimensions) in [output, key, value].into_iter().enumerate() {
            if let (1.., Some(room)) = (n, dimensions.get_mut(2)) {
                *room = -1;
            }
            set_output(context, n, TensorElementType::Float32, &dimensions)?;
        }
        Ok(())
    }
}

pub(super) struct AttentionKernel {
    heads: usize,
    kv_heads: usize,
}

impl Kernel for AttentionKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let wrong = || ort::Error::new("an input is not as large as the others and the attributes say");
        let inputs = [0, 1, 2, 3, 4, 5].map(|n| context.input(n));
        let [qkv, past_key, past_value, last, cosines, sines] = inputs;
        let (qkv, past_key, past_value, last, cosines, sines) = (qkv?, past_key?, past_value?, last?, cosines?, sines?);
        let Self { heads, kv_heads } = *self;
        let (shape, qkv) = floats(&qkv)?;
        let past_shape = floats(&past_key)?.0.to_vec();
        let [1, new, width] = *shape else { return Err(wrong()) };
        let [1, kv, past_room, head] = *past_shape else { return Err(wrong()) };
        let [new, width, kv, past_room, head] = [new, width, kv, past_room, head].map(|d| usize::try_from(d).unwrap_or(0));
        let last = last.as_ref().map(|last| last.try_extract_tensor::<i32>()).transpose()?.map_or(&[][..], |(_, last)| last);
        let [last] = *last else { return Err(wrong()) };
        let total = usize::try_from(last).unwrap_or(0) + 1;
        let (cosines, sines) = (floats(&cosines)?.1, floats(&sines)?.1);
        let fits = fits(head)
            && kv == kv_heads
            && width == (heads + 2 * kv_heads) * head
            && floats(&past_value)?.0 == past_shape
            && (new..=new + past_room).contains(&total)
            && cosines.len().min(sines.len()) >= total * head / 2;
        if !fits {
            return Err(wrong());
        }
        let room = past_room.max(total);
        let missing = || ort::Error::new("an output is not used");
        let (mut keys, mut values) = (
            context.output(1, [1, kv, room, head])?.ok_or_else(missing)?,
            context.output(2, [1, kv, room, head])?.ok_or_else(missing)?,
        );
        let mut output = context.output(0, [1, new, heads * head])?.ok_or_else(missing)?;
        let size = [past_room, room].map(|room| room * head);
        let (keys, values) = (present(&past_key, &mut keys, size)?, present(&past_value, &mut values, size)?);
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;

        // Queries by the head of keys that they share, then by token.
        let shared = heads / kv_heads;
        let mut queries = vec![0.0; new * heads * head];
        let scale = 1.0 / (head as f32).sqrt();
        for (n, row) in qkv.chunks_exact(width).enumerate() {
            let at = total - new + n;
            let angles = [cosines, sines].map(|table| &table[at * head / 2..][..head / 2]);
            let (of_queries, others) = row.split_at(heads * head);
            let (of_keys, of_values) = others.split_at(kv_heads * head);
            for (h, query) in of_queries.chunks_exact(head).enumerate() {
                let place = (h / shared * new + n) * shared + h % shared;
                rotate(query, angles, scale, &mut queries[place * head..][..head]);
            }
            for (h, (key, value)) in of_keys.chunks_exact(head).zip(of_values.chunks_exact(head)).enumerate() {
                let place = (h * room + at) * head;
                rotate(key, angles, 1.0, &mut keys[place..][..head]);
                values[place..][..head].copy_from_slice(value);
            }
        }

        let (keys, values) = (&*keys, &*values);
        let blocks = new.div_ceil(ROWS);
        let mut tasks: Vec<Vec<&mut [f32]>> = (0..kv_heads * blocks).map(|_| Vec::with_capacity(ROWS)).collect();
        for (n, row) in output.chunks_exact_mut(heads * head).enumerate() {
            for (h, part) in row.chunks_exact_mut(shared * head).enumerate() {
                tasks[h * blocks + n / ROWS].push(part);
            }
        }
        let tasks: Vec<Mutex<Vec<&mut [f32]>>> = tasks.into_iter().map(Mutex::new).collect();
        context.par_for(tasks.len(), 0, |task| {
            let mut output = tasks[task].lock().unwrap_or_else(PoisonError::into_inner);
            let (h, first) = (task / blocks, task % blocks * ROWS);
            let seen = total - new + first + 1;
            let of_head = h * room * head..(h * room + seen + output.len() - 1) * head;
            let (keys, values) = (&keys[of_head.clone()], &values[of_head]);
            let queries = &queries[(h * new + first) * shared * head..][..output.len() * shared * head];
            // SAFETY: there is no kernel of this operator on a processor without the instructions.
            unsafe { attend(queries, keys, values, head, seen, &mut output) };
        })
    }
}

/// The cache with room for the new tokens: the past's own memory, or a copy of it. `size`: how much they have of a head.
fn present<'a>(past: &Option<ValueRef<'_>>, present: &'a mut ValueRefMut<'_>, size: [usize; 2]) -> ort::Result<&'a mut [f32]> {
    // The two may be the same memory: while one is borrowed the other is not.
    let place = floats(past)?.1.as_ptr();
    let (_, present) = present.try_extract_tensor_mut::<f32>()?;
    if place != present.as_ptr() && size[0] > 0 {
        for (past, present) in floats(past)?.1.chunks_exact(size[0]).zip(present.chunks_exact_mut(size[1])) {
            present[..size[0]].copy_from_slice(past);
        }
    }
    Ok(present)
}

/// `scale` times `x` rotated: its first half are the pairs' first values.
fn rotate(x: &[f32], [cosines, sines]: [&[f32]; 2], scale: f32, into: &mut [f32]) {
    let (first, second) = x.split_at(x.len() / 2);
    let (into_first, into_second) = into.split_at_mut(x.len() / 2);
    for n in 0..first.len() {
        into_first[n] = scale * (first[n] * cosines[n] - second[n] * sines[n]);
        into_second[n] = scale * (second[n] * cosines[n] + first[n] * sines[n]);
    }
}

/// Attention of the queries of some tokens, as many of each, over `keys` and `values` [tokens, head]. The first token sees `seen` of them,
/// each further one another. Output: per token [its queries, head].
#[target_feature(enable = "avx2,fma")]
fn attend(queries: &[f32], keys: &[f32], values: &[f32], head: usize, seen: usize, output: &mut [&mut [f32]]) {
    let (count, tokens) = (queries.len() / head, keys.len() / head);
    let mut scores = vec![0.0; count * tokens];
    for (n, keys) in keys.chunks(STRETCH * head).enumerate() {
        for (query, scores) in queries.chunks_exact(head).zip(scores.chunks_exact_mut(tokens)) {
            let scores = &mut scores[n * STRETCH..][..keys.len() / head];
            let (fours, rest) = scores.as_chunks_mut();
            let (keys, last) = keys.split_at(fours.len() * KEYS * head);
            for (keys, scores) in keys.chunks_exact(KEYS * head).zip(fours) {
                *scores = multiply(query, keys, head);
            }
            for (key, score) in last.chunks_exact(head).zip(rest) {
                [*score, ..] = multiply(query, key, 0);
            }
        }
    }
    let each = count / output.len();
    for (n, scores) in scores.chunks_exact_mut(tokens).enumerate() {
        let (seen, unseen) = scores.split_at_mut(seen + n / each);
        softmax(seen);
        unseen.fill(0.0);
    }
    output.iter_mut().for_each(|output| output.fill(0.0));
    for (n, values) in values.chunks(STRETCH * head).enumerate() {
        let outputs = output.iter_mut().flat_map(|output| output.chunks_exact_mut(head));
        for (output, weights) in outputs.zip(scores.chunks_exact(tokens)) {
            add(&weights[n * STRETCH..][..values.len() / head], values, output);
        }
    }
}

/// The products of a query with some keys, each of which begins so many values behind the one before.
#[target_feature(enable = "avx2,fma")]
#[inline]
fn multiply(query: &[f32], keys: &[f32], stride: usize) -> [f32; KEYS] {
    let key = |n: usize| &keys[n * stride..][..query.len()].as_chunks::<LANES>().0[..query.len() / LANES];
    // `array::from_fn` is compiled for any processor: what it is given would be called instead of becoming part of the loop.
    let keys = [key(0), key(1), key(2), key(3)];
    let mut sums = [_mm256_setzero_ps(); KEYS];
    for (n, part) in query.as_chunks::<LANES>().0.iter().enumerate() {
        let part = load(part);
        for (sum, key) in sums.iter_mut().zip(&keys) {
            *sum = _mm256_fmadd_ps(part, load(&key[n]), *sum);
        }
    }
    let pairs = [_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3])];
    let halves = _mm256_hadd_ps(pairs[0], pairs[1]);
    let sums = _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps::<1>(halves));
    let mut products = [0.0; KEYS];
    // SAFETY: there is room for four floats, no alignment is asked.
    unsafe { _mm_storeu_ps(products.as_mut_ptr(), sums) };
    products
}

/// Adds `weights` times `values` [weights, head] to `sum` [head].
#[target_feature(enable = "avx2,fma")]
#[inline]
fn add(weights: &[f32], values: &[f32], sum: &mut [f32]) {
    let head = sum.len();
    for (n, sum) in sum.as_chunks_mut::<PART>().0.iter_mut().enumerate() {
        let sum = sum.as_chunks_mut::<LANES>().0;
        let mut registers = [_mm256_setzero_ps(); PART / LANES];
        for (weight, value) in weights.iter().zip(values.chunks_exact(head)) {
            let (weight, value) = (_mm256_set1_ps(*weight), value[n * PART..][..PART].as_chunks::<LANES>().0);
            for (register, value) in registers.iter_mut().zip(value) {
                *register = _mm256_fmadd_ps(weight, load(value), *register);
            }
        }
        for (sum, register) in sum.iter_mut().zip(registers) {
            let total = _mm256_add_ps(load(sum), register);
            // SAFETY: there is room for eight floats, no alignment is asked.
            unsafe { _mm256_storeu_ps(sum.as_mut_ptr(), total) };
        }
    }
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn load(values: &[f32; LANES]) -> __m256 {
    // SAFETY: eight floats are there, no alignment is asked.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

/// Scores to weights that sum up to one.
#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = exponential(*score - top));
    let mut sums = [0.0; LANES];
    let (whole, rest) = scores.as_chunks::<LANES>();
    whole.iter().for_each(|scores| sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score));
    let inverse = 1.0 / (sums.iter().sum::<f32>() + rest.iter().sum::<f32>());
    scores.iter_mut().for_each(|score| *score *= inverse);
}

/// e^x for x up to 0, to 2e-7 of it, without a branch, so that it is computed for many values at once; 0 below -87.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // 2^n times e^r with r up to half of ln 2. Adding and taking away 1.5 * 2^23 rounds to a whole number; ln 2 is subtracted in two parts,
    // the first of which has so few digits that its product with that number is exact (Cody and Waite).
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let n = x.max(-87.0).mul_add(std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, x.max(-87.0)));
    // Taylor's series.
    let series = r.mul_add(1.0 / 5_040.0, 1.0 / 720.0);
    let series = r.mul_add(series, 1.0 / 120.0);
    let series = r.mul_add(series, 1.0 / 24.0);
    let series = r.mul_add(series, 1.0 / 6.0);
    let series = r.mul_add(series, 0.5);
    let series = (r * r).mul_add(series, r) + 1.0;
    let power = f32::from_bits(((n as i32 + 127) as u32) << 23);
    if x < -87.0 { 0.0 } else { series * power }
}

#[cfg(test)]
mod tests;
