//! Every format to every other and back: what both can hold is kept, and what is lost is said.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

mod ugly;

use std::collections::{HashMap, HashSet};

use raftlens_tracer::format::{Detail, Fate, Format, losses, read, write};
use raftlens_tracer::model::{Attribute, Link, Resource, Span, SpanId, TraceId, TraceSet, Value};
use ugly::Maker;

/// The formats that are written.
const WRITTEN: [Format; 5] = [
    Format::OtlpJsonLines,
    Format::OtlpJson,
    Format::OtlpProtobuf,
    Format::JaegerJson,
    Format::ChromeJson,
];

fn written(set: &TraceSet, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(set, &mut bytes, format).unwrap();
    bytes
}

fn through(set: &TraceSet, format: Format) -> TraceSet {
    let bytes = written(set, format);
    match read(&bytes[..]) {
        Ok(report) => report.traces,
        Err(error) => panic!("{format}: {error}\n{}", String::from_utf8_lossy(&bytes)),
    }
}

/// The content of a set as text, which also makes one NaN equal to another: each span with the
/// attributes of its resource in place of an index, in an order that does not depend on the file.
fn content(set: &TraceSet) -> Vec<String> {
    let sorted = |attributes: &[Attribute]| {
        let mut attributes = attributes.to_vec();
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        attributes
    };
    let mut spans: Vec<_> = set
        .spans
        .iter()
        .map(|span| {
            let resource = set.resources.get(span.resource as usize);
            let resource = sorted(resource.map_or(&[][..], |resource| &resource.attributes));
            let span = Span { resource: 0, ..span.clone() };
            format!("{:032x} {:016x} {resource:?} {span:?}", span.trace_id.0, span.span_id.0)
        })
        .collect();
    let used: HashSet<_> = set.spans.iter().map(|span| span.resource as usize).collect();
    let unused = (0..set.resources.len()).filter(|index| !used.contains(index));
    spans.extend(unused.map(|index| format!("unused {:?}", set.resources[index])));
    spans.sort();
    spans
}

fn assert_same(found: &TraceSet, expected: &TraceSet, what: &str) {
    let (found, expected) = (content(found), content(expected));
    for (found, expected) in found.iter().zip(&expected) {
        if found != expected {
            let at = found.bytes().zip(expected.bytes()).take_while(|(a, b)| a == b).count();
            let part = |text: &str| {
                String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(150)..])
                    .chars()
                    .take(300)
                    .collect::<String>()
            };
            panic!("{what}\nfound    {}\nexpected {}", part(found), part(expected));
        }
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

#[test]
fn each_format_to_each_other_and_back() {
    for seed in 0..80 {
        let set = Maker::new(seed).set();
        for first in WRITTEN {
            let once = through(&set, first);
            assert_same(&once, &set, &format!("seed {seed}: {first}"));
            for second in WRITTEN {
                let twice = through(&once, second);
                assert_same(&twice, &set, &format!("seed {seed}: {first} to {second}"));
            }
        }
    }
}

#[test]
fn what_is_said_to_be_lost_is_lost_and_nothing_else() {
    for seed in 0..200 {
        let mut maker = Maker::new(seed);
        maker.is_lossy = true;
        let set = maker.set();
        for format in WRITTEN {
            let is_same = read(&written(&set, format)[..])
                .is_ok_and(|report| content(&report.traces) == content(&set));
            let said = losses(&set, format);
            assert_eq!(is_same, said.lost.is_empty(), "seed {seed}, {format}: {said}");
        }
    }
}

/// A set with each detail once, and nothing else of the kind.
fn example(detail: Detail) -> TraceSet {
    let mut set = read(&include_bytes!("ugly/plain.json")[..]).unwrap().traces;
    let link = set.spans[0].links[0].clone();
    let span = &mut set.spans[1];
    match detail {
        Detail::UnusedResources => set.resources.push(Resource::default()),
        Detail::SpansWithoutId => span.span_id = SpanId(0),
        Detail::LinksWithoutId => span.links = vec![Link { span_id: SpanId(0), ..link }],
        Detail::EmptyServices => set.resources[0].attributes[0].value = Value::Str("".into()),
        Detail::Nanoseconds => span.start_ns += 1,
        Detail::BackwardSpans => span.end_ns = span.start_ns - 1000,
        Detail::LinkDetails => span.links = vec![Link { flags: 1, ..link }],
        Detail::LinksElsewhere => span.links = vec![Link { trace_id: TraceId(77), ..link }],
        Detail::NestedValues => span.attributes[0].value = vec![Value::Int(1)].into(),
    }
    set
}

/// The rows of the table in the documentation: a detail with its fate in each format.
fn table() -> Vec<(&'static str, Vec<&'static str>)> {
    let source = include_str!("../src/format/mod.rs");
    let cells = |line: &'static str| -> Option<Vec<&'static str>> {
        let row = line.strip_prefix("//! | ")?.strip_suffix(" |")?;
        Some(row.split(" | ").map(|cell| cell.trim_matches('`')).collect())
    };
    let rows = source.lines().skip_while(|line| !line.starts_with("//! | detail |"));
    let rows = rows.take_while(|line| line.starts_with("//! |"));
    rows.filter_map(cells).map(|cells| (cells[0], cells[1..].to_vec())).collect()
}

#[test]
fn the_table_in_the_documentation_is_what_the_code_does() {
    let table = table();
    let (_, formats) = &table[0];
    assert_eq!(table.len(), 1 + Detail::ALL.len());
    for (detail, (name, fates)) in Detail::ALL.into_iter().zip(&table[1..]) {
        assert_eq!(detail.name(), *name);
        let set = example(detail);
        assert_eq!(detail.count(&set), 1, "{detail:?}");
        for (format, fate) in formats.iter().zip(fates) {
            let format: Format = format.parse().unwrap();
            assert_eq!(detail.fate(format).to_string(), *fate, "{name} in {format}");
            if WRITTEN.contains(&format) {
                assert_fate(detail, &set, format);
            }
        }
    }
}

fn assert_fate(detail: Detail, set: &TraceSet, format: Format) {
    let same =
        |bytes: &[u8]| read(bytes).is_ok_and(|report| content(&report.traces) == content(set));
    let bytes = written(set, format);
    let said = losses(set, format);
    let what = format!("{detail:?} in {format}: {said}");
    assert_eq!(same(&bytes), detail.fate(format) != Fate::Lost, "{what}");
    let names = |list: &[raftlens_tracer::format::Loss]| -> Vec<_> {
        list.iter().map(|loss| loss.detail).collect()
    };
    assert_eq!(names(&said.lost).contains(&detail), detail.fate(format) == Fate::Lost, "{what}");
    let is_own = detail.fate(format) == Fate::OwnTags;
    assert_eq!(names(&said.own_tags).contains(&detail), is_own, "{what}");
    if format == Format::JaegerJson && detail.fate(format) != Fate::Lost {
        // Without our own tags, exactly what stands there is lost.
        let text = String::from_utf8(bytes).unwrap().replace("\"raftlens.", "\"other.");
        let mut report = read(text.as_bytes()).unwrap();
        for span in &mut report.traces.spans {
            span.attributes.retain(|attribute| !attribute.key.starts_with("other."));
        }
        let is_same = content(&report.traces) == content(set);
        assert_eq!(is_same, !is_own, "{what}, without our own tags");
    }
}

#[test]
fn losses_read_as_a_line() {
    let said = losses(&example(Detail::UnusedResources), Format::JaegerJson);
    assert_eq!(said.to_string(), "lost: 1 resource without spans");
    let said = losses(&example(Detail::Nanoseconds), Format::JaegerJson);
    assert_eq!(said.to_string(), "only raftlens reads back: 1 time finer than a microsecond");
    let plain = read(&include_bytes!("ugly/plain.json")[..]).unwrap().traces;
    for format in WRITTEN {
        assert!(losses(&plain, format).is_none());
        assert_same(&through(&plain, format), &plain, &format.to_string());
    }
}

#[test]
fn tracks_of_chrome_nest_whatever_the_spans_do() {
    for seed in 0..200 {
        let set = Maker::new(seed).set();
        let file: serde_json::Value =
            serde_json::from_slice(&written(&set, Format::ChromeJson)).unwrap();
        let mut open: HashMap<String, Vec<String>> = HashMap::new();
        let mut latest: HashMap<String, f64> = HashMap::new();
        for event in file["traceEvents"].as_array().unwrap() {
            let track = format!("{} {}", event["cat"], event["id"]);
            let stack = open.entry(track.clone()).or_default();
            match event["ph"].as_str().unwrap() {
                "b" => stack.push(event["args"]["span"].to_string()),
                "e" => assert_eq!(stack.pop(), Some(event["args"]["span"].to_string())),
                "n" => assert!(!stack.is_empty(), "seed {seed}: {event} is inside a span"),
                _ => continue,
            }
            let time = event["ts"].as_f64().unwrap();
            let before = latest.insert(track, time);
            assert!(before.is_none_or(|before| before <= time), "seed {seed}: {event}");
        }
        assert!(open.values().all(Vec::is_empty), "seed {seed}");
    }
}
