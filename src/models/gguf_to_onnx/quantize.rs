//! Puts weights into the blocks of ONNX Runtime's MatMulNBits: 4 bits with a zero point, or 8 bits without, per 32 numbers.
//!
//! Pure arithmetic on one row at a time, spread over the cores by [`rows`]; called by `qwen2`. MatMulNBits computes
//! `w = scale * (code - zero_point)`; its zero points are whole numbers, so ggml's `scale * q - min` fits only nearly, and the
//! best block is searched for.

use super::super::gguf::{GgufError, Tensor};

/// Numbers that share a scale. 32 is ggml's own block: larger ones would lose accuracy that the file still has.
pub(super) const BLOCK: usize = 32;

/// Bits of a stored weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    /// Codes 0 to 15 with a zero point per block.
    Four,
    /// Codes 0 to 255, zero point 128 (what the kernels assume when none is given).
    Eight,
}

impl Bits {
    /// As the nodes' attribute wants it.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}

/// A quantised matrix, laid out as MatMulNBits wants it; row-major `[rows, columns]`.
#[derive(Debug, PartialEq)]
pub(super) struct Quantized {
    pub(super) bits: Bits,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// `columns * bits / 8` bytes per row; of two 4-bit codes the first is the low nibble.
    pub(super) codes: Vec<u8>,
    /// One per block.
    pub(super) scales: Vec<f32>,
    /// 4 bits: one nibble per block, each row padded to whole bytes. 8 bits: empty.
    pub(super) zero_points: Vec<u8>,
}

/// Quantises the rows of `parts`, one matrix after the other (fused projections), on all cores.
///
/// The parts have the same number of columns, a multiple of [`BLOCK`]: the caller has checked.
pub(super) fn rows(parts: &[&Tensor<'_>], bits: Bits) -> Result<Quantized, GgufError> {
    let columns = parts.first().map_or(0, |t| t.columns);
    if columns == 0 || !columns.is_multiple_of(BLOCK) || parts.iter().any(|t| t.columns != columns) {
        return Err(GgufError::Malformed("a matrix whose rows are no whole number of 32"));
    }
    let sources: Vec<(&Tensor<'_>, usize)> = parts.iter().flat_map(|t| (0..t.rows).map(move |row| (*t, row))).collect();
    let blocks = columns / BLOCK;
    let (code_bytes, zero_bytes) = match bits {
        Bits::Four => (columns / 2, blocks.div_ceil(2)),
        Bits::Eight => (columns, 0),
    };
    let mut matrix = Quantized {
        bits,
        rows: sources.len(),
        columns,
        codes: vec![0; sources.len() * code_bytes],
        scales: vec![0.0; sources.len() * blocks],
        zero_points: vec![0; sources.len() * zero_bytes],
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = sources.len().div_ceil(cores).max(1);
    let mut zero_points = matrix.zero_points.as_mut_slice();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for ((sources, codes), scales) in
            sources.chunks(share).zip(matrix.codes.chunks_mut(share * code_bytes)).zip(matrix.scales.chunks_mut(share * blocks))
        {
            let zeros;
            (zeros, zero_points) = zero_points.split_at_mut(sources.len() * zero_bytes);
            workers.push(scope.spawn(move || {
                let mut row = vec![0.0; columns];
                for (i, (tensor, number)) in sources.iter().enumerate() {
                    tensor.read_row(*number, &mut row)?;
                    let codes = &mut codes[i * code_bytes..(i + 1) * code_bytes];
                    let scales = &mut scales[i * blocks..(i + 1) * blocks];
                    match bits {
                        Bits::Four => four_bits(&row, codes, scales, &mut zeros[i * zero_bytes..(i + 1) * zero_bytes]),
                        Bits::Eight => eight_bits(&row, codes, scales),
                    }
                }
                Ok(())
            }));
        }
        workers.into_iter().try_for_each(|w| w.join().unwrap_or(Err(GgufError::Malformed("a matrix"))))
    })?;
    Ok(matrix)
}

/// Symmetric: the largest magnitude becomes 127.
fn eight_bits(row: &[f32], codes: &mut [u8], scales: &mut [f32]) {
    for ((block, codes), scale) in row.chunks_exact(BLOCK).zip(codes.chunks_exact_mut(BLOCK)).zip(scales) {
        *scale = block.iter().fold(0.0f32, |m, w| m.max(w.abs())) / 127.0;
        let inverse = if *scale > 0.0 { 1.0 / *scale } else { 0.0 };
        for (code, w) in codes.iter_mut().zip(block) {
            // In 1..=255 by the choice of the scale, and `as` saturates.
            *code = ((w * inverse).round() + 128.0) as u8;
        }
    }
}

fn four_bits(row: &[f32], codes: &mut [u8], scales: &mut [f32], zero_points: &mut [u8]) {
    for (index, ((block, codes), scale)) in
        row.as_chunks::<BLOCK>().0.iter().zip(codes.chunks_exact_mut(BLOCK / 2)).zip(scales).enumerate()
    {
        let best = best_block(block);
        *scale = best.scale;
        zero_points[index / 2] |= (best.zero as u8) << (4 * (index % 2));
        let quantized = best.codes(block);
        for (code, pair) in codes.iter_mut().zip(quantized.chunks_exact(2)) {
            *code = pair[0] as u8 | (pair[1] as u8) << 4;
        }
    }
}

/// One way to write a block; `zero` is a whole number from 0 to 15.
#[derive(Debug, Clone, Copy)]
struct Grid {
    scale: f32,
    zero: f32,
}

impl Grid {
    /// The nearest codes, whole numbers from 0 to 15.
    fn codes(self, block: &[f32; BLOCK]) -> [f32; BLOCK] {
        let inverse = if self.scale > 0.0 { 1.0 / self.scale } else { 0.0 };
        // Adding and taking away 1.5 * 2^23 leaves no room for a fraction: it rounds, and unlike `round` it becomes vector code on
        // every processor.
        const ROUNDER: f32 = 12_582_912.0;
        block.map(|w| ((w * inverse + self.zero).clamp(0.0, 15.0) + ROUNDER) - ROUNDER)
    }

    /// The same codes with the scale that least squares gives them, and the squared error that is left.
    fn refined(self, block: &[f32; BLOCK]) -> (Grid, f32) {
        let codes = self.codes(block);
        let (mut numerator, mut denominator) = ([0.0f32; 8], [0.0f32; 8]);
        for i in 0..BLOCK {
            let a = codes[i] - self.zero;
            numerator[i % 8] += block[i] * a;
            denominator[i % 8] += a * a;
        }
        let (numerator, denominator) = (numerator.iter().sum::<f32>(), denominator.iter().sum::<f32>());
        let scale = if denominator > 0.0 && numerator > 0.0 { numerator / denominator } else { self.scale };
        let refined = Grid { scale, ..self };
        // The codes are taken again: with the new scale some are nearer to their neighbour.
        let codes = refined.codes(block);
        let mut error = [0.0f32; 8];
        for i in 0..BLOCK {
            let e = block[i] - scale * (codes[i] - self.zero);
            error[i % 8] += e * e;
        }
        (refined, error.iter().sum())
    }
}

/// The grid with the least squared error among those around the one that just spans the block.
///
/// Measured on Q4_K rows of the 1.5B: relative error 0.080 for the spanning grid, 0.075 with the least-squares scale, 0.067 with
/// this search; a search four times as fine gives 0.066.
fn best_block(block: &[f32; BLOCK]) -> Grid {
    // Slightly wider than the span lets an off-grid minimum fit; narrower clips the extremes and refines the rest.
    const WIDTHS: [f32; 7] = [1.03, 1.0, 0.97, 0.94, 0.91, 0.88, 0.85];
    let (mut low, mut high) = (0.0f32, 0.0f32);
    for w in block {
        (low, high) = (low.min(*w), high.max(*w));
    }
    let span = (high - low) / 15.0;
    let mut best = (Grid { scale: 0.0, zero: 0.0 }, f32::INFINITY);
    if span == 0.0 || !span.is_finite() {
        return best.0;
    }
    for width in WIDTHS {
        let scale = span * width;
        let centre = (7.5 - (low + high) / (2.0 * scale)).round_ties_even();
        for shift in [0.0, -1.0, 1.0] {
            let candidate = Grid { scale, zero: (centre + shift).clamp(0.0, 15.0) }.refined(block);
            if candidate.1 < best.1 {
                best = candidate;
            }
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_on_a_grid_survives_exactly() {
        let block: [f32; BLOCK] = std::array::from_fn(|i| 0.25 * ((i * 7 % 16) as f32 - 5.0));
        let (mut codes, mut scales, mut zeros) = ([0; 16], [0.0], [0]);
        four_bits(&block, &mut codes, &mut scales, &mut zeros);
        for (i, w) in block.iter().enumerate() {
            let code = (codes[i / 2] >> (4 * (i % 2))) & 15;
            let back = scales[0] * (f32::from(code) - f32::from(zeros[0] & 15));
            assert!((back - w).abs() < 1e-6, "{i}: {back} for {w}");
        }
    }

    #[test]
    fn the_search_beats_the_spanning_grid() {
        // A skewed block, as trained weights are: one extreme, the rest near zero.
        let block: [f32; BLOCK] =
            std::array::from_fn(|i| ((i * i * 31 % 101) as f32 / 101.0 - 0.4).powi(3) + f32::from(i == 9) * 0.4);
        let error =
            |g: Grid| -> f32 { block.iter().zip(g.codes(&block)).map(|(w, c)| (w - g.scale * (c - g.zero)).powi(2)).sum() };
        let (low, high) = block.iter().fold((0.0f32, 0.0f32), |(l, h), w| (l.min(*w), h.max(*w)));
        let scale = (high - low) / 15.0;
        assert!(error(best_block(&block)) < error(Grid { scale, zero: (-low / scale).round() }));
    }

    #[test]
    fn zeros_and_eight_bits() {
        let (mut codes, mut scales, mut zeros) = ([9; 16], [9.0], [0]);
        four_bits(&[0.0; BLOCK], &mut codes, &mut scales, &mut zeros);
        assert_eq!((codes, scales, zeros), ([0; 16], [0.0], [0]));

        let row: [f32; BLOCK] = std::array::from_fn(|i| i as f32 - 20.0);
        let mut codes = [0; 32];
        eight_bits(&row, &mut codes, &mut scales);
        for (code, w) in codes.iter().zip(row) {
            assert!((scales[0] * (f32::from(*code) - 128.0) - w).abs() <= scales[0] / 2.0);
        }
    }
}
