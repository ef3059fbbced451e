//! How long spans take: a histogram for each callsite, which counts every one of them.
//!
//! Buckets are log-linear: 16 to each power of two, so that a bucket is never wider than 1/16 of
//! what it holds. Each thread counts into its own table with plain additions; tables are made when a
//! thread first meets a callsite, and added up by whoever asks.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::callsites::{ByCallsite, MOST_CALLSITES};
use super::thread::{OWN_NUMBERS, SHARED_NUMBER};

const STEPS_BITS: u32 = 4;
const STEPS: u64 = 1 << STEPS_BITS;
/// Up to 2^44 ticks, which are hours; what is longer is in the last bucket.
const MOST_BITS: u32 = 44;
/// How many buckets there are.
pub(super) const BUCKETS: usize = ((MOST_BITS - STEPS_BITS + 1) as usize) << STEPS_BITS;

/// The bucket of a length in ticks.
#[inline(always)]
fn bucket(ticks: u64) -> usize {
    let ticks = ticks.min((1 << MOST_BITS) - 1);
    // What is shorter than the first power of two with steps has a bucket for each tick.
    let shift = 63 - STEPS_BITS - (ticks | STEPS).leading_zeros();
    // The shifted ticks are `STEPS` and the step, or the tick itself.
    ((u64::from(shift) << STEPS_BITS) + (ticks >> shift)) as usize
}

/// The least length that lies in a bucket.
fn least(bucket: usize) -> u64 {
    let (power, step) = ((bucket as u64) >> STEPS_BITS, bucket as u64 & (STEPS - 1));
    if power == 0 { step } else { (STEPS + step) << (power - 1) }
}

struct Counts([AtomicU64; BUCKETS]);

/// The tables of one thread, by callsite.
struct OfThread(ByCallsite<OnceLock<Box<Counts>>>);

/// The tables of all threads.
pub(super) struct Histograms {
    threads: Box<[OnceLock<OfThread>]>,
    /// How many more tables may be made.
    room: AtomicU64,
    /// Spans of callsites for which there was no table.
    uncounted: AtomicU64,
}

impl Histograms {
    /// Histograms that take no more than about `most_bytes`.
    pub(super) fn new(most_bytes: usize) -> Self {
        Histograms {
            threads: (0..=OWN_NUMBERS).map(|_| OnceLock::new()).collect(),
            room: AtomicU64::new((most_bytes / size_of::<Counts>()) as u64),
            uncounted: AtomicU64::new(0),
        }
    }

    /// The tables of one thread.
    #[inline(always)]
    pub(super) fn of_thread(&self, thread: usize) -> Counting<'_> {
        let thread = thread.min(SHARED_NUMBER);
        Counting { all: self, thread, tables: self.threads[thread].get() }
    }

    /// Makes a table, if there is room for one more.
    #[cold]
    fn make(&self, thread: usize, callsite: u32) -> Option<&Counts> {
        let made = self.threads[thread].get().and_then(|tables| tables.0.at(callsite).get());
        if let Some(counts) = made {
            // Since this thread began to count.
            return Some(counts);
        }
        let take = |room: u64| room.checked_sub(1);
        self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        let of_thread =
            self.threads[thread].get_or_init(|| OfThread(ByCallsite::new(OnceLock::new)));
        let new = || Box::new(Counts(std::array::from_fn(|_| AtomicU64::new(0))));
        Some(of_thread.0.at(callsite).get_or_init(new))
    }

    /// How many spans were not counted, since there was no room for their tables.
    pub(super) fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Relaxed)
    }

    /// What was counted at a callsite.
    pub(super) fn of(&self, callsite: u32) -> Distribution {
        let mut total = Distribution::default();
        for of_thread in self.threads.iter().filter_map(OnceLock::get) {
            if let Some(counts) = of_thread.0.at(callsite).get() {
                for (sum, count) in total.counts.iter_mut().zip(&counts.0) {
                    *sum += count.load(Ordering::Relaxed);
                }
            }
        }
        total
    }

    /// The memory that the tables take now, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let tables = self.threads.iter().filter_map(OnceLock::get);
        let bytes = tables.map(|of_thread| {
            let made = of_thread.0.all().iter().filter(|counts| counts.get().is_some()).count();
            made * size_of::<Counts>() + MOST_CALLSITES * size_of::<OnceLock<Box<Counts>>>()
        });
        bytes.sum()
    }
}

/// What counts the spans of one thread.
#[derive(Clone, Copy)]
pub(super) struct Counting<'a> {
    all: &'a Histograms,
    thread: usize,
    tables: Option<&'a OfThread>,
}

impl Counting<'_> {
    /// Counts a span.
    #[inline(always)]
    pub(super) fn count(&self, callsite: u32, ticks: u64) {
        let counts = self.tables.and_then(|tables| tables.0.at(callsite).get());
        let counts = match counts {
            Some(counts) => counts,
            None => match self.all.make(self.thread, callsite) {
                Some(counts) => counts,
                None => {
                    self.all.uncounted.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            },
        };
        let count = &counts.0[bucket(ticks)];
        if self.thread < OWN_NUMBERS {
            // Nobody else counts here, so nothing is lost.
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How long the spans of a callsite took, in ticks.
#[derive(Clone, Debug)]
pub(super) struct Distribution {
    counts: Vec<u64>,
}

impl Default for Distribution {
    fn default() -> Self {
        Distribution { counts: vec![0; BUCKETS] }
    }
}

impl Distribution {
    /// How many spans.
    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The length below which the share `share` of the spans lies, in ticks: the upper end of its
    /// bucket, at most 1/16 too much. `None` when nothing was counted.
    pub(super) fn quantile(&self, share: f64) -> Option<u64> {
        let rank = (self.count() as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(least(bucket + 1).saturating_sub(1).max(least(bucket)))
    }

    /// What was counted since `earlier`.
    pub(super) fn since(&self, earlier: &Distribution) -> Distribution {
        let counts = self.counts.iter().zip(&earlier.counts);
        Distribution { counts: counts.map(|(now, then)| now.saturating_sub(*then)).collect() }
    }

    /// Adds `other`, and halves what was there before: older spans count less and less.
    pub(super) fn fade_and_add(&mut self, other: &Distribution) {
        for (mine, new) in self.counts.iter_mut().zip(&other.counts) {
            *mine = *mine / 2 + new;
        }
    }

    /// The least length of each bucket that is not empty, in ticks, with its count.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(|(bucket, count)| (least(bucket), *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_sixteenth_wide() {
        for ticks in (0..if cfg!(miri) { 200 } else { 5000 })
            .chain((13..44).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 7]))
        {
            let found = bucket(ticks);
            assert!(least(found) <= ticks && ticks < least(found + 1), "{ticks} in {found}");
            assert!((least(found + 1) - least(found) - 1) * STEPS <= ticks, "{ticks} in {found}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes there, and only counts")]
    fn quantiles_are_where_they_should_be() {
        let histograms = Histograms::new(1 << 20);
        for ticks in 1..=10_000 {
            histograms.of_thread(ticks as usize % (OWN_NUMBERS + 2)).count(3, ticks);
        }
        let all = histograms.of(3);
        assert_eq!((all.count(), histograms.of(4).count()), (10_000, 0));
        for (share, exact) in [(0.5, 5_000), (0.99, 9_900), (1.0, 10_000)] {
            let found = all.quantile(share).unwrap_or(0);
            assert!(found >= exact && found <= exact + exact / 16, "{share}: {found}");
        }
        assert_eq!(histograms.of(4).quantile(0.5), None);
        assert_eq!(all.since(&all).count(), 0);
        assert_eq!(histograms.uncounted(), 0);
    }

    #[test]
    fn what_finds_no_table_is_counted_as_such() {
        let histograms = Histograms::new(2 * size_of::<Counts>());
        for callsite in 1..=3 {
            histograms.of_thread(0).count(callsite, 5);
        }
        let counted: Vec<_> = (1..=3).map(|callsite| histograms.of(callsite).count()).collect();
        assert_eq!((counted, histograms.uncounted()), (vec![1, 1, 0], 1));
    }
}
