//! What only an engine with files can do: be reopened, be in use, be damaged.

use std::fs;
use std::time::Duration;

use super::*;

fn put(engine: &RocksEngine, key: &str, durability: Durability) {
    let mut batch = WriteBatch::new();
    batch.put(Family::Data, key, "1");
    engine.write(&batch, durability).unwrap();
}

/// The file in `folder` whose name starts or ends like this.
fn file(folder: &Path, part: &str) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut matching = names.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(part) || name.ends_with(part)
    });
    matching.next().unwrap()
}

#[test]
fn the_last_handle_or_snapshot_closes_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = RocksOptions::default();
    for round in 0..5 {
        let engine = RocksEngine::open(folder.path(), &options).unwrap();
        let clone = engine.clone();
        let snapshot = engine.snapshot();
        put(&engine, &round.to_string(), Durability::Unsynced);
        drop((engine, clone));
        let error = RocksEngine::open(folder.path(), &options).unwrap_err();
        assert!(matches!(&error, EngineError::InUse { path, .. } if path == folder.path()));
        assert!(error.to_string().contains("a folder of its own"), "{error}");
        drop(snapshot);
        let engine = RocksEngine::open(folder.path(), &options).unwrap();
        for written in 0..=round {
            let value = engine.get(Family::Data, written.to_string().as_bytes()).unwrap();
            assert!(value.is_some(), "{written} of {round}");
        }
    }
}

#[test]
fn files_in_memory_live_as_long_as_their_options() {
    let options = RocksOptions::in_memory().unwrap();
    let path = tempfile::tempdir().unwrap().path().join("store");
    put(&RocksEngine::open(&path, &options).unwrap(), "a", Durability::Unsynced);
    let again = RocksEngine::open(&path, &options.clone()).unwrap();
    assert!(again.get(Family::Data, b"a").unwrap().is_some());
    let error = RocksEngine::open(&path, &options).unwrap_err();
    assert!(matches!(error, EngineError::InUse { .. }), "{error}");
    assert!(!path.exists(), "nothing is left on the disk");
    let other = RocksEngine::open(&path, &RocksOptions::in_memory().unwrap()).unwrap();
    assert_eq!(other.get(Family::Data, b"a").unwrap(), None);
}

#[test]
fn a_folder_with_other_families_is_of_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    drop(DB::open_cf(&options, folder.path(), ["lock", "write"]).unwrap());
    let error = RocksEngine::open(folder.path(), &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, EngineError::OtherVersion { .. }), "{error}");
}

#[test]
fn a_file_in_place_of_the_folder_is_an_io_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, "x").unwrap();
    let error = RocksEngine::open(&path, &RocksOptions::default()).unwrap_err();
    assert!(matches!(error, EngineError::Io { .. }), "{error}");
}

#[test]
fn damage_is_told_from_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let options = RocksOptions::default();
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    for key in 0..100 {
        put(&engine, &format!("{key:03}"), Durability::Synced);
    }
    drop(engine);
    let log = file(folder.path(), ".log");
    let whole = fs::read(&log).unwrap();

    // The last write is cut off, as by a crash in the middle of it: it goes, the rest stays.
    fs::write(&log, &whole[..whole.len() - 3]).unwrap();
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    assert!(engine.get(Family::Data, b"098").unwrap().is_some());
    assert_eq!(engine.get(Family::Data, b"099").unwrap(), None);
}

#[test]
fn a_hole_in_the_log_is_not_stepped_over() {
    let folder = tempfile::tempdir().unwrap();
    let options = RocksOptions::default();
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    for key in 0..100 {
        put(&engine, &format!("{key:03}"), Durability::Synced);
    }
    drop(engine);
    let log = file(folder.path(), ".log");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&log, bytes).unwrap();
    let error = RocksEngine::open(folder.path(), &options).unwrap_err();
    assert!(matches!(error, EngineError::Corrupted { .. }), "{error}");
}

#[test]
fn a_damaged_table_names_the_key_that_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let options = RocksOptions::default();
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    put(&engine, "key", Durability::Synced);
    engine.opened.db.flush().unwrap();
    drop(engine);
    let table = file(folder.path(), ".sst");
    let mut bytes = fs::read(&table).unwrap();
    bytes[3] ^= 0xff;
    fs::write(&table, bytes).unwrap();
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    let error = engine.snapshot().get(Family::Data, b"key").unwrap_err();
    assert!(matches!(error, EngineError::Corrupted { .. }), "{error}");
    assert!(error.to_string().contains("reading key \"key\" of the family data"), "{error}");
}

#[test]
fn blocks_that_no_cache_has_are_counted_and_in_a_careful_measure_timed() {
    let folder = tempfile::tempdir().unwrap();
    let options = RocksOptions::sharing(BlockCache::new(64 << 10));
    let engine = RocksEngine::open(folder.path(), &options).unwrap();
    let mut batch = WriteBatch::new();
    for key in 0..200 {
        batch.put(Family::Data, format!("{key:03}"), vec![b'.'; 4096]);
    }
    engine.write(&batch, Durability::Unsynced).unwrap();
    let get = |care| {
        let snapshot = engine.snapshot();
        let (found, used) = snapshot.measure(care, |it| it.get(Family::Data, b"100"));
        assert!(found.unwrap().is_some());
        used
    };
    assert_eq!(get(Care::Counts), EngineUsage::default(), "it is in memory");
    engine.opened.db.flush().unwrap();
    let scan = || {
        let mut found = 0;
        let (scanned, used) = engine.snapshot().measure(Care::Times, |it| {
            it.scan(Family::Data, b"", b"", &mut |_, _| {
                found += 1;
                true
            })
        });
        scanned.unwrap();
        assert_eq!(found, 200);
        used
    };
    let used = scan();
    assert!(used.block_reads >= 200 && used.block_bytes > 200 * 4096, "{used:?}");
    assert!(used.block_read.unwrap() > Duration::ZERO, "{used:?}");
    // The end of the scan is what the cache holds; what times cost is over with it.
    let used = get(Care::Counts);
    assert!(used.block_reads >= 1 && used.block_read.is_none(), "{used:?}");
    assert_eq!((used.tombstones, used.keys), (0, None));
}

#[test]
fn deleted_keys_that_a_scan_passes_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let engine = RocksEngine::open(folder.path(), &RocksOptions::default()).unwrap();
    let mut batch = WriteBatch::new();
    for key in 0..1_000 {
        batch.delete(Family::Data, format!("{key:04}"));
    }
    engine.write(&batch, Durability::Unsynced).unwrap();
    put(&engine, "x", Durability::Unsynced);
    let scan = |from: &[u8]| {
        let (_, used) = engine.snapshot().measure(Care::Counts, |it| {
            it.scan(Family::Data, from, b"", &mut |_, _| true).unwrap();
        });
        used.tombstones
    };
    assert_eq!((scan(b""), scan(b"0900"), scan(b"x")), (1_000, 100, 0));
}

#[test]
fn a_full_disk_says_so() {
    let text = "IO error: No space left on device: While appending to file: /d/000004.log";
    // The kind of RocksDB's errors is in their text, so one can be made from it.
    let error = classify(Path::new("/d"), "writing 1 operations".to_owned(), text.to_owned());
    assert!(matches!(error, EngineError::DiskFull { .. }), "{error}");
}
