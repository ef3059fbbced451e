//! Situations that need more than a script can say: moments to the nanosecond, and what a world does
//! not do. The others are scripts, in `scenarios/`. Node 1 leads, and `k` is `v1` everywhere.

use std::time::Duration;

use raftlens_core::sim::{AskRead, MessagePattern, OpResult, SimConfig, World};
use raftlens_core::{LeaseState, ReadMode};

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
fn world() -> World {
    let mut config = SimConfig::scripted(SEED);
    config.core.renew_lease_by_tick = false;
    let mut world = World::new(config).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    write(&mut world, 1, b"v1");
    // Commit indexes get around with the next heartbeats.
    world.run_for(25 * MS);
    world
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
