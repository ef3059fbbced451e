//! Reads a reference chart: what our own files in `dot/` say of boxes, beyond how they are drawn.
//!
//! A box is a node with `id="Peer::inspect"`, its owners are the labels of the clusters around it,
//! `URL` is its source file, `code` its name there if that is another one, and `class` its kind
//! (`function`, `variable`, `struct`, `case`; further words such as `external` are kept). An arrow is `data` by `class="data"` or when it is dashed.
//! Any DOT is read; to draw one as its author meant it, [`FlowGraph::from_dot`] is the way.

mod walk;

use thiserror::Error;

use crate::dot::read::{self, DotError};
use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox, FlowGraph};
use crate::from_dot::{self, DotOptions};

/// A reference chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// Name of the graph in the file.
    pub name: String,
    /// Its label, or its name without one.
    pub title: String,
    /// Boxes in the order of the file.
    pub boxes: Vec<ChartBox>,
    /// Arrows in the order of the file.
    pub arrows: Vec<ChartArrow>,
}

/// A box of a reference chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartBox {
    /// Name of the node in the file.
    pub name: String,
    /// What it stands for: `Peer::inspect`; the name where the file states no `id`.
    pub id: String,
    /// What it is called in the code, where that differs: its `code` attribute.
    pub code: Option<String>,
    /// What is written in it.
    pub title: String,
    /// Titles of the clusters around it, outermost first.
    pub owner: Vec<String>,
    /// What kind of box it is; fields of a record without its title.
    pub kind: BoxKind,
    /// Where its source is.
    pub url: Option<String>,
    /// All words of its `class`.
    pub classes: Vec<String>,
}

impl ChartBox {
    /// Whether its code is outside of the source that the chart documents.
    pub fn is_external(&self) -> bool {
        self.classes.iter().any(|class| class == "external")
    }
}

/// An arrow of a reference chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartArrow {
    /// Index of the box it starts at.
    pub from: usize,
    /// Index of the box it ends at.
    pub to: usize,
    /// Call or data.
    pub kind: ArrowKind,
    /// The field it leaves.
    pub from_port: Option<String>,
    /// The field it meets.
    pub to_port: Option<String>,
}

/// Why a chart could not be read.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChartError {
    /// The file is not DOT.
    #[error(transparent)]
    Dot(#[from] DotError),
    /// A graph without directions.
    #[error("the chart is a `graph`: arrows need a `digraph`")]
    Undirected,
    /// An arrow names a field that its box does not have.
    #[error("an arrow names the field {port:?} of {name:?}, which has no such field")]
    NoSuchField {
        /// Name of the box.
        name: String,
        /// Name of the port.
        port: String,
    },
}

impl Chart {
    /// Reads a chart from the text of a DOT file; see [`Chart::from_dot`] for one with includes.
    ///
    /// # Errors
    /// When the text is not DOT, or an arrow has no direction or names a field that is not there.
    pub fn parse(text: &str) -> Result<Chart, ChartError> {
        Chart::from_dot(text.as_bytes(), &DotOptions::default())
    }

    /// Reads a chart from a DOT file.
    ///
    /// # Errors
    /// As [`Chart::parse`].
    pub fn from_dot(bytes: &[u8], options: &DotOptions) -> Result<Chart, ChartError> {
        let document = read::document(&from_dot::source(bytes, options)?)?;
        if !document.is_directed {
            return Err(ChartError::Undirected);
        }
        walk::chart(&document)
    }
}

impl From<&Chart> for FlowGraph {
    /// The chart as a graph without measurements.
    fn from(chart: &Chart) -> FlowGraph {
        let mut graph = FlowGraph::new(chart.title.clone());
        let places: Vec<_> = chart.boxes.iter().map(|of| graph.add_box(flow_box(of))).collect();
        for arrow in &chart.arrows {
            let drawn = Arrow {
                from_port: arrow.from_port.clone(),
                to_port: arrow.to_port.clone(),
                ..Arrow::new(arrow.kind)
            };
            graph.add_arrow(places[arrow.from], places[arrow.to], drawn);
        }
        graph
    }
}

impl From<&ChartBox> for FlowBox {
    /// The box without measurements.
    fn from(of: &ChartBox) -> FlowBox {
        flow_box(of)
    }
}

fn flow_box(of: &ChartBox) -> FlowBox {
    let (file, line) = match of.url.as_deref().map(|url| url.split_once("#L").unwrap_or((url, "")))
    {
        Some((file, line)) => (Some(file.to_owned()), line.parse().ok()),
        None => (None, None),
    };
    FlowBox {
        identity: of.id.clone(),
        title: of.title.clone(),
        kind: of.kind.clone(),
        owner: of.owner.clone(),
        file,
        line,
        ..FlowBox::default()
    }
}

#[cfg(test)]
mod tests;
