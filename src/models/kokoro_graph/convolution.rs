//! `DynamicQuantizeLinear -> ConvInteger [-> Add bias] -> Cast -> Mul scales` becomes one integer matrix product.
//!
//! ONNX Runtime's `ConvInteger` multiplies unsigned by unsigned bytes after a single-threaded rearrangement; its matrix product of
//! unsigned activations and signed, prepacked weights uses the processor's 8-bit instructions (VNNI) and is about twice as fast
//! (and faster than a float convolution, at a quarter of the memory). A convolution over time with k taps is the product of a matrix
//! whose row t holds the k frames around t (made by an operator of ours), and the weights [k * channels in, channels out]. The integers
//! are the same as before, and
//! so are their sums; only the bias, formerly rounded to a step of the scale, is exact now. A grouped convolution becomes a
//! float `Conv` instead; there are none in Kokoro's published graph.

use super::graph::{Edits, Index, node, of_domain, other_input, output, transpose};
use crate::inference::{
    onnx_attributes::{MICROSOFT, integer},
    onnx_proto::{NodeProto, TensorProto, tensor_proto::DataType},
    operators,
};

/// One chain, taken apart.
struct Chain<'a> {
    /// Position of the last node, whose output the new nodes make.
    last: usize,
    result: &'a str,
    /// The float activations [1, channels, time].
    input: &'a str,
    /// 8-bit constant [channels out, channels in / groups, taps].
    weights: &'a TensorProto,
    weight_scale: &'a str,
    /// 0..=255, or -128..=127 for signed weights.
    weight_zero: f32,
    bias: Option<&'a str>,
}

/// Rewrites every integer convolution; how many there were.
pub(super) fn rewrite(index: &Index<'_>, edits: &mut Edits) -> Result<usize, String> {
    let mut count = 0;
    for convolution in index.nodes.iter().filter(|n| n.op_type() == "ConvInteger") {
        let chain = take_apart(index, convolution)
            .ok_or_else(|| format!("the integer convolution {} is not built in the known way", convolution.name()))?;
        let nodes = match Window::of(convolution, chain.weights).and_then(|w| product(&chain, &w, edits)) {
            Some(nodes) => nodes,
            None => float_convolution(&chain, convolution, edits),
        };
        edits.replace(chain.last, nodes);
        count += 1;
    }
    Ok(count)
}

fn take_apart<'a>(index: &Index<'a>, convolution: &'a NodeProto) -> Option<Chain<'a>> {
    let [quantised, weights, activation_zero, weight_zero] = convolution.input.as_slice() else { return None };
    let quantiser = index.made_by(quantised, "DynamicQuantizeLinear")?;
    let [_, activation_scale, zero] = quantiser.output.as_slice() else { return None };
    if zero != activation_zero {
        return None;
    }
    let (_, mut user) = index.only_user(output(convolution)?)?;
    let mut bias = None;
    if user.op_type() == "Add" {
        bias = Some(float_bias(index, other_input(user, output(convolution)?)?)?);
        (_, user) = index.only_user(output(user)?)?;
    }
    if user.op_type() != "Cast" {
        return None;
    }
    let cast = output(user)?;
    let (last, user) = index.only_user(cast)?;
    if user.op_type() != "Mul" {
        return None;
    }
    // The two scales are multiplied in a node of their own: the activations' (made at run time) and the weights' (a constant).
    let scales = index.made_by(other_input(user, cast)?, "Mul")?;
    let weight_scale = other_input(scales, activation_scale)?;
    index.number(weight_scale)?;
    Some(Chain {
        last,
        result: output(user)?,
        input: quantiser.input.first()?,
        weights: index.constant(weights)?,
        weight_scale,
        weight_zero: index.number(weight_zero)? as f32,
        bias,
    })
}

/// The float vector behind `Div(bias, scale) -> Floor -> Cast -> Reshape`.
fn float_bias<'a>(index: &Index<'a>, reshaped: &str) -> Option<&'a str> {
    let reshape = index.made_by(reshaped, "Reshape")?;
    let cast = index.made_by(reshape.input.first()?, "Cast")?;
    let floor = index.made_by(cast.input.first()?, "Floor")?;
    let divide = index.made_by(floor.input.first()?, "Div")?;
    let bias = divide.input.first()?;
    index.constant(bias).filter(|t| t.dims.len() == 1).map(|_| bias.as_str())
}

/// The geometry of an ungrouped convolution over time.
struct Window {
    /// Channels out, channels in, taps.
    out: usize,
    channels: usize,
    taps: usize,
    stride: i64,
    dilation: i64,
    pads: [i64; 2],
}

impl Window {
    /// Nothing for grouped, two-dimensional, automatically padded or absurdly large ones.
    fn of(convolution: &NodeProto, weights: &TensorProto) -> Option<Self> {
        let list = |name: &str, default: &[i64]| -> Vec<i64> {
            let found = convolution.attribute.iter().find(|a| a.name() == name);
            found.map_or_else(|| default.to_vec(), |a| a.ints.clone())
        };
        let plain = convolution.attribute.iter().all(|a| match a.name() {
            "group" => a.i() == 1,
            "auto_pad" => a.s.as_deref() == Some(b"NOTSET"),
            _ => true,
        });
        let [out, channels, taps] = weights.dims.as_slice() else { return None };
        let sizes = [*out, *channels, *taps].iter().all(|d| (1..=1 << 16).contains(d));
        let (strides, dilations, pads) = (list("strides", &[1]), list("dilations", &[1]), list("pads", &[0, 0]));
        let ([stride], [dilation], [before, after]) = (strides.as_slice(), dilations.as_slice(), pads.as_slice()) else {
            return None;
        };
        let in_range = [*stride - 1, *dilation - 1, *before, *after].iter().all(|v| (0..1 << 16).contains(v));
        (plain && sizes && in_range).then_some(Self {
            out: usize::try_from(*out).ok()?,
            channels: usize::try_from(*channels).ok()?,
            taps: usize::try_from(*taps).ok()?,
            stride: *stride,
            dilation: *dilation,
            pads: [*before, *after],
        })
    }
}

fn product(chain: &Chain<'_>, window: &Window, edits: &mut Edits) -> Option<Vec<NodeProto>> {
    let name = |part: &str| format!("{}/{part}", chain.result);
    let (weights, weight_zero) = signed_matrix(chain, window)?;
    let rows = i64::try_from(window.taps * window.channels).ok()?;
    let weights = edits.bytes(name("weights"), &[rows, i64::try_from(window.out).ok()?], &weights);
    let weight_zero = edits.bytes(name("weight_zero"), &[], &[weight_zero]);

    let by_time = name("by_time"); // [1, time, channels in]
    let (windows, scale, zero) = (name("windows"), name("scale"), name("zero")); // [1, time out, taps * channels in]
    let attributes = [
        ("taps", window.taps as i64),
        ("stride", window.stride),
        ("dilation", window.dilation),
        ("before", window.pads[0]),
        ("after", window.pads[1]),
    ];
    let quantise = NodeProto {
        output: vec![windows.clone(), scale.clone(), zero.clone()],
        ..node(operators::WINDOWS, &[&by_time], &windows, attributes.map(|(name, value)| integer(name, value)).into())
    };
    let product = name("product"); // [1, time out, channels out]
    let mut inputs = vec![windows.as_str(), &weights, &scale, chain.weight_scale, &zero, &weight_zero];
    inputs.extend(chain.bias);
    let quantise = of_domain(operators::DOMAIN, quantise);
    let multiply = of_domain(MICROSOFT, node("MatMulIntegerToFloat", &inputs, &product, Vec::new()));
    edits.note_by_time(chain.result, &product);
    Some(vec![transpose(chain.input, &by_time), quantise, multiply, transpose(&product, chain.result)])
}

/// The weights [channels out, channels in, taps] as a signed matrix [taps * channels in, channels out], and its zero point.
fn signed_matrix(chain: &Chain<'_>, window: &Window) -> Option<(Vec<i8>, i8)> {
    let (out, channels, taps) = (window.out, window.channels, window.taps);
    let raw = chain.weights.raw_data.as_deref().filter(|raw| raw.len() == out * channels * taps)?;
    // q - zero point is the same when 128 is taken from both.
    let shift = match DataType::try_from(chain.weights.data_type()).ok()? {
        DataType::Uint8 => 0x80,
        DataType::Int8 => 0,
        _ => return None,
    };
    let zero = chain.weight_zero - f32::from(shift);
    let mut matrix = vec![0; raw.len()];
    for (source, taps_of) in raw.chunks_exact(taps).enumerate() {
        let (o, c) = (source / channels, source % channels);
        for (tap, byte) in taps_of.iter().enumerate() {
            // Taking 128 from a byte flips its highest bit.
            *matrix.get_mut((tap * channels + c) * out + o)? = (byte ^ shift).cast_signed();
        }
    }
    (-128.0..=127.0).contains(&zero).then_some((matrix, zero as i8))
}

/// The general case: weights widened by nodes that ONNX Runtime computes once, when it loads the graph.
fn float_convolution(chain: &Chain<'_>, convolution: &NodeProto, edits: &mut Edits) -> Vec<NodeProto> {
    let name = |part: &str| format!("{}/{part}", chain.result);
    let zero_point = edits.floats(name("zero_point"), &[], &[chain.weight_zero]);
    let (wide, centred, weights) = (name("wide"), name("centred"), name("weights"));
    let mut inputs = vec![chain.input, &weights];
    inputs.extend(chain.bias);
    vec![
        node("Cast", &[chain.weights.name()], &wide, vec![integer("to", DataType::Float as i64)]),
        node("Sub", &[&wide, &zero_point], &centred, Vec::new()),
        node("Mul", &[&centred, chain.weight_scale], &weights, Vec::new()),
        node("Conv", &inputs, chain.result, convolution.attribute.clone()),
    ]
}
