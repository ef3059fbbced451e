//! Slices of threads: `B`/`E` pairs by their order, `X` events by their times, and what happens
//! inside either.

use std::cmp::Reverse;
use std::mem;

use super::event::Event;
use super::slices::{Found, Slice, Track, add_args, bind_kind};

/// A slice before it is known what is around it.
struct Loose {
    begin: Event,
    end_ns: Option<i128>,
    /// The `B` around it, by position, for a `B`.
    parent: Option<usize>,
    is_complete: bool,
}

/// What a walk through the time of a thread meets.
enum Met {
    Slice(usize),
    Other(Box<Event>),
}

impl Found {
    /// The slices of one thread, with the flows and instants inside them.
    pub(super) fn thread_track(&mut self, track: Track, events: Vec<Event>) {
        let (mut pairs, mut rest) = (Vec::new(), Vec::new());
        for event in events {
            if matches!(event.phase, 'B' | 'E') { pairs.push(event) } else { rest.push(event) }
        }
        self.sort(&mut pairs);
        let mut loose = self.pair(pairs);
        let mut met = Vec::new();
        for event in rest {
            if event.phase == 'X' {
                let start_ns = event.time_ns.unwrap_or_default();
                let end_ns = Some(start_ns + event.duration_ns.unwrap_or_default().max(0));
                loose.push(Some(Loose { begin: event, end_ns, parent: None, is_complete: true }));
            } else {
                met.push(Met::Other(Box::new(event)));
            }
        }
        met.extend((0..loose.len()).map(Met::Slice));
        met.sort_by_cached_key(|met| match met {
            Met::Slice(index) => {
                let slice = loose[*index].as_ref();
                let begin = slice.map(|slice| (slice.begin.time_ns, slice.begin.order));
                let (time_ns, order) = begin.unwrap_or_default();
                let end_ns = slice.and_then(|slice| slice.end_ns).unwrap_or(i128::MAX);
                (time_ns, 0, Reverse(end_ns), order)
            }
            // After the slices that begin at the same time, so that it is inside them.
            Met::Other(event) => (event.time_ns, 1, Reverse(0), event.order),
        });
        let track_index = self.tracks.len();
        self.tracks.push(track);
        let mut walk = Walk { found: self, open: Vec::new(), waiting: Vec::new() };
        let mut indexes = vec![None; loose.len()];
        for met in met {
            match met {
                Met::Other(event) => walk.meet(*event),
                Met::Slice(position) => {
                    if let Some(slice) = loose[position].take() {
                        let around = slice.parent.and_then(|parent| indexes[parent]);
                        indexes[position] = Some(walk.enter(slice, around, track_index));
                    }
                }
            }
        }
        walk.finish();
    }

    /// Pairs beginnings with ends.
    fn pair(&mut self, events: Vec<Event>) -> Vec<Option<Loose>> {
        let mut slices: Vec<Option<Loose>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for event in events {
            if event.phase == 'B' {
                let parent = open.last().copied();
                open.push(slices.len());
                slices.push(Some(Loose { begin: event, end_ns: None, parent, is_complete: false }));
                continue;
            }
            match open.pop().and_then(|index| slices[index].as_mut()) {
                Some(slice) => {
                    slice.end_ns = event.time_ns;
                    add_args(&mut slice.begin.args, event.args);
                }
                None => self.unopened += 1,
            }
        }
        for index in open {
            if let Some(slice) = &mut slices[index] {
                slice.end_ns = self.missing_end();
            }
        }
        slices
    }
}

/// A walk through the time of one thread.
struct Walk<'a> {
    found: &'a mut Found,
    /// The slices around the present moment.
    open: Vec<usize>,
    /// Ends of flows that belong to the next slice.
    waiting: Vec<Event>,
}

impl Walk<'_> {
    /// Adds a slice; `around` is the `B` that it is in.
    fn enter(&mut self, slice: Loose, around: Option<usize>, track: usize) -> usize {
        let start_ns = slice.begin.time_ns.unwrap_or_default();
        let end_ns = slice.end_ns.unwrap_or(i128::MAX);
        let is_over = |found: &Found, index: usize| {
            found.slices[index].end_ns.is_some_and(|end_ns| end_ns <= start_ns)
        };
        while self.open.pop_if(|top| is_over(self.found, *top)).is_some() {}
        if slice.is_complete {
            // A thread does one thing at a time: what overlaps without nesting is a fault.
            let is_cut = |found: &Found, index: usize| {
                found.slices[index].end_ns.is_some_and(|outer_ns| outer_ns < end_ns)
            };
            while self.open.pop_if(|top| is_cut(self.found, *top)).is_some() {
                self.found.overlapping += 1;
            }
        }
        let top =
            self.open.last().copied().filter(|top| {
                self.found.slices[*top].end_ns.is_none_or(|outer_ns| outer_ns >= end_ns)
            });
        // Of the two, the one that began later is inside the other.
        let parent = top.max(around);
        let index = self.found.push(Slice {
            begin: slice.begin,
            track,
            parent,
            start_ns,
            end_ns: slice.end_ns,
            events: Vec::new(),
        });
        self.open.push(index);
        for event in mem::take(&mut self.waiting) {
            self.found.flows.bind(&event, bind_kind(&event), Some(index));
        }
        index
    }

    /// Puts an instant or a flow into the slice around it.
    fn meet(&mut self, event: Event) {
        let time_ns = event.time_ns.unwrap_or_default();
        let is_over = |found: &Found, index: usize| {
            found.slices[index].end_ns.is_some_and(|end_ns| end_ns < time_ns)
        };
        while self.open.pop_if(|top| is_over(self.found, *top)).is_some() {}
        let around = self.open.last().copied();
        let Some(kind) = bind_kind(&event) else {
            self.found.happens(event, around);
            return;
        };
        let begins_now = around.is_some_and(|index| self.found.slices[index].start_ns == time_ns);
        if event.phase == 'f' && !event.binds_around && !begins_now {
            self.waiting.push(event);
        } else {
            self.found.flows.bind(&event, Some(kind), around);
        }
    }

    fn finish(self) {
        for event in self.waiting {
            self.found.flows.bind(&event, bind_kind(&event), None);
        }
    }
}
