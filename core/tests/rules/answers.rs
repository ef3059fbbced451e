//! Reads that nobody would answer (READ_PATH 1.2 and 1.9): they end by their deadline, long after
//! anything was wrong.

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, World};

use super::term::lead_without_an_entry_of_the_term;
use super::{
    KEY, MS, Scenario, as_it_is, elect_another, leads, messages, n2_is_next,
    run_to_a_fresh_quorum_window, transfer,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::T9,
        pair: None,
        shows: "a read outlives the leadership that it waits for",
        setup: as_it_is,
        play: t9,
    },
    Scenario {
        rule: Rule::T12,
        pair: None,
        shows: "a read waits for a read index that raft-rs has dropped",
        setup: as_it_is,
        play: t12,
    },
    Scenario {
        rule: Rule::P4,
        pair: None,
        shows: "a replica waits for an answer to a question that was lost",
        setup: as_it_is,
        play: p4,
    },
];

fn run_beyond_deadlines(world: &mut World) {
    world.heal();
    world.calm_down();
    world.run_for(1_200 * MS);
}

/// n1 is deposed and elected again, and its read is of the time before.
fn t9(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    world.isolate(1);
    world.run_for(100 * MS);
    world.start_read(1, KEY, AskRead::Quorum);
    let other = elect_another(world);
    assert!(world.run_while(300 * MS, |world| !leads(world, 1)));
    assert!(leads(world, other));
    world.heal();
    world.run_while(30 * MS, |world| {
        let term = |node| world.replica(node, 1).map(|replica| (replica.term, replica.commit));
        term(1) == term(other)
    });
    transfer(world, 1);
    run_beyond_deadlines(world);
}

fn t12(world: &mut World) {
    lead_without_an_entry_of_the_term(world);
    world.start_read(2, KEY, AskRead::Quorum);
    world.run_for(MS);
    for other in [1, 3] {
        world.release(messages("MsgAppend"), 2, other);
    }
    run_beyond_deadlines(world);
}

fn p4(world: &mut World) {
    world.hold(messages("MsgReadIndex"), 3, 1);
    world.start_read(3, KEY, AskRead::Replica);
    world.run_for(5 * MS);
    assert_eq!(world.drop_held(messages("MsgReadIndex"), 3, 1), 1);
    run_beyond_deadlines(world);
}
