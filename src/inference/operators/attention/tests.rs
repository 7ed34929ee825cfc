//! The operator in graphs, against the formula written plainly.

use ort::{session::Session, value::Tensor};

use super::*;
use crate::{
    inference::{
        onnx::{self, OnnxError, SessionOptions},
        onnx_attributes::{float, integer},
        onnx_proto::{
            ModelProto, OperatorSetIdProto, TensorShapeProto, TypeProto, ValueInfoProto, tensor_proto::DataType,
            tensor_shape_proto, tensor_shape_proto::dimension, type_proto,
        },
    },
    models::load_test_runtime,
};
use prost::Message;

const INPUTS: [&str; 7] = ["qkv", "past_key", "past_value", "last", "total", "cosines", "sines"];
const OUTPUTS: [&str; 3] = ["out", "key", "value"];

/// What is asked of it, and what it is given: `past` tokens were read, `new` ones come.
#[derive(Debug, Clone, Copy)]
struct Case {
    heads: usize,
    kv_heads: usize,
    head: usize,
    room: usize,
    past: usize,
    new: usize,
}

/// A number that looks random, from -1 to 1 (the sine of a large number).
fn number(seed: usize) -> f32 {
    ((seed as f64 * 12.9898 + 4.1).sin() * 43_758.545).fract() as f32
}

impl Case {
    fn graph(self) -> GraphProto {
        let value = |name: &&str| {
            let kind = if ["last", "total"].contains(name) { DataType::Int32 } else { DataType::Float };
            let sizes = [None, None, None, Some(self.head)].map(|size| tensor_shape_proto::Dimension {
                value: size.map(|size| dimension::Value::DimValue(size as i64)),
                ..Default::default()
            });
            let shape = name.starts_with("past").then(|| TensorShapeProto { dim: sizes.into() });
            let tensor = type_proto::Tensor { elem_type: Some(kind as i32), shape };
            let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
            ValueInfoProto { name: Some((*name).into()), r#type: Some(kind), ..Default::default() }
        };
        let [qkv, others @ ..] = INPUTS;
        let input = [&[qkv, "", ""][..], &others].concat();
        let attributes =
            [("num_heads", self.heads), ("kv_num_heads", self.kv_heads), ("do_rotary", 1), ("rotary_interleaved", 0)];
        GraphProto {
            name: Some("attention".into()),
            node: vec![NodeProto {
                op_type: Some(THEIRS.into()),
                domain: Some(MICROSOFT.into()),
                input: input.into_iter().map(str::to_owned).collect(),
                output: OUTPUTS.map(str::to_owned).into(),
                attribute: attributes.map(|(name, value)| integer(name, value as i64)).into(),
                ..Default::default()
            }],
            input: INPUTS.iter().map(value).collect(),
            output: OUTPUTS.iter().map(value).collect(),
            ..Default::default()
        }
    }

    /// That it has in the end.
    fn room(self) -> usize {
        self.room.max(self.past + self.new)
    }

    fn width(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head
    }

    fn qkv(self) -> Vec<f32> {
        (0..self.new * self.width()).map(|n| 3.0 * number(n)).collect()
    }

    /// Keys or values.
    fn cache(self, seed: usize) -> Vec<f32> {
        (0..self.kv_heads * self.room * self.head).map(|n| number(n + seed)).collect()
    }

    fn tables(self) -> [Vec<f32>; 2] {
        let angle = |n: usize| n as f64 / self.head as f64 * 0.7;
        [f64::cos, f64::sin].map(|f| (0..self.room() * self.head / 2).map(|n| f(angle(n)) as f32).collect())
    }

    /// Output, keys and values.
    fn expected(self) -> [Vec<f64>; 3] {
        let Self { heads, kv_heads, head, room, past, new } = self;
        let (qkv, [cosines, sines]) = (self.qkv(), self.tables());
        // Where the past has no room for the new tokens there is more of it.
        let grown = |cache: Vec<f32>| -> Vec<f64> {
            let more = vec![0.0; (self.room() - room) * head];
            cache.chunks(room * head).flat_map(|of_head| [of_head, &more].concat()).map(f64::from).collect()
        };
        let ([mut keys, mut values], room) = ([self.cache(1), self.cache(2)].map(grown), self.room());
        let rotated = |x: &[f32], at: usize| -> Vec<f64> {
            let x = |n: usize| f64::from(x[n]);
            let angle = |n: usize| (f64::from(cosines[at * head / 2 + n]), f64::from(sines[at * head / 2 + n]));
            let first = (0..head / 2).map(|n| x(n) * angle(n).0 - x(n + head / 2) * angle(n).1);
            let second = (0..head / 2).map(|n| x(n + head / 2) * angle(n).0 + x(n) * angle(n).1);
            first.chain(second).collect()
        };
        let part = |n: usize, h: usize| &qkv[n * self.width() + h * head..][..head];
        for n in 0..new {
            for h in 0..kv_heads {
                let place = (h * room + past + n) * head;
                keys[place..][..head].copy_from_slice(&rotated(part(n, heads + h), past + n));
                for (value, new) in values[place..].iter_mut().zip(part(n, heads + kv_heads + h)) {
                    *value = f64::from(*new);
                }
            }
        }
        let mut output = Vec::new();
        for n in 0..new {
            for h in 0..heads {
                let query = rotated(part(n, h), past + n);
                let of_head = h / (heads / kv_heads) * room * head;
                let token = |all: &'_ [f64], t: usize, n: usize| all[of_head + t * head + n];
                let weights: Vec<f64> = (0..=past + n)
                    .map(|t| (0..head).map(|n| query[n] * token(&keys, t, n)).sum::<f64>() / (head as f64).sqrt())
                    .map(f64::exp)
                    .collect();
                let all: f64 = weights.iter().sum();
                output.extend(
                    (0..head).map(|n| weights.iter().enumerate().map(|(t, w)| w / all * token(&values, t, n)).sum::<f64>()),
                );
            }
        }
        [output, keys, values]
    }

    /// What it gives, in the past's own memory or not.
    fn run(self, session: &mut Session, in_place: bool) -> ort::Result<[Vec<f32>; 3]> {
        let cache = |seed| {
            let mut cache = Tensor::<f32>::new(session.allocator(), [1, self.kv_heads, self.room, self.head])?;
            cache.extract_tensor_mut().1.copy_from_slice(&self.cache(seed));
            Ok::<_, ort::Error>(cache)
        };
        let (mut key, mut value) = (cache(1)?, cache(2)?);
        let total = i32::try_from(self.past + self.new).unwrap();
        let mut binding = session.create_binding()?;
        binding.bind_input("qkv", &Tensor::from_array(([1, self.new, self.width()], self.qkv()))?)?;
        binding.bind_input("past_key", &key)?;
        binding.bind_input("past_value", &value)?;
        binding.bind_input("last", &Tensor::from_array(([1], vec![total - 1]))?)?;
        binding.bind_input("total", &Tensor::from_array(((), vec![total]))?)?;
        for (name, table) in ["cosines", "sines"].into_iter().zip(self.tables()) {
            binding.bind_input(name, &Tensor::from_array(([self.room(), self.head / 2], table))?)?;
        }
        binding.bind_output_to_device("out", session.allocator().memory_info())?;
        if in_place {
            binding.bind_output("key", &mut key)?;
            binding.bind_output("value", &mut value)?;
        } else {
            binding.bind_output_to_device("key", session.allocator().memory_info())?;
            binding.bind_output_to_device("value", session.allocator().memory_info())?;
        }
        let outputs = session.run_binding(&binding)?;
        let floats = |name: &str| Ok::<_, ort::Error>(outputs[name].try_extract_tensor::<f32>()?.1.to_vec());
        Ok([floats("out")?, floats("key")?, floats("value")?])
    }
}

const SMALL: Case = Case { heads: 4, kv_heads: 2, head: 64, room: 128, past: 3, new: 2 };

fn session(graph: GraphProto) -> Result<Session, OnnxError> {
    load_test_runtime();
    let opset = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
    let opset_import = vec![opset("", 20), opset(MICROSOFT, 1), opset(DOMAIN, 1)];
    let model = ModelProto { ir_version: Some(9), opset_import, graph: Some(graph), ..Default::default() };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    onnx::session(&path, &SessionOptions::cpu(2))
}

/// The same with this operator.
fn adopted(mut graph: GraphProto) -> Option<GraphProto> {
    adopt(&mut graph).then_some(graph)
}

#[test]
fn attention_is_that_of_the_formula() {
    // ONNX Runtime's operator must give the same: it takes this one's place on other processors.
    for case in [
        SMALL,
        Case { past: 0, new: 1, ..SMALL },
        Case { heads: 12, kv_heads: 2, head: 128, room: 256, past: 170, new: 1 },
        Case { heads: 14, kv_heads: 2, head: 64, room: 128, past: 5, new: 9 },
        Case { heads: 3, kv_heads: 3, head: 64, room: 128, past: 95, new: 33 },
        Case { heads: 6, kv_heads: 1, head: 128, room: 128, past: 0, new: 40 },
        Case { room: 5, past: 5, new: 3, ..SMALL },
    ] {
        let expected = case.expected();
        let mut session = session(case.graph()).unwrap();
        for in_place in [case.room == case.room(), false] {
            let got = case.run(&mut session, in_place).unwrap();
            for (name, (got, expected)) in OUTPUTS.into_iter().zip(got.iter().zip(&expected)) {
                assert_eq!(got.len(), expected.len());
                let off = got.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-5, "{case:?}, in place: {in_place}: {name} is off by {off}");
            }
        }
    }
}

#[test]
fn what_it_does_not_compute_is_left_to_onnx_runtime() {
    assert_eq!(adopted(SMALL.graph()).is_some(), available());
    let attribute = |graph: &mut GraphProto, name: &str, value: i64| {
        graph.node[0].attribute.iter_mut().filter(|a| a.name() == name).for_each(|a| a.i = Some(value));
    };
    assert!(adopted(Case { head: 32, ..SMALL }.graph()).is_none(), "heads that are not whole vectors");
    let others: [&dyn Fn(&mut GraphProto); 8] = [
        &|graph| graph.input[1].r#type = None,
        &|graph| attribute(graph, "do_rotary", 0),
        &|graph| attribute(graph, "rotary_interleaved", 1),
        &|graph| graph.node[0].attribute.push(float("softcap", 30.0)),
        &|graph| graph.node[0].attribute.push(integer("local_window_size", 16)),
        &|graph| graph.node[0].input[1] = "key".into(),
        &|graph| graph.node[0].input.push("bias".into()),
        &|graph| graph.node[0].output.truncate(1),
    ];
    for (n, change) in others.into_iter().enumerate() {
        let mut graph = SMALL.graph();
        change(&mut graph);
        assert!(adopted(graph).is_none(), "number {n}");
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let Some(graph) = adopted(SMALL.graph()) else { return };
    for attribute in [&[][..], &[integer("num_heads", 3), integer("kv_num_heads", 2)], &[integer("num_heads", 4)]] {
        let mut graph = graph.clone();
        graph.node[0].attribute = attribute.to_vec();
        assert!(session(graph).is_err());
    }
    let mut session = session(graph).unwrap();
    assert!(SMALL.run(&mut session, true).is_ok());
    for case in [
        Case { heads: 6, ..SMALL },
        Case { kv_heads: 1, heads: 2, ..SMALL },
        Case { head: 32, ..SMALL },
        Case { past: 129, new: 2, ..SMALL },
    ] {
        assert!(case.run(&mut session, true).is_err(), "{case:?}");
    }
}

#[test]
fn the_exponential_is_one() {
    for n in 0..1_000_000 {
        let x = n as f32 * -1e-4;
        let (got, exact) = (f64::from(exponential(x)), f64::from(x).exp());
        assert!((got - exact).abs() <= 2e-7 * exact || (x < -86.9 && got < 1e-37), "e^{x} is {exact}, not {got}");
    }
}
