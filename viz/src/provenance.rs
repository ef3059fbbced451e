//! Where a box or an arrow is known from, and how every part of a picture shows it.
//!
//! Set by whoever lays a documented chart, the source and a run over each other; graphs of one
//! source say nothing. A run that was measured tells by itself what it never took.

use crate::flow_graph::{ArrowId, BoxId, FlowGraph, Reading};

/// Where a part of a graph is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Provenance {
    /// Nothing is said.
    #[default]
    Unsaid,
    /// In the code and never taken by the run: dashed.
    NeverTaken,
    /// Documented, but not there any more: red.
    Gone,
    /// Taken, but documented nowhere: blue.
    Undocumented,
}

impl Provenance {
    /// All that say something, in the order of the legend.
    pub(crate) const SAID: [Provenance; 3] =
        [Provenance::NeverTaken, Provenance::Gone, Provenance::Undocumented];

    /// The class of its parts; empty when nothing is said.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Provenance::Unsaid => "",
            Provenance::NeverTaken => "never-taken",
            Provenance::Gone => "gone",
            Provenance::Undocumented => "undocumented",
        }
    }

    /// In words, for legend and tooltip.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Provenance::Unsaid => "",
            Provenance::NeverTaken => "in the code, never taken",
            Provenance::Gone => "documented, but gone",
            Provenance::Undocumented => "taken, but not documented",
        }
    }
}

/// What a measured run passed by: neither counted itself nor reached by an arrow that was taken.
pub(crate) struct Untaken {
    boxes: Vec<bool>,
    arrows: Vec<bool>,
}

impl Untaken {
    pub(crate) fn new(graph: &FlowGraph) -> Untaken {
        let mut boxes: Vec<bool> = graph.boxes().map(|(_, it)| it.calls == 0).collect();
        let mut arrows: Vec<bool> = graph.arrows().map(|(.., it)| it.count == 0).collect();
        for (id, from, to, _) in graph.arrows() {
            if !arrows[id.index()] {
                boxes[from.index()] = false;
                boxes[to.index()] = false;
            }
        }
        // A chart that nothing was measured of is no run that took nothing.
        let is_measured = arrows.iter().any(|untaken| !untaken);
        if !is_measured || graph.reading == Reading::Time {
            boxes.fill(false);
            arrows.fill(false);
        }
        Untaken { boxes, arrows }
    }

    pub(crate) fn has_box(&self, id: BoxId) -> bool {
        self.boxes[id.index()]
    }

    pub(crate) fn has_arrow(&self, id: ArrowId) -> bool {
        self.arrows[id.index()]
    }

    pub(crate) fn any(&self) -> bool {
        self.boxes.iter().chain(&self.arrows).any(|untaken| *untaken)
    }
}
