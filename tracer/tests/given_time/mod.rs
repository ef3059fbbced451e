//! A flight recorder in time that is given, and what it has kept.

// Each program that has this uses a part of it.
#![allow(dead_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use raftlens_tracer::model::{Span, TraceSet};
use raftlens_tracer::recorder::{Builder, FlightRecorder};

/// Time that passes when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Time(pub(crate) Arc<AtomicU64>);

impl Time {
    pub(crate) fn pass_us(&self, by_us: u64) {
        self.0.fetch_add(by_us * 1000, Ordering::Relaxed);
    }
}

/// Miri takes a thousand times as long, also for making room.
pub(crate) const MEMORY_BYTES: usize = if cfg!(miri) { 1 << 18 } else { 1 << 20 };
/// Children of a long trace.
pub(crate) const MANY: i64 = if cfg!(miri) { 15 } else { 450 };

/// A recorder without rules and thread, in time that is given.
pub(crate) fn recorder(set_up: impl FnOnce(Builder) -> Builder) -> (FlightRecorder, Time) {
    let time = Time::default();
    let now = Arc::clone(&time.0);
    let builder = FlightRecorder::builder()
        .memory_bytes(MEMORY_BYTES)
        .service_name("test")
        .no_percentile()
        .normal_per_second(0)
        .poll_every(None)
        .seed(7)
        .time(move || now.load(Ordering::Relaxed));
    (set_up(builder).build(), time)
}

/// Everything that `act` records.
pub(crate) fn recorded(act: impl FnOnce(&Time)) -> TraceSet {
    let (recorder, time) = recorder(|builder| builder);
    recorder.keep_all_for(Duration::from_secs(1 << 20));
    tracing::subscriber::with_default(recorder.clone(), || act(&time));
    let counts = recorder.counts();
    assert_eq!(counts.lost(), 0, "{counts:?}");
    recorder.kept()
}

pub(crate) fn named<'a>(traces: &'a TraceSet, name: &str) -> &'a Span {
    let mut spans = traces.spans.iter().filter(|span| &*span.name == name);
    let span = spans.next().unwrap_or_else(|| panic!("no span {name} in {traces:#?}"));
    assert!(spans.next().is_none(), "several spans {name}");
    span
}
