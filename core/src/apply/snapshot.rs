//! A snapshot is installed, in two steps that other work of the apply loop may come between: the
//! range is cleaned, then what is staged is put in. And a replica is removed with its data.
//!
//! Between the steps the range is empty, and while the second one goes on it has some of the data:
//! no read may look at it then (rule P3). The region's state says `applying` from before the first
//! step until after the last write, so that a crash in between repeats both.

use prost::Message as _;

use super::{ApplyRes, RegionChange};
use crate::engine::{Durability, Engine, Family, WriteBatch, keys};
use crate::error::Error;
use crate::ids::RegionId;
use crate::peer_storage::{
    ApplyState, RegionState, load_region_state, put_apply_state, put_region_state,
};
use crate::snapshot::{Pairs, discard_staging};

/// About so many bytes go into one write, so that no snapshot is in memory as a whole.
const BATCH_BYTES: usize = 4 << 20;

/// The first step: what the range had is gone.
pub(super) fn clean_range<E: Engine>(engine: &E, region: RegionId) -> Result<(), Error> {
    let Some(state) = load_region_state(engine, region)? else { return Ok(()) };
    if state.applying.is_none() {
        return Ok(());
    }
    let mut batch = WriteBatch::new();
    batch.delete_range(Family::Data, state.region.start_key, state.region.end_key);
    Ok(engine.write(&batch, Durability::Unsynced)?)
}

/// The second step: what was staged is the region's data, and the region is as it should be.
pub(super) fn ingest<E: Engine>(engine: &E, region: RegionId) -> Result<Option<ApplyRes>, Error> {
    let Some(state) = load_region_state(engine, region)? else { return Ok(None) };
    let Some(applied) = state.applying else { return Ok(None) };
    let mut batch = WriteBatch::new();
    let (from, to) = keys::staged_pieces(region);
    let (mut bytes, mut failed) = (0, None);
    engine.scan(Family::State, &from, &to, &mut |_, value| {
        match Pairs::decode(value) {
            Ok(pairs) => {
                for pair in pairs.pairs {
                    bytes += pair.key.len() + pair.value.len();
                    batch.put(Family::Data, pair.key, pair.value);
                }
            }
            Err(error) => {
                failed = Some(Error::Engine(format!("region {region}: a staged piece: {error}")));
            }
        }
        if failed.is_none() && bytes > BATCH_BYTES {
            failed = engine.write(&batch, Durability::Unsynced).err().map(Error::from);
            batch.clear();
            bytes = 0;
        }
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let ApplyState { applied_index, applied_term } = applied;
    put_apply_state(region, &applied, &mut batch);
    put_region_state(&RegionState { applying: None, ..state.clone() }, &mut batch);
    discard_staging(region, &mut batch);
    engine.write(&batch, Durability::Unsynced)?;
    let changes = vec![RegionChange::SnapshotInstalled];
    Ok(Some(ApplyRes { applied_index, applied_term, results: Vec::new(), changes }))
}

/// A replica is gone: its tombstone stays, everything else goes, in one write.
pub(crate) fn destroy<E: Engine>(engine: &E, region: RegionId) -> Result<(), Error> {
    let Some(state) = load_region_state(engine, region)? else { return Ok(()) };
    if state.is_tombstone {
        return Ok(());
    }
    let mut batch = WriteBatch::new();
    batch.delete_range(Family::Raft, keys::raft_state(region), keys::raft_end(region));
    batch.delete(Family::State, keys::apply_state(region));
    batch.delete(Family::State, keys::truncated_state(region));
    discard_staging(region, &mut batch);
    let (from, to) = (state.region.start_key.clone(), state.region.end_key.clone());
    batch.delete_range(Family::Data, from, to);
    let tombstone = RegionState { is_tombstone: true, ..RegionState::normal(state.region) };
    put_region_state(&tombstone, &mut batch);
    Ok(engine.write(&batch, Durability::Synced)?)
}
