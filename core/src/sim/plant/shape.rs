//! The world of a planted run: as the seed wants it, with what its ailments need.

use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::config::Config;
use crate::sim::config::SimConfig;
use crate::sim::plant::ailment::Ailment;

/// Three nodes and one to three regions, without clients: the course of the run has its own.
pub(super) fn shape(seed: u64, ailments: &[Ailment], rng: &mut SmallRng) -> SimConfig {
    let has = |ailment| ailments.contains(&ailment);
    let regions = rng.random_range(1..=3);
    // A busy region is another one than the one that is read, and a merge needs a neighbour.
    let needs_two = has(Ailment::PollerBusy) || has(Ailment::SplitOrMerge);
    let regions = if needs_two { regions.max(2) } else { regions };
    let fastest_us = rng.random_range(100..400);
    // Without a lease a read takes a round of messages, which must be more than nothing.
    let needs_rounds = has(Ailment::LeaseExpired) || has(Ailment::LeaseSuspect);
    let fastest_us = if needs_rounds { fastest_us + 400 } else { fastest_us };
    let latency_ns = fastest_us * 1000..fastest_us * rng.random_range(1500..2500);
    let core = Config {
        // A lease that nobody needs is kept all the same, unless it is to run out.
        renew_lease_by_tick: !has(Ailment::LeaseExpired),
        // Else a replica reads late because it hears late of what is committed.
        skip_bcast_commit: false,
        mailbox_capacity: if has(Ailment::MailboxFull) { 32 } else { 4096 },
        // A replica that is away must need a snapshot, and its reads must wait for it.
        follower_read_max_log_gap: 100_000,
        raft_log_gc_entries: 40,
        raft_log_max_entries: if has(Ailment::SnapshotInstall) { 60 } else { 10_000 },
        deadline: Duration::from_millis(900),
        ..SimConfig::core()
    };
    SimConfig {
        split_keys: [b"h", b"q"].iter().take(regions - 1).map(|key| key.to_vec()).collect(),
        clients: 0,
        core,
        latency_ns,
        poll_delay_ns: 5_000..rng.random_range(30_000..120_000),
        disk_ns: 50_000..rng.random_range(150_000..400_000),
        apply_ns: 10_000..rng.random_range(30_000..100_000),
        ..SimConfig::new(seed)
    }
}
