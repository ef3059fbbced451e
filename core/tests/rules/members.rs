//! Replicas that are removed or get a snapshot: their data goes while reads are on their way
//! (READ_PATH 1.5 and 1.6).

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, SimConfig, World};

use super::{KEY, MS, Scenario, as_it_is, write, write_to};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::S4,
        pair: Some(Rule::M4),
        shows: "a leader that was removed reads where its data was",
        setup: as_it_is,
        play: s4,
    },
    Scenario {
        rule: Rule::S1,
        pair: None,
        shows: "a reader stands still behind its look at the lease, until the data is gone",
        setup: as_it_is,
        play: s1,
    },
    Scenario {
        rule: Rule::P3,
        pair: None,
        shows: "a replica reads while a snapshot is put in, and finds nothing",
        setup: slow_apply,
        play: p3,
    },
];

fn slow_apply(config: &mut SimConfig) {
    config.apply_ns = 2_000_000..2_000_000;
}

fn s4(world: &mut World) {
    let old = world.region_on(1, 1).expect("a replica");
    write(world, 1, b"v2");
    world.remove_replica(1, 1);
    assert!(world.run_while(20 * MS, |world| !world.has_replica(1, 1)), "{world:?}");
    world.run_for(5 * MS);
    let op = world.start_read_of(1, &old, KEY, AskRead::Leader);
    world.wait(op, 15 * MS);
}

/// TiKV's scenario 41: n1 hands over and is removed while its reader is half way.
fn s1(world: &mut World) {
    write(world, 1, b"v2");
    let stopped = world.start_read_and_stop(1, KEY).expect("n1 runs");
    let transfer = world.transfer(1, 2);
    world.wait(transfer, 20 * MS);
    let n2_leads = |world: &World| world.replica(2, 1).is_some_and(|it| it.is_leader);
    assert!(world.run_while(100 * MS, n2_leads), "{world:?}");
    world.run_for(20 * MS);
    world.remove_replica(1, 1);
    assert!(world.run_while(100 * MS, |world| !world.has_replica(1, 1)), "{world:?}");
    world.run_for(5 * MS);
    let op = world.go_on_with(stopped);
    world.wait(op, 15 * MS);
}

/// n3 lags behind a log that is compacted; its range has been cleaned, and the data is not yet in.
fn p3(world: &mut World) {
    for (from, to) in [(1, 3), (3, 1), (2, 3), (3, 2)] {
        world.cut(from, to);
    }
    for number in 0..150_u32 {
        write_to(world, 1, b"a", number.to_string().as_bytes());
    }
    world.run_for(50 * MS);
    world.heal();
    assert!(world.run_while(300 * MS, |world| world.is_installing_snapshot(3, 1)), "{world:?}");
    // The first of two steps.
    world.run_for(3 * MS);
    let op = world.start_read(3, KEY, AskRead::Replica);
    world.wait(op, 30 * MS);
}
