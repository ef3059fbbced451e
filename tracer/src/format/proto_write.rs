//! Writes OTLP protobuf: one `ExportTraceServiceRequest`, what is zero or empty left out. Equal sets
//! become equal bytes.

use std::io::{self, Write};

use super::otlp_write::{groups, kind, resource_attributes};
use super::wire::{BYTES, FIXED32, FIXED64, VARINT};
use crate::model::{Attribute, Link, Span, SpanEvent, Status, TraceSet, Value};

/// Writes one request with everything in it, a resource at a time.
pub(super) fn document(traces: &TraceSet, mut output: impl Write) -> io::Result<()> {
    let mut bytes = Vec::new();
    for spans in groups(traces.spans.iter(), |span| span.resource) {
        bytes.clear();
        message(&mut bytes, 1, |group| {
            let attributes = resource_attributes(traces, spans[0]);
            message(group, 1, |resource| all(resource, 1, attributes, attribute));
            for spans in groups(spans, |span| (&*span.scope_name, &*span.scope_version)) {
                message(group, 2, |scope_spans| scope(scope_spans, &spans));
            }
        });
        output.write_all(&bytes)?;
    }
    output.flush()
}

/// Spans of one scope; never empty.
fn scope(out: &mut Vec<u8>, spans: &[&Span]) {
    message(out, 1, |out| {
        text(out, 1, &spans[0].scope_name);
        text(out, 2, &spans[0].scope_version);
    });
    all(out, 2, spans, |out, span| self::span(out, span));
}

fn span(out: &mut Vec<u8>, span: &Span) {
    bytes(out, 1, &span.trace_id.0.to_be_bytes());
    bytes(out, 2, &span.span_id.0.to_be_bytes());
    text(out, 3, &span.trace_state);
    if let Some(parent) = span.parent_span_id {
        bytes(out, 4, &parent.0.to_be_bytes());
    }
    text(out, 5, &span.name);
    number(out, 6, u64::from(kind(span.kind)));
    fixed64(out, 7, span.start_ns);
    fixed64(out, 8, span.end_ns);
    all(out, 9, &span.attributes, attribute);
    number(out, 10, u64::from(span.dropped_attributes));
    all(out, 11, &span.events, event);
    number(out, 12, u64::from(span.dropped_events));
    all(out, 13, &span.links, link);
    number(out, 14, u64::from(span.dropped_links));
    match &span.status {
        Status::Unset => {}
        Status::Ok => message(out, 15, |out| number(out, 3, 1)),
        Status::Error(reason) => message(out, 15, |out| {
            text(out, 2, reason);
            number(out, 3, 2);
        }),
    }
    fixed32(out, 16, span.flags);
}

fn event(out: &mut Vec<u8>, event: &SpanEvent) {
    fixed64(out, 1, event.time_ns);
    text(out, 2, &event.name);
    all(out, 3, &event.attributes, attribute);
    number(out, 4, u64::from(event.dropped_attributes));
}

fn link(out: &mut Vec<u8>, link: &Link) {
    bytes(out, 1, &link.trace_id.0.to_be_bytes());
    bytes(out, 2, &link.span_id.0.to_be_bytes());
    text(out, 3, &link.trace_state);
    all(out, 4, &link.attributes, attribute);
    number(out, 5, u64::from(link.dropped_attributes));
    fixed32(out, 6, link.flags);
}

fn attribute(out: &mut Vec<u8>, attribute: &Attribute) {
    text(out, 1, &attribute.key);
    message(out, 2, |out| value(out, &attribute.value));
}

/// The kind of a value is told by its field, so these are written even when they are zero.
fn value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Str(text) => bytes(out, 1, text.as_bytes()),
        Value::Bool(truth) => {
            tag(out, 2, VARINT);
            varint(out, u64::from(*truth));
        }
        Value::Int(number) => {
            tag(out, 3, VARINT);
            // Negative numbers take all ten bytes, as protobuf has it.
            varint(out, *number as u64);
        }
        Value::Double(number) => {
            tag(out, 4, FIXED64);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        Value::Array(values) => message(out, 5, |out| all(out, 1, values, self::value)),
        Value::Map(attributes) => message(out, 6, |out| all(out, 1, attributes, attribute)),
        Value::Bytes(content) => bytes(out, 7, content),
    }
}

/// A field for each of `items`, as a message that `write` fills.
fn all<T>(out: &mut Vec<u8>, field: u32, items: &[T], write: fn(&mut Vec<u8>, &T)) {
    for item in items {
        message(out, field, |out| write(out, item));
    }
}

/// A nested message. Its length is known only behind it, so it is moved up to make room for that:
/// cheaper than measuring everything first, which would walk it once more for each level.
fn message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    varint(out, length as u64);
    out[start..].rotate_right(varint_bytes(length as u64));
}

fn varint_bytes(number: u64) -> usize {
    (70 - (number | 1).leading_zeros() as usize) / 7
}

fn tag(out: &mut Vec<u8>, field: u32, layout: u32) {
    varint(out, u64::from(field << 3 | layout));
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    tag(out, field, BYTES);
    varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        bytes(out, field, text.as_bytes());
    }
}

fn number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        tag(out, field, VARINT);
        varint(out, number);
    }
}

fn fixed64(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        tag(out, field, FIXED64);
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn fixed32(out: &mut Vec<u8>, field: u32, number: u32) {
    if number != 0 {
        tag(out, field, FIXED32);
        out.extend_from_slice(&number.to_le_bytes());
    }
}
