//! Runs models and knows nothing about speech.
//!
//! - [`compute`]: one priority gate over the cores, shared by everything that computes on the CPU;
//! - [`queue`]: the bounded, deadline-ordered queue in front of one model (pure);
//! - [`worker`]: one OS thread that owns one model, with a watch over it;
//! - [`onnx`]: the only place that builds ONNX Runtime sessions;
//! - [`operators`]: what its graphs compute with code of ours; [`onnx_proto`] is the format of those, [`onnx_attributes`] a part of it by hand.

pub mod compute;
mod exit;
pub mod onnx;
pub mod onnx_attributes;
// Generated: regenerated, never formatted.
#[rustfmt::skip]
pub mod onnx_proto;
pub mod operators;
pub mod queue;
pub mod worker;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Who computes first when the cores are taken, most urgent first.
///
/// The order is that of a listener's wait. A finished sentence must be known before anything can be done with it. The first clause
/// goes before any translation: it takes a third of the time, and as it is spoken while the rest of its sentence is still being
/// translated, it must be able to interrupt that. Partial recognitions are replaced by newer ones and can always wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Recognition of a finished utterance.
    FinalAsr,
    /// The first clause of an interpretation: the listener is waiting in silence.
    FirstClause,
    /// Translation.
    Mt,
    /// Later clauses: the listener is still hearing the first.
    Clause,
    /// Recognition of an unfinished utterance, and getting ready for what may come.
    PartialAsr,
}

/// Asks running work to stop: cheap to clone, checked by engines between tokens or chunks.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop; it answers [`JobError::Cancelled`] as soon as it looks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once [`CancelToken::cancel`] was called, or the process is at its end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) || exit::is_ending()
    }
}

/// Why a job gave no result. Never carries what was said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The queue is full: try again later or shed load.
    #[error("{0} is busy: its queue is full")]
    Busy(&'static str),
    /// The deadline passed before the job was done.
    #[error("{0} did not answer within its deadline")]
    DeadlinePassed(&'static str),
    /// Somebody cancelled it.
    #[error("cancelled")]
    Cancelled,
    /// The model failed on this input; the reason contains no words of the speaker.
    #[error("{stage} failed: {reason}")]
    Failed {
        /// Which model.
        stage: &'static str,
        /// Why, for the operator.
        reason: String,
    },
    /// The worker has stopped (shutdown).
    #[error("{0} has stopped")]
    Stopped(&'static str),
}

impl JobError {
    /// A failure of `stage` with a printable cause.
    pub fn failed(stage: &'static str, reason: impl std::fmt::Display) -> Self {
        JobError::Failed { stage, reason: reason.to_string() }
    }
}

/// What an engine sees of the job it runs: whether to stop, and where to let more urgent work pass.
#[derive(Debug, Clone)]
pub struct JobContext {
    /// Set when the result is no longer wanted.
    pub cancel: CancelToken,
    /// Held while computing; [`JobContext::checkpoint`] lends it to more urgent jobs.
    pub permit: Option<Arc<compute::Permit>>,
}

impl JobContext {
    /// A context for use outside a worker (tools, tests, benches): never cancelled, no gate.
    pub fn detached() -> Self {
        Self { cancel: CancelToken::new(), permit: None }
    }

    /// Call between tokens or chunks: errors when cancelled, and lets a more urgent job use the cores first.
    ///
    /// # Errors
    /// [`JobError::Cancelled`] when nobody wants the result any more.
    pub fn checkpoint(&self) -> Result<(), JobError> {
        if self.cancel.is_cancelled() {
            return Err(JobError::Cancelled);
        }
        if let Some(permit) = &self.permit {
            permit.yield_to_more_urgent();
        }
        Ok(())
    }
}
