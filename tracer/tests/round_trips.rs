//! What is written is read back: random trace sets through every format, and what each format
//! must look like for the programs of others.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use raftlens_tracer::format::{Format, FormatError, OtlpLines, detect, read, read_partial, write};
use raftlens_tracer::model::{Attribute, Link, Span, SpanId, TraceSet, Value};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

mod made;

use made::{Maker, content};

/// The formats that are text and written.
const WRITTEN: [Format; 4] =
    [Format::OtlpJsonLines, Format::OtlpJson, Format::JaegerJson, Format::ChromeJson];

fn text(set: &TraceSet, format: Format) -> String {
    let mut bytes = Vec::new();
    write(set, &mut bytes, format).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn random_sets_survive_every_format() {
    for seed in 0..400 {
        let set = Maker(SmallRng::seed_from_u64(seed)).set();
        for format in WRITTEN {
            let written = text(&set, format);
            let report = read(written.as_bytes())
                .unwrap_or_else(|error| panic!("seed {seed}, {format}: {error}\n{written}"));
            assert_eq!(content(&report.traces), content(&set), "seed {seed}, {format}\n{written}");
            let found = report.format.unwrap();
            // One line is a valid document of either form.
            for other in [Format::JaegerJson, Format::ChromeJson] {
                assert_eq!(found == other, format == other, "seed {seed}");
            }
            assert_eq!(text(&report.traces, format), written, "seed {seed}: writing is stable");
        }
    }
}

#[test]
fn a_nan_survives() {
    let mut set = Maker(SmallRng::seed_from_u64(1)).set();
    set.spans.truncate(1);
    set.spans[0].attributes = vec![Attribute { key: "x".into(), value: Value::Double(f64::NAN) }];
    for format in WRITTEN {
        let read = read(text(&set, format).as_bytes()).unwrap();
        let value = read.traces.spans[0].attribute("x").cloned();
        assert!(
            matches!(value, Some(Value::Double(number)) if number.is_nan()),
            "{format}: {value:?}"
        );
    }
}

#[test]
fn a_file_cut_anywhere_yields_its_whole_spans() {
    for seed in 0..3 {
        let mut set = Maker(SmallRng::seed_from_u64(seed)).set();
        set.spans.truncate(5);
        let whole = content(&set);
        for format in WRITTEN {
            let written = text(&set, format);
            let end = written.trim_end().len();
            let mut most = 0;
            for cut in 1..end {
                let report = read_partial(&written.as_bytes()[..cut]);
                // A cut between two lines leaves a shorter file that is whole.
                let is_line_end = format == Format::OtlpJsonLines
                    && (written.as_bytes()[cut - 1] == b'\n' || written.as_bytes()[cut] == b'\n');
                match &report.error {
                    None => assert!(is_line_end, "seed {seed}, {format}, cut at {cut}"),
                    Some(FormatError::Cut { position, whole_spans, .. }) => {
                        assert_eq!(position.byte, cut, "seed {seed}, {format}");
                        assert_eq!(*whole_spans, report.traces.spans.len());
                    }
                    // Too little to tell the format.
                    Some(FormatError::Unknown { .. }) => assert!(cut < 20, "cut at {cut}"),
                    Some(error) => panic!("seed {seed}, {format}, cut at {cut}: {error}"),
                }
                assert!(report.traces.spans.len() >= most, "more input, never fewer spans");
                most = report.traces.spans.len();
                for (_, span) in content(&report.traces) {
                    let same = whole.iter().any(|(_, original)| {
                        // Scope and resource may stand behind the cut.
                        let scoped = Span {
                            scope_name: span.scope_name.clone(),
                            scope_version: span.scope_version.clone(),
                            ..original.clone()
                        };
                        scoped == span
                    });
                    assert!(same, "seed {seed}, {format}, cut at {cut}: {span:?}");
                }
            }
            assert!(most > 0, "seed {seed}, {format}: a cut near the end keeps something");
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    let mut random = SmallRng::seed_from_u64(9);
    for seed in 0..60 {
        let set = Maker(SmallRng::seed_from_u64(seed)).set();
        for format in WRITTEN {
            let mut bytes = text(&set, format).into_bytes();
            for _ in 0..30 {
                let at = random.random_range(0..bytes.len());
                bytes[at] = *b"{}[],:\"\\0-eE \n\xff\x80n".get(random.random_range(0..17)).unwrap();
                let report = read_partial(&bytes[..]);
                if let Some(error) = report.error {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}

#[test]
fn jaeger_keeps_children_inside_their_parents() {
    // 1,999 ns and 2,001 ns apart from a microsecond: truncating start and duration separately
    // would end the parent one microsecond before its child.
    let mut set = Maker(SmallRng::seed_from_u64(3)).set();
    let mut parent = set.spans[0].clone();
    (parent.start_ns, parent.end_ns) = (10_999, 13_001);
    let child = Span { start_ns: 11_001, end_ns: 13_000, span_id: SpanId(99), ..parent.clone() };
    set.spans = vec![parent, child];
    let json: serde_json::Value = serde_json::from_str(&text(&set, Format::JaegerJson)).unwrap();
    let spans = json["data"][0]["spans"].as_array().unwrap();
    let end = |span: &serde_json::Value| {
        span["startTime"].as_u64().unwrap() + span["duration"].as_u64().unwrap()
    };
    assert_eq!((end(&spans[0]), end(&spans[1])), (13, 13));
}

#[test]
fn jaeger_puts_the_parent_first_and_links_after() {
    let mut set = Maker(SmallRng::seed_from_u64(4)).set();
    set.spans.truncate(1);
    let link = Link { attributes: Vec::new(), ..Maker(SmallRng::seed_from_u64(5)).link() };
    set.spans[0].parent_span_id = Some(SpanId(0xab));
    set.spans[0].links = vec![link];
    let json: serde_json::Value = serde_json::from_str(&text(&set, Format::JaegerJson)).unwrap();
    let references = &json["data"][0]["spans"][0]["references"];
    assert_eq!(references[0]["refType"], "CHILD_OF");
    assert_eq!(references[0]["spanID"], "00000000000000ab");
    assert_eq!(references[1]["refType"], "FOLLOWS_FROM");
}

#[test]
fn changed_microseconds_win_over_old_nanoseconds() {
    let mut set = Maker(SmallRng::seed_from_u64(6)).set();
    set.spans.truncate(1);
    (set.spans[0].start_ns, set.spans[0].end_ns) = (5_000_123, 7_000_456);
    let written = text(&set, Format::JaegerJson);
    let shifted = written.replace("\"startTime\":5000", "\"startTime\":6000");
    assert_ne!(written, shifted);
    let span = &read(shifted.as_bytes()).unwrap().traces.spans[0];
    assert_eq!((span.start_ns, span.end_ns), (6_000_000, 8_000_000));
}

#[test]
fn lines_are_read_one_at_a_time() {
    let set = Maker(SmallRng::seed_from_u64(7)).set();
    let line = text(&set, Format::OtlpJson);
    let input = format!("{line}\r\n\n{line}{line}");
    let batches: Vec<_> = OtlpLines::new(input.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(batches.len(), 3);
    for batch in batches {
        assert_eq!(content(&batch), content(&set));
    }
    assert_eq!(detect(input.as_bytes()).unwrap(), Format::OtlpJsonLines);
}
