//! Read indexes that replicas have asked this one for: none of them vanishes without a word.
//!
//! raft-rs drops a forwarded read index silently when the leader has not committed an entry of its
//! term yet, when nobody leads, and when a leader steps down (hole H5; etcd closed the first of
//! these in the same way). Here it is parked until the entry is committed, or its sender is told
//! that it was dropped and asks again at once. The retry of rule P4 then is for lost messages only.

use std::collections::BTreeMap;

use raft::Storage as _;
use raft::eraftpb::Message;

use crate::engine::Engine;
use crate::error::Error;
use crate::message::Payload;
use crate::peer::Peer;
use crate::peer::fsm::peer_meta;
use crate::poll_context::PollContext;

/// More than replicas can wait for between two elections; beyond it their retry has to do.
const FORWARDED_MAX: usize = 4096;

/// The read indexes that other replicas wait for.
#[derive(Debug, Default)]
pub(crate) struct ForwardedReads {
    /// Came before this leader had committed an entry of its term (rule T2).
    parked: Vec<Message>,
    /// Given to raft-rs and not answered yet: who asked, by read context.
    asked: BTreeMap<Vec<u8>, u64>,
}

impl ForwardedReads {
    /// Whether nobody waits for this replica.
    pub(crate) fn is_empty(&self) -> bool {
        self.parked.is_empty() && self.asked.is_empty()
    }

    /// An answer leaves for a read context.
    pub(crate) fn answered(&mut self, context: &[u8]) {
        self.asked.remove(context);
    }
}

impl<E: Engine> Peer<E> {
    /// Keeps account of a `MsgReadIndex`; gives it back if raft-rs is to have it.
    pub(crate) fn accept_forwarded_read(
        &mut self,
        ctx: &mut PollContext<E>,
        message: Message,
    ) -> Option<Message> {
        if self.is_leader() {
            if !self.commits_in_term() {
                if self.forwarded_reads.parked.len() < FORWARDED_MAX {
                    self.forwarded_reads.parked.push(message);
                }
                return None;
            }
            if let Some(context) = context(&message)
                && self.forwarded_reads.asked.len() < FORWARDED_MAX
            {
                self.forwarded_reads.asked.insert(context.to_vec(), message.from);
            }
            return Some(message);
        }
        if self.raft_group.raft.leader_id == raft::INVALID_ID {
            if let Some(context) = context(&message) {
                self.refuse_read_index(ctx, message.from, context.to_vec());
            }
            return None;
        }
        // raft-rs passes it on to the leader (rule R7).
        Some(message)
    }

    /// Whether what everybody can see of the commit index is of this term (rules T2, T3).
    fn commits_in_term(&self) -> bool {
        let storage = self.storage();
        storage.term(storage.commit_index()).ok() == Some(self.term())
    }

    /// The commit index has moved: reads that waited for an entry of this term go on.
    pub(crate) fn release_parked_reads(&mut self, ctx: &mut PollContext<E>) {
        if self.forwarded_reads.parked.is_empty() || !self.is_leader() || !self.commits_in_term() {
            return;
        }
        for message in std::mem::take(&mut self.forwarded_reads.parked) {
            self.step(ctx, message, false);
        }
    }

    /// This replica leads no more, or in another term: what it was asked for is lost with that.
    pub(crate) fn refuse_forwarded_reads(&mut self, ctx: &mut PollContext<E>) {
        let ForwardedReads { parked, asked } = std::mem::take(&mut self.forwarded_reads);
        for message in parked {
            if let Some(context) = context(&message) {
                self.refuse_read_index(ctx, message.from, context.to_vec());
            }
        }
        for (context, from) in asked {
            self.refuse_read_index(ctx, from, context);
        }
    }

    fn refuse_read_index(&self, ctx: &mut PollContext<E>, to: u64, context: Vec<u8>) {
        let Some(to) = peer_meta(self.region(), to) else { return };
        let message = self.own_message(ctx, to, Payload::ReadIndexDropped(context));
        ctx.effects.messages.push(message);
    }

    /// A read index that this replica has asked for was dropped: it asks again at the next tick, or
    /// its reads are answered if there is nobody to ask.
    pub(crate) fn on_read_index_dropped(&mut self, ctx: &mut PollContext<E>, context: &[u8]) {
        let waits =
            super::read_index::read_id(context).is_some_and(|id| self.pending_reads.has(id));
        if self.is_leader() || !waits {
            return;
        }
        if self.raft_group.raft.leader_id != raft::INVALID_ID {
            return self.pending_reads.ask_again_at_next_tick();
        }
        self.bcast_wake_up_message(ctx);
        let (region, term) = (self.region_id(), self.term());
        for request in self.pending_reads.take_uncommitted() {
            for read in request.reads {
                let error = Error::NotLeader { region, leader: None };
                read.command.callback.fail(error, term);
            }
        }
    }
}

fn context(message: &Message) -> Option<&[u8]> {
    message.entries.first().map(|entry| entry.data.as_slice()).filter(|data| !data.is_empty())
}
