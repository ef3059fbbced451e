//! A placed graph as neutral JSON, by which layouts of different engines are measured.
//!
//! `{"rankdir", "w", "h", "nodes": [{"id", "x", "y", "w", "h"}], "clusters": [{"id", "bb", "nodes",
//! "parent"}], "edges": [{"tail", "head", "pts"}]}`: `x` and `y` are the middle of a box, y grows
//! downwards, `nodes` of a cluster include those of nested clusters, `pts` is the way as it
//! is drawn, its round corners as short pieces.

use serde_json::{Value, json};

use super::geometry::{Direction, Placed, Point, SizedGraph};

/// Writes `placed` as one line of JSON; `names` are the boxes' names, in order.
pub fn layout_json(graph: &SizedGraph, placed: &Placed, names: &[String]) -> String {
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| format!("box {index}"));
    let nodes = placed.boxes.iter().enumerate().map(|(index, rect)| {
        let middle = rect.center();
        json!({
            "id": index, "name": name(index),
            "x": round(middle.x), "y": round(middle.y),
            "w": round(rect.width), "h": round(rect.height),
        })
    });
    let mut members = vec![Vec::new(); graph.clusters.len()];
    for index in 0..graph.boxes.len() {
        for cluster in graph.clusters_of(index) {
            members[cluster].push(index);
        }
    }
    let clusters = placed.clusters.iter().enumerate().map(|(index, rect)| {
        json!({
            "id": format!("cluster {index}"),
            "bb": [round(rect.x), round(rect.y), round(rect.right()), round(rect.bottom())],
            "nodes": members[index],
            "parent": graph.clusters[index].parent.map(|parent| format!("cluster {parent}")),
        })
    });
    let edges = graph.arrows.iter().zip(&placed.arrows).map(|(sized, arrow)| {
        let points: Vec<Value> =
            arrow.flattened().iter().map(|Point { x, y }| json!([round(*x), round(*y)])).collect();
        json!({ "tail": sized.from, "head": sized.to, "pts": points })
    });
    json!({
        "rankdir": rankdir(graph.hints.direction),
        "w": round(placed.size.width),
        "h": round(placed.size.height),
        "nodes": nodes.collect::<Vec<_>>(),
        "clusters": clusters.collect::<Vec<_>>(),
        "edges": edges.collect::<Vec<_>>(),
    })
    .to_string()
}

/// The direction as DOT names it.
fn rankdir(direction: Direction) -> &'static str {
    match direction {
        Direction::LeftRight => "LR",
        Direction::TopDown => "TB",
        Direction::RightLeft => "RL",
        Direction::BottomUp => "BT",
    }
}

/// Hundredths are enough, and keep the bytes the same on every machine.
fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
