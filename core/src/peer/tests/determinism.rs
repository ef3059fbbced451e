//! Nothing but the seed and the calls of a test decides what peers do.

use super::*;

/// A script of everything: an election, writes, reads in all modes, a cut and a new leader.
fn script(seed: u64) -> Vec<String> {
    let mut group = Group::new(seed);
    // Whoever times out first leads.
    group.pass_ticks(25);
    let leader = (1..=3).find(|id| group.peer(*id).is_leader()).expect("a leader");
    let _first = group.write(leader, "v1");
    group.clock.advance(group.config.max_leader_lease);
    let _reads = [group.read(leader), group.replica_read(leader % 3 + 1)];
    group.cut(leader);
    group.pass_ticks(40);
    group.release();
    group.pass_ticks(3);
    group.sent.iter().map(|message| format!("{message} {:?}", message.payload)).collect()
}

#[test]
fn the_same_seed_gives_the_same_messages() {
    for seed in 0..20 {
        assert_eq!(script(seed), script(seed), "seed {seed}");
    }
    assert!((0..20).any(|seed| script(seed) != script(seed + 1)), "the seed decides nothing");
}
