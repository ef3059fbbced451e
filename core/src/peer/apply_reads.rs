//! Stage `apply_reads`: what a Ready has confirmed, and what the apply loop has caught up with, is
//! answered.

use raft::ReadState;

use crate::clock::Instant;
use crate::engine::Engine;
use crate::error::Error;
use crate::peer::read_index::read_id;
use crate::peer::{InFront, Peer};
use crate::poll_context::PollContext;
use crate::read_queue::{Confirmation, ReadIndexRequest};
use crate::rules::Rule;
use crate::spans::{enter_function, function_span, record, stage_span};
use crate::trace_context::TraceContext;

/// The stage as one read sees it; the function of the same name serves many reads at once.
pub(crate) fn apply_reads_span<E: Engine>(
    peer: &Peer<E>,
    ctx: &PollContext<E>,
    read_index: u64,
) -> tracing::Span {
    stage_span!(
        root: "apply_reads", "Peer", "Peer::apply_reads",
        raft.store_id = ctx.store_id.0 as i64,
        raft.region_id = peer.region().id as i64,
        raft.peer_id = peer.meta.id as i64,
        raft.role = peer.role_name(),
        raft.applied_index = peer.storage().applied_index() as i64,
        read.index = read_index as i64,
        read.id = tracing::field::Empty,
        read.mode = tracing::field::Empty,
        wait.quorum_ns = tracing::field::Empty,
        wait.apply_ns = tracing::field::Empty,
        wait.install_ns = tracing::field::Empty,
        wait.apply_disk_ns = tracing::field::Empty,
    )
}

/// Records how long a confirmed read has waited until now, and how much of it the raft threads waited
/// for the disk: what is committed is handed to the apply loop after the write.
pub(crate) fn record_apply<E: Engine>(
    span: &tracing::Span,
    ctx: &PollContext<E>,
    apply: std::time::Duration,
) {
    if span.is_disabled() {
        return;
    }
    span.record("wait.apply_ns", apply.as_nanos() as i64);
    let now = ctx.monotonic_raw_now();
    let disk = ctx.log.split(now - apply, now).disk;
    if !disk.is_zero() {
        span.record("wait.apply_disk_ns", disk.as_nanos() as i64);
    }
}

impl<E: Engine> Peer<E> {
    /// Handles the read states of a Ready, then what a role change in the same Ready makes of the
    /// rest: in this order, since one Ready can carry both (rule T10).
    pub(crate) fn apply_reads(
        &mut self,
        ctx: &PollContext<E>,
        read_states: Vec<ReadState>,
        role_changed: bool,
    ) {
        let span = if self.pending_reads.is_empty() {
            tracing::Span::none()
        } else {
            function_span!("apply_reads", "Peer", "Peer::apply_reads")
        };
        let _entered = span.enter();
        let now = ctx.monotonic_raw_now();
        let mut renewed_at = None;
        let confirmations = self.confirmations(read_states);
        let has_confirmed = !confirmations.is_empty();
        // By the role that this replica has now, not the one it had when the read came (T11).
        if self.is_leader() {
            self.pending_reads.advance_leader_reads(confirmations, now);
            if has_confirmed {
                renewed_at = self.pending_reads.last_ready().map(|read| self.renewal_time(read));
            }
            self.respond_leader_reads(ctx);
        } else {
            self.pending_reads.advance_replica_reads(confirmations, now);
            self.post_pending_read_index_on_replica(ctx);
        }
        if role_changed && self.rules.holds(Rule::T9) {
            let (region, term) = (self.region_id(), self.term());
            self.pending_reads.clear_uncommitted_on_role_change(region, term);
        }
        if let Some(propose_time) = renewed_at {
            self.renew_lease_by_read(ctx, propose_time);
        }
    }

    /// From when a confirmed read renews the lease: its carrier's proposal, not the arrival of the
    /// newest read that shares it (rule B5).
    fn renewal_time(&self, read: &ReadIndexRequest<E::Snapshot>) -> Instant {
        let newest = || read.reads.last().map_or(read.propose_time, |read| read.joined_at);
        if self.rules.holds(Rule::B5) { read.propose_time } else { newest() }
    }

    fn confirmations(&mut self, read_states: Vec<ReadState>) -> Vec<Confirmation> {
        let mut confirmations = Vec::with_capacity(read_states.len());
        for state in read_states {
            record!("ReadState", "Peer", from = "Ready");
            let Some(id) = read_id(&state.request_ctx) else { continue };
            let from_lease = self.take_lease_answer(&state.request_ctx);
            let trace = self.message_traces.remove(&state.request_ctx);
            confirmations.push(Confirmation { id, index: state.index, from_lease, trace });
        }
        confirmations
    }

    fn take_lease_answer(&mut self, context: &[u8]) -> bool {
        let before = self.lease_answers.len();
        self.lease_answers.retain(|answered| answered != context);
        self.lease_answers.len() < before
    }

    /// Answers the leader's confirmed reads as far as they may be.
    pub(crate) fn respond_leader_reads(&mut self, ctx: &PollContext<E>) {
        while let Some(read) = self.next_leader_read(ctx) {
            self.response_read(ctx, read, false);
        }
    }

    fn next_leader_read(&mut self, ctx: &PollContext<E>) -> Option<ReadIndexRequest<E::Snapshot>> {
        let read = self.pending_reads.pop_front()?;
        if self.ready_to_handle_read(&read) {
            return Some(read);
        }
        self.note_front(ctx, &read);
        self.pending_reads.push_front(read);
        None
    }

    /// Remembers a confirmed read that cannot be answered yet: those behind it wait for it.
    fn note_front(&mut self, ctx: &PollContext<E>, read: &ReadIndexRequest<E::Snapshot>) {
        let (id, trace) = (read.id, read.reads.first().and_then(|read| read.trace));
        let applied_index = self.storage().applied_index();
        self.in_front = Some(InFront { id, trace, applied_index, at: ctx.now });
    }

    /// The read that a confirmed one had to wait behind although it could have been answered.
    pub(crate) fn waited_behind(
        &self,
        read: &ReadIndexRequest<E::Snapshot>,
    ) -> Option<TraceContext> {
        let front = self.in_front.filter(|front| front.id != read.id)?;
        let was_ready = read.wants_index_only()
            || read.read_index.is_some_and(|index| index <= front.applied_index);
        let was_behind = read.confirmed_at.is_some_and(|at| at <= front.at);
        front.trace.filter(|_| was_ready && was_behind)
    }

    /// Whether the leader may answer a confirmed read: an entry of its term is applied, so all that
    /// former leaders acknowledged is in the data (rule T4), and no split or merge is on its way.
    /// The leader's own writes are acknowledged only after it has applied them (rule T5), which is
    /// why it need not wait for the index; in strict consistency it does, since a replica may have
    /// shown more than was acknowledged (rule X1).
    fn ready_to_handle_read(&self, read: &ReadIndexRequest<E::Snapshot>) -> bool {
        let _span =
            enter_function!("ready_to_handle_read", "Peer/leader", "Peer::ready_to_handle_read");
        let storage = self.storage();
        let in_term = storage.applied_index_term() == self.term() || !self.rules.holds(Rule::T4);
        in_term
            && !self.is_splitting()
            && !self.is_merging()
            && (!self.strict || storage.applied_index() >= least_index(read))
    }

    /// Answers a replica's confirmed reads as far as it has applied.
    pub(crate) fn post_pending_read_index_on_replica(&mut self, ctx: &PollContext<E>) {
        let _span = enter_function!(
            "post_pending_read_index_on_replica",
            "Peer/not_leader",
            "Peer::post_pending_read_index_on_replica"
        );
        while let Some(read) = self.pending_reads.pop_front() {
            let index = read.read_index;
            // Whoever wants only the index waits elsewhere (rule P8).
            if read.wants_index_only() || self.ready_to_handle_unsafe_replica_read(index) {
                self.response_read(ctx, read, true);
            } else if self.lags_too_far(ctx, index) {
                self.refuse_lagging_read(read);
            } else {
                self.note_front(ctx, &read);
                return self.pending_reads.push_front(read);
            }
        }
    }

    /// Whether this replica has applied what a read must see (rule T6), and nothing has taken its
    /// range away (rule P2) or is putting it in (rule P3).
    fn ready_to_handle_unsafe_replica_read(&self, read_index: Option<u64>) -> bool {
        let _span = enter_function!(
            "ready_to_handle_unsafe_replica_read",
            "Peer",
            "Peer::ready_to_handle_unsafe_replica_read"
        );
        if self.merging.prepared.is_some() && self.rules.holds(Rule::P2) {
            // The target may serve this range already, on any other store.
            return false;
        }
        if self.is_handling_snapshot() {
            return false;
        }
        let applied_index = self.storage().applied_index();
        read_index.is_some_and(|index| applied_index >= index || !self.rules.holds(Rule::T6))
    }
}

impl<E: Engine> Peer<E> {
    /// Whether a read would wait long for this replica: another one is quicker (rule P9).
    fn lags_too_far(&self, ctx: &PollContext<E>, read_index: Option<u64>) -> bool {
        let reach =
            self.storage().applied_index().saturating_add(ctx.config.follower_read_max_log_gap);
        read_index.is_some_and(|index| reach <= index)
    }

    fn refuse_lagging_read(&self, request: ReadIndexRequest<E::Snapshot>) {
        let (region, term) = (self.region_id(), self.term());
        for read in request.reads {
            let reason = "this replica lags too far behind";
            read.command.callback.fail(Error::ReadIndexNotReady { region, reason }, term);
        }
    }
}

/// The index that all reads of a request may be answered at (rule T16).
fn least_index<S>(request: &ReadIndexRequest<S>) -> u64 {
    let joined = request.reads.iter().map(|read| read.joined_at_index).max().unwrap_or(0);
    joined.max(request.read_index.unwrap_or(0))
}
