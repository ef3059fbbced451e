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
        let result = match decode(entry)? {
            None => Ok(()),
            Some(command) if command.epoch.version != region.epoch.version => {
                let (requested, current) = (command.epoch, region.epoch);
                Err(Error::EpochNotMatch { region: region.region_id(), requested, current })
            }
            Some(command) => {
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

/// The command of an entry; `None` for the empty entries of new leaders and lifted suspicions. One
/// that cannot be read stops the store: to step over it would part this replica from the others.
fn decode(entry: &Entry) -> Result<Option<LogCommand>, Error> {
    if entry.data.is_empty() || entry.entry_type() != EntryType::EntryNormal {
        return Ok(None);
    }
    let command = LogCommand::decode(entry.data.as_slice()).map_err(|error| {
        let Entry { index, term, .. } = entry;
        Error::Engine(format!("the log entry {index} of term {term} is damaged: {error}"))
    })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MemoryEngine;
    use crate::peer_storage::load_apply_state;
    use crate::region::RegionEpoch;

    fn task(data: Vec<u8>) -> ApplyTask {
        let entry = Entry { index: 7, term: 6, data, ..Entry::default() };
        let epoch = RegionEpoch { conf_ver: 1, version: 2 };
        let region = Arc::new(Region { id: 1, epoch, ..Region::default() });
        ApplyTask { region, peer_id: PeerId(1), entries: vec![entry] }
    }

    fn command(version: u64) -> Vec<u8> {
        let mutation = crate::command::Mutation { key: b"k".to_vec(), value: Some(b"v".to_vec()) };
        let epoch = RegionEpoch { conf_ver: 1, version };
        LogCommand { epoch, mutations: vec![mutation], admin: 0 }.encode_to_vec()
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_stepped_over() {
        let engine = MemoryEngine::new();
        let error = apply(&engine, task(vec![0xff; 3])).expect_err("damage");
        assert!(error.to_string().contains("entry 7 of term 6"), "{error}");
        let region = task(Vec::new()).region.region_id();
        assert_eq!(load_apply_state(&engine.snapshot(), region).unwrap(), None);
    }

    #[test]
    fn an_entry_of_another_epoch_is_applied_as_nothing_everywhere() {
        let engine = MemoryEngine::new();
        let result = apply(&engine, task(command(1))).unwrap();
        assert!(matches!(result.results[0].result, Err(Error::EpochNotMatch { .. })));
        assert_eq!((result.applied_index, result.applied_term), (7, 6));
        assert_eq!(engine.get(Family::Data, b"k").unwrap(), None);
        let result = apply(&engine, task(command(2))).unwrap();
        assert_eq!(result.results[0].result, Ok(()));
        assert_eq!(engine.get(Family::Data, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    }
}
