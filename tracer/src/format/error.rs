//! What can be wrong with a trace file, where, and what to do about it.

use std::io;
use std::path::PathBuf;

use memchr::{memchr_iter, memrchr};
use serde_json::error::Category;

use super::Format;
use super::fault::{Fault, FaultKind};
use super::unpack::Packing;

/// A place in the input. All numbers count from the beginning of the whole input, of a packed one
/// from the beginning of what it unpacks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The byte at which reading stopped, from 0.
    pub byte: usize,
    /// Its line, from 1; 0 in a binary format, which has no lines.
    pub line: usize,
    /// Its column in bytes, from 1; 0 in a binary format.
    pub column: usize,
    /// Whether the input was packed, so that the numbers are those of the unpacked bytes.
    pub is_unpacked: bool,
}

impl Position {
    /// The same place when what was parsed began `bytes` and `lines` into the input.
    pub(super) fn moved(self, bytes: usize, lines: usize) -> Self {
        Position { byte: self.byte + bytes, line: self.line + lines, ..self }
    }
}

impl Position {
    /// Behind the last of `bytes`, which are the whole input.
    pub(super) fn at_end_of(bytes: &[u8], is_unpacked: bool) -> Self {
        let breaks = memchr_iter(b'\n', bytes).count();
        let line_start = memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let byte = bytes.len();
        Position { byte, line: 1 + breaks, column: 1 + byte - line_start, is_unpacked }
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}", self.byte)?;
        if self.is_unpacked {
            f.write_str(" of the unpacked content")?;
        }
        match self.line {
            0 => Ok(()),
            line => write!(f, " (line {line}, column {})", self.column),
        }
    }
}

/// Why a trace could not be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The input itself could not be read.
    #[error("the trace could not be read: {0}")]
    Io(#[source] io::Error),

    /// There was nothing in it.
    #[error("the trace is empty: expected OTLP, Jaeger JSON, Chrome trace events or Zipkin JSON")]
    Empty,

    /// It is in no format that is known.
    #[error(
        "this is not a trace ({found}): expected OTLP JSON (`resourceSpans`), its JSON lines, \
         OTLP protobuf, Jaeger JSON (`data` or `spans`), Chrome trace events (`traceEvents`), or \
         Zipkin JSON (`traceId` and `id`)"
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

    /// It is not well-formed JSON or protobuf.
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

    /// It is well-formed, but a value is not what the format says.
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

    /// Something that must be in memory as a whole is larger than it may be.
    #[error(
        "the {format} has a span (or a value beside spans, or in Jaeger JSON a trace) of more than \
         {limit} bytes at {position}; {whole_spans} spans before it are whole; split it, or raise \
         the limit (`ReadOptions::most_item_bytes`)"
    )]
    TooLarge {
        /// The format that it is in.
        format: Format,
        /// Where it begins.
        position: Position,
        /// The most bytes that it may have.
        limit: usize,
        /// How many spans were read before.
        whole_spans: usize,
    },

    /// A packed input unpacks to more than is read as a whole.
    #[error(
        "the {packing} input unpacks to more than {limit} bytes; {whole_spans} spans in them are \
         whole; read it as a stream, or raise the limit (`ReadOptions::most_unpacked_bytes`)"
    )]
    UnpacksToTooMuch {
        /// How it is packed.
        packing: Packing,
        /// The most bytes that are unpacked.
        limit: u64,
        /// How many spans were read before.
        whole_spans: usize,
    },

    /// A packed input is damaged.
    #[error(
        "the {packing} input is damaged: {reason}; what comes before {position} was unpacked, with \
         {whole_spans} whole spans; copy the file again"
    )]
    Damaged {
        /// How it is packed.
        packing: Packing,
        /// How much was unpacked before.
        position: Position,
        /// How many spans were read before.
        whole_spans: usize,
        /// What the unpacker says.
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
            | FormatError::TooLarge { whole_spans, .. }
            | FormatError::UnpacksToTooMuch { whole_spans, .. }
            | FormatError::Damaged { whole_spans, .. }
            | FormatError::LineTooLong { whole_spans, .. } => *whole_spans,
        }
    }

    /// Gives a fault its place in the input.
    pub(super) fn from_fault(
        format: Format,
        fault: Fault,
        position: Position,
        whole_spans: usize,
    ) -> Self {
        match fault.kind {
            FaultKind::Cut => FormatError::Cut { format, position, whole_spans },
            FaultKind::Syntax(reason) => {
                FormatError::Syntax { format, position, whole_spans, reason: reason.into_owned() }
            }
            FaultKind::Invalid(reason) => {
                FormatError::Invalid { format, position, whole_spans, reason: reason.into_owned() }
            }
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
pub(super) fn reason_of(error: &serde_json::Error) -> String {
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
    Position { byte, line: error.line().max(1), column, is_unpacked: false }
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
