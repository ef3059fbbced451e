//! What must hold in every run, one file each with the source of the invariant.
//!
//! An oracle is told what the world sees and answers with words when that cannot be; the world adds
//! time and seed and makes a [`Violation`] of them. Nothing here changes what happens.

mod applied_monotonic;
mod committed_entries;
mod election_safety;
mod lease_exclusive;
mod linearizability;
mod liveness;
mod one_answer;

use std::fmt;

pub(super) use self::applied_monotonic::AppliedMonotonic;
pub(super) use self::committed_entries::{CommittedEntries, Entry};
pub(super) use self::election_safety::ElectionSafety;
pub(super) use self::lease_exclusive::{LeaseHolder, lease_exclusive};
pub(super) use self::linearizability::linearizability;
pub(super) use self::liveness::liveness;
pub(super) use self::one_answer::{OneAnswer, not_hung};
use crate::history::Op;

/// Which invariant is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Each key behaves like one register.
    Linearizability,
    /// Every request gets exactly one answer.
    OneAnswer,
    /// At no true instant do two nodes hold a lease that they may read under.
    LeaseExclusive,
    /// A term has one leader at most.
    ElectionSafety,
    /// What a node has applied does not go back.
    AppliedMonotonic,
    /// What was committed stays, as it was.
    CommittedEntries,
    /// Without faults, reads and writes succeed.
    Liveness,
    /// No store stops by itself.
    StoreStopped,
}

impl Invariant {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Invariant::Linearizability => "linearizability",
            Invariant::OneAnswer => "one-answer",
            Invariant::LeaseExclusive => "lease-exclusive",
            Invariant::ElectionSafety => "election-safety",
            Invariant::AppliedMonotonic => "applied-monotonic",
            Invariant::CommittedEntries => "committed-entries",
            Invariant::Liveness => "liveness",
            Invariant::StoreStopped => "store-stopped",
        }
    }
}

/// Something that must not happen, and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant is broken.
    pub invariant: Invariant,
    /// The seed of the world.
    pub seed: u64,
    /// When it was found, in true nanoseconds.
    pub at_ns: u64,
    /// What happened, in words.
    pub words: String,
    /// The operations that prove it, if clients saw it.
    pub operations: Vec<Op>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at_ns as f64 / 1e9;
        let name = self.invariant.as_str();
        write!(f, "{name}, seed {}, at {seconds:.6} s: {}", self.seed, self.words)
    }
}
