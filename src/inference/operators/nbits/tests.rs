//! The operator in graphs, against the formula written plainly.

use std::path::Path;

use ort::{session::Session, value::Tensor};
use prost::Message;

use super::*;
use crate::{
    inference::{
        onnx::{self, OnnxError, SessionOptions},
        onnx_attributes::{MICROSOFT, integer},
        onnx_proto::{
            GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto, TypeProto,
            ValueInfoProto,
            tensor_proto::{DataLocation, DataType},
            type_proto,
        },
        operators::adopt,
    },
    models::load_test_runtime,
};

/// Numbers that look random, the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 24
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    fn floats(&mut self, count: usize, size: f32) -> Vec<f32> {
        (0..count).map(|_| (self.next() as f32 / (1u64 << 39) as f32 - 1.0) * size).collect()
    }
}

const FILE: &str = "weights.bin";

/// A product, and what it should give.
struct Case {
    bits: usize,
    rows: usize,
    columns: usize,
    codes: Vec<u8>,
    scales: Vec<f32>,
    zeros: Option<Vec<u8>>,
    bias: Option<Vec<f32>>,
}

impl Case {
    fn new(bits: usize, rows: usize, columns: usize, zeros: bool, bias: bool) -> Self {
        let mut random = Random((bits + rows + columns) as u64);
        let blocks = rows * columns / BLOCK;
        Self {
            bits,
            rows,
            columns,
            codes: random.bytes(rows * columns * bits / 8),
            scales: random.floats(blocks, 0.02),
            zeros: zeros.then(|| random.bytes(blocks / 2)),
            bias: bias.then(|| random.floats(rows, 1.0)),
        }
    }

    fn weight(&self, row: usize, column: usize) -> f64 {
        let nibble = |bytes: &[u8], at: usize| bytes[at / 2] >> (4 * (at % 2)) & 15;
        let (at, block) = (row * self.columns + column, (row * self.columns + column) / BLOCK);
        let code = if self.bits == 4 {
            f64::from(nibble(&self.codes, at)) - self.zeros.as_ref().map_or(8.0, |zeros| f64::from(nibble(zeros, block)))
        } else {
            f64::from(self.codes[at]) - 128.0
        };
        code * f64::from(half::f16::from_f32(self.scales[block]))
    }

    /// The product of `x`, rounded to 8 bits per block, and the largest that its terms could sum up to.
    fn expected(&self, x: &[f32]) -> Vec<(f64, f64)> {
        let mut products = Vec::new();
        for x in x.chunks(self.columns) {
            let rounded: Vec<f64> = (x.chunks(BLOCK))
                .flat_map(|block| {
                    let step = block.iter().fold(0.0_f32, |top, v| top.max(v.abs())) / 127.0;
                    block.iter().map(move |v| if step > 0.0 { f64::from((v / step).round_ties_even() * step) } else { 0.0 })
                })
                .collect();
            for row in 0..self.rows {
                let terms: Vec<f64> = rounded.iter().enumerate().map(|(k, x)| x * self.weight(row, k)).collect();
                let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[row]));
                products.push((terms.iter().sum::<f64>() + bias, terms.iter().map(|t| t.abs()).sum()));
            }
        }
        products
    }

    /// Codes, scales, zero points and bias, one behind the other, with where each begins.
    fn file(&self) -> (Vec<u8>, [usize; 4]) {
        let raw = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
        let (zeros, bias) = (self.zeros.clone().unwrap_or_default(), raw(self.bias.as_deref().unwrap_or_default()));
        let (mut file, mut places) = (Vec::new(), [0; 4]);
        for (place, part) in places.iter_mut().zip([self.codes.clone(), raw(&self.scales), zeros, bias]) {
            *place = file.len();
            file.extend(part);
        }
        (file, places)
    }

    fn graph(&self) -> GraphProto {
        let value = |name: &str| {
            let tensor = type_proto::Tensor { elem_type: Some(DataType::Float as i32), shape: None };
            let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
            ValueInfoProto { name: Some(name.into()), r#type: Some(kind), ..Default::default() }
        };
        let blocks = self.columns / BLOCK;
        let constants: [(&str, &[usize], DataType); 4] = [
            ("codes", &[self.rows, blocks, BLOCK * self.bits / 8], DataType::Uint8),
            ("scales", &[self.rows, blocks], DataType::Float),
            ("zeros", &[self.rows, blocks / 2], DataType::Uint8),
            ("bias", &[self.rows], DataType::Float),
        ];
        let there = [true, true, self.zeros.is_some(), self.bias.is_some()];
        let constants = constants.into_iter().zip(self.file().1).zip(there).filter(|(_, there)| *there);
        let initializer = constants.map(|(((name, dims, kind), place), _)| {
            let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
            let bytes = dims.iter().product::<usize>() * if kind == DataType::Float { 4 } else { 1 };
            TensorProto {
                name: Some(name.into()),
                dims: dims.iter().map(|d| *d as i64).collect(),
                data_type: Some(kind as i32),
                data_location: Some(DataLocation::External as i32),
                external_data: vec![
                    entry("location", FILE.into()),
                    entry("offset", place.to_string()),
                    entry("length", bytes.to_string()),
                ],
                ..Default::default()
            }
        });
        let initializer = initializer.collect();
        let name = |name: &str, there: bool| if there { name.to_owned() } else { String::new() };
        let mut input = vec!["x".into(), "codes".into(), "scales".into(), name("zeros", self.zeros.is_some())];
        input.extend([String::new(), name("bias", self.bias.is_some())]);
        while input.last().is_some_and(String::is_empty) {
            input.pop();
        }
        let attributes =
            [("K", self.columns), ("N", self.rows), ("bits", self.bits), ("block_size", BLOCK), ("accuracy_level", 4)];
        GraphProto {
            name: Some("product".into()),
            node: vec![NodeProto {
                op_type: Some(MATMUL.into()),
                domain: Some(MICROSOFT.into()),
                input,
                output: vec!["y".into()],
                attribute: attributes.map(|(name, value)| integer(name, value as i64)).into(),
                ..Default::default()
            }],
            initializer,
            input: vec![value("x")],
            output: vec![value("y")],
            ..Default::default()
        }
    }
}

fn model(graph: GraphProto) -> Vec<u8> {
    let opset = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
    let opset_import = vec![opset("", 20), opset(MICROSOFT, 1)];
    ModelProto { ir_version: Some(9), opset_import, graph: Some(graph), ..Default::default() }.encode_to_vec()
}

/// The model with `file` beside it.
fn session(model: &[u8], file: &[u8]) -> Result<Session, OnnxError> {
    load_test_runtime();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    std::fs::write(&path, model).unwrap();
    std::fs::write(directory.path().join(FILE), file).unwrap();
    onnx::session(&path, &SessionOptions::cpu(2))
}

fn adopted(model: &[u8]) -> Option<ModelProto> {
    Some(ModelProto::decode(&*adopt(model, Path::new("/nowhere"))?).unwrap())
}

fn run(session: &mut Session, x: &[f32], columns: usize) -> Result<Vec<f32>, ort::Error> {
    let x = Tensor::from_array(([1, x.len() / columns, columns], x.to_vec()))?;
    let outputs = session.run(ort::inputs!["x" => x])?;
    Ok(outputs["y"].try_extract_tensor::<f32>()?.1.to_vec())
}

/// What these tests are about needs the instructions; without them a graph must be left as it is.
fn adoptable() -> bool {
    let there = adopted(&model(Case::new(4, 16, 128, true, false).graph())).is_some();
    assert_eq!(there, available());
    there
}

#[test]
fn the_products_are_those_of_the_formula() {
    let adoptable = adoptable();
    for (bits, rows, columns, zeros, bias) in [
        (4, 16, 128, true, true),
        (4, 48, 896, true, false),
        (4, 272, 1536, true, true),
        (4, 32, 640, false, false),
        (8, 32, 128, false, false),
        (8, 304, 896, false, false),
    ] {
        let case = Case::new(bits, rows, columns, zeros, bias);
        let model = model(case.graph());
        let left = adopted(&model).map_or(usize::MAX, |model| model.graph.unwrap().initializer.len());
        assert_eq!(left, if adoptable { usize::from(bias) } else { usize::MAX });
        let mut session = session(&model, &case.file().0).unwrap();
        for tokens in [1, 2, 5, 33] {
            let mut x = Random(tokens as u64).floats(tokens * columns, 3.0);
            // Nothing in a block, and one value far from the others.
            x[..BLOCK].fill(0.0);
            x[BLOCK + 1] = -60.0;
            let got = run(&mut session, &x, columns).unwrap();
            let expected = case.expected(&x);
            assert_eq!(got.len(), expected.len());
            for (n, (got, (expected, size))) in got.iter().zip(expected).enumerate() {
                // A value halfway between two steps may be rounded to either: a step of one term.
                let off = (f64::from(*got) - expected).abs() / size;
                assert!(off < 2e-3, "{bits} bits, [{rows}, {columns}], {tokens} tokens, number {n}: {got}, not {expected}");
            }
        }
    }
}

#[test]
fn what_the_kernels_cannot_compute_is_left_to_onnx_runtime() {
    let fitting = Case::new(4, 16, 128, true, false);
    let attribute = |graph: &mut GraphProto, name: &str, value: i64| {
        graph.node[0].attribute.iter_mut().filter(|a| a.name() == name).for_each(|a| a.i = Some(value));
    };
    let others: [&dyn Fn(&mut GraphProto); 7] = [
        &|graph| attribute(graph, "accuracy_level", 0),
        &|graph| attribute(graph, "block_size", 64),
        &|graph| attribute(graph, "bits", 2),
        &|graph| graph.initializer[1].data_type = Some(DataType::Float16 as i32),
        &|graph| graph.node[0].op_type = Some("MatMul".into()),
        &|graph| graph.initializer[0].external_data.clear(),
        &|graph| graph.initializer[0].external_data[0].value = Some("../weights".into()),
    ];
    for (n, change) in others.into_iter().enumerate() {
        let mut graph = fitting.graph();
        change(&mut graph);
        assert!(adopted(&model(graph)).is_none(), "number {n}");
    }
    for (rows, columns) in [(24, 128), (16, 96)] {
        assert!(adopted(&model(Case::new(4, rows, columns, true, false).graph())).is_none(), "[{rows}, {columns}]");
    }
    assert!(adopted(b"no model").is_none());
}

#[test]
fn what_does_not_fit_is_an_error() {
    if !adoptable() {
        return;
    }
    let case = Case::new(4, 32, 256, true, false);
    let file = case.file().0;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(FILE), &file).unwrap();
    let whole = adopt(&model(case.graph()), directory.path()).unwrap();
    assert!(session(&whole, &[]).is_ok());
    let set = |model: &mut ModelProto, name: &str, value: i64| {
        model.graph.as_mut().unwrap().node[0].attribute.iter_mut().filter(|a| a.name() == name).for_each(|a| a.i = Some(value));
    };
    let break_it: [&dyn Fn(&mut ModelProto); 8] = [
        &|model| model.graph.as_mut().unwrap().node[0].attribute.clear(),
        &|model| set(model, "N", 1 << 20),
        &|model| set(model, "N", 40),
        &|model| set(model, "K", -128),
        &|model| set(model, "bits", 3),
        &|model| set(model, "codes", file.len() as i64),
        &|model| set(model, "scales", -4),
        &|model| set(model, "zeros", i64::MAX),
    ];
    for (n, break_it) in break_it.into_iter().enumerate() {
        let mut model = ModelProto::decode(&*whole).unwrap();
        break_it(&mut model);
        assert!(session(&model.encode_to_vec(), &[]).is_err(), "number {n}");
    }
    std::fs::remove_file(directory.path().join(FILE)).unwrap();
    assert!(session(&whole, &[]).is_err(), "no file");
    let mut session = session(&model(case.graph()), &file).unwrap();
    assert!(run(&mut session, &[0.5; 384], 384).is_err(), "rows of another length");
    assert!(run(&mut session, &[], 256).is_ok_and(|nothing| nothing.is_empty()));
}
