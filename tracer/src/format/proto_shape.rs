//! Tells OTLP protobuf from other bytes. Protobuf has no mark at its beginning, so the first bytes
//! are laid over what an `ExportTraceServiceRequest` looks like: field numbers, layouts and lengths
//! must fit as far as the bytes go.

use super::fault::Fault;
use super::wire::{BYTES, FIXED32, FIXED64, VARINT, Wire};

/// What stands before each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Nothing: requests that follow one another are one.
    None,
    /// Its length as protobuf writes integers.
    Varint,
    /// Its length in four bytes, the highest first, as the OpenTelemetry collector's file exporter
    /// writes it.
    Fixed32,
}

/// The fields of a message, as far as they tell something.
struct Shape(&'static [(u32, u32, Content)]);

#[derive(Clone, Copy)]
enum Content {
    Any,
    /// UTF-8.
    Name,
    /// An id of 16 bytes; this is what spans begin with.
    TraceId,
    Message(&'static Shape),
}

use Content::{Any, Message, Name, TraceId};

const REQUEST: Shape = Shape(&[(1, BYTES, Message(&GROUP))]);
const GROUP: Shape = Shape(&[
    (1, BYTES, Message(&RESOURCE)),
    (2, BYTES, Message(&SCOPE_SPANS)),
    (3, BYTES, Name),
    (1000, BYTES, Message(&SCOPE_SPANS)),
]);
const RESOURCE: Shape =
    Shape(&[(1, BYTES, Message(&ATTRIBUTE)), (2, VARINT, Any), (3, BYTES, Any)]);
const ATTRIBUTE: Shape = Shape(&[(1, BYTES, Name), (2, BYTES, Any)]);
const SCOPE_SPANS: Shape =
    Shape(&[(1, BYTES, Message(&SCOPE)), (2, BYTES, Message(&SPAN)), (3, BYTES, Name)]);
const SCOPE: Shape =
    Shape(&[(1, BYTES, Name), (2, BYTES, Name), (3, BYTES, Message(&ATTRIBUTE)), (4, VARINT, Any)]);
const SPAN: Shape = Shape(&[
    (1, BYTES, TraceId),
    (2, BYTES, Any),
    (3, BYTES, Any),
    (4, BYTES, Any),
    (5, BYTES, Any),
    (6, VARINT, Any),
    (7, FIXED64, Any),
    (8, FIXED64, Any),
    (9, BYTES, Any),
    (10, VARINT, Any),
    (11, BYTES, Any),
    (12, VARINT, Any),
    (13, BYTES, Any),
    (14, VARINT, Any),
    (15, BYTES, Any),
    (16, FIXED32, Any),
]);

/// How the requests that begin with `prefix` are framed; `None` if they are none.
pub(super) fn framing_of(prefix: &[u8]) -> Option<Framing> {
    if is_request(prefix) {
        return Some(Framing::None);
    }
    if let Some((length, rest)) = prefix.split_first_chunk::<4>()
        && is_framed(u64::from(u32::from_be_bytes(*length)), rest)
    {
        return Some(Framing::Fixed32);
    }
    let mut wire = Wire::new(prefix);
    let length = wire.varint().ok()?;
    is_framed(length, &prefix[wire.at()..]).then_some(Framing::Varint)
}

/// Whether `rest` begins with a request of `length` bytes.
fn is_framed(length: u64, rest: &[u8]) -> bool {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    length > 0 && is_request(&rest[..length.min(rest.len())])
}

fn is_request(bytes: &[u8]) -> bool {
    let mut fields = 0;
    fits(Piece { bytes, is_whole: false }, &REQUEST, &mut fields) && fields >= 2
}

/// The content of a message, or its beginning.
#[derive(Clone, Copy)]
struct Piece<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

/// Whether `piece` can be a message of this shape. Counts its fields.
fn fits(piece: Piece<'_>, shape: &Shape, fields: &mut usize) -> bool {
    let mut wire = Wire::new(piece.bytes);
    // A field may be cut off where the message is.
    let may_end = |fault: Box<Fault>| fault.is_cut() && !piece.is_whole;
    while wire.has_more() {
        let tag = match wire.tag() {
            Ok(tag) => tag,
            Err(fault) => return may_end(fault),
        };
        let known = shape.0.iter().find(|known| (known.0, known.1) == (tag.field, tag.layout));
        let Some((_, _, content)) = known else { return false };
        *fields += 1;
        if tag.layout != BYTES {
            match wire.skip(tag) {
                Ok(()) => continue,
                Err(fault) => return may_end(fault),
            }
        }
        let length = match wire.varint() {
            Ok(length) => length,
            Err(fault) => return may_end(fault),
        };
        let rest = &piece.bytes[wire.at()..];
        let is_whole = usize::try_from(length).is_ok_and(|length| length <= rest.len());
        if !is_whole && piece.is_whole {
            return false;
        }
        let bytes = if is_whole { &rest[..length as usize] } else { rest };
        if !content_fits(Piece { bytes, is_whole }, length, *content, fields) {
            return false;
        }
        if wire.pass(bytes.len() as u64).is_err() {
            return false;
        }
    }
    true
}

fn content_fits(piece: Piece<'_>, length: u64, content: Content, fields: &mut usize) -> bool {
    match content {
        Any => true,
        TraceId => length == 16,
        Name => match str::from_utf8(piece.bytes) {
            Ok(_) => true,
            // Cut in the middle of a letter.
            Err(error) => error.error_len().is_none() && !piece.is_whole,
        },
        Message(shape) => fits(piece, shape, fields),
    }
}

/// The name of the protobuf message that begins with `prefix`, if it is one of those that traces or
/// profiles also come in.
pub(super) fn other_message(prefix: &[u8]) -> Option<&'static str> {
    let mut wire = Wire::new(prefix);
    let tag = wire.tag().ok()?;
    if (tag.field, tag.layout) != (1, BYTES) {
        return None;
    }
    let length = usize::try_from(wire.varint().ok()?).ok()?;
    let inner = &prefix[wire.at()..];
    let inner = &inner[..length.min(inner.len())];
    match inner {
        // Field 1, a type of sample, is two short integers.
        [0x08, _, 0x10, _] => Some("a pprof profile"),
        // Ids of 16 and 8 bytes, then a name or a third id.
        [0x0a, 0x10, rest @ ..] | [0x0a, 0x08, rest @ ..] => match rest.get(inner[1].into()..)? {
            [0x1a, 0x08, ..] => Some("Zipkin's protobuf"),
            [0x12, 0x08, rest @ ..]
                if rest.get(8..).is_some_and(|at| at.starts_with(&[0x1a, 8])) =>
            {
                Some("Zipkin's protobuf")
            }
            [0x12, 0x08, ..] => Some("Jaeger's protobuf"),
            _ => None,
        },
        // A clock snapshot, a timestamp, a sequence or its flags: what Perfetto's packets begin with.
        [0x32 | 0x40 | 0x50 | 0x68, ..] | [0xa0..=0xef, 1..=8, ..] => Some("a Perfetto trace"),
        _ => None,
    }
}
