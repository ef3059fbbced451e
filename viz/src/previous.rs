//! An earlier picture as `layout-json` wrote it, so that the next one of nearly the same graph keeps
//! its boxes about where they were.
//!
//! Read before drawing and given to [`draw`](crate::draw) in its options; boxes are known again by
//! their names.

use std::collections::HashMap;

use serde_json::Value;
use thiserror::Error;

use crate::dot;
use crate::flow_graph::FlowGraph;
use crate::layout::{Direction, Point};

/// Where the boxes of an earlier picture stood.
#[derive(Clone, Debug, PartialEq)]
pub struct Previous {
    is_upright: bool,
    // Middles by name, in points from the top left.
    places: HashMap<String, Point>,
}

/// Why a file is no earlier picture.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PreviousError {
    /// It is not JSON at all.
    #[error("line {line}, column {column}: not JSON ({reason}); write one with -f layout-json")]
    NotJson {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It is JSON of another kind.
    #[error("the JSON has no {missing}, so it is no layout: write one with -f layout-json")]
    NoLayout {
        /// What every layout has.
        missing: &'static str,
    },
    /// A box of it has no name or no place.
    #[error("box {index} (of `nodes`, from 0) has no {missing}: write the layout anew")]
    BadBox {
        /// Which one.
        index: usize,
        /// What every box has.
        missing: &'static str,
    },
}

impl Previous {
    /// Reads what [`Format::LayoutJson`](crate::Format::LayoutJson) wrote: an object with `rankdir`
    /// and `nodes`, each node with `name` (or a text as `id`), `x` and `y`.
    ///
    /// # Errors
    /// When `text` is not JSON, or not of a layout.
    pub fn parse(text: &str) -> Result<Previous, PreviousError> {
        let json: Value = serde_json::from_str(text).map_err(|error| PreviousError::NotJson {
            line: error.line(),
            column: error.column(),
            reason: error.to_string(),
        })?;
        let is_upright = match json["rankdir"].as_str() {
            Some("LR" | "RL") => false,
            Some("TB" | "BT") => true,
            _ => return Err(PreviousError::NoLayout { missing: "`rankdir` of LR, RL, TB or BT" }),
        };
        let Some(nodes) = json["nodes"].as_array() else {
            return Err(PreviousError::NoLayout { missing: "list `nodes`" });
        };
        let mut places = HashMap::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let bad = |missing| PreviousError::BadBox { index, missing };
            let name = node["name"].as_str().or_else(|| node["id"].as_str());
            let name = name.ok_or_else(|| bad("text `name`"))?;
            let number = |key| node[key].as_f64();
            let x = number("x").ok_or_else(|| bad("number `x`"))?;
            let y = number("y").ok_or_else(|| bad("number `y`"))?;
            // Of boxes with one name the first is the one that has the name to itself.
            places.entry(name.to_owned()).or_insert(Point { x, y });
        }
        Ok(Previous { is_upright, places })
    }

    /// How many boxes it has.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it has no box.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// How many boxes of `graph` were there.
    pub fn known(&self, graph: &FlowGraph) -> usize {
        dot::box_names(graph).iter().filter(|name| self.places.contains_key(*name)).count()
    }

    /// Earlier middles of the boxes of `graph`, in their order, for a picture read in `direction`.
    pub(crate) fn places(&self, graph: &FlowGraph, direction: Direction) -> Vec<Option<Point>> {
        let is_upright = matches!(direction, Direction::TopDown | Direction::BottomUp);
        let names = dot::box_names(graph);
        let places = names.iter().map(|name| self.places.get(name).copied());
        if is_upright == self.is_upright {
            return places.collect();
        }
        // The reading direction was turned: what stood above stands at the left now.
        places.map(|place| place.map(|Point { x, y }| Point { x: y, y: x })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_graph::FlowBox;

    const TWO: &str = r#"{"rankdir":"LR","nodes":[{"id":0,"name":"b","x":1,"y":2.5},
        {"id":"c","x":3,"y":4}]}"#;

    #[test]
    fn boxes_are_known_again_by_name_and_turned_with_the_picture() {
        let mut graph = FlowGraph::new("");
        for name in ["a", "b", "c"] {
            let (identity, title) = (name.to_owned(), name.to_owned());
            graph.add_box(FlowBox { identity, title, ..FlowBox::default() });
        }
        let previous = Previous::parse(TWO).unwrap();
        assert_eq!((previous.len(), previous.known(&graph)), (2, 2));
        let at = |x, y| Some(Point { x, y });
        let places = previous.places(&graph, Direction::RightLeft);
        assert_eq!(places, [None, at(1.0, 2.5), at(3.0, 4.0)]);
        let turned = previous.places(&graph, Direction::TopDown);
        assert_eq!(turned, [None, at(2.5, 1.0), at(4.0, 3.0)]);
    }

    #[test]
    fn what_is_no_layout_is_refused_with_what_it_lacks() {
        let rows = [
            ("{\n  nodes", "line 2"),
            ("[]", "rankdir"),
            ("7", "rankdir"),
            (r#"{"rankdir":"XY","nodes":[]}"#, "rankdir"),
            (r#"{"rankdir":"LR","nodes":{}}"#, "nodes"),
            (r#"{"rankdir":"LR","nodes":[{"id":0,"x":1,"y":1}]}"#, "box 0"),
            (r#"{"rankdir":"LR","nodes":[{"id":"a","x":1,"y":1},{"name":"b","x":"1"}]}"#, "`x`"),
            (r#"{"rankdir":"LR","nodes":[{"name":"b","x":1,"y":1e999}]}"#, "JSON"),
        ];
        for (text, says) in rows {
            let error = Previous::parse(text).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("layout"), "{text}: {error}");
        }
    }
}
