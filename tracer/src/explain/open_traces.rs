//! The traces of a stream that are still open: their spans in the order of arrival, in a window of so
//! many bytes.
//!
//! Nothing says that a trace is complete, so it counts as complete when an eighth of the window has
//! arrived after its last span. It is then explained, and kept for another eighth, for reads that
//! link to it. Distances are in bytes of spans and not in traces, so the bound holds whatever the
//! spans are.

use std::collections::{HashMap, HashSet, VecDeque};

use foldhash::fast::RandomState;

use crate::conventions::LINK_KIND;
use crate::model::{Attribute, Link, Resource, Span, TraceId, TraceSet, Value, find};

/// The window's part that must have arrived after a trace's last span, and for which it is kept.
const MARGIN: usize = 8;
/// Room for spans grows by so many at least.
const LEAST_GROWTH: usize = 1_024;
/// So many traces that are gone are remembered, for their late spans.
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

/// What is looked for in every span; its attributes and links are elsewhere in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// `raft.store_id`.
    pub(super) store: Option<i64>,
    /// It joined another read's read index.
    pub(super) has_carrier: bool,
    /// It was explained as the root of a request.
    pub(super) is_done: bool,
}

impl Mark {
    fn of(span: &Span) -> Mark {
        let joins = |link: &Link| {
            find(&link.attributes, LINK_KIND).and_then(Value::as_str) == Some("batch")
        };
        Mark {
            store: span.attribute("raft.store_id").and_then(Value::as_int),
            has_carrier: span.links.iter().any(joins),
            is_done: false,
        }
    }
}

#[derive(Default)]
struct OpenTrace {
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
    window_bytes: usize,
    /// All that are held.
    pub(super) set: TraceSet,
    /// What was seen of each span when it came, and its memory was at hand.
    pub(super) marks: Vec<Mark>,
    traces: HashMap<TraceId, OpenTrace, RandomState>,
    resources: HashMap<String, u32>,
    resource_bytes: usize,
    bytes: usize,
    arrived: u64,
    /// What is gone, and in which order it went.
    gone: HashSet<TraceId, RandomState>,
    gone_order: VecDeque<TraceId>,
    /// Traces that were cut, whose further spans are left out.
    cut: HashSet<TraceId, RandomState>,
    /// Whether a span was let go.
    pub(super) has_let_go: bool,
    pub(super) unfit: Unfit,
}

impl OpenTraces {
    pub(super) fn new(window_bytes: usize) -> Self {
        OpenTraces {
            window_bytes,
            set: TraceSet::default(),
            marks: Vec::new(),
            traces: HashMap::default(),
            resources: HashMap::new(),
            resource_bytes: 0,
            bytes: 0,
            arrived: 0,
            gone: HashSet::default(),
            gone_order: VecDeque::new(),
            cut: HashSet::default(),
            has_let_go: false,
            unfit: Unfit::default(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes + self.resource_bytes > self.window_bytes
    }

    /// Takes one span of a batch; `resource` is its resource here.
    pub(super) fn add(&mut self, mut span: Span, resource: u32) {
        if self.cut.contains(&span.trace_id) {
            self.unfit.left_out_spans += 1;
            return;
        }
        let bytes = bytes_of(&span);
        self.arrived += bytes as u64;
        self.bytes += bytes;
        let trace = self.traces.entry(span.trace_id).or_default();
        let is_new = trace.bytes == 0;
        if trace.is_explained || is_new && self.gone.contains(&span.trace_id) {
            self.unfit.late_spans += 1;
        }
        // It may be the root of a request.
        trace.is_explained = false;
        trace.last = self.arrived;
        trace.bytes += bytes;
        span.resource = resource;
        self.marks.push(Mark::of(&span));
        let spans = &mut self.set.spans;
        if spans.len() == spans.capacity() {
            // Not twice as much, which the window would not count.
            spans.reserve_exact(LEAST_GROWTH.max(spans.len() / 8));
        }
        spans.push(span);
    }

    /// The index here of a resource of a batch.
    pub(super) fn resource(&mut self, resource: &Resource) -> u32 {
        let next = self.set.resources.len() as u32;
        let index = *self.resources.entry(format!("{resource:?}")).or_insert(next);
        if index == next {
            self.resource_bytes += 2 * bytes_of_all(&resource.attributes);
            self.set.resources.push(resource.clone());
        }
        index
    }

    /// Decides which traces must be explained now, and which go then.
    pub(super) fn plan(&mut self, is_end: bool) {
        let (complete, kept) = (self.horizon(1), self.horizon(2));
        let too_large = self.window_bytes / 2;
        let mut stay_bytes = 0;
        for trace in self.traces.values_mut() {
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
            for trace in self.traces.values_mut() {
                trace.is_cut |= !trace.goes && !trace.is_explained && trace.last > complete;
                trace.is_due |= !trace.is_explained;
                trace.goes = true;
            }
        }
    }

    /// For each span, whether its trace must be explained now, as planned.
    pub(super) fn due(&self) -> Vec<bool> {
        self.of_each(|trace| trace.is_some_and(|it| it.is_due))
    }

    /// For each span what its trace says. Spans of one trace mostly come together.
    fn of_each(&self, say: impl Fn(Option<&OpenTrace>) -> bool) -> Vec<bool> {
        let mut last = (TraceId::default(), say(self.traces.get(&TraceId::default())));
        let of = |span: &Span| {
            if span.trace_id != last.0 {
                last = (span.trace_id, say(self.traces.get(&span.trace_id)));
            }
            last.1
        };
        self.set.spans.iter().map(of).collect()
    }

    /// How many bytes had arrived so many margins ago.
    fn horizon(&self, margins: u64) -> u64 {
        self.arrived.saturating_sub(margins * (self.window_bytes / MARGIN) as u64)
    }

    /// Lets go of what goes, as planned, after what was due has been explained.
    pub(super) fn let_go(&mut self) {
        let too_large = self.window_bytes / 2;
        let mut bytes_left = 0;
        let mut gone = Vec::new();
        self.traces.retain(|id, trace| {
            trace.is_explained |= std::mem::take(&mut trace.is_due);
            if trace.goes {
                gone.push((*id, trace.is_cut, trace.bytes > too_large));
            } else {
                bytes_left += trace.bytes;
            }
            !trace.goes
        });
        for (id, is_cut, is_too_large) in gone {
            self.unfit.cut_traces += u64::from(is_cut);
            self.forget(id, is_cut && is_too_large);
        }
        self.bytes = bytes_left;
        self.drop_spans();
    }

    fn forget(&mut self, id: TraceId, is_left_out: bool) {
        self.has_let_go = true;
        if is_left_out && self.cut.len() < REMEMBERED {
            self.cut.insert(id);
            return;
        }
        if self.gone.insert(id) {
            self.gone_order.push_back(id);
        }
        if self.gone_order.len() > REMEMBERED
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
        }
    }

    /// Drops the spans of traces that are gone, and resources that nobody uses any more.
    fn drop_spans(&mut self) {
        let stays = self.of_each(|trace| trace.is_some());
        let mut of_spans = stays.iter().copied();
        self.set.spans.retain(|_| of_spans.next().unwrap_or(false));
        let mut of_marks = stays.iter().copied();
        self.marks.retain(|_| of_marks.next().unwrap_or(false));
        let old = std::mem::take(&mut self.set.resources);
        self.resources.clear();
        self.resource_bytes = 0;
        let mut moved: HashMap<u32, u32> = HashMap::new();
        let mut spans = std::mem::take(&mut self.set.spans);
        for span in &mut spans {
            if let Some(to) = moved.get(&span.resource) {
                span.resource = *to;
            } else if let Some(resource) = old.get(span.resource as usize) {
                let to = self.resource(resource);
                moved.insert(span.resource, to);
                span.resource = to;
            }
        }
        self.set.spans = spans;
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
