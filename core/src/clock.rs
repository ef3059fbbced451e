//! Time that only moves forward: the clock that leases are measured with (rule L4).
//!
//! The wall clock can step back and `CLOCK_MONOTONIC` is slewed by NTP, so the real clock reads
//! `CLOCK_MONOTONIC_RAW` where the system has it. The peer never reads a clock that it was not
//! given: the simulator hands each node one of its own, with its own rate.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A moment on a monotonic clock, in nanoseconds since an origin that only that clock knows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment `ns` nanoseconds after the clock's origin.
    pub const fn from_ns(ns: u64) -> Self {
        Instant(ns)
    }

    /// Nanoseconds since the clock's origin.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[inline]
    pub fn saturating_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This minus `other` in nanoseconds, negative when it lies before it.
    pub fn signed_ns_since(self, other: Instant) -> i64 {
        self.0.wrapping_sub(other.0) as i64
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, span: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    fn sub(self, span: Duration) -> Instant {
        Instant(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

/// A source of monotonic time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn monotonic_raw_now(&self) -> Instant;
}

/// The clock of this machine, untouched by NTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct MonotonicRawClock;

impl Clock for MonotonicRawClock {
    fn monotonic_raw_now(&self) -> Instant {
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::MonotonicRaw;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(id);
        Instant((now.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec as u64))
    }
}

/// A clock that moves only when told to, shared by its clones.
#[derive(Clone, Debug, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn new(start: Instant) -> Self {
        ManualClock(Arc::new(AtomicU64::new(start.0)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, span: Duration) {
        let now = self.monotonic_raw_now() + span;
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic_raw_now(&self) -> Instant {
        Instant(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_clock_does_not_go_back() {
        let clock = MonotonicRawClock;
        let mut last = clock.monotonic_raw_now();
        for _ in 0..10_000 {
            let now = clock.monotonic_raw_now();
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let start = Instant::from_ns(5);
        assert_eq!(start - Duration::from_secs(1), Instant::from_ns(0));
        assert_eq!(start.saturating_since(Instant::from_ns(9)), Duration::ZERO);
        assert_eq!(start.signed_ns_since(Instant::from_ns(9)), -4);
        assert_eq!((start + Duration::from_nanos(4)).as_ns(), 9);
    }
}
