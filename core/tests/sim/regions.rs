//! Splits and merges: keys change their region while reads of them are on their way. Node 1 leads
//! region 1, which has all keys at first; `m` is a key of its right half.

use std::time::Duration;

use raftlens_core::sim::{AskRead, Invariant, MessagePattern, OpResult, SimConfig, World};
use raftlens_core::{Consistency, Error, LeaseState, Region, Rule, Rules};

const MS: Duration = Duration::from_millis(1);
const KEY: &[u8] = b"m";
const SEED: u64 = 7;

fn world_with(change: impl FnOnce(&mut SimConfig)) -> World {
    let mut config = SimConfig::scripted(SEED);
    config.core.renew_lease_by_tick = false;
    change(&mut config);
    let mut world = World::new(config).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    write(&mut world, 1, b"v1");
    world.run_for(25 * MS);
    world
}

/// Without the rule, and as TiKV reads, so that X1 does not hide what the rule is for.
fn world_without(rule: Rule) -> World {
    world_with(|config| {
        config.rules = Rules::ALL_ON.without(rule);
        config.core.consistency = Consistency::Tikv;
    })
}

fn world() -> World {
    world_with(|config| config.core.consistency = Consistency::Tikv)
}

fn write(world: &mut World, node: u64, value: &[u8]) {
    let op = world.start_write(node, KEY, value);
    assert_eq!(world.wait(op, 60 * MS), OpResult::Written, "{world:?}");
}

fn value(result: &OpResult) -> Option<Vec<u8>> {
    match result {
        OpResult::Value { value, .. } => Some(value.clone().unwrap_or_default()),
        _ => None,
    }
}

fn leads(world: &World, node: u64, region: u64) -> bool {
    world.replica(node, region).is_some_and(|replica| replica.is_leader)
}

/// Runs until n2 or n3 leads a region.
fn elected_elsewhere(world: &mut World, region: u64) -> u64 {
    let leader = |world: &World| [2, 3].into_iter().find(|node| leads(world, *node, region));
    world.run_while(1000 * MS, |world| leader(world).is_some());
    leader(world).expect("a leader")
}

fn split(world: &mut World, key: &[u8]) -> u64 {
    let region = world.region_for(key);
    let (new, op) = world.split(region, key);
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    settle(world, new);
    new
}

/// Waits until all nodes have all of a new region: one that has heard of it before it has applied the
/// split may be offered a snapshot first, which it cannot take.
fn settle(world: &mut World, region: u64) {
    let has_all = |world: &World| {
        let commit = |node| world.replica(node, region).map(|replica| replica.commit);
        let leader = world.leader(region).and_then(commit);
        leader.is_some_and(|index| index > 5 && (1..=3).all(|node| commit(node) == leader))
    };
    assert!(world.run_while(1_000 * MS, has_all), "{world:?}");
    world.run_for(20 * MS);
}

fn linearizable(world: &mut World) -> bool {
    let sound = world.check_history();
    let others = world.violations().iter().filter(|it| it.invariant != Invariant::Linearizability);
    assert!(others.clone().all(|it| it.invariant == Invariant::LeaseExclusive), "{others:?}");
    sound
}

#[test]
fn a_split_region_serves_both_halves_and_a_merged_one_serves_them_again() {
    let mut world = world();
    let new = split(&mut world, b"g");
    assert_eq!((world.region_for(b"a"), world.region_for(KEY)), (1, new));
    assert_eq!(world.leader(new), Some(1), "beside the old region's leader");
    write(&mut world, 1, b"v2");
    for (source, target) in [(new, 1), (1, new)] {
        let op = world.merge(source, target);
        assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
        assert!(world.run_until_merged(source, 200 * MS), "{world:?}");
        world.run_for(25 * MS);
        assert_eq!((world.region_for(b"a"), world.region_for(KEY)), (target, target));
        let leader = world.leader(target).expect("a leader");
        let read = world.start_read(leader, KEY, AskRead::Leader);
        let result = world.wait(read, 50 * MS);
        assert_eq!(value(&result).as_deref(), Some(&b"v2"[..]), "{result:?}");
        // And once more, the other way round.
        if target == 1 {
            let (again, op) = world.split_right_derive(1, b"g");
            assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
            settle(&mut world, again);
            assert_eq!(world.region_for(b"a"), again, "the new one is on the left");
            let op = world.merge(again, 1);
            assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
            assert!(world.run_until_merged(again, 200 * MS));
            return;
        }
    }
}

#[test]
fn a_merge_waits_for_a_replica_that_lacks_the_end_of_the_source() {
    let mut world = world();
    let source = split(&mut world, b"g");
    // n3 hears no more of the source; what it lacks comes with the target's log.
    let all_of_source = MessagePattern::ANY.in_region(source);
    world.hold(all_of_source, 1, 3);
    world.hold(all_of_source, 2, 3);
    write(&mut world, 1, b"v2");
    let op = world.merge(source, 1);
    assert_eq!(world.wait(op, 50 * MS), OpResult::Written);
    assert!(world.run_until_merged(source, 300 * MS), "{world:?}");
    world.run_for(30 * MS);
    let read = world.start_read(3, KEY, AskRead::Replica);
    let result = world.wait(read, 50 * MS);
    assert_eq!(value(&result).as_deref(), Some(&b"v2"[..]), "{result:?}");
    assert!(linearizable(&mut world));
}

#[test]
fn a_merge_is_taken_back_when_its_target_has_changed() {
    let mut world = world();
    let source = split(&mut world, b"g");
    // The source is ready, and its target is split before it can take it over.
    world.pause_apply(1);
    let merge = world.merge(source, 1);
    world.run_for(5 * MS);
    let (_, cut) = world.split(1, b"c");
    world.run_for(5 * MS);
    world.resume_apply(1);
    assert_eq!(world.wait(merge, 50 * MS), OpResult::Written);
    assert_eq!(world.wait(cut, 50 * MS), OpResult::Written);
    let is_normal = |world: &World| {
        let version = |region: &Region| region.epoch.version;
        world.region_on(1, source).is_some_and(|region| version(&region) >= 4)
    };
    assert!(world.run_while(200 * MS, is_normal), "{:?}", world.region_on(1, source));
    write(&mut world, 1, b"v2");
    assert!(linearizable(&mut world));
}

/// n1 has not applied a split that the others have; the right half is led and written elsewhere.
fn while_a_split_is_unapplied(world: &mut World) -> (u64, Region) {
    let old = world.region_on(1, 1).expect("a replica");
    world.pause_apply(1);
    let (new, _) = world.split(1, b"g");
    // Somebody else's right half campaigns when its timeout is over; n1 still leads the left one.
    world.run_for(5 * MS);
    let other = elected_elsewhere(world, new);
    world.run_while(50 * MS, |world| world.region_for(KEY) == new);
    world.run_for(5 * MS);
    assert!(leads(world, 1, 1), "n1 still leads the old region");
    write(world, other, b"v2");
    (other, old)
}

fn stale_read_of_the_old_region(world: &mut World, old: &Region, ask: AskRead) {
    let read = world.start_read_of(1, old, KEY, ask);
    world.run_for(40 * MS);
    if world.answer(read).is_none() {
        world.resume_apply(1);
        world.wait(read, 50 * MS);
    }
}

#[test]
fn m2_a_region_that_is_being_split_confirms_no_read_until_it_has_applied_the_split() {
    for (rule, expected) in [(None, true), (Some(Rule::M2), false), (Some(Rule::M1), false)] {
        let mut world = rule.map_or_else(world, world_without);
        let (_, old) = while_a_split_is_unapplied(&mut world);
        stale_read_of_the_old_region(&mut world, &old, AskRead::Quorum);
        assert_eq!(linearizable(&mut world), expected, "{rule:?}: {:?}", world.violations());
    }
}

#[test]
fn l11_a_region_that_is_being_split_does_not_renew_its_lease() {
    for (rule, expected) in [(None, true), (Some(Rule::L11), false)] {
        let mut world = rule.map_or_else(world, world_without);
        let (_, old) = while_a_split_is_unapplied(&mut world);
        // A write of the left half would renew the lease.
        for number in 0..3_u8 {
            world.start_write(1, b"a", &[b'0' + number]);
            world.run_for(5 * MS);
        }
        stale_read_of_the_old_region(&mut world, &old, AskRead::Leader);
        assert_eq!(linearizable(&mut world), expected, "{rule:?}: {:?}", world.violations());
    }
}

#[test]
fn m3_a_region_that_is_being_merged_is_not_read_under_its_lease() {
    for (rule, expected) in [(None, true), (Some(Rule::M3), false), (Some(Rule::M1), false)] {
        let mut world = rule.map_or_else(world, world_without);
        let source = merged_away_from_n1(&mut world);
        let old = world.region_on(1, source).expect("a replica");
        world.merge(source, 1);
        let taken = |world: &World| world.region_on(2, 1).is_some_and(|it| it.contains(KEY));
        assert!(world.run_while(60 * MS, taken), "{world:?}");
        world.run_while(20 * MS, |world| world.region_for(KEY) == 1);
        let op = world.start_write(2, KEY, b"v2");
        assert_eq!(world.wait(op, 20 * MS), OpResult::Written, "{rule:?}");
        let read = world.start_read_of(1, &old, KEY, AskRead::Leader);
        world.run_for(10 * MS);
        let state = world.lease_state(1, source);
        assert_eq!(state == Some(LeaseState::Valid), !expected, "{rule:?}: {state:?}");
        if world.answer(read).is_none() {
            world.resume_apply(1);
            world.wait(read, 50 * MS);
        }
        let answer = world.answer(read).cloned();
        assert_eq!(linearizable(&mut world), expected, "{rule:?}: {answer:?}");
    }
}

/// The source's leader n1 has not applied its prepared merge, n3 has; the target takes it over.
fn merged_away_from_n1(world: &mut World) -> u64 {
    let source = split(world, b"g");
    // The target is led by n2, so that it can go on while n1 does not apply.
    let transfer = world.transfer(1, 2);
    world.wait(transfer, 20 * MS);
    assert!(world.run_while(100 * MS, |world| leads(world, 2, 1)));
    world.run_for(30 * MS);
    write(world, 1, b"v1.1");
    world.pause_apply(1);
    source
}

#[test]
fn p2_a_replica_of_a_region_that_is_ready_to_be_merged_answers_no_read() {
    for (rules, expected) in [
        (Rules::ALL_ON, true),
        (Rules::ALL_ON.without(Rule::P2), true),
        (Rules::ALL_ON.without(Rule::P2).without(Rule::M3), false),
    ] {
        let mut world = world_with(|config| {
            config.rules = rules;
            config.core.consistency = Consistency::Tikv;
        });
        let source = merged_away_from_n1(&mut world);
        // n3 hears nothing of the target, so that it keeps the source.
        for from in [1, 2] {
            world.hold(MessagePattern::ANY.in_region(1), from, 3);
        }
        world.merge(source, 1);
        let taken = |world: &World| world.region_on(2, 1).is_some_and(|it| it.contains(KEY));
        assert!(world.run_while(60 * MS, taken), "{world:?}");
        world.run_while(20 * MS, |world| world.region_for(KEY) == 1);
        let op = world.start_write(2, KEY, b"v2");
        assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
        let ready = world.region_on(3, source).expect("n3 keeps the source");
        assert!(leads(&world, 1, source));
        let read = world.start_read_of(3, &ready, KEY, AskRead::Replica);
        let result = world.wait(read, 60 * MS);
        assert_eq!(linearizable(&mut world), expected, "{result:?}: {:?}", world.violations());
    }
}

/// What is left on n1 of a key that has moved is as old as the move. The read began before whatever
/// was written after that, so no history shows it; but a store may have removed it by then.
#[test]
fn t15_s5_a_read_that_waited_while_its_key_moved_is_not_answered_from_what_is_left() {
    for (rules, expected) in [
        (Rules::ALL_ON, "epoch"),
        (Rules::ALL_ON.without(Rule::T15), "key"),
        (Rules::ALL_ON.without(Rule::S5), "epoch"),
        (Rules::ALL_ON.without(Rule::T15).without(Rule::S5), "what is left"),
    ] {
        let mut world = world_with(|config| {
            config.rules = rules;
            config.core.consistency = Consistency::Tikv;
        });
        let old = world.region_on(1, 1).expect("a replica");
        let kind = MessagePattern::parse("MsgHeartbeatResponse").expect("a type");
        let confirmations = kind.in_region(1);
        for from in [2, 3] {
            world.hold(confirmations, from, 1);
        }
        let read = world.start_read_of(1, &old, KEY, AskRead::Quorum);
        let new = split(&mut world, b"g");
        let transfer = world.transfer(new, 2);
        world.wait(transfer, 20 * MS);
        assert!(world.run_while(100 * MS, |world| leads(world, 2, new)));
        for from in [2, 3] {
            world.hold(MessagePattern::ANY.in_region(new), from, 1);
        }
        write(&mut world, 2, b"v2");
        for from in [2, 3] {
            world.release(confirmations, from, 1);
        }
        let answer = match world.wait(read, 50 * MS) {
            OpResult::Failed(Error::EpochNotMatch { .. }) => "epoch",
            OpResult::Failed(Error::KeyNotInRegion { .. }) => "key",
            result if value(&result).as_deref() == Some(b"v1") => "what is left",
            result => panic!("{rules:?}: {result:?}"),
        };
        assert_eq!(answer, expected, "{rules:?}");
        assert!(linearizable(&mut world));
    }
}

#[test]
fn m3_a_leader_that_finds_a_prepared_merge_in_its_log_has_no_lease_of_the_region_either() {
    for (rule, expected) in [(None, true), (Some(Rule::M3), false)] {
        let mut world = rule.map_or_else(world, world_without);
        let source = split(&mut world, b"g");
        // The target cannot take it over yet, and n2 hears nothing of that later.
        let of_target = MessagePattern::ANY.in_region(1);
        world.hold(of_target, 1, 3);
        for from in [1, 3] {
            world.hold(of_target, from, 2);
        }
        // n2 is elected before it has applied that the source is ready.
        world.pause_apply(2);
        let merge = world.merge(source, 1);
        assert_eq!(world.wait(merge, 20 * MS), OpResult::Written);
        let transfer = world.transfer(source, 2);
        world.wait(transfer, 20 * MS);
        assert!(world.run_while(50 * MS, |world| leads(world, 2, source)), "{world:?}");
        world.run_for(5 * MS);
        world.resume_apply(2);
        world.run_for(3 * MS);
        let ready = world.region_on(2, source).expect("n2 keeps the source");
        assert_eq!(ready.epoch.version, 3, "it has applied that it is ready");

        world.release(of_target, 1, 3);
        let taken = |world: &World| world.region_on(1, 1).is_some_and(|it| it.contains(KEY));
        assert!(world.run_while(40 * MS, taken), "{world:?}");
        world.run_while(10 * MS, |world| world.region_for(KEY) == 1);
        let op = world.start_write(1, KEY, b"v2");
        assert_eq!(world.wait(op, 20 * MS), OpResult::Written, "{rule:?}");
        let read = world.start_read_of(2, &ready, KEY, AskRead::Leader);
        let result = world.wait(read, 10 * MS);
        assert_eq!(linearizable(&mut world), expected, "{rule:?}: {result:?}");
    }
}

#[test]
fn a_merge_survives_the_crash_of_every_node_at_any_time_of_it() {
    let (mut before, mut after) = (0, 0);
    for step in 0..40_u32 {
        let mut world = world();
        let source = split(&mut world, b"g");
        write(&mut world, 1, b"v2");
        world.merge(source, 1);
        world.run_for(step * MS / 4);
        (1..=3).for_each(|node| world.crash(node));
        (1..=3).for_each(|node| world.restart(node));
        let is_ready =
            |world: &World| world.region_on(1, source).is_some_and(|it| it.epoch.version > 2);
        // The entry that makes the source ready may be lost with all logs; then it is as before.
        world.run_while(1000 * MS, |world| world.leader(1).is_some());
        world.run_for(300 * MS);
        let is_merged = world.region_on(1, source).is_none();
        assert!(is_merged || !is_ready(&world), "step {step}: {world:?}");
        let region = world.region_for(KEY);
        assert_eq!(region, if is_merged { 1 } else { source }, "step {step}");
        assert!(world.run_while(1000 * MS, |world| world.leader(region).is_some()));
        world.run_for(50 * MS);
        let leader = world.leader(region).expect("a leader");
        let read = world.start_read(leader, KEY, AskRead::Quorum);
        let result = world.wait(read, 100 * MS);
        assert_eq!(value(&result).as_deref(), Some(&b"v2"[..]), "step {step}: {result:?}");
        write(&mut world, leader, b"v3");
        assert!(linearizable(&mut world) && world.violations().is_empty(), "step {step}");
        *(if is_merged { &mut after } else { &mut before }) += 1;
    }
    assert!(before > 0 && after > 0, "{before} before, {after} after");
}
