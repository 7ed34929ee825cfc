//! How often one address may do what costs or guesses: so many at once, then one per interval.
//!
//! Pure; time is an argument. Memory is bounded: who has had his fill back is forgotten, and when more addresses than it can hold
//! are busy at once, the rest share one limit. Addresses never leave here. Called by [`super::admit`].

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use crate::time::Millis;

/// Addresses remembered at once, about 100 KiB.
const MAX_ADDRESSES: usize = 4096;

/// So many at once, then one per `interval`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// For each one more.
    pub interval: Duration,
}

/// The limit of every address, each by itself.
#[derive(Debug)]
pub struct AddressLimit {
    rate: Rate,
    capacity: usize,
    /// When each address will have its whole burst again ("generic cell rate algorithm").
    full_at: HashMap<IpAddr, Millis>,
    /// Those that found no place.
    others_full_at: Millis,
}

impl AddressLimit {
    /// Nobody has done anything yet.
    pub fn new(rate: Rate) -> Self {
        Self { rate, capacity: MAX_ADDRESSES, full_at: HashMap::new(), others_full_at: Millis(0) }
    }

    /// May `address` do it now? Counts nothing.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn check(&self, now: Millis, address: IpAddr) -> Result<(), Duration> {
        let full_at = self.full_at.get(&neighbourhood(address)).copied();
        let strangers = if self.full_at.len() < self.capacity { now } else { self.others_full_at };
        let behind = full_at.unwrap_or(strangers).since(now);
        let allowed = self.rate.interval * self.rate.burst.saturating_sub(1);
        if behind <= allowed { Ok(()) } else { Err(behind - allowed) }
    }

    /// Counts that `address` did it.
    pub fn count(&mut self, now: Millis, address: IpAddr) {
        let address = neighbourhood(address);
        if self.full_at.len() >= self.capacity && !self.full_at.contains_key(&address) {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let full = self.full_at.len() >= self.capacity && !self.full_at.contains_key(&address);
        let full_at = if full { &mut self.others_full_at } else { self.full_at.entry(address).or_insert(now) };
        *full_at = (*full_at).max(now) + self.rate.interval;
    }

    /// [`AddressLimit::check`], and [`AddressLimit::count`] when it may.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn take(&mut self, now: Millis, address: IpAddr) -> Result<(), Duration> {
        self.check(now, address)?;
        self.count(now, address);
        Ok(())
    }
}

/// An IPv4 address itself; of an IPv6 address the first 64 bits, since one household has all the rest.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3, interval: Duration::from_secs(6) };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn taken(limit: &mut AddressLimit, at: u64, address: &str) -> usize {
        (0..100).take_while(|_| limit.take(Millis(at), ip(address)).is_ok()).count()
    }

    #[test]
    fn a_burst_then_one_per_interval_for_each_address() {
        let mut limit = AddressLimit::new(RATE);
        assert_eq!(taken(&mut limit, 1000, "192.0.2.1"), 3);
        assert_eq!(taken(&mut limit, 1000, "192.0.2.2"), 3, "another address");
        assert_eq!(limit.check(Millis(1000), ip("192.0.2.1")), Err(Duration::from_secs(6)));
        assert_eq!(taken(&mut limit, 6999, "192.0.2.1"), 0);
        assert_eq!(taken(&mut limit, 7000, "192.0.2.1"), 1);
        assert_eq!(taken(&mut limit, 1_000_000, "192.0.2.1"), 3);
        assert_eq!(taken(&mut limit, 1_000_000, "::ffff:192.0.2.1"), 0, "the same address written otherwise");
        assert_eq!(taken(&mut limit, 0, "2001:db8::1"), 3);
        assert_eq!(taken(&mut limit, 0, "2001:db8::dead:beef"), 0, "the same household");
        assert_eq!(taken(&mut limit, 0, "2001:db8:0:1::1"), 3);
    }

    #[test]
    fn any_number_of_addresses_needs_bounded_memory() {
        let mut limit = AddressLimit { capacity: 10, ..AddressLimit::new(RATE) };
        let mut allowed = 0;
        for n in 0..1000_u32 {
            allowed += usize::from(limit.take(Millis(0), IpAddr::V4(n.into())).is_ok());
        }
        assert_eq!(limit.full_at.len(), 10);
        assert_eq!(allowed, 10 + 3, "the rest share one limit");
        assert_eq!(taken(&mut limit, 0, "0.0.0.1"), 2, "who has a place keeps it");
        // Once the first have their fill back, there is room for others.
        assert_eq!(taken(&mut limit, 100_000, "198.51.100.1"), 3);
        assert!(limit.full_at.len() <= 10);
    }
}
