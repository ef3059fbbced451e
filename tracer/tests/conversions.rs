//! Every format to every other and back: what both can hold is kept, and what is lost is said.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

mod ugly;

use raftlens_tracer::format::{Format, read, write};
use raftlens_tracer::model::{Attribute, Span, TraceSet, Value};
use ugly::Maker;

/// The formats that are written.
const WRITTEN: [Format; 4] =
    [Format::OtlpJsonLines, Format::OtlpJson, Format::JaegerJson, Format::ChromeJson];

fn through(set: &TraceSet, format: Format) -> TraceSet {
    let mut bytes = Vec::new();
    write(set, &mut bytes, format).unwrap();
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
    for seed in 0..300 {
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
