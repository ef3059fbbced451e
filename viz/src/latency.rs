//! Latency of one box or arrow: a mergeable sketch of durations, from which p50 and p99 are read.
//!
//! Durations below 128 ns are kept exactly. Above, each power of two is cut into 64 buckets and a
//! bucket answers with its middle, so a quantile is off by at most 1/128 (0.8 %) of the duration
//! that has that rank. Smallest, largest and sum are exact. Integers only: the same durations in
//! any order, or merged from any parts, give the same sketch.

/// Buckets per power of two, as a power of two.
const PRECISION_BITS: u32 = 6;
/// With counts in more buckets than this, a sketch keeps all buckets.
const FEW: usize = 128;

/// Counts of durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    buckets: Buckets,
    count: u64,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

impl Latency {
    /// A sketch without durations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration.
    pub fn record(&mut self, duration_ns: u64) {
        self.buckets.add(bucket_of(duration_ns), 1);
        self.min_ns = if self.count == 0 { duration_ns } else { self.min_ns.min(duration_ns) };
        self.max_ns = self.max_ns.max(duration_ns);
        self.count += 1;
        self.sum_ns += u128::from(duration_ns);
    }

    /// Adds all durations of `other`, as if each had been recorded here.
    pub fn merge(&mut self, other: &Latency) {
        if other.count == 0 {
            return;
        }
        for (bucket, count) in other.buckets.counts() {
            self.buckets.add(bucket, count);
        }
        let no_minimum = self.count == 0;
        self.min_ns = if no_minimum { other.min_ns } else { self.min_ns.min(other.min_ns) };
        self.max_ns = self.max_ns.max(other.max_ns);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of all durations, exact.
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// Buckets with their counts, shortest durations first.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        self.buckets.counts()
    }

    /// The duration below which the share `quantile` (0 to 1) of all lies; `None` without any.
    ///
    /// By nearest rank, with at most 0.8 % error; 0 and 1 are the exact smallest and largest.
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let share = if quantile.is_finite() { quantile.clamp(0.0, 1.0) } else { 1.0 };
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count);
        if rank == self.count {
            return Some(self.max_ns);
        }
        let mut seen = 0;
        for (bucket, count) in self.buckets.counts() {
            seen += count;
            if seen >= rank {
                return Some(middle_of(bucket).clamp(self.min_ns, self.max_ns));
            }
        }
        Some(self.max_ns)
    }

    /// The median.
    pub fn p50_ns(&self) -> Option<u64> {
        self.quantile_ns(0.50)
    }

    /// The duration that 99 of 100 stay below.
    pub fn p99_ns(&self) -> Option<u64> {
        self.quantile_ns(0.99)
    }
}

/// Counts by bucket. Most boxes of a large picture have a few durations and pay for those alone; a
/// box with many finds its bucket without a search. Which of both it is depends on the counts alone,
/// so equal sketches are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Buckets {
    /// Those that have counts, sorted.
    Few(Vec<(u16, u64)>),
    /// All up to the last that has counts.
    Many(Vec<u64>),
}

impl Default for Buckets {
    fn default() -> Self {
        Buckets::Few(Vec::new())
    }
}

impl Buckets {
    fn add(&mut self, bucket: u16, count: u64) {
        let place = usize::from(bucket);
        match self {
            Buckets::Many(counts) => {
                if counts.len() <= place {
                    counts.resize(place + 1, 0);
                }
                counts[place] += count;
            }
            Buckets::Few(counts) => {
                match counts.binary_search_by_key(&bucket, |known| known.0) {
                    Ok(place) => counts[place].1 += count,
                    Err(place) => counts.insert(place, (bucket, count)),
                }
                if counts.len() > FEW {
                    let few = std::mem::replace(self, Buckets::Many(Vec::new()));
                    few.counts().for_each(|(bucket, count)| self.add(bucket, count));
                }
            }
        }
    }

    /// Those that have counts, shortest durations first.
    fn counts(&self) -> impl Iterator<Item = (u16, u64)> {
        let (few, many) = match self {
            Buckets::Few(counts) => (counts.as_slice(), [].as_slice()),
            Buckets::Many(counts) => ([].as_slice(), counts.as_slice()),
        };
        let many = (0..=u16::MAX).zip(many.iter().copied()).filter(|(_, count)| *count > 0);
        few.iter().copied().chain(many)
    }
}

/// The bucket of a duration: its leading seven bits, and how far they were shifted.
fn bucket_of(duration_ns: u64) -> u16 {
    let bits = u64::BITS - duration_ns.leading_zeros();
    let shift = bits.saturating_sub(PRECISION_BITS + 1);
    // Below 128 the shift is zero and the bucket is the duration itself.
    let leading = (duration_ns >> shift) as u16;
    ((shift as u16) << PRECISION_BITS) + leading
}

/// The middle of a bucket, the inverse of [`bucket_of`].
fn middle_of(bucket: u16) -> u64 {
    let per_power = 1u16 << PRECISION_BITS;
    let shift = (bucket >> PRECISION_BITS).saturating_sub(1);
    let leading = bucket - (shift * per_power);
    let low = u64::from(leading) << shift;
    low + ((1u64 << shift) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_the_stated_error() {
        let mut sketch = Latency::new();
        let mut exact = Vec::new();
        let mut state = 7u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let duration = (state >> 33) >> (state % 30);
            sketch.record(duration);
            exact.push(duration);
        }
        exact.sort_unstable();
        for quantile in [0.01f64, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let truth = exact[((quantile * 20_000.0).ceil() as usize).max(1) - 1];
            let told = sketch.quantile_ns(quantile).unwrap();
            let error = told.abs_diff(truth) as f64;
            assert!(error <= truth as f64 / 128.0, "p{quantile}: {told} for {truth}");
        }
    }

    #[test]
    fn merged_parts_equal_the_whole() {
        let (mut whole, mut left, mut right) = (Latency::new(), Latency::new(), Latency::new());
        for duration in [0, 1, 127, 128, 129, 5_000, 1_000_000, u64::MAX] {
            whole.record(duration);
            if duration % 2 == 0 { left.record(duration) } else { right.record(duration) }
        }
        right.merge(&Latency::new());
        right.merge(&left);
        assert_eq!(right, whole);
        for duration in (0..1_000_000).step_by(1_234) {
            whole.record(duration);
            right.record(1_000_000 / 1_234 * 1_234 - duration);
        }
        assert!(matches!(whole.buckets, Buckets::Many(_)));
        assert_eq!(right, whole);
        let mut fresh = Latency::new();
        fresh.merge(&whole);
        assert_eq!(fresh, whole);
    }

    #[test]
    fn extremes_are_exact_and_nothing_is_none() {
        assert_eq!(Latency::new().p50_ns(), None);
        let mut one = Latency::new();
        one.record(u64::MAX);
        assert_eq!((one.p50_ns(), one.p99_ns()), (Some(u64::MAX), Some(u64::MAX)));
        for duration in 0..128 {
            assert_eq!(middle_of(bucket_of(duration)), duration);
        }
    }
}
