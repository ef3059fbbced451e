//! Slices become spans: ours with what they brought, those of others with ids that are made.

use std::collections::HashMap;

use super::ids::{Ids, trace};
use super::own::{self, Own, OwnEvent};
use super::read::{Process, Reading};
use super::slices::{Slice, Track};
use crate::conventions::SERVICE_NAME;
use crate::format::otlp_read::new_span;
use crate::model::{ArcStr, Attribute, Span, SpanId, TraceId, Value};

const PROCESS_ID: &str = "process.pid";
const PROCESS_LABELS: &str = "process.labels";
const THREAD_ID: &str = "thread.id";
const THREAD_NAME: &str = "thread.name";
const CATEGORY: &str = "chrome.category";
const OPERATION_ID: &str = "chrome.id";

/// The spans of a file under construction.
#[derive(Default)]
pub(super) struct Spans {
    pub(super) spans: Vec<Span>,
    /// The place of each in the set: as it was written, or as it stands in the file.
    orders: Vec<i64>,
    /// The span of each slice, if it is given.
    pub(super) span_of: Vec<Option<usize>>,
    /// The ids of each slice, also of those that are left out.
    ids: Vec<(TraceId, SpanId)>,
    /// Our own spans by the position that they say.
    own: HashMap<i64, usize>,
}

impl Spans {
    /// The spans in the order in which they belong.
    pub(super) fn in_order(self) -> impl Iterator<Item = Span> {
        let mut spans: Vec<_> = self.orders.into_iter().zip(self.spans).collect();
        spans.sort_by_key(|(order, _)| *order);
        spans.into_iter().map(|(_, span)| span)
    }
}

impl Reading<'_> {
    /// Makes a span of a slice, and leaves it out if it has no end.
    pub(super) fn add(
        &mut self,
        mut slice: Slice,
        tracks: &[Track],
        ids: &mut Ids,
        spans: &mut Spans,
    ) {
        let track = &tracks[slice.track];
        let own = own::span(&mut slice.begin.args, &mut self.builder.interner);
        let mut order = i64::try_from(slice.begin.order).unwrap_or(i64::MAX);
        let mut exact = (None, None);
        let mut span = match own {
            Some(Own { span, position, start_ns, end_ns }) => {
                exact = (start_ns, end_ns);
                if let Some(position) = position {
                    order = position;
                    spans.own.insert(position, spans.spans.len());
                }
                span
            }
            None => {
                let mut span = new_span();
                span.span_id = ids.span(&slice, track);
                let caller = slice.parent.map(|parent| spans.ids[parent]);
                span.parent_span_id = caller.map(|(_, span_id)| span_id);
                span.trace_id =
                    caller.map_or_else(|| trace(span.span_id, track), |(trace_id, _)| trace_id);
                span.attributes = std::mem::take(&mut slice.begin.args);
                self.add_place(&mut span.attributes, &slice, track);
                span
            }
        };
        spans.ids.push((span.trace_id, span.span_id));
        let Some(end_ns) = slice.end_ns else {
            spans.span_of.push(None);
            return;
        };
        span.name = slice.begin.name;
        span.start_ns = exact.0.unwrap_or_else(|| self.absolute(slice.start_ns));
        span.end_ns = exact.1.unwrap_or_else(|| self.absolute(end_ns));
        for (time_ns, mut event) in slice.events {
            event.time_ns = self.absolute(time_ns);
            span.events.push(event);
        }
        span.resource = self.resource(&slice.begin.process);
        spans.span_of.push(Some(spans.spans.len()));
        spans.spans.push(span);
        spans.orders.push(order);
    }

    /// Puts our own events into their spans; says how many have none.
    pub(super) fn place(&mut self, mut events: Vec<OwnEvent>, spans: &mut Spans) -> usize {
        events.sort_by_key(|event| (event.span, event.number));
        let mut without_span = 0;
        for OwnEvent { span, relative_ns, exact_ns, mut event, .. } in events {
            event.time_ns = exact_ns.unwrap_or_else(|| self.absolute(relative_ns));
            match spans.own.get(&span).and_then(|index| spans.spans.get_mut(*index)) {
                Some(span) => span.events.push(event),
                None => without_span += 1,
            }
        }
        without_span
    }

    fn absolute(&mut self, relative_ns: i128) -> u64 {
        let time_ns = i128::from(self.anchor_ns) + relative_ns;
        let inside = time_ns.clamp(0, i128::from(u64::MAX));
        self.out_of_range += usize::from(inside != time_ns);
        inside as u64
    }

    /// Adds what says where a slice of others stood in its file.
    fn add_place(&mut self, attributes: &mut Vec<Attribute>, slice: &Slice, track: &Track) {
        let interner = &mut self.builder.interner;
        let mut add = |key: &str, value: Value| {
            attributes.push(Attribute { key: interner.text(key), value });
        };
        if !slice.begin.category.is_empty() {
            add(CATEGORY, Value::Str(slice.begin.category.clone()));
        }
        match track {
            Track::Async { id, .. } => add(OPERATION_ID, Value::Str(id.clone())),
            Track::Thread { process, thread } => {
                if !thread.is_empty() {
                    add(THREAD_ID, number_or_text(thread));
                }
                let key = (process.clone(), thread.clone());
                if let Some(name) = self.thread_names.get(&key) {
                    add(THREAD_NAME, Value::Str(name.clone()));
                }
            }
        }
    }

    /// The index of a process's resource.
    fn resource(&mut self, name: &ArcStr) -> u32 {
        let process = self.processes.entry(name.clone()).or_default();
        if let Some(index) = process.index {
            return index;
        }
        let own = process.resource.take();
        let attributes = own.unwrap_or_else(|| attributes_of(process, name));
        let index = self.builder.resource(attributes);
        self.processes.entry(name.clone()).or_default().index = Some(index);
        index
    }
}

/// What is known of a process of others.
fn attributes_of(process: &Process, id: &ArcStr) -> Vec<Attribute> {
    let mut attributes = Vec::new();
    let mut add = |key: &str, value| attributes.push(Attribute { key: key.into(), value });
    if let Some(name) = &process.name {
        add(SERVICE_NAME, Value::Str(name.clone()));
    }
    if !id.is_empty() {
        add(PROCESS_ID, number_or_text(id));
    }
    if let Some(labels) = &process.labels {
        add(PROCESS_LABELS, Value::Str(labels.clone()));
    }
    attributes
}

fn number_or_text(text: &ArcStr) -> Value {
    text.parse().map_or_else(|_| Value::Str(text.clone()), Value::Int)
}
