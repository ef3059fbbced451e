//! What a store keeps of a region besides its log, and how a region starts.

use prost::Message;
use raft::eraftpb::{ConfState, HardState};

use super::checksum::put_sealed;
use crate::engine::{Family, WriteBatch, keys};
use crate::ids::RegionId;
use crate::region::{PeerRole, Region};

/// The index that the first replicas of a region start behind: their log begins at the next one.
///
/// Not 0, and for all of them the same. raft-rs takes only a log with an index behind it for one
/// that was set up. And a replica that joins later starts at 0 with nothing, so the leader, which
/// has no entry 1 to offer, must send it a snapshot: the log alone would never tell it the range
/// and the members that the region began with. TiKV starts its regions at 5 for the same reason.
pub(super) const INITIAL_INDEX: u64 = 5;

/// The term of the entry at [`INITIAL_INDEX`].
pub(super) const INITIAL_TERM: u64 = 5;

/// What raft must find again after a restart, written together with the entries it speaks of.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RaftState {
    /// Term, vote and commit index.
    #[prost(message, required, tag = "1")]
    pub(crate) hard_state: HardState,
    /// The index of the last entry.
    #[prost(uint64, tag = "2")]
    pub(crate) last_index: u64,
}

/// How far a region has applied its log. The applier writes it in one batch with the data, so the
/// two never disagree.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct ApplyState {
    /// The index of the last applied entry.
    #[prost(uint64, tag = "1")]
    pub(crate) applied_index: u64,
    /// The term of that entry.
    #[prost(uint64, tag = "2")]
    pub(crate) applied_term: u64,
}

/// Where a region's log begins. Apart from [`ApplyState`], which is written with each batch of
/// entries, because it changes only when the log is compacted.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct TruncatedState {
    /// The index of the last entry that the log no longer has.
    #[prost(uint64, tag = "1")]
    pub(crate) index: u64,
    /// The term of that entry.
    #[prost(uint64, tag = "2")]
    pub(crate) term: u64,
}

/// A region as its replica on this store knows it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RegionState {
    /// Range, epoch and replicas.
    #[prost(message, required, tag = "1")]
    pub(crate) region: Region,
    /// The replica is gone; kept so that a late message does not bring it back.
    #[prost(bool, tag = "2")]
    pub(crate) is_tombstone: bool,
    /// The replica waits for the data of the region, so it answers no read.
    #[prost(bool, tag = "3")]
    pub(crate) wait_data: bool,
    /// The region is ready to be taken over by another one.
    #[prost(message, optional, tag = "4")]
    pub(crate) merging: Option<MergeState>,
    /// A split has made the region, and it has not changed since: raft may have kept nothing of it.
    #[prost(bool, tag = "5")]
    pub(crate) is_from_split: bool,
    /// A snapshot is being put in: how far the region has applied when that is done.
    #[prost(message, optional, tag = "6")]
    pub(crate) applying: Option<ApplyState>,
}

/// A prepared merge of a region.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct MergeState {
    /// The region that is to take it over, as it was when that was asked.
    #[prost(message, required, tag = "1")]
    pub(crate) target: Region,
    /// Every replica has the log from here on.
    #[prost(uint64, tag = "2")]
    pub(crate) min_index: u64,
    /// The index of the prepared merge.
    #[prost(uint64, tag = "3")]
    pub(crate) commit: u64,
}

impl RegionState {
    /// The state of a replica that is there and has its data.
    pub(crate) fn normal(region: Region) -> Self {
        RegionState { region, ..RegionState::default() }
    }
}

/// Puts a region's raft state into a batch.
pub(super) fn put_raft_state(region: RegionId, state: &RaftState, batch: &mut WriteBatch) {
    put_sealed(batch, Family::Raft, keys::raft_state(region), state.encode_to_vec());
}

/// Puts how far a region has applied into the batch that has the data.
pub(crate) fn put_apply_state(region: RegionId, state: &ApplyState, batch: &mut WriteBatch) {
    put_sealed(batch, Family::State, keys::apply_state(region), state.encode_to_vec());
}

/// Puts where a region's log begins into a batch.
pub(super) fn put_truncated_state(
    region: RegionId,
    state: &TruncatedState,
    batch: &mut WriteBatch,
) {
    put_sealed(batch, Family::State, keys::truncated_state(region), state.encode_to_vec());
}

/// What raft keeps of a region that a split has made: the empty log of all its first replicas, and
/// the vote of one that was asked before the split was applied here, if it gave one.
pub(super) fn after_split(voted: Option<RaftState>) -> RaftState {
    let voted = voted.unwrap_or_default().hard_state;
    let term = voted.term.max(INITIAL_TERM);
    let hard_state = HardState { term, vote: voted.vote, commit: INITIAL_INDEX };
    RaftState { hard_state, last_index: INITIAL_INDEX }
}

/// Puts a region as its replica knows it into a batch.
pub(crate) fn put_region_state(state: &RegionState, batch: &mut WriteBatch) {
    let key = keys::region_state(state.region.region_id());
    put_sealed(batch, Family::State, key, state.encode_to_vec());
}

/// Puts a new region into a batch: its state, and an empty log behind [`INITIAL_INDEX`].
///
/// Each of the stores that hold its first replicas does this with the same region.
pub(super) fn bootstrap(batch: &mut WriteBatch, region: &Region) {
    let hard_state = HardState { term: INITIAL_TERM, vote: 0, commit: INITIAL_INDEX };
    let id = region.region_id();
    put_raft_state(id, &RaftState { hard_state, last_index: INITIAL_INDEX }, batch);
    put_start(batch, &RegionState::normal(region.clone()));
}

/// The part of [`bootstrap`] that belongs to the apply loop: for a region that a split has made.
pub(super) fn bootstrap_applied(batch: &mut WriteBatch, region: &Region) {
    put_start(batch, &RegionState { is_from_split: true, ..RegionState::normal(region.clone()) });
}

fn put_start(batch: &mut WriteBatch, state: &RegionState) {
    let id = state.region.region_id();
    let truncated = TruncatedState { index: INITIAL_INDEX, term: INITIAL_TERM };
    put_truncated_state(id, &truncated, batch);
    let applied = ApplyState { applied_index: INITIAL_INDEX, applied_term: INITIAL_TERM };
    put_apply_state(id, &applied, batch);
    put_region_state(state, batch);
}

/// The members of a region as raft-rs wants them: a role it does not know counts as a learner,
/// because a vote too few delays an election and a vote too many breaks one.
pub(crate) fn conf_state(region: &Region) -> ConfState {
    let mut state = ConfState::default();
    let is_joint = region.is_joint();
    for peer in &region.peers {
        match PeerRole::from_i32(peer.role) {
            Some(PeerRole::Voter) => {
                state.voters.push(peer.id);
                if is_joint {
                    state.voters_outgoing.push(peer.id);
                }
            }
            Some(PeerRole::IncomingVoter) => state.voters.push(peer.id),
            Some(PeerRole::DemotingVoter) => {
                state.voters_outgoing.push(peer.id);
                state.learners_next.push(peer.id);
            }
            Some(PeerRole::Learner) | None => state.learners.push(peer.id),
        }
    }
    state
}
