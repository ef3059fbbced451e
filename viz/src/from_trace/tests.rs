//! Spans in, boxes and arrows out.

use raftlens_tracer::conventions as names;
use raftlens_tracer::model::{
    Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, TraceSet, Value,
};

use super::*;
use crate::flow_graph::{ArrowKind, BoxKind, LeftOut};

fn attribute(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Str(value.into()) }
}

/// A span of trace 1; `function` is `owner|identity` or empty.
fn span(id: u64, parent: u64, name: &str, function: &str, time: (u64, u64)) -> Span {
    let attributes = match function.split_once('|') {
        Some((owner, identity)) => {
            vec![attribute(names::OWNER, owner), attribute(names::FUNCTION, identity)]
        }
        None => Vec::new(),
    };
    Span {
        trace_id: TraceId(1),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        trace_state: "".into(),
        flags: 1,
        name: name.into(),
        kind: SpanKind::Internal,
        start_ns: time.0,
        end_ns: time.1,
        resource: 0,
        scope_name: "".into(),
        scope_version: "".into(),
        attributes,
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        dropped_links: 0,
        status: Status::Unset,
    }
}

fn link(to: u64, kind: &str) -> Link {
    Link {
        trace_id: TraceId(1),
        span_id: SpanId(to),
        trace_state: "".into(),
        attributes: vec![attribute(names::LINK_KIND, kind)],
        dropped_attributes: 0,
        flags: 1,
    }
}

fn event(name: &str, time_ns: u64, attributes: &[(&str, &str)]) -> SpanEvent {
    let attributes = attributes.iter().map(|(key, value)| attribute(key, value)).collect();
    SpanEvent { time_ns, name: name.into(), attributes, dropped_attributes: 0 }
}

fn set(spans: Vec<Span>) -> TraceSet {
    let attributes = vec![attribute(names::SERVICE_NAME, "store")];
    TraceSet { resources: vec![Resource { attributes }], spans }
}

/// `tail -kind/via-> head:port count p50` for each arrow.
fn arrows(graph: &FlowGraph) -> Vec<String> {
    let line = |(_, from, to, arrow): (_, _, _, &crate::flow_graph::Arrow)| {
        let kind = if arrow.kind == ArrowKind::Call { "call" } else { "data" };
        let via = arrow.via.as_ref().map(|via| format!("/{via}")).unwrap_or_default();
        let port = arrow.to_port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
        let (tail, head) = (&graph.flow_box(from).identity, &graph.flow_box(to).identity);
        let p50 = arrow.latency.p50_ns().unwrap();
        format!("{tail} -{kind}{via}-> {head}{port} {} {p50}", arrow.count)
    };
    graph.arrows().map(line).collect()
}

fn boxes(graph: &FlowGraph) -> Vec<String> {
    let line = |flow_box: &crate::flow_graph::FlowBox| {
        format!("{}/{} {}", flow_box.owner.join("/"), flow_box.title, flow_box.calls)
    };
    graph.boxes().map(|(_, flow_box)| line(flow_box)).collect()
}

fn draw(spans: Vec<Span>) -> FlowGraph {
    FlowGraph::from_trace(&set(spans), &Options::default()).unwrap()
}

#[test]
fn children_are_calls_and_times_are_those_of_the_callee() {
    let graph = draw(vec![
        span(3, 2, "b", "Peer|Peer::inspect", (20, 50)),
        span(2, 0, "a", "Peer|Peer::propose", (0, 100)),
        span(4, 2, "b", "Peer|Peer::inspect", (60, 90)),
        span(5, 4, "c", "Lease|Lease::inspect", (70, 71)),
    ]);
    assert_eq!(boxes(&graph), ["Peer/propose 1", "Peer/inspect 2", "Lease/inspect 1"]);
    assert_eq!(
        arrows(&graph),
        ["Peer::propose -call-> Peer::inspect 2 30", "Peer::inspect -call-> Lease::inspect 1 1"]
    );
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let mut spans = vec![
        span(1, 0, "a", "P|a", (0, 90)),
        span(2, 1, "b", "P|b", (10, 20)),
        span(3, 1, "c", "Q|c", (20, 40)),
        span(4, 3, "b", "P|b", (25, 30)),
    ];
    spans[3].links = vec![link(2, "mailbox")];
    let forwards = draw(spans.clone());
    spans.reverse();
    let backwards = draw(spans);
    assert_eq!(boxes(&forwards), boxes(&backwards));
    assert_eq!(arrows(&forwards), arrows(&backwards));
}

#[test]
fn titles_keep_the_type_unless_a_cluster_says_it() {
    let graph = draw(vec![
        span(1, 0, "a", "RaftKV|raft_kv::RaftKv::async_snapshot", (0, 1)),
        span(2, 0, "b", "LocalReader/leader lease|ReadDelegate::execute", (0, 1)),
        span(3, 0, "GET /users::all", "", (0, 1)),
    ]);
    let expected = [
        "RaftKV/async_snapshot 1",
        "LocalReader/leader lease/ReadDelegate::execute 1",
        "store/GET /users::all 1",
    ];
    assert_eq!(boxes(&graph), expected);
}

#[test]
fn links_are_data_and_wait_from_the_end_or_the_start() {
    let mut after = span(2, 0, "b", "P|b", (30, 40));
    after.links = vec![link(1, "mailbox")];
    let mut during = span(3, 0, "b", "P|b", (15, 40));
    during.links = vec![link(1, "batch"), link(99, "apply")];
    let graph = draw(vec![span(1, 0, "a", "P|a", (10, 20)), after, during]);
    assert_eq!(arrows(&graph), ["a -data/batch-> b 1 5", "a -data/mailbox-> b 1 10"]);
    assert_eq!(graph.left_out, LeftOut { unknown_links: 1, ..LeftOut::default() });
}

#[test]
fn events_are_branches_values_and_records() {
    let mut inspect = span(1, 0, "inspect", "Peer|Peer::inspect", (100, 200));
    inspect.events = vec![
        event("case", 110, &[("title", "LeaseState::Valid"), ("owner", "Peer/leader")]),
        event(
            "case",
            117,
            &[("title", "ReadLocal"), ("from", "LeaseState::Valid"), ("flow", "call")],
        ),
        event("variable", 120, &[("title", "Lease::bound"), ("owner", "Lease")]),
        event("struct", 130, &[("title", "RaftCommand"), ("fields", "term | cb"), ("port", "cb")]),
        event("case", 140, &[("title", "Peer::answer"), ("from", "nobody")]),
        event("log line", 150, &[("title", "not drawn")]),
        event("case", 150, &[]),
    ];
    let answer = span(2, 0, "answer", "Peer|Peer::answer", (300, 310));
    let graph = draw(vec![inspect, answer]);
    assert_eq!(
        arrows(&graph),
        [
            "Peer::inspect -data-> LeaseState::Valid 1 10",
            "LeaseState::Valid -call-> ReadLocal 1 7",
            "Peer::inspect -call-> Lease::bound 1 20",
            "Peer::inspect -call-> RaftCommand:cb 1 30",
            "Peer::inspect -data-> Peer::answer 1 40",
        ]
    );
    let kind = |name: &str| graph.flow_box(graph.find_identity(name).unwrap()).kind.clone();
    assert_eq!(kind("LeaseState::Valid"), BoxKind::Case);
    assert_eq!(kind("Lease::bound"), BoxKind::Variable);
    let fields = vec!["term".to_owned(), "cb".to_owned()];
    assert_eq!(kind("RaftCommand"), BoxKind::Struct { fields });
    assert_eq!(kind("Peer::answer"), BoxKind::Function, "a function that ran is pointed at");
    assert_eq!(graph.left_out.unknown_from, 1);
    assert_eq!(graph.box_count(), 6);
}

#[test]
fn a_missing_parent_is_counted_not_lost() {
    let graph = draw(vec![span(1, 77, "a", "P|a", (0, 1))]);
    assert_eq!((graph.box_count(), graph.left_out.unknown_parents), (1, 1));
}

#[test]
fn a_root_takes_its_subtree_and_what_follows() {
    let mut follower = span(4, 0, "apply", "P|apply", (50, 60));
    follower.links = vec![link(3, "apply")];
    let traces = set(vec![
        span(1, 0, "other", "P|other", (0, 1)),
        span(2, 0, "read", "P|read", (0, 9)),
        span(3, 2, "propose", "P|propose", (1, 8)),
        follower,
        span(5, 4, "answer", "P|answer", (51, 52)),
    ]);
    let options = Options { root: Some("read".to_owned()), ..Options::default() };
    let graph = FlowGraph::from_trace(&traces, &options).unwrap();
    assert_eq!(boxes(&graph), ["P/read 1", "P/propose 1", "P/apply 1", "P/answer 1"]);
    let options = Options { root: Some("P::reed".to_owned()), ..Options::default() };
    let error = FlowGraph::from_trace(&traces, &options).unwrap_err();
    let FromTraceError::RootNotFound { near, .. } = &error else { panic!("{error}") };
    assert!(near.contains(&"read".to_owned()), "{error}");
}

#[test]
fn a_selection_keeps_only_the_arrows_between_its_boxes() {
    let traces = set(vec![
        span(1, 0, "a", "P|P::a", (0, 9)),
        span(2, 1, "b", "P|P::b", (1, 8)),
        span(3, 2, "c", "P|P::c", (2, 7)),
    ]);
    let select = |names: &[&str]| {
        let boxes = Some(names.iter().map(|name| (*name).to_owned()).collect());
        FlowGraph::from_trace(&traces, &Options { boxes, ..Options::default() })
    };
    assert_eq!(arrows(&select(&["P::b", "c"]).unwrap()), ["P::b -call-> P::c 1 5"]);
    assert_eq!(arrows(&select(&["P::a", "P::c"]).unwrap()), Vec::<String>::new());
    let error = select(&["P::d"]).unwrap_err();
    assert!(matches!(error, FromTraceError::NoBoxSelected { asked: 1, .. }), "{error}");
}

#[test]
fn nothing_to_draw_is_an_error_that_says_why() {
    let empty = FlowGraph::from_trace(&TraceSet::default(), &Options::default());
    assert_eq!(empty.unwrap_err(), FromTraceError::Empty);
    let traces = set(vec![span(1, 0, "a", "", (0, 1))]);
    let options = Options { trace_id: Some(TraceId(2)), ..Options::default() };
    let error = FlowGraph::from_trace(&traces, &options).unwrap_err().to_string();
    assert!(error.contains("00000000000000000000000000000001"), "{error}");
}

#[test]
fn the_order_of_spans_decides_only_the_order_of_boxes() {
    let mut spans = vec![
        span(1, 0, "a", "P|a", (0, 90)),
        span(2, 1, "b", "P|b", (10, 80)),
        span(3, 2, "c", "P|c", (20, 70)),
    ];
    let mut forwards = arrows(&draw(spans.clone()));
    spans.reverse();
    let mut backwards = arrows(&draw(spans));
    forwards.sort();
    backwards.sort();
    assert_eq!(forwards, backwards);
}
