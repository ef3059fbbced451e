//! The disk of a simulated node: an engine that can lose its power.

use crate::engine::{
    Durability, Engine, EngineError, EngineSnapshot, Family, MemoryEngine, MemorySnapshot,
    RocksEngine, RocksOptions, RocksSnapshot, Visit, WriteBatch,
};

/// Which engine the nodes of a world store their data in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskKind {
    /// A map with versions. A crash loses what was not synced.
    #[default]
    Memory,
    /// The real engine, with its files in memory. A crash is that of the process alone: RocksDB's
    /// environment in memory keeps what was written to it, synced or not.
    Rocks,
}

/// The engine of one node.
#[derive(Clone, Debug)]
pub(super) enum Disk {
    Memory(MemoryEngine),
    Rocks(RocksEngine),
}

impl Disk {
    pub(super) fn new(kind: DiskKind) -> Result<Self, EngineError> {
        Ok(match kind {
            DiskKind::Memory => Disk::Memory(MemoryEngine::new()),
            DiskKind::Rocks => {
                Disk::Rocks(RocksEngine::open("simulated", &RocksOptions::in_memory()?)?)
            }
        })
    }

    /// How many writes a crash could lose now.
    pub(super) fn unsynced_writes(&self) -> usize {
        match self {
            Disk::Memory(engine) => engine.unsynced_writes(),
            Disk::Rocks(_) => 0,
        }
    }

    /// The power goes; `survivors` of the writes behind the last synced one were on the disk.
    pub(super) fn crash(&self, survivors: usize) {
        match self {
            Disk::Memory(engine) => engine.crash_keeping(survivors),
            Disk::Rocks(_) => {}
        }
    }
}

/// A snapshot of either engine.
#[derive(Debug)]
pub(super) enum DiskSnapshot {
    Memory(MemorySnapshot),
    Rocks(RocksSnapshot),
}

impl EngineSnapshot for DiskSnapshot {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match self {
            DiskSnapshot::Memory(snapshot) => snapshot.get(family, key),
            DiskSnapshot::Rocks(snapshot) => snapshot.get(family, key),
        }
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        match self {
            DiskSnapshot::Memory(snapshot) => snapshot.scan(family, from, to, visit),
            DiskSnapshot::Rocks(snapshot) => snapshot.scan(family, from, to, visit),
        }
    }
}

impl Engine for Disk {
    type Snapshot = DiskSnapshot;

    fn snapshot(&self) -> DiskSnapshot {
        match self {
            Disk::Memory(engine) => DiskSnapshot::Memory(engine.snapshot()),
            Disk::Rocks(engine) => DiskSnapshot::Rocks(engine.snapshot()),
        }
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match self {
            Disk::Memory(engine) => engine.get(family, key),
            Disk::Rocks(engine) => engine.get(family, key),
        }
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        match self {
            Disk::Memory(engine) => engine.scan(family, from, to, visit),
            Disk::Rocks(engine) => engine.scan(family, from, to, visit),
        }
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError> {
        match self {
            Disk::Memory(engine) => engine.write(batch, durability),
            Disk::Rocks(engine) => engine.write(batch, durability),
        }
    }
}
