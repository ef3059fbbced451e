//! The fixed pool of blocks: which are free, and how a trace gets its first and further ones.
//!
//! Free blocks stand in several lists, last in first out: a thread takes the block that it gave back
//! a moment ago, which its cache still has. Each list is a Treiber stack (IBM RJ 5118, 1986) whose
//! head carries a count, so that a block that left and came back is not mistaken for one that
//! stayed. An empty list borrows from the others; when all are empty there is no room, and nobody
//! waits.

use super::address::SpanRef;
use super::block::{
    Block, Claimed, HEAD_ATTACHED, HEAD_CONTINUES, HEAD_DEPTH, HEAD_DROPPED, HEAD_FLAGS,
    HEAD_FOLLOWS, HEAD_LIST, HEAD_PARKED, HEAD_REMOTE_PARENT, HEAD_ROOT, HEAD_TAIL,
    HEAD_TRACE_HIGH, HEAD_TRACE_LOW, Refused, State,
};
use super::sync::{AtomicU64, Ordering};

/// How many lists of free blocks there are.
#[cfg(not(loom))]
pub(super) const LISTS: usize = 16;
#[cfg(loom)]
pub(super) const LISTS: usize = 1;

/// A list of free blocks: `count:32 | first block + 1:32`. On a cache line pair of its own.
#[repr(align(128))]
struct FreeList(AtomicU64);

/// All blocks.
pub(super) struct Pool {
    blocks: Box<[Block]>,
    free: [FreeList; LISTS],
    /// The most blocks that one trace may have.
    most_depth: u64,
}

/// Where an entry may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The block of the trace's root, whose `live` was counted up.
    pub(super) root: u32,
    /// The block to write to.
    pub(super) block: u32,
    /// The first of the cells.
    pub(super) cell: usize,
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

/// What is done with a trace that has ended: the caller of [`Pool::release`] has it for itself.
pub(super) trait OnEnd {
    fn ended(&self, root: u32, state: State);
}

impl Pool {
    pub(super) fn new(blocks: usize, most_depth: usize) -> Self {
        let pool = Pool {
            blocks: (0..blocks).map(|_| Block::new()).collect(),
            free: std::array::from_fn(|_| FreeList(AtomicU64::new(0))),
            most_depth: most_depth as u64,
        };
        for number in (0..blocks as u32).rev() {
            pool.give_back(number, number as usize * LISTS / blocks);
        }
        pool
    }

    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// All blocks by number.
    pub(super) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block of that number, which was one of this pool.
    #[inline(always)]
    pub(super) fn block(&self, number: u32) -> &Block {
        &self.blocks[number as usize]
    }

    /// The block that an address names, if it names one.
    #[inline(always)]
    pub(super) fn find(&self, address: SpanRef) -> Option<&Block> {
        let block = self.blocks.get(address.block() as usize)?;
        (block.state().generation() == address.generation()).then_some(block)
    }

    /// A free block, from list `list` or another.
    #[inline]
    fn take(&self, list: usize) -> Option<u32> {
        (0..LISTS).find_map(|step| self.pop((list + step) % LISTS))
    }

    #[inline]
    fn pop(&self, list: usize) -> Option<u32> {
        let head = &self.free[list].0;
        let mut old = head.load(Ordering::Acquire);
        loop {
            let number = (old as u32).checked_sub(1)?;
            let next = self.block(number).get(HEAD_LIST);
            let new = (old >> 32).wrapping_add(1) << 32 | next;
            match head.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(number),
                Err(now) => old = now,
            }
        }
    }

    /// Puts a block that is closed and nobody has into a list.
    #[inline]
    fn give_back(&self, number: u32, list: usize) {
        let head = &self.free[list % LISTS].0;
        let block = self.block(number);
        let mut old = head.load(Ordering::Relaxed);
        loop {
            block.set(HEAD_LIST, u64::from(old as u32));
            let new = (old >> 32).wrapping_add(1) << 32 | u64::from(number + 1);
            match head.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// A block for a new trace, whose root takes the first `cells` and is counted live.
    #[inline]
    pub(super) fn open(&self, list: usize, cells: usize) -> Option<SpanRef> {
        let number = self.take(list)?;
        let block = self.block(number);
        let generation = block.open(cells);
        let root = SpanRef::new(generation, number, super::block::FIRST_CELL);
        block.set(HEAD_ROOT, root.0);
        for word in [
            HEAD_TRACE_HIGH,
            HEAD_TRACE_LOW,
            HEAD_CONTINUES,
            HEAD_TAIL,
            HEAD_ATTACHED,
            HEAD_FLAGS,
            HEAD_PARKED,
            HEAD_DROPPED,
            HEAD_FOLLOWS,
            HEAD_REMOTE_PARENT,
            HEAD_DEPTH,
        ] {
            block.set(word, 0);
        }
        Some(root)
    }

    /// Cells for an entry of the trace that `within` belongs to, which stays alive until
    /// [`release`](Self::release) of the place's root. With no cells, only that.
    #[inline]
    pub(super) fn claim(
        &self,
        within: SpanRef,
        cells: usize,
        list: usize,
        on_end: &impl OnEnd,
    ) -> Result<Place, NoPlace> {
        let block = self.find(within).ok_or(NoPlace::Over)?;
        let root = SpanRef(block.get(HEAD_ROOT));
        let root_block = self.blocks.get(root.block() as usize).ok_or(NoPlace::Over)?;
        let claimed = match root_block.claim(root.generation(), cells) {
            Ok(claimed) => claimed,
            Err(Refused::Over) => return Err(NoPlace::Over),
            Err(Refused::TooManyOpen) => return Err(NoPlace::TraceFull),
            Err(Refused::JustOver) => {
                self.release(root.block(), on_end);
                return Err(NoPlace::Over);
            }
        };
        // The trace of `root` is alive from here on. But `within` may have ended before the root
        // was read, and then this is the root of another trace.
        if block.state().generation() != within.generation() {
            self.fill(root_block, claimed, cells);
            self.release(root.block(), on_end);
            return Err(NoPlace::Over);
        }
        let place = match claimed {
            _ if cells == 0 => Ok((root.block(), 0)),
            Claimed::Cell(cell) => Ok((root.block(), cell)),
            Claimed::Full => self.claim_further(root, root_block, cells, list),
        };
        match place {
            Ok((block, cell)) => Ok(Place { root: root.block(), block, cell }),
            Err(why) => {
                root_block.word(HEAD_DROPPED).fetch_add(1, Ordering::Relaxed);
                self.release(root.block(), on_end);
                Err(why)
            }
        }
    }

    /// Marks cells that will not be filled.
    fn fill(&self, block: &Block, claimed: Claimed, cells: usize) {
        if let (Claimed::Cell(cell), true) = (claimed, cells > 0) {
            block.write_hole(cell, cells);
        }
    }

    /// Cells beyond the root's block, in one that the trace continues in.
    #[cold]
    fn claim_further(
        &self,
        root: SpanRef,
        root_block: &Block,
        cells: usize,
        list: usize,
    ) -> Result<(u32, usize), NoPlace> {
        loop {
            let tail = root_block.word(HEAD_TAIL).load(Ordering::Acquire);
            let tail_number = match u32::try_from(tail).unwrap_or(0) {
                0 => root.block(),
                number => number - 1,
            };
            let tail_block = self.block(tail_number);
            if tail != 0
                && let Claimed::Cell(cell) = tail_block.claim_more(cells)
            {
                return Ok((tail_number, cell));
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
    #[inline]
    pub(super) fn release(&self, root: u32, on_end: &impl OnEnd) {
        if let Some(state) = self.block(root).release() {
            on_end.ended(root, state);
        }
    }

    /// The blocks of a trace, its root's first. For whoever has the trace for itself, or checks
    /// afterwards that it still was the same.
    #[inline]
    pub(super) fn chain(&self, root: u32) -> impl Iterator<Item = u32> {
        let mut next = Some(root);
        // The bound is for a reader who looks at a trace while it changes.
        std::iter::from_fn(move || {
            let number = next?;
            let block = self.blocks.get(number as usize)?;
            let continues = block.word(HEAD_CONTINUES).load(Ordering::Acquire);
            next = u32::try_from(continues).ok().and_then(|number| number.checked_sub(1));
            Some(number)
        })
        .take(self.most_depth as usize)
    }

    /// The finished traces that are attached to one: the blocks of their roots.
    #[inline]
    pub(super) fn attached(&self, root: u32) -> impl Iterator<Item = u32> {
        let mut next = self.block(root).get(HEAD_ATTACHED);
        std::iter::from_fn(move || {
            let number = u32::try_from(next).ok()?.checked_sub(1)?;
            next = self.block(number).get(HEAD_LIST);
            Some(number)
        })
        .take(self.blocks.len())
    }

    /// Gives the blocks of a finished trace back, and those of the finished traces attached to it.
    #[inline]
    pub(super) fn recycle(&self, root: u32, list: usize) {
        let mut attached = self.block(root).get(HEAD_ATTACHED);
        self.recycle_chain(root, list);
        while let Some(number) =
            u32::try_from(attached).ok().and_then(|number| number.checked_sub(1))
        {
            attached = self.block(number).get(HEAD_LIST);
            self.recycle(number, list);
        }
    }

    #[inline]
    fn recycle_chain(&self, root: u32, list: usize) {
        let mut continues = self.block(root).get(HEAD_CONTINUES);
        while let Some(number) =
            u32::try_from(continues).ok().and_then(|number| number.checked_sub(1))
        {
            let block = self.block(number);
            continues = block.get(HEAD_CONTINUES);
            block.close();
            self.give_back(number, list);
        }
        self.give_back(root, list);
    }

    /// How many blocks are in no list; exact only while nothing is recorded.
    pub(super) fn in_use(&self) -> usize {
        let free: usize = (0..LISTS).map(|list| self.length(list)).sum();
        self.len().saturating_sub(free)
    }

    fn length(&self, list: usize) -> usize {
        let mut next = u64::from(self.free[list].0.load(Ordering::Acquire) as u32);
        let mut length = 0;
        while let Some(number) = (next as u32).checked_sub(1).filter(|_| length < self.len()) {
            next = self.block(number).get(HEAD_LIST);
            length += 1;
        }
        length
    }
}
