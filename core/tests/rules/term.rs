//! Terms, commit and apply (READ_PATH 1.2).

use raftlens_core::sim::{AskRead, OpResult, SimConfig, World};
use raftlens_core::{Consistency, Rule};

use super::{KEY, MS, Scenario, as_it_is, leads, messages, read, transfer, write};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::T1,
        pair: None,
        shows: "a new leader reads before it knows what was committed",
        setup: as_it_is,
        play: t1,
    },
    Scenario {
        rule: Rule::T2,
        pair: None,
        shows: "a new leader tells a replica the commit index of its predecessor",
        setup: as_it_is,
        play: t2,
    },
    Scenario {
        rule: Rule::T3a,
        pair: None,
        shows: "an entry of the term is committed, and an older index answered",
        setup: as_it_is,
        play: t3a,
    },
    Scenario {
        rule: Rule::T4,
        pair: None,
        shows: "a confirmed read is answered before the term's entry is applied",
        setup: as_it_is,
        play: t4,
    },
    Scenario {
        rule: Rule::T5,
        pair: None,
        shows: "a write is answered before its leader has applied it",
        setup: as_it_is,
        play: t5,
    },
    Scenario {
        rule: Rule::X1,
        pair: None,
        shows: "a leader lags behind what a replica has shown (hole H1)",
        setup: strict,
        play: x1,
    },
];

fn strict(config: &mut SimConfig) {
    config.core.consistency = Consistency::Strict;
}

/// n1 has committed and answered `v2`; n2 has it and does not know that it is committed.
pub(super) fn commit_unknown_to_others(world: &mut World) {
    for voter in [2, 3] {
        world.hold(messages("MsgHeartbeat"), 1, voter);
    }
    write(world, 1, b"v2");
}

/// And n2 leads, without a committed entry of its term.
pub(super) fn lead_without_an_entry_of_the_term(world: &mut World) {
    commit_unknown_to_others(world);
    for other in [1, 3] {
        world.hold(messages("MsgAppend"), 2, other);
    }
    transfer(world, 2);
    // By its heartbeats the others know it.
    world.run_for(25 * MS);
}

fn t1(world: &mut World) {
    lead_without_an_entry_of_the_term(world);
    read(world, 2, AskRead::Leader);
}

fn t2(world: &mut World) {
    lead_without_an_entry_of_the_term(world);
    read(world, 3, AskRead::Replica);
}

fn t3a(world: &mut World) {
    lead_without_an_entry_of_the_term(world);
    for other in [1, 3] {
        world.hold(messages("MsgAppendResponse"), other, 2);
        assert!(world.release(messages("MsgAppend"), 2, other) > 0);
    }
    world.run_for(MS);
    // One batch has the acknowledgements and, behind them, the question of n3.
    world.pause_raft(2);
    for other in [1, 3] {
        assert!(world.release(messages("MsgAppendResponse"), other, 2) > 0);
    }
    world.run_for(MS);
    let op = world.start_read(3, KEY, AskRead::Replica);
    world.run_for(MS);
    world.resume_raft(2);
    world.wait(op, 15 * MS);
}

fn t4(world: &mut World) {
    commit_unknown_to_others(world);
    world.pause_apply(2);
    transfer(world, 2);
    world.run_for(MS);
    let op = world.start_read(2, KEY, AskRead::Quorum);
    world.run_for(5 * MS);
    world.resume_apply(2);
    world.wait(op, 15 * MS);
}

fn t5(world: &mut World) {
    world.pause_apply(1);
    let op = world.start_write(1, KEY, b"v2");
    world.run_for(5 * MS);
    read(world, 1, AskRead::Leader);
    world.resume_apply(1);
    assert_eq!(world.wait(op, 15 * MS), OpResult::Written);
}

fn x1(world: &mut World) {
    world.pause_apply(1);
    world.start_write(1, KEY, b"v2");
    world.run_for(25 * MS);
    let replica = read(world, 3, AskRead::Replica);
    assert!(world.answer(replica).is_some());
    assert!(leads(world, 1));
    let leader = world.start_read(1, KEY, AskRead::Leader);
    world.run_for(5 * MS);
    world.resume_apply(1);
    world.wait(leader, 15 * MS);
}
