//! What one reader keeps between reads: the delegates of the regions that it has read, and the snapshot
//! of the batch that it is working on.

use std::sync::{Arc, PoisonError};

use lru::LruCache;

use super::LocalReader;
use crate::clock::Instant;
use crate::config::Consistency;
use crate::engine::Engine;
use crate::ids::RegionId;
use crate::peer_storage::load_apply_state;
use crate::read_delegate::ReadDelegate;
use crate::reject::RejectReason;
use crate::rules::Rule;
use crate::snap_cache::{SnapCache, ThreadReadId};

/// How many regions one reader remembers.
const DELEGATES_MAX: usize = 1024;

/// What one reader keeps between reads.
pub(super) struct Cache<S> {
    delegates: Delegates,
    pub(super) snapshots: SnapCache<S>,
}

impl<S> Cache<S> {
    pub(super) fn new() -> Self {
        // Grows as it is used: a clone of a reader often serves but one read.
        let delegates = Delegates { by_region: LruCache::unbounded(), last: None };
        Cache { delegates, snapshots: SnapCache::default() }
    }
}

/// The delegates that were used lately.
struct Delegates {
    by_region: LruCache<RegionId, Arc<ReadDelegate>>,
    /// The one that was used last: most reads of a thread are of the region of the one before.
    last: Option<Arc<ReadDelegate>>,
}

impl Delegates {
    fn find(
        &mut self,
        region: RegionId,
        is_current: impl Fn(&ReadDelegate) -> bool,
    ) -> Option<Arc<ReadDelegate>> {
        if let Some(last) = &self.last
            && last.region.region_id() == region
            && is_current(last)
        {
            return Some(Arc::clone(last));
        }
        let found = self.by_region.get(&region).filter(|found| is_current(found)).cloned();
        self.last.clone_from(&found);
        found
    }

    /// Remembers what was found in the store.
    fn put(&mut self, region: RegionId, delegate: Option<&Arc<ReadDelegate>>) {
        self.last = delegate.cloned();
        match delegate {
            Some(delegate) => {
                self.by_region.put(region, Arc::clone(delegate));
                if self.by_region.len() > DELEGATES_MAX {
                    self.by_region.pop_lru();
                }
            }
            None => {
                self.by_region.pop(&region);
            }
        }
    }
}

impl<E: Engine> LocalReader<E> {
    /// The region's facts: from this reader's memory while they are current, else from the store.
    pub(super) fn get_delegate(&self, region: RegionId) -> Option<Arc<ReadDelegate>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // What has changed at its source is not used any more (rule S3).
        let is_current = |it: &ReadDelegate| !it.track_ver.any_new() || !self.rules.holds(Rule::S3);
        if let Some(delegate) = cache.delegates.find(region, is_current) {
            return Some(delegate);
        }
        self.rejects.count(RejectReason::CacheMiss);
        let delegate = self.meta.delegate(region).map(Arc::new);
        cache.delegates.put(region, delegate.as_ref());
        delegate
    }

    /// The batch of an earlier request: none, since its snapshot is not for this one (rule S2).
    pub(super) fn kept_read_id(&self) -> Option<ThreadReadId> {
        if self.rules.holds(Rule::S2b) {
            return None;
        }
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.snapshots.read_id().cloned()
    }

    /// The batch's snapshot, if this region may be read from it (rule S2): the lease is checked at
    /// the time when it was taken, and it must not be older than the delegate's last change. In
    /// strict consistency it must also show all that is committed in *this* region, which the
    /// region that it was taken for says nothing about.
    pub(super) fn cached_snapshot(
        &self,
        read_id: &ThreadReadId,
        delegate: &ReadDelegate,
    ) -> Option<(Arc<E::Snapshot>, Instant)> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let last_valid_ts =
            if self.rules.holds(Rule::S2a) { delegate.last_valid_ts } else { Instant::default() };
        let (snapshot, taken_at) = cache.snapshots.get(read_id, last_valid_ts)?;
        drop(cache);
        if self.config.consistency == Consistency::Strict && self.rules.holds(Rule::X1) {
            let region = delegate.region.region_id();
            let state = load_apply_state(&*snapshot, region).ok().flatten()?;
            if !delegate.progress.commit_is_within(state.applied_index) {
                return None;
            }
        }
        Some((snapshot, taken_at))
    }

    /// Forgets the batch's snapshot, so that it does not hold back the engine's clean-up.
    pub(crate) fn release_snapshot_cache(&self) {
        if self.rules.holds(Rule::S2b) {
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).snapshots.clear();
        }
    }
}
