//! Which converter a model needs, and the one call that runs it.
//!
//! The converters themselves know file formats only; this file knows which of the catalogue's files they take and give.

use std::{fmt, path::Path};

use serde::{Deserialize, Serialize};

use super::{ConvertError, ct2_to_ggml, gguf_to_onnx, kokoro_graph};

/// The `conversion` table of a model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// The converter.
    pub kind: ConversionKind,
    /// Raised when the converter's output changes; installed copies of an older version are made anew.
    pub version: u32,
    /// The files it reads, in the order in which the converter takes them; those marked intermediate are removed afterwards.
    pub inputs: Vec<String>,
    /// The files it makes.
    pub outputs: Vec<String>,
    /// About how large they are together; only for the free-space check.
    pub output_bytes: u64,
}

/// A converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConversionKind {
    /// [`ct2_to_ggml`]: CTranslate2 Whisper (`model.bin`, `tokenizer.json`) to whisper.cpp's GGML.
    Ct2ToGgml,
    /// [`gguf_to_onnx`]: GGUF Qwen2 to an ONNX decoder.
    GgufToOnnx,
    /// [`kokoro_graph`]: the published Kokoro graph to an equivalent that is faster on a CPU.
    KokoroGraph,
}

impl ConversionKind {
    /// How many input files it takes.
    pub fn inputs(self) -> usize {
        match self {
            ConversionKind::Ct2ToGgml => 2,
            ConversionKind::GgufToOnnx | ConversionKind::KokoroGraph => 1,
        }
    }
}

impl fmt::Display for ConversionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConversionKind::Ct2ToGgml => "ct2-to-ggml",
            ConversionKind::GgufToOnnx => "gguf-to-onnx",
            ConversionKind::KokoroGraph => "kokoro-graph",
        })
    }
}

/// Something that runs a conversion: reads its inputs in the first folder and writes its outputs into the second.
/// A parameter of the pull, so that tests need no real weights.
pub type Converter = fn(&Conversion, &Path, &Path) -> Result<(), ConvertError>;

/// Runs the real converter. Blocking; takes up to minutes of one core.
///
/// # Errors
/// The converter's own.
pub fn run(conversion: &Conversion, input_dir: &Path, output_dir: &Path) -> Result<(), ConvertError> {
    let inputs: Vec<_> = conversion.inputs.iter().map(|name| input_dir.join(name)).collect();
    let output = |index: usize| conversion.outputs.get(index).map(|name| output_dir.join(name));
    match (conversion.kind, inputs.as_slice(), output(0)) {
        (ConversionKind::Ct2ToGgml, [model, tokenizer], Some(output)) => ct2_to_ggml::convert(model, tokenizer, &output),
        (ConversionKind::GgufToOnnx, [gguf], Some(_)) => gguf_to_onnx::convert(gguf, output_dir),
        (ConversionKind::KokoroGraph, [onnx], Some(output)) => kokoro_graph::convert(onnx, &output).map(drop),
        _ => Err(ConvertError::Format { path: input_dir.to_owned(), reason: "the catalogue gives it the wrong files".into() }),
    }
}
