//! Fields as attributes, and those that mean something else: a name, a kind, a status.
//!
//! The special names are those of `tracing-opentelemetry`: `otel.name`, `otel.kind`,
//! `otel.status_code`, `otel.status_description` (and its older form `otel.status_message`), and an
//! event's `message`.

use super::read_fields::Read;
use crate::model::{ArcStr, Attribute, Span, SpanEvent, SpanKind, Status, Value};

const NAME: &str = "otel.name";
const KIND: &str = "otel.kind";
const STATUS_CODE: &str = "otel.status_code";
const STATUS_DESCRIPTION: [&str; 2] = ["otel.status_description", "otel.status_message"];
const MESSAGE: &str = "message";
const ERROR: &str = "error";

/// What fields are given to.
pub(super) enum Named<'a> {
    Span(&'a mut Span),
    Event(&'a mut SpanEvent),
}

impl Named<'_> {
    pub(super) fn set(&mut self, key: ArcStr, value: Read) {
        let (attributes, dropped) = match self {
            Named::Span(span) => (&mut span.attributes, &mut span.dropped_attributes),
            Named::Event(event) => (&mut event.attributes, &mut event.dropped_attributes),
        };
        let value = match value {
            Read::Int(number) => Value::Int(number),
            // OpenTelemetry's integers are signed.
            Read::Big(number) => Value::Str(number.to_string().into()),
            Read::Float(number) => Value::Double(number),
            Read::Bool(truth) => Value::Bool(truth),
            Read::Text { text, is_cut: false } => Value::Str(text.into()),
            Read::Text { text, is_cut: true } => Value::Str(format!("{text}…").into()),
            Read::Dropped(count) => {
                *dropped += count;
                return;
            }
        };
        set(attributes, key, value);
    }
}

/// Sets an attribute; one that comes again takes the place of the first.
pub(super) fn set(attributes: &mut Vec<Attribute>, key: ArcStr, value: Value) {
    match attributes.iter_mut().find(|attribute| attribute.key == key) {
        Some(known) => known.value = value,
        None => attributes.push(Attribute { key, value }),
    }
}

fn take(attributes: &mut Vec<Attribute>, key: &str) -> Option<Value> {
    let place = attributes.iter().position(|attribute| &*attribute.key == key)?;
    Some(attributes.remove(place).value)
}

fn take_text(attributes: &mut Vec<Attribute>, key: &str) -> Option<ArcStr> {
    match take(attributes, key)? {
        Value::Str(text) => Some(text),
        _ => None,
    }
}

/// Takes the special fields of a span out of its attributes.
pub(super) fn name_span(span: &mut Span) {
    let attributes = &mut span.attributes;
    if let Some(name) = take_text(attributes, NAME) {
        span.name = name;
    }
    span.kind = match take_text(attributes, KIND).map(|kind| kind.to_ascii_lowercase()).as_deref() {
        Some("server") => SpanKind::Server,
        Some("client") => SpanKind::Client,
        Some("producer") => SpanKind::Producer,
        Some("consumer") => SpanKind::Consumer,
        Some("internal") => SpanKind::Internal,
        Some(_) | None if span.kind == SpanKind::Unspecified => SpanKind::Internal,
        Some(_) | None => span.kind,
    };
    let code = take_text(attributes, STATUS_CODE).map(|code| code.to_ascii_lowercase());
    let description = STATUS_DESCRIPTION.iter().find_map(|key| take_text(attributes, key));
    match code.as_deref() {
        Some("ok") => span.status = Status::Ok,
        Some("error") => span.status = Status::Error(description.unwrap_or_else(|| "".into())),
        Some(_) | None => {
            if let Some(description) = description {
                span.status = Status::Error(description);
            }
        }
    }
}

/// Names an event: as its macro was told to, else by its message, else `exception` for a bare error,
/// else by its place in the source.
pub(super) fn name_event(event: &mut SpanEvent, callsite: &'static str) {
    if !callsite.starts_with("event ") {
        event.name = callsite.into();
        return;
    }
    if let Some(message) = take_text(&mut event.attributes, MESSAGE) {
        event.name = message;
        return;
    }
    let error = event.attributes.iter_mut().find(|attribute| &*attribute.key == ERROR);
    event.name = match error {
        Some(error) => {
            error.key = "exception.message".into();
            "exception".into()
        }
        None => callsite.into(),
    };
}
