//! How an entry gets its cells, and how a trace stays alive while they are written.
//!
//! Each claim is one atomic addition, and each release another. Within a span that is entered, a
//! thread does many of both, one after the other; so it then takes a **lease**: some cells more than
//! it needs, and some counts of "live" in advance, which its next claims come out of and its releases
//! go back to without any atomic operation. The lease ends when the thread leaves the span in which
//! it was taken: what is left goes back. So a thread that waits outside of any span holds nothing.

use std::cell::Cell;

use super::address::SpanRef;
use super::block::{
    Cells, HEAD_CONTINUES, HEAD_DEPTH, HEAD_DROPPED, HEAD_ROOT, HEAD_TAIL, Refused,
};
use super::pool::{OnEnd, Pool};
use super::sync::Ordering;
use super::thread::Thread;

/// How many cells a lease has at first, beyond what is needed: for six spans with a few fields.
#[cfg(not(loom))]
const LEASED_CELLS: usize = 12;
#[cfg(loom)]
const LEASED_CELLS: usize = 1;
/// How many counts of "live" a lease takes at once.
#[cfg(not(loom))]
const LEASED_LIVE: u64 = 16;
#[cfg(loom)]
const LEASED_LIVE: u64 = 2;

/// Where an entry may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The block of the trace's root, whose `live` was counted up.
    pub(super) root: u32,
    /// The block to write to, in its present generation, and the first of the cells.
    pub(super) at: SpanRef,
    /// Whether it came out of the thread's lease.
    pub(super) is_leased: bool,
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

/// What a claim asks for.
#[derive(Clone, Copy)]
struct Wanted {
    /// A span of the trace.
    within: SpanRef,
    /// The trace's root, as that span's block says.
    root: SpanRef,
    cells: usize,
}

/// What a thread has taken of one trace in advance.
pub(super) struct Lease {
    /// The pool, by its number, and the trace's root; zero for none.
    pool: Cell<u32>,
    root: Cell<u64>,
    /// The block with the cells, in its present generation; its cell is zero.
    block: Cell<SpanRef>,
    /// The span that was last begun in this lease: most often the parent of the next one.
    last: Cell<SpanRef>,
    /// The cells that are left.
    next: Cell<usize>,
    end: Cell<usize>,
    /// The counts that are left.
    live: Cell<u64>,
    /// How deep in spans the thread was.
    depth: Cell<usize>,
}

impl Lease {
    pub(super) const fn none() -> Self {
        Lease {
            pool: Cell::new(0),
            root: Cell::new(0),
            block: Cell::new(SpanRef::NOTHING),
            last: Cell::new(SpanRef::NOTHING),
            next: Cell::new(0),
            end: Cell::new(0),
            live: Cell::new(0),
            depth: Cell::new(0),
        }
    }

    #[inline(always)]
    fn is_of(&self, pool: &Pool, root: u64) -> bool {
        self.root.get() == root && self.pool.get() == pool.number
    }

    /// Whether the thread has left the span in which the lease was taken.
    #[inline(always)]
    pub(super) fn is_over(&self, pool: &Pool, depth: usize) -> bool {
        self.root.get() != 0 && depth < self.depth.get() && self.pool.get() == pool.number
    }

    /// Goes on with these cells, of which the first `used` are the claim's own.
    fn set_cells(&self, pool: &Pool, block: SpanRef, cells: Cells, used: usize) {
        self.block.set(block);
        self.next.set(cells.first + used);
        self.end.set(cells.first + cells.count);
        self.write_hole(pool);
    }

    /// Says that nothing is in the cells that are left.
    #[inline(always)]
    fn write_hole(&self, pool: &Pool) {
        let (block, unused) = (self.block.get(), self.unused());
        pool.block(block.block()).write_hole_of(block.generation(), unused);
    }

    /// The span that was last begun in this lease, if there is one.
    #[cfg(loom)]
    pub(super) fn last(&self) -> Option<SpanRef> {
        Some(self.last.get()).filter(|last| *last != SpanRef::NOTHING && self.root.get() != 0)
    }

    /// Remembers a span that was begun in this lease.
    #[inline(always)]
    pub(super) fn began(&self, span: SpanRef) {
        self.last.set(span);
    }

    fn unused(&self) -> Cells {
        Cells { first: self.next.get(), count: self.end.get() - self.next.get() }
    }
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
        if lease.last.get() == within && lease.live.get() > 0 && self.has_leased(lease) {
            // A count of our own keeps that trace alive, and so the address true.
            return self.claim_leased(SpanRef(lease.root.get()), cells, thread);
        }
        let block = self.find(within).ok_or(NoPlace::Over)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        // What a thread leases stays alive, so `within` still belonged to it just now.
        if lease.is_of(self, root.0) {
            return self.claim_leased(root, cells, thread);
        }
        self.claim_shared(Wanted { within, root, cells }, thread, on_end)
    }

    #[inline(always)]
    fn claim_leased(&self, root: SpanRef, cells: usize, thread: &Thread) -> Result<Place, NoPlace> {
        let lease = &thread.lease;
        match lease.live.get() {
            0 if !self.block(root.block()).hold(LEASED_LIVE) => return Err(NoPlace::TraceFull),
            0 => lease.live.set(LEASED_LIVE - 1),
            left => lease.live.set(left - 1),
        }
        let cell = lease.next.get();
        if cell + cells > lease.end.get() {
            return self.extend_lease(root, cells, thread);
        }
        lease.next.set(cell + cells);
        lease.write_hole(self);
        Ok(Place { root: root.block(), at: lease.block.get().with_cell(cell), is_leased: true })
    }

    #[cold]
    fn extend_lease(&self, root: SpanRef, cells: usize, thread: &Thread) -> Result<Place, NoPlace> {
        let lease = &thread.lease;
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
                lease.set_cells(self, at.with_cell(0), claimed, cells);
                Ok(Place { root: root.block(), at, is_leased: true })
            }
            Err(why) => {
                root_block.word(HEAD_DROPPED).fetch_add(1, Ordering::Relaxed);
                lease.live.set(lease.live.get() + 1);
                Err(why)
            }
        }
    }

    #[inline(always)]
    fn claim_shared(
        &self,
        Wanted { within, root, cells }: Wanted,
        thread: &Thread,
        on_end: &impl OnEnd,
    ) -> Result<Place, NoPlace> {
        let block = self.block(within.block());
        let root_block = self.blocks().get(root.block() as usize).ok_or(NoPlace::Over)?;
        let leases = cells > 0
            && thread.lease.root.get() == 0
            && thread.current(self.number) == Some(within);
        let (wanted, live) =
            if leases { (cells + LEASED_CELLS, 1 + LEASED_LIVE) } else { (cells, 1) };
        let claimed = match root_block.claim(root.generation(), cells, wanted, live) {
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
        let further = match claimed {
            Cells::NONE if cells > 0 => self.claim_further(root, cells, wanted, thread),
            claimed => Ok((root.block(), claimed)),
        };
        match further {
            Ok((block, claimed)) => {
                let at = self.block(block).address(block, claimed.first);
                if leases {
                    let lease = &thread.lease;
                    lease.pool.set(self.number);
                    lease.root.set(root.0);
                    lease.live.set(LEASED_LIVE);
                    lease.depth.set(thread.depth());
                    lease.last.set(SpanRef::NOTHING);
                    lease.set_cells(self, at.with_cell(0), claimed, cells);
                }
                Ok(Place { root: root.block(), at, is_leased: leases })
            }
            Err(why) => {
                root_block.word(HEAD_DROPPED).fetch_add(1, Ordering::Relaxed);
                self.release_shared(root.block(), live, Cells::NONE, on_end);
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
        let lease = &thread.lease;
        if SpanRef(lease.root.get()).block() == root && self.has_leased(lease) {
            lease.live.set(lease.live.get() + 1);
            return;
        }
        self.release_shared(root, 1, Cells::NONE, on_end);
    }

    #[inline(always)]
    fn has_leased(&self, lease: &Lease) -> bool {
        lease.root.get() != 0 && lease.pool.get() == self.number
    }

    #[inline(always)]
    fn release_shared(&self, root: u32, live: u64, unused: Cells, on_end: &impl OnEnd) {
        if let Some(state) = self.block(root).release(live, unused) {
            on_end.ended(root, state);
        }
    }

    /// Gives back what is left of the thread's lease.
    pub(super) fn end_lease(&self, thread: &Thread, on_end: &impl OnEnd) {
        let lease = &thread.lease;
        let root = SpanRef(lease.root.replace(0)).block();
        // In a block that the trace continues in, the cells stay empty, as they say.
        let unused = if lease.block.get().block() == root { lease.unused() } else { Cells::NONE };
        self.release_shared(root, lease.live.get(), unused, on_end);
    }
}
