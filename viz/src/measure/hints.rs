//! What the author of a chart said of ways and ranks, as the layout is told it.

use std::collections::HashMap;

use crate::flow_graph::{Arrow, Cluster, FlowGraph};
use crate::layout::{ArrowHints, Direction, Hints, Rect, Side, SizedBox, SizedPort};

use super::cells::DrawnCells;

/// Hints for the whole picture; without an author it is read from left to right.
pub(super) fn of_graph(graph: &FlowGraph) -> Hints {
    let Some(authored) = &graph.authored else {
        return Hints { direction: Direction::LeftRight, ..Hints::default() };
    };
    let ranks = authored.ranks.iter().filter(|rank| !rank.boxes.is_empty());
    Hints {
        direction: authored.direction,
        splines: authored.splines,
        box_gap: authored.box_gap,
        rank_gap: authored.rank_gap,
        ranks: ranks
            .map(|rank| (rank.kind, rank.boxes.iter().map(|id| id.index()).collect()))
            .collect(),
        ..Hints::default()
    }
}

/// Hints for one arrow, with clusters as indices.
pub(super) fn of_arrow(arrow: &Arrow, clusters: &[Cluster]) -> ArrowHints {
    let Some(authored) = &arrow.authored else { return ArrowHints::default() };
    let index = |path: &Option<Vec<String>>| {
        let path = path.as_ref()?;
        clusters.iter().position(|cluster| cluster.path == *path)
    };
    ArrowHints {
        from_cluster: index(&authored.from_cluster),
        to_cluster: index(&authored.to_cluster),
        ..authored.hints
    }
}

/// The ports of an authored box: its named cells, and each side that an arrow asked for.
#[derive(Default)]
pub(super) struct Ports {
    // By the name of the cell (none for the whole box) and the side.
    known: HashMap<(Option<String>, Option<Side>), usize>,
}

impl Ports {
    /// The index of the port, made on its first use; `None` where an arrow meets the whole box.
    pub(super) fn index(
        &mut self,
        sized: &mut SizedBox,
        drawn: &DrawnCells,
        (name, side): (Option<&str>, Option<Side>),
    ) -> Option<usize> {
        let cell = name
            .and_then(|name| drawn.cells.iter().find(|cell| cell.port.as_deref() == Some(name)));
        if cell.is_none() && side.is_none() {
            return None;
        }
        let whole = Rect { x: 0.0, y: 0.0, width: sized.size.width, height: sized.size.height };
        let area = cell.map_or(whole, |cell| cell.area);
        let key = (cell.and_then(|cell| cell.port.clone()), side);
        Some(*self.known.entry(key).or_insert_with(|| {
            sized.ports.push(SizedPort { area, side });
            sized.ports.len() - 1
        }))
    }
}
