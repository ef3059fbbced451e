//! One suite that every engine has to pass, and a differential test of all of them from a seed.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use super::*;

fn pairs(of: &impl EngineSnapshot, family: Family, from: &str, to: &str) -> String {
    let mut text = String::new();
    of.scan(family, from.as_bytes(), to.as_bytes(), &mut |key, value| {
        text += &format!("{}={} ", key.escape_ascii(), value.escape_ascii());
        true
    })
    .unwrap();
    text.trim_end().to_owned()
}

fn write(engine: &impl Engine, fill: impl FnOnce(&mut WriteBatch)) {
    let mut batch = WriteBatch::new();
    fill(&mut batch);
    engine.write(&batch, Durability::Synced).unwrap();
}

fn families_are_apart<E: Engine>(engine: E) {
    write(&engine, |batch| {
        for family in Family::ALL {
            batch.put(family, "k", family.name());
        }
    });
    for family in Family::ALL {
        let value = engine.get(family, b"k").unwrap();
        assert_eq!(value.as_deref(), Some(family.name().as_bytes()));
        assert_eq!(engine.get(family, b"other").unwrap(), None);
    }
    write(&engine, |batch| batch.delete_range(Family::Raft, "", ""));
    assert_eq!(engine.get(Family::Raft, b"k").unwrap(), None);
    assert!(engine.get(Family::State, b"k").unwrap().is_some());
}

fn a_batch_works_in_its_order<E: Engine>(engine: E) {
    write(&engine, |batch| {
        batch.put(Family::Data, "a", "1");
        batch.put(Family::Data, "b", "1");
        batch.put(Family::Data, "a", "2");
        batch.delete(Family::Data, "b");
        batch.put(Family::Data, "c", "1");
        batch.delete_range(Family::Data, "c", "d");
        batch.put(Family::Data, "d", "1");
        batch.delete_range(Family::Data, "d", "e");
        batch.put(Family::Data, "d", "2");
        // Ranges that end before they start remove nothing.
        batch.delete_range(Family::Data, "d", "a");
        batch.delete_range(Family::Data, "d", "d");
    });
    assert_eq!(pairs(&engine.snapshot(), Family::Data, "", ""), "a=2 d=2");
}

fn ranges_have_their_start_and_not_their_end<E: Engine>(engine: E) {
    write(&engine, |batch| {
        for key in ["", "a", "b", "b\0", "c"] {
            batch.put(Family::Data, key, "1");
        }
        batch.put(Family::Data, vec![0xff; MAX_KEY_BYTES], "1");
    });
    let snapshot = engine.snapshot();
    assert_eq!(pairs(&snapshot, Family::Data, "a", "c"), r"a=1 b=1 b\x00=1");
    assert_eq!(pairs(&snapshot, Family::Data, "b\0", "b\0\0"), r"b\x00=1");
    assert_eq!(pairs(&snapshot, Family::Data, "c", "a"), "");
    assert_eq!(pairs(&snapshot, Family::Data, "", "a"), "=1");
    let mut seen = 0;
    let visit = &mut |_: &[u8], _: &[u8]| {
        seen += 1;
        seen < 2
    };
    engine.scan(Family::Data, b"", b"", visit).unwrap();
    assert_eq!(seen, 2, "false stops");
    // Without an end, the range reaches the longest and greatest key there can be.
    write(&engine, |batch| batch.delete_range(Family::Data, "b", ""));
    assert_eq!(pairs(&engine.snapshot(), Family::Data, "", ""), "=1 a=1");
}

fn a_snapshot_stays_as_it_was<E: Engine>(engine: E) {
    write(&engine, |batch| batch.put(Family::Data, "a", "1"));
    let first = engine.snapshot();
    write(&engine, |batch| {
        batch.put(Family::Data, "a", "2");
        batch.put(Family::Data, "b", "2");
    });
    let second = engine.snapshot();
    write(&engine, |batch| batch.delete_range(Family::Data, "", ""));
    drop(engine);
    assert_eq!(pairs(&first, Family::Data, "", ""), "a=1");
    assert_eq!(pairs(&second, Family::Data, "", ""), "a=2 b=2");
    assert_eq!(first.get(Family::Data, b"b").unwrap(), None);
    assert_eq!(second.get(Family::Data, b"b").unwrap().as_deref(), Some(b"2".as_slice()));
}

fn a_key_that_is_too_long_stops_the_whole_batch<E: Engine>(engine: E) {
    let mut batch = WriteBatch::new();
    batch.put(Family::Data, "a", "1");
    batch.put(Family::Data, vec![b'k'; MAX_KEY_BYTES + 1], "1");
    let error = engine.write(&batch, Durability::Synced).unwrap_err();
    assert!(matches!(error, EngineError::KeyTooLong { bytes: 4097, .. }), "{error}");
    assert_eq!(engine.get(Family::Data, b"a").unwrap(), None);
}

fn threads_see_whole_batches<E: Engine>(engine: E) {
    std::thread::scope(|scope| {
        let writer = engine.clone();
        scope.spawn(move || {
            for round in 0_u32..500 {
                let mut batch = WriteBatch::new();
                batch.put(Family::Data, "a", round.to_be_bytes());
                batch.put(Family::State, "b", round.to_be_bytes());
                writer.write(&batch, Durability::Unsynced).unwrap();
            }
        });
        for _ in 0..2 {
            let reader = engine.clone();
            scope.spawn(move || {
                let mut last = None;
                for _ in 0..500 {
                    let snapshot = reader.snapshot();
                    let first = snapshot.get(Family::Data, b"a").unwrap();
                    assert_eq!(first, snapshot.get(Family::State, b"b").unwrap());
                    assert!(first >= last, "a later snapshot sees no less");
                    last = first;
                }
            });
        }
    });
}

macro_rules! conformance {
    ($($engine:ident: $open:expr;)*) => {
        $(mod $engine {
            use super::*;

            conformance!(@case $open, families_are_apart, a_batch_works_in_its_order,
                ranges_have_their_start_and_not_their_end, a_snapshot_stays_as_it_was,
                a_key_that_is_too_long_stops_the_whole_batch, threads_see_whole_batches);
        })*
    };
    (@case $open:expr, $($case:ident),*) => {
        $(#[test]
        fn $case() {
            let (engine, _folder) = $open;
            super::$case(engine);
        })*
    };
}

conformance! {
    memory: (MemoryEngine::new(), ());
    rocks_in_memory: (open_in_memory(), ());
    rocks_on_disk: open_on_disk();
}

fn open_in_memory() -> RocksEngine {
    RocksEngine::open("/store", &RocksOptions::in_memory().unwrap()).unwrap()
}

fn open_on_disk() -> (RocksEngine, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let engine = RocksEngine::open(folder.path().join("a/b"), &RocksOptions::default()).unwrap();
    (engine, folder)
}

/// What a plain map makes of a batch.
fn apply(model: &mut BTreeMap<(Family, Vec<u8>), Vec<u8>>, batch: &WriteBatch) {
    for op in batch {
        match op {
            WriteOp::Put { family, key, value } => {
                model.insert((*family, key.clone()), value.clone());
            }
            WriteOp::Delete { family, key } => {
                model.remove(&(*family, key.clone()));
            }
            WriteOp::DeleteRange { family, from, to } => model.retain(|(in_family, key), _| {
                in_family != family || key < from || (!to.is_empty() && key >= to)
            }),
        }
    }
}

fn random_key(rng: &mut SmallRng) -> Vec<u8> {
    (0..rng.random_range(0..3)).map(|_| *b"\0a\xff".get(rng.random_range(0..3)).unwrap()).collect()
}

fn random_batch(rng: &mut SmallRng) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for _ in 0..rng.random_range(0..6) {
        let family = Family::ALL[rng.random_range(0..3)];
        let key = random_key(rng);
        match rng.random_range(0..10) {
            0..6 => batch.put(family, key, vec![rng.random(), rng.random()]),
            6..9 => batch.delete(family, key),
            _ => batch.delete_range(family, key, random_key(rng)),
        }
    }
    batch
}

/// The same random batches into all engines and a plain map: gets, scans and old snapshots agree.
#[test]
fn engines_agree_with_a_plain_map() {
    for seed in 0..10 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let (memory, rocks) = (MemoryEngine::new(), open_in_memory());
        let mut model = BTreeMap::new();
        let mut snapshots = Vec::new();
        for step in 0..200 {
            let batch = random_batch(&mut rng);
            apply(&mut model, &batch);
            memory.write(&batch, Durability::Unsynced).unwrap();
            rocks.write(&batch, Durability::Unsynced).unwrap();
            snapshots.push((memory.snapshot(), rocks.snapshot(), model.clone()));
            if snapshots.len() > 5 {
                snapshots.swap_remove(rng.random_range(0..snapshots.len()));
            }
            let family = Family::ALL[rng.random_range(0..3)];
            let (from, to) = (random_key(&mut rng), random_key(&mut rng));
            for (memory, rocks, model) in &snapshots {
                let expected: Vec<_> = model
                    .iter()
                    .filter(|((in_family, key), _)| {
                        *in_family == family && *key >= from && (to.is_empty() || *key < to)
                    })
                    .map(|((_, key), value)| (key.clone(), value.clone()))
                    .collect();
                let context = format!("seed {seed} step {step} {from:?}..{to:?}");
                assert_eq!(collect(memory, family, &from, &to), expected, "{context}");
                assert_eq!(collect(rocks, family, &from, &to), expected, "{context}");
                let value = model.get(&(family, from.clone()));
                assert_eq!(memory.get(family, &from).unwrap().as_ref(), value, "{context}");
                assert_eq!(rocks.get(family, &from).unwrap().as_ref(), value, "{context}");
            }
        }
    }
}

fn collect(
    of: &impl EngineSnapshot,
    family: Family,
    from: &[u8],
    to: &[u8],
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    of.scan(family, from, to, &mut |key, value| {
        found.push((key.to_vec(), value.to_vec()));
        true
    })
    .unwrap();
    found
}
