//! Operators of our own that ONNX Runtime runs inside a graph, where its own ones are slow on a CPU.
//!
//! [`super::onnx`] gives them to every session. A graph may be anything: what does not fit is an error, never a panic.
//!
//! - [`snake`] and [`windows`]: for Kokoro; the converters of [`crate::models`] put them into its graph by the names here. Both hold
//!   tensors as [1, time, channels], so that the values of one moment lie side by side, as matrix products and vector instructions want
//!   them.
//! - `attention` and `nbits`: for language models; they replace operators of ONNX Runtime when a graph is loaded, on processors that can.

#[cfg(target_arch = "x86_64")]
mod attention;
#[cfg(target_arch = "x86_64")]
mod nbits;
mod snake;
mod windows;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use ort::{
    operator::{ComputeContext, OperatorDomain, ShapeInferenceContext},
    value::{Shape, TensorElementType, ValueRef, ValueType},
};
#[cfg(target_arch = "x86_64")]
use prost::Message;

pub use self::{snake::SNAKE, windows::WINDOWS};
#[cfg(target_arch = "x86_64")]
use super::onnx_proto::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto};

/// The domain of these operators in a graph.
pub const DOMAIN: &str = "tongchuan";

/// What a session must be given before it loads a graph with these operators.
pub(super) fn domain() -> ort::Result<OperatorDomain> {
    let domain = OperatorDomain::new(DOMAIN)?.add(snake::Snake)?.add(windows::Windows::default())?;
    #[cfg(target_arch = "x86_64")]
    let domain = domain.add(attention::Attention)?.add(nbits::MatMul)?;
    Ok(domain)
}

/// The graph (an `.onnx` file's bytes, with its weights in files of `folder`) with operators that this processor has better code for in
/// place of ONNX Runtime's; nothing where there are none.
pub(super) fn adopt(model: &[u8], folder: &std::path::Path) -> Option<Vec<u8>> {
    #[cfg(target_arch = "x86_64")]
    {
        let mut model = ModelProto::decode(model).ok()?;
        let graph = model.graph.as_mut()?;
        let (attention, products) = (attention::adopt(graph), nbits::adopt(graph, folder));
        if !attention && !products {
            return None;
        }
        model.opset_import.push(OperatorSetIdProto { domain: Some(DOMAIN.into()), version: Some(1) });
        Some(model.encode_to_vec())
    }
    #[cfg(not(target_arch = "x86_64"))]
    None
}

/// Puts what `ours` gives for nodes of `graph` in their place: true when it gives any.
#[cfg(target_arch = "x86_64")]
fn replace(graph: &mut GraphProto, ours: impl Fn(&GraphProto, &NodeProto) -> Option<NodeProto>) -> bool {
    let ours: Vec<(usize, NodeProto)> =
        graph.node.iter().enumerate().filter_map(|(n, node)| Some((n, ours(graph, node)?))).collect();
    let any = !ours.is_empty();
    for (n, node) in ours {
        graph.node[n] = node;
    }
    any
}

/// The `n`th input as floats, with its dimensions.
fn floats<'a>(value: &'a Option<ValueRef<'_>>) -> ort::Result<(&'a [i64], &'a [f32])> {
    let value = value.as_ref().ok_or_else(|| ort::Error::new("an input is missing"))?;
    let (shape, values) = value.try_extract_tensor::<f32>()?;
    Ok((shape, values))
}

/// Time and channels of a tensor [1, time, channels]; neither is nothing.
fn time_and_channels(shape: &[i64]) -> ort::Result<(usize, usize)> {
    match *shape {
        [1, time, channels] if time > 0 && channels > 0 => Ok((time as usize, channels as usize)),
        _ => Err(ort::Error::new("the input is not [1, time, channels]")),
    }
}

/// The dimensions of the first input, negative where they are not known.
fn input_dimensions(context: &ShapeInferenceContext) -> Option<Vec<i64>> {
    match context.inputs().first() {
        Some(ValueType::Tensor { shape, .. }) => Some(shape.to_vec()),
        _ => None,
    }
}

/// Says what output `n` will be. A dimension that is not known (negative) gets a name: without one ONNX Runtime takes the number for it.
fn set_output(context: &mut ShapeInferenceContext, n: usize, ty: TensorElementType, dimensions: &[i64]) -> ort::Result<()> {
    static UNKNOWN: AtomicU64 = AtomicU64::new(0);
    let symbol = |d: &i64| if *d < 0 { format!("{DOMAIN}_{}", UNKNOWN.fetch_add(1, Ordering::Relaxed)) } else { String::new() };
    let dimension_symbols = dimensions.iter().map(symbol).collect();
    context.set_output(n, &ValueType::Tensor { ty, shape: Shape::new(dimensions.iter().copied()), dimension_symbols })
}

/// `work(n, block n of output)` for every block, on the threads of the session.
fn in_blocks<T: Send>(
    context: &ComputeContext,
    output: &mut [T],
    block: usize,
    work: impl Fn(usize, &mut [T]) + Send + Sync,
) -> ort::Result<()> {
    let blocks: Vec<Mutex<&mut [T]>> = output.chunks_mut(block.max(1)).map(Mutex::new).collect();
    context.par_for(blocks.len(), 0, |n| {
        if let Some(block) = blocks.get(n) {
            work(n, &mut block.lock().unwrap_or_else(PoisonError::into_inner));
        }
    })
}
