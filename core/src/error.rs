//! What a request can fail with. Each variant is something a caller can act on.

use crate::engine::EngineError;
use crate::ids::{PeerId, RegionId, StoreId};
use crate::region::{PeerMeta, RegionEpoch};

/// A refused or failed request.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The request was meant for another store.
    #[error("store {found} got a request for store {expected}: look up the region's stores again")]
    StoreNotMatch {
        /// The store in the request.
        expected: StoreId,
        /// The store that got it.
        found: StoreId,
    },
    /// This store has no such region.
    #[error("region {0} is not on this store: look up its stores again")]
    RegionNotFound(RegionId),
    /// The store's replica of the region has another id.
    #[error("region {region}: the replica here is {found}, the request names {expected}")]
    PeerNotMatch {
        /// The region.
        region: RegionId,
        /// The replica in the request.
        expected: PeerId,
        /// The replica here.
        found: PeerId,
    },
    /// Only the leader can serve this, and this replica is not it.
    #[error("region {region}: not the leader{}", leader_hint(.leader))]
    NotLeader {
        /// The region.
        region: RegionId,
        /// The leader, if this replica knows one.
        leader: Option<PeerMeta>,
    },
    /// The region's leader or term has changed since the request was made: ask again.
    #[error("region {region}: stale command, {reason}; ask again")]
    StaleCommand {
        /// The region.
        region: RegionId,
        /// What changed.
        reason: &'static str,
    },
    /// The region has been split or merged since the request was made.
    #[error("region {region} is at epoch {current}, the request at {requested}: refresh it")]
    EpochNotMatch {
        /// The region.
        region: RegionId,
        /// The epoch in the request.
        requested: RegionEpoch,
        /// The epoch here.
        current: RegionEpoch,
    },
    /// The key lies outside the region.
    #[error("key {} is not in region {region} [{}, {})", show(.key), show(.start), show(.end))]
    KeyNotInRegion {
        /// The key.
        key: Vec<u8>,
        /// The region.
        region: RegionId,
        /// The region's first key.
        start: Vec<u8>,
        /// The first key behind the region; empty for none.
        end: Vec<u8>,
    },
    /// No region covers the key.
    #[error("no region of the cluster covers key {}", show(.key))]
    NoRegionForKey {
        /// The key.
        key: Vec<u8>,
    },
    /// A queue is full: wait and ask again.
    #[error("region {region}: busy, {reason}; wait and ask again")]
    ServerIsBusy {
        /// The region.
        region: RegionId,
        /// Which queue.
        reason: &'static str,
    },
    /// The replica is a witness, which has no data.
    #[error("region {0}: this replica is a witness and has no data: ask another one")]
    IsWitness(RegionId),
    /// The replica cannot serve this read yet.
    #[error("region {region}: data is not ready, {reason}")]
    DataIsNotReady {
        /// The region.
        region: RegionId,
        /// What is missing.
        reason: &'static str,
    },
    /// The region is being flashed back: only flashback requests pass.
    #[error("region {0}: flashback in progress")]
    FlashbackInProgress(RegionId),
    /// A flashback request for a region that was not prepared for it.
    #[error("region {0}: flashback was not prepared")]
    FlashbackNotPrepared(RegionId),
    /// A read index cannot be had now.
    #[error("region {region}: read index not ready, {reason}; ask again")]
    ReadIndexNotReady {
        /// The region.
        region: RegionId,
        /// Why not.
        reason: &'static str,
    },
    /// A proposal that raft-rs did not take.
    #[error("region {region}: proposal refused, {reason}")]
    ProposalRefused {
        /// The region.
        region: RegionId,
        /// Why.
        reason: String,
    },
    /// A change of the region that cannot be made as it was asked for.
    #[error("region {region}: {reason}")]
    InvalidAdmin {
        /// The region.
        region: RegionId,
        /// What is wrong with it.
        reason: String,
    },
    /// The region is about to become part of another one.
    #[error("region {region}: it is being merged into region {target}; ask again soon")]
    RegionMerging {
        /// The region.
        region: RegionId,
        /// The one that takes it over.
        target: RegionId,
    },
    /// No answer came within the deadline. A write may still take effect.
    #[error("region {region}: no answer within {waited_ms} ms")]
    DeadlineExceeded {
        /// The region.
        region: RegionId,
        /// How long the request had waited.
        waited_ms: u64,
    },
    /// The store was stopped before it answered. A write may still take effect.
    #[error("region {0}: the store stopped before it answered")]
    Stopped(RegionId),
    /// A thread of the store has panicked: a fault of this program.
    #[error("the store is broken and has stopped: {0}; start it again")]
    Broken(String),
    /// The store's disk is full, or too nearly so to take anything more (rule P11).
    #[error("the store's disk is full: {0}")]
    DiskFull(String),
    /// Storage failed.
    #[error("storage: {0}")]
    Engine(String),
}

impl Error {
    /// Whether the same request may succeed when it is sent again, perhaps to another replica.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::StoreNotMatch { .. }
            | Error::RegionNotFound(_)
            | Error::PeerNotMatch { .. }
            | Error::NotLeader { .. }
            | Error::StaleCommand { .. }
            | Error::EpochNotMatch { .. }
            | Error::ServerIsBusy { .. }
            | Error::DataIsNotReady { .. }
            | Error::ReadIndexNotReady { .. }
            | Error::ProposalRefused { .. }
            | Error::RegionMerging { .. }
            | Error::DeadlineExceeded { .. }
            | Error::DiskFull(_)
            | Error::Stopped(_) => true,
            Error::KeyNotInRegion { .. }
            | Error::InvalidAdmin { .. }
            | Error::NoRegionForKey { .. }
            | Error::IsWitness(_)
            | Error::FlashbackInProgress(_)
            | Error::FlashbackNotPrepared(_)
            | Error::Broken(_)
            | Error::Engine(_) => false,
        }
    }

    /// Whether a write that ended so may have taken effect all the same.
    pub fn is_undetermined(&self) -> bool {
        matches!(
            self,
            Error::DeadlineExceeded { .. } | Error::Stopped(_) | Error::StaleCommand { .. }
        )
    }
}

impl From<crate::peer_storage::StorageLoadError> for Error {
    fn from(error: crate::peer_storage::StorageLoadError) -> Self {
        Error::Engine(error.to_string())
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::DiskFull { .. } => Error::DiskFull(error.to_string()),
            error => Error::Engine(error.to_string()),
        }
    }
}

fn leader_hint(leader: &Option<PeerMeta>) -> String {
    match leader {
        Some(peer) => format!("; it is peer {} on store {}", peer.id, peer.store_id),
        None => "; none is known".to_owned(),
    }
}

fn show(key: &[u8]) -> String {
    format!("\"{}\"", key.escape_ascii())
}
