//! One span of Jaeger JSON: references become parent and links, tags become attributes and what
//! OpenTelemetry has fields for.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::intern::{Builder, Interner};
use super::jaeger_read::{RawProcess, ids};
use super::jaeger_tags::*;
use super::number::Int;
use super::otlp_read::{attributes_from_text, links_from_text, new_link, new_span};
use super::walk::Text;
use crate::model::{Attribute, Link, Span, SpanEvent, SpanKind, Status, Value};

/// A span as the file has it. Lists may be `null`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawSpan<'a> {
    #[serde(rename = "traceID", borrow)]
    trace_id: Text<'a>,
    #[serde(rename = "spanID", borrow)]
    span_id: Text<'a>,
    #[serde(rename = "parentSpanID", borrow)]
    parent_span_id: Option<Text<'a>>,
    flags: Option<Int<u32>>,
    #[serde(borrow)]
    operation_name: Text<'a>,
    #[serde(borrow)]
    references: Option<Vec<Reference<'a>>>,
    start_time: Option<Int<u64>>,
    duration: Option<Int<u64>>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
    #[serde(borrow)]
    logs: Option<Vec<Log<'a>>>,
    #[serde(rename = "processID", borrow)]
    pub(super) process_id: Text<'a>,
    #[serde(borrow)]
    pub(super) process: Option<RawProcess<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reference<'a> {
    #[serde(borrow)]
    ref_type: Text<'a>,
    #[serde(rename = "traceID", borrow)]
    trace_id: Text<'a>,
    #[serde(rename = "spanID", borrow)]
    span_id: Text<'a>,
}

/// A tag or a log field.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag<'a> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    value: serde_json::Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Log<'a> {
    timestamp: Option<Int<u64>>,
    #[serde(borrow)]
    fields: Option<Vec<Tag<'a>>>,
}

/// Turns a span of the file into one of the model; its resource is not known yet.
pub(super) fn into_span(raw: RawSpan<'_>, builder: &mut Builder) -> Result<Span, String> {
    if raw.trace_id.0.is_empty() || raw.span_id.0.is_empty() {
        return Err(format!(
            "the span {:?} has no id: expected traceID and spanID",
            raw.operation_name.0
        ));
    }
    let mut span = new_span();
    (span.trace_id, span.span_id) = ids(&raw.trace_id.0, &raw.span_id.0, builder);
    span.name = builder.interner.text(&raw.operation_name.0);
    span.flags = raw.flags.unwrap_or_default().0;
    let start_us = raw.start_time.unwrap_or_default().0;
    let end_us = start_us.saturating_add(raw.duration.unwrap_or_default().0);
    span.start_ns = start_us.saturating_mul(1000);
    span.end_ns = end_us.saturating_mul(1000);
    take_references(&mut span, raw.references.unwrap_or_default(), builder);
    if let Some(parent) = raw.parent_span_id.filter(|id| is_id(&id.0) && span.links.is_empty()) {
        // Deprecated by Jaeger, and the only hint in files that old.
        let parent_id = ids(&raw.trace_id.0, &parent.0, builder).1;
        span.parent_span_id.get_or_insert(parent_id);
    }
    let interner = &mut builder.interner;
    take_tags(&mut span, raw.tags.unwrap_or_default(), interner);
    for log in raw.logs.unwrap_or_default() {
        span.events.push(event(log, interner));
    }
    Ok(span)
}

fn is_id(text: &str) -> bool {
    text.bytes().any(|byte| byte != b'0')
}

/// The first CHILD_OF within the trace is the parent; everything else is a link.
fn take_references(span: &mut Span, references: Vec<Reference<'_>>, builder: &mut Builder) {
    for reference in references.iter().filter(|reference| is_id(&reference.span_id.0)) {
        let (trace_id, span_id) = ids(&reference.trace_id.0, &reference.span_id.0, builder);
        let is_child = reference.ref_type.0 == "CHILD_OF";
        if is_child && span.parent_span_id.is_none() && trace_id == span.trace_id {
            span.parent_span_id = Some(span_id);
            continue;
        }
        let mut link = Link { trace_id, span_id, ..new_link() };
        if is_child {
            let value = Value::Str(builder.interner.text(CHILD_OF_LINK));
            let key = builder.interner.text(REFERENCE_TYPE);
            link.attributes.push(Attribute { key, value });
        }
        span.links.push(link);
    }
}

fn take_tags(span: &mut Span, tags: Vec<Tag<'_>>, interner: &mut Interner) {
    let mut plain = Vec::with_capacity(tags.len());
    let mut status = StatusTags::default();
    let mut exact = (None, None);
    for tag in tags {
        let text = tag.value.as_str();
        match &*tag.key.0 {
            KIND => match text.and_then(kind) {
                Some(kind) => span.kind = kind,
                None => plain.push(tag),
            },
            STATUS_CODE => status.code = text.map(str::to_owned),
            STATUS_DESCRIPTION => status.description = text.map(str::to_owned),
            // Jaeger sets its own beside an attribute of that name, which says more.
            ERROR if truth(&tag.value) == Some(true) => status.failed = true,
            SCOPE_NAME | LIBRARY_NAME => span.scope_name = interner.text(text.unwrap_or_default()),
            SCOPE_VERSION | LIBRARY_VERSION => {
                span.scope_version = interner.text(text.unwrap_or_default());
            }
            TRACE_STATE => span.trace_state = interner.text(text.unwrap_or_default()),
            DROPPED_ATTRIBUTES => span.dropped_attributes = count(&tag),
            DROPPED_EVENTS => span.dropped_events = count(&tag),
            DROPPED_LINKS => span.dropped_links = count(&tag),
            START_NS => exact.0 = wide(&tag),
            DURATION_NS => exact.1 = wide(&tag),
            LINKS => restore_links(span, text.unwrap_or_default(), interner),
            _ => plain.push(tag),
        }
    }
    status.apply(span, interner);
    span.attributes = attributes_of(plain, interner);
    restore_times(span, exact);
}

/// What the tags say of how a span ended.
#[derive(Default)]
struct StatusTags {
    code: Option<String>,
    description: Option<String>,
    failed: bool,
}

impl StatusTags {
    fn apply(self, span: &mut Span, interner: &mut Interner) {
        let message = self.description.unwrap_or_default();
        span.status = match self.code.as_deref() {
            Some("ERROR") => Status::Error(interner.text(&message)),
            Some("OK") => Status::Ok,
            _ if self.failed => Status::Error(interner.text(&message)),
            _ => Status::Unset,
        };
    }
}

fn truth(value: &serde_json::Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
}

/// Gives the span its nanoseconds back, unless someone has changed its microseconds since.
fn restore_times(span: &mut Span, exact: (Option<i128>, Option<i128>)) {
    let (Some(start), Some(duration)) = exact else { return };
    let (Ok(start_ns), Ok(end_ns)) = (u64::try_from(start), u64::try_from(start + duration)) else {
        return;
    };
    let same_start = start_ns / 1000 == span.start_ns / 1000;
    let same_end = end_ns / 1000 == span.end_ns / 1000 || end_ns < start_ns;
    if same_start && same_end {
        span.start_ns = start_ns;
        span.end_ns = end_ns;
    }
}

/// Gives the references that became links their details back.
fn restore_links(span: &mut Span, text: &str, interner: &mut Interner) {
    let mut detailed = links_from_text(text, interner).unwrap_or_default();
    for link in &mut span.links {
        let same = |other: &Link| (other.trace_id, other.span_id) == (link.trace_id, link.span_id);
        if let Some(position) = detailed.iter().position(same) {
            *link = detailed.remove(position);
        }
    }
}

fn event(log: Log<'_>, interner: &mut Interner) -> SpanEvent {
    let mut time_ns = log.timestamp.unwrap_or_default().0.saturating_mul(1000);
    let mut fields = log.fields.unwrap_or_default();
    // The first of the two names that is there; a later `event` is an attribute of that name.
    let name = [EVENT, MESSAGE]
        .iter()
        .find_map(|key| fields.iter().position(|field| field.key.0 == *key))
        .map(|position| fields.remove(position));
    let name = name.as_ref().and_then(|field| field.value.as_str()).unwrap_or("log");
    let name = interner.text(name);
    let mut dropped_attributes = 0;
    fields.retain(|field| match &*field.key.0 {
        TIME_NS => {
            let exact = wide(field).and_then(|exact| u64::try_from(exact).ok());
            time_ns = exact.filter(|exact| exact / 1000 == time_ns / 1000).unwrap_or(time_ns);
            false
        }
        DROPPED_ATTRIBUTES => {
            dropped_attributes = count(field);
            false
        }
        _ => true,
    });
    SpanEvent { time_ns, name, attributes: attributes_of(fields, interner), dropped_attributes }
}

/// Turns tags into attributes, with escaped keys and nested values restored.
pub(super) fn attributes_of(tags: Vec<Tag<'_>>, interner: &mut Interner) -> Vec<Attribute> {
    let mut nested = Vec::new();
    let mut attributes = Vec::with_capacity(tags.len());
    for tag in tags {
        if tag.key.0 == NESTED {
            nested = attributes_from_text(tag.value.as_str().unwrap_or_default(), interner)
                .unwrap_or_default();
            continue;
        }
        let key = tag.key.0.strip_prefix(ESCAPE).unwrap_or(&tag.key.0);
        let key = interner.text(key);
        attributes.push(Attribute { key, value: value(&tag, interner) });
    }
    for original in nested {
        // Only a text can be the readable copy of a nested value.
        let copy = attributes.iter_mut().find(|attribute| {
            attribute.key == original.key && matches!(attribute.value, Value::Str(_))
        });
        if let Some(copy) = copy {
            copy.value = original.value;
        }
    }
    attributes
}

/// The value of a tag by the type that it states, or by what it looks like if it states none.
fn value(tag: &Tag<'_>, interner: &mut Interner) -> Value {
    let json = &tag.value;
    let text = json.as_str();
    let stated = match tag.kind.as_ref().map(|kind| &*kind.0) {
        Some("bool") => truth(json).map(Value::Bool),
        Some("int64") => wide(tag).and_then(|wide| i64::try_from(wide).ok()).map(Value::Int),
        Some("float64") => {
            json.as_f64().or_else(|| text.and_then(|text| text.parse().ok())).map(Value::Double)
        }
        Some("binary") => text.and_then(|text| STANDARD.decode(text).ok()).map(Value::from),
        _ => None,
    };
    stated.unwrap_or_else(|| match json {
        serde_json::Value::Bool(truth) if tag.kind.is_none() => Value::Bool(*truth),
        serde_json::Value::Number(number) if tag.kind.is_none() => {
            number.as_i64().map_or(Value::Double(number.as_f64().unwrap_or_default()), Value::Int)
        }
        serde_json::Value::String(text) => Value::Str(interner.text(text)),
        serde_json::Value::Null => Value::Str(interner.text("")),
        other => Value::Str(interner.text(&other.to_string())),
    })
}

/// An integer that may be in quotes.
fn wide(tag: &Tag<'_>) -> Option<i128> {
    let json = &tag.value;
    let float = json.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 1e15);
    json.as_i64()
        .map(i128::from)
        .or_else(|| json.as_u64().map(i128::from))
        .or_else(|| json.as_str().and_then(|text| text.parse().ok()))
        .or_else(|| float.map(|float| float as i128))
}

fn count(tag: &Tag<'_>) -> u32 {
    wide(tag).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn kind(text: &str) -> Option<SpanKind> {
    let lower: Cow<'_, str> = text.to_ascii_lowercase().into();
    match &*lower {
        "internal" => Some(SpanKind::Internal),
        "server" => Some(SpanKind::Server),
        "client" => Some(SpanKind::Client),
        "producer" => Some(SpanKind::Producer),
        "consumer" => Some(SpanKind::Consumer),
        _ => None,
    }
}
