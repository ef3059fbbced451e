//! The tracer that the bridge drives: OpenTelemetry's own, except that it ignores the bridge's
//! untyped copies of events that `typed.rs` has recorded already.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::SystemTime;

use opentelemetry::trace::{Span, SpanBuilder, SpanContext, SpanRef, Status, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

/// Starts spans.
#[derive(Debug)]
pub(super) struct TypedTracer(pub(super) SdkTracer);

impl Tracer for TypedTracer {
    type Span = TypedSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> TypedSpan {
        TypedSpan(self.0.build_with_context(builder, parent))
    }
}

thread_local! {
    /// Whether the next event on this thread is the bridge's copy of the last one.
    static IGNORES_COPY: Cell<bool> = const { Cell::new(false) };
}

/// Records an event with its types. `span` then ignores the next event on this thread, which the
/// bridge makes of the same `tracing` event right after.
pub(super) fn add_typed_event(span: &SpanRef<'_>, name: String, attributes: Vec<KeyValue>) {
    IGNORES_COPY.set(false);
    span.add_event_with_timestamp(name, SystemTime::now(), attributes);
    IGNORES_COPY.set(true);
}

/// A span of OpenTelemetry's SDK, less the copies of events.
#[derive(Debug)]
pub(super) struct TypedSpan(opentelemetry_sdk::trace::Span);

impl Span for TypedSpan {
    fn add_event_with_timestamp<T: Into<Cow<'static, str>>>(
        &mut self,
        name: T,
        timestamp: SystemTime,
        attributes: Vec<KeyValue>,
    ) {
        if !IGNORES_COPY.replace(false) {
            self.0.add_event_with_timestamp(name, timestamp, attributes);
        }
    }

    fn span_context(&self) -> &SpanContext {
        self.0.span_context()
    }

    fn is_recording(&self) -> bool {
        self.0.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.set_attribute(attribute);
    }

    fn set_status(&mut self, status: Status) {
        self.0.set_status(status);
    }

    fn update_name<T: Into<Cow<'static, str>>>(&mut self, new_name: T) {
        self.0.update_name(new_name);
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.0.add_link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.0.end_with_timestamp(timestamp);
    }
}
