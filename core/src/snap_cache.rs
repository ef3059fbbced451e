//! One snapshot for all reads of a batch (mode 2).
//!
//! A `ThreadReadId` is made once for each batch request, never kept from one request to the next
//! (rule S2): a read that begins after the snapshot was taken must not be answered from it, unless
//! it is part of the same request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Clock, Instant};

/// Names a batch of reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadReadId {
    sequence: u64,
    /// A snapshot must not be used for a region that has changed since (rule S2).
    pub(crate) create_time: Instant,
}

impl ThreadReadId {
    /// A new batch that begins now.
    pub fn new(clock: &dyn Clock) -> Self {
        static SEQUENCE: AtomicU64 = AtomicU64::new(0);
        let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
        ThreadReadId { sequence, create_time: clock.monotonic_raw_now() }
    }
}

/// The snapshot of the batch that a reader is working on.
pub(crate) struct SnapCache<S>(Option<Cached<S>>);

struct Cached<S> {
    read_id: ThreadReadId,
    snapshot: Arc<S>,
    taken_at: Instant,
}

impl<S> Default for SnapCache<S> {
    fn default() -> Self {
        SnapCache(None)
    }
}

impl<S> SnapCache<S> {
    /// The snapshot of this batch and when it was taken, if the batch is younger than the last
    /// change of the delegate that wants to use it.
    pub(crate) fn get(
        &self,
        read_id: &ThreadReadId,
        last_valid_ts: Instant,
    ) -> Option<(Arc<S>, Instant)> {
        let cached = self.0.as_ref()?;
        let usable = cached.read_id == *read_id && read_id.create_time >= last_valid_ts;
        usable.then(|| (Arc::clone(&cached.snapshot), cached.taken_at))
    }

    pub(crate) fn put(&mut self, read_id: ThreadReadId, snapshot: Arc<S>, taken_at: Instant) {
        self.0 = Some(Cached { read_id, snapshot, taken_at });
    }

    /// The batch that the snapshot was taken for.
    pub(crate) fn read_id(&self) -> Option<&ThreadReadId> {
        self.0.as_ref().map(|cached| &cached.read_id)
    }

    pub(crate) fn clear(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn a_snapshot_serves_its_own_batch_and_no_changed_region() {
        let clock = ManualClock::new(Instant::from_ns(100));
        let (first, second) = (ThreadReadId::new(&clock), ThreadReadId::new(&clock));
        let mut cache = SnapCache::default();
        assert!(cache.get(&first, Instant::from_ns(0)).is_none());
        clock.advance(Duration::from_nanos(10));
        cache.put(first.clone(), Arc::new(()), clock.monotonic_raw_now());

        let (_, taken_at) = cache.get(&first, Instant::from_ns(100)).expect("the same batch");
        assert_eq!(taken_at, Instant::from_ns(110));
        assert!(cache.get(&second, Instant::from_ns(0)).is_none(), "another batch");
        assert!(cache.get(&first, Instant::from_ns(101)).is_none(), "the region changed since");
        cache.clear();
        assert!(cache.get(&first, Instant::from_ns(0)).is_none());
    }
}
