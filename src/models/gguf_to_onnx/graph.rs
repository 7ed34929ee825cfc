//! Writes an ONNX graph whose weights lie in a separate data file, so that they can be memory-mapped.
//!
//! Owns the protobuf and the data file's layout; knows no model. Called by `qwen2`. ONNX: <https://onnx.ai/onnx/repo-docs/IR.html>,
//! external data: <https://onnx.ai/onnx/repo-docs/ExternalData.html>.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use prost::Message;

use super::quantize::{BLOCK, Bits, Quantized};
use crate::inference::{
    onnx_attributes::{MICROSOFT, integer},
    onnx_proto::{
        AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
        TensorShapeProto, TypeProto, ValueInfoProto,
        tensor_proto::{DataLocation, DataType},
        tensor_shape_proto::{Dimension, dimension},
        type_proto,
    },
};

/// A page: what a memory map of one tensor must start at to be a map and not a copy.
const ALIGNMENT: u64 = 4096;

/// ONNX's operators.
pub(super) const ONNX: &str = "";

/// Collects nodes, and streams tensors to the data file.
pub(super) struct GraphWriter {
    data: BufWriter<File>,
    written: u64,
    data_name: &'static str,
    graph: GraphProto,
}

/// Where a tensor lies in the data file: can back several initializers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stored {
    offset: u64,
    length: u64,
}

impl GraphWriter {
    /// Writes tensors to `data_path`, which the graph will call `data_name`.
    pub(super) fn create(data_path: &Path, data_name: &'static str) -> io::Result<Self> {
        let data = BufWriter::new(File::create(data_path)?);
        Ok(Self { data, written: 0, data_name, graph: GraphProto { name: Some("decoder".into()), ..Default::default() } })
    }

    /// Ends the data file and gives the bytes of the `.onnx` file.
    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        self.data.flush()?;
        let opset = |domain: &str, version| OperatorSetIdProto { domain: Some(domain.into()), version: Some(version) };
        let model = ModelProto {
            // IR 10 and opset 21 are the oldest with 4-bit types and the newest that runtimes of 2024 read.
            ir_version: Some(10),
            opset_import: vec![opset(ONNX, 21), opset(MICROSOFT, 1)],
            producer_name: Some("tongchuan".into()),
            graph: Some(self.graph),
            ..Default::default()
        };
        Ok(model.encode_to_vec())
    }

    /// Declares an input; a dimension is a number or a name.
    pub(super) fn input(&mut self, name: &str, kind: DataType, shape: &[Dim<'_>]) {
        self.graph.input.push(value_info(name, kind, shape));
    }

    /// Declares an output.
    pub(super) fn output(&mut self, name: &str, kind: DataType, shape: &[Dim<'_>]) {
        self.graph.output.push(value_info(name, kind, shape));
    }

    /// Adds a node with one output, and gives that output's name.
    pub(super) fn node(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> String {
        self.node_with_outputs(domain, operator, inputs, &[output], attributes);
        output.to_owned()
    }

    /// Adds a node; an empty name leaves an optional input or output out.
    pub(super) fn node_with_outputs(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) {
        self.graph.node.push(NodeProto {
            name: outputs.first().map(|o| format!("{o}/{operator}")),
            domain: Some(domain.into()),
            op_type: Some(operator.into()),
            input: inputs.iter().map(|s| (*s).to_owned()).collect(),
            output: outputs.iter().map(|s| (*s).to_owned()).collect(),
            attribute,
            ..Default::default()
        });
    }

    /// A small constant inside the graph file.
    pub(super) fn int_constant(&mut self, name: &str, shape: &[i64], values: &[i64]) -> String {
        self.graph.initializer.push(TensorProto {
            name: Some(name.into()),
            dims: shape.to_vec(),
            data_type: Some(DataType::Int64 as i32),
            raw_data: Some(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>().into()),
            ..Default::default()
        });
        name.to_owned()
    }

    /// A float tensor in the data file.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> io::Result<String> {
        let stored = self.store_floats(values)?;
        Ok(self.initializer(name, DataType::Float, shape, stored))
    }

    /// Writes floats to the data file.
    pub(super) fn store_floats(&mut self, values: &[f32]) -> io::Result<Stored> {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.store(&bytes)
    }

    /// Writes bytes to the data file.
    pub(super) fn store(&mut self, bytes: &[u8]) -> io::Result<Stored> {
        let offset = self.written.next_multiple_of(ALIGNMENT);
        let padding = usize::try_from(offset - self.written).unwrap_or(0);
        self.data.write_all(&[0; ALIGNMENT as usize][..padding])?;
        self.data.write_all(bytes)?;
        let length = bytes.len() as u64;
        self.written = offset + length;
        Ok(Stored { offset, length })
    }

    /// Names what was stored.
    pub(super) fn initializer(&mut self, name: &str, kind: DataType, shape: &[usize], stored: Stored) -> String {
        let entry = |key: &str, value: String| StringStringEntryProto { key: Some(key.into()), value: Some(value) };
        self.graph.initializer.push(TensorProto {
            name: Some(name.into()),
            dims: shape.iter().map(|d| *d as i64).collect(),
            data_type: Some(kind as i32),
            data_location: Some(DataLocation::External as i32),
            external_data: vec![
                entry("location", self.data_name.into()),
                entry("offset", stored.offset.to_string()),
                entry("length", stored.length.to_string()),
            ],
            ..Default::default()
        });
        name.to_owned()
    }

    /// `input` times the transpose of `matrix`, plus `bias`; its weights are stored here.
    pub(super) fn matmul(&mut self, input: &str, matrix: &Quantized, bias: Option<&str>, output: &str) -> io::Result<String> {
        let codes = self.store(&matrix.codes)?;
        let scales = self.store_floats(&matrix.scales)?;
        let zero_points = if matrix.zero_points.is_empty() { None } else { Some(self.store(&matrix.zero_points)?) };
        Ok(self.matmul_stored(input, matrix, (codes, scales, zero_points), bias, output))
    }

    /// As [`GraphWriter::matmul`], with weights that are stored already.
    pub(super) fn matmul_stored(
        &mut self,
        input: &str,
        matrix: &Quantized,
        (codes, scales, zero_points): (Stored, Stored, Option<Stored>),
        bias: Option<&str>,
        output: &str,
    ) -> String {
        let Quantized { rows, columns, bits, .. } = *matrix;
        let blocks = columns / BLOCK;
        let codes =
            self.initializer(&format!("{output}.weight"), DataType::Uint8, &[rows, blocks, BLOCK * bits.count() / 8], codes);
        let scales = self.initializer(&format!("{output}.scales"), DataType::Float, &[rows, blocks], scales);
        let zero_points = zero_points.map_or(String::new(), |stored| {
            self.initializer(&format!("{output}.zero_points"), DataType::Uint8, &[rows, blocks.div_ceil(2)], stored)
        });
        // Inputs: A, B, scales, zero_points, g_idx, bias.
        let mut inputs = vec![input, &codes, &scales, &zero_points, "", bias.unwrap_or("")];
        while inputs.last() == Some(&"") {
            inputs.pop();
        }
        let attributes = vec![
            int("K", columns),
            int("N", rows),
            int("bits", bits.count()),
            int("block_size", BLOCK),
            // Level 4 quantises the activations to 8 bits per block and multiplies integers: the fast path on a CPU.
            int("accuracy_level", 4),
        ];
        self.node(MICROSOFT, "MatMulNBits", &inputs, output, attributes)
    }

    /// Rows of an 8-bit matrix, chosen by `indices` and dequantised.
    pub(super) fn gather(
        &mut self,
        matrix: &Quantized,
        (codes, scales): (Stored, Stored),
        indices: &str,
        output: &str,
    ) -> String {
        debug_assert_eq!(matrix.bits, Bits::Eight);
        let codes = self.initializer(&format!("{output}.weight"), DataType::Uint8, &[matrix.rows, matrix.columns], codes);
        let scales =
            self.initializer(&format!("{output}.scales"), DataType::Float, &[matrix.rows, matrix.columns / BLOCK], scales);
        let attributes = vec![int("bits", 8), int("block_size", BLOCK), int("gather_axis", 0), int("quantize_axis", 1)];
        self.node(MICROSOFT, "GatherBlockQuantized", &[&codes, indices, &scales], output, attributes)
    }
}

/// One dimension of a declared value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dim<'a> {
    /// Always this.
    Fixed(usize),
    /// Known at run time.
    Named(&'a str),
}

fn value_info(name: &str, kind: DataType, shape: &[Dim<'_>]) -> ValueInfoProto {
    let dim = shape
        .iter()
        .map(|d| Dimension {
            value: Some(match d {
                Dim::Fixed(n) => dimension::Value::DimValue(*n as i64),
                Dim::Named(name) => dimension::Value::DimParam((*name).into()),
            }),
            ..Default::default()
        })
        .collect();
    let tensor = type_proto::Tensor { elem_type: Some(kind as i32), shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() }),
        ..Default::default()
    }
}

/// An attribute that counts something.
pub(super) fn int(name: &str, value: usize) -> AttributeProto {
    integer(name, value as i64)
}
