//! The arrows between placed boxes: a parent calls its children, a link hands over, an event shows
//! the branch that was taken or the value that was used.

use foldhash::{HashMap, HashMapExt as _};
use raftlens_tracer::conventions::{EVENT_CASE, FLOW, FROM, LINK_KIND, PORT, TITLE};
use raftlens_tracer::model::{Link, Span, SpanEvent, TraceSet, Value, find};

use super::places::Places;
use super::scope::Scope;
use crate::flow_graph::{Arrow, ArrowId, ArrowKind, BoxId, FlowGraph};

/// Adds all arrows of the wanted spans.
pub(super) fn add(graph: &mut FlowGraph, traces: &TraceSet, scope: &Scope<'_>, places: &Places) {
    let mut maker = Maker { index: HashMap::new(), graph, traces, scope, places };
    for index in &scope.spans {
        let Some(place) = places.of_span(*index) else { continue };
        let span = &traces.spans[*index];
        maker.call(span, place);
        for link in &span.links {
            maker.link(span, link, place);
        }
        for position in 0..span.events.len() {
            maker.event(*index, position, place);
        }
    }
}

/// What is needed to add arrows, and those that were added.
struct Maker<'a> {
    graph: &'a mut FlowGraph,
    // A million spans take few ways: looked up by borrowed text, made once.
    index: HashMap<(BoxId, BoxId, Way<'a>), ArrowId>,
    traces: &'a TraceSet,
    scope: &'a Scope<'a>,
    places: &'a Places,
}

impl<'a> Maker<'a> {
    /// From the parent's box to the span's own.
    fn call(&mut self, span: &'a Span, place: BoxId) {
        if span.parent_span_id.is_none() {
            return;
        }
        let Some(parent) = self.scope.parent_of(span) else {
            self.graph.left_out.unknown_parents += 1;
            return;
        };
        // A parent outside the wanted part is left out on purpose, so it is not counted.
        let Some(caller) = self.places.of_span(parent) else { return };
        self.record(caller, place, Way::new(ArrowKind::Call), span.duration_ns());
    }

    /// From the box of the span that is followed to the follower's.
    fn link(&mut self, span: &'a Span, link: &'a Link, place: BoxId) {
        let Some(followed) = self.scope.index_of(link.trace_id, link.span_id) else {
            self.graph.left_out.unknown_links += 1;
            return;
        };
        let Some(from) = self.places.of_span(followed) else { return };
        let via = find(&link.attributes, LINK_KIND).and_then(Value::as_str);
        let wait = wait_ns(&self.traces.spans[followed], span);
        self.record(from, place, Way { via, ..Way::new(ArrowKind::Data) }, wait);
    }

    /// From the span's function, or from the box that the event names, to the event's own.
    fn event(&mut self, index: usize, position: usize, function: BoxId) {
        let Some(place) = self.places.of_event(index, position) else { return };
        let span = &self.traces.spans[index];
        let event = &span.events[position];
        let mut from = function;
        let mut since_ns = span.start_ns;
        if let Some(name) = text(event, FROM) {
            // The same span's own event comes first: `Expired` may exist under several owners.
            let earlier = (0..position).rev().find(|at| named(&span.events[*at], name));
            let found = earlier.and_then(|at| self.places.of_event(index, at));
            match found.or_else(|| self.places.named(name)) {
                Some(known) => from = known,
                None => self.graph.left_out.unknown_from += 1,
            }
            since_ns = earlier.map_or(since_ns, |at| span.events[at].time_ns);
        }
        let way = Way { port: text(event, PORT), ..Way::new(flow_of(event)) };
        self.record(from, place, way, event.time_ns.saturating_sub(since_ns));
    }

    /// Counts one passage of an arrow, made if this is its first.
    fn record(&mut self, from: BoxId, to: BoxId, way: Way<'a>, duration_ns: u64) {
        let id = *self.index.entry((from, to, way)).or_insert_with(|| {
            let arrow = Arrow {
                via: way.via.map(str::to_owned),
                to_port: way.port.map(str::to_owned),
                ..Arrow::new(way.kind)
            };
            self.graph.add_arrow(from, to, arrow)
        });
        self.graph.arrow_mut(id).record(duration_ns);
    }
}

/// What tells two arrows between the same boxes apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Way<'a> {
    kind: ArrowKind,
    via: Option<&'a str>,
    port: Option<&'a str>,
}

impl Way<'_> {
    fn new(kind: ArrowKind) -> Self {
        Way { kind, via: None, port: None }
    }
}

/// How long the hand-over waited: from the end of the followed span, or from its start if the
/// follower began while it was still open.
fn wait_ns(followed: &Span, follower: &Span) -> u64 {
    let from =
        if follower.start_ns >= followed.end_ns { followed.end_ns } else { followed.start_ns };
    follower.start_ns.saturating_sub(from)
}

/// What the event says of its flow. A branch is data by default: nothing is called by taking it.
fn flow_of(event: &SpanEvent) -> ArrowKind {
    match text(event, FLOW) {
        Some("call") => ArrowKind::Call,
        Some("data") => ArrowKind::Data,
        _ if &*event.name == EVENT_CASE => ArrowKind::Data,
        _ => ArrowKind::Call,
    }
}

fn named(event: &SpanEvent, title: &str) -> bool {
    text(event, TITLE) == Some(title)
}

fn text<'a>(event: &'a SpanEvent, key: &str) -> Option<&'a str> {
    find(&event.attributes, key).and_then(Value::as_str)
}
