//! From OpenTelemetry's span data to the span model.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{self as otel, SpanContext};
use opentelemetry::{Array, KeyValue, StringValue, Value as OtelValue};
use opentelemetry_sdk::Resource as OtelResource;
use opentelemetry_sdk::trace::SpanData;

use crate::format::Interner;
use crate::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId,
    TraceSet, Value,
};

/// OTLP flag: bit 9 has a meaning.
const HAS_IS_REMOTE: u32 = 0x100;
/// OTLP flag: the parent (of a span) or the target (of a link) is in another process.
pub(super) const IS_REMOTE: u32 = 0x200;

/// Converts spans of one process.
pub(super) fn trace_set<'a>(
    spans: impl Iterator<Item = &'a SpanData>,
    resource: &OtelResource,
) -> TraceSet {
    let mut converter = Converter { interner: Interner::default() };
    let attributes = resource.iter().map(|(key, value)| converter.pair(key.as_str(), value));
    let resources = vec![Resource { attributes: sorted(attributes.collect()) }];
    TraceSet { resources, spans: spans.map(|span| converter.span(span)).collect() }
}

/// A resource is a hash map in the SDK; files should not differ from run to run.
fn sorted(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    attributes.sort_by(|one, other| one.key.cmp(&other.key));
    attributes
}

struct Converter {
    interner: Interner,
}

impl Converter {
    fn span(&mut self, data: &SpanData) -> Span {
        let parent = SpanId(u64::from_be_bytes(data.parent_span_id.to_bytes()));
        let scope = &data.instrumentation_scope;
        Span {
            trace_id: trace_id(&data.span_context),
            span_id: span_id(&data.span_context),
            parent_span_id: Some(parent).filter(|id| id.0 != 0),
            trace_state: self.trace_state(&data.span_context),
            flags: flags(&data.span_context, data.parent_span_is_remote),
            name: self.interner.text(&data.name),
            kind: kind(&data.span_kind),
            start_ns: nanoseconds(data.start_time),
            end_ns: nanoseconds(data.end_time),
            resource: 0,
            scope_name: self.interner.text(scope.name()),
            scope_version: self.interner.text(scope.version().unwrap_or_default()),
            attributes: self.attributes(&data.attributes),
            dropped_attributes: data.dropped_attributes_count,
            events: data.events.iter().map(|event| self.event(event)).collect(),
            dropped_events: data.events.dropped_count,
            links: data.links.iter().map(|link| self.link(link)).collect(),
            dropped_links: data.links.dropped_count,
            status: self.status(&data.status),
        }
    }

    fn event(&mut self, event: &otel::Event) -> SpanEvent {
        SpanEvent {
            time_ns: nanoseconds(event.timestamp),
            name: self.interner.text(&event.name),
            attributes: self.attributes(&event.attributes),
            dropped_attributes: event.dropped_attributes_count,
        }
    }

    fn link(&mut self, link: &otel::Link) -> Link {
        Link {
            trace_id: trace_id(&link.span_context),
            span_id: span_id(&link.span_context),
            trace_state: self.trace_state(&link.span_context),
            attributes: self.attributes(&link.attributes),
            dropped_attributes: link.dropped_attributes_count,
            flags: flags(&link.span_context, link.span_context.is_remote()),
        }
    }

    fn status(&mut self, status: &otel::Status) -> Status {
        match status {
            otel::Status::Unset => Status::Unset,
            otel::Status::Ok => Status::Ok,
            otel::Status::Error { description } => Status::Error(self.interner.text(description)),
        }
    }

    fn trace_state(&mut self, context: &SpanContext) -> ArcStr {
        self.interner.text(&context.trace_state().header())
    }

    fn attributes(&mut self, attributes: &[KeyValue]) -> Vec<Attribute> {
        attributes.iter().map(|pair| self.pair(pair.key.as_str(), &pair.value)).collect()
    }

    fn pair(&mut self, key: &str, value: &OtelValue) -> Attribute {
        Attribute { key: self.interner.text(key), value: self.value(value) }
    }

    fn value(&mut self, value: &OtelValue) -> Value {
        match value {
            OtelValue::Bool(truth) => Value::Bool(*truth),
            OtelValue::I64(number) => Value::Int(*number),
            OtelValue::F64(number) => Value::Double(*number),
            OtelValue::String(text) => Value::Str(self.interner.text(text.as_str())),
            OtelValue::Array(array) => self.array(array),
            // OpenTelemetry may add kinds; their text is better than nothing.
            other => Value::Str(self.interner.text(&other.as_str())),
        }
    }

    fn array(&mut self, array: &Array) -> Value {
        match array {
            Array::Bool(list) => list.iter().copied().map(Value::Bool).collect::<Vec<_>>().into(),
            Array::I64(list) => list.iter().copied().map(Value::Int).collect::<Vec<_>>().into(),
            Array::F64(list) => list.iter().copied().map(Value::Double).collect::<Vec<_>>().into(),
            Array::String(list) => {
                let text = |text: &StringValue| Value::Str(self.interner.text(text.as_str()));
                list.iter().map(text).collect::<Vec<_>>().into()
            }
            other => Value::Str(self.interner.text(&other.to_string())),
        }
    }
}

fn trace_id(context: &SpanContext) -> TraceId {
    TraceId(u128::from_be_bytes(context.trace_id().to_bytes()))
}

fn span_id(context: &SpanContext) -> SpanId {
    SpanId(u64::from_be_bytes(context.span_id().to_bytes()))
}

fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    let remote = if is_remote { HAS_IS_REMOTE | IS_REMOTE } else { HAS_IS_REMOTE };
    u32::from(context.trace_flags().to_u8()) | remote
}

/// Times before 1970 count as 1970, and those after 2554 as the last that fits.
fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn kind(kind: &otel::SpanKind) -> SpanKind {
    match kind {
        otel::SpanKind::Internal => SpanKind::Internal,
        otel::SpanKind::Server => SpanKind::Server,
        otel::SpanKind::Client => SpanKind::Client,
        otel::SpanKind::Producer => SpanKind::Producer,
        otel::SpanKind::Consumer => SpanKind::Consumer,
    }
}
