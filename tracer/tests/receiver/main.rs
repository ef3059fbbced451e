//! The receiver: what is sent is in the file, what is wrong is refused as the protocol says, and
//! what was acknowledged is never lost.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

mod client;
mod files;

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use client::{begin, begin_accepted, end, post, send};
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost14::Message as _;
use raftlens_tracer::format::{self, Format};
use raftlens_tracer::model::TraceSet;
use raftlens_tracer::receiver::{Counts, Reason, Receiver, ReceiverError, Settings};
use raftlens_tracer::{Init, TraceContext, init};
use tokio::runtime::Runtime;
use tonic::codec::CompressionEncoding;
use tonic_types::StatusExt as _;
use tracing::{Dispatch, dispatcher};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// A receiver on free ports, with the runtime that it runs in.
struct Running {
    runtime: Runtime,
    receiver: Receiver,
    folder: tempfile::TempDir,
}

impl Running {
    fn start(change: impl FnOnce(&mut Settings)) -> Running {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings(folder.path());
        change(&mut settings);
        let runtime = runtime();
        let receiver = runtime.block_on(Receiver::start(settings)).unwrap();
        Running { runtime, receiver, folder }
    }

    fn http(&self) -> SocketAddr {
        self.receiver.http().unwrap()
    }

    fn grpc(&self) -> String {
        format!("http://{}", self.receiver.grpc().unwrap())
    }

    /// Ends it; yields the spans of its file too.
    fn stop(self) -> (Counts, TraceSet) {
        let counts = self.runtime.block_on(self.receiver.stop()).unwrap();
        let traces = read(&self.folder.path().join("out.otlp.jsonl"));
        (counts, traces)
    }
}

fn settings(folder: &Path) -> Settings {
    Settings::new("127.0.0.1:0,0".parse().unwrap(), folder.join("out.otlp.jsonl"))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn read(path: &Path) -> TraceSet {
    let text = std::fs::read(path).unwrap();
    if text.is_empty() { TraceSet::default() } else { format::read(&text[..]).unwrap().traces }
}

/// A request with spans of these ids.
fn request(ids: &[u8]) -> ExportTraceServiceRequest {
    let spans = ids.iter().map(|id| Span {
        trace_id: vec![*id; 16],
        span_id: vec![*id; 8],
        name: format!("span {id}"),
        ..Span::default()
    });
    let scope_spans = vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

fn names(traces: &TraceSet) -> Vec<&str> {
    traces.spans.iter().map(|span| &*span.name).collect()
}

/// Everything that a span can have, through an exporter of OpenTelemetry; yields what it recorded.
fn record(exporter: Init) -> TraceSet {
    let (subscriber, guard) = exporter.service_name("shop").memory().build().unwrap();
    dispatcher::with_default(&Dispatch::new(subscriber), || {
        let read = tracing::info_span!("read", number = 7_u64, part = 0.5, ok = true, text = "ä\n");
        let context = TraceContext::of(&read).unwrap();
        read.in_scope(|| tracing::info!(name: "case", title = "LeaseState::Expired"));
        tracing::info_span!(parent: &read, "child", otel.status_code = "ERROR").in_scope(|| {});
        let callback = tracing::info_span!(parent: None, "callback", otel.kind = "consumer");
        assert!(TraceContext::follow(&callback, context, "callback"));
    });
    let recorded = guard.memory().snapshot();
    guard.shutdown().unwrap();
    recorded
}

/// One request is one resource, so the numbers of resources differ and nothing else.
fn assert_same(mut found: TraceSet, expected: &TraceSet) {
    // The exporter takes them from a hash map.
    found.resources[0].attributes.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(found.resources[0], expected.resources[0]);
    found.spans.iter_mut().for_each(|span| span.resource = 0);
    found.spans.sort_by_key(|span| span.span_id);
    let mut expected = expected.spans.clone();
    expected.sort_by_key(|span| span.span_id);
    assert_eq!(found.spans, expected);
}

#[test]
fn what_a_program_sends_over_http_is_in_the_file() {
    let running = Running::start(|_| {});
    let recorded = record(init().otlp(format!("http://{}", running.http())));
    let (counts, traces) = running.stop();
    assert_eq!((counts.spans, counts.rejected_spans, counts.refused_total()), (3, 0, 0));
    assert_same(traces, &recorded);
}

#[test]
fn what_a_program_sends_over_grpc_is_in_the_file() {
    let running = Running::start(|_| {});
    let recorded = record(init().otlp_grpc(running.grpc()));
    let (counts, traces) = running.stop();
    assert_eq!((counts.spans, counts.rejected_spans, counts.refused_total()), (3, 0, 0));
    assert_same(traces, &recorded);
}

#[test]
fn either_port_takes_either_protocol() {
    let running = Running::start(|_| {});
    let grpc = running.receiver.grpc().unwrap();
    let over_http = record(init().otlp(format!("http://{grpc}")));
    let over_grpc = record(init().otlp_grpc(format!("http://{}", running.http())));
    let (_, traces) = running.stop();
    assert_eq!(traces.spans.len(), over_http.spans.len() + over_grpc.spans.len());
}

#[test]
fn every_form_of_a_request_gives_the_same_spans() {
    let running = Running::start(|_| {});
    let protobuf = request(&[1, 2]).encode_to_vec();
    assert_eq!(post(running.http(), PROTOBUF, &protobuf).status, 200);
    let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[
        {"traceId":"03030303030303030303030303030303","spanId":"0303030303030303","name":"span 3"}
    ]}]}]}"#;
    let answer = post(running.http(), "Application/JSON; charset=utf-8", json);
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({})));
    assert_eq!(answer.header("content-type"), Some(JSON));
    let gzip = format!("{PROTOBUF}\r\nContent-Encoding: gzip");
    let answer = post(running.http(), &gzip, &packed(&request(&[4]).encode_to_vec()));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(PROTOBUF)));
    assert_eq!(
        ExportTraceServiceResponse::decode(&*answer.body).unwrap(),
        ExportTraceServiceResponse::default()
    );
    assert_eq!(post(running.http(), JSON, b"{}").status, 200, "a request may be empty");
    let (counts, traces) = running.stop();
    assert_eq!(names(&traces), ["span 1", "span 2", "span 3", "span 4"]);
    assert_eq!((counts.requests, counts.spans), (4, 4));
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_bad_request_is_refused_by_its_fault_and_harms_no_other() {
    let running = Running::start(|settings| settings.most_request_bytes = 100_000);
    let http = running.http();
    let good = request(&[1]).encode_to_vec();
    let large = vec![b' '; 100_001];
    let packed_large = packed(&large);
    assert!(packed_large.len() < 1_000, "it is small until it is unpacked");
    let gzip = |kind: &str| format!("{kind}\r\nContent-Encoding: gzip");
    let cases: [(String, &[u8], u16, Reason); 9] = [
        (PROTOBUF.to_owned(), b"\xff\xff\xff", 400, Reason::Malformed),
        (JSON.to_owned(), b"{\"resourceSpans\":[", 400, Reason::Malformed),
        (JSON.to_owned(), b"[7]", 400, Reason::Malformed),
        (gzip(PROTOBUF), &good, 400, Reason::Malformed),
        (gzip(PROTOBUF), &packed(&good)[..20], 400, Reason::Malformed),
        ("text/plain".to_owned(), &good, 415, Reason::ContentType),
        (format!("{PROTOBUF}\r\nContent-Encoding: br"), &good, 415, Reason::Encoding),
        (JSON.to_owned(), &large, 413, Reason::TooLarge),
        (gzip(JSON), &packed_large, 413, Reason::TooLarge),
    ];
    let mut expected = vec![(Reason::NotTraces, 3)];
    for (kind, body, status, reason) in cases {
        let answer = post(http, &kind, body);
        assert_eq!(answer.status, status, "{kind}: {answer:?}");
        let message = match kind.starts_with(PROTOBUF) {
            true => tonic_types::Status::decode(&*answer.body).unwrap().message,
            false => answer.json()["message"].as_str().unwrap().to_owned(),
        };
        assert!(message.len() > 5, "{message}");
        assert_eq!(answer.header("retry-after"), None, "it would be refused again");
        match expected.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => expected.push((reason, 1)),
        }
    }
    let post_to = |path: &str| format!("POST {path} HTTP/1.1\r\nContent-Type: {JSON}");
    assert_eq!(send(http, &post_to("/v1/metrics"), b"{}").status, 404);
    assert_eq!(send(http, &post_to("/"), b"{}").status, 404);
    let answer = send(http, "GET /v1/traces HTTP/1.1", b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    // Without a stated length, the limit holds as well.
    let chunked = "POST /v1/traces HTTP/1.1\r\nTransfer-Encoding: chunked";
    let body = [b"186a1\r\n", &large[..], b"\r\n0\r\n\r\n"].concat();
    let mut stream = std::net::TcpStream::connect(http).unwrap();
    write!(stream, "{chunked}\r\nContent-Type: {JSON}\r\nHost: test\r\n\r\n").unwrap();
    assert_eq!(end(stream, &body).status, 413);
    expected.iter_mut().find(|(reason, _)| *reason == Reason::TooLarge).unwrap().1 += 1;

    assert_eq!(post(http, PROTOBUF, &good).status, 200);
    let (counts, traces) = running.stop();
    expected.sort();
    assert_eq!(counts.refused, expected);
    assert_eq!((counts.requests, names(&traces)), (1, vec!["span 1"]));
}

/// A request with a span that has no id, one whose parent's id is cut, and a good one.
fn half_good() -> ExportTraceServiceRequest {
    let mut request = request(&[0, 1, 2]);
    request.resource_spans[0].scope_spans[0].spans[1].parent_span_id = vec![1; 7];
    request
}

#[test]
fn spans_without_ids_are_left_out_and_the_sender_is_told() {
    let running = Running::start(|_| {});
    let answer = post(running.http(), PROTOBUF, &half_good().encode_to_vec());
    let over_http = ExportTraceServiceResponse::decode(&*answer.body).unwrap();
    let over_grpc = running.runtime.block_on(async {
        let mut client = TraceServiceClient::connect(running.grpc()).await.unwrap();
        client.export(half_good()).await.unwrap().into_inner()
    });
    for response in [over_http, over_grpc] {
        let partial = response.partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 2);
        assert!(partial.error_message.contains("trace id"), "{}", partial.error_message);
    }
    let (counts, traces) = running.stop();
    assert_eq!((counts.spans, counts.rejected_spans), (2, 4));
    assert_eq!(names(&traces), ["span 2", "span 2"]);
}

#[test]
fn a_full_queue_refuses_with_a_hint_and_takes_the_rest_later() {
    const LARGE: usize = 1 << 20;
    let running = Running::start(|settings| {
        settings.most_request_bytes = LARGE;
        settings.most_waiting_bytes = 0;
        settings.patience = Duration::ZERO;
    });
    let http = running.http();
    let good = request(&[1]).encode_to_vec();
    // Four requests that say that they are large, and are slow to come, use all the room.
    let first = format!("POST /v1/traces HTTP/1.1\r\nContent-Type: {JSON}");
    let mut body = b"{}".to_vec();
    body.resize(LARGE, b' ');
    let slow = [(); 4].map(|()| begin_accepted(http, &first, &body));
    let refused = post(http, PROTOBUF, &good);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    // Also to whoever has not sent all when it is refused.
    let large = begin(http, &first, &body, LARGE / 2);
    assert_eq!(end(large, &body[LARGE / 2..]).status, 503);
    let status = running.runtime.block_on(async {
        let mut client = TraceServiceClient::connect(running.grpc()).await.unwrap();
        client.export(request(&[2])).await.unwrap_err()
    });
    assert_eq!(status.code(), tonic::Code::ResourceExhausted);
    let hint = status.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(hint, Some(Duration::from_secs(1)));
    for stream in slow {
        assert_eq!(end(stream, &body).status, 200, "what has room is not refused");
    }
    // Room is given back right after the answer.
    while post(http, PROTOBUF, &request(&[3]).encode_to_vec()).status != 200 {}
    let (counts, traces) = running.stop();
    assert!(names(&traces).contains(&"span 3"));
    assert_eq!(counts.refused.len(), 1);
    assert!(matches!(counts.refused[0], (Reason::Overloaded, count) if count >= 2));
}

#[test]
fn a_broken_call_of_grpc_is_refused_and_counted() {
    let running = Running::start(|settings| settings.most_request_bytes = 1_000);
    let mut large = request(&[1]);
    large.resource_spans[0].schema_url = "x".repeat(1_000);
    let codes = running.runtime.block_on(async {
        let client = TraceServiceClient::connect(running.grpc()).await.unwrap();
        let mut packing = client.clone().send_compressed(CompressionEncoding::Gzip);
        let mut client = client;
        packing.export(request(&[2])).await.unwrap();
        let codes = [
            client.export(large.clone()).await.unwrap_err().code(),
            packing.export(large).await.unwrap_err().code(),
        ];
        client.export(request(&[3])).await.unwrap();
        codes
    });
    // Neither is one that a client would try again without a hint.
    assert_eq!(codes, [tonic::Code::OutOfRange, tonic::Code::ResourceExhausted]);
    let (counts, traces) = running.stop();
    assert_eq!(counts.refused, [(Reason::TooLarge, 2)]);
    assert_eq!(names(&traces), ["span 2", "span 3"]);
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_left() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.listen.http = Some(address);
    let error = runtime().block_on(Receiver::start(settings)).unwrap_err();
    assert!(matches!(error, ReceiverError::PortTaken { address: port } if port == address));
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn it_is_finished_when_it_has_enough() {
    let running = Running::start(|settings| settings.most_spans = Some(3));
    for ids in [&[1, 2][..], &[3, 4]] {
        assert_eq!(post(running.http(), PROTOBUF, &request(ids).encode_to_vec()).status, 200);
    }
    running.runtime.block_on(running.receiver.finished());
    assert_eq!(running.stop().0.spans, 4, "a request is not divided");
}

/// Writes what the format module would.
fn lines(ids: &[u8]) -> Vec<u8> {
    let running = Running::start(|_| {});
    post(running.http(), PROTOBUF, &request(ids).encode_to_vec());
    let mut text = Vec::new();
    format::write(&running.stop().1, &mut text, Format::OtlpJson).unwrap();
    text
}
