//! What reads of an engine cost besides their time: blocks that had to be fetched, deleted keys that
//! had to be passed.
//!
//! The time of a read says that the engine was slow, this says why: a read that fetched blocks waited
//! for its disk or for a cache that is too small, a scan over deleted keys for a compaction.

use std::time::Duration;

/// What some reads cost their engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineUsage {
    /// Blocks that were not in the cache.
    pub block_reads: u64,
    /// How many bytes those were.
    pub block_bytes: u64,
    /// How long reading, checking and unpacking them took; `None` if that was not measured.
    pub block_read: Option<Duration>,
    /// Deleted keys that had to be passed.
    pub tombstones: u64,
    /// Keys that a scan has found; `None` for a get.
    pub keys: Option<u64>,
}

impl EngineUsage {
    /// What was used since `earlier`, where both count from the same beginning.
    pub fn since(self, earlier: EngineUsage) -> EngineUsage {
        let then = earlier.block_read.unwrap_or_default();
        EngineUsage {
            block_reads: self.block_reads.saturating_sub(earlier.block_reads),
            block_bytes: self.block_bytes.saturating_sub(earlier.block_bytes),
            block_read: self.block_read.map(|now| now.saturating_sub(then)),
            tombstones: self.tombstones.saturating_sub(earlier.tombstones),
            keys: self.keys,
        }
    }
}

/// How closely the cost of a read is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Counts alone, which the engine keeps anyway.
    Counts,
    /// The time for blocks too, at the price of two readings of the clock for each key of a scan.
    Times,
}
