//! A disk that fills up: what was acknowledged stays, what was not is refused with a typed error, and
//! the store comes back when there is room again. Node 1 leads at first, and `k` is `v1` everywhere.

use std::time::Duration;

use raftlens_core::Error;
use raftlens_core::sim::{AskRead, OpResult, Room, SimConfig, World};

const MS: Duration = Duration::from_millis(1);
const KEY: &[u8] = b"k";

fn world() -> World {
    let mut world = World::new(SimConfig::scripted(7)).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    let op = world.start_write(1, KEY, b"v1");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    world.run_for(50 * MS);
    world
}

fn value(world: &mut World, node: u64, ask: AskRead) -> OpResult {
    let op = world.start_read(node, KEY, ask);
    world.wait(op, 50 * MS)
}

fn is_disk_full(result: &OpResult) -> bool {
    matches!(result, OpResult::Failed(Error::DiskFull(_)))
}

fn assert_sound(world: &mut World) {
    assert!(world.check_history(), "{:#?}", world.violations());
    assert!(world.violations().is_empty(), "{:#?}", world.violations());
}

#[test]
fn a_full_disk_stops_the_leaders_store_and_loses_nothing_that_was_acknowledged() {
    let mut world = world();
    world.set_disk_room(1, Room::None);
    // Between two looks at the disk: the write is proposed, and does not get onto the disk.
    let op = world.start_write(1, KEY, b"v2");
    let result = world.wait(op, 20 * MS);
    assert!(matches!(result, OpResult::Failed(Error::Stopped(_))), "{result:?}");
    assert!(!world.is_running(1));
    let leads = |world: &World| world.leader(1).is_some();
    assert!(world.run_while(400 * MS, leads), "the others go on");
    world.run_for(20 * MS);
    let leader = world.leader(1).unwrap();
    let op = world.start_write(leader, KEY, b"v3");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);

    // It does not get far while there is no room, and comes back when there is.
    world.restart(1);
    world.run_for(100 * MS);
    assert!(!world.is_running(1));
    world.set_disk_room(1, Room::Enough);
    world.restart(1);
    world.run_for(200 * MS);
    let seen = value(&mut world, 1, AskRead::Replica);
    assert!(matches!(&seen, OpResult::Value { value: Some(value), .. } if value == b"v3"));
    assert_sound(&mut world);
}

#[test]
fn p11_a_follower_whose_disk_is_nearly_full_refuses_replica_reads_and_keeps_the_quorum() {
    let mut world = world();
    world.set_disk_room(2, Room::Low);
    // It looks at every tick.
    world.run_for(20 * MS);
    let refused = value(&mut world, 2, AskRead::Replica);
    assert!(is_disk_full(&refused), "{refused:?}");
    // What others write it still takes: with n3 away nothing is committed without it.
    world.crash(3);
    let op = world.start_write(1, KEY, b"v2");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    world.set_disk_room(2, Room::Enough);
    world.run_for(20 * MS);
    let seen = value(&mut world, 2, AskRead::Replica);
    assert!(matches!(&seen, OpResult::Value { value: Some(value), .. } if value == b"v2"));
    assert_sound(&mut world);
}

#[test]
fn a_leader_whose_disk_is_nearly_full_refuses_writes_and_still_reads() {
    let mut world = world();
    world.set_disk_room(1, Room::Low);
    world.run_for(20 * MS);
    let op = world.start_write(1, KEY, b"v2");
    let refused = world.wait(op, 20 * MS);
    assert!(is_disk_full(&refused), "{refused:?}");
    for ask in [AskRead::Leader, AskRead::Quorum] {
        let seen = value(&mut world, 1, ask);
        assert!(matches!(&seen, OpResult::Value { value: Some(value), .. } if value == b"v1"));
    }
    assert!(world.is_running(1));
    assert_sound(&mut world);
}
