//! Traces in pieces: what a stream hands out is what is read as a whole, in bounded batches, from
//! inputs that come in bits and pieces, are packed, cut off, damaged or meant to do harm.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::io::{self, BufReader, Read, Write};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::EntityRef;
use prost14::Message as _;
use raftlens_tracer::format::{
    Format, FormatError, Packing, ReadOptions, read, read_partial, read_with, stream, stream_with,
};
use raftlens_tracer::model::TraceSet;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

mod made;

use made::{Maker, content, written};

/// The formats that are read in pieces.
const IN_PIECES: [Format; 4] =
    [Format::OtlpJson, Format::OtlpJsonLines, Format::OtlpProtobuf, Format::JaegerJson];

/// Gives a few bytes at a time, as a slow pipe does.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(self.1).min(self.0.len());
        buffer[..bytes].copy_from_slice(&self.0[..bytes]);
        self.0 = &self.0[bytes..];
        Ok(bytes)
    }
}

/// One set out of many, with resources of their own.
fn joined(sets: impl IntoIterator<Item = TraceSet>) -> TraceSet {
    let mut all = TraceSet::default();
    for set in sets {
        let first = all.resources.len() as u32;
        all.resources.extend(set.resources);
        all.spans.extend(set.spans.into_iter().map(|mut span| {
            span.resource += first;
            span
        }));
    }
    all
}

/// Many spans with ids of their own.
fn large(seed: u64, sets: usize) -> TraceSet {
    let mut all = joined((0..sets as u64).map(|set| Maker::new(seed * 1000 + set).set()));
    for (number, span) in all.spans.iter_mut().enumerate() {
        span.span_id.0 = number as u64 + 1;
    }
    all
}

#[test]
fn batches_make_up_the_whole() {
    let set = large(1, 120);
    for format in IN_PIECES {
        let bytes = written(&set, format);
        let options = ReadOptions { batch_spans: 7, ..ReadOptions::default() };
        // Where the input holds much at a time, it is read where it stands, up to a thing that it
        // holds a part of.
        let most = usize::MAX;
        let slow = [(1, 16), (13, 16), (4096, 16), (most, 16), (most, 70_001), (most, most / 4)];
        for (step, held) in slow {
            let held = held.min(2 * bytes.len());
            let input = BufReader::with_capacity(held, Slow(&bytes, step));
            let batches: Vec<_> =
                stream_with(input, options).unwrap().map(|batch| batch.unwrap()).collect();
            let most = batches.iter().map(|batch| batch.spans.len()).max().unwrap();
            assert!(most == 7 || format == Format::JaegerJson, "{format}: {most} spans");
            assert!(batches.len() > 1, "{format}");
            for batch in &batches {
                let resources = batch.resources.len() as u32;
                assert!(batch.spans.iter().all(|span| span.resource < resources), "{format}");
            }
            assert_eq!(content(&joined(batches)), content(&set), "{format}, {step} at a time");
        }
    }
}

#[test]
fn a_stream_may_be_read_on_another_thread() {
    let bytes = written(&large(9, 3), Format::OtlpProtobuf);
    let batches = stream(io::Cursor::new(bytes)).unwrap();
    let spans = std::thread::spawn(move || batches.map(|batch| batch.unwrap().spans.len()).sum());
    let spans: usize = spans.join().unwrap();
    assert_eq!(spans, large(9, 3).spans.len());
}

#[test]
fn a_stream_ends_with_the_fault_that_a_whole_read_has() {
    let set = large(2, 8);
    for format in IN_PIECES {
        let bytes = written(&set, format);
        for cut in (1..bytes.len()).step_by(211) {
            let report = read_partial(&bytes[..cut]);
            let options = ReadOptions { batch_spans: 3, ..ReadOptions::default() };
            let Ok(mut batches) = stream_with(&bytes[..cut], options) else {
                assert!(cut < 300, "{format}, cut at {cut}");
                continue;
            };
            let mut spans = 0;
            let error = loop {
                match batches.next() {
                    Some(Ok(batch)) => spans += batch.spans.len(),
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            };
            assert!(batches.next().is_none(), "nothing follows the end");
            let whole = report.error.map(|error| error.to_string());
            if format == Format::JaegerJson {
                // A trace is the least that a stream gives.
                assert!(error.is_some() && spans <= report.traces.spans.len());
            } else {
                assert_eq!(error.map(|error| error.to_string()), whole, "{format}, cut at {cut}");
                assert_eq!(spans, report.traces.spans.len(), "{format}, cut at {cut}");
            }
        }
    }
}

/// What others write beside what we do: fields that are passed over, some of them long.
fn with_unknown_fields(set: &TraceSet) -> ExportTraceServiceRequest {
    let bytes = written(set, Format::OtlpProtobuf);
    let mut request = ExportTraceServiceRequest::decode(&bytes[..]).unwrap();
    for group in &mut request.resource_spans {
        group.schema_url = "https://opentelemetry.io/schemas/1.30.0".repeat(20);
        if let Some(resource) = &mut group.resource {
            resource.dropped_attributes_count = 3;
            resource.entity_refs.push(EntityRef { r#type: "host".into(), ..Default::default() });
        }
        for spans in &mut group.scope_spans {
            spans.schema_url = "u".into();
            if let Some(scope) = &mut spans.scope {
                scope.dropped_attributes_count = 300;
            }
        }
    }
    request
}

#[test]
fn unknown_fields_are_passed_over_wherever_the_window_ends() {
    let set = large(7, 80);
    let request = with_unknown_fields(&set);
    let json = serde_json::to_string(&request).unwrap();
    let json =
        json.replace("\"schemaUrl\"", "\"x\":[{\"y\":[null,1.5e3,\"\\u00e4\"]},[]],\"schemaUrl\"");
    // Their JSON has no infinite numbers.
    let from_json = read(json.as_bytes()).unwrap().traces;
    assert_eq!(from_json.spans.len(), set.spans.len());
    for (bytes, expected) in
        [(request.encode_to_vec(), content(&set)), (json.clone().into_bytes(), content(&from_json))]
    {
        for options in [1, 3].map(|spans| ReadOptions { batch_spans: spans, ..Default::default() })
        {
            for step in [1, 3, 64] {
                let input = BufReader::with_capacity(1, Slow(&bytes, step));
                let batches: Vec<_> =
                    stream_with(input, options).unwrap().map(Result::unwrap).collect();
                let read = joined(batches);
                assert_eq!(content(&read), expected, "{step} at a time");
            }
        }
    }
}

#[test]
fn a_resource_behind_its_spans_is_waited_for_or_asked_for() {
    let spans: Vec<String> =
        (1..=20).map(|id| format!(r#"{{"traceId":"{:032x}","spanId":"{id:016x}"}}"#, 1)).collect();
    let text = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}],"resource":{{"attributes":
        [{{"key":"service.name","value":{{"stringValue":"late"}}}}]}}}}]}}"#,
        spans.join(",")
    );
    let whole = read(text.as_bytes()).unwrap().traces;
    assert!(whole.spans.iter().all(|span| span.resource == 0));
    assert_eq!(whole.resources[0].service_name(), Some("late"));
    let all_at_once: Vec<_> = stream(text.as_bytes()).unwrap().map(Result::unwrap).collect();
    assert_eq!(all_at_once, [whole]);
    let options = ReadOptions { batch_spans: 5, ..ReadOptions::default() };
    let outcomes: Vec<_> = stream_with(text.as_bytes(), options).unwrap().collect();
    let (last, before) = outcomes.split_last().unwrap();
    assert!(before.iter().all(Result::is_ok));
    let error = last.as_ref().unwrap_err().to_string();
    assert!(error.contains("stands behind more spans than are held"), "{error}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn packed_inputs_are_unpacked_in_one_or_in_several_parts() {
    let set = large(3, 20);
    let skipped_frame = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for format in IN_PIECES {
        let bytes = written(&set, format);
        let (left, right) = bytes.split_at(bytes.len() / 3);
        for (packing, packed) in [
            (Packing::Gzip, gzip(&bytes)),
            (Packing::Gzip, [gzip(left), gzip(right)].concat()),
            (Packing::Zstd, zstd(&bytes)),
            (Packing::Zstd, [zstd(left), zstd(right)].concat()),
            (
                Packing::Zstd,
                [&skipped_frame[..], &zstd(left), &skipped_frame, &zstd(right)].concat(),
            ),
        ] {
            let report = read(&packed[..]).unwrap();
            assert_eq!(content(&report.traces), content(&set), "{format}, {packing}");
            let batches = stream(BufReader::new(Slow(&packed, 5))).unwrap();
            assert_eq!(batches.packing(), Some(packing));
            let all = joined(batches.map(Result::unwrap));
            assert_eq!(content(&all), content(&set), "{format}, {packing}");
        }
    }
}

#[test]
fn a_packed_input_that_is_cut_yields_what_was_whole() {
    let set = large(4, 200);
    for format in [Format::OtlpJsonLines, Format::OtlpProtobuf, Format::JaegerJson] {
        let bytes = written(&set, format);
        // In parts, since a decoder may give nothing of the part that is cut.
        let parts: Vec<_> = bytes.chunks(20_000).collect();
        for pack in [gzip, zstd] {
            let packed: Vec<u8> = parts.iter().flat_map(|part| pack(part)).collect();
            let report = read_partial(&packed[..packed.len() * 3 / 4]);
            let spans = report.traces.spans.len();
            assert!(spans > set.spans.len() / 4, "{format}: {spans} of {}", set.spans.len());
            let error = report.error.unwrap();
            assert!(matches!(error, FormatError::Cut { .. }), "{format}: {error:?}");
            assert_eq!(error.whole_spans(), spans);
            assert!(error.to_string().contains("of the unpacked content"), "{error}");
        }
    }
}

#[test]
fn a_packed_input_without_its_end_is_cut_even_if_its_content_is_whole() {
    let set = large(8, 2);
    for format in IN_PIECES {
        let packed = gzip(&written(&set, format));
        let report = read_partial(&packed[..packed.len() - 4]);
        assert!(matches!(report.error, Some(FormatError::Cut { .. })), "{:?}", report.error);
        assert_eq!(content(&report.traces), content(&set), "{format}");
    }
}

#[test]
fn a_packed_input_that_is_damaged_is_named_so() {
    let bytes = written(&large(5, 50), Format::OtlpJsonLines);
    for (pack, packing) in [(gzip as fn(&[u8]) -> Vec<u8>, Packing::Gzip), (zstd, Packing::Zstd)] {
        let mut packed = pack(&bytes);
        let middle = packed.len() / 2;
        packed[middle..middle + 40].fill(0xff);
        let report = read_partial(&packed[..]);
        match report.error.unwrap() {
            FormatError::Damaged { packing: found, .. } => assert_eq!(found, packing),
            // What it unpacks to may be wrong before the unpacker notices.
            error => assert!(error.to_string().contains("unpacked content"), "{error}"),
        }
    }
    let mut random = SmallRng::seed_from_u64(5);
    for pack in [gzip, zstd] {
        let packed = pack(&bytes[..3000]);
        for _ in 0..300 {
            let mut damaged = packed.clone();
            let at = random.random_range(0..damaged.len());
            damaged[at] ^= 1 << random.random_range(0..8);
            drop(read_partial(&damaged[..]));
        }
    }
    let twice = gzip(&gzip(&bytes));
    let error = read(&twice[..]).unwrap_err();
    assert!(error.to_string().contains("packed twice"), "{error}");
}

/// A small input that unpacks to `megabytes` MB of white space in a request.
fn bomb(megabytes: usize, end: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"resourceSpans\":[").unwrap();
    let blank = vec![b' '; 1 << 20];
    for _ in 0..megabytes {
        encoder.write_all(&blank).unwrap();
    }
    encoder.write_all(end).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_bomb_is_stopped_at_the_bounds() {
    let packed = bomb(24, b"]}");
    assert!(packed.len() < 1 << 20);
    // Read as a whole: no more is unpacked than is allowed.
    let options = ReadOptions { most_unpacked_bytes: 16 << 20, ..ReadOptions::default() };
    let error = read_with(&packed[..], options).error.unwrap();
    assert!(
        matches!(error, FormatError::UnpacksToTooMuch { packing: Packing::Gzip, .. }),
        "{error}"
    );
    assert!(read(&packed[..]).is_ok(), "24 MB are allowed by default");
    // As one string, in a stream: no more is held than is allowed.
    let options = ReadOptions { most_item_bytes: 4 << 20, ..ReadOptions::default() };
    for text in [&b"\"resource\":\""[..], b"{\"scopeSpans\":[{\"spans\":[{\"name\":\""] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"{\"resourceSpans\":[").unwrap();
        encoder.write_all(if text[0] == b'{' { text } else { b"{\"x\":\"" }).unwrap();
        for _ in 0..24 {
            encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        let packed = encoder.finish().unwrap();
        let error = stream_with(&packed[..], options).unwrap().find_map(Result::err).unwrap();
        let FormatError::TooLarge { limit, position, .. } = error else { panic!("{error:?}") };
        assert_eq!((limit, position.line), (4 << 20, 1));
    }
    // Jaeger's form is held as a whole.
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"{\"data\":[{\"traceID\":\"").unwrap();
    for _ in 0..24 {
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
    }
    let packed = encoder.finish().unwrap();
    let bounds = ReadOptions { most_unpacked_bytes: 16 << 20, ..options };
    let error = read_with(&packed[..], bounds).error.unwrap();
    assert!(matches!(error, FormatError::UnpacksToTooMuch { .. }), "{error}");
    let error = stream_with(&packed[..], bounds).unwrap().find_map(Result::err).unwrap();
    assert!(matches!(error, FormatError::TooLarge { .. }), "{error}");
}

/// An input that cannot be read beyond its bytes.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::from_raw_os_error(5)),
            bytes => Ok(bytes),
        }
    }
}

#[test]
fn what_the_system_says_is_passed_on() {
    let set = large(6, 5);
    for format in IN_PIECES {
        let bytes = written(&set, format);
        let report = read_partial(BufReader::new(Broken(&bytes)));
        assert!(matches!(report.error, Some(FormatError::Io(_))), "{format}: {:?}", report.error);
        assert_eq!(report.traces.spans.len(), set.spans.len(), "{format}");
    }
    let report = read_partial(BufReader::new(Broken(b"")));
    assert!(matches!(report.error, Some(FormatError::Io(_))));
}

#[test]
fn damage_never_panics_in_a_stream() {
    let mut random = SmallRng::seed_from_u64(12);
    let options = ReadOptions { batch_spans: 2, ..ReadOptions::default() };
    for seed in 0..40 {
        let set = Maker::new(seed).set();
        for format in IN_PIECES {
            let mut bytes = written(&set, format);
            for _ in 0..20 {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
                let Ok(batches) = stream_with(&bytes[..], options) else { continue };
                let faults = batches.filter(Result::is_err).count();
                assert!(faults <= 1);
            }
        }
    }
}
