//! What a pull tells people while it works: bars on a terminal, a line for each tenth in a log.
//!
//! Writes to stderr only, so that the output of commands stays clean. Knows nothing about models.

use std::{
    io::IsTerminal,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressStyle};

/// Below this a download without a terminal says only that it is done: ten lines for a small file are noise.
const QUIET_BELOW: u64 = 8_000_000;

/// Where progress goes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Progress(Mode);

#[derive(Clone, Debug)]
enum Mode {
    Bars(MultiProgress),
    Lines,
    Quiet,
}

impl Progress {
    /// Bars when stderr is a terminal, else lines.
    pub fn stderr() -> Progress {
        Progress(if std::io::stderr().is_terminal() { Mode::Bars(MultiProgress::new()) } else { Mode::Lines })
    }

    /// Nothing, for tests and embedders.
    pub fn quiet() -> Progress {
        Progress(Mode::Quiet)
    }

    /// One line for people.
    pub fn say(&self, line: &str) {
        match &self.0 {
            // A failed write to a closed stderr must not stop the pull.
            Mode::Bars(bars) => drop(bars.println(line)),
            Mode::Lines => eprintln!("{line}"),
            Mode::Quiet => {}
        }
    }

    /// Starts a download of `total` bytes.
    pub fn start(&self, what: &str, total: u64) -> Bar {
        let kind = match &self.0 {
            Mode::Bars(bars) => {
                let style =
                    ProgressStyle::with_template("{msg:40!} {bar:24} {bytes:>10} of {total_bytes:10} {bytes_per_sec:>12}")
                        .unwrap_or_else(|_| ProgressStyle::default_bar());
                Kind::Bar(bars.add(ProgressBar::new(total).with_style(style).with_message(what.to_owned())))
            }
            Mode::Lines => Kind::Lines { tenths: Arc::new(AtomicU64::new(0)) },
            Mode::Quiet => Kind::Quiet,
        };
        Bar { what: what.to_owned(), total, kind }
    }
}

/// One download's progress; dropping it removes the bar.
#[derive(Debug)]
pub struct Bar {
    what: String,
    total: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Bar(ProgressBar),
    Lines { tenths: Arc<AtomicU64> },
    Quiet,
}

impl Bar {
    /// `done` bytes are there.
    pub fn set(&self, done: u64) {
        match &self.kind {
            Kind::Bar(bar) => bar.set_position(done),
            Kind::Lines { tenths } => {
                let now = (done * 10).checked_div(self.total).unwrap_or(10).min(10);
                if tenths.fetch_max(now, Ordering::Relaxed) < now && (self.total >= QUIET_BELOW || now == 10) {
                    eprintln!("{}: {} % of {}", self.what, now * 10, DecimalBytes(self.total));
                }
            }
            Kind::Quiet => {}
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Kind::Bar(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}

/// Bytes for people: "1.12 GB".
pub fn human(bytes: u64) -> String {
    DecimalBytes(bytes).to_string()
}
