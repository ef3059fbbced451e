//! Places boxes, clusters, arrows and labels: the `Layout` trait and its engines.
//!
//! Every engine takes a [`SizedGraph`] and answers with a [`Placed`]; sizes are measured before and
//! drawing comes after, so engines can be exchanged and measured against each other.

mod embedded;
mod geometry;
mod graphviz;
mod json;
mod labels;
mod lanes;
mod layered;
mod order;
mod quality;
mod rounding;
mod verify;

use thiserror::Error;

pub use embedded::Embedded;
pub use geometry::{
    ArrowHints, Direction, Hints, Outline, Placed, PlacedArrow, Point, RankKind, Rect, Side, Size,
    SizedArrow, SizedBox, SizedCluster, SizedGraph, SizedPort, Splines,
};
pub use graphviz::Graphviz;
pub use json::layout_json;
pub use lanes::Lanes;
pub use quality::{Quality, quality};
pub(crate) use rounding::{Corner, corners};
pub use verify::faults;

/// The largest side that a box or label may have, in points.
const LARGEST_SIDE: f64 = 100_000.0;

/// An engine that places graphs, reading from left to right.
pub trait Layout {
    /// The name that `--layout` takes.
    fn name(&self) -> &'static str;

    /// Places everything in `graph`.
    ///
    /// # Errors
    /// When the graph contradicts itself, or when the engine is missing or fails.
    fn place(&self, graph: &SizedGraph) -> Result<Placed, LayoutError>;
}

/// Most boxes and arrows that an engine is given.
const MOST_BOXES: usize = 250_000;
const MOST_ARROWS: usize = 500_000;

/// Why a graph could not be placed.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// A size is not a number, not positive, or larger than any picture.
    #[error(
        "{what} {index} has the size {width} x {height}: sides must be from 0 to 100000 points"
    )]
    BadSize {
        /// `box`, `cluster title` or `label of arrow`.
        what: &'static str,
        /// Which one.
        index: usize,
        /// Its width.
        width: f64,
        /// Its height.
        height: f64,
    },
    /// More than can be placed within minutes.
    #[error(
        "{boxes} boxes and {arrows} arrows are more than can be placed ({MOST_BOXES} and {MOST_ARROWS}): draw a part of the graph, or write it as DOT"
    )]
    TooLarge {
        /// Boxes of the graph.
        boxes: usize,
        /// Its arrows.
        arrows: usize,
    },
    /// An index points at nothing, or a cluster stands inside itself.
    #[error(
        "{what} {index} refers to {refers_to}, which does not exist or does not come before it"
    )]
    BadReference {
        /// What holds the reference.
        what: &'static str,
        /// Which one.
        index: usize,
        /// What it refers to.
        refers_to: String,
    },
    /// Graphviz is asked for but not there.
    #[error("`dot` is not on the PATH: install Graphviz, or draw with `--layout embedded`")]
    DotNotInstalled,
    /// Graphviz is there but failed.
    #[error("`dot` failed: {reason}")]
    DotFailed {
        /// What it or the system said.
        reason: String,
    },
    /// A picture of time has clusters inside clusters.
    #[error(
        "cluster {cluster} stands inside another one: a picture of time has one column a place"
    )]
    NestedLanes {
        /// Which one.
        cluster: usize,
    },
    /// The embedded engine failed on this graph.
    #[error("the embedded layout failed on {boxes} boxes and {arrows} arrows: {reason}")]
    EmbeddedFailed {
        /// How many boxes the graph has.
        boxes: usize,
        /// How many arrows the graph has.
        arrows: usize,
        /// What went wrong.
        reason: String,
    },
}

/// Refuses graphs that no engine could place.
pub(crate) fn validate(graph: &SizedGraph) -> Result<(), LayoutError> {
    let (boxes, arrows) = (graph.boxes.len(), graph.arrows.len());
    if boxes > MOST_BOXES || arrows > MOST_ARROWS {
        return Err(LayoutError::TooLarge { boxes, arrows });
    }
    for (index, cluster) in graph.clusters.iter().enumerate() {
        check_size("cluster title", index, cluster.title)?;
        // Only smaller indices: a cluster can then never be inside itself.
        check_reference("cluster", index, "cluster", cluster.parent, index)?;
    }
    for (index, sized) in graph.boxes.iter().enumerate() {
        check_size("box", index, sized.size)?;
        check_reference("box", index, "cluster", sized.cluster, graph.clusters.len())?;
        if let Some(y) = sized.anchor {
            check_size("port of box", index, Size { width: 0.0, height: y })?;
        }
        for SizedPort { area, .. } in &sized.ports {
            check_size("port of box", index, Size { width: area.x, height: area.y })?;
            check_size("port of box", index, Size { width: area.width, height: area.height })?;
        }
    }
    for (index, arrow) in graph.arrows.iter().enumerate() {
        check_size("label of arrow", index, arrow.label.unwrap_or_default())?;
        for cluster in [arrow.hints.from_cluster, arrow.hints.to_cluster] {
            check_reference("arrow", index, "cluster", cluster, graph.clusters.len())?;
        }
        for (end, port) in [(arrow.from, arrow.from_port), (arrow.to, arrow.to_port)] {
            check_reference("arrow", index, "box", Some(end), graph.boxes.len())?;
            check_reference("arrow", index, "port", port, graph.boxes[end].ports.len())?;
        }
    }
    for (index, (_, group)) in graph.hints.ranks.iter().enumerate() {
        for member in group {
            check_reference("rank group", index, "box", Some(*member), graph.boxes.len())?;
        }
    }
    Ok(())
}

fn check_size(what: &'static str, index: usize, size: Size) -> Result<(), LayoutError> {
    let good = |side: f64| (0.0..=LARGEST_SIDE).contains(&side);
    if good(size.width) && good(size.height) {
        return Ok(());
    }
    Err(LayoutError::BadSize { what, index, width: size.width, height: size.height })
}

fn check_reference(
    what: &'static str,
    index: usize,
    to: &'static str,
    reference: Option<usize>,
    limit: usize,
) -> Result<(), LayoutError> {
    match reference {
        Some(found) if found >= limit => {
            Err(LayoutError::BadReference { what, index, refers_to: format!("{to} {found}") })
        }
        Some(_) | None => Ok(()),
    }
}
