//! Boxes by what they are, in whatever cluster they stand.

use std::collections::HashMap;

use crate::flow_graph::{ArrowId, BoxId, FlowGraph};

/// The box of each identity.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<String, BoxId>);

impl Places {
    pub(super) fn get(&self, identity: &str) -> Option<BoxId> {
        self.0.get(identity).copied()
    }

    /// The box of an identity, or a new one.
    pub(super) fn get_or(&mut self, identity: &str, make: impl FnOnce() -> BoxId) -> BoxId {
        match self.get(identity) {
            Some(id) => id,
            None => *self.0.entry(identity.to_owned()).or_insert_with(make),
        }
    }
}

/// All arrows from one box to another, in their order.
pub(super) fn arrows(graph: &FlowGraph, from: BoxId, to: BoxId) -> Vec<ArrowId> {
    let mut arrows: Vec<ArrowId> = graph.arrows_between(from, to).collect();
    arrows.sort_unstable();
    arrows
}
