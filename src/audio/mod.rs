//! Sound as numbers: the Opus codec, sample-rate conversion, levels, audio files. Knows nothing of speech.

pub mod file;
pub mod level;
pub mod opus;
pub mod resample;
