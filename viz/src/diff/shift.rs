//! Whether two sets of durations differ by more than noise.
//!
//! The Mann-Whitney test (H. B. Mann, D. R. Whitney, *On a Test of Whether one of Two Random Variables
//! is Stochastically Larger than the Other*, 1947) over the buckets of two sketches, with its normal
//! approximation and the correction for ties, since latencies are anything but normal. It asks how
//! probable it is that a duration of the second set is longer than one of the first.

use crate::latency::Latency;

/// Fewer durations than this on either side tell nothing: the approximation does not hold.
const FEWEST: u64 = 8;

/// How one set of durations differs from another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Medians before and after, in nanoseconds.
    pub p50_ns: [u64; 2],
    /// The 99th percentiles, in nanoseconds.
    pub p99_ns: [u64; 2],
    /// Median after over median before.
    pub ratio: f64,
    /// The probability that a duration after is longer than one before, ties counted half: 0.5 where
    /// nothing changed.
    pub longer: f64,
    /// The probability of such a difference, or a larger one, if nothing changed; 1 where there are
    /// too few durations to tell.
    pub chance: f64,
}

/// Compares `after` with `before`; `None` where either has no duration.
pub fn shift(before: &Latency, after: &Latency) -> Option<Shift> {
    let p50_ns = [before.p50_ns()?, after.p50_ns()?];
    let p99_ns = [before.p99_ns()?, after.p99_ns()?];
    let (longer, chance) = mann_whitney(before, after);
    // A median of zero: any time at all is longer than none.
    let ratio = p50_ns[1].max(1) as f64 / p50_ns[0].max(1) as f64;
    Some(Shift { p50_ns, p99_ns, ratio, longer, chance })
}

fn mann_whitney(before: &Latency, after: &Latency) -> (f64, f64) {
    let (m, n) = (before.count() as f64, after.count() as f64);
    let all = m + n;
    let mut old = before.counts().peekable();
    let mut new = after.counts().peekable();
    // Pairs in which the later duration is longer, ties half; and the sum of t³ - t over the ties.
    let (mut wins, mut ties, mut below) = (0.0, 0.0, 0.0);
    while let Some(bucket) = match (old.peek(), new.peek()) {
        (Some((a, _)), Some((b, _))) => Some(*a.min(b)),
        (Some((a, _)), None) => Some(*a),
        (None, Some((b, _))) => Some(*b),
        (None, None) => None,
    } {
        let a = old.next_if(|(at, _)| *at == bucket).map_or(0.0, |(_, count)| count as f64);
        let b = new.next_if(|(at, _)| *at == bucket).map_or(0.0, |(_, count)| count as f64);
        wins += b * (below + a / 2.0);
        below += a;
        ties += (a + b).powi(3) - (a + b);
    }
    let longer = wins / (m * n);
    if before.count().min(after.count()) < FEWEST {
        return (longer, 1.0);
    }
    let variance = m * n / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    if variance <= 0.0 {
        // All durations are equal.
        return (longer, 1.0);
    }
    let away = ((wins - m * n / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    (longer, two_sided(away))
}

/// The probability that a normal variable is at least `away` standard deviations from its mean, by
/// formula 7.1.26 of Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964): exact to
/// 1.5e-7 near the middle, and in its tail as good as the comparison with small bounds needs.
fn two_sided(away: f64) -> f64 {
    let x = away / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    (sum * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sketch(durations: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        durations.into_iter().for_each(|duration| latency.record(duration));
        latency
    }

    #[test]
    fn the_tail_of_a_normal_variable_is_known() {
        for (away, chance) in
            [(0.0, 1.0), (1.0, 0.317_310_5), (1.959_964, 0.05), (3.0, 0.002_699_8)]
        {
            assert!((two_sided(away) - chance).abs() < 1e-6, "{away}: {}", two_sided(away));
        }
        assert!(two_sided(8.0) < 1e-14);
    }

    /// The textbook case of Mann and Whitney's statistic, counted pair by pair.
    #[test]
    fn pairs_are_counted_with_ties_half() {
        let (before, after) = (sketch([1, 2, 2, 5]), sketch([2, 3, 5]));
        let pairs = [(1.0 + 0.5 * 2.0), 3.0, 3.5];
        let shift = shift(&before, &after).unwrap();
        assert_eq!(shift.longer, pairs.iter().sum::<f64>() / 12.0);
        assert_eq!((shift.p50_ns, shift.chance), ([2, 3], 1.0));
    }

    #[test]
    fn noise_is_no_change_and_a_change_is_none_of_noise() {
        let mut state = 3u64;
        let mut draw = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            1_000 + (state >> 33) % 9_000
        };
        let mut false_alarms = 0;
        for _ in 0..200 {
            let (one, other) = (sketch((0..200).map(|_| draw())), sketch((0..300).map(|_| draw())));
            false_alarms += u32::from(shift(&one, &other).unwrap().chance < 0.05);
        }
        // 5 in 100 are expected.
        assert!((2..=22).contains(&false_alarms), "{false_alarms}");
        let before = sketch((0..200).map(|_| draw()));
        let after = sketch((0..200).map(|_| draw() * 13 / 10));
        let shift = shift(&before, &after).unwrap();
        assert!(shift.chance < 1e-4 && shift.ratio > 1.1 && shift.longer > 0.6, "{shift:?}");
    }

    #[test]
    fn equal_durations_are_no_change_and_none_cannot_be_compared() {
        let same = shift(&sketch([7; 100]), &sketch([7; 50])).unwrap();
        assert_eq!((same.ratio, same.longer, same.chance), (1.0, 0.5, 1.0));
        assert_eq!(shift(&Latency::new(), &sketch([1])), None);
    }
}
