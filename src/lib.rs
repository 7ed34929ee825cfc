//! tongchuan (同传): two people talk, each hears the other in their own language.
//!
//! A merchant and a buyer stand at a stall with two phones. Each end streams Opus over a WebSocket; the server recognises,
//! translates and speaks, and streams the interpretation back. One binary, self-hosted, works without internet.
//!
//! # The path of a sentence
//!
//! ```text
//! phone            this server
//! ws frames -> transport -> session -> router -> speaker: opus > vad > asr -> committed words
//! ws frames <- transport <- session <- router <- lane(en): mt > tts > opus  <-+
//!                                          ^  <- lane(ru): mt > tts > opus  <-+   one lane per language that someone hears
//! ```
//!
//! `transport` knows HTTP and WebSocket, `protocol` bytes and messages, `session` one participant's connection, `router` rooms and
//! who must hear what, `pipeline` one speaker's words stage by stage, `vad`, `asr`, `mt` and `tts` one trait each with a file per
//! engine, `trade` prices and other amounts in every language, `inference` how models run and nothing of speech, `models` where
//! weights come from. `server` wires them. `eval` plays recordings through the same pipeline and measures what comes out.
//!
//! # Words we use
//!
//! - *utterance*: what the VAD delimits; *window*: the part of it that is recognised as one; *segment*: the part of it that is translated
//!   as one.
//! - *committed* text is never revised; *pending* text may change.
//! - *lane*: MT, TTS and encoding of one speaker into one language.
//! - *floor*: who is speaking (push-to-talk).
//! - *ear-voice span*: from the start of a phrase to the start of its interpretation. *LAAL*: see [`eval::laal`].
//! - *first-audio lag*: from the end of the speaker's words to the first sample of their interpretation.
//! - *echo*: what a microphone hears of the room's own loudspeakers; *cross-talk*: of the other person. Neither is interpreted.
//! - *endpoint*: knowing that an utterance is over; *hangover*: the silence it takes.
//!
//! # Invariants (`tests/weightless/layering.rs` checks what can be read off the source)
//!
//! - Only `transport` names axum, only `transport` and `client` tungstenite, only `audio::opus` the Opus binding, only `asr::whisper`
//!   whisper_rs; only `inference::onnx` builds ONNX Runtime sessions.
//! - `protocol`, `session::state`, `router::state`, `router::token`, `vad::segmenter`, `pipeline::agreement`, `pipeline::policy`,
//!   `pipeline::segments`, `pipeline::interpretation`, `pipeline::fillers`, `pipeline::pace`, `pipeline::echo`, `eval` but its `trace` are
//!   pure: no tokio, no socket, no clock. Time is an argument.
//! - One OS thread owns one model behind a short synchronous trait. Callers reach it through a bounded queue, most urgent first;
//!   full means a `Busy` answer, never growth; cancelled work is skipped.
//! - On the CPU the models share the cores through one priority gate ([`inference::compute`]): their threads together never exceed
//!   the cores. The VAD is outside it: 0.1 ms of one thread per 32 ms, and every end of speech waits for it.
//! - No unbounded channel anywhere. Control messages wait; media is dropped and counted.
//! - A panic is a bug, an error is bad input; hostile bytes never panic. One session's failure touches no other.
//! - What people say is private: [`privacy::Redacted`] cannot print itself; no log, metric or error contains it; audio is not stored.
//! - Every stage reports its duration; the product is latency.

// In the order in which data flows.
pub mod asr;
pub mod audio;
pub mod inference;
pub mod models;
pub mod mt;
pub mod pipeline;
pub mod protocol;
pub mod router;
pub mod session;
pub mod trade;
pub mod transport;
pub mod tts;
pub mod vad;
// Around it.
pub mod cli;
pub mod client;
pub mod config;
pub mod dialogue;
pub mod engines;
pub mod eval;
pub mod fake;
pub mod ids;
pub mod language;
pub mod offline;
pub mod privacy;
pub mod score;
pub mod server;
pub mod shutdown;
pub mod state_dir;
pub mod telemetry;
pub mod time;
