//! Charts as we write them, and what is refused with its line.

use super::*;

const CHART: &str = r##"// comment
digraph inspect {
  graph[rankdir=LR, label="Peer \"inspect\""]
  node[shape=box]
  subgraph cluster_peer {
    label="Peer"
    propose[id="Peer::propose", label="propose", URL="core/src/peer/propose.rs#L12"]
    subgraph cluster_lease {
      graph[label="leader lease"]
      valid[id="LeaseState::Valid", class="case", label="Valid"]
    }
    command[shape=record, class="struct", label="RaftCommand|<term> term|<cb> cb\|k"]
  }
  bound[class="variable external"]
  propose -> valid[class="data"]
  propose -> command:cb
  valid -> bound[style=dashed]
  bound -> later
}
"##;

#[test]
fn boxes_have_identity_owner_kind_and_source() {
    let chart = Chart::parse(CHART).unwrap();
    assert_eq!((chart.name.as_str(), chart.title.as_str()), ("inspect", "Peer \"inspect\""));
    let ids: Vec<&str> = chart.boxes.iter().map(|of| of.id.as_str()).collect();
    assert_eq!(ids, ["Peer::propose", "LeaseState::Valid", "command", "bound", "later"]);
    assert_eq!(chart.boxes[1].owner, ["Peer", "leader lease"]);
    assert_eq!(chart.boxes[1].kind, BoxKind::Case);
    let fields = vec!["term".to_owned(), "cb|k".to_owned()];
    assert_eq!(chart.boxes[2].kind, BoxKind::Struct { fields });
    assert_eq!(chart.boxes[2].title, "RaftCommand");
    assert_eq!(chart.boxes[3].kind, BoxKind::Variable);
    assert_eq!(chart.boxes[3].classes, ["variable", "external"]);
    assert_eq!(chart.boxes[0].url.as_deref(), Some("core/src/peer/propose.rs#L12"));
}

#[test]
fn arrows_have_kind_and_field() {
    let chart = Chart::parse(CHART).unwrap();
    let arrows: Vec<(usize, usize, ArrowKind, Option<&str>)> = chart
        .arrows
        .iter()
        .map(|arrow| (arrow.from, arrow.to, arrow.kind, arrow.to_port.as_deref()))
        .collect();
    assert_eq!(
        arrows,
        [
            (0, 1, ArrowKind::Data, None),
            (0, 2, ArrowKind::Call, Some("cb|k")),
            (1, 3, ArrowKind::Data, None),
            (3, 4, ArrowKind::Call, None),
        ]
    );
}

#[test]
fn a_chart_is_a_graph_and_its_dot_is_the_same_chart() {
    let chart = Chart::parse(CHART).unwrap();
    let graph = FlowGraph::from(&chart);
    let options = crate::DrawOptions { format: crate::Format::Dot, ..Default::default() };
    let again = Chart::parse(&crate::draw(&graph, &options).unwrap()).unwrap();
    let boxes = |chart: &Chart| -> Vec<(String, Vec<String>, BoxKind)> {
        let mut all: Vec<_> = (chart.boxes.iter())
            .map(|of| (of.id.clone(), of.owner.clone(), of.kind.clone()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let arrows = |chart: &Chart| -> Vec<(String, String, ArrowKind, Option<String>)> {
        let id = |index: usize| chart.boxes[index].id.clone();
        let arrow = |a: &ChartArrow| (id(a.from), id(a.to), a.kind, a.to_port.clone());
        chart.arrows.iter().map(arrow).collect()
    };
    assert_eq!(boxes(&again), boxes(&chart));
    assert_eq!(arrows(&again), arrows(&chart));
}

#[test]
fn defaults_hold_inside_their_cluster_and_backslash_n_is_the_name() {
    let chart = Chart::parse(
        r#"digraph d { node[label="\N"] a
           subgraph cluster_x { node[class="case"] edge[class="data"] b -> c b }
           c -> a:e }"#,
    );
    let chart = chart.unwrap();
    let titles: Vec<(&str, &BoxKind)> =
        chart.boxes.iter().map(|of| (of.title.as_str(), &of.kind)).collect();
    // `c` is only named by an arrow: it stands where that arrow does, with the defaults there.
    let case = &BoxKind::Case;
    assert_eq!(titles, [("a", &BoxKind::Function), ("b", case), ("c", case)]);
    assert_eq!(chart.boxes[2].owner, ["x"]);
    let kinds: Vec<ArrowKind> = chart.arrows.iter().map(|arrow| arrow.kind).collect();
    assert_eq!(kinds, [ArrowKind::Data, ArrowKind::Call]);
}

#[test]
fn errors_say_where() {
    let table = [
        ("digraph a {\n  b -> c\n  c -> \n}", 4),
        ("digraph a {\n  b -> \"c\n}", 2),
        ("<!DOCTYPE html>", 1),
        ("", 1),
    ];
    for (text, expected) in table {
        match Chart::parse(text) {
            Err(ChartError::Dot(error)) => assert_eq!(error.line, expected, "{text}: {error}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(Chart::parse("graph a { b -- c }"), Err(ChartError::Undirected));
    let no_field = "digraph a { r[shape=record label=\"r|<x> x\"]\n q -> r:y }";
    let expected = ChartError::NoSuchField { name: "r".to_owned(), port: "y".to_owned() };
    assert_eq!(Chart::parse(no_field), Err(expected));
    let deep = format!("digraph a {{\n{}", "subgraph b {".repeat(100_000));
    let error = Chart::parse(&deep).unwrap_err().to_string();
    assert!(error.starts_with("line 2, column ") && error.contains("deeper"), "{error}");
}

#[test]
fn nothing_makes_the_reader_panic() {
    for end in 0..CHART.len() {
        if CHART.is_char_boundary(end) {
            let _ = Chart::parse(&CHART[..end]);
            let _ = Chart::parse(&CHART[end..]);
        }
    }
}
