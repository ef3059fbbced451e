//! Streams explained in one pass: the same as when read whole, in bounded memory, and what does not
//! fit is said.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::explain::{
    EngineUse, Explained, Explainer, GroupBy, Settings, WaitState, attribute, clocks, contrast,
    reads,
};
use raftlens_tracer::model::{Attribute, Resource, Span, SpanId, TraceId, TraceSet, Value};

mod made_reads;

use made_reads::Reads;

const MIB: usize = 1 << 20;

fn explained(settings: Settings, batches: impl IntoIterator<Item = TraceSet>) -> Explained {
    let mut explainer = Explainer::new(settings);
    batches.into_iter().for_each(|batch| explainer.add(batch));
    explainer.finish()
}

fn with_window(window_bytes: usize) -> Settings {
    Settings { window_bytes, ..Settings::default() }
}

/// What must not depend on how the input was cut, in words.
fn told(explained: &Explained) -> String {
    let reads = &explained.reads;
    let groups: Vec<_> = reads
        .groups()
        .iter()
        .map(|(name, it)| (name.to_string(), it.count, it.total_ns, it.slowest[0].read.trace_id))
        .collect();
    let states: Vec<_> = reads.states().iter().map(|it| (it.state, it.times.sum_ns())).collect();
    let (count, judged, failed) = (reads.count(), reads.judged(), reads.failed());
    format!("{count} {judged} {failed}\n{groups:?}\n{states:?}\n{:?}", reads.differences())
}

#[test]
fn a_small_window_finds_what_a_large_one_finds() {
    let batches = |size: usize| {
        let mut reads = Reads::new(7);
        (0..20_000 / size).map(move |_| reads.batch(size))
    };
    let whole = explained(Settings::default(), batches(20_000));
    assert!(whole.whole.is_some());
    assert_eq!(whole.reads.count(), 20_000);
    assert!(whole.reads.judged() > 50 && whole.reads.judged() < 1_000);
    for size in [10, 500] {
        let narrow = explained(with_window(2 * MIB), batches(size));
        assert!(narrow.whole.is_none());
        assert_eq!(told(&narrow), told(&whole));
        assert_eq!((narrow.unfit, narrow.missing_carriers), (whole.unfit, 0));
        assert_eq!(narrow.spans, whole.spans);
    }
}

#[test]
fn a_span_may_come_before_or_after_those_that_it_belongs_to() {
    let mut set = Reads::new(3).batch(2_000);
    let whole = explained(Settings::default(), [set.clone()]);
    // Neighbours change places, over a distance that a window's eighth holds.
    for part in set.spans.chunks_mut(60) {
        part.reverse();
    }
    let batches = set
        .spans
        .chunks(100)
        .map(|spans| TraceSet { resources: set.resources.clone(), spans: spans.to_vec() });
    let mixed = explained(with_window(MIB), batches);
    assert_eq!(told(&mixed), told(&whole));
    assert_eq!(mixed.unfit, Default::default());
}

#[test]
fn a_window_that_is_cut_into_parts_explains_what_the_whole_explains() {
    let mut set = Reads::new(11).batch(20_000);
    // What belongs together is as far apart as it can be.
    set.spans.sort_by_key(|span| span.span_id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let assembly = Assembly::new(&set);
    let mut expected: BTreeMap<WaitState, u128> = BTreeMap::new();
    let mut joined = 0;
    for root in reads(&assembly) {
        let read = attribute(&assembly, root).unwrap();
        joined += usize::from(read.facts.carrier.is_some());
        for share in &read.shares {
            *expected.entry(share.state).or_default() += u128::from(share.to_ns - share.from_ns);
        }
    }
    assert!(joined > 1_000);
    let explained = explained(Settings::default(), [set.clone()]);
    let found = explained.reads.states().into_iter().map(|it| (it.state, it.times.sum_ns()));
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    assert_eq!(explained.missing_carriers, 0);
}

#[test]
fn a_carrier_that_is_out_of_reach_is_counted() {
    let mut reads = Reads::new(1);
    let first = reads.batch(1);
    let fill = Reads::new(2).batch(5_000);
    let second = reads.batch(1);
    let found = explained(with_window(MIB), [first, fill, second]);
    assert_eq!((found.missing_carriers, found.reads.count()), (1, 5_002));
    // And one that is nowhere.
    let mut reads = Reads::new(1);
    reads.batch(1);
    let found = explained(Settings::default(), [reads.batch(1)]);
    assert_eq!((found.missing_carriers, found.reads.count()), (1, 1));
}

#[test]
fn a_span_that_comes_too_late_is_counted() {
    let mut set = Reads::new(1).batch(1);
    let late = TraceSet { resources: set.resources.clone(), spans: vec![set.spans.remove(0)] };
    let found = explained(with_window(MIB), [set, Reads::new(2).batch(5_000), late]);
    assert_eq!((found.unfit.late_spans, found.reads.count()), (1, 5_001));
}

fn plain(trace: u128, id: u64, parent: u64, times: std::ops::Range<u64>) -> Span {
    Span {
        trace_id: TraceId(trace),
        span_id: SpanId(id),
        parent_span_id: (parent != 0).then_some(SpanId(parent)),
        name: if parent == 0 { "request".into() } else { "call".into() },
        start_ns: times.start,
        end_ns: times.end,
        ..Span::default()
    }
}

fn set_of(spans: Vec<Span>) -> TraceSet {
    TraceSet { resources: Vec::new(), spans }
}

/// Briefs of spans that have nothing are half as large as the spans, and those of the first trace would
/// have been let go of by the end.
#[test]
fn an_input_that_fits_is_given_back_with_its_resources_however_small_its_spans_are() {
    let service = |name: &str| {
        let name = Attribute { key: "service.name".into(), value: Value::Str(name.into()) };
        Resource { attributes: vec![name] }
    };
    let batches: Vec<TraceSet> = (0..100)
        .map(|batch| {
            let spans = (0..30).map(|it| plain(batch + 1, it + 1, u64::from(it > 0), 5..6));
            let resource = service(if batch < 50 { "first" } else { "second" });
            TraceSet { resources: vec![resource], spans: spans.collect() }
        })
        .collect();
    let whole = explained(with_window(MIB), batches.clone()).whole.unwrap();
    assert_eq!(whole.spans.len(), 3_000);
    for (batch, spans) in batches.iter().zip(whole.spans.chunks(30)) {
        let of_span = |span: &Span| whole.resources[span.resource as usize].clone();
        assert!(spans.iter().all(|span| of_span(span) == batch.resources[0]));
    }
}

#[test]
fn a_million_spans_of_one_trace_are_explained_or_said_to_be_cut() {
    let count = 1_000_000;
    let spans = |from: u64| {
        let mut spans: Vec<_> =
            (from.max(2)..from + 10_000).map(|it| plain(1, it, 1, it..it + 1)).collect();
        if from == 0 {
            spans.push(plain(1, 1, 0, 0..count));
        }
        set_of(spans)
    };
    let batches = || (0..count / 10_000).map(|it| spans(it * 10_000));
    let whole = explained(with_window(1 << 30), batches());
    let operations = whole.paths.operations();
    assert_eq!((&*operations[0].name, operations[0].spans), ("call", 999_998));
    assert_eq!(whole.unfit, Default::default());

    let cut = explained(with_window(64 * MIB), batches());
    assert_eq!((cut.unfit.cut_traces, cut.paths.durations().count()), (1, 1));
    let operations = cut.paths.operations();
    let held = operations.iter().find(|it| &*it.name == "call").unwrap().spans as u64;
    assert!(held > 10_000 && held + cut.unfit.left_out_spans + 2 == count, "{held}");
}

#[test]
fn many_traces_that_do_not_end_are_cut_before_they_fill_the_window() {
    let spans = |round: u64| {
        (0..1_000).map(move |trace| plain(trace, round + 1, round, round..round + 5)).collect()
    };
    let found = explained(with_window(MIB), (0..20).map(|round| set_of(spans(round))));
    assert!(found.unfit.cut_traces > 0 && found.unfit.late_spans > 0, "{:?}", found.unfit);
    assert_eq!(found.spans, 20_000);
}

#[test]
fn nothing_gives_nothing() {
    for batches in [vec![], vec![TraceSet::default()]] {
        let found = explained(Settings::default(), batches);
        assert_eq!((found.spans, found.reads.count(), found.paths.durations().count()), (0, 0, 0));
        assert!(found.paths.operations().is_empty() && found.reads.groups().is_empty());
    }
}

#[test]
fn a_read_knows_how_many_shared_its_round() {
    let set = Reads::new(11).batch(400);
    let assembly = Assembly::new(&set);
    let found: Vec<_> =
        reads(&assembly).iter().filter_map(|it| attribute(&assembly, *it)).collect();
    let sharing = |mode: &str| {
        let of_mode = found.iter().filter(|it| it.facts.mode.as_deref() == Some(mode));
        of_mode.map(|it| it.facts.batch).collect::<Vec<_>>()
    };
    assert_eq!(sharing("read_index"), [2; 100]);
    assert_eq!(sharing("read_index_batched"), [2; 100]);
    assert_eq!(sharing("replica_lease"), [1; 100]);
    assert_eq!(sharing("lease_local"), [0; 100]);
}

#[test]
fn batches_and_what_the_engine_did_set_reads_apart() {
    let set = Reads::new(11).batch(400);
    let assembly = Assembly::new(&set);
    let mut found: Vec<_> =
        reads(&assembly).iter().filter_map(|it| attribute(&assembly, *it)).collect();
    for read in found.iter_mut().filter(|it| it.facts.batch == 2) {
        read.facts.engine =
            Some(EngineUse { block_reads: 3, tombstones: 1, ..EngineUse::default() });
    }
    let (slow, normal): (Vec<_>, Vec<_>) = found.iter().partition(|it| it.facts.batch > 0);
    let differences = contrast(&slow, &normal);
    let with = |what: &str| {
        let found = differences.iter().find(|it| it.what == what).unwrap();
        (found.slow_with, found.slow, found.normal_with, found.normal)
    };
    assert_eq!(with("in a round of 2 to 3 reads"), (200, 300, 0, 100));
    assert_eq!(with("alone in its round"), (100, 300, 0, 100));
    assert_eq!(with("joined a carrier"), (100, 300, 0, 100));
    assert_eq!(with("fetched blocks"), (200, 300, 0, 100));
    assert_eq!(with("passed deleted keys"), (200, 300, 0, 100));
}

#[test]
fn reads_are_grouped_as_asked() {
    for (group_by, name) in
        [(GroupBy::Region, "region "), (GroupBy::Store, "store "), (GroupBy::Mode, "re")]
    {
        let found = explained(
            Settings { group_by, keep: 3, ..Settings::default() },
            [Reads::new(5).batch(5_000)],
        );
        let groups = found.reads.groups();
        assert!(groups.len() > 1);
        assert_eq!(groups.iter().map(|(_, it)| it.count).sum::<usize>(), found.reads.judged());
        for (found, group) in groups {
            assert!(found.starts_with(name), "{found}");
            assert!(group.slowest.len() <= 3);
            assert_eq!(group.slowest_traces(usize::MAX).len(), group.count);
            let durations = group.slowest.iter().map(|it| it.read.duration_ns);
            assert!(durations.is_sorted_by(|a, b| a >= b));
        }
    }
}

#[test]
fn a_faster_quorum_changes_the_reads_that_waited_for_it() {
    let what_if = vec!["quorum=-200us".parse().unwrap(), "no_such=-1ms".parse().unwrap()];
    let settings = Settings { what_if, ..Settings::default() };
    let found = explained(settings, [Reads::new(5).batch(4_000)]);
    let [faster, none] = found.reads.outcomes() else { panic!() };
    // Lease reads do not wait for it, and all others wait that long at least on one way or another.
    assert!(faster.with >= 2_000 && faster.with <= 3_000);
    let sums = (faster.before.sum_ns(), faster.after.sum_ns());
    let saved = sums.0 - sums.1;
    assert!(saved > 2_000 * 190_000 && saved <= 3_000 * 200_000, "{saved}");
    assert_eq!((none.with, &none.before), (0, &none.after));
}

#[test]
fn clocks_that_differ_are_found_and_corrected_before_reads_are_attributed() {
    let reads = |ahead_ns: [i64; 3]| {
        let mut reads = Reads::new(9);
        reads.ahead_ns = ahead_ns;
        reads.batch(4_000)
    };
    let agreeing = explained(Settings::default(), [reads([0; 3])]);
    assert!(agreeing.clocks.pairs().iter().all(|pair| pair.ahead_ns == Some(0)));

    let skewed = reads([0, 5_000_000, -20_000_000]);
    let found = explained(Settings::default(), [skewed.clone()]);
    for (pair, truth) in found.clocks.pairs().iter().zip([5_000_000_i64, -20_000_000]) {
        let interval = pair.interval;
        assert!(interval.at_least_ns.unwrap() <= truth && truth <= interval.at_most_ns.unwrap());
        // Messages take 100 us to 200 us each way, so no more can be said.
        assert!((pair.ahead_ns.unwrap() - truth).abs() < 150_000, "{pair:?}");
        assert!(!pair.has_moved);
    }
    // Without that, a replica's question would seem to reach the leader 5 ms early.
    let share = |explained: &Explained| {
        let states = explained.reads.states();
        let asked = states.iter().find(|it| it.state == WaitState::AskLeader);
        asked.map_or(0, |it| it.times.sum_ns() / 1_000)
    };
    let (right, corrected) = (share(&agreeing) as f64, share(&found) as f64);
    assert!((corrected - right).abs() < right / 2.0, "{corrected} for {right} us");
    assert_eq!(found.reads.judged(), agreeing.reads.judged());

    let mut set = skewed;
    clocks::correct(&mut set);
    assert_eq!(set.spans, found.whole.unwrap().spans);
}

#[test]
fn a_clock_that_is_set_during_the_input_is_followed() {
    let mut reads = Reads::new(9);
    let mut batches = Vec::new();
    for ahead in [5_000_000, 0] {
        reads.ahead_ns = [0, ahead, 0];
        batches.extend((0..200).map(|_| reads.batch(20)));
    }
    let found = explained(with_window(MIB), batches);
    let pairs = found.clocks.pairs();
    let moved = pairs.iter().find(|pair| pair.node == "store 2" || pair.against == "store 2");
    let moved = moved.unwrap();
    assert!(moved.has_moved, "{pairs:?}");
    assert_eq!(moved.ahead_ns, Some(0));
}
