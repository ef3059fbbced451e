//! How long many things took, in little memory: exact while they are few, then counted in buckets
//! that are at most 1/32 wide. Sketches add up, so parts of an input may be counted on their own.

/// So many values are kept as they are.
const FEW: usize = 64;
const STEPS_BITS: u32 = 5;
const STEPS: u64 = 1 << STEPS_BITS;

/// A distribution of durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// The values, while there are no more than [`FEW`]; empty afterwards.
    few: Vec<u64>,
    /// How many values each bucket has, from bucket `first` on.
    counts: Vec<u64>,
    first: usize,
    count: u64,
    sum_ns: u128,
    most_ns: u64,
}

/// The bucket of a duration.
fn bucket(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let power = 63 - ns.leading_zeros();
    let step = ns >> (power - STEPS_BITS) & (STEPS - 1);
    (u64::from(power - STEPS_BITS + 1) << STEPS_BITS | step) as usize
}

/// The longest duration of a bucket.
fn most_of(bucket: usize) -> u64 {
    let (power, step) = ((bucket as u64) >> STEPS_BITS, bucket as u64 & (STEPS - 1));
    match power {
        0 => step,
        _ => (((u128::from(STEPS + step) + 1) << (power - 1)) - 1) as u64,
    }
}

impl Sketch {
    /// Counts a duration, in nanoseconds.
    pub fn add(&mut self, ns: u64) {
        self.count += 1;
        self.sum_ns += u128::from(ns);
        self.most_ns = self.most_ns.max(ns);
        if self.count <= FEW as u64 {
            return self.few.push(ns);
        }
        if !self.few.is_empty() {
            for few in std::mem::take(&mut self.few) {
                self.put(bucket(few), 1);
            }
        }
        self.put(bucket(ns), 1);
    }

    /// Counts all that `other` has counted.
    pub fn merge(&mut self, other: &Sketch) {
        let before = self.count;
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.most_ns = self.most_ns.max(other.most_ns);
        if self.count <= FEW as u64 {
            return self.few.extend(&other.few);
        }
        if before <= FEW as u64 {
            for few in std::mem::take(&mut self.few) {
                self.put(bucket(few), 1);
            }
        }
        for few in &other.few {
            self.put(bucket(*few), 1);
        }
        for (at, count) in other.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            self.put(other.first + at, *count);
        }
    }

    fn put(&mut self, bucket: usize, count: u64) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            let missing = self.first - bucket;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = bucket;
        }
        let at = bucket - self.first;
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        if let Some(it) = self.counts.get_mut(at) {
            *it += count;
        }
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum in nanoseconds, exact.
    pub fn sum_ns(&self) -> u128 {
        self.sum_ns
    }

    /// The longest one, in nanoseconds, exact; zero if there is none.
    pub fn most_ns(&self) -> u64 {
        self.most_ns
    }

    /// The least duration that the share `share` of all does not exceed, in nanoseconds: exact while
    /// they are few, else at most 1/32 too much. `None` if there is none.
    pub fn quantile_ns(&self, share: f64) -> Option<u64> {
        let rank = (self.count as f64 * share.clamp(0.0, 1.0)).ceil().max(1.0) as u64;
        if self.count <= FEW as u64 {
            let mut few = self.few.clone();
            few.sort_unstable();
            return few.get(rank as usize - 1).or(few.last()).copied();
        }
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        let found = found.map(|at| most_of(self.first + at));
        Some(found.unwrap_or(u64::MAX).min(self.most_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_at_most_a_thirty_second_wide() {
        let edges = (5..64).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 77]);
        for ns in (0..5_000).chain(edges).chain([u64::MAX]) {
            let most = most_of(bucket(ns));
            assert!(most >= ns && most - ns <= ns / STEPS, "{ns} in a bucket to {most}");
        }
    }

    #[test]
    fn quantiles_are_exact_while_few_and_near_when_many() {
        let mut sketch = Sketch::default();
        assert_eq!(sketch.quantile_ns(0.5), None);
        for ns in (1..=9).rev() {
            sketch.add(ns * 1_001);
        }
        let found = [0.0, 0.5, 0.99].map(|share| sketch.quantile_ns(share));
        assert_eq!(found, [Some(1_001), Some(5_005), Some(9_009)]);
        let mut sketch = Sketch::default();
        (1..=10_000).for_each(|ns| sketch.add(ns));
        for (share, exact) in [(0.5, 5_000), (0.99, 9_900), (1.0, 10_000)] {
            let found = sketch.quantile_ns(share).unwrap();
            assert!(found >= exact && found <= exact + exact / STEPS, "{share}: {found}");
        }
        assert_eq!((sketch.count(), sketch.sum_ns()), (10_000, 50_005_000));
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        for (first, second) in [(3, 5), (3, 100), (100, 3), (60, 60), (0, 70), (1_000, 1_000)] {
            let (mut whole, mut left, mut right) = Default::default();
            let mut count = |part: &mut Sketch, numbers: std::ops::Range<u64>| {
                for number in numbers {
                    let ns = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (number % 60);
                    part.add(ns);
                    Sketch::add(&mut whole, ns);
                }
            };
            count(&mut left, 0..first);
            count(&mut right, first..first + second);
            left.merge(&right);
            assert_eq!(left.count(), whole.count());
            for share in [0.01, 0.5, 0.9, 1.0] {
                assert_eq!(left.quantile_ns(share), whole.quantile_ns(share), "{first} {second}");
            }
        }
    }
}
