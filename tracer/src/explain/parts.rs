//! The window in parts that no link leads out of, each so small that it stays near the processor
//! while its spans are put together and explained.
//!
//! Putting a window of a few hundred thousand spans together as a whole goes ten times through all of
//! them, and to places all over it for parents and links; most of the time would be spent waiting for
//! memory. Traces that links connect are in one part, so an explanation finds what it would find in
//! the whole window.

use crate::explain::briefs::{BriefView, Briefs};
use crate::explain::open_traces::OpenTraces;
use crate::model::Resource;
use crate::view::{LinkView, SpanSet, SpanView};

/// A part has so many spans, or as many as hang together.
const PART_SPANS: usize = 1_024;
/// Of a trace that nothing is to be explained of.
const NO_PART: u32 = u32::MAX;

/// Which spans make up each part, as indices of the window's briefs.
#[derive(Debug)]
pub(super) struct Parts {
    /// Of all parts, each in the order of arrival.
    spans: Vec<u32>,
    /// Where each part begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Parts {
    /// The traces that are due, and all that links connect with them.
    pub(super) fn of(open: &OpenTraces) -> Parts {
        let mut sets = Sets::new(open.places());
        for (trace, linked) in open.links_between_traces() {
            sets.join(trace, linked);
        }
        let mut is_due = vec![false; open.places()];
        for trace in open.due_traces() {
            is_due[sets.find(trace) as usize] = true;
        }
        // The sets in the order of their first spans, with their sizes.
        let set_of: Vec<u32> = open.briefs.traces().iter().map(|trace| sets.find(*trace)).collect();
        let mut sizes = vec![0; open.places()];
        let mut order = Vec::new();
        for set in set_of.iter().copied().filter(|set| is_due[*set as usize]) {
            if sizes[set as usize] == 0 {
                order.push(set);
            }
            sizes[set as usize] += 1;
        }
        let mut part_of = vec![NO_PART; open.places()];
        let mut starts = vec![0];
        let (mut first, mut end) = (0, 0);
        for set in order {
            part_of[set as usize] = starts.len() as u32 - 1;
            end += sizes[set as usize];
            if end - first >= PART_SPANS {
                starts.push(end);
                first = end;
            }
        }
        if end > first {
            starts.push(end);
        }
        let mut next = starts.clone();
        let mut spans = vec![0; end];
        for (at, set) in (0..).zip(set_of) {
            if let Some(next) = next.get_mut(part_of[set as usize] as usize) {
                spans[*next] = at;
                *next += 1;
            }
        }
        Parts { spans, starts }
    }

    /// The parts, as sets of spans.
    pub(super) fn each<'a>(&'a self, briefs: &'a Briefs) -> impl Iterator<Item = Part<'a>> {
        let ranges = self.starts.windows(2);
        ranges.map(|range| Part { briefs, spans: &self.spans[range[0]..range[1]] })
    }
}

/// Sets of traces that links connect, each named by one of its traces (Tarjan 1975, with halving of
/// paths).
struct Sets(Vec<u32>);

impl Sets {
    fn new(traces: usize) -> Sets {
        Sets((0..traces as u32).collect())
    }

    fn find(&mut self, trace: u32) -> u32 {
        let mut at = trace;
        while self.0[at as usize] != at {
            let above = self.0[at as usize];
            self.0[at as usize] = self.0[above as usize];
            at = above;
        }
        at
    }

    fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        self.0[one.max(other) as usize] = one.min(other);
    }
}

/// One part: spans of the window.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    briefs: &'a Briefs,
    /// As indices of the briefs.
    pub(super) spans: &'a [u32],
}

impl Part<'_> {
    /// Whether a span of the part is one of those that `chosen` says of all spans of the window.
    pub(super) fn is_among(&self, chosen: &[bool], at: usize) -> bool {
        let at = self.spans.get(at).map(|it| *it as usize);
        at.and_then(|it| chosen.get(it)).is_some_and(|it| *it)
    }

    /// The spans whose read index a span joined.
    pub(super) fn carriers(&self, at: usize) -> impl Iterator<Item = LinkView<'_>> {
        let links = self.view(at).into_iter().flat_map(BriefView::links);
        links.filter(|link| link.kind == Some("batch"))
    }
}

impl SpanSet for Part<'_> {
    type View<'b>
        = BriefView<'b>
    where
        Self: 'b;

    fn count(&self) -> usize {
        self.spans.len()
    }

    fn view(&self, at: usize) -> Option<BriefView<'_>> {
        self.spans.get(at).and_then(|at| self.briefs.view(*at as usize))
    }

    fn resources(&self) -> &[Resource] {
        self.briefs.resources()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_that_are_connected_are_in_one_set() {
        // Rings of ten, joined in an order that has nothing to do with them.
        let mut sets = Sets::new(1_000);
        for at in 0..1_000 {
            let one = at * 377 % 1_000;
            sets.join(one, one / 10 * 10 + (one + 1) % 10);
        }
        for trace in 0..1_000 {
            assert_eq!(sets.find(trace), trace / 10 * 10);
        }
    }
}
