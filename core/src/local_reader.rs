//! A reader's thread answers a read itself while the leader's lease lasts, and sends it to the raft
//! thread when it may not.
//!
//! The order is the safety argument, and is kept in one function: snapshot, then clock, then lease
//! (rule S1).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;

use crate::callback::{Callback, ReadMode, ReadResponse};
use crate::clock::{Clock, Instant};
use crate::command::{RaftCmdRequest, RaftCommand, ReadCommand};
use crate::config::{Config, Consistency};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::{RegionId, StoreId};
use crate::lease::LeaseState;
use crate::local_read_router::ReadContext;
use crate::mailbox::TrySendError;
use crate::message::{CasualMessage, PeerMsg};
use crate::peer_storage::load_apply_state;
use crate::read_delegate::{ReadDelegate, StoreMeta};
use crate::reject::{RejectCounters, RejectReason};
use crate::request_policy::{NotLocal, RequestInspector, RequestPolicy};
use crate::router::RaftRouter;
use crate::rules::{Rule, Rules};
use crate::snap_cache::{SnapCache, ThreadReadId};
use crate::spans::{enter_function, record, record_fields, stage_span};

/// How many regions one reader remembers.
const DELEGATES_MAX: usize = 1024;

/// What one reader keeps between reads.
struct Cache<S> {
    delegates: LruCache<RegionId, Arc<ReadDelegate>>,
    snapshots: SnapCache<S>,
}

/// Answers reads on the thread that asks. Each thread should have its own clone.
pub(crate) struct LocalReader<E: Engine> {
    store_id: StoreId,
    engine: E,
    clock: Arc<dyn Clock>,
    config: Arc<Config>,
    meta: StoreMeta,
    router: RaftRouter<E::Snapshot>,
    rejects: Arc<RejectCounters>,
    rules: Rules,
    /// Locked by the thread that reads; contended only if clones are shared between threads.
    cache: Mutex<Cache<E::Snapshot>>,
}

impl<E: Engine> Clone for LocalReader<E> {
    fn clone(&self) -> Self {
        LocalReader {
            store_id: self.store_id,
            engine: self.engine.clone(),
            clock: Arc::clone(&self.clock),
            config: Arc::clone(&self.config),
            meta: self.meta.clone(),
            router: self.router.clone(),
            rejects: Arc::clone(&self.rejects),
            rules: self.rules,
            cache: Mutex::new(Cache::new()),
        }
    }
}

impl<S> Cache<S> {
    fn new() -> Self {
        // Grows as it is used: a clone of a reader often serves but one read.
        Cache { delegates: LruCache::unbounded(), snapshots: SnapCache::default() }
    }
}

/// A read, and what its checks have found.
pub(crate) struct Checked {
    request: RaftCmdRequest,
    found: Result<Arc<ReadDelegate>, NotHere>,
    /// The lease was looked at already, before the snapshot: without rule S1 alone.
    lease_was_valid: bool,
}

/// Why a reader's thread did not answer, and what it did for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotLocalRead {
    pub(crate) reason: RejectReason,
    /// How long it took to get a snapshot that no lease covers.
    pub(crate) snapshot: Duration,
}

/// Why a read is not answered here.
enum NotHere {
    /// The raft thread may still answer it.
    Redirect(RejectReason),
    /// So may it, after a snapshot that took so long and that no lease covers.
    NotInLease(RejectReason, Duration),
    /// Nobody on this store can.
    Refuse(RejectReason, Error),
}

/// A region's delegate that is asked how to serve a request.
struct Inspector<'a>(&'a ReadDelegate, Rules);

impl RequestInspector for Inspector<'_> {
    fn has_applied_to_current_term(&mut self) -> bool {
        self.0.applied_term == self.0.term || !self.1.holds(Rule::T1)
    }

    fn inspect_lease(&mut self) -> LeaseState {
        // Only whether there is one: its time is checked after the snapshot was taken (rule S1).
        if self.0.leader_lease.is_some() { LeaseState::Valid } else { LeaseState::Expired }
    }
}

impl<E: Engine> LocalReader<E> {
    pub(crate) fn new(
        store_id: StoreId,
        engine: E,
        shared: ReadContext,
        router: RaftRouter<E::Snapshot>,
    ) -> Self {
        let ReadContext { clock, config, meta, rejects, rules } = shared;
        let cache = Mutex::new(Cache::new());
        LocalReader { store_id, engine, clock, config, meta, router, rejects, rules, cache }
    }

    /// Reads. `read_id` names the batch that the read belongs to, whose reads share a snapshot. Says
    /// why the read was not answered on this thread, if it was not.
    pub(crate) fn read(
        &self,
        read_id: Option<&ThreadReadId>,
        request: RaftCmdRequest,
        callback: Callback<E::Snapshot>,
        deadline: Option<Duration>,
    ) -> Option<NotLocalRead> {
        let _span = enter_function!("read", "LocalReader", "LocalReader::read");
        self.propose_raft_command(read_id, request, callback, deadline)
    }

    fn propose_raft_command(
        &self,
        read_id: Option<&ThreadReadId>,
        request: RaftCmdRequest,
        callback: Callback<E::Snapshot>,
        deadline: Option<Duration>,
    ) -> Option<NotLocalRead> {
        let _span = enter_function!(
            "propose_raft_command",
            "LocalReader",
            "LocalReader::propose_raft_command"
        );
        let checked = self.check(request);
        self.answer(checked, read_id, callback, deadline)
    }

    /// The first half of a read: its checks, by what this reader knows of the region now.
    pub(crate) fn check(&self, request: RaftCmdRequest) -> Checked {
        let found = self.pre_propose_raft_command(&request);
        let is_valid = |delegate: &Arc<ReadDelegate>| {
            delegate.is_in_leader_lease(self.clock.monotonic_raw_now()).is_ok()
        };
        let lease_was_valid = !self.rules.holds(Rule::S1) && found.as_ref().is_ok_and(is_valid);
        Checked { request, found, lease_was_valid }
    }

    /// The second half. Any time may pass between the two, whatever becomes of the region: the lease
    /// alone decides whether what was checked still counts (rules S1, M4, L10).
    pub(crate) fn answer(
        &self,
        checked: Checked,
        read_id: Option<&ThreadReadId>,
        callback: Callback<E::Snapshot>,
        deadline: Option<Duration>,
    ) -> Option<NotLocalRead> {
        let Checked { request, found, lease_was_valid } = checked;
        let answer = found.and_then(|delegate| {
            self.try_local_leader_read(read_id, &request, (&delegate, lease_was_valid))
        });
        match answer {
            Ok(response) => {
                callback.invoke_read(response);
                None
            }
            Err(NotHere::Refuse(reason, error)) => {
                self.rejects.count(reason);
                callback.invoke_read(ReadResponse::error(error, 0));
                Some(NotLocalRead { reason, snapshot: Duration::ZERO })
            }
            Err(NotHere::Redirect(reason)) => {
                Some(self.send_on(request, callback, deadline, (reason, Duration::ZERO)))
            }
            Err(NotHere::NotInLease(reason, snapshot)) => {
                Some(self.send_on(request, callback, deadline, (reason, snapshot)))
            }
        }
    }

    fn send_on(
        &self,
        request: RaftCmdRequest,
        callback: Callback<E::Snapshot>,
        deadline: Option<Duration>,
        (reason, snapshot): (RejectReason, Duration),
    ) -> NotLocalRead {
        self.rejects.count(reason);
        let reason = self.redirect(request, callback, deadline).unwrap_or(reason);
        NotLocalRead { reason, snapshot }
    }

    /// Finds the delegate and checks the request against it; the checks in the order of TiKV:
    /// store, delegate, replica, term, epoch, witness, data, flashback, policy.
    fn pre_propose_raft_command(
        &self,
        request: &RaftCmdRequest,
    ) -> Result<Arc<ReadDelegate>, NotHere> {
        let _span = enter_function!(
            "pre_propose_raft_command",
            "LocalReader",
            "LocalReader::pre_propose_raft_command"
        );
        let header = &request.header;
        if header.store_id != self.store_id {
            let error = Error::StoreNotMatch { expected: header.store_id, found: self.store_id };
            return Err(NotHere::Refuse(RejectReason::StoreIdMismatch, error));
        }
        let delegate =
            self.get_delegate(header.region_id).ok_or(NotHere::Redirect(RejectReason::NoRegion))?;
        Self::check_peer_id(request, &delegate)?;
        Self::check_term(request, &delegate)?;
        Self::check_region_epoch(request, &delegate)?;
        Self::check_data(request, &delegate)?;
        match self.inspect(request, &delegate) {
            (RequestPolicy::ReadLocal, _) => Ok(delegate),
            (RequestPolicy::StaleRead, _) => {
                let reason = "there is no safe timestamp for a read of the past";
                let error = Error::DataIsNotReady { region: header.region_id, reason };
                Err(NotHere::Refuse(RejectReason::SafeTs, error))
            }
            (_, why) => Err(NotHere::Redirect(match why {
                Some(NotLocal::ReplicaRead) => RejectReason::ReplicaRead,
                Some(NotLocal::AppliedTerm) => RejectReason::AppliedTerm,
                Some(NotLocal::LeaseExpired) => RejectReason::NoLease,
                Some(NotLocal::LeaseSuspect) => RejectReason::Suspect,
                Some(NotLocal::ReadQuorum) | None => RejectReason::ReadQuorum,
            })),
        }
    }

    /// The region's facts: from this reader's memory while they are current, else from the store.
    fn get_delegate(&self, region: RegionId) -> Option<Arc<ReadDelegate>> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match cache.delegates.get(&region) {
            Some(delegate) if !delegate.track_ver.any_new() || !self.rules.holds(Rule::S3) => {
                return Some(Arc::clone(delegate));
            }
            _ => self.rejects.count(RejectReason::CacheMiss),
        }
        match self.meta.delegate(region) {
            Some(delegate) => {
                let delegate = Arc::new(delegate);
                cache.delegates.put(region, Arc::clone(&delegate));
                if cache.delegates.len() > DELEGATES_MAX {
                    cache.delegates.pop_lru();
                }
                Some(delegate)
            }
            None => {
                cache.delegates.pop(&region);
                None
            }
        }
    }

    fn inspect(
        &self,
        request: &RaftCmdRequest,
        delegate: &ReadDelegate,
    ) -> (RequestPolicy, Option<NotLocal>) {
        let span = stage_span!(
            "inspect",
            "LocalReader",
            "LocalReader::inspect",
            read.policy = tracing::field::Empty
        );
        let _entered = span.enter();
        let (policy, why) = Inspector(delegate, self.rules).policy_of(request);
        record_fields!(span, of_policy: "read.policy" = policy.title());
        (policy, why)
    }

    /// Answers from a snapshot if the lease covers it.
    fn try_local_leader_read(
        &self,
        read_id: Option<&ThreadReadId>,
        request: &RaftCmdRequest,
        (delegate, lease_was_valid): (&ReadDelegate, bool),
    ) -> Result<ReadResponse<E::Snapshot>, NotHere> {
        let strict = self.config.consistency == Consistency::Strict && self.rules.holds(Rule::X1);
        // Rule X1, and before the snapshot: a write that any node has shown by now is in it then.
        if strict && !delegate.progress.has_applied_all() {
            return Err(NotHere::Redirect(RejectReason::ApplyLag));
        }
        // Rule S1: the snapshot, then the clock, then the lease. A lease that is valid after the
        // snapshot was taken was valid when it was taken.
        let before = self.clock.monotonic_raw_now();
        let kept = self.kept_read_id();
        let read_id = kept.as_ref().or(read_id);
        let cached = read_id.and_then(|id| self.cached_snapshot(id, delegate));
        let mode = if cached.is_some() { ReadMode::LeaseShared } else { ReadMode::LeaseLocal };
        let (snapshot, snapshot_at) = match cached {
            Some(cached) => cached,
            None => {
                let snapshot = Arc::new(self.engine.snapshot());
                let taken_at = self.clock.monotonic_raw_now();
                if let Some(id) = read_id {
                    let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                    cache.snapshots.put(id.clone(), Arc::clone(&snapshot), taken_at);
                }
                (snapshot, taken_at)
            }
        };
        if !lease_was_valid {
            let took = if mode == ReadMode::LeaseShared {
                Duration::ZERO
            } else {
                snapshot_at.saturating_since(before)
            };
            let in_lease = delegate.is_in_leader_lease(snapshot_at);
            in_lease.map_err(|reason| NotHere::NotInLease(reason, took))?;
        }
        let reads_engine = matches!(request.read(), Some(ReadCommand::Get { .. }));
        let executes_at = reads_engine.then(|| self.clock.monotonic_raw_now());
        let mut response = delegate.execute(request, snapshot, mode);
        if let Some(at) = executes_at {
            response.waits.engine = self.clock.monotonic_raw_now().saturating_since(at);
        }
        if mode == ReadMode::LeaseLocal {
            response.waits.snapshot = snapshot_at.saturating_since(before);
        }
        self.maybe_renew_lease_advance(delegate, snapshot_at);
        Ok(response)
    }

    /// The batch of an earlier request: none, since its snapshot is not for this one (rule S2).
    fn kept_read_id(&self) -> Option<ThreadReadId> {
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
    fn cached_snapshot(
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

    /// Asks for a renewal when the lease ends soon, one reader for all (rule L17).
    fn maybe_renew_lease_advance(&self, delegate: &ReadDelegate, now: Instant) {
        let Some(lease) = &delegate.leader_lease else { return };
        let advance_ns = u64::try_from(self.config.renew_advance().as_nanos()).unwrap_or(u64::MAX);
        if lease.claims_renewal(now, advance_ns) {
            let region = delegate.region.region_id();
            self.router.post(region, PeerMsg::Casual(CasualMessage::RenewLease));
        }
    }

    /// Sends the read to the raft thread. A full mailbox or a missing region is its answer, and a
    /// reason of its own.
    fn redirect(
        &self,
        request: RaftCmdRequest,
        callback: Callback<E::Snapshot>,
        deadline: Option<Duration>,
    ) -> Option<RejectReason> {
        let _span = enter_function!("redirect", "LocalReader", "LocalReader::redirect");
        let region = request.header.region_id;
        let sent_at = self.clock.monotonic_raw_now();
        let deadline = deadline.map(|deadline| sent_at + deadline);
        let command = RaftCommand { request, callback, sent_at, trace: None, deadline };
        record!("RaftCommand", "LocalReader");
        let (command, reason, error) = match self.router.send(command) {
            Ok(()) => return None,
            Err(TrySendError::Full(command)) => {
                let error = Error::ServerIsBusy { region, reason: "the mailbox is full" };
                (command, RejectReason::ChannelFull, error)
            }
            Err(TrySendError::Disconnected(command)) => {
                (command, RejectReason::NoRegion, Error::RegionNotFound(region))
            }
        };
        self.rejects.count(reason);
        command.callback.invoke_read(ReadResponse::error(error, 0));
        Some(reason)
    }

    /// Forgets the batch's snapshot, so that it does not hold back the engine's clean-up.
    pub(crate) fn release_snapshot_cache(&self) {
        if self.rules.holds(Rule::S2b) {
            self.cache.lock().unwrap_or_else(PoisonError::into_inner).snapshots.clear();
        }
    }
}

impl<E: Engine> LocalReader<E> {
    fn check_peer_id(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let _span = enter_function!("check_peer_id", "LocalReader", "LocalReader::check_peer_id");
        let expected = request.header.peer_id;
        if expected == delegate.peer_id {
            return Ok(());
        }
        let (region, found) = (delegate.region.region_id(), delegate.peer_id);
        let error = Error::PeerNotMatch { region, expected, found };
        Err(NotHere::Refuse(RejectReason::PeerIdMismatch, error))
    }

    fn check_term(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let _span = enter_function!("check_term", "LocalReader", "LocalReader::check_term");
        crate::request_checks::check_term(&request.header, delegate.term)
            .map_err(|error| NotHere::Refuse(RejectReason::TermMismatch, error))
    }

    /// A mismatch is sent on: the raft thread may know a newer region than this delegate (rule M5).
    fn check_region_epoch(
        request: &RaftCmdRequest,
        delegate: &ReadDelegate,
    ) -> Result<(), NotHere> {
        let _span =
            enter_function!("check_region_epoch", "LocalReader", "LocalReader::check_region_epoch");
        crate::request_checks::check_region_epoch(&request.header, &delegate.region)
            .map_err(|_| NotHere::Redirect(RejectReason::Epoch))
    }

    /// Whether this replica has the data, and may show it.
    fn check_data(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let region = delegate.region.region_id();
        if delegate.is_witness {
            return Err(NotHere::Refuse(RejectReason::Witness, Error::IsWitness(region)));
        }
        if delegate.wait_data {
            let reason = "the replica still waits for its data";
            let error = Error::DataIsNotReady { region, reason };
            return Err(NotHere::Refuse(RejectReason::WaitData, error));
        }
        crate::request_checks::check_flashback(request, &delegate.region).map_err(|error| {
            let reason = match error {
                Error::FlashbackInProgress(_) => RejectReason::FlashbackInProgress,
                _ => RejectReason::FlashbackNotPrepared,
            };
            NotHere::Refuse(reason, error)
        })
    }
}

impl<E: Engine> std::fmt::Debug for LocalReader<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalReader(store {})", self.store_id)
    }
}

#[cfg(test)]
#[path = "local_reader_tests.rs"]
mod tests;
