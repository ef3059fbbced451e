//! Time in the simulated world: one true time, and for each node a clock that may run fast, run
//! slow, jump or stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, Instant};

/// Parts in a million: what rates are counted in.
const MILLION: u64 = 1_000_000;

/// The true time, in nanoseconds since the world began. Only the world moves it.
#[derive(Clone, Debug, Default)]
pub struct TrueTime(Arc<Moments>);

#[derive(Debug, Default)]
struct Moments {
    now_ns: AtomicU64,
    /// How far the thread that acts now is ahead of the world: it was held up, and nobody else.
    ahead_ns: AtomicU64,
}

impl TrueTime {
    /// What it is.
    pub fn now_ns(&self) -> u64 {
        // One thread: the atomics are there only because clocks must be `Sync`.
        self.0.now_ns.load(Ordering::Relaxed) + self.0.ahead_ns.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, now_ns: u64) {
        self.0.now_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Holds up the thread that acts now.
    pub(super) fn hold_up(&self, span_ns: u64) {
        self.0.ahead_ns.fetch_add(span_ns, Ordering::Relaxed);
    }

    /// That thread has done what it had to; how long it was held up.
    pub(super) fn let_go(&self) -> u64 {
        self.0.ahead_ns.swap(0, Ordering::Relaxed)
    }
}

/// The clock of one node. It reads `base + (true - since) * rate`, where a change of the rate or a
/// step begins a new base, so that a change of the rate alone never makes it jump.
#[derive(Debug)]
pub struct SimClock {
    truth: TrueTime,
    since_ns: AtomicU64,
    base_ns: AtomicU64,
    /// How fast it runs, in parts in a million more than the truth; minus a million stands still.
    rate_ppm: AtomicI64,
    /// How far the node's wall clock has been set ahead.
    wall_ahead_ns: AtomicI64,
    /// Whether the store takes its time from the wall clock.
    reads_wall: bool,
}

impl SimClock {
    /// A clock that shows `start_ns` now and runs at the true rate.
    pub(super) fn new(truth: TrueTime, start_ns: u64) -> Self {
        let since_ns = AtomicU64::new(truth.now_ns());
        let (base_ns, rate_ppm) = (AtomicU64::new(start_ns), AtomicI64::new(0));
        let wall_ahead_ns = AtomicI64::new(0);
        SimClock { truth, since_ns, base_ns, rate_ppm, wall_ahead_ns, reads_wall: false }
    }

    /// The same clock for a store that wrongly takes its time from the wall clock (rule L4).
    pub(super) fn reading_the_wall(self, reads_wall: bool) -> Self {
        SimClock { reads_wall, ..self }
    }

    /// Sets the node's wall clock by so many nanoseconds, backwards if negative, as an operator or a
    /// time service does. The monotonic clock beside it goes on.
    pub fn set_wall_ns(&self, by_ns: i64) {
        self.wall_ahead_ns.fetch_add(by_ns, Ordering::Relaxed);
    }

    /// How fast it runs, in parts in a million more than the truth.
    pub fn rate_ppm(&self) -> i64 {
        self.rate_ppm.load(Ordering::Relaxed)
    }

    /// Lets it run `ppm` parts in a million faster than the truth from now on, slower if negative.
    pub fn set_rate_ppm(&self, ppm: i64) {
        self.rebase();
        self.rate_ppm.store(ppm.max(-(MILLION as i64)), Ordering::Relaxed);
    }

    /// Makes it jump by so many nanoseconds, backwards if negative. A monotonic raw clock never
    /// does that: what then goes wrong is rule L4.
    pub fn step_ns(&self, by_ns: i64) {
        self.rebase();
        let base = self.base_ns.load(Ordering::Relaxed).saturating_add_signed(by_ns);
        self.base_ns.store(base, Ordering::Relaxed);
    }

    /// Stops it, as the suspension of a virtual machine does (hole H4).
    pub fn freeze(&self) {
        self.set_rate_ppm(-(MILLION as i64));
    }

    /// Whether it stands still.
    pub fn is_frozen(&self) -> bool {
        self.rate_ppm() == -(MILLION as i64)
    }

    /// How long in truth this clock takes for `span_ns` of its own time; `None` if it stands still.
    pub(super) fn true_span_ns(&self, span_ns: u64) -> Option<u64> {
        let rate = MILLION.saturating_add_signed(self.rate_ppm());
        // Rounded up, so that the clock has reached the end of the span by then.
        (rate > 0).then(|| scaled(span_ns, MILLION, rate).saturating_add(1))
    }

    fn rebase(&self) {
        self.base_ns.store(self.monotonic().as_ns(), Ordering::Relaxed);
        self.since_ns.store(self.truth.now_ns(), Ordering::Relaxed);
    }

    fn monotonic(&self) -> Instant {
        let passed = self.truth.now_ns() - self.since_ns.load(Ordering::Relaxed);
        let rate_ppm = self.rate_ppm.load(Ordering::Relaxed);
        let rate = MILLION.saturating_add_signed(rate_ppm);
        let passed = if rate_ppm == 0 { passed } else { scaled(passed, rate, MILLION) };
        Instant::from_ns(self.base_ns.load(Ordering::Relaxed) + passed)
    }
}

impl Clock for SimClock {
    fn monotonic_raw_now(&self) -> Instant {
        let now = self.monotonic();
        if !self.reads_wall {
            return now;
        }
        let ahead_ns = self.wall_ahead_ns.load(Ordering::Relaxed);
        Instant::from_ns(now.as_ns().saturating_add_signed(ahead_ns))
    }
}

/// A span in nanoseconds, as long as can be said if it is longer.
pub(super) fn whole_ns(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// `value * by / over`, without overflow on the way.
fn scaled(value: u64, by: u64, over: u64) -> u64 {
    match value.checked_mul(by) {
        Some(product) => product / over,
        None => {
            u64::try_from(u128::from(value) * u128::from(by) / u128::from(over)).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_step_and_freeze_take_effect_from_now_on() {
        let truth = TrueTime::default();
        let clock = SimClock::new(truth.clone(), 500);
        let shows = |at_ns| {
            truth.set(at_ns);
            clock.monotonic_raw_now().as_ns()
        };
        assert_eq!(shows(1_000_000), 1_000_500);
        clock.set_rate_ppm(100_000);
        assert_eq!(shows(2_000_000), 2_100_500);
        assert_eq!(clock.true_span_ns(1_100_000), Some(1_000_001));
        clock.freeze();
        assert_eq!((shows(9_000_000), clock.true_span_ns(1)), (2_100_500, None));
        clock.set_rate_ppm(-500_000);
        clock.step_ns(-100_500);
        assert_eq!(shows(9_000_010), 2_000_005);
    }

    #[test]
    fn a_clock_runs_for_centuries() {
        let truth = TrueTime::default();
        let clock = SimClock::new(truth.clone(), 0);
        clock.set_rate_ppm(20_000);
        truth.set(u64::MAX / 2);
        assert_eq!(clock.monotonic_raw_now().as_ns(), (u64::MAX / 2) / 50 * 51 + 7);
    }
}
