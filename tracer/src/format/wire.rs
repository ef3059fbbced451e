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

/// How deep messages may stand in one another; the stack of the reader is bounded by it.
const MOST_DEPTH: usize = 128;

/// A field's number and layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) field: u32,
    pub(super) layout: u32,
}

/// A place in a message, from which fields are taken.
pub(super) struct Wire<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
    /// Where the message ends.
    end: usize,
    depth: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Wire { bytes, at: 0, end: bytes.len(), depth: 0 }
    }

    /// Whether the message has another field.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.at < self.end
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Parsed<u64> {
        match self.bytes.get(self.at) {
            Some(byte) if *byte < 0x80 && self.at < self.end => {
                self.at += 1;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Parsed<u64> {
        let start = self.at;
        let mut number = 0_u64;
        for shift in (0..70).step_by(7) {
            let Some(byte) = self.bytes[..self.end].get(self.at) else { return Err(self.cut()) };
            self.at += 1;
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Fault::syntax(start, "an integer of more than ten bytes"))
    }

    #[inline]
    pub(super) fn tag(&mut self) -> Parsed<Tag> {
        let start = self.at;
        let tag = self.varint()?;
        match u32::try_from(tag) {
            Ok(tag) if tag >> 3 > 0 => Ok(Tag { field: tag >> 3, layout: tag & 7 }),
            _ => Err(Fault::syntax(start, format!("{tag} is not the tag of a field"))),
        }
    }

    /// The bytes of a text or of a nested message.
    #[inline]
    pub(super) fn bytes(&mut self) -> Parsed<&'a [u8]> {
        let end = self.end_of_bytes()?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    #[inline]
    fn end_of_bytes(&mut self) -> Parsed<usize> {
        let start = self.at;
        let length = self.varint()?;
        let left = self.end - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => Ok(self.at + length),
            _ => Err(self.too_long(start, length)),
        }
    }

    #[cold]
    fn too_long(&self, start: usize, length: u64) -> Box<Fault> {
        match self.depth {
            0 => Fault::cut(self.bytes.len()),
            _ => Fault::syntax(
                start,
                format!("a field of {length} bytes in {} bytes of a message", self.end - self.at),
            ),
        }
    }

    #[cold]
    fn cut(&self) -> Box<Fault> {
        match self.depth {
            0 => Fault::cut(self.bytes.len()),
            _ => Fault::syntax(self.at, "a message ends in the middle of a field"),
        }
    }

    #[inline]
    pub(super) fn fixed64(&mut self) -> Parsed<u64> {
        match self.bytes[self.at..self.end].first_chunk() {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(u64::from_le_bytes(*bytes))
            }
            None => Err(self.cut()),
        }
    }

    #[inline]
    pub(super) fn fixed32(&mut self) -> Parsed<u32> {
        match self.bytes[self.at..self.end].first_chunk() {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(u32::from_le_bytes(*bytes))
            }
            None => Err(self.cut()),
        }
    }

    /// Takes a nested message, calling `field` for each of its fields; `field` takes the value.
    #[inline]
    pub(super) fn message(
        &mut self,
        mut field: impl FnMut(&mut Self, Tag) -> Parsed<()>,
    ) -> Parsed<()> {
        let inner = self.end_of_bytes()?;
        let outer = std::mem::replace(&mut self.end, inner);
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Fault::syntax(
                self.at,
                format!("recursion limit: nested more than {MOST_DEPTH} deep"),
            ));
        }
        while self.at < self.end {
            let tag = self.tag()?;
            field(self, tag)?;
        }
        self.depth -= 1;
        self.end = outer;
        Ok(())
    }

    /// Passes over `bytes` bytes, or over as many as there are.
    pub(super) fn pass(&mut self, bytes: u64) -> Parsed<()> {
        let left = self.end - self.at;
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= left => {
                self.at += bytes;
                Ok(())
            }
            _ => {
                self.at = self.end;
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
                self.at,
                format!("field {} has the layout {layout}, which does not exist", tag.field),
            )),
        }
    }
}
