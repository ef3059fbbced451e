//! How fast trace files become spans: megabytes a second on one core, against what others read OTLP
//! with, on the same bytes of the same made-up shop.
//!
//! `cargo bench -p raftlens-tracer --bench ingest -- [--json] [--quick]`: a table, or one row a line.

// A bench measures time and prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

mod spans;
mod turns;

use std::io::Write;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost14::Message as _;
use raftlens_tracer::format::{Format, read_as, stream, write};
use raftlens_tracer::model::TraceSet;

use spans::Maker;
use turns::{Row, take_turns};

/// What one exporter sends at a time.
const SPANS_A_REQUEST: usize = 200;
const SERDE: &str = "opentelemetry-proto with serde_json";
const PROST: &str = "opentelemetry-proto with prost";

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let (megabytes, runs) = if has("--quick") { (4, 3) } else { (32, 15) };
    let mut maker = Maker::new(1);
    let mut requests = Vec::new();
    let mut json = Vec::new();
    while json.len() < megabytes << 20 {
        let request = maker.request(SPANS_A_REQUEST);
        write(&request, &mut json, Format::OtlpJson).unwrap();
        requests.push(request);
    }
    let rows = [
        lines(&json, runs),
        one_document(&requests, runs),
        protobuf(&requests, runs),
        lines_in_batches(&json, runs),
        protobuf_in_batches(&requests, runs),
        lines_with_gzip(&json, runs),
    ];
    if has("--json") {
        rows.iter().for_each(Row::print_json);
    } else {
        Row::print_head();
        rows.iter().for_each(Row::print);
    }
}

/// JSON lines into one set.
fn lines(json: &[u8], runs: usize) -> Row {
    take_turns(
        ("OTLP JSON lines", SERDE),
        (json.len(), runs),
        || read(json, Format::OtlpJsonLines),
        || requests_of_lines(json),
    )
}

/// The same spans as one document, all in one line.
fn one_document(requests: &[TraceSet], runs: usize) -> Row {
    let mut json = Vec::new();
    write(&joined(requests), &mut json, Format::OtlpJson).unwrap();
    take_turns(
        ("OTLP JSON, one document", SERDE),
        (json.len(), runs),
        || read(&json, Format::OtlpJson),
        || serde_json::from_slice::<ExportTraceServiceRequest>(&json).unwrap(),
    )
}

fn protobuf(requests: &[TraceSet], runs: usize) -> Row {
    let bytes = protobuf_of(requests);
    take_turns(
        ("OTLP protobuf", PROST),
        (bytes.len(), runs),
        || read(&bytes, Format::OtlpProtobuf),
        || ExportTraceServiceRequest::decode(&bytes[..]).unwrap(),
    )
}

/// As for aggregates: each batch is let go before the next one, which counts here.
fn lines_in_batches(json: &[u8], runs: usize) -> Row {
    take_turns(
        ("OTLP JSON lines, in batches", SERDE),
        (json.len(), runs),
        || durations_ns(json),
        || {
            lines_of(json)
                .map(|line| serde_json::from_slice::<ExportTraceServiceRequest>(line).unwrap())
                .map(|request| durations_ns_of(&request))
                .sum::<u64>()
        },
    )
}

fn protobuf_in_batches(requests: &[TraceSet], runs: usize) -> Row {
    let bytes = protobuf_of(requests);
    let parts: Vec<Vec<u8>> =
        requests.iter().map(|request| protobuf_of(std::slice::from_ref(request))).collect();
    take_turns(
        ("OTLP protobuf, in batches", PROST),
        (bytes.len(), runs),
        || durations_ns(&bytes),
        || {
            parts
                .iter()
                .map(|part| ExportTraceServiceRequest::decode(&part[..]).unwrap())
                .map(|request| durations_ns_of(&request))
                .sum::<u64>()
        },
    )
}

/// Megabytes are those of the text.
fn lines_with_gzip(json: &[u8], runs: usize) -> Row {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(json).unwrap();
    let packed = encoder.finish().unwrap();
    take_turns(
        ("OTLP JSON lines, gzip", SERDE),
        (json.len(), runs),
        || read(&packed, Format::OtlpJsonLines),
        || {
            let mut text = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(&packed[..]);
            std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
            requests_of_lines(&text)
        },
    )
}

fn read(bytes: &[u8], format: Format) -> TraceSet {
    let report = read_as(bytes, format);
    assert!(report.error.is_none(), "{:?}", report.error);
    report.traces
}

fn durations_ns(bytes: &[u8]) -> u64 {
    let batches = stream(bytes).unwrap().map(Result::unwrap);
    batches.flat_map(|batch| batch.spans).map(|span| span.duration_ns()).sum()
}

fn durations_ns_of(request: &ExportTraceServiceRequest) -> u64 {
    let groups = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
    let spans = groups.flat_map(|group| &group.spans);
    spans.map(|span| span.end_time_unix_nano - span.start_time_unix_nano).sum()
}

fn lines_of(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    json.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn requests_of_lines(json: &[u8]) -> Vec<ExportTraceServiceRequest> {
    lines_of(json).map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn protobuf_of(requests: &[TraceSet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for request in requests {
        write(request, &mut bytes, Format::OtlpProtobuf).unwrap();
    }
    bytes
}

fn joined(requests: &[TraceSet]) -> TraceSet {
    let mut all = TraceSet::default();
    for request in requests {
        let first = all.resources.len() as u32;
        all.resources.extend(request.resources.iter().cloned());
        all.spans.extend(request.spans.iter().cloned().map(|mut span| {
            span.resource += first;
            span
        }));
    }
    all
}
