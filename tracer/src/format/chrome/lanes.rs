//! Spreads the spans of one trace on one node over tracks, so that each track nests.
//!
//! A viewer nests what is on one track by time alone. So a span may stand inside another one on
//! the same track only if that one called it, directly or not, and encloses it; siblings that
//! overlap go to different tracks.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::model::{Span, SpanId, TraceId};

/// Who called whom in a set of spans, answering in constant time.
pub(super) struct Callers {
    /// The span's parent, if it is in the set.
    parents: Vec<Option<usize>>,
    /// When a walk from the roots enters and leaves the span.
    visits: Vec<(usize, usize)>,
}

impl Callers {
    pub(super) fn new(spans: &[Span], positions: &HashMap<(TraceId, SpanId), usize>) -> Self {
        let parent_of = |(position, span): (usize, &Span)| {
            let parent = *positions.get(&(span.trace_id, span.parent_span_id?))?;
            (parent != position).then_some(parent)
        };
        let parents: Vec<_> = spans.iter().enumerate().map(parent_of).collect();
        let mut children = vec![Vec::new(); spans.len()];
        let mut open = Vec::new();
        for (position, parent) in parents.iter().enumerate() {
            match parent {
                Some(parent) => children[*parent].push(position),
                None => open.push((position, 0)),
            }
        }
        // Spans that call each other in a circle are not reached: they have no callers here.
        let mut visits = vec![(usize::MAX, 0); spans.len()];
        let mut clock = 0;
        while let Some((position, next_child)) = open.last_mut() {
            let position = *position;
            if *next_child == 0 {
                visits[position].0 = clock;
            }
            clock += 1;
            match children[position].get(*next_child) {
                Some(child) => {
                    *next_child += 1;
                    open.push((*child, 0));
                }
                None => {
                    visits[position].1 = clock;
                    open.pop();
                }
            }
        }
        Callers { parents, visits }
    }

    /// The direct caller.
    pub(super) fn parent(&self, span: usize) -> Option<usize> {
        self.parents[span]
    }

    /// Whether the walk from the roots found the span.
    pub(super) fn is_rooted(&self, span: usize) -> bool {
        self.visits[span].0 != usize::MAX
    }

    fn has_called(&self, caller: usize, span: usize) -> bool {
        let ((enter, leave), (inner_enter, inner_leave)) = (self.visits[caller], self.visits[span]);
        enter != usize::MAX && enter < inner_enter && inner_leave < leave
    }
}

/// A span with the times at which a viewer will see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Its position in the set.
    pub(super) span: usize,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
}

/// One step on a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin(usize),
    End(usize),
}

/// A track under construction.
#[derive(Default)]
struct Lane {
    steps: Vec<Step>,
    open: Vec<Seen>,
}

impl Lane {
    /// Closes what has ended when `next` starts. What has no length may stand at a span's end.
    fn close_before(&mut self, next: &Seen) {
        let is_point = next.start_ns == next.end_ns;
        while let Some(top) = self.open.last() {
            let has_ended = top.end_ns < next.start_ns
                || (top.end_ns == next.start_ns && !(is_point && top.start_ns < top.end_ns));
            if !has_ended {
                break;
            }
            self.steps.push(Step::End(top.span));
            self.open.pop();
        }
    }

    fn push(&mut self, seen: Seen) {
        self.steps.push(Step::Begin(seen.span));
        self.open.push(seen);
    }
}

/// The tracks of `spans`, each as steps in order of time.
pub(super) fn lanes(mut spans: Vec<Seen>, callers: &Callers) -> Vec<Vec<Step>> {
    spans.sort_by_key(|seen| {
        (seen.start_ns, Reverse(seen.end_ns), callers.visits[seen.span].0, seen.span)
    });
    let mut lanes: Vec<Lane> = Vec::new();
    let mut lane_of = HashMap::new();
    // When the outermost span of each track ends, the track is free again.
    let mut free_at = BinaryHeap::new();
    for seen in spans {
        let beside_caller = caller_lane(&seen, callers, &lane_of).filter(|lane| {
            let lane = &mut lanes[*lane];
            lane.close_before(&seen);
            lane.open.last().is_some_and(|top| {
                top.end_ns >= seen.end_ns && callers.has_called(top.span, seen.span)
            })
        });
        let lane = beside_caller.unwrap_or_else(|| {
            let is_free = free_at.peek().is_some_and(|Reverse((end, _))| *end <= seen.start_ns);
            let free = if is_free { free_at.pop() } else { None };
            let lane = free.map_or(lanes.len(), |Reverse((_, lane))| lane);
            if lane == lanes.len() {
                lanes.push(Lane::default());
            }
            free_at.push(Reverse((seen.end_ns, lane)));
            lane
        });
        lane_of.insert(seen.span, lane);
        let lane = &mut lanes[lane];
        if beside_caller.is_none() {
            while let Some(top) = lane.open.pop() {
                lane.steps.push(Step::End(top.span));
            }
        }
        lane.push(seen);
    }
    lanes
        .into_iter()
        .map(|mut lane| {
            lane.steps.extend(lane.open.iter().rev().map(|seen| Step::End(seen.span)));
            lane.steps
        })
        .collect()
}

/// The track of the nearest caller that has one here.
fn caller_lane(seen: &Seen, callers: &Callers, lane_of: &HashMap<usize, usize>) -> Option<usize> {
    /// Callers on other nodes are few; a file that says otherwise is not worth a long walk.
    const MOST_STEPS: usize = 32;
    let mut span = seen.span;
    for _ in 0..MOST_STEPS {
        span = callers.parent(span)?;
        if let Some(lane) = lane_of.get(&span) {
            return Some(*lane);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::otlp_read::new_span;

    /// Rows of (id, parent or 0, start, end).
    fn spread(rows: &[(u64, u64, u64, u64)]) -> Vec<Vec<Step>> {
        let spans: Vec<_> = rows
            .iter()
            .map(|(id, parent, start_ns, end_ns)| Span {
                span_id: SpanId(*id),
                parent_span_id: (*parent != 0).then_some(SpanId(*parent)),
                start_ns: *start_ns,
                end_ns: *end_ns,
                ..new_span()
            })
            .collect();
        let positions = spans
            .iter()
            .enumerate()
            .map(|(at, span)| ((span.trace_id, span.span_id), at))
            .collect();
        let callers = Callers::new(&spans, &positions);
        let seen = spans.iter().enumerate().map(|(span, it)| Seen {
            span,
            start_ns: it.start_ns,
            end_ns: it.end_ns,
        });
        lanes(seen.collect(), &callers)
    }

    #[test]
    fn children_stand_in_their_callers_and_overlapping_siblings_do_not_share() {
        use Step::{Begin, End};
        let tracks = spread(&[(1, 0, 0, 100), (2, 1, 10, 50), (3, 1, 20, 40), (4, 1, 60, 70)]);
        assert_eq!(
            tracks,
            [vec![Begin(0), Begin(1), End(1), Begin(3), End(3), End(0)], vec![Begin(2), End(2)],],
            "3 lies inside 2 in time but was not called by it"
        );
    }

    #[test]
    fn a_track_is_used_again_when_it_is_free() {
        let tracks = spread(&[(1, 0, 0, 10), (2, 0, 5, 15), (3, 0, 10, 20), (4, 0, 15, 30)]);
        assert_eq!(tracks.len(), 2);
    }

    #[test]
    fn a_child_that_outlives_its_caller_gets_its_own_track() {
        assert_eq!(spread(&[(1, 0, 0, 10), (2, 1, 5, 15)]).len(), 2);
        assert_eq!(spread(&[(1, 0, 0, 10), (2, 1, 10, 10)]).len(), 1, "a point at the very end");
        assert_eq!(spread(&[(1, 0, 5, 5), (2, 1, 5, 5)]).len(), 1);
    }

    #[test]
    fn circles_and_strangers_do_no_harm() {
        assert_eq!(spread(&[(1, 2, 0, 10), (2, 1, 2, 5), (3, 3, 0, 1)]).len(), 2);
    }
}
