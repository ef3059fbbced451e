//! Reads at replicas: the leader's lease or its quorum answers, and the replica catches up first.

use super::*;

#[test]
fn the_leader_answers_a_replica_from_its_lease() {
    let mut group = Group::led();
    drop(group.write(1, "v1"));
    let rounds = group.rounds(1);
    let mut read = group.replica_read(2);
    // The answer carries the commit index, so the replica need not wait for a heartbeat.
    assert_eq!(answer(&mut read), (ReadMode::ReplicaLease, Some("v1".to_owned())));
    assert_eq!(group.rounds(1), rounds, "rule P13");
    assert!(group.peer(2).lease_answers.is_empty());
}

#[test]
fn without_a_lease_the_leader_asks_its_quorum_for_a_replica() {
    let mut group = Group::led();
    drop(group.write(1, "v1"));
    group.clock.advance(group.config.max_leader_lease);
    let rounds = group.rounds(1);
    let mut read = group.replica_read(2);
    assert_eq!(answer(&mut read), (ReadMode::ReplicaQuorum, Some("v1".to_owned())));
    assert_eq!(group.rounds(1), rounds + 1);
}

#[test]
fn a_suspect_leader_asks_its_quorum_for_a_replica() {
    let mut group = Group::led();
    group.rule(Rule { kind: Some(MessageType::MsgTimeoutNow), ..Rule::default() }, Fate::Lost);
    group.transfer(1, 3);
    assert_eq!(mode(&mut group.replica_read(2)), ReadMode::ReplicaQuorum);
}

#[test]
fn a_new_leader_answers_no_replica_before_its_first_entry_is_committed() {
    let mut group = Group::led();
    // 2 and 3 have the write, and nobody has told them that it is committed.
    let mut write = group.write(1, "v1");
    assert!(write.try_recv().unwrap().result.is_ok());
    group.rule(
        Rule { to: Some(2), kind: Some(MessageType::MsgAppendResponse), ..Rule::default() },
        Fate::Held,
    );
    group.transfer(1, 2);
    assert!(group.peer(2).is_leader());
    let mut read = group.replica_read(3);
    assert!(waits(&mut read), "its commit index is older than what was acknowledged (rule T2)");
    group.release();
    assert_eq!(answer(&mut read).1.as_deref(), Some("v1"), "without asking again (hole H5)");
}

#[test]
fn a_leader_that_steps_down_says_that_it_has_dropped_a_read_index() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    // 1 asks the quorum for 3, and never hears of it; 3 does not hear of the next leader.
    group.rule(
        Rule { to: Some(1), kind: Some(MessageType::MsgHeartbeatResponse), ..Rule::default() },
        Fate::Lost,
    );
    let mut read = group.replica_read(3);
    assert!(waits(&mut read));
    group.cut_between(2, 3);
    group.transfer(1, 2);
    assert!(!group.peer(1).is_leader());
    let dropped = |message: &&RaftMessage| message.kind() == MessageKind::ReadIndexDropped;
    assert_eq!(group.sent.iter().filter(dropped).count(), 1);
    group.rules.clear();
    group.pass_ticks(1);
    let pending = &group.peer(3).pending_reads;
    assert!(!pending.is_empty() && !pending.has_unresolved(), "the next leader has answered");
    group.settle();
    assert_eq!(answer(&mut read).0, ReadMode::ReplicaLease);
}

#[test]
fn one_that_nobody_leads_says_that_it_has_dropped_a_read_index() {
    let mut group = Group::led();
    group.rule(Rule { kind: Some(MessageType::MsgReadIndex), ..Rule::default() }, Fate::Held);
    let mut read = group.replica_read(3);
    // 1 has forgotten that it led when it hears of 3's read.
    group.restart(1);
    group.release();
    let asked = |group: &Group| {
        let is_asking = MessageKind::Raft(MessageType::MsgReadIndex);
        group.sent.iter().filter(|message| message.kind() == is_asking).count()
    };
    let dropped = |message: &&RaftMessage| message.kind() == MessageKind::ReadIndexDropped;
    assert_eq!(group.sent.iter().filter(dropped).count(), 1);
    assert_eq!(asked(&group), 1);
    group.tell(3, PeerMsg::Tick);
    assert_eq!(asked(&group), 2, "with the next tick");
    assert!(waits(&mut read));
}

#[test]
fn a_replica_applies_before_it_answers() {
    let mut group = Group::led();
    group.pause_apply(2);
    drop(group.write(1, "v1"));
    let mut read = group.replica_read(2);
    assert!(waits(&mut read), "rule T6");
    group.clock.advance(Duration::from_millis(70));
    group.resume_apply(2);
    let response = read.try_recv().expect("an answer");
    assert_eq!(response.waits.apply, Duration::from_millis(70));
    assert!(matches!(response.result, Ok(ReadValue::Value(Some(value))) if value == b"v1"));
}

#[test]
fn a_replica_that_lags_far_behind_refuses() {
    let mut group = Group::led();
    group.pause_apply(2);
    for number in 0..group.config.follower_read_max_log_gap {
        drop(group.write(1, &number.to_string()));
    }
    let mut read = group.replica_read(2);
    assert!(matches!(error(&mut read), Error::ReadIndexNotReady { .. }), "rule P9");
}

#[test]
fn whoever_wants_only_the_index_does_not_wait_for_the_replica() {
    let mut group = Group::led();
    group.pause_apply(2);
    drop(group.write(1, "v1"));
    let (callback, mut reading) = Callback::read(REGION);
    let body = Body::Read(ReadCommand::ReadIndex);
    group.command(2, |header| header.replica_read = true, body, callback);
    let commit = group.peer(1).storage().commit_index();
    let response = reading.try_recv().expect("rule P8");
    assert!(matches!(response.result, Ok(ReadValue::Index(index)) if index == commit));
}

#[test]
fn a_lost_question_is_asked_again() {
    for kind in [MessageType::MsgReadIndex, MessageType::MsgReadIndexResp] {
        let mut group = Group::led();
        group.rule(Rule { kind: Some(kind), ..Rule::default() }, Fate::Lost);
        let mut read = group.replica_read(2);
        group.rules.clear();
        group.pass_ticks(group.config.read_index_retry_ticks - 1);
        assert!(waits(&mut read));
        group.pass_ticks(1);
        assert_eq!(mode(&mut read), ReadMode::ReplicaLease, "rule P4, {kind:?}");
        assert_eq!(group.peer(2).message_traces.len(), 0);
    }
}

#[test]
fn a_read_whose_answer_was_lost_takes_that_of_a_later_one() {
    let mut group = Group::led();
    group.rule(Rule { kind: Some(MessageType::MsgReadIndexResp), ..Rule::default() }, Fate::Lost);
    let mut first = group.replica_read(2);
    group.rules.clear();
    drop(group.write(1, "v1"));
    let mut second = group.replica_read(2);
    assert_eq!(answer(&mut second).1.as_deref(), Some("v1"));
    assert_eq!(answer(&mut first).1.as_deref(), Some("v1"), "rule P5");
}

#[test]
fn a_replica_without_a_leader_says_so_and_looks_for_one() {
    let mut group = Group::new(7);
    let mut read = group.replica_read(2);
    assert!(matches!(error(&mut read), Error::NotLeader { leader: None, .. }), "rule P7");
    assert_eq!(group.node(2).asked, [PdTask::QueryRegionLeader { region: REGION }]);
    let woken = group.sent.iter().filter(|message| message.kind() == MessageKind::RegionWakeUp);
    assert_eq!(woken.map(|message| message.to.id).collect::<Vec<_>>(), [1, 3]);
    let mut plain = group.read(2);
    assert!(matches!(error(&mut plain), Error::NotLeader { leader: None, .. }));
}

#[test]
fn a_question_that_comes_back_to_its_sender_is_dropped() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    let mut message = raft::eraftpb::Message::default();
    message.set_msg_type(MessageType::MsgReadIndex);
    (message.from, message.to) = (1, 1);
    message.entries = vec![raft::eraftpb::Entry { data: vec![9; 16], ..Default::default() }];
    let meta = *region().peer(PeerId(1)).unwrap();
    let bounced = RaftMessage {
        cluster: Default::default(),
        region_id: REGION,
        region: None,
        from: meta,
        to: meta,
        epoch: region().epoch,
        payload: crate::message::Payload::Raft(Box::new(message)),
        from_lease: false,
        trace: None,
        received_at: None,
        kept: None,
    };
    let rounds = group.rounds(1);
    group.tell(1, PeerMsg::RaftMessage(Box::new(bounced)));
    assert_eq!(group.rounds(1), rounds, "rule T13");
    assert_eq!(mode(&mut group.read(1)), ReadMode::ReadIndex);
}
