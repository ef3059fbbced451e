//! A small recorder that gives the same bytes each time: for simulations, where time and order are
//! decided by a seed.
//!
//! ```
//! # #[cfg(feature = "simulated")] {
//! use raftlens_tracer::simulated::Recorder;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! static NOW_NS: AtomicU64 = AtomicU64::new(5);
//! let recorder = Recorder::new(|| NOW_NS.load(Ordering::Relaxed), 0..100);
//! recorder.record(|| {
//!     let _read = tracing::info_span!("read", key = "k").entered();
//!     NOW_NS.store(42, Ordering::Relaxed);
//! });
//! let traces = recorder.take("simulation");
//! assert_eq!((traces.spans[0].start_ns, traces.spans[0].duration_ns()), (5, 37));
//! # }
//! ```
//!
//! Ids are counted, times come from the [`TimeSource`] that it is given, and spans go straight into
//! the span model: no OpenTelemetry, no thread. It records one thread at a time, and only what begins
//! in its span of time, so that a long run needs little memory. [`context_of`], [`link`] and
//! [`follow`] are what [`TraceContext`] offers to a service that is recorded for real.

mod fields;
mod spans;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::dispatcher::{self, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use self::spans::Spans;
use crate::clock::TimeSource;
use crate::context::TraceContext;
use crate::model::TraceSet;

/// The recorder; clones are the same one.
#[derive(Clone)]
pub struct Recorder(Arc<Recording>);

/// What is installed as a subscriber.
struct Recording {
    time: Box<dyn TimeSource>,
    span: Range<u64>,
    level: LevelFilter,
    spans: Mutex<Spans>,
}

impl Recorder {
    /// A recorder of what begins in a span of time, in nanoseconds of `time`.
    pub fn new(time: impl TimeSource, span: Range<u64>) -> Self {
        Recorder::of_level(time, span, LevelFilter::TRACE)
    }

    /// As [`Recorder::new`], but of spans and events up to a level alone.
    pub fn of_level(time: impl TimeSource, span: Range<u64>, level: LevelFilter) -> Self {
        let (time, spans) = (Box::new(time), Mutex::default());
        Recorder(Arc::new(Recording { time, span, level, spans }))
    }

    /// Runs `act`, and records the spans of this thread meanwhile.
    pub fn record<T>(&self, act: impl FnOnce() -> T) -> T {
        dispatcher::with_default(&Dispatch::new(Arc::clone(&self.0)), act)
    }

    /// Takes out what was recorded, as spans of the service `service`. What has not ended ends now.
    pub fn take(&self, service: &str) -> TraceSet {
        let now_ns = self.0.time.now_ns();
        self.0.spans().take(service, now_ns)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorder({:?} ns)", self.0.span)
    }
}

/// The ids of a span, if a recorder has it.
pub fn context_of(span: &tracing::Span) -> Option<TraceContext> {
    with_recording(span, |recording, id| recording.spans().context_of(id)).flatten()
}

/// Links `span` to `from`.
pub fn link(span: &tracing::Span, from: TraceContext, kind: &'static str) {
    with_recording(span, |recording, id| recording.spans().link(id, from, kind));
}

/// Makes `span`, a root that was not entered yet, part of the trace of `from`, linked to it.
pub fn follow(span: &tracing::Span, from: TraceContext, kind: &'static str) {
    with_recording(span, |recording, id| recording.spans().follow(id, from, kind));
}

fn with_recording<T>(span: &tracing::Span, act: impl FnOnce(&Recording, &Id) -> T) -> Option<T> {
    span.with_subscriber(|(id, dispatch)| {
        dispatch.downcast_ref::<Recording>().map(|recording| act(recording, id))
    })
    .flatten()
}

impl Recording {
    fn spans(&self) -> MutexGuard<'_, Spans> {
        // A thread that panics leaves whole records behind.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber for Recording {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // It depends on the time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && self.span.contains(&self.time.now_ns())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        self.spans().begin(attributes, self.time.now_ns())
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.spans().record(id, values);
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        let mut spans = self.spans();
        if let Some(from) = spans.context_of(follows) {
            spans.link(id, from, "follows_from");
        }
    }

    fn event(&self, event: &Event<'_>) {
        self.spans().event(event, self.time.now_ns());
    }

    fn enter(&self, id: &Id) {
        self.spans().enter(id);
    }

    fn exit(&self, id: &Id) {
        self.spans().exit(id, self.time.now_ns());
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.spans().hold(id);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        self.spans().let_go(&id, self.time.now_ns())
    }

    fn current_span(&self) -> Current {
        self.spans().current()
    }
}
