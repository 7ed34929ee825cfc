//! `STFT` with a constant window becomes a `Conv` whose kernels are the windowed cosines and sines.
//!
//! ONNX Runtime's STFT plans a transform of 20 points anew for each of thousands of frames; the same sums as a convolution take a
//! hundredth of the time. A batch of one is assumed, as everywhere in Kokoro.

use std::f64::consts::TAU;

use super::graph::{Edits, Index, node, output};
use crate::inference::onnx_attributes::integers;

/// A frame beyond this is no Kokoro graph (hers is 20); bounds the size of the kernels.
const MAX_FRAME: usize = 4096;

/// Rewrites every one-sided STFT; how many there were.
pub(super) fn rewrite(index: &Index<'_>, edits: &mut Edits) -> Result<usize, String> {
    let mut count = 0;
    for (n, stft) in index.nodes.iter().enumerate().filter(|(_, n)| n.op_type() == "STFT") {
        let parts = || -> Option<(&str, &str, i64, Vec<f64>)> {
            let [signal, step, window, ..] = stft.input.as_slice() else { return None };
            let one_sided = stft.attribute.iter().all(|a| a.name() != "onesided" || a.i() == 1);
            let (step, window) = (index.number(step)?, index.numbers(window)?);
            let sane = one_sided && (1.0..=MAX_FRAME as f64).contains(&step) && (1..=MAX_FRAME).contains(&window.len());
            sane.then_some((signal.as_str(), output(stft)?, step as i64, window))
        };
        let (signal, result, step, window) =
            parts().ok_or_else(|| format!("the STFT {} is not one-sided with a constant window", stft.name()))?;
        let (bins, frame) = (window.len() / 2 + 1, window.len());
        let kernels = edits.floats(format!("{result}/kernels"), &[2 * bins as i64, 1, frame as i64], &kernels(&window));
        let one_row = edits.integers(format!("{result}/one_row"), &[1, 1, -1]);
        let pairs = edits.integers(format!("{result}/pairs"), &[0, 0, bins as i64, 2]);
        let (row, bands, frames) = (format!("{result}/row"), format!("{result}/bands"), format!("{result}/frames"));
        edits.replace(
            n,
            vec![
                node("Reshape", &[signal, &one_row], &row, Vec::new()), // [1, 1, samples]
                node("Conv", &[&row, &kernels], &bands, vec![integers("strides", &[step])]), // [1, 2 * bins, frames]
                node("Transpose", &[&bands], &frames, vec![integers("perm", &[0, 2, 1])]), // [1, frames, 2 * bins]
                node("Reshape", &[&frames, &pairs], result, Vec::new()), // [1, frames, bins, (re, im)]
            ],
        );
        count += 1;
    }
    Ok(count)
}

/// Kernels [bin][re, im][frame]: X(k) = sum of w(n) x(n) exp(-2 pi i k n / N).
///
/// The sine is exactly zero for the first and (N even) the last bin: rounding noise there would flip a phase of pi, on which the
/// model depends, to -pi.
fn kernels(window: &[f64]) -> Vec<f32> {
    let frame = window.len();
    let mut kernels = Vec::with_capacity((frame / 2 + 1) * 2 * frame);
    for bin in 0..=frame / 2 {
        let real_only = bin == 0 || 2 * bin == frame;
        let angle = |n: usize| TAU * ((bin * n) % frame) as f64 / frame as f64;
        kernels.extend(window.iter().enumerate().map(|(n, w)| (w * angle(n).cos()) as f32));
        kernels.extend(window.iter().enumerate().map(|(n, w)| if real_only { 0.0 } else { (-w * angle(n).sin()) as f32 }));
    }
    kernels
}
