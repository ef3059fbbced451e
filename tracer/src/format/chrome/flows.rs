//! Flows, the arrows between slices, become links: from where the arrow ends to where it began.

use std::collections::{HashMap, HashSet};

use super::event::Event;
use crate::format::otlp_read::new_link;
use crate::model::{ArcStr, Link, Span};

/// What a slice is to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bind {
    Out,
    Step,
    In,
}

/// What makes events one flow.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FlowId {
    /// `s`, `t` and `f` events.
    OfEvents { process: Option<ArcStr>, category: ArcStr, name: ArcStr, id: ArcStr },
    /// `bind_id` of slices.
    OfSlices { process: Option<ArcStr>, id: ArcStr },
}

struct Bound {
    time_ns: i128,
    order: usize,
    kind: Bind,
    slice: usize,
}

/// All flows of a file.
#[derive(Default)]
pub(super) struct Flows {
    indexes: HashMap<FlowId, usize>,
    flows: Vec<Vec<Bound>>,
    outside: usize,
}

impl Flows {
    /// Adds an `s`, `t` or `f` event inside a slice.
    pub(super) fn bind(&mut self, event: &Event, kind: Option<Bind>, slice: Option<usize>) {
        let (Some(kind), Some(slice)) = (kind, slice) else {
            self.outside += 1;
            return;
        };
        let id = FlowId::OfEvents {
            process: event.is_local.then(|| event.process.clone()),
            category: event.category.clone(),
            name: event.name.clone(),
            id: event.id.clone().unwrap_or_else(|| ArcStr::from("")),
        };
        self.push(id, event, kind, slice);
    }

    /// Adds a slice, or an instant inside it, that says itself that it is part of a flow.
    pub(super) fn bind_self(&mut self, event: &Event, slice: usize) {
        let kind = match (event.flow_in, event.flow_out) {
            (true, true) => Bind::Step,
            (true, false) => Bind::In,
            (false, true) => Bind::Out,
            (false, false) => return,
        };
        let Some(id) = &event.flow else { return };
        let process = event.is_local.then(|| event.process.clone());
        self.push(FlowId::OfSlices { process, id: id.clone() }, event, kind, slice);
    }

    fn push(&mut self, id: FlowId, event: &Event, kind: Bind, slice: usize) {
        let next = self.flows.len();
        let index = *self.indexes.entry(id).or_insert(next);
        if index == next {
            self.flows.push(Vec::new());
        }
        let time_ns = event.time_ns.unwrap_or_default();
        self.flows[index].push(Bound { time_ns, order: event.order, kind, slice });
    }

    /// How many ends of flows lead nowhere.
    pub(super) fn loose(&self) -> usize {
        let alone = self.flows.iter().filter(|flow| flow.len() == 1).count();
        alone + self.outside
    }

    /// Gives every span the links of the flows that lead to it. `span_of` says which span a slice
    /// became, if it became one.
    pub(super) fn link(self, spans: &mut [Span], span_of: &[Option<usize>]) {
        let mut known = HashSet::new();
        for (index, span) in spans.iter().enumerate() {
            known.extend(span.links.iter().map(|link| (index, link.trace_id, link.span_id)));
        }
        for mut flow in self.flows {
            flow.sort_by_key(|bound| (bound.time_ns, bound.order));
            let mut source = None;
            for bound in flow {
                let Some(span) = span_of[bound.slice] else { continue };
                let ids = (spans[span].trace_id, spans[span].span_id);
                if let Some((trace_id, span_id)) = source.filter(|_| bound.kind != Bind::Out)
                    && (trace_id, span_id) != ids
                    && known.insert((span, trace_id, span_id))
                {
                    spans[span].links.push(Link { trace_id, span_id, ..new_link() });
                }
                if bound.kind != Bind::In {
                    source = Some(ids);
                }
            }
        }
    }
}
