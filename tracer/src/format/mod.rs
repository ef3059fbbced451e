//! Trace files: which formats there are, and the way in and out of each. Everything meets in the
//! span model; no reader knows a writer.
//!
//! - [`read`] takes a whole trace or fails; [`read_partial`] also gives what was whole before the
//!   fault, so a file that was cut off is still worth something.
//! - [`stream`] hands out the spans of an input of any size in batches, in memory that does not grow;
//!   [`OtlpLines`] does so for JSON lines, request by request.
//! - [`write()`] writes to anything, [`write_file`] so that no half-written file is ever seen.
//!
//! - [`losses`] counts what a trace would lose in a format, before it is written.
//!
//! # What each format cannot hold
//!
//! Everything of the model that is not in this table is kept by every format that is written. `own
//! tags` means that it stands where only raftlens looks: in Jaeger JSON in tags named `raftlens.*`,
//! in Chrome trace events in `args`.
//!
//! | detail | `otlp-jsonl` | `otlp-json` | `otlp-proto` | `jaeger` | `chrome` |
//! |---|---|---|---|---|---|
//! | resources without spans | lost | lost | lost | lost | lost |
//! | spans without an id | lost | lost | lost | lost | lost |
//! | links without an id | kept | kept | kept | lost | own tags |
//! | empty service names | kept | kept | kept | lost | kept |
//! | times finer than a microsecond | kept | kept | kept | own tags | kept |
//! | spans that end before they start | kept | kept | kept | own tags | own tags |
//! | links with details of their own | kept | kept | kept | own tags | own tags |
//! | links to spans elsewhere | kept | kept | kept | kept | own tags |
//! | attributes that are lists or maps | kept | kept | kept | own tags | kept |
//!
//! Spans without an id are refused by OTLP's readers and get an id from ours in the other two. The
//! order of spans and attributes may change; a resource that occurs twice becomes one. What is lost
//! on the way in is a [`Warning`] instead: attributes of scopes, Chrome's counters and samples.
//!
//! Read and not written: Zipkin.
//!
//! # What is read of OTLP
//!
//! | form | also |
//! |---|---|
//! | JSON, one document or several, JSON lines, a list of requests | upper-case ids, numbers or texts for 64 bits, `null` for missing |
//! | Jaeger's api_v3: `{"result":{...}}`, one or several | |
//! | Tempo's JSON: `batches`, `{"trace":{...}}` | ids in base64, names for enums |
//! | protobuf, one request or several | a length before each, as a varint or in four bytes |
//! | files from before 2022 | `instrumentationLibrarySpans` |
//!
//! Everything may be packed with gzip or zstd. All of it is told by content.
//!
//! # Bounds
//!
//! Values nest no deeper than 128 levels. A stream holds a window of the input, one batch, and a few
//! thousand texts that it has seen; no single span may be larger than
//! [`ReadOptions::most_item_bytes`]. Reading as a whole stops when a packed input unpacks to more than
//! [`ReadOptions::most_unpacked_bytes`]; what is not packed is as large as the file that it is in.
//!
//! # What is not read
//!
//! Refused by name, with what to do instead: Jaeger's protobuf JSON, its protobuf and Thrift, its
//! documents in Elasticsearch, Zipkin's version 1 and its protobuf, Perfetto's protobuf, pprof.

mod any_value;
mod atomic_file;
mod chrome;
mod detect;
mod error;
mod fault;
mod groups;
mod ids;
mod intern;
mod jaeger_read;
mod jaeger_span;
mod jaeger_stream;
mod jaeger_tags;
mod jaeger_write;
mod json_cursor;
mod json_scalars;
mod lasting;
mod losses;
mod number;
mod otlp_json_span;
mod otlp_lines;
mod otlp_read;
mod otlp_write;
mod proto_read;
mod proto_shape;
mod proto_span;
mod proto_write;
mod report;
mod stream;
mod unpack;
mod walk;
mod window;
mod wire;
mod words;
mod zipkin_halves;
mod zipkin_read;

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::str::FromStr;

use crate::model::TraceSet;

pub use detect::detect;
pub use error::{FormatError, Position, WriteFileError};
pub use losses::{Detail, Fate, Loss, Losses, losses};
pub use otlp_lines::OtlpLines;
pub use report::{ReadReport, Warning, oddities};
pub use stream::{ReadOptions, SpanStream, stream, stream_with};
pub use unpack::Packing;

#[cfg(any(feature = "otel", feature = "receiver"))]
pub(crate) use intern::Interner;

use error::position_of;
use intern::Builder;

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

    /// The format that a file's name says: by [`Format::extension`], or by `.jsonl`, `.pb` and the
    /// like. `None` for a plain `.json`, which may be any of four.
    pub fn of_path(path: &Path) -> Option<Format> {
        const OTHERS: [(&str, Format); 6] = [
            (".jsonl", Format::OtlpJsonLines),
            (".ndjson", Format::OtlpJsonLines),
            (".pb", Format::OtlpProtobuf),
            (".binpb", Format::OtlpProtobuf),
            (".otlp", Format::OtlpProtobuf),
            (".perfetto.json", Format::ChromeJson),
        ];
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        let usual = Format::ALL.into_iter().find(|format| {
            name.strip_suffix(format.extension()).is_some_and(|stem| stem.ends_with('.'))
        });
        let other = || OTHERS.iter().find(|(ending, _)| name.ends_with(ending));
        usual.or_else(|| other().map(|(_, format)| *format))
    }

    /// Whether [`write()`] takes it.
    pub fn is_written(self) -> bool {
        self != Format::ZipkinJson
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
pub fn read_partial(input: impl BufRead) -> ReadReport {
    read_with(input, ReadOptions::default())
}

/// As [`read_partial`], with bounds of your own.
pub fn read_with(input: impl BufRead, options: ReadOptions) -> ReadReport {
    match SpanStream::open(input, None, options) {
        Ok(stream) => stream.read_whole(),
        Err(error) => ReadReport::failed(error),
    }
}

/// Reads as much of a trace as is whole, in a format that is known.
pub fn read_as(input: impl BufRead, format: Format) -> ReadReport {
    match SpanStream::open(input, Some(format), ReadOptions::default()) {
        Ok(stream) => stream.read_whole(),
        Err(error) => ReadReport::failed(error),
    }
}

/// Reads a document that is in memory: its format, how many bytes of the input stand before it, and
/// whether it was unpacked.
fn read_document(
    document: &[u8],
    (format, skipped, is_unpacked): (Format, usize, bool),
) -> ReadReport {
    let mut builder = Builder::default();
    let outcome = match format {
        Format::JaegerJson => jaeger_read::document(document, &mut builder),
        Format::ChromeJson => chrome::read(document, &mut builder),
        Format::ZipkinJson => zipkin_read::document(document, &mut builder),
        // These are read in pieces.
        Format::OtlpJson | Format::OtlpJsonLines | Format::OtlpProtobuf => Ok(()),
    };
    let error = outcome.err().map(|error| {
        let position = position_of(document, &error).moved(skipped, 0);
        let position = Position { is_unpacked, ..position };
        FormatError::from_json(format, &error, position, builder.whole_spans())
    });
    report::finish(builder, format, error)
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
        Format::OtlpProtobuf => proto_write::document(traces, output),
        Format::JaegerJson => jaeger_write::document(traces, output),
        Format::ChromeJson => chrome::write(traces, output),
        Format::ZipkinJson => {
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
