//! All text stays inside its box, row, label or cluster, by the widest font that may draw it.

use super::*;
use crate::DotOptions;
use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox};
use crate::layout::{Embedded, Layout};
use crate::measure::{self, measure};

/// Titles of all lengths and scripts, in every kind of box.
fn graph() -> FlowGraph {
    let titles = [
        "f",
        "inspect_lease",
        "trait LocalReadRouter::read",
        "post_pending_read_index_on_replica_and_then_some_more_words_that_never_end",
        "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
        "读取索引请求队列读取索引请求队列读取索引请求队列读取索引请求队列",
        "Проверка аренды лидера",
        "🦀 crab 🦀 crab",
        "قراءة محلية",
        "",
    ];
    let mut graph =
        FlowGraph::new("A title that is rather longer than the picture below it is wide");
    let mut last = None;
    for (index, title) in titles.iter().enumerate() {
        let fields = titles.iter().map(|title| (*title).to_owned()).collect();
        let kinds =
            [BoxKind::Function, BoxKind::Case, BoxKind::Variable, BoxKind::Struct { fields }];
        for (number, kind) in kinds.into_iter().enumerate() {
            let next = graph.add_box(FlowBox {
                identity: format!("{index} {number}"),
                title: (*title).to_owned(),
                kind,
                owner: vec![(*title).to_owned(), number.to_string()],
                calls: u64::MAX / 3,
                ..FlowBox::default()
            });
            let mut arrow = Arrow::new(ArrowKind::Call);
            arrow.record(12_345_678);
            arrow.record(u64::MAX);
            if let Some(last) = last.replace(next) {
                graph.add_arrow(last, next, arrow);
            }
        }
    }
    graph
}

#[test]
fn text_stays_inside_whatever_the_font() {
    let graph = graph();
    let scene = measure(&graph);
    let placed = Embedded.place(&scene.sized).unwrap();
    for (text, rect) in scene.boxes.iter().zip(&placed.boxes) {
        for line in text.title.iter().chain(&text.notes).chain(&text.fields) {
            assert!(line.room <= rect.width - measure::PAD_X, "{line:?} in {rect:?}");
            assert!(line.width <= line.room);
        }
        let rows = measure::FIELD_ROW * text.fields.len() as f64;
        assert!(measure::head_height(text) + rows <= rect.height + 1e-9);
    }
    for (lines, arrow) in scene.arrows.iter().zip(&placed.arrows) {
        let rect = arrow.label.unwrap();
        assert!(lines.iter().all(|line| line.room <= rect.width), "{lines:?} in {rect:?}");
        assert!(measure::LABEL_LINE * lines.len() as f64 <= rect.height);
    }
    for (title, rect) in scene.clusters.iter().zip(&placed.clusters) {
        assert!(title.room <= rect.width - 10.0, "{title:?} in {rect:?}");
    }
}

#[test]
fn every_text_is_pinned_and_inside_the_picture() {
    let graph = graph();
    let scene = measure(&graph);
    let placed = Embedded.place(&scene.sized).unwrap();
    let svg = write(&graph, &scene, &placed, &DrawOptions::default());
    let xml = roxmltree::Document::parse(&svg).unwrap();
    let whole: f64 = xml.root_element().attribute("width").unwrap().parse().unwrap();
    let texts: Vec<_> = xml.descendants().filter(|node| node.has_tag_name("text")).collect();
    assert!(texts.len() > 300);
    for text in texts {
        let number = |key: &str| -> f64 { text.attribute(key).unwrap().parse().unwrap() };
        let size = number("font-size");
        let room = Line::new(text.text().unwrap_or(""), size).room;
        let left = match text.attribute("text-anchor") {
            Some(_) => number("x") - room / 2.0,
            None => number("x"),
        };
        assert!(number("textLength") > 0.0 && left >= -MARGIN && left + room <= whole);
    }
}

#[test]
fn ids_are_unique_and_made_of_names() {
    let mut graph = FlowGraph::new("ids");
    let mut add = |owner: &str, identity: &str| {
        graph.add_box(FlowBox {
            identity: identity.to_owned(),
            owner: vec![owner.to_owned()],
            ..FlowBox::default()
        })
    };
    let ends = (add("Peer", "Peer::inspect"), add("Lease", "Peer::inspect"), add("x", "读"));
    add("x", "取");
    graph.add_arrow(ends.0, ends.1, Arrow::new(ArrowKind::Call));
    let ids = Ids::new(&graph);
    let all: Vec<&str> = (0..4).map(|index| ids.of_box(index)).collect();
    assert_eq!(all, ["box-Peer.inspect", "box-Lease_Peer.inspect", "box-_", "box-_-2"]);
    assert_eq!(ids.of_arrow(0), "call-Peer.inspect--Lease_Peer.inspect");
}

#[test]
fn the_description_says_which_way_the_chart_is_read() {
    let ways = [
        ("LR", "left to right"),
        ("RL", "right to left"),
        ("TB", "top to bottom"),
        ("BT", "bottom to top"),
    ];
    for (rankdir, way) in ways {
        let chart = format!("digraph {{ rankdir={rankdir}; a -> b }}");
        let graph = FlowGraph::from_dot(chart.as_bytes(), &DotOptions::default()).unwrap();
        let svg = crate::draw(&graph, &DrawOptions::default()).unwrap();
        let says = format!("<desc id=\"chart-desc\">2 boxes and 1 arrow, read from {way}.</desc>");
        assert!(svg.contains(&says), "{rankdir}: {svg}");
    }
}
