//! The engine under a store: three families of ordered keys, atomic batches and snapshots.
//!
//! Everything above asks for no more than [`Engine`]: the driver runs on [`RocksEngine`], the
//! simulator and most tests on [`MemoryEngine`]. A read ends here: once the read path has proved
//! that it may, it takes [`Engine::snapshot`] and gets its key from that.
//!
//! Not here: which key means what; only `keys` knows.

mod batch;
mod error;
pub(crate) mod keys;
mod memory;
mod rocks;
mod usage;

#[cfg(test)]
mod conformance;

pub use batch::{WriteBatch, WriteOp};
pub use error::EngineError;
pub use memory::{MemoryEngine, MemorySnapshot};
pub use rocks::{BlockCache, RocksEngine, RocksOptions, RocksSnapshot};
pub use usage::{Care, EngineUsage};

/// The longest key an engine takes, in bytes.
///
/// A bound is what makes "up to the end of the family" a key of its own, see [`WriteBatch`].
pub const MAX_KEY_BYTES: usize = 4096;

/// What a key belongs to. Families have separate key spaces, but a batch spans all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// Raft logs and hard states: written in order, read back seldom.
    Raft,
    /// The store's identity, the regions and how far each has applied.
    State,
    /// What users have written.
    Data,
}

impl Family {
    /// All of them, from the log to what it leads to.
    pub const ALL: [Family; 3] = [Family::Raft, Family::State, Family::Data];

    /// The family's name, as messages and RocksDB's column families have it.
    pub fn name(self) -> &'static str {
        match self {
            Family::Raft => "raft",
            Family::State => "state",
            Family::Data => "data",
        }
    }

    /// Its place in [`Family::ALL`].
    pub(crate) fn index(self) -> usize {
        match self {
            Family::Raft => 0,
            Family::State => 1,
            Family::Data => 2,
        }
    }
}

/// Whether a write has to outlive the machine losing its power before it is reported as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// On the disk when the call returns, together with every write before it. A vote or an
    /// entry may be acknowledged only behind such a write.
    Synced,
    /// Outlives the process, not the machine. Enough for what the raft log can bring back.
    Unsynced,
}

/// Called with each key and value of a scan, in order; `false` ends the scan.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> bool + 'a;

/// The engine as it was at one moment, whatever is written afterwards.
pub trait EngineSnapshot: Send + Sync + 'static {
    /// The value of `key`, if it has one.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Visits the keys in `[from, to)` in ascending order; an empty `to` has no bound.
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError>;

    /// Runs `read` on this thread, and says what its reads of the engine cost; nothing for an engine
    /// that keeps no count.
    fn measure<R>(&self, _care: Care, read: impl FnOnce(&Self) -> R) -> (R, EngineUsage)
    where
        Self: Sized,
    {
        (read(self), EngineUsage::default())
    }
}

/// An ordered key-value store with atomic batches; clones are handles to the same one.
pub trait Engine: Clone + Send + Sync + 'static {
    /// What [`Engine::snapshot`] takes.
    type Snapshot: EngineSnapshot;

    /// The engine as it is now. It holds every write that has returned, and may outlive the
    /// handle it was taken from.
    fn snapshot(&self) -> Self::Snapshot;

    /// The value of `key` now, if it has one.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;

    /// Visits the keys in `[from, to)` as they are now, in ascending order; an empty `to` has no
    /// bound. Writes during the scan are not seen by it.
    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError>;

    /// As [`EngineSnapshot::measure`].
    fn measure<R>(&self, _care: Care, read: impl FnOnce(&Self) -> R) -> (R, EngineUsage) {
        (read(self), EngineUsage::default())
    }

    /// Whether the disk has so much room left; true if there is none that could fill up.
    fn has_room(&self, _bytes: u64) -> bool {
        true
    }

    /// Applies the whole batch in its order, or nothing of it.
    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError>;
}
