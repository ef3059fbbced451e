//! From the messages of OTLP to the span model.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::common::v1::{self as common, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{self as trace, span, status::StatusCode};

use crate::format::Interner;
use crate::model::{
    Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, TraceSet, Value,
};

/// The spans of a request, and how many were left out because their ids are wrong.
pub(super) fn traces(
    request: ExportTraceServiceRequest,
    interner: &mut Interner,
) -> (TraceSet, u64) {
    let mut decoder = Decoder { interner, traces: TraceSet::default(), rejected: 0 };
    for group in request.resource_spans {
        let attributes = group.resource.map(|resource| resource.attributes).unwrap_or_default();
        let attributes = decoder.attributes(attributes);
        let resource = decoder.traces.resources.len() as u32;
        decoder.traces.resources.push(Resource { attributes });
        for scope_spans in group.scope_spans {
            let scope = scope_spans.scope.unwrap_or_default();
            for span in scope_spans.spans {
                decoder.span(span, resource, &scope);
            }
        }
    }
    (decoder.traces, decoder.rejected)
}

struct Decoder<'a> {
    interner: &'a mut Interner,
    traces: TraceSet,
    rejected: u64,
}

impl Decoder<'_> {
    fn span(&mut self, from: trace::Span, resource: u32, scope: &common::InstrumentationScope) {
        let parent_span_id = match from.parent_span_id.as_slice() {
            [] => Some(None),
            bytes => parent_id(bytes),
        };
        let (Some(trace_id), Some(span_id), Some(parent_span_id)) =
            (trace_id(&from.trace_id), span_id(&from.span_id), parent_span_id)
        else {
            self.rejected += 1;
            return;
        };
        let mut links = Vec::with_capacity(from.links.len());
        let mut dropped_links = from.dropped_links_count;
        for link in from.links {
            match self.link(link) {
                Some(link) => links.push(link),
                // A link to nowhere says nothing; the span does.
                None => dropped_links = dropped_links.saturating_add(1),
            }
        }
        let span = Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state: self.interner.text(&from.trace_state),
            flags: from.flags,
            name: self.interner.text(&from.name),
            kind: kind(from.kind),
            start_ns: from.start_time_unix_nano,
            end_ns: from.end_time_unix_nano,
            resource,
            scope_name: self.interner.text(&scope.name),
            scope_version: self.interner.text(&scope.version),
            attributes: self.attributes(from.attributes),
            dropped_attributes: from.dropped_attributes_count,
            events: from.events.into_iter().map(|event| self.event(event)).collect(),
            dropped_events: from.dropped_events_count,
            links,
            dropped_links,
            status: self.status(from.status),
        };
        self.traces.spans.push(span);
    }

    fn event(&mut self, from: span::Event) -> SpanEvent {
        SpanEvent {
            time_ns: from.time_unix_nano,
            name: self.interner.text(&from.name),
            attributes: self.attributes(from.attributes),
            dropped_attributes: from.dropped_attributes_count,
        }
    }

    fn link(&mut self, from: span::Link) -> Option<Link> {
        Some(Link {
            trace_id: trace_id(&from.trace_id)?,
            span_id: span_id(&from.span_id)?,
            trace_state: self.interner.text(&from.trace_state),
            attributes: self.attributes(from.attributes),
            dropped_attributes: from.dropped_attributes_count,
            flags: from.flags,
        })
    }

    fn status(&mut self, from: Option<trace::Status>) -> Status {
        let Some(status) = from else { return Status::Unset };
        match StatusCode::try_from(status.code) {
            Ok(StatusCode::Ok) => Status::Ok,
            Ok(StatusCode::Error) => Status::Error(self.interner.text(&status.message)),
            Ok(StatusCode::Unset) | Err(_) => Status::Unset,
        }
    }

    fn attributes(&mut self, from: Vec<KeyValue>) -> Vec<Attribute> {
        from.into_iter()
            .map(|pair| Attribute {
                key: self.interner.text(&pair.key),
                value: self.value(pair.value.and_then(|any| any.value)),
            })
            .collect()
    }

    fn value(&mut self, from: Option<AnyValue>) -> Value {
        match from {
            Some(AnyValue::StringValue(text)) => Value::Str(self.interner.text(&text)),
            Some(AnyValue::BoolValue(truth)) => Value::Bool(truth),
            Some(AnyValue::IntValue(number)) => Value::Int(number),
            Some(AnyValue::DoubleValue(number)) => Value::Double(number),
            Some(AnyValue::BytesValue(bytes)) => bytes.into(),
            Some(AnyValue::ArrayValue(list)) => {
                list.values.into_iter().map(|any| self.value(any.value)).collect::<Vec<_>>().into()
            }
            Some(AnyValue::KvlistValue(list)) => self.attributes(list.values).into(),
            // No value, or an index into the tables of a profile; the model has neither.
            Some(AnyValue::StringValueStrindex(_)) | None => Value::Str(self.interner.text("")),
        }
    }
}

/// An id that is there: of the right length, and not all zero.
fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id = u128::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(TraceId(id))
}

fn span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SpanId(id))
}

/// All zero is a way to say that there is no parent; another length is a mistake.
fn parent_id(bytes: &[u8]) -> Option<Option<SpanId>> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    Some((id != 0).then_some(SpanId(id)))
}

fn kind(number: i32) -> SpanKind {
    use span::SpanKind as Kind;
    match Kind::try_from(number) {
        Ok(Kind::Internal) => SpanKind::Internal,
        Ok(Kind::Server) => SpanKind::Server,
        Ok(Kind::Client) => SpanKind::Client,
        Ok(Kind::Producer) => SpanKind::Producer,
        Ok(Kind::Consumer) => SpanKind::Consumer,
        Ok(Kind::Unspecified) | Err(_) => SpanKind::Unspecified,
    }
}
