//! The disk of a simulated node: an engine that can lose its power, and its room.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{
    Durability, Engine, EngineError, EngineSnapshot, Family, MemoryEngine, MemorySnapshot,
    RocksEngine, RocksOptions, RocksSnapshot, Visit, WriteBatch,
};
use crate::sim::clock::TrueTime;

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

/// How much room a disk has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Room {
    /// Enough for everything.
    #[default]
    Enough,
    /// Less than any reserve, but what is written fits.
    Low,
    /// None: writes fail.
    None,
}

/// The disk of one node; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    engine: AnyEngine,
    room: Arc<Mutex<Room>>,
    time: TrueTime,
    /// How long a snapshot takes whoever asks for one now, in nanoseconds.
    snapshot_ns: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
enum AnyEngine {
    Memory(MemoryEngine),
    Rocks(RocksEngine),
}

impl Disk {
    pub(super) fn new(kind: DiskKind, time: TrueTime) -> Result<Self, EngineError> {
        let engine = match kind {
            DiskKind::Memory => AnyEngine::Memory(MemoryEngine::new()),
            DiskKind::Rocks => {
                AnyEngine::Rocks(RocksEngine::open("simulated", &RocksOptions::in_memory()?)?)
            }
        };
        Ok(Disk { engine, room: Arc::default(), time, snapshot_ns: Arc::default() })
    }

    /// From now on a snapshot takes whoever asks for it so long.
    pub(super) fn set_snapshot_ns(&self, span_ns: u64) {
        self.snapshot_ns.store(span_ns, Ordering::Relaxed);
    }

    /// How many writes a crash could lose now.
    pub(super) fn unsynced_writes(&self) -> usize {
        match &self.engine {
            AnyEngine::Memory(engine) => engine.unsynced_writes(),
            AnyEngine::Rocks(_) => 0,
        }
    }

    /// The power goes; `survivors` of the writes behind the last synced one were on the disk.
    pub(super) fn crash(&self, survivors: usize) {
        match &self.engine {
            AnyEngine::Memory(engine) => engine.crash_keeping(survivors),
            AnyEngine::Rocks(_) => {}
        }
    }

    pub(super) fn set_room(&self, room: Room) {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = room;
    }

    fn room(&self) -> Room {
        *self.room.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.time.hold_up(self.snapshot_ns.load(Ordering::Relaxed));
        match &self.engine {
            AnyEngine::Memory(engine) => DiskSnapshot::Memory(engine.snapshot()),
            AnyEngine::Rocks(engine) => DiskSnapshot::Rocks(engine.snapshot()),
        }
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match &self.engine {
            AnyEngine::Memory(engine) => engine.get(family, key),
            AnyEngine::Rocks(engine) => engine.get(family, key),
        }
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        match &self.engine {
            AnyEngine::Memory(engine) => engine.scan(family, from, to, visit),
            AnyEngine::Rocks(engine) => engine.scan(family, from, to, visit),
        }
    }

    fn has_room(&self, _bytes: u64) -> bool {
        self.room() == Room::Enough
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError> {
        if self.room() == Room::None {
            let detail = "simulated: no space left on the device".to_owned();
            return Err(EngineError::DiskFull { path: "simulated".into(), detail });
        }
        match &self.engine {
            AnyEngine::Memory(engine) => engine.write(batch, durability),
            AnyEngine::Rocks(engine) => engine.write(batch, durability),
        }
    }
}
