//! What must hold for any bytes that a reader is given. The fuzz targets call it, and so does the
//! test `fuzz_seeds`, which needs no fuzzer.

use raftlens_tracer::format::{Format, FormatError, ReadReport, read_as, read_partial, write};
use raftlens_tracer::model::{Span, TraceSet, Value};

/// What a target does with its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Reads them as one format.
    As(Format),
    /// Tells the format by the content, as the command does; also for compressed files.
    Detect,
}

/// All targets by their names, which are also those of the folders of seeds.
pub const TARGETS: [(&str, Target); 8] = [
    ("otlp_json", Target::As(Format::OtlpJson)),
    ("otlp_lines", Target::As(Format::OtlpJsonLines)),
    ("otlp_proto", Target::As(Format::OtlpProtobuf)),
    ("jaeger", Target::As(Format::JaegerJson)),
    ("chrome", Target::As(Format::ChromeJson)),
    ("zipkin", Target::As(Format::ZipkinJson)),
    ("any", Target::Detect),
    ("compressed", Target::Detect),
];

impl Target {
    /// Reads `bytes` and panics when the reader breaks a promise.
    pub fn run(self, bytes: &[u8]) {
        self.check(bytes, &self.read(bytes));
    }

    /// Reads `bytes`.
    pub fn read(self, bytes: &[u8]) -> ReadReport {
        match self {
            Target::As(format) => read_as(bytes, format),
            Target::Detect => read_partial(bytes),
        }
    }

    /// Panics when the `report` on `bytes` is not what a reader promises.
    pub fn check(self, bytes: &[u8], report: &ReadReport) {
        let is_compressed = self == Target::Detect && is_compressed(bytes);
        check_error(report, bytes.len(), is_compressed);
        check_spans(&report.traces);
        check_rewritten(&report.traces);
    }
}

/// Positions in a compressed file count from the beginning of what it holds.
fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// An error says something, a place inside the input, and how many spans are whole.
fn check_error(report: &ReadReport, length: usize, is_compressed: bool) {
    let Some(error) = &report.error else { return };
    assert!(!error.to_string().is_empty());
    if let FormatError::Cut { format, position, .. }
    | FormatError::Syntax { format, position, .. }
    | FormatError::Invalid { format, position, .. } = error
    {
        assert!(is_compressed || position.byte <= length, "{position} is outside: {error}");
        // Binary files have no lines.
        let has_line = position.line >= 1 && position.column >= 1;
        assert!(has_line || *format == Format::OtlpProtobuf, "lines count from 1: {error}");
        assert_eq!(error.whole_spans(), report.traces.spans.len(), "{error}");
    }
    for warning in &report.warnings {
        assert!(warning.count() > 0 && !warning.to_string().is_empty());
    }
}

fn check_spans(traces: &TraceSet) {
    for span in &traces.spans {
        assert!((span.resource as usize) < traces.resources.len(), "a resource for {span:?}");
        assert!(span.trace_id.0 != 0 && span.span_id.0 != 0, "ids for {span:?}");
    }
}

/// What was read can be written, and then comes back whole.
fn check_rewritten(traces: &TraceSet) {
    let whole = content(traces);
    for format in Format::ALL.into_iter().filter(|format| format.is_written()) {
        let mut written = Vec::new();
        // Memory does not fail; what is not written yet says so.
        if write(traces, &mut written, format).is_err() {
            continue;
        }
        let report = read_as(&written[..], format);
        let is_deep = nesting(traces) > MOST_NESTED;
        if let Some(error) = report.error.filter(|_| !is_deep) {
            panic!("our own {format} is not read: {error}");
        }
        // In Jaeger JSON, keys that occur twice in one list may be taken for one another.
        if is_deep || format == Format::JaegerJson {
            continue;
        }
        let again = content(&report.traces);
        let different = again.iter().zip(&whole).find(|(again, before)| again != before);
        assert_eq!(different, None, "{format} changed a span");
        assert_eq!(again.len(), whole.len(), "{format} lost spans");
    }
}

/// Spans with their resources as text, since a NaN equals nothing. Files may change their order.
fn content(traces: &TraceSet) -> Vec<String> {
    let text = |span: &Span| {
        let resource = &traces.resources[span.resource as usize];
        format!("{:?} {resource:?}", Span { resource: 0, ..span.clone() })
    };
    let mut spans: Vec<_> = traces.spans.iter().map(text).collect();
    spans.sort();
    spans
}

/// Deeper values need more levels of JSON than readers take.
const MOST_NESTED: usize = 24;

/// How deep the values of attributes are nested.
fn nesting(traces: &TraceSet) -> usize {
    let of_spans = traces.spans.iter().flat_map(|span| {
        let events = span.events.iter().map(|event| &event.attributes);
        let links = span.links.iter().map(|link| &link.attributes);
        std::iter::once(&span.attributes).chain(events).chain(links)
    });
    let of_resources = traces.resources.iter().map(|resource| &resource.attributes);
    of_spans
        .chain(of_resources)
        .flatten()
        .map(|attribute| depth(&attribute.value))
        .max()
        .unwrap_or(0)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => {
            1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0)
        }
        _ => 0,
    }
}
