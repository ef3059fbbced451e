//! The door of one store: a linearizable read from the caller's side, stage `async_snapshot`.

use std::time::Duration;

use crate::admin_command::AdminCommand;
use crate::callback::{Callback, Place, ReadMode, ReadResponse, ReadValue, WayBack};
use crate::clock::Instant;
use crate::command::{
    Body, KeyValue, Mutation, RaftCmdRequest, ReadCommand, ReadWaits, RequestHeader, ScanRange,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::{PeerId, RegionId};
use crate::local_read_router::{LocalReadRouter, ServerRaftStoreRouter};
use crate::local_reader::{Asked, NotLocalRead};
use crate::read_outcome::{record_engine, record_error, record_outcome, record_reject};
use crate::region_snapshot::RegionSnapshot;
use crate::reject::{RejectCounters, RejectReason};
use crate::snap_cache::ThreadReadId;
use crate::spans::{enter_function, lean_stage_span};
use crate::trace_context::{HandOver, Tracer};

/// Whom to ask, and how.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SnapContext {
    /// The region, the replica, the epoch, and the conditions of the read.
    pub header: RequestHeader,
    /// The batch that the read belongs to; its reads share a snapshot.
    pub read_id: Option<ThreadReadId>,
    /// How long to wait for the answer; `None` for the store's own deadline.
    pub deadline: Option<Duration>,
}

/// An answer, and how it came about.
#[derive(Debug)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// The term of the replica that answered.
    pub term: u64,
    /// How it was served.
    pub mode: ReadMode,
    /// Where the time went.
    pub waits: ReadWaits,
    /// Why the caller's thread did not answer it, if it did not.
    pub reject: Option<RejectReason>,
}

/// A read that was asked for.
pub(crate) struct AskedRead {
    /// Its stage, which lasts until its answer is recorded.
    pub(crate) span: tracing::Span,
    /// Why the caller's thread did not answer it, if it did not.
    pub(crate) reject: Option<RejectReason>,
}

/// Reads and writes of one store. Each thread that reads should have its own clone.
#[derive(Clone, Debug)]
pub struct RaftKv<E: Engine> {
    router: ServerRaftStoreRouter<E>,
    tracer: Tracer,
}

impl<E: Engine> RaftKv<E> {
    pub(crate) fn new(router: ServerRaftStoreRouter<E>, tracer: Tracer) -> Self {
        RaftKv { router, tracer }
    }

    /// What is behind the door, for the simulator.
    #[cfg(feature = "sim")]
    pub(crate) fn router(&self) -> &ServerRaftStoreRouter<E> {
        &self.router
    }

    /// A linearizable snapshot of a region.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_retryable`] says whether asking again can help.
    pub async fn async_snapshot(
        &self,
        ctx: SnapContext,
    ) -> Result<Answer<RegionSnapshot<E::Snapshot>>, Error> {
        let mut place = Place::Gone;
        let asked = self.ask(&ctx, ReadCommand::Snap, &mut place);
        self.wait(&ctx, &asked, &mut place).await;
        into_answer((place, asked.reject), &ctx, |value| match value {
            ReadValue::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        })
    }

    /// The value of one key, read as [`RaftKv::async_snapshot`] reads.
    ///
    /// # Errors
    /// As there, and [`Error::KeyNotInRegion`].
    pub async fn get(
        &self,
        ctx: SnapContext,
        key: Vec<u8>,
    ) -> Result<Answer<Option<Vec<u8>>>, Error> {
        let mut place = Place::Gone;
        let asked = self.ask(&ctx, ReadCommand::Get { key }, &mut place);
        self.wait(&ctx, &asked, &mut place).await;
        into_answer((place, asked.reject), &ctx, |value| match value {
            ReadValue::Value(value) => Some(value),
            _ => None,
        })
    }

    /// The keys of a range, read from a snapshot as [`RaftKv::async_snapshot`] gives it. The caller's
    /// thread reads them, so that a long scan holds up no region; its time belongs to the read.
    ///
    /// # Errors
    /// As there, and [`Error::KeyNotInRegion`] for a range that begins or ends outside the region.
    pub async fn scan(
        &self,
        ctx: SnapContext,
        range: ScanRange,
    ) -> Result<Answer<Vec<KeyValue>>, Error> {
        let mut place = Place::Gone;
        let asked = self.ask(&ctx, ReadCommand::Snap, &mut place);
        self.wait(&ctx, &asked, &mut place).await;
        if let Place::Here(response) = place {
            place = Place::Here(self.scanned(&asked.span, response, &range));
        }
        into_answer((place, asked.reject), &ctx, |value| match value {
            ReadValue::Pairs(pairs) => Some(pairs),
            _ => None,
        })
    }

    /// Only the index that a reader elsewhere must have applied (mode 13).
    ///
    /// # Errors
    /// As [`RaftKv::async_snapshot`].
    pub async fn read_index(&self, mut ctx: SnapContext) -> Result<Answer<u64>, Error> {
        // The reader's thread has no index that others may rely on.
        ctx.header.read_quorum |= !ctx.header.replica_read;
        let mut place = Place::Gone;
        let asked = self.ask(&ctx, ReadCommand::ReadIndex, &mut place);
        self.wait(&ctx, &asked, &mut place).await;
        into_answer((place, asked.reject), &ctx, |value| match value {
            ReadValue::Index(index) => Some(index),
            _ => None,
        })
    }

    /// The first half of a read: asks, and leaves the answer in `place`, or where that will be.
    pub(crate) fn ask(
        &self,
        ctx: &SnapContext,
        read: ReadCommand,
        place: &mut Place<E::Snapshot>,
    ) -> AskedRead {
        let span = lean_stage_span!(
            "async_snapshot",
            "RaftKV",
            "RaftKv::async_snapshot",
            of_store: "raft.store_id" = ctx.header.store_id.0 as i64,
            of_region: "raft.region_id" = ctx.header.region_id.0 as i64;
            later: "read.mode", "reject.reason", "wait.reader_snapshot_ns", "wait.mailbox_ns",
            "wait.quorum_ns", "wait.apply_ns", "wait.snapshot_ns", "wait.engine_ns", "engine.thread",
            "engine.block_reads", "engine.block_read_ns", "engine.tombstones", "engine.keys",
            "otel.status_code", "error"
        );
        // Entered once for a read that is answered right here: a read has few microseconds.
        let entered = span.enter();
        let callback = Self::box_new_cb(ctx.header.region_id);
        let not_local = self.exec_snapshot(ctx, read, (callback, place));
        if let Some(not_local) = not_local {
            record_reject(&span, not_local);
            take_if_answered(place);
        }
        if let Place::Here(response) = place {
            let reader = if not_local.is_none() { "caller" } else { "raft" };
            record_outcome(&self.tracer, &span, (response, reader));
        }
        drop(entered);
        AskedRead { span, reject: not_local.map(|it| it.reason) }
    }

    /// Waits for the answer to a read, if it was not answered at once.
    async fn wait(&self, ctx: &SnapContext, asked: &AskedRead, place: &mut Place<E::Snapshot>) {
        if let Place::Elsewhere(receiver) = place {
            let (region, deadline) = (ctx.header.region_id, self.deadline(ctx));
            let response = match tokio::time::timeout(deadline, receiver).await {
                Err(_) => ReadResponse::error(too_late(region, deadline), 0),
                Ok(Err(_)) => ReadResponse::error(Error::Stopped(region), 0),
                Ok(Ok(response)) => response,
            };
            Self::answered(&self.tracer, &asked.span, &response);
            *place = Place::Here(response);
        }
    }

    /// How long whoever asks so waits.
    fn deadline(&self, ctx: &SnapContext) -> Duration {
        ctx.deadline.unwrap_or(self.router.config().deadline)
    }

    /// The second half of a read that was not answered at once.
    pub(crate) fn answered(
        tracer: &Tracer,
        span: &tracing::Span,
        response: &ReadResponse<E::Snapshot>,
    ) {
        // Entered once more, since a span ends when it is left for the last time.
        span.in_scope(|| record_outcome(tracer, span, (response, "raft")));
    }

    /// Scans the snapshot that a read has got, on this thread and in the read's stage.
    pub(crate) fn scanned(
        &self,
        span: &tracing::Span,
        response: ReadResponse<E::Snapshot>,
        range: &ScanRange,
    ) -> ReadResponse<E::Snapshot> {
        let ReadResponse { result, term, mode, mut waits, trace } = response;
        let result = match result {
            Ok(ReadValue::Snapshot(snapshot)) => span.in_scope(|| {
                let clock = self.router.clock().as_ref();
                let (found, took, usage) = snapshot.scan_measured(range, clock);
                (waits.engine, waits.usage) = (took, usage);
                record_engine(span, &waits, "caller");
                if let Err(error) = &found {
                    record_error(span, error);
                }
                found.map(ReadValue::Pairs)
            }),
            other => other,
        };
        ReadResponse { result, term, mode, waits, trace }
    }

    /// What a caller gets whose time is over.
    #[cfg(feature = "sim")]
    pub(crate) fn late_answer(region: RegionId, deadline: Duration) -> ReadResponse<E::Snapshot> {
        ReadResponse::error(too_late(region, deadline), 0)
    }

    /// The way back to whoever asked (boxed in TiKV, hence the chart's name for it).
    fn box_new_cb(region: RegionId) -> Callback<E::Snapshot> {
        let _span = enter_function!("box_new_cb", "RaftKV", "RaftKv::box_new_cb");
        Callback::read_here(region, Self::store_callback)
    }

    /// Leaves the answer to the caller, or wakes the waiting future.
    fn callback(way: WayBack<E::Snapshot>, place: &mut Place<E::Snapshot>) {
        let _span = enter_function!("callback", "RaftKV", "RaftKv::callback");
        way.take(place);
    }

    /// Sends the read off; the callback gets its one answer.
    fn exec_snapshot(
        &self,
        ctx: &SnapContext,
        read: ReadCommand,
        (callback, place): (Callback<E::Snapshot>, &mut Place<E::Snapshot>),
    ) -> Option<NotLocalRead> {
        let _span = enter_function!("exec_snapshot", "RaftKV", "RaftKv::exec_snapshot");
        let request = &RaftCmdRequest { header: ctx.header.clone(), body: Body::Read(read) };
        let (read_id, deadline) = (ctx.read_id.as_ref(), Some(self.deadline(ctx)));
        self.router.read(Asked { request, read_id, place, callback, deadline })
    }

    /// What is done with the answer, on the thread that gives it.
    fn store_callback(way: WayBack<E::Snapshot>, place: &mut Place<E::Snapshot>) {
        let _span = enter_function!("Callback::Read", "RaftKV", "Callback::Read");
        if let Place::Here(response) = place {
            Self::on_read_result(response);
        }
        Self::callback(way, place);
    }

    /// Looks at an answer, and binds the snapshot to the term that gave it (rule T8).
    fn on_read_result(response: &mut ReadResponse<E::Snapshot>) {
        let _span = enter_function!("on_read_result", "RaftKV", "RaftKv::on_read_result");
        let term = response.term;
        if let Some(ReadValue::Snapshot(snapshot)) = Self::check_raft_cmd_response(response) {
            snapshot.bind_term(term);
        }
    }

    /// What the answer holds, if it is no error.
    fn check_raft_cmd_response(
        response: &mut ReadResponse<E::Snapshot>,
    ) -> Option<&mut ReadValue<E::Snapshot>> {
        let _span =
            enter_function!("check_raft_cmd_response", "RaftKV", "RaftKv::check_raft_cmd_response");
        response.result.as_mut().ok()
    }

    /// Changes keys of one region, all or none. Answered when the change is applied.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::is_undetermined`] says whether it may have taken effect all the same.
    pub async fn write(&self, ctx: SnapContext, mutations: Vec<Mutation>) -> Result<u64, Error> {
        self.async_write(ctx, Body::Write(mutations)).await
    }

    /// Changes the region itself. Answered when the change is applied.
    ///
    /// # Errors
    /// As [`RaftKv::write`].
    pub async fn admin(&self, ctx: SnapContext, command: AdminCommand) -> Result<u64, Error> {
        self.async_write(ctx, Body::Admin(command)).await
    }

    /// Asks the leader to hand its leadership to `to`. The answer says only that it was asked.
    ///
    /// # Errors
    /// As [`RaftKv::write`].
    pub async fn transfer_leader(&self, ctx: SnapContext, to: PeerId) -> Result<(), Error> {
        self.async_write(ctx, Body::TransferLeader(to)).await.map(drop)
    }

    async fn async_write(&self, ctx: SnapContext, body: Body) -> Result<u64, Error> {
        let span = tracing::info_span!(
            "async_write",
            owner = "RaftKV",
            code.function.name = "RaftKv::async_write",
            raft.store_id = ctx.header.store_id.0 as i64,
            raft.region_id = ctx.header.region_id.0 as i64,
            otel.status_code = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        let region = ctx.header.region_id;
        let deadline = self.deadline(&ctx);
        let receiver = span.in_scope(|| {
            let (callback, receiver) = Callback::write(region);
            let at = self.router.clock().monotonic_raw_now() + deadline;
            let request = RaftCmdRequest { header: ctx.header, body };
            self.router.send(request, callback, Some(at));
            receiver
        });
        let waited = tokio::time::timeout(deadline, receiver).await;
        let result = match waited {
            Err(_) => Err(too_late(region, deadline)),
            Ok(Err(_)) => Err(Error::Stopped(region)),
            Ok(Ok(response)) => {
                self.tracer.link(&span, response.trace, HandOver::Callback);
                response.result
            }
        };
        span.in_scope(|| {
            if let Err(error) = &result {
                record_error(&span, error);
            }
        });
        result
    }

    /// A name for a batch of reads on this thread, which share a snapshot; ends with
    /// [`RaftKv::end_batch`].
    pub fn begin_batch(&self) -> ThreadReadId {
        ThreadReadId::new(self.router.clock().as_ref())
    }

    /// Lets go of the snapshot of the last batch.
    pub fn end_batch(&self) {
        self.router.reader().release_snapshot_cache();
    }

    /// Why reads were not answered on their own thread, and how often.
    pub fn rejects(&self) -> &RejectCounters {
        self.router.rejects()
    }

    /// The present moment on this store's clock.
    pub fn now(&self) -> Instant {
        self.router.clock().monotonic_raw_now()
    }
}

/// What the caller of a read gets, once it is answered; `pick` takes what was asked for out of it.
#[inline]
fn into_answer<S, T>(
    (place, reject): (Place<S>, Option<RejectReason>),
    ctx: &SnapContext,
    pick: impl FnOnce(ReadValue<S>) -> Option<T>,
) -> Result<Answer<T>, Error> {
    let region = ctx.header.region_id;
    let Place::Here(ReadResponse { result, term, mode, waits, .. }) = place else {
        return Err(Error::Stopped(region));
    };
    // A command and its answer always fit; this is here so that a fault shows as an error.
    let reason = "the answer does not fit the question";
    let value = pick(result?).ok_or(Error::StaleCommand { region, reason })?;
    Ok(Answer { value, term, mode: mode.unwrap_or(ReadMode::ReadIndex), waits, reject })
}

/// Takes the answer out of its channel, if a read that was sent on a moment ago has it already.
#[cold]
fn take_if_answered<S>(place: &mut Place<S>) {
    if let Place::Elsewhere(receiver) = place
        && let Ok(response) = receiver.try_recv()
    {
        *place = Place::Here(response);
    }
}

fn too_late(region: RegionId, deadline: Duration) -> Error {
    let waited_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    Error::DeadlineExceeded { region, waited_ms }
}
