//! How many messages of which type were sent, for scripts that must know how a read was confirmed.
//!
//! Counted only after [`World::start_tally`]: random search has no use for it.

use std::collections::{BTreeMap, BTreeSet};

use raft::eraftpb::MessageType;

use crate::message::{MessageKind, Payload, RaftMessage};
use crate::sim::network::MessagePattern;
use crate::sim::world::World;

/// What was sent since [`World::start_tally`], lost messages and held ones as well.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sent: BTreeMap<(&'static str, u64, u64), u64>,
    /// Heartbeats carry the read id that they confirm, and later ones carry it once more: a round
    /// is an id, not a message.
    rounds: BTreeSet<(u64, Vec<u8>)>,
}

impl Tally {
    pub(super) fn note(&mut self, message: &RaftMessage) {
        let (from, to) = (message.from.store_id, message.to.store_id);
        *self.sent.entry((message.kind().as_str(), from, to)).or_default() += 1;
        if let Payload::Raft(raft) = &message.payload
            && message.kind() == MessageKind::Raft(MessageType::MsgHeartbeat)
            && !raft.context.is_empty()
        {
            self.rounds.insert((from, raft.context.to_vec()));
        }
    }

    /// How many messages of a type went from one node to another one.
    pub fn sent(&self, pattern: MessagePattern, from: u64, to: u64) -> u64 {
        let meant = |(kind, at, other): &(&str, u64, u64)| {
            pattern.name().is_none_or(|name| name == *kind) && *at == from && *other == to
        };
        self.sent.iter().filter(|(key, _)| meant(key)).map(|(_, count)| count).sum()
    }

    /// How many times a node has begun to ask its quorum for a read index.
    pub fn read_rounds(&self, node: u64) -> usize {
        self.rounds.iter().filter(|(from, _)| *from == node).count()
    }
}

impl World {
    /// Counts messages from now on, from zero.
    pub fn start_tally(&mut self) {
        self.network.tally = Some(Tally::default());
    }

    /// What was sent since [`World::start_tally`].
    pub fn tally(&self) -> Option<&Tally> {
        self.network.tally.as_ref()
    }
}
