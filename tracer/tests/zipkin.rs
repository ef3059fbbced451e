//! Zipkin's version 2 spans: where each part of them goes, and the two halves of a call.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::fs;

use raftlens_tracer::format::{Format, ReadReport, Warning, read, read_partial};
use raftlens_tracer::model::{Span, SpanId, SpanKind, Status, TraceId, Value};

const WHOLE: &str = r#"{"traceId":"463ac35c9f6413ad48485a3953bb6124","id":"a2fb4a1d1a96d312",
    "parentId":"0020000000000001","kind":"CLIENT","name":"get","timestamp":1500000000000001,
    "duration":250,"debug":true,"localEndpoint":{"serviceName":"shop","ipv4":"10.0.0.1","port":8080},
    "remoteEndpoint":{"serviceName":"stock","ipv6":"2001:db8::1","port":"9000"},
    "annotations":[{"timestamp":1500000000000100,"value":"sent"}],
    "tags":{"http.path":"/a","error":"timeout","retries":2,"peer.service":"mine"}}"#;

fn service<'a>(report: &'a ReadReport, span: &Span) -> Option<&'a str> {
    report.traces.resources[span.resource as usize].service_name()
}

#[test]
fn each_part_goes_where_opentelemetry_has_it() {
    let report = read(format!("[{WHOLE}]").as_bytes()).unwrap();
    assert_eq!(report.format, Some(Format::ZipkinJson));
    let span = &report.traces.spans[0];
    assert_eq!(span.trace_id, TraceId(0x463ac35c9f6413ad48485a3953bb6124));
    assert_eq!(span.span_id, SpanId(0xa2fb4a1d1a96d312));
    assert_eq!(span.parent_span_id, Some(SpanId(0x20000000000001)));
    assert_eq!((&*span.name, span.kind), ("get", SpanKind::Client));
    assert_eq!((span.start_ns, span.duration_ns()), (1_500_000_000_000_001_000, 250_000));
    assert_eq!(service(&report, span), Some("shop"));
    assert_eq!(span.status, Status::Error("timeout".into()));
    assert_eq!(span.text("http.path"), Some("/a"));
    assert_eq!(span.text("retries"), Some("2"));
    assert_eq!(span.text("peer.service"), Some("mine"), "a tag wins over the endpoint");
    assert_eq!(span.text("network.peer.address"), Some("2001:db8::1"));
    assert_eq!(span.attribute("network.peer.port"), Some(&Value::Int(9000)));
    assert_eq!(span.text("network.local.address"), Some("10.0.0.1"));
    assert_eq!(span.attribute("network.local.port"), Some(&Value::Int(8080)));
    assert_eq!(span.attribute("zipkin.debug"), Some(&Value::Bool(true)));
    assert!(span.attribute("error").is_none());
    assert_eq!(
        (&*span.events[0].name, span.events[0].time_ns),
        ("sent", 1_500_000_000_000_100_000)
    );
}

#[test]
fn lists_lines_and_answers_of_the_api_are_read() {
    let line = WHOLE.replace('\n', " ");
    let whole = read(format!("[{WHOLE}]").as_bytes()).unwrap().traces.spans;
    for (text, count) in [
        (format!("[{line}]\n[{line},{line}]\n"), 3),
        (format!("[[{WHOLE}],[{WHOLE}]]"), 2),
        (format!("{line}\n{line}\n"), 2),
        (format!("\u{feff}[\n  {WHOLE}\n]"), 1),
    ] {
        let report = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(report.format, Some(Format::ZipkinJson), "{text}");
        assert_eq!(report.traces.spans.len(), count, "{text}");
        assert!(report.traces.spans.iter().all(|span| *span == whole[0]));
    }
    let cut = format!("[{line},{}", &line[..line.len() - 3]);
    let report = read_partial(cut.as_bytes());
    assert_eq!(report.traces.spans, whole);
    assert_eq!(report.error.unwrap().whole_spans(), 1);
    let error = read(format!("[{line}] x").as_bytes()).unwrap_err().to_string();
    assert!(error.contains(&format!("byte {}", line.len() + 3)), "{error}");
    let error = read(&br#"[{"traceId":"1","id":""}]"#[..]).unwrap_err().to_string();
    assert!(error.contains("has no id"), "{error}");
}

/// A call from `a` to `b` under one id, and what either does meanwhile.
const SHARED: &str = r#"[
    {"traceId":"1","id":"1","kind":"SERVER","name":"root","timestamp":10,"duration":90,"localEndpoint":{"serviceName":"a"}},
    {"traceId":"1","id":"3","parentId":"2","name":"in b","timestamp":30,"duration":10,"localEndpoint":{"serviceName":"b"}},
    {"traceId":"1","id":"2","parentId":"1","kind":"SERVER","name":"call","timestamp":25,"duration":40,"shared":true,"localEndpoint":{"serviceName":"b"}},
    {"traceId":"1","id":"2","parentId":"1","kind":"CLIENT","name":"call","timestamp":20,"duration":50,"localEndpoint":{"serviceName":"a"}},
    {"traceId":"1","id":"4","parentId":"2","name":"in a","timestamp":21,"duration":1,"localEndpoint":{"serviceName":"a"}},
    {"traceId":"1","id":"5","parentId":"2","kind":"SERVER","name":"beyond","timestamp":31,"duration":1,"shared":true,"localEndpoint":{"serviceName":"c"}}]"#;

#[test]
fn the_halves_of_a_call_are_parted() {
    let report = read(SHARED.as_bytes()).unwrap();
    assert_eq!(report.warnings, [Warning::SharedIds(1)]);
    let span = |name: &str, of: &str| {
        let mut spans = report.traces.spans.iter();
        spans.find(|span| &*span.name == name && service(&report, span) == Some(of)).unwrap()
    };
    let (client, server) = (span("call", "a"), span("call", "b"));
    assert_eq!((client.span_id, client.parent_span_id), (SpanId(2), Some(SpanId(1))));
    assert_eq!(server.parent_span_id, Some(client.span_id));
    assert_ne!(server.span_id, client.span_id);
    assert_eq!(span("in b", "b").parent_span_id, Some(server.span_id));
    assert_eq!(span("in a", "a").parent_span_id, Some(client.span_id));
    assert_eq!(span("beyond", "c").parent_span_id, Some(server.span_id));
    assert_eq!(read(SHARED.as_bytes()).unwrap().traces, report.traces, "always the same ids");
}

#[test]
fn missing_times_are_taken_from_what_is_known() {
    let text = r#"[
        {"traceId":"1","id":"1","name":"root","timestamp":100,"duration":50},
        {"traceId":"1","id":"2","parentId":"1","name":"nothing"},
        {"traceId":"1","id":"3","parentId":"1","name":"noted","annotations":[{"timestamp":120,"value":"x"},{"timestamp":110,"value":"y"}]},
        {"traceId":"1","id":"4","parentId":"1","name":"long","duration":7}]"#;
    let report = read(text.as_bytes()).unwrap();
    let times: Vec<_> =
        report.traces.spans.iter().map(|span| (span.start_ns, span.end_ns)).collect();
    assert_eq!(
        times,
        [(100_000, 150_000), (100_000, 100_000), (110_000, 120_000), (100_000, 107_000)]
    );
    assert_eq!(report.warnings, [Warning::WithoutTime(3)]);
}

#[test]
fn samples_of_zipkin_are_read() {
    let folder = "../../shared/samples/zipkin";
    if !fs::exists(folder).unwrap() {
        return;
    }
    let sample = |name: &str| read(&fs::read(format!("{folder}/{name}")).unwrap()[..]).unwrap();
    let skew = sample("zipkin-lens__skew.json");
    assert_eq!(skew.warnings, [Warning::SharedIds(1)]);
    let spans = &skew.traces.spans;
    let server = spans.iter().find(|span| &*span.name == "post" && span.kind == SpanKind::Server);
    let inner = spans.iter().find(|span| &*span.name == "async").unwrap();
    assert_eq!(inner.parent_span_id, Some(server.unwrap().span_id));

    let kafka = sample("zipkin-lens__messaging-kafka.json");
    assert_eq!(kafka.warnings, []);
    let poll = &kafka.traces.spans[0];
    assert_eq!((poll.kind, poll.text("peer.service")), (SpanKind::Consumer, Some("kafka")));
}
