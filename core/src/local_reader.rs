//! A reader's thread answers a read itself while the leader's lease lasts, and sends it to the raft
//! thread when it may not.
//!
//! The order is the safety argument, and is kept in one file: snapshot, then clock, then lease (rule
//! S1). What is checked before is in `local_reader/checks`, what is kept from one read for the next in
//! `local_reader/cache`.

mod cache;
mod checks;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache::Cache;

use crate::callback::{Callback, Place, ReadMode, ReadResponse};
use crate::clock::{Clock, Instant};
use crate::command::{RaftCmdRequest, RaftCommand, ReadCommand};
use crate::config::{Config, Consistency};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::StoreId;
use crate::local_read_router::ReadContext;
use crate::mailbox::TrySendError;
use crate::message::{CasualMessage, PeerMsg};
use crate::read_delegate::{ReadDelegate, StoreMeta};
use crate::region_snapshot::MaybeShared;
use crate::reject::{RejectCounters, RejectReason};
use crate::router::RaftRouter;
use crate::rules::{Rule, Rules};
use crate::snap_cache::ThreadReadId;
use crate::spans::{enter_function, record};

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
    /// A lease that has less than this left is renewed; worked out once.
    renew_advance_ns: u64,
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
            renew_advance_ns: self.renew_advance_ns,
            cache: Mutex::new(Cache::new()),
        }
    }
}

/// A read as its caller hands it over.
pub(crate) struct Asked<'a, S> {
    pub(crate) request: &'a RaftCmdRequest,
    /// The batch that the read belongs to, whose reads share a snapshot.
    pub(crate) read_id: Option<&'a ThreadReadId>,
    /// Where the answer is written.
    pub(crate) place: &'a mut Place<S>,
    pub(crate) callback: Callback<S>,
    /// How long the caller waits from now on.
    pub(crate) deadline: Option<Duration>,
}

/// What the checks of a read have found.
pub(crate) struct Checked {
    found: Result<Arc<ReadDelegate>, NotHere>,
    /// The lease was looked at already, before the snapshot: without rule S1 alone.
    lease_was_valid: bool,
}

/// A snapshot, and when it was taken: what the lease must cover.
struct Covered<S> {
    snapshot: MaybeShared<S>,
    mode: ReadMode,
    taken_at: Instant,
    /// How long it took to get it; nothing for that of an earlier read.
    took: Duration,
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
    Refuse(RejectReason, Box<Error>),
}

impl NotHere {
    /// Boxed, so that the way of a read that is answered is not paved with room for errors.
    #[cold]
    fn refuse(reason: RejectReason, error: Error) -> NotHere {
        NotHere::Refuse(reason, Box::new(error))
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
        let advance_ns = config.renew_advance().as_nanos();
        let renew_advance_ns = u64::try_from(advance_ns).unwrap_or(u64::MAX);
        LocalReader {
            store_id,
            engine,
            clock,
            config,
            meta,
            router,
            rejects,
            rules,
            renew_advance_ns,
            cache,
        }
    }

    /// Reads. Says why the read was not answered on this thread, if it was not.
    pub(crate) fn read(&self, asked: Asked<'_, E::Snapshot>) -> Option<NotLocalRead> {
        let _span = enter_function!("read", "LocalReader", "LocalReader::read");
        self.propose_raft_command(asked)
    }

    fn propose_raft_command(&self, asked: Asked<'_, E::Snapshot>) -> Option<NotLocalRead> {
        let _span = enter_function!(
            "propose_raft_command",
            "LocalReader",
            "LocalReader::propose_raft_command"
        );
        let checked = self.check(asked.request);
        self.answer(checked, asked)
    }

    /// The first half of a read: its checks, by what this reader knows of the region now.
    pub(crate) fn check(&self, request: &RaftCmdRequest) -> Checked {
        let found = self.pre_propose_raft_command(request);
        let is_valid = |delegate: &Arc<ReadDelegate>| {
            delegate.is_in_leader_lease(self.clock.monotonic_raw_now()).is_ok()
        };
        let lease_was_valid = !self.rules.holds(Rule::S1) && found.as_ref().is_ok_and(is_valid);
        Checked { found, lease_was_valid }
    }

    /// The second half. Any time may pass between the two, whatever becomes of the region: the lease
    /// alone decides whether what was checked still counts (rules S1, M4, L10).
    pub(crate) fn answer(
        &self,
        checked: Checked,
        mut asked: Asked<'_, E::Snapshot>,
    ) -> Option<NotLocalRead> {
        let Checked { found, lease_was_valid } = checked;
        let delegate = match found {
            Ok(delegate) => delegate,
            Err(why) => return self.answer_elsewhere(asked, why),
        };
        match self.try_local_leader_read(&mut asked, (&delegate, lease_was_valid)) {
            Ok(()) => {
                asked.callback.invoke_read(asked.place);
                None
            }
            Err(why) => self.answer_elsewhere(asked, why),
        }
    }

    #[cold]
    fn answer_elsewhere(
        &self,
        asked: Asked<'_, E::Snapshot>,
        why: NotHere,
    ) -> Option<NotLocalRead> {
        let (reason, snapshot) = match why {
            NotHere::Refuse(reason, error) => {
                self.rejects.count(reason);
                *asked.place = Place::Here(ReadResponse::error(*error, 0));
                asked.callback.invoke_read(asked.place);
                return Some(NotLocalRead { reason, snapshot: Duration::ZERO });
            }
            NotHere::Redirect(reason) => (reason, Duration::ZERO),
            NotHere::NotInLease(reason, snapshot) => (reason, snapshot),
        };
        self.rejects.count(reason);
        let reason = self.redirect(asked).unwrap_or(reason);
        Some(NotLocalRead { reason, snapshot })
    }

    /// Answers from a snapshot if the lease covers it. The answer is written where it stays.
    fn try_local_leader_read(
        &self,
        asked: &mut Asked<'_, E::Snapshot>,
        (delegate, lease_was_valid): (&ReadDelegate, bool),
    ) -> Result<(), NotHere> {
        let strict = self.config.consistency == Consistency::Strict && self.rules.holds(Rule::X1);
        // Rule X1, and before the snapshot: a write that any node has shown by now is in it then.
        if strict && !delegate.progress.has_applied_all() {
            return Err(NotHere::Redirect(RejectReason::ApplyLag));
        }
        // Rule S1: the snapshot, then the clock, then the lease. A lease that is valid after the
        // snapshot was taken was valid when it was taken.
        let Covered { snapshot, mode, taken_at, took } =
            self.take_snapshot(asked.read_id, delegate);
        if !lease_was_valid {
            let in_lease = delegate.is_in_leader_lease(taken_at);
            in_lease.map_err(|reason| NotHere::NotInLease(reason, took))?;
        }
        let reads_engine = matches!(asked.request.read(), Some(ReadCommand::Get { .. }));
        let executes_at = reads_engine.then(|| self.clock.monotonic_raw_now());
        let mut response = delegate.execute(asked.request, snapshot, mode);
        if let Some(at) = executes_at {
            response.waits.engine = self.clock.monotonic_raw_now().saturating_since(at);
        }
        response.waits.snapshot = took;
        *asked.place = Place::Here(response);
        self.maybe_renew_lease_advance(delegate, taken_at);
        Ok(())
    }

    /// The snapshot of the read's batch, or a new one, and the time when it was taken, read after it.
    fn take_snapshot(
        &self,
        read_id: Option<&ThreadReadId>,
        delegate: &ReadDelegate,
    ) -> Covered<E::Snapshot> {
        let before = self.clock.monotonic_raw_now();
        let kept = self.kept_read_id();
        let read_id = kept.as_ref().or(read_id);
        if let Some((snapshot, taken_at)) =
            read_id.and_then(|id| self.cached_snapshot(id, delegate))
        {
            let snapshot = MaybeShared::Shared(snapshot);
            let mode = ReadMode::LeaseShared;
            return Covered { snapshot, mode, taken_at, took: Duration::ZERO };
        }
        let snapshot = self.engine.snapshot();
        let taken_at = self.clock.monotonic_raw_now();
        let snapshot = match read_id {
            None => MaybeShared::Own(snapshot),
            Some(id) => {
                let snapshot = Arc::new(snapshot);
                let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.snapshots.put(id.clone(), Arc::clone(&snapshot), taken_at);
                MaybeShared::Shared(snapshot)
            }
        };
        let took = taken_at.saturating_since(before);
        Covered { snapshot, mode: ReadMode::LeaseLocal, taken_at, took }
    }

    /// Asks for a renewal when the lease ends soon, one reader for all (rule L17).
    fn maybe_renew_lease_advance(&self, delegate: &ReadDelegate, now: Instant) {
        let Some(lease) = &delegate.leader_lease else { return };
        if lease.claims_renewal(now, self.renew_advance_ns) {
            let region = delegate.region.region_id();
            self.router.post(region, PeerMsg::Casual(CasualMessage::RenewLease));
        }
    }

    /// Sends the read to the raft thread. A full mailbox or a missing region is its answer, and a
    /// reason of its own.
    fn redirect(&self, asked: Asked<'_, E::Snapshot>) -> Option<RejectReason> {
        let _span = enter_function!("redirect", "LocalReader", "LocalReader::redirect");
        let region = asked.request.header.region_id;
        let sent_at = self.clock.monotonic_raw_now();
        let deadline = asked.deadline.map(|deadline| sent_at + deadline);
        let (request, mut callback) = (asked.request.clone(), asked.callback);
        callback.send_elsewhere(asked.place);
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
        command.callback.invoke_read(&mut ReadResponse::error(error, 0).into());
        Some(reason)
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
