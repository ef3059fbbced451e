//! Entries: what stands in the cells of a block, from the second cell on.
//!
//! Each entry takes whole cells and begins with a [`Tag`], which is written last: a tag of the
//! block's present generation says that the rest of the entry is there.
//!
//! | word | span | event | record | link | marks |
//! |---|---|---|---|---|---|
//! | 0 | tag | tag | tag | tag | tag |
//! | 1 | ties | callsite | callsite of the span | flags | how many |
//! | 2 | start | span | span | span | span |
//! | 3 | end | time | fields ... | trace id, high | time of the first |
//! | 4 | fields ... | fields ... | | trace id, low | marks ... |
//! | 5 | | | | span id | |
//! | 6 | | | | kind, as a text field | |
//!
//! So a span with three small fields takes one cell, which is one cache line.
//! `Span::record` adds a *record* instead of changing the span: two threads may do it at once.

use super::address::{GENERATION_BITS, PLACE_BITS, SpanRef};
use super::block::CELL_WORDS;

/// A span's [`Ties`].
pub(super) const TIES: usize = 1;
pub(super) const START: usize = 2;
pub(super) const END: usize = 3;
/// The words of a span before its fields.
pub(super) const SPAN_WORDS: usize = 4;
/// The callsite of events and records; of a link, its flags; of marks, how many there are.
pub(super) const CALLSITE: usize = 1;
/// The word of every entry but a span that names its span.
pub(super) const SPAN: usize = 2;
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

const HANDLES_BITS: u32 = 64 - PLACE_BITS - CALLSITE_BITS;
const CALLSITE_BITS: u32 = 16;
/// From so many handles on a span is never closed: rather that than a count that runs over. That many
/// handles take more memory than the recorder.
const FOREVER: u64 = 1 << (HANDLES_BITS - 1);

/// What a span is tied to: `parent's block:20 | parent's cell:5 | callsite:16 | handles:23`. Of its
/// parent's address only the place is kept: both are of one trace, which knows its generations.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Ties(pub(super) u64);

impl Ties {
    /// One more handle, as a number to add.
    pub(super) const HANDLE: u64 = 1;

    /// A new span's, with one handle; a root's parent is zero.
    #[inline(always)]
    pub(super) fn new(callsite: u32, parent: u64) -> Self {
        let callsite = u64::from(callsite) & ((1 << CALLSITE_BITS) - 1);
        // The parent's generation is shifted out.
        Ties(parent << (64 - PLACE_BITS) | callsite << HANDLES_BITS | Ties::HANDLE)
    }

    #[inline(always)]
    pub(super) fn callsite(self) -> u32 {
        (self.0 >> HANDLES_BITS & ((1 << CALLSITE_BITS) - 1)) as u32
    }

    #[inline(always)]
    pub(super) fn is_root(self) -> bool {
        self.0 >> (64 - PLACE_BITS) == 0
    }

    /// The place of its parent, without a generation; none for a root.
    pub(super) fn parent(self) -> Option<SpanRef> {
        (!self.is_root()).then_some(SpanRef(self.0 >> (64 - PLACE_BITS)))
    }

    #[inline(always)]
    pub(super) fn handles(self) -> u64 {
        self.0 & ((1 << HANDLES_BITS) - 1)
    }

    /// Whether it has so many handles that they are not counted any more.
    #[inline(always)]
    pub(super) fn is_forever(self) -> bool {
        self.handles() >= FOREVER
    }

    /// Without any handle.
    #[inline(always)]
    pub(super) fn closed(self) -> Self {
        Ties(self.0 & !((1 << HANDLES_BITS) - 1))
    }
}

/// How many cells an entry of so many words takes.
#[inline(always)]
pub(super) fn cells_of(words: usize) -> usize {
    words.div_ceil(CELL_WORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_their_parts() {
        let parent = SpanRef::new(12_345, 0xabcde, 31);
        let ties = Ties::new(4095, parent.0);
        assert_eq!((ties.callsite(), ties.handles(), ties.is_root()), (4095, 1, false));
        assert_eq!(ties.parent().map(|place| place.in_generation(12_345)), Some(parent));
        let root = Ties::new(7, 0);
        assert!(root.is_root() && root.parent().is_none());
        assert_eq!((root.closed().callsite(), root.closed().handles()), (7, 0));
    }

    #[test]
    fn handles_beyond_counting_touch_nothing_else() {
        let parent = SpanRef::new(9, 1, 2);
        let many = Ties(Ties::new(3, parent.0).0 + (FOREVER - 2) * Ties::HANDLE);
        assert!(!many.is_forever());
        // Threads that looked at the same time may all add one more.
        let more = Ties(many.0 + 1_000_000 * Ties::HANDLE);
        assert!(more.is_forever());
        assert_eq!((more.callsite(), more.parent().map(SpanRef::block)), (3, Some(1)));
    }
}
