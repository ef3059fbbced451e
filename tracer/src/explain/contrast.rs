//! What sets slow reads apart from the others, in nanoseconds that add up.
//!
//! The mean slow read took so much longer than the mean normal one; the differences of the wait
//! states sum to exactly that. An attribute's value accounts for the difference as far as slow reads
//! have it more often than normal ones: `(slow with it / slow - normal with it / normal)` of the
//! whole. Both can be checked by hand from the counts that come with them.
//!
//! Only [`Sums`] are needed of either side, so reads may be counted one by one and forgotten.

use std::collections::HashMap;
use std::fmt::Write as _;

use foldhash::fast::RandomState;

use crate::explain::attribution::Attribution;
use crate::explain::wait_states::WaitState;

/// Values that are counted one by one on each side; what comes after so many different ones is not.
const MOST_VALUES: usize = 10_000;

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

/// Nanoseconds of many reads in one state, and how many of them were in it.
#[derive(Clone, Copy, Debug, Default)]
struct InState {
    ns: u128,
    reads: usize,
}

/// What is known of many reads together.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    count: usize,
    duration_ns: u128,
    /// In the order of the states.
    states: Vec<InState>,
    values: HashMap<String, usize, RandomState>,
    /// Where a value is written to look it up.
    text: String,
}

impl Sums {
    /// Counts a read.
    pub fn add(&mut self, read: &Attribution) {
        self.count += 1;
        self.duration_ns += u128::from(read.duration_ns);
        self.states.resize(WaitState::ALL.len(), InState::default());
        for (state, sum) in WaitState::ALL.iter().zip(&mut self.states) {
            let ns = read.in_state_ns(*state);
            sum.ns += u128::from(ns);
            sum.reads += usize::from(ns > 0);
        }
        let facts = &read.facts;
        let number = |name, value: Option<i64>| value.map(|it| (name, Of::Number(it)));
        let all = [
            number("region", facts.region),
            number("store", facts.store),
            text("mode", &facts.mode),
            text("rejected for", &facts.reject),
            text("role", &facts.role),
            text("lease", &facts.lease),
            facts.carrier.map(|_| ("joined a carrier", Of::Itself)),
        ];
        for (name, value) in all.into_iter().flatten() {
            self.count_value(name, value);
        }
    }

    fn count_value(&mut self, name: &str, value: Of<'_>) {
        self.text.clear();
        self.text.push_str(name);
        match value {
            Of::Number(number) => drop(write!(self.text, " {number}")),
            Of::Text(text) => self.text.extend([" ", text]),
            Of::Itself => {}
        }
        if let Some(count) = self.values.get_mut(&self.text) {
            *count += 1;
        } else if self.values.len() < MOST_VALUES {
            self.values.insert(self.text.clone(), 1);
        }
    }

    /// How many reads were counted.
    pub fn count(&self) -> usize {
        self.count
    }

    fn mean(&self, sum: u128) -> f64 {
        sum as f64 / self.count.max(1) as f64
    }
}

/// A value that other reads may share.
enum Of<'a> {
    Number(i64),
    Text(&'a str),
    /// The name says it all.
    Itself,
}

fn text<'a>(name: &'static str, value: &'a Option<String>) -> Option<(&'static str, Of<'a>)> {
    value.as_deref().map(|it| (name, Of::Text(it)))
}

/// The differences between `slow` and `normal` reads, the largest share first; none if either is
/// empty or the slow ones are no slower.
pub fn contrast(slow: &[&Attribution], normal: &[&Attribution]) -> Vec<Difference> {
    let sums = |reads: &[&Attribution]| {
        let mut sums = Sums::default();
        reads.iter().for_each(|read| sums.add(read));
        sums
    };
    contrast_sums(&sums(slow), &sums(normal))
}

/// The same from what was counted of both.
pub fn contrast_sums(slow: &Sums, normal: &Sums) -> Vec<Difference> {
    let extra = slow.mean(slow.duration_ns) - normal.mean(normal.duration_ns);
    if slow.count == 0 || normal.count == 0 || extra <= 0.0 {
        return Vec::new();
    }
    let of_state = |(at, state): (usize, &WaitState)| {
        let in_it = |sums: &Sums| sums.states.get(at).copied().unwrap_or_default();
        let (of_slow, of_normal) = (in_it(slow), in_it(normal));
        Difference {
            what: format!("wait {state}"),
            share: (slow.mean(of_slow.ns) - normal.mean(of_normal.ns)) / extra,
            slow_with: of_slow.reads,
            slow: slow.count,
            normal_with: of_normal.reads,
            normal: normal.count,
        }
    };
    let mut found: Vec<Difference> = WaitState::ALL.iter().enumerate().map(of_state).collect();
    for (what, slow_with) in &slow.values {
        let normal_with = normal.values.get(what).copied().unwrap_or(0);
        let part = |with: usize, all: usize| with as f64 / all as f64;
        found.push(Difference {
            what: what.clone(),
            share: part(*slow_with, slow.count) - part(normal_with, normal.count),
            slow_with: *slow_with,
            slow: slow.count,
            normal_with,
            normal: normal.count,
        });
    }
    found.retain(|difference| difference.share > 0.0);
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.what.cmp(&b.what)));
    found
}
