//! Ids for slices that have none: a hash of where and when they began, so that the same file
//! always gives the same ids.
//!
//! An asynchronous operation is one trace; on a thread, each outermost slice is one.

use std::collections::HashMap;

use super::slices::{Slice, Track};
use crate::format::ids::fnv1a_128;
use crate::model::{SpanId, TraceId};

/// Makes ids, and never the same one twice.
#[derive(Default)]
pub(super) struct Ids {
    /// How often each id was made already.
    made: HashMap<u64, u64>,
}

impl Ids {
    pub(super) fn span(&mut self, slice: &Slice, track: &Track) -> SpanId {
        let place = format!("{}\0{}\0{}", place(track), slice.start_ns, slice.begin.name);
        let mut id = folded(&place);
        loop {
            let times = self.made.entry(id).or_insert(0);
            *times += 1;
            if *times == 1 {
                return SpanId(id);
            }
            id = folded(&format!("{place}\0{times}"));
        }
    }
}

/// The trace of a slice that nothing is around.
pub(super) fn trace(span_id: SpanId, track: &Track) -> TraceId {
    TraceId(fnv1a_128(&match track {
        Track::Async { .. } => place(track),
        Track::Thread { .. } => format!("{}\0{span_id}", place(track)),
    }))
}

fn place(track: &Track) -> String {
    match track {
        Track::Thread { process, thread } => format!("thread\0{process}\0{thread}"),
        Track::Async { process, category, id, scope } => {
            let process = process.as_deref().unwrap_or_default();
            format!("async\0{process}\0{category}\0{id}\0{scope}")
        }
    }
}

/// Both halves of the hash take part; zero would mean "no span".
fn folded(text: &str) -> u64 {
    let hash = fnv1a_128(text);
    ((hash >> 64) as u64 ^ hash as u64).max(1)
}
