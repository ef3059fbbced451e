//! What our layout is measured against: `dot` as a process, and the library `elkrs`.

pub(crate) mod dot;
pub(crate) mod elk;
mod order;

use std::thread;

use raftlens_viz::{Embedded, Layout, Placed, SizedGraph};

/// Stack of the threads that layouts run on; the peer recurses as deep as a chain is long.
const STACK_BYTES: usize = 1 << 30;

/// Ours; `None` when it fails.
pub(crate) fn ours(graph: &SizedGraph) -> Option<Placed> {
    Embedded.place(graph).ok()
}

/// `elkrs`; `None` when it fails in whatever way.
pub(crate) fn elkrs(graph: &SizedGraph) -> Option<Placed> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(STACK_BYTES);
        builder.spawn_scoped(scope, || elk::place(graph)).ok()?.join().ok()?
    })
}
