//! A leader that loses its leadership answers everything it has taken, and lets nothing through.

use super::*;

/// Leader 1 is cut off until 2 or 3 leads, and then hears of it. Returns who leads.
fn depose(group: &mut Group) -> u64 {
    group.cut(1);
    group.pass_ticks(3 * group.config.election_ticks);
    let leader = (2..=3).find(|id| group.peer(*id).is_leader()).expect("another leader");
    group.release();
    group.pass_ticks(group.config.heartbeat_ticks);
    assert!(!group.peer(1).is_leader());
    leader
}

#[test]
fn a_deposed_leader_answers_its_reads_as_stale() {
    let mut group = Group::led();
    group.config.deadline = Duration::from_secs(60);
    group.clock.advance(group.config.max_leader_lease);
    group.rule(Rule { from: Some(1), ..Rule::default() }, Fate::Lost);
    let mut read = group.read(1);
    assert!(waits(&mut read));
    let context = TraceContext { trace_id: 1, span_id: 1, flags: 1 };
    group.peer(1).message_traces.insert(b"a read of this term", context, Default::default());
    depose(&mut group);
    assert!(matches!(error(&mut read), Error::StaleCommand { .. }), "rule T9");
    assert!(group.peer(1).pending_reads.is_empty());
    assert_eq!(group.peer(1).message_traces.len(), 0);
    assert_eq!(group.lease_state(1), LeaseState::Expired, "rule L8");
}

#[test]
fn a_deposed_leader_answers_its_writes() {
    let mut group = Group::led();
    group.config.deadline = Duration::from_secs(60);
    group.rule(Rule { from: Some(1), ..Rule::default() }, Fate::Lost);
    let mut write = group.write(1, "lost");
    assert!(write.try_recv().is_err());
    let leader = depose(&mut group);
    let result = write.try_recv().expect("an answer").result;
    assert!(matches!(result, Err(Error::StaleCommand { .. })), "{result:?}");
    assert_eq!(answer(&mut group.read(leader)).1, None);
    let mut refused = group.read(1);
    let expected = *region().peer(PeerId(leader)).unwrap();
    assert_eq!(error(&mut refused), Error::NotLeader { region: REGION, leader: Some(expected) });
}

#[test]
fn acknowledgements_of_a_deposed_leaders_round_confirm_nothing_new() {
    let mut group = Group::led();
    group.config.deadline = Duration::from_secs(60);
    group.clock.advance(group.config.max_leader_lease);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let mut carrier = group.read(1);
    // Cut off, and its successor writes.
    group.cut_between(1, 2);
    group.cut_between(1, 3);
    group.clock.advance(group.config.max_leader_lease);
    for _ in 0..2 * group.config.election_ticks {
        for id in 2..=3 {
            group.tell(id, PeerMsg::Tick);
        }
    }
    let leader = (2..=3).find(|id| group.peer(*id).is_leader()).expect("another leader");
    drop(group.write(leader, "v2"));
    let mut late = group.read(1);
    // The old acknowledgements arrive: the carrier may be answered, as it came before the write.
    // The later read may not (rule B1).
    group.rules.retain(|(rule, _)| rule.kind.is_none());
    let held = std::mem::take(&mut group.held);
    group.network.extend(held);
    group.carry();
    assert_eq!(answer(&mut carrier), (ReadMode::ReadIndex, None));
    assert!(waits(&mut late));
}

#[test]
fn a_replicas_reads_are_cleared_when_the_leader_changes() {
    let mut group = Group::led();
    group.config.deadline = Duration::from_secs(60);
    group.rule(
        Rule { from: Some(3), kind: Some(MessageType::MsgReadIndex), ..Rule::default() },
        Fate::Lost,
    );
    let mut read = group.replica_read(3);
    group.transfer(1, 2);
    assert!(group.peer(2).is_leader());
    assert!(matches!(error(&mut read), Error::StaleCommand { .. }));
}

#[test]
fn a_stopping_peer_answers_all_that_waits() {
    let mut group = Group::led();
    group.pause_apply(1);
    let mut write = group.write(1, "v1");
    let mut lagging = group.read(1);
    group.clock.advance(group.config.max_leader_lease);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let mut pending = group.read(1);
    group.peer(1).stop();
    for read in [&mut lagging, &mut pending] {
        assert_eq!(error(read), Error::Stopped(REGION));
    }
    assert_eq!(write.try_recv().unwrap().result, Err(Error::Stopped(REGION)));
    assert_eq!(group.lease_state(1), LeaseState::Expired);
}

#[test]
fn a_leader_reports_itself_now_and_then() {
    let mut group = Group::led();
    group.node(1).asked.clear();
    group.pass_ticks(3 * group.config.election_ticks);
    let reports = group.node(1).asked.len();
    assert_eq!(reports, 3);
    assert!(group.node(2).asked.is_empty());
}

#[test]
fn a_leader_that_hears_of_a_later_term_has_no_lease() {
    let mut group = Group::led();
    let remote = group.node(1).ctx.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    let mut message = raft::eraftpb::Message::default();
    message.set_msg_type(MessageType::MsgHeartbeat);
    (message.from, message.to, message.term) = (2, 1, group.peer(1).term() + 1);
    let heartbeat = RaftMessage {
        cluster: Default::default(),
        region_id: REGION,
        region: None,
        from: *region().peer(PeerId(2)).unwrap(),
        to: *region().peer(PeerId(1)).unwrap(),
        epoch: region().epoch,
        payload: crate::message::Payload::Raft(Box::new(message)),
        from_lease: false,
        trace: None,
        received_at: None,
        kept: None,
    };
    assert_eq!(remote.inspect(group.now()), LeaseState::Valid);
    group.tell(1, PeerMsg::RaftMessage(Box::new(heartbeat)));
    assert!(!group.peer(1).is_leader());
    assert_eq!(group.lease_state(1), LeaseState::Expired, "rule L8");
    // Readers check no role: this is what stops them.
    assert_eq!(remote.inspect(group.now()), LeaseState::Expired);
}

#[test]
fn a_leadership_that_was_handed_over_leaves_no_suspicion_behind() {
    let mut group = Group::led();
    group.transfer(1, 2);
    assert!(group.peer(2).is_leader() && !group.peer(1).is_leader());
    assert_eq!(group.lease_state(1), LeaseState::Expired);
    assert!(!group.node(1).ctx.meta.delegate(REGION).unwrap().suspect);
    assert_eq!(mode(&mut group.read(2)), ReadMode::ReadLocal);
}
