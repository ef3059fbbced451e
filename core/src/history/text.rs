//! A history as lines of text: one operation a line, so that a failing run can be kept and read.
//!
//! ```text
//! raftlens history 1
//! 3 120 450 write "k1" "3-17"
//! 4 130 - read "k1" -
//! ```
//!
//! Client, called at, returned at (or `-`), what, key, value (or `-` for none). Bytes that are not
//! printable ASCII are written as in a Rust byte string.

use std::fmt;
use std::str::FromStr;

use super::{History, Op, OpKind};

const HEADER: &str = "raftlens history 1";

/// Why a text is not a history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the history: {what}")]
pub struct HistoryTextError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it and what should be there.
    pub what: String,
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        for op in &self.ops {
            write!(f, "{} {} ", op.client, op.invoked_ns)?;
            match op.returned_ns {
                Some(returned) => write!(f, "{returned}")?,
                None => write!(f, "-")?,
            }
            let what = if op.is_write() { "write" } else { "read" };
            write!(f, " {what} \"{}\" ", op.key.escape_ascii())?;
            match op.value() {
                Some(value) => writeln!(f, "\"{}\"", value.escape_ascii())?,
                None => writeln!(f, "-")?,
            }
        }
        Ok(())
    }
}

impl FromStr for History {
    type Err = HistoryTextError;

    fn from_str(text: &str) -> Result<Self, HistoryTextError> {
        let mut lines = text.lines().enumerate().map(|(place, line)| (place + 1, line));
        let header = lines.next().map(|(_, line)| line).unwrap_or_default();
        if header != HEADER {
            let what = format!("expected \"{HEADER}\", found \"{}\"", header.escape_debug());
            return Err(HistoryTextError { line: 1, what });
        }
        let ops: Result<Vec<Op>, _> = lines
            .filter(|(_, text)| !text.is_empty())
            .map(|(line, text)| parse(text).map_err(|what| HistoryTextError { line, what }))
            .collect();
        Ok(History { ops: ops? })
    }
}

fn parse(line: &str) -> Result<Op, String> {
    let mut fields = Fields { rest: line };
    let client = number(fields.word("a client")?)?;
    let invoked_ns = number(fields.word("the time of the call")?)?;
    let returned_ns = match fields.word("the time of the return or -")? {
        "-" => None,
        returned => Some(number(returned)?),
    };
    let what = fields.word("read or write")?;
    let key = fields.bytes("the key")?.ok_or("a key cannot be missing")?;
    let value = fields.bytes("the value or -")?;
    let kind = match (what, value) {
        ("write", Some(value)) => OpKind::Write(value),
        ("write", None) => return Err("a write needs a value".to_owned()),
        ("read", value) => OpKind::Read(value),
        (other, _) => return Err(format!("expected read or write, found {other:?}")),
    };
    if !fields.rest.is_empty() {
        return Err(format!("expected the end of the line, found {:?}", fields.rest));
    }
    Ok(Op { client, key, kind, invoked_ns, returned_ns })
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("expected a number, found {word:?}"))
}

/// What is left of a line.
struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    fn word(&mut self, expected: &str) -> Result<&'a str, String> {
        let (word, rest) = self.rest.split_once(' ').unwrap_or((self.rest, ""));
        self.rest = rest;
        if word.is_empty() { Err(format!("expected {expected}")) } else { Ok(word) }
    }

    /// Bytes in quotes, none for a dash.
    fn bytes(&mut self, expected: &str) -> Result<Option<Vec<u8>>, String> {
        if !self.rest.starts_with('"') {
            return match self.word(expected)? {
                "-" => Ok(None),
                other => Err(format!("expected {expected} in quotes, found {other:?}")),
            };
        }
        let mut bytes = Vec::new();
        let mut left = self.rest.as_bytes().get(1..).unwrap_or_default().iter().copied();
        loop {
            match left.next().ok_or_else(|| format!("{expected} has no closing quote"))? {
                b'"' => break,
                b'\\' => bytes.push(escaped(&mut left)?),
                byte => bytes.push(byte),
            }
        }
        // What is behind a closing quote starts at a character, since a quote is one.
        let used = self.rest.len() - left.len();
        let rest = self.rest.get(used..).unwrap_or_default();
        self.rest = rest.strip_prefix(' ').unwrap_or(rest);
        Ok(Some(bytes))
    }
}

/// The byte behind a backslash, as `escape_ascii` writes it.
fn escaped(left: &mut impl Iterator<Item = u8>) -> Result<u8, String> {
    match left.next() {
        Some(b't') => Ok(b'\t'),
        Some(b'r') => Ok(b'\r'),
        Some(b'n') => Ok(b'\n'),
        Some(same @ (b'\\' | b'"' | b'\'')) => Ok(same),
        Some(b'x') => {
            let mut digit = || char::from(left.next()?).to_digit(16);
            let (high, low) = (digit(), digit());
            high.zip(low)
                .and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
                .ok_or_else(|| "\\x needs two hexadecimal digits".to_owned())
        }
        _ => Err("a backslash needs one of t, r, n, x, a quote or a backslash".to_owned()),
    }
}
