//! Every kind of refusal.

use raft::eraftpb::Entry;

use super::*;

const US: ClusterTag = ClusterTag { cluster_id: 7, timing: 9 };

fn gate() -> MessageGate {
    let clock = ClockHandle(Arc::new(crate::clock::ManualClock::default()));
    MessageGate { store: StoreId(1), cluster: US, refused: Arc::default(), clock }
}

fn peer(id: u64) -> PeerMeta {
    PeerMeta { id, store_id: id, ..PeerMeta::default() }
}

fn region() -> Region {
    Region {
        id: 1,
        epoch: RegionEpoch { conf_ver: 5, version: 2 },
        peers: [1, 2, 3].map(peer).to_vec(),
        ..Region::default()
    }
}

/// From replica 2 to replica 1, in term 6.
fn message(kind: MessageType, change: impl FnOnce(&mut RaftMessage, &mut Message)) -> RaftMessage {
    let mut raft = Message { from: 2, to: 1, term: 6, ..Message::default() };
    raft.set_msg_type(kind);
    let mut message = RaftMessage {
        cluster: US,
        region_id: RegionId(1),
        region: None,
        from: peer(2),
        to: peer(1),
        epoch: region().epoch,
        payload: Payload::RegionWakeUp,
        from_lease: false,
        trace: None,
        received_at: None,
        kept: None,
    };
    change(&mut message, &mut raft);
    message.payload = Payload::Raft(Box::new(raft));
    message
}

fn judge(message: &RaftMessage, is_leader: bool) -> &'static str {
    let gate = gate();
    let region = region();
    let receiver = Receiver { region: &region, meta: peer(1), term: 6, last_index: 20, is_leader };
    let verdict = gate.check_envelope(message).and_then(|()| check_for_replica(receiver, message));
    verdict.map_or_else(|why| why.label(), |()| "taken")
}

fn entries(list: &[(u64, u64)]) -> Vec<Entry> {
    list.iter()
        .map(|(index, term)| Entry { index: *index, term: *term, ..Entry::default() })
        .collect()
}

#[test]
fn each_bad_message_is_refused_for_its_own_reason_and_good_ones_are_taken() {
    use MessageType::{
        MsgAppend, MsgAppendResponse, MsgHeartbeat, MsgHeartbeatResponse, MsgHup, MsgPropose,
        MsgReadIndex, MsgRequestVote, MsgUnreachable,
    };
    let append = |index, log_term, list: &[(u64, u64)]| {
        let entries = entries(list);
        message(MsgAppend, |_, raft| {
            (raft.index, raft.log_term, raft.entries) = (index, log_term, entries);
        })
    };
    let epoch = |conf_ver| RegionEpoch { conf_ver, version: 2 };
    let rows = [
        ("taken", message(MsgHeartbeat, |_, raft| raft.commit = 20)),
        ("other_cluster", message(MsgHeartbeat, |it, _| it.cluster.cluster_id = 8)),
        ("other_timing", message(MsgHeartbeat, |it, _| it.cluster.timing = 8)),
        ("other_store", message(MsgHeartbeat, |it, _| it.to.store_id = 4)),
        ("other_replica", message(MsgHeartbeat, |it, _| it.to.id = 11)),
        // A later epoch may know more replicas, an older one only those that are gone.
        (
            "taken",
            message(MsgRequestVote, |it, raft| {
                (it.from, raft.from, it.epoch) = (peer(4), 4, epoch(6));
            }),
        ),
        (
            "removed_replica",
            message(MsgRequestVote, |it, raft| {
                (it.from, raft.from, it.epoch) = (peer(4), 4, epoch(4));
            }),
        ),
        ("stranger", message(MsgAppend, |it, raft| (it.from, raft.from) = (peer(4), 4))),
        ("stranger", message(MsgAppend, |it, _| it.from.store_id = 3)),
        ("taken", message(MsgHeartbeat, |it, _| it.from.role = 1)),
        ("forged_sender", message(MsgAppend, |_, raft| raft.from = 3)),
        ("forged_sender", message(MsgAppend, |_, raft| raft.to = 3)),
        ("taken", message(MsgReadIndex, |_, raft| (raft.from, raft.term) = (3, 0))),
        ("impossible_term", message(MsgRequestVote, |_, raft| raft.term = 0)),
        ("not_for_the_wire", message(MsgHup, |_, _| {})),
        ("not_for_the_wire", message(MsgPropose, |_, _| {})),
        ("not_for_the_wire", message(MsgUnreachable, |_, _| {})),
        ("impossible_term", message(MsgRequestVote, |_, raft| raft.term = u64::MAX)),
        ("impossible_term", message(MsgRequestVote, |_, raft| raft.term = 7 + TERM_JUMP_MAX)),
        ("taken", message(MsgRequestVote, |_, raft| raft.term = 6 + TERM_JUMP_MAX)),
        ("taken", append(20, 5, &[(21, 5), (22, 6)])),
        ("malformed_entries", append(20, 5, &[(21, 5), (23, 6)])),
        ("malformed_entries", append(20, 5, &[(21, 4)])),
        ("malformed_entries", append(25, 0, &[])),
        ("malformed_entries", append(20, 5, &[(21, 7)])),
        ("malformed_entries", append(u64::MAX, 5, &[(0, 6)])),
        ("beyond_log", message(MsgHeartbeat, |_, raft| raft.commit = 21)),
        // Of an old term: raft-rs does not follow it.
        ("taken", message(MsgHeartbeat, |_, raft| (raft.commit, raft.term) = (21, 5))),
    ];
    for (expected, message) in &rows {
        assert_eq!(judge(message, false), *expected, "{message:?}");
    }
    let beyond = message(MsgAppendResponse, |_, raft| raft.index = 21);
    assert_eq!((judge(&beyond, true), judge(&beyond, false)), ("beyond_log", "taken"));
    let rejected = message(MsgAppendResponse, |_, raft| (raft.index, raft.reject) = (21, true));
    assert_eq!(judge(&rejected, true), "taken");
    assert_eq!(judge(&message(MsgHeartbeatResponse, |_, _| {}), true), "taken");
}

#[test]
fn refusals_are_counted_apart_and_say_which_and_why() {
    let gate = gate();
    let foreign = message(MessageType::MsgAppend, |it, _| it.cluster.cluster_id = 8);
    for _ in 0..2 {
        assert_eq!(gate.receive(Box::new(foreign.clone())), None);
    }
    let unknown = RefusedMessage::UnknownRegion { region: foreign.region_id };
    gate.refused.refuse(gate.store, &foreign, &unknown);
    let counted: Vec<_> = gate.refused.counts().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("other_cluster", 2), ("unknown_region", 1)]);
    assert_eq!(gate.refused.get("no_such_label"), 0);
    let words = RefusedMessage::RemovedReplica {
        region: RegionId(1),
        from: PeerId(4),
        theirs: RegionEpoch { conf_ver: 4, version: 2 },
        ours: region().epoch,
    };
    assert_eq!(
        words.to_string(),
        "region 1: replica 4 was removed after epoch 4.2, the region is at 5.2"
    );
}
