//! Units of time and sound, and nothing else: pure values that the sans-IO parts take as arguments.
//!
//! Nobody below `server` reads a clock except through [`Clock`], so tests run minutes of talk in milliseconds.

use std::{
    fmt,
    ops::{Add, Sub},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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
pub struct Clock {
    origin: tokio::time::Instant,
    /// Seconds since 1970 at the origin.
    unix: u64,
}

impl Clock {
    /// A clock whose zero is now. Inside a paused tokio runtime it follows virtual time.
    pub fn start() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { origin: tokio::time::Instant::now(), unix }
    }

    /// The time now.
    pub fn now(&self) -> Millis {
        Millis(u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Seconds since 1970, for what outlives the process. Counted from the wall clock at the start, so that a wall clock that is set
    /// while the server runs (at boot, without a battery) makes nothing expire.
    pub fn unix(&self) -> u64 {
        self.unix.saturating_add(self.origin.elapsed().as_secs())
    }

    /// When `at` comes, as tokio's timers want it.
    pub fn instant(&self, at: Millis) -> tokio::time::Instant {
        self.origin + Duration::from_millis(at.0)
    }

    /// When this clock read zero, as an OS instant (for threads outside tokio).
    pub fn origin(&self) -> Instant {
        self.origin.into_std()
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
