//! Real spans through the whole recording path: types, events, levels, bounds and files.
#![allow(clippy::unwrap_used, reason = "a panic in a helper fails its test")]
#![cfg(feature = "otel")]

mod recorded;

use std::thread;

use raftlens_tracer::format::{Format, read};
use raftlens_tracer::model::{Status, Value};
use raftlens_tracer::{Counts, ExportError, InitError, TraceContext, init};
use tracing::dispatcher;
use tracing::level_filters::LevelFilter;

use recorded::{named, record, start};

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
