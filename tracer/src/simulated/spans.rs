//! The spans that a recorder has, and which of them are entered.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};
use tracing_core::span::Current;

use super::fields::Fields;
use crate::context::{SAMPLED, TraceContext};
use crate::conventions::{FILE, LINE, LINK_KIND, SERVICE_NAME};
use crate::model::{
    ArcStr, Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId,
    TraceSet, Value,
};

/// All spans; the id of one is its place, from 1.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// How many have been taken out.
    taken: u64,
    traces: u64,
    slots: Vec<Slot>,
    /// Those that are entered, the innermost last.
    entered: Vec<Id>,
}

#[derive(Debug)]
struct Slot {
    metadata: &'static Metadata<'static>,
    span: Span,
    handles: usize,
    was_entered: bool,
}

impl Spans {
    fn place(&self, id: &Id) -> Option<usize> {
        // What was taken out is no longer there.
        usize::try_from(id.into_u64().checked_sub(self.taken + 1)?).ok()
    }

    fn slot(&mut self, id: &Id) -> Option<&mut Slot> {
        let place = self.place(id)?;
        self.slots.get_mut(place)
    }

    pub(super) fn begin(&mut self, attributes: &Attributes<'_>, now_ns: u64) -> Id {
        let metadata = attributes.metadata();
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.clone()),
            None if attributes.is_contextual() => self.entered.last().cloned(),
            None => None,
        };
        let parent = parent.and_then(|id| self.slot(&id).map(|slot| slot.span.clone()));
        let trace_id = match &parent {
            Some(parent) => parent.trace_id,
            None => {
                self.traces += 1;
                TraceId(u128::from(self.traces))
            }
        };
        let number = self.taken + self.slots.len() as u64 + 1;
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(file), Some(line)) = (metadata.file(), metadata.line()) {
            fields.set(FILE, Value::Str(file.into()));
            fields.set(LINE, Value::Int(i64::from(line)));
        }
        let span = Span {
            trace_id,
            span_id: SpanId(number),
            parent_span_id: parent.map(|parent| parent.span_id),
            trace_state: ArcStr::from(""),
            flags: u32::from(SAMPLED),
            name: metadata.name().into(),
            kind: SpanKind::Internal,
            start_ns: now_ns,
            end_ns: now_ns,
            resource: 0,
            scope_name: metadata.target().into(),
            scope_version: ArcStr::from(""),
            attributes: fields.0,
            dropped_attributes: 0,
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: Status::Unset,
        };
        self.slots.push(Slot { metadata, span, handles: 1, was_entered: false });
        Id::from_u64(number)
    }

    pub(super) fn record(&mut self, id: &Id, values: &Record<'_>) {
        if let Some(slot) = self.slot(id) {
            let mut fields = Fields(std::mem::take(&mut slot.span.attributes));
            values.record(&mut fields);
            slot.span.attributes = fields.0;
        }
    }

    /// An event belongs to the span that it names, or to the innermost one; without one it is lost.
    pub(super) fn event(&mut self, event: &Event<'_>, now_ns: u64) {
        let inside = match event.parent() {
            Some(parent) => Some(parent.clone()),
            None if event.is_contextual() => self.entered.last().cloned(),
            None => None,
        };
        let Some(slot) = inside.and_then(|id| self.slot(&id)) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let name = fields.event_name(event.metadata().name());
        let attributes = fields.0;
        let event =
            SpanEvent { time_ns: now_ns, name: name.into(), attributes, dropped_attributes: 0 };
        slot.span.events.push(event);
        slot.span.end_ns = slot.span.end_ns.max(now_ns);
    }

    pub(super) fn enter(&mut self, id: &Id) {
        self.entered.push(id.clone());
        if let Some(slot) = self.slot(id) {
            slot.was_entered = true;
        }
    }

    /// A span ends when it is left for the last time.
    pub(super) fn exit(&mut self, id: &Id, now_ns: u64) {
        if let Some(place) = self.entered.iter().rposition(|entered| entered == id) {
            self.entered.remove(place);
        }
        if let Some(slot) = self.slot(id) {
            slot.span.end_ns = slot.span.end_ns.max(now_ns);
        }
    }

    pub(super) fn hold(&mut self, id: &Id) {
        if let Some(slot) = self.slot(id) {
            slot.handles += 1;
        }
    }

    /// One that was never entered ends with its last handle. Whether this was the last.
    pub(super) fn let_go(&mut self, id: &Id, now_ns: u64) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        slot.handles = slot.handles.saturating_sub(1);
        if slot.handles == 0 && !slot.was_entered {
            slot.span.end_ns = slot.span.end_ns.max(now_ns);
        }
        slot.handles == 0
    }

    pub(super) fn current(&self) -> Current {
        let inside = self.entered.last().and_then(|id| Some((id, self.place(id)?)));
        match inside.and_then(|(id, place)| Some((id, self.slots.get(place)?))) {
            Some((id, slot)) => Current::new(id.clone(), slot.metadata),
            None => Current::none(),
        }
    }

    pub(super) fn context_of(&mut self, id: &Id) -> Option<TraceContext> {
        let span = &self.slot(id)?.span;
        Some(TraceContext { trace_id: span.trace_id, span_id: span.span_id, flags: SAMPLED })
    }

    pub(super) fn link(&mut self, id: &Id, from: TraceContext, kind: &'static str) {
        let Some(slot) = self.slot(id) else { return };
        let attribute = Attribute { key: LINK_KIND.into(), value: Value::Str(kind.into()) };
        slot.span.links.push(Link {
            trace_id: from.trace_id,
            span_id: from.span_id,
            trace_state: ArcStr::from(""),
            attributes: vec![attribute],
            dropped_attributes: 0,
            flags: u32::from(from.flags),
        });
    }

    pub(super) fn follow(&mut self, id: &Id, from: TraceContext, kind: &'static str) {
        if let Some(slot) = self.slot(id) {
            slot.span.trace_id = from.trace_id;
        }
        self.link(id, from, kind);
    }

    pub(super) fn take(&mut self, service: &str, now_ns: u64) -> TraceSet {
        let name = Attribute { key: SERVICE_NAME.into(), value: Value::Str(service.into()) };
        let slots = std::mem::take(&mut self.slots);
        self.taken += slots.len() as u64;
        let spans = slots.into_iter().map(|mut slot| {
            if slot.handles > 0 {
                slot.span.end_ns = slot.span.end_ns.max(now_ns);
            }
            slot.span
        });
        TraceSet { spans: spans.collect(), resources: vec![Resource { attributes: vec![name] }] }
    }
}
