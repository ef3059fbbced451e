//! Which spans are drawn: all, those of one trace, or one root's subtree with what follows by links.

use std::collections::{BTreeSet, HashMap};

use raftlens_tracer::conventions;
use raftlens_tracer::model::{Span, SpanId, TraceId, TraceSet};

use super::{FromTraceError, Options, near_names};

/// The wanted spans, and where each span of the input is.
pub(super) struct Scope {
    /// Indices of the wanted spans in the order of their start, so that a picture does not depend on
    /// the order in which a format writes them.
    pub(super) spans: Vec<usize>,
    by_id: HashMap<(TraceId, SpanId), usize>,
}

impl Scope {
    /// Picks the spans that `options` asks for.
    pub(super) fn new(traces: &TraceSet, options: &Options) -> Result<Scope, FromTraceError> {
        if traces.spans.is_empty() {
            return Err(FromTraceError::Empty);
        }
        // Of spans with one id the first counts; a second one is drawn but nobody's parent.
        let mut by_id = HashMap::with_capacity(traces.spans.len());
        for (index, span) in traces.spans.iter().enumerate() {
            by_id.entry((span.trace_id, span.span_id)).or_insert(index);
        }
        let in_trace = |span: &Span| options.trace_id.is_none_or(|id| id == span.trace_id);
        let spans: Vec<usize> =
            (0..traces.spans.len()).filter(|index| in_trace(&traces.spans[*index])).collect();
        if spans.is_empty() {
            return Err(trace_not_found(traces, options.trace_id.unwrap_or_default()));
        }
        let mut scope = Scope { spans, by_id };
        if let Some(root) = &options.root {
            scope.spans = scope.reachable(traces, root)?;
        }
        scope.spans.sort_by_key(|index| {
            let span = &traces.spans[*index];
            (span.start_ns, span.trace_id, span.span_id)
        });
        Ok(scope)
    }

    /// The span with this id, if it is in the input.
    pub(super) fn index_of(&self, trace_id: TraceId, span_id: SpanId) -> Option<usize> {
        self.by_id.get(&(trace_id, span_id)).copied()
    }

    /// The caller of a span, if it is in the input.
    pub(super) fn parent_of(&self, span: &Span) -> Option<usize> {
        span.parent_span_id.and_then(|id| self.index_of(span.trace_id, id))
    }

    /// The spans called `root` with all their descendants, and all that follow from those by links.
    fn reachable(&self, traces: &TraceSet, root: &str) -> Result<Vec<usize>, FromTraceError> {
        let is_root =
            |span: &Span| &*span.name == root || span.text(conventions::FUNCTION) == Some(root);
        let mut open: Vec<usize> =
            self.spans.iter().copied().filter(|index| is_root(&traces.spans[*index])).collect();
        if open.is_empty() {
            let names = self.spans.iter().flat_map(|index| {
                let span = &traces.spans[*index];
                [Some(&*span.name), span.text(conventions::FUNCTION)].into_iter().flatten()
            });
            return Err(FromTraceError::RootNotFound {
                root: root.to_owned(),
                near: near_names(root, names),
            });
        }
        let next = self.followers(traces);
        let mut reached: BTreeSet<usize> = open.iter().copied().collect();
        // Links may form cycles between traces; each span is entered once.
        while let Some(index) = open.pop() {
            for follower in next.get(&index).into_iter().flatten() {
                if reached.insert(*follower) {
                    open.push(*follower);
                }
            }
        }
        Ok(reached.into_iter().collect())
    }

    /// For each span, its children and the spans that link to it.
    fn followers(&self, traces: &TraceSet) -> HashMap<usize, Vec<usize>> {
        let mut next: HashMap<usize, Vec<usize>> = HashMap::new();
        for index in &self.spans {
            let span = &traces.spans[*index];
            let linked =
                span.links.iter().filter_map(|link| self.index_of(link.trace_id, link.span_id));
            for before in self.parent_of(span).into_iter().chain(linked) {
                next.entry(before).or_default().push(*index);
            }
        }
        next
    }
}

/// Names a few traces that are there, so that the right id can be copied.
fn trace_not_found(traces: &TraceSet, trace_id: TraceId) -> FromTraceError {
    let known: BTreeSet<TraceId> = traces.spans.iter().map(|span| span.trace_id).collect();
    FromTraceError::TraceNotFound {
        trace_id: trace_id.to_string(),
        traces: known.len(),
        known: known.iter().take(5).map(TraceId::to_string).collect(),
    }
}
