//! Dynamic quantisation of activations, laid out as the windows of a convolution over time.
//!
//! A convolution with k taps is the product of a matrix whose row t holds the k moments around t, and the weights. This makes that
//! matrix, in bytes: as ONNX's `DynamicQuantizeLinear` followed by transposing, padding, k slices and their concatenation, which pass
//! over memory ten times where this passes three.
//!
//! Input: x f32 [1, time, channels]. Attributes `taps`, `stride`, `dilation`, `before`, `after` (moments of padding).
//! Outputs: windows u8 [1, time out, taps * channels], scale f32 [], zero point u8 []: x = (byte - zero point) * scale.

use std::sync::{Arc, Mutex, PoisonError};

use multiversion::multiversion;
use ort::{
    operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext},
    value::TensorElementType,
};

use super::{floats, in_blocks, input_dimensions, set_output, time_and_channels};

/// The operator's name in a graph.
pub const WINDOWS: &str = "QuantizedWindows";

/// Values that are quantised together.
const BLOCK: usize = 1 << 14;

#[derive(Default)]
pub(super) struct Windows {
    /// Quantised moments before they are laid out. Shared by all nodes, which run one after another: fresh memory for each would cost
    /// as much as the work.
    scratch: Arc<Mutex<Vec<u8>>>,
}

impl Operator for Windows {
    type Kernel<'attr> = WindowsKernel;

    fn name(&self) -> &str {
        WINDOWS
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [TensorElementType::Uint8, TensorElementType::Float32, TensorElementType::Uint8].map(OperatorOutput::required)
    }

    fn create_kernel<'attr>(&self, attributes: &KernelContext<'attr>) -> ort::Result<WindowsKernel> {
        let attribute = |name: &str, least: i64| -> ort::Result<usize> {
            let value = attributes.get::<i64>(name).filter(|v| (least..1 << 16).contains(v));
            value.map(|v| v as usize).ok_or_else(|| ort::Error::new(format!("its {name} is missing or out of range")))
        };
        Ok(WindowsKernel {
            taps: attribute("taps", 1)?,
            stride: attribute("stride", 1)?,
            dilation: attribute("dilation", 1)?,
            before: attribute("before", 0)?,
            after: attribute("after", 0)?,
            scratch: Arc::clone(&self.scratch),
        })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let channels = input_dimensions(context).and_then(|d| d.get(2).copied()).filter(|c| *c > 0);
        let taps: i64 = context.attr("taps")?;
        set_output(context, 0, TensorElementType::Uint8, &[1, -1, channels.map_or(-1, |c| c * taps)])?;
        set_output(context, 1, TensorElementType::Float32, &[])?;
        set_output(context, 2, TensorElementType::Uint8, &[])
    }
}

pub(super) struct WindowsKernel {
    taps: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    after: usize,
    scratch: Arc<Mutex<Vec<u8>>>,
}

impl Kernel for WindowsKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let input = context.input(0)?;
        let (shape, x) = floats(&input)?;
        let (time, channels) = time_and_channels(shape)?;
        let time_out = (time + self.before + self.after)
            .checked_sub((self.taps - 1) * self.dilation + 1)
            .ok_or_else(|| ort::Error::new("the input is shorter than a window"))?
            / self.stride
            + 1;
        let unused = || ort::Error::new("an output is not used");

        let mut ranges = vec![(0.0, 0.0); x.len().div_ceil(BLOCK)];
        in_blocks(context, &mut ranges, 1, |n, range| {
            range.fill(extremes(x.chunks(BLOCK).nth(n).unwrap_or_default()));
        })?;
        let (low, high) = ranges.iter().fold((0.0, 0.0), |(low, high): (f32, f32), r| (low.min(r.0), high.max(r.1)));
        let scale = if high > low { (high - low) / 255.0 } else { 1.0 };
        let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0);
        let none = Vec::<i64>::new();
        let mut out = context.output(1, none.clone())?.ok_or_else(unused)?;
        out.try_extract_tensor_mut::<f32>()?.1.fill(scale);
        let mut out = context.output(2, none)?.ok_or_else(unused)?;
        out.try_extract_tensor_mut::<u8>()?.1.fill(zero as u8);

        let mut windows = context.output(0, [1, time_out, self.taps * channels])?.ok_or_else(unused)?;
        let (_, windows) = windows.try_extract_tensor_mut::<u8>()?;
        let quantised = |bytes: &mut [u8]| {
            in_blocks(context, bytes, BLOCK, |n, bytes| quantise(x.chunks(BLOCK).nth(n).unwrap_or_default(), bytes, scale, zero))
        };
        if (self.taps, self.stride, self.before, self.after) == (1, 1, 0, 0) {
            return quantised(windows);
        }
        let mut scratch = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        scratch.resize(x.len(), 0);
        quantised(&mut scratch)?;
        let moments: &[u8] = &scratch;
        let row = self.taps * channels;
        let rows = (BLOCK / row).max(1);
        in_blocks(context, windows, rows * row, |n, windows| {
            for (t, window) in (n * rows..).zip(windows.chunks_exact_mut(row)) {
                for (tap, into) in window.chunks_exact_mut(channels).enumerate() {
                    // A moment in the padding has no start, or one behind the last.
                    let moment = (t * self.stride + tap * self.dilation).checked_sub(self.before);
                    let from = moment.and_then(|m| moments.get(m * channels..(m + 1) * channels));
                    match from {
                        Some(from) => into.copy_from_slice(from),
                        None => into.fill(zero as u8),
                    }
                }
            }
        })
    }
}

/// The smallest and the largest value, and zero.
#[multiversion(targets("x86_64+avx2+fma"))]
fn extremes(x: &[f32]) -> (f32, f32) {
    // Sixteen of each side by side: a single one would be a chain of dependent steps.
    let (mut low, mut high) = ([0.0_f32; 16], [0.0_f32; 16]);
    let (many, rest) = x.as_chunks::<16>();
    for chunk in many {
        for ((low, high), x) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = if *x < *low { *x } else { *low };
            *high = if *x > *high { *x } else { *high };
        }
    }
    let all = low.iter().chain(&high).chain(rest);
    all.fold((0.0, 0.0), |(low, high), x| (low.min(*x), high.max(*x)))
}

/// round(x / scale) + zero, ties to even, held within a byte.
#[multiversion(targets("x86_64+avx2+fma"))]
fn quantise(x: &[f32], bytes: &mut [u8], scale: f32, zero: f32) {
    // Adding 1.5 * 2^23 and taking it away rounds. Adding 2^23 to a number below 256 leaves that in the lowest byte.
    const ROUND: f32 = 12_582_912.0;
    const BYTE: f32 = 8_388_608.0;
    for (x, byte) in x.iter().zip(bytes) {
        let whole = ((x / scale + ROUND) - ROUND) + zero;
        let held = if whole > 0.0 { whole } else { 0.0 };
        let held = if held < 255.0 { held } else { 255.0 };
        *byte = (held + BYTE).to_bits() as u8;
    }
}
