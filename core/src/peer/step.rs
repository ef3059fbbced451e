//! Messages from the other replicas on their way into raft-rs, and the leader's shortcut for
//! replica reads.

use raft::eraftpb::{Message, MessageType};
use raft::{SnapshotStatus, Storage as _};

use crate::clock::Instant;
use crate::engine::Engine;
use crate::lease::LeaseState;
use crate::message::{Kept, Payload, RaftMessage, acknowledged_read};
use crate::message_checks::{Receiver, check_for_replica};
use crate::peer::Peer;
use crate::peer::fsm::peer_meta;
use crate::peer::read_index::read_id;
use crate::poll_context::PollContext;
use crate::region::{PeerMeta, PeerRole};
use crate::rules::Rule;
use crate::spans::case;
use crate::thread_log::WaitParts;
use crate::trace_context::{HandOver, TraceContext};

impl<E: Engine> Peer<E> {
    /// Handles a message from another replica; one that is refused has no effect but a count.
    pub(crate) fn on_raft_message(&mut self, ctx: &mut PollContext<E>, message: RaftMessage) {
        if matches!(message.payload, Payload::Removed) {
            let is_for_me =
                message.to.id == self.meta.id && message.to.store_id == self.meta.store_id;
            if is_for_me {
                self.on_removed(ctx, message.epoch);
            }
            return;
        }
        let receiver = Receiver {
            region: self.region(),
            meta: self.meta,
            term: self.term(),
            last_index: self.raft_group.raft.raft_log.last_index(),
            is_leader: self.is_leader(),
        };
        if let Err(why) = check_for_replica(receiver, &message) {
            self.tell_removed(ctx, &message);
            return ctx.refused.refuse(ctx.store_id, &message, &why);
        }
        if !self.is_initialized() {
            self.senders.insert(message.from.id, message.from);
        }
        self.wake_for(ctx, &message);
        let RaftMessage { payload, from, from_lease, trace, received_at, kept, .. } = message;
        match payload {
            // A leader that is woken makes itself heard at once (rule P7).
            Payload::RegionWakeUp if self.is_leader() => self.raft_group.ping(),
            Payload::RegionWakeUp => {}
            Payload::ReadIndexDropped(context) => self.on_read_index_dropped(ctx, &context),
            Payload::Removed => {}
            Payload::SnapshotAsk(ask) => self.on_snapshot_ask(ctx, from, &ask),
            Payload::SnapshotPiece(piece) => self.on_snapshot_piece(ctx, *piece),
            Payload::Raft(raft_message) if raft_message.msg_type() == MessageType::MsgSnapshot => {
                self.on_snapshot_offered(ctx, from, raft_message);
            }
            Payload::Hibernate(at) => self.on_hibernate(ctx, from, at),
            Payload::HibernateAgreed(at) => self.on_hibernate_agreed(from, at),
            Payload::Raft(raft_message) => {
                let trace = trace.or_else(|| self.trace_of_answer(&raft_message));
                if trace.is_none() {
                    return self.step(ctx, *raft_message, from_lease);
                }
                let span = tracing::info_span!(
                    parent: None, "step", owner = "Peer", code.function.name = "Peer::step",
                    raft.store_id = ctx.store_id.0 as i64,
                    raft.region_id = self.region().id as i64,
                    raft.role = self.role_name(),
                    message.type = raft_message.msg_type().as_str_name(),
                    message.from_store = from.store_id as i64,
                    wait.mailbox_ns = tracing::field::Empty,
                    wait.disk_ns = tracing::field::Empty,
                    wait.poller_ns = tracing::field::Empty,
                    poller.region_id = tracing::field::Empty,
                    message.kept_ns = tracing::field::Empty,
                    message.kept_disk_ns = tracing::field::Empty,
                    message.kept_poller_ns = tracing::field::Empty,
                );
                if let Some(kept) = kept {
                    span.record("message.kept_ns", kept.wait.as_nanos() as i64);
                    span.record("message.kept_disk_ns", kept.disk.as_nanos() as i64);
                    span.record("message.kept_poller_ns", kept.poller.as_nanos() as i64);
                }
                if let Some(received_at) = received_at.filter(|_| !span.is_disabled()) {
                    let now = ctx.monotonic_raw_now();
                    let waited = now.saturating_since(received_at);
                    span.record("wait.mailbox_ns", waited.as_nanos() as i64);
                    ctx.log.split(received_at, now).record(&span);
                }
                ctx.tracer.follow(&span, trace, HandOver::Message);
                let carried = ctx.tracer.context_of(&span).or(trace);
                let _entered = span.enter();
                self.carry_on_trace(&raft_message, carried, ctx.monotonic_raw_now());
                self.step(ctx, *raft_message, from_lease);
            }
        }
    }

    /// The trace of a read that joined a round of our own after the round had left without one.
    fn trace_of_answer(&self, message: &Message) -> Option<TraceContext> {
        self.message_traces.get(acknowledged_read(message)?)
    }

    /// Remembers the trace of a message for what it leads to: its answer, or a confirmed read.
    fn carry_on_trace(&mut self, message: &Message, trace: Option<TraceContext>, now: Instant) {
        let (Some(context), Some(trace)) = (read_context(message), trace) else { return };
        // An answer to a question that was answered already leads to nothing.
        let is_late = matches!(
            message.msg_type(),
            MessageType::MsgHeartbeatResponse | MessageType::MsgReadIndexResp
        ) && !self.message_traces.has(context);
        // Of two heartbeats of a round that come in together, the first one is acknowledged.
        let is_own = read_id(context).is_some_and(|id| self.pending_reads.has(id));
        let is_again = message.msg_type() == MessageType::MsgHeartbeat
            && self.message_traces.has(context)
            && !is_own;
        if !is_late && !is_again {
            self.message_traces.insert(context, trace, now);
        }
    }

    pub(crate) fn step(
        &mut self,
        ctx: &mut PollContext<E>,
        mut message: Message,
        from_lease: bool,
    ) {
        let kind = message.msg_type();
        let is_vote = matches!(kind, MessageType::MsgRequestVote | MessageType::MsgRequestPreVote);
        if is_vote && self.may_have_promised(ctx) {
            return;
        }
        if kind == MessageType::MsgTimeoutNow && self.snapshots.installing.is_some() {
            // It would campaign with a log whose start is not there yet.
            return;
        }
        if kind == MessageType::MsgReadIndex {
            // One that comes back to its own sender would be confirmed here and found in no queue
            // (rule T13).
            if message.from == self.meta.id || message.from == raft::INVALID_ID {
                return;
            }
            if self.answer_from_lease(ctx, &message) {
                return;
            }
            match self.accept_forwarded_read(ctx, message) {
                Some(accepted) => message = accepted,
                None => return,
            }
        }
        if kind == MessageType::MsgSnapStatus {
            return self.raft_group.report_snapshot(message.from, SnapshotStatus::Failure);
        }
        if kind == MessageType::MsgReadIndexResp
            && from_lease
            && let Some(context) = read_context(&message)
            && self.lease_answers.len() < LEASE_ANSWERS_MAX
        {
            self.lease_answers.push(context.to_vec());
        }
        if kind == MessageType::MsgHeartbeatResponse {
            self.misattribute(&mut message);
        }
        if let Err(error) = self.raft_group.step(message) {
            tracing::debug!(target: "raft", region = self.region().id, %error, "message refused");
        }
    }

    /// What raft-rs would take an acknowledgement for, if it broke its rules: one of a voter (rule R2),
    /// one of the newest read index (rule R3).
    fn misattribute(&mut self, message: &mut Message) {
        if !self.rules.holds(Rule::R2) {
            let peers = &self.region().peers;
            let learns = |peer: &&PeerMeta| peer.role == PeerRole::Learner as i32;
            let is_learner = peers.iter().filter(learns).any(|peer| peer.id == message.from);
            let voter = peers.iter().find(|peer| peer.id != self.meta.id && !learns(peer));
            if let Some(voter) = voter.filter(|_| is_learner) {
                message.from = voter.id;
            }
        }
        if !self.rules.holds(Rule::R3)
            && message.context.is_empty()
            && let Some(newest) = self.pending_reads.back_mut()
        {
            message.context = newest.id.as_bytes().to_vec();
        }
    }

    /// Answers a replica's read index from the lease, without asking the quorum (rule P13). Needs a
    /// valid lease and a committed entry of this term, both judged by the storage's commit index,
    /// which is also the answer (rules T2, T3).
    fn answer_from_lease(&mut self, ctx: &mut PollContext<E>, message: &Message) -> bool {
        let is_valid = |peer: &mut Self| peer.inspect_lease(ctx) == LeaseState::Valid;
        if !self.is_leader() || (self.rules.holds(Rule::P13) && !is_valid(self)) {
            return false;
        }
        let commit = self.storage().commit_index();
        // Not raft-rs's own view of it, which runs ahead of the index that is answered (rule T3).
        let in_term = if self.rules.holds(Rule::T3a) {
            self.storage().term(commit).ok() == Some(self.term())
        } else {
            self.raft_group.raft.commit_to_current_term()
        };
        if !in_term && self.rules.holds(Rule::T2) {
            return false;
        }
        let Some(to) = peer_meta(self.region(), message.from) else { return true };
        case!("answer_from_lease", "Peer", from = "Peer::step");
        let mut answer = Message::default();
        answer.set_msg_type(MessageType::MsgReadIndexResp);
        answer.to = message.from;
        answer.from = self.meta.id;
        answer.term = self.term();
        answer.index = commit;
        answer.entries = message.entries.clone();
        let mut answer = self.raft_message(ctx, to, answer);
        answer.from_lease = true;
        ctx.effects.messages.push(answer);
        true
    }

    /// Sends what raft-rs has to say.
    pub(crate) fn send_raft_messages(&mut self, ctx: &mut PollContext<E>, messages: Vec<Message>) {
        for message in messages {
            // It lets its receiver campaign without the voters' promise, so the lease must not be
            // trusted from before it leaves (rule L6).
            let lets_campaign = message.msg_type() == MessageType::MsgTimeoutNow;
            if lets_campaign && self.rules.holds(Rule::L6) {
                self.suspect_lease(ctx);
            }
            if message.msg_type() == MessageType::MsgReadIndexResp
                && let Some(context) = read_context(&message)
            {
                self.forwarded_reads.answered(context);
            }
            let to = peer_meta(self.region(), message.to);
            if let Some(to) = to.or_else(|| self.senders.get(&message.to).copied()) {
                let message = self.raft_message(ctx, to, message);
                ctx.effects.messages.push(message);
            }
        }
        self.message_traces.have_left();
    }

    fn raft_message(
        &mut self,
        ctx: &PollContext<E>,
        to: PeerMeta,
        message: Message,
    ) -> RaftMessage {
        let is_answer = matches!(
            message.msg_type(),
            MessageType::MsgHeartbeatResponse | MessageType::MsgReadIndexResp
        );
        let left = read_context(&message).and_then(|context| {
            // A replica acknowledges the round of its own read as well; that one still waits.
            let is_own = read_id(context).is_some_and(|id| self.pending_reads.has(id));
            self.message_traces.leave(context, is_answer && !is_own)
        });
        let kept = left.and_then(|(_, since)| {
            let (since, now) = (since?, ctx.monotonic_raw_now());
            let WaitParts { disk, poller, .. } = ctx.log.split(since, now);
            Some(Kept { wait: now.saturating_since(since), disk, poller })
        });
        RaftMessage {
            cluster: ctx.cluster,
            region_id: self.region_id(),
            region: self.is_initialized().then(|| std::sync::Arc::clone(self.region())),
            from: self.meta,
            to,
            epoch: self.region().epoch,
            payload: Payload::Raft(Box::new(message)),
            from_lease: false,
            trace: left.map(|(trace, _)| trace),
            received_at: None,
            kept,
        }
    }

    /// When the entry at `index` was proposed, if it was proposed here in this term.
    pub(crate) fn find_propose_time(&self, term: u64, index: u64) -> Option<Instant> {
        let position = self
            .proposals
            .binary_search_by_key(&(term, index), |proposal| (proposal.term, proposal.index))
            .ok()?;
        self.proposals.get(position).map(|proposal| proposal.propose_time)
    }
}

/// More answers than reads can wait for; beyond it a read only loses the name of its mode.
const LEASE_ANSWERS_MAX: usize = 4096;

/// The read id that a message carries, as raft-rs has it.
fn read_context(message: &Message) -> Option<&[u8]> {
    let context = match message.msg_type() {
        MessageType::MsgHeartbeat | MessageType::MsgHeartbeatResponse => &message.context,
        MessageType::MsgReadIndex | MessageType::MsgReadIndexResp => &message.entries.first()?.data,
        _ => return None,
    };
    (!context.is_empty()).then_some(context)
}
