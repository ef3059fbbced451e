//! The layout that needs nothing installed: our own layered engine (`layered`), and places for the
//! labels that it has no rank for (`labels`).

use super::geometry::{Placed, SizedGraph};
use super::labels;
use super::{Layout, LayoutError, layered, validate};

/// The embedded layered engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedded;

impl Layout for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn place(&self, graph: &SizedGraph) -> Result<Placed, LayoutError> {
        validate(graph)?;
        if graph.boxes.is_empty() && graph.clusters.is_empty() {
            return Ok(Placed::default());
        }
        let mut placed = layered::place(graph);
        labels::settle(graph, &mut placed);
        placed.fit();
        Ok(placed)
    }
}
