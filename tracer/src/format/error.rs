//! What can be wrong with a trace file, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use serde_json::error::Category;

use super::Format;

/// A place in the input. All numbers count from the beginning of the whole input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The byte at which reading stopped, from 0.
    pub byte: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in bytes, from 1.
    pub column: usize,
}

impl Position {
    /// The same place when what was parsed began `bytes` and `lines` into the input.
    pub(super) fn moved(self, bytes: usize, lines: usize) -> Self {
        Position { byte: self.byte + bytes, line: self.line + lines, column: self.column }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {} (line {}, column {})", self.byte, self.line, self.column)
    }
}

/// Why a trace could not be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The input itself could not be read.
    #[error("the trace could not be read: {0}")]
    Io(#[source] io::Error),

    /// There was nothing in it.
    #[error("the trace is empty: expected OTLP JSON, OTLP JSON lines or Jaeger JSON")]
    Empty,

    /// It is in no format that is known.
    #[error(
        "this is not a trace ({found}): expected OTLP JSON (`resourceSpans`), its JSON lines, \
         or Jaeger JSON (`data` or `spans`)"
    )]
    Unknown {
        /// What it begins with.
        found: String,
    },

    /// It is in a format that is known and not read.
    #[error("{dialect} is not read; {advice}")]
    Unsupported {
        /// The format's name.
        dialect: &'static str,
        /// How to get one that is read.
        advice: &'static str,
    },

    /// It ends before it is complete.
    #[error(
        "the {format} ends at {position} before it is complete; {whole_spans} spans before it are \
         whole (a partial read yields them); copy the file again, or wait until it is written"
    )]
    Cut {
        /// The format that it is in.
        format: Format,
        /// Where it ends.
        position: Position,
        /// How many spans were read before.
        whole_spans: usize,
    },

    /// It is not well-formed JSON.
    #[error(
        "the {format} is not well-formed at {position}: {reason}; {whole_spans} spans before it \
         are whole; repair or remove what stands there"
    )]
    Syntax {
        /// The format that it is in.
        format: Format,
        /// Where.
        position: Position,
        /// How many spans were read before.
        whole_spans: usize,
        /// What was wrong, and what was expected.
        reason: String,
    },

    /// It is JSON, but a value is not what the format says.
    #[error(
        "the {format} has a wrong value before {position}: {reason}; {whole_spans} spans before \
         it are whole; correct the program that wrote it, or remove the span"
    )]
    Invalid {
        /// The format that it is in.
        format: Format,
        /// Where reading stopped: right after the value, or after the object that it is in.
        position: Position,
        /// How many spans were read before.
        whole_spans: usize,
        /// What was wrong, and what was expected.
        reason: String,
    },

    /// A line is longer than any request should be.
    #[error(
        "line {line} of the OTLP JSON lines is longer than {limit} bytes; {whole_spans} spans \
         before it are whole; split the request that it holds"
    )]
    LineTooLong {
        /// The line, from 1.
        line: usize,
        /// The most bytes that a line may have.
        limit: usize,
        /// How many spans were read before.
        whole_spans: usize,
    },
}

impl FormatError {
    /// How many spans were whole before the fault.
    pub fn whole_spans(&self) -> usize {
        match self {
            FormatError::Io(_)
            | FormatError::Empty
            | FormatError::Unknown { .. }
            | FormatError::Unsupported { .. } => 0,
            FormatError::Cut { whole_spans, .. }
            | FormatError::Syntax { whole_spans, .. }
            | FormatError::Invalid { whole_spans, .. }
            | FormatError::LineTooLong { whole_spans, .. } => *whole_spans,
        }
    }

    /// Gives a parser's complaint its kind.
    pub(super) fn from_json(
        format: Format,
        error: &serde_json::Error,
        position: Position,
        whole_spans: usize,
    ) -> Self {
        match error.classify() {
            Category::Eof => FormatError::Cut { format, position, whole_spans },
            Category::Data => {
                FormatError::Invalid { format, position, whole_spans, reason: reason_of(error) }
            }
            Category::Syntax | Category::Io => {
                FormatError::Syntax { format, position, whole_spans, reason: reason_of(error) }
            }
        }
    }
}

/// The parser's words without its own line and column, which count from where it began.
fn reason_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Where in `document` the parser stopped. Its line and column are turned into a byte offset,
/// since a trace is often one line of many megabytes.
pub(super) fn position_of(document: &[u8], error: &serde_json::Error) -> Position {
    let line_start = document
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(index, _)| index + 1)
        .nth(error.line().saturating_sub(2))
        .filter(|_| error.line() > 1)
        .unwrap_or(0);
    // The parser's column names the last byte that it took, counted from 1.
    let byte = (line_start + error.column().saturating_sub(1)).min(document.len());
    let byte = if error.is_eof() { document.len() } else { byte };
    let column =
        if error.is_eof() { byte - line_start.min(byte) + 1 } else { error.column().max(1) };
    Position { byte, line: error.line().max(1), column }
}

/// A trace file that could not be written; nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
#[error("{} could not be written: {source}; check that the folder exists, is writable and has room", path.display())]
pub struct WriteFileError {
    /// The file that was wanted.
    pub path: PathBuf,
    /// What went wrong.
    pub source: io::Error,
}
