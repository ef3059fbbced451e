//! Element ids that stay the same while boxes keep their names, for scripts and links.

use std::collections::HashSet;

use crate::dot;
use crate::flow_graph::{ArrowKind, BoxId, FlowGraph};

/// Longest readable part of an id.
const LONGEST: usize = 80;

/// The ids of all boxes and arrows.
pub(super) struct Ids {
    boxes: Vec<String>,
    arrows: Vec<String>,
}

impl Ids {
    pub(super) fn new(graph: &FlowGraph) -> Ids {
        let mut taken = HashSet::new();
        let names = dot::box_names(graph);
        let boxes: Vec<String> =
            names.iter().map(|name| unique(format!("box-{}", word(name)), &mut taken)).collect();
        let arrow = |(from, to, kind): (BoxId, BoxId, ArrowKind)| {
            let kind = match kind {
                ArrowKind::Call => "call",
                ArrowKind::Data => "data",
            };
            let (tail, head) = (&boxes[from.index()][4..], &boxes[to.index()][4..]);
            unique(format!("{kind}-{tail}--{head}"), &mut taken)
        };
        let ends = graph.arrows().map(|(_, from, to, arrow)| (from, to, arrow.kind));
        let arrows = ends.map(arrow).collect();
        Ids { boxes, arrows }
    }

    /// The id of a box, e.g. `box-Peer.inspect`.
    pub(super) fn of_box(&self, index: usize) -> &str {
        &self.boxes[index]
    }

    /// The id of an arrow, e.g. `call-Peer.propose--Peer.inspect`.
    pub(super) fn of_arrow(&self, index: usize) -> &str {
        &self.arrows[index]
    }
}

/// Letters, digits and hyphens only: good in selectors and in fragments of links.
fn word(name: &str) -> String {
    let clean = name.replace("::", ".");
    let keep = |c: char| if c.is_ascii_alphanumeric() || ".-_".contains(c) { c } else { '_' };
    clean.chars().take(LONGEST).map(keep).collect()
}

/// `id`, with a number behind it where another element already has it.
fn unique(id: String, taken: &mut HashSet<String>) -> String {
    let mut tried = id.clone();
    let mut number = 2;
    while !taken.insert(tried.clone()) {
        tried = format!("{id}-{number}");
        number += 1;
    }
    tried
}
