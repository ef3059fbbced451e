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

impl TraceContext {
    /// The place of `span` in its trace, also right after its creation and while it is not
    /// entered; `None` if it is switched off or no subscriber of [`init`](crate::init) has it.
    ///
    /// From here on the span's trace is settled: [`follow`](Self::follow) comes first.
    pub fn of(span: &Span) -> Option<TraceContext> {
        let context = span.context();
        let span_ref = context.span();
        let span_context = span_ref.span_context();
        span_context.is_valid().then(|| TraceContext {
            trace_id: TraceId(u128::from_be_bytes(span_context.trace_id().to_bytes())),
            span_id: SpanId(u64::from_be_bytes(span_context.span_id().to_bytes())),
            flags: span_context.trace_flags().to_u8(),
        })
    }

    /// Adds a link from `span` to the span that `from` names, which may have ended long ago or
    /// belong to another process. `kind` becomes the link's `link.kind`.
    pub fn link(span: &Span, from: TraceContext, kind: &str) {
        let attributes = vec![KeyValue::new(LINK_KIND, kind.to_owned())];
        span.add_link_with_attributes(from.span_context(false), attributes);
    }

    /// Makes a new `span` continue the *trace* of `from` without being its child: it gets no
    /// parent, only a link to `from` of that `kind`. For work that was handed over by a queue, a
    /// callback or a message, where a child would seem to run inside a caller that no longer
    /// waits.
    ///
    /// The span must have been created with `parent: None`, and must not yet have had a child, an
    /// event or a [`TraceContext::of`]. Otherwise its trace is settled: it stays where it is, gets
    /// the link alone, and the answer is `false`. A switched-off span gives `false`, too.
    pub fn follow(span: &Span, from: TraceContext, kind: &str) -> bool {
        let parent = Context::new().with_remote_span_context(from.span_context(true));
        if span.set_parent(parent).is_ok() {
            span.set_attribute(FOLLOWS_AS, kind.to_owned());
            return true;
        }
        Self::link(span, from, kind);
        false
    }

    fn span_context(self, is_remote: bool) -> SpanContext {
        SpanContext::new(
            opentelemetry::TraceId::from_bytes(self.trace_id.0.to_be_bytes()),
            opentelemetry::SpanId::from_bytes(self.span_id.0.to_be_bytes()),
            TraceFlags::new(self.flags),
            is_remote,
            TraceState::NONE,
        )
    }
}
