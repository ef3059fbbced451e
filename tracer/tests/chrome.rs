//! Chrome's trace events: what viewers need of ours, and the liberties that others take.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::collections::HashMap;
use std::fs;

use raftlens_tracer::format::{
    Format, FormatError, ReadReport, Warning, read, read_partial, write,
};
use raftlens_tracer::model::{Attribute, Resource, Span, SpanId, TraceSet, Value};
use serde_json::Value as Json;

fn events(list: &str) -> ReadReport {
    read(format!("[{list}]").as_bytes()).unwrap()
}

fn named<'a>(report: &'a ReadReport, name: &str) -> &'a Span {
    report.traces.spans.iter().find(|span| &*span.name == name).unwrap()
}

fn sample(name: &str) -> ReadReport {
    let path = format!("../../shared/samples/chrome/{name}");
    read(&fs::read(path).unwrap()[..]).unwrap()
}

fn has_sample() -> bool {
    fs::exists("../../shared/samples/chrome").unwrap()
}

#[test]
fn slices_of_threads_nest_by_order_and_by_time() {
    let report = events(
        r#"{"ph":"M","name":"process_name","pid":7,"args":{"name":"store"}},
        {"ph":"M","name":"thread_name","pid":7,"tid":"1","args":{"name":"raft"}},
        {"ph":"X","name":"inner","pid":7,"tid":1,"ts":2,"dur":1.5,"args":{"n":1,"deep":{"a":[true,null]}}},
        {"ph":"X","name":"outer","pid":7,"tid":1,"ts":1,"dur":10,"cat":"io"},
        {"ph":"i","name":"tick","pid":7,"tid":1,"ts":2.25,"s":"t","args":{"k":"v"}},
        {"ph":"B","name":"pair","pid":7,"tid":2,"ts":"5"},
        {"ph":"B","name":"nested","pid":7,"tid":2,"ts":6,"args":{"a":1}},
        {"ph":"E","pid":7,"tid":2,"ts":6.001,"args":{"b":2,"a":3}},
        {"ph":"E","pid":7,"tid":2,"ts":9}"#,
    );
    assert_eq!(report.warnings, []);
    let (inner, outer) = (named(&report, "inner"), named(&report, "outer"));
    assert_eq!((outer.start_ns, outer.end_ns), (1_000, 11_000));
    assert_eq!((inner.start_ns, inner.end_ns), (2_000, 3_500));
    assert_eq!(inner.parent_span_id, Some(outer.span_id), "written before its caller, as X are");
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.attribute("n"), Some(&Value::Int(1)));
    assert_eq!(inner.text("thread.name"), Some("raft"));
    assert_eq!(inner.attribute("thread.id"), Some(&Value::Int(1)));
    assert_eq!(outer.text("chrome.category"), Some("io"));
    assert_eq!((&*inner.events[0].name, inner.events[0].time_ns), ("tick", 2_250));
    let resource = &report.traces.resources[outer.resource as usize];
    assert_eq!(resource.service_name(), Some("store"));
    let (pair, nested) = (named(&report, "pair"), named(&report, "nested"));
    assert_eq!((pair.start_ns, pair.end_ns, pair.parent_span_id), (5_000, 9_000, None));
    assert_eq!((nested.end_ns, nested.parent_span_id), (6_001, Some(pair.span_id)));
    assert_eq!(nested.attribute("a"), Some(&Value::Int(1)));
    assert_eq!(nested.attribute("b"), Some(&Value::Int(2)));
    assert_ne!(pair.trace_id, outer.trace_id, "each outermost slice is a trace");
}

#[test]
fn asynchronous_operations_nest_by_category_and_id() {
    let report = events(
        r#"{"ph":"b","cat":"rpc","id":"0x1","name":"get","pid":1,"tid":1,"ts":0},
        {"ph":"b","cat":"rpc","id":"0x2","name":"other","pid":1,"tid":1,"ts":1},
        {"ph":"b","cat":"rpc","id":"0x1","name":"send","pid":2,"tid":4,"ts":2},
        {"ph":"n","cat":"rpc","id":"0x1","name":"sent","pid":2,"tid":4,"ts":3},
        {"ph":"e","cat":"rpc","id":"0x1","name":"send","pid":2,"tid":4,"ts":4},
        {"ph":"e","cat":"rpc","id":"0x1","name":"get","pid":1,"tid":1,"ts":9},
        {"ph":"e","cat":"rpc","id":"0x2","name":"other","pid":1,"tid":1,"ts":5},
        {"ph":"b","cat":"rpc","id2":{"local":"0x1"},"name":"mine","pid":1,"tid":1,"ts":6},
        {"ph":"e","cat":"rpc","id2":{"local":"0x1"},"name":"mine","pid":1,"tid":1,"ts":7}"#,
    );
    assert_eq!(report.warnings, []);
    let (get, send) = (named(&report, "get"), named(&report, "send"));
    assert_eq!(send.parent_span_id, Some(get.span_id), "across processes");
    assert_eq!((&*send.events[0].name, send.events[0].time_ns), ("sent", 3_000));
    assert_ne!(named(&report, "other").trace_id, get.trace_id);
    assert_ne!(named(&report, "mine").trace_id, get.trace_id, "a local id is not the global one");
    assert_ne!(get.resource, send.resource);
}

#[test]
fn flows_become_links() {
    let report = events(
        r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":10},
        {"ph":"s","name":"f","cat":"c","id":7,"pid":1,"tid":1,"ts":5},
        {"ph":"X","name":"b","pid":1,"tid":2,"ts":20,"dur":10},
        {"ph":"t","name":"f","cat":"c","id":7,"pid":1,"tid":2,"ts":25},
        {"ph":"X","name":"around","pid":1,"tid":3,"ts":30,"dur":10},
        {"ph":"f","bp":"e","name":"f","cat":"c","id":7,"pid":1,"tid":3,"ts":31},
        {"ph":"f","name":"f","cat":"c","id":7,"pid":1,"tid":3,"ts":32},
        {"ph":"X","name":"next","pid":1,"tid":3,"ts":50,"dur":10},
        {"ph":"X","name":"out","pid":1,"tid":4,"ts":50,"dur":10,"bind_id":"0x9","flow_out":true},
        {"ph":"X","name":"in","pid":1,"tid":5,"ts":60,"dur":10,"bind_id":"0x9","flow_in":true},
        {"ph":"s","name":"nowhere","cat":"c","id":8,"pid":1,"tid":9,"ts":5}"#,
    );
    let links = |name| -> Vec<SpanId> {
        named(&report, name).links.iter().map(|link| link.span_id).collect()
    };
    let id = |name| named(&report, name).span_id;
    assert_eq!(links("a"), []);
    assert_eq!(links("b"), [id("a")]);
    assert_eq!(links("around"), [id("b")]);
    assert_eq!(links("next"), [id("b")], "without bp the flow ends in the next slice");
    assert_eq!(links("in"), [id("out")]);
    assert_eq!(report.warnings, [Warning::LooseFlows(1)]);
}

#[test]
fn faults_are_counted_and_survived() {
    let report = events(
        r#"{"ph":"E","pid":1,"tid":1,"ts":1},
        {"ph":"B","name":"late","pid":1,"tid":1,"ts":20},
        {"ph":"B","name":"open","pid":1,"tid":1,"ts":10},
        {"ph":"X","name":"cut","pid":1,"tid":2,"ts":0,"dur":10},
        {"ph":"X","name":"over","pid":1,"tid":2,"ts":5,"dur":10},
        {"ph":"C","name":"memory","pid":1,"ts":3,"args":{"used":5}},
        {"ph":"P","name":"sample","pid":1,"ts":3},
        {"ph":"X","name":"timeless","pid":1,"tid":3},
        {"ph":"X","name":"point","pid":1,"tid":3,"ts":30},
        {"ph":"i","name":"alone","pid":5,"tid":3,"ts":4},
        {"ph":"X","name":"early","pid":1,"tid":4,"ts":-5,"dur":10}"#,
    );
    for expected in [
        Warning::NeverBegun(1),
        Warning::NeverEnded(2),
        Warning::OutOfOrder(1),
        Warning::Overlapping(1),
        Warning::NotCarriedOver(2),
        Warning::WithoutTime(2),
        Warning::LooseEvents(1),
        Warning::OutOfRange(1),
    ] {
        assert!(report.warnings.contains(&expected), "{expected:?} in {:?}", report.warnings);
        assert!(expected.to_string().chars().next().unwrap().is_ascii_digit(), "{expected}");
    }
    let (open, late) = (named(&report, "open"), named(&report, "late"));
    assert_eq!((open.end_ns, late.end_ns), (30_000, 30_000), "the last time in the file");
    assert_eq!(late.parent_span_id, Some(open.span_id), "put in order");
    assert_eq!(named(&report, "over").parent_span_id, None);
    assert_eq!(named(&report, "early").start_ns, 0);
    assert!(report.traces.spans.iter().all(|span| &*span.name != "timeless"));
}

#[test]
fn the_closing_bracket_may_be_missing_but_not_a_part_of_an_event() {
    let one = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":1,"args":{"x":{}}}"#;
    for whole in [
        format!("[{one}]"),
        format!("[{one}"),
        format!("[{one},\n"),
        format!("[{one},\n]\n"),
        format!("{{\"traceEvents\":[{one}],\"metadata\":{{\"x\":1}}}}"),
    ] {
        let report = read(whole.as_bytes()).unwrap_or_else(|error| panic!("{whole}: {error}"));
        assert_eq!(report.traces.spans.len(), 1, "{whole}");
        assert_eq!(report.format, Some(Format::ChromeJson));
    }
    let cut = format!("[{one},{}", &one[..one.len() - 1]);
    let report = read_partial(cut.as_bytes());
    assert_eq!(report.traces.spans.len(), 1);
    let Some(FormatError::Cut { position, whole_spans: 1, .. }) = report.error else {
        panic!("{:?}", report.error);
    };
    assert_eq!(position.byte, cut.len());
    for broken in [format!("[{one},x]"), format!("[{one}]x"), format!("[{one},,]")] {
        let error = read(broken.as_bytes()).unwrap_err();
        assert!(matches!(error, FormatError::Syntax { .. }), "{broken}: {error}");
    }
}

#[test]
fn ids_are_the_same_every_time_and_never_twice() {
    let list = r#"{"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":0},
        {"ph":"X","name":"a","pid":1,"tid":1,"ts":0,"dur":0}"#;
    let (first, second) = (events(list), events(list));
    assert_eq!(first.traces, second.traces);
    assert_ne!(first.traces.spans[0].span_id, first.traces.spans[1].span_id);
    let more = events(&format!(
        r#"{{"ph":"C","name":"x","ts":0}},{list},{{"ph":"X","name":"b","pid":1,"tid":1,"ts":9,"dur":1}}"#
    ));
    assert_eq!(more.traces.spans[0].span_id, first.traces.spans[0].span_id, "not by position");
}

#[test]
fn samples_of_catapult_are_read() {
    if !has_sample() {
        return;
    }
    let report = sample("catapult__nanoseconds.json");
    assert_eq!(report.traces.spans.len(), 8);
    let ns1 = named(&report, "ns1");
    assert_eq!((ns1.start_ns, ns1.end_ns), (3_000, 3_011));
    assert_eq!(report.warnings, []);

    let report = sample("catapult__flow_simple.json");
    let links =
        |name| -> Vec<_> { named(&report, name).links.iter().map(|link| link.span_id).collect() };
    assert_eq!(links("Blergh"), [named(&report, "SenderB").span_id]);
    assert_eq!(links("OtherSlice"), [named(&report, "SenderA").span_id]);
    assert_eq!(links("SomeSlice"), [named(&report, "OtherSlice").span_id]);
}

/// Two nodes of one service, overlapping siblings, a link, an event, nanoseconds.
fn two_nodes() -> TraceSet {
    let attribute =
        |key: &str, text: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{text}"}}}}"#);
    let span = |id: u64, parent: &str, times: (u64, u64), more: &str| {
        format!(
            r#"{{"traceId":"000000000000000000000000000000aa","spanId":"{id:016x}","parentSpanId":"{parent}",
            "name":"s{id}","startTimeUnixNano":"{}","endTimeUnixNano":"{}"{more}}}"#,
            1_790_000_000_000_000_000 + times.0,
            1_790_000_000_000_000_000 + times.1
        )
    };
    let root = "0000000000000001";
    let link =
        r#","links":[{"traceId":"000000000000000000000000000000aa","spanId":"0000000000000002"}]"#;
    let event = r#","events":[{"timeUnixNano":"1790000000000001500","name":"retry"}]"#;
    let store = |number: &str| format!(r#","attributes":[{}]"#, attribute("raft.store_id", number));
    let spans = [
        span(1, "", (1, 9_001), &store("1")),
        span(2, root, (1_001, 5_003), event),
        span(3, root, (2_000, 6_000), link),
        span(4, root, (7_000, 8_000), &store("2")),
    ];
    let text = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        attribute("service.name", "kv"),
        spans.join(",")
    );
    read(text.as_bytes()).unwrap().traces
}

#[test]
fn a_viewer_finds_nodes_tracks_nanoseconds_and_arrows() {
    let mut bytes = Vec::new();
    write(&two_nodes(), &mut bytes, Format::ChromeJson).unwrap();
    let file: Json = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(file["otherData"]["anchor_ns"], "1790000000000000001");
    let events = file["traceEvents"].as_array().unwrap();
    let of_phase = |phase: &str| -> Vec<&Json> {
        events.iter().filter(|event| event["ph"] == phase).collect()
    };
    let names: Vec<_> = of_phase("M").iter().map(|event| &event["args"]["name"]).collect();
    assert_eq!(names, ["kv store 1", "kv store 2"]);
    let begins = of_phase("b");
    let begin = |name: &str| *begins.iter().find(|event| event["name"] == name).unwrap();
    assert_eq!(begin("s2")["ts"].as_f64(), Some(1.0));
    assert_eq!(begin("s3")["ts"].as_f64(), Some(1.999));
    assert_eq!(begin("s1")["id"], "000000000000000000000000000000aa");
    assert_eq!(begin("s2")["id"], begin("s1")["id"], "a child is on its caller's track");
    assert_ne!(begin("s3")["id"], begin("s2")["id"], "siblings that overlap are not");
    assert_eq!(begin("s2")["pid"], begin("s1")["pid"], "a child is on its caller's node");
    assert_ne!(begin("s4")["pid"], begin("s1")["pid"]);
    assert_ne!(begin("s4")["cat"], begin("s1")["cat"], "ids are global, so categories differ");
    let points = of_phase("n");
    let arrow = |direction: &str| *points.iter().find(|event| event[direction] == true).unwrap();
    assert_eq!(arrow("flow_out")["bind_id"], arrow("flow_in")["bind_id"]);
    assert_eq!(arrow("flow_out")["id"], begin("s2")["id"]);
    assert_eq!(arrow("flow_in")["id"], begin("s3")["id"]);
    let retry = points.iter().find(|event| event["name"] == "retry").unwrap();
    assert_eq!(retry["ts"].as_f64(), Some(1.499));
}

#[test]
fn nodes_are_named_by_instance_and_by_store() {
    let mut set = two_nodes();
    let of = |set: &TraceSet| -> Vec<String> {
        let mut bytes = Vec::new();
        write(set, &mut bytes, Format::ChromeJson).unwrap();
        let file: Json = serde_json::from_slice(&bytes).unwrap();
        let events = file["traceEvents"].as_array().unwrap();
        let names = events.iter().filter(|event| event["ph"] == "M");
        names.map(|event| event["args"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let instance =
        Attribute { key: "service.instance.id".into(), value: Value::Str("grid 5".into()) };
    set.resources[0].attributes.push(instance);
    assert_eq!(of(&set), ["kv grid 5 store 1", "kv grid 5 store 2"]);
    for span in &mut set.spans {
        span.attributes.clear();
    }
    set.resources.push(set.resources[0].clone());
    set.resources[1].attributes.push(Attribute { key: "x".into(), value: Value::Int(1) });
    set.spans[3].resource = 1;
    assert_eq!(of(&set), ["kv grid 5", "kv grid 5 (2)"], "two resources are two nodes");
    // A name that is itself like one with a number.
    for (index, name) in ["kv", "kv (2)", "kv", "kv"].into_iter().enumerate() {
        let service = Attribute { key: "service.name".into(), value: Value::Str(name.into()) };
        let number = Attribute { key: "n".into(), value: Value::Int(index as i64) };
        set.resources.truncate(index);
        set.resources.push(Resource { attributes: vec![service, number] });
        set.spans[index].resource = index as u32;
    }
    assert_eq!(of(&set), ["kv", "kv (2)", "kv (3)", "kv (4)"]);
}

#[test]
fn every_track_nests() {
    let mut bytes = Vec::new();
    write(&two_nodes(), &mut bytes, Format::ChromeJson).unwrap();
    let file: Json = serde_json::from_slice(&bytes).unwrap();
    let mut open: HashMap<String, Vec<String>> = HashMap::new();
    let mut latest: HashMap<String, f64> = HashMap::new();
    for event in file["traceEvents"].as_array().unwrap() {
        let track = format!("{} {}", event["cat"], event["id"]);
        let stack = open.entry(track.clone()).or_default();
        match event["ph"].as_str().unwrap() {
            "b" => stack.push(event["name"].to_string()),
            "e" => assert_eq!(stack.pop(), Some(event["name"].to_string())),
            "n" => assert!(!stack.is_empty(), "{event} is inside a span"),
            _ => continue,
        }
        let time = event["ts"].as_f64().unwrap();
        assert!(latest.insert(track, time).is_none_or(|before| before <= time), "{event}");
    }
    assert!(open.values().all(Vec::is_empty));
}
