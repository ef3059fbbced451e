//! Where a box or an arrow is known from, or what became of it, and how every part of a picture
//! shows it.
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
    /// Documented and never taken by the run: dashed.
    NeverTaken,
    /// Documented, but not there any more: red.
    Gone,
    /// Taken, but documented nowhere: blue.
    Undocumented,
    /// In the code alone: neither documented nor taken. Dashed and faint.
    CodeOnly,
    /// Of two graphs, only the second has it.
    Added,
    /// Of two graphs, only the first has it: dashed.
    Removed,
    /// In the second of two runs it takes longer.
    Slower,
    /// In the second of two runs it takes less long.
    Faster,
}

/// Which of the three views of a program have a box or an arrow; `None` where a view was not asked,
/// or cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Seen {
    /// The documented chart has it.
    pub documented: Option<bool>,
    /// The source has it.
    pub coded: Option<bool>,
    /// A run took it.
    pub measured: Option<bool>,
}

impl Seen {
    /// How it is drawn.
    pub fn provenance(self) -> Provenance {
        match (self.documented, self.coded, self.measured) {
            (Some(true), Some(false), measured) if measured != Some(true) => Provenance::Gone,
            (Some(true), _, Some(false)) => Provenance::NeverTaken,
            (Some(false), _, Some(true)) => Provenance::Undocumented,
            (Some(false), Some(true), _) => Provenance::CodeOnly,
            _ => Provenance::Unsaid,
        }
    }

    /// What each view says, for tooltips: `documented · in the code · never taken`.
    pub(crate) fn words(self) -> String {
        let say = |view, yes, no| match view {
            Some(true) => Some(yes),
            Some(false) => Some(no),
            None => None,
        };
        let words = [
            say(self.documented, "documented", "not documented"),
            say(self.coded, "in the code", "not in the code"),
            say(self.measured, "taken", "never taken"),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// The views that have it, for scripts: `documented code run`.
    pub(crate) fn told(self) -> String {
        let views = [(self.documented, "documented"), (self.coded, "code"), (self.measured, "run")];
        let has = views.into_iter().filter(|(view, _)| *view == Some(true)).map(|(_, name)| name);
        has.collect::<Vec<_>>().join(" ")
    }
}

impl Provenance {
    /// All that say something, in the order of the legend.
    pub(crate) const SAID: [Provenance; 8] = [
        Provenance::NeverTaken,
        Provenance::Gone,
        Provenance::Undocumented,
        Provenance::CodeOnly,
        Provenance::Added,
        Provenance::Removed,
        Provenance::Slower,
        Provenance::Faster,
    ];

    /// Whether it is drawn in dashes.
    pub(crate) fn is_dashed(self) -> bool {
        matches!(self, Provenance::NeverTaken | Provenance::CodeOnly | Provenance::Removed)
    }

    /// The class of its parts; empty when nothing is said.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Provenance::Unsaid => "",
            Provenance::NeverTaken => "never-taken",
            Provenance::Gone => "gone",
            Provenance::Undocumented => "undocumented",
            Provenance::CodeOnly => "code-only",
            Provenance::Added => "added",
            Provenance::Removed => "removed",
            Provenance::Slower => "slower",
            Provenance::Faster => "faster",
        }
    }

    /// In words, for legend and tooltip.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Provenance::Unsaid => "",
            Provenance::NeverTaken => "documented, never taken",
            Provenance::Gone => "documented, but gone",
            Provenance::Undocumented => "taken, but not documented",
            Provenance::CodeOnly => "in the code only",
            Provenance::Added => "new",
            Provenance::Removed => "gone",
            Provenance::Slower => "slower than before",
            Provenance::Faster => "faster than before",
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
        // Where views were laid over each other, they say what was never taken.
        let never = |provenance: Provenance| provenance.is_dashed();
        if graph.is_merged() {
            boxes = graph.boxes().map(|(_, it)| never(it.provenance)).collect();
            arrows = graph.arrows().map(|(.., it)| never(it.provenance)).collect();
            return Untaken { boxes, arrows };
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
