//! Changes of a region itself, as they stand in its Raft log: its range, its replicas, its log.
//!
//! `peer/` checks and proposes them, `apply/` carries them out, one file for each kind.

use prost::Message;
use raft::eraftpb::Entry;

use crate::region::{PeerMeta, Region};

/// A change of a region.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum AdminCommand {
    /// Begins or ends a flashback: in between, only flashback requests pass.
    #[prost(bool, tag = "4")]
    SetFlashback(bool),
    /// Cuts the region at keys.
    #[prost(message, tag = "5")]
    Split(Split),
    /// Makes the region ready to become part of its neighbour.
    #[prost(message, tag = "6")]
    PrepareMerge(PrepareMerge),
    /// Takes over a neighbour that was made ready.
    #[prost(message, tag = "7")]
    CommitMerge(CommitMerge),
    /// Takes back a prepared merge.
    #[prost(message, tag = "8")]
    RollbackMerge(RollbackMerge),
    /// Forgets the start of the log.
    #[prost(message, tag = "9")]
    CompactLog(CompactLog),
    /// Adds, removes, promotes or demotes replicas, all of them at once.
    #[prost(message, tag = "10")]
    ChangePeers(ChangePeers),
}

impl AdminCommand {
    /// Its name.
    pub fn as_str(&self) -> &'static str {
        match self {
            AdminCommand::SetFlashback(_) => "set-flashback",
            AdminCommand::Split(_) => "split",
            AdminCommand::PrepareMerge(_) => "prepare-merge",
            AdminCommand::CommitMerge(_) => "commit-merge",
            AdminCommand::RollbackMerge(_) => "rollback-merge",
            AdminCommand::CompactLog(_) => "compact-log",
            AdminCommand::ChangePeers(_) => "change-peers",
        }
    }
}

/// Cuts a region at one key for each piece, a piece being a new region.
#[derive(Clone, PartialEq, Message)]
pub struct Split {
    /// The new regions, in the order of their ranges.
    #[prost(message, repeated, tag = "1")]
    pub pieces: Vec<SplitPiece>,
    /// Whether the old region keeps the rightmost part and each piece ends at its key. Otherwise it
    /// keeps the leftmost part, and each piece begins at its key.
    #[prost(bool, tag = "2")]
    pub right_derive: bool,
}

/// One new region of a [`Split`].
#[derive(Clone, PartialEq, Message)]
pub struct SplitPiece {
    /// Where the range is cut.
    #[prost(bytes = "vec", tag = "1")]
    pub split_key: Vec<u8>,
    /// The id of the new region.
    #[prost(uint64, tag = "2")]
    pub region_id: u64,
    /// The ids of its replicas, one for each of the old region's, in their order.
    #[prost(uint64, repeated, tag = "3")]
    pub peer_ids: Vec<u64>,
}

/// Makes a region ready to be merged into its neighbour `target`.
#[derive(Clone, PartialEq, Message)]
pub struct PrepareMerge {
    /// The neighbour, as it must still be when the merge is committed.
    #[prost(message, required, tag = "1")]
    pub target: Region,
    /// Every replica of the source has the log from here on.
    #[prost(uint64, tag = "2")]
    pub min_index: u64,
}

/// Takes over the region `source`.
#[derive(Clone, PartialEq, Message)]
pub struct CommitMerge {
    /// The source, as its prepared merge has left it.
    #[prost(message, required, tag = "1")]
    pub source: Region,
    /// The index of the source's prepared merge: what it has committed ends there.
    #[prost(uint64, tag = "2")]
    pub commit: u64,
    /// The end of the source's log, for replicas that lack it.
    #[prost(message, repeated, tag = "3")]
    pub entries: Vec<Entry>,
}

/// Takes back the prepared merge at an index.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct RollbackMerge {
    /// The index of the prepared merge.
    #[prost(uint64, tag = "1")]
    pub commit: u64,
}

/// Forgets the log up to an index.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct CompactLog {
    /// The last index to be forgotten.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Its term.
    #[prost(uint64, tag = "2")]
    pub term: u64,
}

/// A change of the replicas. More than one change goes through joint consensus; none leaves it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ChangePeers {
    /// The changes.
    #[prost(message, repeated, tag = "1")]
    pub changes: Vec<PeerChange>,
}

/// What becomes of one replica.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct PeerChange {
    /// Which change.
    #[prost(enumeration = "PeerChangeKind", tag = "1")]
    pub kind: i32,
    /// The replica, with the role that it is to have.
    #[prost(message, required, tag = "2")]
    pub peer: PeerMeta,
}

/// The kinds of [`PeerChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PeerChangeKind {
    /// The replica is to be there, as a voter or a learner.
    Put = 0,
    /// The replica is to be gone.
    Remove = 1,
}
