//! How much of a chart a trace confirms.

use std::collections::BTreeSet;
use std::fmt;

use raftlens_viz::{ArrowKind, Chart, FlowGraph};

use crate::recorded::Recorded;

/// A function in its cluster: `Peer/leader` and `Peer::ready_to_handle_read`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) owner: String,
    pub(crate) identity: String,
}

/// A call of one function by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from.identity, self.to.identity)
    }
}

/// The calls that a chart documents between functions that have spans: only those can be measured.
pub(crate) fn documented(chart: &Chart, recorded: &BTreeSet<Recorded>) -> BTreeSet<Call> {
    let place = |index: usize| {
        let drawn = &chart.boxes[index];
        Place { owner: drawn.owner.join("/"), identity: drawn.id.clone() }
    };
    let has_span = |place: &Place| {
        let mut spans = recorded.iter().filter(|one| one.is_span);
        spans.any(|span| span.identity == place.identity && span.owner == place.owner)
    };
    let calls = chart.arrows.iter().filter(|arrow| arrow.kind == ArrowKind::Call);
    calls
        .map(|arrow| Call { from: place(arrow.from), to: place(arrow.to) })
        .filter(|call| has_span(&call.from) && has_span(&call.to))
        .collect()
}

/// The calls that a graph made from spans has.
pub(crate) fn measured(graph: &FlowGraph) -> BTreeSet<Call> {
    let place = |id| {
        let flow_box = graph.flow_box(id);
        Place { owner: flow_box.owner.join("/"), identity: flow_box.identity.clone() }
    };
    let calls = graph.arrows().filter(|(.., arrow)| arrow.kind == ArrowKind::Call);
    calls.map(|(_, from, to, _)| Call { from: place(from), to: place(to) }).collect()
}

/// Which documented calls were measured, and which were not.
pub(crate) fn coverage<'a>(
    documented: &'a BTreeSet<Call>,
    measured: &BTreeSet<Call>,
) -> (Vec<&'a Call>, Vec<&'a Call>) {
    documented.iter().partition(|call| measured.contains(call))
}

/// Whether at least nine calls in ten were found; nothing documented is no success.
pub(crate) fn is_enough(found: usize, missing: usize) -> bool {
    found > 0 && found * 10 >= (found + missing) * 9
}
