//! How a trace crosses queues, callbacks, batches and nodes.
//!
//! `core` knows only the `tracing` facade, which has no portable span ids. So the ids of a span are
//! asked of a [`Propagator`] that the program injects, travel as a plain [`TraceContext`] with the
//! command or message, and come back to the propagator on the other side. A hand-over is a link,
//! never a parent: nobody on the far side was called.

use std::fmt;
use std::sync::Arc;

use tracing::Span;

/// The ids of a span, as W3C trace context has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: u128,
    /// The span.
    pub span_id: u64,
    /// W3C trace flags; bit 0 is "sampled".
    pub flags: u8,
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a span follows from when nobody called it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// A command went through a region's mailbox.
    Mailbox,
    /// An answer went back through a callback.
    Callback,
    /// A read joined the read index of an earlier one, its carrier (`can_amend_read`).
    Batch,
    /// A round of acknowledgements confirmed a read index.
    ReadIndexRound,
    /// The apply loop caught up.
    Apply,
    /// The read in front was answered, which could not be before.
    HeadOfLine,
    /// A message between nodes.
    Message,
}

impl HandOver {
    /// The value of the link's `link.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            HandOver::Mailbox => "mailbox",
            HandOver::Callback => "callback",
            HandOver::Batch => "batch",
            HandOver::ReadIndexRound => "read_index_round",
            HandOver::Apply => "apply",
            HandOver::HeadOfLine => "head_of_line",
            HandOver::Message => "message",
        }
    }
}

/// Gives and takes the ids of spans. Every method may be called with a disabled span.
pub trait Propagator: Send + Sync + 'static {
    /// The ids of `span`, if something records it.
    fn context_of(&self, span: &Span) -> Option<TraceContext>;

    /// Links `span` to `from`, which may have ended long ago.
    fn link(&self, span: &Span, from: TraceContext, kind: HandOver);

    /// Makes `span`, a root that was not entered yet, part of the trace of `from`, linked to it.
    fn follow(&self, span: &Span, from: TraceContext, kind: HandOver);
}

/// Carries nothing: for programs that record no traces.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPropagation;

impl Propagator for NoPropagation {
    fn context_of(&self, _span: &Span) -> Option<TraceContext> {
        None
    }

    fn link(&self, _span: &Span, _from: TraceContext, _kind: HandOver) {}

    fn follow(&self, _span: &Span, _from: TraceContext, _kind: HandOver) {}
}

/// A shared propagator, with the shorthands that the read path uses.
#[derive(Clone)]
pub struct Tracer(Arc<dyn Propagator>);

impl Tracer {
    /// A tracer that asks `propagator`.
    pub fn new(propagator: impl Propagator) -> Self {
        Tracer(Arc::new(propagator))
    }

    pub(crate) fn context_of(&self, span: &Span) -> Option<TraceContext> {
        if span.is_disabled() { None } else { self.0.context_of(span) }
    }

    pub(crate) fn link(&self, span: &Span, from: Option<TraceContext>, kind: HandOver) {
        if let Some(from) = from.filter(|_| !span.is_disabled()) {
            self.0.link(span, from, kind);
        }
    }

    pub(crate) fn follow(&self, span: &Span, from: Option<TraceContext>, kind: HandOver) {
        if let Some(from) = from.filter(|_| !span.is_disabled()) {
            self.0.follow(span, from, kind);
        }
    }
}

impl Default for Tracer {
    fn default() -> Self {
        Tracer::new(NoPropagation)
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tracer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_traceparent() {
        let context = TraceContext { trace_id: 0xab, span_id: 1, flags: 1 };
        assert_eq!(context.to_string(), "00-000000000000000000000000000000ab-0000000000000001-01");
    }
}
