//! Whether a store's disk has room for more: asked once a tick, known to all of its replicas.
//!
//! A disk that is full ends the store at its next write, with a typed error and nothing lost. Before
//! that, from a reserve on, the store takes no new writes of clients, and a follower refuses replica
//! reads: what it would have to apply for them may not fit any more (rule P11). What others have
//! proposed it still takes, and changes of the region as well: those make room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::Engine;
use crate::error::Error;

/// A store's view of its disk; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiskRoom(Arc<AtomicBool>);

impl DiskRoom {
    /// Looks at the disk.
    pub(crate) fn look(&self, engine: &impl Engine, reserve_bytes: u64) {
        let is_low = reserve_bytes > 0 && !engine.has_room(reserve_bytes);
        if self.0.swap(is_low, Ordering::Relaxed) != is_low {
            tracing::warn!(is_low, reserve_bytes, "the room on the disk");
        }
    }

    /// Refuses what would need more room, if there is little left.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Error::DiskFull("less than its reserve is left; free space, or ask another one".into()))
    }
}
