//! Many reads as one: which were slow and why, what sets them apart, where all their time went.
//!
//! Reads come one by one and are kept whole in blocks of a bounded size. At the end of a block it is
//! known, of all reads so far, what is usual for each kind; the reads of the block are judged by
//! that, counted, and forgotten but for the slowest of each group. An input of a single block, some
//! ten thousand reads, is so judged exactly, by its own medians; of a longer one the first block is
//! judged by its medians, the second by those of both, and so on. [`Limit`] says by how much that
//! moved.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::mem;

use crate::explain::attribution::{Attribution, Share};
use crate::explain::contrast::{Difference, Sums, contrast_sums};
use crate::explain::facts::{Asked, Facts};
use crate::explain::sketch::Sketch;
use crate::explain::verdict::{Gathered, Usual, Verdict, judge, median};
use crate::explain::wait_states::WaitState;
use crate::explain::what_if::{Outcome, WhatIf};
use crate::model::TraceId;

/// How many bytes of reads are kept whole.
const BLOCK_BYTES: usize = 32 << 20;
/// A read is slow if it took so many times the median of its kind, and at least [`LEAST_NS`].
const SLOW: u64 = 3;
/// Below this nobody calls a read slow who has not said what slow is.
const LEAST_NS: u64 = 1_000_000;
/// More sentences and places of one group than this are not counted.
const MOST_KINDS: usize = 256;
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
    /// How many have each verdict, by its sentence.
    sentences: BTreeMap<String, usize>,
    /// How many asked each region on each store.
    places: BTreeMap<String, usize>,
    ids: BinaryHeap<Reverse<(u64, Reverse<usize>, TraceId)>>,
}

/// From when on a read of one kind is slow. What was asked for counts, not the way in which it was
/// served: a read that should have needed no quorum is slow for having needed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The kind.
    pub asked: Asked,
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
    /// Of the reads of the block.
    gathered: Gathered,
    usual: Option<Usual>,
    /// How long the reads of each kind took.
    kinds: BTreeMap<Asked, Sketch>,
    limits: BTreeMap<Asked, Limit>,
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
        self.kinds.entry(read.facts.asked).or_default().add(read.duration_ns);
        let by_state_ns = read.by_state_ns();
        for (ns, times) in by_state_ns.iter().zip(&mut self.states).filter(|(ns, _)| **ns > 0) {
            times.add(*ns);
        }
        for outcome in &mut self.outcomes {
            let mut states = WaitState::ALL.iter();
            let state = states.find(|it| outcome.what_if.is_of(it.as_str()));
            let ns = state.map_or(0, |state| read.in_state_ns(*state));
            outcome.add(read.duration_ns, outcome.what_if.change_ns(ns), ns > 0);
        }
        self.block_bytes += bytes_of(&read);
        self.gathered.add(&read);
        self.block.push(read);
        if self.block_bytes >= BLOCK_BYTES {
            self.end_block();
        }
    }

    /// Judges what was kept.
    pub(super) fn end_block(&mut self) {
        let mut block = mem::take(&mut self.block);
        let gathered = mem::take(&mut self.gathered);
        let is_full = mem::take(&mut self.block_bytes) >= BLOCK_BYTES;
        // What little comes last says less of what is usual than what came before, but all that can be
        // said of its own time.
        let usual = match self.usual.take().filter(|_| !is_full) {
            Some(usual) => Usual { around: gathered.around(), ..usual },
            None => gathered.usual(),
        };
        let exact = if self.limits.is_empty() { exact_medians(&block) } else { BTreeMap::new() };
        self.set_limits(&exact);
        let first = self.count - block.len();
        for (number, read) in block.drain(..).enumerate() {
            let limit_ns = self.limits.get(&read.facts.asked).map_or(LEAST_NS, |it| it.last_ns);
            if read.duration_ns >= limit_ns || read.facts.error.is_some() {
                self.slow.add(&read);
                let verdict = judge(&read, &usual);
                self.group(first + number, Told { read, verdict });
            } else {
                self.normal.add(&read);
            }
        }
        self.usual = Some(usual);
        // Its room serves the next one.
        self.block = block;
    }

    fn set_limits(&mut self, exact: &BTreeMap<Asked, u64>) {
        for (asked, times) in &self.kinds {
            let sketched = || times.quantile_ns(0.5).unwrap_or(0);
            let median = exact.get(asked).copied().unwrap_or_else(sketched);
            let usual = median.saturating_mul(SLOW).max(LEAST_NS);
            let last_ns = self.threshold_ns.unwrap_or(usual);
            let new = Limit { asked: *asked, reads: 0, first_ns: last_ns, last_ns };
            let limit = self.limits.entry(*asked).or_insert(new);
            (limit.last_ns, limit.reads) = (last_ns, times.count());
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
            GroupBy::Mode => facts.mode.as_deref().unwrap_or("failed").to_owned(),
        };
        if self.groups.len() >= MOST_GROUPS && !self.groups.contains_key(&name) {
            self.ungrouped += 1;
            return;
        }
        let group = self.groups.entry(name).or_default();
        group.count_kinds(&told);
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

    /// What counted as slow, by kind.
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
    /// The sentences of the verdicts, the most frequent first, with how many reads have them.
    pub fn sentences(&self) -> Vec<(&str, usize)> {
        by_count(&self.sentences)
    }

    /// Where the reads were asked, such as "region 4 on store 2", the most frequent first.
    pub fn places(&self) -> Vec<(&str, usize)> {
        by_count(&self.places)
    }

    fn count_kinds(&mut self, told: &Told) {
        let Facts { region, store, .. } = &told.read.facts;
        let word = |name: &str, value: &Option<i64>| value.map(|value| format!("{name} {value}"));
        let words = word("region", region).into_iter().chain(word("store", store));
        let place = words.collect::<Vec<_>>().join(" on ");
        for (counts, key) in
            [(&mut self.sentences, &told.verdict.sentence), (&mut self.places, &place)]
        {
            if let Some(count) = counts.get_mut(key) {
                *count += 1;
            } else if counts.len() < MOST_KINDS && !key.is_empty() {
                counts.insert(key.clone(), 1);
            }
        }
    }

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

/// The median duration of the reads of each kind.
fn exact_medians(reads: &[Attribution]) -> BTreeMap<Asked, u64> {
    let mut durations: BTreeMap<Asked, Vec<u64>> = BTreeMap::new();
    for read in reads {
        durations.entry(read.facts.asked).or_default().push(read.duration_ns);
    }
    durations.into_iter().filter_map(|(asked, all)| Some((asked, median(all)?))).collect()
}

/// About how many bytes a read takes in memory, with room for its texts.
fn bytes_of(read: &Attribution) -> usize {
    const TEXTS: usize = 200;
    let shares = read.shares.capacity() * size_of::<Share>();
    let facts = &read.facts;
    let lists = size_of_val(&facts.acks[..])
        + size_of_val(&facts.questions_ns[..])
        + size_of_val(&facts.hop_stays[..]);
    size_of::<Attribution>() + TEXTS + shares + lists
}
/// What there is most of first.
fn by_count(counts: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    let mut all: Vec<_> = counts.iter().map(|(what, count)| (&**what, *count)).collect();
    all.sort_by_key(|(_, count)| Reverse(*count));
    all
}
