//! The layout that needs nothing installed: layered, left to right, on the `elkrs` crate.
//!
//! The reading order is decided by us (`order`), so the engine gets a graph without cycles on any
//! level and keeps the entry at the left.

use super::geometry::{Placed, SizedGraph};
use super::labels;
use super::order::reading_order;
use super::{Layout, LayoutError, elk, validate};
use crate::large_stack;

/// The embedded layered engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Embedded;

impl Layout for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn place(&self, graph: &SizedGraph) -> Result<Placed, LayoutError> {
        validate(graph)?;
        if graph.boxes.is_empty() {
            return Ok(Placed::default());
        }
        let outcome = large_stack::run("layout", || run(graph));
        let mut placed = outcome.map_err(|reason| LayoutError::EmbeddedFailed {
            boxes: graph.boxes.len(),
            arrows: graph.arrows.len(),
            reason,
        })?;
        labels::settle(graph, &mut placed);
        placed.fit();
        Ok(placed)
    }
}

/// One layout: decide the order, hand it over as JSON, read places back.
fn run(graph: &SizedGraph) -> Result<Placed, String> {
    let order = reading_order(graph);
    let input = elk::write(graph, &order).to_string();
    let output = elkrs::create_elk().layout_json(&input)?;
    elk::read(graph, &order, &output).ok_or_else(|| "it answered without all places".to_owned())
}
