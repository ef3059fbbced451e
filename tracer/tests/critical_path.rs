//! Critical paths of small traces, each with one thing that is easily got wrong.

// Helpers of tests may fail as tests do.
#![allow(clippy::reversed_empty_ranges, reason = "spans that end before they begin are a case")]
#![allow(clippy::unwrap_used)]

use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::explain::{Doing, critical_path};
use raftlens_tracer::model::{Link, Span, SpanId, TraceId, TraceSet};

/// A span `name` with id, parent (0 for none), start and end.
fn span(name: &str, id: u64, parent: u64, times: std::ops::Range<u64>) -> Span {
    Span {
        trace_id: TraceId(1),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        name: name.into(),
        start_ns: times.start,
        end_ns: times.end,
        ..Span::default()
    }
}

/// The span, linked to the spans with these ids.
fn following(mut span: Span, ids: &[u64]) -> Span {
    span.links = ids.iter().map(|id| link(1, *id)).collect();
    span
}

fn link(trace: u128, span: u64) -> Link {
    Link {
        trace_id: TraceId(trace),
        span_id: SpanId(span),
        trace_state: "".into(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        flags: 0,
    }
}

/// The path below the first span, as `name from..to`, a hand-over as `-> name`. Its steps must
/// follow each other without gaps and fill the first span's time.
fn path(spans: Vec<Span>) -> Vec<String> {
    let traces = TraceSet { resources: Vec::new(), spans };
    let found = critical_path(&Assembly::new(&traces), 0);
    let root = &traces.spans[0];
    let mut now = root.start_ns;
    for step in &found.steps {
        assert_eq!(step.from_ns, now, "{found:?}");
        assert!(step.to_ns > now, "{found:?}");
        now = step.to_ns;
    }
    assert_eq!(now, root.end_ns.max(root.start_ns), "{found:?}");
    let show = |step: &raftlens_tracer::explain::Step| {
        let arrow = if step.doing == Doing::Running { "" } else { "-> " };
        format!("{arrow}{} {}..{}", traces.spans[step.span].name, step.from_ns, step.to_ns)
    };
    found.steps.iter().map(show).collect()
}

#[test]
fn contiguous_stages_are_all_on_the_path() {
    let spans = vec![
        span("read", 1, 0, 0..100),
        span("a", 2, 1, 0..10),
        span("b", 3, 1, 10..60),
        span("c", 4, 1, 60..90),
        span("d", 5, 1, 90..100),
    ];
    assert_eq!(path(spans), ["a 0..10", "b 10..60", "c 60..90", "d 90..100"]);
}

#[test]
fn of_two_at_a_time_the_later_one_counts() {
    let spans = vec![span("read", 1, 0, 0..100), span("x", 2, 1, 10..50), span("y", 3, 1, 20..90)];
    assert_eq!(path(spans), ["read 0..20", "y 20..90", "read 90..100"]);
}

#[test]
fn time_between_a_link_and_its_span_belongs_to_the_hand_over() {
    let spans = vec![
        following(span("read", 1, 0, 0..100), &[4]),
        span("route", 2, 1, 5..10),
        following(span("propose", 3, 0, 40..50), &[2]),
        following(span("apply", 4, 0, 80..95), &[3]),
    ];
    let expected = [
        "read 0..5",
        "route 5..10",
        "-> propose 10..40",
        "propose 40..50",
        "-> apply 50..80",
        "apply 80..95",
        "read 95..100",
    ];
    assert_eq!(path(spans), expected);
}

#[test]
fn who_handed_over_may_run_on() {
    let spans = vec![
        following(span("read", 1, 0, 0..100), &[3]),
        span("route", 2, 1, 10..90),
        following(span("propose", 3, 0, 30..95), &[2]),
    ];
    assert_eq!(path(spans), ["read 0..10", "route 10..30", "propose 30..95", "read 95..100"]);
}

#[test]
fn a_child_that_outlasts_its_caller_is_cut() {
    let spans = vec![span("read", 1, 0, 10..100), span("x", 2, 1, 60..150)];
    assert_eq!(path(spans), ["read 10..60", "x 60..100"]);
}

#[test]
fn a_child_of_a_clock_that_is_behind_is_cut() {
    let spans = vec![span("read", 1, 0, 100..200), span("x", 2, 1, 50..150)];
    assert_eq!(path(spans), ["x 100..150", "read 150..200"]);
}

#[test]
fn a_child_from_another_time_counts_for_nothing() {
    for times in [0..50, 300..400] {
        let spans = vec![span("read", 1, 0, 100..200), span("x", 2, 1, times)];
        assert_eq!(path(spans), ["read 100..200"]);
    }
}

#[test]
fn a_missing_caller_hands_back_to_what_led_there() {
    let spans = vec![
        following(span("read", 1, 0, 0..100), &[2]),
        span("answer", 2, 99, 60..90),
        span("check", 3, 1, 10..20),
    ];
    assert_eq!(
        path(spans),
        ["read 0..10", "check 10..20", "read 20..60", "answer 60..90", "read 90..100"]
    );
}

#[test]
fn spans_of_no_length_neither_count_nor_stop_the_walk() {
    let spans = vec![
        span("read", 1, 0, 0..100),
        span("a", 2, 1, 0..50),
        span("zero", 3, 1, 50..50),
        span("also zero", 4, 3, 50..50),
        span("b", 5, 1, 50..100),
    ];
    assert_eq!(path(spans), ["a 0..50", "b 50..100"]);
    assert!(path(vec![span("read", 1, 0, 7..7)]).is_empty());
    assert!(path(vec![span("backwards", 1, 0, 7..3)]).is_empty());
}

#[test]
fn rings_of_links_and_callers_end() {
    let spans = vec![
        following(span("read", 1, 0, 0..100), &[2, 3, 1]),
        following(span("a", 2, 3, 10..90), &[3]),
        following(span("b", 3, 2, 20..80), &[2, 1]),
    ];
    let total: usize = path(spans).len();
    assert!(total > 0);
}

#[test]
fn links_to_a_trace_that_is_not_there_change_nothing() {
    let mut read = span("read", 1, 0, 0..100);
    read.links = vec![link(2, 7)];
    assert_eq!(path(vec![read]), ["read 0..100"]);
}

#[test]
fn a_million_spans_in_a_row_or_side_by_side_are_walked() {
    let count = 1_000_000;
    let nested = (0..count).map(|it| span("s", it + 1, it, it..2 * count - it)).collect();
    let traces = TraceSet { resources: Vec::new(), spans: nested };
    let found = critical_path(&Assembly::new(&traces), 0);
    assert_eq!(found.steps.iter().map(|step| step.duration_ns()).sum::<u64>(), 2 * count);

    let mut flat = vec![span("root", 1, 0, 0..count)];
    flat.extend((1..count).map(|it| span("s", it + 1, 1, it..it + 1)));
    let traces = TraceSet { resources: Vec::new(), spans: flat };
    let found = critical_path(&Assembly::new(&traces), 0);
    assert_eq!(found.steps.len() as u64, count);
}
