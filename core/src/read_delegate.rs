//! What a reader's thread knows of a region: a copy of the peer's facts, refreshed by version.
//!
//! The peer writes into the source delegate in [`StoreMeta`]; readers keep copies and compare one
//! version number before each use (rule S3). Taking the source away changes the version too, so no
//! copy outlives the peer unnoticed (rule S4).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::callback::{ReadMode, ReadResponse, ReadValue};
use crate::clock::Instant;
use crate::command::{RaftCmdRequest, ReadCommand, ReadWaits};
use crate::engine::{Care, EngineSnapshot, Family};
use crate::error::Error;
use crate::ids::{PeerId, RegionId};
use crate::lease::LeaseState;
use crate::region::Region;
use crate::region_snapshot::{MaybeShared, RegionSnapshot, check_key_in_region};
use crate::reject::RejectReason;
use crate::remote_lease::RemoteLease;
use crate::spans::{Entered, draws_functions, enter_function};

/// How far the peer has got, published for rule X1: `commit` before any message that could show it
/// to another node leaves, `applied` after the engine has the data and before a write is answered.
#[derive(Debug, Default)]
pub struct ReadProgress {
    commit: AtomicU64,
    applied: AtomicU64,
}

impl ReadProgress {
    pub(crate) fn set_commit(&self, index: u64) {
        self.commit.fetch_max(index, Ordering::Release);
    }

    pub(crate) fn set_applied(&self, index: u64) {
        self.applied.fetch_max(index, Ordering::Release);
    }

    /// Whether nothing beyond `applied_index` is committed so far.
    pub(crate) fn commit_is_within(&self, applied_index: u64) -> bool {
        self.commit.load(Ordering::Acquire) <= applied_index
    }

    /// Whether all that was committed when this was called is applied.
    ///
    /// The commit index is loaded first: a reader that then finds it applied, and takes its
    /// snapshot after that, sees everything that any node had shown before the read began.
    #[inline]
    pub fn has_applied_all(&self) -> bool {
        let commit = self.commit.load(Ordering::Acquire);
        self.applied.load(Ordering::Acquire) >= commit
    }
}

/// The version of a source delegate, and the one that a copy was made at.
#[derive(Debug)]
pub(crate) struct TrackVer {
    current: Arc<AtomicU64>,
    seen: u64,
    /// The source bumps the version when it is dropped; copies do not.
    is_source: bool,
}

impl TrackVer {
    fn source() -> Self {
        TrackVer { current: Arc::new(AtomicU64::new(0)), seen: 0, is_source: true }
    }

    /// Whether the source has changed since this copy was made (rule S3).
    pub(crate) fn any_new(&self) -> bool {
        self.current.load(Ordering::Relaxed) > self.seen
    }

    fn bump(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }
}

impl Clone for TrackVer {
    fn clone(&self) -> Self {
        TrackVer {
            current: Arc::clone(&self.current),
            seen: self.current.load(Ordering::Relaxed),
            is_source: false,
        }
    }
}

impl Drop for TrackVer {
    fn drop(&mut self) {
        if self.is_source {
            self.bump();
        }
    }
}

/// The facts about one region that a local read needs.
#[derive(Clone, Debug)]
pub struct ReadDelegate {
    pub(crate) region: Arc<Region>,
    pub(crate) peer_id: PeerId,
    pub(crate) term: u64,
    pub(crate) applied_term: u64,
    pub(crate) leader_lease: Option<RemoteLease>,
    /// Set while a hand-over puts the lease under suspicion, to name the reason of a refusal.
    pub(crate) suspect: bool,
    /// A cached snapshot that is older than this must not be used for this region (rule S2).
    pub(crate) last_valid_ts: Instant,
    pub(crate) is_witness: bool,
    pub(crate) wait_data: bool,
    pub(crate) progress: Arc<ReadProgress>,
    pub(crate) track_ver: TrackVer,
}

/// One changed fact.
#[derive(Debug)]
pub(crate) enum Progress {
    Region(Arc<Region>),
    Term(u64),
    AppliedTerm(u64),
    LeaderLease(RemoteLease),
    Suspect(bool),
}

impl ReadDelegate {
    pub(crate) fn new(
        region: Arc<Region>,
        peer_id: PeerId,
        progress: Arc<ReadProgress>,
        now: Instant,
    ) -> Self {
        let is_witness = region.peer(peer_id).is_some_and(|peer| peer.is_witness);
        ReadDelegate {
            region,
            peer_id,
            term: 0,
            applied_term: 0,
            leader_lease: None,
            suspect: false,
            last_valid_ts: now,
            is_witness,
            wait_data: false,
            progress,
            track_ver: TrackVer::source(),
        }
    }

    /// Takes over one changed fact; readers notice by the version.
    pub(crate) fn update(&mut self, progress: Progress, now: Instant) {
        self.last_valid_ts = now;
        match progress {
            Progress::Region(region) => {
                self.is_witness = region.peer(self.peer_id).is_some_and(|peer| peer.is_witness);
                self.region = region;
            }
            Progress::Term(term) => self.term = term,
            Progress::AppliedTerm(term) => self.applied_term = term,
            Progress::LeaderLease(lease) => {
                self.leader_lease = Some(lease);
                self.suspect = false;
            }
            Progress::Suspect(suspect) => self.suspect = suspect,
        }
        self.track_ver.bump();
    }

    /// Whether the leader's lease covers a snapshot that was taken before `snapshot_at`; else why not.
    #[inline]
    pub(crate) fn is_in_leader_lease(&self, snapshot_at: Instant) -> Result<(), RejectReason> {
        let _span = self.enter_is_in_leader_lease(snapshot_at);
        let Some(lease) = &self.leader_lease else { return Err(RejectReason::NoLease) };
        // A lease of another term says nothing about this one (rule L9).
        if lease.term() != self.term {
            return Err(RejectReason::TermMismatch);
        }
        match lease.inspect(snapshot_at) {
            LeaseState::Valid => Ok(()),
            LeaseState::Suspect | LeaseState::Expired if self.suspect => Err(RejectReason::Suspect),
            LeaseState::Suspect | LeaseState::Expired => Err(RejectReason::LeaseExpire),
        }
    }

    /// The span of [`Self::is_in_leader_lease`], which says how much of the lease is left.
    #[inline]
    fn enter_is_in_leader_lease(&self, snapshot_at: Instant) -> Entered {
        if !draws_functions() {
            return Entered::new(None);
        }
        let lease = self.leader_lease.as_ref();
        let remaining_ns = lease.and_then(|lease| lease.remaining_ns(snapshot_at));
        let renewed_by =
            lease.filter(|_| remaining_ns.is_some()).map(|it| it.renewed_by().as_str());
        enter_function!(
            "is_in_leader_lease",
            "LocalReader/leader lease",
            "ReadDelegate::is_in_leader_lease",
            lease.remaining_ns = remaining_ns,
            lease.renewed_by = renewed_by
        )
    }

    /// Answers a read from a snapshot that the lease covers.
    pub(crate) fn execute<S: EngineSnapshot>(
        &self,
        request: &RaftCmdRequest,
        snapshot: MaybeShared<S>,
        mode: ReadMode,
    ) -> ReadResponse<S> {
        let _span = enter_function!("execute", "LocalReader/leader lease", "ReadDelegate::execute");
        let mut waits = ReadWaits::default();
        let result = match request.read() {
            Some(ReadCommand::Get { key }) => {
                check_key_in_region(key, &self.region).and_then(|()| {
                    let (found, usage) =
                        snapshot.measure(Care::Counts, |snapshot| snapshot.get(Family::Data, key));
                    waits.usage = usage;
                    Ok(ReadValue::Value(found?))
                })
            }
            Some(ReadCommand::Snap) => {
                Ok(ReadValue::Snapshot(RegionSnapshot::of(snapshot, Arc::clone(&self.region))))
            }
            // These two never get a local policy.
            Some(ReadCommand::ReadIndex | ReadCommand::Renew) | None => {
                Err(Error::ReadIndexNotReady {
                    region: self.region.region_id(),
                    reason: "a reader's thread cannot make one",
                })
            }
        };
        ReadResponse { result, term: self.term, mode: Some(mode), waits, trace: None }
    }
}

/// The source delegates of a store, shared by its peers and readers.
#[derive(Clone, Default)]
pub(crate) struct StoreMeta {
    delegates: Arc<Mutex<BTreeMap<RegionId, ReadDelegate>>>,
    /// How many pieces of snapshots were refused, by why.
    piece_faults: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl StoreMeta {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<RegionId, ReadDelegate>> {
        // Nothing inside can be left half changed by a panic elsewhere.
        self.delegates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy for a reader.
    pub(crate) fn delegate(&self, region: RegionId) -> Option<ReadDelegate> {
        self.lock().get(&region).cloned()
    }

    /// Looks at a region's delegate without making a copy.
    #[cfg(feature = "sim")]
    pub(crate) fn look<R>(
        &self,
        region: RegionId,
        look: impl FnOnce(&ReadDelegate) -> Option<R>,
    ) -> Option<R> {
        self.lock().get(&region).and_then(look)
    }

    pub(crate) fn insert(&self, region: RegionId, delegate: ReadDelegate) {
        self.lock().insert(region, delegate);
    }

    /// Takes the source away, before any of its data goes (rule S6).
    pub(crate) fn remove(&self, region: RegionId) {
        self.lock().remove(&region);
    }

    /// The regions of this store, other than `region` itself, that have keys of its range.
    pub(crate) fn overlapping(&self, region: &Region) -> Vec<Arc<Region>> {
        let delegates = self.lock();
        let others = delegates.values().map(|delegate| &delegate.region);
        let overlaps =
            |other: &&Arc<Region>| other.id != region.id && region.overlaps(other.as_ref());
        others.filter(overlaps).cloned().collect()
    }

    pub(crate) fn count_piece_fault(&self, name: &'static str) {
        let mut faults = self.piece_faults.lock().unwrap_or_else(PoisonError::into_inner);
        *faults.entry(name).or_default() += 1;
    }

    /// How many pieces of snapshots were refused, by why.
    #[cfg(feature = "sim")]
    pub(crate) fn piece_faults(&self) -> BTreeMap<&'static str, u64> {
        self.piece_faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, region: RegionId, now: Instant, progress: Progress) {
        if let Some(delegate) = self.lock().get_mut(&region) {
            delegate.update(progress, now);
        }
    }
}

impl fmt::Debug for StoreMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::RenewedBy;

    fn delegate() -> ReadDelegate {
        let region = Region { id: 1, ..Region::default() };
        ReadDelegate::new(Arc::new(region), PeerId(1), Arc::default(), Instant::from_ns(0))
    }

    #[test]
    fn a_copy_notices_a_change_and_the_end_of_its_source() {
        let meta = StoreMeta::default();
        let region = RegionId(1);
        meta.insert(region, delegate());
        let copy = meta.delegate(region).unwrap();
        assert!(!copy.track_ver.any_new());
        meta.update(region, Instant::from_ns(5), Progress::Term(3));
        assert!(copy.track_ver.any_new());

        let copy = meta.delegate(region).unwrap();
        assert_eq!((copy.term, copy.last_valid_ts), (3, Instant::from_ns(5)));
        drop(meta.delegate(region));
        assert!(!copy.track_ver.any_new(), "a copy's end is no news");
        meta.remove(region);
        assert!(copy.track_ver.any_new());
    }

    #[test]
    fn each_lease_fault_has_its_reason() {
        let (now, mut delegate) = (Instant::from_ns(50), delegate());
        delegate.term = 2;
        assert_eq!(delegate.is_in_leader_lease(now), Err(RejectReason::NoLease));
        let lease = RemoteLease::new(Instant::from_ns(100), 1, RenewedBy::Write);
        delegate.leader_lease = Some(lease);
        assert_eq!(delegate.is_in_leader_lease(now), Err(RejectReason::TermMismatch));
        delegate.term = 1;
        assert_eq!(delegate.is_in_leader_lease(now), Ok(()));
        let late = Instant::from_ns(100);
        assert_eq!(delegate.is_in_leader_lease(late), Err(RejectReason::LeaseExpire));
        delegate.suspect = true;
        assert_eq!(delegate.is_in_leader_lease(late), Err(RejectReason::Suspect));
    }

    #[test]
    fn progress_compares_applied_with_commit() {
        let progress = ReadProgress::default();
        assert!(progress.has_applied_all());
        progress.set_commit(4);
        assert!(!progress.has_applied_all());
        progress.set_applied(4);
        assert!(progress.has_applied_all());
    }
}
