//! What is not done on the hot path: turning kept traces into spans and handing them on, looking for
//! traces that do not end, filling quotas, keeping the clock in step.
//!
//! A thread of the recorder does it every few milliseconds; [`FlightRecorder::poll`] does it at once.
//!
//! [`FlightRecorder::poll`]: super::FlightRecorder::poll

use std::time::{Duration, Instant};

use super::address::SpanRef;
use super::block::{CELL_WORDS, HEAD_ROOT};
use super::copy::{copy_finished, copy_open};
use super::decode::Decoder;
use super::entry::START;
use super::kept::{KeptTrace, Store, trace_set};
use super::naming::set;
use super::reasons::{Reason, Reasons};
use super::recording::Recording;
use super::rules::Lately;
use super::thread;
use crate::model::{Resource, Span, TraceSet, Value};

/// Where kept traces go, besides the recorder's own memory.
pub trait KeptSink: Send + 'static {
    /// Takes traces that were kept. It is called on the recorder's own thread, which may wait here;
    /// what is recorded meanwhile is not held up, but more of it may find no room.
    fn accept(&mut self, traces: &TraceSet);

    /// Delivers what was accepted, as far as that can be done now.
    fn flush(&mut self) {}
}

/// How often the recorder's thread looks for traces that do not end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often limits and quotas are looked at.
const OFTEN: Duration = Duration::from_secs(1);

/// The state of the collector.
pub(super) struct Collector {
    pub(super) store: Store,
    pub(super) sinks: Vec<Box<dyn KeptSink>>,
    pub(super) resource: Resource,
    /// Traces that have not ended after so long are reported; `None` for never.
    open_after: Option<Duration>,
    normal_per_second: u32,
    lately: Lately,
    refilled: Instant,
    looked: Instant,
    updated: Instant,
    traces_at_update: u64,
    /// For each block, the trace that was reported open, and from which tick on it is again.
    reported: Vec<(u64, u64)>,
}

impl Collector {
    pub(super) fn new(
        store: Store,
        resource: Resource,
        open_after: Option<Duration>,
        normal_per_second: u32,
    ) -> Self {
        Collector {
            store,
            sinks: Vec::new(),
            resource,
            open_after,
            normal_per_second,
            lately: Lately::default(),
            refilled: Instant::now(),
            looked: Instant::now(),
            updated: Instant::now(),
            traces_at_update: 0,
            reported: Vec::new(),
        }
    }

    /// Does what is due, and looks for traces that do not end only now and then: that means to touch
    /// every block.
    pub(super) fn poll_often(&mut self, recording: &Recording) {
        let looks = self.looked.elapsed() >= LOOK_EVERY;
        self.poll(recording, looks);
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, recording: &Recording, looks_for_open: bool) {
        let passed = self.refilled.elapsed();
        self.refilled = Instant::now();
        recording.quotas.refill(passed);
        let since_update = self.updated.elapsed();
        if since_update >= OFTEN {
            self.updated = Instant::now();
            self.update(recording, since_update);
        }
        let mut traces = self.collect(recording);
        if looks_for_open {
            self.looked = Instant::now();
            traces.extend(self.find_open(recording));
        }
        if traces.is_empty() {
            return;
        }
        let set = trace_set(traces.iter(), &self.resource);
        for sink in &mut self.sinks {
            sink.accept(&set);
        }
        for trace in traces {
            if let Some(root) = trace.spans.first() {
                // What was said of it while it was open is now said better.
                self.store.forget_open(root.trace_id, root.span_id);
            }
            let evicted = self.store.push(trace);
            recording.counters.evicted.add_many(evicted);
        }
    }

    fn update(&mut self, recording: &Recording, passed: Duration) {
        recording.timer.refine();
        let scale = recording.timer.scale();
        self.lately.update(&recording.limits, &recording.rules, &recording.histograms, scale);
        let traces = recording.counters.traces();
        let rate = (traces - self.traces_at_update) as f64 / passed.as_secs_f64();
        self.traces_at_update = traces;
        let every = match self.normal_per_second {
            0 => 0,
            wanted => (rate / f64::from(wanted)).ceil().max(1.0) as u64,
        };
        recording.counters.sample_every(every);
    }

    fn decoder(recording: &Recording) -> Decoder {
        let now = recording.timer.clock.now();
        Decoder::new(recording.mixer, recording.timer.scale(), now)
    }

    /// Takes the finished traces that are to be kept.
    fn collect(&mut self, recording: &Recording) -> Vec<KeptTrace> {
        let roots = recording.kept.take_all(&recording.pool);
        let list = thread::with(thread::Thread::number);
        let mut decoder = Self::decoder(recording);
        let traces = roots.into_iter().map(|root| {
            let copied = copy_finished(&recording.pool, root);
            let reasons = Decoder::reasons(&copied);
            let mut spans = decoder.spans(&copied);
            for attached in recording.pool.attached(root) {
                spans.extend(decoder.spans(&copy_finished(&recording.pool, attached)));
            }
            recording.pool.recycle(root, list);
            kept(reasons, spans)
        });
        traces.filter(|trace| !trace.spans.is_empty()).collect()
    }

    /// Finds traces that have been open for too long, each anew whenever it is twice as old.
    fn find_open(&mut self, recording: &Recording) -> Vec<KeptTrace> {
        let Some(after) = self.open_after else { return Vec::new() };
        let after = recording.timer.scale().ticks(after);
        let now = recording.timer.clock.now();
        self.reported.resize(recording.pool.len(), (0, 0));
        let mut found = Vec::new();
        for (number, (reported, again_at)) in self.reported.iter_mut().enumerate() {
            let block = recording.pool.block(number as u32);
            let root = block.get(HEAD_ROOT);
            if !block.state().is_open() || SpanRef(root).block() != number as u32 {
                continue;
            }
            let age = now.saturating_sub(block.get(SpanRef(root).cell() * CELL_WORDS + START));
            if age < after || (*reported == root && now < *again_at) {
                continue;
            }
            (*reported, *again_at) = (root, now.saturating_add(age));
            found.extend(open_trace(recording, number as u32));
            recording.keep_when_it_ends(SpanRef(root), Reason::Open);
        }
        found
    }

    /// Traces that are open, and have been for at least `older_than`.
    pub(super) fn open_traces(recording: &Recording, older_than: Duration) -> Vec<KeptTrace> {
        let least = u64::try_from(older_than.as_nanos()).unwrap_or(u64::MAX);
        let traces =
            (0..recording.pool.len() as u32).filter_map(|number| open_trace(recording, number));
        traces
            .filter(|trace| trace.spans.first().is_some_and(|root| root.duration_ns() >= least))
            .collect()
    }
}

/// A trace that has not ended, as it is now.
fn open_trace(recording: &Recording, root_block: u32) -> Option<KeptTrace> {
    let copied = copy_open(&recording.pool, root_block)?;
    let mut spans = Collector::decoder(recording).spans(&copied);
    let waits_in = innermost_open(&spans).map(|span| Value::Str(span.name.clone()));
    let now_ns = recording.timer.scale().unix_ns(recording.timer.clock.now());
    for span in &mut spans {
        if is_open(span) {
            span.end_ns = span.end_ns.max(now_ns);
        }
    }
    let root = spans.first_mut()?;
    if let Some(waits_in) = waits_in {
        set(&mut root.attributes, "raftlens.waits_in".into(), waits_in);
    }
    Some(kept(Reasons::of(Reason::Open), spans))
}

fn is_open(span: &Span) -> bool {
    span.attribute("raftlens.open") == Some(&Value::Bool(true))
}

/// The span that was begun last of those that have not ended: where the trace is.
fn innermost_open(spans: &[Span]) -> Option<&Span> {
    spans.iter().filter(|span| is_open(span)).max_by_key(|span| span.start_ns)
}

fn kept(reasons: Reasons, mut spans: Vec<Span>) -> KeptTrace {
    if let Some(root) = spans.first_mut() {
        let text = Value::Str(reasons.to_string().into());
        set(&mut root.attributes, "raftlens.kept".into(), text);
    }
    KeptTrace { reasons, spans }
}
