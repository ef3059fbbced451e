//! Reads OTLP JSON lines one request at a time, so that memory holds one line and not the file.

use std::io::{BufRead, Read};

use super::detect::without_byte_order_mark;
use super::error::Position;
use super::intern::Builder;
use super::{Format, FormatError, otlp_read};
use crate::model::TraceSet;

/// More than any exporter sends in one request; a longer line is not a line of requests.
const DEFAULT_MOST_LINE_BYTES: usize = 256 << 20;

/// The requests of a JSON lines file, each with its own resources.
///
/// As an iterator it yields one [`TraceSet`] a line and ends after the first fault. The spans of
/// one trace may stand in several lines.
pub struct OtlpLines<R> {
    input: R,
    line: Vec<u8>,
    /// Bytes and lines before the current line.
    bytes_before: usize,
    lines_before: usize,
    builder: Builder,
    finished: bool,
    most_line_bytes: usize,
}

impl<R: BufRead> OtlpLines<R> {
    /// Reads from `input`, which should be JSON lines (see [`detect`](super::detect)).
    pub fn new(input: R) -> Self {
        OtlpLines {
            input,
            line: Vec::new(),
            bytes_before: 0,
            lines_before: 0,
            builder: Builder::default(),
            finished: false,
            most_line_bytes: DEFAULT_MOST_LINE_BYTES,
        }
    }

    /// Refuses lines of more than `bytes` bytes, line break included; 256 MB by default. This
    /// bounds the memory that a file of someone else can take.
    pub fn most_line_bytes(mut self, bytes: usize) -> Self {
        self.most_line_bytes = bytes;
        self
    }

    /// Reads one more line that is not blank into the builder; `None` at the end.
    fn read_line(&mut self) -> Option<Result<(), FormatError>> {
        while !self.finished {
            self.line.clear();
            let mut limited = self.input.by_ref().take(self.most_line_bytes as u64 + 1);
            let outcome = match limited.read_until(b'\n', &mut self.line) {
                Err(error) => Err(FormatError::Io(error)),
                Ok(0) => {
                    self.finished = true;
                    break;
                }
                Ok(length) if length > self.most_line_bytes => Err(FormatError::LineTooLong {
                    line: self.lines_before + 1,
                    limit: self.most_line_bytes,
                    whole_spans: self.builder.whole_spans(),
                }),
                Ok(_) if self.line.trim_ascii().is_empty() => {
                    self.step();
                    continue;
                }
                Ok(_) => self.parse(),
            };
            self.finished = outcome.is_err();
            self.step();
            return Some(outcome);
        }
        None
    }

    fn parse(&mut self) -> Result<(), FormatError> {
        let request = without_byte_order_mark(&self.line);
        let skipped = self.line.len() - request.len();
        otlp_read::document(request, &mut self.builder).map_err(|fault| {
            // The line break belongs to the line, and not to what is cut off before it.
            let text = request.strip_suffix(b"\n").unwrap_or(request);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            let byte = fault.at.min(text.len());
            let position = Position { byte, line: 1, column: byte + 1, is_unpacked: false };
            let position = position.moved(self.bytes_before + skipped, self.lines_before);
            let whole_spans = self.builder.whole_spans();
            FormatError::from_fault(Format::OtlpJsonLines, *fault, position, whole_spans)
        })
    }

    fn step(&mut self) {
        self.bytes_before += self.line.len();
        self.lines_before += 1;
    }
}

impl<R: BufRead> Iterator for OtlpLines<R> {
    type Item = Result<TraceSet, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        let outcome = self.read_line()?;
        Some(outcome.map(|()| self.builder.take_batch()))
    }
}
