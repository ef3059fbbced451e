//! Runs real code under the recording subscriber and hands its spans to the tests beside it.

use raftlens_tracer::model::{Span, TraceSet};
use raftlens_tracer::{Guard, Init, init};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, dispatcher};

pub(crate) fn start(init: Init) -> (Dispatch, Guard) {
    let (subscriber, guard) = init.memory().build().unwrap();
    (Dispatch::new(subscriber), guard)
}

/// Records what `act` does and gives the spans.
pub(crate) fn record(act: impl FnOnce()) -> TraceSet {
    let (dispatch, guard) = start(init().level(LevelFilter::TRACE));
    dispatcher::with_default(&dispatch, act);
    guard.memory().take()
}

pub(crate) fn named<'a>(traces: &'a TraceSet, name: &str) -> &'a Span {
    traces.spans.iter().find(|span| &*span.name == name).unwrap()
}
