//! The settings of a store, and the arithmetic that refuses the unsafe ones.

use std::time::Duration;

/// Which consistency the leader's reads have against replica reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Consistency {
    /// Rule X1: a leader read waits until the leader itself has applied all that was committed when
    /// the read arrived, so mixed leader and replica reads are linearizable.
    #[default]
    Strict,
    /// As TiKV: a leader read may lag behind what a replica has already shown (hole H1, rule T7).
    Tikv,
}

/// Settings of one store; all stores of a cluster must have the same ticks and lease (rule L16).
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Length of one Raft tick.
    pub base_tick: Duration,
    /// A leader sends heartbeats every so many ticks.
    pub heartbeat_ticks: usize,
    /// A follower that has heard nothing for so many ticks, or up to twice as many, campaigns.
    pub election_ticks: usize,
    /// How long a leader may answer alone after a quorum has acknowledged it.
    pub max_leader_lease: Duration,
    /// By which share of its rate any clock may run fast or slow, e.g. 0.01.
    pub allowed_drift: f64,
    /// Strict, or as TiKV.
    pub consistency: Consistency,
    /// A lease that has less than this left is renewed ahead of its end; `None` for a quarter of it.
    pub renew_lease_advance: Option<Duration>,
    /// Whether a tick renews the lease of a leader that nobody writes to.
    pub renew_lease_by_tick: bool,
    /// A replica asks again for a read index that has not come after so many ticks (rule P4).
    pub read_index_retry_ticks: usize,
    /// A replica that lags by this many entries or more refuses a read (rule P9).
    pub follower_read_max_log_gap: u64,
    /// A region that nobody has used for so many ticks sleeps: it sends no heartbeats until it is
    /// used again. `None`: regions never sleep.
    pub hibernate_after_ticks: Option<usize>,
    /// Whether followers learn of a commit only with the next message, not at once.
    pub skip_bcast_commit: bool,
    /// A store whose disk has less room than this takes no new writes, and its followers refuse
    /// replica reads (rule P11); zero for no such reserve.
    pub disk_reserve_bytes: u64,
    /// How many commands may wait in one region's mailbox.
    pub mailbox_capacity: usize,
    /// How many regions one poll round handles, and how many messages of each.
    pub poll_batch: usize,
    /// How long a request waits for its answer.
    pub deadline: Duration,
    /// The start of a log that has so many applied entries is forgotten, as far as all replicas have
    /// it.
    pub raft_log_gc_entries: u64,
    /// A log does not grow beyond this: a replica that lags further behind gets a snapshot.
    pub raft_log_max_entries: u64,
    /// A snapshot that is not asked for, or does not come, for so many ticks is given up.
    pub snapshot_idle_ticks: usize,
    /// Whether a leader may be removed from its group while it leads.
    pub allow_remove_leader: bool,
    /// Threads that drive the Raft groups of the store.
    pub raft_pollers: usize,
    /// Threads that apply committed entries.
    pub apply_workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            base_tick: Duration::from_millis(100),
            heartbeat_ticks: 2,
            election_ticks: 10,
            max_leader_lease: Duration::from_millis(850),
            allowed_drift: 0.01,
            consistency: Consistency::Strict,
            renew_lease_advance: None,
            renew_lease_by_tick: true,
            read_index_retry_ticks: 4,
            follower_read_max_log_gap: 100,
            hibernate_after_ticks: None,
            skip_bcast_commit: true,
            disk_reserve_bytes: 16 << 20,
            mailbox_capacity: 4096,
            poll_batch: 64,
            deadline: Duration::from_secs(5),
            raft_log_gc_entries: 1_000,
            raft_log_max_entries: 50_000,
            snapshot_idle_ticks: 60,
            allow_remove_leader: false,
            raft_pollers: 2,
            apply_workers: 1,
        }
    }
}

/// Longer than any span that a store measures.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// A setting that would break a rule of the read path, or make no sense.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum ConfigError {
    /// A follower could elect another leader while this one still trusts its lease (L2, L3).
    #[error(
        "unsafe lease: max_leader_lease {lease:?} * (1 + drift {drift}) = {stretched:?} exceeds \
         (election_ticks {election_ticks} - 1) * base_tick {tick:?} * (1 - drift) = {silence:?}; \
         shorten the lease or lengthen the election timeout"
    )]
    UnsafeLease {
        /// The lease as set.
        lease: Duration,
        /// The allowed drift as set.
        drift: f64,
        /// The lease as a slow clock measures it.
        stretched: Duration,
        /// The election timeout in ticks as set.
        election_ticks: usize,
        /// The tick as set.
        tick: Duration,
        /// The least time that a fast voter keeps silent.
        silence: Duration,
    },
    /// A number outside its range.
    #[error("{name} is {value}, but it must be {must}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl Config {
    /// Settings for tests and demonstrations: an election takes a fraction of a second.
    pub fn fast() -> Self {
        Config {
            base_tick: Duration::from_millis(40),
            max_leader_lease: Duration::from_millis(340),
            deadline: Duration::from_secs(3),
            ..Config::default()
        }
    }

    /// The election timeout: what a follower waits at least.
    pub fn election_timeout(&self) -> Duration {
        self.base_tick * u32::try_from(self.election_ticks).unwrap_or(u32::MAX)
    }

    /// Stands for the settings that must be the same on all stores of a cluster (rule L16): with a
    /// shorter election timeout one voter would elect another leader while the lease that the first
    /// one has measures by its own, longer one still runs.
    pub fn timing_fingerprint(&self) -> u64 {
        let settings = [
            self.base_tick.as_nanos() as u64,
            self.election_ticks as u64,
            self.max_leader_lease.as_nanos() as u64,
            self.allowed_drift.to_bits(),
        ];
        // FNV-1a, word by word.
        settings.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, setting| {
            (hash ^ setting).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(29)
        })
    }

    /// How long before its end a lease is renewed.
    pub fn renew_advance(&self) -> Duration {
        self.renew_lease_advance.unwrap_or(self.max_leader_lease / 4)
    }

    /// Refuses what would break a rule of READ_PATH.md, and says the arithmetic.
    ///
    /// A voter that heard its leader just before a tick counts that tick, so its silence lasts one
    /// tick less than the election timeout (rule L2); a leader whose clock is slow by `d` stretches
    /// its lease, a voter whose clock is fast by `d` shortens its silence (rule L3). Hence
    /// `lease * (1 + d) <= (election_ticks - 1) * tick * (1 - d)`.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.validate_ranges()?;
        let drift = self.allowed_drift;
        let silence = (self.election_timeout() - self.base_tick).mul_f64(1.0 - drift);
        let stretched = self.max_leader_lease.mul_f64(1.0 + drift);
        if stretched > silence {
            return Err(ConfigError::UnsafeLease {
                lease: self.max_leader_lease,
                drift,
                stretched,
                election_ticks: self.election_ticks,
                tick: self.base_tick,
                silence,
            });
        }
        Ok(())
    }

    fn validate_ranges(&self) -> Result<(), ConfigError> {
        let range = |holds: bool, name, value: String, must| {
            if holds { Ok(()) } else { Err(ConfigError::OutOfRange { name, value, must }) }
        };
        range(
            self.base_tick >= Duration::from_millis(1) && self.base_tick <= Duration::from_secs(60),
            "base_tick",
            format!("{:?}", self.base_tick),
            "from 1 ms to 60 s",
        )?;
        range(
            self.heartbeat_ticks > 0,
            "heartbeat_ticks",
            self.heartbeat_ticks.to_string(),
            "at least 1",
        )?;
        range(
            self.election_ticks > self.heartbeat_ticks && self.election_ticks <= 10_000,
            "election_ticks",
            self.election_ticks.to_string(),
            "more than heartbeat_ticks and at most 10000",
        )?;
        range(
            (0.0..0.5).contains(&self.allowed_drift),
            "allowed_drift",
            self.allowed_drift.to_string(),
            "from 0 to less than 0.5",
        )?;
        range(
            !self.max_leader_lease.is_zero() && self.max_leader_lease <= WEEK,
            "max_leader_lease",
            format!("{:?}", self.max_leader_lease),
            "more than zero and at most a week",
        )?;
        range(
            self.raft_log_gc_entries >= 2,
            "raft_log_gc_entries",
            self.raft_log_gc_entries.to_string(),
            "at least 2",
        )?;
        range(
            self.raft_log_max_entries >= self.raft_log_gc_entries,
            "raft_log_max_entries",
            self.raft_log_max_entries.to_string(),
            "at least raft_log_gc_entries",
        )?;
        range(
            self.snapshot_idle_ticks > self.election_ticks,
            "snapshot_idle_ticks",
            self.snapshot_idle_ticks.to_string(),
            "more than election_ticks, or a snapshot would not outlive an election",
        )?;
        range(
            self.renew_lease_advance.is_none_or(|advance| advance < self.max_leader_lease),
            "renew_lease_advance",
            format!("{:?}", self.renew_advance()),
            "less than max_leader_lease, or a lease that was just renewed is renewed again",
        )?;
        range(
            self.deadline >= self.base_tick && self.deadline <= WEEK,
            "deadline",
            format!("{:?}", self.deadline),
            "from one base_tick, at which it is looked at, to a week",
        )?;
        // A leader that asks its region to sleep leaves a tick out. Were there no more ticks in
        // between than from one heartbeat to the next, it would never send one.
        range(
            self.hibernate_after_ticks
                .is_none_or(|ticks| ticks > self.heartbeat_ticks && ticks <= 1_000_000),
            "hibernate_after_ticks",
            format!("{:?}", self.hibernate_after_ticks),
            "more than heartbeat_ticks and at most 1000000, or none",
        )?;
        range(
            self.follower_read_max_log_gap > 0,
            "follower_read_max_log_gap",
            self.follower_read_max_log_gap.to_string(),
            "at least 1, or no replica could ever read",
        )?;
        for (name, value, max, must) in [
            ("read_index_retry_ticks", self.read_index_retry_ticks, 1_000_000, "1 to 1000000"),
            ("mailbox_capacity", self.mailbox_capacity, 1 << 24, "1 to 16777216"),
            ("poll_batch", self.poll_batch, 1 << 20, "1 to 1048576"),
            ("raft_pollers", self.raft_pollers, 1024, "1 to 1024"),
            ("apply_workers", self.apply_workers, 1024, "1 to 1024"),
        ] {
            range((1..=max).contains(&value), name, value.to_string(), must)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
