//! A block: the fixed piece of memory that one trace is written to, and the one word that says whose
//! it is.
//!
//! A block is 32 cells of 64 bytes. The first two cells are its head, the others hold entries
//! (spans, events, links, ...), one after the other. The word [`HEAD_STATE`] of the head is
//!
//! ```text
//! generation:39 | open:1 | live:12 | next:12
//! ```
//!
//! where `next` is the first cell that is free and `live` counts what keeps the trace alive: its
//! open spans, and whoever is writing to it at this moment. One atomic addition therefore claims
//! cells, keeps the block from being given to another trace meanwhile, and says whether it still
//! belonged to the trace that was meant. Whoever takes `live` from one to zero closes the block in
//! the same step and has it for itself; so any thread may end a trace, threads may come and go, and
//! nothing is owned by a thread.
//!
//! Every word is an atomic one, so that a reader which looks at an open trace (one that still waits)
//! sees old or new words and never undefined behaviour; it compares generations to throw away what
//! was torn. There is no `unsafe` here. `tracer/loom` tries every interleaving of this file.

use super::address::{GENERATION_MASK, SpanRef};
use super::entry::{Kind, Tag};
use super::scratch::OwnWord;
use super::sync::{AtomicU64, Ordering, fence};

/// Words of 8 bytes in a cell.
pub(super) const CELL_WORDS: usize = 8;
/// Cells of a block.
#[cfg(not(loom))]
pub(super) const CELLS: usize = 32;
/// A model is small.
#[cfg(loom)]
pub(super) const CELLS: usize = 4;
const WORDS: usize = CELLS * CELL_WORDS;
/// The first cell of an entry.
pub(super) const FIRST_CELL: usize = 2;
/// The most cells that one entry may have.
pub(super) const MOST_CELLS: usize = CELLS - FIRST_CELL;
/// The bytes that a block takes.
pub(super) const BLOCK_BYTES: usize = WORDS * 8;

/// Whose block it is; see the top of this file.
pub(super) const HEAD_STATE: usize = 0;
/// The address of the root span, also in blocks that a long trace continues in.
pub(super) const HEAD_ROOT: usize = 1;
/// The upper half of the trace id, if it is not made from the root's address.
pub(super) const HEAD_TRACE_HIGH: usize = 2;
/// The lower half; both zero for a trace that begins here.
pub(super) const HEAD_TRACE_LOW: usize = 3;
/// The block that the trace continues in, plus one; zero for none.
pub(super) const HEAD_CONTINUES: usize = 4;
/// In the root's block: the block that is written to now, plus one; zero for itself.
pub(super) const HEAD_TAIL: usize = 5;
/// The next block in whatever list this one is in, plus one.
pub(super) const HEAD_LIST: usize = 6;
/// Finished traces that share the fate of this one: the first block of a list, plus one.
pub(super) const HEAD_ATTACHED: usize = 7;
/// Why to keep the trace, and what else is known of it: `flags::*`.
pub(super) const HEAD_FLAGS: usize = 8;
/// The root's address while the finished trace waits for someone to link to it, else zero.
pub(super) const HEAD_PARKED: usize = 9;
/// Spans, events and links of the trace that found no room.
pub(super) const HEAD_DROPPED: usize = 10;
/// The generation of the last trace that was kept from this block, plus one. Outlives the trace.
pub(super) const HEAD_KEPT: usize = 11;
/// The span that the root was handed over from, if that is a span of this recorder.
pub(super) const HEAD_FOLLOWS: usize = 12;
/// The parent of the root in another process, as it was sent.
pub(super) const HEAD_REMOTE_PARENT: usize = 13;
/// How many blocks came before this one in its trace.
pub(super) const HEAD_DEPTH: usize = 14;
/// In a finished trace's root block: the first cell that is free.
pub(super) const HEAD_USED: usize = 15;

const NEXT_BITS: u32 = 12;
const LIVE_SHIFT: u32 = NEXT_BITS;
const OPEN_SHIFT: u32 = 24;
const GENERATION_SHIFT: u32 = 25;
const COUNT_MASK: u64 = (1 << NEXT_BITS) - 1;
const LIVE_ONE: u64 = 1 << LIVE_SHIFT;
const OPEN: u64 = 1 << OPEN_SHIFT;
/// Far from where the count would run over, however many threads come at once.
const MOST_LIVE: u64 = 3000;

/// The word that says whose a block is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct State(u64);

impl State {
    #[inline]
    pub(super) fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }

    #[inline]
    pub(super) fn is_open(self) -> bool {
        self.0 & OPEN != 0
    }

    #[inline]
    pub(super) fn live(self) -> u64 {
        self.0 >> LIVE_SHIFT & COUNT_MASK
    }

    /// The first free cell; beyond the end when more was asked for than there is.
    #[inline]
    pub(super) fn next(self) -> usize {
        (self.0 & COUNT_MASK) as usize
    }

    #[inline]
    fn is_of(self, generation: u64) -> bool {
        self.is_open() && self.generation() == generation
    }
}

/// Why cells could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The trace is over.
    Over,
    /// The trace ended at this very moment. Another one may have the block by now, and one more is
    /// counted live in it: [`Block::release`] is due.
    JustOver,
    /// So many spans are open that no more can be counted.
    TooManyOpen,
}

/// Cells that were claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    /// The first of them.
    pub(super) first: usize,
    /// How many there are: at least as many as were needed, or none if the block is full.
    pub(super) count: usize,
}

impl Cells {
    pub(super) const NONE: Cells = Cells { first: 0, count: 0 };
}

/// 2 KiB of words.
#[repr(align(64))]
pub(super) struct Block {
    words: [AtomicU64; WORDS],
}

impl Block {
    pub(super) fn new() -> Self {
        Block { words: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// A word of the head, or of a cell: `cell * CELL_WORDS + n`.
    #[inline(always)]
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        // The mask changes no index that is in use and spares the check.
        &self.words[index & (WORDS - 1)]
    }

    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> u64 {
        self.word(index).load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(super) fn set(&self, index: usize, value: u64) {
        self.word(index).store(value, Ordering::Relaxed);
    }

    /// The words of a cell.
    #[inline(always)]
    pub(super) fn cell(&self, cell: usize) -> &[AtomicU64; CELL_WORDS] {
        // As above, the mask changes nothing.
        &self.words.as_chunks().0[cell & (CELLS - 1)]
    }

    /// The words from `first` up to that of cell `end`; none if there are no such.
    #[inline(always)]
    pub(super) fn words(&self, first: usize, end: usize) -> &[AtomicU64] {
        self.words.get(first..end * CELL_WORDS).unwrap_or_default()
    }

    /// Writes words that follow one another, and that are the thread's own.
    #[inline]
    pub(super) fn copy_in(&self, index: usize, words: &[OwnWord]) {
        let places = self.words.get(index..).unwrap_or_default();
        for (place, word) in places.iter().zip(words) {
            place.store(word.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    #[inline(always)]
    pub(super) fn state(&self) -> State {
        State(self.word(HEAD_STATE).load(Ordering::Acquire))
    }

    /// Opens a block that nobody has, for a trace whose first entry takes `cells`; it begins with
    /// one that is live: the root span, or in a block that a trace continues in, the trace itself.
    /// The generation of the block.
    #[inline]
    pub(super) fn open(&self, cells: usize) -> u64 {
        let word = self.word(HEAD_STATE);
        let mut old = word.load(Ordering::Relaxed);
        loop {
            // Latecomers of an older trace may be adding and taking off their one just now: it is
            // counted on, not overwritten. What they add to `next` would be wrong, so it is set.
            let new = (old & !COUNT_MASK | OPEN) + LIVE_ONE + (FIRST_CELL + cells) as u64;
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        // Whoever sees a word of the new trace must also see that the old one is over.
        fence(Ordering::Release);
        State(old).generation()
    }

    /// Counts `live` more live, if the block still belongs to `generation`, and claims `needed`
    /// cells, or more of them up to `wanted`. The trace stays alive until [`release`](Self::release)
    /// of as many, also if the block is full.
    #[inline(always)]
    pub(super) fn claim(
        &self,
        generation: u64,
        needed: usize,
        wanted: usize,
        live: u64,
    ) -> Result<Cells, Refused> {
        let word = self.word(HEAD_STATE);
        // Most that comes too late is turned away here, without disturbing the present owner.
        let seen = State(word.load(Ordering::Relaxed));
        if !seen.is_of(generation) {
            return Err(Refused::Over);
        }
        if seen.live() >= MOST_LIVE {
            return Err(Refused::TooManyOpen);
        }
        let count = granted(seen, needed, wanted);
        let old = State(word.fetch_add(live * LIVE_ONE + count as u64, Ordering::AcqRel));
        let cells = cut_to_block(old, needed, count);
        if !old.is_of(generation) {
            if old.is_open() {
                // These cells now belong to a trace that will not fill them.
                self.write_hole(cells);
            }
            return Err(Refused::JustOver);
        }
        Ok(cells)
    }

    /// Claims cells in a block that the caller knows to belong to its live trace.
    pub(super) fn claim_more(&self, needed: usize, wanted: usize) -> Cells {
        let word = self.word(HEAD_STATE);
        match granted(State(word.load(Ordering::Relaxed)), needed, wanted) {
            0 => Cells::NONE,
            count => {
                let old = State(word.fetch_add(count as u64, Ordering::AcqRel));
                cut_to_block(old, needed, count)
            }
        }
    }

    /// Counts more live in a trace that the caller knows to be alive; `false` if that are too many.
    pub(super) fn hold(&self, live: u64) -> bool {
        let word = self.word(HEAD_STATE);
        if State(word.load(Ordering::Relaxed)).live() >= MOST_LIVE {
            return false;
        }
        word.fetch_add(live * LIVE_ONE, Ordering::AcqRel);
        true
    }

    /// Takes `live` off that were live, and gives the cells `unused` back if they were the last that
    /// were claimed. When nothing is live any more, the block is closed in the same step: the caller
    /// alone has it, and gets what the state was.
    #[inline(always)]
    pub(super) fn release(&self, live: u64, unused: Cells) -> Option<State> {
        let word = self.word(HEAD_STATE);
        let mut old = word.load(Ordering::Relaxed);
        loop {
            let are_last = unused.count > 0 && State(old).next() == unused.first + unused.count;
            let given_back = if are_last { unused.count as u64 } else { 0 };
            let rest = old - given_back;
            let ends = State(old).live() == live && State(old).is_open();
            let new = if ends { closed(old) } else { rest - live * LIVE_ONE };
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return ends.then_some(State(rest)),
                Err(now) => old = now,
            }
        }
    }

    /// Closes a block that a finished trace has continued in.
    pub(super) fn close(&self) {
        let word = self.word(HEAD_STATE);
        let mut old = word.load(Ordering::Relaxed);
        loop {
            // Latecomers may be counted live at this moment, and will take that off again.
            let latecomers = (old & (COUNT_MASK << LIVE_SHIFT)) - LIVE_ONE;
            let new = closed(old) | latecomers;
            match word.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Says of cells of the present trace that nothing is in them. One must be counted live.
    #[inline(always)]
    pub(super) fn write_hole(&self, cells: Cells) {
        self.write_hole_of(State(self.get(HEAD_STATE)).generation(), cells);
    }

    /// The same, for whoever knows the generation.
    #[inline(always)]
    pub(super) fn write_hole_of(&self, generation: u64, cells: Cells) {
        if cells.count > 0 {
            let tag = Tag::new(generation, Kind::Hole, cells.count, 0);
            self.word(cells.first * CELL_WORDS).store(tag.0, Ordering::Release);
        }
    }

    /// The address of a cell of this block, which is number `block`, in its present generation.
    #[inline]
    pub(super) fn address(&self, block: u32, cell: usize) -> SpanRef {
        SpanRef::new(State(self.get(HEAD_STATE)).generation(), block, cell)
    }
}

/// The state after the last one that was live: the next generation, closed and empty.
#[inline]
fn closed(state: u64) -> u64 {
    ((State(state).generation() + 1) & GENERATION_MASK) << GENERATION_SHIFT
}

/// How many cells can be had, of those that are wanted; none if fewer than needed are left.
#[inline(always)]
fn granted(state: State, needed: usize, wanted: usize) -> usize {
    match CELLS.checked_sub(state.next()) {
        Some(left) if left >= needed => left.min(wanted),
        Some(_) | None => 0,
    }
}

/// Of the `count` cells from `old.next()` on, those that the block has: others may have been first.
#[inline(always)]
fn cut_to_block(old: State, needed: usize, count: usize) -> Cells {
    match granted(old, needed, count) {
        0 => Cells::NONE,
        count => Cells { first: old.next(), count },
    }
}
