//! Trace files: which formats there are, and the way in and out of each. Everything meets in the
//! span model; no reader knows a writer.
//!
//! - [`read`] takes a whole trace or fails; [`read_partial`] also gives what was whole before the
//!   fault, so a file that was cut off is still worth something.
//! - [`OtlpLines`] reads JSON lines one request at a time, in memory that does not grow.
//! - [`write()`] writes to anything, [`write_file`] so that no half-written file is ever seen.
//!
//! What a format cannot hold: OTLP JSON drops nothing of the model. Jaeger JSON has microseconds
//! and no link attributes; the writer puts both into tags named `raftlens.*` that the reader takes
//! back and removes. Not read yet, and refused by name: Zipkin, Chrome trace events, Tempo's
//! dialect of OTLP, OTLP protobuf, compressed files.

mod any_value;
mod atomic_file;
mod detect;
mod error;
mod ids;
mod intern;
mod jaeger_read;
mod jaeger_span;
mod jaeger_tags;
mod jaeger_write;
mod number;
mod otlp_lines;
mod otlp_read;
mod otlp_write;
mod report;
mod walk;

use std::fmt;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::path::Path;
use std::str::FromStr;

use crate::model::TraceSet;

pub use detect::detect;
pub use error::{FormatError, Position, WriteFileError};
pub use otlp_lines::OtlpLines;
pub use report::{ReadReport, Warning};

#[cfg(any(feature = "otel", feature = "receiver"))]
pub(crate) use intern::Interner;

use error::position_of;
use intern::Builder;

/// How many bytes are looked at to tell the format.
const DETECT_BYTES: u64 = 64 * 1024;

/// A trace file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// OpenTelemetry's file form: one `ExportTraceServiceRequest` as JSON on each line.
    OtlpJsonLines,
    /// One `ExportTraceServiceRequest` as a JSON document.
    OtlpJson,
    /// One `ExportTraceServiceRequest` as protobuf, or several that follow one another.
    OtlpProtobuf,
    /// What Jaeger's UI uploads and downloads and its `/api/traces` returns.
    JaegerJson,
    /// Chrome's trace events, which Perfetto opens.
    ChromeJson,
    /// Zipkin's version 2 list of spans; read, not written.
    ZipkinJson,
}

impl Format {
    /// All formats, in the order in which help texts list them.
    pub const ALL: [Format; 6] = [
        Format::OtlpJsonLines,
        Format::OtlpJson,
        Format::OtlpProtobuf,
        Format::JaegerJson,
        Format::ChromeJson,
        Format::ZipkinJson,
    ];

    /// The name that [`FromStr`] takes: `otlp-jsonl`, `otlp-json`, `otlp-proto`, `jaeger`, `chrome`
    /// or `zipkin`.
    pub fn name(self) -> &'static str {
        match self {
            Format::OtlpJsonLines => "otlp-jsonl",
            Format::OtlpJson => "otlp-json",
            Format::OtlpProtobuf => "otlp-proto",
            Format::JaegerJson => "jaeger",
            Format::ChromeJson => "chrome",
            Format::ZipkinJson => "zipkin",
        }
    }

    /// The usual end of a file's name, without the leading dot: `otlp.jsonl`.
    pub fn extension(self) -> &'static str {
        match self {
            Format::OtlpJsonLines => "otlp.jsonl",
            Format::OtlpJson => "otlp.json",
            Format::OtlpProtobuf => "otlp.pb",
            Format::JaegerJson => "jaeger.json",
            Format::ChromeJson => "chrome.json",
            Format::ZipkinJson => "zipkin.json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::OtlpJsonLines => "OTLP JSON lines",
            Format::OtlpJson => "OTLP JSON",
            Format::OtlpProtobuf => "OTLP protobuf",
            Format::JaegerJson => "Jaeger JSON",
            Format::ChromeJson => "Chrome trace events",
            Format::ZipkinJson => "Zipkin JSON",
        })
    }
}

/// The name of a format that does not exist.
#[derive(Debug, thiserror::Error)]
#[error(
    "there is no trace format {0:?}; take one of otlp-jsonl, otlp-json, otlp-proto, jaeger, chrome, zipkin"
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Reads a whole trace, whatever its format.
///
/// # Errors
///
/// [`FormatError`] when the input is not a trace in a format that is read, is cut off, or could
/// not be read at all. It says where, and how many spans were whole; [`read_partial`] gives them.
pub fn read(input: impl BufRead) -> Result<ReadReport, FormatError> {
    let mut report = read_partial(input);
    match report.error.take() {
        Some(error) => Err(error),
        None => Ok(report),
    }
}

/// Reads as much of a trace as is whole: never fails, but says in [`ReadReport::error`] what
/// stopped it.
pub fn read_partial(mut input: impl BufRead) -> ReadReport {
    let mut prefix = Vec::new();
    if let Err(error) = input.by_ref().take(DETECT_BYTES).read_to_end(&mut prefix) {
        return ReadReport::failed(FormatError::Io(error));
    }
    let format = match detect(&prefix) {
        Ok(format) => format,
        Err(error) => return ReadReport::failed(error),
    };
    read_as(Cursor::new(prefix).chain(input), format)
}

/// Reads as much of a trace as is whole, in a format that is known.
pub fn read_as(mut input: impl BufRead, format: Format) -> ReadReport {
    if format == Format::OtlpJsonLines {
        return read_lines(input);
    }
    let mut bytes = Vec::new();
    if let Err(error) = input.read_to_end(&mut bytes) {
        return ReadReport::failed(FormatError::Io(error));
    }
    let document = detect::without_byte_order_mark(&bytes);
    let mut builder = Builder::default();
    let outcome = match format {
        Format::JaegerJson => jaeger_read::document(document, &mut builder),
        Format::OtlpJson | Format::OtlpJsonLines => otlp_read::document(document, &mut builder),
        Format::OtlpProtobuf | Format::ChromeJson | Format::ZipkinJson => {
            return ReadReport::failed(FormatError::Unsupported {
                dialect: format.name(),
                advice: "convert it to OTLP JSON first",
            });
        }
    };
    let error = outcome.err().map(|error| {
        let offset = bytes.len() - document.len();
        let position = position_of(document, &error).moved(offset, 0);
        FormatError::from_json(format, &error, position, builder.whole_spans())
    });
    report::finish(builder, format, error)
}

/// Gathers the lines of a JSON lines file into one set.
fn read_lines(input: impl BufRead) -> ReadReport {
    let mut lines = OtlpLines::new(input);
    let mut error = None;
    while let Some(outcome) = lines.read_line() {
        if let Err(fault) = outcome {
            error = Some(fault);
            break;
        }
    }
    report::finish(lines.into_builder(), Format::OtlpJsonLines, error)
}

/// Writes `traces` in `format`.
///
/// # Errors
///
/// What `output` says; nothing in the model can fail to be written.
pub fn write(traces: &TraceSet, output: impl Write, format: Format) -> io::Result<()> {
    match format {
        Format::OtlpJsonLines => otlp_write::lines(traces, output),
        Format::OtlpJson => otlp_write::document(traces, output),
        Format::JaegerJson => jaeger_write::document(traces, output),
        Format::OtlpProtobuf | Format::ChromeJson | Format::ZipkinJson => {
            Err(io::Error::new(io::ErrorKind::Unsupported, format!("{format} is not written")))
        }
    }
}

/// Writes `traces` to the file at `path`, which appears only when it is complete: it is written
/// beside its place and renamed at the end, and removed when anything fails.
///
/// # Errors
///
/// [`WriteFileError`], which names the file.
pub fn write_file(traces: &TraceSet, path: &Path, format: Format) -> Result<(), WriteFileError> {
    atomic_file::write(path, |output| write(traces, output, format))
        .map_err(|source| WriteFileError { path: path.to_owned(), source })
}
