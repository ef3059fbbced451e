//! Stage `propose`: from a checked command to one of its ways.

use crate::command::RaftCommand;
use crate::engine::Engine;
use crate::error::Error;
use crate::peer::Peer;
use crate::peer::fsm::Picked;
use crate::poll_context::PollContext;
use crate::request_policy::RequestPolicy;
use crate::spans::stage_span;
use crate::trace_context::HandOver;

impl<E: Engine> Peer<E> {
    /// Decides how the command is served, and starts it on that way. Its callback gets exactly one
    /// answer, now or later.
    pub(crate) fn propose(
        &mut self,
        ctx: &mut PollContext<E>,
        mut command: RaftCommand<E::Snapshot>,
        picked: Picked,
    ) {
        // A command of our own, such as a renewal, belongs to no trace.
        let span = if command.callback.is_none() {
            tracing::Span::none()
        } else {
            stage_span!(
                root: "propose", "Peer", "Peer::propose",
                raft.store_id = ctx.store_id.0 as i64,
                raft.region_id = self.region().id as i64,
                raft.peer_id = self.meta.id as i64,
                raft.term = self.term() as i64,
                raft.role = self.role_name(),
                raft.commit_index = self.storage().commit_index() as i64,
                raft.applied_index = self.storage().applied_index() as i64,
                wait.mailbox_ns = picked.mailbox_wait.as_nanos() as i64,
                wait.disk_ns = tracing::field::Empty,
                wait.poller_ns = tracing::field::Empty,
                poller.region_id = tracing::field::Empty,
                read.policy = tracing::field::Empty,
            )
        };
        picked.parts.record(&span);
        ctx.tracer.follow(&span, command.trace, HandOver::Mailbox);
        command.trace = ctx.tracer.context_of(&span);
        let _entered = span.enter();
        let policy = self.inspect(ctx, &command.request);
        span.record("read.policy", policy.title());
        match policy {
            RequestPolicy::ReadLocal => self.read_local(ctx, command, picked),
            RequestPolicy::ReadIndex => self.read_index(ctx, command, picked),
            RequestPolicy::StaleRead => {
                let region = self.region_id();
                let reason = "there is no safe timestamp for a read of the past";
                let term = self.term();
                command.callback.fail(Error::DataIsNotReady { region, reason }, term);
            }
            RequestPolicy::ProposeNormal | RequestPolicy::ProposeAdmin => {
                self.propose_entry(ctx, command);
            }
            RequestPolicy::ProposeTransferLeader => self.propose_transfer_leader(command),
        }
    }
}
