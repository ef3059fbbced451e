//! What sets slow reads apart from the others, in nanoseconds that add up.
//!
//! The mean slow read took so much longer than the mean normal one; the differences of the wait
//! states sum to exactly that. An attribute's value accounts for the difference as far as slow reads
//! have it more often than normal ones: `(slow with it / slow - normal with it / normal)` of the
//! whole. Both can be checked by hand from the counts that come with them.

use std::collections::BTreeMap;

use crate::explain::attribution::Attribution;
use crate::explain::facts::Facts;
use crate::explain::wait_states::WaitState;

/// One thing in which slow reads differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// What: `wait quorum`, or `region 4`.
    pub what: String,
    /// How much of the extra time of a mean slow read it accounts for; 1 is all of it.
    pub share: f64,
    /// Slow reads that have it.
    pub slow_with: usize,
    /// All slow reads.
    pub slow: usize,
    /// Normal reads that have it.
    pub normal_with: usize,
    /// All normal reads.
    pub normal: usize,
}

/// The differences between `slow` and `normal` reads, the largest share first; none if either is
/// empty or the slow ones are no slower.
pub fn contrast(slow: &[&Attribution], normal: &[&Attribution]) -> Vec<Difference> {
    let extra = mean(slow, |it| it.duration_ns) - mean(normal, |it| it.duration_ns);
    if slow.is_empty() || normal.is_empty() || extra <= 0.0 {
        return Vec::new();
    }
    let counts = (slow.len(), normal.len());
    let of_state = |state: &WaitState| {
        let in_state = |it: &Attribution| it.in_state_ns(*state);
        let with = |reads: &[&Attribution]| reads.iter().filter(|it| in_state(it) > 0).count();
        Difference {
            what: format!("wait {state}"),
            share: (mean(slow, in_state) - mean(normal, in_state)) / extra,
            slow_with: with(slow),
            slow: counts.0,
            normal_with: with(normal),
            normal: counts.1,
        }
    };
    let mut found: Vec<Difference> = WaitState::ALL.iter().map(of_state).collect();
    let (with_slow, with_normal) = (count_values(slow), count_values(normal));
    for (what, slow_with) in with_slow {
        let normal_with = with_normal.get(&what).copied().unwrap_or(0);
        let share = slow_with as f64 / counts.0 as f64 - normal_with as f64 / counts.1 as f64;
        let (slow, normal) = counts;
        found.push(Difference { what, share, slow_with, slow, normal_with, normal });
    }
    found.retain(|difference| difference.share > 0.0);
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.what.cmp(&b.what)));
    found
}

fn mean(reads: &[&Attribution], of: impl Fn(&Attribution) -> u64) -> f64 {
    let sum: u128 = reads.iter().map(|read| u128::from(of(read))).sum();
    sum as f64 / reads.len().max(1) as f64
}

fn count_values(reads: &[&Attribution]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for read in reads {
        for value in values(&read.facts) {
            *counts.entry(value).or_insert(0) += 1;
        }
    }
    counts
}

/// The values of a read that others may share.
fn values(facts: &Facts) -> Vec<String> {
    let number = |name: &str, value: Option<i64>| value.map(|it| format!("{name} {it}"));
    let text = |name: &str, value: &Option<String>| value.as_ref().map(|it| format!("{name} {it}"));
    let all = [
        number("region", facts.region),
        number("store", facts.store),
        text("mode", &facts.mode),
        text("rejected for", &facts.reject),
        text("role", &facts.role),
        text("lease", &facts.lease),
        facts.carrier.map(|_| "joined a carrier".to_owned()),
    ];
    all.into_iter().flatten().collect()
}
