//! What counts as one box or one arrow, and in which order clusters come.

use super::*;

fn function(owner: &[&str], identity: &str) -> FlowBox {
    FlowBox {
        identity: identity.to_owned(),
        title: identity.to_owned(),
        owner: owner.iter().map(|name| (*name).to_owned()).collect(),
        calls: 1,
        ..FlowBox::default()
    }
}

#[test]
fn same_identity_under_two_owners_is_two_boxes() {
    let mut graph = FlowGraph::new("t");
    let peer = graph.add_box(function(&["Peer"], "inspect"));
    let lease = graph.add_box(function(&["Lease"], "inspect"));
    assert_ne!(peer, lease);
    assert_eq!(graph.add_box(function(&["Peer"], "inspect")), peer);
    assert_eq!(graph.flow_box(peer).calls, 2);
    assert_eq!(graph.find(&["Lease".to_owned()], "inspect"), Some(lease));
}

#[test]
fn arrows_of_different_kind_or_port_stay_apart() {
    let mut graph = FlowGraph::new("t");
    let (a, b) = (graph.add_box(function(&[], "a")), graph.add_box(function(&[], "b")));
    let mut call = Arrow::new(ArrowKind::Call);
    call.record(10);
    graph.add_arrow(a, b, call.clone());
    graph.add_arrow(a, b, call);
    graph.add_arrow(a, b, Arrow::new(ArrowKind::Data));
    let port = Arrow { to_port: Some("term".to_owned()), ..Arrow::new(ArrowKind::Data) };
    graph.add_arrow(a, b, port);
    let counts: Vec<u64> = graph.arrows().map(|(.., arrow)| arrow.count).collect();
    assert_eq!(counts, [2, 0, 0]);
}

#[test]
fn clusters_come_outer_first_and_selection_keeps_order() {
    let mut graph = FlowGraph::new("t");
    let a = graph.add_box(function(&["R", "in"], "a"));
    let b = graph.add_box(function(&["R"], "b"));
    let c = graph.add_box(function(&[], "c"));
    graph.add_arrow(a, b, Arrow::new(ArrowKind::Call));
    graph.add_arrow(a, c, Arrow::new(ArrowKind::Call));
    let (clusters, of_box) = graph.clusters();
    assert_eq!(clusters.len(), 2);
    assert_eq!((clusters[0].parent, clusters[1].parent), (None, Some(0)));
    assert_eq!(of_box, [Some(1), Some(0), None]);
    let selected = graph.select(|flow_box| flow_box.identity != "b");
    let left: Vec<&str> = selected.boxes().map(|(_, b)| b.identity.as_str()).collect();
    assert_eq!((left, selected.arrow_count()), (vec!["a", "c"], 1));
    graph.first_owners = vec!["nobody".to_owned(), "S".to_owned(), "R".to_owned()];
    graph.add_box(function(&["S"], "d"));
    let (clusters, of_box) = graph.clusters();
    let tops: Vec<&str> =
        clusters.iter().filter(|it| it.parent.is_none()).map(|it| it.path[0].as_str()).collect();
    assert_eq!((tops, of_box), (vec!["S", "R"], vec![Some(2), Some(1), None, Some(0)]));
}
