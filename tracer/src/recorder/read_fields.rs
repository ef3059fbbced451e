//! Fields on their way out of a block: what `fields.rs` wrote, read back when a trace is kept.

use super::fields::{INLINE_BYTES, Type};

/// A field that was read back from words.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Read {
    Int(i64),
    Big(u64),
    Float(f64),
    Bool(bool),
    Text {
        text: String,
        is_cut: bool,
    },
    /// So many fields found no room.
    Dropped(u32),
}

/// Only the indexes of the fields, in the order in which they were written.
pub(super) fn indexes(mut words: impl Iterator<Item = u64>) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let word = words.next()?;
        let further = match Type::of(word)? {
            Type::Small | Type::Bool | Type::Dropped => 0,
            Type::Int | Type::Big | Type::Float => 1,
            Type::Text | Type::CutText => text_words(word),
        };
        if further > 0 {
            words.nth(further - 1)?;
        }
        Some((word & 0xff) as usize)
    })
}

/// How many words follow on a text's first.
fn text_words(word: u64) -> usize {
    text_bytes(word).saturating_sub(INLINE_BYTES).div_ceil(8)
}

fn text_bytes(word: u64) -> usize {
    (word >> 16 & 0xffff) as usize
}

/// Reads fields back: their index and value, as far as the words make sense.
pub(super) fn read(words: &[u64]) -> Vec<(usize, Read)> {
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(&word) = words.get(at) {
        let Some(of) = Type::of(word) else { break };
        let inline = (word >> 32) as u32;
        let next = words.get(at + 1).copied();
        let (value, length) = match (of, next) {
            (Type::Small, _) => (Read::Int(i64::from(inline as i32)), 1),
            (Type::Bool, _) => (Read::Bool(inline != 0), 1),
            (Type::Dropped, _) => (Read::Dropped(inline), 1),
            (Type::Int, Some(value)) => (Read::Int(value as i64), 2),
            (Type::Big, Some(value)) => (Read::Big(value), 2),
            (Type::Float, Some(value)) => (Read::Float(f64::from_bits(value)), 2),
            (Type::Text | Type::CutText, _) => {
                let length = 1 + text_words(word);
                let Some(rest) = words.get(at + 1..at + length) else { break };
                let text = read_text(text_bytes(word), inline, rest);
                (Read::Text { text, is_cut: of == Type::CutText }, length)
            }
            (Type::Int | Type::Big | Type::Float, None) => break,
        };
        fields.push(((word & 0xff) as usize, value));
        at += length;
    }
    fields
}

fn read_text(bytes: usize, inline: u32, rest: &[u64]) -> String {
    let mut text = Vec::with_capacity(bytes + 8);
    text.extend(inline.to_le_bytes());
    text.extend(rest.iter().flat_map(|word| word.to_le_bytes()));
    text.truncate(bytes);
    String::from_utf8_lossy(&text).into_owned()
}
