//! One span of OTLP JSON, and what is in it: keys in any order, unknown ones ignored, of equal ones
//! the last one counts, `null` the same as missing.

use super::fault::{Fault, Parsed};
use super::ids::base64_bytes;
use super::intern::Values;
use super::json_cursor::Cursor;
use super::json_scalars::digits;
use super::otlp_read::{new_event, new_link};
use crate::model::{
    ArcStr, Attribute, Link, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value,
};

/// The names that enums have in plain protobuf JSON, by their numbers.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Reads the span that comes next, as one of the scope that `blank` has.
pub(super) fn span(cursor: &mut Cursor<'_>, values: &mut Values<'_>, blank: Span) -> Parsed<Span> {
    let mut span = blank;
    cursor.object("a span", |cursor, key| {
        match key {
            b"traceId" => span.trace_id = cursor.trace_id()?,
            b"spanId" => span.span_id = cursor.span_id()?,
            b"parentSpanId" => {
                span.parent_span_id = Some(cursor.span_id()?).filter(|id| id.0 != 0);
            }
            b"traceState" => span.trace_state = cursor.shared_text(values.interner)?,
            b"flags" => span.flags = cursor.int()?,
            b"name" => span.name = cursor.shared_name(values.interner)?,
            b"kind" => span.kind = kind(cursor.choice(&KINDS)?),
            b"startTimeUnixNano" => span.start_ns = cursor.int()?,
            b"endTimeUnixNano" => span.end_ns = cursor.int()?,
            b"attributes" => span.attributes = attributes(cursor, values)?,
            b"droppedAttributesCount" => span.dropped_attributes = cursor.int()?,
            b"events" => {
                span.events.clear();
                cursor.list("a list of events", |cursor| {
                    let event = event(cursor, values)?;
                    push_event(&mut span.events, event);
                    Ok(())
                })?;
            }
            b"droppedEventsCount" => span.dropped_events = cursor.int()?,
            b"links" => span.links = links(cursor, values)?,
            b"droppedLinksCount" => span.dropped_links = cursor.int()?,
            b"status" => span.status = status(cursor, values)?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    if span.trace_id == TraceId(0) || span.span_id == SpanId(0) {
        return Err(without_id(cursor.at, &span));
    }
    Ok(span)
}

/// Appends an event. Most spans have one or two, and the first step of a list is room for four.
#[inline]
pub(super) fn push_event(events: &mut Vec<SpanEvent>, event: SpanEvent) {
    if events.capacity() == 0 {
        events.reserve_exact(2);
    }
    events.push(event);
}

/// The fault of a span that nothing can refer to.
#[cold]
pub(super) fn without_id(at: usize, span: &Span) -> Box<Fault> {
    let name = &span.name;
    Fault::invalid(
        at,
        format!("the span {name:?} has no id: expected traceId and spanId that are not all zero"),
    )
}

/// A number that is not known yet counts as not stated.
pub(super) fn kind(number: i64) -> SpanKind {
    match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// A status by its code; only an error keeps its message.
pub(super) fn status_of(code: i64, message: ArcStr) -> Status {
    match code {
        1 => Status::Ok,
        2 => Status::Error(message),
        _ => Status::Unset,
    }
}

fn status(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Status> {
    let (mut code, mut message) = (0, ArcStr::default());
    cursor.object("a status: {\"code\":0..2,\"message\":...}", |cursor, key| {
        match key {
            b"code" => code = cursor.choice(&STATUS_CODES)?,
            b"message" => message = cursor.shared_text(values.interner)?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(status_of(code, message))
}

fn event(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<SpanEvent> {
    let mut event = new_event();
    cursor.object("an event", |cursor, key| {
        match key {
            b"timeUnixNano" => event.time_ns = cursor.int()?,
            b"name" => event.name = cursor.shared_name(values.interner)?,
            b"attributes" => event.attributes = attributes(cursor, values)?,
            b"droppedAttributesCount" => event.dropped_attributes = cursor.int()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(event)
}

/// Reads a list of links.
pub(super) fn links(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Vec<Link>> {
    let mut links = Vec::new();
    cursor.list("a list of links", |cursor| {
        links.push(link(cursor, values)?);
        Ok(())
    })?;
    Ok(links)
}

fn link(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Link> {
    let mut link = new_link();
    cursor.object("a link", |cursor, key| {
        match key {
            b"traceId" => link.trace_id = cursor.trace_id()?,
            b"spanId" => link.span_id = cursor.span_id()?,
            b"traceState" => link.trace_state = cursor.shared_text(values.interner)?,
            b"attributes" => link.attributes = attributes(cursor, values)?,
            b"droppedAttributesCount" => link.dropped_attributes = cursor.int()?,
            b"flags" => link.flags = cursor.int()?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(link)
}

/// Reads a list of attributes.
pub(super) fn attributes(
    cursor: &mut Cursor<'_>,
    values: &mut Values<'_>,
) -> Parsed<Vec<Attribute>> {
    let first = values.scratch.len();
    cursor.list("a list of attributes", |cursor| {
        let start = cursor.at;
        if plain_attribute(cursor, values).is_none() {
            cursor.at = start;
            let attribute = attribute(cursor, values)?;
            values.scratch.push(attribute);
        }
        Ok(())
    })?;
    Ok(values.scratch.split_off(first))
}

/// Reads what nearly all attributes are: a key before a text or an integer, without escapes and
/// without white space. `None` for all others, and for what is wrong with this one. It is here for
/// speed alone: the letters between key and value are compared and not parsed, and the attribute is
/// made right where it stays.
#[inline]
fn plain_attribute(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Option<()> {
    cursor.take(b"{\"key\":\"")?;
    let key = cursor.plain()?;
    cursor.take(b",\"value\":{\"")?;
    if cursor.take(b"stringValue\":\"").is_some() {
        let text = cursor.plain()?;
        cursor.take(b"}}")?;
        let key = values.interner.name(key)?;
        let value = Value::Str(values.interner.value(text)?);
        values.scratch.push(Attribute { key, value });
    } else {
        cursor.take(b"intValue\":\"")?;
        let number = digits(cursor.plain()?).and_then(|number| i64::try_from(number).ok())?;
        cursor.take(b"}}")?;
        let key = values.interner.name(key)?;
        values.scratch.push(Attribute { key, value: Value::Int(number) });
    }
    Some(())
}

fn attribute(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Attribute> {
    let (mut name, mut content) = (None, None);
    cursor.object("an attribute: {\"key\":...,\"value\":{...}}", |cursor, key| {
        match key {
            b"key" => name = Some(cursor.shared_name(values.interner)?),
            b"value" => content = Some(value(cursor, values)?),
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(Attribute { key: name.unwrap_or_default(), value: content.unwrap_or_else(no_value) })
}

/// OTLP's "no value", for which the model has no kind of its own.
pub(super) fn no_value() -> Value {
    Value::Str(ArcStr::default())
}

/// Reads an `AnyValue`; the field's name says which kind it is.
fn value(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Value> {
    let mut found = None;
    cursor.object("a value: {\"stringValue\":...} or one of its kinds", |cursor, key| {
        // A `null` beside the real kind does not erase it.
        if cursor.null()? {
            return Ok(());
        }
        found = Some(match key {
            b"stringValue" => Value::Str(cursor.shared_text(values.interner)?),
            b"intValue" => Value::Int(cursor.int()?),
            b"boolValue" => match cursor.truth()? {
                Some(truth) => Value::Bool(truth),
                None => return Ok(()),
            },
            b"doubleValue" => match cursor.float()? {
                Some(number) => Value::Double(number),
                None => return Ok(()),
            },
            b"bytesValue" => {
                let text = cursor.text()?;
                Value::from(base64_bytes(&text).map_err(|error| {
                    Fault::invalid(cursor.at, format!("bytesValue is not base64: {error}"))
                })?)
            }
            b"arrayValue" => array(cursor, values)?.into(),
            b"kvlistValue" => map(cursor, values)?.into(),
            _ => return cursor.skip(),
        });
        Ok(())
    })?;
    Ok(found.unwrap_or_else(no_value))
}

fn array(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Vec<Value>> {
    let mut list = Vec::new();
    cursor.object("{\"values\":[...]}", |cursor, key| match key {
        b"values" => cursor.list("a list of values", |cursor| {
            list.push(value(cursor, values)?);
            Ok(())
        }),
        _ => cursor.skip(),
    })?;
    Ok(list)
}

fn map(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Vec<Attribute>> {
    let mut list = Vec::new();
    cursor.object("{\"values\":[...]}", |cursor, key| {
        match key {
            b"values" => list = attributes(cursor, values)?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(list)
}

/// Reads a resource: its attributes.
pub(super) fn resource(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Vec<Attribute>> {
    let mut list = Vec::new();
    cursor.object("a resource", |cursor, key| {
        match key {
            b"attributes" => list = attributes(cursor, values)?,
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(list)
}

/// What is read of an instrumentation scope.
#[derive(Default)]
pub(super) struct Scope {
    pub(super) name: ArcStr,
    pub(super) version: ArcStr,
    /// How many attributes it has, which have no place in the model.
    pub(super) attributes: usize,
}

/// Reads a scope.
pub(super) fn scope(cursor: &mut Cursor<'_>, values: &mut Values<'_>) -> Parsed<Scope> {
    let mut scope = Scope::default();
    cursor.object("an instrumentation scope", |cursor, key| {
        match key {
            b"name" => scope.name = cursor.shared_name(values.interner)?,
            b"version" => scope.version = cursor.shared_name(values.interner)?,
            b"attributes" => scope.attributes = attributes(cursor, values)?.len(),
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    Ok(scope)
}
