//! The fixed pool of blocks: which are free, and how a trace gets its first and further ones.
//!
//! Free blocks stand in several lists, last in first out: a thread takes the block that it gave back
//! a moment ago, which its cache still has. Each list is a Treiber stack (IBM RJ 5118, 1986) whose
//! head carries a count, so that a block that left and came back is not mistaken for one that
//! stayed. An empty list borrows from the others; when all are empty there is no room, and nobody
//! waits.

use super::address::SpanRef;
use super::block::{
    Block, HEAD_ATTACHED, HEAD_CONTINUES, HEAD_DEPTH, HEAD_DROPPED, HEAD_FLAGS, HEAD_FOLLOWS,
    HEAD_LIST, HEAD_PARKED, HEAD_REMOTE_PARENT, HEAD_ROOT, HEAD_TAIL, HEAD_TRACE_HIGH,
    HEAD_TRACE_LOW, State,
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
    /// The recorder's number, which tells the pools of a program apart.
    pub(super) number: u32,
    blocks: Box<[Block]>,
    free: Box<[FreeList; LISTS]>,
    /// The most blocks that one trace may have.
    pub(super) most_depth: u64,
}

/// What is done with a trace that has ended: the caller of [`Pool::release`] has it for itself.
pub(super) trait OnEnd {
    fn ended(&self, root: u32, state: State);
}

impl Pool {
    pub(super) fn new(number: u32, blocks: usize, most_depth: usize) -> Self {
        let pool = Pool {
            number,
            blocks: (0..blocks).map(|_| Block::new()).collect(),
            free: Box::new(std::array::from_fn(|_| FreeList(AtomicU64::new(0)))),
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
    #[inline(always)]
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
    pub(super) fn take(&self, list: usize) -> Option<u32> {
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
    pub(super) fn give_back(&self, number: u32, list: usize) {
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
