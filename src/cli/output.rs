//! Lines on stdout, flushed one by one, for people or as JSON.

use std::{
    fmt::Display,
    io::{ErrorKind, Write as _},
    path::Path,
    time::Duration,
};

use serde::Serialize;

use crate::language::Language;

/// Writes one line. A reader that has gone away (`| head`) ends the program quietly.
pub(super) fn line(text: impl Display) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        result => Ok(result?),
    }
}

/// One result as a JSON line; what a command has no value for is left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Record<'a> {
    /// The file read, or written by `speak`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<&'a Path>,
    /// Language of `source`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lang: Option<Language>,
    /// What was said or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<&'a str>,
    /// Its translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<&'a str>,
    /// Every amount of `source` was found in `target`, and no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verified: Option<bool>,
    /// Length of the sound in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audio_s: Option<f64>,
    /// Computing time per stage in milliseconds.
    pub(super) ms: Stages,
}

/// Computing time per stage in milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Stages {
    /// Voice activity detection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vad: Option<u64>,
    /// Recognition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asr: Option<u64>,
    /// Translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mt: Option<u64>,
    /// Synthesis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tts: Option<u64>,
}

/// Whole milliseconds of `duration`.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Record<'_> {
    /// Writes the record as one JSON line.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        line(serde_json::to_string(self)?)
    }
}
