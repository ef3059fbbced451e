//! What was found about slow reads, as JSON.

use raftlens_tracer::explain::{
    ClockPair, Difference, Explained, Group, Operation, Outcome, Sketch, StateTotal, Told,
};
use serde_json::{Map, Value, json};

/// Reads.
pub(crate) fn reads(explained: &Explained, top: usize) -> Value {
    let reads = &explained.reads;
    let told = |told: &Told| {
        json!({
            "trace_id": told.read.trace_id.to_string(),
            "duration_ns": told.read.duration_ns,
            "cause": told.verdict.cause.as_str(),
            "verdict": told.verdict.sentence,
            "evidence": told.verdict.evidence,
            "next": told.verdict.cause.next_step(),
        })
    };
    let group = |(name, group): &(&str, &Group)| {
        json!({
            "name": name,
            "count": group.count,
            "total_ns": group.total_ns,
            "verdicts": counted("verdict", group.sentences()),
            "places": counted("place", group.places()),
            "slowest": group.slowest.iter().take(top).map(told).collect::<Vec<_>>(),
        })
    };
    let difference = |it: &Difference| {
        json!({
            "what": it.what, "share": it.share,
            "slow_with": it.slow_with, "slow": it.slow,
            "normal_with": it.normal_with, "normal": it.normal,
        })
    };
    let state = |it: &StateTotal| {
        with_times(json!({"state": it.state.as_str(), "reads": it.times.count()}), &it.times)
    };
    let limits = reads.limits().map(|it| {
        json!({
            "asked": it.asked.as_str(), "reads": it.reads,
            "first_limit_ns": it.first_ns, "limit_ns": it.last_ns,
        })
    });
    let found = json!({
        "reads": reads.count(),
        "judged": reads.judged(),
        "failed": reads.failed(),
        "groups": reads.groups().iter().take(top).map(group).collect::<Vec<_>>(),
        "differences": reads.differences().iter().take(top).map(difference).collect::<Vec<_>>(),
        "states": reads.states().iter().map(state).collect::<Vec<_>>(),
        "limits": limits.collect::<Vec<_>>(),
        "what_if": reads.outcomes().iter().map(outcome).collect::<Vec<_>>(),
    });
    with_circumstances(with_times(found, reads.durations()), explained)
}

/// Requests that are no reads.
pub(crate) fn requests(explained: &Explained, top: usize) -> Value {
    let paths = &explained.paths;
    let operation = |it: &&Operation| {
        json!({
            "operation": &*it.name,
            "service": &*it.service,
            "on_path_ns": whole(it.on_path.sum_ns()),
            "spans": it.spans,
            "requests": it.on_path.count(),
            "p50_ns": it.on_path.quantile_ns(0.5),
            "p99_ns": it.on_path.quantile_ns(0.99),
            "spans_beside": it.slack.count(),
            "slack_p50_ns": it.slack.quantile_ns(0.5),
        })
    };
    let operations = paths.operations();
    let shown = operations.iter().filter(|it| it.spans > 0).take(top);
    let found = json!({
        "reads": 0,
        "requests": paths.durations().count(),
        "operations": shown.map(operation).collect::<Vec<_>>(),
        "what_if": paths.outcomes().iter().map(outcome).collect::<Vec<_>>(),
    });
    with_circumstances(with_times(found, paths.durations()), explained)
}

fn whole(ns: u128) -> u64 {
    u64::try_from(ns).unwrap_or(u64::MAX)
}

fn with_times(mut object: Value, times: &Sketch) -> Value {
    let fields: Map<String, Value> = [
        ("total_ns".to_owned(), json!(whole(times.sum_ns()))),
        ("p50_ns".to_owned(), json!(times.quantile_ns(0.5))),
        ("p99_ns".to_owned(), json!(times.quantile_ns(0.99))),
    ]
    .into_iter()
    .collect();
    if let Some(object) = object.as_object_mut() {
        object.extend(fields);
    }
    object
}

fn outcome(it: &Outcome) -> Value {
    let times = |times: &Sketch| with_times(json!({}), times);
    json!({
        "what": it.what_if.to_string(),
        "with": it.with,
        "before": times(&it.before),
        "after": times(&it.after),
    })
}

/// The clocks, and what could not be used as it should.
fn with_circumstances(mut object: Value, explained: &Explained) -> Value {
    let pair = |it: &ClockPair| {
        json!({
            "node": it.node, "against": it.against,
            "ahead_ns": it.ahead_ns,
            "at_least_ns": it.interval.at_least_ns, "at_most_ns": it.interval.at_most_ns,
            "messages": it.interval.messages,
            "contradictory": it.ahead_ns.is_none(), "changed": it.has_moved,
        })
    };
    let clocks: Vec<Value> = explained.clocks.pairs().iter().map(pair).collect();
    let unfit = json!({
        "missing_carriers": explained.missing_carriers,
        "late_spans": explained.unfit.late_spans,
        "cut_traces": explained.unfit.cut_traces,
        "left_out_spans": explained.unfit.left_out_spans,
        "requests_without_root": explained.paths.without_root(),
    });
    if let Some(object) = object.as_object_mut() {
        object.insert("spans".to_owned(), json!(explained.spans));
        object.insert("clocks".to_owned(), json!(clocks));
        object.insert("unfit".to_owned(), unfit);
    }
    object
}

fn counted(name: &str, all: Vec<(&str, usize)>) -> Vec<Value> {
    all.into_iter().map(|(what, count)| json!({name: what, "reads": count})).collect()
}
