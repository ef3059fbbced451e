//! Spans as those see them who put them together and explain them: ids, times, links and the few
//! attributes of [`Key`].
//!
//! The spans of the model can be seen so, and the briefs that a stream keeps of spans (they take a
//! fraction of the memory). So [`Assembly`](crate::assemble::Assembly) and
//! [explanations](crate::explain) are written once for both.

mod keys;

pub use keys::Key;

use crate::conventions::LINK_KIND;
use crate::model::{
    ArcStr, Resource, Span, SpanId, SpanKind, Status, TraceId, TraceSet, Value, find,
};

/// Spans that can be put together, in some order.
pub trait SpanSet {
    /// One of them.
    type View<'a>: SpanView<'a>
    where
        Self: 'a;

    /// How many there are.
    fn count(&self) -> usize;

    /// The span at an index, if there are so many.
    fn view(&self, at: usize) -> Option<Self::View<'_>>;

    /// What they came from.
    fn resources(&self) -> &[Resource];

    /// All of them, in order.
    fn views(&self) -> impl Iterator<Item = Self::View<'_>> {
        (0..self.count()).filter_map(|at| self.view(at))
    }
}

/// A span that a link points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkView<'a> {
    /// Its trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// The link's `link.kind`, if it states one.
    pub kind: Option<&'a str>,
}

/// One span, of whatever form.
pub trait SpanView<'a>: Copy {
    /// The trace that it belongs to.
    fn trace_id(self) -> TraceId;
    /// Its own id.
    fn span_id(self) -> SpanId;
    /// The span that called it.
    fn parent_span_id(self) -> Option<SpanId>;
    /// The name of its operation.
    fn name(self) -> &'a ArcStr;
    /// Its role between services.
    fn kind(self) -> SpanKind;
    /// Whether it ended with an error.
    fn has_failed(self) -> bool;
    /// Start, in nanoseconds since the Unix epoch.
    fn start_ns(self) -> u64;
    /// End, in nanoseconds since the Unix epoch.
    fn end_ns(self) -> u64;
    /// Index into [`SpanSet::resources`].
    fn resource(self) -> u32;
    /// The spans that it follows from, in the order of its links.
    fn links(self) -> impl Iterator<Item = LinkView<'a>>;
    /// Whether it has an attribute, of whatever type.
    fn has(self, key: Key) -> bool;
    /// An attribute that is an integer.
    fn number(self, key: Key) -> Option<i64>;
    /// An attribute that is text.
    fn text(self, key: Key) -> Option<&'a ArcStr>;

    /// Nanoseconds in an attribute; none if it is not there or negative.
    fn nanoseconds(self, key: Key) -> Option<u64> {
        self.number(key).and_then(|it| u64::try_from(it).ok())
    }

    /// How long it took, in nanoseconds; zero when the end lies before the start.
    fn duration_ns(self) -> u64 {
        self.end_ns().saturating_sub(self.start_ns())
    }
}

impl SpanSet for TraceSet {
    type View<'a> = &'a Span;

    fn count(&self) -> usize {
        self.spans.len()
    }

    fn view(&self, at: usize) -> Option<&Span> {
        self.spans.get(at)
    }

    fn resources(&self) -> &[Resource] {
        &self.resources
    }
}

impl<'a> SpanView<'a> for &'a Span {
    fn trace_id(self) -> TraceId {
        self.trace_id
    }

    fn span_id(self) -> SpanId {
        self.span_id
    }

    fn parent_span_id(self) -> Option<SpanId> {
        self.parent_span_id
    }

    fn name(self) -> &'a ArcStr {
        &self.name
    }

    fn kind(self) -> SpanKind {
        self.kind
    }

    fn has_failed(self) -> bool {
        matches!(self.status, Status::Error(_))
    }

    fn start_ns(self) -> u64 {
        self.start_ns
    }

    fn end_ns(self) -> u64 {
        self.end_ns
    }

    fn resource(self) -> u32 {
        self.resource
    }

    fn links(self) -> impl Iterator<Item = LinkView<'a>> {
        self.links.iter().map(|link| LinkView {
            trace_id: link.trace_id,
            span_id: link.span_id,
            kind: find(&link.attributes, LINK_KIND).and_then(Value::as_str),
        })
    }

    fn has(self, key: Key) -> bool {
        self.attribute(key.as_str()).is_some()
    }

    fn number(self, key: Key) -> Option<i64> {
        self.attribute(key.as_str()).and_then(Value::as_int)
    }

    fn text(self, key: Key) -> Option<&'a ArcStr> {
        match self.attribute(key.as_str())? {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }
}
