//! RocksDB's perf context: what the reads of the calling thread have cost it.

use std::time::Duration;

use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};

use super::super::{Care, EngineUsage};

/// Counts, and times but those of mutexes. RocksDB has put a level in between (waits of writers) that
/// the binding's names do not know of: by its number, 4, this one is the one without processor time.
const TIMES: PerfStatsLevel = PerfStatsLevel::EnableTimeAndCPUTimeExceptForMutex;

/// What it takes to have a block: reading, checking and unpacking it. What the cache makes of it is not
/// measured by RocksDB.
const FETCHING: [PerfMetric; 3] =
    [PerfMetric::BlockReadTime, PerfMetric::BlockChecksumTime, PerfMetric::BlockDecompressTime];

thread_local! {
    /// A handle to the thread's counters, which begin with the thread.
    static CONTEXT: PerfContext = PerfContext::default();
}

/// Runs `read` on this thread and says what it cost. Two sets of three counters are read for that.
pub(super) fn measure<R>(care: Care, read: impl FnOnce() -> R) -> (R, EngineUsage) {
    let before = used(care);
    if care == Care::Times {
        set_perf_stats(TIMES);
    }
    let found = read();
    if care == Care::Times {
        // What a thread begins with.
        set_perf_stats(PerfStatsLevel::EnableCount);
    }
    (found, used(care).since(before))
}

/// What this thread has used since it began.
fn used(care: Care) -> EngineUsage {
    let used = CONTEXT.try_with(|context| EngineUsage {
        block_reads: context.metric(PerfMetric::BlockReadCount),
        block_bytes: context.metric(PerfMetric::BlockReadByte),
        block_read: (care == Care::Times)
            .then(|| FETCHING.into_iter().map(|time| context.metric(time)).sum())
            .map(Duration::from_nanos),
        tombstones: context.metric(PerfMetric::InternalDeleteSkippedCount),
        keys: None,
    });
    // A thread that is ending has no counters any more.
    used.unwrap_or_default()
}
