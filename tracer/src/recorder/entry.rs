//! Entries: what stands in the cells of a block, from the second cell on.
//!
//! Each entry takes whole cells and begins with a [`Tag`], which is written last: a tag of the
//! block's present generation says that the rest of the entry is there.
//!
//! | word | span | event | record | link | marks |
//! |---|---|---|---|---|---|
//! | 0 | tag | tag | tag | tag | tag |
//! | 1 | callsite | callsite | callsite of the span | flags | how many |
//! | 2 | parent | span | span | span | span |
//! | 3 | start | time | fields ... | trace id, high | time of the first |
//! | 4 | end | fields ... | | trace id, low | marks ... |
//! | 5 | handles | | | span id | |
//! | 6 | fields ... | | | kind, as a text field | |
//!
//! `Span::record` adds a *record* instead of changing the span: two threads may do it at once.

use super::address::GENERATION_BITS;
use super::block::CELL_WORDS;

/// The word of every entry that names its span, or a span's parent.
pub(super) const SPAN: usize = 2;
/// The callsite; of a link, its flags; of marks, how many there are.
pub(super) const CALLSITE: usize = 1;
pub(super) const START: usize = 3;
pub(super) const END: usize = 4;
pub(super) const HANDLES: usize = 5;
/// The words of a span before its fields.
pub(super) const SPAN_WORDS: usize = 6;
pub(super) const EVENT_TIME: usize = 3;
pub(super) const EVENT_WORDS: usize = 4;
pub(super) const RECORD_WORDS: usize = 3;
pub(super) const LINK_TRACE_HIGH: usize = 3;
pub(super) const LINK_TRACE_LOW: usize = 4;
pub(super) const LINK_SPAN: usize = 5;
pub(super) const LINK_WORDS: usize = 6;
pub(super) const MARKS_BASE: usize = 3;
pub(super) const MARKS_WORDS: usize = 4;
/// The cells of an entry of marks, and how many it holds.
pub(super) const MARKS_CELLS: usize = 2;
pub(super) const MOST_MARKS: usize = MARKS_CELLS * CELL_WORDS - MARKS_WORDS;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Span,
    Event,
    Record,
    Link,
    Marks,
    /// Cells that were claimed for a trace that had ended.
    Hole,
}

const KIND_BITS: u32 = 3;
const CELLS_BITS: u32 = 6;
const WORDS_BITS: u32 = 16;

/// The first word of an entry: `generation:39 | kind:3 | cells:6 | words:16`, where `words` counts
/// those after the fixed ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(pub(super) u64);

impl Tag {
    #[inline(always)]
    pub(super) fn new(generation: u64, kind: Kind, cells: usize, words: usize) -> Self {
        let kind = match kind {
            Kind::Span => 1,
            Kind::Event => 2,
            Kind::Record => 3,
            Kind::Link => 4,
            Kind::Marks => 5,
            Kind::Hole => 6,
        };
        Tag(generation << (64 - GENERATION_BITS)
            | kind << (CELLS_BITS + WORDS_BITS)
            | (cells as u64) << WORDS_BITS
            | words as u64)
    }

    #[inline]
    pub(super) fn generation(self) -> u64 {
        self.0 >> (64 - GENERATION_BITS)
    }

    #[inline]
    pub(super) fn kind(self) -> Option<Kind> {
        match self.0 >> (CELLS_BITS + WORDS_BITS) & ((1 << KIND_BITS) - 1) {
            1 => Some(Kind::Span),
            2 => Some(Kind::Event),
            3 => Some(Kind::Record),
            4 => Some(Kind::Link),
            5 => Some(Kind::Marks),
            6 => Some(Kind::Hole),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn cells(self) -> usize {
        (self.0 >> WORDS_BITS & ((1 << CELLS_BITS) - 1)) as usize
    }

    #[inline]
    pub(super) fn words(self) -> usize {
        (self.0 & ((1 << WORDS_BITS) - 1)) as usize
    }
}

/// How many cells an entry of so many words takes.
#[inline(always)]
pub(super) fn cells_of(words: usize) -> usize {
    words.div_ceil(CELL_WORDS)
}
