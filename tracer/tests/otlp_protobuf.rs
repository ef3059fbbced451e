//! OTLP protobuf: what we write is what others read, what others write is what we read, and what is
//! cut or damaged is placed.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost14::Message as _;
use raftlens_tracer::format::{Format, FormatError, detect, read, read_as, read_partial, write};
use raftlens_tracer::model::TraceSet;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

mod made;

use made::{Maker, content, written};

fn sample(name: &str) -> Vec<u8> {
    let folder = "../../shared/samples/otlp/";
    let folder = std::path::Path::new(folder);
    std::fs::read(folder.join(name)).unwrap_or_default()
}

#[test]
fn both_forms_of_a_foreign_sample_are_the_same_spans() {
    let (binary, json) = (sample("links-events-error.bin"), sample("links-events-error.json"));
    if binary.is_empty() {
        return;
    }
    let report = read(&binary[..]).unwrap();
    assert_eq!(report.format, Some(Format::OtlpProtobuf));
    assert_eq!(report.traces.spans.len(), 7);
    // The two were recorded one after the other, so their times differ.
    let timeless = |mut set: TraceSet| {
        for span in &mut set.spans {
            assert!(span.start_ns > 1_700_000_000_000_000_000 && span.end_ns > span.start_ns);
            (span.start_ns, span.end_ns) = (0, 0);
            span.events.iter_mut().for_each(|event| event.time_ns = 0);
        }
        set
    };
    let json = read(&json[..]).unwrap().traces;
    assert_eq!(timeless(report.traces), timeless(json));
}

#[test]
fn random_sets_come_back_whole() {
    for seed in 0..400 {
        let set = Maker::new(seed).set();
        let bytes = written(&set, Format::OtlpProtobuf);
        assert_eq!(detect(&bytes).unwrap(), Format::OtlpProtobuf, "seed {seed}");
        let report = read(&bytes[..]).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(content(&report.traces), content(&set), "seed {seed}");
        assert_eq!(written(&report.traces, Format::OtlpProtobuf), bytes, "seed {seed}: stable");
        let json = read(&written(&set, Format::OtlpJson)[..]).unwrap();
        assert_eq!(report.traces, json.traces, "seed {seed}: as OTLP JSON has it");
    }
}

#[test]
fn the_reader_of_others_sees_the_same() {
    for seed in 0..100 {
        let set = Maker::new(seed).set();
        let bytes = written(&set, Format::OtlpProtobuf);
        let request = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
        // Sorted fields and shortest lengths: nothing is left to choose.
        assert_eq!(request.encode_to_vec(), bytes, "seed {seed}");
        let json = serde_json::to_vec(&request).unwrap();
        if json.windows(4).any(|bytes| bytes == b"null") {
            // It has no way to write an infinite number.
            continue;
        }
        let through_json = read_as(&json[..], Format::OtlpJson);
        assert!(through_json.error.is_none(), "seed {seed}: {:?}", through_json.error);
        assert_eq!(content(&through_json.traces), content(&set), "seed {seed}");
    }
}

#[test]
fn requests_may_follow_one_another_with_and_without_lengths() {
    let (first, second) = (Maker::new(1).set(), Maker::new(2).set());
    let mut both = [content(&first), content(&second)].concat();
    both.sort_by_key(|(_, span)| (span.trace_id, span.span_id));
    let parts = [written(&first, Format::OtlpProtobuf), written(&second, Format::OtlpProtobuf)];
    let joined = parts.concat();
    let by_varint: Vec<u8> = parts
        .iter()
        .flat_map(|part| {
            let mut bytes = Vec::new();
            prost14::encode_length_delimiter(part.len(), &mut bytes).unwrap();
            bytes.extend_from_slice(part);
            bytes
        })
        .collect();
    let by_four_bytes: Vec<u8> = parts
        .iter()
        .flat_map(|part| [&(part.len() as u32).to_be_bytes()[..], &part[..]].concat())
        .collect();
    for bytes in [joined, by_varint, by_four_bytes] {
        let report = read(&bytes[..]).unwrap();
        assert_eq!(report.format, Some(Format::OtlpProtobuf));
        assert_eq!(content(&report.traces), both);
    }
}

#[test]
fn a_file_cut_anywhere_yields_its_whole_spans() {
    let mut set = Maker::new(3).set();
    set.spans.truncate(5);
    let bytes = written(&set, Format::OtlpProtobuf);
    let mut most = 0;
    for cut in 1..bytes.len() {
        let report = read_partial(&bytes[..cut]);
        let spans = report.traces.spans.len();
        match report.error {
            Some(FormatError::Cut { position, whole_spans, .. }) => {
                assert_eq!((position.byte, position.line), (cut, 0));
                assert_eq!(whole_spans, spans);
            }
            // A resource with its spans is whole, and nothing says that another one follows.
            None => assert!(spans > 0, "cut at {cut}"),
            Some(FormatError::Unknown { .. } | FormatError::Empty) => assert!(cut < 8, "{cut}"),
            Some(error) => panic!("cut at {cut}: {error}"),
        }
        assert!(spans >= most, "more input, never fewer spans");
        most = spans;
        for span in &report.traces.spans {
            assert!(set.spans.iter().any(|original| original.span_id == span.span_id
                && original.attributes == span.attributes
                && original.events == span.events));
        }
    }
    assert!(most > 2);
}

#[test]
fn damage_is_placed_and_never_panics() {
    let mut random = SmallRng::seed_from_u64(11);
    for seed in 0..60 {
        let bytes = written(&Maker::new(seed).set(), Format::OtlpProtobuf);
        let mut damaged = bytes.clone();
        for _ in 0..40 {
            let at = random.random_range(0..damaged.len());
            damaged[at] ^= 1 << random.random_range(0..8);
            let report = read_as(&damaged[..], Format::OtlpProtobuf);
            if let Some(error) = report.error {
                let message = error.to_string();
                assert!(message.contains("byte ") && !message.contains("line "), "{message}");
                assert_eq!(error.whole_spans(), report.traces.spans.len());
            }
            drop(read_partial(&damaged[..]));
        }
    }
}

#[test]
fn wrong_values_are_named_with_their_place() {
    let mut set = Maker::new(1).set();
    set.spans.truncate(1);
    set.spans[0].name = "the-name".into();
    let bytes = written(&set, Format::OtlpProtobuf);
    let at = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap();
    let name = at(b"the-name");
    let changed = |at: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = byte;
        read_as(&bytes[..], Format::OtlpProtobuf).error.unwrap()
    };
    let error = changed(name + 3, 0xff);
    let FormatError::Invalid { position, .. } = &error else { panic!("{error:?}") };
    assert_eq!(position.byte, name + 8, "behind the text");
    assert!(error.to_string().contains("UTF-8"), "{error}");
    // The layout of the name: a number instead of a text.
    let error = changed(name - 2, 5 << 3);
    assert!(error.to_string().contains("field 5 of a span has the layout 0"), "{error}");
    // A name that is longer than all that follows.
    let error = changed(name - 1, 0x7f);
    assert!(matches!(error, FormatError::Syntax { .. } | FormatError::Invalid { .. }), "{error}");
    // No id.
    set.spans[0].span_id = raftlens_tracer::model::SpanId(0);
    let error = read_as(&written(&set, Format::OtlpProtobuf)[..], Format::OtlpProtobuf).error;
    assert!(error.unwrap().to_string().contains("has no id"));
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    // A list in a list, from the inside out.
    let mut value = vec![0x0a, 0x00];
    for _ in 0..10_000 {
        for tag in [0x0a, 0x2a] {
            let mut outer = vec![tag];
            prost14::encode_length_delimiter(value.len(), &mut outer).unwrap();
            outer.append(&mut value);
            value = outer;
        }
    }
    let mut bytes = value;
    // value, attribute, span, scope, resource, request.
    for tag in [0x12, 0x4a, 0x12, 0x12, 0x0a] {
        let mut outer = vec![tag];
        prost14::encode_length_delimiter(bytes.len(), &mut outer).unwrap();
        outer.append(&mut bytes);
        bytes = outer;
    }
    let error = read(&bytes[..]).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn an_empty_set_is_an_empty_file() {
    let bytes = written(&TraceSet::default(), Format::OtlpProtobuf);
    assert!(bytes.is_empty());
    assert!(matches!(read(&bytes[..]), Err(FormatError::Empty)));
    let report = read_as(&bytes[..], Format::OtlpProtobuf);
    assert!(report.error.is_none() && report.traces.spans.is_empty());
    write(&report.traces, Vec::new(), Format::OtlpProtobuf).unwrap();
}
