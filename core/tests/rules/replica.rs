//! Reads of replicas (READ_PATH 1.5).

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, SimConfig, World};

use super::{
    KEY, MS, Scenario, as_it_is, elect_another, leads, messages, n2_is_next, read,
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
    Scenario {
        rule: Rule::P5,
        pair: None,
        shows: "a read whose answer was lost is answered with a later one, without its index",
        setup: as_it_is,
        play: p5,
    },
    Scenario {
        rule: Rule::R1,
        pair: None,
        shows: "a leader that is cut off confirms its reads itself",
        setup: as_it_is,
        play: quorum_read_of_a_deposed_leader,
    },
    Scenario {
        rule: Rule::R2,
        pair: None,
        shows: "a learner counts for the quorum of a read index",
        setup: a_learner,
        play: quorum_read_of_a_deposed_leader,
    },
    Scenario {
        rule: Rule::R3,
        pair: None,
        shows: "acknowledgements of older heartbeats confirm a read index",
        setup: as_it_is,
        play: r3,
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

/// n3 lags, and the answer to the first of its two questions is lost.
fn p5(world: &mut World) {
    world.pause_apply(3);
    write(world, 1, b"v2");
    world.run_for(25 * MS);
    world.hold(messages("MsgReadIndexResp"), 1, 3);
    let first = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(2 * MS);
    assert_eq!(world.drop_held(messages("MsgReadIndexResp"), 1, 3), 1);
    let second = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(5 * MS);
    world.resume_apply(3);
    world.wait(first, 15 * MS);
    world.wait(second, 15 * MS);
}

/// n1 leads on its side of a partition, with the learner if there is one.
fn quorum_read_of_a_deposed_leader(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    let nodes = world.nodes();
    for one in [1, 4].into_iter().filter(|node| *node <= nodes) {
        for other in [2, 3] {
            world.cut(one, other);
            world.cut(other, one);
        }
    }
    let other = elect_another(world);
    write(world, other, b"v2");
    assert!(leads(world, 1));
    read(world, 1, AskRead::Quorum);
}

fn r3(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    for voter in [2, 3] {
        world.hold(messages("MsgHeartbeatResponse"), voter, 1);
    }
    world.run_while(30 * MS, |world| world.held().len() >= 2);
    for voter in [2, 3] {
        world.hold(messages("*"), voter, 1);
        world.cut(1, voter);
    }
    let other = elect_another(world);
    write(world, other, b"v2");
    assert!(leads(world, 1));
    let late = world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(MS);
    for voter in [2, 3] {
        assert!(world.release(messages("MsgHeartbeatResponse"), voter, 1) > 0);
    }
    world.wait(late, 5 * MS);
}
