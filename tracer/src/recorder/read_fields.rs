//! Fields on their way out of a block: what `fields.rs` wrote, read back when a trace is kept.

use super::fields::{Type, further_words};

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
                let bytes = (word >> 16 & 0xffff) as usize;
                let length = 1 + further_words(word);
                let Some(rest) = words.get(at + 1..at + length) else { break };
                let text = read_text(bytes, inline, rest);
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
