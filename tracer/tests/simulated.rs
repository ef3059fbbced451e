//! The recorder for simulations: what it gives is what happened, by the time it was given.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raftlens_tracer::model::{TraceSet, Value};
use raftlens_tracer::simulated::{self, Recorder};

struct Time(Arc<AtomicU64>);

impl Time {
    fn pass(&self, by_ns: u64) {
        self.0.fetch_add(by_ns, Ordering::Relaxed);
    }
}

fn recorded(span: std::ops::Range<u64>, act: impl FnOnce(&Time)) -> TraceSet {
    let now = Arc::new(AtomicU64::new(0));
    let time = Time(Arc::clone(&now));
    let recorder = Recorder::new(move || now.load(Ordering::Relaxed), span);
    recorder.record(|| act(&time));
    recorder.take("simulated")
}

fn a_read_that_is_handed_over(time: &Time) {
    let read = tracing::info_span!(parent: None, "read", key = "k", count = 7_u64);
    let context = simulated::context_of(&read);
    read.in_scope(|| {
        time.pass(10);
        tracing::info!(title = "Expired", "case");
        let _inner = tracing::trace_span!("inspect").entered();
        time.pass(5);
    });
    read.record("key", "other");
    time.pass(100);
    let answer = tracing::info_span!(parent: None, "answer");
    if let Some(context) = context {
        simulated::follow(&answer, context, "callback");
    }
    time.pass(1);
    drop(answer);
}

#[test]
fn spans_have_their_times_parents_events_and_links() {
    let traces = recorded(0..1000, a_read_that_is_handed_over);
    let [read, inspect, answer] = &traces.spans[..] else { panic!("{traces:?}") };
    assert_eq!((read.start_ns, read.end_ns), (0, 15));
    assert_eq!((inspect.start_ns, inspect.end_ns), (10, 15));
    assert_eq!((answer.start_ns, answer.end_ns), (115, 116));
    assert_eq!(inspect.parent_span_id, Some(read.span_id));
    assert!(traces.spans.iter().all(|span| span.trace_id == read.trace_id));
    assert_eq!((&*read.events[0].name, read.events[0].time_ns), ("case", 10));
    assert_eq!(read.text("key"), Some("other"));
    assert_eq!(read.attribute("count"), Some(&Value::Int(7)));
    assert_eq!((answer.links[0].span_id, answer.parent_span_id), (read.span_id, None));
    assert_eq!(answer.links[0].attributes[0].value, Value::Str("callback".into()));
    assert_eq!(traces.resources[0].service_name(), Some("simulated"));
}

#[test]
fn the_same_run_gives_the_same_spans() {
    let run = || recorded(0..1000, a_read_that_is_handed_over);
    assert_eq!(run(), run());
}

#[test]
fn only_what_begins_in_the_span_of_time_is_recorded() {
    let traces = recorded(20..30, |time| {
        for _ in 0..5 {
            tracing::info_span!("work").in_scope(|| time.pass(10));
        }
    });
    let starts: Vec<u64> = traces.spans.iter().map(|span| span.start_ns).collect();
    assert_eq!(starts, [20]);
    assert!(simulated::context_of(&tracing::Span::none()).is_none());
}
