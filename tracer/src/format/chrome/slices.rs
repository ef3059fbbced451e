//! Beginnings and ends become slices: stretches of time with a name, one inside the other.

use std::collections::{HashMap, HashSet};

use super::event::Event;
use super::flows::{Bind, Flows};
use super::own::{self, OwnEvent};
use crate::format::Warning;
use crate::format::intern::Interner;
use crate::model::{ArcStr, Attribute, SpanEvent};

/// Where slices nest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Track {
    Thread { process: ArcStr, thread: ArcStr },
    Async { process: Option<ArcStr>, category: ArcStr, id: ArcStr, scope: ArcStr },
}

/// A stretch of time. A caller always stands before what it called.
pub(super) struct Slice {
    pub(super) begin: Event,
    pub(super) track: usize,
    pub(super) parent: Option<usize>,
    pub(super) start_ns: i128,
    /// `None` in a damaged file when the end was not seen.
    pub(super) end_ns: Option<i128>,
    /// What happened inside, times in nanoseconds since the file's zero.
    pub(super) events: Vec<(i128, SpanEvent)>,
}

/// Everything that was found, before it becomes spans.
pub(super) struct Found {
    pub(super) tracks: Vec<Track>,
    pub(super) slices: Vec<Slice>,
    pub(super) flows: Flows,
    /// Events that say themselves which span they belong to.
    pub(super) own_events: Vec<OwnEvent>,
    /// The last time in the file.
    pub(super) last_ns: i128,
    /// Whether the file is whole; if not, what has no end is left out.
    pub(super) is_whole: bool,
    pub(super) unclosed: usize,
    pub(super) unopened: usize,
    pub(super) out_of_order: usize,
    pub(super) overlapping: usize,
    pub(super) loose_events: usize,
}

impl Found {
    pub(super) fn new(last_ns: i128, is_whole: bool) -> Self {
        Found {
            tracks: Vec::new(),
            slices: Vec::new(),
            flows: Flows::default(),
            own_events: Vec::new(),
            last_ns,
            is_whole,
            unclosed: 0,
            unopened: 0,
            out_of_order: 0,
            overlapping: 0,
            loose_events: 0,
        }
    }

    pub(super) fn warnings(&self) -> [Warning; 6] {
        [
            Warning::NeverEnded(self.unclosed),
            Warning::NeverBegun(self.unopened),
            Warning::OutOfOrder(self.out_of_order),
            Warning::Overlapping(self.overlapping),
            Warning::LooseEvents(self.loose_events),
            Warning::LooseFlows(self.flows.loose()),
        ]
    }

    /// Sorts by time; what happens at the same time stays in the order of the file.
    pub(super) fn sort(&mut self, events: &mut [Event]) {
        let mut latest = i128::MIN;
        for event in &*events {
            let time_ns = event.time_ns.unwrap_or_default();
            self.out_of_order += usize::from(time_ns < latest);
            latest = latest.max(time_ns);
        }
        events.sort_by_key(|event| event.time_ns);
    }

    /// The end of a slice whose end was not seen.
    pub(super) fn missing_end(&mut self) -> Option<i128> {
        self.unclosed += usize::from(self.is_whole);
        self.is_whole.then_some(self.last_ns)
    }

    /// Adds a slice, and its part in a flow.
    pub(super) fn push(&mut self, slice: Slice) -> usize {
        let index = self.slices.len();
        self.flows.bind_self(&slice.begin, index);
        self.slices.push(slice);
        index
    }

    /// Adds an event to the slice around it.
    pub(super) fn happens(&mut self, event: Event, around: Option<usize>) {
        let Some(index) = around else {
            self.loose_events += 1;
            return;
        };
        self.flows.bind_self(&event, index);
        let time_ns = event.time_ns.unwrap_or_default();
        let event = SpanEvent {
            time_ns: 0,
            name: event.name,
            attributes: event.args,
            dropped_attributes: 0,
        };
        self.slices[index].events.push((time_ns, event));
    }

    /// The slices of one asynchronous operation.
    pub(super) fn async_track(
        &mut self,
        track: Track,
        mut events: Vec<Event>,
        interner: &mut Interner,
    ) {
        self.sort(&mut events);
        let track_index = self.tracks.len();
        self.tracks.push(track);
        let mut open: Vec<usize> = Vec::new();
        for event in events {
            let time_ns = event.time_ns.unwrap_or_default();
            match event.phase {
                'b' => {
                    let parent = open.last().copied();
                    let slice = Slice {
                        begin: event,
                        track: track_index,
                        parent,
                        start_ns: time_ns,
                        end_ns: None,
                        events: Vec::new(),
                    };
                    open.push(self.push(slice));
                }
                'n' => match own::event(event, interner) {
                    own::Point::Ours(event) => self.own_events.push(event),
                    own::Point::Arrow => {}
                    own::Point::Foreign(event) => self.happens(event, open.last().copied()),
                },
                _ => self.end_async(event, &mut open),
            }
        }
        for index in open {
            self.slices[index].end_ns = self.missing_end();
        }
    }

    /// Ends the innermost open slice of the same name, and with it what is still open inside.
    fn end_async(&mut self, event: Event, open: &mut Vec<usize>) {
        /// How deep the end of an outer slice may come before that of an inner one.
        const MOST_SKIPPED: usize = 64;
        let mut candidates = open.iter().rev().take(MOST_SKIPPED);
        let skipped = candidates.position(|index| {
            event.name.is_empty() || self.slices[*index].begin.name == event.name
        });
        let Some(skipped) = skipped else {
            self.unopened += 1;
            return;
        };
        self.unclosed += skipped;
        for index in open.drain(open.len() - skipped..) {
            self.slices[index].end_ns = event.time_ns;
        }
        if let Some(index) = open.pop() {
            let slice = &mut self.slices[index];
            slice.end_ns = event.time_ns;
            add_args(&mut slice.begin.args, event.args);
        }
    }
}

/// Adds what the end of a slice says to what its beginning said.
pub(super) fn add_args(args: &mut Vec<Attribute>, more: Vec<Attribute>) {
    if more.is_empty() {
        return;
    }
    let known: HashSet<_> = args.iter().map(|attribute| attribute.key.clone()).collect();
    args.extend(more.into_iter().filter(|attribute| !known.contains(&attribute.key)));
}

/// Events by their track, tracks in the order in which they appear.
#[derive(Default)]
pub(super) struct ByTrack {
    indexes: HashMap<Track, usize>,
    pub(super) tracks: Vec<(Track, Vec<Event>)>,
}

impl ByTrack {
    pub(super) fn push(&mut self, event: Event) {
        let track = match (event.phase, &event.id) {
            ('b' | 'n' | 'e', id) => Track::Async {
                process: event.is_local.then(|| event.process.clone()),
                category: event.category.clone(),
                id: id.clone().unwrap_or_else(|| ArcStr::from("")),
                scope: event.scope.clone(),
            },
            _ => Track::Thread { process: event.process.clone(), thread: event.thread.clone() },
        };
        let next = self.tracks.len();
        let index = *self.indexes.entry(track.clone()).or_insert(next);
        if index == next {
            self.tracks.push((track, Vec::new()));
        }
        self.tracks[index].1.push(event);
    }
}

/// Which end of a flow an event is.
pub(super) fn bind_kind(event: &Event) -> Option<Bind> {
    match event.phase {
        's' => Some(Bind::Out),
        't' => Some(Bind::Step),
        'f' => Some(Bind::In),
        _ => None,
    }
}
