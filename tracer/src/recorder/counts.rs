//! What the recorder counts: every trace, and everything that was lost, by its reason.

use std::sync::atomic::{AtomicU64, Ordering};

use super::thread::{OWN_NUMBERS, SHARED_NUMBER};

/// A count that is rarely touched.
#[derive(Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.add_many(1);
    }

    pub(super) fn add_many(&self, many: u64) {
        self.0.fetch_add(many, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one thread counts, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct OfThread {
    traces: AtomicU64,
    /// Traces until the next one that is kept as a normal one.
    until_sample: AtomicU64,
}

/// All counts.
pub(super) struct Counters {
    threads: Box<[OfThread]>,
    /// Every so many traces one is kept as a normal one; zero for none.
    sample_every: AtomicU64,
    /// The tick until which everything is kept.
    keep_all_until: AtomicU64,
    pub(super) traces_without_room: Counter,
    pub(super) spans_without_room: Counter,
    pub(super) spans_in_full_traces: Counter,
    pub(super) spans_too_late: Counter,
    pub(super) entries_lost: Counter,
    pub(super) kept_without_room: Counter,
    pub(super) evicted: Counter,
}

impl Counters {
    pub(super) fn new() -> Self {
        Counters {
            threads: (0..=OWN_NUMBERS).map(|_| OfThread::default()).collect(),
            sample_every: AtomicU64::new(0),
            keep_all_until: AtomicU64::new(0),
            traces_without_room: Counter::default(),
            spans_without_room: Counter::default(),
            spans_in_full_traces: Counter::default(),
            spans_too_late: Counter::default(),
            entries_lost: Counter::default(),
            kept_without_room: Counter::default(),
            evicted: Counter::default(),
        }
    }

    #[inline(always)]
    pub(super) fn count_trace(&self, thread: usize) {
        let traces = &self.threads[thread.min(SHARED_NUMBER)].traces;
        if thread < OWN_NUMBERS {
            traces.store(traces.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        } else {
            traces.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All traces that have ended.
    pub(super) fn traces(&self) -> u64 {
        self.threads.iter().map(|thread| thread.traces.load(Ordering::Relaxed)).sum()
    }

    /// Whether this trace is one of the normal ones to keep.
    #[inline(always)]
    pub(super) fn is_normal_sample(&self, thread: usize) -> bool {
        let every = self.sample_every.load(Ordering::Relaxed);
        if every == 0 {
            return false;
        }
        let until = &self.threads[thread.min(SHARED_NUMBER)].until_sample;
        let left = until.load(Ordering::Relaxed);
        if left > 0 && left <= every {
            until.store(left - 1, Ordering::Relaxed);
            return false;
        }
        until.store(every - 1, Ordering::Relaxed);
        true
    }

    pub(super) fn sample_every(&self, every: u64) {
        self.sample_every.store(every, Ordering::Relaxed);
    }

    /// Whether everything is kept now.
    #[inline(always)]
    pub(super) fn keeps_all(&self, now: impl FnOnce() -> u64) -> bool {
        let until = self.keep_all_until.load(Ordering::Relaxed);
        until != 0 && now() < until
    }

    pub(super) fn keep_all_until(&self, tick: u64) {
        self.keep_all_until.store(tick, Ordering::Relaxed);
    }
}

/// What a recorder has seen and lost so far; see [`FlightRecorder::counts`](super::FlightRecorder::counts).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RecorderCounts {
    /// Traces that have ended, kept or not.
    pub traces: u64,
    /// Traces that were kept, by the name of the reason.
    pub kept: Vec<(super::Reason, u64)>,
    /// Traces that were not kept though there was this reason, since its quota was used up.
    pub over_quota: Vec<(super::Reason, u64)>,
    /// Traces that were not recorded, since all blocks were taken.
    pub traces_without_room: u64,
    /// Spans that were left out of their trace, since all blocks were taken.
    pub spans_without_room: u64,
    /// Spans that were left out of their trace, since it has as many blocks or open spans as a trace
    /// may have.
    pub spans_in_full_traces: u64,
    /// Spans that began when their trace was over.
    pub spans_too_late: u64,
    /// Events, fields and links that found no room, or whose trace was over.
    pub entries_lost: u64,
    /// Spans that are in no histogram, since there was no room for another one.
    pub uncounted_spans: u64,
    /// Traces that were to be kept when the collector was so far behind that half of all blocks
    /// waited for it.
    pub kept_without_room: u64,
    /// Traces that were kept, and had to make room for later ones before anybody took them.
    pub evicted: u64,
}

impl RecorderCounts {
    /// How many traces were kept for `reason`.
    pub fn kept_for(&self, reason: super::Reason) -> u64 {
        self.kept.iter().find(|(other, _)| *other == reason).map_or(0, |(_, count)| *count)
    }

    /// All traces, spans, events, fields and links that are not there, for whatever reason, though
    /// nobody decided that they are not worth it.
    pub fn lost(&self) -> u64 {
        self.traces_without_room
            + self.spans_without_room
            + self.spans_in_full_traces
            + self.spans_too_late
            + self.entries_lost
            + self.kept_without_room
    }
}
