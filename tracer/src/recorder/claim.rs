//! How an entry gets its cells, and how a trace stays alive while they are written.
//!
//! ```text
//! the thread has a lease of the trace (lease.rs)    -> its cells and counts, without an atomic operation
//! it has none, and is in the span that is meant     -> takes one
//! else: one addition to the state of the first block (block.rs), or a further block
//! ```

use super::address::SpanRef;
use super::block::{
    Cells, HEAD_CONTINUES, HEAD_DEPTH, HEAD_DROPPED, HEAD_ROOT, HEAD_TAIL, Refused,
};
use super::lease::{LEASED_CELLS, LEASED_LIVE};
use super::pool::{OnEnd, Pool};
use super::sync::Ordering;
use super::thread::Thread;

/// Where an entry may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The block of the trace's root, whose `live` was counted up.
    pub(super) root: u32,
    /// The block to write to, in its present generation, and the first of the cells.
    pub(super) at: SpanRef,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The trace is over.
    Over,
    /// The trace has as many blocks, or as many open spans, as it may have.
    TraceFull,
    /// No block is free.
    PoolEmpty,
}

/// What is to be claimed.
#[derive(Clone, Copy)]
struct Wanted {
    /// A span of the trace.
    within: SpanRef,
    /// The trace's root, as that span's block says.
    root: SpanRef,
    /// Cells: all of them for an entry, whatever is left for a lease.
    cells: usize,
    /// Counts of "live": one for an entry, more for a lease.
    live: u32,
}

impl Pool {
    /// Cells for an entry of the trace that `within` belongs to, which stays alive until
    /// [`release`](Self::release) of the place's root. With no cells, only that.
    #[inline]
    pub(super) fn claim(
        &self,
        within: SpanRef,
        cells: usize,
        thread: &Thread,
        on_end: &impl OnEnd,
    ) -> Result<Place, NoPlace> {
        let lease = &thread.lease;
        if lease.covers(self, within) {
            return self.claim_leased(lease.root(), cells, thread);
        }
        let block = self.find(within).ok_or(NoPlace::Over)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        // What a thread leases stays alive, so `within` still belonged to it just now.
        if lease.is_of(self, root) {
            return self.claim_leased(root, cells, thread);
        }
        if cells > 0 && self.may_lease(thread, within) {
            self.lease(within, thread, on_end)?;
            return self.claim_leased(root, cells, thread);
        }
        let wanted = Wanted { within, root, cells, live: 1 };
        let claimed = self.claim_shared(wanted, on_end)?;
        let further = match claimed {
            Cells::NONE if cells > 0 => self.claim_further(root, cells, cells, thread),
            claimed => Ok((root.block(), claimed)),
        };
        match further {
            Ok((block, claimed)) => {
                let at = self.block(block).address(block, claimed.first);
                Ok(Place { root: root.block(), at })
            }
            Err(why) => {
                self.block(root.block()).word(HEAD_DROPPED).fetch_add(1, Ordering::Relaxed);
                self.release_shared(root.block(), 1, Cells::NONE, on_end);
                Err(why)
            }
        }
    }

    /// Whether the thread has no lease, and is in that span.
    #[inline(always)]
    pub(super) fn may_lease(&self, thread: &Thread, span: SpanRef) -> bool {
        thread.lease.is_none() && thread.current(self.number) == Some(span)
    }

    /// Takes a lease of the trace of `span`, which lasts until the thread leaves that span.
    pub(super) fn lease(
        &self,
        span: SpanRef,
        thread: &Thread,
        on_end: &impl OnEnd,
    ) -> Result<(), NoPlace> {
        let block = self.find(span).ok_or(NoPlace::Over)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        let wanted = Wanted { within: span, root, cells: LEASED_CELLS, live: LEASED_LIVE };
        let cells = self.claim_shared(wanted, on_end)?;
        // If there are no cells left, the trace goes on in another block when some are needed.
        thread.lease.begin(self, root, cells, thread.depth());
        Ok(())
    }

    /// Counts live in the trace and claims cells of its first block: as many as are wanted, or those
    /// that are left.
    #[inline(always)]
    fn claim_shared(
        &self,
        Wanted { within, root, cells, live }: Wanted,
        on_end: &impl OnEnd,
    ) -> Result<Cells, NoPlace> {
        let live = u64::from(live);
        let needed = if live > 1 { 1 } else { cells };
        let block = self.block(within.block());
        let root_block = self.blocks().get(root.block() as usize).ok_or(NoPlace::Over)?;
        let claimed = match root_block.claim(root.generation(), needed, cells, live) {
            Ok(claimed) => claimed,
            Err(Refused::Over) => return Err(NoPlace::Over),
            Err(Refused::TooManyOpen) => return Err(NoPlace::TraceFull),
            Err(Refused::JustOver) => {
                self.release_shared(root.block(), live, Cells::NONE, on_end);
                return Err(NoPlace::Over);
            }
        };
        // The trace of `root` is alive from here on. But `within` may have ended before the root
        // was read, and then this is the root of another trace.
        if block.state().generation() != within.generation() {
            root_block.write_hole(claimed);
            self.release_shared(root.block(), live, Cells::NONE, on_end);
            return Err(NoPlace::Over);
        }
        Ok(claimed)
    }

    #[inline(always)]
    fn claim_leased(&self, root: SpanRef, cells: usize, thread: &Thread) -> Result<Place, NoPlace> {
        let lease = &thread.lease;
        if lease.is_used_up() {
            if !self.block(root.block()).hold(u64::from(LEASED_LIVE)) {
                return Err(NoPlace::TraceFull);
            }
            lease.add_live(LEASED_LIVE);
        }
        match lease.next(self, cells) {
            Some(at) => Ok(Place { root: root.block(), at }),
            None => self.extend_lease(root, cells, thread),
        }
    }

    #[cold]
    fn extend_lease(&self, root: SpanRef, cells: usize, thread: &Thread) -> Result<Place, NoPlace> {
        let root_block = self.block(root.block());
        // What is left of the old cells says already that it is empty.
        let wanted = cells + LEASED_CELLS;
        let further = match root_block.claim_more(cells, wanted) {
            Cells::NONE => self.claim_further(root, cells, wanted, thread),
            claimed => Ok((root.block(), claimed)),
        };
        match further {
            Ok((block, claimed)) => {
                let at = self.block(block).address(block, claimed.first);
                thread.lease.extend(self, at, claimed, cells);
                Ok(Place { root: root.block(), at })
            }
            Err(why) => {
                root_block.word(HEAD_DROPPED).fetch_add(1, Ordering::Relaxed);
                Err(why)
            }
        }
    }

    /// Cells beyond the root's block, in one that the trace continues in.
    #[cold]
    fn claim_further(
        &self,
        root: SpanRef,
        needed: usize,
        wanted: usize,
        thread: &Thread,
    ) -> Result<(u32, Cells), NoPlace> {
        let (root_block, list) = (self.block(root.block()), thread.number());
        loop {
            let tail = root_block.word(HEAD_TAIL).load(Ordering::Acquire);
            let tail_number = match u32::try_from(tail).unwrap_or(0) {
                0 => root.block(),
                number => number - 1,
            };
            let tail_block = self.block(tail_number);
            if tail != 0 {
                let cells = tail_block.claim_more(needed, wanted);
                if cells != Cells::NONE {
                    return Ok((tail_number, cells));
                }
            }
            let depth = tail_block.get(HEAD_DEPTH) + 1;
            if depth >= self.most_depth {
                return Err(NoPlace::TraceFull);
            }
            let number = self.take(list).ok_or(NoPlace::PoolEmpty)?;
            let block = self.block(number);
            block.open(0);
            block.set(HEAD_ROOT, root.0);
            block.set(HEAD_CONTINUES, 0);
            block.set(HEAD_DEPTH, depth);
            let new = u64::from(number + 1);
            let word = root_block.word(HEAD_TAIL);
            if word.compare_exchange(tail, new, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                tail_block.word(HEAD_CONTINUES).store(new, Ordering::Release);
            } else {
                // Another thread was first.
                block.close();
                self.give_back(number, list);
            }
        }
    }

    /// Takes one off that was live in the trace of block `root`; the last one ends the trace.
    #[inline(always)]
    pub(super) fn release(&self, root: u32, thread: &Thread, on_end: &impl OnEnd) {
        if thread.lease.is_of_block(self, root) {
            thread.lease.give_back();
        } else {
            self.release_shared(root, 1, Cells::NONE, on_end);
        }
    }

    #[inline(always)]
    fn release_shared(&self, root: u32, live: u64, unused: Cells, on_end: &impl OnEnd) {
        if let Some(state) = self.block(root).release(live, unused) {
            on_end.ended(root, state);
        }
    }

    /// Gives back what is left of the thread's lease.
    #[inline(never)]
    pub(super) fn end_lease(&self, thread: &Thread, on_end: &impl OnEnd) {
        let (root, live, unused) = thread.lease.end();
        self.release_shared(root.block(), u64::from(live), unused, on_end);
    }
}
