//! The answer to a confirmed read, for every command that waited for it.

use crate::callback::ReadMode;
use crate::command::{RaftCommand, ReadCommand};
use crate::engine::Engine;
use crate::error::Error;
use crate::peer::Peer;
use crate::peer::apply_reads::{apply_reads_span, record_apply};
use crate::peer::read_index::split_wait;
use crate::poll_context::PollContext;
use crate::read_queue::{ReadIndexRequest, WaitingRead};
use crate::rules::Rule;
use crate::spans::enter_function;
use crate::trace_context::{HandOver, TraceContext};

/// What the commands of one read index have in common.
#[derive(Clone, Copy)]
struct Confirmed {
    id: uuid::Uuid,
    index: u64,
    at: Option<crate::clock::Instant>,
    by: Option<TraceContext>,
    from_lease: bool,
    carrier: Option<TraceContext>,
    behind: Option<TraceContext>,
}

impl<E: Engine> Peer<E> {
    /// Answers all commands of a confirmed read index. `replica_read` says in which role: a command
    /// that only the leader may answer is stale when this replica no longer is it (rule T11).
    pub(crate) fn response_read(
        &mut self,
        ctx: &PollContext<E>,
        request: ReadIndexRequest<E::Snapshot>,
        replica_read: bool,
    ) {
        let _span = enter_function!("response_read", "Peer", "Peer::response_read");
        let confirmed = Confirmed {
            id: request.id,
            index: request.read_index.unwrap_or(0),
            at: request.confirmed_at,
            by: request.confirmed_by,
            from_lease: request.from_lease,
            carrier: request.trace,
            behind: self.waited_behind(&request),
        };
        // Its own confirmation may have been lost, and with it the usual place for this (rule P5).
        self.message_traces.remove(request.id.as_bytes());
        for (position, read) in request.reads.into_iter().enumerate() {
            self.respond(ctx, read, confirmed, (replica_read, position > 0));
        }
    }

    fn respond(
        &self,
        ctx: &PollContext<E>,
        read: WaitingRead<E::Snapshot>,
        confirmed: Confirmed,
        (replica_read, batched): (bool, bool),
    ) {
        // A renewal of our own is answered by having renewed.
        let span = if read.command.callback.is_none() {
            tracing::Span::none()
        } else {
            apply_reads_span(self, ctx, confirmed.index)
        };
        // Confirmed in an earlier round of polling: it has waited for the apply loop since.
        let waited_for_apply = confirmed.at.is_some_and(|at| at < ctx.now);
        let kind = if waited_for_apply { HandOver::Apply } else { HandOver::ReadIndexRound };
        let round = ctx.tracer.context_of(&tracing::Span::current());
        ctx.tracer.follow(&span, read.trace, kind);
        ctx.tracer.link(&span, round, HandOver::ReadIndexRound);
        ctx.tracer.link(&span, confirmed.by, HandOver::Message);
        // The first read that joined a round of our own carries it for the others.
        if batched && confirmed.carrier != read.trace {
            ctx.tracer.link(&span, confirmed.carrier, HandOver::Batch);
        }
        ctx.tracer.link(&span, confirmed.behind, HandOver::HeadOfLine);
        let _entered = span.enter();
        let now = ctx.monotonic_raw_now();
        let (quorum, apply) = split_wait(read.joined_at, confirmed.at, now);
        span.record("read.id", tracing::field::display(confirmed.id));
        span.record("wait.quorum_ns", quorum.as_nanos() as i64);
        record_apply(&span, ctx, apply);
        if let Some(install) = self.snapshots.install_since(now - apply) {
            span.record("wait.install_ns", install.as_nanos() as i64);
        }

        let RaftCommand { request, callback, .. } = read.command;
        let header = &request.header;
        let replica_may_answer =
            header.replica_read || matches!(request.read(), Some(ReadCommand::ReadIndex));
        if replica_read && !replica_may_answer && self.rules.holds(Rule::T11) {
            let reason = "this replica led when the read arrived, and does not any more";
            let region = self.region_id();
            return callback.fail(Error::StaleCommand { region, reason }, self.term());
        }
        // The larger of what it was told and what was committed when it joined (rule T16).
        let joined_at = if self.rules.holds(Rule::T16) { read.joined_at_index } else { 0 };
        let read_index = confirmed.index.max(joined_at);
        let mode = if replica_read && confirmed.from_lease {
            ReadMode::ReplicaLease
        } else if replica_read {
            ReadMode::ReplicaQuorum
        } else if batched {
            ReadMode::ReadIndexBatched
        } else if header.read_quorum {
            ReadMode::ReadQuorum
        } else {
            ReadMode::ReadIndex
        };
        // The region may have changed while the read waited (rule T15).
        let mut response = self.handle_read(ctx, &request, read_index, true);
        response.mode = Some(mode);
        response.waits.mailbox = read.mailbox_wait;
        response.waits.quorum = quorum;
        response.waits.apply = apply;
        response.trace = ctx.tracer.context_of(&span);
        span.record("read.mode", mode.as_str());
        callback.invoke_read(&mut response.into());
    }
}
