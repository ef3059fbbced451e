//! Takes a replica up again after a restart, and refuses what no sound run can have left.

use std::sync::Arc;

use prost::Message;
use raft::eraftpb::Entry;

use super::state::{INITIAL_INDEX, after_split};
use super::{
    ApplyState, ENTRY_CACHE_BYTES, EntryCache, LogDamage, PeerStorage, RaftState, RegionState,
    TruncatedState, checksum,
};
use crate::engine::{Durability, Engine, EngineError, EngineSnapshot, Family, WriteBatch, keys};
use crate::error::Error;
use crate::ids::{PeerId, RegionId};

/// Why a replica cannot be taken up again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageLoadError {
    /// The region does not have this replica.
    #[error(
        "region {region} has no peer {peer}: start the store with the folder of the store that has \
         it, or have a peer added to the region"
    )]
    NoSuchPeer {
        /// The region.
        region: RegionId,
        /// The replica that was looked for.
        peer: PeerId,
    },
    /// A state is missing or cannot be read.
    #[error(
        "region {region}: its {state} {what}: the data folder is damaged; remove it and let the \
         store come back as a new one"
    )]
    State {
        /// The region.
        region: RegionId,
        /// Which state.
        state: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// Two states contradict each other.
    #[error(
        "region {region}: {smaller} ({smaller_is}) should not be above {larger} ({larger_is}): the \
         data folder is damaged; remove it and let the store come back as a new one"
    )]
    Contradiction {
        /// The region.
        region: RegionId,
        /// What should be the smaller number.
        smaller: &'static str,
        /// What it is.
        smaller_is: u64,
        /// What should be the larger number.
        larger: &'static str,
        /// What it is.
        larger_is: u64,
    },
    /// An entry that was acknowledged may be gone.
    #[error(transparent)]
    Log(#[from] LogDamage),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// All regions that have a state on this store, tombstones too, by id.
pub(crate) fn load_regions(engine: &impl Engine) -> Result<Vec<RegionState>, StorageLoadError> {
    let (from, to) = keys::ALL_REGION_STATES;
    let mut regions = Vec::new();
    let mut failed = None;
    engine.scan(Family::State, &from, &to, &mut |key, value| {
        let region = keys::region_of_state(key).unwrap_or_default();
        match decode(region, "region state", value) {
            Ok(state) => regions.push(state),
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(regions), Err)
}

/// A region as this store knows it now; it must have a replica of it.
pub(crate) fn load_region(engine: &impl Engine, region: RegionId) -> Result<RegionState, Error> {
    load_region_state(engine, region)?.ok_or(Error::RegionNotFound(region))
}

/// A region's state on this store, a tombstone too.
pub(crate) fn load_region_state(
    engine: &impl Engine,
    region: RegionId,
) -> Result<Option<RegionState>, StorageLoadError> {
    let bytes = engine.get(Family::State, &keys::region_state(region))?;
    bytes.map(|bytes| decode(region, "region state", &bytes)).transpose()
}

/// A region's state as of a snapshot; a tombstone too.
pub(super) fn load_region_state_at(
    snapshot: &impl EngineSnapshot,
    region: RegionId,
) -> Result<Option<RegionState>, StorageLoadError> {
    let bytes = snapshot.get(Family::State, &keys::region_state(region))?;
    bytes.map(|bytes| decode(region, "region state", &bytes)).transpose()
}

/// How far a region has applied as of a snapshot, none if the store does not hold the region.
pub(crate) fn load_apply_state(
    snapshot: &impl EngineSnapshot,
    region: RegionId,
) -> Result<Option<ApplyState>, StorageLoadError> {
    let bytes = snapshot.get(Family::State, &keys::apply_state(region))?;
    bytes.map(|bytes| decode(region, "apply state", &bytes)).transpose()
}

/// What raft has kept of a replica that has nothing else: its vote.
pub(super) fn load_vote(
    engine: &impl Engine,
    region: RegionId,
) -> Result<Option<RaftState>, StorageLoadError> {
    let bytes = engine.get(Family::Raft, &keys::raft_state(region))?;
    bytes.map(|bytes| decode(region, "raft state", &bytes)).transpose()
}

/// See [`PeerStorage::load`].
pub(super) fn load<E: Engine>(
    engine: E,
    region: RegionId,
    peer: PeerId,
) -> Result<Option<PeerStorage<E>>, StorageLoadError> {
    let get = |family, key: &[u8]| engine.get(family, key);
    let Some(state) = load_region_state(&engine, region)? else { return Ok(None) };
    if state.is_tombstone {
        return Ok(None);
    }
    if state.region.peer(peer).is_none() {
        return Err(StorageLoadError::NoSuchPeer { region, peer });
    }
    let raft_state = get(Family::Raft, &keys::raft_state(region))?;
    let apply_state = get(Family::State, &keys::apply_state(region))?;
    let apply_state: ApplyState = match state.applying {
        // It is written when the snapshot's data is in.
        Some(applying) => applying,
        None => required(region, "apply state", apply_state)?,
    };
    let truncated = get(Family::State, &keys::truncated_state(region))?;
    let truncated: TruncatedState = required(region, "truncated state", truncated)?;
    // A region that a split has made starts without a log, perhaps with a vote (see `apply/split`).
    let is_new = state.is_from_split && apply_state.applied_index == INITIAL_INDEX;
    let known: Option<RaftState> =
        raft_state.map(|bytes| decode(region, "raft state", &bytes)).transpose()?;
    let mut raft_state = match known {
        Some(known) if !is_new || known.last_index >= INITIAL_INDEX => known,
        other if is_new => after_split(other),
        _ => required(region, "raft state", None)?,
    };
    check_order(region, &raft_state, &apply_state, &truncated)?;
    let tail = read_tail(&engine, region, &raft_state, &apply_state, &truncated)?;
    check_terms(region, &raft_state, &apply_state, &truncated, &tail)?;
    // Only what is committed is applied, and the applied entry is the one in the log, as just
    // checked. So the commit index reached that far and was not written in time.
    let commit = &mut raft_state.hard_state.commit;
    *commit = apply_state.applied_index.max(*commit);
    let last_term = tail.last().map_or(truncated.term, |entry| entry.term);
    let mut cache = EntryCache::new(ENTRY_CACHE_BYTES);
    cache.append(&tail);
    Ok(Some(PeerStorage {
        engine,
        region: Arc::new(state.region),
        raft_state,
        apply_state,
        truncated,
        last_term,
        cache,
        outgoing: std::sync::Mutex::default(),
    }))
}

/// The numbers that have to be in order: truncated, applied and committed up to the last index.
fn check_order(
    region: RegionId,
    raft: &RaftState,
    apply: &ApplyState,
    truncated: &TruncatedState,
) -> Result<(), StorageLoadError> {
    let truncated = ("the truncated index", truncated.index);
    let applied = ("the applied index", apply.applied_index);
    let commit = ("the commit index", raft.hard_state.commit);
    let last = ("the last index", raft.last_index);
    for (smaller, larger) in [(truncated, applied), (applied, last), (commit, last)] {
        in_order(region, smaller, larger)?;
    }
    Ok(())
}

/// The terms that have to be in order or equal: entries rise, none is above raft's own term, and
/// the applied one is the one that the applier has recorded.
fn check_terms(
    region: RegionId,
    raft: &RaftState,
    apply: &ApplyState,
    truncated: &TruncatedState,
    tail: &[Entry],
) -> Result<(), StorageLoadError> {
    let mut last = ("the truncated term", truncated.term);
    for entry in tail {
        let term = ("the term of a later entry", entry.term);
        in_order(region, last, term)?;
        last = ("the term of an entry", entry.term);
    }
    in_order(region, last, ("raft's term", raft.hard_state.term))?;
    let applied_term = tail
        .first()
        .filter(|entry| entry.index == apply.applied_index)
        .map_or(truncated.term, |entry| entry.term);
    let (log, recorded) =
        (("the term of the applied entry", applied_term), ("the applied term", apply.applied_term));
    in_order(region, log, recorded)?;
    in_order(region, recorded, log)
}

fn in_order(
    region: RegionId,
    (smaller, smaller_is): (&'static str, u64),
    (larger, larger_is): (&'static str, u64),
) -> Result<(), StorageLoadError> {
    if smaller_is <= larger_is {
        return Ok(());
    }
    Err(StorageLoadError::Contradiction { region, smaller, smaller_is, larger, larger_is })
}

/// The entries from the last applied one to the end of the log, without a gap; what lies behind
/// the recorded end is removed.
fn read_tail<E: Engine>(
    engine: &E,
    region: RegionId,
    raft: &RaftState,
    apply: &ApplyState,
    truncated: &TruncatedState,
) -> Result<Vec<Entry>, StorageLoadError> {
    let first = apply.applied_index.max(truncated.index + 1);
    let (from, to) = (keys::raft_entry(region, first), keys::raft_end(region));
    let mut tail = Vec::new();
    let mut damage = None;
    let mut strays = WriteBatch::new();
    engine.scan(Family::Raft, &from, &to, &mut |key, value| {
        let expected = first + tail.len() as u64;
        let index = keys::entry_index(key).unwrap_or_default();
        if index > raft.last_index {
            strays.delete(Family::Raft, key);
            return true;
        }
        match decode_entry(region, expected, value) {
            Ok(entry) => tail.push(entry),
            Err(error) => damage = Some(error),
        }
        damage.is_none()
    })?;
    if let Some(damage) = damage {
        return Err(damage.into());
    }
    let next = first + tail.len() as u64;
    if next <= raft.last_index {
        // It may have been acknowledged, and a leader may count on it: nothing to repair here.
        return Err(LogDamage { region, index: next, what: "missing".to_owned() }.into());
    }
    if !strays.is_empty() {
        let count = strays.len();
        tracing::warn!(region = region.0, count, "removed log entries nobody was told of");
        engine.write(&strays, Durability::Unsynced)?;
    }
    Ok(tail)
}

/// The entry at `index` from its bytes.
pub(super) fn decode_entry(region: RegionId, index: u64, bytes: &[u8]) -> Result<Entry, LogDamage> {
    let damage = |what| LogDamage { region, index, what };
    let bytes = checksum::open(bytes).map_err(|error| damage(error.to_string()))?;
    let entry = Entry::decode(bytes).map_err(|error| damage(format!("unreadable: {error}")))?;
    if entry.index != index {
        return Err(damage(format!("missing, the next one found is {}", entry.index)));
    }
    Ok(entry)
}

fn decode<M: Message + Default>(
    region: RegionId,
    state: &'static str,
    bytes: &[u8],
) -> Result<M, StorageLoadError> {
    let bad = |what| StorageLoadError::State { region, state, what };
    let bytes = checksum::open(bytes).map_err(|error| bad(format!("is {error}")))?;
    M::decode(bytes).map_err(|error| bad(format!("cannot be read: {error}")))
}

fn required<M: Message + Default>(
    region: RegionId,
    state: &'static str,
    found: Option<Vec<u8>>,
) -> Result<M, StorageLoadError> {
    let missing = || StorageLoadError::State { region, state, what: "is missing".to_owned() };
    decode(region, state, &found.ok_or_else(missing)?)
}
