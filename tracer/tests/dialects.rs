//! OTLP as other programs wrap and spell it: the same spans come out.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raftlens_tracer::format::{Format, FormatError, read, read_partial, stream};
use raftlens_tracer::model::{SpanId, SpanKind, Status, TraceId};

mod made;

use made::{Maker, content, written};

/// A request on one line.
fn request(seed: u64) -> String {
    let mut set = Maker::new(seed).set();
    for span in &mut set.spans {
        span.span_id.0 += seed * 100;
    }
    String::from_utf8(written(&set, Format::OtlpJson)).unwrap().trim_end().to_owned()
}

#[test]
fn requests_are_found_in_every_wrapping() {
    let (first, second) = (request(1), request(2));
    let plain = read(format!("{first}\n{second}\n").as_bytes()).unwrap().traces;
    for (name, text) in [
        ("a list", format!("[{first},{second}]")),
        ("a list on lines", format!("[\n{first},\n{second}\n]\n")),
        ("api_v3 on lines", format!("{{\"result\":{first}}}\n{{\"result\":{second}}}\n")),
        ("api_v3 without lines", format!("{{\"result\":{first}}}{{\"result\":{second}}}")),
        ("api_v3 with its error", format!("{{\"error\":null,\"result\":{first}}} {second}")),
        ("Tempo", format!("{{\"trace\":{first},\"status\":\"COMPLETE\"}}\n{{\"trace\":{second}}}")),
        ("batches", format!("{first}{second}").replace("\"resourceSpans\"", "\"batches\"")),
        ("old", format!("{first}{second}").replace("scopeSpans", "instrumentationLibrarySpans")),
        ("documents", format!("{first}\n\n  {second}")),
        ("with a mark", format!("\u{feff}{first}{second}")),
    ] {
        let report = read_partial(text.as_bytes());
        assert!(report.error.is_none(), "{name}: {:?}", report.error);
        assert_eq!(report.traces, plain, "{name}");
        let streamed: usize =
            stream(text.as_bytes()).unwrap().map(|batch| batch.unwrap().spans.len()).sum();
        assert_eq!(streamed, plain.spans.len(), "{name}");
    }
}

#[test]
fn base64_ids_and_enum_names_are_read() {
    let base64 = |id: &[u8]| STANDARD.encode(id);
    let (trace, span, other) = (0x1234_u128 << 90, 0xfedc_ba98_7654_3210_u64, 7_u64);
    let text = format!(
        r#"{{"batches":[{{"resource":{{}},"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}",
        "parentSpanId":"{}","name":"GET","kind":"SPAN_KIND_SERVER","status":
        {{"code":"STATUS_CODE_ERROR","message":"no"}},"links":[{{"traceId":"{}","spanId":"{}"}}]}}]}}]}}]}}"#,
        base64(&trace.to_be_bytes()),
        base64(&span.to_be_bytes()),
        base64(&other.to_be_bytes()),
        base64(&1_u128.to_be_bytes()),
        base64(&2_u64.to_be_bytes()),
    );
    let read = read(text.as_bytes()).unwrap().traces.spans;
    assert_eq!((read[0].trace_id, read[0].span_id), (TraceId(trace), SpanId(span)));
    assert_eq!(read[0].parent_span_id, Some(SpanId(other)));
    assert_eq!((read[0].links[0].trace_id, read[0].links[0].span_id), (TraceId(1), SpanId(2)));
    assert_eq!((read[0].kind, &read[0].status), (SpanKind::Server, &Status::Error("no".into())));
}

#[test]
fn what_follows_a_request_must_be_one() {
    let good = request(3);
    let whole = read(good.as_bytes()).unwrap().traces.spans.len();
    let report = read_partial(format!("{good} x").as_bytes());
    let Some(FormatError::Syntax { position, whole_spans, reason, .. }) = report.error else {
        panic!("{:?}", report.error)
    };
    assert_eq!((position.byte, whole_spans), (good.len() + 1, whole));
    assert!(reason.contains("expected a request"), "{reason}");
}

#[test]
fn json_is_read_strictly() {
    let span = |fields: &str| {
        format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{:032x}","spanId":"{:016x}"{fields}}}]}}]}}]}}"#,
            1, 2
        )
    };
    for (fields, expected) in [
        (r#","name":"a"#, "ends at"),
        (r#","x":01"#, "leading zero"),
        (r#","x":1."#, "a digit"),
        (r#","x":-"#, "a digit"),
        (r#","x":tru"#, "true, false, null"),
        (r#","x":'a'"#, "a value"),
        (r#","x":"\q""#, "an escape that JSON does not have"),
        (r#","x":"\ud800""#, "half of a surrogate pair"),
        (r#","name":"\u12g4""#, "four hexadecimal digits"),
        (",\"name\":\"a\nb\"", "control character"),
        (r#","x":[1,]"#, "another element"),
        (r#","x":{"a":1,}"#, "a key in quotes"),
        (r#","x":{"a" 1}"#, "expected `:`"),
        (r#","x":[1 2]"#, "`,` or `]`"),
        (r#" "name":"a""#, "`,` or `}`"),
        (r#","name":7"#, "found a number, expected a string"),
        (r#","events":{}"#, "found an object, expected a list of events"),
        (r#","startTimeUnixNano":18446744073709551616"#, "out of range"),
        (r#","flags":4294967296"#, "out of range"),
    ] {
        let error = read(span(fields).as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{fields} gave {error}");
    }
    let taken = span(
        r#","name":"\u0041\uD83E\uDD80\/\n","name\u0000":1,"endTimeUnixNano":18446744073709551615,
        "startTimeUnixNano":1e3,"attributes":[{"value":{"intValue":-5},"key":"\"k"}, {"key":"d",
        "value":{"doubleValue":0.1}}, {"key":"i","value":{"intValue":"9223372036854775807"}}],
        "name":"last","droppedEventsCount":3.0"#,
    );
    let read = read(taken.as_bytes()).unwrap().traces.spans;
    assert_eq!((&*read[0].name, read[0].start_ns, read[0].end_ns), ("last", 1000, u64::MAX));
    assert_eq!(read[0].attribute("\"k").unwrap().as_int(), Some(-5));
    assert_eq!(read[0].attribute("i").unwrap().as_int(), Some(i64::MAX));
    assert_eq!(read[0].dropped_events, 3);
}

#[test]
fn a_list_that_is_cut_yields_its_whole_spans() {
    let set = Maker::new(5).set();
    let text = format!("[{}]", request(5));
    for cut in 60..text.len() {
        let report = read_partial(&text.as_bytes()[..cut]);
        assert!(
            matches!(report.error, Some(FormatError::Cut { position, .. }) if position.byte == cut),
            "cut at {cut}: {:?}",
            report.error
        );
    }
    assert_eq!(content(&read(text.as_bytes()).unwrap().traces).len(), set.spans.len());
}
