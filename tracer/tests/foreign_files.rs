//! Files as other programs write them: their liberties are taken, their faults are named.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use raftlens_tracer::format::{
    Format, FormatError, OtlpLines, Warning, read, read_partial, write_file,
};
use raftlens_tracer::model::{SpanId, SpanKind, Status, TraceId, TraceSet, Value};

fn one_span(fields: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0000000000000000000000000000000A",
        "spanId":"000000000000000b",{fields}}}]}}]}}]}}"#
    )
}

#[test]
fn otlp_liberties_are_taken() {
    let text = one_span(
        r#""name":"read","kind":2,"startTimeUnixNano":1790000000000000001,"endTimeUnixNano":
        "1790000000000000999","parentSpanId":"0000000000000000","unknownField":{"a":[1,{"b":null}]},
        "attributes":[{"key":"i","value":{"intValue":7}},{"key":"n","value":null},
        {"key":"d","value":{"doubleValue":"-Infinity"}},{"key":"b","value":{"bytesValue":"aGk"}},
        {"key":"e","value":{}}],"links":null,"status":{"code":2,"message":"bad"},"flags":257"#,
    );
    let report = read(text.as_bytes()).unwrap();
    let span = &report.traces.spans[0];
    assert_eq!(report.format, Some(Format::OtlpJson));
    assert_eq!((span.trace_id, span.span_id), (TraceId(10), SpanId(11)));
    assert_eq!((span.start_ns, span.end_ns), (1790000000000000001, 1790000000000000999));
    assert_eq!((span.parent_span_id, span.kind, span.flags), (None, SpanKind::Server, 257));
    assert_eq!(span.status, Status::Error("bad".into()));
    assert_eq!(span.attribute("i"), Some(&Value::Int(7)));
    assert_eq!(span.attribute("d"), Some(&Value::Double(f64::NEG_INFINITY)));
    assert_eq!(span.attribute("b"), Some(&b"hi".to_vec().into()));
    assert_eq!(span.text("e"), Some(""));
}

#[test]
fn resource_and_scope_may_stand_behind_their_spans() {
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001",
        "spanId":"0000000000000001"}],"scope":{"name":"late","attributes":[{"key":"a","value":{"intValue":"1"}}]}}],
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]}}]}"#;
    let report = read(text.as_bytes()).unwrap();
    assert_eq!(report.traces.resources[0].service_name(), Some("shop"));
    assert_eq!(&*report.traces.spans[0].scope_name, "late");
    assert_eq!(report.warnings, [Warning::LostScopeAttributes(1)]);
}

#[test]
fn wrong_values_are_named_with_their_place() {
    for (fields, expected) in [
        (r#""traceId":"xyz""#, "\"xyz\" is not an id of 32 hexadecimal digits"),
        (r#""startTimeUnixNano":-1"#, "-1 is out of range"),
        (r#""startTimeUnixNano":1.79e18"#, "not an exact integer"),
        (r#""startTimeUnixNano":"soon""#, "\"soon\" is not an integer"),
        (r#""kind":"SPAN_KIND_OF""#, "\"SPAN_KIND_OF\" is not an integer"),
        (r#""attributes":{"a":1}"#, "expected a list of attributes"),
        (r#""attributes":[{"key":"b","value":{"bytesValue":"!"}}]"#, "not base64"),
        (r#""spanId":"""#, "has no id"),
    ] {
        let text = one_span(fields);
        let error = read(text.as_bytes()).unwrap_err();
        let FormatError::Invalid { position, whole_spans: 0, .. } = &error else {
            panic!("{fields} gave {error:?}");
        };
        assert_eq!(position.line, 2, "{error}");
        let message = error.to_string();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("byte 1") && message.contains("correct the program"), "{message}");
    }
}

#[test]
fn a_fault_in_the_middle_of_lines_is_placed_in_the_file() {
    let good = one_span(r#""name":"a""#).replace('\n', " ");
    let bad = good.replace("\"name\"", "name");
    let text = format!("{good}\n\n{bad}\n{good}\n");
    let report = read_partial(text.as_bytes());
    assert_eq!(report.traces.spans.len(), 1);
    let Some(FormatError::Syntax { position, whole_spans, .. }) = report.error else {
        panic!("{:?}", report.error);
    };
    assert_eq!((position.line, whole_spans), (3, 1));
    assert_eq!(&text.as_bytes()[position.byte..position.byte + 4], b"name");
}

#[test]
fn a_line_that_is_too_long_is_refused_before_it_is_read() {
    let good = one_span(r#""name":"a""#).replace('\n', " ");
    let text = format!("{good}\n{good}{}\n{good}\n", " ".repeat(good.len()));
    let mut lines = OtlpLines::new(text.as_bytes()).most_line_bytes(good.len() + 1);
    assert_eq!(lines.next().unwrap().unwrap().spans.len(), 1);
    let error = lines.next().unwrap().unwrap_err();
    assert!(matches!(error, FormatError::LineTooLong { line: 2, whole_spans: 1, .. }), "{error}");
    assert!(lines.next().is_none(), "nothing is known of what follows");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    let deep = "{\"arrayValue\":{\"values\":[".repeat(50_000);
    let text = one_span(&format!(r#""attributes":[{{"key":"a","value":{deep}"#));
    let error = read(text.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

/// A trace by hand, with the shapes that old programs wrote.
const OLD_JAEGER: &str = r#"{"traceID":"Trace-1","spans":[
    {"traceID":"Trace-1","spanID":"S","operationName":"read","startTime":100,"duration":50,
     "tags":[{"key":"n","value":3},{"key":"f","type":"float64","value":2},{"key":"big","type":"int64",
     "value":"9007199254740993"},{"key":"b","type":"binary","value":"aGk="},{"key":"error","type":"bool",
     "value":true},{"key":"span.kind","type":"string","value":"server"}],
     "logs":[{"timestamp":120,"fields":[{"key":"message","type":"string","value":"retry"}]}],
     "processID":"p1","warnings":null},
    {"traceID":"Trace-1","spanID":"1f","operationName":"child","references":[
     {"refType":"FOLLOWS_FROM","traceID":"9","spanID":"8"},
     {"refType":"CHILD_OF","traceID":"Trace-1","spanID":"S"},
     {"refType":"CHILD_OF","traceID":"Trace-1","spanID":"gone"}],
     "startTime":110,"duration":5,"process":{"serviceName":"inline","tags":[]}},
    {"traceID":"Trace-1","spanID":"2","parentSpanID":"nobody","operationName":"orphan","startTime":1,
     "duration":0,"processID":"p9"}],
    "processes":{"p1":{"serviceName":"shop","tags":[{"key":"host","type":"string","value":"a"}]}}}"#;

#[test]
fn old_jaeger_files_are_read_in_all_three_wrappings() {
    let wrapped = [
        OLD_JAEGER.to_owned(),
        format!("{{\"data\":{OLD_JAEGER}}}"),
        format!("{{\"data\":[{OLD_JAEGER}],\"errors\":null,\"total\":1}}"),
        format!("[{OLD_JAEGER}]"),
    ];
    let reports: Vec<_> = wrapped.iter().map(|text| read(text.as_bytes()).unwrap()).collect();
    for report in &reports {
        assert_eq!(report.traces, reports[0].traces);
        assert_eq!(report.format, Some(Format::JaegerJson));
    }
    let TraceSet { resources, spans } = &reports[0].traces;
    let [read, child, orphan] = &spans[..] else { panic!("three spans") };
    let service = |resource: u32| resources[resource as usize].service_name();
    assert_eq!(service(read.resource), Some("shop"));
    assert_eq!(service(child.resource), Some("inline"));
    assert_eq!(service(orphan.resource), None);
    assert_eq!((read.start_ns, read.end_ns), (100_000, 150_000));
    assert_eq!(read.attribute("n"), Some(&Value::Int(3)));
    assert_eq!(read.attribute("f"), Some(&Value::Double(2.0)));
    assert_eq!(read.attribute("big"), Some(&Value::Int(9_007_199_254_740_993)));
    assert_eq!(read.attribute("b"), Some(&b"hi".to_vec().into()));
    assert_eq!((read.kind, &read.status), (SpanKind::Server, &Status::Error("".into())));
    assert!(read.attribute("error").is_none() && read.attribute("span.kind").is_none());
    assert_eq!((&*read.events[0].name, read.events[0].time_ns), ("retry", 120_000));
    assert_eq!(child.parent_span_id, Some(read.span_id), "the first CHILD_OF, wherever it stands");
    assert_eq!(child.links.len(), 2, "the other references");
    assert_eq!(child.links[0].span_id, SpanId(8));
    let second_parent = &child.links[1].attributes[0];
    assert_eq!(&*second_parent.key, "opentracing.ref_type");
    assert!(orphan.parent_span_id.is_some());
    let warnings = &reports[0].warnings;
    assert!(warnings.contains(&Warning::WithoutParent(1)), "{warnings:?}");
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::MappedIds(_))));
}

#[test]
fn a_warning_reads_as_a_sentence() {
    assert!(Warning::WithoutParent(3).to_string().starts_with("3 spans without their parent"));
    assert!(Warning::Duplicates(1).to_string().starts_with("1 span with"));
}

#[test]
fn a_file_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    let report = read(OLD_JAEGER.as_bytes()).unwrap();
    write_file(&report.traces, &path, Format::OtlpJson).unwrap();
    let again = read(std::io::BufReader::new(std::fs::File::open(&path).unwrap())).unwrap();
    assert_eq!(again.traces.spans.len(), 3);
    // A folder in the way: the rename fails, and what was written beside is gone.
    let taken = folder.path().join("taken");
    std::fs::create_dir_all(taken.join("inside")).unwrap();
    let error = write_file(&report.traces, &taken, Format::JaegerJson).unwrap_err();
    assert!(error.to_string().contains("taken"), "{error}");
    let mut names: Vec<_> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.json", "taken"]);
}
