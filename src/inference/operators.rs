//! Operators of our own that ONNX Runtime runs inside a graph, where its own ones are slow on a CPU.
//!
//! The converters of [`crate::models`] put them into graphs by the names here; [`super::onnx`] gives them to every session. Both hold
//! tensors as [1, time, channels], so that the values of one moment lie side by side, as matrix products and vector instructions want
//! them. A graph may be anything: what does not fit is an error, never a panic.

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

pub use self::{snake::SNAKE, windows::WINDOWS};

/// The domain of these operators in a graph.
pub const DOMAIN: &str = "tongchuan";

/// What a session must be given before it loads a graph with these operators.
pub(super) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(DOMAIN)?.add(snake::Snake)?.add(windows::Windows::default())
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
