//! Traces on their way out: the list of finished ones that the collector has not looked at yet, and
//! the store of those that it has.

use std::collections::VecDeque;

use super::block::HEAD_LIST;
use super::pool::Pool;
use super::reasons::{Reason, Reasons};
use super::sync::{AtomicU64, Ordering};
use crate::model::{Attribute, Resource, Span, SpanId, TraceId, TraceSet, Value};

/// Finished traces that wait for the collector; any thread puts in, the collector takes all.
pub(super) struct KeptList {
    /// The first root's block, plus one.
    head: AtomicU64,
    waiting: AtomicU64,
    most_waiting: u64,
}

impl KeptList {
    pub(super) fn new(most_waiting: usize) -> Self {
        let (head, waiting) = (AtomicU64::new(0), AtomicU64::new(0));
        KeptList { head, waiting, most_waiting: most_waiting as u64 }
    }

    /// Puts a finished trace in, unless too many wait already.
    pub(super) fn push(&self, pool: &Pool, root: u32) -> bool {
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.most_waiting {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let mut old = self.head.load(Ordering::Relaxed);
        loop {
            pool.block(root).set(HEAD_LIST, old);
            let new = u64::from(root + 1);
            match self.head.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
    }

    /// Takes everything out, the oldest first.
    pub(super) fn take_all(&self, pool: &Pool) -> Vec<u32> {
        // Since all are taken at once, no block can leave and come back in between.
        let mut next = self.head.swap(0, Ordering::AcqRel);
        let mut roots = Vec::new();
        while let Some(root) = (next as u32).checked_sub(1) {
            next = pool.block(root).get(HEAD_LIST);
            roots.push(root);
        }
        self.waiting.fetch_sub(roots.len() as u64, Ordering::Relaxed);
        roots.reverse();
        roots
    }
}

/// A trace that was kept.
#[derive(Clone, Debug)]
pub struct KeptTrace {
    /// Why.
    pub reasons: Reasons,
    /// Its spans, the root first. Traces that were handed over from it come after.
    pub spans: Vec<Span>,
}

impl KeptTrace {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        self.spans.iter().map(bytes_of).sum::<usize>() + size_of::<KeptTrace>()
    }
}

fn bytes_of(span: &Span) -> usize {
    let attributes = |attributes: &[Attribute]| -> usize {
        attributes
            .iter()
            .map(|attribute| size_of::<Attribute>() + bytes_of_value(&attribute.value))
            .sum()
    };
    let events = span.events.iter().map(|event| size_of_val(event) + attributes(&event.attributes));
    let links = span.links.iter().map(|link| size_of_val(link) + attributes(&link.attributes));
    size_of::<Span>() + attributes(&span.attributes) + events.sum::<usize>() + links.sum::<usize>()
}

fn bytes_of_value(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len() + 16,
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(_) | Value::Map(_) | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
    }
}

/// The traces that were kept last, within a bound in bytes.
pub(super) struct Store {
    /// Each with the reason that it counts for, and its size.
    traces: VecDeque<(Reason, usize, KeptTrace)>,
    bytes: usize,
    most_bytes: usize,
    by_reason: [usize; Reason::ALL.len()],
}

impl Store {
    pub(super) fn new(most_bytes: usize) -> Self {
        Store { traces: VecDeque::new(), bytes: 0, most_bytes, by_reason: [0; Reason::ALL.len()] }
    }

    /// Adds a trace; how many others had to leave. They leave from the reason that has the most,
    /// the oldest first.
    pub(super) fn push(&mut self, trace: KeptTrace) -> u64 {
        let bytes = trace.bytes();
        let reason = trace.reasons.iter().next().unwrap_or(Reason::Baseline);
        self.traces.push_back((reason, bytes, trace));
        self.bytes += bytes;
        self.by_reason[reason as usize] += bytes;
        let mut evicted = 0;
        // The last one stays, however large: it is what somebody waits for.
        while self.bytes > self.most_bytes && self.traces.len() > 1 && self.remove_one() {
            evicted += 1;
        }
        evicted
    }

    /// Removes what was said of a trace while it was open.
    pub(super) fn forget_open(&mut self, trace: TraceId, root: SpanId) {
        let is_it = |trace_of: &KeptTrace| {
            trace_of
                .spans
                .first()
                .is_some_and(|span| (span.trace_id, span.span_id) == (trace, root))
        };
        let place = self
            .traces
            .iter()
            .position(|(reason, _, trace)| *reason == Reason::Open && is_it(trace));
        if let Some((reason, bytes, _)) = place.and_then(|place| self.traces.remove(place)) {
            self.bytes -= bytes;
            self.by_reason[reason as usize] -= bytes;
        }
    }

    fn remove_one(&mut self) -> bool {
        let most = Reason::ALL.into_iter().max_by_key(|reason| self.by_reason[*reason as usize]);
        let place = self.traces.iter().position(|(reason, ..)| Some(*reason) == most);
        let Some((reason, bytes, _)) = place.and_then(|place| self.traces.remove(place)) else {
            return false;
        };
        self.bytes -= bytes;
        self.by_reason[reason as usize] -= bytes;
        true
    }

    pub(super) fn traces(&self) -> impl Iterator<Item = &KeptTrace> {
        self.traces.iter().map(|(_, _, trace)| trace)
    }

    pub(super) fn take(&mut self) -> Vec<KeptTrace> {
        self.bytes = 0;
        self.by_reason = [0; Reason::ALL.len()];
        self.traces.drain(..).map(|(_, _, trace)| trace).collect()
    }

    /// The bytes that the traces take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Traces as one set, of the service `resource`.
pub(super) fn trace_set<'a>(
    traces: impl Iterator<Item = &'a KeptTrace>,
    resource: &Resource,
) -> TraceSet {
    let spans = traces.flat_map(|trace| trace.spans.iter().cloned()).collect();
    TraceSet { resources: vec![resource.clone()], spans }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(reason: Reason, name: &str) -> KeptTrace {
        let span = Span { name: name.into(), ..Span::default() };
        KeptTrace { reasons: Reasons::of(reason), spans: vec![span] }
    }

    #[test]
    fn a_flood_of_one_reason_does_not_wash_away_another() {
        let size = trace(Reason::Slow, "").bytes();
        let mut store = Store::new(10 * size);
        store.push(trace(Reason::Error, "the error"));
        let evicted: u64 = (0..100).map(|_| store.push(trace(Reason::Slow, "slow"))).sum();
        assert_eq!(evicted, 91);
        let names: Vec<_> = store.traces().map(|trace| trace.spans[0].name.to_string()).collect();
        assert_eq!(names.iter().filter(|name| *name == "slow").count(), 9);
        assert_eq!(names[0], "the error");
        assert_eq!((store.take().len(), store.bytes()), (10, 0));
    }
}
