//! Keeps the types that the bridge to OpenTelemetry loses.
//!
//! It stands beneath the bridge, so it sees every span and event first. For `u64` fields of spans,
//! which the bridge formats to text, it remembers the integer and sets it when the span closes.
//! Events it records itself, named and typed, without the target and location that the bridge
//! adds to each; `tracer.rs` then ignores the bridge's copy.

use std::error::Error;
use std::fmt;
use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceContextExt as _;
use tracing::dispatcher::{Dispatch, WeakDispatch};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::tracer::add_typed_event;

/// The layer. It needs the subscriber that it ends up in, to reach the bridge's side of a span.
#[derive(Debug, Default)]
pub(super) struct TypedLayer {
    dispatch: OnceLock<WeakDispatch>,
}

impl TypedLayer {
    fn with_otel_span(&self, id: &Id, act: impl FnOnce(opentelemetry::trace::SpanRef<'_>)) {
        let dispatch = self.dispatch.get().and_then(WeakDispatch::upgrade);
        if let Some(context) = dispatch.and_then(|dispatch| get_otel_context(id, &dispatch)) {
            act(context.span());
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TypedLayer {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // A subscriber may be registered twice (a scope, then globally); both reach the same span.
        let _ = self.dispatch.set(subscriber.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut integers = Integers::default();
        attributes.record(&mut integers);
        if let (false, Some(span)) = (integers.0.is_empty(), context.span(id)) {
            span.extensions_mut().replace(integers);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<Integers>() {
            Some(integers) => values.record(integers),
            None => {
                let mut integers = Integers::default();
                values.record(&mut integers);
                if !integers.0.is_empty() {
                    extensions.insert(integers);
                }
            }
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(span) = context.event_span(event) else { return };
        let mut fields = EventFields::new(event.metadata().name());
        event.record(&mut fields);
        self.with_otel_span(&span.id(), |span| {
            add_typed_event(&span, fields.name(), fields.attributes);
        });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let integers = span.extensions_mut().remove::<Integers>();
        if let Some(Integers(integers)) = integers {
            // The text that the bridge made is still there; the last one of a key counts.
            let values = integers.into_iter().map(|(key, value)| KeyValue::new(key, value));
            self.with_otel_span(&id, |span| span.set_attributes(values));
        }
    }
}

/// The `u64` fields of a span that fit OpenTelemetry's integer; larger ones stay text.
#[derive(Default)]
struct Integers(Vec<(&'static str, i64)>);

impl Integers {
    fn forget(&mut self, field: &Field) {
        self.0.retain(|(key, _)| *key != field.name());
    }
}

impl Visit for Integers {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.forget(field);
        if let Ok(value) = i64::try_from(value) {
            self.0.push((field.name(), value));
        }
    }

    // A value of another type for the same field replaces the integer.
    fn record_debug(&mut self, field: &Field, _: &dyn fmt::Debug) {
        self.forget(field);
    }
}

/// An event on its way to OpenTelemetry.
struct EventFields {
    /// The name that the macro was given, if any.
    given_name: Option<&'static str>,
    /// What `tracing` calls an event without a name: its place in the source.
    place: &'static str,
    message: Option<String>,
    attributes: Vec<KeyValue>,
}

impl EventFields {
    fn new(name: &'static str) -> Self {
        let given_name = (!name.starts_with("event ")).then_some(name);
        EventFields { given_name, place: name, message: None, attributes: Vec::new() }
    }

    /// The given name, else the message, else `exception` for a bare error, else the place.
    fn name(&mut self) -> String {
        match (self.given_name, self.message.take()) {
            (Some(name), message) => {
                self.attributes.extend(message.map(|text| KeyValue::new("message", text)));
                name.to_owned()
            }
            (None, Some(message)) => message,
            (None, None) => self.exception().unwrap_or_else(|| self.place.to_owned()),
        }
    }

    /// OpenTelemetry's form of what `#[instrument(err)]` records.
    fn exception(&mut self) -> Option<String> {
        let error =
            self.attributes.iter_mut().find(|attribute| attribute.key.as_str() == "error")?;
        error.key = "exception.message".into();
        Some("exception".to_owned())
    }

    fn push(&mut self, field: &Field, value: impl Into<opentelemetry::Value>) {
        self.attributes.push(KeyValue::new(field.name(), value));
    }

    fn push_text(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = Some(text);
        } else {
            self.push(field, text);
        }
    }
}

impl Visit for EventFields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.push(field, value),
            Err(_) => self.push(field, value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_text(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.push_text(field, value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push_text(field, format!("{value:?}"));
    }
}
