//! The room that the flight recorder has for a trace and for all of them: it is used to the last cell,
//! and what finds none is counted.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

mod given_time;

use std::collections::HashMap;
use std::time::Duration;

use given_time::{MANY, named, recorded, recorder};
use raftlens_tracer::model::Value;
use tracing::info_span;

#[test]
fn a_trace_may_be_long() {
    let traces = recorded(|_| {
        let root = info_span!("root").entered();
        for number in 0..MANY {
            info_span!("child", number, text = "some text that takes room").in_scope(|| {
                info_span!("grandchild", number).in_scope(|| {});
            });
        }
        drop(root);
    });
    let children: Vec<_> = traces.spans.iter().filter(|span| &*span.name == "child").collect();
    let root = named(&traces, "root");
    assert!(children.iter().all(|child| child.parent_span_id == Some(root.span_id)));
    let numbers: Vec<_> = children.iter().map(|child| child.attribute("number")).collect();
    let expected: Vec<_> = (0..MANY).map(Value::Int).collect();
    assert_eq!(numbers, expected.iter().map(Some).collect::<Vec<_>>());
    assert_eq!(traces.spans.len() as i64, 1 + 2 * MANY);
}

#[test]
fn without_room_whole_traces_are_left_out_and_counted() {
    // 64 blocks.
    let (recorder, _) = recorder(|builder| builder.memory_bytes(2 * 64 * 2048));
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    tracing::subscriber::with_default(recorder.clone(), || {
        let open: Vec<_> = (0..100).map(|number| info_span!("read", number)).collect();
        for read in &open {
            read.in_scope(|| info_span!("inspect").in_scope(|| tracing::info!("checked")));
        }
        drop(open);
    });
    let counts = recorder.counts();
    assert_eq!(counts.traces_without_room, 36, "{counts:?}");
    assert_eq!(counts.lost(), 36 + counts.kept_without_room);
    let kept = recorder.kept();
    // Half of the blocks may wait for the collector.
    assert_eq!(kept.spans.iter().filter(|span| &*span.name == "read").count(), 32);
    assert_eq!(kept.spans.iter().filter(|span| &*span.name == "inspect").count(), 32);
}

#[test]
fn a_trace_that_is_too_long_says_what_is_missing() {
    let (recorder, _) = recorder(|builder| builder.most_blocks_per_trace(2));
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    tracing::subscriber::with_default(recorder.clone(), || {
        let _root = info_span!("root").entered();
        (0..100).for_each(|number| drop(info_span!("child", number)));
    });
    let (kept, counts) = (recorder.kept(), recorder.counts());
    let missing = 101 - kept.spans.len() as u64;
    assert!(missing > 0 && counts.spans_in_full_traces == missing, "{counts:?}");
    let said = named(&kept, "root").attribute("raftlens.dropped_entries");
    assert_eq!(said, Some(&Value::Int(missing as i64)));
}

/// What is leased at once is used up to the last cell, by spans with fields and without.
#[test]
fn spans_without_fields_take_one_cell_each() {
    let traces = recorded(|_| {
        for number in 0..3 {
            let root = info_span!("root", number).entered();
            let other = root.clone();
            // Another thread's entries lie between those that this one has leased.
            let beside = || other.in_scope(|| (0..5).for_each(|_| drop(info_span!("beside"))));
            for _ in 0..5 {
                (0..30).for_each(|_| drop(info_span!("leaf")));
                let parent = info_span!("parent").entered();
                (0..13).for_each(|number| drop(info_span!("leaf", number)));
                drop(parent);
                let dispatch = tracing::dispatcher::get_default(Clone::clone);
                std::thread::scope(|threads| {
                    let run = || tracing::dispatcher::with_default(&dispatch, beside);
                    threads.spawn(run).join().unwrap();
                });
            }
        }
    });
    let of = |name: &str| traces.spans.iter().filter(|span| &*span.name == name).count();
    let counts = ["root", "parent", "leaf", "beside"].map(of);
    assert_eq!(counts, [3, 15, 3 * 5 * 43, 3 * 5 * 5]);
    assert_eq!(traces.spans.len(), counts.into_iter().sum::<usize>());
    let by_id: HashMap<_, _> = traces.spans.iter().map(|span| (span.span_id, span)).collect();
    assert_eq!(by_id.len(), traces.spans.len());
    for span in traces.spans.iter().filter(|span| &*span.name != "root") {
        let parent = by_id[&span.parent_span_id.unwrap()];
        assert!(["root", "parent"].contains(&&*parent.name), "{span:?}");
    }
}
