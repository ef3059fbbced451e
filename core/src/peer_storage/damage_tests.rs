//! Damage under a replica, on the engine in memory and on RocksDB: a flipped bit is named wherever it
//! is, a tail that a crash tore off is what was never acknowledged, and nothing is half taken up.

use std::fs;
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::engine::{Durability, MemoryEngine, RocksEngine, RocksOptions};
use crate::region::{PeerMeta, RegionEpoch};

const REGION: RegionId = RegionId(7);
const PEER: PeerId = PeerId(71);

fn write_log<E: Engine>(engine: &E) {
    let region = Region {
        id: REGION.0,
        epoch: RegionEpoch { conf_ver: 1, version: 1 },
        peers: vec![PeerMeta { id: PEER.0, store_id: 1, ..PeerMeta::default() }],
        ..Region::default()
    };
    let mut batch = WriteBatch::new();
    PeerStorage::<E>::bootstrap(&mut batch, &region);
    engine.write(&batch, Durability::Synced).unwrap();
    let mut storage = PeerStorage::load(engine.clone(), REGION, PEER).unwrap().unwrap();
    for index in 6..=10 {
        let mut batch = WriteBatch::new();
        let entry = Entry { index, term: 6, data: vec![b'x'; 20], ..Entry::default() };
        storage.append(&[entry], &mut batch).unwrap();
        let state = HardState { term: 6, vote: PEER.0, commit: index - 1 };
        storage.set_hard_state(&state, &mut batch);
        engine.write(&batch, Durability::Synced).unwrap();
    }
}

/// Everything that raft must find again, by what an error must call it.
fn kept() -> Vec<(Family, Vec<u8>, String)> {
    let mut kept = vec![
        (Family::State, keys::region_state(REGION).to_vec(), "region state".to_owned()),
        (Family::Raft, keys::raft_state(REGION).to_vec(), "raft state".to_owned()),
        (Family::State, keys::apply_state(REGION).to_vec(), "apply state".to_owned()),
        (Family::State, keys::truncated_state(REGION).to_vec(), "truncated state".to_owned()),
    ];
    for index in 6..=10 {
        let key = keys::raft_entry(REGION, index).to_vec();
        kept.push((Family::Raft, key, format!("log entry at {index}")));
    }
    kept
}

fn write_value<E: Engine>(engine: &E, family: Family, key: &[u8], value: &[u8]) {
    let mut batch = WriteBatch::new();
    batch.put(family, key, value);
    engine.write(&batch, Durability::Synced).unwrap();
}

/// Each bit of each value, one at a time, then each length that is too short.
fn every_flipped_bit_and_every_cut_is_named<E: Engine + std::fmt::Debug>(engine: &E) {
    write_log(engine);
    for (family, key, name) in kept() {
        let sound = engine.get(family, &key).unwrap().unwrap();
        let flipped = (0..sound.len() * 8).map(|bit| {
            let mut value = sound.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            value
        });
        let cut = (0..sound.len()).map(|length| sound[..length].to_vec());
        for value in flipped.chain(cut) {
            write_value(engine, family, &key, &value);
            let error = PeerStorage::load(engine.clone(), REGION, PEER).err().unwrap().to_string();
            let is_named = error.contains(&name) && error.contains("region 7");
            assert!(
                is_named && (error.contains("checksum") || error.contains("cut off")),
                "{error}"
            );
        }
        write_value(engine, family, &key, &sound);
        assert!(PeerStorage::load(engine.clone(), REGION, PEER).unwrap().is_some());
    }
}

#[test]
fn a_flipped_bit_is_found_and_named_in_memory() {
    every_flipped_bit_and_every_cut_is_named(&MemoryEngine::new());
}

#[test]
fn a_flipped_bit_is_found_and_named_on_rocksdb() {
    let options = RocksOptions::in_memory().unwrap();
    every_flipped_bit_and_every_cut_is_named(&RocksEngine::open("damaged", &options).unwrap());
}

/// What is applied is not read at a start; it is checked when a follower needs it.
#[test]
fn a_flipped_bit_in_the_applied_part_is_found_when_it_is_read() {
    let engine = MemoryEngine::new();
    write_log(&engine);
    let mut batch = WriteBatch::new();
    put_apply_state(REGION, &ApplyState { applied_index: 9, applied_term: 6 }, &mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
    let key = keys::raft_entry(REGION, 7);
    let mut value = engine.get(Family::Raft, &key).unwrap().unwrap();
    value[3] ^= 0x10;
    write_value(&engine, Family::Raft, &key, &value);
    let storage = PeerStorage::load(engine, REGION, PEER).unwrap().unwrap();
    let error = storage.entries(6, 10, None, GetEntriesContext::empty(false)).unwrap_err();
    assert!(error.to_string().contains("region 7: the log entry at 7 is damaged"), "{error}");
    assert_eq!(storage.entries(8, 11, None, GetEntriesContext::empty(false)).unwrap().len(), 3);
}

fn write_ahead_log(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|it| it == "log")).max().unwrap()
}

/// Cuts RocksDB's log off at any place, as a crash does in the middle of a write: each write is
/// there as a whole or not at all, from the first one on, and the replica comes back with a prefix.
#[test]
fn a_torn_tail_loses_the_last_writes_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| RocksEngine::open(path, &RocksOptions::default());
    let source = folder.path().join("source");
    write_log(&open(&source).unwrap());
    let whole = fs::read(write_ahead_log(&source)).unwrap();
    let mut rng = SmallRng::seed_from_u64(3);
    let mut seen = Vec::new();
    for round in 0..30 {
        let copy = folder.path().join(format!("copy-{round}"));
        fs::create_dir(&copy).unwrap();
        for file in fs::read_dir(&source).unwrap().map(|file| file.unwrap().path()) {
            fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
        let length = rng.random_range(0..=whole.len());
        fs::write(write_ahead_log(&copy), &whole[..length]).unwrap();
        let engine = open(&copy).unwrap();
        let Some(storage) = PeerStorage::load(engine, REGION, PEER).unwrap() else {
            seen.push(0);
            continue;
        };
        let last = storage.last_index();
        seen.push(last);
        assert!((5..=10).contains(&last), "{last}");
        assert_eq!(storage.commit_index(), if last == 5 { 5 } else { last - 1 });
        let entries = storage.entries(6, last + 1, None, GetEntriesContext::empty(false));
        assert_eq!(entries.unwrap().len() as u64, last - 5);
    }
    seen.sort_unstable();
    seen.dedup();
    assert!(seen.len() > 3, "the cuts fall into several writes: {seen:?}");
}
