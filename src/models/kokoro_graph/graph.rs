//! Reading and editing an ONNX graph: who makes and uses a value, constants, replacing nodes, dropping what nobody needs.
//!
//! Knows nothing about Kokoro; every access to the file's content is checked, because the file may be anything.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;

use crate::inference::{
    onnx_attributes::integers,
    onnx_proto::{AttributeProto, GraphProto, NodeProto, TensorProto, tensor_proto::DataType},
};

/// Lookup tables over a graph that is not being changed.
pub(super) struct Index<'a> {
    pub(super) nodes: &'a [NodeProto],
    producer: HashMap<&'a str, usize>,
    consumers: HashMap<&'a str, Vec<usize>>,
    constants: HashMap<&'a str, &'a TensorProto>,
    inputs: HashSet<&'a str>,
    outputs: HashSet<&'a str>,
}

impl<'a> Index<'a> {
    pub(super) fn new(graph: &'a GraphProto) -> Result<Self, String> {
        let mut index = Self {
            nodes: &graph.node,
            producer: HashMap::new(),
            consumers: HashMap::new(),
            constants: graph.initializer.iter().map(|t| (t.name(), t)).collect(),
            inputs: graph.input.iter().map(|i| i.name()).collect(),
            outputs: graph.output.iter().map(|o| o.name()).collect(),
        };
        for (n, node) in graph.node.iter().enumerate() {
            // A branch or loop body may use outer values by name, which this index does not see.
            if node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
                return Err(format!("the node {} has a body of its own", node.name()));
            }
            for output in node.output.iter().filter(|o| !o.is_empty()) {
                if index.producer.insert(output, n).is_some() {
                    return Err(format!("two nodes make the value {output}"));
                }
            }
            for input in &node.input {
                index.consumers.entry(input).or_default().push(n);
            }
        }
        Ok(index)
    }

    /// The node that makes `value`, when it is of type `op`.
    pub(super) fn made_by(&self, value: &str, op: &str) -> Option<&'a NodeProto> {
        let node = self.nodes.get(*self.producer.get(value)?)?;
        (node.op_type() == op).then_some(node)
    }

    /// The only node that uses `value`, with its position; nothing when several do or the graph returns it.
    pub(super) fn only_user(&self, value: &str) -> Option<(usize, &'a NodeProto)> {
        match self.users(value).as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }

    /// All nodes that use `value`; none when the graph itself returns it, for then it must stay.
    pub(super) fn users(&self, value: &str) -> Vec<(usize, &'a NodeProto)> {
        if self.outputs.contains(value) {
            return Vec::new();
        }
        let users = self.consumers.get(value).map_or(&[][..], Vec::as_slice);
        users.iter().filter_map(|n| Some((*n, self.nodes.get(*n)?))).collect()
    }

    /// True when the graph is given `value`.
    pub(super) fn is_input(&self, value: &str) -> bool {
        self.inputs.contains(value)
    }

    /// The constant called `name`.
    pub(super) fn constant(&self, name: &str) -> Option<&'a TensorProto> {
        self.constants.get(name).copied()
    }

    /// The numbers of a constant, whatever their type in the file (float32, int64, uint8, int8).
    pub(super) fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        numbers(self.constant(name)?)
    }

    /// The one number of a constant.
    pub(super) fn number(&self, name: &str) -> Option<f64> {
        match self.numbers(name)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let raw = tensor.raw_data.as_deref();
    Some(match (DataType::try_from(tensor.data_type()).ok()?, raw) {
        (DataType::Float, Some(raw)) => {
            raw.chunks_exact(4).map(|b| Some(f64::from(f32::from_le_bytes(b.try_into().ok()?)))).collect::<Option<_>>()?
        }
        (DataType::Float, None) => tensor.float_data.iter().map(|v| f64::from(*v)).collect(),
        // Sizes and axes: far below 2^53, where f64 is exact.
        (DataType::Int64, Some(raw)) => {
            raw.chunks_exact(8).map(|b| Some(i64::from_le_bytes(b.try_into().ok()?) as f64)).collect::<Option<_>>()?
        }
        (DataType::Int64, None) => tensor.int64_data.iter().map(|v| *v as f64).collect(),
        (DataType::Uint8, Some(raw)) => raw.iter().map(|b| f64::from(*b)).collect(),
        (DataType::Int8, Some(raw)) => raw.iter().map(|b| f64::from(b.cast_signed())).collect(),
        (DataType::Uint8 | DataType::Int8, None) => tensor.int32_data.iter().map(|v| f64::from(*v)).collect(),
        _ => return None,
    })
}

/// The input of a two-input node that is not `value`.
pub(super) fn other_input<'a>(node: &'a NodeProto, value: &str) -> Option<&'a str> {
    match node.input.as_slice() {
        [a, b] if a == value => Some(b),
        [a, b] if b == value => Some(a),
        _ => None,
    }
}

/// The first output, or nothing.
pub(super) fn output(node: &NodeProto) -> Option<&str> {
    node.output.first().map(String::as_str)
}

/// What will change.
#[derive(Default)]
pub(super) struct Edits {
    replacements: BTreeMap<usize, Vec<NodeProto>>,
    constants: BTreeMap<String, TensorProto>,
    by_time: HashMap<String, String>,
}

impl Edits {
    /// Puts `nodes` where the node at `position` was; they must make its outputs.
    pub(super) fn replace(&mut self, position: usize, nodes: Vec<NodeProto>) {
        self.replacements.insert(position, nodes);
    }

    /// Notes that new nodes have `value`, [1, channels, time], as [1, time, channels] under the name `by_time`.
    pub(super) fn note_by_time(&mut self, value: &str, by_time: &str) {
        // The first to make it stands in front of everybody who could use it.
        self.by_time.entry(value.to_owned()).or_insert_with(|| by_time.to_owned());
    }

    /// The name under which `value` is there as [1, time, channels].
    pub(super) fn by_time(&self, value: &str) -> Option<&str> {
        self.by_time.get(value).map(String::as_str)
    }

    /// Adds a float constant and gives back its name; the same name twice means the same content.
    pub(super) fn floats(&mut self, name: String, dims: &[i64], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.add(name, dims, DataType::Float, raw.into())
    }

    /// Adds an int64 vector.
    pub(super) fn integers(&mut self, name: String, values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.add(name, &[i64::try_from(values.len()).unwrap_or(0)], DataType::Int64, raw.into())
    }

    /// Adds an int8 constant.
    pub(super) fn bytes(&mut self, name: String, dims: &[i64], values: &[i8]) -> String {
        let raw: Vec<u8> = values.iter().map(|v| v.cast_unsigned()).collect();
        self.add(name, dims, DataType::Int8, raw.into())
    }

    fn add(&mut self, name: String, dims: &[i64], kind: DataType, raw: Bytes) -> String {
        let tensor = TensorProto {
            name: Some(name.clone()),
            dims: dims.to_vec(),
            data_type: Some(kind as i32),
            raw_data: Some(raw),
            ..TensorProto::default()
        };
        self.constants.insert(name.clone(), tensor);
        name
    }

    /// Carries the changes out, then drops every node and constant that no output depends on.
    pub(super) fn apply(mut self, graph: &mut GraphProto) {
        let mut nodes = Vec::with_capacity(graph.node.len());
        for (n, node) in std::mem::take(&mut graph.node).into_iter().enumerate() {
            match self.replacements.remove(&n) {
                Some(new) => nodes.extend(new),
                None => nodes.push(node),
            }
        }
        // Nodes are in the order they run, so one pass from the end finds all that is needed.
        let mut needed: HashSet<String> = graph.output.iter().map(|o| o.name().to_owned()).collect();
        let mut kept: Vec<NodeProto> = Vec::with_capacity(nodes.len());
        for node in nodes.into_iter().rev() {
            if node.output.iter().any(|o| needed.contains(o)) {
                needed.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        graph.node = kept;
        graph.initializer.extend(self.constants.into_values());
        graph.initializer.retain(|t| needed.contains(t.name()));
        // Shape notes about values that may be gone.
        graph.value_info.clear();
        graph.quantization_annotation.clear();
    }
}

/// A node of the standard operator set.
pub(super) fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.to_owned()),
        name: Some(format!("{output}/{op}")),
        input: inputs.iter().map(|&i| i.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute: attributes,
        ..NodeProto::default()
    }
}

/// The same node, but of an operator set that is not the standard one.
pub(super) fn of_domain(domain: &str, node: NodeProto) -> NodeProto {
    NodeProto { domain: Some(domain.to_owned()), ..node }
}

/// [1, channels, time] <-> [1, time, channels].
pub(super) fn transpose(input: &str, output: &str) -> NodeProto {
    node("Transpose", &[input], output, vec![integers("perm", &[0, 2, 1])])
}

/// Sums of two values that are both there as [1, time, channels] are made from those; how many. ONNX Runtime then drops the transpositions
/// in between, which were a tenth of the time.
pub(super) fn sums(index: &Index<'_>, edits: &mut Edits) -> usize {
    let mut count = 0;
    for (n, sum) in index.nodes.iter().enumerate().filter(|(_, n)| n.op_type() == "Add") {
        let ([a, b], Some(out)) = (sum.input.as_slice(), output(sum)) else { continue };
        let (Some(a), Some(b)) = (edits.by_time(a), edits.by_time(b)) else { continue };
        let by_time = format!("{out}/sum");
        let nodes = vec![node("Add", &[a, b], &by_time, Vec::new()), transpose(&by_time, out)];
        edits.replace(n, nodes);
        count += 1;
    }
    count
}

/// `Pow(x, 2)` -> `Mul(x, x)`: the same number, a third less time.
pub(super) fn squares(index: &Index<'_>, edits: &mut Edits) -> usize {
    let mut count = 0;
    for (n, pow) in index.nodes.iter().enumerate().filter(|(_, n)| n.op_type() == "Pow") {
        let ([x, exponent], Some(out)) = (pow.input.as_slice(), output(pow)) else { continue };
        let float = index.constant(exponent).is_some_and(|t| t.data_type() == DataType::Float as i32);
        if float && index.number(exponent) == Some(2.0) {
            edits.replace(n, vec![node("Mul", &[x, x], out, Vec::new())]);
            count += 1;
        }
    }
    count
}
