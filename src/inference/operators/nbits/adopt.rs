//! Puts the operator into a graph in place of ONNX Runtime's.

use std::{
    collections::HashSet,
    path::{Component, Path},
};

use super::{MATMUL, available, fits};
use crate::inference::{
    onnx_attributes::{MICROSOFT, integer, text},
    onnx_proto::{GraphProto, NodeProto, tensor_proto::DataType},
    operators::{DOMAIN, replace},
};

/// Puts the operator into `graph`, whose weights are in files of `folder`, in place of the products that it can compute: true when there
/// are any, which there are not where this processor cannot.
pub(in crate::inference::operators) fn adopt(graph: &mut GraphProto, folder: &Path) -> bool {
    if !available() || !replace(graph, |graph, node| ours(graph, node, folder)) {
        return false;
    }
    // ONNX Runtime need not read what only this operator does.
    let used: HashSet<&String> = graph.node.iter().flat_map(|node| &node.input).collect();
    graph.initializer.retain(|tensor| tensor.name.as_ref().is_some_and(|name| used.contains(name)));
    true
}

/// This operator for a product that it computes as ONNX Runtime would.
fn ours(graph: &GraphProto, node: &NodeProto, folder: &Path) -> Option<NodeProto> {
    if node.op_type() != MATMUL || node.domain() != MICROSOFT {
        return None;
    }
    let attribute =
        |name: &str| node.attribute.iter().find(|a| a.name() == name).map_or(0, |a| usize::try_from(a.i()).unwrap_or(0));
    let (rows, columns, bits) = (attribute("N"), attribute("K"), attribute("bits"));
    // A graph that asks for other activations than those of 8 bits (`accuracy_level` 4) wants them exact.
    if attribute("accuracy_level") != 4 || !fits(rows, columns, bits, attribute("block_size")) {
        return None;
    }
    let input = |n: usize| node.input.get(n).map_or("", String::as_str);
    let stored = |n: usize, kind: DataType| {
        let tensor = graph.initializer.iter().find(|t| t.name() == input(n) && t.data_type == Some(kind as i32))?;
        let entry = |key: &str| tensor.external_data.iter().find(|e| e.key() == key).map(|e| e.value());
        let file = Path::new(entry("location")?);
        let offset: i64 = entry("offset").unwrap_or("0").parse().ok()?;
        file.components().all(|part| matches!(part, Component::Normal(_))).then_some((file, offset))
    };
    let (file, codes) = stored(1, DataType::Uint8)?;
    let (scales_file, scales) = stored(2, DataType::Float)?;
    let mut attributes = vec![text("file", folder.join(file).to_str()?), integer("codes", codes), integer("scales", scales)];
    if !input(3).is_empty() {
        let (zeros_file, zeros) = stored(3, DataType::Uint8)?;
        attributes.push(integer("zeros", zeros));
        if bits != 4 || zeros_file != file {
            return None;
        }
    }
    // The fifth input is an order of the columns.
    if scales_file != file || !input(4).is_empty() {
        return None;
    }
    attributes.extend([("K", columns), ("N", rows), ("bits", bits)].map(|(name, value)| integer(name, value as i64)));
    let inputs = [input(0), input(5)].into_iter().filter(|name| !name.is_empty()).map(str::to_owned);
    Some(NodeProto { domain: Some(DOMAIN.into()), input: inputs.collect(), attribute: attributes, ..node.clone() })
}
