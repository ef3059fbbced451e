//! What only the engine in memory can do: crash, and forget versions that nobody sees.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::*;

fn put(engine: &MemoryEngine, key: &str, value: &str, durability: Durability) {
    let mut batch = WriteBatch::new();
    batch.put(Family::Data, key, value);
    engine.write(&batch, durability).unwrap();
}

fn get(engine: &MemoryEngine, key: &str) -> Option<String> {
    let value = engine.get(Family::Data, key.as_bytes()).unwrap()?;
    Some(String::from_utf8(value).unwrap())
}

#[test]
fn a_crash_loses_what_was_not_synced() {
    let engine = MemoryEngine::new();
    put(&engine, "a", "1", Durability::Synced);
    put(&engine, "a", "2", Durability::Unsynced);
    put(&engine, "b", "2", Durability::Unsynced);
    engine.crash();
    assert_eq!((get(&engine, "a").as_deref(), get(&engine, "b")), (Some("1"), None));
    put(&engine, "b", "3", Durability::Unsynced);
    assert_eq!(get(&engine, "b").as_deref(), Some("3"));
}

#[test]
fn a_synced_write_makes_the_earlier_ones_safe() {
    let engine = MemoryEngine::new();
    put(&engine, "a", "1", Durability::Unsynced);
    assert_eq!(engine.unsynced_writes(), 1);
    // An empty synced write does it too.
    engine.write(&WriteBatch::new(), Durability::Synced).unwrap();
    engine.crash();
    assert_eq!(get(&engine, "a").as_deref(), Some("1"));
}

#[test]
fn a_crash_may_keep_the_oldest_unsynced_writes() {
    let engine = MemoryEngine::new();
    for value in ["1", "2", "3"] {
        put(&engine, "a", value, Durability::Unsynced);
    }
    engine.crash_keeping(2);
    assert_eq!(get(&engine, "a").as_deref(), Some("2"));
    engine.crash();
    assert_eq!(get(&engine, "a").as_deref(), Some("2"), "what a crash has left is on the disk");
}

#[test]
fn removals_are_undone_by_a_crash() {
    let engine = MemoryEngine::new();
    put(&engine, "a", "1", Durability::Synced);
    let mut batch = WriteBatch::new();
    batch.delete_range(Family::Data, "", "");
    engine.write(&batch, Durability::Unsynced).unwrap();
    assert_eq!(get(&engine, "a"), None);
    engine.crash();
    assert_eq!(get(&engine, "a").as_deref(), Some("1"));
}

/// Against a plain map that is copied at each synced write, from a seed.
#[test]
fn crashes_agree_with_a_copy_of_the_map() {
    for seed in 0..50 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let engine = MemoryEngine::new();
        // The states since the last synced write; the first is the safe one.
        let mut states = vec![BTreeMap::new()];
        let mut snapshots = Vec::new();
        for step in 0..300 {
            let mut now: BTreeMap<Vec<u8>, Vec<u8>> = states.last().unwrap().clone();
            let key = vec![rng.random_range(0..8)];
            let mut batch = WriteBatch::new();
            if rng.random_bool(0.7) {
                let value = vec![rng.random()];
                batch.put(Family::Data, key.clone(), value.clone());
                now.insert(key, value);
            } else {
                let to = vec![key[0] + rng.random_range(0..3)];
                batch.delete_range(Family::Data, key.clone(), to.clone());
                now.retain(|other, _| *other < key || *other >= to);
            }
            let durability =
                if rng.random_bool(0.3) { Durability::Synced } else { Durability::Unsynced };
            engine.write(&batch, durability).unwrap();
            states.push(now);
            if durability == Durability::Synced {
                states.drain(..states.len() - 1);
            }
            if rng.random_bool(0.2) {
                snapshots.push(engine.snapshot());
            }
            if rng.random_bool(0.3) {
                snapshots.pop();
            }
            if rng.random_bool(0.1) {
                let survivors = rng.random_range(0..states.len());
                engine.crash_keeping(survivors);
                states.drain(..survivors);
                states.truncate(1);
            }
            let mut found = BTreeMap::new();
            engine
                .scan(Family::Data, &[], &[], &mut |key, value| {
                    found.insert(key.to_vec(), value.to_vec());
                    true
                })
                .unwrap();
            assert_eq!(&found, states.last().unwrap(), "seed {seed} step {step}");
        }
    }
}

#[test]
fn versions_that_nobody_sees_are_dropped() {
    let engine = MemoryEngine::new();
    for round in 0..100 {
        put(&engine, "hot", &round.to_string(), Durability::Synced);
    }
    assert_eq!(engine.lock().kept(), 1);
    let snapshot = engine.snapshot();
    for round in 0..100 {
        put(&engine, "hot", &round.to_string(), Durability::Synced);
    }
    put(&engine, "gone", "1", Durability::Synced);
    drop(snapshot);
    let mut batch = WriteBatch::new();
    batch.delete(Family::Data, "gone");
    engine.write(&batch, Durability::Synced).unwrap();
    assert_eq!(engine.lock().kept(), 1);
}

#[test]
fn a_visitor_may_write_to_the_engine_it_scans() {
    let engine = MemoryEngine::new();
    for key in 0..200_u8 {
        put(&engine, &format!("{key:03}"), "1", Durability::Synced);
    }
    let mut seen = 0;
    engine
        .scan(Family::Data, b"", b"", &mut |_, _| {
            seen += 1;
            put(&engine, &format!("9{seen}"), "2", Durability::Synced);
            true
        })
        .unwrap();
    assert_eq!(seen, 200);
}
