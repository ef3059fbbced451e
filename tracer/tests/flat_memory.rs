//! The memory that a stream takes does not depend on how long it is. A test of its own, since it
//! counts what the whole process has allocated.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use std::io::{self, BufReader, Read};

use peak_alloc::PeakAlloc;
use raftlens_tracer::format::{Format, stream};

mod made;

use made::{Maker, written};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;
/// What a window, a batch and the known texts may take together.
const MOST_BYTES: usize = 24 * MIB;

/// `head`, `block` a number of times, `tail`.
struct Repeated<'a> {
    parts: [(&'a [u8], usize); 3],
    /// The part, and the next byte of it.
    at: (usize, usize),
}

impl Read for Repeated<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (part, byte) = &mut self.at;
        while let Some((bytes, times)) = self.parts.get_mut(*part) {
            if *times > 0 && *byte < bytes.len() {
                let read = (&bytes[*byte..]).read(buffer)?;
                *byte += read;
                return Ok(read);
            }
            *byte = 0;
            *times = times.saturating_sub(1);
            *part += usize::from(*times == 0);
        }
        Ok(0)
    }
}

/// The most that is allocated while `input` is read as a stream, beyond what was before; and how many
/// spans there were.
fn peak_of(input: Repeated<'_>) -> (usize, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let spans =
        stream(BufReader::new(input)).unwrap().map(|batch| batch.unwrap().spans.len()).sum();
    (ALLOCATOR.peak_usage() - before, spans)
}

#[test]
fn memory_does_not_grow_with_the_stream() {
    let set = Maker::new(1).set();
    let line = written(&set, Format::OtlpJson);
    let group = line.trim_ascii_end().strip_prefix(b"{\"resourceSpans\":[").unwrap();
    let group = [group.strip_suffix(b"]}").unwrap(), b","].concat();
    let binary = written(&set, Format::OtlpProtobuf);
    let jaeger = written(&set, Format::JaegerJson);
    let traces = jaeger.trim_ascii_end().strip_prefix(b"{\"data\":[").unwrap();
    let end = traces.iter().rposition(|byte| *byte == b']').unwrap();
    let trace = [&traces[..end], b","].concat();
    let last = &traces[..end];
    for (name, [head, block, tail]) in [
        ("JSON lines", [&b""[..], &line, b""]),
        ("one document", [b"{\"resourceSpans\":[", &group, b"{}]}"]),
        ("protobuf", [b"", &binary, b""]),
        ("Jaeger JSON", [b"{\"data\":[", &trace, &[last, b"]}"].concat()]),
    ] {
        let of_size = |bytes: usize| Repeated {
            parts: [(head, 1), (block, bytes / block.len()), (tail, 1)],
            at: (0, 0),
        };
        let (small, few) = peak_of(of_size(8 * MIB));
        let (large, many) = peak_of(of_size(64 * MIB));
        assert!(many > 7 * few, "{name}: {few} and {many} spans");
        assert!(large < MOST_BYTES, "{name}: {large} bytes");
        assert!(large < small + 2 * MIB, "{name}: {small} bytes grew to {large}");
    }
}
