//! Sound as numbers: the Opus codec, packet loss, sample-rate conversion, levels, audio files. Knows nothing of speech.
//!
//! Samples are `f32` in -1..1, mono, at a [`crate::time::SampleRate`] that the signature names. [`opus`] is the only place that
//! names the codec's binding; [`uplink`] turns a client's packets into an unbroken stream; [`mod@file`] serves the command-line
//! tools and tests.

pub mod file;
pub mod level;
pub mod opus;
pub mod resample;
pub mod uplink;
