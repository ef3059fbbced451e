//! The log against raft's own in memory, and what a restart brings back or refuses.

use raft::eraftpb::SnapshotMetadata;
use raft::storage::MemStorage;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::engine::{Durability, MemoryEngine};
use crate::region::{PeerMeta, PeerRole, RegionEpoch};

const REGION: RegionId = RegionId(7);
const PEER: PeerId = PeerId(71);

fn region() -> Region {
    let peer = |id, store_id, role: PeerRole| PeerMeta {
        id,
        store_id,
        role: role as i32,
        is_witness: false,
    };
    Region {
        id: REGION.0,
        epoch: RegionEpoch { conf_ver: 1, version: 1 },
        peers: vec![
            peer(71, 1, PeerRole::Voter),
            peer(72, 2, PeerRole::Voter),
            peer(73, 3, PeerRole::Learner),
        ],
        ..Region::default()
    }
}

fn bootstrapped() -> MemoryEngine {
    let engine = MemoryEngine::new();
    let mut batch = WriteBatch::new();
    PeerStorage::<MemoryEngine>::bootstrap(&mut batch, &region());
    engine.write(&batch, Durability::Synced).unwrap();
    engine
}

fn load(engine: &MemoryEngine) -> PeerStorage<MemoryEngine> {
    PeerStorage::load(engine.clone(), REGION, PEER).unwrap().unwrap()
}

fn load_error(engine: &MemoryEngine) -> StorageLoadError {
    PeerStorage::load(engine.clone(), REGION, PEER).unwrap_err()
}

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    Entry { index, term, data: vec![b'x'; bytes], ..Entry::default() }
}

fn hard_state(term: u64, commit: u64) -> HardState {
    HardState { term, vote: 0, commit }
}

/// A storage with the entries 6 to 10 of term 6, committed up to 8 and applied up to 7.
fn with_log(engine: &MemoryEngine) -> PeerStorage<MemoryEngine> {
    let mut storage = load(engine);
    let mut batch = WriteBatch::new();
    let entries: Vec<_> = (6..=10).map(|index| entry(index, 6, 10)).collect();
    storage.append(&entries, &mut batch).unwrap();
    storage.set_hard_state(&hard_state(6, 8), &mut batch);
    storage.set_applied(7, 6);
    put_apply_state(REGION, &storage.apply_state(), &mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
    storage
}

fn indexes(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.index).collect()
}

fn entries(storage: &impl Storage, low: u64, high: u64) -> raft::Result<Vec<Entry>> {
    storage.entries(low, high, None, GetEntriesContext::empty(false))
}

#[test]
fn a_new_region_starts_behind_the_same_entry_everywhere() {
    let storage = load(&bootstrapped());
    assert_eq!((storage.first_index(), storage.last_index()), (Ok(6), 5));
    assert_eq!((storage.term(5), storage.commit_index()), (Ok(5), 5));
    assert_eq!((storage.applied_index(), storage.applied_index_term()), (5, 5));
    let state = storage.initial_state().unwrap();
    assert!(state.initialized());
    assert_eq!(state.conf_state.voters, [71, 72]);
    assert_eq!(state.conf_state.learners, [73]);
    let snapshot = storage.snapshot(0, 72).unwrap();
    assert_eq!(snapshot.metadata.map(|metadata| (metadata.index, metadata.term)), Some((5, 5)));
    assert_eq!(storage.snapshot(6, 72), Err(temporarily_no_snapshot()), "it has applied 5");
    assert_eq!(storage.term(4), Err(StorageError::Compacted.into()));
    assert_eq!(storage.term(6), Err(StorageError::Unavailable.into()));
    assert_eq!(entries(&storage, 5, 6), Err(StorageError::Compacted.into()));
    assert_eq!(entries(&storage, 6, 7), Err(StorageError::Unavailable.into()));
    assert_eq!(entries(&storage, 6, 6), Ok(vec![]));
}

fn temporarily_no_snapshot() -> raft::Error {
    StorageError::SnapshotTemporarilyUnavailable.into()
}

/// raft-rs takes the storage, elects its only voter and commits through it.
#[test]
fn raft_runs_on_it() {
    let engine = MemoryEngine::new();
    let mut only = region();
    only.peers.truncate(1);
    let mut batch = WriteBatch::new();
    PeerStorage::<MemoryEngine>::bootstrap(&mut batch, &only);
    engine.write(&batch, Durability::Synced).unwrap();
    for round in 0..3 {
        let storage = load(&engine);
        let config = raft::Config {
            id: PEER.0,
            applied: storage.applied_index(),
            ..raft::Config::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let mut node = raft::RawNode::new(&config, storage, &logger).unwrap();
        node.campaign().unwrap();
        while node.has_ready() {
            let mut ready = node.ready();
            let mut batch = WriteBatch::new();
            let storage = node.mut_store();
            storage.append(ready.entries(), &mut batch).unwrap();
            if let Some(state) = ready.hs() {
                storage.set_hard_state(state, &mut batch);
            }
            engine.write(&batch, Durability::Synced).unwrap();
            let mut committed = ready.take_committed_entries();
            let mut light = node.advance(ready);
            committed.extend(light.take_committed_entries());
            if let Some(commit) = light.commit_index() {
                node.mut_store().set_commit_index(commit, &mut WriteBatch::new());
            }
            if let Some(last) = committed.last() {
                let storage = node.mut_store();
                storage.set_applied(last.index, last.term);
                let mut batch = WriteBatch::new();
                put_apply_state(REGION, &storage.apply_state(), &mut batch);
                engine.write(&batch, Durability::Synced).unwrap();
                node.advance_apply_to(last.index);
            }
        }
        assert_eq!(node.raft.state, raft::StateRole::Leader);
        // One empty entry for each election; the commit index was never written by itself.
        assert_eq!(node.store().applied_index(), 6 + round);
        assert_eq!(node.store().commit_index(), 6 + round);
    }
    let snapshot = engine.snapshot();
    assert_eq!(load_apply_state(&snapshot, REGION).unwrap().unwrap().applied_index, 8);
    assert_eq!(load_apply_state(&snapshot, RegionId(8)).unwrap(), None);
}

#[test]
fn a_restart_brings_back_what_was_written() {
    let engine = bootstrapped();
    let before = with_log(&engine);
    engine.crash();
    let after = load(&engine);
    assert_eq!(after.hard_state(), before.hard_state());
    assert_eq!(after.apply_state(), before.apply_state());
    assert_eq!((after.last_index(), after.term(10)), (10, Ok(6)));
    assert_eq!(entries(&after, 6, 11), entries(&before, 6, 11));
    assert_eq!(indexes(&entries(&after, 6, 11).unwrap()), [6, 7, 8, 9, 10]);
    assert_eq!(**after.region(), region());
}

#[test]
fn a_conflicting_tail_is_gone_after_a_restart() {
    let engine = bootstrapped();
    let mut storage = with_log(&engine);
    let mut batch = WriteBatch::new();
    storage.append(&[entry(9, 7, 10)], &mut batch).unwrap();
    storage.set_hard_state(&hard_state(7, 8), &mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
    // Before the restart, which would remove it as well.
    assert_eq!(engine.get(Family::Raft, &keys::raft_entry(REGION, 10)).unwrap(), None);
    for storage in [storage, load(&engine)] {
        assert_eq!((storage.last_index(), storage.term(9)), (9, Ok(7)));
        assert_eq!(indexes(&entries(&storage, 6, 10).unwrap()), [6, 7, 8, 9]);
    }
}

#[test]
fn the_commit_index_moves_only_when_told_and_never_back() {
    let engine = bootstrapped();
    let mut storage = with_log(&engine);
    assert_eq!(storage.commit_index(), 8);
    storage.append(&[entry(11, 6, 1)], &mut WriteBatch::new()).unwrap();
    storage.set_applied(8, 6);
    assert_eq!(storage.commit_index(), 8);
    storage.set_commit_index(9, &mut WriteBatch::new());
    storage.set_commit_index(7, &mut WriteBatch::new());
    storage.set_hard_state(&hard_state(6, 8), &mut WriteBatch::new());
    assert_eq!(storage.commit_index(), 9);
}

#[test]
fn entries_that_do_not_fit_are_refused_and_change_nothing() {
    let engine = bootstrapped();
    let mut storage = with_log(&engine);
    let mut batch = WriteBatch::new();
    let gap = storage.append(&[entry(12, 6, 1)], &mut batch).unwrap_err();
    assert_eq!(gap, AppendError::Gap { region: REGION, index: 12, after: 10 });
    let gap = storage.append(&[entry(11, 6, 1), entry(13, 6, 1)], &mut batch).unwrap_err();
    assert_eq!(gap, AppendError::Gap { region: REGION, index: 13, after: 11 });
    let applied = storage.append(&[entry(7, 7, 1)], &mut batch).unwrap_err();
    assert_eq!(applied, AppendError::Applied { region: REGION, index: 7, applied: 7 });
    assert!(batch.is_empty());
    assert_eq!(storage.last_index(), 10);
}

#[test]
fn a_commit_index_lost_with_the_power_is_taken_from_what_is_applied() {
    let engine = bootstrapped();
    let mut storage = with_log(&engine);
    storage.set_commit_index(10, &mut WriteBatch::new());
    storage.set_applied(10, 6);
    let mut batch = WriteBatch::new();
    put_apply_state(REGION, &storage.apply_state(), &mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
    assert_eq!(load(&engine).commit_index(), 10);
}

#[test]
fn entries_behind_the_end_are_removed() {
    let engine = bootstrapped();
    with_log(&engine);
    let mut batch = WriteBatch::new();
    for index in [11, 13] {
        let key = keys::raft_entry(REGION, index);
        batch.put(Family::Raft, key, entry(index, 6, 1).encode_to_vec());
    }
    // The neighbour's log is none of its business.
    let neighbour = keys::raft_entry(RegionId(REGION.0 + 1), 11);
    batch.put(Family::Raft, neighbour, "x");
    engine.write(&batch, Durability::Synced).unwrap();
    let storage = load(&engine);
    assert_eq!(storage.last_index(), 10);
    assert_eq!(entries(&storage, 6, 11).unwrap().len(), 5);
    for index in [11, 13] {
        assert_eq!(engine.get(Family::Raft, &keys::raft_entry(REGION, index)).unwrap(), None);
    }
    assert!(engine.get(Family::Raft, &neighbour).unwrap().is_some());
}

#[test]
fn a_hole_or_a_damaged_entry_stops_the_replica() {
    for missing in [7, 8, 9, 10] {
        let engine = bootstrapped();
        with_log(&engine);
        let mut batch = WriteBatch::new();
        batch.delete(Family::Raft, keys::raft_entry(REGION, missing));
        engine.write(&batch, Durability::Synced).unwrap();
        let error = load_error(&engine);
        let StorageLoadError::Log(damage) = &error else { panic!("{error}") };
        assert_eq!(damage.index, missing, "{error}");
        assert!(error.to_string().contains("missing"), "{error}");
    }
    let engine = bootstrapped();
    with_log(&engine);
    let mut batch = WriteBatch::new();
    batch.put(Family::Raft, keys::raft_entry(REGION, 9), [0xff, 0xff]);
    engine.write(&batch, Durability::Synced).unwrap();
    assert!(load_error(&engine).to_string().contains("entry at 9 is cut off after 2 bytes"));
}

/// What is applied is not read at a start, only when a follower needs it.
#[test]
fn a_hole_in_the_applied_part_is_found_when_it_is_read() {
    let engine = bootstrapped();
    with_log(&engine);
    let mut batch = WriteBatch::new();
    batch.delete(Family::Raft, keys::raft_entry(REGION, 6));
    engine.write(&batch, Durability::Synced).unwrap();
    let storage = load(&engine);
    for error in [entries(&storage, 6, 11).unwrap_err(), storage.term(6).unwrap_err()] {
        assert!(error.to_string().contains("log entry at 6 is missing"), "{error}");
    }
    assert_eq!(entries(&storage, 7, 11).unwrap().len(), 4);
}

/// Writes states that contradict each other and names the two numbers the error must name.
#[test]
fn states_that_contradict_each_other_are_refused() {
    type Change = fn(&mut RaftState, &mut ApplyState, &mut TruncatedState);
    let rows: [(&str, &str, Change); 7] = [
        ("the commit index", "the last index", |raft, _, _| raft.hard_state.commit = 11),
        ("the applied index", "the last index", |_, apply, _| apply.applied_index = 11),
        ("the truncated index", "the applied index", |_, _, truncated| truncated.index = 8),
        ("the term of an entry", "raft's term", |raft, _, _| raft.hard_state.term = 5),
        ("the term of the applied entry", "the applied term", |_, apply, _| apply.applied_term = 5),
        ("the applied term", "the term of the applied entry", |_, apply, _| apply.applied_term = 7),
        ("the truncated term", "the term of a later entry", |_, _, truncated| truncated.term = 9),
    ];
    for (smaller, larger, change) in rows {
        let engine = bootstrapped();
        let storage = with_log(&engine);
        let (mut raft, mut apply) = (storage.raft_state.clone(), storage.apply_state());
        let mut truncated = storage.truncated;
        change(&mut raft, &mut apply, &mut truncated);
        let mut batch = WriteBatch::new();
        state::put_raft_state(REGION, &raft, &mut batch);
        put_apply_state(REGION, &apply, &mut batch);
        state::put_truncated_state(REGION, &truncated, &mut batch);
        engine.write(&batch, Durability::Synced).unwrap();
        let text = load_error(&engine).to_string();
        assert!(text.contains(smaller) && text.contains(larger), "{text}");
    }
}

#[test]
fn a_replica_that_is_not_here_is_not_loaded() {
    let engine = bootstrapped();
    let found = PeerStorage::load(engine.clone(), RegionId(8), PEER).unwrap();
    assert!(found.is_none());
    let error = PeerStorage::load(engine.clone(), REGION, PeerId(99)).unwrap_err();
    assert!(matches!(error, StorageLoadError::NoSuchPeer { .. }), "{error}");

    let mut batch = WriteBatch::new();
    batch.delete(Family::Raft, keys::raft_state(REGION));
    engine.write(&batch, Durability::Synced).unwrap();
    assert!(load_error(&engine).to_string().contains("raft state is missing"));

    let mut batch = WriteBatch::new();
    let tombstone = RegionState { is_tombstone: true, ..RegionState::normal(region()) };
    put_region_state(&tombstone, &mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
    assert!(PeerStorage::load(engine.clone(), REGION, PEER).unwrap().is_none());
}

#[test]
fn all_regions_of_a_store_are_found() {
    let engine = bootstrapped();
    let mut batch = WriteBatch::new();
    for id in [u64::MAX, 1, 300] {
        PeerStorage::<MemoryEngine>::bootstrap(&mut batch, &Region { id, ..region() });
    }
    engine.write(&batch, Durability::Synced).unwrap();
    let ids: Vec<_> = load_regions(&engine).unwrap().iter().map(|state| state.region.id).collect();
    assert_eq!(ids, [1, 7, 300, u64::MAX]);
    // The last id has no next one to end its log at.
    let last = PeerStorage::load(engine.clone(), RegionId(u64::MAX), PEER).unwrap().unwrap();
    assert_eq!(last.last_index(), 5);

    batch.clear();
    batch.put(Family::State, keys::region_state(RegionId(300)), [0xff]);
    engine.write(&batch, Durability::Synced).unwrap();
    let error = load_regions(&engine).unwrap_err();
    assert!(matches!(error, StorageLoadError::State { region: RegionId(300), .. }), "{error}");
}

#[test]
fn the_cache_stays_within_its_bytes() {
    let mut cache = EntryCache::new(1000);
    for index in 1..=100 {
        cache.append(&[entry(index, 1, 90)]);
        assert!(cache.bytes() <= 1000);
    }
    let first = cache.first_index().unwrap();
    assert!((85..=92).contains(&first), "{first}");
    assert_eq!((cache.get(first - 1), cache.get(101)), (None, None));
    assert_eq!(cache.get(first).map(|entry| entry.index), Some(first));
    cache.append(&[entry(95, 2, 10)]);
    assert_eq!(cache.from(94).map(|entry| entry.term).collect::<Vec<_>>(), [1, 2]);
    // One that is larger than all the room empties it.
    cache.append(&[entry(96, 2, 2000)]);
    assert_eq!((cache.first_index(), cache.bytes()), (None, 0));
}

/// raft's own storage with the same start as a bootstrapped one.
fn mem_storage() -> MemStorage {
    let storage = MemStorage::new();
    let conf_state = Some(state::conf_state(&region()));
    let metadata = Some(SnapshotMetadata { conf_state, index: 5, term: 5 });
    let snapshot = Snapshot { metadata, ..Snapshot::default() };
    storage.wl().apply_snapshot(snapshot).unwrap();
    storage
}

/// Random appends, with conflicts and restarts and a cache that holds little, against raft's own
/// storage: every entry, term and bound agrees.
#[test]
fn it_agrees_with_rafts_own_storage() {
    for seed in 0..30 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let engine = bootstrapped();
        let model = mem_storage();
        let mut storage = load(&engine);
        let mut term = 6;
        for step in 0..150 {
            let context = format!("seed {seed} step {step}");
            let (commit, last) = (storage.commit_index(), storage.last_index());
            term += u64::from(rng.random_bool(0.2));
            let first = rng.random_range((commit + 1).max(last.saturating_sub(3))..=last + 1);
            let new: Vec<_> = (0..rng.random_range(1..6))
                .map(|place| entry(first + place, term, rng.random_range(0..60)))
                .collect();
            let mut batch = WriteBatch::new();
            // Entries may be committed by the very message that brings them, and a `Ready` may be
            // worked off in either order.
            let commit = rng.random_range(commit..=new.last().unwrap().index);
            let state = hard_state(term, commit);
            if rng.random_bool(0.5) {
                storage.set_hard_state(&state, &mut batch);
                storage.append(&new, &mut batch).unwrap();
            } else {
                storage.append(&new, &mut batch).unwrap();
                storage.set_hard_state(&state, &mut batch);
            }
            engine.write(&batch, Durability::Synced).unwrap();
            model.wl().append(&new).unwrap();
            model.wl().set_hardstate(hard_state(term, commit));
            if rng.random_bool(0.2) {
                let applied = rng.random_range(storage.applied_index()..=commit);
                let applied_term = Storage::term(&storage, applied).unwrap();
                storage.set_applied(applied, applied_term);
                let mut batch = WriteBatch::new();
                put_apply_state(REGION, &storage.apply_state(), &mut batch);
                engine.write(&batch, Durability::Synced).unwrap();
            }
            match rng.random_range(0..10) {
                0 => {
                    engine.crash();
                    storage = load(&engine);
                }
                1 => storage.cache = EntryCache::new(rng.random_range(0..300)),
                _ => {}
            }
            agree(&storage, &model, &mut rng, &context);
        }
    }
}

fn agree(
    storage: &PeerStorage<MemoryEngine>,
    model: &MemStorage,
    rng: &mut SmallRng,
    context: &str,
) {
    assert_eq!(storage.first_index(), model.first_index(), "{context}");
    let last = storage.last_index();
    assert_eq!(Storage::last_index(storage), model.last_index(), "{context}");
    let ours = storage.initial_state().unwrap();
    let theirs = model.initial_state().unwrap();
    assert_eq!(ours.hard_state, theirs.hard_state, "{context}");
    assert_eq!(ours.conf_state, theirs.conf_state, "{context}");
    for index in 4..=last + 1 {
        assert_eq!(Storage::term(storage, index), model.term(index), "{context} index {index}");
    }
    for _ in 0..10 {
        let low = rng.random_range(5..=last + 1);
        let high = rng.random_range(low..=last + 1);
        let max = rng.random_bool(0.8).then(|| rng.random_range(0..400));
        let context = format!("{context} {low}..{high} {max:?}");
        let ours = storage.entries(low, high, max, GetEntriesContext::empty(false));
        // raft's own storage panics on what ours answers with nothing.
        if low >= 6 && low == high {
            assert_eq!(ours, Ok(vec![]), "{context}");
        } else {
            let theirs = model.entries(low, high, max, GetEntriesContext::empty(false));
            assert_eq!(ours, theirs, "{context}");
        }
    }
}
