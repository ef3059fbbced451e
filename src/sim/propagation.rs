//! As `crate::propagation`, for simulated runs: `core` asks for span ids, the recorder has them.

use raftlens_core::{HandOver, Propagator, TraceContext};
use raftlens_tracer::simulated;
use tracing::Span;

use crate::propagation::to_tracer;

/// Gives `core` the ids that the recorder of simulations has given its spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordedPropagator;

impl Propagator for RecordedPropagator {
    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        let context = simulated::context_of(span)?;
        let (trace_id, span_id) = (context.trace_id.0, context.span_id.0);
        Some(TraceContext { trace_id, span_id, flags: context.flags })
    }

    fn link(&self, span: &Span, from: TraceContext, kind: HandOver) {
        simulated::link(span, to_tracer(from), kind.as_str());
    }

    fn follow(&self, span: &Span, from: TraceContext, kind: HandOver) {
        simulated::follow(span, to_tracer(from), kind.as_str());
    }
}
