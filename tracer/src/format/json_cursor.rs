//! A small pull parser for JSON, over bytes that are in memory.
//!
//! An own one, where serde_json does for all other formats, for three reasons. It can stop at the
//! end of a window and begin anew at the span before, which a stream of any size needs. It knows the
//! byte at which it stands. And it is measured: see the bench `ingest`. It is as strict as JSON is,
//! takes `null` for "missing", and nests no deeper than [`MOST_DEPTH`].

use std::borrow::Cow;

use super::fault::{Fault, Parsed};

/// How deep objects and lists may stand in one another; the stack of the parser is bounded by it.
const MOST_DEPTH: usize = 128;

/// A place in a JSON text, from which values are taken.
pub(super) struct Cursor<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0, depth: 0 }
    }

    /// Passes over white space and looks at the byte behind it.
    #[inline]
    pub(super) fn peek(&mut self) -> Parsed<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(*byte),
            }
        }
        Err(Fault::cut(self.at))
    }

    /// Takes `byte`, which must come next.
    #[inline]
    fn expect(&mut self, byte: u8, expected: &'static str) -> Parsed<()> {
        if self.peek()? != byte {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// Takes `text` if it comes next, letter for letter.
    #[inline]
    pub(super) fn take<const BYTES: usize>(&mut self, text: &[u8; BYTES]) -> Option<()> {
        let found = self.bytes.get(self.at..)?.first_chunk::<BYTES>()? == text;
        self.at += if found { BYTES } else { 0 };
        found.then_some(())
    }

    /// Takes what is left of a string without escapes, and its quote.
    #[inline]
    pub(super) fn plain(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        let end = plain_end(self.bytes, start);
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some(&self.bytes[start..end])
    }

    #[cold]
    pub(super) fn unexpected(&self, expected: &'static str) -> Box<Fault> {
        let Some(byte) = self.bytes.get(self.at) else { return Fault::cut(self.at) };
        Fault::syntax(self.at, format!("found {:?}, expected {expected}", char::from(*byte)))
    }

    /// The fault of a value that is not what belongs here. The value itself must be well-formed.
    #[cold]
    pub(super) fn wrong_type(&mut self, expected: &'static str) -> Box<Fault> {
        let found = match self.peek() {
            Ok(b'{') => "an object",
            Ok(b'[') => "a list",
            Ok(b'"') => "a string",
            Ok(b't' | b'f') => "a truth value",
            Ok(b'n') => "null",
            Ok(_) => "a number",
            Err(fault) => return fault,
        };
        match self.skip() {
            Ok(()) => Fault::invalid(self.at, format!("found {found}, expected {expected}")),
            Err(fault) => fault,
        }
    }

    #[inline]
    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        match self.depth > MOST_DEPTH {
            true => Err(Fault::syntax(
                self.at,
                format!("recursion limit: nested more than {MOST_DEPTH} deep"),
            )),
            false => Ok(()),
        }
    }

    /// Takes a `null` if there is one.
    #[inline]
    pub(super) fn null(&mut self) -> Parsed<bool> {
        if self.peek()? != b'n' {
            return Ok(false);
        }
        self.word(b"null")?;
        Ok(true)
    }

    fn word(&mut self, word: &'static [u8]) -> Parsed<()> {
        for byte in word {
            match self.bytes.get(self.at) {
                None => return Err(Fault::cut(self.at)),
                Some(found) if found == byte => self.at += 1,
                Some(_) => return Err(self.unexpected("true, false, null or another value")),
            }
        }
        Ok(())
    }

    /// Takes the `,` before the next element, unless it is the first; `false` with the `]`.
    #[inline]
    pub(super) fn next_element(&mut self, is_first: bool) -> Parsed<bool> {
        match self.peek()? {
            b']' => {
                self.at += 1;
                Ok(false)
            }
            _ if is_first => Ok(true),
            b',' => {
                self.at += 1;
                match self.peek()? {
                    b']' => Err(self.unexpected("another element after the comma")),
                    _ => Ok(true),
                }
            }
            _ => Err(self.unexpected("`,` or `]`")),
        }
    }

    /// Takes the next key with its `:`, and the `,` before it unless it is the first; `None` with
    /// the `}`.
    #[inline]
    pub(super) fn next_key(&mut self, is_first: bool) -> Parsed<Option<Cow<'a, [u8]>>> {
        match self.peek()? {
            b'}' => {
                self.at += 1;
                return Ok(None);
            }
            b',' if !is_first => self.at += 1,
            _ if is_first => {}
            _ => return Err(self.unexpected("`,` or `}`")),
        }
        if self.peek()? != b'"' {
            return Err(self.unexpected("a key in quotes"));
        }
        let key = self.string()?;
        self.expect(b':', "`:`")?;
        Ok(Some(key))
    }

    /// Takes an object, calling `field` for each key; `field` takes the value. `null` has no keys.
    #[inline]
    pub(super) fn object(
        &mut self,
        expected: &'static str,
        mut field: impl FnMut(&mut Self, &[u8]) -> Parsed<()>,
    ) -> Parsed<()> {
        if self.peek()? != b'{' {
            return if self.null()? { Ok(()) } else { Err(self.wrong_type(expected)) };
        }
        self.at += 1;
        self.enter()?;
        let mut is_first = true;
        while let Some(key) = self.next_key(is_first)? {
            field(self, &key)?;
            is_first = false;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes a list, calling `element` at each element; `element` takes it. `null` has none.
    #[inline]
    pub(super) fn list(
        &mut self,
        expected: &'static str,
        mut element: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        if self.peek()? != b'[' {
            return if self.null()? { Ok(()) } else { Err(self.wrong_type(expected)) };
        }
        self.at += 1;
        self.enter()?;
        let mut is_first = true;
        while self.next_element(is_first)? {
            element(self)?;
            is_first = false;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Takes a string whose quote comes next; borrowed unless it has escapes. Its bytes are not
    /// known to be UTF-8 yet.
    #[inline]
    pub(super) fn string(&mut self) -> Parsed<Cow<'a, [u8]>> {
        let start = self.at + 1;
        let end = plain_end(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.bytes[start..end]));
        }
        self.escaped(start, end).map(Cow::Owned)
    }

    #[cold]
    fn escaped(&mut self, start: usize, mut end: usize) -> Parsed<Vec<u8>> {
        let mut text = self.bytes[start.min(end)..end].to_vec();
        loop {
            match self.bytes.get(end) {
                None => return Err(Fault::cut(self.bytes.len())),
                Some(b'"') => break,
                Some(b'\\') => end = self.escape(end + 1, &mut text)?,
                Some(_) => {
                    return Err(Fault::syntax(
                        end,
                        "a control character in a string, expected \\n",
                    ));
                }
            }
            let plain = plain_end(self.bytes, end);
            text.extend_from_slice(&self.bytes[end..plain]);
            end = plain;
        }
        self.at = end + 1;
        Ok(text)
    }

    /// Appends what the escape behind the backslash stands for; where it ends.
    fn escape(&self, at: usize, text: &mut Vec<u8>) -> Parsed<usize> {
        let plain = match self.bytes.get(at).ok_or_else(|| Fault::cut(self.bytes.len()))? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'u' => return self.unicode(at + 1, text),
            _ => return Err(Fault::syntax(at, "an escape that JSON does not have")),
        };
        text.push(plain);
        Ok(at + 1)
    }

    fn unicode(&self, at: usize, text: &mut Vec<u8>) -> Parsed<usize> {
        let (mut code, mut end) = (self.four_digits(at)?, at + 4);
        if (0xd800..0xdc00).contains(&code) {
            // A character beyond the first 65,536 is written as two halves.
            let low = match self.bytes.get(end..end + 2) {
                Some(b"\\u") => self.four_digits(end + 2)?,
                Some(_) => 0,
                None => return Err(Fault::cut(self.bytes.len())),
            };
            if (0xdc00..0xe000).contains(&low) {
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                end += 6;
            }
        }
        let letter =
            char::from_u32(code).ok_or_else(|| Fault::syntax(at, "half of a surrogate pair"))?;
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(end)
    }

    fn four_digits(&self, at: usize) -> Parsed<u32> {
        (at..at + 4).try_fold(0, |code, at| {
            let byte = self.bytes.get(at).ok_or_else(|| Fault::cut(self.bytes.len()))?;
            let digit = char::from(*byte).to_digit(16);
            digit
                .map(|digit| code << 4 | digit)
                .ok_or_else(|| Fault::syntax(at, "four hexadecimal digits are expected after \\u"))
        })
    }

    /// Takes a number; its text.
    pub(super) fn number(&mut self) -> Parsed<&'a [u8]> {
        let start = self.at;
        let digits = |cursor: &mut Self| {
            let first = cursor.at;
            while cursor.bytes.get(cursor.at).is_some_and(u8::is_ascii_digit) {
                cursor.at += 1;
            }
            match cursor.at > first {
                true => Ok(()),
                false => Err(cursor.unexpected("a digit")),
            }
        };
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        let leading = self.at;
        digits(self)?;
        if self.bytes[leading] == b'0' && self.at > leading + 1 {
            return Err(Fault::syntax(leading, "a number with a leading zero"));
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            digits(self)?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            digits(self)?;
        }
        // At the end of a window, more digits may follow.
        if self.at == self.bytes.len() {
            Err(Fault::cut(self.at))
        } else {
            Ok(&self.bytes[start..self.at])
        }
    }

    /// Takes a truth value, or `null` for `None`.
    pub(super) fn truth(&mut self) -> Parsed<Option<bool>> {
        match self.peek()? {
            b't' => self.word(b"true").map(|()| Some(true)),
            b'f' => self.word(b"false").map(|()| Some(false)),
            b'n' => self.word(b"null").map(|()| None),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// Passes over a value of any kind.
    pub(super) fn skip(&mut self) -> Parsed<()> {
        match self.peek()? {
            b'{' => self.object("", |cursor, _| cursor.skip()),
            b'[' => self.list("", Self::skip),
            b'"' => self.string().map(drop),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => Err(self.unexpected("a value")),
        }
    }

    /// Takes the end of a text that stands on its own.
    pub(super) fn end(&mut self) -> Parsed<()> {
        match self.peek() {
            Ok(_) => Err(self.unexpected("the end")),
            Err(_) => Ok(()),
        }
    }
}

/// The first byte from `at` on that ends or interrupts a string: a quote, a backslash or a control
/// character. Looks at eight bytes at a time, which is what makes long texts cheap.
#[inline]
fn plain_end(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // In each, the highest bit of a byte is set if the byte is zero, and perhaps in bytes above.
        let quote = word ^ (ONES * b'"' as u64);
        let backslash = word ^ (ONES * b'\\' as u64);
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20));
    at + end.unwrap_or(rest.len())
}
