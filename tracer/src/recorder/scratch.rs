//! Fields on their way into a block: they are first written to a piece of memory of the thread,
//! since how many cells they need is known only afterwards.
//!
//! A field is one word, `index:8 | type:8 | bytes:16 | inline:32`, and the words that its type asks
//! for. Small integers and truth values stand inline; a text begins inline and goes on in the words
//! that follow, and may be as long as [`MOST_TEXT_BYTES`].
//!
//! `Debug` of a value may itself make spans. Each writer therefore appends behind what others have
//! written, and takes its own off at the end.

use std::cell::Cell;
use std::error::Error;
use std::fmt;

use tracing::field::{Field, Visit};

use super::block::{CELL_WORDS, MOST_CELLS};
use super::entry::SPAN_WORDS;

/// The most words that the fields of one entry take.
pub(super) const MOST_WORDS: usize = MOST_CELLS * CELL_WORDS - SPAN_WORDS;
/// The most bytes of one text; longer ones are cut there.
pub(super) const MOST_TEXT_BYTES: usize = 1024;
/// Room for values whose formatting records spans of their own, three deep.
const SCRATCH_WORDS: usize = 3 * MOST_WORDS;
/// Bytes of a text in the field's first word.
pub(super) const INLINE_BYTES: usize = 4;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// An integer of 32 bits, inline.
    Small,
    /// A signed integer, in one word.
    Int,
    /// An unsigned integer beyond the signed ones, in one word.
    Big,
    Float,
    Bool,
    Text,
    /// A text of which the end is missing.
    CutText,
    /// How many fields found no room, inline.
    Dropped,
}

impl Type {
    const ALL: [Type; 8] = [
        Type::Small,
        Type::Int,
        Type::Big,
        Type::Float,
        Type::Bool,
        Type::Text,
        Type::CutText,
        Type::Dropped,
    ];

    /// The type of a field's first word.
    pub(super) fn of(word: u64) -> Option<Type> {
        Type::ALL.get((word >> 8 & 0xff) as usize).copied()
    }
}

/// A field's first word.
#[inline(always)]
fn head(index: usize, of: Type, bytes: usize, inline: u32) -> u64 {
    (index as u64 & 0xff) | (of as u64) << 8 | (bytes as u64) << 16 | u64::from(inline) << 32
}

/// The thread's memory for fields.
pub(super) struct Scratch {
    words: [Cell<u64>; SCRATCH_WORDS],
    used: Cell<usize>,
}

impl Scratch {
    pub(super) const fn new() -> Self {
        Scratch { words: [const { Cell::new(0) }; SCRATCH_WORDS], used: Cell::new(0) }
    }

    /// A writer of fields, behind those that are being written.
    #[inline(always)]
    pub(super) fn fields(&self) -> Fields<'_> {
        let start = self.used.get();
        // The last word is for saying what found no room.
        let end = (start + MOST_WORDS - 1).min(SCRATCH_WORDS - 1);
        Fields { scratch: self, start, at: start, end, seen: 0, dropped: 0 }
    }
}

/// Writes fields into the thread's memory.
pub(super) struct Fields<'a> {
    scratch: &'a Scratch,
    start: usize,
    /// The first word that is free. The thread's memory is told only while a value is formatted.
    at: usize,
    end: usize,
    /// A bit for each field that was written, by its index modulo 64.
    pub(super) seen: u64,
    dropped: u32,
}

impl Fields<'_> {
    /// Completes the fields; how many words they take.
    #[inline(always)]
    pub(super) fn finish(&mut self) -> usize {
        if self.dropped > 0 {
            self.say_dropped();
        }
        self.at - self.start
    }

    #[cold]
    fn say_dropped(&mut self) {
        // Five values that record while they are formatted, one inside the other, and all full: then
        // even this is not said.
        if let Some(word) = self.scratch.words.get(self.at) {
            word.set(head(0, Type::Dropped, 0, self.dropped));
            self.at += 1;
        }
        self.dropped = 0;
    }

    /// What was written.
    #[inline(always)]
    pub(super) fn words(&self) -> &[Cell<u64>] {
        self.scratch.words.get(self.start..self.at).unwrap_or_default()
    }

    /// The next `count` words, for field `index`; none if there are not so many.
    #[inline(always)]
    fn next<const COUNT: usize>(&mut self, index: usize) -> Option<&[Cell<u64>; COUNT]> {
        let next = self.at + COUNT;
        let words = self.scratch.words.get(self.at..next).filter(|_| next <= self.end);
        match words.and_then(|words| words.first_chunk()) {
            Some(words) => {
                self.at = next;
                self.seen |= 1 << (index & 63);
                Some(words)
            }
            None => {
                self.dropped += 1;
                None
            }
        }
    }

    #[inline(always)]
    fn one(&mut self, index: usize, of: Type, inline: u32) {
        if let Some([word]) = self.next(index) {
            word.set(head(index, of, 0, inline));
        }
    }

    #[inline(always)]
    fn two(&mut self, index: usize, of: Type, value: u64) {
        if let Some([word, next]) = self.next(index) {
            word.set(head(index, of, 0, 0));
            next.set(value);
        }
    }

    #[inline(always)]
    pub(super) fn int(&mut self, index: usize, value: i64) {
        match i32::try_from(value) {
            Ok(small) => self.one(index, Type::Small, small as u32),
            Err(_) => self.two(index, Type::Int, value as u64),
        }
    }

    #[inline(always)]
    pub(super) fn unsigned(&mut self, index: usize, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(index, value),
            Err(_) => self.two(index, Type::Big, value),
        }
    }

    #[inline(always)]
    pub(super) fn float(&mut self, index: usize, value: f64) {
        self.two(index, Type::Float, value.to_bits());
    }

    #[inline(always)]
    pub(super) fn truth(&mut self, index: usize, value: bool) {
        self.one(index, Type::Bool, u32::from(value));
    }

    #[inline(always)]
    pub(super) fn text(&mut self, index: usize, value: &str) {
        let bytes = value.as_bytes();
        // The first word holds four bytes, the second those after them: most names and short values.
        if let (8..=12, Some(last)) = (bytes.len(), bytes.last_chunk::<8>()) {
            let rest = u64::from_le_bytes(*last) >> (8 * (12 - bytes.len()));
            if let Some([word, next]) = self.next(index) {
                word.set(head(index, Type::Text, bytes.len(), first_bytes(bytes)));
                next.set(rest);
            }
        } else {
            self.any_text(index, value);
        }
    }

    /// A text of any length; most fit, and then are whole words.
    fn any_text(&mut self, index: usize, value: &str) {
        let bytes = value.as_bytes();
        let rest = bytes.get(INLINE_BYTES..).unwrap_or_default();
        let length = 1 + rest.len().div_ceil(8);
        let words = self.scratch.words.get(self.at..self.at + length);
        match words.and_then(<[_]>::split_first) {
            Some((head_word, words)) if self.fits(length, bytes) => {
                head_word.set(head(index, Type::Text, bytes.len(), first_bytes(bytes)));
                let (chunks, last) = rest.as_chunks::<8>();
                for (word, chunk) in words.iter().zip(chunks) {
                    word.set(u64::from_le_bytes(*chunk));
                }
                if let (Some(word), false) = (words.last(), last.is_empty()) {
                    word.set(last_bytes(bytes, last));
                }
                self.at += length;
                self.seen |= 1 << (index & 63);
            }
            _ => self.cut_text(index, value),
        }
    }

    #[inline(always)]
    fn fits(&self, length: usize, bytes: &[u8]) -> bool {
        self.at + length <= self.end && bytes.len() <= MOST_TEXT_BYTES
    }

    /// As much of a text as there is room for.
    #[cold]
    fn cut_text(&mut self, index: usize, value: &str) {
        let room = self.room(self.at);
        let (text, _) = cut(value, room);
        if self.at >= self.end || text.len() == value.len() || room == 0 {
            self.dropped += 1;
            return;
        }
        let at = self.at;
        self.any_text(index, text);
        let word = &self.scratch.words[at];
        word.set(head(index, Type::CutText, text.len(), (word.get() >> 32) as u32));
    }

    /// How many bytes of text fit from word `used` on.
    #[inline(always)]
    fn room(&self, used: usize) -> usize {
        match self.end.checked_sub(used + 1) {
            Some(words) => (INLINE_BYTES + words * 8).min(MOST_TEXT_BYTES),
            None => 0,
        }
    }

    /// A text that is made piece by piece.
    pub(super) fn formatted(&mut self, index: usize, text: fmt::Arguments<'_>) {
        let used = self.at;
        let room = self.room(used);
        if used >= self.end || room == 0 {
            self.dropped += 1;
            return;
        }
        self.scratch.words[used].set(0);
        self.scratch.used.set(used + 1);
        // Also when the formatting panics.
        let restored = Restored(&self.scratch.used, self.start);
        let mut pieces = Pieces { scratch: self.scratch, at: used, bytes: 0, room, is_cut: false };
        // A value that cannot be formatted is as far as it came.
        let _ = fmt::Write::write_fmt(&mut pieces, text);
        let Pieces { bytes, is_cut, .. } = pieces;
        let of = if is_cut { Type::CutText } else { Type::Text };
        let inline = (self.scratch.words[used].get() >> 32) as u32;
        self.scratch.words[used].set(head(index, of, bytes, inline));
        self.at = restored.0.get();
        self.seen |= 1 << (index & 63);
    }
}

/// Sets a cell back when it goes.
struct Restored<'a>(&'a Cell<usize>, usize);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        self.0.set(self.1);
    }
}

/// The bytes of a text that stand in the field's first word.
#[inline(always)]
fn first_bytes(text: &[u8]) -> u32 {
    match text.first_chunk() {
        Some(first) => u32::from_le_bytes(*first),
        None => fold(text) as u32,
    }
}

/// The last, fewer than eight, bytes of a text as one word.
#[inline(always)]
fn last_bytes(text: &[u8], last: &[u8]) -> u64 {
    match text.last_chunk() {
        // All at once, and away with what stands in front of them.
        Some(eight) => u64::from_le_bytes(*eight) >> (8 * ((8 - last.len() as u32) & 7)),
        None => fold(last),
    }
}

/// Few bytes as one word, one by one.
#[inline(always)]
fn fold(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// The beginning of a text that fits, at a character's boundary.
#[inline(always)]
fn cut(text: &str, room: usize) -> (&str, Type) {
    if text.len() <= room {
        return (text, Type::Text);
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (&text[..end], Type::CutText)
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
        let (piece, of) = cut(piece, self.room - self.bytes);
        for byte in piece.bytes() {
            let place = self.bytes + INLINE_BYTES;
            let word = self.at + place / 8;
            if place.is_multiple_of(8) {
                self.scratch.words[word].set(0);
                self.scratch.used.set(word + 1);
            }
            let cell = &self.scratch.words[word];
            cell.set(cell.get() | u64::from(byte) << (place % 8 * 8));
            self.bytes += 1;
        }
        self.is_cut = of == Type::CutText;
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Visit for Fields<'_> {
    #[inline]
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.unsigned(field.index(), value);
    }

    #[inline]
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.int(field.index(), value);
    }

    #[inline]
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.truth(field.index(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.float(field.index(), value);
    }

    #[inline]
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.index(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.formatted(field.index(), format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.formatted(field.index(), format_args!("{value:?}"));
    }
}

#[cfg(test)]
#[path = "scratch_tests.rs"]
mod tests;
