//! What a thread has taken of a trace in advance, so that it need not ask for every span.
//!
//! A claim of cells is one atomic addition, and each release another. Within a span that it is in, a
//! thread does many of both, one after the other; so it then takes a **lease**: some cells more than
//! it needs, and some counts of "live" in advance, which its next claims come out of and its releases
//! go back to without any atomic operation. The lease ends when the thread leaves the span in which
//! it was taken: what is left goes back. So a thread that waits outside of any span holds nothing.
//!
//! `claim.rs` takes leases and ends them.

use std::cell::Cell;

use super::address::SpanRef;
use super::block::{Block, CELL_WORDS, Cells};
use super::pool::Pool;
use super::sync::AtomicU64;

/// How many cells a lease has at first, and how many it gets when those are used up: for twelve spans
/// with a few small fields.
#[cfg(not(loom))]
pub(super) const LEASED_CELLS: usize = 12;
#[cfg(loom)]
pub(super) const LEASED_CELLS: usize = 1;
/// How many counts of "live" a lease takes at once.
#[cfg(not(loom))]
pub(super) const LEASED_LIVE: u32 = 16;
#[cfg(loom)]
pub(super) const LEASED_LIVE: u32 = 2;

/// The pool of a thread that has no lease.
const NO_POOL: u32 = u32::MAX;

/// What a thread has taken of one trace in advance. It fits into a cache line with what else is
/// looked at for each span.
pub(super) struct Lease {
    /// The pool by its number, or [`NO_POOL`]: then nothing else counts.
    pool: Cell<u32>,
    /// How deep in spans the thread was.
    depth: Cell<u32>,
    /// The trace's root.
    root: Cell<SpanRef>,
    /// The block with the cells, in its present generation; its cell is zero.
    block: Cell<SpanRef>,
    /// The cells that are left.
    next: Cell<u32>,
    end: Cell<u32>,
    /// The counts that are left, at least one: it keeps the trace alive, and its addresses true.
    live: Cell<u32>,
}

/// Where a thread may write an entry without asking anybody: the cells that its lease has left.
#[derive(Clone, Copy)]
pub(super) struct Room<'a> {
    pub(super) block: &'a Block,
    /// The block's address, in its present generation; its cell is zero.
    address: SpanRef,
    first: usize,
    end: usize,
}

impl<'a> Room<'a> {
    /// The words of the cells, but for the first `fixed` ones.
    #[inline(always)]
    pub(super) fn words_after(&self, fixed: usize) -> &'a [AtomicU64] {
        self.block.words(self.first * CELL_WORDS + fixed, self.end)
    }
}

impl Lease {
    pub(super) const fn none() -> Self {
        Lease {
            pool: Cell::new(NO_POOL),
            depth: Cell::new(0),
            root: Cell::new(SpanRef::NOTHING),
            block: Cell::new(SpanRef::NOTHING),
            next: Cell::new(0),
            end: Cell::new(0),
            live: Cell::new(0),
        }
    }

    /// Whether there is none.
    #[inline(always)]
    pub(super) fn is_none(&self) -> bool {
        self.pool.get() == NO_POOL
    }

    #[inline(always)]
    fn is_in(&self, pool: &Pool) -> bool {
        self.pool.get() == pool.number
    }

    /// The root of the trace, if there is a lease.
    #[inline(always)]
    pub(super) fn root(&self) -> SpanRef {
        self.root.get()
    }

    /// Whether it is a lease of the trace that begins at `root`.
    #[inline(always)]
    pub(super) fn is_of(&self, pool: &Pool, root: SpanRef) -> bool {
        self.is_in(pool) && self.root.get() == root
    }

    /// Whether it is a lease of the trace of `span`, as can be told without looking further: long
    /// traces have other blocks, too.
    #[inline(always)]
    pub(super) fn covers(&self, pool: &Pool, span: SpanRef) -> bool {
        self.is_in(pool) && self.root.get().shares_block_with(span)
    }

    /// Whether the thread has left the span in which the lease was taken.
    #[inline(always)]
    pub(super) fn is_over(&self, pool: &Pool, depth: usize) -> bool {
        self.is_in(pool) && depth < self.depth.get() as usize
    }

    /// The first cell of a span that is open, if the lease is known at once to be of its trace.
    #[inline(always)]
    pub(super) fn entry<'a>(
        &self,
        pool: &'a Pool,
        span: SpanRef,
    ) -> Option<&'a [AtomicU64; CELL_WORDS]> {
        if !self.covers(pool, span) {
            return None;
        }
        let block = pool.blocks().get(span.block() as usize)?;
        Some(block.cell(span.cell()))
    }

    /// Takes the count of an entry of the lease's trace back.
    #[inline(always)]
    pub(super) fn give_back(&self) {
        self.live.set(self.live.get() + 1);
    }

    /// Whether the counts of the trace in block `root` go back to this lease.
    #[inline(always)]
    pub(super) fn is_of_block(&self, pool: &Pool, root: u32) -> bool {
        self.is_in(pool) && self.root.get().block() == root
    }

    /// The cells that are left for an entry that stays alive within `span`, if it is a span of this
    /// lease's trace: at least one, which an entry without fields fits into.
    #[inline(always)]
    pub(super) fn room<'a>(&self, pool: &'a Pool, span: SpanRef) -> Option<Room<'a>> {
        if !self.covers(pool, span) || self.live.get() <= 1 {
            return None;
        }
        let (first, end) = (self.next.get() as usize, self.end.get() as usize);
        if first >= end {
            return None;
        }
        let address = self.block.get();
        let block = pool.blocks().get(address.block() as usize)?;
        Some(Room { block, address, first, end })
    }

    /// Takes the first `cells` of `room`, which has as many, for an entry that is counted live.
    #[inline(always)]
    pub(super) fn take(&self, room: &Room<'_>, cells: usize) -> SpanRef {
        let next = room.first + cells;
        self.live.set(self.live.get() - 1);
        self.next.set(next as u32);
        let unused = Cells { first: next, count: room.end - next };
        room.block.write_hole_of(room.address.generation(), unused);
        room.address.with_cell(room.first)
    }

    /// Begins a lease of the trace that begins at `root`: these cells of its block, and
    /// [`LEASED_LIVE`] counts, in a thread that is `depth` deep in spans.
    #[inline]
    pub(super) fn begin(&self, pool: &Pool, root: SpanRef, cells: Cells, depth: usize) {
        self.pool.set(pool.number);
        self.root.set(root);
        self.live.set(LEASED_LIVE);
        self.depth.set(depth as u32);
        self.go_on(pool, root, cells, 0);
    }

    /// Ends the lease: the trace's root, the counts that were left, and the cells that were left of
    /// the root's block. Those of a block that the trace continues in stay empty, as they say.
    #[inline]
    pub(super) fn end(&self) -> (SpanRef, u32, Cells) {
        self.pool.set(NO_POOL);
        let root = self.root.get();
        let is_in_first = self.block.get().block() == root.block();
        let unused = if is_in_first { self.unused() } else { Cells::NONE };
        (root, self.live.get(), unused)
    }

    /// Whether only the count is left that stays with the lease.
    #[inline(always)]
    pub(super) fn is_used_up(&self) -> bool {
        self.live.get() == 1
    }

    /// Takes further counts in.
    pub(super) fn add_live(&self, live: u32) {
        self.live.set(self.live.get() + live);
    }

    /// Takes one count, and cells for an entry: its address; `None` if not so many cells are left.
    /// Nothing is taken then.
    #[inline(always)]
    pub(super) fn next(&self, pool: &Pool, cells: usize) -> Option<SpanRef> {
        let cell = self.next.get() as usize;
        if cell + cells > self.end.get() as usize {
            return None;
        }
        self.live.set(self.live.get() - 1);
        self.next.set((cell + cells) as u32);
        self.write_hole(pool);
        Some(self.block.get().with_cell(cell))
    }

    /// Goes on with other cells of a block, of which the first `used` are taken, with one count.
    pub(super) fn extend(&self, pool: &Pool, block: SpanRef, cells: Cells, used: usize) {
        self.live.set(self.live.get() - 1);
        self.go_on(pool, block, cells, used);
    }

    fn go_on(&self, pool: &Pool, block: SpanRef, cells: Cells, used: usize) {
        self.block.set(block.with_cell(0));
        self.next.set((cells.first + used) as u32);
        self.end.set((cells.first + cells.count) as u32);
        self.write_hole(pool);
    }

    /// Says that nothing is in the cells that are left.
    #[inline(always)]
    fn write_hole(&self, pool: &Pool) {
        let (block, unused) = (self.block.get(), self.unused());
        pool.block(block.block()).write_hole_of(block.generation(), unused);
    }

    fn unused(&self) -> Cells {
        let (next, end) = (self.next.get() as usize, self.end.get() as usize);
        Cells { first: next, count: end - next }
    }
}
