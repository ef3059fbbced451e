//! Writes the fields of an entry, as words.
//!
//! A field is one word, `index:8 | type:8 | bytes:16 | inline:32`, and the words that its type asks
//! for. Small integers and truth values stand inline; a text begins inline and goes on in the words
//! that follow, and may be as long as [`MOST_TEXT_BYTES`].
//!
//! They are written where they stay, if the thread has leased cells of the trace and they fit; else,
//! and as soon as a value has to be formatted, which may record something itself, into the thread's
//! memory (`scratch.rs`), from where they are copied.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};

use super::scratch::Scratch;

/// The most bytes of one text; longer ones are cut there.
pub(super) const MOST_TEXT_BYTES: usize = 1024;
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

/// How many words of a field follow on its first, which says how many bytes it has: all but the
/// [`INLINE_BYTES`] of a text, and the eight of a large number.
#[inline(always)]
pub(super) fn further_words(head: u64) -> usize {
    ((head >> 16 & 0xffff) as usize + 8 - INLINE_BYTES - 1) / 8
}

/// A field's first word.
#[inline(always)]
fn head(index: usize, of: Type, bytes: usize, inline: u32) -> u64 {
    (index as u64 & 0xff) | (of as u64) << 8 | (bytes as u64) << 16 | u64::from(inline) << 32
}

/// Writes fields.
pub(super) struct Fields<'a> {
    scratch: &'a Scratch,
    /// All words that there are for them, and those that are free.
    words: &'a [AtomicU64],
    rest: &'a [AtomicU64],
    is_in_place: bool,
    dropped: u32,
}

impl<'a> Fields<'a> {
    /// A writer to `words`, which are those of a block, or of `scratch`.
    #[inline(always)]
    pub(super) fn new(scratch: &'a Scratch, words: &'a [AtomicU64], is_in_place: bool) -> Self {
        Fields { scratch, words, rest: words, is_in_place, dropped: 0 }
    }

    /// Whether the fields stand where they stay.
    #[inline(always)]
    pub(super) fn is_in_place(&self) -> bool {
        self.is_in_place
    }

    /// How many words are written.
    #[inline(always)]
    pub(super) fn used(&self) -> usize {
        self.words.len() - self.rest.len()
    }

    /// Completes the fields in the thread's memory; how many words they take.
    #[inline]
    pub(super) fn finish(&mut self) -> usize {
        let used = self.used();
        // Five values that record while they are formatted, one inside the other, and all full: then
        // even this is not said.
        match self.scratch.behind_others().get(used).filter(|_| self.dropped > 0) {
            Some(word) => {
                set(word, head(0, Type::Dropped, 0, self.dropped));
                used + 1
            }
            None => used,
        }
    }

    /// Whether one of `fields`, a bit each, was written, of which `count` words are.
    #[inline]
    pub(super) fn has_any(&self, fields: u64, count: usize) -> bool {
        let words = self.written(count);
        let mut at = 0;
        while let Some(word) = words.get(at) {
            let head = word.load(Ordering::Relaxed);
            if fields >> (head & 63) & 1 != 0 {
                return true;
            }
            at += 1 + further_words(head);
        }
        false
    }

    /// What was written, which is `count` words.
    #[inline]
    pub(super) fn written(&self, count: usize) -> &[AtomicU64] {
        let words = if self.is_in_place { self.words } else { self.scratch.behind_others() };
        words.get(..count).unwrap_or_default()
    }

    /// Goes on in the thread's memory.
    #[cold]
    fn leave_place(&mut self) {
        let used = self.used();
        let room = self.scratch.room();
        for (to, from) in room.iter().zip(&self.words[..used]) {
            set(to, from.load(Ordering::Relaxed));
        }
        (self.words, self.rest) = (room, room.get(used..).unwrap_or_default());
        self.is_in_place = false;
    }

    /// The next `COUNT` words; none if there are not so many.
    #[inline(always)]
    fn next<const COUNT: usize>(&mut self) -> Option<&'a [AtomicU64; COUNT]> {
        let (words, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(words)
    }

    #[inline(always)]
    fn one(&mut self, word: u64) {
        match self.next() {
            Some([place]) => set(place, word),
            None => self.one_elsewhere(word),
        }
    }

    #[cold]
    fn one_elsewhere(&mut self, word: u64) {
        if self.is_in_place {
            self.leave_place();
            return self.one(word);
        }
        self.dropped += 1;
    }

    #[inline(always)]
    fn two(&mut self, word: u64, value: u64) {
        match self.next() {
            Some([first, second]) => {
                set(first, word);
                set(second, value);
            }
            None => self.two_elsewhere(word, value),
        }
    }

    #[cold]
    fn two_elsewhere(&mut self, word: u64, value: u64) {
        if self.is_in_place {
            self.leave_place();
            return self.two(word, value);
        }
        self.dropped += 1;
    }

    #[inline(always)]
    fn three(&mut self, word: u64, value: u64, further: u64) {
        match self.next() {
            Some([first, second, third]) => {
                set(first, word);
                set(second, value);
                set(third, further);
            }
            None => self.three_elsewhere(word, value, further),
        }
    }

    #[cold]
    fn three_elsewhere(&mut self, word: u64, value: u64, further: u64) {
        if self.is_in_place {
            self.leave_place();
            return self.three(word, value, further);
        }
        self.dropped += 1;
    }

    #[inline(always)]
    pub(super) fn int(&mut self, index: usize, value: i64) {
        match i32::try_from(value) {
            Ok(small) => self.one(head(index, Type::Small, 0, small as u32)),
            Err(_) => self.two(head(index, Type::Int, 8, 0), value as u64),
        }
    }

    #[inline(always)]
    pub(super) fn unsigned(&mut self, index: usize, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.int(index, value),
            Err(_) => self.two(head(index, Type::Big, 8, 0), value),
        }
    }

    #[inline(always)]
    pub(super) fn float(&mut self, index: usize, value: f64) {
        self.two(head(index, Type::Float, 8, 0), value.to_bits());
    }

    #[inline(always)]
    pub(super) fn truth(&mut self, index: usize, value: bool) {
        self.one(head(index, Type::Bool, 0, u32::from(value)));
    }

    /// Most texts are names and short values: they are written without a loop.
    #[inline]
    pub(super) fn text(&mut self, index: usize, value: &str) {
        let bytes = value.as_bytes();
        let length = bytes.len();
        let word = head(index, Type::Text, length, first_bytes(bytes));
        match length {
            0..=4 => self.one(word),
            5..=7 => {
                let last = bytes.last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
                self.two(word, u64::from(last) >> (8 * (8 - length)));
            }
            8..=12 => {
                let last = bytes.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
                self.two(word, last >> (8 * (12 - length)));
            }
            13..=20 => {
                let middle = bytes[4..].first_chunk().map_or(0, |next| u64::from_le_bytes(*next));
                let last = bytes.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
                self.three(word, middle, last >> (8 * (20 - length)));
            }
            _ => self.long_text(index, value),
        }
    }

    /// A longer text; most fit, and then are whole words.
    #[inline(never)]
    fn long_text(&mut self, index: usize, value: &str) {
        let bytes = value.as_bytes();
        let after = bytes.get(INLINE_BYTES..).unwrap_or_default();
        let split = self.rest.split_at_checked(1 + after.len().div_ceil(8));
        match split.and_then(|(words, rest)| Some((words.split_first()?, rest))) {
            Some(((head_word, words), rest)) if bytes.len() <= MOST_TEXT_BYTES => {
                set(head_word, head(index, Type::Text, bytes.len(), first_bytes(bytes)));
                // There are at least eight bytes: the last of them at once, and away with what stands
                // in front of those that are left.
                let last = bytes.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
                let mut left = after;
                for word in words {
                    match left.split_first_chunk() {
                        Some((chunk, further)) => {
                            set(word, u64::from_le_bytes(*chunk));
                            left = further;
                        }
                        None => set(word, last >> (8 * (8 - left.len()))),
                    }
                }
                self.rest = rest;
            }
            _ if self.is_in_place => {
                self.leave_place();
                self.long_text(index, value);
            }
            _ => self.cut_text(index, value),
        }
    }

    /// As much of a text as there is room for.
    #[cold]
    fn cut_text(&mut self, index: usize, value: &str) {
        let text = cut(value, self.room());
        let Some(word) = self.rest.first().filter(|_| text.len() < value.len()) else {
            self.dropped += 1;
            return;
        };
        self.text(index, text);
        let inline = (word.load(Ordering::Relaxed) >> 32) as u32;
        set(word, head(index, Type::CutText, text.len(), inline));
    }

    /// How many bytes of text fit.
    fn room(&self) -> usize {
        match self.rest.len().checked_sub(1) {
            Some(words) => (INLINE_BYTES + words * 8).min(MOST_TEXT_BYTES),
            None => 0,
        }
    }

    /// A text that is made piece by piece.
    pub(super) fn formatted(&mut self, index: usize, text: fmt::Arguments<'_>) {
        if self.is_in_place {
            self.leave_place();
        }
        let Some(word) = self.rest.first() else {
            self.dropped += 1;
            return;
        };
        let (bytes, is_cut) = self.scratch.format(self.used(), self.room(), text);
        let of = if is_cut { Type::CutText } else { Type::Text };
        let inline = (word.load(Ordering::Relaxed) >> 32) as u32;
        let head = head(index, of, bytes, inline);
        set(word, head);
        self.rest = self.rest.get(1 + further_words(head)..).unwrap_or_default();
    }
}

#[inline(always)]
fn set(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Relaxed);
}

/// The bytes of a text that stand in the field's first word.
#[inline(always)]
fn first_bytes(text: &[u8]) -> u32 {
    match *text {
        [] => 0,
        [a] => u32::from_le_bytes([a, 0, 0, 0]),
        [a, b] => u32::from_le_bytes([a, b, 0, 0]),
        [a, b, c] => u32::from_le_bytes([a, b, c, 0]),
        [a, b, c, d, ..] => u32::from_le_bytes([a, b, c, d]),
    }
}

/// The beginning of a text that fits, at a character's boundary.
#[inline(always)]
pub(super) fn cut(text: &str, room: usize) -> &str {
    if text.len() <= room {
        return text;
    }
    let mut end = room;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.unsigned(field.index(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.int(field.index(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.truth(field.index(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.float(field.index(), value);
    }

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
