//! The flight recorder: records every trace at a cost so small that nobody turns it off, and keeps
//! only those that are worth looking at.
//!
//! ```
//! use raftlens_tracer::recorder::FlightRecorder;
//! use std::time::Duration;
//!
//! let recorder = FlightRecorder::builder()
//!     .service_name("shop")
//!     .keep_slower_than("checkout", Duration::from_millis(5))
//!     .build();
//! tracing::subscriber::with_default(recorder.clone(), || {
//!     let checkout = tracing::info_span!("checkout", items = 3).entered();
//!     std::thread::sleep(Duration::from_millis(6));
//!     drop(checkout);
//!     tracing::info_span!("checkout", items = 1).in_scope(|| {});
//! });
//! let kept = recorder.kept();
//! assert_eq!(kept.spans.len(), 1);
//! assert_eq!(kept.spans[0].text("raftlens.kept"), Some("slow"));
//! assert_eq!(recorder.counts().traces, 2);
//! ```
//!
//! # How it works
//!
//! ```text
//! macros -> subscriber.rs   \   beginning.rs     trace over                  kept
//! macros -> layer.rs, tee.rs -> recording.rs -> ending.rs -> parked.rs    collector.rs -> kept.rs
//! calls  -> guard.rs        /   block.rs, pool.rs     |                      ^         -> KeptSink
//!                                                     +--- rules.rs, quota.rs
//! ```
//!
//! A trace is written into a **block** of fixed size from a fixed pool, word by word, and a span's id
//! is its address there: no table is searched, nothing is allocated, no lock is taken. A long trace
//! continues in further blocks. When its last span has ended, the thread that ended it counts every
//! span into **histograms** and decides by **rules** whether to keep the trace. Only then, and in
//! another thread, does anything become a [`Span`](crate::model::Span).
//!
//! - Memory is bounded in bytes. When there is no room, whole traces are left out and counted by
//!   reason ([`FlightRecorder::counts`]); nothing ever waits.
//! - Work that was handed over (`TraceContext::follow`) is recorded in blocks of its own and shares
//!   the fate of the trace that it came from. What a kept trace links to is kept with it, also if it
//!   ended before.
//! - A trace that does not end shows up while it still waits, with the stage that it waits in.
//!
//! # What ends a span
//!
//! As everywhere in this crate: a span ends when it is left for the last time, or later if an event
//! was recorded after that; one that was never entered ends with its last handle. A trace is over
//! when all of its spans have been closed, the root or not.
//!
//! # What it costs
//!
//! See `BENCHMARKS.md`. As a subscriber of its own it does in one span what `tracing-opentelemetry`
//! takes more than twenty times as long for. As a [layer](FlightRecorder::layer) it pays for the
//! registry beneath, which alone costs three times as much as the recorder.

mod address;
mod beginning;
mod beside;
mod block;
mod builder;
mod callsites;
mod claim;
mod collector;
mod contexts;
mod copy;
mod counts;
mod decode;
mod dump;
mod ending;
mod entry;
mod fields;
mod guard;
mod histogram;
mod kept;
mod kind;
mod layer;
mod lease;
mod naming;
mod parked;
mod pool;
mod quota;
mod read_fields;
mod reasons;
mod recording;
mod retold;
mod rules;
mod scratch;
mod subscriber;
mod sync;
mod tee;
mod thread;
mod ticks;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Metadata;
use tracing::level_filters::LevelFilter;

pub use builder::Builder;
pub use collector::KeptSink;
pub use counts::RecorderCounts;
pub use dump::{DumpError, DumpTo};
pub use guard::{ReadContext, SpanGuard, Values};
pub use kept::KeptTrace;
pub use kind::Kind;
pub use layer::RecorderLayer;
pub use reasons::{Reason, Reasons};
pub use tee::Tee;

use self::address::SpanRef;
use self::collector::Collector;
use self::kept::trace_set;
use self::recording::Recording;
use crate::context::TraceContext;
use crate::level::LevelSwitch;
use crate::model::TraceSet;

/// The recorder; clones are the same one. It is a [`tracing::Subscriber`].
#[derive(Clone)]
pub struct FlightRecorder(Arc<Shared>);

/// What the clones share.
struct Shared {
    recording: Recording,
    level: LevelSwitch,
    filter: Option<Filter>,
    collector: Mutex<Collector>,
    /// Dumps that signals ask for, each with whether its signal has come.
    signals: Mutex<Vec<(Arc<AtomicBool>, DumpTo)>>,
}

type Filter = Box<dyn Fn(&Metadata<'_>) -> bool + Send + Sync>;

impl Shared {
    fn collector(&self) -> MutexGuard<'_, Collector> {
        // A sink that panics leaves whole traces behind.
        self.collector.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the recorder's thread does.
    fn poll_often(&self) {
        self.collector().poll_often(&self.recording);
        self.answer_signals();
    }

    fn poll(&self) {
        self.collector().poll(&self.recording, true);
        self.answer_signals();
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.level.admits(metadata) && self.filter.as_ref().is_none_or(|filter| filter(metadata))
    }
}

impl FlightRecorder {
    /// Begins to set a recorder up.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The traces that were kept last and not taken, oldest first, as spans of the recorder's
    /// service. Each root says in `raftlens.kept` why.
    pub fn kept(&self) -> TraceSet {
        self.poll();
        let collector = self.0.collector();
        trace_set(collector.store.traces(), &collector.resource)
    }

    /// As [`kept`](Self::kept), trace by trace.
    pub fn kept_traces(&self) -> Vec<KeptTrace> {
        self.poll();
        self.0.collector().store.traces().cloned().collect()
    }

    /// Takes the traces that were kept; they make room for others.
    pub fn take_kept(&self) -> TraceSet {
        self.poll();
        let mut collector = self.0.collector();
        let traces = collector.store.take();
        trace_set(traces.iter(), &collector.resource)
    }

    /// Traces that began at least `older_than` ago and are not over, as they are now. Spans that
    /// have not ended end now and have `raftlens.open`; each root says in `raftlens.waits_in` which
    /// span was begun last of those.
    pub fn open_traces(&self, older_than: Duration) -> TraceSet {
        let traces = Collector::open_traces(&self.0.recording, older_than);
        trace_set(traces.iter(), &self.0.collector().resource)
    }

    /// Does at once what the recorder's thread does every few milliseconds: collects what was kept,
    /// looks for traces that do not end.
    pub fn poll(&self) {
        self.0.poll();
    }

    /// Collects what was kept, and has all sinks deliver it.
    pub fn flush(&self) {
        let mut collector = self.0.collector();
        collector.poll(&self.0.recording, true);
        for sink in &mut collector.sinks {
            sink.flush();
        }
    }

    /// Also hands kept traces to `sink`, from now on.
    pub fn add_sink(&self, sink: impl KeptSink) {
        self.0.collector().sinks.push(Box::new(sink));
    }

    /// What was seen and lost so far.
    pub fn counts(&self) -> RecorderCounts {
        let Recording { counters, quotas, histograms, .. } = &self.0.recording;
        let by_reason = |pick: fn((u64, u64)) -> u64| {
            let counts =
                Reason::ALL.into_iter().map(|reason| (reason, pick(quotas.counts(reason))));
            counts.filter(|(_, count)| *count > 0).collect()
        };
        RecorderCounts {
            traces: counters.traces(),
            kept: by_reason(|(kept, _)| kept),
            over_quota: by_reason(|(_, refused)| refused),
            traces_without_room: counters.traces_without_room.get(),
            spans_without_room: counters.spans_without_room.get(),
            spans_in_full_traces: counters.spans_in_full_traces.get(),
            spans_too_late: counters.spans_too_late.get(),
            entries_lost: counters.entries_lost.get(),
            uncounted_spans: histograms.uncounted(),
            kept_without_room: counters.kept_without_room.get(),
            evicted: counters.evicted.get(),
        }
    }

    /// How long the spans of each name have taken since the start, every one of them counted.
    pub fn latencies(&self) -> Vec<Latencies> {
        let scale = self.0.recording.timer.scale();
        let all = callsites::all().filter_map(|(number, callsite)| {
            let counted = self.0.recording.histograms.of(number);
            let quantile = |share| counted.quantile(share).map(|ticks| scale.ns(ticks));
            Some(Latencies {
                name: callsite.name(),
                target: callsite.target(),
                count: counted.count(),
                p50_ns: quantile(0.5)?,
                p90_ns: quantile(0.9)?,
                p99_ns: quantile(0.99)?,
                p999_ns: quantile(0.999)?,
                most_ns: quantile(1.0)?,
                buckets: counted.buckets().map(|(least, count)| (scale.ns(least), count)).collect(),
            })
        });
        all.collect()
    }

    /// Keeps the trace of `span`, whatever comes of it. Whether this recorder has it.
    pub fn keep(&self, span: &tracing::Span) -> bool {
        let address =
            of_span(span, |recorder, address| Arc::ptr_eq(&recorder.0, &self.0).then_some(address));
        address.flatten().is_some_and(|address| {
            self.0.recording.flag(address, Reason::Manual);
            self.0.recording.span(address).is_some()
        })
    }

    /// Keeps every trace that ends from now on until `length` has passed.
    pub fn keep_all_for(&self, length: Duration) {
        let Recording { timer, counters, .. } = &self.0.recording;
        counters.keep_all_until(timer.clock.now().saturating_add(timer.scale().ticks(length)));
    }

    /// Changes which spans and events are recorded, from now on and in all threads.
    pub fn set_level(&self, level: LevelFilter) {
        self.0.level.set(level);
    }

    /// Which spans and events are recorded.
    pub fn level(&self) -> LevelFilter {
        self.0.level.get()
    }

    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        self.0.wants(metadata)
    }

    /// The bytes that recorded and kept traces and histograms take at most, and take now.
    pub fn memory(&self) -> RecorderMemory {
        let Recording { pool, histograms, .. } = &self.0.recording;
        RecorderMemory {
            blocks_bytes: pool.len() * block::BLOCK_BYTES,
            blocks_in_use: pool.in_use(),
            blocks: pool.len(),
            kept_bytes: self.0.collector().store.bytes(),
            histogram_bytes: histograms.bytes(),
        }
    }
}

impl std::fmt::Debug for FlightRecorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FlightRecorder({} blocks)", self.0.recording.pool.len())
    }
}

/// How long the spans of a name took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// The name.
    pub name: &'static str,
    /// The module.
    pub target: &'static str,
    /// How many there were.
    pub count: u64,
    /// Half of them were shorter, in nanoseconds. This and the others are at most 1/16 too much.
    pub p50_ns: u64,
    /// Nine in ten were shorter.
    pub p90_ns: u64,
    /// 99 in a hundred were shorter.
    pub p99_ns: u64,
    /// 999 in a thousand were shorter.
    pub p999_ns: u64,
    /// None was longer.
    pub most_ns: u64,
    /// The histogram: the least length of each bucket, in nanoseconds, with its count.
    pub buckets: Vec<(u64, u64)>,
}

/// What memory a recorder takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderMemory {
    /// All blocks for traces that are being recorded, in bytes; taken at the start.
    pub blocks_bytes: usize,
    /// Blocks that hold a trace now: open, waiting for another, or for the collector.
    pub blocks_in_use: usize,
    /// How many blocks there are.
    pub blocks: usize,
    /// Kept traces, in bytes.
    pub kept_bytes: usize,
    /// Histograms, in bytes.
    pub histogram_bytes: usize,
}

/// Finds the recorder that a span is recorded by.
fn of_span<T>(span: &tracing::Span, act: impl FnOnce(&FlightRecorder, SpanRef) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| {
        if let Some(recorder) = dispatch.downcast_ref::<FlightRecorder>() {
            // As the subscriber itself or within a tee, the span's id is the address.
            return Some(act(recorder, SpanRef::of(id)));
        }
        let lookup = dispatch.downcast_ref::<layer::Lookup>()?;
        let (recorder, address) = lookup.find(dispatch, id)?;
        Some(act(&recorder, address))
    })
    .flatten()
}

/// The ids of a span, if a flight recorder has it.
pub fn context_of(span: &tracing::Span) -> Option<TraceContext> {
    of_span(span, |recorder, address| recorder.0.recording.context_of(address)).flatten()
}

/// Links `span` to `from`. Whether a flight recorder has the span.
pub fn link(span: &tracing::Span, from: TraceContext, kind: &str) -> bool {
    of_span(span, |recorder, address| recorder.0.recording.link_here(address, from, kind)).is_some()
}

/// Makes `span`, a root whose ids nobody has asked for, part of the trace of `from` and links it to
/// that. `None` if no flight recorder has the span, `Some(false)` if it is no root and only linked.
pub fn follow(span: &tracing::Span, from: TraceContext, kind: &str) -> Option<bool> {
    of_span(span, |recorder, address| {
        let recording = &recorder.0.recording;
        let joined = recording.join(address, from, false);
        recording.link_here(address, from, kind);
        joined
    })
}

/// Makes `span`, a root whose ids nobody has asked for, the child of a span in another process:
/// what a server does with the `traceparent` of a request. As [`follow`] otherwise.
pub fn continue_from(span: &tracing::Span, parent: TraceContext) -> Option<bool> {
    of_span(span, |recorder, address| recorder.0.recording.join(address, parent, true))
}
