//! Earlier pictures and aspect ratios: what `-f layout-json` writes, the next picture keeps.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, Format, Previous, draw};
use serde_json::Value;

fn graph(dot: &str) -> FlowGraph {
    FlowGraph::from_dot(dot.as_bytes(), &DotOptions::default()).unwrap()
}

/// The layout of `dot` as text and as JSON.
fn layout(dot: &str, options: DrawOptions) -> (String, Value) {
    let options = DrawOptions { format: Format::LayoutJson, ..options };
    let text = draw(&graph(dot), &options).unwrap();
    let json = serde_json::from_str(&text).unwrap();
    (text, json)
}

/// Names of the boxes, sorted by one of their coordinates.
fn sorted(layout: &Value, axis: &str) -> Vec<String> {
    let nodes = layout["nodes"].as_array().unwrap();
    let mut boxes: Vec<(f64, &str)> = nodes
        .iter()
        .map(|node| (node[axis].as_f64().unwrap(), node["name"].as_str().unwrap()))
        .collect();
    boxes.sort_by(|a, b| a.0.total_cmp(&b.0));
    boxes.into_iter().map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn the_layout_says_direction_and_names() {
    for (rankdir, axis) in [("LR", "x"), ("TB", "y")] {
        let dot = format!("digraph {{ rankdir={rankdir}; 读取 -> \"b c\" -> d }}");
        let (_, json) = layout(&dot, DrawOptions::default());
        assert_eq!(json["rankdir"], rankdir);
        assert_eq!(sorted(&json, axis), ["读取", "b c", "d"]);
    }
}

#[test]
fn boxes_keep_the_order_of_the_earlier_picture() {
    // Left to itself, the new picture has the order of its file.
    let old = "digraph { rankdir=LR; a -> {e d c b} }";
    let new = "digraph { rankdir=LR; a -> {b c d x e} }";
    let behind = |json: &Value| -> Vec<String> {
        sorted(json, "y").into_iter().filter(|name| name != "a" && name != "x").collect()
    };
    assert_eq!(behind(&layout(new, DrawOptions::default()).1), ["b", "c", "d", "e"]);
    let (text, json) = layout(old, DrawOptions::default());
    assert_eq!(behind(&json), ["e", "d", "c", "b"]);
    let previous = Some(Previous::parse(&text).unwrap());
    let held = layout(new, DrawOptions { previous, ..DrawOptions::default() }).1;
    assert_eq!(behind(&held), ["e", "d", "c", "b"]);
    assert_eq!(held["nodes"].as_array().unwrap().len(), 6);
}

#[test]
fn parts_are_put_together_to_the_wanted_shape() {
    let parts: String = (0..24).map(|part| format!("a{part} -> b{part} -> c{part}; ")).collect();
    let shape = |aspect: f64| {
        let options = DrawOptions { aspect: Some(aspect), ..DrawOptions::default() };
        let json = layout(&format!("digraph {{ rankdir=LR; {parts} }}"), options).1;
        json["w"].as_f64().unwrap() / json["h"].as_f64().unwrap()
    };
    let (wide, tall) = (shape(4.0), shape(0.25));
    assert!((2.0..8.0).contains(&wide) && (0.125..0.5).contains(&tall), "{wide} and {tall}");
}
