//! Named situations of the rules catalogue, each written out as a script over a world in which
//! every time is fixed. Node 1 leads at first, and `k` is `v1` everywhere.

use std::time::Duration;

use raftlens_core::sim::{AskRead, MessagePattern, OpResult, SimConfig, World};
use raftlens_core::{Consistency, LeaseState, ReadMode};

const MS: Duration = Duration::from_millis(1);
const KEY: &[u8] = b"k";
const LEASE_NS: u64 = 86_000_000;
/// From a request to the round of polling that proposes it.
const POLL_NS: u64 = 10_000;

fn messages(name: &str) -> MessagePattern {
    MessagePattern::parse(name).expect("a type of message")
}

/// One in which the election timeouts of n2 and n3 leave n1 some time as a deposed leader.
const SEED: u64 = 7;

/// A world in which only what a script does renews a lease.
fn world_with(change: impl FnOnce(&mut SimConfig)) -> World {
    let mut config = SimConfig::scripted(SEED);
    config.core.renew_lease_by_tick = false;
    change(&mut config);
    let mut world = World::new(config).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    write(&mut world, 1, b"v1");
    // Commit indexes get around with the next heartbeats.
    world.run_for(25 * MS);
    world
}

fn world() -> World {
    world_with(|_| {})
}

fn write(world: &mut World, node: u64, value: &[u8]) {
    let op = world.start_write(node, KEY, value);
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written, "{world:?}");
}

/// A read's value and mode; `None` if it was refused or not answered so far.
fn seen(result: &OpResult) -> Option<(&[u8], ReadMode)> {
    match result {
        OpResult::Value { value, mode, .. } => Some((value.as_deref().unwrap_or(b""), *mode)),
        OpResult::Pending | OpResult::Written | OpResult::Failed(_) | OpResult::GivenUp => None,
    }
}

fn read(world: &mut World, node: u64, ask: AskRead) -> Option<(Vec<u8>, ReadMode)> {
    let op = world.start_read(node, KEY, ask);
    let result = world.wait(op, 50 * MS);
    seen(&result).map(|(value, mode)| (value.to_vec(), mode))
}

/// Waits until n2 or n3 leads, by its own election timeout. Nobody is made to campaign here: who
/// campaigns while its promise lasts has forgotten it.
fn elect_another(world: &mut World) -> u64 {
    let leads = |world: &World, node| world.replica(node, 1).is_some_and(|it| it.is_leader);
    let leader = |world: &World| [2, 3].into_iter().find(|node| leads(world, *node));
    world.run_while(400 * MS, |world| leader(world).is_some());
    leader(world).expect("a leader")
}

/// Cuts off the leader right after it has found its quorum alive, so that it remains one for the
/// better part of two election timeouts (READ_PATH, E9).
fn run_to_a_fresh_quorum_window(world: &mut World) {
    world.run_until(world.now_ns().next_multiple_of(100_000_000) + 15_000_000);
}

fn assert_sound(world: &mut World) {
    assert!(world.check_history(), "{:#?}", world.violations());
    assert!(world.violations().is_empty(), "{:#?}", world.violations());
}

#[test]
fn l1_a_lease_ends_one_lease_after_its_message_was_sent_however_late_the_acknowledgement() {
    for ack_after_ms in [1, 30, 60] {
        let mut world = world();
        for voter in [2, 3] {
            world.hold(messages("MsgAppendResponse"), voter, 1);
        }
        let op = world.start_write(1, KEY, b"v2");
        let proposed_ns = world.now_ns() + POLL_NS;
        world.run_for(ack_after_ms * MS);
        assert_eq!(*world.result(op), OpResult::Pending);
        for voter in [2, 3] {
            assert!(world.release(messages("MsgAppendResponse"), voter, 1) > 0);
        }
        assert_eq!(world.wait(op, 5 * MS), OpResult::Written);
        let left_ns = world.lease_left_ns(1, 1).unwrap();
        assert_eq!(world.now_ns() as i64 + left_ns, (proposed_ns + LEASE_NS) as i64);

        world.isolate(1);
        world.run_until(proposed_ns + LEASE_NS - 2 * POLL_NS);
        // Readers may have been told of less, but the raft thread knows.
        let last = read(&mut world, 1, AskRead::Leader);
        assert_eq!(last.map(|(value, _)| value), Some(b"v2".to_vec()));
        world.run_until(proposed_ns + LEASE_NS - 1);
        assert_eq!(world.lease_state(1, 1), Some(LeaseState::Valid));
        world.run_until(proposed_ns + LEASE_NS);
        assert_eq!(world.lease_state(1, 1), Some(LeaseState::Expired));
        assert_eq!(read(&mut world, 1, AskRead::Leader), None, "there is no quorum to ask");
        assert_sound(&mut world);
    }
}

#[test]
fn l1_l2_an_isolated_leader_stops_reading_before_another_one_writes() {
    let mut world = world();
    run_to_a_fresh_quorum_window(&mut world);
    write(&mut world, 1, b"v2");
    world.isolate(1);
    let old = world.start_read(1, KEY, AskRead::Leader);
    assert!(seen(world.result(old)).is_some_and(|(value, _)| value == b"v2"), "in its lease");
    let other = elect_another(&mut world);
    write(&mut world, other, b"v3");
    assert_eq!(world.replica(1, 1).map(|replica| replica.is_leader), Some(true));
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Expired));
    assert_eq!(read(&mut world, 1, AskRead::Leader), None);
    assert_sound(&mut world);
}

#[test]
fn l6_a_transfer_makes_the_lease_suspect_before_the_new_leader_can_write() {
    let mut world = world();
    write(&mut world, 1, b"v2");
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Valid));
    world.cut(2, 1);
    world.cut(3, 1);
    // The transferee is known to have the whole log, so MsgTimeoutNow leaves at once.
    world.transfer(1, 2);
    world.run_for(MS);
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Suspect));
    let leads = |world: &World| world.replica(2, 1).is_some_and(|replica| replica.is_leader);
    assert!(world.run_while(10 * MS, leads), "a transfer needs no timeout");
    write(&mut world, 2, b"v3");
    assert_eq!(world.replica(1, 1).map(|replica| replica.is_leader), Some(true));
    assert_eq!(read(&mut world, 1, AskRead::Leader), None, "n1 still believes that it leads");
    assert_sound(&mut world);
}

#[test]
fn l5_a_suspect_lease_is_lifted_by_an_entry_and_not_by_a_read() {
    let mut world = world();
    world.hold(messages("MsgTimeoutNow"), 1, 2);
    world.transfer(1, 2);
    world.run_for(MS);
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Suspect));
    let quorum = read(&mut world, 1, AskRead::Leader);
    assert_eq!(quorum, Some((b"v1".to_vec(), ReadMode::ReadIndex)));
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Suspect), "a read does not lift it");
    // The transfer is aborted after an election timeout; reads then propose an entry.
    world.run_for(130 * MS);
    world.drop_held(messages("MsgTimeoutNow"), 1, 2);
    read(&mut world, 1, AskRead::Leader);
    world.run_for(5 * MS);
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Valid));
    assert_sound(&mut world);
}

#[test]
fn b1_a_read_does_not_join_a_carrier_that_is_older_than_a_lease() {
    let mut world = world();
    run_to_a_fresh_quorum_window(&mut world);
    for voter in [2, 3] {
        world.hold(messages("MsgHeartbeatResponse"), voter, 1);
    }
    world.run_for(MS);
    let carrier = world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(2 * MS);
    assert!(world.held().iter().any(|message| message.contains("read=")), "{:?}", world.held());
    for voter in [2, 3] {
        // What they say from now on is lost, what they have said waits.
        world.hold(messages("*"), voter, 1);
        world.cut(1, voter);
    }
    let other = elect_another(&mut world);
    write(&mut world, other, b"v2");
    assert_eq!(world.replica(1, 1).map(|replica| replica.is_leader), Some(true));
    let late = world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(MS);
    for voter in [2, 3] {
        assert!(world.release(messages("MsgHeartbeatResponse"), voter, 1) > 0);
    }
    world.run_for(5 * MS);
    // The carrier was called before the write: its answer is right, and old.
    let carried = seen(world.result(carrier)).map(|(value, _)| value.to_vec());
    assert_eq!(carried.as_deref(), Some(b"v1".as_slice()));
    assert_eq!(seen(world.result(late)), None, "it must not share that answer");
    assert_sound(&mut world);
}

#[test]
fn b1_a_read_joins_a_young_carrier() {
    let mut world = world();
    let carrier = world.start_read(1, KEY, AskRead::Quorum);
    let joined = world.start_read(1, KEY, AskRead::Quorum);
    world.wait(joined, 20 * MS);
    let mode = |op| seen(world.result(op)).map(|(_, mode)| mode);
    assert_eq!(mode(carrier), Some(ReadMode::ReadQuorum));
    assert_eq!(mode(joined), Some(ReadMode::ReadIndexBatched));
}

#[test]
fn t6_a_replica_waits_until_it_has_applied_the_read_index() {
    let mut world = world();
    world.pause_apply(3);
    write(&mut world, 1, b"v2");
    let waiting = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(100 * MS);
    assert_eq!(*world.result(waiting), OpResult::Pending);
    world.resume_apply(3);
    let result = world.wait(waiting, 5 * MS);
    assert!(seen(&result).is_some_and(|(value, _)| value == b"v2"), "{result:?}");
    assert_sound(&mut world);
}

/// Hole H1: a replica shows what the leader has not applied, then the leader answers from its data.
fn mixed_reads(consistency: Consistency) -> World {
    let mut world = world_with(|config| config.core.consistency = consistency);
    world.pause_apply(1);
    world.start_write(1, KEY, b"v2");
    world.run_for(25 * MS);
    let replica = read(&mut world, 3, AskRead::Replica);
    assert!(replica.is_some_and(|(value, _)| value == b"v2"));
    let leader = world.start_read(1, KEY, AskRead::Leader);
    world.run_for(5 * MS);
    world.resume_apply(1);
    world.wait(leader, 20 * MS);
    world
}

#[test]
fn t7_tikv_shows_an_old_value_after_a_new_one_and_strict_does_not() {
    let mut world = mixed_reads(Consistency::Tikv);
    assert!(!world.check_history(), "H1 is a hole of the original");
    let violation = &world.violations()[0];
    assert!(violation.operations.len() >= 2, "{violation:?}");
    assert_sound(&mut mixed_reads(Consistency::Strict));
}

#[test]
fn s2_reads_of_a_batch_share_a_snapshot() {
    let mut world = world();
    write(&mut world, 1, b"v2");
    let batch = world.begin_batch(1);
    let first = world.start_batch_read(1, KEY, &batch, false);
    let second = world.start_batch_read(1, KEY, &batch, true);
    assert_eq!(seen(world.result(first)), Some((b"v2".as_slice(), ReadMode::LeaseLocal)));
    assert_eq!(seen(world.result(second)), Some((b"v2".as_slice(), ReadMode::LeaseShared)));
}

#[test]
fn p4_a_lost_read_index_is_asked_for_again() {
    let mut world = world();
    world.hold(messages("MsgReadIndex"), 3, 1);
    let lost = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(5 * MS);
    assert_eq!(world.drop_held(messages("MsgReadIndex"), 3, 1), 1);
    let result = world.wait(lost, 60 * MS);
    assert!(seen(&result).is_some_and(|(value, _)| value == b"v1"), "{result:?}");
}

#[test]
fn p4_an_acknowledgement_of_the_first_asking_does_not_confirm_the_second_one() {
    let mut world = world();
    run_to_a_fresh_quorum_window(&mut world);
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Expired), "so the quorum is asked");
    // n2 reads. n3 confirms it, but the answer to n2 is lost and n2's own acknowledgement is late.
    world.hold(messages("MsgHeartbeatResponse"), 2, 1);
    world.hold(messages("MsgReadIndexResp"), 1, 2);
    world.start_read(2, KEY, AskRead::Replica);
    world.run_for(3 * MS);
    assert_eq!(world.drop_held(messages("MsgReadIndexResp"), 1, 2), 1);
    // n1 is cut off; what n2 sends it is late. In time, n2 asks again.
    world.hold(messages("*"), 2, 1);
    for (from, to) in [(1, 2), (1, 3), (3, 1)] {
        world.cut(from, to);
    }
    let other = elect_another(&mut world);
    write(&mut world, other, b"v2");
    assert_eq!(world.replica(1, 1).map(|replica| replica.is_leader), Some(true));
    let stale = world.start_read(1, KEY, AskRead::Leader);
    world.run_for(MS);
    assert!(world.release(messages("MsgReadIndex"), 2, 1) > 0, "n2 has asked again");
    world.run_for(MS);
    assert!(world.release(messages("MsgHeartbeatResponse"), 2, 1) > 0);
    world.run_for(5 * MS);
    assert_eq!(seen(world.result(stale)), None, "v1 was overwritten before the read began");
    assert_sound(&mut world);
}

#[test]
fn l13_voters_that_are_told_to_campaign_keep_their_promise_to_the_leader() {
    let mut world = world();
    write(&mut world, 1, b"v2");
    world.isolate(1);
    for candidate in [2, 3, 2, 3] {
        world.campaign(candidate, 1);
        world.run_for(2 * MS);
    }
    assert_eq!(world.lease_state(1, 1), Some(LeaseState::Valid));
    assert_eq!(world.leader(1), Some(1), "nobody else, as long as its lease lasts");
    assert_sound(&mut world);
}

#[test]
fn l15_a_restarted_voter_keeps_the_promise_that_it_has_forgotten() {
    let mut world = world();
    run_to_a_fresh_quorum_window(&mut world);
    // n1 renews its lease by a read that n3 alone confirms; n3 then forgets it.
    world.cut(1, 2);
    world.cut(2, 1);
    assert!(read(&mut world, 1, AskRead::Quorum).is_some());
    world.crash(3);
    world.isolate(1);
    world.restart(3);
    for _ in 0..7 {
        world.campaign(2, 1);
        world.run_for(10 * MS);
        assert_eq!(world.replica(2, 1).map(|replica| replica.is_leader), Some(false));
    }
    assert_sound(&mut world);
}

#[test]
fn what_was_acknowledged_survives_the_crash_of_every_node() {
    let mut world = world();
    write(&mut world, 1, b"v2");
    for node in 1..=3 {
        world.crash(node);
    }
    world.run_for(10 * MS);
    for node in 1..=3 {
        world.restart(node);
    }
    assert!(world.run_while(1000 * MS, |world| world.leader(1).is_some()));
    world.run_for(10 * MS);
    let leader = world.leader(1).unwrap();
    let found = read(&mut world, leader, AskRead::Quorum);
    assert_eq!(found.map(|(value, _)| value), Some(b"v2".to_vec()));
    assert_sound(&mut world);
}

#[test]
fn h4_a_leader_whose_clock_stands_still_holds_its_lease_for_too_long() {
    let mut world = world();
    run_to_a_fresh_quorum_window(&mut world);
    write(&mut world, 1, b"v2");
    world.isolate(1);
    world.clock(1).freeze();
    let other = elect_another(&mut world);
    write(&mut world, other, b"v3");
    let stale = read(&mut world, 1, AskRead::Leader);
    assert_eq!(stale.map(|(value, _)| value), Some(b"v2".to_vec()), "the hole is open by design");
    assert!(!world.check_history());
}
