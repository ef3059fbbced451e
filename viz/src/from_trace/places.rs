//! Which box each span and each event stands for.
//!
//! A span is identified by its owner and function; a span without these attributes by its name, in
//! a cluster named after its service. Functions are placed before events, so that an event whose
//! title names a function points at that function's box.

use foldhash::{HashMap, HashMapExt as _};
use raftlens_tracer::conventions::{
    EVENT_CASE, EVENT_STRUCT, EVENT_VARIABLE, FIELDS, FILE, FUNCTION, LINE, OWNER, TITLE,
};
use raftlens_tracer::model::{Span, SpanEvent, TraceSet, Value, find};

use super::scope::Scope;
use crate::flow_graph::{BoxId, BoxKind, FlowBox, FlowGraph};

/// The boxes of spans and events.
pub(super) struct Places {
    // By index in the input; spans that are not wanted have none.
    of_span: Vec<Option<BoxId>>,
    // Only events that are drawn: case, variable and struct, by span and place in it.
    of_event: HashMap<(usize, usize), BoxId>,
    by_identity: HashMap<String, BoxId>,
}

impl Places {
    /// Adds a box for every wanted span and event, and counts the spans.
    pub(super) fn new(graph: &mut FlowGraph, traces: &TraceSet, scope: &Scope<'_>) -> Places {
        let mut places = Places {
            of_span: vec![None; traces.spans.len()],
            of_event: HashMap::new(),
            by_identity: HashMap::new(),
        };
        places.place_spans(graph, traces, scope);
        // As with spans: many events, few boxes, so each kind of event is looked up by borrowed text.
        let mut known = HashMap::new();
        for index in &scope.spans {
            let span = &traces.spans[*index];
            for (position, event) in span.events.iter().enumerate() {
                let Some(kind) = event_kind(event) else { continue };
                let Some(identity) = text(event, TITLE) else { continue };
                let event = Event {
                    identity,
                    owner: text(event, OWNER),
                    kind,
                    inside: places.of_span(*index),
                };
                let place =
                    *known.entry(event).or_insert_with(|| places.place_event(graph, span, &event));
                event.count(graph.flow_box_mut(place), span);
                places.of_event.insert((*index, position), place);
            }
        }
        places
    }

    /// The box of a wanted span.
    pub(super) fn of_span(&self, index: usize) -> Option<BoxId> {
        self.of_span.get(index).copied().flatten()
    }

    /// The box of an event that is drawn.
    pub(super) fn of_event(&self, span: usize, event: usize) -> Option<BoxId> {
        self.of_event.get(&(span, event)).copied()
    }

    /// The first box with this identity.
    pub(super) fn named(&self, identity: &str) -> Option<BoxId> {
        self.by_identity.get(identity).copied()
    }

    fn place_spans(&mut self, graph: &mut FlowGraph, traces: &TraceSet, scope: &Scope<'_>) {
        // A trace has a million spans but few functions: the strings are split once per function.
        let mut known: HashMap<(u32, Option<&str>, &str), BoxId> = HashMap::new();
        for index in &scope.spans {
            let span = &traces.spans[*index];
            let identity = span.text(FUNCTION).unwrap_or(&span.name);
            let key = (span.resource, span.text(OWNER), identity);
            let place = *known.entry(key).or_insert_with(|| {
                let place = graph.add_box(box_of(traces, span, identity));
                self.by_identity.entry(identity.to_owned()).or_insert(place);
                place
            });
            let flow_box = graph.flow_box_mut(place);
            flow_box.calls += 1;
            flow_box.latency.record(span.duration_ns());
            self.of_span[*index] = Some(place);
        }
    }

    /// The box of an event, made if this is the first of its kind.
    fn place_event(&mut self, graph: &mut FlowGraph, span: &Span, event: &Event<'_>) -> BoxId {
        let identity = event.identity;
        let stated = event.owner.map(split_owner);
        // An event inside a span without owner stands where the span stands.
        let inherited = || event.inside.map(|id| graph.flow_box(id).owner.clone());
        let place = match (stated, self.named(identity)) {
            (None, Some(known)) => known,
            (stated, _) => {
                let owner = stated.or_else(inherited).unwrap_or_default();
                graph.add_box(FlowBox {
                    identity: identity.to_owned(),
                    title: title_of(identity, &owner),
                    kind: event.kind.of_box(),
                    owner,
                    // Where the value is made is the best place that is known for it.
                    file: span.text(FILE).map(str::to_owned),
                    line: line_of(span),
                    ..FlowBox::default()
                })
            }
        };
        self.by_identity.entry(identity.to_owned()).or_insert(place);
        place
    }
}

/// An event that is drawn, with what decides about its box.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Event<'a> {
    identity: &'a str,
    owner: Option<&'a str>,
    kind: EventKind<'a>,
    /// The box of its span.
    inside: Option<BoxId>,
}

/// What the box of an event is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum EventKind<'a> {
    Case,
    Variable,
    /// With its fields as they are written.
    Struct(&'a str),
}

impl Event<'_> {
    /// Counts it in its box.
    fn count(&self, flow_box: &mut FlowBox, span: &Span) {
        // What ran as a span is counted as such; an event that names it is no further call.
        if flow_box.kind != BoxKind::Function {
            flow_box.calls += 1;
        }
        // A later span may know the place in the code that the first one did not.
        if self.owner.is_some() && flow_box.file.is_none() {
            flow_box.file = span.text(FILE).map(str::to_owned);
            flow_box.line = line_of(span);
        }
    }
}

impl EventKind<'_> {
    fn of_box(self) -> BoxKind {
        match self {
            EventKind::Case => BoxKind::Case,
            EventKind::Variable => BoxKind::Variable,
            EventKind::Struct(fields) => {
                let names = fields.split('|').map(str::trim);
                let fields = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
                BoxKind::Struct { fields }
            }
        }
    }
}

/// The box of a span, without counts.
fn box_of(traces: &TraceSet, span: &Span, identity: &str) -> FlowBox {
    let service = || {
        let resource = traces.resources.get(span.resource as usize);
        resource.and_then(|resource| resource.service_name()).map(|name| vec![name.to_owned()])
    };
    let owner = span.text(OWNER).map(split_owner).or_else(service).unwrap_or_default();
    // Names of operations (`GET /users::all`) are taken as they are, only functions are shortened.
    let is_function = span.attribute(FUNCTION).is_some();
    let title = if is_function { title_of(identity, &owner) } else { identity.to_owned() };
    FlowBox {
        identity: identity.to_owned(),
        title,
        owner,
        file: span.text(FILE).map(str::to_owned),
        line: line_of(span),
        ..FlowBox::default()
    }
}

/// `RaftKV/inner` as a path; empty parts name nothing.
fn split_owner(owner: &str) -> Vec<String> {
    owner.split('/').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// What is written in the box: the function alone if its type is already the name of a cluster
/// around it, else type and function.
fn title_of(identity: &str, owner: &[String]) -> String {
    let mut parts = identity.rsplit("::").filter(|part| !part.is_empty());
    let (Some(function), Some(of_type)) = (parts.next(), parts.next()) else {
        return identity.to_owned();
    };
    // The charts write `RaftKV` where the code says `RaftKv`.
    if owner.iter().any(|cluster| cluster.eq_ignore_ascii_case(of_type)) {
        return function.to_owned();
    }
    format!("{of_type}::{function}")
}

fn event_kind(event: &SpanEvent) -> Option<EventKind<'_>> {
    match &*event.name {
        EVENT_CASE => Some(EventKind::Case),
        EVENT_VARIABLE => Some(EventKind::Variable),
        EVENT_STRUCT => Some(EventKind::Struct(text(event, FIELDS).unwrap_or(""))),
        _ => None,
    }
}

fn text<'a>(event: &'a SpanEvent, key: &str) -> Option<&'a str> {
    find(&event.attributes, key).and_then(Value::as_str)
}

/// The line, also where a producer wrote its number as text.
fn line_of(span: &Span) -> Option<u32> {
    let value = span.attribute(LINE)?;
    let number = value.as_int().or_else(|| value.as_str().and_then(|text| text.parse().ok()))?;
    u32::try_from(number).ok().filter(|line| *line > 0)
}
