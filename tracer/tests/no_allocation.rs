//! The hot path takes nothing from the heap: not for spans, fields, events, links or records, not
//! through any front end that is the recorder's own, and not when there is no room.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;

use raftlens_tracer::recorder::{FlightRecorder, Kind};
use raftlens_tracer::{TraceContext, kind};
use tracing::info_span;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what a thread takes from the heap.
struct Counting;

// SAFETY: everything is the system allocator's; counting takes no memory of its own.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: passed on as it came.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// How often `act` takes from the heap, once everything that is made at first is made.
fn allocations(mut act: impl FnMut()) -> u64 {
    (0..200).for_each(|_| act());
    let before = ALLOCATIONS.with(Cell::get);
    (0..1000).for_each(|_| act());
    ALLOCATIONS.with(Cell::get) - before
}

fn read(number: u64) {
    let read = info_span!("read", number, mode = "read_index", key = %number, later = tracing::field::Empty);
    let context = TraceContext::of(&read);
    read.in_scope(|| {
        info_span!("inspect", lease = "a text that is longer than a slot").in_scope(|| {
            tracing::info!(number, title = "Expired", "case");
        });
        read.record("later", 5);
        read.clone().in_scope(|| {});
    });
    let answer = info_span!(parent: None, "answer");
    if let Some(context) = context {
        TraceContext::follow(&answer, context, "callback");
    }
    drop((answer, read));
}

#[test]
fn a_read_takes_nothing_from_the_heap() {
    let recorder = FlightRecorder::builder().normal_per_second(0).no_percentile().build();
    tracing::subscriber::with_default(recorder.clone(), || {
        assert_eq!(allocations(|| read(7)), 0);
    });
    assert_eq!(recorder.counts().traces, 2 * 1200);
    assert_eq!(recorder.counts().lost(), 0);

    static READ: Kind = kind!("read", "number", "mode");
    static STAGE: Kind = kind!("stage");
    let calls = || {
        let mut read = recorder.start(&READ, |values| values.unsigned(0, 7).text(1, "read_index"));
        drop(read.child(&STAGE, |values| values));
        read.mark(&STAGE);
        read.mark(&STAGE);
    };
    assert_eq!(allocations(calls), 0);
}

#[test]
fn no_room_takes_nothing_either() {
    let recorder = FlightRecorder::builder().memory_bytes(0).build();
    tracing::subscriber::with_default(recorder.clone(), || {
        let _open: Vec<_> = (0..64).map(|_| info_span!("open")).collect();
        assert_eq!(allocations(|| read(7)), 0);
    });
    assert!(recorder.counts().traces_without_room >= 2 * 1200);
}

#[test]
fn the_test_would_notice() {
    let recorder = FlightRecorder::builder().build();
    recorder.keep_all_for(Duration::from_secs(60));
    let taken = allocations(|| drop(std::hint::black_box(Box::new(5))));
    assert_eq!(taken, 1000);
}
