//! The traces of a stream that are still open: briefs of their spans in the order of arrival, in a
//! window of so many bytes of spans.
//!
//! As long as all spans of the input fit into the window, they are kept themselves, too.
//!
//! Nothing says that a trace is complete, so it counts as complete when an eighth of the window has
//! arrived after its last span. It is then explained, and kept for another eighth, for reads that
//! link to it. Distances are in bytes of spans and not in traces, so the bound holds whatever the
//! spans are.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::explain::briefs::{Briefs, push};
use crate::explain::gone::Gone;
use crate::model::{Attribute, Resource, Span, TraceId, TraceSet, Value};

/// A brief takes about so many fifths of its span.
const BRIEF_FIFTHS: usize = 2;
/// The window's part that must have arrived after a trace's last span, and for which it is kept.
const MARGIN: usize = 8;
/// So many resources are compared with a new one before it is looked up.
const RECENT: usize = 8;
/// So many traces that were cut are remembered, for the rest of their spans.
const REMEMBERED: usize = 1 << 18;

/// What a stream brought that could not be used as it should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfit {
    /// Spans that came after their trace was explained.
    pub late_spans: u64,
    /// Traces that outgrew the window and were explained before they were complete.
    pub cut_traces: u64,
    /// Spans of such a trace that came afterwards and were left out.
    pub left_out_spans: u64,
}

#[derive(Default)]
struct OpenTrace {
    id: TraceId,
    /// How many bytes had arrived with its last span.
    last: u64,
    bytes: usize,
    is_explained: bool,
    /// As planned: it is explained now, it goes then, and it goes before it is complete.
    is_due: bool,
    goes: bool,
    is_cut: bool,
}

/// The spans of open traces.
pub(super) struct OpenTraces {
    /// Of spans, and of briefs of that many.
    whole_window_bytes: usize,
    window_bytes: usize,
    /// Of all spans that are held.
    pub(super) briefs: Briefs,
    /// For each of them, whether it was explained as the root of a request.
    pub(super) is_done: Vec<bool>,
    /// The spans themselves, as long as all that came fit.
    pub(super) whole: Option<TraceSet>,
    whole_bytes: usize,
    /// A place is of no trace while no bytes are.
    traces: Vec<OpenTrace>,
    places: HashMap<TraceId, u32, RandomState>,
    free_places: Vec<u32>,
    /// The place of the trace whose span came last.
    last: Option<u32>,
    resources: HashMap<String, u32, RandomState>,
    resource_bytes: usize,
    bytes: usize,
    arrived: u64,
    /// Traces that are gone, for their late spans.
    gone: Gone,
    /// Traces that were opened since the last turn. Whether they were gone is looked up for many at a
    /// time: each look goes to another place of memory, and then one does not wait for the other.
    opened: Vec<TraceId>,
    /// Traces that were cut, whose further spans are left out.
    cut: HashSet<TraceId, RandomState>,
    pub(super) unfit: Unfit,
}

impl OpenTraces {
    pub(super) fn new(window_bytes: usize) -> Self {
        OpenTraces {
            whole_window_bytes: window_bytes,
            window_bytes: window_bytes / 5 * BRIEF_FIFTHS,
            briefs: Briefs::default(),
            is_done: Vec::new(),
            whole: Some(TraceSet::default()),
            whole_bytes: 0,
            traces: Vec::new(),
            places: HashMap::default(),
            free_places: Vec::new(),
            last: None,
            resources: HashMap::default(),
            resource_bytes: 0,
            bytes: 0,
            arrived: 0,
            gone: Gone::default(),
            opened: Vec::new(),
            cut: HashSet::default(),
            unfit: Unfit::default(),
        }
    }

    /// Whether what is held has outgrown the window. An input that is kept whole has not: nothing is let
    /// go of before its spans are.
    pub(super) fn is_full(&self) -> bool {
        self.whole.is_none() && self.bytes + self.resource_bytes > self.window_bytes
    }

    /// Takes a batch of spans, with the resources that they are of.
    pub(super) fn add(&mut self, mut batch: TraceSet) {
        let resources: Vec<u32> = batch.resources.iter().map(|it| self.resource(it)).collect();
        for span in &mut batch.spans {
            span.resource = resources.get(span.resource as usize).copied().unwrap_or(u32::MAX);
            self.add_span(span);
        }
        self.keep_whole(batch.spans);
    }

    fn add_span(&mut self, span: &Span) {
        if self.cut.contains(&span.trace_id) {
            self.unfit.left_out_spans += 1;
            return;
        }
        let place = self.place(span.trace_id);
        let bytes = self.briefs.add(span, place);
        self.is_done.push(false);
        self.arrived += bytes as u64;
        self.bytes += bytes;
        if let Some(trace) = self.traces.get_mut(place as usize) {
            self.unfit.late_spans += u64::from(trace.is_explained);
            // It may be the root of a request.
            trace.is_explained = false;
            trace.last = self.arrived;
            trace.bytes += bytes;
        }
    }

    /// Keeps the spans of a batch themselves, as long as all fit.
    fn keep_whole(&mut self, spans: Vec<Span>) {
        let Some(whole) = &mut self.whole else { return };
        for span in spans {
            self.whole_bytes += bytes_of(&span);
            push(&mut whole.spans, span);
        }
        if self.whole_bytes + self.resource_bytes > self.whole_window_bytes {
            self.whole = None;
        }
    }

    /// The place of an open trace.
    fn place(&mut self, id: TraceId) -> u32 {
        // Spans of one trace mostly come together.
        let is_it = |place: &u32| self.traces.get(*place as usize).is_some_and(|it| it.id == id);
        if let Some(place) = self.last.filter(is_it) {
            return place;
        }
        let (traces, free) = (&mut self.traces, &mut self.free_places);
        let opened = &mut self.opened;
        let place = *self.places.entry(id).or_insert_with(|| {
            let place = free.pop().unwrap_or(traces.len() as u32);
            let new = OpenTrace { id, ..OpenTrace::default() };
            match traces.get_mut(place as usize) {
                Some(old) => *old = new,
                None => traces.push(new),
            }
            opened.push(id);
            place
        });
        self.last = Some(place);
        place
    }

    /// The index here of a resource of a batch.
    fn resource(&mut self, resource: &Resource) -> u32 {
        let known = &self.briefs.resources;
        if let Some(at) = known.iter().take(RECENT).position(|it| it == resource) {
            return at as u32;
        }
        let next = known.len() as u32;
        let index = *self.resources.entry(format!("{resource:?}")).or_insert(next);
        if index == next {
            self.resource_bytes += 2 * bytes_of_all(&resource.attributes);
            self.briefs.resources.push(resource.clone());
        }
        index
    }

    /// Decides which traces must be explained now, and which go then.
    pub(super) fn plan(&mut self, is_end: bool) {
        let late = self.opened.drain(..).filter(|id| self.gone.contains(*id));
        self.unfit.late_spans += late.count() as u64;
        let (complete, kept) = (self.horizon(1), self.horizon(2));
        let too_large = self.window_bytes / 2;
        let mut stay_bytes = 0;
        for trace in &mut self.traces {
            // A single trace may fill the window, and never be complete before.
            trace.is_cut = !is_end && trace.bytes > too_large && trace.last > complete;
            let is_ripe = is_end || trace.last <= complete || trace.bytes > too_large;
            trace.is_due = !trace.is_explained && is_ripe;
            let is_explained = trace.is_explained || trace.is_due;
            trace.goes = trace.bytes > too_large || is_explained && trace.last <= kept;
            stay_bytes += if trace.goes { 0 } else { trace.bytes };
        }
        if !is_end && stay_bytes > self.window_bytes / 4 * 3 {
            // So many traces go on at the same time that the window would be full again at once.
            for trace in &mut self.traces {
                trace.is_cut |= !trace.goes && !trace.is_explained && trace.last > complete;
                trace.is_due |= !trace.is_explained;
                trace.goes = true;
            }
        }
    }

    /// How many places for open traces there are.
    pub(super) fn places(&self) -> usize {
        self.traces.len()
    }

    /// The traces that must be explained now, as planned.
    pub(super) fn due_traces(&self) -> impl Iterator<Item = u32> {
        (0..).zip(&self.traces).filter(|(_, it)| it.is_due).map(|(place, _)| place)
    }

    /// Open traces that a link connects.
    pub(super) fn links_between_traces(&self) -> impl Iterator<Item = (u32, u32)> {
        // Links within a trace connect it with itself; there are many of them.
        let id = |place: u32| self.traces.get(place as usize).map(|it| it.id);
        let links = self.briefs.linked_traces().filter(move |(trace, to)| id(*trace) != Some(*to));
        links.filter_map(|(trace, to)| Some((trace, *self.places.get(&to)?)))
    }

    /// For each span, whether its trace must be explained now, as planned.
    pub(super) fn due(&self) -> Vec<bool> {
        let is_due = |place: u32| self.traces.get(place as usize).is_some_and(|it| it.is_due);
        self.briefs.traces().iter().map(|place| is_due(*place)).collect()
    }

    /// How many bytes had arrived so many margins ago.
    fn horizon(&self, margins: u64) -> u64 {
        self.arrived.saturating_sub(margins * (self.window_bytes / MARGIN) as u64)
    }

    /// Lets go of what goes, as planned, after what was due has been explained.
    pub(super) fn let_go(&mut self) {
        self.drop_spans();
        let too_large = self.window_bytes / 2;
        let mut gone = Vec::new();
        for (place, trace) in (0..).zip(&mut self.traces).filter(|(_, it)| it.bytes > 0) {
            trace.is_explained |= std::mem::take(&mut trace.is_due);
            if trace.goes {
                self.bytes -= trace.bytes;
                gone.push((trace.id, trace.is_cut, trace.bytes > too_large));
                self.places.remove(&trace.id);
                self.free_places.push(place);
                *trace = OpenTrace::default();
            }
        }
        self.last = None;
        for (id, is_cut, is_too_large) in gone {
            self.unfit.cut_traces += u64::from(is_cut);
            self.forget(id, is_cut && is_too_large);
        }
    }

    fn forget(&mut self, id: TraceId, is_left_out: bool) {
        if is_left_out && self.cut.len() < REMEMBERED {
            self.cut.insert(id);
            return;
        }
        self.gone.insert(id);
    }

    /// Drops the spans of traces that go, and resources that nobody uses any more.
    fn drop_spans(&mut self) {
        let goes = |place: u32| self.traces.get(place as usize).is_none_or(|it| it.goes);
        let mut places = self.briefs.traces().iter();
        self.is_done.retain(|_| places.next().is_some_and(|place| !goes(*place)));
        self.briefs.retain(|place| !goes(place));
        let old = std::mem::take(&mut self.briefs.resources);
        self.resources.clear();
        self.resource_bytes = 0;
        let mut moved: Vec<Option<u32>> = vec![None; old.len()];
        let mut briefs = std::mem::take(&mut self.briefs);
        for resource in briefs.resources_of_spans() {
            let at = *resource as usize;
            let (Some(to), Some(old)) = (moved.get_mut(at), old.get(at)) else { continue };
            *resource = *to.get_or_insert_with(|| self.resource(old));
        }
        briefs.resources = std::mem::take(&mut self.briefs.resources);
        self.briefs = briefs;
    }
}

/// About how many bytes a span takes in memory. Texts that spans share are counted each time.
fn bytes_of(span: &Span) -> usize {
    let events = span.events.iter().map(|it| size_of_val(it) + bytes_of_all(&it.attributes));
    let links = span.links.iter().map(|it| size_of_val(it) + bytes_of_all(&it.attributes));
    size_of::<Span>()
        + bytes_of_all(&span.attributes)
        + events.sum::<usize>()
        + links.sum::<usize>()
}

fn bytes_of_all(attributes: &[Attribute]) -> usize {
    let of_one = |it: &Attribute| size_of::<Attribute>() + bytes_of_value(&it.value);
    attributes.iter().map(of_one).sum()
}

fn bytes_of_value(value: &Value) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(values) => {
            values.iter().map(|it| size_of::<Value>() + bytes_of_value(it)).sum()
        }
        Value::Map(attributes) => bytes_of_all(attributes),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
    }
}
