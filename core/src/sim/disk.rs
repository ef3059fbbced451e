//! The disk of a simulated node: an engine that can lose its power, and its room.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{
    Care, Durability, Engine, EngineError, EngineSnapshot, EngineUsage, Family, MemoryEngine,
    MemorySnapshot, RocksEngine, RocksOptions, RocksSnapshot, Visit, WriteBatch,
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

/// What a disk makes of the reads of the thread that acts now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hardship {
    /// How long a snapshot takes, in nanoseconds.
    pub(super) snapshot_ns: u64,
    /// How many blocks each get and each scan has to fetch.
    pub(super) blocks: u64,
    /// How long a block takes, in nanoseconds.
    pub(super) block_ns: u64,
    /// How many deleted keys a scan passes.
    pub(super) tombstones: u64,
    /// How long it takes to pass one, in nanoseconds.
    pub(super) tombstone_ns: u64,
}

/// What is hard now, and what it has cost so far.
#[derive(Debug, Default)]
struct Hard {
    now: Hardship,
    used: EngineUsage,
}

/// The disk of one node; clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    engine: AnyEngine,
    room: Arc<Mutex<Room>>,
    reader: Reader,
}

/// What disk and snapshots share: the time that reads take.
#[derive(Clone, Debug)]
struct Reader {
    time: TrueTime,
    hard: Arc<Mutex<Hard>>,
}

impl Reader {
    fn hard(&self) -> std::sync::MutexGuard<'_, Hard> {
        self.hard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody reads users' data, and waits for blocks and, in a scan, for deleted keys.
    fn reads(&self, family: Family, is_scan: bool) {
        if family != Family::Data {
            return;
        }
        let mut hard = self.hard();
        let Hardship { blocks, block_ns, tombstones, tombstone_ns, .. } = hard.now;
        let tombstones = if is_scan { tombstones } else { 0 };
        let fetching_ns = blocks.saturating_mul(block_ns);
        self.time.hold_up(fetching_ns.saturating_add(tombstones.saturating_mul(tombstone_ns)));
        hard.used.block_reads += blocks;
        hard.used.tombstones += tombstones;
        let fetching = hard.used.block_read.unwrap_or_default();
        hard.used.block_read = Some(fetching + Duration::from_nanos(fetching_ns));
    }
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
        Ok(Disk { engine, room: Arc::default(), reader: Reader { time, hard: Arc::default() } })
    }

    /// From now on reads are as hard as this.
    pub(super) fn set_hardship(&self, hardship: Hardship) {
        self.reader.hard().now = hardship;
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

/// A snapshot of a disk.
#[derive(Debug)]
pub(super) struct DiskSnapshot {
    snapshot: AnySnapshot,
    reader: Reader,
}

/// A snapshot of either engine.
#[derive(Debug)]
enum AnySnapshot {
    Memory(MemorySnapshot),
    Rocks(RocksSnapshot),
}

impl EngineSnapshot for DiskSnapshot {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.reader.reads(family, false);
        match &self.snapshot {
            AnySnapshot::Memory(snapshot) => snapshot.get(family, key),
            AnySnapshot::Rocks(snapshot) => snapshot.get(family, key),
        }
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        self.reader.reads(family, true);
        match &self.snapshot {
            AnySnapshot::Memory(snapshot) => snapshot.scan(family, from, to, visit),
            AnySnapshot::Rocks(snapshot) => snapshot.scan(family, from, to, visit),
        }
    }

    fn measure<R>(&self, care: Care, read: impl FnOnce(&Self) -> R) -> (R, EngineUsage) {
        let before = self.reader.hard().used;
        let found = read(self);
        let mut used = self.reader.hard().used.since(before);
        used.block_read = used.block_read.filter(|_| care == Care::Times);
        (found, used)
    }
}

impl Engine for Disk {
    type Snapshot = DiskSnapshot;

    fn snapshot(&self) -> DiskSnapshot {
        self.reader.time.hold_up(self.reader.hard().now.snapshot_ns);
        let snapshot = match &self.engine {
            AnyEngine::Memory(engine) => AnySnapshot::Memory(engine.snapshot()),
            AnyEngine::Rocks(engine) => AnySnapshot::Rocks(engine.snapshot()),
        };
        DiskSnapshot { snapshot, reader: self.reader.clone() }
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
