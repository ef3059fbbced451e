//! The recorder beside others: what a tee gives to the other subscriber, what goes to OpenTelemetry,
//! and what is dumped.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::io::BufReader;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_sdk::trace::{InMemorySpanExporter, SimpleSpanProcessor};
use raftlens_tracer::format::{Format, read};
use raftlens_tracer::recorder::{DumpTo, FlightRecorder};
use raftlens_tracer::{ToExporter, ToProcessor, TraceContext};
use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

fn recorder() -> FlightRecorder {
    let builder = FlightRecorder::builder().service_name("test").poll_every(None);
    // Miri takes a thousand times as long, also for making room.
    let recorder = if cfg!(miri) { builder.memory_bytes(1 << 18) } else { builder }.build();
    recorder.keep_all_for(Duration::from_secs(3600));
    recorder
}

#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Names {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        self.0.lock().unwrap().push(attributes.metadata().name().to_owned());
    }
}

#[test]
fn in_a_tee_each_gets_what_it_wants() {
    let (recorder, names) = (recorder(), Names::default());
    let other = tracing_subscriber::registry().with(names.clone()).with(LevelFilter::WARN);
    tracing::subscriber::with_default(recorder.tee(other), || {
        let _info = info_span!("info").entered();
        let _warn = tracing::warn_span!("warn").entered();
        drop(tracing::debug_span!("nobody's"));
        drop(info_span!("inner"));
    });
    assert_eq!(*names.0.lock().unwrap(), ["warn"]);
    let kept = recorder.kept();
    let parents: Vec<_> = kept
        .spans
        .iter()
        .map(|span| {
            let parent = kept.spans.iter().find(|other| Some(other.span_id) == span.parent_span_id);
            (&*span.name, parent.map(|parent| &*parent.name))
        })
        .collect();
    assert_eq!(parents, [("info", None), ("warn", Some("info")), ("inner", Some("warn"))]);

    // And the other way round: the other one wants more than the recorder.
    let (recorder, names) = (self::recorder(), Names::default());
    let other = tracing_subscriber::registry().with(names.clone()).with(LevelFilter::TRACE);
    tracing::subscriber::with_default(recorder.tee(other), || {
        let _root = info_span!("root").entered();
        let debug = tracing::debug_span!("debug").entered();
        drop(info_span!("inner"));
        drop(info_span!(parent: &*debug, "named"));
    });
    assert_eq!(*names.0.lock().unwrap(), ["root", "debug", "inner", "named"]);
    let kept = recorder.kept();
    let mut spans: Vec<_> =
        kept.spans.iter().map(|span| (&*span.name, span.parent_span_id.is_some())).collect();
    spans.sort_unstable();
    assert_eq!(spans, [("inner", true), ("named", false), ("root", false)]);
    assert_eq!(recorder.counts().lost(), 0, "{:?}", recorder.counts());
}

/// Counts the spans that are closed.
#[derive(Clone, Default)]
struct Closed(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Closed {
    fn on_close(&self, id: tracing::span::Id, context: Context<'_, S>) {
        let name = context.span(&id).unwrap().name().to_owned();
        self.0.lock().unwrap().push(name);
    }
}

const TIMES: usize = if cfg!(miri) { 20 } else { 1000 };

/// The registry closes a parent by the thread's subscriber and its own id of it, which must not meet
/// the tee: the parent would stay open, and one of the recorder's spans could end too early.
#[test]
fn in_a_tee_the_other_one_closes_its_spans() {
    let (recorder, closed) = (recorder(), Closed::default());
    let other = tracing_subscriber::registry().with(closed.clone());
    tracing::subscriber::with_default(recorder.tee(other), || {
        for _ in 0..TIMES {
            let child = info_span!("parent").in_scope(|| info_span!("child"));
            child.in_scope(|| tracing::info!("inside"));
        }
    });
    let closed = closed.0.lock().unwrap();
    assert_eq!(closed.len(), 2 * TIMES);
    assert!(closed.chunks(2).all(|pair| pair == ["child", "parent"]));
    assert_eq!(recorder.kept().spans.len(), 2 * TIMES);
    assert_eq!(recorder.counts().lost(), 0, "{:?}", recorder.counts());
    assert_eq!(recorder.memory().blocks_in_use, 0);
}

#[test]
fn contexts_come_from_every_front_end() {
    let tries = |dispatch: tracing::Dispatch, recorder: &FlightRecorder| {
        tracing::dispatcher::with_default(&dispatch, || {
            let read = info_span!("read");
            let context = TraceContext::of(&read).unwrap();
            let late = info_span!(parent: None, "late");
            assert!(TraceContext::follow(&late, context, "callback"));
            drop((read, late));
        });
        let kept = recorder.kept();
        assert_eq!((kept.spans.len(), kept.spans[0].trace_id), (2, kept.spans[1].trace_id));
        let linked = kept.spans.iter().find(|span| &*span.name == "late").unwrap();
        let read = kept.spans.iter().find(|span| &*span.name == "read").unwrap();
        assert_eq!(linked.links[0].span_id, read.span_id);
    };
    let one = recorder();
    tries(tracing::Dispatch::new(one.clone()), &one);
    let two = recorder();
    tries(tracing::Dispatch::new(two.tee(tracing_subscriber::registry())), &two);
    let three = recorder();
    tries(tracing::Dispatch::new(tracing_subscriber::registry().with(three.layer())), &three);
}

#[test]
fn opentelemetry_gets_what_was_kept() {
    let (by_processor, by_exporter) =
        (InMemorySpanExporter::default(), InMemorySpanExporter::default());
    let recorder = recorder();
    recorder.add_sink(ToProcessor::new(SimpleSpanProcessor::new(by_processor.clone())));
    recorder.add_sink(ToExporter::new(by_exporter.clone()));
    tracing::subscriber::with_default(recorder.clone(), || {
        let read = info_span!("read", region = 7_u64, share = 0.25, key = "k", local = true);
        read.in_scope(|| tracing::info!(title = "Expired", "case"));
        let context = TraceContext::of(&read).unwrap();
        let answer = info_span!(parent: None, "answer", otel.status_code = "ERROR");
        TraceContext::follow(&answer, context, "callback");
        drop((read, answer));
    });
    recorder.flush();
    let kept = recorder.kept();
    for exporter in [by_processor, by_exporter] {
        let exported = exporter.get_finished_spans().unwrap();
        assert_eq!(exported.len(), kept.spans.len());
        for (data, span) in exported.iter().zip(&kept.spans) {
            assert_eq!(data.name, &*span.name);
            assert_eq!(data.span_context.span_id().to_bytes(), span.span_id.0.to_be_bytes());
            assert_eq!(data.span_context.trace_id().to_bytes(), span.trace_id.0.to_be_bytes());
            let start = data.start_time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
            let end = data.end_time.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
            assert_eq!((start, end), (u128::from(span.start_ns), u128::from(span.end_ns)));
            assert_eq!(data.attributes.len(), span.attributes.len());
            assert_eq!(
                (data.events.len(), data.links.len()),
                (span.events.len(), span.links.len())
            );
        }
        let region =
            exported[0].attributes.iter().find(|pair| pair.key.as_str() == "region").unwrap();
        assert_eq!(region.value, opentelemetry::Value::I64(7));
    }
}

#[test]
fn dumps_hold_what_was_kept_and_what_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let to = DumpTo { path: folder.path().join("dump.otlp.jsonl"), format: Format::OtlpJsonLines };
    let names = || {
        let traces = read(BufReader::new(std::fs::File::open(&to.path).unwrap())).unwrap().traces;
        let mut names: Vec<_> = traces.spans.iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    };
    let recorder = recorder();
    tracing::subscriber::with_default(recorder.clone(), || {
        info_span!("over").in_scope(|| {});
        let waits = info_span!("waits").entered();
        recorder.dump(&to).unwrap();
        assert_eq!(names(), ["over", "waits"]);
        drop(waits);

        recorder.dump_on_panic(to.clone());
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let panicked = std::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let _doomed = info_span!("doomed").entered();
                panic!("as planned");
            });
        });
        assert!(panicked.join().is_err());
        assert_eq!(names(), ["doomed", "over", "waits"]);
        let _ = std::panic::take_hook();
    });
    #[cfg(unix)]
    {
        std::fs::remove_file(&to.path).unwrap();
        recorder.dump_on_signal(signal_hook::consts::SIGUSR1, to.clone()).unwrap();
        recorder.poll();
        assert!(!to.path.exists());
        signal_hook::low_level::raise(signal_hook::consts::SIGUSR1).unwrap();
        recorder.poll();
        assert_eq!(names(), ["doomed", "over", "waits"]);
    }
}

#[test]
fn one_builder_sets_up_the_recorder_and_where_its_traces_go() {
    let rules = FlightRecorder::builder().flag_on("retry").normal_per_second(0).poll_every(None);
    let init = raftlens_tracer::init().service_name("shop").level(LevelFilter::DEBUG).memory();
    let (recorder, guard) = init.recorder(rules).build().unwrap();
    tracing::subscriber::with_default(recorder.clone(), || {
        tracing::debug_span!("kept", retry = true).in_scope(|| drop(info_span!("inside")));
        drop(info_span!("normal").entered());
        guard.set_level(LevelFilter::INFO);
        drop(tracing::debug_span!("too detailed", retry = true).entered());
    });
    guard.flush().unwrap();
    let traces = guard.memory().snapshot();
    let names: Vec<_> = traces.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["kept", "inside"]);
    assert_eq!(traces.resources[0].service_name(), Some("shop"));
    assert_eq!((guard.level(), recorder.counts().traces), (LevelFilter::INFO, 2));
    let counts = guard.shutdown().unwrap();
    assert_eq!((counts.started, counts.ended, counts.dropped), (2, 2, 0));
}
