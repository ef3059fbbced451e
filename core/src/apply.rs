//! The apply loop: committed entries become data, and the state that says how far it got is
//! written together with them, so that a crash can lose neither alone.

use std::sync::Arc;

use prost::Message as _;
use raft::eraftpb::{Entry, EntryType};

use crate::command::{AdminCommand, LogCommand};
use crate::engine::{Durability, Engine, Family, WriteBatch};
use crate::error::Error;
use crate::ids::PeerId;
use crate::peer_storage::{ApplyState, RegionState, put_apply_state, put_region_state};
use crate::region::Region;

/// Committed entries of one region, to be applied in order.
#[derive(Debug)]
pub(crate) struct ApplyTask {
    pub(crate) region: Arc<Region>,
    pub(crate) peer_id: PeerId,
    pub(crate) entries: Vec<Entry>,
}

/// What became of one entry.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) index: u64,
    pub(crate) term: u64,
    pub(crate) result: Result<(), Error>,
}

/// How far a region has got.
#[derive(Debug)]
pub(crate) struct ApplyRes {
    pub(crate) applied_index: u64,
    pub(crate) applied_term: u64,
    pub(crate) results: Vec<Applied>,
    /// The region after the entries, if one of them changed it.
    pub(crate) region: Option<Arc<Region>>,
}

/// Applies `task` and says how far it got. The write is not synced: after a crash the log, which
/// is, gives the same entries again.
pub(crate) fn apply<E: Engine>(engine: &E, task: ApplyTask) -> Result<ApplyRes, Error> {
    let mut region = Arc::clone(&task.region);
    let mut region_changed = false;
    let mut batch = WriteBatch::default();
    let mut results = Vec::with_capacity(task.entries.len());
    let (mut applied_index, mut applied_term) = (0, 0);
    // A witness keeps the log, not the data.
    let has_data = !region.peer(task.peer_id).is_some_and(|peer| peer.is_witness);
    for entry in &task.entries {
        (applied_index, applied_term) = (entry.index, entry.term);
        let result = match decode(entry, &region) {
            Err(error) => Err(error),
            Ok(None) => Ok(()),
            Ok(Some(command)) => {
                if has_data {
                    write_mutations(&command, &mut batch);
                }
                region_changed |= apply_admin(&command, &mut region);
                Ok(())
            }
        };
        results.push(Applied { index: entry.index, term: entry.term, result });
    }
    let state = ApplyState { applied_index, applied_term };
    put_apply_state(region.region_id(), &state, &mut batch);
    if region_changed {
        put_region_state(&RegionState::normal(region.as_ref().clone()), &mut batch);
    }
    engine.write(&batch, Durability::Unsynced)?;
    let changed = region_changed.then(|| Arc::clone(&region));
    Ok(ApplyRes { applied_index, applied_term, results, region: changed })
}

/// The command of an entry; `None` for the empty entries of new leaders and lifted suspicions.
fn decode(entry: &Entry, region: &Region) -> Result<Option<LogCommand>, Error> {
    if entry.data.is_empty() || entry.entry_type() != EntryType::EntryNormal {
        return Ok(None);
    }
    let command = LogCommand::decode(entry.data.as_slice()).map_err(|error| {
        Error::Engine(format!(
            "log entry {} of region {} is damaged: {error}",
            entry.index, region.id
        ))
    })?;
    if command.epoch.version != region.epoch.version {
        return Err(Error::EpochNotMatch {
            region: region.region_id(),
            requested: command.epoch,
            current: region.epoch,
        });
    }
    Ok(Some(command))
}

fn write_mutations(command: &LogCommand, batch: &mut WriteBatch) {
    for mutation in &command.mutations {
        match &mutation.value {
            Some(value) => batch.put(Family::Data, mutation.key.clone(), value.clone()),
            None => batch.delete(Family::Data, mutation.key.clone()),
        }
    }
}

fn apply_admin(command: &LogCommand, region: &mut Arc<Region>) -> bool {
    let is_in_flashback = match AdminCommand::from_i32(command.admin) {
        Some(AdminCommand::PrepareFlashback) => true,
        Some(AdminCommand::FinishFlashback) => false,
        None => return false,
    };
    Arc::make_mut(region).is_in_flashback = is_in_flashback;
    true
}
