//! What a lease is worth while leadership is handed over, and after a restart.

use super::*;

/// A group whose leader 1 hands over to 2 with a message that does not arrive.
fn handing_over() -> Group {
    let mut group = Group::led();
    let lost = Rule { kind: Some(MessageType::MsgTimeoutNow), ..Rule::default() };
    group.rule(lost, Fate::Lost);
    group.transfer(1, 2);
    assert_eq!(group.count_sent(MessageType::MsgTimeoutNow), 1);
    group
}

#[test]
fn a_lease_is_suspect_before_its_leader_lets_another_campaign() {
    let mut group = Group::led();
    let remote = group.node(1).ctx.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    assert_eq!(remote.inspect(group.now()), LeaseState::Valid);
    group.hold(MessageType::MsgTimeoutNow, 2);
    // `check_leaving` looks at the very moment (rule L6).
    group.transfer(1, 2);
    assert_eq!(group.held.len(), 1);
    assert_eq!(group.lease_state(1), LeaseState::Suspect);
    assert_eq!(remote.inspect(group.now()), LeaseState::Expired, "readers stop as well (rule L7)");
    assert!(group.node(1).ctx.meta.delegate(REGION).unwrap().suspect, "and know why");

    // The old leader hears nothing of its successor, and answers nothing.
    group.rules.clear();
    group.cut_between(1, 2);
    group.cut_between(1, 3);
    let held = std::mem::take(&mut group.held);
    group.network.extend(held);
    group.carry();
    assert!(group.peer(1).is_leader() && group.peer(2).is_leader());
    drop(group.write(2, "v2"));
    assert!(waits(&mut group.read(1)));
    assert_eq!(answer(&mut group.read(2)).1.as_deref(), Some("v2"));
}

#[test]
fn a_confirmed_read_does_not_lift_a_suspicion() {
    let mut group = handing_over();
    for _ in 0..2 {
        // Proposed after the suspicion, and still no proof: the one who was let campaign asks nobody.
        group.clock.advance(Duration::from_millis(1));
        let mut read = group.read(1);
        assert_eq!(mode(&mut read), ReadMode::ReadIndex);
        assert_eq!(group.lease_state(1), LeaseState::Suspect, "rule L5");
    }
    // raft-rs gives the transfer up after an election timeout; then an entry can be proposed, and
    // the next read does.
    group.pass_ticks(group.config.election_ticks);
    let last_index = group.peer(1).storage().last_index();
    assert_eq!(mode(&mut group.read(1)), ReadMode::ReadIndex);
    assert_eq!(group.peer(1).storage().last_index(), last_index + 1);
    assert_eq!(group.lease_state(1), LeaseState::Valid);
    assert_eq!(mode(&mut group.read(1)), ReadMode::ReadLocal);
    let remote = group.node(1).ctx.meta.delegate(REGION).unwrap().leader_lease.unwrap();
    assert_eq!(remote.inspect(group.now()), LeaseState::Valid, "readers have a new one");
}

#[test]
fn a_read_does_not_join_a_round_while_the_lease_is_suspect() {
    let mut group = Group::led();
    group.clock.advance(group.config.max_leader_lease);
    group.hold(MessageType::MsgHeartbeatResponse, 1);
    let (mut carrier, rounds) = (group.read(1), group.rounds(1));
    let lost = Rule { kind: Some(MessageType::MsgTimeoutNow), ..Rule::default() };
    group.rule(lost, Fate::Lost);
    group.transfer(1, 2);
    let mut second = group.read(1);
    assert_eq!(group.rounds(1), rounds + 1, "rule B2");
    group.release();
    assert_eq!(mode(&mut carrier), ReadMode::ReadIndex);
    assert_eq!(mode(&mut second), ReadMode::ReadIndex);
}

#[test]
fn a_write_from_before_the_suspicion_does_not_lift_it() {
    let mut group = Group::led();
    // The acknowledgement that commits the write also lets the transfer go on: one Ready has both.
    group.hold(MessageType::MsgAppendResponse, 1);
    drop(group.write(1, "v1"));
    group.clock.advance(Duration::from_millis(10));
    group.transfer(1, 2);
    group.rule(Rule { kind: Some(MessageType::MsgTimeoutNow), ..Rule::default() }, Fate::Lost);
    group.rules.rotate_right(1);
    group.rules.truncate(1);
    let held = std::mem::take(&mut group.held);
    group.network.extend(held);
    group.carry();
    assert_eq!(group.count_sent(MessageType::MsgTimeoutNow), 1);
    assert_eq!(group.lease_state(1), LeaseState::Suspect, "rule L5");
}

#[test]
fn a_restarted_voter_keeps_what_it_may_have_promised() {
    let mut group = Group::led();
    // 2 hears nothing of 1, which renews its lease through 3.
    group.cut_between(1, 2);
    group.pass_ticks(8);
    let mut renewing = group.read_with(1, |header| header.read_quorum = true);
    assert_eq!(mode(&mut renewing), ReadMode::ReadQuorum);
    let lease_end = group.now() + group.config.max_leader_lease;
    group.restart(3);
    group.cut(1);
    // 2 has waited long enough to campaign, and 3 remembers nothing. Without its silence it would
    // vote for 2, or be voted for by 2, at once (rule L15).
    group.tell(2, PeerMsg::Casual(CasualMessage::Campaign));
    group.tell(3, PeerMsg::Casual(CasualMessage::Campaign));
    while group.now() < lease_end {
        assert!(!group.peer(2).is_leader() && !group.peer(3).is_leader());
        group.pass_ticks(1);
    }
    group.pass_ticks(3 * group.config.election_ticks);
    assert!(group.peer(2).is_leader() || group.peer(3).is_leader(), "and then it votes");
}

#[test]
fn a_cut_off_leader_has_no_lease_when_another_is_elected() {
    for seed in 0..30 {
        let mut group = Group::new(seed);
        group.elect(1);
        group.settle();
        group.cut(1);
        for _ in 0..60 {
            let valid = (1..=3).filter(|id| group.lease_state(*id) == LeaseState::Valid).count();
            assert!(valid <= 1, "two valid leases, seed {seed}");
            group.pass_ticks(1);
        }
        assert!((2..=3).any(|id| group.peer(id).is_leader()), "seed {seed}");
    }
}
