//! Clocks of nodes that differ: each a small trace with one thing that is easily got wrong.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use raftlens_tracer::explain::clocks::{Clocks, correct};
use raftlens_tracer::model::{
    Attribute, Link, Resource, Span, SpanId, SpanKind, Status, TraceId, TraceSet, Value,
};

const MS: u64 = 1_000_000;

fn text(key: &str, value: &str) -> Attribute {
    Attribute { key: key.into(), value: Value::Str(value.into()) }
}

/// Processes, each with these attributes.
fn processes(all: &[&[(&str, &str)]]) -> Vec<Resource> {
    let resource = |attributes: &&[(&str, &str)]| Resource {
        attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(),
    };
    all.iter().map(resource).collect()
}

/// A span of a process; the parent is 0 for none, times are in milliseconds.
fn span(kind: SpanKind, process: u32, (id, parent): (u64, u64), times: [u64; 2]) -> Span {
    Span {
        trace_id: TraceId(1),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        name: format!("s{id}").into(),
        kind,
        start_ns: times[0] * MS,
        end_ns: times[1] * MS,
        resource: process,
        ..Span::default()
    }
}

fn message(mut span: Span, from: u64) -> Span {
    let kind = text("link.kind", "message");
    span.links.push(Link {
        trace_id: span.trace_id,
        span_id: SpanId(from),
        trace_state: "".into(),
        attributes: vec![kind],
        dropped_attributes: 0,
        flags: 0,
    });
    span
}

/// The set corrected: what is known of the clocks, and the times of the spans in milliseconds.
fn corrected(resources: Vec<Resource>, spans: Vec<Span>) -> (Clocks, Vec<[u64; 2]>) {
    let mut set = TraceSet { resources, spans };
    let clocks = correct(&mut set);
    let times = set.spans.iter().map(|span| [span.start_ns / MS, span.end_ns / MS]).collect();
    (clocks, times)
}

const SHOP: &[&[(&str, &str)]] = &[&[("host.name", "a")], &[("host.name", "b")]];

#[test]
fn a_request_and_its_answer_bound_a_servers_clock() {
    // The server's clock is 50 ms behind; each way takes 2 ms.
    let spans = vec![
        span(SpanKind::Client, 0, (1, 0), [100, 120]),
        span(SpanKind::Server, 1, (2, 1), [52, 68]),
        span(SpanKind::Internal, 1, (3, 2), [55, 60]),
    ];
    let (clocks, times) = corrected(processes(SHOP), spans);
    let pair = &clocks.pairs()[0];
    assert_eq!((&*pair.node, &*pair.against), ("host b", "host a"));
    // Microseconds may have been cut off.
    let bounds = (pair.interval.at_least_ns.unwrap(), pair.interval.at_most_ns.unwrap());
    assert_eq!(bounds, (-52_001_000, -47_999_000));
    assert_eq!(pair.ahead_ns, Some(-50_000_000));
    assert_eq!(times, [[100, 120], [102, 118], [105, 110]]);
}

#[test]
fn clocks_that_may_agree_are_left_alone() {
    let spans = vec![
        span(SpanKind::Client, 0, (1, 0), [100, 120]),
        span(SpanKind::Server, 1, (2, 1), [100, 120]),
    ];
    let (clocks, times) = corrected(processes(SHOP), spans);
    assert_eq!(clocks.pairs()[0].ahead_ns, Some(0));
    assert_eq!(times, [[100, 120], [100, 120]]);
}

#[test]
fn a_client_that_gave_up_says_nothing_of_the_answer() {
    let mut client = span(SpanKind::Client, 0, (1, 0), [100, 120]);
    client.status = Status::Error("deadline exceeded".into());
    let spans = vec![client, span(SpanKind::Server, 1, (2, 1), [105, 900])];
    let (clocks, times) = corrected(processes(SHOP), spans);
    let pair = &clocks.pairs()[0];
    assert_eq!((pair.interval.at_least_ns, pair.ahead_ns), (None, Some(0)));
    assert_eq!(times, [[100, 120], [105, 900]]);
}

#[test]
fn work_that_outlasts_its_caller_says_nothing_either() {
    let spans = vec![
        span(SpanKind::Internal, 0, (1, 0), [100, 120]),
        span(SpanKind::Internal, 1, (2, 1), [105, 900]),
    ];
    assert_eq!(corrected(processes(SHOP), spans).1, [[100, 120], [105, 900]]);
}

#[test]
fn one_way_alone_moves_a_callee_to_its_caller() {
    let spans = vec![
        span(SpanKind::Internal, 0, (1, 0), [100, 120]),
        span(SpanKind::Internal, 1, (2, 1), [40, 45]),
    ];
    let (clocks, times) = corrected(processes(SHOP), spans);
    assert_eq!(clocks.pairs()[0].interval.at_least_ns, None);
    assert_eq!(times, [[100, 120], [100, 105]]);
}

#[test]
fn processes_of_one_host_have_one_clock() {
    let resources = processes(&[
        &[("host.name", "a"), ("service.name", "shop")],
        &[("host.name", "a"), ("service.name", "stock")],
    ]);
    let spans = vec![
        span(SpanKind::Client, 0, (1, 0), [100, 120]),
        span(SpanKind::Server, 1, (2, 1), [90, 95]),
    ];
    let (clocks, times) = corrected(resources, spans);
    assert!(clocks.pairs().is_empty());
    assert_eq!(times, [[100, 120], [90, 95]]);
}

#[test]
fn messages_between_stores_count_and_what_hangs_below_moves_along() {
    let store = |mut span: Span, id: i64| {
        span.attributes.push(Attribute { key: "raft.store_id".into(), value: Value::Int(id) });
        span
    };
    // Both in processes that say nothing of themselves.
    let spans = vec![
        store(span(SpanKind::Internal, 0, (1, 0), [100, 120]), 1),
        store(message(span(SpanKind::Internal, 1, (2, 0), [5_103, 5_104]), 1), 2),
        span(SpanKind::Internal, 1, (3, 2), [5_103, 5_104]),
        store(message(span(SpanKind::Internal, 0, (4, 0), [107, 108]), 2), 1),
    ];
    let resources = processes(&[&[("service.name", "s")], &[("service.name", "s"), ("n", "2")]]);
    let (clocks, times) = corrected(resources, spans);
    let pair = &clocks.pairs()[0];
    assert_eq!((&*pair.node, &*pair.against), ("store 2", "store 1"));
    assert_eq!(pair.ahead_ns.map(|it| it / 500_000), Some(9_999));
    assert_eq!(times[1], times[2]);
    assert!(times[0][0] <= times[1][0] && times[1][0] <= times[3][0], "{times:?}");
}

#[test]
fn a_clock_that_was_set_leaves_each_trace_to_itself() {
    // In the first trace the server is 50 ms behind, in the second 50 ms ahead.
    let mut spans = vec![
        span(SpanKind::Client, 0, (1, 0), [100, 120]),
        span(SpanKind::Server, 1, (2, 1), [52, 68]),
        span(SpanKind::Internal, 1, (3, 2), [55, 60]),
    ];
    let mut second = vec![
        span(SpanKind::Client, 0, (1, 0), [200, 220]),
        span(SpanKind::Server, 1, (2, 1), [252, 268]),
    ];
    second.iter_mut().for_each(|span| span.trace_id = TraceId(2));
    spans.extend(second);
    let (clocks, times) = corrected(processes(SHOP), spans);
    let pair = &clocks.pairs()[0];
    assert_eq!((pair.ahead_ns, pair.interval.is_possible()), (None, false));
    // The first server's spans are moved together, no further than to their caller.
    assert_eq!(times[..3], [[100, 120], [100, 116], [103, 108]]);
    // A callee that starts late may have started late.
    assert_eq!(times[3..], [[200, 220], [252, 268]]);
}

#[test]
fn absurd_times_and_rings_are_survived() {
    let mut first = span(SpanKind::Client, 0, (1, 2), [0, 0]);
    first.end_ns = u64::MAX;
    let mut second = message(span(SpanKind::Server, 1, (2, 1), [0, 0]), 1);
    (second.start_ns, second.end_ns) = (u64::MAX, 0);
    corrected(processes(SHOP), vec![first, second]);
    corrected(Vec::new(), vec![span(SpanKind::Server, 7, (1, 1), [1, 0])]);
    corrected(Vec::new(), Vec::new());
}
