//! RocksDB as a store's engine: one database, a column family for each [`Family`], one log.
//!
//! One database and not one for the raft log and one for the data: then a single write-ahead log
//! orders everything, and whatever is found after a crash, all that was written before it is there
//! too. `PeerStorage` builds on that.
//!
//! A lease read costs one [`Engine::snapshot`] and one get. Both come down to RocksDB's own calls
//! and one allocation that ties the snapshot to its database.

mod options;
mod usage;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rocksdb::{ColumnFamily, DB, ReadOptions, WriteOptions};
use tokio::sync::oneshot;

use super::{
    Care, Durability, Engine, EngineError, EngineSnapshot, EngineUsage, Family, MAX_KEY_BYTES,
    Visit, WriteBatch, WriteOp,
};
pub use options::{BlockCache, RocksOptions};

/// A handle to an open RocksDB; it closes with the last handle and the last snapshot.
#[derive(Clone)]
pub struct RocksEngine {
    opened: Arc<Opened>,
}

/// The open database and what messages about it need.
struct Opened {
    db: DB,
    path: PathBuf,
    is_in_memory: bool,
    /// Behind `db`, so that these are dropped when it is closed.
    on_close: Mutex<Vec<oneshot::Sender<()>>>,
}

/// A handle that does not keep the database open.
pub(crate) struct WeakRocksEngine(Weak<Opened>);

impl WeakRocksEngine {
    /// The database, if it is still open.
    pub(crate) fn upgrade(&self) -> Option<RocksEngine> {
        self.0.upgrade().map(|opened| RocksEngine { opened })
    }
}

/// The keys that a scan visits; an empty `to` has no bound.
struct Range<'a> {
    family: Family,
    from: &'a [u8],
    to: &'a [u8],
}

type Scanned = Result<(), EngineError>;

impl RocksEngine {
    /// Opens the database in the folder `path`, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`EngineError::InUse`] while another engine has it open, and whatever the disk does.
    pub fn open(path: impl AsRef<Path>, options: &RocksOptions) -> Result<Self, EngineError> {
        let path = path.as_ref();
        if !options.is_in_memory() {
            std::fs::create_dir_all(path).map_err(|error| EngineError::Io {
                path: path.to_path_buf(),
                place: "making the folder".to_owned(),
                detail: error.to_string(),
            })?;
        }
        // The binding makes the folder on the real disk, whatever the files live on. For files in
        // memory it is given one that is there.
        let existing = std::env::temp_dir();
        let folder = if options.is_in_memory() { existing.as_path() } else { path };
        let families = options.families();
        let db = DB::open_cf_descriptors(&options.database(), folder, families)
            .map_err(|error| explain(path, "opening it".to_owned(), error))?;
        let on_close = Mutex::default();
        let (path, is_in_memory) = (path.to_path_buf(), options.is_in_memory());
        Ok(RocksEngine { opened: Arc::new(Opened { db, path, is_in_memory, on_close }) })
    }

    /// Resolves, with an error that means no harm, when the last handle and snapshot are gone and
    /// the folder may be opened again.
    pub(crate) fn when_closed(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.opened.on_close.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// A handle that does not keep it open.
    pub(crate) fn downgrade(&self) -> WeakRocksEngine {
        WeakRocksEngine(Arc::downgrade(&self.opened))
    }

    /// The folder it was opened in.
    pub fn path(&self) -> &Path {
        &self.opened.path
    }
}

impl Opened {
    /// The column family; none for the users' data, which has RocksDB's default one, so that the
    /// hot path looks up no name.
    fn column(&self, family: Family) -> Option<&ColumnFamily> {
        match family {
            Family::Data => None,
            Family::Raft | Family::State => self.db.cf_handle(family.name()),
        }
    }

    fn get(
        &self,
        family: Family,
        key: &[u8],
        options: &ReadOptions,
    ) -> Result<Option<Vec<u8>>, EngineError> {
        let found = match self.column(family) {
            None => self.db.get_pinned_opt(key, options),
            Some(column) => self.db.get_pinned_cf_opt(column, key, options),
        };
        // One copy, out of the block that RocksDB has pinned.
        found
            .map(|value| value.map(|pinned| pinned.to_vec()))
            .map_err(|error| explain(&self.path, place("reading", family, key), error))
    }

    fn scan(&self, range: Range<'_>, mut options: ReadOptions, visit: &mut Visit<'_>) -> Scanned {
        let Range { family, from, to } = range;
        if !to.is_empty() {
            // RocksDB takes a bound below the start for a mistake; here it is an empty range.
            if to <= from {
                return Ok(());
            }
            options.set_iterate_upper_bound(to);
        }
        let mut cursor = match self.column(family) {
            None => self.db.raw_iterator_opt(options),
            Some(column) => self.db.raw_iterator_cf_opt(column, options),
        };
        cursor.seek(from);
        while let Some((key, value)) = cursor.item() {
            if !visit(key, value) {
                return Ok(());
            }
            cursor.next();
        }
        // An iterator that fails looks like one that is done; only its status tells.
        cursor
            .status()
            .map_err(|error| explain(&self.path, place("scanning from", family, from), error))
    }

    /// The batch in RocksDB's own form.
    fn encode(&self, batch: &WriteBatch) -> rocksdb::WriteBatch {
        let mut encoded = rocksdb::WriteBatch::default();
        for op in batch {
            match op {
                WriteOp::Put { family, key, value } => match self.column(*family) {
                    None => encoded.put(key, value),
                    Some(column) => encoded.put_cf(column, key, value),
                },
                WriteOp::Delete { family, key } => match self.column(*family) {
                    None => encoded.delete(key),
                    Some(column) => encoded.delete_cf(column, key),
                },
                WriteOp::DeleteRange { family, from, to } => {
                    let behind_all = [u8::MAX; MAX_KEY_BYTES + 1];
                    let to = if to.is_empty() { behind_all.as_slice() } else { to.as_slice() };
                    match self.column(*family) {
                        // RocksDB refuses a whole batch for a range that ends before it starts.
                        _ if to <= from.as_slice() => {}
                        None => encoded.delete_range(from.as_slice(), to),
                        Some(column) => encoded.delete_range_cf(column, from.as_slice(), to),
                    }
                }
            }
        }
        encoded
    }
}

impl Engine for RocksEngine {
    type Snapshot = RocksSnapshot;

    fn snapshot(&self) -> RocksSnapshot {
        RocksSnapshot(Held::new(self.opened.clone(), |opened| {
            let snapshot = opened.db.snapshot();
            let mut options = ReadOptions::default();
            options.set_snapshot(&snapshot);
            View { snapshot, options }
        }))
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.opened.get(family, key, &ReadOptions::default())
    }

    fn scan(&self, family: Family, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Scanned {
        self.opened.scan(Range { family, from, to }, ReadOptions::default(), visit)
    }

    fn measure<R>(&self, care: Care, read: impl FnOnce(&Self) -> R) -> (R, EngineUsage) {
        usage::measure(care, || read(self))
    }

    fn has_room(&self, bytes: u64) -> bool {
        if self.opened.is_in_memory {
            return true;
        }
        // A folder that cannot be asked will say so at the next write.
        rustix::fs::statvfs(&self.opened.path)
            .map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError> {
        batch.check_keys()?;
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        let opened = &self.opened;
        opened.db.write_opt(opened.encode(batch), &options).map_err(|error| {
            explain(&opened.path, format!("writing {} operations", batch.len()), error)
        })
    }
}

impl std::fmt::Debug for RocksEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocksEngine({})", self.opened.path.display())
    }
}

/// RocksDB at one moment. It keeps the database open.
pub struct RocksSnapshot(Held);

/// What borrows the database: the snapshot, and read options that name it, made once.
struct View<'a> {
    snapshot: rocksdb::Snapshot<'a>,
    options: ReadOptions,
}

self_cell::self_cell!(
    struct Held {
        owner: Arc<Opened>,

        #[covariant]
        dependent: View,
    }
);

impl EngineSnapshot for RocksSnapshot {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.0.borrow_owner().get(family, key, &self.0.borrow_dependent().options)
    }

    fn scan(&self, family: Family, from: &[u8], to: &[u8], visit: &mut Visit<'_>) -> Scanned {
        // The bounds of an iterator stay in its options, so the shared ones cannot serve it.
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.0.borrow_dependent().snapshot);
        self.0.borrow_owner().scan(Range { family, from, to }, options, visit)
    }

    fn measure<R>(&self, care: Care, read: impl FnOnce(&Self) -> R) -> (R, EngineUsage) {
        usage::measure(care, || read(self))
    }
}

impl std::fmt::Debug for RocksSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocksSnapshot({})", self.0.borrow_owner().path.display())
    }
}

/// What was being done, for messages.
fn place(doing: &str, family: Family, key: &[u8]) -> String {
    format!("{doing} key \"{}\" of the family {}", key.escape_ascii(), family.name())
}

/// RocksDB's error as one of ours.
fn explain(path: &Path, place: String, error: rocksdb::Error) -> EngineError {
    classify(path, place, error.into_string())
}

/// The kind of a RocksDB error is in its text alone: the part before the first colon is the class,
/// what follows tells the cases apart that the class does not.
fn classify(path: &Path, place: String, detail: String) -> EngineError {
    let path = path.to_path_buf();
    let class = detail.split(':').next().unwrap_or_default();
    let has = |part: &str| detail.contains(part);
    // Held by another process, by this one, by this one in memory.
    if has("While lock file") || has("lock hold by current") || has("lock is already held") {
        EngineError::InUse { path, detail }
    } else if has("No space left on device") {
        EngineError::DiskFull { path, detail }
    } else if matches!(class, "Not implemented" | "Invalid argument") || has("unknown checksum") {
        EngineError::OtherVersion { path, detail }
    } else if class == "Corruption" {
        EngineError::Corrupted { path, place, detail }
    } else {
        EngineError::Io { path, place, detail }
    }
}

#[cfg(test)]
mod tests;
