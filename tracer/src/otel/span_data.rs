//! From the span model to OpenTelemetry's span data: how traces that the flight recorder kept, or
//! that were read from a file, go to any exporter.
//!
//! OpenTelemetry's API has no byte strings and no maps, and lists of one type only: such values
//! become text. Nothing else is lost: ids, nanoseconds, links, flags and counts are set as they are.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    self as otel, SpanContext, SpanId as OtelSpanId, TraceFlags, TraceId as OtelTraceId, TraceState,
};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue, Value as OtelValue};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::convert::IS_REMOTE;
use crate::model::{
    Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value,
};

/// A span as OpenTelemetry's exporters take it.
pub fn span_data(span: &Span) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    events.dropped_count = span.dropped_events;
    let mut links = SpanLinks::default();
    links.links = span.links.iter().map(link).collect();
    links.dropped_count = span.dropped_links;
    SpanData {
        span_context: context(span.trace_id, span.span_id, span.flags, &span.trace_state),
        parent_span_id: span.parent_span_id.map_or(OtelSpanId::INVALID, span_id),
        parent_span_is_remote: span.flags & IS_REMOTE != 0,
        span_kind: kind(span.kind),
        name: Cow::Owned(span.name.to_string()),
        start_time: time(span.start_ns),
        end_time: time(span.end_ns),
        attributes: attributes(&span.attributes),
        dropped_attributes_count: span.dropped_attributes,
        events,
        links,
        status: status(&span.status),
        instrumentation_scope: InstrumentationScope::builder(span.scope_name.to_string())
            .with_version(span.scope_version.to_string())
            .build(),
    }
}

/// What produced spans, as OpenTelemetry has it.
pub fn resource(resource: &Resource) -> OtelResource {
    OtelResource::builder_empty().with_attributes(attributes(&resource.attributes)).build()
}

fn context(trace: TraceId, span: SpanId, flags: u32, trace_state: &str) -> SpanContext {
    // Exporters drop spans without this flag, and these are here to be exported.
    let flags = TraceFlags::new(flags as u8) | TraceFlags::SAMPLED;
    SpanContext::new(
        OtelTraceId::from_bytes(trace.0.to_be_bytes()),
        span_id(span),
        flags,
        false,
        trace_state.parse().unwrap_or(TraceState::NONE),
    )
}

fn span_id(span: SpanId) -> OtelSpanId {
    OtelSpanId::from_bytes(span.0.to_be_bytes())
}

fn time(ns: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(ns)
}

fn event(event: &SpanEvent) -> otel::Event {
    let name = event.name.to_string();
    let attributes = attributes(&event.attributes);
    otel::Event::new(name, time(event.time_ns), attributes, event.dropped_attributes)
}

fn link(link: &Link) -> otel::Link {
    let target = SpanContext::new(
        OtelTraceId::from_bytes(link.trace_id.0.to_be_bytes()),
        span_id(link.span_id),
        TraceFlags::new(link.flags as u8),
        link.flags & IS_REMOTE != 0,
        link.trace_state.parse().unwrap_or(TraceState::NONE),
    );
    otel::Link::new(target, attributes(&link.attributes), link.dropped_attributes)
}

fn kind(kind: SpanKind) -> otel::SpanKind {
    match kind {
        SpanKind::Unspecified | SpanKind::Internal => otel::SpanKind::Internal,
        SpanKind::Server => otel::SpanKind::Server,
        SpanKind::Client => otel::SpanKind::Client,
        SpanKind::Producer => otel::SpanKind::Producer,
        SpanKind::Consumer => otel::SpanKind::Consumer,
    }
}

fn status(status: &Status) -> otel::Status {
    match status {
        Status::Unset => otel::Status::Unset,
        Status::Ok => otel::Status::Ok,
        Status::Error(message) => otel::Status::error(message.to_string()),
    }
}

fn attributes(attributes: &[Attribute]) -> Vec<KeyValue> {
    let pairs = attributes.iter();
    pairs.map(|pair| KeyValue::new(pair.key.to_string(), value(&pair.value))).collect()
}

fn value(value: &Value) -> OtelValue {
    match value {
        Value::Str(text) => OtelValue::String(text.to_string().into()),
        Value::Bool(truth) => OtelValue::Bool(*truth),
        Value::Int(number) => OtelValue::I64(*number),
        Value::Double(number) => OtelValue::F64(*number),
        Value::Bytes(bytes) => OtelValue::String(hexadecimal(bytes).into()),
        Value::Array(values) => list(values),
        Value::Map(_) => OtelValue::String(plain(value).into()),
    }
}

/// A list, if all of its values are of one type that OpenTelemetry has lists of.
fn list(values: &[Value]) -> OtelValue {
    fn all<T>(values: &[Value], pick: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
        values.iter().map(pick).collect()
    }
    let text = |value: &Value| value.as_str().map(|text| StringValue::from(text.to_owned()));
    let truth = |value: &Value| match value {
        Value::Bool(truth) => Some(*truth),
        _ => None,
    };
    let float = |value: &Value| match value {
        Value::Double(number) => Some(*number),
        _ => None,
    };
    let array = all(values, text)
        .map(Array::String)
        .or_else(|| all(values, Value::as_int).map(Array::I64))
        .or_else(|| all(values, truth).map(Array::Bool))
        .or_else(|| all(values, float).map(Array::F64));
    array.map_or_else(|| OtelValue::String(plain(&values.to_vec().into()).into()), OtelValue::Array)
}

/// A nested value as text that people can read.
fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("{text:?}"),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bytes(bytes) => hexadecimal(bytes),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(plain).collect();
            format!("[{}]", values.join(","))
        }
        Value::Map(pairs) => {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|pair| format!("{:?}:{}", &*pair.key, plain(&pair.value)))
                .collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
