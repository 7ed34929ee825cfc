//! Products with weights of 4 or 8 bits, as ONNX Runtime's `MatMulNBits` computes them, for processors with AVX-512 VNNI.
//!
//! A translation is little else than these products: with one row of activations for every token that is written, where only the speed
//! counts with which weights come from memory, and with tens of rows while a prompt is read. ONNX Runtime's kernels unpack the weights
//! again for every two rows; these do it once for all rows. [`packed`] lays the weights out for that when the model is loaded. [`adopt`]
//! puts this operator into a graph at the same time, so that the file stays one that runs everywhere.
//!
//! Inputs: a f32 [..., K], bias f32 [N] (absent: zero). Attributes `K`, `N`, `bits`, and where the weights lie: `file`, and the places in it
//! of `codes` u8 [N, K / 32, 32 * bits / 8], `scales` f32 [N, K / 32] and `zeros` of 4 bits [N, K / 32] (absent: the middle), which ONNX
//! Runtime would keep in memory a second time. Output: f32 [..., N] = a * w^T + bias with w = (code - zero) * scale, where a is quantised to
//! 8 bits per 32 values, as `MatMulNBits` does with `accuracy_level` 4.

mod adopt;
mod avx512;
mod packed;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    sync::{Mutex, PoisonError},
};

use ort::{
    operator::{ComputeContext, Kernel, KernelContext, Operator, OperatorInput, OperatorOutput, ShapeInferenceContext},
    value::TensorElementType,
};

pub(super) use self::adopt::adopt;
use self::packed::{Packed, Source};
use super::{floats, input_dimensions, set_output};

/// The operator's name in a graph, here and in ONNX Runtime's domain.
const MATMUL: &str = "MatMulNBits";
/// Values that share a scale.
const BLOCK: usize = 32;
/// Rows of weights are whole numbers of these values.
const GROUP: usize = 4 * BLOCK;
/// Rows of weights that are multiplied together: matrices have whole numbers of these.
const TILE: usize = 16;
/// Parts that a product is cut into for the threads: enough that none waits long for another.
const TASKS: usize = 16;
/// Rows have at most this many values.
const MAX_COLUMNS: usize = 1 << 18;

/// True when this processor can.
fn available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vnni")
}

/// Rows of activations in 8 bits, quantised per [`BLOCK`].
struct Activations {
    rows: usize,
    columns: usize,
    /// Four in a word, the first in its lowest byte.
    codes: Vec<i32>,
    /// Per block.
    scales: Vec<f32>,
    /// Per block: its values' sum as quantised, which times a zero point is what that adds.
    sums: Vec<f32>,
}

impl Activations {
    /// Quantises `x` [rows, columns] with `each(count, job)` running jobs by number.
    fn new(
        x: &[f32],
        columns: usize,
        each: impl FnOnce(usize, &(dyn Fn(usize) + Send + Sync)) -> ort::Result<()>,
    ) -> ort::Result<Self> {
        let (rows, blocks) = (x.len() / columns, columns / BLOCK);
        let (mut codes, mut scales, mut sums) = (vec![0; x.len() / 4], vec![0.0; rows * blocks], vec![0.0; rows * blocks]);
        let outputs = codes.chunks_mut(columns / 4).zip(scales.chunks_mut(blocks).zip(sums.chunks_mut(blocks)));
        let jobs: Vec<_> = x.chunks(columns).zip(outputs).map(Mutex::new).collect();
        each(rows, &|m| {
            let mut job = jobs[m].lock().unwrap_or_else(PoisonError::into_inner);
            let (x, (codes, (scales, sums))) = &mut *job;
            // SAFETY: there is no kernel of this operator on a processor without the instructions.
            unsafe { avx512::quantise(x, codes, scales, sums) };
        })?;
        drop(jobs);
        Ok(Self { rows, columns, codes, scales, sums })
    }

    /// `block` of row `m`: its codes, its scale, its sum.
    #[inline(always)]
    fn block(&self, m: usize, block: usize) -> (&[i32; BLOCK / 4], f32, f32) {
        let at = m * (self.columns / BLOCK) + block;
        let codes = &self.codes.as_chunks::<{ BLOCK / 4 }>().0[at];
        (codes, self.scales[at], self.sums[at])
    }
}

pub(super) struct MatMul;

impl Operator for MatMul {
    type Kernel<'attr> = MatMulKernel;

    fn name(&self) -> &str {
        MATMUL
    }

    fn inputs(&self) -> impl IntoIterator<Item = OperatorInput> {
        [OperatorInput::required(TensorElementType::Float32), OperatorInput::optional(TensorElementType::Float32)]
    }

    fn outputs(&self) -> impl IntoIterator<Item = OperatorOutput> {
        [OperatorOutput::required(TensorElementType::Float32)]
    }

    fn create_kernel<'attr>(&self, attributes: &KernelContext<'attr>) -> ort::Result<MatMulKernel> {
        if !available() {
            return Err(ort::Error::new("this processor has no AVX-512 VNNI"));
        }
        let place = |name: &str| attributes.get::<i64>(name).and_then(|v| usize::try_from(v).ok());
        let size = |name: &str| place(name).unwrap_or(0);
        let (columns, rows, bits) = (size("K"), size("N"), size("bits"));
        if !fits(rows, columns, bits, BLOCK) {
            return Err(ort::Error::new("its attributes are missing or out of range"));
        }
        let file = attributes.get::<String>("file").ok_or_else(|| ort::Error::new("the file with its weights is not named"))?;
        let failed = |e: std::io::Error| ort::Error::new(format!("cannot read {file}: {e}"));
        let file = File::open(&file).map_err(failed)?;
        // SAFETY: models are written once, under another name, and never changed (`models::store`).
        let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
        let blocks = rows * columns / BLOCK;
        let part = |name: &str, length: usize| {
            let from = place(name).and_then(|at| bytes.get(at..at.checked_add(length)?));
            from.ok_or_else(|| ort::Error::new(format!("its {name} are not in the file")))
        };
        let source = Source {
            bits,
            columns,
            rows,
            codes: part("codes", rows * columns * bits / 8)?,
            scales: part("scales", 4 * blocks)?.as_chunks().0,
            zeros: place("zeros").map(|_| part("zeros", blocks / 2)).transpose()?,
        };
        Ok(MatMulKernel { rows, columns, weights: Packed::new(&source).map_err(failed)? })
    }

    fn infer_shape(&self, context: &mut ShapeInferenceContext) -> ort::Result<()> {
        let Some(mut dimensions) = input_dimensions(context) else { return Ok(()) };
        if let Some(last) = dimensions.last_mut() {
            *last = context.attr("N")?;
        }
        set_output(context, 0, TensorElementType::Float32, &dimensions)
    }
}

/// True for a matrix that the kernels can take.
fn fits(rows: usize, columns: usize, bits: usize, block: usize) -> bool {
    let whole = rows.is_multiple_of(TILE) && columns.is_multiple_of(GROUP);
    (1..1 << 24).contains(&rows) && (1..=MAX_COLUMNS).contains(&columns) && whole && [4, 8].contains(&bits) && block == BLOCK
}

pub(super) struct MatMulKernel {
    rows: usize,
    columns: usize,
    weights: Packed,
}

impl Kernel for MatMulKernel {
    fn compute(&mut self, context: &ComputeContext) -> ort::Result<()> {
        let (input, bias) = (context.input(0)?, if context.num_inputs()? > 1 { context.input(1)? } else { None });
        let (shape, x) = floats(&input)?;
        let bias = bias.as_ref().map(|bias| bias.try_extract_tensor::<f32>()).transpose()?.map(|(_, bias)| bias);
        if shape.last() != Some(&(self.columns as i64)) || bias.is_some_and(|bias| bias.len() != self.rows) {
            return Err(ort::Error::new("an input is not as large as the attributes say"));
        }
        let mut dimensions = shape.to_vec();
        dimensions.pop();
        dimensions.push(self.rows as i64);
        let mut output = context.output(0, dimensions)?.ok_or_else(|| ort::Error::new("its output is not used"))?;
        let (_, output) = output.try_extract_tensor_mut::<f32>()?;

        let a = Activations::new(x, self.columns, |rows, quantise| match rows {
            // Handing one over would cost more than it takes.
            1 => {
                quantise(0);
                Ok(())
            }
            _ => context.par_for(rows, 0, quantise),
        })?;
        let share = (self.rows / TILE).div_ceil(TASKS) * TILE;
        let mut tasks: Vec<Vec<&mut [f32]>> = (0..self.rows.div_ceil(share)).map(|_| Vec::with_capacity(a.rows)).collect();
        for row in output.chunks_mut(self.rows) {
            tasks.iter_mut().zip(row.chunks_mut(share)).for_each(|(task, part)| task.push(part));
        }
        let tasks: Vec<Mutex<Vec<&mut [f32]>>> = tasks.into_iter().map(Mutex::new).collect();
        context.par_for(tasks.len(), 0, |n| {
            let mut task = tasks[n].lock().unwrap_or_else(PoisonError::into_inner);
            let (first, tiles) = (n * share / TILE, share.min(self.rows - n * share) / TILE);
            self.multiply(first, tiles, &a, bias, &mut task);
        })
    }
}

impl MatMulKernel {
    /// The products of a task's `tiles`; its first is tile `first` of the matrix. `output` has the task's part of each row.
    fn multiply(&self, first: usize, tiles: usize, a: &Activations, bias: Option<&[f32]>, output: &mut [&mut [f32]]) {
        let mut products = vec![[0.0; TILE]; a.rows];
        for tile in 0..tiles {
            products.fill(bias.map_or([0.0; TILE], |bias| bias.as_chunks().0[first + tile]));
            // SAFETY: as in `Activations::new`.
            unsafe { avx512::multiply(self.weights.tile(first + tile), a, &mut products) };
            for (row, products) in output.iter_mut().zip(&products) {
                row[tile * TILE..][..TILE].copy_from_slice(products);
            }
        }
    }
}
