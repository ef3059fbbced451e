//! Hole H6: stores that measure elections in different ways. TiKV only warns of it; here there is no
//! such cluster, and if there were, the one that differs would not be heard.

use std::time::Duration;

use raftlens_core::Config;
use raftlens_core::sim::{AskRead, OpResult, SimConfig, SimError, World};

const MS: Duration = Duration::from_millis(1);
const KEY: &[u8] = b"k";

/// Node 2 has half the election timeout of the others. Its own lease is as short as that demands,
/// so each node by itself is sound.
fn config() -> SimConfig {
    let mut config = SimConfig::scripted(7);
    config.core.renew_lease_by_tick = false;
    let hasty = Config {
        election_ticks: 5,
        max_leader_lease: Duration::from_millis(38),
        ..config.core.clone()
    };
    hasty.validate().expect("sound by itself");
    config.other_settings.insert(2, hasty);
    config
}

/// n1 leads and does not hear n3, which would campaign; n1 renews its lease through n2, and is then
/// cut off from n2 as well. 60 ms later n2 has waited its own election timeout, and n3 campaigns.
fn hasty_voter_is_asked(config: SimConfig) -> World {
    let mut world = World::new_unchecked(config).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    let op = world.start_write(1, KEY, b"v1");
    assert_eq!(world.wait(op, 20 * MS), OpResult::Written);
    world.cut(1, 3);
    world.cut(3, 1);
    let forgets = |world: &World| !world.replica(3, 1).is_some_and(|it| it.has_leader);
    assert!(world.run_while(400 * MS, forgets), "n3 looks for a leader");
    let renewal = world.start_read(1, KEY, AskRead::Quorum);
    assert!(matches!(world.wait(renewal, 20 * MS), OpResult::Value { .. }), "n2 confirms n1");
    world.isolate(1);
    world.run_for(60 * MS);
    world.campaign(3, 1);
    world.run_for(15 * MS);
    world
}

fn write_and_read_stale(world: &mut World) -> (OpResult, OpResult) {
    let write = world.start_write(3, KEY, b"v2");
    let written = world.wait(write, 5 * MS);
    let read = world.start_read(1, KEY, AskRead::Leader);
    (written, world.wait(read, 5 * MS))
}

#[test]
fn h6_a_voter_with_half_the_election_timeout_makes_a_read_stale() {
    let mut world = hasty_voter_is_asked(SimConfig { hides_settings: true, ..config() });
    let (written, read) = write_and_read_stale(&mut world);
    assert_eq!(written, OpResult::Written, "n2 has forgotten its promise too soon");
    assert!(matches!(&read, OpResult::Value { value: Some(value), .. } if value == b"v1"));
    assert!(!world.check_history(), "v1 was read after v2 was acknowledged");
}

#[test]
fn h6_a_store_that_tells_its_settings_is_not_heard() {
    let mut world = World::new_unchecked(config()).expect("a world");
    world.elect(1, 1).expect("n3 votes for n1");
    world.run_for(500 * MS);
    assert!(world.refused_messages()["other_timing"] > 0, "{:?}", world.refused_messages());
    assert_eq!(world.leader(1), Some(1));
    assert!(world.violations().is_empty(), "{:#?}", world.violations());
}

#[test]
fn h6_the_same_settings_keep_the_promise_and_different_ones_are_refused_at_the_start() {
    let mut world =
        hasty_voter_is_asked(SimConfig { other_settings: Default::default(), ..config() });
    let (written, read) = write_and_read_stale(&mut world);
    assert!(matches!(written, OpResult::Failed(_)), "n3 cannot be elected yet: {written:?}");
    assert!(matches!(&read, OpResult::Value { value: Some(value), .. } if value == b"v1"));
    assert!(world.check_history(), "{:#?}", world.violations());

    let refused = World::new(config()).unwrap_err();
    assert_eq!(refused, SimError::OtherTiming { node: 2 });
}
