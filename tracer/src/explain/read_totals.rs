//! Many reads as one: which were slow and why, what sets them apart, where all their time went.
//!
//! Reads come one by one and are kept whole in blocks of a bounded size. At the end of a block it is
//! known, of all reads so far, what is usual for each mode; the reads of the block are judged by
//! that, counted, and forgotten but for the slowest of each group. An input of a single block, some
//! ten thousand reads, is so judged exactly, by its own medians; of a longer one the first block is
//! judged by its medians, the second by those of both, and so on. [`Limit`] says by how much that
//! moved.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::explain::attribution::{Attribution, Share};
use crate::explain::contrast::{Difference, Sums, contrast_sums};
use crate::explain::sketch::Sketch;
use crate::explain::verdict::{Usual, Verdict, judge};
use crate::explain::wait_states::WaitState;
use crate::explain::what_if::{Outcome, WhatIf};
use crate::model::TraceId;

/// How many bytes of reads are kept whole.
const BLOCK_BYTES: usize = 32 << 20;
/// A read is slow if it took so many times the median of its mode, and at least [`LEAST_NS`].
const SLOW: u64 = 3;
/// Below this nobody calls a read slow who has not said what slow is.
const LEAST_NS: u64 = 1_000_000;
/// More modes than this are one.
const MOST_MODES: usize = 100;
const OTHER_MODES: &str = "(other modes)";
/// More groups than this are not told one by one.
const MOST_GROUPS: usize = 1_000;
/// Of each group, the ids of so many of its slowest reads are kept.
const MOST_IDS: usize = 2_000;

/// What slow reads are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupBy {
    /// Why they were slow.
    #[default]
    Cause,
    /// The region that was read.
    Region,
    /// The store that was asked.
    Store,
    /// How they were served.
    Mode,
}

/// A read with its verdict.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where its time went. Its `root` is of no use any more.
    pub read: Attribution,
    /// Why.
    pub verdict: Verdict,
}

/// Slow or failed reads that have something in common.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// How many they are.
    pub count: usize,
    /// How long they took together, in nanoseconds.
    pub total_ns: u64,
    /// The slowest, the slowest first.
    pub slowest: Vec<Told>,
    ids: BinaryHeap<Reverse<(u64, Reverse<usize>, TraceId)>>,
}

/// What a read of one mode must not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The mode; none for reads that failed before they had one.
    pub mode: Option<String>,
    /// Reads of it.
    pub reads: u64,
    /// The limit for the first reads, in nanoseconds.
    pub first_ns: u64,
    /// The limit for the last ones, in nanoseconds.
    pub last_ns: u64,
}

/// Where the time of all reads went: one state.
#[derive(Clone, Debug)]
pub struct StateTotal {
    /// The state.
    pub state: WaitState,
    /// The times of the reads that were in it.
    pub times: Sketch,
}

/// What is known of all reads.
#[derive(Debug, Default)]
pub struct ReadTotals {
    threshold_ns: Option<u64>,
    group_by: GroupBy,
    keep: usize,
    block: Vec<Attribution>,
    block_bytes: usize,
    usual: Option<Usual>,
    /// How long the reads of each mode took.
    modes: BTreeMap<Option<String>, Sketch>,
    limits: BTreeMap<Option<String>, Limit>,
    slow: Sums,
    normal: Sums,
    count: usize,
    failed: usize,
    groups: BTreeMap<String, Group>,
    /// Reads of groups that are not told.
    ungrouped: usize,
    states: Vec<Sketch>,
    durations: Sketch,
    outcomes: Vec<Outcome>,
}

impl ReadTotals {
    pub(super) fn new(
        threshold_ns: Option<u64>,
        group_by: GroupBy,
        keep: usize,
        what_if: &[WhatIf],
    ) -> Self {
        ReadTotals {
            threshold_ns,
            group_by,
            keep: keep.max(1),
            states: vec![Sketch::default(); WaitState::ALL.len()],
            outcomes: what_if.iter().map(Outcome::new).collect(),
            ..ReadTotals::default()
        }
    }

    pub(super) fn add(&mut self, read: Attribution) {
        self.count += 1;
        self.failed += usize::from(read.facts.error.is_some());
        self.durations.add(read.duration_ns);
        match self.modes.get_mut(&read.facts.mode) {
            Some(times) => times.add(read.duration_ns),
            None => self.new_mode(&read.facts.mode).add(read.duration_ns),
        }
        for (state, times) in WaitState::ALL.iter().zip(&mut self.states) {
            let ns = read.in_state_ns(*state);
            if ns > 0 {
                times.add(ns);
            }
        }
        for outcome in &mut self.outcomes {
            let mut states = WaitState::ALL.iter();
            let state = states.find(|it| outcome.what_if.is_of(it.as_str()));
            let ns = state.map_or(0, |state| read.in_state_ns(*state));
            outcome.add(read.duration_ns, outcome.what_if.change_ns(ns), ns > 0);
        }
        self.block_bytes += bytes_of(&read);
        self.block.push(read);
        if self.block_bytes >= BLOCK_BYTES {
            self.end_block();
        }
    }

    fn new_mode(&mut self, mode: &Option<String>) -> &mut Sketch {
        let is_one_more = self.modes.len() < MOST_MODES;
        let name = if is_one_more { mode.clone() } else { Some(OTHER_MODES.to_owned()) };
        self.modes.entry(name).or_default()
    }

    /// From which duration on reads of a mode are slow.
    fn limit_ns(&self, mode: &Option<String>) -> u64 {
        let others = || self.limits.get(&Some(OTHER_MODES.to_owned()));
        self.limits.get(mode).or_else(others).map_or(LEAST_NS, |limit| limit.last_ns)
    }

    /// Judges what was kept.
    pub(super) fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        let is_full = std::mem::take(&mut self.block_bytes) >= BLOCK_BYTES;
        // What little comes last says less of what is usual than what came before.
        let usual = match self.usual.filter(|_| !is_full) {
            Some(usual) => usual,
            None => Usual::of(&block),
        };
        let is_only = self.usual.is_none();
        self.usual = Some(usual);
        let exact = if is_only { exact_medians(&block) } else { BTreeMap::new() };
        self.set_limits(&exact);
        let first = self.count - block.len();
        for (number, read) in block.into_iter().enumerate() {
            let limit_ns = self.limit_ns(&read.facts.mode);
            if read.duration_ns >= limit_ns || read.facts.error.is_some() {
                self.slow.add(&read);
                let verdict = judge(&read, &usual);
                self.group(first + number, Told { read, verdict });
            } else {
                self.normal.add(&read);
            }
        }
    }

    fn set_limits(&mut self, exact: &BTreeMap<Option<String>, u64>) {
        for (mode, times) in &self.modes {
            let sketched = || times.quantile_ns(0.5).unwrap_or(0);
            let median = exact.get(mode).copied().unwrap_or_else(sketched);
            let usual = median.saturating_mul(SLOW).max(LEAST_NS);
            let limit_ns = self.threshold_ns.unwrap_or(usual);
            let limit = self.limits.entry(mode.clone()).or_insert_with(|| Limit {
                mode: mode.clone(),
                reads: 0,
                first_ns: limit_ns,
                last_ns: limit_ns,
            });
            (limit.last_ns, limit.reads) = (limit_ns, times.count());
        }
    }

    fn group(&mut self, number: usize, told: Told) {
        let facts = &told.read.facts;
        let numbered = |name: &str, value: Option<i64>| {
            value.map_or_else(|| format!("no {name}"), |it| format!("{name} {it}"))
        };
        let name = match self.group_by {
            GroupBy::Cause => told.verdict.cause.as_str().to_owned(),
            GroupBy::Region => numbered("region", facts.region),
            GroupBy::Store => numbered("store", facts.store),
            GroupBy::Mode => facts.mode.clone().unwrap_or_else(|| "failed".to_owned()),
        };
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&name) {
            self.ungrouped += 1;
            return;
        }
        let group = self.groups.entry(name).or_default();
        group.add(number, told, self.keep);
    }

    /// How many reads there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many of them failed.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// How many were slow or failed.
    pub fn judged(&self) -> usize {
        self.slow.count()
    }

    /// How long they took.
    pub fn durations(&self) -> &Sketch {
        &self.durations
    }

    /// Slow and failed reads in groups, those that took longest together first.
    pub fn groups(&self) -> Vec<(&str, &Group)> {
        let mut groups: Vec<_> = self.groups.iter().map(|(name, it)| (&**name, it)).collect();
        groups.sort_by_key(|(_, group)| Reverse(group.total_ns));
        groups
    }

    /// Slow and failed reads that are in none of the groups, since there are too many groups.
    pub fn ungrouped(&self) -> usize {
        self.ungrouped
    }

    /// What sets slow and failed reads apart from the others.
    pub fn differences(&self) -> Vec<Difference> {
        contrast_sums(&self.slow, &self.normal)
    }

    /// What counted as slow, by mode.
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.limits.values()
    }

    /// Where the time of all reads went, what took most first.
    pub fn states(&self) -> Vec<StateTotal> {
        let all = WaitState::ALL.iter().zip(&self.states);
        let total = |(state, times): (&WaitState, &Sketch)| StateTotal {
            state: *state,
            times: times.clone(),
        };
        let mut states: Vec<_> = all.map(total).filter(|it| it.times.count() > 0).collect();
        states.sort_by_key(|it| Reverse(it.times.sum_ns()));
        states
    }

    /// What would have been, in the order in which it was asked.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }
}

impl Group {
    fn add(&mut self, number: usize, told: Told, keep: usize) {
        let ns = told.read.duration_ns;
        self.count += 1;
        self.total_ns = self.total_ns.saturating_add(ns);
        self.ids.push(Reverse((ns, Reverse(number), told.read.trace_id)));
        if self.ids.len() > MOST_IDS {
            self.ids.pop();
        }
        let at = self.slowest.partition_point(|it| it.read.duration_ns >= ns);
        if at < keep {
            self.slowest.insert(at, told);
            self.slowest.truncate(keep);
        }
    }

    /// The traces of its slowest reads, the slowest first: no more than `most`, and no more than a few
    /// thousand.
    pub fn slowest_traces(&self, most: usize) -> Vec<TraceId> {
        let mut ids: Vec<_> = self.ids.iter().map(|Reverse(it)| *it).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.into_iter().take(most).map(|(_, _, trace)| trace).collect()
    }
}

/// The median duration of each mode.
fn exact_medians(reads: &[Attribution]) -> BTreeMap<Option<String>, u64> {
    let mut durations: BTreeMap<Option<String>, Vec<u64>> = BTreeMap::new();
    for read in reads {
        durations.entry(read.facts.mode.clone()).or_default().push(read.duration_ns);
    }
    let median = |mut all: Vec<u64>| {
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or(0)
    };
    durations.into_iter().map(|(mode, all)| (mode, median(all))).collect()
}

/// About how many bytes a read takes in memory, with room for its texts.
fn bytes_of(read: &Attribution) -> usize {
    const TEXTS: usize = 200;
    let shares = read.shares.capacity() * size_of::<Share>();
    let lists = size_of_val(&read.facts.acks[..]) + size_of_val(&read.facts.questions_ns[..]);
    size_of::<Attribution>() + TEXTS + shares + lists
}
