//! Everything that can be tested without weights: engines are scripted, and time is virtual where it matters.
//!
//! One program, because linking one takes longer than running it.

#[path = "../common/mod.rs"]
mod common;

mod eval;
mod failures;
mod http;
mod layering;
mod models;
mod pipeline;
mod protocol;
mod resume;
mod session;
mod socket;
