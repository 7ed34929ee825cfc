//! Two phones at one stall with recorded speech: each microphone hears its owner, the other person and both loudspeakers.
//!
//! [`sounds`]: all recordings through the pure judgement, at every loudness and delay. [`pipelines`]: the real detector and recogniser in
//! real time, where what is played comes back into both microphones. No echo is interpreted, nothing real is lost. [`mixing`] makes
//! the sounds of the stall.

mod mixing;
mod pipelines;
mod sounds;
