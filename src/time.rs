//! Units of time and sound, and nothing else: pure values that the sans-IO parts take as arguments.
//!
//! Nobody below `server` reads a clock except through [`Clock`], so tests run minutes of talk in milliseconds.

use std::{
    fmt,
    ops::{Add, Sub},
    time::{Duration, Instant},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Milliseconds since an origin that the context names (usually the start of the process: see [`Clock`]).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Millis) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Millis {
    type Output = Millis;
    fn add(self, d: Duration) -> Millis {
        Millis(self.0.saturating_add(u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Millis {
    type Output = Millis;
    fn sub(self, d: Duration) -> Millis {
        Millis(self.0.saturating_sub(u64::try_from(d.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Monotonic time since the clock was made; all parts of one process share one clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock(tokio::time::Instant);

impl Clock {
    /// A clock whose zero is now. Inside a paused tokio runtime it follows virtual time.
    pub fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        Millis(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// When `at` comes, as tokio's timers want it.
    pub fn instant(&self, at: Millis) -> tokio::time::Instant {
        self.0 + Duration::from_millis(at.0)
    }

    /// When this clock read zero, as an OS instant (for threads outside tokio).
    pub fn origin(&self) -> Instant {
        self.0.into_std()
    }
}

/// Samples per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleRate(pub u32);

impl SampleRate {
    /// What recognition wants: 16 kHz mono.
    pub const ASR: SampleRate = SampleRate(16_000);
    /// What synthesis gives and the downlink carries: 24 kHz mono.
    pub const TTS: SampleRate = SampleRate(24_000);

    /// Samples in `d`, rounded down.
    pub fn samples(self, d: Duration) -> usize {
        usize::try_from(d.as_micros() * u128::from(self.0) / 1_000_000).unwrap_or(usize::MAX)
    }

    /// How long `samples` last.
    pub fn duration(self, samples: usize) -> Duration {
        Duration::from_micros((samples as u64).saturating_mul(1_000_000) / u64::from(self.0))
    }
}
