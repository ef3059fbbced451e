//! The fuzz targets without a fuzzer: their seeds, then mutations of them from a fixed seed. No
//! input may make a reader panic, name a place outside of it, or take memory out of proportion.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![allow(clippy::print_stderr, reason = "a test says what made it fail")]

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is a crate of its own for the fuzzer")]
mod targets;

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use peak_alloc::PeakAlloc;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// One target at a time, since all threads share the allocator.
static ALONE: Mutex<()> = Mutex::new(());

/// How often each target is given something new.
const ROUNDS: usize = 3_000;
/// What reading may take besides what depends on the input: shared tables, buffers.
const BASE_BYTES: usize = 1 << 20;
/// What reading may take for each byte of JSON. The worst is a list of empty things: three bytes each
/// in the file, 60 and more in memory, and three times that while the list grows.
const BYTES_A_BYTE: usize = 100;
/// The same for protobuf, where an empty thing is two bytes.
const BYTES_A_PROTO_BYTE: usize = 200;
/// A compressed byte may stand for a thousand.
const BYTES_A_COMPRESSED_BYTE: usize = 1_000 * BYTES_A_PROTO_BYTE;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(".").join("fuzz/seeds").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn run(name: &str, target: Target, bytes: &[u8]) {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let report = target.read(bytes);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let factor = match name {
        "compressed" => BYTES_A_COMPRESSED_BYTE,
        "otlp_proto" | "any" => BYTES_A_PROTO_BYTE,
        _ => BYTES_A_BYTE,
    };
    let most = BASE_BYTES + factor * bytes.len();
    assert!(taken <= most, "{taken} bytes for {} of input", bytes.len());
    target.check(bytes, &report);
}

/// Says which input it was, if the reader does not survive it.
struct Culprit<'a>(&'a str, &'a [u8]);

impl Drop for Culprit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text: String = self.1.iter().map(|byte| byte.escape_ascii().to_string()).collect();
            let (name, length) = (self.0, self.1.len());
            eprintln!("{name} does not survive these {length} bytes: {text:.4000}");
        }
    }
}

fn replay(wanted: &str) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (name, target) = TARGETS.into_iter().find(|(name, _)| *name == wanted).unwrap();
    let seeds = seeds(name);
    for seed in &seeds {
        let _culprit = Culprit(name, seed);
        run(name, target, seed);
    }
    let mut mutator = Mutator(SmallRng::seed_from_u64(4));
    for _ in 0..ROUNDS {
        let bytes = mutator.mutate(&seeds);
        let _culprit = Culprit(name, &bytes);
        run(name, target, &bytes);
    }
}

/// Makes new inputs of old ones.
struct Mutator(SmallRng);

/// Numbers at the edges of all types.
const NUMBERS: [&str; 10] = [
    "0",
    "-1",
    "1e999",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "4294967296",
    "0.0000001",
    "123456789012345678901234567890123456789012345678901234567890",
];

impl Mutator {
    fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(seeds).clone();
        for _ in 0..self.0.random_range(1..6) {
            self.change(&mut bytes, seeds);
        }
        bytes
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.0.random_range(0..list.len())]
    }

    /// Two places in `bytes`, in order.
    fn slice(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.0.random_range(0..=bytes.len());
        start..self.0.random_range(start..=bytes.len())
    }

    fn change(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let slice = self.slice(bytes);
        match self.0.random_range(0..10) {
            0 => {
                if let Some(byte) = bytes.get_mut(slice.start) {
                    *byte ^= 1 << self.0.random_range(0..8);
                }
            }
            1 => bytes.truncate(slice.start),
            2 => drop(bytes.drain(slice)),
            3 => {
                let copy = bytes[slice.clone()].to_vec();
                bytes.splice(slice.start..slice.start, copy);
            }
            4 => {
                let other = self.pick(seeds).clone();
                let part = self.slice(&other);
                bytes.splice(slice, other[part].iter().copied());
            }
            5 => {
                let numbers: Vec<_> = numbers(bytes).collect();
                if !numbers.is_empty() {
                    let place = self.pick(&numbers).clone();
                    let number = self.pick(&NUMBERS).bytes();
                    bytes.splice(place, number);
                }
            }
            6 => {
                let nest = *self.pick(&["[", "{\"a\":", "{\"arrayValue\":{\"values\":[", "\n\x7f"]);
                let nest = nest.repeat(self.0.random_range(1..300));
                bytes.splice(slice.start..slice.start, nest.bytes());
            }
            7 => {
                let long = vec![*self.pick(b"a0\"\\ \x80\xff"); self.0.random_range(1..5_000)];
                bytes.splice(slice.start..slice.start, long);
            }
            8 => {
                // Whole objects, so that what is longer is still well-formed.
                if let Some(place) = object(bytes, slice.start) {
                    let more = [&bytes[place.clone()], b","].concat();
                    let times = self.0.random_range(1..40);
                    bytes.splice(place.start..place.start, more.repeat(times));
                }
            }
            _ => {
                // Doubling a few times makes lists long; the input stays small enough to be quick.
                while bytes.len() < 20_000 && !slice.is_empty() && self.0.random_ratio(2, 3) {
                    let copy = bytes[slice.clone()].to_vec();
                    bytes.splice(slice.start..slice.start, copy);
                }
            }
        }
    }
}

/// Where the first whole JSON object behind `from` is, as far as counting brackets tells.
fn object(bytes: &[u8], from: usize) -> Option<std::ops::Range<usize>> {
    let start = from + bytes[from..].iter().position(|byte| *byte == b'{')?;
    let mut depth = 0_usize;
    let length = bytes[start..].iter().position(|byte| {
        depth = depth + usize::from(*byte == b'{') - usize::from(*byte == b'}');
        depth == 0
    })?;
    Some(start..start + length + 1)
}

/// Where the runs of digits are.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    bytes.chunk_by(|a, b| a.is_ascii_digit() == b.is_ascii_digit()).filter_map(move |run| {
        let place = start..start + run.len();
        start = place.end;
        run[0].is_ascii_digit().then_some(place)
    })
}

/// What takes the most memory for each byte: long lists of the smallest things.
fn dense() -> Vec<(&'static str, Vec<u8>)> {
    const TIMES: usize = 10_000;
    let json = |before: &str, element: &str, after: &str| {
        let list = vec![element; TIMES].join(",");
        format!("{before}{list}{after}").into_bytes()
    };
    let otlp = |field: &str, element: &str| {
        let before = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"000000000000000000000000000000aa","spanId":"00000000000000bb","{field}":["#
        );
        json(&before, element, "]}]}]}]}")
    };
    let message = |tag: u8, inside: &[u8]| {
        let mut bytes = vec![tag];
        let mut rest = inside.len();
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        [&bytes[..], inside].concat()
    };
    let proto = |tag: u8| {
        let ids = [message(0x0a, &[1; 16]), message(0x12, &[1; 8])].concat();
        let span = [ids, [tag, 0].repeat(TIMES)].concat();
        message(0x0a, &message(0x12, &message(0x12, &span)))
    };
    let jaeger = |fields: &str, element: &str| {
        let before = format!(r#"{{"data":[{{"spans":[{{"traceID":"1","spanID":"1",{fields}["#);
        json(&before, element, "]}]}]}")
    };
    let mut inputs = vec![
        ("otlp_json", otlp("links", "{}")),
        ("otlp_json", otlp("events", "{}")),
        ("otlp_json", otlp("attributes", "{}")),
        ("otlp_json", otlp("attributes", r#"{"value":{"arrayValue":{"values":[{},{}]}}}"#)),
        ("otlp_json", json(r#"{"resourceSpans":["#, r#"{"scopeSpans":[{}]}"#, "]}")),
        ("jaeger", jaeger(r#""references":"#, r#"{"spanID":"1"}"#)),
        ("jaeger", jaeger(r#""references":"#, "{}")),
        ("jaeger", jaeger(r#""logs":"#, "{}")),
        ("jaeger", jaeger(r#""tags":"#, "{}")),
        ("jaeger", json(r#"{"spans":["#, r#"{"traceID":"1","spanID":"1"}"#, "]}")),
        ("zipkin", json("[", r#"{"traceId":"1","id":"1"}"#, "]")),
        ("zipkin", json(r#"[{"traceId":"1","id":"1","annotations":["#, "{}", "]}]")),
        ("otlp_proto", proto(0x4a)),
        ("otlp_proto", proto(0x5a)),
        ("otlp_proto", proto(0x6a)),
        ("chrome", json("[", "{}", "]")),
        ("chrome", json(r#"[{"ph":"X","ts":0,"args":{"a":["#, "[]", "]}}]")),
        ("chrome", json(r#"[{"ph":"X","ts":0,"args":{"a":["#, "{}", "]}}]")),
    ];
    for phase in ["X", "B", "E", "b", "e", "n", "i", "s", "f", "M", "C"] {
        inputs.push(("chrome", json("[", &format!(r#"{{"ph":"{phase}","ts":1}}"#), "]")));
    }
    inputs.push((
        "chrome",
        json("[", r#"{"ph":"B","ts":0},{"ph":"i","ts":0},{"ph":"E","ts":1}"#, "]"),
    ));
    inputs
}

#[test]
fn long_lists_of_small_things() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for (name, bytes) in dense() {
        let (_, target) = TARGETS.into_iter().find(|(other, _)| *other == name).unwrap();
        let _culprit = Culprit(name, &bytes);
        run(name, target, &bytes);
    }
}

macro_rules! tests {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_target_is_here() {
            assert_eq!(TARGETS.map(|(name, _)| name).to_vec(), [$(stringify!($name)),*]);
        }
    };
}

tests!(otlp_json otlp_lines otlp_proto jaeger chrome zipkin any compressed);
