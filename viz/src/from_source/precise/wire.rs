//! Fields of a protobuf message, one after the other, from the bytes that they stand in.

use super::ScipError;

/// A message that is read field by field.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    /// The next byte to read.
    at: usize,
    /// Where these bytes begin in the file.
    offset: usize,
}

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Field<'a> {
    /// A number or truth value.
    Number(u64),
    /// A text, a message, or packed numbers; and where it begins in the file.
    Bytes(&'a [u8], usize),
    /// Four or eight bytes, which SCIP does not use.
    Fixed,
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Fields { bytes, at: 0, offset }
    }

    /// The number of the next field and what it holds; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>, ScipError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let tag = self.number()?;
        let field = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => self.take(8).map(|_| Field::Fixed)?,
            2 => {
                let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
                let (at, bytes) = (self.at, self.take(length)?);
                Field::Bytes(bytes, self.offset + at)
            }
            5 => self.take(4).map(|_| Field::Fixed)?,
            _ => return Err(self.fault(start, "this is no field of a protobuf message")),
        };
        Ok(Some((tag >> 3, field)))
    }

    /// Packed numbers, of which no message of SCIP has more than four.
    pub(super) fn packed(bytes: &'a [u8], offset: usize) -> Result<([u32; 4], usize), ScipError> {
        let mut of = Fields::new(bytes, offset);
        let (mut numbers, mut count) = ([0; 4], 0);
        while of.at < of.bytes.len() {
            let start = of.at;
            let number = of.number()?;
            match (numbers.get_mut(count), u32::try_from(number)) {
                (Some(place), Ok(number)) => *place = number,
                _ => return Err(of.fault(start, "a range has three or four numbers of 32 bits")),
            }
            count += 1;
        }
        Ok((numbers, count))
    }

    /// A number in as many bytes as it needs, seven bits each, the lowest first.
    fn number(&mut self) -> Result<u64, ScipError> {
        let start = self.at;
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.bytes.get(self.at) else {
                return Err(self.fault(start, "the file ends within a number"));
            };
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.fault(start, "a number has more than 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ScipError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(self.fault(self.at, "a field is longer than what is around it")),
        }
    }

    fn fault(&self, at: usize, why: &'static str) -> ScipError {
        ScipError::Damaged { byte: self.offset + at, why }
    }
}

/// The text of a field.
pub(super) fn text(bytes: &[u8], offset: usize) -> Result<&str, ScipError> {
    std::str::from_utf8(bytes).map_err(|error| ScipError::Damaged {
        byte: offset + error.valid_up_to(),
        why: "a text is not UTF-8",
    })
}
