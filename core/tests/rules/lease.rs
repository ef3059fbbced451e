//! Lease arithmetic, clocks, suspicion and the voters' promise (READ_PATH 1.1).

use raftlens_core::Rule;
use raftlens_core::sim::{AskRead, World};

use super::{
    MS, Scenario, as_it_is, deafen, elect_another, leads, messages, n2_is_next, read,
    run_to_a_fresh_quorum_window, transfer, write,
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::L1,
        pair: None,
        shows: "a late acknowledgement prolongs the lease",
        setup: as_it_is,
        play: l1,
    },
    Scenario {
        rule: Rule::L2,
        pair: None,
        shows: "a lease of an election timeout outlives the voters' silence",
        setup: as_it_is,
        play: l2,
    },
    Scenario {
        rule: Rule::L5a,
        pair: None,
        shows: "a confirmed read lifts a suspicion",
        setup: as_it_is,
        play: l5a,
    },
    Scenario {
        rule: Rule::L5b,
        pair: None,
        shows: "an older entry lifts a suspicion in the Ready that raises it",
        setup: as_it_is,
        play: l5b,
    },
    Scenario {
        rule: Rule::L6,
        pair: None,
        shows: "a transfer elects another leader within the lease",
        setup: as_it_is,
        play: read_after_transfer,
    },
    Scenario {
        rule: Rule::L7,
        pair: None,
        shows: "readers keep a lease that the raft thread suspects",
        setup: as_it_is,
        play: read_after_transfer,
    },
    // The lease of a leader that steps down can only still run after a transfer, and that has ended
    // it for readers before: without one, nobody can be elected before the lease is over.
    Scenario {
        rule: Rule::L8,
        pair: Some(Rule::L7),
        shows: "readers of a deposed leader keep its lease",
        setup: as_it_is,
        play: l8,
    },
    Scenario {
        rule: Rule::L13,
        pair: None,
        shows: "a voter elects another leader while it hears its own",
        setup: as_it_is,
        play: l13,
    },
    // L13 off alone is caught too, by a reader, which knows no quorum check; this one is sent to the
    // raft thread.
    Scenario {
        rule: Rule::L14,
        pair: Some(Rule::L13),
        shows: "the raft thread trusts a lease that voters have not promised",
        setup: as_it_is,
        play: l14,
    },
    Scenario {
        rule: Rule::L15,
        pair: None,
        shows: "a voter forgets its promise by a restart",
        setup: as_it_is,
        play: l15,
    },
    Scenario {
        rule: Rule::L4,
        pair: None,
        shows: "a clock that is set back prolongs the lease",
        setup: as_it_is,
        play: l4,
    },
    Scenario {
        rule: Rule::L12,
        pair: None,
        shows: "a new leader counts its lease from after its first message",
        setup: as_it_is,
        play: l12,
    },
    Scenario {
        rule: Rule::L16,
        pair: None,
        shows: "voters forget their leader within its lease",
        setup: as_it_is,
        play: l16,
    },
];

fn l1(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    for voter in [2, 3] {
        world.hold(messages("MsgAppendResponse"), voter, 1);
    }
    let proposed = world.start_write(1, super::KEY, b"v2");
    world.run_for(MS);
    for voter in [2, 3] {
        world.cut(1, voter);
    }
    world.run_for(60 * MS);
    for voter in [2, 3] {
        assert!(world.release(messages("MsgAppendResponse"), voter, 1) > 0);
    }
    world.wait(proposed, 5 * MS);
    deafen(world, 1);
    let other = elect_another(world);
    write(world, other, b"v3");
    read(world, 1, AskRead::Leader);
}

fn l2(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    // As far apart as the settings allow: the lease allows for it, an election timeout does not.
    world.clock(1).set_rate_ppm(-20_000);
    for voter in [2, 3] {
        world.clock(voter).set_rate_ppm(20_000);
        world.set_election_timeout(voter, 1, 10);
    }
    write(world, 1, b"v2");
    world.isolate(1);
    let other = elect_another(world);
    write(world, other, b"v3");
    read(world, 1, AskRead::Leader);
}

/// A transfer's message is held back, and a read of the time between is confirmed.
fn l5a(world: &mut World) {
    world.hold(messages("MsgTimeoutNow"), 1, 2);
    world.transfer(1, 2);
    world.run_for(MS);
    read(world, 1, AskRead::Quorum);
    deafen(world, 1);
    assert_eq!(world.release(messages("MsgTimeoutNow"), 1, 2), 1);
    assert!(world.run_while(20 * MS, |world| leads(world, 2)));
    write(world, 2, b"v2");
    read(world, 1, AskRead::Leader);
}

/// n2's acknowledgement commits a write, and shows that n2 may take over: one Ready has both.
fn l5b(world: &mut World) {
    world.hold(messages("*"), 3, 1);
    for kind in ["MsgRequestVote", "MsgAppend", "MsgHeartbeat"] {
        world.hold(messages(kind), 2, 1);
    }
    world.start_write(1, super::KEY, b"v2");
    world.transfer(1, 2);
    assert!(world.run_while(20 * MS, |world| leads(world, 2)));
    write(world, 2, b"v3");
    assert!(leads(world, 1), "it has not heard of n2");
    read(world, 1, AskRead::Leader);
}

fn read_after_transfer(world: &mut World) {
    write(world, 1, b"v2");
    deafen(world, 1);
    transfer(world, 2);
    write(world, 2, b"v3");
    assert!(leads(world, 1), "it has not heard of n2");
    read(world, 1, AskRead::Leader);
}

fn l8(world: &mut World) {
    write(world, 1, b"v2");
    // It hears that there is a higher term, and nothing of what is written in it.
    for kind in ["MsgAppend", "MsgHeartbeat"] {
        world.hold(messages(kind), 2, 1);
    }
    transfer(world, 2);
    write(world, 2, b"v3");
    assert!(!leads(world, 1));
    read(world, 1, AskRead::Leader);
}

fn l13(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    world.cut(1, 2);
    world.cut(2, 1);
    world.run_for(95 * MS);
    // Renewed through n3. A write would make n2's log too old for n3's vote.
    read(world, 1, AskRead::Quorum);
    world.isolate(1);
    let other = elect_another(world);
    write(world, other, b"v2");
    read(world, 1, AskRead::Leader);
}

fn l14(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    let began_ns = world.now_ns();
    world.cut(1, 2);
    world.cut(2, 1);
    world.run_until(began_ns + 80_000_000);
    read(world, 1, AskRead::Quorum);
    world.run_until(began_ns + 100_000_000);
    // Too small a renewal to tell readers of it: theirs ends 86 ms after the first one.
    read(world, 1, AskRead::Quorum);
    world.isolate(1);
    let other = elect_another(world);
    write(world, other, b"v2");
    world.run_until(began_ns + 172_000_000);
    read(world, 1, AskRead::Leader);
}

fn l15(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    world.cut(1, 2);
    world.cut(2, 1);
    world.run_for(95 * MS);
    read(world, 1, AskRead::Quorum);
    world.crash(3);
    world.isolate(1);
    world.restart(3);
    let other = elect_another(world);
    write(world, other, b"v2");
    read(world, 1, AskRead::Leader);
}

fn l4(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    n2_is_next(world);
    write(world, 1, b"v2");
    world.isolate(1);
    world.clock(1).set_wall_ns(-60_000_000);
    let other = elect_another(world);
    write(world, other, b"v3");
    read(world, 1, AskRead::Leader);
}

/// n2 is elected, its first entry leaves, and its disk takes long; it is cut off in between.
fn l12(world: &mut World) {
    for voter in [1, 3] {
        world.hold(messages("MsgRequestVoteResponse"), voter, 2);
    }
    world.transfer(1, 2);
    world.run_for(2 * MS);
    world.stall_disk(2, 60 * MS);
    for voter in [1, 3] {
        world.release(messages("MsgRequestVoteResponse"), voter, 2);
    }
    assert!(world.run_while(20 * MS, |world| leads(world, 2)));
    world.run_for(5 * MS);
    world.isolate(2);
    world.stall_disk(2, std::time::Duration::ZERO);
    world.set_election_timeout(1, 1, 11);
    world.set_election_timeout(3, 1, 19);
    let leader = |world: &World| [1, 3].into_iter().find(|node| leads(world, *node));
    assert!(world.run_while(600 * MS, |world| leader(world).is_some()));
    let other = leader(world).expect("a leader");
    write(world, other, b"v2");
    read(world, 2, AskRead::Leader);
}

fn l16(world: &mut World) {
    run_to_a_fresh_quorum_window(world);
    world.set_election_timeout(2, 1, 6);
    world.set_election_timeout(3, 1, 19);
    write(world, 1, b"v2");
    world.isolate(1);
    let other = elect_another(world);
    write(world, other, b"v3");
    read(world, 1, AskRead::Leader);
}
