//! Durations in buckets whose bounds grow by the same factor, so that any quantile is known to within
//! that factor, in a fixed amount of memory.

/// Buckets for each doubling: a quantile is at most 9 % off.
const BUCKETS_A_DOUBLING: u32 = 8;
const BUCKETS: usize = (64 * BUCKETS_A_DOUBLING) as usize;

/// How many durations fell into each bucket.
pub struct Sketch {
    buckets: Box<[u64; BUCKETS]>,
    count: u64,
}

impl Default for Sketch {
    fn default() -> Self {
        Sketch { buckets: Box::new([0; BUCKETS]), count: 0 }
    }
}

impl Sketch {
    pub fn add(&mut self, duration_ns: u64) {
        let doublings = (duration_ns.max(1) as f64).log2();
        let bucket = (doublings * f64::from(BUCKETS_A_DOUBLING)) as usize;
        self.buckets[bucket.min(BUCKETS - 1)] += 1;
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that the share `quantile` of all stays below, in nanoseconds.
    pub fn quantile_ns(&self, quantile: f64) -> f64 {
        let wanted = (quantile * self.count as f64).ceil() as u64;
        let mut passed = 0;
        let bucket = self.buckets.iter().position(|count| {
            passed += count;
            passed >= wanted
        });
        let middle = bucket.unwrap_or(BUCKETS - 1) as f64 + 0.5;
        (middle / f64::from(BUCKETS_A_DOUBLING)).exp2()
    }
}
