//! Where weights come from: [`catalog`] says what exists, [`fetch`] downloads and verifies, the converters turn published files
//! into what the engines load.

pub mod catalog;
pub mod ct2_to_ggml;
pub mod fetch;
pub mod gguf;
pub mod gguf_to_onnx;
pub mod kokoro_graph;
pub mod onnx_proto;
