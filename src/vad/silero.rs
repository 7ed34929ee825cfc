//! Silero VAD v6 over ONNX Runtime: one speech probability per 32 ms of 16 kHz sound.
//!
//! Inputs `input` f32 [1, 576] (64 samples of context, then the window of 512), `state` f32 [2, 1, 128], `sr` i64 scalar; outputs
//! `output` f32 [1, 1] and `stateN` f32 [2, 1, 128]. The context is the end of the window before, zeros at first, as the published
//! Python wrapper feeds it (`OnnxWrapper.__call__`); without it probabilities are wrong. State travels with the job, so one
//! session serves every stream. Called by the VAD worker.

use std::path::Path;

use ort::{session::Session, value::TensorRef};

use super::{VadJob, VadOutput, VadState, VoiceDetector, WINDOW};
use crate::{
    inference::{
        JobContext, JobError,
        onnx::{self, OnnxError, SessionOptions},
    },
    time::SampleRate,
};

/// Samples of the previous window that the model wants before each window at 16 kHz.
const CONTEXT: usize = 64;
/// Floats of recurrent state: two layers of 128.
const STATE: usize = 2 * 128;
const STAGE: &str = "vad";

/// The model, loaded. A window takes a fraction of a millisecond on one thread.
#[derive(Debug)]
pub struct Silero {
    session: Session,
    /// Context and window, reused.
    input: Vec<f32>,
}

impl Silero {
    /// Loads `silero_vad.onnx`; [`onnx::load`] comes first.
    ///
    /// # Errors
    /// [`OnnxError`] when the runtime or the model cannot be loaded.
    pub fn load(model: &Path) -> Result<Self, OnnxError> {
        // The graph is tiny: a second thread would cost more in waking than it computes.
        let session = onnx::session(model, &SessionOptions::cpu(1))?;
        Ok(Self { session, input: Vec::with_capacity(CONTEXT + WINDOW) })
    }

    /// Runs one window of silence, so that the first real one is not the slow one.
    ///
    /// # Errors
    /// [`JobError::Failed`] when the file is not this model.
    pub fn warm_up(&mut self) -> Result<(), JobError> {
        let job = VadJob { samples: vec![0.0; WINDOW], state: VadState::default() };
        self.detect(job, &JobContext::detached()).map(drop)
    }

    /// Probability of one window; `state` moves on.
    fn window(&mut self, window: &[f32], state: &mut VadState) -> Result<f32, JobError> {
        let failed = |e: ort::Error| JobError::failed(STAGE, e);
        self.input.clear();
        self.input.extend_from_slice(&state.context);
        self.input.extend_from_slice(window);
        let outputs = self
            .session
            .run(ort::inputs![
                "input" => TensorRef::from_array_view(([1usize, self.input.len()], &self.input[..])).map_err(failed)?,
                "state" => TensorRef::from_array_view(([2usize, 1, 128], &state.recurrent[..])).map_err(failed)?,
                "sr" => TensorRef::from_array_view(((), &[i64::from(SampleRate::ASR.0)][..])).map_err(failed)?,
            ])
            .map_err(failed)?;
        let missing = || JobError::failed(STAGE, "the model has not the outputs of Silero VAD v6; run `tongchuan models verify`");
        let floats = |name: &str| -> Result<&[f32], JobError> {
            outputs.get(name).ok_or_else(missing)?.try_extract_tensor::<f32>().map(|(_, data)| data).map_err(failed)
        };
        let probability = floats("output")?.first().copied().ok_or_else(missing)?;
        let recurrent = floats("stateN")?;
        if recurrent.len() != STATE {
            return Err(missing());
        }
        state.recurrent.clear();
        state.recurrent.extend_from_slice(recurrent);
        state.context.clear();
        state.context.extend_from_slice(window.get(WINDOW - CONTEXT..).unwrap_or_default());
        Ok(probability)
    }
}

impl VoiceDetector for Silero {
    fn detect(&mut self, job: VadJob, context: &JobContext) -> Result<VadOutput, JobError> {
        let VadJob { mut samples, mut state } = job;
        if !samples.len().is_multiple_of(WINDOW) {
            return Err(JobError::failed(
                STAGE,
                format_args!("{} samples are no whole number of windows of {WINDOW}", samples.len()),
            ));
        }
        // One bad number would stay in the recurrent state for the rest of the stream.
        samples.iter_mut().filter(|s| !s.is_finite()).for_each(|s| *s = 0.0);
        if state.recurrent.len() != STATE || state.context.len() != CONTEXT {
            state = VadState { recurrent: vec![0.0; STATE], context: vec![0.0; CONTEXT] };
        }
        let mut probabilities = Vec::with_capacity(samples.len() / WINDOW);
        for window in samples.chunks_exact(WINDOW) {
            context.checkpoint()?;
            probabilities.push(self.window(window, &mut state)?);
        }
        Ok(VadOutput { probabilities, state })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::{
        audio::file,
        models::{load_test_runtime, test_file},
    };

    /// Loads the real weights from where `tongchuan models pull` puts them.
    fn silero() -> Silero {
        load_test_runtime();
        Silero::load(&test_file("silero-vad", "silero_vad.onnx")).unwrap()
    }

    fn probabilities(samples: &[f32]) -> Vec<f32> {
        let whole = samples.len() / WINDOW * WINDOW;
        let job = VadJob { samples: samples[..whole].to_vec(), state: VadState::default() };
        silero().detect(job, &JobContext::detached()).unwrap().probabilities
    }

    fn speech() -> Vec<f32> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/speech.opus");
        file::read(&path, SampleRate::ASR).unwrap()
    }

    #[test]
    fn speech_is_told_from_silence_and_noise() {
        let speech = probabilities(&speech());
        let voiced = speech.iter().filter(|p| **p > 0.5).count();
        assert!(voiced * 10 > speech.len() * 6, "{voiced} of {} windows", speech.len());

        let mut rng = StdRng::seed_from_u64(1);
        let noise: Vec<f32> = (0..32_000).map(|_| rng.random_range(-0.1..0.1)).collect();
        let hum: Vec<f32> = (0..32_000).map(|i| 0.1 * (i as f32 * std::f32::consts::TAU * 50.0 / 16_000.0).sin()).collect();
        for (name, samples) in [("silence", vec![0.0; 32_000]), ("noise", noise), ("hum", hum)] {
            let highest = probabilities(&samples).into_iter().fold(0.0, f32::max);
            assert!(highest < 0.35, "{name}: {highest}");
        }
    }

    #[test]
    fn a_stream_in_pieces_gives_the_same_probabilities() {
        let speech = speech();
        let whole = probabilities(&speech);
        let mut silero = silero();
        silero.warm_up().unwrap();
        let (mut state, mut pieces) = (VadState::default(), Vec::new());
        for samples in speech.chunks_exact(WINDOW) {
            let output = silero.detect(VadJob { samples: samples.to_vec(), state }, &JobContext::detached()).unwrap();
            pieces.extend(output.probabilities);
            state = output.state;
        }
        assert_eq!(pieces, whole);
    }

    #[test]
    fn bad_jobs_are_errors_or_harmless() {
        let mut silero = silero();
        let job = |samples| VadJob { samples, state: VadState::default() };
        assert!(matches!(silero.detect(job(vec![0.0; 100]), &JobContext::detached()), Err(JobError::Failed { .. })));
        assert!(silero.detect(job(Vec::new()), &JobContext::detached()).unwrap().probabilities.is_empty());
        let odd = VadJob { samples: vec![f32::NAN; WINDOW], state: VadState { recurrent: vec![1.0; 3], context: vec![] } };
        assert!(silero.detect(odd, &JobContext::detached()).unwrap().probabilities[0].is_finite());
        let cancelled = JobContext::detached();
        cancelled.cancel.cancel();
        assert_eq!(silero.detect(job(vec![0.0; WINDOW]), &cancelled).unwrap_err(), JobError::Cancelled);
    }
}
