//! What a finished span needs before any exporter may see it.

use opentelemetry::trace::{Link, SpanContext, SpanId, TraceState};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::context::FOLLOWS_AS;
use crate::conventions::LINK_KIND;

/// Turns the parent of a handed-over span into a link, leaves one value to each attribute, and
/// keeps the end behind everything that happened.
pub(super) fn amend(mut span: SpanData) -> SpanData {
    if let Some(position) = span.attributes.iter().position(|pair| pair.key.as_str() == FOLLOWS_AS)
    {
        let kind = span.attributes.remove(position).value;
        parent_to_link(&mut span, kind);
    }
    keep_last_values(&mut span.attributes);
    // The bridge ends a span when it is left for the last time. What was recorded after that shows
    // that the work went on.
    let last_event = span.events.iter().map(|event| event.timestamp).max();
    span.end_time = span.end_time.max(span.start_time).max(last_event.unwrap_or(span.start_time));
    span
}

fn parent_to_link(span: &mut SpanData, kind: Value) {
    let from = SpanContext::new(
        span.span_context.trace_id(),
        std::mem::replace(&mut span.parent_span_id, SpanId::INVALID),
        span.span_context.trace_flags(),
        std::mem::take(&mut span.parent_span_is_remote),
        TraceState::NONE,
    );
    if from.is_valid() {
        let link = Link::new(from, vec![KeyValue::new(LINK_KIND, kind)], 0);
        // In front, where Jaeger's UI looks for what a span without a parent hangs on.
        span.links.links.insert(0, link);
    }
}

/// Setting an attribute again replaces it, says OpenTelemetry; the SDK only appends.
fn keep_last_values(attributes: &mut Vec<KeyValue>) {
    let mut index = 0;
    while index < attributes.len() {
        let (before, rest) = attributes.split_at_mut(index);
        match before.iter_mut().find(|pair| pair.key == rest[0].key) {
            Some(earlier) => {
                std::mem::swap(&mut earlier.value, &mut rest[0].value);
                attributes.remove(index);
            }
            None => index += 1,
        }
    }
}
