//! Takes back what our writer put into `args`: everything that a trace event has no field for.

use super::args::kind_name;
use super::event::Event;
use super::*;
use crate::format::intern::Interner;
use crate::format::otlp_read::{new_link, new_span};
use crate::model::{
    ArcStr, Attribute, Link, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value,
};

/// A span that brought its ids, without name and place in time.
pub(super) struct Own {
    pub(super) span: Span,
    /// Its position in the set from which it was written.
    pub(super) position: Option<i64>,
    pub(super) start_ns: Option<u64>,
    pub(super) end_ns: Option<u64>,
}

/// An event that says which span it belongs to.
pub(super) struct OwnEvent {
    /// The span's position in the set from which it was written.
    pub(super) span: i64,
    /// The event's position in the span.
    pub(super) number: i64,
    /// In nanoseconds since the file's zero.
    pub(super) relative_ns: i128,
    pub(super) exact_ns: Option<u64>,
    pub(super) event: SpanEvent,
}

/// What an `n` event is.
pub(super) enum Point {
    Ours(OwnEvent),
    /// One end of an arrow; the link itself stands in the span.
    Arrow,
    Foreign(Event),
}

/// The span that `args` describe, if they have the ids of one; what is not ours stays attributes.
pub(super) fn span(args: &mut Vec<Attribute>, interner: &mut Interner) -> Option<Own> {
    let text = |key| crate::model::find(args, key).and_then(Value::as_str);
    let trace_id = TraceId(hexadecimal(text(TRACE_ID)?, 32)?);
    let span_id = SpanId(hexadecimal(text(SPAN_ID)?, 16)? as u64);
    let span = Span { trace_id, span_id, ..new_span() };
    let mut own = Own { span, position: None, start_ns: None, end_ns: None };
    let mut rest = Vec::new();
    let mut failed = false;
    let mut message = interner.text("");
    for Attribute { key, value } in std::mem::take(args) {
        let span = &mut own.span;
        match (&*key, value) {
            (TRACE_ID | SPAN_ID, Value::Str(_)) => {}
            (SPAN, Value::Int(position)) => own.position = Some(position),
            (PARENT_SPAN_ID, Value::Str(text)) => {
                span.parent_span_id = hexadecimal(&text, 16).map(|id| SpanId(id as u64));
            }
            (KIND, Value::Str(text)) => span.kind = kind(&text),
            (STATUS, Value::Str(text)) => {
                failed = &*text == "error";
                span.status = if &*text == "ok" { Status::Ok } else { Status::Unset };
            }
            (STATUS_MESSAGE, Value::Str(text)) => message = text,
            (SCOPE, Value::Str(text)) => span.scope_name = text,
            (SCOPE_VERSION, Value::Str(text)) => span.scope_version = text,
            (TRACE_STATE, Value::Str(text)) => span.trace_state = text,
            (FLAGS, Value::Int(number)) => span.flags = number as u32,
            (DROPPED_ATTRIBUTES, Value::Int(number)) => span.dropped_attributes = number as u32,
            (DROPPED_EVENTS, Value::Int(number)) => span.dropped_events = number as u32,
            (DROPPED_LINKS, Value::Int(number)) => span.dropped_links = number as u32,
            (START_NS, Value::Str(text)) => own.start_ns = text.parse().ok(),
            (END_NS, Value::Str(text)) => own.end_ns = text.parse().ok(),
            (ATTRIBUTES, Value::Map(entries)) => span.attributes = *entries,
            (LINKS, Value::Array(links)) => {
                span.links = links.into_iter().filter_map(link).collect()
            }
            (_, value) => rest.push(Attribute { key, value }),
        }
    }
    if failed {
        own.span.status = Status::Error(message);
    }
    own.span.attributes.extend(rest);
    Some(own)
}

fn link(value: Value) -> Option<Link> {
    let Value::Map(entries) = value else { return None };
    let mut link = new_link();
    for Attribute { key, value } in *entries {
        match (&*key, value) {
            (TRACE_ID, Value::Str(text)) => link.trace_id = TraceId(digits(&text, 32)?),
            (SPAN_ID, Value::Str(text)) => link.span_id = SpanId(digits(&text, 16)? as u64),
            (TRACE_STATE, Value::Str(text)) => link.trace_state = text,
            (FLAGS, Value::Int(number)) => link.flags = number as u32,
            (DROPPED_ATTRIBUTES, Value::Int(number)) => link.dropped_attributes = number as u32,
            (ATTRIBUTES, Value::Map(entries)) => link.attributes = *entries,
            _ => {}
        }
    }
    Some(link)
}

/// What an `n` event is to the spans of its track.
pub(super) fn event(event: Event, interner: &mut Interner) -> Point {
    let number = |key| crate::model::find(&event.args, key).and_then(Value::as_int);
    let Some(span) = number(SPAN) else { return Point::Foreign(event) };
    let Some(number) = number(EVENT) else {
        let is_arrow = crate::model::find(&event.args, FLOW) == Some(&Value::Bool(true));
        return if is_arrow { Point::Arrow } else { Point::Foreign(event) };
    };
    let empty: ArcStr = interner.text("");
    let mut own = OwnEvent {
        span,
        number,
        relative_ns: event.time_ns.unwrap_or_default(),
        exact_ns: None,
        event: SpanEvent { time_ns: 0, name: empty, attributes: Vec::new(), dropped_attributes: 0 },
    };
    own.event.name = event.name;
    let mut rest = Vec::new();
    for Attribute { key, value } in event.args {
        match (&*key, value) {
            (SPAN | EVENT, Value::Int(_)) => {}
            (TIME_NS, Value::Str(text)) => own.exact_ns = text.parse().ok(),
            (DROPPED_ATTRIBUTES, Value::Int(number)) => {
                own.event.dropped_attributes = number as u32;
            }
            (ATTRIBUTES, Value::Map(entries)) => own.event.attributes = *entries,
            (_, value) => rest.push(Attribute { key, value }),
        }
    }
    own.event.attributes.extend(rest);
    Point::Ours(own)
}

fn kind(name: &str) -> SpanKind {
    [SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer]
        .into_iter()
        .find(|kind| kind_name(*kind) == name)
        .unwrap_or_default()
}

/// An id that is not zero, with all its digits.
fn hexadecimal(text: &str, length: usize) -> Option<u128> {
    digits(text, length).filter(|id| *id != 0)
}

fn digits(text: &str, length: usize) -> Option<u128> {
    let is_id = text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { u128::from_str_radix(text, 16).ok() } else { None }
}
