//! The conversion of Kokoro on tiny graphs made here, and on the real one: it sounds the same.

use std::{collections::BTreeMap, path::PathBuf};

use ort::{session::Session, value::Tensor};

use super::{graph::node, *};
use crate::{
    inference::onnx::{self, OnnxError, SessionOptions},
    inference::onnx_attributes::{integer, integers},
    inference::onnx_proto::{
        GraphProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, ValueInfoProto, tensor_proto::DataType, type_proto,
    },
    models::{load_test_runtime, test_file},
};

fn constant(name: &str, dims: &[i64], kind: DataType, raw: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(kind as i32),
        raw_data: Some(raw.into()),
        ..Default::default()
    }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> TensorProto {
    constant(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn ints(name: &str, dims: &[i64], values: &[i64]) -> TensorProto {
    constant(name, dims, DataType::Int64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
}

fn value(name: &str) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float as i32), shape: None };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: Some(name.into()), r#type: Some(kind), ..Default::default() }
}

fn several(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto { output: outputs.iter().map(|&o| o.to_owned()).collect(), ..node(op, inputs, outputs[0], Vec::new()) }
}

/// Style [1, 4, 1] -> two scales and shifts; x [1, 2, t] -> integer convolution with bias -> AdaIN -> square.
fn tiny() -> ModelProto {
    let weights: Vec<u8> = (0..12).map(|n| 90 + 7 * n).collect();
    let nodes = vec![
        several("DynamicQuantizeLinear", &["x"], &["xq", "xs", "xz"]),
        NodeProto {
            attribute: vec![integers("pads", &[2, 2]), integers("dilations", &[2]), integers("kernel_shape", &[3])],
            ..node("ConvInteger", &["xq", "w", "xz", "wz"], "ci", Vec::new())
        },
        node("Mul", &["xs", "ws"], "s", Vec::new()),
        node("Div", &["bias", "s"], "b1", Vec::new()),
        node("Floor", &["b1"], "b2", Vec::new()),
        node("Cast", &["b2"], "b3", vec![integer("to", DataType::Int32 as i64)]),
        node("Reshape", &["b3", "column"], "b4", Vec::new()),
        node("Add", &["ci", "b4"], "biased", Vec::new()),
        node("Cast", &["biased"], "wide", vec![integer("to", DataType::Float as i64)]),
        node("Mul", &["wide", "s"], "conv", Vec::new()),
        NodeProto { attribute: vec![integer("axis", 1)], ..several("Split", &["style", "halves"], &["gamma", "beta"]) },
        node("Add", &["gamma", "one"], "gain", Vec::new()),
        node("ReduceMean", &["conv", "time"], "mean", vec![integer("keepdims", 1)]),
        node("Sub", &["conv", "mean"], "centred", Vec::new()),
        node("Mul", &["centred", "centred"], "energy", Vec::new()),
        node("ReduceMean", &["energy", "time"], "variance", vec![integer("keepdims", 1)]),
        node("Add", &["variance", "eps"], "safe", Vec::new()),
        node("Sqrt", &["safe"], "deviation", Vec::new()),
        node("Div", &["centred", "deviation"], "unit", Vec::new()),
        node("Mul", &["gain", "unit"], "scaled", Vec::new()),
        node("Add", &["scaled", "beta"], "adain", Vec::new()),
        node("Pow", &["adain", "two"], "y", Vec::new()),
    ];
    let graph = graph(
        "tiny",
        nodes,
        vec![
            constant("w", &[2, 2, 3], DataType::Uint8, weights),
            constant("wz", &[], DataType::Uint8, vec![128]),
            floats("ws", &[], &[0.02]),
            floats("bias", &[2], &[0.5, -0.25]),
            floats("eps", &[], &[1e-5]),
            floats("one", &[], &[1.0]),
            floats("two", &[], &[2.0]),
            ints("column", &[3], &[1, -1, 1]),
            ints("time", &[1], &[2]),
            ints("halves", &[2], &[2, 2]),
        ],
    );
    model(graph)
}

/// The same, but Snake follows the normalisation, and the convolution's result is added to itself and to that.
fn tiny_with_snake() -> ModelProto {
    let mut model = tiny();
    let graph = model.graph.as_mut().unwrap();
    graph.node.pop();
    graph.node.extend([
        node("Mul", &["alpha", "adain"], "angle", Vec::new()),
        node("Sin", &["angle"], "sine", Vec::new()),
        node("Pow", &["sine", "two"], "square", Vec::new()),
        node("Mul", &["weight", "square"], "wave", Vec::new()),
        node("Add", &["adain", "wave"], "snake", Vec::new()),
        node("Add", &["conv", "conv"], "twice", Vec::new()),
        node("Add", &["snake", "twice"], "y", Vec::new()),
    ]);
    graph.initializer.extend([floats("alpha", &[1, 2, 1], &[1.5, 30.0]), floats("weight", &[1, 2, 1], &[0.7, 0.3])]);
    model
}

/// Makes y of x and style.
fn graph(name: &str, node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> GraphProto {
    let (input, output) = (vec![value("x"), value("style")], vec![value("y")]);
    GraphProto { name: Some(name.into()), node, initializer, input, output, ..Default::default() }
}

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(9),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(20) }],
        graph: Some(graph),
        ..Default::default()
    }
}

fn session(bytes: &[u8]) -> Session {
    try_session(bytes).unwrap()
}

fn try_session(bytes: &[u8]) -> Result<Session, OnnxError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    std::fs::write(&path, bytes).unwrap();
    load(&path)
}

fn load(path: &Path) -> Result<Session, OnnxError> {
    load_test_runtime();
    onnx::session(path, &SessionOptions::cpu(2))
}

/// Gives every integer attribute of one of these names the value.
fn set_attributes(graph: &mut GraphProto, names: &[&str], value: i64) {
    for attribute in graph.node.iter_mut().flat_map(|n| &mut n.attribute).filter(|a| names.contains(&a.name())) {
        attribute.i = Some(value);
    }
}

fn operators(bytes: &[u8]) -> BTreeMap<String, usize> {
    let model = ModelProto::decode(bytes).unwrap();
    let mut count = BTreeMap::new();
    for node in model.graph.unwrap().node {
        *count.entry(node.op_type().to_owned()).or_default() += 1;
    }
    count
}

fn run(session: &mut Session, x: &[f32]) -> Vec<f32> {
    try_run(session, x).unwrap()
}

fn try_run(session: &mut Session, x: &[f32]) -> ort::Result<Vec<f32>> {
    let x = Tensor::from_array(([1_i64, 2, x.len() as i64 / 2], x.to_vec())).unwrap();
    let style = Tensor::from_array(([1_i64, 4, 1], vec![0.3_f32, -0.2, 0.1, 0.7])).unwrap();
    let outputs = session.run(ort::inputs!["x" => x, "style" => style])?;
    Ok(outputs["y"].try_extract_tensor::<f32>()?.1.to_vec())
}

/// The largest difference of two results of the same length.
fn worst(expected: &[f32], got: &[f32]) -> f32 {
    assert_eq!(expected.len(), got.len());
    expected.iter().zip(got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn the_converted_graph_computes_the_same() {
    let before = tiny().encode_to_vec();
    let (after, rewrites) = rewrite(before.clone().into()).unwrap();
    assert_eq!(rewrites, Rewrites { convolutions: 1, norms: 1, stfts: 0, sums: 0, squares: 1, tempos: 0 });
    let left = operators(&after);
    for gone in ["ConvInteger", "ReduceMean", "Sqrt", "Floor", "Pow"] {
        assert!(!left.contains_key(gone), "{gone} is still there: {left:?}");
    }
    let x: Vec<f32> = (0..64).map(|n| (n as f32 * 0.37).sin() * 2.0).collect();
    let (expected, got) = (run(&mut session(&before), &x), run(&mut session(&after), &x));
    // The same integer sums; the published graph rounds the bias down by up to a step of 0.02 * 4/255.
    let worst = worst(&expected, &got);
    assert!(worst < 5e-3, "differs by {worst}");
    assert!(got.iter().any(|v| v.abs() > 0.5), "the comparison must not be between zeros");
}

#[test]
fn snake_after_a_normalisation_is_computed_with_it() {
    let before = tiny_with_snake().encode_to_vec();
    let (after, rewrites) = rewrite(before.clone().into()).unwrap();
    assert_eq!(rewrites, Rewrites { convolutions: 1, norms: 1, stfts: 0, sums: 1, squares: 1, tempos: 0 });
    let left = operators(&after);
    assert!(["Sin", "Pow", "InstanceNormalization"].iter().all(|op| !left.contains_key(*op)), "{left:?}");
    let (mut before, mut after) = (session(&before), session(&after));
    // One moment, a block less one, several blocks of everything.
    for moments in [1, 63, 20_000] {
        let x: Vec<f32> = (0..2 * moments).map(|n| (n as f32 * 0.37).sin() * 2.0).collect();
        let (expected, got) = (run(&mut before, &x), run(&mut after, &x));
        let worst = worst(&expected, &got);
        // The bias rounded down (see above) moves all of a channel, which the sum shows and the normalisation takes out.
        assert!(worst < 1e-2, "differs by {worst} after {moments} moments");
    }
}

#[test]
fn convolutions_of_every_shape_compute_the_same() {
    let shapes: [(i64, [i64; 2], i64); 5] = [(1, [0, 0], 1), (1, [1, 1], 1), (2, [0, 3], 1), (3, [5, 4], 3), (1, [12, 0], 7)];
    for (stride, pads, dilation) in shapes {
        let mut model = tiny();
        let graph = model.graph.as_mut().unwrap();
        graph.node.truncate(10);
        graph.node.push(node("Mul", &["conv", "one"], "y", Vec::new()));
        graph.node[1].attribute =
            vec![integers("pads", &pads), integers("dilations", &[dilation]), integers("strides", &[stride])];
        let before = model.encode_to_vec();
        let (after, _) = rewrite(before.clone().into()).unwrap();
        assert!(operators(&after).contains_key("QuantizedWindows"));
        let x: Vec<f32> = (0..2 * 9_000).map(|n| (n as f32 * 0.11).sin() + 0.3).collect();
        let (expected, got) = (run(&mut session(&before), &x), run(&mut session(&after), &x));
        assert_eq!(expected.len(), got.len(), "stride {stride}, pads {pads:?}, dilation {dilation}");
        let worst = worst(&expected, &got);
        assert!(worst < 5e-3, "differs by {worst}: stride {stride}, pads {pads:?}, dilation {dilation}");
    }
}

#[test]
fn what_does_not_fit_our_operators_is_an_error() {
    let (after, _) = rewrite(tiny_with_snake().encode_to_vec().into()).unwrap();
    // Shorter than a window, and nothing at all.
    let mut short = ModelProto::decode(&*after).unwrap();
    set_attributes(short.graph.as_mut().unwrap(), &["before", "after"], 0);
    let mut session = session(&short.encode_to_vec());
    for moments in [0, 1, 4] {
        assert!(try_run(&mut session, &vec![0.0; 2 * moments]).is_err(), "{moments} moments");
    }
    // Not one number per channel, and attributes nobody can mean.
    let broken: [fn(&mut GraphProto); 3] = [
        |graph| {
            graph.initializer.iter_mut().filter(|t| t.name() == "alpha").for_each(|t| *t = floats("alpha", &[1, 3, 1], &[1.0; 3]))
        },
        |graph| graph.node.iter_mut().filter(|n| n.op_type() == "AdaptiveSnake").for_each(|n| n.attribute.clear()),
        |graph| set_attributes(graph, &["stride"], 0),
    ];
    for (n, break_it) in broken.into_iter().enumerate() {
        let mut model = ModelProto::decode(&*after).unwrap();
        break_it(model.graph.as_mut().unwrap());
        let failed = try_session(&model.encode_to_vec()).map_or(true, |mut session| try_run(&mut session, &[0.5; 16]).is_err());
        assert!(failed, "number {n}");
    }
}

#[test]
fn an_stft_computes_the_same_as_a_convolution() {
    let window: Vec<f32> = (0..20).map(|n| 0.5 - 0.5 * (std::f32::consts::TAU * n as f32 / 20.0).cos()).collect();
    let graph = graph(
        "stft",
        vec![
            node("Reshape", &["x", "row"], "signal", Vec::new()),
            node("STFT", &["signal", "step", "window", "frame"], "spectrum", vec![integer("onesided", 1)]),
            node("Mul", &["spectrum", "gain"], "y", Vec::new()),
        ],
        vec![
            floats("window", &[20], &window),
            floats("gain", &[], &[1.0]),
            ints("step", &[], &[5]),
            ints("frame", &[], &[20]),
            ints("row", &[2], &[1, -1]),
        ],
    );
    let before = model(graph).encode_to_vec();
    let (after, rewrites) = rewrite(before.clone().into()).unwrap();
    assert_eq!(rewrites.stfts, 1);
    let x: Vec<f32> = (0..200).map(|n| (n as f32 * 0.9).sin() + 0.3 * (n as f32 * 0.11).cos()).collect();
    let (expected, got) = (run(&mut session(&before), &x), run(&mut session(&after), &x));
    assert_eq!(expected.len(), 37 * 11 * 2);
    let worst = worst(&expected, &got);
    assert!(worst < 1e-4, "differs by {worst}");
}

#[test]
fn faster_speech_is_as_much_faster_as_was_asked() {
    let graph = graph(
        "durations",
        vec![
            node("Div", &["x", "style"], "scaled", Vec::new()),
            node("Round", &["scaled"], "rounded", Vec::new()),
            node("Clip", &["rounded", "least"], "y", Vec::new()),
        ],
        vec![floats("least", &[], &[1.0])],
    );
    let before = model(graph).encode_to_vec();
    let (after, rewrites) = rewrite(before.clone().into()).unwrap();
    assert_eq!(rewrites.tempos, 1);
    let durations: Vec<f32> = (0..40).map(|n| [2.2, 3.4, 1.8, 0.3, 4.6][n % 5]).collect();
    let frames = |graph: &[u8], speed: f32| {
        let x = Tensor::from_array(([1_i64, 40], durations.clone())).unwrap();
        let speed = Tensor::from_array(([1_i64], vec![speed])).unwrap();
        let mut session = session(graph);
        let outputs = session.run(ort::inputs!["x" => x, "style" => speed]).unwrap();
        outputs["y"].try_extract_tensor::<f32>().unwrap().1.to_vec()
    };
    let natural = frames(&before, 1.0);
    assert_eq!(frames(&after, 1.0), natural);
    let total: f32 = natural.iter().sum();
    for speed in [0.8, 1.1, 1.2] {
        let faster = frames(&after, speed);
        let (asked, came) = (total / speed, faster.iter().sum::<f32>());
        assert!((asked - came).abs() < 1.5, "{speed}: {came} frames instead of {asked}");
        assert!(faster.iter().zip(&natural).all(|(f, n)| *f >= 1.0 && (f - n / speed).abs() < 1.0));
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = bytes::Bytes::from(tiny().encode_to_vec());
    assert_eq!(rewrite(bytes.clone()).unwrap().0, rewrite(bytes).unwrap().0);
}

#[test]
fn broken_files_are_errors() {
    let whole = tiny().encode_to_vec();
    for end in 0..whole.len() {
        assert!(rewrite(whole[..end].to_vec().into()).is_err(), "the first {end} bytes");
    }
    for n in 0..whole.len() {
        let mut corrupt = whole.clone();
        corrupt[n] ^= 0xff;
        let _ = rewrite(corrupt.into()); // may be another valid graph; must not panic
    }
    let missing = convert(Path::new("/nonexistent/kokoro.onnx"), Path::new("/nonexistent/out.onnx"));
    assert!(matches!(missing, Err(ConvertError::Io { .. })));
}

#[test]
fn an_unknown_chain_is_an_error_that_names_it() {
    let mut strange = tiny();
    strange.graph.as_mut().unwrap().node[4].op_type = Some("Ceil".into());
    let error = rewrite(strange.encode_to_vec().into()).unwrap_err();
    assert!(error.contains("ci/ConvInteger"), "{error}");
}

fn published() -> PathBuf {
    let path = test_file("kokoro-82m", "kokoro.int8.onnx");
    assert!(path.exists(), "{} is missing: run `make models`", path.display());
    path
}

fn speak(session: &mut Session, tokens: &[i64], style: &[f32]) -> Vec<f32> {
    let tokens = Tensor::from_array(([1_i64, tokens.len() as i64], tokens.to_vec())).unwrap();
    let style = Tensor::from_array(([1_i64, 256], style.to_vec())).unwrap();
    let speed = Tensor::from_array(([1_i64], vec![1.0_f32])).unwrap();
    let outputs = session.run(ort::inputs!["tokens" => tokens, "style" => style, "speed" => speed]).unwrap();
    outputs["audio"].try_extract_tensor::<f32>().unwrap().1.to_vec()
}

/// Energies in dB of 24 bands up to 12 kHz, 20 ms frames, with a floor 60 dB under the loudest band.
fn bands(audio: &[f32]) -> Vec<Vec<f64>> {
    const FRAME: usize = 480;
    let mut frames: Vec<Vec<f64>> = audio
        .chunks_exact(FRAME)
        .map(|frame| {
            let mut energy = vec![0.0; 24];
            for bin in 1..FRAME / 2 {
                let (mut re, mut im) = (0.0, 0.0);
                for (n, v) in frame.iter().enumerate() {
                    let angle = std::f64::consts::TAU * ((bin * n) % FRAME) as f64 / FRAME as f64;
                    re += f64::from(*v) * angle.cos();
                    im += f64::from(*v) * angle.sin();
                }
                energy[bin / 10] += re * re + im * im;
            }
            energy
        })
        .collect();
    let floor = frames.iter().flatten().copied().fold(0.0, f64::max) * 1e-6;
    frames.iter_mut().flatten().for_each(|e| *e = 10.0 * e.max(floor).log10());
    frames
}

/// The measure: root mean square difference of the band levels in dB (log-spectral distance). Two syntheses of one sentence by
/// different people are 10 dB and more apart; the threshold is what 8-bit rounding of activations alone explains.
#[test]
fn the_real_graph_sounds_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let converted = directory.path().join("kokoro.onnx");
    let rewrites = convert(&published(), &converted).unwrap();
    let Rewrites { convolutions, norms, stfts, tempos, .. } = rewrites;
    assert_eq!((convolutions, norms >= 65, stfts, tempos), (87, true, 1, 1), "{rewrites:?}");
    let left = operators(&std::fs::read(&converted).unwrap());
    assert_eq!((left["AdaptiveSnake"], left["QuantizedWindows"]), (48, 87), "{left:?}");
    assert!(["ConvInteger", "STFT", "Pow"].iter().all(|op| !left.contains_key(*op)), "{left:?}");

    let voice = std::fs::read(test_file("kokoro-82m", "voices/af_heart.bin")).unwrap();
    let tokens: Vec<i64> = vec![0, 50, 83, 54, 156, 57, 135, 3, 16, 65, 156, 87, 158, 54, 46, 5, 0];
    let row = (tokens.len() - 2) * 1024;
    let style: Vec<f32> = voice[row..row + 1024].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let (before, after) =
        (speak(&mut load(&published()).unwrap(), &tokens, &style), speak(&mut load(&converted).unwrap(), &tokens, &style));
    assert!(before.len().abs_diff(after.len()) <= 1200, "lasts {} and {} samples", before.len(), after.len());
    let (a, b) = (bands(&before), bands(&after));
    let squares: Vec<f64> = a.iter().flatten().zip(b.iter().flatten()).map(|(x, y)| (x - y).powi(2)).collect();
    let distance = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!(distance < 6.0, "log-spectral distance {distance:.2} dB");
}
