//! Voice activity detection: which stretches of a stream are speech.
//!
//! [`silero`] gives a probability per 32 ms window; [`segmenter`] (pure) turns probabilities into utterances.

pub mod segmenter;
pub mod silero;

use crate::inference::{JobContext, JobError};

/// Samples per VAD window: 32 ms at 16 kHz, the only size Silero v5+ takes at that rate.
pub const WINDOW: usize = 512;

/// What a detector remembers of one stream between windows. Opaque to everyone but its engine.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VadState {
    /// Recurrent state; empty means the start of a stream.
    pub recurrent: Vec<f32>,
    /// The end of the previous window, which the model wants before the next one.
    pub context: Vec<f32>,
}

/// A batch of consecutive windows of one stream.
#[derive(Debug, Clone, Default)]
pub struct VadJob {
    /// 16 kHz mono samples in -1..1; a multiple of [`WINDOW`].
    pub samples: Vec<f32>,
    /// State after the windows before these.
    pub state: VadState,
}

/// Probabilities for a [`VadJob`].
#[derive(Debug, Clone, Default)]
pub struct VadOutput {
    /// One speech probability in 0..=1 per window.
    pub probabilities: Vec<f32>,
    /// State to hand back with the next windows.
    pub state: VadState,
}

/// A voice activity detector.
pub trait VoiceDetector: Send {
    /// Speech probability of each window of `job`.
    ///
    /// # Errors
    /// [`JobError::Failed`] when the model fails or `samples` is not a whole number of windows.
    fn detect(&mut self, job: VadJob, context: &JobContext) -> Result<VadOutput, JobError>;
}
