//! Contexts, links and hand-overs of real spans, between threads and nodes, up to every file.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![cfg(feature = "otel")]

mod recorded;

use std::sync::mpsc;
use std::thread;

use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::format::{Format, read};
use raftlens_tracer::model::{SpanId, TraceSet};
use raftlens_tracer::{Counts, TraceContext, init};
use tracing::{Dispatch, dispatcher};

use recorded::{named, record, start};

#[test]
fn a_context_is_there_at_once_and_is_the_spans_own() {
    let mut contexts = Vec::new();
    let traces = record(|| {
        let unentered = tracing::info_span!("unentered");
        contexts.push(TraceContext::of(&unentered).unwrap());
        let child = tracing::info_span!(parent: &unentered, "child");
        contexts.push(TraceContext::of(&child).unwrap());
    });
    for (name, context) in [("unentered", contexts[0]), ("child", contexts[1])] {
        let span = named(&traces, name);
        assert_eq!((span.trace_id, span.span_id), (context.trace_id, context.span_id));
        assert!(context.is_sampled());
        assert_eq!(context.to_string().parse(), Ok(context));
    }
    assert_eq!(contexts[0].trace_id, contexts[1].trace_id);
    assert_eq!(named(&traces, "child").parent_span_id, Some(contexts[0].span_id));
    assert_eq!(TraceContext::of(&tracing::Span::none()), None);
}

#[test]
fn links_to_closed_spans_stay() {
    let mut round = None;
    let traces = record(|| {
        let span = tracing::info_span!("round");
        round = TraceContext::of(&span);
        drop(span);
        let entered = tracing::info_span!("read");
        entered.in_scope(|| TraceContext::link(&entered, round.unwrap(), "read_index_round"));
        TraceContext::link(&entered, round.unwrap(), "apply");
        TraceContext::link(&tracing::info_span!("unentered"), round.unwrap(), "batch");
    });
    let round = round.unwrap();
    let links = &named(&traces, "read").links;
    assert_eq!(links.len(), 2);
    for link in links.iter().chain(&named(&traces, "unentered").links) {
        assert_eq!((link.trace_id, link.span_id), (round.trace_id, round.span_id));
    }
    let assembly = Assembly::new(&traces);
    let from = assembly.find(round.trace_id, round.span_id).unwrap();
    let followers = assembly.followers(from);
    let mut kinds: Vec<_> = followers.iter().map(|hand_over| hand_over.kind.unwrap()).collect();
    kinds.sort();
    assert_eq!(kinds, ["apply", "batch", "read_index_round"]);
    // They wait on the round, but their own traces begin with them.
    assert_eq!(assembly.roots().count(), 3);
}

/// A read that goes over a queue to another thread, whose answer comes by a callback on a third.
fn read_across_threads() {
    let dispatch = dispatcher::get_default(Dispatch::clone);
    let (to_raftstore, mailbox) = mpsc::channel::<TraceContext>();
    let (to_apply, callbacks) = mpsc::channel::<TraceContext>();
    let for_apply = dispatch.clone();
    let raftstore = thread::spawn(move || {
        dispatcher::with_default(&dispatch, || {
            for from in mailbox {
                let span = tracing::info_span!(parent: None, "propose");
                assert!(TraceContext::follow(&span, from, "mailbox"));
                let _entered = span.enter();
                // A child of the handed-over span is a child like any other.
                tracing::info_span!("inspect", policy = "ReadIndex").in_scope(|| {});
                to_apply.send(TraceContext::of(&span).unwrap()).unwrap();
            }
        });
    });
    let apply = thread::spawn(move || {
        dispatcher::with_default(&for_apply, || {
            for from in callbacks {
                let span = tracing::info_span!(parent: None, "apply_reads");
                assert!(TraceContext::follow(&span, from, "callback"));
            }
        });
    });
    for _ in 0..20 {
        let read = tracing::info_span!(parent: None, "read");
        read.in_scope(|| to_raftstore.send(TraceContext::of(&read).unwrap()).unwrap());
    }
    drop(to_raftstore);
    raftstore.join().unwrap();
    apply.join().unwrap();
}

/// Checks that every read went read ~> propose > inspect, propose ~> apply_reads.
fn assert_hand_overs(traces: &TraceSet) {
    let assembly = Assembly::new(traces);
    let roots: Vec<_> = assembly.roots().collect();
    assert_eq!(roots.len(), 20);
    assert_eq!(assembly.orphans().count(), 0);
    let name = |index: usize| &*traces.spans[index].name;
    for root in roots {
        assert_eq!(name(root), "read");
        assert!(assembly.children(root).is_empty(), "a hand-over is no child");
        let [first] = assembly.followers(root) else { panic!("one follower") };
        assert_eq!((name(first.to), first.kind), ("propose", Some("mailbox")));
        assert!(assembly.is_handed_over(first.to));
        let [child] = assembly.children(first.to) else { panic!("one child") };
        assert_eq!(name(*child), "inspect");
        assert!(traces.spans[*child].links.is_empty(), "the mark is not inherited");
        let [second] = assembly.followers(first.to) else { panic!("one follower") };
        assert_eq!((name(second.to), second.kind), ("apply_reads", Some("callback")));
        for index in [first.to, *child, second.to] {
            let span = &traces.spans[index];
            assert_eq!(span.trace_id, traces.spans[root].trace_id, "one trace");
            let marks = span.attributes.iter().filter(|pair| pair.key.starts_with("raftlens."));
            assert_eq!(marks.count(), 0, "{:?}", span.attributes);
        }
        assert_eq!(traces.spans[first.to].parent_span_id, None);
    }
}

const FILES: [Format; 5] = [
    Format::OtlpJsonLines,
    Format::OtlpJson,
    Format::OtlpProtobuf,
    Format::JaegerJson,
    Format::ChromeJson,
];

#[test]
fn hand_overs_join_the_trace_without_a_parent_in_memory_and_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |format: Format| folder.path().join(format.extension());
    let with_files = FILES.into_iter().fold(init(), |init, format| init.file(path(format), format));
    let (dispatch, guard) = start(with_files.service_name("store-1"));
    dispatcher::with_default(&dispatch, read_across_threads);
    let memory = guard.memory();
    let counts = guard.shutdown().unwrap();
    assert_eq!(counts, Counts { started: 80, ended: 80, dropped: 0 });
    assert_hand_overs(&memory.snapshot());
    for format in FILES {
        let file = std::fs::read(path(format)).unwrap();
        let report = read(&file[..]).unwrap();
        assert_eq!(report.warnings, [], "{format}");
        assert_eq!(report.traces.resources[0].service_name(), Some("store-1"));
        assert_hand_overs(&report.traces);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), FILES.len(), "nothing else is left");
}

#[test]
fn following_too_late_leaves_a_link() {
    let other = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let mut joined = true;
    let traces = record(|| {
        let span = tracing::info_span!(parent: None, "late");
        let _ = TraceContext::of(&span);
        joined = TraceContext::follow(&span, other, "message");
    });
    let span = named(&traces, "late");
    assert!(!joined);
    assert_ne!(span.trace_id, other.trace_id);
    assert_eq!((span.links.len(), span.links[0].span_id), (1, other.span_id));
}

#[test]
fn a_message_from_another_node_is_followed() {
    let remote: TraceContext =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
    let traces = record(|| {
        let span = tracing::info_span!(parent: None, "step");
        assert!(TraceContext::follow(&span, remote, "message"));
    });
    let span = named(&traces, "step");
    assert_eq!((span.trace_id, span.parent_span_id), (remote.trace_id, None));
    assert_eq!(span.links[0].span_id, SpanId(0xb7ad6b7169203331));
    assert_eq!(span.flags & 0x200, 0, "there is no parent that could be remote");
}

#[test]
fn an_unsampled_trace_is_not_recorded_anywhere() {
    let remote = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00".parse().unwrap();
    let traces = record(|| {
        let span = tracing::info_span!(parent: None, "step");
        assert!(TraceContext::follow(&span, remote, "message"));
        let context = TraceContext::of(&span).unwrap();
        assert_eq!((context.trace_id, context.is_sampled()), (remote.trace_id, false));
    });
    assert!(traces.spans.is_empty());
}

#[test]
fn a_round_may_have_a_thousand_links() {
    let traces = record(|| {
        let round = tracing::info_span!("round");
        let from = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
        (0..1_000).for_each(|_| TraceContext::link(&round, from, "batch"));
    });
    let round = named(&traces, "round");
    assert_eq!((round.links.len(), round.dropped_links), (1_000, 0));
}
