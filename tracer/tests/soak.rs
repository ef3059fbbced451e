//! The recorder at full load: memory stays flat, everything is counted, and a slow read that is
//! planted in every 100,000 is kept, every single one.
//!
//! Two seconds by default; `make soak` runs ten minutes (`RAFTLENS_SOAK_SECONDS=600`).

// Helpers of tests may fail as tests do, and this one says how it went.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use raftlens_tracer::TraceContext;
use raftlens_tracer::model::{TraceSet, Value};
use raftlens_tracer::recorder::{FlightRecorder, KeptSink, Reason};
use tracing::{Dispatch, Span, info_span};

const PLANTED_EVERY: u64 = 100_000;
const SLOW: Duration = Duration::from_millis(20);
const LOAD_THREADS: u64 = 2;

/// What arrives where kept traces go.
#[derive(Clone, Default)]
struct Arrived {
    planted: Arc<Mutex<HashSet<i64>>>,
    /// Kept traces that lack one of their seven spans.
    incomplete: Arc<AtomicU64>,
}

impl KeptSink for Arrived {
    fn accept(&mut self, traces: &TraceSet) {
        let mut planted = self.planted.lock().unwrap();
        for root in traces.spans.iter().filter(|span| &*span.name == "read") {
            let spans = traces.spans.iter().filter(|span| span.trace_id == root.trace_id);
            if spans.count() != 7 {
                self.incomplete.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(Value::Int(number)) = root.attribute("planted") {
                planted.insert(*number);
            }
        }
    }
}

/// A read: five spans here, one on another thread, one more handed over.
fn read(number: u64, planted: bool, raft: &SyncSender<(Span, Option<TraceContext>)>) {
    let read = info_span!("read", number, mode = "read_index", planted = tracing::field::Empty);
    let context = TraceContext::of(&read);
    read.in_scope(|| {
        let _route = info_span!("route", region = number % 7).entered();
        let _propose = info_span!("propose", term = 5_u64).entered();
        let _inspect = info_span!("inspect", lease = "valid").entered();
        tracing::info!(title = "LeaseState::Valid", "case");
        if planted {
            read.record("planted", number);
            std::thread::sleep(SLOW);
        }
        drop(info_span!("apply_reads", index = number));
    });
    // Now and then the other thread has part of the work; waiting for it would be no full load.
    let confirm = info_span!(parent: &read, "confirm", number);
    if number.is_multiple_of(64) {
        raft.send((confirm, context)).unwrap();
    } else {
        answer(confirm, context);
    }
}

fn answer(confirm: Span, context: Option<TraceContext>) {
    confirm.in_scope(|| {});
    let answer = info_span!(parent: None, "answer");
    if let Some(context) = context {
        TraceContext::follow(&answer, context, "callback");
    }
    drop((answer, confirm));
}

fn raft_thread(inbox: &Receiver<(Span, Option<TraceContext>)>) {
    while let Ok((confirm, context)) = inbox.recv() {
        answer(confirm, context);
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

#[test]
fn every_planted_read_is_kept_and_memory_is_flat() {
    let seconds = std::env::var("RAFTLENS_SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    let length = Duration::from_secs(seconds.unwrap_or(2));
    let recorder = FlightRecorder::builder()
        .service_name("soak")
        .keep_slower_than("read", SLOW)
        .quota_per_second(Reason::Slow, None)
        .build();
    let arrived = Arrived::default();
    recorder.add_sink(arrived.clone());
    let (reads, planted) = (AtomicU64::new(0), Mutex::new(HashSet::new()));
    let (stop, mut resident) = (AtomicBool::new(false), Vec::new());
    let dispatch = Dispatch::new(recorder.clone());
    std::thread::scope(|threads| {
        let (raft, inbox) = sync_channel(1024);
        let raft_dispatch = dispatch.clone();
        threads.spawn(move || {
            tracing::dispatcher::with_default(&raft_dispatch, || raft_thread(&inbox));
        });
        for _ in 0..LOAD_THREADS {
            let raft = raft.clone();
            let (dispatch, stop, reads, planted) = (&dispatch, &stop, &reads, &planted);
            threads.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    while !stop.load(Ordering::Relaxed) {
                        let number = reads.fetch_add(1, Ordering::Relaxed);
                        let is_planted = number % PLANTED_EVERY == PLANTED_EVERY / 2;
                        if is_planted {
                            planted.lock().unwrap().insert(number as i64);
                        }
                        read(number, is_planted, &raft);
                    }
                });
            });
        }
        drop(raft);
        let start = Instant::now();
        // On a slow machine it takes longer, and shows the same.
        while start.elapsed() < length || reads.load(Ordering::Relaxed) < 2 * PLANTED_EVERY {
            std::thread::sleep(length / 20);
            resident.push(resident_kib());
        }
        stop.store(true, Ordering::Relaxed);
    });
    recorder.flush();

    let (counts, memory) = (recorder.counts(), recorder.memory());
    let reads = reads.load(Ordering::Relaxed);
    // A while to fill what is filled once.
    let steady = &resident[resident.len() / 4..];
    let (least, most) = (steady.iter().min().unwrap(), steady.iter().max().unwrap());
    println!("{reads} reads in {length:?}, {} planted", planted.lock().unwrap().len());
    println!("resident {least} to {most} KiB; {memory:?}");
    println!("{counts:?}");
    // A read is two traces: itself, and what was handed over from it.
    let not_recorded = counts.traces_without_room;
    assert_eq!(counts.traces + not_recorded, 2 * reads, "every trace is counted");
    let of_reads =
        recorder.latencies().into_iter().filter(|one| one.name == "read" || one.name == "answer");
    let in_histograms: u64 = of_reads.map(|one| one.count).sum();
    assert_eq!(in_histograms, counts.traces, "every trace is in a histogram");
    let missing: Vec<_> = {
        let (planted, arrived) = (planted.lock().unwrap(), arrived.planted.lock().unwrap());
        planted.difference(&arrived).copied().collect()
    };
    assert!(missing.is_empty(), "planted and not kept: {missing:?}");
    assert!(reads > PLANTED_EVERY, "too few reads to show anything");
    assert!(most - least < 16 << 10, "memory grew from {least} to {most} KiB");
}
