//! The reads that wait for a read index, in one first-in first-out queue (rule B4).
//!
//! The leader's and the replica's reads wait in the same queue: a round of acknowledgements, or the
//! leader's answer, confirms them by id, never by count. What is confirmed stays at the front until
//! this replica has applied far enough.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::Instant;
use crate::command::{RaftCommand, ReadCommand};
use crate::error::Error;
use crate::ids::RegionId;
use crate::rules::{Rule, Rules};
use crate::spans::{enter_function, record};
use crate::trace_context::TraceContext;

/// A command that waits for a read index.
#[derive(Debug)]
pub(crate) struct WaitingRead<S> {
    pub(crate) command: RaftCommand<S>,
    /// The commit index when it joined: the least index it may be told (rule T16).
    pub(crate) joined_at_index: u64,
    pub(crate) joined_at: Instant,
    /// From the mailbox to the raft thread.
    pub(crate) mailbox_wait: Duration,
    /// Its `read_index` span, or the stage that stands for it.
    pub(crate) trace: Option<TraceContext>,
}

/// One read index on its way, with all commands that wait for it.
#[derive(Debug)]
pub(crate) struct ReadIndexRequest<S> {
    pub(crate) id: Uuid,
    pub(crate) reads: Vec<WaitingRead<S>>,
    /// When it was handed to raft-rs; a renewal of the lease counts from here (rules L1, B5).
    pub(crate) propose_time: Instant,
    /// The confirmed index.
    pub(crate) read_index: Option<u64>,
    pub(crate) confirmed_at: Option<Instant>,
    /// The leader answered a replica from its lease, without a round (rule P13).
    pub(crate) from_lease: bool,
    /// The message that confirmed it.
    pub(crate) confirmed_by: Option<TraceContext>,
    /// The span of the read that caused it, the carrier of all others.
    pub(crate) trace: Option<TraceContext>,
}

impl<S> ReadIndexRequest<S> {
    pub(crate) fn new(id: Uuid, first: WaitingRead<S>, propose_time: Instant) -> Self {
        record!("ReadIndexRequest", "ReadIndexRequest");
        let trace = first.trace;
        ReadIndexRequest {
            id,
            reads: vec![first],
            propose_time,
            read_index: None,
            confirmed_at: None,
            from_lease: false,
            confirmed_by: None,
            trace,
        }
    }

    /// Whether all that wait for it want only the index, no data.
    pub(crate) fn wants_index_only(&self) -> bool {
        self.reads.iter().all(|read| read.command.request.read() == Some(&ReadCommand::ReadIndex))
    }

    /// Lets another read wait for the same index.
    pub(crate) fn push_command(&mut self, read: WaitingRead<S>) {
        let _span =
            enter_function!("push_command", "ReadIndexRequest", "ReadIndexRequest::push_command");
        self.reads.push(read);
    }
}

/// A confirmation, as raft-rs or the leader gives it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confirmation {
    pub(crate) id: Uuid,
    pub(crate) index: u64,
    pub(crate) from_lease: bool,
    pub(crate) trace: Option<TraceContext>,
}

/// All read indexes of a peer that are on their way or wait for the apply loop.
#[derive(Debug)]
pub(crate) struct ReadIndexQueue<S> {
    reads: VecDeque<ReadIndexRequest<S>>,
    /// How many at the front are confirmed.
    ready_cnt: usize,
    /// How many have left at the front since the start: positions in `contexts` count from it.
    handled_cnt: usize,
    /// Where an unconfirmed read stands.
    contexts: BTreeMap<Uuid, usize>,
    /// Ticks until an unconfirmed read of a replica is asked for again (rule P4).
    retry_countdown: usize,
    rules: Rules,
}

impl<S> Default for ReadIndexQueue<S> {
    fn default() -> Self {
        ReadIndexQueue {
            reads: VecDeque::new(),
            ready_cnt: 0,
            handled_cnt: 0,
            contexts: BTreeMap::new(),
            retry_countdown: 0,
            rules: Rules::ALL_ON,
        }
    }
}

impl<S> ReadIndexQueue<S> {
    /// The same queue under other rules, for simulations.
    pub(crate) fn with_rules(self, rules: Rules) -> Self {
        ReadIndexQueue { rules, ..self }
    }

    pub(crate) fn push_back(&mut self, read: ReadIndexRequest<S>, retry_ticks: usize) {
        let _span = enter_function!("push_back", "ReadIndexQueue", "ReadIndexQueue::push_back");
        record!(
            "ReadIndexQueue",
            "ReadIndexQueue",
            fields = "reads|ready_cnt|handled_cnt|contexts|retry_countdown",
            port = "reads"
        );
        // The countdown of an earlier read goes on, or a stream of new ones would put off the
        // repetition for ever.
        if !self.has_unresolved() {
            self.retry_countdown = retry_ticks;
        }
        self.context_insert(read.id);
        self.reads.push_back(read);
    }

    fn context_insert(&mut self, id: Uuid) {
        let _span =
            enter_function!("context_insert", "ReadIndexQueue", "ReadIndexQueue::context_insert");
        record!(
            "ReadIndexQueue",
            "ReadIndexQueue",
            fields = "reads|ready_cnt|handled_cnt|contexts|retry_countdown",
            port = "contexts"
        );
        self.contexts.insert(id, self.handled_cnt + self.reads.len());
    }

    /// The newest read, if it is not confirmed yet: the one that others may join.
    pub(crate) fn back_mut(&mut self) -> Option<&mut ReadIndexRequest<S>> {
        let _span = enter_function!("back_mut", "Peer/if is_leader", "ReadIndexQueue::back_mut");
        if self.ready_cnt == self.reads.len() { None } else { self.reads.back_mut() }
    }

    /// The newest confirmed read.
    pub(crate) fn last_ready(&self) -> Option<&ReadIndexRequest<S>> {
        self.ready_cnt.checked_sub(1).and_then(|last| self.reads.get(last))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reads.is_empty()
    }

    pub(crate) fn has_unresolved(&self) -> bool {
        self.ready_cnt < self.reads.len()
    }

    /// Whether the read with this id still waits for its confirmation.
    pub(crate) fn has(&self, id: Uuid) -> bool {
        self.contexts.contains_key(&id)
    }

    /// The span of the read with this id, for the messages that it causes.
    pub(crate) fn trace_of(&self, id: Uuid) -> Option<TraceContext> {
        let position = self.contexts.get(&id)?.checked_sub(self.handled_cnt)?;
        self.reads.get(position)?.trace
    }

    /// Confirms reads of a leader. A round that confirms a read has confirmed all before it.
    pub(crate) fn advance_leader_reads(
        &mut self,
        confirmations: impl IntoIterator<Item = Confirmation>,
        now: Instant,
    ) {
        let _span = enter_function!(
            "advance_leader_reads",
            "Peer/leader",
            "ReadIndexQueue::advance_leader_reads"
        );
        for confirmation in confirmations {
            self.confirm(confirmation, now);
        }
    }

    /// Confirms reads of a replica. A read whose own answer was lost takes over the index of one
    /// that was asked for later, never a lower one than it has, never none (rule P5).
    pub(crate) fn advance_replica_reads(
        &mut self,
        confirmations: impl IntoIterator<Item = Confirmation>,
        now: Instant,
    ) {
        let _span = enter_function!(
            "advance_replica_reads",
            "Peer/not_leader",
            "ReadIndexQueue::advance_replica_reads"
        );
        for confirmation in confirmations {
            self.confirm(confirmation, now);
        }
    }

    /// Marks the read with this id, and every unconfirmed one before it, as confirmed.
    ///
    /// Sound for both roles: the later read was proposed after the earlier ones had arrived, so its
    /// index is at least what theirs would have been. An unknown id is one whose read has left the
    /// queue, or never was in it (rule T13), and is ignored.
    fn confirm(&mut self, confirmation: Confirmation, now: Instant) {
        let Some(position) = self.contexts_remove(confirmation.id) else { return };
        // Under whichever ids they were asked for.
        let last = self.handled_cnt + position;
        self.contexts.retain(|_, place| *place > last);
        for (place, read) in (self.ready_cnt..).zip(self.reads.range_mut(self.ready_cnt..=position))
        {
            if read.read_index.is_none() {
                // Never none, for which there would be nothing to wait (rule P5).
                let has_index = place == position || self.rules.holds(Rule::P5);
                read.read_index = Some(if has_index { confirmation.index } else { 0 });
                read.confirmed_at = Some(now);
                read.from_lease = confirmation.from_lease;
                read.confirmed_by = confirmation.trace;
            }
        }
        self.ready_cnt = self.ready_cnt.max(position + 1);
    }

    fn contexts_remove(&mut self, id: Uuid) -> Option<usize> {
        let _span = enter_function!("contexts_remove", "Peer", "ReadIndexQueue::contexts_remove");
        let position = self.contexts.remove(&id)?.checked_sub(self.handled_cnt)?;
        (position >= self.ready_cnt && position < self.reads.len()).then_some(position)
    }

    /// Takes the oldest read if it is confirmed.
    pub(crate) fn pop_front(&mut self) -> Option<ReadIndexRequest<S>> {
        let _span = enter_function!("pop_front", "Peer/pending_reads", "ReadIndexQueue::pop_front");
        self.ready_cnt = self.ready_cnt.checked_sub(1)?;
        self.handled_cnt += 1;
        self.reads.pop_front()
    }

    /// Puts back a confirmed read that cannot be answered yet.
    pub(crate) fn push_front(&mut self, read: ReadIndexRequest<S>) {
        let _span =
            enter_function!("push_front", "Peer/pending_reads", "ReadIndexQueue::push_front");
        debug_assert!(read.read_index.is_some() && self.handled_cnt > 0);
        self.ready_cnt += 1;
        self.handled_cnt -= 1;
        self.reads.push_front(read);
    }

    /// Takes every read that is not confirmed: a new leader or term will never confirm it (T9).
    pub(crate) fn take_uncommitted(&mut self) -> Vec<ReadIndexRequest<S>> {
        self.contexts.clear();
        self.reads.drain(self.ready_cnt..).collect()
    }

    /// Answers all unconfirmed reads with "stale command" (rule T9), after the read states of the
    /// same Ready were handled (rule T10).
    pub(crate) fn clear_uncommitted_on_role_change(&mut self, region: RegionId, term: u64) {
        for request in self.take_uncommitted() {
            for read in request.reads {
                let reason = "the region's leader or term changed before it was confirmed";
                read.command.callback.fail(Error::StaleCommand { region, reason }, term);
            }
        }
    }

    /// Takes the reads that nobody waits for any more. What they waited for stays: others may have
    /// joined it, and raft-rs will confirm it.
    pub(crate) fn take_late(&mut self, now: Instant) -> Vec<WaitingRead<S>> {
        let late = |read: &mut WaitingRead<S>| read.command.is_late(now);
        self.reads.iter_mut().flat_map(|request| request.reads.extract_if(.., late)).collect()
    }

    /// Takes everything, when the replica goes away.
    pub(crate) fn take_all(&mut self) -> Vec<ReadIndexRequest<S>> {
        self.contexts.clear();
        self.handled_cnt += self.reads.len();
        self.ready_cnt = 0;
        self.reads.drain(..).collect()
    }

    /// The newest read is asked for again, under another id as well.
    pub(crate) fn ask_again_as(&mut self, id: Uuid) {
        if let Some(last) = self.reads.len().checked_sub(1) {
            self.contexts.insert(id, self.handled_cnt + last);
        }
    }

    /// What waits for its confirmation is asked for again with the next tick.
    pub(crate) fn ask_again_at_next_tick(&mut self) {
        self.retry_countdown = self.retry_countdown.min(1);
    }

    /// Counts a tick; the id to ask for again when a read of a replica has waited too long. The
    /// newest one is enough: its answer confirms all before it.
    pub(crate) fn check_needs_retry(&mut self, retry_ticks: usize) -> Option<Uuid> {
        if !self.has_unresolved() {
            return None;
        }
        self.retry_countdown = self.retry_countdown.saturating_sub(1);
        if self.retry_countdown > 0 {
            return None;
        }
        self.retry_countdown = retry_ticks;
        self.reads.back().map(|read| read.id)
    }
}

#[cfg(test)]
#[path = "read_queue_tests.rs"]
mod tests;
