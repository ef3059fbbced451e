//! Critical paths summed up over requests: times by operation, slack, and what would be.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use raftlens_tracer::explain::{Explained, Explainer, Settings};
use raftlens_tracer::model::{Attribute, Resource, Span, SpanId, TraceId, TraceSet, Value};

/// A span `name` with id, parent (0 for none), start and end, of a trace.
fn span(trace: u128, name: &str, id: u64, parent: u64, times: std::ops::Range<u64>) -> Span {
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        name: name.into(),
        start_ns: times.start,
        end_ns: times.end,
        ..Span::default()
    }
}

fn explained(spans: Vec<Span>, what_if: &[&str]) -> Explained {
    let what_if = what_if.iter().map(|it| it.parse().unwrap()).collect();
    let mut explainer = Explainer::new(Settings { what_if, ..Settings::default() });
    explainer.add(TraceSet { resources: Vec::new(), spans });
    explainer.finish()
}

/// Each operation as `name: nanoseconds on paths in so many spans, slacks`.
fn operations(found: &Explained) -> Vec<String> {
    let one = |it: &&raftlens_tracer::explain::Operation| {
        let slack = it.slack.quantile_ns(1.0).map(|ns| format!(", {ns}")).unwrap_or_default();
        format!("{}: {} in {}{slack}", it.name, it.on_path.sum_ns(), it.spans)
    };
    found.paths.operations().iter().map(one).collect()
}

#[test]
fn what_ran_beside_the_path_could_have_ended_when_the_caller_went_on() {
    let found = explained(
        vec![
            span(1, "request", 1, 0, 0..100),
            span(1, "x", 2, 1, 10..50),
            span(1, "y", 3, 1, 20..90),
        ],
        &[],
    );
    // Not until the end of the request: its caller worked on for 10 after y.
    assert_eq!(operations(&found), ["y: 70 in 1", "request: 30 in 1", "x: 0 in 0, 40"]);
}

#[test]
fn what_may_have_waited_for_it_limits_its_slack() {
    let found = explained(
        vec![
            span(1, "request", 1, 0, 0..100),
            span(1, "x", 2, 1, 10..50),
            span(1, "y", 3, 1, 20..90),
            span(1, "after x", 4, 1, 55..85),
            span(1, "inside", 5, 2, 20..30),
        ],
        &[],
    );
    // `after x` may end 5 later; then x may end 5 + 5 later, and so may what x did last.
    let found = operations(&found);
    for expected in ["after x: 0 in 0, 5", "x: 0 in 0, 10", "inside: 0 in 0, 10"] {
        assert!(found.contains(&expected.to_owned()), "{expected} is not in {found:?}");
    }
}

#[test]
fn calls_one_after_the_other_have_no_slack() {
    let found = explained(
        vec![
            span(1, "request", 1, 0, 0..100),
            span(1, "a", 2, 1, 0..50),
            span(1, "b", 3, 1, 50..100),
        ],
        &[],
    );
    let expected = ["a: 50 in 1", "b: 50 in 1", "request: 0 in 0"];
    assert_eq!(operations(&found)[..2], expected[..2]);
}

#[test]
fn a_gain_ends_where_something_else_is_waited_for() {
    let spans = || {
        vec![
            span(1, "request", 1, 0, 0..100),
            span(1, "x", 2, 1, 10..70),
            span(1, "y", 3, 1, 20..90),
        ]
    };
    let found = explained(spans(), &["y=-10ns", "y=-100%", "x=-50%", "y=+5ns", "request=-100%"]);
    let after: Vec<_> = found.paths.outcomes().iter().map(|it| it.after.most_ns()).collect();
    // Of y no more than 20 can be gained, since x would then be waited for; x is not on the path.
    assert_eq!(after, [90, 80, 100, 105, 70]);
    let with: Vec<_> = found.paths.outcomes().iter().map(|it| it.with).collect();
    assert_eq!(with, [1, 1, 0, 1, 1]);
}

#[test]
fn requests_add_up_and_services_are_told_apart() {
    let service = |name: &str| Resource {
        attributes: vec![Attribute { key: "service.name".into(), value: Value::Str(name.into()) }],
    };
    let mut spans = Vec::new();
    for trace in 1..=100_u64 {
        let id = u128::from(trace);
        spans.push(span(id, "GET", 1, 0, 0..100 + trace));
        let mut inner = span(id, "GET", 2, 1, 50..50 + trace);
        inner.resource = 1;
        spans.push(inner);
    }
    let mut explainer = Explainer::new(Settings::default());
    explainer.add(TraceSet { resources: vec![service("front"), service("back")], spans });
    let found = explainer.finish();
    let operations = found.paths.operations();
    let names: Vec<_> = operations.iter().map(|it| (&*it.service, it.on_path.count())).collect();
    assert_eq!(names, [("front", 100), ("back", 100)]);
    let total: u128 = operations.iter().map(|it| it.on_path.sum_ns()).sum();
    assert_eq!(total, found.paths.durations().sum_ns());
    let p50 = operations[1].on_path.quantile_ns(0.5).unwrap();
    assert!((50..=52).contains(&p50), "{p50}");
}

#[test]
fn a_part_of_a_trace_is_said_to_be_one() {
    let spans = vec![span(1, "a", 2, 1, 0..50), span(2, "b", 1, 0, 0..50)];
    assert_eq!(explained(spans, &[]).paths.without_root(), 1);
}

#[test]
fn children_that_end_late_or_begin_early_do_not_break_the_sums() {
    let spans = vec![
        span(1, "request", 1, 0, 100..200),
        span(1, "early", 2, 1, 50..150),
        span(1, "late", 3, 1, 120..900),
        span(1, "elsewhere", 4, 1, 1_000..2_000),
        span(1, "no time", 5, 1, 130..130),
    ];
    let found = explained(spans, &["late=-100%"]);
    let total: u128 = found.paths.operations().iter().map(|it| it.on_path.sum_ns()).sum();
    assert_eq!(total, 100);
}
