//! Which spans are drawn: all, those of one trace, or one root's subtree with what follows by links.

use std::collections::BTreeSet;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;
use foldhash::{HashMap, HashMapExt as _};
use hashbrown::HashTable;
use raftlens_tracer::conventions;
use raftlens_tracer::model::{Span, SpanId, TraceId, TraceSet};

use super::{FromTraceError, Options, near_names};

/// The wanted spans, and where each span of the input is.
pub(super) struct Scope<'a> {
    /// Indices of the wanted spans in the order of their start, so that a picture does not depend on
    /// the order in which a format writes them.
    pub(super) spans: Vec<usize>,
    all: &'a [Span],
    // Only indices: the ids stand in the spans, and a table of a million of them with their ids would
    // be larger than the caches of a processor.
    by_id: HashTable<u32>,
    state: RandomState,
}

impl<'a> Scope<'a> {
    /// Picks the spans that `options` asks for.
    pub(super) fn new(traces: &'a TraceSet, options: &Options) -> Result<Self, FromTraceError> {
        if traces.spans.is_empty() {
            return Err(FromTraceError::Empty);
        }
        let in_trace = |span: &Span| options.trace_id.is_none_or(|id| id == span.trace_id);
        let spans: Vec<usize> =
            (0..traces.spans.len()).filter(|index| in_trace(&traces.spans[*index])).collect();
        if spans.is_empty() {
            return Err(trace_not_found(traces, options.trace_id.unwrap_or_default()));
        }
        let mut scope = Scope {
            spans,
            all: &traces.spans,
            by_id: HashTable::with_capacity(traces.spans.len()),
            state: RandomState::default(),
        };
        scope.index();
        if let Some(root) = &options.root {
            scope.spans = scope.reachable(traces, root)?;
        }
        sort_by_start(traces, &mut scope.spans);
        Ok(scope)
    }

    fn index(&mut self) {
        let (all, state) = (self.all, &self.state);
        let hash = |index: &u32| state.hash_one(id_of(all, *index));
        // More than 32 bits can count would be more than any memory holds.
        for (index, span) in (0..u32::MAX).zip(all) {
            let id = (span.trace_id, span.span_id);
            // Of spans with one id the first counts; a second one is drawn but nobody's parent.
            let same = |known: &u32| id_of(all, *known) == id;
            self.by_id.entry(state.hash_one(id), same, hash).or_insert(index);
        }
    }

    /// The span with this id, if it is in the input.
    pub(super) fn index_of(&self, trace_id: TraceId, span_id: SpanId) -> Option<usize> {
        let id = (trace_id, span_id);
        let found = self.by_id.find(self.state.hash_one(id), |known| id_of(self.all, *known) == id);
        found.map(|known| *known as usize)
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

/// Sorts by start, then by ids.
fn sort_by_start(traces: &TraceSet, spans: &mut [usize]) {
    let ids = |index: usize| (traces.spans[index].trace_id, traces.spans[index].span_id);
    // The starts stand beside the indices: a span is a long way to go for each comparison.
    let mut starts: Vec<(u64, usize)> =
        spans.iter().map(|index| (traces.spans[*index].start_ns, *index)).collect();
    starts.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| ids(a.1).cmp(&ids(b.1))));
    for (place, (_, index)) in spans.iter_mut().zip(starts) {
        *place = index;
    }
}

fn id_of(all: &[Span], index: u32) -> (TraceId, SpanId) {
    let span = &all[index as usize];
    (span.trace_id, span.span_id)
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
