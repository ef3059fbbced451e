//! The flight recorder in real time: how many normal traces are kept when many come at once. Apart from
//! `flight_recorder`, whose time is given.

use std::time::Duration;

use raftlens_tracer::recorder::{FlightRecorder, Reason};
use tracing::info_span;

/// After a pause nobody knows how many traces will come.
#[test]
fn a_burst_after_a_pause_is_not_kept_whole() {
    let builder = FlightRecorder::builder().no_percentile().normal_per_second(3).poll_every(None);
    let recorder = builder.show_open_after(None).build();
    tracing::subscriber::with_default(recorder.clone(), || {
        // Long enough for the recorder to find that nothing happens.
        std::thread::sleep(Duration::from_millis(1100));
        recorder.poll();
        (0..1000).for_each(|_| drop(info_span!("burst").entered()));
    });
    let counts = recorder.counts();
    assert_eq!((counts.traces, counts.kept_for(Reason::Baseline)), (1000, 3));
    assert_eq!(counts.lost(), 0);
}
