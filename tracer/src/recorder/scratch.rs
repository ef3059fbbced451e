//! Memory of a thread for fields whose place is not known yet.
//!
//! How many cells fields need is known only when all are written, and a trace that the thread has no
//! lease of has no cells for them before. `Debug` of a value may itself make spans. Each writer
//! therefore appends behind what others have written, and takes its own off at the end.
//!
//! `fields.rs` writes to it, and straight into a block where that is possible.

use std::cell::Cell;
use std::fmt;
// What is written here is the thread's alone; atomic words, since those of a block are, and a writer
// of fields has either.
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::{CELL_WORDS, MOST_CELLS};
use super::entry::SPAN_WORDS;
use super::fields::{Fields, INLINE_BYTES, cut};

/// A word that only one thread has.
pub(super) type OwnWord = AtomicU64;

/// The most words that the fields of one entry take.
pub(super) const MOST_WORDS: usize = MOST_CELLS * CELL_WORDS - SPAN_WORDS;
/// Room for values whose formatting records spans of their own, three deep.
const SCRATCH_WORDS: usize = 3 * MOST_WORDS;

/// The thread's memory for fields.
pub(super) struct Scratch {
    words: [AtomicU64; SCRATCH_WORDS],
    used: Cell<usize>,
}

impl Scratch {
    pub(super) const fn new() -> Self {
        Scratch { words: [const { AtomicU64::new(0) }; SCRATCH_WORDS], used: Cell::new(0) }
    }

    /// A writer of fields, behind those that are being written.
    #[inline]
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::new(self, self.room(), false)
    }

    /// The words that are free, but for the last, which is for saying what found no room.
    #[inline]
    pub(super) fn room(&self) -> &[AtomicU64] {
        let start = self.used.get();
        let end = (start + MOST_WORDS - 1).min(SCRATCH_WORDS - 1);
        self.words.get(start..end).unwrap_or_default()
    }

    /// All words behind those that others have written.
    #[inline]
    pub(super) fn behind_others(&self) -> &[AtomicU64] {
        self.words.get(self.used.get()..).unwrap_or_default()
    }

    /// Writes a text piece by piece: its bytes begin in the upper half of the word that lies `used`
    /// words behind what others have written. How many of at most `room` bytes there are, and
    /// whether the end is missing.
    pub(super) fn format(
        &self,
        used: usize,
        room: usize,
        text: fmt::Arguments<'_>,
    ) -> (usize, bool) {
        let start = self.used.get();
        let at = start + used;
        self.words[at].store(0, Ordering::Relaxed);
        self.used.set(at + 1);
        // Also when the formatting panics.
        let _restored = Restored(&self.used, start);
        let mut pieces = Pieces { scratch: self, at, bytes: 0, room, is_cut: false };
        // A value that cannot be formatted is as far as it came.
        let _ = fmt::Write::write_fmt(&mut pieces, text);
        (pieces.bytes, pieces.is_cut)
    }
}

/// Sets a cell back when it goes.
struct Restored<'a>(&'a Cell<usize>, usize);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

struct Pieces<'a> {
    scratch: &'a Scratch,
    /// The field's first word.
    at: usize,
    bytes: usize,
    room: usize,
    is_cut: bool,
}

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        let whole = cut(piece, self.room - self.bytes);
        self.is_cut = whole.len() < piece.len();
        for byte in whole.bytes() {
            let place = self.bytes + INLINE_BYTES;
            let word = self.at + place / 8;
            if place.is_multiple_of(8) {
                self.scratch.words[word].store(0, Ordering::Relaxed);
                self.scratch.used.set(word + 1);
            }
            let word = &self.scratch.words[word];
            let byte = u64::from(byte) << (place % 8 * 8);
            word.store(word.load(Ordering::Relaxed) | byte, Ordering::Relaxed);
            self.bytes += 1;
        }
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
#[path = "scratch_tests.rs"]
mod tests;
