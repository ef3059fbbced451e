//! One seed from beginning to end: a phase with faults, then one without, then the verdict.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::sim::config::{SimConfig, SimError};
use crate::sim::fault::Fault;
use crate::sim::network::NetworkCounts;
use crate::sim::oracle::{Invariant, Violation, liveness};
use crate::sim::requests::{AskRead, OpResult};
use crate::sim::world::World;

/// How a seed is run.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The world; its seed is that of the run.
    pub sim: SimConfig,
    /// Which faults happen.
    pub faults: Vec<Fault>,
    /// How long the phase with faults lasts, in true time.
    pub duration: Duration,
    /// Takes settings that [`Config::validate`](crate::Config::validate) refuses, to see what then
    /// goes wrong.
    pub allow_unsafe: bool,
}

impl Default for RunConfig {
    /// Ten seconds with all faults.
    fn default() -> Self {
        RunConfig {
            sim: SimConfig::new(0),
            faults: Fault::all(),
            duration: Duration::from_secs(10),
            allow_unsafe: false,
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Stands for every line of the log.
    pub hash: u64,
    /// How many lines the log had.
    pub events: u64,
    /// How many operations there were, by how they were served.
    pub operations: BTreeMap<&'static str, u64>,
    /// What replicas have applied besides writes: splits, merges, snapshots and the like.
    pub changes: BTreeMap<&'static str, u64>,
    /// How often each fault began.
    pub faults: BTreeMap<&'static str, u64>,
    /// How many leaders there were.
    pub elections: u64,
    /// How often a leader fell asleep.
    pub sleeps: u64,
    /// How many messages were refused, by kind; those alone that there were.
    pub refused: BTreeMap<&'static str, u64>,
    /// What the network did.
    pub network: NetworkCounts,
    /// How much true time passed, in nanoseconds.
    pub simulated_ns: u64,
    /// What went wrong; empty if nothing did.
    pub violations: Vec<Violation>,
    /// The last lines of the log, if something went wrong.
    pub log: Vec<String>,
}

impl Report {
    /// How many operations were answered with what they asked for.
    pub fn answered(&self) -> u64 {
        let without = ["refused", "given_up", "transfer", "split", "prepare-merge", "change-peers"];
        let counted = self.operations.iter().filter(|(name, _)| !without.contains(name));
        counted.map(|(_, count)| count).sum()
    }
}

/// Runs one seed. A panic of a store is a violation like any other.
///
/// # Errors
/// [`SimError`] if there is no such world.
pub fn run(seed: u64, config: &RunConfig) -> Result<Report, SimError> {
    Ok(run_in(&mut prepare(seed, config)?, config))
}

/// The world of a seed, before anything has happened in it.
///
/// # Errors
/// [`SimError`] if there is no such world.
pub fn prepare(seed: u64, config: &RunConfig) -> Result<World, SimError> {
    let sim = SimConfig { seed, ..config.sim.clone() };
    match config.allow_unsafe {
        true => World::new_unchecked(sim),
        false => World::new(sim),
    }
}

/// Runs a seed in the world that [`prepare`] has made for it.
pub fn run_in(world: &mut World, config: &RunConfig) -> Report {
    let ended = catch_unwind(AssertUnwindSafe(|| world.run_phases(config)));
    if let Err(panic) = ended {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("without words");
        world.violate(Invariant::StoreStopped, format!("panic: {words}"), Vec::new());
    }
    world.report()
}

impl World {
    fn run_phases(&mut self, config: &RunConfig) {
        self.campaign_everywhere();
        self.start_clients();
        self.start_faults(&config.faults);
        self.run_for(config.duration);

        self.stop_faults();
        for node in 1..=self.nodes.len() as u64 {
            self.restart(node);
        }
        // Long enough for an answer to everything that was asked in the last moment.
        let settling = Duration::from_nanos(self.answer_max_ns());
        // Every other seed lets clients go on; where they stop, no later read carries a lost one
        // along.
        if self.config.seed.is_multiple_of(2) {
            self.run_for(settling / 2);
        }
        self.clients.iter_mut().for_each(|client| client.is_stopped = true);
        self.probe_regions();
        self.run_for(settling);
        if let Err(words) = self.oracles.one_answer.overdue(self.now_ns()) {
            self.violate(Invariant::OneAnswer, words, Vec::new());
        }
        self.check_history();
    }

    /// The first leaders need not be left to chance.
    fn campaign_everywhere(&mut self) {
        let regions: Vec<u64> = self.regions.iter().map(|region| region.id).collect();
        for region in regions {
            self.campaign((region - 1) % self.config.voters + 1, region);
        }
    }

    /// A write and a read of every region must succeed in bounded time.
    fn probe_regions(&mut self) {
        let limit = 30 * self.config.core.election_timeout();
        let regions: Vec<_> =
            self.regions.iter().map(|region| (region.id, region.start_key.clone())).collect();
        let mut probes = Vec::new();
        for (region, start_key) in regions {
            // The first key behind the start key: it lies in the region, however small that is.
            let key = [start_key.as_slice(), &[0]].concat();
            // Whichever region has the key by then: a merge may be on its way.
            let write = self.probe(limit, &key, |world, leader| {
                let value = format!("probe.{}", world.requests.len());
                world.start_write(leader, &key, value.as_bytes())
            });
            probes.push((region, "write", write));
            let read = self.probe(limit, &key, |world, leader| {
                world.start_read(leader, &key, AskRead::Leader)
            });
            probes.push((region, "read", read));
        }
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        if let Err(words) = liveness(probes, limit_ms) {
            self.violate(Invariant::Liveness, words, Vec::new());
        }
    }

    /// Asks again and again until it succeeds; the last failure if it never does.
    fn probe(
        &mut self,
        limit: Duration,
        key: &[u8],
        ask: impl Fn(&mut World, u64) -> super::requests::OpId,
    ) -> Option<String> {
        let until_ns = self.now_ns() + limit.as_nanos() as u64;
        let mut failure = "there is no leader".to_owned();
        while self.now_ns() < until_ns {
            if let Some(leader) = self.leader(self.region_for(key)) {
                let op = ask(self, leader);
                match self.wait(op, self.config.core.deadline) {
                    OpResult::Value { .. } | OpResult::Written => return None,
                    other => failure = format!("{other:?}"),
                }
            }
            self.run_for(self.config.core.base_tick);
        }
        Some(failure)
    }

    /// What came of it so far.
    pub fn report(&self) -> Report {
        let violations = self.violations().to_vec();
        let log = match violations.is_empty() {
            true => Vec::new(),
            false => self.log().map(str::to_owned).collect(),
        };
        Report {
            seed: self.config.seed,
            hash: self.trace_hash(),
            events: self.events(),
            operations: self.operations().clone(),
            changes: self.changes.clone(),
            faults: self.nemesis.begun().clone(),
            elections: self.elections(),
            sleeps: self.sleeps,
            refused: self.refused_messages(),
            network: self.network.counts,
            simulated_ns: self.now_ns(),
            violations,
            log,
        }
    }
}
