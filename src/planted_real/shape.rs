//! The cluster of a real planted run: as the seed wants it, with what its ailment needs.

use std::time::Duration;

use raftlens_core::Config;
use raftlens_core::sim::plant::Ailment;
use rand::Rng;
use rand::rngs::SmallRng;

/// Three stores and their network.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) ailment: Option<Ailment>,
    pub(super) regions: u64,
    pub(super) config: Config,
    /// How long a message is on its way at most; `None` for a network that delivers at once.
    pub(super) hop: Option<Duration>,
    /// What lies in the region besides the key that is used.
    pub(super) filling: Filling,
    /// Threads of the runtime that clients run on.
    pub(super) workers: usize,
    /// How long clients come.
    pub(super) lasts: Duration,
    /// When the ailment begins, and how long it lasts: for so little of the run that most requests
    /// are as usual.
    pub(super) ails_at: Duration,
    pub(super) ails_for: Duration,
}

/// What is written into a region before clients come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filling {
    Nothing,
    /// So many values, each as large as a block: more than caches hold.
    Values(usize),
    /// So many keys that are deleted again.
    Deleted(usize),
}

/// Of the run, the ailment may have this much.
const AILING_MAX: f64 = 0.4;
/// From the first request to the ailment, and from its end to the last request, at least.
const MARGIN: Duration = Duration::from_millis(300);

impl Shape {
    pub(super) fn new(ailment: Option<Ailment>, rng: &mut SmallRng) -> Shape {
        let is = |one: &[Ailment]| ailment.is_some_and(|ailment| one.contains(&ailment));
        let regions = match rng.random_range(1..=3) {
            // An apply loop serves all regions of a store, which leads some and follows in others.
            _ if is(&[
                Ailment::ApplyLagLeader,
                Ailment::ApplyLagReplica,
                Ailment::HeadOfLine,
                Ailment::ReadIndexLate,
                Ailment::SnapshotInstall,
                Ailment::DiskSync,
                Ailment::EngineBlocks,
                Ailment::EngineTombstones,
            ]) =>
            {
                1
            }
            drawn if is(&[Ailment::SplitOrMerge]) => drawn.max(2),
            drawn => drawn,
        };
        // A read without a lease, or with little patience, meets a round of messages: one that takes
        // longer than a hand-over between threads.
        let hop = Duration::from_micros(rng.random_range(3_000..6_000));
        let needs_rounds = is(&[Ailment::LeaseExpired, Ailment::LeaseSuspect, Ailment::Deadline]);
        // Nobody leads for longer than any election takes.
        let longest_ms = if is(&[Ailment::NoLeader]) { 2_000..2_400 } else { 700..950 };
        let ails_for = Duration::from_millis(rng.random_range(longest_ms));
        let lasts = ails_for.div_f64(AILING_MAX) + Duration::from_millis(rng.random_range(50..300));
        let free = lasts - ails_for - MARGIN * 2;
        let ails_at = MARGIN + free.mul_f64(rng.random_range(0.0..1.0));
        let config = Config {
            // A lease that nobody needs is kept all the same, unless it is to run out.
            renew_lease_by_tick: !is(&[Ailment::LeaseExpired]),
            // Else a replica reads late because it hears late of what is committed.
            skip_bcast_commit: false,
            mailbox_capacity: if is(&[Ailment::MailboxFull]) { 8 } else { 4096 },
            // A replica that is away must need a snapshot, and its reads must wait for it.
            follower_read_max_log_gap: 100_000,
            raft_log_gc_entries: if is(&[Ailment::SnapshotInstall]) { 20 } else { 1_000 },
            raft_log_max_entries: if is(&[Ailment::SnapshotInstall]) { 40 } else { 10_000 },
            deadline: Duration::from_millis(900),
            ..Config::fast()
        };
        let workers = 2;
        let hop = needs_rounds.then_some(hop);
        let filling = match ailment {
            Some(Ailment::EngineBlocks) => Filling::Values(rng.random_range(1_500..3_000)),
            Some(Ailment::EngineTombstones) => Filling::Deleted(rng.random_range(40_000..120_000)),
            _ => Filling::Nothing,
        };
        Shape { ailment, regions, config, hop, filling, workers, lasts, ails_at, ails_for }
    }

    /// Where the key space is split.
    pub(super) fn split_keys(&self) -> Vec<Vec<u8>> {
        (1..self.regions).map(start_of).collect()
    }
}

/// The first key of the region after the first `count` ones.
fn start_of(count: u64) -> Vec<u8> {
    match count {
        0 => Vec::new(),
        1 => b"h".to_vec(),
        _ => b"q".to_vec(),
    }
}

/// A key of a region.
pub(super) fn key(region: u64) -> Vec<u8> {
    [start_of(region - 1).as_slice(), b"0"].concat()
}

/// A key of the first region, between [`key`] and [`split_key`], that clients do not write.
pub(super) fn fill_key(count: usize) -> Vec<u8> {
    format!("3{count:07}").into_bytes()
}

/// Where a region is split: behind [`key`].
pub(super) fn split_key(region: u64) -> Vec<u8> {
    [start_of(region - 1).as_slice(), b"5"].concat()
}
