//! Protobuf's wire format, over bytes that are in memory: tags, variable-length integers, nested
//! messages.
//!
//! An own reader, where prost would do, for two reasons. prost builds the whole request out of its
//! own types first, every text in an allocation of its own, only for it to be taken apart again; and
//! its errors do not say where.

use super::fault::{Fault, Parsed};

/// How a field's value is laid out.
pub(super) const VARINT: u32 = 0;
pub(super) const FIXED64: u32 = 1;
pub(super) const BYTES: u32 = 2;
pub(super) const FIXED32: u32 = 5;

/// The integer that is all of `bytes`, if they are one.
#[inline(always)]
pub(super) fn whole_varint(bytes: &[u8]) -> Option<u64> {
    match *bytes {
        [a @ 0..0x80] => Some(u64::from(a)),
        [a @ 0x80..=0xff, b @ 0..0x80] => Some(seven_bits(a) | u64::from(b) << 7),
        [a @ 0x80..=0xff, b @ 0x80..=0xff, c @ 0..0x80] => {
            Some(seven_bits(a) | seven_bits(b) << 7 | u64::from(c) << 14)
        }
        _ => long_whole_varint(bytes),
    }
}

#[inline(never)]
fn long_whole_varint(bytes: &[u8]) -> Option<u64> {
    let mut wire = Wire::new(bytes);
    let number = wire.any_varint().ok()?;
    (!wire.has_more()).then_some(number)
}

#[inline(always)]
fn seven_bits(byte: u8) -> u64 {
    u64::from(byte & 0x7f)
}

/// How deep messages may stand in one another; the stack of the reader is bounded by it.
const MOST_DEPTH: usize = 128;

/// A field's number and layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) field: u32,
    pub(super) layout: u32,
}

/// A place in a message, from which fields are taken.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    /// What is left of the innermost message that is open.
    rest: &'a [u8],
    /// Where that message ends in the bytes.
    end: usize,
    depth: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Wire { rest: bytes, end: bytes.len(), depth: 0 }
    }

    /// Which byte comes next.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.end - self.rest.len()
    }

    /// Whether the message has another field.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    #[inline(always)]
    pub(super) fn varint(&mut self) -> Parsed<u64> {
        match self.rest.split_first() {
            Some((byte, rest)) if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Parsed<u64> {
        match *self.rest {
            [a @ 0x80..=0xff, b @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(seven_bits(a) | u64::from(b) << 7)
            }
            [a @ 0x80..=0xff, b @ 0x80..=0xff, c @ 0..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(seven_bits(a) | seven_bits(b) << 7 | u64::from(c) << 14)
            }
            _ => self.any_varint(),
        }
    }

    fn any_varint(&mut self) -> Parsed<u64> {
        let start = self.at();
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else { return Err(self.cut()) };
            self.rest = rest;
            number |= seven_bits(*byte).checked_shl(shift).unwrap_or(0);
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Fault::syntax(start, "an integer of more than ten bytes"))
    }

    #[inline(always)]
    pub(super) fn tag(&mut self) -> Parsed<Tag> {
        match self.rest.split_first() {
            Some((byte @ 0x08..0x80, rest)) => {
                self.rest = rest;
                Ok(Tag { field: u32::from(byte >> 3), layout: u32::from(byte & 7) })
            }
            _ => self.long_tag(),
        }
    }

    fn long_tag(&mut self) -> Parsed<Tag> {
        let start = self.at();
        let tag = self.long_varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >> 3 > 0 => Ok(Tag { field: tag >> 3, layout: tag & 7 }),
            _ => Err(Fault::syntax(start, format!("{tag} is not the tag of a field"))),
        }
    }

    /// The bytes of the field that comes next and what comes after them, if the field is `tag` and
    /// all there is of it is here; `None` also for a tag of more than one byte, and for 16 KB.
    #[inline(always)]
    pub(super) fn field_ahead(&self, tag: Tag) -> Option<(&'a [u8], &'a [u8])> {
        let mut wire = *self;
        if !wire.takes(tag) {
            return None;
        }
        match *wire.rest {
            [length @ 0..0x80, ref rest @ ..] => rest.split_at_checked(usize::from(length)),
            [low, high @ 0..0x80, ref rest @ ..] => {
                rest.split_at_checked(usize::from(low & 0x7f) | usize::from(high) << 7)
            }
            _ => None,
        }
    }

    /// Which byte comes next once that is left which comes before `rest`.
    #[inline]
    pub(super) fn at_rest(&self, rest: &[u8]) -> usize {
        self.end - rest.len()
    }

    /// Takes a tag that comes next, if it is `tag` and takes one byte.
    #[inline(always)]
    pub(super) fn takes(&mut self, tag: Tag) -> bool {
        match self.rest.split_first() {
            Some((byte, rest)) if u32::from(*byte) == (tag.field << 3 | tag.layout) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The bytes of a text or of a nested message.
    #[inline(always)]
    pub(super) fn bytes(&mut self) -> Parsed<&'a [u8]> {
        let (bytes, rest) = self.bytes_ahead()?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The same, and what comes after them, without taking them. Who may want to come back needs no
    /// copy of the place then; copying it right after a step makes the processor wait for the step.
    #[inline(always)]
    pub(super) fn bytes_ahead(&self) -> Parsed<(&'a [u8], &'a [u8])> {
        match self.few_bytes_ahead() {
            Some(parts) => Ok(parts),
            None => self.many_bytes_ahead(),
        }
    }

    /// The same for fewer than 128 bytes; `None` for more, and for what is cut off.
    #[inline(always)]
    pub(super) fn few_bytes_ahead(&self) -> Option<(&'a [u8], &'a [u8])> {
        let (length @ 0..0x80, rest) = self.rest.split_first()? else { return None };
        rest.split_at_checked(usize::from(*length))
    }

    fn many_bytes_ahead(&self) -> Parsed<(&'a [u8], &'a [u8])> {
        let mut wire = *self;
        let length = wire.varint()?;
        let parts = usize::try_from(length).ok().and_then(|it| wire.rest.split_at_checked(it));
        parts.ok_or_else(|| wire.too_long(self.at(), length))
    }

    /// Goes on at `rest`, which is what [`bytes_ahead`](Self::bytes_ahead) found after the bytes.
    #[inline]
    pub(super) fn go_on_at(&mut self, rest: &'a [u8]) {
        self.rest = rest;
    }

    #[cold]
    fn too_long(&self, start: usize, length: u64) -> Box<Fault> {
        match self.depth {
            0 => Fault::cut(self.end),
            _ => Fault::syntax(
                start,
                format!("a field of {length} bytes in {} bytes of a message", self.rest.len()),
            ),
        }
    }

    #[cold]
    fn cut(&self) -> Box<Fault> {
        match self.depth {
            0 => Fault::cut(self.end),
            _ => Fault::syntax(self.at(), "a message ends in the middle of a field"),
        }
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Parsed<u64> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else { return Err(self.cut()) };
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Parsed<u32> {
        let Some((bytes, rest)) = self.rest.split_first_chunk() else { return Err(self.cut()) };
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }

    /// Takes a nested message, calling `field` for each of its fields; `field` takes the value.
    #[inline(always)]
    pub(super) fn message(
        &mut self,
        field: impl FnMut(&mut Self, Tag) -> Parsed<()>,
    ) -> Parsed<()> {
        let parts = self.bytes_ahead()?;
        self.message_of(parts, field)
    }

    /// The same for a message, and what comes after it, that was found ahead.
    #[inline(always)]
    pub(super) fn message_of(
        &mut self,
        (message, after): (&'a [u8], &'a [u8]),
        mut field: impl FnMut(&mut Self, Tag) -> Parsed<()>,
    ) -> Parsed<()> {
        let end = self.end;
        self.rest = message;
        self.end = end - after.len();
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.too_deep());
        }
        while self.has_more() {
            let tag = self.tag()?;
            field(self, tag)?;
        }
        self.rest = after;
        self.end = end;
        self.depth -= 1;
        Ok(())
    }

    #[cold]
    fn too_deep(&self) -> Box<Fault> {
        Fault::syntax(self.at(), format!("recursion limit: nested more than {MOST_DEPTH} deep"))
    }

    /// Passes over `bytes` bytes, or over as many as there are.
    pub(super) fn pass(&mut self, bytes: u64) -> Parsed<()> {
        let parts = usize::try_from(bytes).ok().and_then(|it| self.rest.split_at_checked(it));
        match parts {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => {
                self.rest = &[];
                Err(self.cut())
            }
        }
    }

    /// Passes over the value of a field that is of no interest.
    pub(super) fn skip(&mut self, tag: Tag) -> Parsed<()> {
        match tag.layout {
            VARINT => self.varint().map(drop),
            FIXED64 => self.fixed64().map(drop),
            FIXED32 => self.fixed32().map(drop),
            BYTES => self.bytes().map(drop),
            layout => Err(Fault::syntax(
                self.at(),
                format!("field {} has the layout {layout}, which does not exist", tag.field),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic fails the test")]

    use super::*;

    /// The shortest form of a number, as protobuf writes it.
    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    #[test]
    fn integers_of_any_length_are_read_and_their_beginnings_are_cut() {
        for shift in 0..64 {
            for number in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = varint(number);
                assert_eq!(whole_varint(&bytes), Some(number));
                for end in 0..bytes.len() {
                    assert_eq!(whole_varint(&bytes[..end]), None, "{number}");
                    assert!(Wire::new(&bytes[..end]).varint().unwrap_err().is_cut());
                }
                bytes.push(7);
                assert_eq!(whole_varint(&bytes), None, "{number} and more");
                let mut wire = Wire::new(&bytes);
                assert_eq!(wire.varint().unwrap(), number);
                assert_eq!(wire.at(), bytes.len() - 1);
            }
        }
        assert!(!Wire::new(&[0xff; 11]).varint().unwrap_err().is_cut());
    }

    #[test]
    fn tags_begin_with_field_one() {
        for first in 0..=u8::MAX {
            let tag = Wire::new(&[first, 0x01, 0x01]).tag();
            let number = match first {
                0x80.. => u32::from(first & 0x7f) | 1 << 7,
                _ => u32::from(first),
            };
            match number >> 3 {
                0 => assert!(!tag.unwrap_err().is_cut(), "{first}"),
                field => assert_eq!(tag.unwrap(), Tag { field, layout: number & 7 }),
            }
        }
    }

    #[test]
    fn a_field_is_seen_ahead_as_it_is_read() {
        let tag = Tag { field: 2, layout: BYTES };
        for length in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000] {
            let mut bytes = vec![0x12];
            bytes.extend(varint(length as u64));
            let head = bytes.len();
            bytes.resize(head + length + 1, b'x');
            let wire = Wire::new(&bytes);
            let ahead = wire.field_ahead(tag);
            assert_eq!(ahead.is_some(), length < 0x4000);
            if let Some((field, rest)) = ahead {
                assert_eq!((field.len(), wire.at_rest(rest)), (length, head + length));
            }
            let cut = &bytes[..head + length - usize::from(length > 0)];
            assert_eq!(Wire::new(cut).field_ahead(tag).is_some(), length == 0);
            assert!(wire.field_ahead(Tag { field: 3, layout: BYTES }).is_none());
        }
    }
}
