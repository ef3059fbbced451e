//! Finished traces that nobody has kept yet, but that others may still link to.
//!
//! A read-index round is over before the reads that waited on it, and a carrier before those that
//! were batched with it. Whether such a trace is worth keeping shows only when one of the others
//! ends. So a finished trace whose ids were asked for waits here until so many others have come
//! after it.

use super::address::SpanRef;
use super::block::{HEAD_PARKED, HEAD_ROOT};
use super::pool::Pool;
use super::sync::{AtomicU64, Ordering};

/// The finished traces that came last.
pub(super) struct Parked {
    /// The addresses of their roots; some were taken out since.
    ring: Box<[AtomicU64]>,
    next: AtomicU64,
}

impl Parked {
    pub(super) fn new(places: usize) -> Self {
        Parked {
            ring: (0..places.max(1)).map(|_| AtomicU64::new(0)).collect(),
            next: AtomicU64::new(0),
        }
    }

    /// Puts a finished trace in; the block of the one that has to leave for it.
    pub(super) fn put(&self, pool: &Pool, root: SpanRef) -> Option<u32> {
        pool.block(root.block()).word(HEAD_PARKED).store(root.0, Ordering::Release);
        let place = self.next.fetch_add(1, Ordering::Relaxed) as usize % self.ring.len();
        let old = self.ring[place].swap(root.0, Ordering::AcqRel);
        (old != 0 && take(pool, SpanRef(old))).then(|| SpanRef(old).block())
    }

    /// Takes the finished trace that `span` belongs to out; the block of its root.
    pub(super) fn take_trace_of(&self, pool: &Pool, span: SpanRef) -> Option<u32> {
        let block = pool.blocks().get(span.block() as usize)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        if root.block() == span.block() && root.generation() != span.generation() {
            return None;
        }
        if root.block() != span.block() && block.state().generation() != span.generation() {
            return None;
        }
        take(pool, root).then(|| root.block())
    }
}

/// Whether the trace waited, and is now the caller's alone.
fn take(pool: &Pool, root: SpanRef) -> bool {
    let Some(block) = pool.blocks().get(root.block() as usize) else { return false };
    let word = block.word(HEAD_PARKED);
    word.compare_exchange(root.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
