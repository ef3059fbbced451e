//! Trees, hand-overs and the golden form, on sets made by hand: whole, broken and shuffled.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]

use raftlens_tracer::assemble::{Assembly, Place, trees};
use raftlens_tracer::conventions::LINK_KIND;
use raftlens_tracer::model::{
    Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, TraceSet, Value,
};
use raftlens_tracer::normalize::{golden, golden_without};

fn text(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Str(value.into()) }
}

fn span(trace: u128, id: u64, parent: u64, name: &str) -> Span {
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId(id),
        parent_span_id: Some(SpanId(parent)).filter(|parent| parent.0 != 0),
        trace_state: "".into(),
        flags: 1,
        name: name.into(),
        kind: SpanKind::Internal,
        start_ns: id * 10,
        end_ns: id * 10 + 5,
        resource: 0,
        scope_name: "".into(),
        scope_version: "".into(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        dropped_links: 0,
        status: Status::Unset,
    }
}

fn link(trace: u128, id: u64, kind: &str) -> Link {
    Link {
        trace_id: TraceId(trace),
        span_id: SpanId(id),
        trace_state: "".into(),
        attributes: vec![text(LINK_KIND, kind)],
        dropped_attributes: 0,
        flags: 0,
    }
}

fn set(spans: Vec<Span>) -> TraceSet {
    let resource = Resource { attributes: vec![text("service.name", "store-1")] };
    TraceSet { resources: vec![resource], spans }
}

/// A read that waits on a round of another trace and is answered by a callback.
fn example() -> TraceSet {
    let mut propose = span(1, 3, 1, "propose");
    propose.attributes = vec![text("read.policy", "ReadIndex"), text("code.line.number", "12")];
    propose.events.push(SpanEvent {
        time_ns: 31,
        name: "case".into(),
        attributes: vec![text("title", "LeaseState::Expired")],
        dropped_attributes: 0,
    });
    let mut answer = span(1, 4, 0, "apply_reads");
    answer.links = vec![link(1, 3, "callback"), link(2, 9, "read_index_round"), link(7, 7, "gone")];
    answer.status = Status::Error("stale".into());
    set(vec![
        span(1, 2, 1, "route"),
        propose,
        span(1, 1, 0, "read"),
        answer,
        span(2, 9, 0, "round"),
    ])
}

#[test]
fn children_roots_and_followers() {
    let traces = example();
    let assembly = Assembly::new(&traces);
    let named = |name: &str| traces.spans.iter().position(|span| &*span.name == name).unwrap();
    let (read, propose, answer, round) =
        (named("read"), named("propose"), named("apply_reads"), named("round"));
    assert_eq!(assembly.children(read), [named("route"), propose], "earliest first");
    assert_eq!(assembly.parent(propose), Some(read));
    assert_eq!(assembly.tops(), [read, answer, round]);
    assert_eq!(assembly.roots().collect::<Vec<_>>(), [read, round]);
    assert!(assembly.is_handed_over(answer));
    assert_eq!(assembly.followers(round)[0].to, answer);
    assert_eq!(assembly.followers(propose)[0].kind, Some("callback"));
    assert_eq!(assembly.follows(answer).len(), 2, "the link to a span elsewhere is left out");
    assert_eq!(assembly.descendants(read), [read, named("route"), propose]);
    let trees = trees(&traces);
    assert_eq!(trees.len(), 3);
    assert_eq!(trees[0].children.len(), 2);
}

#[test]
fn broken_input_is_kept_and_marked() {
    let traces = set(vec![
        span(1, 1, 77, "orphan"),
        span(1, 2, 3, "ring a"),
        span(1, 3, 2, "ring b"),
        span(1, 4, 3, "below the ring"),
        span(1, 5, 5, "own parent"),
        span(1, 6, 0, "root"),
        span(1, 6, 0, "same id"),
        span(1, 7, 6, "child of the first"),
        span(2, 8, 6, "parent in another trace"),
    ]);
    let assembly = Assembly::new(&traces);
    let place = |index: usize| assembly.place(index);
    assert_eq!((place(0), place(8)), (Place::Orphan, Place::Orphan));
    assert_eq!((place(2), place(1)), (Place::Child(1), Place::Ring));
    assert_eq!((place(3), place(4)), (Place::Child(2), Place::Ring));
    assert_eq!(assembly.children(5), [7]);
    assert!(assembly.children(6).is_empty());
    assert_eq!(assembly.orphans().collect::<Vec<_>>(), [0, 8]);
    let reached: usize = assembly.tops().iter().map(|top| assembly.descendants(*top).len()).sum();
    assert_eq!(reached, traces.spans.len(), "every span hangs somewhere, once");
}

#[test]
fn a_very_deep_trace_is_no_problem() {
    let spans = (1..=200_000).map(|id| span(1, id, id - 1, "f")).collect();
    let traces = set(spans);
    let assembly = Assembly::new(&traces);
    assert_eq!(assembly.descendants(0).len(), 200_000);
}

const GOLDEN: &str = "\
trace 1
#1 read [store-1]
  #2 propose [store-1] {read.policy=ReadIndex}
    ! case {title=LeaseState::Expired}
  #3 route [store-1]
#4 apply_reads [store-1] error: stale
  ~ callback from #2
  ~ read_index_round from #5
  ~ 1 links to spans outside
trace 2
#5 round [store-1]
";

#[test]
fn the_golden_form_is_as_documented() {
    assert_eq!(golden(&example()), GOLDEN);
    assert!(golden_without(&example(), &[]).contains("code.line.number=12"));
}

#[test]
fn the_golden_form_ignores_ids_times_and_order() {
    let mut traces = example();
    traces.spans.reverse();
    traces.spans.rotate_left(2);
    for span in &mut traces.spans {
        let other = |id: SpanId| SpanId(1000 - id.0);
        span.trace_id.0 += 5;
        span.span_id = other(span.span_id);
        span.parent_span_id = span.parent_span_id.map(other);
        span.start_ns = 10_000 - span.start_ns;
        for link in &mut span.links {
            link.trace_id.0 += 5;
            link.span_id = other(link.span_id);
        }
    }
    assert_eq!(golden(&traces), GOLDEN);
    traces.spans[0].name = "other".into();
    assert_ne!(golden(&traces), GOLDEN, "and nothing else");
}
