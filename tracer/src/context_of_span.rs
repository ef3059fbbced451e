//! Gets a [`TraceContext`] from a `tracing` span and ties spans to it, whoever records the span.

use tracing::Span;

use crate::context::TraceContext;
#[cfg(feature = "otel")]
use crate::otel::context as otel;
#[cfg(feature = "recorder")]
use crate::recorder;

impl TraceContext {
    /// The place of `span` in its trace, also right after its creation and while it is not
    /// entered; `None` if it is switched off, or neither a flight recorder nor a subscriber of
    /// `init` has it.
    ///
    /// From here on the span's trace is settled: [`follow`](Self::follow) comes first.
    pub fn of(span: &Span) -> Option<TraceContext> {
        #[cfg(feature = "recorder")]
        if let Some(context) = recorder::context_of(span) {
            return Some(context);
        }
        #[cfg(feature = "otel")]
        return otel::of(span);
        #[cfg(not(feature = "otel"))]
        None
    }

    /// Adds a link from `span` to the span that `from` names, which may have ended long ago or
    /// belong to another process. `kind` becomes the link's `link.kind`.
    pub fn link(span: &Span, from: TraceContext, kind: &str) {
        #[cfg(all(feature = "recorder", feature = "otel"))]
        if recorder::link(span, from, kind) {
            return;
        }
        #[cfg(all(feature = "recorder", not(feature = "otel")))]
        recorder::link(span, from, kind);
        #[cfg(feature = "otel")]
        otel::link(span, from, kind);
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
        #[cfg(feature = "recorder")]
        if let Some(joined) = recorder::follow(span, from, kind) {
            return joined;
        }
        #[cfg(feature = "otel")]
        return otel::follow(span, from, kind);
        #[cfg(not(feature = "otel"))]
        false
    }

    /// Makes a new `span` the child of one in another process: what a server does with the
    /// `traceparent` of a request. As for [`follow`](Self::follow), it must be a root whose trace is
    /// not settled; otherwise nothing happens, and the answer is `false`.
    pub fn continue_from(span: &Span, parent: TraceContext) -> bool {
        #[cfg(feature = "recorder")]
        if let Some(joined) = recorder::continue_from(span, parent) {
            return joined;
        }
        #[cfg(feature = "otel")]
        return otel::continue_from(span, parent);
        #[cfg(not(feature = "otel"))]
        false
    }
}
