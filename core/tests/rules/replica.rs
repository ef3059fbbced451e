//! Reads of replicas (READ_PATH 1.5).

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, SimConfig, World};

use super::{
    KEY, MS, Scenario, as_it_is, elect_another, leads, n2_is_next, read,
    run_to_a_fresh_quorum_window, write,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::T6,
        pair: None,
        shows: "a replica answers before it has applied its read index",
        setup: as_it_is,
        play: t6,
    },
    // Not with three voters: whoever votes for the new leader does not ask the old one any more.
    Scenario {
        rule: Rule::P13,
        pair: None,
        shows: "a deposed leader answers its learner from a lease that is over",
        setup: a_learner,
        play: p13,
    },
];

fn a_learner(config: &mut SimConfig) {
    config.learners = 1;
}

fn t6(world: &mut World) {
    world.pause_apply(3);
    write(world, 1, b"v2");
    let op = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(30 * MS);
    world.resume_apply(3);
    world.wait(op, 15 * MS);
}

fn p13(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    for (one, other) in [(1, 2), (1, 3), (4, 2), (4, 3)] {
        world.cut(one, other);
        world.cut(other, one);
    }
    let other = elect_another(world);
    write(world, other, b"v2");
    assert!(leads(world, 1));
    read(world, 4, AskRead::Replica);
}
