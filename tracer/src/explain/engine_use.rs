//! What a read made its engine do, and the part of the verdict that looks at it: a read that was
//! answered at once may still be slow, because the engine fetched blocks or passed deleted keys.

use crate::duration::write_duration;
use crate::explain::attribution::Attribution;
use crate::explain::causes::Cause;
use crate::explain::wait_states::WaitState;
use crate::view::{Key, SpanView};

/// What a get or a scan made its engine do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineUse {
    /// How long it read the engine, in nanoseconds.
    pub took_ns: u64,
    /// Whether the raft thread read it, and not the caller's.
    pub on_raft_thread: bool,
    /// Blocks that were in no cache.
    pub block_reads: u64,
    /// How long fetching them took, in nanoseconds; none if that was not measured.
    pub block_read_ns: Option<u64>,
    /// Deleted keys that it passed.
    pub tombstones: u64,
    /// Keys that a scan found; none for a get.
    pub keys: Option<u64>,
}

impl EngineUse {
    /// As the span of a read says; none if it read no engine.
    pub(super) fn of<'a>(root: impl SpanView<'a>) -> Option<EngineUse> {
        let count = |key| root.number(key).and_then(|it| u64::try_from(it).ok());
        Some(EngineUse {
            took_ns: root.nanoseconds(Key::Engine)?,
            on_raft_thread: root.text(Key::EngineThread).is_some_and(|it| **it == *"raft"),
            block_reads: count(Key::BlockReads).unwrap_or(0),
            block_read_ns: root.nanoseconds(Key::BlockReadTime),
            tombstones: count(Key::Tombstones).unwrap_or(0),
            keys: count(Key::Keys),
        })
    }

    /// How long the thread read it; zero for the other thread.
    pub(super) fn on_thread_ns(self, raft: bool) -> u64 {
        if self.on_raft_thread == raft { self.took_ns } else { 0 }
    }

    /// What it did, as evidence.
    pub(super) fn told(self) -> Vec<String> {
        let mut told = Vec::new();
        if self.block_reads > 0 {
            let blocks = counted(self.block_reads, "block");
            let during =
                self.block_read_ns.map(|ns| format!(", which took {}", write_duration(ns)));
            told.push(format!("the engine fetched {blocks}{}", during.unwrap_or_default()));
        }
        if let Some(keys) = self.keys {
            let (found, passed) = (counted(keys, "key"), counted(self.tombstones, "deleted key"));
            told.push(format!("its scan found {found} and passed {passed}"));
        }
        told
    }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// To have a block costs a scan as much as so many keys, even from the system's memory: 7 µs against
/// 0.3 µs where this was measured. Most of it goes into the cache and is not in the time for blocks.
const KEYS_A_BLOCK: u64 = 24;

/// Why reading the engine took long. Blocks were why if most of the time is known to have gone there, or
/// if the keys that they brought cannot have cost as much.
pub(super) fn of_engine(read: &Attribution) -> (Cause, String) {
    let store = read.facts.store.map_or_else(String::new, |store| format!(" of store {store}"));
    let Some(used) = read.facts.engine else {
        return (Cause::Engine, format!("the engine{store} was slow"));
    };
    let half = read.in_state_ns(WaitState::EngineRead) / 2;
    let met = used.keys.unwrap_or(0).saturating_add(used.tombstones);
    let by_blocks = used.block_read_ns.is_some_and(|ns| ns >= half)
        || used.block_reads.saturating_mul(KEYS_A_BLOCK) >= met;
    if used.block_reads > 0 && by_blocks {
        let blocks = counted(used.block_reads, "block");
        let words = format!("the engine{store} fetched {blocks} that its cache did not have");
        return (Cause::EngineBlocks, words);
    }
    let found = used.keys.unwrap_or(0);
    if used.tombstones > found {
        let (passed, found) = (counted(used.tombstones, "deleted key"), counted(found, "key"));
        let words = format!("its scan passed {passed} in the engine{store} to find {found}");
        return (Cause::EngineTombstones, words);
    }
    let words = match used.keys {
        Some(keys) if keys > 0 => format!("its scan found {}", counted(keys, "key")),
        _ => format!("the engine{store} was slow, without blocks to fetch or deleted keys to pass"),
    };
    (Cause::Engine, words)
}
