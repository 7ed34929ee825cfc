//! The only place that loads ONNX Runtime and builds its sessions.
//!
//! Threads are explicit and never spin while another engine computes: two engines whose threads spin on the same two cores make each
//! other ten times slower. Which execution provider runs a model is configuration; one that is missing falls back to the CPU with a
//! warning that names the reason.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use ort::{
    environment::Environment,
    ep::ExecutionProviderDispatch,
    logging::LogLevel,
    operator::OperatorDomain,
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::operators;

/// What computes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// The processor; always there.
    #[default]
    Cpu,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT.
    TensorRt,
    /// Apple Core ML.
    CoreMl,
    /// Windows DirectML.
    DirectMl,
}

/// ONNX Runtime could not be loaded or a session not be built.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// No library at the path, or not one that fits.
    #[error("cannot load ONNX Runtime from {}: {reason}; run `tongchuan models pull`, or set ORT_DYLIB_PATH", path.display())]
    Library {
        /// Where it was looked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The model file does not load.
    #[error("cannot load the model {}: {reason}; run `tongchuan models verify`", path.display())]
    Model {
        /// Which file.
        path: PathBuf,
        /// What ONNX Runtime said.
        reason: String,
    },
}

/// How to build one session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Threads that compute one node together; the whole of what the session may use.
    pub threads: usize,
    /// Where to compute.
    pub provider: Provider,
    /// Keep a second, repacked copy of the weights for faster kernels (costs memory).
    pub prepack: bool,
}

impl SessionOptions {
    /// `threads` threads on the CPU with repacked weights.
    pub fn cpu(threads: usize) -> Self {
        Self { threads: threads.max(1), provider: Provider::Cpu, prepack: true }
    }
}

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// Loads ONNX Runtime from `library`; later calls do nothing (a process has one runtime).
///
/// # Errors
/// [`OnnxError::Library`] when the file is missing or is not an ONNX Runtime of a version that fits.
pub fn load(library: &Path) -> Result<(), OnnxError> {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if ENVIRONMENT.get().is_some() {
        return Ok(());
    }
    let failed = |reason: String| OnnxError::Library { path: library.to_owned(), reason };
    let environment = ort::init_from(library)
        .map_err(|e| failed(e.to_string()))?
        .with_name("tongchuan")
        .with_telemetry(false)
        .build()
        .map_err(|e| failed(e.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    let _ = ENVIRONMENT.set(environment);
    Ok(())
}

/// A session for the model at `model`.
///
/// # Errors
/// [`OnnxError::Library`] before [`load`], [`OnnxError::Model`] when the file is missing or broken.
pub fn session(model: &Path, options: &SessionOptions) -> Result<Session, OnnxError> {
    // ONNX Runtime registers the domain of our operators with the first session that has it, and does not look whether another thread
    // does so at the same time: one of the two fails.
    static REGISTERED: Mutex<bool> = Mutex::new(false);
    let mut registered = REGISTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if *registered {
        drop(registered);
        return build_session(model, options);
    }
    let session = build_session(model, options)?;
    *registered = true;
    Ok(session)
}

fn build_session(model: &Path, options: &SessionOptions) -> Result<Session, OnnxError> {
    let environment = ENVIRONMENT.get().ok_or_else(|| OnnxError::Library {
        path: PathBuf::from("libonnxruntime.so"),
        reason: "it was not loaded before the first model".into(),
    })?;
    let build = |providers: Vec<ExecutionProviderDispatch>| -> Result<Session, OnnxError> {
        let failed = |e: String| OnnxError::Model { path: model.to_owned(), reason: e };
        let configured = SessionBuilder::new(environment).map_err(|e| failed(e.to_string()))?;
        let domain = operators::domain().map_err(|e| failed(e.to_string()))?;
        let configured = configure(configured, options, domain).map_err(|e| failed(e.to_string()))?;
        let on_cpu = providers.is_empty();
        let mut configured = if on_cpu {
            configured
        } else {
            configured.with_execution_providers(providers).map_err(|e| failed(e.to_string()))?
        };
        let adopted = if on_cpu { adopted(model) } else { None };
        match adopted {
            Some((graph, folder)) => {
                let entry = "session.model_external_initializers_file_folder_path";
                let mut configured =
                    configured.with_config_entry(entry, folder.to_string_lossy()).map_err(|e| failed(e.to_string()))?;
                configured.commit_from_memory(&graph).map_err(|e| failed(e.to_string()))
            }
            None => configured.commit_from_file(model).map_err(|e| failed(e.to_string())),
        }
    };
    match accelerator(options.provider) {
        Ok(None) => build(Vec::new()),
        Ok(Some(provider)) => build(vec![provider.error_on_failure()]).or_else(|error| {
            tracing::warn!(provider = ?options.provider, %error, "execution provider unavailable: using the CPU");
            build(Vec::new())
        }),
        Err(reason) => {
            tracing::warn!(provider = ?options.provider, reason, "execution provider unavailable: using the CPU");
            build(Vec::new())
        }
    }
}

/// The graph with operators of ours and the folder of its weights, when it is one whose weights lie beside it: only language models' do,
/// and theirs are the operators.
fn adopted(model: &Path) -> Option<(Vec<u8>, PathBuf)> {
    const LARGEST: u64 = 1 << 24;
    if model.metadata().ok()?.len() > LARGEST {
        return None;
    }
    let folder = std::path::absolute(model).ok()?.parent()?.to_owned();
    let graph = operators::adopt(&std::fs::read(model).ok()?, &folder)?;
    Some((graph, folder))
}

#[allow(clippy::result_large_err, reason = "the builders' own error, handled a line later")]
fn configure(
    builder: SessionBuilder,
    options: &SessionOptions,
    domain: OperatorDomain,
) -> Result<SessionBuilder, ort::Error<SessionBuilder>> {
    builder
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_parallel_execution(false)?
        .with_inter_threads(1)?
        .with_intra_threads(options.threads)?
        // Within a run the threads of a session have the cores to themselves (the gate sees to that) and may spin between nodes:
        // a fifth faster for translation. `force_spinning_stop` ends it with the run, before anybody else gets the cores.
        .with_intra_op_spinning(options.threads > 1)?
        .with_config_entry("session.force_spinning_stop", "1")?
        .with_inter_op_spinning(false)?
        .with_prepacking(options.prepack)?
        // ONNX Runtime keeps a plan of memory for every combination of input lengths that it has seen, for ever.
        .with_memory_pattern(false)?
        .with_operators(domain)
}

/// The provider's entry, nothing for the CPU, or why this build has none.
fn accelerator(provider: Provider) -> Result<Option<ExecutionProviderDispatch>, &'static str> {
    match provider {
        Provider::Cpu => Ok(None),
        #[cfg(feature = "cuda")]
        Provider::Cuda => Ok(Some(ort::ep::CUDA::default().build())),
        #[cfg(feature = "tensorrt")]
        Provider::TensorRt => Ok(Some(ort::ep::TensorRT::default().build())),
        #[cfg(feature = "coreml")]
        Provider::CoreMl => Ok(Some(ort::ep::CoreML::default().build())),
        #[cfg(feature = "directml")]
        Provider::DirectMl => Ok(Some(ort::ep::DirectML::default().build())),
        #[allow(unreachable_patterns, reason = "with every provider's feature on, nothing is left for this arm")]
        _ => Err("this binary was built without it: rebuild with the cargo feature of the same name"),
    }
}
