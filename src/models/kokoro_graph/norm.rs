//! Adaptive instance normalisation, spelled out in nine nodes, becomes one `InstanceNormalization`.
//!
//! The published graph computes y = s * (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) + b over time, with s and b made from
//! the speaker's style. `InstanceNormalization` is that formula in one pass with vectors for s and b. A pattern that does not
//! fit is left alone: it is only slower. Where a Snake activation follows (48 of 68), both become one operator of ours.

use super::graph::{Edits, Index, node, of_domain, other_input, output, transpose};
use crate::inference::{onnx_attributes::float, onnx_proto::NodeProto, operators};

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
    let mut nodes =
        vec![node("Reshape", &[scale, &flat], &scale_1d, Vec::new()), node("Reshape", &[shift, &flat], &shift_1d, Vec::new())];
    if let Some(snake) = Snake::after(index, result) {
        let by_time = format!("{}/by_time", snake.result); // [1, time, channels]
        let activated = format!("{}/activated", snake.result);
        let inputs = [&by_time, &scale_1d, &shift_1d, snake.alpha, snake.beta];
        let operator = of_domain(operators::DOMAIN, node(operators::SNAKE, &inputs, &activated, vec![float("epsilon", epsilon)]));
        edits.note_by_time(input, &by_time);
        nodes.extend([transpose(input, &by_time), operator, transpose(&activated, snake.result)]);
        return Some((snake.position, nodes));
    }
    nodes.push(node("InstanceNormalization", &[input, &scale_1d, &shift_1d], result, vec![float("epsilon", epsilon)]));
    Some((position, nodes))
}

/// The Snake activation x + beta * sin(alpha * x)^2, which may follow.
struct Snake<'a> {
    alpha: &'a str,
    beta: &'a str,
    /// Position and output of the sum.
    position: usize,
    result: &'a str,
}

impl<'a> Snake<'a> {
    fn after(index: &Index<'a>, x: &str) -> Option<Self> {
        let users = index.users(x);
        let scaled = users.iter().find(|(_, n)| n.op_type() == "Mul").map(|(_, n)| *n)?;
        let (position, sum) = users.iter().find(|(_, n)| n.op_type() == "Add").copied()?;
        let alpha = other_input(scaled, x)?;
        let (_, sine) = index.only_user(output(scaled)?).filter(|(_, n)| n.op_type() == "Sin")?;
        let (_, square) = index.only_user(output(sine)?).filter(|(_, n)| n.op_type() == "Pow")?;
        let is_square = index.number(square.input.get(1)?) == Some(2.0);
        let (_, weighted) = index.only_user(output(square)?).filter(|(_, n)| is_square && n.op_type() == "Mul")?;
        let beta = other_input(weighted, output(square)?)?;
        // One number per channel: [1, channels, 1].
        let per_channel = |name: &str| matches!(index.constant(name)?.dims.as_slice(), [1, _, 1]).then_some(());
        per_channel(alpha).and(per_channel(beta))?;
        let fits = users.len() == 2 && other_input(sum, x)? == output(weighted)?;
        fits.then_some(Self { alpha, beta, position, result: output(sum)? })
    }
}
