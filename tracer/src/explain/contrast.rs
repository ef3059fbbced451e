//! What sets slow reads apart from the others, in nanoseconds that add up.
//!
//! The mean slow read took so much longer than the mean normal one; the differences of the wait
//! states sum to exactly that. An attribute's value accounts for the difference as far as slow reads
//! have it more often than normal ones: `(slow with it / slow - normal with it / normal)` of the
//! whole. Both can be checked by hand from the counts that come with them.
//!
//! Only [`Sums`] are needed of either side, so reads may be counted one by one and forgotten.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::explain::attribution::Attribution;
use crate::explain::wait_states::WaitState;
use crate::model::ArcStr;

/// Values that are counted one by one on each side; what comes after so many different ones is not.
const MOST_VALUES: usize = 10_000;
/// What is counted of each read beside its times, in the order of the facts that [`Sums::add`] takes.
const NUMBERS: [&str; 2] = ["region", "store"];
const TEXTS: [&str; 4] = ["mode", "rejected for", "role", "lease"];
const FLAGS: [&str; 3] = ["joined a carrier", "fetched blocks", "passed deleted keys"];
/// Batches are counted by the power of two that their size begins with.
const BATCHES: usize = 32;

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
    numbers: [HashMap<i64, usize, RandomState>; NUMBERS.len()],
    texts: [HashMap<ArcStr, usize, RandomState>; TEXTS.len()],
    flags: [usize; FLAGS.len()],
    /// Reads that shared a round, by how many shared it.
    batches: [usize; BATCHES],
    /// How many different values are counted.
    values: usize,
}

impl Sums {
    /// Counts a read.
    pub fn add(&mut self, read: &Attribution) {
        self.count += 1;
        self.duration_ns += u128::from(read.duration_ns);
        self.states.resize(WaitState::ALL.len(), InState::default());
        for (ns, sum) in read.by_state_ns().into_iter().zip(&mut self.states) {
            sum.ns += u128::from(ns);
            sum.reads += usize::from(ns > 0);
        }
        let facts = &read.facts;
        for (counts, value) in self.numbers.iter_mut().zip([facts.region, facts.store]) {
            let Some(value) = value else { continue };
            if let Some(count) = counts.get_mut(&value) {
                *count += 1;
            } else if self.values < MOST_VALUES {
                self.values += 1;
                counts.insert(value, 1);
            }
        }
        let texts = [&facts.mode, &facts.reject, &facts.role, &facts.lease];
        for (counts, value) in self.texts.iter_mut().zip(texts) {
            let Some(value) = value else { continue };
            if let Some(count) = counts.get_mut(value) {
                *count += 1;
            } else if self.values < MOST_VALUES {
                self.values += 1;
                counts.insert(ArcStr::clone(value), 1);
            }
        }
        let engine = facts.engine.unwrap_or_default();
        let flags = [facts.carrier.is_some(), engine.block_reads > 0, engine.tombstones > 0];
        for (count, is_set) in self.flags.iter_mut().zip(flags) {
            *count += usize::from(is_set);
        }
        let power = facts.batch.checked_ilog2().map(|it| it as usize);
        if let Some(count) = power.and_then(|it| self.batches.get_mut(it)) {
            *count += 1;
        }
    }

    /// Each value that was counted, in words, with how many have it and how many `others` have.
    fn values(&self, others: &Sums) -> Vec<(String, usize, usize)> {
        let mut found = Vec::with_capacity(self.values + 1);
        for ((name, mine), theirs) in NUMBERS.iter().zip(&self.numbers).zip(&others.numbers) {
            for (value, with) in mine {
                found.push((format!("{name} {value}"), *with, of_other(theirs.get(value))));
            }
        }
        for ((name, mine), theirs) in TEXTS.iter().zip(&self.texts).zip(&others.texts) {
            for (value, with) in mine {
                found.push((format!("{name} {value}"), *with, of_other(theirs.get(value))));
            }
        }
        let flags = FLAGS.iter().zip(self.flags).zip(others.flags);
        found.extend(flags.map(|((name, with), theirs)| ((*name).to_owned(), with, theirs)));
        let batches = self.batches.iter().zip(others.batches).enumerate();
        found.extend(batches.map(|(power, (with, theirs))| (batch_of(power), *with, theirs)));
        found.retain(|(_, with, _)| *with > 0);
        found
    }

    /// How many reads were counted.
    pub fn count(&self) -> usize {
        self.count
    }

    fn mean(&self, sum: u128) -> f64 {
        sum as f64 / self.count.max(1) as f64
    }
}

/// What batches whose size begins with a power of two are called.
fn batch_of(power: usize) -> String {
    match power {
        0 => "alone in its round".to_owned(),
        _ => format!("in a round of {} to {} reads", 1_u64 << power, (2_u64 << power) - 1),
    }
}

fn of_other(count: Option<&usize>) -> usize {
    count.copied().unwrap_or(0)
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
    for (what, slow_with, normal_with) in slow.values(normal) {
        let part = |with: usize, all: usize| with as f64 / all as f64;
        found.push(Difference {
            what,
            share: part(slow_with, slow.count) - part(normal_with, normal.count),
            slow_with,
            slow: slow.count,
            normal_with,
            normal: normal.count,
        });
    }
    found.retain(|difference| difference.share > 0.0);
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.what.cmp(&b.what)));
    found
}
