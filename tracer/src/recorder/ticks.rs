//! Time as the recorder reads it: ticks, which become nanoseconds only when a trace is kept.
//!
//! On x86-64 under Linux the processor's time stamp counter is read directly, if the kernel itself
//! keeps time by it: then it has been found to run evenly and alike on all cores. Elsewhere a tick
//! is a nanosecond of [`Instant`]. Time may also be given, for simulations and tests.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::clock::TimeSource;

/// Where ticks come from.
pub(super) enum Clock {
    #[cfg(target_arch = "x86_64")]
    Counter,
    Monotonic(Instant),
    Given(Box<dyn TimeSource>),
}

impl Clock {
    /// The cheapest clock of this machine that can be trusted.
    pub(super) fn of_this_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        if counter_is_trusted() {
            return Clock::Counter;
        }
        Clock::Monotonic(Instant::now())
    }

    /// Now.
    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Clock::Counter => counter(),
            _ => self.now_elsewhere(),
        }
    }

    /// Now, if that is no more than to read the counter: what is done with it can then be short.
    #[inline(always)]
    pub(super) fn counted(&self) -> Option<u64> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Clock::Counter => Some(counter()),
            _ => None,
        }
    }

    #[inline(never)]
    fn now_elsewhere(&self) -> u64 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Clock::Counter => counter(),
            Clock::Monotonic(start) => start.elapsed().as_nanos() as u64,
            Clock::Given(time) => time.now_ns(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: the instruction reads a register and touches no memory. It faults only where the
    // operating system forbids it to programs, which Linux does only on request (`prctl`); the
    // kernel keeps time by this very counter, as was checked before this clock was chosen.
    #[allow(unsafe_code)]
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
}

#[cfg(target_arch = "x86_64")]
fn counter_is_trusted() -> bool {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    // Miri has no such instruction.
    !cfg!(miri) && std::fs::read_to_string(SOURCE).is_ok_and(|name| name.trim() == "tsc")
}

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ticks: u64,
    unix_ns: u64,
}

/// How ticks become nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    anchor: Anchor,
    ns_per_tick: f64,
}

impl Scale {
    /// A moment in nanoseconds since the Unix epoch.
    pub(super) fn unix_ns(self, ticks: u64) -> u64 {
        let since = ticks.wrapping_sub(self.anchor.ticks) as i64;
        // Within a day of the anchor the product is exact to less than a nanosecond.
        let ns = (since as f64 * self.ns_per_tick).round() as i64;
        self.anchor.unix_ns.saturating_add_signed(ns)
    }

    /// A length in nanoseconds.
    pub(super) fn ns(self, ticks: u64) -> u64 {
        (ticks as f64 * self.ns_per_tick).round() as u64
    }

    /// A length in ticks.
    pub(super) fn ticks(self, length: Duration) -> u64 {
        (length.as_nanos() as f64 / self.ns_per_tick).min(u64::MAX as f64) as u64
    }
}

/// A clock whose ticks can be turned into time.
pub(super) struct Timer {
    pub(super) clock: Clock,
    started: Instant,
    first_ticks: u64,
    scale: Mutex<Scale>,
}

/// For how long the counter's rate is measured before anything is recorded.
const CALIBRATION: Duration = Duration::from_millis(5);

impl Timer {
    pub(super) fn new(clock: Clock) -> Self {
        let ns_per_tick = match &clock {
            #[cfg(target_arch = "x86_64")]
            Clock::Counter => *rate_of_counter(),
            Clock::Monotonic(_) | Clock::Given(_) => 1.0,
        };
        let first_ticks = clock.now();
        let scale = Scale { anchor: anchor(&clock), ns_per_tick };
        Timer { clock, started: Instant::now(), first_ticks, scale: Mutex::new(scale) }
    }

    pub(super) fn scale(&self) -> Scale {
        *self.scale.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at both clocks again: the wall clock may have been set, and the longer the counter has
    /// been watched, the better its rate is known.
    pub(super) fn refine(&self) {
        let mut scale = self.scale();
        scale.anchor = anchor(&self.clock);
        let elapsed = self.started.elapsed();
        let ticks = self.clock.now().wrapping_sub(self.first_ticks);
        let is_counter = !matches!(self.clock, Clock::Monotonic(_) | Clock::Given(_));
        if is_counter && elapsed > 20 * CALIBRATION && ticks > 0 {
            scale.ns_per_tick = elapsed.as_nanos() as f64 / ticks as f64;
        }
        *self.scale.lock().unwrap_or_else(PoisonError::into_inner) = scale;
    }
}

/// The present moment on both clocks. Given time counts from the epoch.
fn anchor(clock: &Clock) -> Anchor {
    if let Clock::Given(time) = clock {
        let now_ns = time.now_ns();
        return Anchor { ticks: now_ns, unix_ns: now_ns };
    }
    // The thread may be stopped between the two readings; the tightest of a few is taken.
    let readings = (0..5).map(|_| {
        let before = clock.now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let after = clock.now();
        let ticks = before + after.saturating_sub(before) / 2;
        (after.saturating_sub(before), Anchor { ticks, unix_ns: wall.as_nanos() as u64 })
    });
    readings
        .min_by_key(|(width, _)| *width)
        .map_or(Anchor { ticks: 0, unix_ns: 0 }, |(_, anchor)| anchor)
}

#[cfg(target_arch = "x86_64")]
fn rate_of_counter() -> &'static f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    RATE.get_or_init(|| {
        let (start, first) = (Instant::now(), counter());
        std::thread::sleep(CALIBRATION);
        let (elapsed, last) = (start.elapsed(), counter());
        elapsed.as_nanos() as f64 / last.saturating_sub(first).max(1) as f64
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_pace_with_the_wall_clock() {
        let timer = Timer::new(Clock::of_this_machine());
        let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let ticks = timer.clock.now();
        let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let found = u128::from(timer.scale().unix_ns(ticks));
        // A step of the wall clock in this moment would be seen; a wrong unit certainly is.
        assert!(
            found + 50_000_000 > before && found < after + 50_000_000,
            "{before} {found} {after}"
        );
        let second = timer.scale().ticks(Duration::from_secs(1));
        assert!(timer.scale().ns(second).abs_diff(1_000_000_000) < 1000);
    }

    #[test]
    fn given_time_is_taken_as_it_is() {
        let timer = Timer::new(Clock::Given(Box::new(|| 1_234)));
        timer.refine();
        assert_eq!(
            (timer.clock.now(), timer.scale().unix_ns(77), timer.scale().ns(5)),
            (1_234, 77, 5)
        );
    }
}
