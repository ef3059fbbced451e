//! Where a span lies: the ids that the recorder hands out are addresses, so that no table has to be
//! searched to find a span again.
//!
//! `generation:39 | block:20 | cell:5`. A block counts a generation up whenever its trace is over,
//! so an id that outlived its trace points at nothing. At a million traces a second through one and
//! the same block, a generation comes again after six days.

use std::num::NonZeroU64;

use tracing::span::Id;

const CELL_BITS: u32 = 5;
const BLOCK_BITS: u32 = 20;
/// How many bits a place has: a block and a cell.
pub(super) const PLACE_BITS: u32 = BLOCK_BITS + CELL_BITS;
/// How many bits a generation has.
pub(super) const GENERATION_BITS: u32 = 64 - PLACE_BITS;
/// What a generation is counted within.
pub(super) const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;
/// The most blocks that can be addressed; the last number is that of [`SpanRef::NOTHING`].
pub(super) const MOST_BLOCKS: usize = (1 << BLOCK_BITS) - 1;

/// The address of a span; never zero, since no span lies in the first cell of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SpanRef(pub(super) u64);

impl SpanRef {
    /// A span that was not recorded: no room, or its trace was over.
    pub(super) const NOTHING: SpanRef = SpanRef(u64::MAX);

    /// One more span that was not recorded, which somebody else knows by this address.
    pub(super) fn nameless(number: u64, why: Nameless) -> Self {
        SpanRef::new(number & GENERATION_MASK, MOST_BLOCKS as u32, why as usize)
    }

    /// Whether it names no span, since there was no room for it.
    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.block() as usize == MOST_BLOCKS && self.cell() != Nameless::Unwanted as usize
    }

    /// Whether it names no span, since the recorder was not to have it.
    #[inline]
    pub(super) fn is_unwanted(self) -> bool {
        self.block() as usize == MOST_BLOCKS && self.cell() == Nameless::Unwanted as usize
    }

    #[inline]
    pub(super) fn new(generation: u64, block: u32, cell: usize) -> Self {
        SpanRef(
            generation << (BLOCK_BITS + CELL_BITS) | u64::from(block) << CELL_BITS | cell as u64,
        )
    }

    /// Another cell of the same block.
    #[inline]
    pub(super) fn with_cell(self, cell: usize) -> Self {
        SpanRef(self.0 & !((1 << CELL_BITS) - 1) | cell as u64)
    }

    /// The same place in another generation.
    pub(super) fn in_generation(self, generation: u64) -> Self {
        SpanRef::new(generation, self.block(), self.cell())
    }

    /// Whether both lie in the same block, in the same generation.
    #[inline(always)]
    pub(super) fn shares_block_with(self, other: SpanRef) -> bool {
        (self.0 ^ other.0) >> CELL_BITS == 0
    }

    #[inline]
    pub(super) fn of(id: &Id) -> Self {
        SpanRef(id.into_u64())
    }

    #[inline]
    pub(super) fn id(self) -> Id {
        // It is never zero.
        Id::from_non_zero_u64(NonZeroU64::new(self.0).unwrap_or(NonZeroU64::MAX))
    }

    #[inline]
    pub(super) fn generation(self) -> u64 {
        self.0 >> (BLOCK_BITS + CELL_BITS)
    }

    #[inline]
    pub(super) fn block(self) -> u32 {
        (self.0 >> CELL_BITS) as u32 & ((1 << BLOCK_BITS) - 1)
    }

    #[inline]
    pub(super) fn cell(self) -> usize {
        (self.0 & ((1 << CELL_BITS) - 1)) as usize
    }
}

/// Why a span has an address and was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nameless {
    /// Its level or the filter says so.
    Unwanted = 1,
    /// There was no room.
    WithoutRoom = 2,
}

/// Turns addresses into the ids that other programs see, and back. Ids of a process are spread over
/// all 64 bits (collectors sample and shard by them) and differ from those of any other process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixer {
    key: u64,
    /// The upper half of the trace ids that begin here.
    trace_high: u64,
}

/// The multipliers of `splitmix64` (Steele et al., 2014), and their inverses modulo 2^64.
const FIRST: u64 = 0xbf58_476d_1ce4_e5b9;
const SECOND: u64 = 0x94d0_49bb_1331_11eb;
const FIRST_INVERSE: u64 = inverse(FIRST);
const SECOND_INVERSE: u64 = inverse(SECOND);

/// Newton's iteration: each round doubles the bits that are right.
const fn inverse(odd: u64) -> u64 {
    let mut guess = odd;
    let mut round = 0;
    while round < 6 {
        guess = guess.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(guess)));
        round += 1;
    }
    guess
}

impl Mixer {
    pub(super) fn new(key: u64, trace_high: u64) -> Self {
        Mixer { key, trace_high: trace_high.max(1) }
    }

    /// The span id of an address. Zero, which means "no span", would need one address in 2^64.
    pub(super) fn span_id(self, address: SpanRef) -> u64 {
        let mut mixed = (address.0 ^ self.key).wrapping_mul(FIRST);
        mixed ^= mixed >> 32;
        mixed = mixed.wrapping_mul(SECOND);
        mixed ^= mixed >> 32;
        mixed.max(1)
    }

    /// The address behind a span id; nonsense if the id was not made here, which the generation
    /// shows.
    pub(super) fn address(self, span_id: u64) -> SpanRef {
        let mut mixed = span_id ^ (span_id >> 32);
        mixed = mixed.wrapping_mul(SECOND_INVERSE);
        mixed ^= mixed >> 32;
        SpanRef(mixed.wrapping_mul(FIRST_INVERSE) ^ self.key)
    }

    /// The id of the trace that begins at `root`.
    pub(super) fn trace_id(self, root: SpanRef) -> u128 {
        u128::from(self.trace_high) << 64 | u128::from(self.span_id(root).rotate_left(23))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_parts() {
        let address = SpanRef::new(GENERATION_MASK, 77, 31);
        assert_eq!(
            (address.generation(), address.block(), address.cell()),
            (GENERATION_MASK, 77, 31)
        );
        assert_eq!(SpanRef::NOTHING.block() as usize, MOST_BLOCKS);
    }

    #[test]
    fn a_span_id_leads_back_to_its_address() {
        let mixer = Mixer::new(0x1234_5678_9abc_def0, 7);
        for number in 1..10_000 {
            let address = SpanRef::new(number * 31, number as u32 % 4096, 2 + number as usize % 30);
            assert_eq!(mixer.address(mixer.span_id(address)), address);
        }
        let other = Mixer::new(0x1234_5678_9abc_def1, 7);
        let address = SpanRef::new(9, 3, 2);
        assert_ne!(other.address(mixer.span_id(address)), address);
    }
}
