//! One span of OTLP protobuf, and what is in it. Field numbers are those of opentelemetry-proto;
//! unknown fields are passed over, of equal ones the last one counts.

use super::fault::{Fault, Parsed};
use super::intern::{Builder, Interner, Values};
use super::otlp_json_span::{Scope, kind, no_value, push_event, status_of, without_id};
use super::otlp_read::new_link;
use super::wire::{BYTES, FIXED32, FIXED64, Tag, VARINT, Wire, whole_varint};
use crate::model::{ArcStr, Attribute, Link, Span, SpanEvent, SpanId, Status, TraceId, Value};

/// Reads a span, and goes on after it, into the last one that `builder` has, which is blank.
#[inline(always)]
pub(super) fn last_span<'a>(
    wire: &mut Wire<'a>,
    span_and_rest: (&'a [u8], &'a [u8]),
    builder: &mut Builder,
) -> Parsed<()> {
    let (traces, mut values) = builder.traces_and_values();
    let Some(span) = traces.spans.last_mut() else { return Ok(()) };
    wire.message_of(span_and_rest, |wire, tag| {
        field(wire, tag, span, &mut values)?;
        if tag.field == 1 {
            // Nearly all producers write fields in the order of their numbers.
            usual::<2, BYTES>(wire, span, &mut values)?;
            usual::<4, BYTES>(wire, span, &mut values)?;
            usual::<5, BYTES>(wire, span, &mut values)?;
            usual::<6, VARINT>(wire, span, &mut values)?;
            usual::<7, FIXED64>(wire, span, &mut values)?;
            usual::<8, FIXED64>(wire, span, &mut values)?;
            usual::<9, BYTES>(wire, span, &mut values)?;
        }
        Ok(())
    })?;
    span.attributes = values.scratch.split_off(0);
    if span.trace_id == TraceId(0) || span.span_id == SpanId(0) {
        return Err(without_id(wire.at(), span));
    }
    Ok(())
}

/// Reads the field that comes next if it is this one, without looking up which one it is.
#[inline(always)]
fn usual<const FIELD: u32, const LAYOUT: u32>(
    wire: &mut Wire<'_>,
    span: &mut Span,
    values: &mut Values<'_>,
) -> Parsed<()> {
    let tag = Tag { field: FIELD, layout: LAYOUT };
    match wire.takes(tag) {
        true => field(wire, tag, span, values),
        false => Ok(()),
    }
}

/// Reads the value of a span's field.
#[inline(always)]
fn field(wire: &mut Wire<'_>, tag: Tag, span: &mut Span, values: &mut Values<'_>) -> Parsed<()> {
    match (tag.field, tag.layout) {
        (1, BYTES) => span.trace_id = trace_id(wire)?,
        (2, BYTES) => span.span_id = span_id(wire)?,
        (3, BYTES) => span.trace_state = text(wire, values.interner)?,
        (4, BYTES) => span.parent_span_id = Some(span_id(wire)?).filter(|id| id.0 != 0),
        (5, BYTES) => span.name = name(wire, values.interner)?,
        (6, VARINT) => span.kind = kind(wire.varint()? as i64),
        (7, FIXED64) => span.start_ns = wire.fixed64()?,
        (8, FIXED64) => span.end_ns = wire.fixed64()?,
        (9, BYTES) => attributes(wire, values, tag)?,
        (10, VARINT) => span.dropped_attributes = wire.varint()? as u32,
        (11, BYTES) => {
            let event = event(wire, values)?;
            push_event(&mut span.events, event);
        }
        (12, VARINT) => span.dropped_events = wire.varint()? as u32,
        (13, BYTES) => span.links.push(link(wire, values)?),
        (14, VARINT) => span.dropped_links = wire.varint()? as u32,
        (15, BYTES) => span.status = status(wire, values.interner)?,
        (16, FIXED32) => span.flags = wire.fixed32()?,
        _ => other(wire, tag, "a span", 16)?,
    }
    Ok(())
}

/// Passes over a field that is not known. One that is known has come with another layout.
#[cold]
fn other(wire: &mut Wire<'_>, tag: Tag, of: &str, last_known: u32) -> Parsed<()> {
    if tag.field <= last_known {
        return Err(Fault::invalid(
            wire.at(),
            format!(
                "field {} of {of} has the layout {}, expected another one",
                tag.field, tag.layout
            ),
        ));
    }
    wire.skip(tag)
}

#[inline]
fn text(wire: &mut Wire<'_>, interner: &mut Interner) -> Parsed<ArcStr> {
    let bytes = wire.bytes()?;
    interner.value(bytes).ok_or_else(|| not_text(wire.at()))
}

/// A text of which there are few.
#[inline]
fn name(wire: &mut Wire<'_>, interner: &mut Interner) -> Parsed<ArcStr> {
    let bytes = wire.bytes()?;
    interner.name(bytes).ok_or_else(|| not_text(wire.at()))
}

#[cold]
fn not_text(at: usize) -> Box<Fault> {
    Fault::invalid(at, "a text that is not UTF-8")
}

#[inline(always)]
fn trace_id(wire: &mut Wire<'_>) -> Parsed<TraceId> {
    let bytes = wire.bytes()?;
    match bytes.try_into() {
        Ok(id) => Ok(TraceId(u128::from_be_bytes(id))),
        Err(_) if bytes.is_empty() => Ok(TraceId(0)),
        Err(_) => Err(wrong_id(wire, "trace", 16, bytes)),
    }
}

#[inline(always)]
fn span_id(wire: &mut Wire<'_>) -> Parsed<SpanId> {
    let bytes = wire.bytes()?;
    match bytes.try_into() {
        Ok(id) => Ok(SpanId(u64::from_be_bytes(id))),
        Err(_) if bytes.is_empty() => Ok(SpanId(0)),
        Err(_) => Err(wrong_id(wire, "span", 8, bytes)),
    }
}

#[cold]
fn wrong_id(wire: &Wire<'_>, of: &str, expected: usize, found: &[u8]) -> Box<Fault> {
    let found = found.len();
    Fault::invalid(wire.at(), format!("a {of} id of {found} bytes, expected {expected}"))
}

fn status(wire: &mut Wire<'_>, interner: &mut Interner) -> Parsed<Status> {
    let (mut code, mut message) = (0, ArcStr::default());
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (2, BYTES) => message = text(wire, interner)?,
            (3, VARINT) => code = wire.varint()? as i64,
            // Field 1 was a code before 2022.
            _ => wire.skip(tag)?,
        }
        Ok(())
    })?;
    Ok(status_of(code, message))
}

fn event(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<SpanEvent> {
    let (mut time_ns, mut title, mut dropped_attributes) = (0, None, 0);
    let first = values.scratch.len();
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (1, FIXED64) => time_ns = wire.fixed64()?,
            (2, BYTES) => title = Some(name(wire, values.interner)?),
            (3, BYTES) => attributes(wire, values, tag)?,
            (4, VARINT) => dropped_attributes = wire.varint()? as u32,
            _ => other(wire, tag, "an event", 4)?,
        }
        Ok(())
    })?;
    let attributes = values.scratch.split_off(first);
    Ok(SpanEvent { time_ns, name: title.unwrap_or_default(), attributes, dropped_attributes })
}

fn link(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<Link> {
    let mut link = new_link();
    let first = values.scratch.len();
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (1, BYTES) => link.trace_id = trace_id(wire)?,
            (2, BYTES) => link.span_id = span_id(wire)?,
            (3, BYTES) => link.trace_state = text(wire, values.interner)?,
            (4, BYTES) => attributes(wire, values, tag)?,
            (5, VARINT) => link.dropped_attributes = wire.varint()? as u32,
            (6, FIXED32) => link.flags = wire.fixed32()?,
            _ => other(wire, tag, "a link", 6)?,
        }
        Ok(())
    })?;
    link.attributes = values.scratch.split_off(first);
    Ok(link)
}

/// Reads an attribute to the end of the scratch list, and those that follow it as the same field,
/// which `tag` is.
fn attributes(wire: &mut Wire<'_>, values: &mut Values<'_>, tag: Tag) -> Parsed<()> {
    loop {
        let plain = wire.few_bytes_ahead().and_then(|(message, rest)| {
            plain_attribute(message, values)?;
            Some(rest)
        });
        match plain {
            Some(rest) => wire.go_on_at(rest),
            None => any_attribute(wire, values)?,
        }
        if !wire.takes(tag) {
            return Ok(());
        }
    }
}

/// Reads what nearly all attributes are, of the fewer than 128 bytes that one is: a key before a
/// text, a number or a truth value. `None` for all others, and for what is wrong with this one. It is here for speed alone: the attribute is made right where it stays, instead of
/// passing through the results of three calls.
#[inline(always)]
fn plain_attribute(message: &[u8], values: &mut Values<'_>) -> Option<()> {
    let [0x0a, key_bytes, rest @ ..] = message else { return None };
    let (key, rest) = rest.split_at_checked(usize::from(*key_bytes))?;
    let [0x12, value_bytes, content @ ..] = rest else { return None };
    if usize::from(*value_bytes) != content.len() {
        return None;
    }
    let key = values.interner.name(key)?;
    let value = match content {
        [0x0a, text_bytes, text @ ..] if usize::from(*text_bytes) == text.len() => {
            Value::Str(values.interner.value(text)?)
        }
        [0x18, number @ ..] => Value::Int(whole_varint(number)? as i64),
        [0x10, truth @ 0..=1] => Value::Bool(*truth == 1),
        [0x21, number @ ..] => Value::Double(f64::from_le_bytes(number.try_into().ok()?)),
        _ => return None,
    };
    values.scratch.push(Attribute { key, value });
    Some(())
}

#[inline(never)]
fn any_attribute(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<()> {
    let (mut key, mut content) = (None, None);
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (1, BYTES) => key = Some(name(wire, values.interner)?),
            (2, BYTES) => content = Some(value(wire, values)?),
            _ => other(wire, tag, "an attribute", 2)?,
        }
        Ok(())
    })?;
    let (key, value) = (key.unwrap_or_default(), content.unwrap_or_else(no_value));
    values.scratch.push(Attribute { key, value });
    Ok(())
}

/// Reads an `AnyValue`; the field's number says which kind it is.
fn value(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<Value> {
    let mut found = None;
    wire.message(|wire, tag| {
        found = Some(match (tag.field, tag.layout) {
            (1, BYTES) => Value::Str(text(wire, values.interner)?),
            (2, VARINT) => Value::Bool(wire.varint()? != 0),
            (3, VARINT) => Value::Int(wire.varint()? as i64),
            (4, FIXED64) => Value::Double(f64::from_bits(wire.fixed64()?)),
            (5, BYTES) => array(wire, values)?.into(),
            (6, BYTES) => map(wire, values)?.into(),
            (7, BYTES) => wire.bytes()?.to_vec().into(),
            _ => return other(wire, tag, "a value", 7),
        });
        Ok(())
    })?;
    Ok(found.unwrap_or_else(no_value))
}

fn array(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<Vec<Value>> {
    let mut list = Vec::new();
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (1, BYTES) => list.push(value(wire, values)?),
            _ => other(wire, tag, "a list", 1)?,
        }
        Ok(())
    })?;
    Ok(list)
}

/// Reads the attributes of a message in which they are field 1: nested ones, or a resource's.
pub(super) fn map(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<Vec<Attribute>> {
    let first = values.scratch.len();
    wire.message(|wire, tag| match (tag.field, tag.layout) {
        (1, BYTES) => attributes(wire, values, tag),
        _ => other(wire, tag, "a message with attributes", 1),
    })?;
    Ok(values.scratch.split_off(first))
}

/// Reads a scope.
pub(super) fn scope(wire: &mut Wire<'_>, values: &mut Values<'_>) -> Parsed<Scope> {
    let mut scope = Scope::default();
    let first = values.scratch.len();
    wire.message(|wire, tag| {
        match (tag.field, tag.layout) {
            (1, BYTES) => scope.name = name(wire, values.interner)?,
            (2, BYTES) => scope.version = name(wire, values.interner)?,
            (3, BYTES) => attributes(wire, values, tag)?,
            _ => other(wire, tag, "a scope", 3)?,
        }
        Ok(())
    })?;
    scope.attributes = values.scratch.drain(first..).count();
    Ok(scope)
}
