//! Kokoro's published int8 graph -> an equivalent graph that runs faster on a CPU.
//!
//! Called once per download, by the model catalogue. Rewrites, each by pattern, none by node name:
//! [`convolution`] turns the integer convolutions (87, two thirds of the time: ONNX Runtime's kernel for them is slow) into
//! integer matrix products, [`norm`] turns instance normalisation spelled out in nine nodes into one, together with the activation after
//! it where that is Snake, [`stft`] turns the generic STFT of 20 points into a convolution, and squares become multiplications. Neither the
//! file nor the memory grows. Integer matrix products and LSTMs stay as they are: they are 2 % of the time. What changes is [`tempo`]: faster
//! speech is as much faster as was asked.

mod convolution;
mod graph;
mod norm;
mod stft;
mod tempo;
#[cfg(test)]
mod tests;

use std::{fs, path::Path};

use prost::Message;

use self::graph::{Edits, Index};
use super::ConvertError;
use crate::inference::{
    onnx_attributes::MICROSOFT,
    onnx_proto::{ModelProto, OperatorSetIdProto},
    operators,
};

/// How often each rewrite applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rewrites {
    /// Integer convolutions replaced.
    pub convolutions: usize,
    /// Normalisations fused.
    pub norms: usize,
    /// STFTs made convolutions.
    pub stfts: usize,
    /// Sums made without transposing.
    pub sums: usize,
    /// Squares made products.
    pub squares: usize,
    /// Durations scaled as a whole.
    pub tempos: usize,
}

/// Converts the graph at `onnx` and writes it to `output`, whole or not at all. The same input gives the same bytes.
///
/// # Errors
/// [`ConvertError::Format`] when the input is not an ONNX graph or its integer convolutions are not built as ONNX Runtime's
/// dynamic quantiser builds them; [`ConvertError::Io`] when a file cannot be read or written.
pub fn convert(onnx: &Path, output: &Path) -> Result<Rewrites, ConvertError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ConvertError::Io { path, source }
    };
    let bytes = fs::read(onnx).map_err(io(onnx))?;
    let (converted, rewrites) = rewrite(bytes.into()).map_err(|reason| ConvertError::Format { path: onnx.to_owned(), reason })?;
    let partial = output.with_extension("partial");
    fs::write(&partial, converted).map_err(io(&partial))?;
    fs::rename(&partial, output).map_err(io(output))?;
    Ok(rewrites)
}

/// The conversion without files.
fn rewrite(bytes: bytes::Bytes) -> Result<(Vec<u8>, Rewrites), String> {
    let mut model = ModelProto::decode(bytes).map_err(|e| format!("not an ONNX file: {e}"))?;
    if model.opset_import.is_empty() {
        return Err("it names no operator set: the file is cut off".into());
    }
    let mut graph = model.graph.take().filter(|g| !g.node.is_empty() && !g.output.is_empty()).ok_or("it holds no graph")?;
    let mut edits = Edits::default();
    let rewrites = {
        let index = Index::new(&graph)?;
        Rewrites {
            convolutions: convolution::rewrite(&index, &mut edits)?,
            norms: norm::rewrite(&index, &mut edits),
            stfts: stft::rewrite(&index, &mut edits)?,
            sums: graph::sums(&index, &mut edits),
            squares: graph::squares(&index, &mut edits),
            tempos: tempo::rewrite(&index, &mut edits),
        }
    };
    edits.apply(&mut graph);
    for domain in [MICROSOFT, operators::DOMAIN] {
        if !model.opset_import.iter().any(|o| o.domain() == domain) {
            model.opset_import.push(OperatorSetIdProto { domain: Some(domain.into()), version: Some(1) });
        }
    }
    model.graph = Some(graph);
    Ok((model.encode_to_vec(), rewrites))
}
