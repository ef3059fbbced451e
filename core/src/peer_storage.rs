//! What raft keeps of one region: `raft::Storage` over an engine.
//!
//! raft-rs reads its log and its members from here. The peer puts what a `Ready` holds into a batch
//! ([`append`](PeerStorage::append), [`set_hard_state`](PeerStorage::set_hard_state)), writes that
//! batch synced, and only then lets the messages out that promise it.
//!
//! For reads two numbers matter: the commit index *here*, which is the largest that anybody outside
//! can have seen (rule T3), and the applied index, which a read waits for.
//!
//! Not here: what of a snapshot travels, see `snapshot`.

mod checksum;
#[cfg(test)]
mod damage_tests;
mod entry_cache;
mod load;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use prost::Message;
use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, Storage, StorageError};

use crate::engine::{Engine, Family, WriteBatch, keys};
use crate::ids::{PeerId, RegionId};
use crate::region::Region;
use crate::snapshot::Outgoing;
use entry_cache::EntryCache;
pub(crate) use load::{
    StorageLoadError, load_apply_state, load_region, load_region_state, load_regions,
};
pub(crate) use state::{
    ApplyState, MergeState, RaftState, RegionState, TruncatedState, put_apply_state,
    put_region_state,
};

/// How many bytes of its latest entries a region keeps in memory.
pub(crate) const ENTRY_CACHE_BYTES: usize = 1 << 20;

/// The log and the states of one replica.
#[derive(Debug)]
pub(crate) struct PeerStorage<E: Engine> {
    engine: E,
    region: Arc<Region>,
    /// What the engine holds once the batches handed out so far are written.
    raft_state: RaftState,
    apply_state: ApplyState,
    truncated: TruncatedState,
    /// The term of the last entry.
    last_term: u64,
    cache: EntryCache,
    /// The snapshot that is being sent, if there is one.
    outgoing: std::sync::Mutex<Option<Outgoing<E::Snapshot>>>,
}

/// Why entries were not taken. raft-rs never asks for that: it means that the log and raft's view
/// of it have parted, and the peer must stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AppendError {
    /// Entries would leave a hole.
    #[error(
        "region {region}: the entry at {index} does not follow the one at {after}: stop the peer, \
         its log and raft's view of it have parted"
    )]
    Gap {
        /// The region.
        region: RegionId,
        /// The index of the entry.
        index: u64,
        /// The index of the entry it was put behind.
        after: u64,
    },
    /// Entries would replace what is applied.
    #[error(
        "region {region}: an entry at {index} would replace an applied one, the applied index is \
         {applied}: stop the peer, its log and raft's view of it have parted"
    )]
    Applied {
        /// The region.
        region: RegionId,
        /// The index of the entry.
        index: u64,
        /// The applied index.
        applied: u64,
    },
}

/// A log entry that should be there and is not, or cannot be read.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "region {region}: the log entry at {index} is {what}: the data folder is damaged; remove it and \
     let the store come back as a new one"
)]
pub struct LogDamage {
    /// The region.
    pub region: RegionId,
    /// The index of the entry.
    pub index: u64,
    /// What is wrong with it.
    pub what: String,
}

impl<E: Engine> PeerStorage<E> {
    /// Puts a new region into a batch: its state and an empty log behind [`state::INITIAL_INDEX`].
    ///
    /// Every store that holds one of its first replicas does this, with the same region; who
    /// votes follows from the roles of `region.peers`.
    pub(crate) fn bootstrap(batch: &mut WriteBatch, region: &Region) {
        state::bootstrap(batch, region);
    }

    /// Puts a region that a split has made into the batch that applies the split: all but what raft
    /// keeps of it, which [`PeerStorage::load`] makes up for.
    pub(crate) fn bootstrap_applied(batch: &mut WriteBatch, region: &Region) {
        state::bootstrap_applied(batch, region);
    }

    /// The replica `peer` of a region as it was left, none if this store does not hold the region
    /// or no longer does.
    ///
    /// The part of the log that is not applied yet is checked from end to end, the part before
    /// when it is read. Entries behind the recorded end of the log are removed: an entry is
    /// acknowledged only when it and the end that includes it are written, so nobody counts on
    /// them. A commit index that was lost with the last writes is taken from what is applied.
    ///
    /// # Errors
    ///
    /// [`StorageLoadError`] when what is found cannot have been left by a sound run; to go on
    /// could break what this replica has promised.
    pub(crate) fn load(
        engine: E,
        region: RegionId,
        peer: PeerId,
    ) -> Result<Option<Self>, StorageLoadError> {
        load::load(engine, region, peer)
    }

    /// The largest index that anybody outside can have seen committed (rule T3).
    ///
    /// raft-rs may know of a larger one already. This one moves only when it is told to, by
    /// [`set_hard_state`](PeerStorage::set_hard_state) or
    /// [`set_commit_index`](PeerStorage::set_commit_index), so that the peer can do first what
    /// has to be done before a commit shows.
    pub(crate) fn commit_index(&self) -> u64 {
        self.raft_state.hard_state.commit
    }

    /// The index of the last entry whose effect is in the engine, as the peer was told.
    pub(crate) fn applied_index(&self) -> u64 {
        self.apply_state.applied_index
    }

    /// The term of that entry.
    pub(crate) fn applied_index_term(&self) -> u64 {
        self.apply_state.applied_term
    }

    /// How far the region has applied, in the form the applier writes.
    #[cfg(test)]
    pub(crate) fn apply_state(&self) -> ApplyState {
        self.apply_state
    }

    /// The index of the last entry.
    pub(crate) fn last_index(&self) -> u64 {
        self.raft_state.last_index
    }

    /// Term, vote and commit index.
    #[cfg(test)]
    pub(crate) fn hard_state(&self) -> &HardState {
        &self.raft_state.hard_state
    }

    /// The region as of the last applied change.
    pub(crate) fn region(&self) -> &Arc<Region> {
        &self.region
    }

    /// The region's id.
    pub(crate) fn region_id(&self) -> RegionId {
        self.region.region_id()
    }

    /// Takes entries to the end of the log, in place of any that stand there from their first
    /// index on. It does not matter whether the hard state of the same `Ready` came before. They count from now on; the batch must be written before anybody hears of them.
    ///
    /// # Errors
    ///
    /// [`AppendError`], and nothing has changed.
    pub(crate) fn append(
        &mut self,
        entries: &[Entry],
        batch: &mut WriteBatch,
    ) -> Result<(), AppendError> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) };
        self.check_append(first.index, entries)?;
        let region = self.region_id();
        for entry in entries {
            let key = keys::raft_entry(region, entry.index);
            checksum::put_sealed(batch, Family::Raft, key, entry.encode_to_vec());
        }
        for replaced in last.index + 1..=self.last_index() {
            batch.delete(Family::Raft, keys::raft_entry(region, replaced));
        }
        self.cache.append(entries);
        self.last_term = last.term;
        self.raft_state.last_index = last.index;
        state::put_raft_state(region, &self.raft_state, batch);
        Ok(())
    }

    fn check_append(&self, first: u64, entries: &[Entry]) -> Result<(), AppendError> {
        // Not the commit index: it may have come with the same `Ready` as these very entries.
        let (region, applied) = (self.region_id(), self.applied_index());
        if first <= applied {
            return Err(AppendError::Applied { region, index: first, applied });
        }
        let mut after = if first > self.last_index() { self.last_index() } else { first - 1 };
        for entry in entries {
            if entry.index != after + 1 {
                return Err(AppendError::Gap { region, index: entry.index, after });
            }
            after = entry.index;
        }
        Ok(())
    }

    /// Takes term, vote and commit index. The batch must be written before anybody hears of them.
    pub(crate) fn set_hard_state(&mut self, state: &HardState, batch: &mut WriteBatch) {
        // A commit index that was shown stays shown.
        let commit = state.commit.max(self.commit_index());
        self.raft_state.hard_state = HardState { commit, ..state.clone() };
        state::put_raft_state(self.region_id(), &self.raft_state, batch);
    }

    /// Moves the commit index forward: what a `LightReady` reports. Nobody has to wait for the
    /// batch; if it is lost, raft finds the index again.
    pub(crate) fn set_commit_index(&mut self, index: u64, batch: &mut WriteBatch) {
        let commit = &mut self.raft_state.hard_state.commit;
        *commit = index.max(*commit);
        state::put_raft_state(self.region_id(), &self.raft_state, batch);
    }

    /// Records how far the applier has come; it has written its own state with the data.
    pub(crate) fn set_applied(&mut self, index: u64, term: u64) {
        self.apply_state.applied_index = index;
        self.apply_state.applied_term = term;
    }

    /// Takes the region as an applied change has left it; the applier has written its state.
    pub(crate) fn set_region(&mut self, region: Arc<Region>) {
        self.region = region;
    }

    /// The members as raft-rs wants them, from the roles of the region's peers.
    pub(crate) fn conf_state(&self) -> ConfState {
        state::conf_state(&self.region)
    }

    /// Takes the entries in `[low, high)` from the engine, as many as fit.
    fn read_entries(&self, low: u64, high: u64, found: &mut Bounded) -> raft::Result<()> {
        let region = self.region_id();
        let (from, to) = (keys::raft_entry(region, low), keys::raft_entry(region, high));
        let mut next = low;
        let mut damage = None;
        let scanned = self.engine.scan(Family::Raft, &from, &to, &mut |_, value| {
            let entry = load::decode_entry(region, next, value);
            next += 1;
            match entry {
                Ok(entry) => found.push(entry),
                Err(error) => {
                    damage = Some(error);
                    false
                }
            }
        });
        scanned.map_err(other)?;
        if damage.is_none() && next < high && !found.is_full {
            damage = Some(LogDamage { region, index: next, what: "missing".to_owned() });
        }
        damage.map_or(Ok(()), |damage| Err(other(damage)))
    }
}

/// Entries up to a number of bytes, but at least one.
struct Bounded {
    entries: Vec<Entry>,
    bytes_left: u64,
    is_full: bool,
}

impl Bounded {
    fn new(max_bytes: u64) -> Self {
        Bounded { entries: Vec::new(), bytes_left: max_bytes, is_full: false }
    }

    /// Takes the entry if it fits; whether it did.
    fn push(&mut self, entry: Entry) -> bool {
        let bytes = entry.encoded_len() as u64;
        self.is_full = bytes > self.bytes_left && !self.entries.is_empty();
        if !self.is_full {
            self.bytes_left = self.bytes_left.saturating_sub(bytes);
            self.entries.push(entry);
        }
        !self.is_full
    }
}

impl<E: Engine> Storage for PeerStorage<E> {
    fn initial_state(&self) -> raft::Result<raft::RaftState> {
        Ok(raft::RaftState::new(self.raft_state.hard_state.clone(), self.conf_state()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low <= self.truncated.index {
            return Err(StorageError::Compacted.into());
        }
        if high > self.last_index() + 1 {
            return Err(StorageError::Unavailable.into());
        }
        if low >= high {
            return Ok(Vec::new());
        }
        let mut found = Bounded::new(max_size.into().unwrap_or(u64::MAX));
        let in_memory = self.cache.first_index().unwrap_or(high).clamp(low, high);
        if low < in_memory {
            self.read_entries(low, in_memory, &mut found)?;
        }
        let recent = self.cache.from(in_memory).take_while(|entry| entry.index < high);
        for entry in recent {
            if found.is_full || !found.push(entry.clone()) {
                break;
            }
        }
        Ok(found.entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        if index < self.truncated.index {
            return Err(StorageError::Compacted.into());
        }
        if index > self.last_index() {
            return Err(StorageError::Unavailable.into());
        }
        if index == self.truncated.index {
            return Ok(self.truncated.term);
        }
        if index == self.last_index() {
            return Ok(self.last_term);
        }
        if let Some(entry) = self.cache.get(index) {
            return Ok(entry.term);
        }
        let mut found = Bounded::new(u64::MAX);
        self.read_entries(index, index + 1, &mut found)?;
        found
            .entries
            .first()
            .map(|entry| entry.term)
            .ok_or_else(|| StorageError::Unavailable.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.truncated.index + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.raft_state.last_index)
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        self.make_snapshot(request_index)
    }
}

/// An error of ours in raft-rs's clothes.
fn other(error: impl std::error::Error + Send + Sync + 'static) -> raft::Error {
    StorageError::Other(Box::new(error)).into()
}
