//! Turns a Qwen2 GGUF file into what the translator loads: `model.onnx`, `model.onnx.data` and `tokenizer.json`.
//!
//! Owns the order of the work and the files; [`qwen2`] the graph, [`graph`] the ONNX file format, [`quantize`] the
//! weights' new blocks, [`tokenizer`] the vocabulary. Knows nothing of prompts or inference. Called by `models pull`.
//! The same input gives the same bytes. `model.onnx` is written last: where it is, the rest is whole.

mod graph;
mod quantize;
mod qwen2;
mod tokenizer;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use super::{
    ConvertError,
    gguf::{Gguf, GgufError},
};

/// Name of the graph in the output directory.
pub const MODEL_FILE: &str = "model.onnx";
/// Name of the weights beside it.
pub const DATA_FILE: &str = "model.onnx.data";
/// Name of the tokenizer beside it.
pub const TOKENIZER_FILE: &str = "tokenizer.json";

/// Why a conversion stopped, before it has a path.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error("{0}")]
    Unsupported(String),
    #[error("writing failed")]
    Write(#[from] std::io::Error),
}

/// Converts `gguf` (a Qwen2 model; any of the quantisations in [`super::gguf::blocks`]) into `output_dir`, which is made when missing.
///
/// Peak memory is about twice the largest tensor as `f32`, in blocks; the 1.5B takes well under a minute in an optimised build.
///
/// # Errors
/// [`ConvertError::Format`] when the file is no such model, [`ConvertError::Io`] when reading or writing fails.
pub fn convert(gguf: &Path, output_dir: &Path) -> Result<(), ConvertError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| ConvertError::Io { path, source }
    };
    let input = File::open(gguf).map_err(io(gguf))?;
    // SAFETY: the map is read only. A process that truncates the file meanwhile would kill this one (SIGBUS); the file lies in our
    // own cache and is replaced by renaming, never rewritten.
    let bytes = unsafe { memmap2::Mmap::map(&input) }.map_err(io(gguf))?;
    std::fs::create_dir_all(output_dir).map_err(io(output_dir))?;

    let at = |failure: Failure, output: &Path| match failure {
        Failure::Write(source) => ConvertError::Io { path: output.to_owned(), source },
        other => ConvertError::Format { path: gguf.to_owned(), reason: other.to_string() },
    };
    let model = Gguf::parse(&bytes).map_err(|e| at(e.into(), gguf))?;
    let tokenizer = tokenizer::from_gguf(&model).map_err(|e| at(e, gguf))?;

    let data = Unfinished::new(output_dir, DATA_FILE);
    let mut writer = graph::GraphWriter::create(&data.temporary, DATA_FILE).map_err(|e| io(&data.temporary)(e))?;
    qwen2::write(&model, &mut writer).map_err(|e| at(e, &data.temporary))?;
    let proto = writer.finish().map_err(io(&data.temporary))?;
    data.finish().map_err(io(output_dir))?;
    for (name, content) in [(TOKENIZER_FILE, tokenizer), (MODEL_FILE, proto)] {
        let file = Unfinished::new(output_dir, name);
        std::fs::write(&file.temporary, content).map_err(io(&file.temporary))?;
        file.finish().map_err(io(output_dir))?;
    }
    Ok(())
}

/// A file under a temporary name in its own directory; removed when dropped before [`Unfinished::finish`].
struct Unfinished {
    temporary: PathBuf,
    target: PathBuf,
}

impl Unfinished {
    fn new(dir: &Path, name: &str) -> Self {
        Self { temporary: dir.join(format!("{name}.{}.partial", std::process::id())), target: dir.join(name) }
    }

    fn finish(self) -> std::io::Result<()> {
        File::open(&self.temporary)?.sync_all()?;
        std::fs::rename(&self.temporary, &self.target)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name, and a file that cannot be removed is only litter.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests;
