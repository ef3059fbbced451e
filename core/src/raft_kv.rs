//! The door of one store: a linearizable read from the caller's side, stage `async_snapshot`.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::admin_command::AdminCommand;
use crate::callback::{Callback, ReadMode, ReadResponse, ReadValue};
use crate::clock::Instant;
use crate::command::{
    Body, KeyValue, Mutation, RaftCmdRequest, ReadCommand, ReadWaits, RequestHeader, ScanRange,
};
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::{PeerId, RegionId};
use crate::local_read_router::{LocalReadRouter, ServerRaftStoreRouter};
use crate::local_reader::NotLocalRead;
use crate::read_outcome::{record_engine, record_error, record_outcome};
use crate::region_snapshot::RegionSnapshot;
use crate::reject::{RejectCounters, RejectReason};
use crate::snap_cache::ThreadReadId;
use crate::spans::{enter_function, stage_span};
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

/// Where the answer to a read arrives, and its other end.
type ReadChannel<S> = (oneshot::Sender<ReadResponse<S>>, oneshot::Receiver<ReadResponse<S>>);

/// A read that was asked for.
pub(crate) struct AskedRead<S> {
    /// Its stage, which lasts until its answer is recorded.
    pub(crate) span: tracing::Span,
    /// Why the caller's thread did not answer it, if it did not.
    pub(crate) reject: Option<RejectReason>,
    /// Its answer, or where that arrives.
    pub(crate) answer: Result<ReadResponse<S>, oneshot::Receiver<ReadResponse<S>>>,
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
        let region = ctx.header.region_id;
        let (_, reject, response) = self.respond(ctx, ReadCommand::Snap).await;
        into_answer(response, reject)?.map(|value| match value {
            ReadValue::Snapshot(snapshot) => Ok(snapshot),
            _ => Err(wrong_answer(region)),
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
        let region = ctx.header.region_id;
        let (_, reject, response) = self.respond(ctx, ReadCommand::Get { key }).await;
        into_answer(response, reject)?.map(|value| match value {
            ReadValue::Value(value) => Ok(value),
            _ => Err(wrong_answer(region)),
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
        let region = ctx.header.region_id;
        let (span, reject, response) = self.respond(ctx, ReadCommand::Snap).await;
        let response = self.scanned(&span, response, &range);
        into_answer(response, reject)?.map(|value| match value {
            ReadValue::Pairs(pairs) => Ok(pairs),
            _ => Err(wrong_answer(region)),
        })
    }

    /// Only the index that a reader elsewhere must have applied (mode 13).
    ///
    /// # Errors
    /// As [`RaftKv::async_snapshot`].
    pub async fn read_index(&self, mut ctx: SnapContext) -> Result<Answer<u64>, Error> {
        // The reader's thread has no index that others may rely on.
        ctx.header.read_quorum |= !ctx.header.replica_read;
        let region = ctx.header.region_id;
        let (_, reject, response) = self.respond(ctx, ReadCommand::ReadIndex).await;
        into_answer(response, reject)?.map(|value| match value {
            ReadValue::Index(index) => Ok(index),
            _ => Err(wrong_answer(region)),
        })
    }

    /// The answer to a read, with its stage, which is open still.
    async fn respond(
        &self,
        ctx: SnapContext,
        read: ReadCommand,
    ) -> (tracing::Span, Option<RejectReason>, ReadResponse<E::Snapshot>) {
        let region = ctx.header.region_id;
        let deadline = ctx.deadline.unwrap_or(self.router.config().deadline);
        let AskedRead { span, reject, answer } = self.ask(ctx, read);
        let response = match answer {
            Ok(response) => response,
            Err(receiver) => {
                let response = wait(receiver, region, deadline).await;
                Self::answered(&self.tracer, &span, &response);
                response
            }
        };
        (span, reject, response)
    }

    /// The first half of a read: asks, and takes the answer if it is there at once.
    pub(crate) fn ask(&self, ctx: SnapContext, read: ReadCommand) -> AskedRead<E::Snapshot> {
        let span = stage_span!(
            "async_snapshot",
            "RaftKV",
            "RaftKv::async_snapshot",
            raft.store_id = ctx.header.store_id.0 as i64,
            raft.region_id = ctx.header.region_id.0 as i64,
            read.mode = tracing::field::Empty,
            reject.reason = tracing::field::Empty,
            wait.reader_snapshot_ns = tracing::field::Empty,
            wait.mailbox_ns = tracing::field::Empty,
            wait.quorum_ns = tracing::field::Empty,
            wait.apply_ns = tracing::field::Empty,
            wait.snapshot_ns = tracing::field::Empty,
            wait.engine_ns = tracing::field::Empty,
            engine.thread = tracing::field::Empty,
            engine.block_reads = tracing::field::Empty,
            engine.block_read_ns = tracing::field::Empty,
            engine.tombstones = tracing::field::Empty,
            engine.keys = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
            error = tracing::field::Empty,
        );
        let deadline = ctx.deadline.unwrap_or(self.router.config().deadline);
        // Entered once for a read that is answered right here: a read has few microseconds.
        let (reject, answer) = span.in_scope(|| {
            let (sender, mut receiver) = Self::box_new_cb();
            let not_local = self.exec_snapshot(ctx, read, deadline, sender);
            if let Some(NotLocalRead { reason, snapshot }) = not_local {
                span.record("reject.reason", reason.as_str());
                if !snapshot.is_zero() {
                    span.record("wait.reader_snapshot_ns", snapshot.as_nanos() as i64);
                }
            }
            let reject = not_local.map(|it| it.reason);
            let answered = receiver.try_recv().ok();
            if let Some(response) = &answered {
                let reader = if reject.is_none() { "caller" } else { "raft" };
                record_outcome(&self.tracer, &span, (response, reader));
            }
            (reject, answered.ok_or(receiver))
        });
        AskedRead { span, reject, answer }
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

    /// The way back to the waiting future (boxed in TiKV, hence the chart's name for it).
    fn box_new_cb() -> ReadChannel<E::Snapshot> {
        let _span = enter_function!("box_new_cb", "RaftKV", "RaftKv::box_new_cb");
        oneshot::channel()
    }

    /// Wakes the waiting future.
    fn callback(
        sender: oneshot::Sender<ReadResponse<E::Snapshot>>,
        response: ReadResponse<E::Snapshot>,
    ) {
        let _span = enter_function!("callback", "RaftKV", "RaftKv::callback");
        // Whoever asked may have stopped waiting.
        drop(sender.send(response));
    }

    /// Sends the read off; `sender` gets its one answer.
    fn exec_snapshot(
        &self,
        ctx: SnapContext,
        read: ReadCommand,
        deadline: Duration,
        sender: oneshot::Sender<ReadResponse<E::Snapshot>>,
    ) -> Option<NotLocalRead> {
        let _span = enter_function!("exec_snapshot", "RaftKV", "RaftKv::exec_snapshot");
        let region = ctx.header.region_id;
        let store_callback = Callback::read_with(region, sender, Self::store_callback);
        let request = RaftCmdRequest { header: ctx.header, body: Body::Read(read) };
        self.router.read(ctx.read_id.as_ref(), request, store_callback, Some(deadline))
    }

    /// What is done with the answer, on the thread that gives it.
    fn store_callback(
        sender: oneshot::Sender<ReadResponse<E::Snapshot>>,
        response: ReadResponse<E::Snapshot>,
    ) {
        let _span = enter_function!("Callback::Read", "RaftKV", "Callback::Read");
        Self::callback(sender, Self::on_read_result(response));
    }

    /// Looks at an answer, and binds the snapshot to the term that gave it (rule T8).
    fn on_read_result(mut response: ReadResponse<E::Snapshot>) -> ReadResponse<E::Snapshot> {
        let _span = enter_function!("on_read_result", "RaftKV", "RaftKv::on_read_result");
        let term = response.term;
        if let Some(ReadValue::Snapshot(snapshot)) = Self::check_raft_cmd_response(&mut response) {
            snapshot.bind_term(term);
        }
        response
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
        let deadline = ctx.deadline.unwrap_or(self.router.config().deadline);
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

impl<T> Answer<T> {
    fn map<U>(self, change: impl FnOnce(T) -> Result<U, Error>) -> Result<Answer<U>, Error> {
        let Answer { value, term, mode, waits, reject } = self;
        Ok(Answer { value: change(value)?, term, mode, waits, reject })
    }
}

fn into_answer<S>(
    response: ReadResponse<S>,
    reject: Option<RejectReason>,
) -> Result<Answer<ReadValue<S>>, Error> {
    let ReadResponse { result, term, mode, waits, .. } = response;
    let (value, mode) = (result?, mode.unwrap_or(ReadMode::ReadIndex));
    Ok(Answer { value, term, mode, waits, reject })
}

/// Waits for an answer.
async fn wait<S>(
    receiver: oneshot::Receiver<ReadResponse<S>>,
    region: RegionId,
    deadline: Duration,
) -> ReadResponse<S> {
    match tokio::time::timeout(deadline, receiver).await {
        Err(_) => ReadResponse::error(too_late(region, deadline), 0),
        Ok(Err(_)) => ReadResponse::error(Error::Stopped(region), 0),
        Ok(Ok(response)) => response,
    }
}

fn too_late(region: RegionId, deadline: Duration) -> Error {
    let waited_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    Error::DeadlineExceeded { region, waited_ms }
}

/// A command and its answer always fit; this is here so that a fault shows as an error.
fn wrong_answer(region: RegionId) -> Error {
    Error::StaleCommand { region, reason: "the answer does not fit the question" }
}
