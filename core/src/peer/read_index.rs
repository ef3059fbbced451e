//! A read that waits for a read index: from the leader's quorum, or on a replica from the leader.
//!
//! The way back is in `ready` and `apply_reads`.

use std::time::Duration;

use uuid::Uuid;

use crate::clock::Instant;
use crate::command::RaftCommand;
use crate::engine::Engine;
use crate::error::Error;
use crate::message::Payload;
use crate::pd::PdTask;
use crate::peer::fsm::Picked;
use crate::peer::{Peer, can_amend_read};
use crate::poll_context::PollContext;
use crate::read_queue::{Confirmation, ReadIndexRequest, WaitingRead};
use crate::region::PeerMeta;
use crate::rules::Rule;
use crate::spans::{case, enter_function, function_span, variable};
use crate::trace_context::HandOver;

impl<E: Engine> Peer<E> {
    /// Asks for a read index, or lets the read join one that is on its way.
    pub(crate) fn read_index(
        &mut self,
        ctx: &mut PollContext<E>,
        command: RaftCommand<E::Snapshot>,
        picked: Picked,
    ) {
        let span = function_span!(
            "read_index",
            "Peer",
            "Peer::read_index",
            read.id = tracing::field::Empty
        );
        let _entered = span.enter();
        let trace = ctx.tracer.context_of(&span).or(command.trace);
        if let Err(error) = self.pre_read_index() {
            return command.callback.fail(error, self.term());
        }
        let read = WaitingRead {
            joined_at_index: self.get_store_commit_index(),
            joined_at: ctx.monotonic_raw_now(),
            mailbox_wait: picked.mailbox_wait,
            trace,
            command,
        };
        let is_leader = {
            let _span = enter_function!("is_leader", "Peer/if is_leader", "Peer::is_leader");
            self.is_leader()
        };
        let read = if is_leader {
            match self.join_pending_read(ctx, read) {
                Some(read) => read,
                None => return,
            }
        } else if self.raft_group.raft.leader_id == raft::INVALID_ID {
            return self.read_without_leader(ctx, read);
        } else if let Err(error) = ctx.disk_room.check() {
            // What it waits for may never be applied here (rule P11).
            return read.command.callback.fail(error, self.term());
        } else {
            read
        };
        // The time is the poll round's, from before raft-rs is asked (rule L1).
        self.propose_read_index(ctx, read, ctx.now, &span);
    }

    /// No read index while a split or merge is on its way: the range may already be served by
    /// another region (rules M2, M3).
    fn pre_read_index(&self) -> Result<(), Error> {
        let _span = enter_function!("pre_read_index", "Peer", "Peer::pre_read_index");
        let region = self.region_id();
        if self.is_splitting() {
            return Err(Error::ReadIndexNotReady { region, reason: "the region is being split" });
        }
        if self.is_merging() {
            return Err(Error::ReadIndexNotReady { region, reason: "the region is being merged" });
        }
        Ok(())
    }

    fn get_store_commit_index(&self) -> u64 {
        let _span = enter_function!(
            "get_store_commit_index",
            "Peer/if is_leader",
            "Peer::get_store_commit_index"
        );
        self.storage().commit_index()
    }

    /// Lets the read join the newest read index if that is safe; else gives it back.
    fn join_pending_read(
        &mut self,
        ctx: &PollContext<E>,
        read: WaitingRead<E::Snapshot>,
    ) -> Option<WaitingRead<E::Snapshot>> {
        let lease = self.inspect_lease(ctx);
        let now = ctx.monotonic_raw_now();
        let lease_clock = &self.leader_lease;
        let end_of = |sent_at: Instant| lease_clock.next_expired_time(sent_at);
        let Some(carrier) = self.pending_reads.back_mut() else { return Some(read) };
        variable!(
            "Peer::pending_reads",
            "Peer/pending_reads",
            from = "ReadIndexQueue::back_mut",
            flow = "data"
        );
        if !can_amend_read(carrier, lease, end_of, now, self.rules) {
            return Some(read);
        }
        case!("can_amend_read", "Peer/if is_leader", from = "Peer::read_index");
        let span = tracing::Span::current();
        match (carrier.trace, read.trace) {
            // A round of our own, such as a renewal of the lease, is of no trace. What is still to
            // come of it is of the first read that waits for it.
            (None, Some(trace)) => {
                carrier.trace = Some(trace);
                self.message_traces.adopt(carrier.id.as_bytes(), trace);
            }
            (trace, _) => ctx.tracer.link(&span, trace, HandOver::Batch),
        }
        carrier.push_command(read);
        None
    }

    /// Hands a new read id to raft-rs and keeps the read until it comes back.
    fn propose_read_index(
        &mut self,
        ctx: &mut PollContext<E>,
        read: WaitingRead<E::Snapshot>,
        propose_time: Instant,
        span: &tracing::Span,
    ) {
        let id = ctx.ids.new_v4();
        variable!("ReadIdGen::new_v4", "Peer");
        span.record("read.id", tracing::field::display(id));
        if let Some(trace) = read.trace {
            self.message_traces.insert(id.as_bytes(), trace, ctx.monotonic_raw_now());
        }
        let before = (self.pending_read_count(), self.ready_read_count());
        self.raft_read_index(id);
        let after = (self.pending_read_count(), self.ready_read_count());
        if before == after && self.is_leader() && self.rules.holds(Rule::T12) {
            // raft-rs drops a read without a word when no entry of the term is committed yet; only
            // counting shows it (rules T2, T12).
            self.message_traces.remove(id.as_bytes());
            let (region, term) = (self.region_id(), self.term());
            let reason = "the new leader has not committed an entry of its term yet";
            case!("Error::ReadIndexNotReady", "Peer", from = "Peer::read_index");
            return read.command.callback.fail(Error::ReadIndexNotReady { region, reason }, term);
        }
        let request = ReadIndexRequest::new(id, read, propose_time);
        self.pending_reads.push_back(request, ctx.config.read_index_retry_ticks);
        if self.is_leader() && !self.rules.holds(Rule::R1) {
            let index = self.storage().commit_index();
            let unconfirmed = Confirmation { id, index, from_lease: false, trace: None };
            self.pending_reads.advance_leader_reads([unconfirmed], ctx.now);
            self.respond_leader_reads(ctx);
        }
        if self.is_leader() && self.leader_lease.is_suspect() {
            // Only a log entry from after the suspicion lifts it (rule L5).
            self.propose_empty_entry(ctx);
        }
    }

    fn pending_read_count(&self) -> usize {
        let _span = enter_function!("pending_read_count", "raft-rs", "Raft::pending_read_count");
        self.raft_group.raft.pending_read_count()
    }

    fn ready_read_count(&self) -> usize {
        let _span = enter_function!("ready_read_count", "raft-rs", "Raft::ready_read_count");
        self.raft_group.raft.ready_read_count()
    }

    fn raft_read_index(&mut self, id: Uuid) {
        let _span = enter_function!("read_index", "raft-rs", "RawNode::read_index");
        self.raft_group.read_index(id.as_bytes().to_vec());
    }

    /// A replica that knows no leader answers at once, and helps to find one (rule P7).
    fn read_without_leader(&mut self, ctx: &mut PollContext<E>, read: WaitingRead<E::Snapshot>) {
        if self.should_wake_up() {
            self.bcast_wake_up_message(ctx);
        }
        self.query_region_leader(ctx);
        let (region, term) = (self.region_id(), self.term());
        read.command.callback.fail(Error::NotLeader { region, leader: None }, term);
    }

    /// Whether the other replicas are worth waking: one that is campaigning itself makes itself
    /// heard anyway.
    fn should_wake_up(&self) -> bool {
        let _span = enter_function!(
            "should_wake_up",
            "Peer/not_leader and no_leader_id",
            "Peer::should_wake_up"
        );
        self.raft_group.raft.state != raft::StateRole::Candidate
    }

    pub(crate) fn bcast_wake_up_message(&mut self, ctx: &mut PollContext<E>) {
        let _span = enter_function!(
            "bcast_wake_up_message",
            "Peer/not_leader and no_leader_id",
            "Peer::bcast_wake_up_message"
        );
        for to in self.others() {
            self.send_wake_up(ctx, to);
        }
    }

    fn query_region_leader(&self, ctx: &mut PollContext<E>) {
        let _span = enter_function!(
            "query_region_leader",
            "Peer/not_leader and no_leader_id",
            "Peer::query_region_leader"
        );
        variable!(
            "PdTask::QueryRegionLeader",
            "Peer/not_leader and no_leader_id",
            from = "Peer::read_index"
        );
        ctx.effects.pd.push(PdTask::QueryRegionLeader { region: self.region_id() });
    }

    /// The placement driver knows a leader: it should make itself heard.
    pub(crate) fn wake_up(&mut self, ctx: &mut PollContext<E>, leader: PeerMeta) {
        if self.raft_group.raft.leader_id == raft::INVALID_ID && leader.id != self.meta.id {
            self.send_wake_up(ctx, leader);
        }
    }

    pub(crate) fn send_wake_up(&self, ctx: &mut PollContext<E>, to: PeerMeta) {
        let message = self.own_message(ctx, to, Payload::RegionWakeUp);
        ctx.effects.messages.push(message);
    }

    /// Asks again for the newest read of a replica that has waited too long: the leader, or a
    /// message, dropped it without a word (rule P4).
    pub(crate) fn retry_pending_reads(&mut self, ctx: &mut PollContext<E>) {
        if self.is_leader() || self.raft_group.raft.leader_id == raft::INVALID_ID {
            return;
        }
        if !self.rules.holds(Rule::P4) {
            return;
        }
        let retry_ticks = ctx.config.read_index_retry_ticks;
        if let Some(first) = self.pending_reads.check_needs_retry(retry_ticks) {
            // Under a new id: an acknowledgement of the first asking may still be on its way, and
            // would confirm a leader for the time before the second one.
            let id = ctx.ids.new_v4();
            self.pending_reads.ask_again_as(id);
            if let Some(trace) = self.pending_reads.trace_of(first) {
                self.message_traces.insert(id.as_bytes(), trace, ctx.monotonic_raw_now());
            }
            self.raft_group.read_index(id.as_bytes().to_vec());
        }
    }
}

/// How long a read has waited for its confirmation, and from then on for the apply loop.
pub(crate) fn split_wait(
    joined_at: Instant,
    confirmed_at: Option<Instant>,
    now: Instant,
) -> (Duration, Duration) {
    // A read that joined a carrier after its acknowledgements had come has waited for none.
    let confirmed_at = confirmed_at.unwrap_or(now).max(joined_at);
    (confirmed_at.saturating_since(joined_at), now.saturating_since(confirmed_at))
}

/// The read id in a read context, if it is one of ours.
pub(crate) fn read_id(context: &[u8]) -> Option<Uuid> {
    Uuid::from_slice(context).ok()
}
