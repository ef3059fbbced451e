//! The atomics that the recorder is built on: the standard ones, or loom's where every interleaving
//! is tried (`tracer/loom`).

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicU64, Ordering, fence};
