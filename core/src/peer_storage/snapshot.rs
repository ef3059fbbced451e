//! Snapshots from the storage's side: what one is of, and what the log becomes when one is taken.

use std::sync::{Arc, MutexGuard, PoisonError};

use prost::Message as _;
use raft::StorageError;
use raft::eraftpb::{Snapshot, SnapshotMetadata};

use super::load::{load_region_state_at, load_vote};
use super::state::{conf_state, put_raft_state, put_truncated_state};
use super::{
    ApplyState, ENTRY_CACHE_BYTES, EntryCache, PeerStorage, RegionState, StorageLoadError,
    TruncatedState, load_apply_state, other, put_region_state,
};
use crate::engine::{Engine, EngineError, Family, WriteBatch, keys};
use crate::ids::RegionId;
use crate::region::Region;
use crate::snapshot::{Outgoing, SnapshotAsk, SnapshotMeta, SnapshotPiece};

/// The sender.
impl<E: Engine> PeerStorage<E> {
    fn outgoing(&self) -> MutexGuard<'_, Option<Outgoing<E::Snapshot>>> {
        // What is inside is replaced as a whole.
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What raft-rs is told of a snapshot as of now, or of the one that is being sent if that will
    /// do: whoever has some of its pieces then goes on with the others.
    pub(super) fn make_snapshot(&self, request_index: u64) -> raft::Result<Snapshot> {
        let temporarily = || StorageError::SnapshotTemporarilyUnavailable.into();
        if self.region.peers.is_empty() {
            return Err(temporarily());
        }
        let mut outgoing = self.outgoing();
        if let Some(known) = outgoing.as_ref() {
            let index = known.raft.metadata.as_ref().map_or(0, |metadata| metadata.index);
            let is_fresh = index >= request_index.max(self.truncated.index)
                && known.meta.region.epoch == self.region.epoch;
            if is_fresh {
                return Ok(known.raft.clone());
            }
        }
        // Region and applied index are written with the data, so they are those of the snapshot.
        let snapshot = self.engine.snapshot();
        let region_id = self.region_id();
        let state = load_region_state_at(&snapshot, region_id).map_err(other)?;
        let Some(state) = state else { return Err(temporarily()) };
        let applied = load_apply_state(&snapshot, region_id).map_err(other)?.unwrap_or_default();
        if state.is_tombstone || state.applying.is_some() || applied.applied_index < request_index {
            return Err(temporarily());
        }
        let ApplyState { applied_index: index, applied_term: term } = applied;
        let meta = SnapshotMeta {
            id: snapshot_id(&state.region, index, term),
            region: state.region,
            merging: state.merging,
        };
        let conf_state = Some(conf_state(&meta.region));
        let raft = Snapshot {
            data: meta.encode_to_vec(),
            metadata: Some(SnapshotMetadata { conf_state, index, term }),
        };
        *outgoing = Some(Outgoing::new(meta, raft.clone(), snapshot));
        Ok(raft)
    }

    /// A piece of the snapshot that is being sent; `None` if it is not the one that is asked for.
    pub(crate) fn snapshot_piece(
        &self,
        ask: &SnapshotAsk,
    ) -> Option<Result<SnapshotPiece, EngineError>> {
        let mut outgoing = self.outgoing();
        let outgoing = outgoing.as_mut().filter(|outgoing| outgoing.meta.id == ask.id)?;
        Some(outgoing.piece(ask))
    }

    /// Counts a tick; true when nobody has asked for a piece for so many, and it is let go.
    pub(crate) fn is_snapshot_idle(&self, idle_max: usize) -> bool {
        let mut outgoing = self.outgoing();
        let Some(known) = outgoing.as_mut() else { return false };
        known.idle_ticks += 1;
        let is_idle = known.idle_ticks > idle_max;
        if is_idle {
            *outgoing = None;
        }
        is_idle
    }
}

/// Two replicas that have applied the same have the same data in the region's range, so whoever
/// sends it, its pieces fit together.
fn snapshot_id(region: &Region, index: u64, term: u64) -> Vec<u8> {
    [region.id, region.epoch.version, region.epoch.conf_ver, index, term]
        .into_iter()
        .flat_map(u64::to_be_bytes)
        .collect()
}

/// The receiver.
impl<E: Engine> PeerStorage<E> {
    /// A replica that a first message has made: it has nothing, but may have voted before.
    pub(crate) fn uninitialized(engine: E, region: RegionId) -> Result<Self, StorageLoadError> {
        let mut raft_state = load_vote(&engine, region)?.unwrap_or_default();
        (raft_state.last_index, raft_state.hard_state.commit) = (0, 0);
        Ok(PeerStorage {
            engine,
            region: Arc::new(Region { id: region.0, ..Region::default() }),
            raft_state,
            apply_state: ApplyState::default(),
            truncated: TruncatedState::default(),
            last_term: 0,
            cache: EntryCache::new(ENTRY_CACHE_BYTES),
            outgoing: std::sync::Mutex::default(),
        })
    }

    /// The log starts behind a snapshot, whose data is about to be put in: until that is done the
    /// region's state says so, also after a crash.
    pub(crate) fn begin_install(
        &mut self,
        meta: &SnapshotMeta,
        (index, term): (u64, u64),
        batch: &mut WriteBatch,
    ) {
        let region = meta.region.region_id();
        self.region = Arc::new(meta.region.clone());
        batch.delete_range(Family::Raft, keys::raft_entry(region, 0), keys::raft_end(region));
        self.raft_state.last_index = index;
        let commit = &mut self.raft_state.hard_state.commit;
        *commit = index.max(*commit);
        put_raft_state(region, &self.raft_state, batch);
        self.truncated = TruncatedState { index, term };
        put_truncated_state(region, &self.truncated, batch);
        self.last_term = term;
        self.cache = EntryCache::new(ENTRY_CACHE_BYTES);
        self.apply_state = ApplyState { applied_index: index, applied_term: term };
        *self.outgoing() = None;
        let state = RegionState {
            applying: Some(self.apply_state),
            merging: meta.merging.clone(),
            ..RegionState::normal(meta.region.clone())
        };
        put_region_state(&state, batch);
    }

    /// The log begins later: what lies before is removed.
    pub(crate) fn compact_to(&mut self, truncated: TruncatedState, batch: &mut WriteBatch) {
        if truncated.index <= self.truncated.index {
            return;
        }
        self.truncated = truncated;
        self.cache.drop_up_to(truncated.index);
        let region = self.region_id();
        put_truncated_state(region, &self.truncated, batch);
        let (from, to) =
            (keys::raft_entry(region, 0), keys::raft_entry(region, truncated.index + 1));
        batch.delete_range(Family::Raft, from, to);
    }
}
