//! Adaptive instance normalisation, spelled out in nine nodes, becomes one `InstanceNormalization`.
//!
//! The published graph computes y = s * (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) + b over time, with s and b made from
//! the speaker's style. `InstanceNormalization` is that formula in one pass with vectors for s and b. A pattern that does not
//! fit is left alone: it is only slower.

use super::graph::{Edits, Index, float, node, other_input, output};
use crate::models::onnx_proto::NodeProto;

/// Rewrites every normalisation that fits; how many did.
pub(super) fn rewrite(index: &Index<'_>, edits: &mut Edits) -> usize {
    let mut count = 0;
    for quotient in index.nodes.iter().filter(|n| n.op_type() == "Div") {
        let Some((input, epsilon)) = normalised(index, quotient) else { continue };
        // Several blocks may scale one normalised value, each in its own way; each gets its own fused node.
        for (_, scaled) in output(quotient).map(|q| index.users(q)).unwrap_or_default() {
            if let Some((position, fused)) = fuse(index, edits, input, epsilon, quotient, scaled) {
                edits.replace(position, fused);
                count += 1;
            }
        }
    }
    count
}

/// The value that `quotient` normalises over its last axis (the third), and epsilon.
fn normalised<'a>(index: &Index<'a>, quotient: &'a NodeProto) -> Option<(&'a str, f32)> {
    let [centred, deviation] = quotient.input.as_slice() else { return None };
    let subtraction = index.made_by(centred, "Sub")?;
    let [input, mean] = subtraction.input.as_slice() else { return None };
    (mean_over_time(index, mean)? == input).then_some(())?;
    let root = index.made_by(deviation, "Sqrt")?;
    let sum = index.made_by(root.input.first()?, "Add")?;
    let [a, b] = sum.input.as_slice() else { return None };
    let (variance, epsilon) = match (index.number(a), index.number(b)) {
        (None, Some(epsilon)) => (a, epsilon),
        (Some(epsilon), None) => (b, epsilon),
        _ => return None,
    };
    let square = index.made_by(mean_over_time(index, variance)?, "Mul")?;
    square.input.iter().all(|i| i == centred).then_some((input.as_str(), epsilon as f32))
}

/// What `value` is the mean of, when it is taken over axis 2 and keeps the axis.
fn mean_over_time<'a>(index: &Index<'a>, value: &str) -> Option<&'a str> {
    let mean = index.made_by(value, "ReduceMean")?;
    let [input, axes] = mean.input.as_slice() else { return None };
    let keeps = mean.attribute.iter().all(|a| a.name() != "keepdims" || a.i() == 1);
    (keeps && matches!(index.numbers(axes)?.as_slice(), [2.0 | -1.0])).then_some(input)
}

fn fuse(
    index: &Index<'_>,
    edits: &mut Edits,
    input: &str,
    epsilon: f32,
    quotient: &NodeProto,
    scaled: &NodeProto,
) -> Option<(usize, Vec<NodeProto>)> {
    let quotient = output(quotient)?;
    let product = (scaled.op_type() == "Mul").then(|| output(scaled))??;
    let scale = other_input(scaled, quotient)?;
    let (position, shifted) = index.only_user(product)?;
    let result = (shifted.op_type() == "Add").then(|| output(shifted))??;
    let shift = other_input(shifted, product)?;
    // Both come from `Split` or `Slice` of the style's projection as [1, channels, 1]; a full tensor must not be flattened.
    let from_style = |value: &str| -> bool {
        ["Slice", "Split"].iter().any(|op| index.made_by(value, op).is_some())
            || index.made_by(value, "Add").is_some_and(|add| {
                add.input.iter().any(|i| index.number(i).is_some())
                    && add.input.iter().any(|i| ["Slice", "Split"].iter().any(|op| index.made_by(i, op).is_some()))
            })
    };
    if !from_style(scale) || !from_style(shift) {
        return None;
    }
    let flat = edits.integers("kokoro_graph/flat".into(), &[-1]);
    let (scale_1d, shift_1d) = (format!("{result}/scale"), format!("{result}/shift"));
    Some((
        position,
        vec![
            node("Reshape", &[scale, &flat], &scale_1d, Vec::new()),
            node("Reshape", &[shift, &flat], &shift_1d, Vec::new()),
            node("InstanceNormalization", &[input, &scale_1d, &shift_1d], result, vec![float("epsilon", epsilon)]),
        ],
    ))
}
