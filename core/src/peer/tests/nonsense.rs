//! A replica that is told what no sound replica says: it refuses, or does what raft-rs makes of it,
//! and never panics.

use raft::eraftpb::{Entry, Message};
use rand::Rng;

use super::*;
use crate::message::Payload;

/// Any number that a message can carry, near what is true more often than not.
fn number(rng: &mut SmallRng) -> u64 {
    match rng.random_range(0..8) {
        0 => u64::MAX - rng.random_range(0..2),
        1 => rng.random(),
        _ => rng.random_range(0..12),
    }
}

/// A message that nobody may ever have sent.
fn nonsense(rng: &mut SmallRng, template: &RaftMessage) -> RaftMessage {
    let mut raft = Message::default();
    let kind = MessageType::from_i32(rng.random_range(0..20)).unwrap_or(MessageType::MsgAppend);
    raft.set_msg_type(kind);
    (raft.from, raft.to) = (template.from.id, template.to.id);
    if rng.random_range(0..10) == 0 {
        raft.from = number(rng);
    }
    (raft.term, raft.log_term, raft.index) = (number(rng), number(rng), number(rng));
    (raft.commit, raft.reject_hint) = (number(rng), number(rng));
    (raft.reject, raft.request_snapshot) = (rng.random(), number(rng));
    raft.commit_term = number(rng);
    for _ in 0..rng.random_range(0..4) {
        let mut entry = Entry { term: number(rng), index: number(rng), ..Entry::default() };
        entry.data = vec![0; rng.random_range(0..20)];
        raft.entries.push(entry);
    }
    raft.context = vec![0; rng.random_range(0..20)];
    let mut message = template.clone();
    message.epoch.conf_ver = rng.random_range(0..3);
    message.payload = Payload::Raft(Box::new(raft));
    message
}

#[test]
fn no_message_makes_a_replica_panic() {
    let mut refused = BTreeMap::new();
    for seed in 0..300 {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut group = if seed % 2 == 0 { Group::led() } else { Group::new(seed) };
        for _ in 0..500 {
            let from = *region().peer(PeerId(rng.random_range(2..=3))).unwrap();
            let template = RaftMessage {
                cluster: Default::default(),
                region_id: REGION,
                region: None,
                from,
                to: *region().peer(PeerId(1)).unwrap(),
                epoch: region().epoch,
                payload: Payload::RegionWakeUp,
                from_lease: false,
                trace: None,
                received_at: None,
                kept: None,
            };
            let message = nonsense(&mut rng, &template);
            group.tell(1, PeerMsg::RaftMessage(Box::new(message)));
            if rng.random_range(0..10) == 0 {
                group.tell(1, PeerMsg::Tick);
            }
        }
        for (label, count) in group.node(1).ctx.refused.counts() {
            *refused.entry(label).or_insert(0) += count;
        }
    }
    for label in
        ["forged_sender", "not_for_the_wire", "impossible_term", "malformed_entries", "beyond_log"]
    {
        assert!(refused[label] > 0, "{label}: {refused:?}");
    }
}
