//! Reads that share something: a read index on its way, or a snapshot (READ_PATH 1.3 and S2).

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, World};

use super::{
    KEY, MS, Scenario, as_it_is, deafen, elect_another, leads, messages, n2_is_next, read,
    run_to_a_fresh_quorum_window, transfer, write,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::B1,
        pair: None,
        shows: "a read joins a carrier whose acknowledgements are older than a lease",
        setup: as_it_is,
        play: b1,
    },
    Scenario {
        rule: Rule::B2,
        pair: None,
        shows: "a read joins a carrier from before a transfer",
        setup: as_it_is,
        play: b2,
    },
    Scenario {
        rule: Rule::B5,
        pair: None,
        shows: "a read that joins late prolongs the lease",
        setup: as_it_is,
        play: b5,
    },
    Scenario {
        rule: Rule::T11,
        pair: Some(Rule::B2),
        shows: "a deposed leader answers as a replica what was asked of a leader",
        setup: as_it_is,
        play: t11,
    },
    Scenario {
        rule: Rule::S2a,
        pair: None,
        shows: "a batch reads from a snapshot of before its leader led",
        setup: as_it_is,
        play: s2a,
    },
    Scenario {
        rule: Rule::T16,
        pair: None,
        shows: "a read that joins a carrier gets the index of before it was asked",
        setup: as_it_is,
        play: t16,
    },
    Scenario {
        rule: Rule::S2b,
        pair: None,
        shows: "a snapshot is kept from one request to the next",
        setup: as_it_is,
        play: s2b,
    },
];

/// A quorum read of n1 whose acknowledgements are held back.
fn carrier(world: &mut World, node: u64) {
    for voter in [1, 2, 3] {
        if voter != node {
            world.hold(messages("MsgHeartbeatResponse"), voter, node);
        }
    }
    world.run_for(MS);
    world.start_read(node, KEY, AskRead::Quorum);
    world.run_for(2 * MS);
    assert!(world.held().iter().any(|message| message.contains("read=")), "{:?}", world.held());
}

fn release_acknowledgements(world: &mut World, node: u64) {
    for voter in [1, 2, 3] {
        if voter != node {
            world.release(messages("MsgHeartbeatResponse"), voter, node);
        }
    }
    world.run_for(5 * MS);
}

fn b1(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    carrier(world, 1);
    for voter in [2, 3] {
        // What they say from now on waits with what they have said, and what they are told is lost.
        world.hold(messages("*"), voter, 1);
        world.cut(1, voter);
    }
    let other = elect_another(world);
    write(world, other, b"v2");
    assert!(leads(world, 1));
    world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(MS);
    release_acknowledgements(world, 1);
}

fn b2(world: &mut World) {
    carrier(world, 1);
    for voter in [2, 3] {
        world.hold(messages("*"), voter, 1);
    }
    transfer(world, 3);
    write(world, 3, b"v2");
    assert!(leads(world, 1));
    world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(MS);
    release_acknowledgements(world, 1);
}

fn b5(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    carrier(world, 1);
    for voter in [2, 3] {
        world.cut(1, voter);
    }
    world.run_for(60 * MS);
    world.start_read(1, KEY, AskRead::Quorum);
    world.run_for(MS);
    release_acknowledgements(world, 1);
    deafen(world, 1);
    let other = elect_another(world);
    write(world, other, b"v2");
    read(world, 1, AskRead::Leader);
}

/// A new leader has not applied an entry of its term, so that what is confirmed waits.
fn t11(world: &mut World) {
    world.pause_apply(2);
    transfer(world, 2);
    world.run_for(5 * MS);
    carrier(world, 2);
    for other in [1, 3] {
        world.hold(messages("*"), other, 2);
    }
    transfer(world, 3);
    write(world, 3, b"v2");
    assert!(leads(world, 2));
    world.start_read(2, KEY, AskRead::Quorum);
    world.run_for(MS);
    release_acknowledgements(world, 2);
    // It hears that it is deposed, and nothing of what is written.
    assert!(world.release(messages("MsgRequestVote"), 3, 2) > 0);
    assert!(world.run_while(5 * MS, |world| !leads(world, 2)));
    world.resume_apply(2);
    world.run_for(10 * MS);
}

fn s2a(world: &mut World) {
    world.hold(messages("MsgAppend"), 2, 1);
    transfer(world, 2);
    write(world, 2, b"v2");
    let batch = world.begin_batch(1);
    let first = world.start_batch_read(1, KEY, &batch, false);
    world.wait(first, 5 * MS);
    world.release(messages("MsgAppend"), 2, 1);
    world.run_for(30 * MS);
    transfer(world, 1);
    world.run_for(5 * MS);
    let second = world.start_batch_read(1, KEY, &batch, true);
    world.wait(second, 15 * MS);
}

/// The index is for n3, which applies what is committed with the next heartbeat only.
fn t16(world: &mut World) {
    for voter in [2, 3] {
        world.hold(messages("MsgHeartbeatResponse"), voter, 1);
    }
    world.run_for(MS);
    world.start_read(1, KEY, AskRead::Index { consumer: 3 });
    world.run_for(2 * MS);
    world.hold(messages("MsgHeartbeat"), 1, 3);
    write(world, 1, b"v2");
    let late = world.start_read(1, KEY, AskRead::Index { consumer: 3 });
    world.run_for(MS);
    release_acknowledgements(world, 1);
    world.release(messages("MsgHeartbeat"), 1, 3);
    world.wait(late, 60 * MS);
}

fn s2b(world: &mut World) {
    let batch = world.begin_batch(1);
    let of_batch = world.start_batch_read(1, KEY, &batch, true);
    world.wait(of_batch, 5 * MS);
    write(world, 1, b"v2");
    read(world, 1, AskRead::Leader);
}
