//! The three views of one program in one chart: what is documented, what the code has, and what a run
//! did. Every box and arrow knows which of them have it ([`Seen`]).
//!
//! ```text
//! Chart (documented) --+
//! SourceGraph ---------+--> merge --> FlowGraph --> draw
//! FlowGraph of a run --+
//! ```
//!
//! The documented charts decide what is shown: their boxes, and the arrows between those. A box is
//! known again by its identity (`Peer::inspect`), whatever clusters it stands in. A run adds its
//! counts and latencies, and arrows that no chart has; the source adds calls between two boxes that
//! no chart has. What a view cannot tell it does not deny: no call is known of a variable, and a run
//! has no span of a function outside of it.

mod place;

use std::collections::HashMap;

use crate::chart::{Chart, ChartArrow, ChartBox};
use crate::check::{CheckOptions, Checked, Fault, check};
use crate::flow_graph::{Arrow, ArrowId, ArrowKind, BoxId, BoxKind, FlowBox, FlowGraph};
use crate::from_source::SourceGraph;
use crate::provenance::Seen;
use place::{Places, arrows};

/// What is laid over each other.
#[derive(Clone, Copy, Debug)]
pub struct Views<'a> {
    /// The documented charts; a box that several have is one.
    pub documented: &'a [Chart],
    /// The code.
    pub source: Option<&'a SourceGraph>,
    /// A run, best one made of the charts' boxes alone: what else it has is left out.
    pub run: Option<&'a FlowGraph>,
}

/// Lays the views over each other; `title` stands above the picture.
pub fn merge(title: &str, views: &Views<'_>) -> FlowGraph {
    let mut merged = Merged {
        graph: FlowGraph::new(title),
        places: Places::default(),
        has_source: views.source.is_some(),
        has_run: views.run.is_some(),
    };
    let arrows: Vec<Vec<ArrowId>> =
        views.documented.iter().map(|chart| merged.document(chart)).collect();
    if let Some(source) = views.source {
        // The calls that no chart has come last, when all arrows are known.
        let options = CheckOptions::default();
        let checked: Vec<Checked> =
            views.documented.iter().map(|chart| check(chart, source, None, options)).collect();
        for ((chart, arrows), checked) in views.documented.iter().zip(&arrows).zip(&checked) {
            merged.deny(chart, arrows, checked);
        }
        for (chart, checked) in views.documented.iter().zip(&checked) {
            merged.add_calls(chart, checked);
        }
    }
    if let Some(run) = views.run {
        merged.measure(run);
    }
    merged.finish()
}

/// The graph in the making.
struct Merged {
    graph: FlowGraph,
    places: Places,
    has_source: bool,
    has_run: bool,
}

impl Merged {
    /// Adds a documented chart; the arrow of each of its own.
    fn document(&mut self, chart: &Chart) -> Vec<ArrowId> {
        let boxes: Vec<BoxId> = chart.boxes.iter().map(|of| self.document_box(of)).collect();
        let arrow = |of: &ChartArrow| {
            let (from, to) = (boxes[of.from], boxes[of.to]);
            let tells = can_call(&chart.boxes[of.from], &chart.boxes[of.to], of.kind);
            let seen = Seen {
                documented: Some(true),
                coded: (self.has_source && tells).then_some(true),
                measured: (self.has_run && tells).then_some(false),
            };
            let drawn = Arrow {
                from_port: of.from_port.clone(),
                to_port: of.to_port.clone(),
                seen: Some(seen),
                ..Arrow::new(of.kind)
            };
            self.graph.add_arrow(from, to, drawn)
        };
        chart.arrows.iter().map(arrow).collect()
    }

    fn document_box(&mut self, of: &ChartBox) -> BoxId {
        let is_inside = !of.is_external();
        let runs = is_inside && matches!(of.kind, BoxKind::Function | BoxKind::Case);
        let seen = Seen {
            documented: Some(true),
            coded: (self.has_source && is_inside).then_some(true),
            measured: (self.has_run && runs).then_some(false),
        };
        let flow_box = FlowBox { seen: Some(seen), ..FlowBox::from(of) };
        self.places.get_or(&of.id, || self.graph.add_box(flow_box))
    }

    /// Takes back what the code does not have.
    fn deny(&mut self, chart: &Chart, arrows: &[ArrowId], checked: &Checked) {
        for fault in &checked.faults {
            match fault {
                Fault::NoCode { of, .. } => {
                    if let Some(id) = self.places.get(&chart.boxes[*of].id) {
                        let seen = self.graph.flow_box_mut(id).seen.get_or_insert_default();
                        seen.coded = Some(false);
                    }
                }
                Fault::NoCall { of, .. } => {
                    let seen = self.graph.arrow_mut(arrows[*of]).seen.get_or_insert_default();
                    seen.coded = Some(false);
                }
                Fault::Moved { .. } | Fault::NotDrawn { .. } | Fault::Taken { .. } => {}
            }
        }
        // What leads to or from a box that is gone is gone as well.
        for (arrow, id) in chart.arrows.iter().zip(arrows) {
            let ends = [arrow.from, arrow.to].map(|of| self.places.get(&chart.boxes[of].id));
            let is_gone = |end: &BoxId| {
                self.graph.flow_box(*end).seen.is_some_and(|seen| seen.coded == Some(false))
            };
            if ends.iter().flatten().any(is_gone) {
                self.graph.arrow_mut(*id).seen.get_or_insert_default().coded = Some(false);
            }
        }
    }

    /// Adds the calls between two boxes that no chart has.
    fn add_calls(&mut self, chart: &Chart, checked: &Checked) {
        for fault in &checked.faults {
            let Fault::NotDrawn { of: (from, to), .. } = fault else { continue };
            let ends = [from, to].map(|of| self.places.get(&chart.boxes[*of].id));
            let [Some(from), Some(to)] = ends else { continue };
            if self.between(from, to).is_none() {
                let seen = Seen {
                    documented: Some(false),
                    coded: Some(true),
                    measured: self.has_run.then_some(false),
                };
                let arrow = Arrow { seen: Some(seen), ..Arrow::new(ArrowKind::Call) };
                self.graph.add_arrow(from, to, arrow);
            }
        }
    }

    /// Adds what a run did.
    fn measure(&mut self, run: &FlowGraph) {
        let mut known: HashMap<BoxId, BoxId> = HashMap::new();
        for (id, measured) in run.boxes() {
            let Some(place) = self.places.get(&measured.identity) else { continue };
            known.insert(id, place);
            let flow_box = self.graph.flow_box_mut(place);
            flow_box.calls += measured.calls;
            flow_box.latency.merge(&measured.latency);
            flow_box.line = flow_box.line.or(measured.line);
            flow_box.seen.get_or_insert_default().measured = Some(true);
        }
        for (_, from, to, measured) in run.arrows() {
            let (Some(from), Some(to)) = (known.get(&from), known.get(&to)) else { continue };
            let id = self.arrow_for(*from, *to, measured);
            let arrow = self.graph.arrow_mut(id);
            arrow.count += measured.count;
            arrow.latency.merge(&measured.latency);
            arrow.seen.get_or_insert_default().measured = Some(true);
        }
    }

    /// The arrow that a measured one belongs to: of the same kind if there is one, else any between
    /// the same boxes, else a new one that is not documented. A function's call of itself, which no
    /// chart draws, is one too.
    fn arrow_for(&mut self, from: BoxId, to: BoxId, measured: &Arrow) -> ArrowId {
        let same = arrows(&self.graph, from, to);
        let of_kind = same.iter().find(|id| self.graph.arrow(**id).kind == measured.kind);
        if let Some(id) = of_kind.or(same.first()) {
            return *id;
        }
        let seen = Seen { documented: Some(false), coded: None, measured: Some(true) };
        let arrow =
            Arrow { seen: Some(seen), via: measured.via.clone(), ..Arrow::new(measured.kind) };
        self.graph.add_arrow(from, to, arrow)
    }

    fn between(&self, from: BoxId, to: BoxId) -> Option<ArrowId> {
        arrows(&self.graph, from, to).first().copied()
    }

    /// Says of each part how it is drawn.
    fn finish(mut self) -> FlowGraph {
        let boxes: Vec<BoxId> = self.graph.boxes().map(|(id, _)| id).collect();
        for id in boxes {
            let flow_box = self.graph.flow_box_mut(id);
            flow_box.provenance = flow_box.seen.unwrap_or_default().provenance();
        }
        let arrows: Vec<ArrowId> = self.graph.arrows().map(|(id, ..)| id).collect();
        for id in arrows {
            let arrow = self.graph.arrow_mut(id);
            arrow.provenance = arrow.seen.unwrap_or_default().provenance();
        }
        self.graph
    }
}

/// Whether code and a run can tell of an arrow: a call of one function by another, or the branch that
/// a function took.
fn can_call(from: &ChartBox, to: &ChartBox, kind: ArrowKind) -> bool {
    let is_inside = !from.is_external() && !to.is_external();
    let is_function = from.kind == BoxKind::Function;
    match (&to.kind, kind) {
        (BoxKind::Function, ArrowKind::Call) | (BoxKind::Case, _) => is_inside && is_function,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
