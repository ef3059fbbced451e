//! The flight recorder: what is recorded comes back, and the right traces are kept.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

mod given_time;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use given_time::{named, recorded, recorder};
use raftlens_tracer::model::{SpanKind, Status, Value};
use raftlens_tracer::recorder::Reason;
use raftlens_tracer::{TraceContext, kind};
use tracing::{Level, info_span};

#[test]
fn spans_have_their_fields_times_parents_and_events() {
    let traces = recorded(|time| {
        time.pass_us(5);
        let read = info_span!(
            "read",
            key = "a key that is longer than a slot of any size",
            region = 7_u64,
            huge = u64::MAX,
            negative = -1,
            share = 0.5,
            local = true,
            debugged = ?Some(1),
            shown = %"text",
            later = tracing::field::Empty,
        );
        read.in_scope(|| {
            time.pass_us(10);
            info_span!("inspect", lease = "valid").in_scope(|| time.pass_us(3));
            tracing::info!(title = "Expired", "case");
            tracing::info!("a message");
        });
        read.record("later", 5);
        read.record("region", 8_u64);
        drop(read);
    });
    let (read, inspect) = (named(&traces, "read"), named(&traces, "inspect"));
    assert_eq!((read.start_ns, read.end_ns), (5_000, 18_000));
    assert_eq!((inspect.start_ns, inspect.end_ns), (15_000, 18_000));
    assert_eq!(inspect.parent_span_id, Some(read.span_id));
    assert_eq!((read.parent_span_id, read.trace_id), (None, inspect.trace_id));
    let text = |text: &str| Value::Str(text.into());
    for (key, value) in [
        ("key", text("a key that is longer than a slot of any size")),
        ("region", Value::Int(8)),
        ("huge", text("18446744073709551615")),
        ("negative", Value::Int(-1)),
        ("share", Value::Double(0.5)),
        ("local", Value::Bool(true)),
        ("debugged", text("Some(1)")),
        ("shown", text("text")),
        ("later", Value::Int(5)),
        ("raftlens.kept", text("manual")),
    ] {
        assert_eq!(read.attribute(key), Some(&value), "{key}");
    }
    assert_eq!(
        read.text("code.file.path").map(|path| path.ends_with("flight_recorder.rs")),
        Some(true)
    );
    let events: Vec<_> = read.events.iter().map(|event| (&*event.name, event.time_ns)).collect();
    assert_eq!(events, [("case", 18_000), ("a message", 18_000)]);
    assert_eq!(read.events[0].attributes[0].value, text("Expired"));
    assert_eq!(traces.resources[0].service_name(), Some("test"));
}

#[test]
fn the_names_of_opentelemetry_have_their_meaning() {
    let traces = recorded(|_| {
        let span = info_span!(
            "span",
            otel.kind = "server",
            otel.name = "GET /",
            otel.status_code = tracing::field::Empty
        );
        span.record("otel.status_code", "ERROR");
    });
    let span = named(&traces, "GET /");
    assert_eq!((span.kind, &span.status), (SpanKind::Server, &Status::Error("".into())));
    assert!(span.attribute("otel.kind").is_none());
}

#[test]
fn threads_and_handles_may_come_and_go() {
    let (recorder, _) = recorder(|builder| builder);
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    tracing::subscriber::with_default(recorder.clone(), || {
        let root = info_span!("root");
        let threads: Vec<_> = (0..8)
            .map(|number: u64| {
                let (root, dispatch) =
                    (root.clone(), tracing::dispatcher::get_default(Clone::clone));
                std::thread::spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        let child = info_span!(parent: &root, "child", number);
                        drop(root);
                        child.in_scope(|| info_span!("grandchild", number).in_scope(|| {}));
                    });
                })
            })
            .collect();
        drop(root);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let kept = recorder.kept();
    assert_eq!(kept.spans.len(), 17, "{:?}", recorder.counts());
    assert!(kept.spans.iter().all(|span| span.trace_id == kept.spans[0].trace_id));
    assert_eq!(recorder.counts().traces, 1, "a trace is over when all of its spans are");
    assert_eq!(recorder.memory().blocks_in_use, 0);
}

#[test]
fn hand_overs_are_links_and_share_the_fate_of_where_they_came_from() {
    let (recorder, time) =
        recorder(|builder| builder.keep_slower_than("read", Duration::from_micros(50)));
    let read = |length_us: u64| {
        let read = info_span!("read", length_us);
        let context = TraceContext::of(&read).unwrap();
        // The raft thread: a trace of its own, over before the read is.
        let propose = info_span!(parent: None, "propose");
        assert!(TraceContext::follow(&propose, context, "mailbox"));
        let proposed = TraceContext::of(&propose).unwrap();
        drop(propose);
        // Handed over once more, when its origin is over already.
        let apply = info_span!(parent: None, "apply");
        assert!(TraceContext::follow(&apply, proposed, "apply"));
        drop(apply);
        // A round that others share, linked to.
        let round = info_span!(parent: None, "round");
        let round_context = TraceContext::of(&round).unwrap();
        drop(round);
        TraceContext::link(&read, round_context, "read_index_round");
        time.pass_us(length_us);
        drop(read);
        // The callback comes too late for the read to wait for it.
        let late = info_span!(parent: None, "late");
        assert!(TraceContext::follow(&late, context, "callback"));
        drop(late);
    };
    tracing::subscriber::with_default(recorder.clone(), || {
        read(10);
        read(100);
        read(10);
    });
    let kept = recorder.kept();
    let mut names: Vec<_> = kept.spans.iter().map(|span| &*span.name).collect();
    names.sort_unstable();
    assert_eq!(names, ["apply", "late", "propose", "read", "round"]);
    let read = named(&kept, "read");
    assert_eq!(read.attribute("length_us"), Some(&Value::Int(100)));
    for (name, kind) in [("propose", "mailbox"), ("late", "callback")] {
        let span = named(&kept, name);
        assert_eq!((span.trace_id, span.parent_span_id), (read.trace_id, None), "{name}");
        assert_eq!((span.links[0].span_id, span.links[0].trace_id), (read.span_id, read.trace_id));
        assert_eq!(span.links[0].attributes[0].value, Value::Str(kind.into()));
    }
    let (apply, propose) = (named(&kept, "apply"), named(&kept, "propose"));
    assert_eq!((apply.trace_id, apply.links[0].span_id), (read.trace_id, propose.span_id));
    let round = named(&kept, "round");
    assert_eq!(read.links[0].span_id, round.span_id);
    assert_ne!(round.trace_id, read.trace_id);
    assert_eq!(recorder.counts().lost(), 0, "{:?}", recorder.counts());
}

#[test]
fn a_round_that_is_still_open_is_kept_when_it_ends() {
    let (recorder, time) =
        recorder(|builder| builder.keep_slower_than("read", Duration::from_micros(50)));
    tracing::subscriber::with_default(recorder.clone(), || {
        let round = info_span!(parent: None, "round");
        let context = TraceContext::of(&round).unwrap();
        let read = info_span!("read");
        TraceContext::link(&read, context, "read_index_round");
        time.pass_us(100);
        drop(read);
        assert_eq!(recorder.kept().spans.len(), 1);
        drop(round);
    });
    assert_eq!(named(&recorder.kept(), "round").text("raftlens.kept"), Some("linked"));
}

#[test]
fn each_reason_keeps_what_it_should() {
    let (recorder, time) = recorder(|builder| {
        builder
            .keep_slower_than("inspect", Duration::from_micros(20))
            .keep_all_slower_than(Duration::from_micros(100))
            .flag_on("retried")
    });
    let reasons = |act: &dyn Fn()| {
        tracing::subscriber::with_default(recorder.clone(), act);
        let kept = recorder.take_kept();
        kept.spans.first().and_then(|span| span.text("raftlens.kept").map(str::to_owned))
    };
    assert_eq!(reasons(&|| drop(info_span!("read"))), None);
    let slow = || info_span!("read").in_scope(|| time.pass_us(101));
    assert_eq!(reasons(&slow).as_deref(), Some("slow"));
    let stage =
        || info_span!("read").in_scope(|| info_span!("inspect").in_scope(|| time.pass_us(21)));
    assert_eq!(reasons(&stage).as_deref(), Some("stage"));
    let stage =
        || info_span!("read").in_scope(|| info_span!("inspect").in_scope(|| time.pass_us(20)));
    assert_eq!(reasons(&stage), None);
    let error = || info_span!("read").in_scope(|| tracing::error!("it broke"));
    assert_eq!(reasons(&error).as_deref(), Some("error"));
    let error = || drop(info_span!("read", error = %"no leader"));
    assert_eq!(reasons(&error).as_deref(), Some("error"));
    assert_eq!(reasons(&|| drop(info_span!("read", error = false, otel.status_code = "OK"))), None);
    assert_eq!(reasons(&|| drop(info_span!("read", retried = 1))).as_deref(), Some("flagged"));
    let asked = || {
        let read = info_span!("read");
        assert!(recorder.keep(&read));
    };
    assert_eq!(reasons(&asked).as_deref(), Some("manual"));
    let both = || info_span!("read", retried = true).in_scope(|| time.pass_us(200));
    assert_eq!(reasons(&both).as_deref(), Some("flagged,slow"));
    assert_eq!(recorder.counts().kept_for(Reason::Error), 2);
}

#[test]
fn quotas_leave_room_for_other_reasons() {
    let (recorder, time) = recorder(|builder| {
        builder
            .keep_all_slower_than(Duration::from_micros(10))
            .quota_per_second(Reason::Slow, Some(5))
    });
    tracing::subscriber::with_default(recorder.clone(), || {
        for _ in 0..100 {
            info_span!("read").in_scope(|| time.pass_us(11));
        }
        info_span!("failed", error = true).in_scope(|| time.pass_us(11));
    });
    let counts = recorder.counts();
    assert_eq!((counts.kept_for(Reason::Slow), counts.kept_for(Reason::Error)), (5, 1));
    assert_eq!(counts.over_quota, [(Reason::Slow, 95)]);
    assert_eq!(
        (counts.traces, recorder.latencies().iter().map(|one| one.count).max()),
        (101, Some(100))
    );
}

#[test]
fn what_waits_shows_up_while_it_waits() {
    let (recorder, time) =
        recorder(|builder| builder.show_open_after(Some(Duration::from_millis(1))));
    tracing::subscriber::with_default(recorder.clone(), || {
        let read = info_span!("read", key = "k");
        let quorum = read.in_scope(|| {
            info_span!("inspect").in_scope(|| time.pass_us(10));
            info_span!("quorum")
        });
        assert!(recorder.kept().spans.is_empty());
        time.pass_us(2_000);
        let open = recorder.kept();
        let root = named(&open, "read");
        assert_eq!(root.text("raftlens.waits_in"), Some("quorum"));
        assert_eq!((root.text("raftlens.kept"), root.duration_ns()), (Some("open"), 2_010_000));
        assert_eq!(named(&open, "quorum").attribute("raftlens.open"), Some(&Value::Bool(true)));
        assert_eq!(named(&open, "inspect").duration_ns(), 10_000);
        assert_eq!(recorder.open_traces(Duration::from_secs(1)).spans.len(), 0);
        assert_eq!(recorder.open_traces(Duration::ZERO).spans.len(), 3);
        time.pass_us(1_000);
        drop(quorum);
        // Left for the last time, so that the span ends here.
        read.in_scope(|| {});
    });
    // The whole trace takes the place of what was said before.
    let kept = recorder.kept();
    assert_eq!(named(&kept, "read").duration_ns(), 3_010_000);
    assert!(kept.spans.iter().all(|span| span.attribute("raftlens.open").is_none()));
}

/// What is copied while it changes is thrown away, or whole.
#[test]
fn open_traces_may_be_looked_at_while_they_change() {
    let (recorder, _) = recorder(|builder| builder.memory_bytes(2 * 64 * 2048));
    let traces = if cfg!(miri) { 30 } else { 20_000 };
    let (is_over, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            tracing::subscriber::with_default(recorder.clone(), || {
                // On a machine that is busy elsewhere the other thread may not run for long.
                let goes_on = |number: &i32| *number < traces || seen.load(Ordering::Relaxed) == 0;
                for number in (0..100 * traces).take_while(goes_on) {
                    let _read = info_span!("read", number, again = number).entered();
                    (0..5).for_each(|_| drop(info_span!("inspect", number, again = number)));
                    if number > traces {
                        std::thread::yield_now();
                    }
                }
            });
            is_over.store(true, Ordering::Release);
        });
        while !is_over.load(Ordering::Acquire) {
            let mut of_trace = HashMap::new();
            for span in recorder.open_traces(Duration::ZERO).spans {
                let number = span.attribute("number").unwrap();
                assert_eq!(span.attribute("again"), Some(number), "{span:?}");
                let first = of_trace.entry(span.trace_id).or_insert_with(|| number.clone());
                assert_eq!(first, number, "{span:?}");
                seen.fetch_add(1, Ordering::Relaxed);
            }
            std::thread::yield_now();
        }
    });
    assert!(cfg!(miri) || seen.into_inner() > 0, "nothing was looked at");
    assert_eq!(recorder.memory().blocks_in_use, 0);
}

#[test]
fn calls_without_tracing_give_the_same_spans() {
    static READ: raftlens_tracer::recorder::Kind = kind!("read", "key", "region", "retries");
    static INSPECT: raftlens_tracer::recorder::Kind = kind!("inspect", "lease");
    static FIRST: raftlens_tracer::recorder::Kind = kind!("first");
    static SECOND: raftlens_tracer::recorder::Kind = kind!("second");
    let (recorder, time) = recorder(|builder| builder);
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    let mut read = recorder.start(&READ, |values| values.text(0, "k").unsigned(1, u64::MAX));
    let context = read.context();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let inspect = recorder.start_under(context, &INSPECT, |values| values.truth(0, true));
            time.pass_us(5);
            drop(inspect);
        });
    });
    read.set(|values| values.int(2, 3));
    for _ in 0..20 {
        read.mark(&FIRST);
        time.pass_us(1);
        read.mark(&SECOND);
        time.pass_us(2);
    }
    drop(read);
    let kept = recorder.kept();
    let read = named(&kept, "read");
    assert_eq!(read.text("key"), Some("k"));
    assert_eq!(read.attribute("retries"), Some(&Value::Int(3)));
    assert_eq!(read.duration_ns(), 65_000);
    let inspect = named(&kept, "inspect");
    assert_eq!((inspect.parent_span_id, inspect.duration_ns()), (Some(read.span_id), 5_000));
    for (name, length_ns) in [("first", 1_000), ("second", 2_000)] {
        let stages: Vec<_> = kept.spans.iter().filter(|span| &*span.name == name).collect();
        assert_eq!(stages.len(), 20);
        assert!(stages.iter().all(|stage| stage.duration_ns() == length_ns), "{stages:#?}");
        assert!(stages.iter().all(|stage| stage.parent_span_id == Some(read.span_id)));
    }
    let ids: std::collections::HashSet<_> = kept.spans.iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), kept.spans.len());
}

#[test]
fn a_request_continues_the_trace_of_another_process() {
    let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let parent: TraceContext = text.parse().unwrap();
    let traces = recorded(|_| {
        let request = info_span!(parent: None, "request");
        assert!(TraceContext::continue_from(&request, parent));
        request.in_scope(|| drop(info_span!("inner")));
        assert_eq!(TraceContext::of(&request).unwrap().trace_id, parent.trace_id);
    });
    let (request, inner) = (named(&traces, "request"), named(&traces, "inner"));
    assert_eq!((request.trace_id, request.parent_span_id), (parent.trace_id, Some(parent.span_id)));
    assert_eq!((inner.trace_id, inner.parent_span_id), (parent.trace_id, Some(request.span_id)));
}

#[test]
fn the_level_can_be_changed() {
    let (recorder, _) = recorder(|builder| builder);
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    let names = || {
        tracing::subscriber::with_default(recorder.clone(), || {
            let _info = info_span!("info").entered();
            tracing::span!(Level::TRACE, "trace").in_scope(|| {});
        });
        let kept = recorder.take_kept();
        kept.spans.iter().map(|span| span.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(), ["info"]);
    recorder.set_level(tracing::level_filters::LevelFilter::TRACE);
    assert_eq!(names(), ["info", "trace"]);
    recorder.set_level(tracing::level_filters::LevelFilter::OFF);
    assert!(names().is_empty());
}
