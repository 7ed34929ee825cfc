//! tongchuan (同传): two people talk, each hears the other in their own language.

pub mod asr;
pub mod audio;
pub mod ids;
pub mod inference;
pub mod language;
pub mod models;
pub mod mt;
pub mod pipeline;
pub mod privacy;
pub mod time;
pub mod tts;
pub mod vad;
