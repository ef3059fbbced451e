//! A trace copied out of its blocks, word by word.
//!
//! A finished one is the reader's alone. One that is still open may change meanwhile: it may grow, and
//! it may end, after which its blocks are soon another trace's. So the copy counts only if the trace
//! was the same before and after; a word of a later trace that got into it shows in the generation,
//! which changed before that word was written ([`Block::open`](super::block::Block::open) has the other
//! half of that order). `tracer/loom` tries it.

use super::address::SpanRef;
use super::block::{CELL_WORDS, CELLS, FIRST_CELL, HEAD_ROOT, HEAD_USED};
use super::entry::Tag;
use super::pool::Pool;
use super::sync::{Ordering, fence};

/// A trace's blocks, copied.
pub(super) struct Copied {
    pub(super) root: SpanRef,
    pub(super) head: [u64; FIRST_CELL * CELL_WORDS],
    pub(super) blocks: Vec<CopiedBlock>,
}

/// One of these blocks, in the generation in which it was copied.
pub(super) struct CopiedBlock {
    pub(super) number: u32,
    pub(super) generation: u64,
    used: usize,
    words: Vec<u64>,
}

/// Copies a finished trace, which is the caller's alone.
pub(super) fn copy_finished(pool: &Pool, root_block: u32) -> Copied {
    let root = SpanRef(pool.block(root_block).get(HEAD_ROOT));
    let used = pool.block(root_block).get(HEAD_USED) as usize;
    copy(pool, root, used)
}

/// Copies a trace that may go on meanwhile; `None` if it ended before it was copied whole.
pub(super) fn copy_open(pool: &Pool, root_block: u32) -> Option<Copied> {
    let block = pool.block(root_block);
    let before = block.state();
    let root = SpanRef(block.get(HEAD_ROOT));
    // A block that a trace continues in comes with that trace.
    if !before.is_open() || root.block() != root_block || root.generation() != before.generation() {
        return None;
    }
    let copied = copy(pool, root, before.next().min(CELLS));
    fence(Ordering::Acquire);
    let after = block.state();
    (after.is_open() && after.generation() == before.generation()).then_some(copied)
}

/// Copies the blocks as they are just now; for whoever has the trace for itself, or checks afterwards
/// that it still was the same.
pub(super) fn copy(pool: &Pool, root: SpanRef, used: usize) -> Copied {
    let root_block = pool.block(root.block());
    let head = std::array::from_fn(|word| root_block.get(word));
    let blocks = pool.chain(root.block()).map(|number| {
        let block = pool.block(number);
        let (generation, used) = if number == root.block() {
            (root.generation(), used)
        } else {
            let state = block.state();
            (state.generation(), state.next().min(CELLS))
        };
        // Tags before the rest: what a tag announces was written before it.
        let tags: Vec<u64> =
            (0..used).map(|cell| block.word(cell * CELL_WORDS).load(Ordering::Acquire)).collect();
        let mut words: Vec<u64> = (0..used * CELL_WORDS).map(|word| block.get(word)).collect();
        for (cell, tag) in tags.into_iter().enumerate() {
            words[cell * CELL_WORDS] = tag;
        }
        CopiedBlock { number, generation, used, words }
    });
    Copied { root, head, blocks: blocks.collect() }
}

impl Copied {
    /// The address of a span of this trace, by its place.
    pub(super) fn address(&self, place: SpanRef) -> SpanRef {
        let block = self.blocks.iter().find(|block| block.number == place.block());
        let generation = block.map_or(self.root.generation(), |block| block.generation);
        place.in_generation(generation)
    }
}

impl CopiedBlock {
    /// The entries of the block: their first cell, tag and words.
    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, Tag, &[u64])> {
        let mut cell = FIRST_CELL;
        std::iter::from_fn(move || {
            let start = cell * CELL_WORDS;
            let tag = Tag(*self.words.get(start)?);
            let is_whole = tag.generation() == self.generation
                && tag.cells() > 0
                && cell + tag.cells() <= self.used;
            if !is_whole {
                // Not written yet; what lies behind cannot be found.
                return None;
            }
            let words = self.words.get(start..start + tag.cells() * CELL_WORDS)?;
            cell += tag.cells();
            Some((cell - tag.cells(), tag, words))
        })
    }
}
