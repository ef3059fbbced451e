//! Regions that sleep: when they may (rule Hb1), what wakes them, and that nobody is deposed for
//! having slept (rule Hb2). Node 1 leads at first, and `k` is `v1` everywhere.

use std::time::Duration;

use raftlens_core::sim::{AskRead, MessagePattern, OpResult, SimConfig, World};
use raftlens_core::{Error, ReadMode};

const MS: Duration = Duration::from_millis(1);
const KEY: &[u8] = b"k";
/// Of ten ticks of 10 ms.
const ELECTION: Duration = Duration::from_millis(100);

fn messages(name: &str) -> MessagePattern {
    MessagePattern::parse(name).expect("a type of message")
}

/// A world whose regions sleep after five quiet ticks.
fn world() -> World {
    let mut config = SimConfig::scripted(7);
    config.core.hibernate_after_ticks = Some(5);
    let mut world = World::new(config).expect("a world");
    world.keep_log();
    world.elect(1, 1).expect("n1 leads");
    let op = world.start_write(1, KEY, b"v1");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    world
}

fn asleep(world: &World) -> Vec<u64> {
    let sleeps = |node: &u64| world.replica(*node, 1).is_some_and(|it| it.is_asleep);
    (1..=world.nodes()).filter(sleeps).collect()
}

fn sleeping_world() -> World {
    let mut world = world();
    assert!(world.run_while(1000 * MS, |world| asleep(world) == [1, 2, 3]), "{world:?}");
    world
}

fn assert_sound(world: &mut World) {
    assert!(world.check_history(), "{:#?}", world.violations());
    assert!(world.violations().is_empty(), "{:#?}", world.violations());
}

fn sent(world: &World, node: u64, kind: &str) -> bool {
    let (from, kind) = (format!(" n{node}@"), format!(" {kind} "));
    world.log().any(|line| line.contains(&from) && line.contains(&kind))
}

#[test]
fn a_quiet_region_sends_nothing_and_keeps_its_leader() {
    let mut world = sleeping_world();
    let (sent, term) = (world.network_counts().sent, world.replica(1, 1).unwrap().term);
    world.run_for(10_000 * MS);
    assert_eq!(world.network_counts().sent, sent, "a region that sleeps sends nothing");
    assert_eq!(asleep(&world), [1, 2, 3]);
    assert_eq!(world.leader(1), Some(1));
    // Renewals by ticks have not kept it awake, so the lease has ended.
    assert!(world.lease_left_ns(1, 1).is_none_or(|left_ns| left_ns < 0));

    // The first read asks the quorum, the next one has a lease again.
    for mode in [ReadMode::ReadIndex, ReadMode::LeaseLocal] {
        let op = world.start_read(1, KEY, AskRead::Leader);
        let result = world.wait(op, 20 * MS);
        assert!(matches!(&result, OpResult::Value { mode: by, .. } if *by == mode), "{result:?}");
    }
    assert_eq!(world.replica(1, 1).unwrap().term, term);
    assert!(world.run_while(1000 * MS, |world| asleep(world) == [1, 2, 3]), "asleep again");
    assert_eq!(world.elections(), 1);
    assert_sound(&mut world);
}

#[test]
fn hb1_nobody_sleeps_while_a_replica_waits_for_its_read() {
    let mut world = world();
    world.hold(messages("MsgReadIndexResp"), 1, 2);
    let op = world.start_read(2, KEY, AskRead::Replica);
    world.run_for(500 * MS);
    assert!(!asleep(&world).contains(&1) && !asleep(&world).contains(&2), "{:?}", asleep(&world));
    world.release(messages("MsgReadIndexResp"), 1, 2);
    assert!(matches!(world.wait(op, 20 * MS), OpResult::Value { .. }));
    assert!(world.run_while(1000 * MS, |world| asleep(world) == [1, 2, 3]));
    assert_sound(&mut world);
}

#[test]
fn hb1_the_leader_does_not_sleep_while_a_replica_lacks_something() {
    let mut world = world();
    world.hold(messages("MsgAppend"), 1, 3);
    let op = world.start_write(1, KEY, b"v2");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    world.run_for(1000 * MS);
    assert!(!asleep(&world).contains(&1));
    world.release(messages("MsgAppend"), 1, 3);
    assert!(world.run_while(1000 * MS, |world| asleep(world) == [1, 2, 3]));
    assert_sound(&mut world);
}

#[test]
fn hb1_the_leader_does_not_sleep_while_it_waits_for_its_quorum() {
    let mut world = world();
    world.hold(messages("MsgHeartbeatResponse"), 2, 1);
    world.hold(messages("MsgHeartbeatResponse"), 3, 1);
    world.start_read(1, KEY, AskRead::Quorum);
    // Less than the two election timeouts after which it would step down.
    world.run_for(90 * MS);
    assert_eq!(world.leader(1), Some(1));
    assert!(!asleep(&world).contains(&1));
    world.heal();
    assert_sound(&mut world);
}

#[test]
fn hb2_whoever_wakes_does_not_depose_a_leader_that_sleeps() {
    for node in [2, 3] {
        let mut world = sleeping_world();
        world.run_for(5000 * MS);
        let op = world.start_read(node, KEY, AskRead::Replica);
        let result = world.wait(op, 20 * MS);
        assert!(matches!(result, OpResult::Value { .. }), "{result:?}");
        world.run_for(1000 * MS);
        assert_eq!((world.leader(1), world.elections()), (Some(1), 1));
        assert!(!sent(&world, node, "MsgRequestPreVote"));
        assert_sound(&mut world);
    }
}

#[test]
fn hb2_a_leader_that_died_in_its_sleep_is_found_out_by_whoever_asks() {
    let mut world = sleeping_world();
    world.crash(1);
    world.run_for(5000 * MS);
    assert_eq!((asleep(&world).len(), world.leader(1)), (2, None));
    // The one that is asked sends its client to the leader that it knows, and wakes.
    let op = world.start_write(2, KEY, b"v2");
    let refused = world.wait(op, 20 * MS);
    assert!(
        matches!(&refused, OpResult::Failed(Error::NotLeader { leader: Some(leader), .. })
        if leader.store_id == 1),
        "{refused:?}"
    );
    assert!(world.run_while(4 * ELECTION, |world| world.leader(1).is_some()), "no election");
    world.restart(1);
    assert!(world.run_while(2000 * MS, |world| asleep(world) == [1, 2, 3]));
    assert_sound(&mut world);
}

#[test]
fn a_leader_that_sleeps_cut_off_learns_of_it_when_it_is_asked() {
    let mut world = sleeping_world();
    world.isolate(1);
    let op = world.start_write(2, KEY, b"v2");
    world.wait(op, 20 * MS);
    let leads = |world: &World| world.leader(1).filter(|leader| *leader != 1);
    assert!(world.run_while(5 * ELECTION, |world| leads(world).is_some()));
    let leader = leads(&world).unwrap();
    world.run_for(20 * MS);
    let op = world.start_write(leader, KEY, b"v3");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    // It still takes itself for the leader, but not for one with a lease.
    assert!(world.replica(1, 1).unwrap().is_leader);
    let stale = world.start_read(1, KEY, AskRead::Leader);
    assert_eq!(world.wait(stale, 50 * MS), OpResult::Pending);
    world.run_for(3 * ELECTION);
    assert!(matches!(world.result(stale), OpResult::Failed(_)), "{:?}", world.result(stale));
    assert!(!world.replica(1, 1).unwrap().is_leader, "its quorum is gone");
    world.heal();
    world.run_for(3 * ELECTION);
    assert_eq!(world.leader(1), Some(leader));
    assert_sound(&mut world);
}

/// Scenario 16, `test_replica_read_on_hibernate`.
#[test]
fn a_replica_whose_leader_does_not_wake_keeps_ticking_and_campaigns() {
    let mut world = sleeping_world();
    for kind in ["MsgReadIndex", "RegionWakeUp"] {
        world.hold(messages(kind), 2, 1);
        // So that nobody else wakes the leader either.
        world.hold(messages(kind), 3, 1);
    }
    world.start_read(2, KEY, AskRead::Replica);
    let campaigns = |world: &World| sent(world, 2, "MsgRequestPreVote");
    world.run_for(5 * MS);
    assert!(!asleep(&world).contains(&2) && asleep(&world).contains(&1));
    assert!(world.run_while(3 * ELECTION, campaigns), "it waits for ever");
    assert_sound(&mut world);
}

/// Scenario 17, `test_read_hibernated_region`.
#[test]
fn a_replica_that_has_forgotten_its_leader_wakes_it_when_it_is_asked() {
    let mut world = sleeping_world();
    world.crash(2);
    world.restart(2);
    let op = world.start_read(2, KEY, AskRead::Replica);
    let first = world.wait(op, 20 * MS);
    assert!(
        matches!(first, OpResult::Failed(Error::NotLeader { leader: None, .. })),
        "it knows no leader yet: {first:?}"
    );
    let woken = |world: &World| world.log().any(|line| line.contains("n2 -> n1 RegionWakeUp"));
    assert!(world.run_while(20 * MS, woken), "rule P7");
    world.run_for(20 * MS);
    let op = world.start_read(2, KEY, AskRead::Replica);
    let second = world.wait(op, 20 * MS);
    assert!(matches!(second, OpResult::Value { .. }), "{second:?}");
    assert_eq!(world.elections(), 1);
    assert_sound(&mut world);
}
