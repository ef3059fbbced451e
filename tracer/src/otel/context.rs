//! Gets a [`TraceContext`] from a `tracing` span, and ties spans to it.
//!
//! `Span::follows_from` is of no use here: the bridge drops it when the followed span has closed,
//! and a read-index round closes before the reads that waited on it. A context is only ids, so a
//! link from it always works.

use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState};
use opentelemetry::{Context, KeyValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::context::TraceContext;
use crate::conventions::LINK_KIND;
use crate::model::{SpanId, TraceId};

/// Attribute that says "my parent is in truth a hand-over of this kind"; the pipeline turns both
/// into a link before any exporter sees the span.
pub(super) const FOLLOWS_AS: &str = "raftlens.follows_as";

/// The place of `span` in its trace; see [`TraceContext::of`].
pub(crate) fn of(span: &Span) -> Option<TraceContext> {
    let context = span.context();
    let span_ref = context.span();
    let span_context = span_ref.span_context();
    span_context.is_valid().then(|| TraceContext {
        trace_id: TraceId(u128::from_be_bytes(span_context.trace_id().to_bytes())),
        span_id: SpanId(u64::from_be_bytes(span_context.span_id().to_bytes())),
        flags: span_context.trace_flags().to_u8(),
    })
}

/// Adds a link to `span`; see [`TraceContext::link`].
pub(crate) fn link(span: &Span, from: TraceContext, kind: &str) {
    let attributes = vec![KeyValue::new(LINK_KIND, kind.to_owned())];
    span.add_link_with_attributes(span_context(from, false), attributes);
}

/// Makes a new `span` continue the trace of `from`; see [`TraceContext::follow`].
pub(crate) fn follow(span: &Span, from: TraceContext, kind: &str) -> bool {
    let parent = Context::new().with_remote_span_context(span_context(from, true));
    if span.set_parent(parent).is_ok() {
        span.set_attribute(FOLLOWS_AS, kind.to_owned());
        return true;
    }
    link(span, from, kind);
    false
}

/// Makes a new `span` the child of one in another process; see [`TraceContext::continue_from`].
pub(crate) fn continue_from(span: &Span, parent: TraceContext) -> bool {
    span.set_parent(Context::new().with_remote_span_context(span_context(parent, true))).is_ok()
}

fn span_context(context: TraceContext, is_remote: bool) -> SpanContext {
    SpanContext::new(
        opentelemetry::TraceId::from_bytes(context.trace_id.0.to_be_bytes()),
        opentelemetry::SpanId::from_bytes(context.span_id.0.to_be_bytes()),
        TraceFlags::new(context.flags),
        is_remote,
        TraceState::NONE,
    )
}
