//! An engine in memory, for the simulator and for tests, that can crash like a machine.
//!
//! A key keeps its versions, each with the number of the write that made it; a snapshot is such a
//! number, so taking one copies nothing however much is written in between. Versions that nobody
//! can see any more go when the key is written again or when the snapshot that held them goes.
//!
//! What [`Durability::Synced`] has made safe is a number too, [`MemoryEngine::crash`] goes back to
//! it. As in a write-ahead log, a synced write takes every earlier one along.

mod versions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Durability, Engine, EngineError, EngineSnapshot, Family, Visit, WriteBatch};
use versions::{CHUNK, Versions};

/// A handle to an engine in memory; clones are the same engine.
#[derive(Clone, Default)]
pub struct MemoryEngine {
    versions: Arc<Mutex<Versions>>,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> Self {
        MemoryEngine::default()
    }

    /// The power goes: every write behind the last synced one is lost.
    ///
    /// Snapshots taken before belong to the process that died; they see what has survived.
    pub fn crash(&self) {
        self.crash_keeping(0);
    }

    /// The power goes, and the disk had already got `survivors` of the writes behind the last
    /// synced one, the oldest ones: a log never has a later write without the earlier.
    pub fn crash_keeping(&self, survivors: usize) {
        self.lock().crash(survivors);
    }

    /// How many writes a crash could lose now.
    pub fn unsynced_writes(&self) -> usize {
        self.lock().unsynced_writes()
    }

    fn lock(&self) -> MutexGuard<'_, Versions> {
        // A visitor may panic inside a scan; the versions are whole between operations.
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    type Snapshot = MemorySnapshot;

    fn snapshot(&self) -> MemorySnapshot {
        let number = self.lock().hold();
        MemorySnapshot { engine: self.clone(), number }
    }

    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        let versions = self.lock();
        Ok(versions.get(family, key, versions.latest()).map(<[u8]>::to_vec))
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        // Through a snapshot, so that the visitor may write to the engine it scans.
        self.snapshot().scan(family, from, to, visit)
    }

    fn write(&self, batch: &WriteBatch, durability: Durability) -> Result<(), EngineError> {
        batch.check_keys()?;
        self.lock().write(batch, durability);
        Ok(())
    }
}

impl std::fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryEngine({} writes)", self.lock().latest())
    }
}

/// The engine in memory at one moment.
pub struct MemorySnapshot {
    engine: MemoryEngine,
    /// The last write it sees.
    number: u64,
}

impl EngineSnapshot for MemorySnapshot {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.engine.lock().get(family, key, self.number).map(<[u8]>::to_vec))
    }

    fn scan(
        &self,
        family: Family,
        from: &[u8],
        to: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), EngineError> {
        let mut from = from.to_vec();
        loop {
            let chunk = self.engine.lock().chunk(family, &from, to, self.number);
            for (key, value) in &chunk {
                if !visit(key, value) {
                    return Ok(());
                }
            }
            match chunk.last() {
                Some((last, _)) if chunk.len() == CHUNK => {
                    // The next key there can be is the last one with a zero behind it.
                    from.clone_from(last);
                    from.push(0);
                }
                _ => return Ok(()),
            }
        }
    }
}

impl Drop for MemorySnapshot {
    fn drop(&mut self) {
        self.engine.lock().release(self.number);
    }
}

impl std::fmt::Debug for MemorySnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemorySnapshot({} writes)", self.number)
    }
}

#[cfg(test)]
mod tests;
