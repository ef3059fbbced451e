//! Real spans through the whole recording path: types, links, hand-overs between threads, levels,
//! bounds and files.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![cfg(feature = "otel")]

use std::sync::mpsc;
use std::thread;

use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::format::{Format, read};
use raftlens_tracer::model::{Span, SpanId, Status, TraceSet, Value};
use raftlens_tracer::{Counts, ExportError, Guard, Init, InitError, TraceContext, init};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher};

fn start(init: Init) -> (Dispatch, Guard) {
    let (subscriber, guard) = init.memory().build().unwrap();
    (Dispatch::new(subscriber), guard)
}

/// Records what `act` does and gives the spans.
fn record(act: impl FnOnce()) -> TraceSet {
    let (dispatch, guard) = start(init().level(LevelFilter::TRACE));
    dispatcher::with_default(&dispatch, act);
    guard.memory().take()
}

fn named<'a>(traces: &'a TraceSet, name: &str) -> &'a Span {
    traces.spans.iter().find(|span| &*span.name == name).unwrap()
}

#[test]
fn integers_stay_integers() {
    let traces = record(|| {
        let span = tracing::info_span!(
            "read",
            unsigned = 7_u64,
            signed = -7_i64,
            small = 3_u8,
            largest = i64::MAX as u64,
            beyond = u64::MAX,
            set_later = tracing::field::Empty,
            set_twice = 1_u64,
            becomes_text = 1_u64,
            float = 0.5,
            truth = true,
            text = "12",
        );
        span.record("set_later", 9_u64);
        span.in_scope(|| {});
        span.record("set_twice", 2_u64);
        span.record("becomes_text", "two");
    });
    let span = named(&traces, "read");
    assert_eq!(span.attribute("unsigned"), Some(&Value::Int(7)));
    assert_eq!(span.attribute("signed"), Some(&Value::Int(-7)));
    assert_eq!(span.attribute("small"), Some(&Value::Int(3)));
    assert_eq!(span.attribute("largest"), Some(&Value::Int(i64::MAX)));
    assert_eq!(span.text("beyond"), Some("18446744073709551615"), "too large for OpenTelemetry");
    assert_eq!(span.attribute("set_later"), Some(&Value::Int(9)));
    assert_eq!(span.attribute("set_twice"), Some(&Value::Int(2)));
    assert_eq!(span.text("becomes_text"), Some("two"));
    assert_eq!(span.attribute("float"), Some(&Value::Double(0.5)));
    assert_eq!(span.attribute("truth"), Some(&Value::Bool(true)));
    assert_eq!(span.text("text"), Some("12"), "digits in a text are no integer");
    let keys: Vec<_> = span.attributes.iter().map(|attribute| &*attribute.key).collect();
    let mut once = keys.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), keys.len(), "each key once: {keys:?}");
    assert!(span.text("code.file.path").unwrap().ends_with("recording.rs"));
    assert!(matches!(span.attribute("code.line.number"), Some(Value::Int(_))));
    assert!(
        !keys.contains(&"thread.id") && !keys.contains(&"target") && !keys.contains(&"busy_ns")
    );
}

#[test]
fn events_arrive_named_and_typed() {
    let traces = record(|| {
        let span = tracing::info_span!("inspect");
        span.in_scope(|| {
            tracing::info!(name: "case", title = "LeaseState::Suspect", remaining_ns = 5_u64);
            tracing::debug!(depth = 2, "a message of {}", "words");
            tracing::info!(name: "struct", "with a message");
            tracing::warn!(only = true);
        });
        // An event may be the first thing that happens to a span that was never entered.
        let waiting = tracing::info_span!(parent: &span, "waiting");
        tracing::info!(name: "case", parent: &waiting, title = "Waiting");
    });
    let events = &named(&traces, "inspect").events;
    let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
    assert_eq!(names[..3], ["case", "a message of words", "struct"]);
    assert!(names[3].starts_with("event "), "without a name and message: its place");
    assert_eq!(events.len(), 4, "the bridge's copies are gone");
    let pairs = |index: usize| {
        let attributes = &events[index].attributes;
        attributes.iter().map(|pair| (&*pair.key, pair.value.clone())).collect::<Vec<_>>()
    };
    let title = Value::Str("LeaseState::Suspect".into());
    assert_eq!(pairs(0), [("title", title), ("remaining_ns", Value::Int(5))]);
    assert_eq!(pairs(1), [("depth", Value::Int(2))]);
    assert_eq!(pairs(2), [("message", Value::Str("with a message".into()))]);
    assert_eq!(named(&traces, "waiting").events.len(), 1);
}

#[test]
fn errors_set_the_status() {
    #[tracing::instrument(err)]
    fn fails() -> Result<(), std::fmt::Error> {
        Err(std::fmt::Error)
    }
    let traces = record(|| {
        let _ = fails();
    });
    let span = named(&traces, "fails");
    assert!(matches!(span.status, Status::Error(_)), "{:?}", span.status);
    assert_eq!(&*span.events[0].name, "exception");
    assert_eq!(&*span.events[0].attributes[0].key, "exception.message");
}

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

#[test]
fn hand_overs_join_the_trace_without_a_parent_in_memory_and_in_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |format: Format| folder.path().join(format.extension());
    let with_files =
        Format::ALL.into_iter().fold(init(), |init, format| init.file(path(format), format));
    let (dispatch, guard) = start(with_files.service_name("store-1"));
    dispatcher::with_default(&dispatch, read_across_threads);
    let memory = guard.memory();
    let counts = guard.shutdown().unwrap();
    assert_eq!(counts, Counts { started: 80, ended: 80, dropped: 0 });
    assert_hand_overs(&memory.snapshot());
    for format in Format::ALL {
        let file = std::fs::read(path(format)).unwrap();
        let report = read(&file[..]).unwrap();
        assert_eq!(report.warnings, [], "{format}");
        assert_eq!(report.traces.resources[0].service_name(), Some("store-1"));
        assert_hand_overs(&report.traces);
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), 3, "nothing else is left behind");
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
fn the_level_changes_while_the_program_runs() {
    let (dispatch, guard) = start(init());
    let run = || {
        dispatcher::with_default(&dispatch, || {
            let stage = tracing::info_span!("stage");
            let function = tracing::debug_span!("function", n = 1_u64);
            (stage.is_disabled(), function.is_disabled(), TraceContext::of(&function).is_some())
        })
    };
    assert_eq!(run(), (false, true, false), "INFO is the default");
    guard.set_level(LevelFilter::DEBUG);
    assert_eq!(guard.level(), LevelFilter::DEBUG);
    assert_eq!(run(), (false, false, true));
    guard.set_level(LevelFilter::OFF);
    assert_eq!(run(), (true, true, false));
    guard.set_level(LevelFilter::INFO);
    assert_eq!(run(), (false, true, false));
    let names: Vec<_> =
        guard.memory().take().spans.iter().map(|span| span.name.to_string()).collect();
    assert_eq!(names.iter().filter(|name| *name == "function").count(), 1);
    assert_eq!(names.len(), 4);
}

#[test]
fn what_finds_no_room_is_counted() {
    let (dispatch, guard) = start(init().most_spans(10));
    dispatcher::with_default(&dispatch, || {
        for _ in 0..25 {
            tracing::info_span!("read").in_scope(|| {});
        }
    });
    let memory = guard.memory();
    assert_eq!((memory.len(), memory.dropped()), (10, 15));
    assert_eq!(guard.counts(), Counts { started: 25, ended: 25, dropped: 15 });
    assert_eq!(memory.take().spans.len(), 10);
    assert!(memory.is_empty(), "and there is room again");
}

#[test]
fn a_burst_of_many_threads_is_kept_whole() {
    let (dispatch, guard) = start(init());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let dispatch = dispatch.clone();
            thread::spawn(move || {
                dispatcher::with_default(&dispatch, || {
                    for number in 0..3_000_u64 {
                        tracing::info_span!("read", number).in_scope(|| {});
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(guard.memory().len(), 12_000);
    assert_eq!(guard.counts().dropped, 0);
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

#[test]
fn a_span_is_not_over_before_its_last_event() {
    let traces = record(|| {
        let span = tracing::info_span!("round");
        span.in_scope(|| {});
        tracing::info!(name: "case", parent: &span, title = "Quorum");
    });
    let round = named(&traces, "round");
    assert!(round.end_ns >= round.events[0].time_ns);
}

#[test]
fn a_dropped_guard_delivers_and_spans_after_it_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.json");
    let (dispatch, guard) = start(init().file(&path, Format::OtlpJson));
    dispatcher::with_default(&dispatch, || {
        let open = tracing::info_span!("still open");
        tracing::info_span!("closed").in_scope(|| {});
        drop(guard);
        open.in_scope(|| tracing::info!("too late"));
        tracing::info_span!("after").in_scope(|| {});
    });
    let report = read(&std::fs::read(&path).unwrap()[..]).unwrap();
    let names: Vec<_> = report.traces.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["closed"]);
}

#[test]
fn unusable_destinations_are_refused_and_faults_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/folder/t.json");
    let error = init().file(missing, Format::OtlpJson).build().err().unwrap();
    assert!(matches!(error, InitError::NoFolder(_)), "{error}");
    // The folder vanishes while the program runs.
    let inner = folder.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let (dispatch, guard) = start(init().file(inner.join("t.json"), Format::OtlpJson));
    dispatcher::with_default(&dispatch, || tracing::info_span!("read").in_scope(|| {}));
    std::fs::remove_dir(&inner).unwrap();
    let error = guard.flush().unwrap_err();
    assert!(matches!(error, ExportError::File(_)), "{error}");
    assert_eq!(guard.memory().len(), 1, "the other destination is not harmed");
}
