//! A token bucket: so much per second on average, so much at once. Pure; time is an argument.

use crate::time::Millis;

/// Thousandths of a token, so that a millisecond at one token per second is a whole number.
const UNIT: u64 = 1000;

/// The bucket.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    per_second: u64,
    burst: u64,
    level: u64,
    filled_at: Millis,
}

impl TokenBucket {
    /// A full bucket of `burst` tokens that refills with `per_second`.
    pub fn new(per_second: u32, burst: u32, now: Millis) -> Self {
        let burst = u64::from(burst) * UNIT;
        Self { per_second: u64::from(per_second), burst, level: burst, filled_at: now }
    }

    /// Takes one token; false when there is none.
    pub fn take(&mut self, now: Millis) -> bool {
        let elapsed = now.0.saturating_sub(self.filled_at.0);
        // One token per second is one unit per millisecond.
        self.level = self.level.saturating_add(elapsed.saturating_mul(self.per_second)).min(self.burst);
        self.filled_at = self.filled_at.max(now);
        let enough = self.level >= UNIT;
        if enough {
            self.level -= UNIT;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_average() {
        let mut bucket = TokenBucket::new(10, 20, Millis(0));
        let mut taken = |at| (0..1000).take_while(|_| bucket.take(Millis(at))).count();
        assert_eq!(taken(0), 20);
        assert_eq!(taken(99), 0);
        assert_eq!(taken(100), 1);
        assert_eq!(taken(1100), 10);
        assert_eq!(taken(50), 0, "time that goes back gives nothing");
        assert_eq!(taken(u64::MAX), 20);
    }
}
