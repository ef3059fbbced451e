//! The single values of OTLP JSON: numbers that may stand in quotes, ids, enums by number or name.

use std::borrow::Cow;
use std::str;

use super::fault::{Fault, Parsed};
use super::ids::otlp_id;
use super::intern::Interner;
use super::json_cursor::Cursor;
use super::number::Integer;
use crate::model::{ArcStr, SpanId, TraceId};

impl<'a> Cursor<'a> {
    /// A text as bytes, empty for `null`.
    #[inline]
    pub(super) fn text(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek()? {
            b'"' => self.string(),
            b'n' => self.null().map(|_| Cow::Borrowed(&b""[..])),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// A text, shared with earlier ones.
    #[inline]
    pub(super) fn shared_text(&mut self, interner: &mut Interner) -> Parsed<ArcStr> {
        let text = self.text()?;
        interner.value(&text).ok_or_else(|| self.not_text())
    }

    /// A text of which there are few, shared with earlier ones.
    #[inline]
    pub(super) fn shared_name(&mut self, interner: &mut Interner) -> Parsed<ArcStr> {
        let text = self.text()?;
        interner.name(&text).ok_or_else(|| self.not_text())
    }

    #[cold]
    fn not_text(&self) -> Box<Fault> {
        Fault::invalid(self.at, "a string that is not UTF-8")
    }

    /// An integer, as a number or in quotes. It never passes through a float, which holds only 53
    /// bits of a nanosecond time.
    #[inline]
    pub(super) fn int<T: Integer>(&mut self) -> Parsed<T> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                match digits(&text) {
                    Some(number) => self.in_range(i128::from(number)),
                    None => self.quoted_int(&text),
                }
            }
            b'-' | b'0'..=b'9' => {
                let text = self.number()?;
                match digits(text) {
                    Some(number) => self.in_range(i128::from(number)),
                    None => self.odd_int(text),
                }
            }
            b'n' => self.null().map(|_| T::default()),
            _ => Err(self.wrong_type(T::NAME)),
        }
    }

    #[inline]
    fn in_range<T: Integer>(&self, wide: i128) -> Parsed<T> {
        T::try_from(wide).map_err(|_| self.wrong(format!("{wide} is out of range"), T::NAME))
    }

    #[cold]
    fn wrong(&self, what: String, expected: &str) -> Box<Fault> {
        Fault::invalid(self.at, format!("{what}, expected {expected}"))
    }

    /// What is in quotes and not plain digits: a sign, nothing, or nonsense.
    fn quoted_int<T: Integer>(&self, text: &[u8]) -> Parsed<T> {
        if text.is_empty() {
            return Ok(T::default());
        }
        let text = String::from_utf8_lossy(text);
        let wide = text
            .parse()
            .map_err(|_| self.wrong(format!("{text:?} is not {}", T::NAME), "digits"))?;
        self.in_range(wide)
    }

    /// A number with a sign, a fraction or an exponent. `5.0` and `1e3` are integers to JSON; beyond
    /// 53 bits a float is no longer what was written, and guessing would shift a time by hundreds of
    /// nanoseconds.
    fn odd_int<T: Integer>(&self, text: &[u8]) -> Parsed<T> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let text = String::from_utf8_lossy(text);
        if let Ok(wide) = text.parse::<i128>() {
            return self.in_range(wide);
        }
        match text.parse::<f64>() {
            Ok(float) if float.fract() == 0.0 && float.abs() <= EXACT => {
                self.in_range(float as i128)
            }
            _ => Err(self.wrong(format!("{text} is not an exact integer"), T::NAME)),
        }
    }

    /// A float, as a number or in quotes, where it may be `NaN`, `Infinity` or `-Infinity`.
    pub(super) fn float(&mut self) -> Parsed<Option<f64>> {
        let text = match self.peek()? {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => Cow::Borrowed(self.number()?),
            b'n' => return self.null().map(|_| None),
            _ => return Err(self.wrong_type("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")),
        };
        // Rust's own parser also takes the three names, in any case.
        str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).map(Some).ok_or_else(|| {
            let text = String::from_utf8_lossy(&text);
            self.wrong(format!("{text:?} is not a number"), "digits or \"NaN\"")
        })
    }

    /// A trace id; zero when it is missing.
    #[inline]
    pub(super) fn trace_id(&mut self) -> Parsed<TraceId> {
        let text = self.id_text()?;
        otlp_id::<16>(&text).map(TraceId).map_err(|reason| Fault::invalid(self.at, reason))
    }

    /// A span id; zero when it is missing.
    #[inline]
    pub(super) fn span_id(&mut self) -> Parsed<SpanId> {
        let text = self.id_text()?;
        let id = otlp_id::<8>(&text).map_err(|reason| Fault::invalid(self.at, reason))?;
        Ok(SpanId(id as u64))
    }

    #[inline]
    fn id_text(&mut self) -> Parsed<Cow<'a, [u8]>> {
        match self.peek()? {
            b'"' => self.string(),
            b'n' => self.null().map(|_| Cow::Borrowed(&b""[..])),
            _ => Err(self.wrong_type("an id of hexadecimal digits")),
        }
    }

    /// An enum: by its number, as OTLP has it, or by its name, as plain protobuf JSON has it.
    pub(super) fn choice(&mut self, names: &[&str]) -> Parsed<i64> {
        if self.peek()? != b'"' {
            return self.int();
        }
        let text = self.string()?;
        match names.iter().position(|name| name.as_bytes() == &*text) {
            Some(number) => Ok(number as i64),
            None => self.quoted_int(&text),
        }
    }
}

/// The number behind one to eighteen digits, which cannot overflow, or nineteen that do not.
#[inline]
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // 19 nines are below 2 to the 64th.
        number = number * 10 + u64::from(digit);
    }
    Some(number)
}
