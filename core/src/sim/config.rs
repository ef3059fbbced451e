//! What a simulated world is made of, and which worlds there cannot be.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::config::{Config, ConfigError};
use crate::error::Error;
use crate::message::ClusterTag;
use crate::region::{PeerMeta, PeerRole, Region, RegionEpoch};
use crate::rules::Rules;
use crate::sim::clock::TrueTime;
use crate::sim::disk::DiskKind;
use crate::trace_context::Tracer;

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// How many nodes have a replica that votes.
    pub voters: u64,
    /// How many nodes behind them have one that only learns.
    pub learners: u64,
    /// How many nodes behind those have no replica at first.
    pub spares: u64,
    /// The keys at which the key space is split: one region more than keys.
    pub split_keys: Vec<Vec<u8>>,
    /// The keys that clients use.
    pub keys: Vec<Vec<u8>>,
    /// How many clients there are.
    pub clients: usize,
    /// How long a client thinks between two operations, in nanoseconds.
    pub think_ns: Range<u64>,
    /// Whether clients read from replicas as well. In the consistency of TiKV that alone is not
    /// linearizable (hole H1).
    pub replica_reads: bool,
    /// The settings of every store.
    pub core: Config,
    /// Nodes whose stores have settings of their own. Those must measure elections and leases as the
    /// others do, or there is no such world (hole H6).
    pub other_settings: BTreeMap<u64, Config>,
    /// Whether messages say by which settings their sender measures. In a world that takes any
    /// settings, this hides that they differ, to see what then goes wrong.
    pub hides_settings: bool,
    /// The safety rules that hold: all of them, unless it is to be seen what one is for.
    pub rules: Rules,
    /// Carries the traces of operations across queues and nodes, if anything records them.
    pub tracer: Tracer,
    /// Who looks at the world from its first moment on, if anybody does.
    pub watch: Option<Watch>,
    /// Where the nodes keep their data.
    pub disk: DiskKind,
    /// How long a message takes, in nanoseconds.
    pub latency_ns: Range<u64>,
    /// How long it takes until a raft thread does a round: what comes meanwhile is one batch.
    pub poll_delay_ns: Range<u64>,
    /// How long a synced write takes.
    pub disk_ns: Range<u64>,
    /// How long the apply loop takes for one task.
    pub apply_ns: Range<u64>,
}

/// What is needed to look at one world, and only one, from its first moment on.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The true time of that world: it takes this one.
    pub time: TrueTime,
    /// Of which span of it a story is kept, in nanoseconds.
    pub story: Range<u64>,
}

impl SimConfig {
    /// Three nodes, two regions and six clients; all times vary.
    pub fn new(seed: u64) -> Self {
        SimConfig {
            seed,
            voters: 3,
            learners: 0,
            spares: 0,
            split_keys: vec![b"m".to_vec()],
            keys: [b"a", b"b", b"x", b"y"].map(|key| key.to_vec()).to_vec(),
            clients: 6,
            think_ns: 0..12_000_000,
            replica_reads: true,
            core: Config { hibernate_after_ticks: Some(4), ..SimConfig::core() },
            other_settings: BTreeMap::new(),
            hides_settings: false,
            rules: Rules::ALL_ON,
            tracer: Tracer::default(),
            watch: None,
            disk: DiskKind::Memory,
            latency_ns: 50_000..700_000,
            poll_delay_ns: 5_000..150_000,
            disk_ns: 50_000..600_000,
            apply_ns: 10_000..300_000,
        }
    }

    /// Three nodes, one region, no clients, and every time fixed: for scripts.
    pub fn scripted(seed: u64) -> Self {
        SimConfig {
            split_keys: Vec::new(),
            clients: 0,
            core: SimConfig::core(),
            latency_ns: 100_000..100_000,
            poll_delay_ns: 10_000..10_000,
            disk_ns: 50_000..50_000,
            apply_ns: 10_000..10_000,
            ..SimConfig::new(seed)
        }
    }

    /// Stores with ticks of 10 ms, elections of 10 ticks, and a lease close to what a drift of two
    /// percent allows: a wrong rule shows the sooner, the less slack there is.
    pub fn core() -> Config {
        Config {
            base_tick: Duration::from_millis(10),
            max_leader_lease: Duration::from_micros(86_000),
            allowed_drift: 0.02,
            deadline: Duration::from_millis(900),
            // Small, so that logs are compacted and snapshots sent all the time.
            raft_log_gc_entries: 40,
            raft_log_max_entries: 120,
            snapshot_idle_ticks: 20,
            allow_remove_leader: true,
            ..Config::default()
        }
    }

    /// The settings of a node's store.
    pub(super) fn settings_of(&self, node: u64) -> &Config {
        self.other_settings.get(&node).unwrap_or(&self.core)
    }

    /// What a node's messages carry.
    pub(super) fn cluster_tag(&self, node: u64) -> ClusterTag {
        let told = if self.hides_settings { &self.core } else { self.settings_of(node) };
        ClusterTag { cluster_id: 1, timing: told.timing_fingerprint() }
    }

    /// Refuses settings that break a rule, of one node or between two of them.
    pub(super) fn validate(&self) -> Result<(), SimError> {
        self.core.validate()?;
        for (node, settings) in &self.other_settings {
            settings.validate()?;
            if settings.timing_fingerprint() != self.core.timing_fingerprint() {
                return Err(SimError::OtherTiming { node: *node });
            }
        }
        Ok(())
    }

    pub(super) fn nodes(&self) -> u64 {
        self.voters + self.learners + self.spares
    }

    pub(super) fn regions(&self) -> Vec<Region> {
        let start_keys = std::iter::once(Vec::new()).chain(self.split_keys.iter().cloned());
        let end_keys = self.split_keys.iter().cloned().chain(std::iter::once(Vec::new()));
        let region = |(number, (start_key, end_key)): (u64, (Vec<u8>, Vec<u8>))| {
            let id = number + 1;
            let peer = |store_id| PeerMeta {
                // Unique in the cluster: 101, 102, 103 for region 1.
                id: id * 100 + store_id,
                store_id,
                role: match store_id > self.voters {
                    true => PeerRole::Learner as i32,
                    false => PeerRole::Voter as i32,
                },
                is_witness: false,
            };
            Region {
                id,
                start_key,
                end_key,
                epoch: RegionEpoch { conf_ver: 1, version: 1 },
                peers: (1..=self.voters + self.learners).map(peer).collect(),
                is_in_flashback: false,
            }
        };
        (0..).zip(start_keys.zip(end_keys)).map(region).collect()
    }
}

/// Why there is no world.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SimError {
    /// A setting of the stores would break a rule.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two nodes measure elections or leases in different ways (rule L16, hole H6).
    #[error(
        "n{node} has another tick, election timeout, lease or drift than the others: it would help \
         to elect a leader while another one trusts its lease"
    )]
    OtherTiming {
        /// The node.
        node: u64,
    },
    /// A store did not start.
    #[error(transparent)]
    Store(#[from] Error),
    /// A world of another size than there can be.
    #[error("{name} is {value}, but it must be {must}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: u64,
        /// What it must be.
        must: &'static str,
    },
}

impl SimConfig {
    /// Refuses worlds of a size that there cannot be.
    pub(super) fn check_sizes(&self) -> Result<(), SimError> {
        check_range("voters", self.voters, 1..=9, "from 1 to 9")?;
        check_range("learners", self.learners, 0..=9, "from 0 to 9")?;
        check_range("spares", self.spares, 0..=9, "from 0 to 9")?;
        check_range("clients", self.clients as u64, 0..=1000, "at most 1000")?;
        check_range("keys", self.keys.len() as u64, 1..=100_000, "at least 1")
    }
}

fn check_range(
    name: &'static str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    must: &'static str,
) -> Result<(), SimError> {
    if range.contains(&value) { Ok(()) } else { Err(SimError::OutOfRange { name, value, must }) }
}
