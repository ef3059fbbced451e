//! Reads a reference chart: DOT as we write it by hand, one arrow a line, no macros.
//!
//! A box is a node with `id="Peer::inspect"`, its owners are the labels of the clusters around it,
//! `URL` is its source file and `class` its kind (`function`, `variable`, `struct`, `case`; further
//! words such as `external` are kept). An arrow is `data` by `class="data"` or when it is dashed.
//!
//! Not here: what other people write (`a -> {b c}`, macros); graphviz-rust's grammar has no such
//! arrows, and says so as a syntax error.

mod walk;

use thiserror::Error;

use crate::dot::syntax::{self, tree};
use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox, FlowGraph};
use crate::large_stack;
use walk::Walk;

/// Deepest nesting of braces that is read; hand-drawn charts have three or four.
const DEEPEST: usize = 500;

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
    /// The file is not DOT, or uses a form that our charts do not.
    #[error("line {line}: this is no chart: {reason}")]
    Syntax {
        /// Line in the file, from 1.
        line: usize,
        /// What the parser expected.
        reason: String,
    },
    /// The file could not be parsed, and the parser did not say where.
    #[error("this is no chart: {reason}")]
    Unreadable {
        /// What the parser said.
        reason: String,
    },
    /// A graph without directions.
    #[error("the chart is a `graph`: arrows need a `digraph`")]
    Undirected,
    /// An arrow that ends at a group of boxes.
    #[error("an arrow ends at a subgraph: write one arrow a line, from box to box")]
    ArrowToGroup,
    /// Braces inside braces beyond any chart.
    #[error("line {line}: clusters are nested deeper than {DEEPEST}")]
    TooDeep {
        /// Line in the file, from 1.
        line: usize,
    },
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
    /// Reads a chart from the text of a DOT file.
    ///
    /// # Errors
    /// When the text is not DOT, or not in the form of our charts.
    pub fn parse(text: &str) -> Result<Chart, ChartError> {
        check_depth(text)?;
        // Parser and tree recurse as deep as the text is nested.
        let read = large_stack::run("chart", || Ok(parse(text)));
        read.unwrap_or_else(|reason| Err(ChartError::Unreadable { reason }))
    }
}

fn parse(text: &str) -> Result<Chart, ChartError> {
    match syntax::parse(text).map_err(|reason| syntax_error(&reason))? {
        tree::Graph::DiGraph { id, stmts, .. } => Walk::chart(&id, &stmts),
        tree::Graph::Graph { .. } => Err(ChartError::Undirected),
    }
}

/// Refuses nesting that would exhaust the parser. Braces in strings count too, which only errs for
/// files that no one writes.
fn check_depth(text: &str) -> Result<(), ChartError> {
    let mut depth = 0usize;
    for (line, content) in text.lines().enumerate() {
        for byte in content.bytes() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
                return Err(ChartError::TooDeep { line: line + 1 });
            }
        }
    }
    Ok(())
}

/// The parser's message as one line; it holds ` --> LINE:COLUMN` and `= expected ...`.
fn syntax_error(message: &str) -> ChartError {
    let line = message.split("-->").nth(1).and_then(|at| at.split(':').next()?.trim().parse().ok());
    let expected = message.lines().rev().find_map(|line| line.split_once("= "));
    let reason = expected.map_or(message, |(_, reason)| reason).trim().to_owned();
    match line {
        Some(line) => ChartError::Syntax { line, reason },
        None => ChartError::Unreadable { reason },
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
