//! Joins the two crates that know nothing of each other: `core` asks for span ids, `tracer` has them.

use raftlens_core::{HandOver, Propagator, TraceContext as CoreContext};
use raftlens_tracer::TraceContext;
use raftlens_tracer::model::{SpanId, TraceId};
use tracing::Span;

/// Gives `core` the ids that `tracing-opentelemetry` has given its spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtelPropagator;

impl Propagator for OtelPropagator {
    fn context_of(&self, span: &Span) -> Option<CoreContext> {
        let context = TraceContext::of(span)?;
        let (trace_id, span_id) = (context.trace_id.0, context.span_id.0);
        Some(CoreContext { trace_id, span_id, flags: context.flags })
    }

    fn link(&self, span: &Span, from: CoreContext, kind: HandOver) {
        TraceContext::link(span, to_tracer(from), kind.as_str());
    }

    fn follow(&self, span: &Span, from: CoreContext, kind: HandOver) {
        TraceContext::follow(span, to_tracer(from), kind.as_str());
    }
}

/// The same ids, as the tracer has them.
pub(crate) fn to_tracer(context: CoreContext) -> TraceContext {
    TraceContext {
        trace_id: TraceId(context.trace_id),
        span_id: SpanId(context.span_id),
        flags: context.flags,
    }
}
