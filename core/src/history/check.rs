//! Decides linearizability by zones (Gibbons and Korach, "Testing Shared Memories", 1997).
//!
//! All operations on one value, its write and the reads that saw it, form a cluster. Let *first*
//! be the moment when the first of them has returned and *last* the moment when the last of them
//! is called.
//!
//! - If first lies before last, the key has the value all through `[first, last]`: a *forward*
//!   zone. Two forward zones may not overlap.
//! - Else all of them run at once during `[last, first]`, and together they fit any one moment of
//!   it: a *backward* zone. It needs a moment that no forward zone has taken.
//!
//! Together with "no read of a value that was never written, or that returns before its write is
//! called" this is not only necessary but enough, as long as every written value is a new one. It
//! takes O(n log n), where a search over orders may take exponential time.
//!
//! Moments that are equal order nothing: an operation precedes another only if it has returned
//! strictly before the other is called.

// Only looked up in, never iterated: their order reaches nobody.
#![allow(clippy::disallowed_types)]

use std::collections::HashMap;

use super::explain;
use super::{History, Op, OpKind};

/// What [`check()`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Some order of the operations explains every answer.
    Linearizable,
    /// No order does.
    Violation {
        /// The key on which it shows.
        key: Vec<u8>,
        /// Which rule is broken.
        kind: ViolationKind,
        /// The operations that prove it, each once: up to four.
        witness: Vec<Op>,
        /// The proof in words.
        explanation: String,
    },
    /// The history is not one that can be judged: a value was written twice to one key, or an
    /// operation returned before it was called.
    Malformed {
        /// The key.
        key: Vec<u8>,
        /// The operations concerned.
        witness: Vec<Op>,
        /// What is wrong with them.
        explanation: String,
    },
}

/// Which rule a history breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViolationKind {
    /// A read saw a value that nobody wrote.
    NeverWritten,
    /// A read returned a value before its write was called.
    FromTheFuture,
    /// Two values must both have been there all through spans that overlap.
    TwoAtOnce,
    /// A value must have been there at a moment when another one was there.
    NoRoom,
}

/// A moment: 0 is before all, [`NEVER`] after all, nanosecond `n` of the clock is `n + 1`.
type Moment = u64;
const BEFORE_ALL: Moment = 0;
const NEVER: Moment = u64::MAX;

/// The operations on one value of one key.
#[derive(Clone, Copy, Default)]
pub(super) struct Cluster<'a> {
    /// The write; none for the missing value that a key starts with.
    pub(super) write: Option<&'a Op>,
    /// When the write was called.
    written: Moment,
    /// The first return, and whose it is.
    first: Moment,
    pub(super) first_op: Option<&'a Op>,
    /// The last call, and whose it is.
    last: Moment,
    pub(super) last_op: Option<&'a Op>,
}

/// A rule that is broken, by which operations.
pub(super) enum Finding<'a> {
    NeverWritten(&'a Op),
    FromTheFuture { read: &'a Op, write: &'a Op },
    TwoAtOnce(Cluster<'a>, Cluster<'a>),
    NoRoom { inner: Cluster<'a>, outer: Cluster<'a> },
    WrittenTwice(&'a Op, &'a Op),
    Backwards(&'a Op),
}

/// Whether a register per key, without a value at first, could have given these answers.
///
/// Of several violations it reports one of the first key in key order, the same one each time.
pub fn check(history: &History) -> Verdict {
    // Only looked up in, never iterated: the order of the map reaches nobody.
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut by_key: Vec<(&[u8], Vec<&Op>)> = Vec::new();
    for op in &history.ops {
        let place = *places.entry(&op.key).or_insert(by_key.len());
        if place == by_key.len() {
            by_key.push((&op.key, Vec::new()));
        }
        by_key[place].1.push(op);
    }
    by_key.sort_by_key(|(key, _)| *key);
    for (key, ops) in by_key {
        if let Err(finding) = check_key(&ops) {
            return explain::verdict(key, &finding);
        }
    }
    Verdict::Linearizable
}

fn check_key<'a>(ops: &[&'a Op]) -> Result<(), Finding<'a>> {
    let mut clusters = writes(ops)?;
    add_reads(ops, &mut clusters)?;
    // A write that neither returned nor was seen may never have happened. Its zone is open to
    // the end of time, where nothing encloses it: it needs no case of its own.
    let (mut forward, backward): (Vec<_>, Vec<_>) =
        clusters.list.into_iter().partition(|cluster| cluster.first < cluster.last);
    forward.sort_by_key(|zone| (zone.first, zone.last));
    for pair in forward.windows(2) {
        if pair[1].first < pair[0].last {
            return Err(Finding::TwoAtOnce(pair[0], pair[1]));
        }
    }
    for inner in backward {
        // Forward zones are apart from here on, so the last one to start before it is the only
        // one that can enclose it.
        let behind = forward.partition_point(|outer| outer.first < inner.last);
        if let Some(outer) = behind.checked_sub(1).map(|place| forward[place])
            && inner.first < outer.last
        {
            return Err(Finding::NoRoom { inner, outer });
        }
    }
    Ok(())
}

/// The clusters of a key, and where each value's is.
struct Clusters<'a> {
    list: Vec<Cluster<'a>>,
    places: HashMap<&'a [u8], usize>,
}

/// The place of the cluster of the missing value.
const MISSING: usize = 0;

/// A cluster for each write, and one for the missing value that was there before all.
fn writes<'a>(ops: &[&'a Op]) -> Result<Clusters<'a>, Finding<'a>> {
    let missing =
        Cluster { first: BEFORE_ALL, last: BEFORE_ALL, written: BEFORE_ALL, ..Cluster::default() };
    let mut clusters = Clusters { list: vec![missing], places: HashMap::new() };
    for &op in ops {
        let (called, returned) = moments(op)?;
        let OpKind::Write(value) = &op.kind else { continue };
        let place = clusters.list.len();
        if let Some(earlier) = clusters.places.insert(value, place) {
            let twice = clusters.list[earlier].write.unwrap_or(op);
            return Err(Finding::WrittenTwice(twice, op));
        }
        clusters.list.push(Cluster {
            write: Some(op),
            written: called,
            first: returned,
            first_op: Some(op),
            last: called,
            last_op: Some(op),
        });
    }
    Ok(clusters)
}

/// Adds each answered read to the cluster of what it saw.
fn add_reads<'a>(ops: &[&'a Op], clusters: &mut Clusters<'a>) -> Result<(), Finding<'a>> {
    for &op in ops {
        let OpKind::Read(value) = &op.kind else { continue };
        let (called, returned) = moments(op)?;
        if returned == NEVER {
            continue;
        }
        let place = match value {
            None => MISSING,
            Some(value) => {
                *clusters.places.get(value.as_slice()).ok_or(Finding::NeverWritten(op))?
            }
        };
        let cluster = &mut clusters.list[place];
        if let Some(write) = cluster.write
            && returned < cluster.written
        {
            return Err(Finding::FromTheFuture { read: op, write });
        }
        if returned < cluster.first {
            (cluster.first, cluster.first_op) = (returned, Some(op));
        }
        if called > cluster.last {
            (cluster.last, cluster.last_op) = (called, Some(op));
        }
    }
    Ok(())
}

/// When an operation was called and when it returned.
fn moments<'a>(op: &'a Op) -> Result<(Moment, Moment), Finding<'a>> {
    // The very last nanoseconds of a clock that runs for 584 years are one moment.
    let moment = |ns: u64| ns.saturating_add(1).min(NEVER - 1);
    let called = moment(op.invoked_ns);
    let returned = op.returned_ns.map_or(NEVER, moment);
    if returned < called {
        return Err(Finding::Backwards(op));
    }
    Ok((called, returned))
}
