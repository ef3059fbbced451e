//! The apply loop: committed entries become data, and the state that says how far it got is
//! written together with them, so that a crash can lose neither alone.
//!
//! The region is read from the engine for each task: an earlier task may have changed it, and the
//! peer, which hears of that later, has made this task with what it knew.

mod change_peers;
mod compact_log;
mod merge;
mod snapshot;
mod split;

use std::sync::Arc;

use prost::Message as _;
use raft::eraftpb::{ConfChangeV2, Entry, EntryType};

use crate::admin_command::AdminCommand;
use crate::command::LogCommand;
use crate::engine::{Durability, Engine, Family, WriteBatch};
use crate::error::Error;
use crate::ids::{PeerId, RegionId};
use crate::peer_storage::{
    ApplyState, MergeState, RegionState, TruncatedState, load_region, put_apply_state,
    put_region_state,
};
use crate::region::{Region, RegionEpoch};

pub(crate) use self::change_peers::{change_peers, conf_change};
pub(crate) use self::merge::check_neighbours;
pub(crate) use self::snapshot::destroy;
pub(crate) use self::split::split_region;

/// Committed entries of one region, to be applied in order.
#[derive(Debug)]
pub(crate) struct ApplyTask {
    pub(crate) region_id: RegionId,
    pub(crate) peer_id: PeerId,
    pub(crate) work: ApplyWork,
}

/// The kinds of work.
#[derive(Debug)]
pub(crate) enum ApplyWork {
    /// Committed entries, in order.
    Entries(Vec<Entry>),
    /// The first step of a snapshot: the range is cleaned.
    CleanRange,
    /// The second one: what is staged becomes the region's data.
    Ingest,
    /// The replica was removed: so is all that it had.
    Destroy,
}

impl ApplyTask {
    /// The entries that it applies; none for other work.
    #[cfg(feature = "sim")]
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.work {
            ApplyWork::Entries(entries) => entries,
            ApplyWork::CleanRange | ApplyWork::Ingest | ApplyWork::Destroy => &[],
        }
    }
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
    /// What became of the region, in the order of the entries.
    pub(crate) changes: Vec<RegionChange>,
}

/// What an administrative entry has done, for the peer to follow.
#[derive(Debug)]
pub(crate) enum RegionChange {
    /// The region is another one now: its flashback has begun or ended.
    Region(Arc<Region>),
    /// The region was split: what it is now, and the new ones.
    Split { derived: Arc<Region>, created: Vec<Arc<Region>> },
    /// The region is ready to be taken over by another one.
    PrepareMerge { region: Arc<Region>, merging: MergeState },
    /// The region has taken over another one.
    CommitMerge { region: Arc<Region>, source: RegionId },
    /// A prepared merge was taken back.
    RollbackMerge { region: Arc<Region> },
    /// The region has other replicas, as raft-rs is to be told.
    ChangePeers { region: Arc<Region>, change: ConfChangeV2 },
    /// The log begins later.
    CompactLog { truncated: TruncatedState },
    /// The data of a snapshot is in.
    SnapshotInstalled,
}

impl RegionChange {
    /// Its name, for counting.
    #[cfg(feature = "sim")]
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            RegionChange::Region(_) => "flashback",
            RegionChange::Split { .. } => "split",
            RegionChange::PrepareMerge { .. } => "prepare-merge",
            RegionChange::CommitMerge { .. } => "commit-merge",
            RegionChange::RollbackMerge { .. } => "rollback-merge",
            RegionChange::ChangePeers { region, .. } if region.is_joint() => "enter-joint",
            RegionChange::ChangePeers { .. } => "change-peers",
            RegionChange::CompactLog { .. } => "compact-log",
            RegionChange::SnapshotInstalled => "snapshot-installed",
        }
    }
}

/// A region while its entries are applied: what they write, and what it has become by it.
pub(crate) struct ApplyContext {
    pub(crate) region: Arc<Region>,
    /// The region's prepared merge, if there is one.
    pub(crate) merging: Option<MergeState>,
    pub(crate) batch: WriteBatch,
    pub(crate) changes: Vec<RegionChange>,
}

/// Does a task. The write is not synced: after a crash the log, which is, gives the same entries
/// again. `None` when there is nothing to be told of it.
pub(crate) fn apply<E: Engine>(engine: &E, task: ApplyTask) -> Result<Option<ApplyRes>, Error> {
    let ApplyTask { region_id, peer_id, work } = task;
    match work {
        ApplyWork::Entries(entries) => apply_entries(engine, region_id, peer_id, &entries),
        ApplyWork::CleanRange => snapshot::clean_range(engine, region_id).map(|()| None),
        ApplyWork::Ingest => snapshot::ingest(engine, region_id),
        ApplyWork::Destroy => destroy(engine, region_id).map(|()| None),
    }
}

fn apply_entries<E: Engine>(
    engine: &E,
    region_id: RegionId,
    peer_id: PeerId,
    entries: &[Entry],
) -> Result<Option<ApplyRes>, Error> {
    let state = load_region(engine, region_id)?;
    let RegionState { region, merging, is_tombstone, applying, .. } = state;
    if applying.is_some() {
        // A snapshot has what these would do.
        return Ok(None);
    }
    if is_tombstone || region.peer(peer_id).is_none() {
        // An entry before these has removed the replica.
        return Ok(None);
    }
    // A witness keeps the log, not the data.
    let has_data = !region.peer(peer_id).is_some_and(|peer| peer.is_witness);
    let (batch, changes) = (WriteBatch::default(), Vec::new());
    let mut ctx = ApplyContext { region: Arc::new(region), merging, batch, changes };
    let mut results = Vec::with_capacity(entries.len());
    let (mut applied_index, mut applied_term) = (0, 0);
    for entry in entries {
        (applied_index, applied_term) = (entry.index, entry.term);
        let result = match decode(entry)? {
            None => Ok(()),
            Some(command) => apply_command(&mut ctx, entry, &command, has_data),
        };
        results.push(Applied { index: entry.index, term: entry.term, result });
        if ctx.region.peer(peer_id).is_none() {
            break;
        }
    }
    let state = ApplyState { applied_index, applied_term };
    put_apply_state(region_id, &state, &mut ctx.batch);
    engine.write(&ctx.batch, Durability::Unsynced)?;
    Ok(Some(ApplyRes { applied_index, applied_term, results, changes: ctx.changes }))
}

/// One command. Its refusal is the same on every replica: it depends on the log alone.
fn apply_command(
    ctx: &mut ApplyContext,
    entry: &Entry,
    command: &LogCommand,
    has_data: bool,
) -> Result<(), Error> {
    if command.epoch.version != ctx.region.epoch.version {
        let (requested, current) = (command.epoch, ctx.region.epoch);
        let region = ctx.region.region_id();
        return Err(Error::EpochNotMatch { region, requested, current });
    }
    if has_data {
        write_mutations(command, &mut ctx.batch);
    }
    match &command.admin {
        None => Ok(()),
        Some(admin) => apply_admin(ctx, entry, command.epoch, admin),
    }
}

/// The command of an entry; `None` for the empty entries of new leaders and lifted suspicions. One
/// that cannot be read stops the store: to step over it would part this replica from the others.
fn decode(entry: &Entry) -> Result<Option<LogCommand>, Error> {
    let damaged = |error: prost::DecodeError| {
        let Entry { index, term, .. } = entry;
        Error::Engine(format!("the log entry {index} of term {term} is damaged: {error}"))
    };
    let bytes = match entry.entry_type() {
        EntryType::EntryNormal => std::borrow::Cow::Borrowed(entry.data.as_slice()),
        EntryType::EntryConfChangeV2 => {
            ConfChangeV2::decode(entry.data.as_slice()).map_err(damaged)?.context.into()
        }
        // Never proposed here.
        EntryType::EntryConfChange => return Ok(None),
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    LogCommand::decode(bytes.as_ref()).map(Some).map_err(damaged)
}

fn write_mutations(command: &LogCommand, batch: &mut WriteBatch) {
    for mutation in &command.mutations {
        match &mutation.value {
            Some(value) => batch.put(Family::Data, mutation.key.clone(), value.clone()),
            None => batch.delete(Family::Data, mutation.key.clone()),
        }
    }
}

fn apply_admin(
    ctx: &mut ApplyContext,
    entry: &Entry,
    epoch: RegionEpoch,
    admin: &AdminCommand,
) -> Result<(), Error> {
    match admin {
        AdminCommand::SetFlashback(on) => {
            Arc::make_mut(&mut ctx.region).is_in_flashback = *on;
            put_region_state(&RegionState::normal(ctx.region.as_ref().clone()), &mut ctx.batch);
            ctx.changes.push(RegionChange::Region(Arc::clone(&ctx.region)));
            Ok(())
        }
        AdminCommand::Split(split) => split::apply_split(ctx, entry, split),
        AdminCommand::PrepareMerge(prepare) => merge::apply_prepare_merge(ctx, entry, prepare),
        AdminCommand::CommitMerge(merge) => merge::apply_commit_merge(ctx, epoch, merge),
        AdminCommand::RollbackMerge(rollback) => merge::apply_rollback_merge(ctx, rollback.commit),
        AdminCommand::CompactLog(compact) => compact_log::apply_compact_log(ctx, entry, *compact),
        AdminCommand::ChangePeers(change) => change_peers::apply_change_peers(ctx, epoch, change),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MemoryEngine;
    use crate::peer_storage::load_apply_state;
    use crate::region::PeerMeta;

    fn task(data: Vec<u8>) -> ApplyTask {
        let entry = Entry { index: 7, term: 6, data, ..Entry::default() };
        let work = ApplyWork::Entries(vec![entry]);
        ApplyTask { region_id: RegionId(1), peer_id: PeerId(1), work }
    }

    /// An engine that has the region in its version 2.
    fn engine() -> MemoryEngine {
        let epoch = RegionEpoch { conf_ver: 1, version: 2 };
        let peers = vec![PeerMeta { id: 1, ..PeerMeta::default() }];
        let region = Region { id: 1, epoch, peers, ..Region::default() };
        let (engine, mut batch) = (MemoryEngine::new(), WriteBatch::new());
        put_region_state(&RegionState::normal(region), &mut batch);
        engine.write(&batch, Durability::Synced).unwrap();
        engine
    }

    fn command(version: u64) -> Vec<u8> {
        let mutation = crate::command::Mutation { key: b"k".to_vec(), value: Some(b"v".to_vec()) };
        let epoch = RegionEpoch { conf_ver: 1, version };
        LogCommand { epoch, mutations: vec![mutation], admin: None }.encode_to_vec()
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_not_stepped_over() {
        let engine = engine();
        let error = apply(&engine, task(vec![0xff; 3])).expect_err("damage");
        assert!(error.to_string().contains("entry 7 of term 6"), "{error}");
        assert_eq!(load_apply_state(&engine.snapshot(), RegionId(1)).unwrap(), None);
    }

    #[test]
    fn an_entry_of_another_epoch_is_applied_as_nothing_everywhere() {
        let engine = engine();
        let result = apply(&engine, task(command(1))).unwrap().unwrap();
        assert!(matches!(result.results[0].result, Err(Error::EpochNotMatch { .. })));
        assert_eq!((result.applied_index, result.applied_term), (7, 6));
        assert_eq!(engine.get(Family::Data, b"k").unwrap(), None);
        let result = apply(&engine, task(command(2))).unwrap().unwrap();
        assert_eq!(result.results[0].result, Ok(()));
        assert_eq!(engine.get(Family::Data, b"k").unwrap().as_deref(), Some(&b"v"[..]));
    }
}
