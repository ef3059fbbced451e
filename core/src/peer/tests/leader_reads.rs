//! Reads at the leader: under the lease, by a quorum, together with another one, and not yet.

use super::*;

#[test]
fn a_leader_answers_under_the_lease_of_its_election() {
    let mut group = Group::led();
    let rounds = group.rounds(1);
    let mut read = group.read(1);
    assert_eq!(answer(&mut read), (ReadMode::ReadLocal, None));
    assert_eq!(group.rounds(1), rounds, "nobody was asked");
    let remote = group.node(1).ctx.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    assert_eq!(remote.inspect(group.now()), LeaseState::Valid, "readers know of it");
}

#[test]
fn after_the_lease_a_quorum_answers_and_renews_it() {
    let mut group = Group::led();
    drop(group.write(1, "v1"));
    group.clock.advance(group.config.max_leader_lease);
    assert_eq!(group.lease_state(1), LeaseState::Expired);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let asked_at = group.now();
    let mut read = group.read(1);
    assert!(waits(&mut read));

    group.clock.advance(Duration::from_millis(400));
    group.release();
    assert_eq!(answer(&mut read), (ReadMode::ReadIndex, Some("v1".to_owned())));
    // The lease counts from when the question left, not from when the answers came (rule L1).
    let remaining = group.peer(1).leader_lease.remaining_ns(asked_at);
    assert_eq!(remaining, i64::try_from(group.config.max_leader_lease.as_nanos()).ok());
    assert_eq!(mode(&mut group.read(1)), ReadMode::ReadLocal);
    group.clock.advance(Duration::from_millis(450));
    assert_eq!(group.lease_state(1), LeaseState::Expired);
}

#[test]
fn one_acknowledgement_is_a_quorum_and_none_is_not() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    group.cut(1);
    let mut alone = group.read(1);
    assert!(waits(&mut alone));
    group.rules.clear();
    group.cut_between(1, 3);
    // A later round confirms the earlier read as well.
    group.clock.advance(group.config.max_leader_lease);
    let mut read = group.read(1);
    assert_eq!(mode(&mut read), ReadMode::ReadIndex);
    assert_eq!(mode(&mut alone), ReadMode::ReadIndex);
}

#[test]
fn a_request_may_ask_for_a_quorum_inside_the_lease() {
    let mut group = Group::led();
    let rounds = group.rounds(1);
    let mut read = group.read_with(1, |header| header.read_quorum = true);
    assert_eq!(mode(&mut read), ReadMode::ReadQuorum);
    assert_eq!(group.rounds(1), rounds + 1);
}

#[test]
fn a_second_read_joins_the_round_of_the_first() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let (mut carrier, rounds) = (group.read(1), group.rounds(1));
    group.clock.advance(Duration::from_millis(100));
    let mut joined = group.read(1);
    assert_eq!(group.rounds(1), rounds, "no round of its own");
    // The carrier is older than a lease: its acknowledgements prove nothing about now (rule B1).
    group.clock.advance(group.config.max_leader_lease);
    let mut late = group.read(1);
    assert_eq!(group.rounds(1), rounds + 1);
    group.release();
    assert_eq!(mode(&mut carrier), ReadMode::ReadIndex);
    assert_eq!(mode(&mut joined), ReadMode::ReadIndexBatched);
    assert_eq!(mode(&mut late), ReadMode::ReadIndex);
}

#[test]
fn a_batch_renews_the_lease_from_its_carrier() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let asked_at = group.now();
    let _carrier = group.read(1);
    group.clock.advance(Duration::from_millis(800));
    let _joined = group.read(1);
    group.release();
    // Rule B5.
    let remaining = group.peer(1).leader_lease.remaining_ns(asked_at);
    assert_eq!(remaining, i64::try_from(group.config.max_leader_lease.as_nanos()).ok());
}

#[test]
fn a_new_leader_that_has_committed_nothing_refuses() {
    let mut group = Group::new(7);
    group.hold(MessageType::MsgAppendResponse, 1);
    group.elect(1);
    // raft-rs drops such a read without a word (rule T12).
    let mut read = group.read(1);
    assert!(matches!(error(&mut read), Error::ReadIndexNotReady { .. }));
    group.release();
    assert_eq!(mode(&mut group.read(1)), ReadMode::ReadLocal);
}

#[test]
fn a_new_leader_waits_until_its_first_entry_is_applied() {
    let mut group = Group::new(7);
    group.pause_apply(1);
    group.elect(1);
    // Committed, but not applied: the lease is valid and may not be used (rules T1, T4).
    assert_eq!(group.lease_state(1), LeaseState::Valid);
    let mut read = group.read(1);
    assert!(waits(&mut read));
    group.resume_apply(1);
    assert_eq!(mode(&mut read), ReadMode::ReadIndex);
}

#[test]
fn a_lease_read_waits_for_what_was_committed_when_it_came() {
    let mut group = Group::led();
    group.pause_apply(1);
    let mut write = group.write(1, "v1");
    assert!(write.try_recv().is_err(), "not acknowledged before it is applied (rule T5)");
    let mut read = group.read(1);
    assert!(waits(&mut read), "a replica may have shown it already (rule X1)");
    group.clock.advance(Duration::from_millis(30));
    group.resume_apply(1);
    let response = read.try_recv().expect("an answer");
    assert_eq!(response.waits.apply, Duration::from_millis(30));
    assert!(write.try_recv().unwrap().result.is_ok());
}

#[test]
fn a_confirmed_read_waits_for_what_was_committed_when_it_came() {
    let mut group = Group::led();
    group.pause_apply(1);
    drop(group.write(1, "v1"));
    group.clock.advance(group.config.max_leader_lease);
    let mut read = group.read(1);
    assert!(waits(&mut read));
    group.resume_apply(1);
    assert_eq!(answer(&mut read), (ReadMode::ReadIndex, Some("v1".to_owned())));
}

#[test]
fn as_in_tikv_a_lease_read_may_lag_behind_a_replica() {
    let mut group = Group::led();
    for id in 1..=3 {
        group.peer(id).strict = false;
    }
    group.pause_apply(1);
    drop(group.write(1, "v1"));
    group.settle();
    assert_eq!(answer(&mut group.replica_read(2)).1.as_deref(), Some("v1"));
    // Hole H1, which rule X1 closes.
    assert_eq!(answer(&mut group.read(1)), (ReadMode::ReadLocal, None));
}

#[test]
fn a_read_that_nobody_waits_for_leaves_the_queue() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    group.cut(1);
    let (mut read, mut write) = (group.read(1), group.write(1, "v1"));
    group.clock.advance(group.config.deadline);
    group.tell(1, PeerMsg::Tick);
    assert!(matches!(error(&mut read), Error::DeadlineExceeded { .. }));
    let result = write.try_recv().expect("an answer").result;
    assert!(result.as_ref().is_err_and(Error::is_undetermined), "{result:?}");
}
