//! Splits and merges: a key changes its region while reads of it are on their way (READ_PATH 1.7).
//! Region 1 has all keys at first; `k` is one of its right half.

use raftlens_core::sim::{AskRead, MessagePattern, OpResult, World};
use raftlens_core::{Region, Rule};

use super::{KEY, MS, Scenario, as_it_is, write};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        rule: Rule::M1,
        pair: None,
        shows: "what a split means is noted when it is applied, not when it is committed",
        setup: as_it_is,
        play: quorum_read_while_a_split_is_unapplied,
    },
    Scenario {
        rule: Rule::M2,
        pair: None,
        shows: "a region confirms reads between a split's commit and its application",
        setup: as_it_is,
        play: quorum_read_while_a_split_is_unapplied,
    },
    Scenario {
        rule: Rule::L11,
        pair: None,
        shows: "a region that is being split renews its lease",
        setup: as_it_is,
        play: l11,
    },
    Scenario {
        rule: Rule::M3,
        pair: None,
        shows: "a region that is being merged is read under its lease",
        setup: as_it_is,
        play: m3,
    },
    // A reader that stands still between its checks and its snapshot needs no rule: its read began
    // before the region changed, and what it then finds was right at that moment. What it must not do
    // is to go on using what it knew.
    Scenario {
        rule: Rule::M4,
        pair: Some(Rule::S3),
        shows: "a reader that knows the region of once is let through by the lease of today",
        setup: as_it_is,
        play: reader_of_a_split_region,
    },
    Scenario {
        rule: Rule::L10,
        pair: Some(Rule::S3),
        shows: "a lease that has ended for readers is revived",
        setup: as_it_is,
        play: reader_of_a_split_region,
    },
    Scenario {
        rule: Rule::S3,
        pair: Some(Rule::M4),
        shows: "a reader does not notice that the region has changed",
        setup: as_it_is,
        play: reader_of_a_split_region,
    },
    Scenario {
        rule: Rule::P2,
        pair: Some(Rule::M3),
        shows: "a replica of a region that is ready to be merged reads",
        setup: as_it_is,
        play: p2,
    },
    Scenario {
        rule: Rule::T15,
        pair: Some(Rule::S5),
        shows: "a replica has waited for a split, and reads what is no longer its region's",
        setup: as_it_is,
        play: t15,
    },
    Scenario {
        rule: Rule::S5,
        pair: Some(Rule::T15),
        shows: "a replica has waited for a split, and reads beyond its region's end",
        setup: as_it_is,
        play: t15,
    },
];

fn leads(world: &World, node: u64, region: u64) -> bool {
    world.replica(node, region).is_some_and(|replica| replica.is_leader)
}

/// Splits before `k`, and waits until both halves are led.
fn split(world: &mut World) -> u64 {
    let (new, op) = world.split(1, b"g");
    world.wait(op, 20 * MS);
    settle(world, new, 3);
    assert_eq!(world.region_for(KEY), new);
    new
}

/// Waits until the first so many nodes have all of a new region.
fn settle(world: &mut World, region: u64, nodes: u64) {
    let has_all = |world: &World| {
        let commit = |node| world.replica(node, region).map(|replica| replica.commit);
        let leader = world.leader(region).and_then(commit);
        leader.is_some_and(|index| index > 5 && (1..=nodes).all(|node| commit(node) == leader))
    };
    assert!(world.run_while(1_000 * MS, has_all), "{world:?}");
    world.run_for(20 * MS);
}

/// n1 has not applied a split that the others have; the right half is led and written elsewhere.
fn while_a_split_is_unapplied(world: &mut World) -> Region {
    let old = world.region_on(1, 1).expect("a replica");
    world.pause_apply(1);
    let (new, _) = world.split(1, b"g");
    world.run_for(5 * MS);
    let leader = |world: &World| [2, 3].into_iter().find(|node| leads(world, *node, new));
    world.run_while(1_000 * MS, |world| leader(world).is_some());
    let other = leader(world).expect("a leader of the right half");
    world.run_while(50 * MS, |world| world.region_for(KEY) == new);
    world.run_for(5 * MS);
    assert!(leads(world, 1, 1), "n1 still leads the left one");
    write(world, other, b"v2");
    old
}

fn read_of(world: &mut World, node: u64, region: &Region, ask: AskRead) {
    let op = world.start_read_of(node, region, KEY, ask);
    world.run_for(40 * MS);
    if world.answer(op).is_none() {
        world.resume_apply(node);
        world.wait(op, 50 * MS);
    }
}

fn quorum_read_while_a_split_is_unapplied(world: &mut World) {
    let old = while_a_split_is_unapplied(world);
    read_of(world, 1, &old, AskRead::Quorum);
}

fn l11(world: &mut World) {
    let old = while_a_split_is_unapplied(world);
    // A write of the left half would renew the lease.
    for number in 0..3_u8 {
        world.start_write(1, b"a", &[b'0' + number]);
        world.run_for(5 * MS);
    }
    read_of(world, 1, &old, AskRead::Leader);
}

/// The source's leader n1 has not applied its prepared merge; n2 leads the target, and takes it over.
fn merged_away_from_n1(world: &mut World, before_merge: impl FnOnce(&mut World)) -> u64 {
    let source = split(world);
    let transfer = world.transfer(1, 2);
    world.wait(transfer, 20 * MS);
    assert!(world.run_while(100 * MS, |world| leads(world, 2, 1)));
    world.run_for(30 * MS);
    write(world, 1, b"v1.1");
    world.pause_apply(1);
    before_merge(world);
    world.merge(source, 1);
    let taken = |world: &World| world.region_on(2, 1).is_some_and(|it| it.contains(KEY));
    assert!(world.run_while(60 * MS, taken), "{world:?}");
    world.run_while(20 * MS, |world| world.region_for(KEY) == 1);
    write(world, 2, b"v2");
    source
}

fn m3(world: &mut World) {
    let mut old = None;
    merged_away_from_n1(world, |world| {
        let source = world.region_for(KEY);
        old = world.region_on(1, source);
    });
    let old = old.expect("a replica of the source");
    let op = world.start_read_of(1, &old, KEY, AskRead::Leader);
    world.run_for(10 * MS);
    if world.answer(op).is_none() {
        world.resume_apply(1);
        world.wait(op, 50 * MS);
    }
}

fn p2(world: &mut World) {
    let source = merged_away_from_n1(world, |world| {
        // n3 hears nothing of the target, so that it keeps the source.
        for from in [1, 2] {
            world.hold(MessagePattern::ANY.in_region(1), from, 3);
        }
    });
    let ready = world.region_on(3, source).expect("n3 keeps the source");
    assert!(leads(world, 1, source));
    let op = world.start_read_of(3, &ready, KEY, AskRead::Replica);
    world.wait(op, 60 * MS);
}

/// n1's reader knows the region from before a split, and the right half is led and written by n2.
fn reader_of_a_split_region(world: &mut World) {
    super::read(world, 1, AskRead::Leader);
    let old = world.region_on(1, 1).expect("a replica");
    let new = split(world);
    move_to_n2(world, new);
    write(world, 2, b"v2");
    // The left half's lease is renewed, more than once, since readers are told in steps.
    for number in 0..3_u8 {
        super::write_to(world, 1, b"a", &[b'0' + number]);
        world.run_for(30 * MS);
    }
    let op = world.start_read_of(1, &old, KEY, AskRead::Leader);
    world.wait(op, 15 * MS);
}

/// n2 leads the region, and n1 hears nothing of what is written there.
fn move_to_n2(world: &mut World, region: u64) {
    world.transfer(region, 2);
    assert!(world.run_while(100 * MS, |world| leads(world, 2, region)));
    world.run_for(20 * MS);
    world.hold(MessagePattern::ANY.in_region(region), 2, 1);
}

/// n3 has not heard of a split, nor has who asks it.
fn t15(world: &mut World) {
    let old = world.region_on(3, 1).expect("a replica");
    world.pause_apply(3);
    let (new, _) = world.split(1, b"g");
    for from in [1, 2] {
        world.hold(MessagePattern::ANY.in_region(new), from, 3);
    }
    settle(world, new, 2);
    world.run_while(50 * MS, |world| world.region_for(KEY) == new);
    world.run_for(5 * MS);
    let leader = world.leader(new).expect("a leader");
    write(world, leader, b"v2");
    read_of(world, 3, &old, AskRead::Replica);
}

/// A read that stands still between its checks and its snapshot while its key is split away: what it
/// answers, and whether that is sound.
pub(crate) fn read_that_stands_still(world: &mut World) -> OpResult {
    let stopped = world.start_read_and_stop(1, KEY).expect("n1 runs");
    let new = split(world);
    move_to_n2(world, new);
    write(world, 2, b"v2");
    for number in 0..3_u8 {
        super::write_to(world, 1, b"a", &[b'0' + number]);
        world.run_for(30 * MS);
    }
    let op = world.go_on_with(stopped);
    world.wait(op, 15 * MS)
}
