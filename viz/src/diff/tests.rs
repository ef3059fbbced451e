//! What two graphs have in common is found, and what is new, gone, slower or faster says so.

use super::*;
use crate::{Chart, DrawOptions, draw};

fn run(arrows: &[(&str, &str, u64)]) -> FlowGraph {
    let mut graph = FlowGraph::new("run");
    for (from, to, duration_ns) in arrows {
        let [from, to] = [from, to].map(|name| {
            graph.add_box(FlowBox {
                identity: (*name).to_owned(),
                title: (*name).to_owned(),
                ..FlowBox::default()
            })
        });
        let mut arrow = Arrow::new(ArrowKind::Call);
        (0..100).for_each(|step| arrow.record(duration_ns + step % 10));
        graph.add_arrow(from, to, arrow);
    }
    graph
}

fn told(difference: &Difference) -> Vec<String> {
    let name = |change: &Change| match &change.to {
        Some(to) => format!("{} -> {to}", change.from),
        None => change.from.clone(),
    };
    difference.changes.iter().map(|it| format!("{}: {}", name(it), it.how.word())).collect()
}

#[test]
fn a_run_is_compared_with_another() {
    let before = run(&[("a", "b", 1000), ("a", "c", 1000), ("b", "d", 1000), ("c", "d", 1000)]);
    let after = run(&[("a", "b", 2000), ("a", "c", 1005), ("c", "d", 500), ("c", "e", 10)]);
    let difference = diff("before and after", &before, &after);
    assert_eq!(
        told(&difference),
        ["e: new", "a -> b: slower", "b -> d: gone", "c -> d: faster", "c -> e: new"]
    );
    assert_eq!(difference.same, 5, "four boxes, and the arrow that is within noise");
    assert_eq!(difference.graph.arrow_count(), 5);
    let slower = difference.changes.iter().find(|it| it.how == How::Slower).unwrap();
    let shift = slower.shift.unwrap();
    assert!((1.9..2.1).contains(&shift.ratio) && shift.longer == 1.0, "{shift:?}");
    let svg = draw(&difference.graph, &DrawOptions::default()).unwrap();
    for class in ["arrow call added", "arrow call removed", "arrow call slower", "call faster"] {
        assert!(svg.contains(class), "{class}");
    }
    assert!(svg.contains("slower ×1.99, was 1.00 µs") || svg.contains("slower ×2.00"), "{svg}");
}

#[test]
fn a_graph_does_not_differ_from_itself() {
    let graph = run(&[("a", "b", 1000), ("b", "a", 5)]);
    let difference = diff("", &graph, &graph);
    assert_eq!((difference.changes, difference.same), (Vec::new(), 4));
}

#[test]
fn versions_of_a_chart_are_compared_with_parallel_arrows_and_ports() {
    let read = |text: &str| FlowGraph::from(&Chart::parse(text).unwrap());
    let before = read("digraph { a -> b; a -> b; b -> c; d }");
    let after = read("digraph { a -> b; c -> b; b -> c; e }");
    // A chart that is turned into a graph keeps one of two equal arrows.
    let difference = diff("", &before, &after);
    assert_eq!(told(&difference), ["d: gone", "e: new", "c -> b: new"]);
}
