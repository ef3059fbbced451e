//! The simulator: the same seed gives the same world, random search finds nothing wrong with the
//! rules as they are, and finds it when something is.

#[path = "sim/full_disk.rs"]
mod full_disk;
#[path = "sim/hibernation.rs"]
mod hibernation;
#[path = "sim/regions.rs"]
mod regions;
#[path = "rules/mod.rs"]
mod rules;
#[path = "sim/scenarios.rs"]
mod scenarios;
#[path = "sim/scripts.rs"]
mod scripts;
#[path = "sim/settings.rs"]
mod settings;

use std::time::Duration;

use raftlens_core::sim::{
    DiskKind, Fault, Invariant, OpResult, Report, RunConfig, SimConfig, SimError, World, run,
};
use raftlens_core::{Config, ConfigError, Consistency, Rule, Rules};

fn seconds(seconds: u64) -> RunConfig {
    RunConfig { duration: Duration::from_secs(seconds), ..RunConfig::default() }
}

/// What a failed test prints of a run.
fn told(report: &Report) -> String {
    let mut text = String::new();
    for violation in &report.violations {
        text.push_str(&format!("{violation}\n"));
        for op in &violation.operations {
            text.push_str(&format!("    {op:?}\n"));
        }
    }
    text
}

fn assert_clean(seeds: std::ops::RangeInclusive<u64>, config: &RunConfig) {
    for seed in seeds {
        let report = run(seed, config).expect("a world");
        assert!(report.violations.is_empty(), "{}", told(&report));
        assert!(report.answered() > 100, "seed {seed} did next to nothing: {report:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let config = seconds(3);
    let mut hashes = Vec::new();
    for seed in 1..=10 {
        let (first, second) = (run(seed, &config).unwrap(), run(seed, &config).unwrap());
        assert_eq!(first, second);
        hashes.push(first.hash);
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 10, "each seed is a world of its own");
}

#[test]
fn random_search_finds_nothing_in_strict_consistency() {
    assert_clean(1..=200, &seconds(5));
}

#[test]
fn learners_and_more_voters_are_as_safe() {
    let mut config = seconds(4);
    config.sim.learners = 1;
    assert_clean(1..=30, &config);
    config.sim.voters = 5;
    assert_clean(1..=20, &config);
}

#[test]
fn replicas_that_come_to_a_node_without_any_are_as_safe() {
    let mut config = seconds(4);
    config.sim.spares = 1;
    assert_clean(1..=30, &config);
}

#[test]
fn every_mode_and_every_fault_takes_part() {
    let reports: Vec<Report> = (1..=30).map(|seed| run(seed, &seconds(10)).unwrap()).collect();
    let modes = |mode: &str| reports.iter().any(|report| report.operations.contains_key(mode));
    for mode in [
        "write",
        "lease_local",
        "lease_shared",
        "read_local",
        "read_index",
        "read_index_batched",
        "read_quorum",
        "replica_lease",
        "replica_quorum",
        "read_index_rpc",
    ] {
        assert!(modes(mode), "no {mode}");
    }
    for change in [
        "split",
        "prepare-merge",
        "commit-merge",
        "change-peers",
        "enter-joint",
        "compact-log",
        "snapshot-installed",
    ] {
        let made = reports.iter().any(|report| report.changes.contains_key(change));
        assert!(made, "no {change}");
    }
    for fault in Fault::all() {
        let begun = reports.iter().any(|report| report.faults.contains_key(fault.as_str()));
        assert!(begun, "no {fault}");
    }
    assert!(reports.iter().any(|report| report.network.duplicated > 0));
    assert!(reports.iter().any(|report| report.sleeps > 0), "no region ever slept");
    // Sound replicas say nothing that only broken ones can.
    for label in ["malformed_entries", "beyond_log", "impossible_term", "forged_sender", "stranger"]
    {
        assert!(reports.iter().all(|report| !report.refused.contains_key(label)), "{label}");
    }
    assert!(reports.iter().all(|report| report.network.lost > 0 && report.elections > 5));
}

#[test]
fn the_real_engine_runs_in_the_same_world() {
    let mut config = seconds(1);
    config.sim.disk = DiskKind::Rocks;
    let (first, second) = (run(5, &config).unwrap(), run(5, &config).unwrap());
    assert!(first.violations.is_empty(), "{}", told(&first));
    assert_eq!(first.hash, second.hash);
}

/// The seeds of these that violate an invariant.
fn finding(
    seeds: std::ops::RangeInclusive<u64>,
    config: &RunConfig,
    invariant: Invariant,
) -> impl Iterator<Item = u64> {
    seeds.filter(move |seed| {
        let report = run(*seed, config).expect("a world");
        report.violations.iter().any(|found| found.invariant == invariant)
    })
}

/// How many of these seeds violate which invariant.
fn found(seeds: std::ops::RangeInclusive<u64>, config: &RunConfig, invariant: Invariant) -> usize {
    finding(seeds, config, invariant).count()
}

#[test]
fn a_lease_longer_than_an_election_is_found() {
    let mut config = seconds(5);
    config.allow_unsafe = true;
    config.sim.core.max_leader_lease = Duration::from_millis(190);
    assert!(found(1..=20, &config, Invariant::LeaseExclusive) >= 10);
    assert!(found(1..=60, &config, Invariant::Linearizability) >= 1);
}

#[test]
fn clocks_beyond_the_allowed_drift_are_found() {
    // The slowest clock and the fastest one are fifty percent apart, the lease allows for four.
    let mut config = seconds(5);
    config.allow_unsafe = true;
    config.sim.core.allowed_drift = 0.2;
    assert!(found(1..=60, &config, Invariant::LeaseExclusive) >= 2);
}

#[test]
fn rules_that_are_off_are_found() {
    let cases = [
        (Rule::L1, Invariant::LeaseExclusive),
        (Rule::L6, Invariant::LeaseExclusive),
        (Rule::T6, Invariant::Linearizability),
        (Rule::X1, Invariant::Linearizability),
        (Rule::P4, Invariant::OneAnswer),
        (Rule::T9, Invariant::OneAnswer),
        (Rule::M1, Invariant::LeaseExclusive),
        (Rule::M2, Invariant::LeaseExclusive),
        (Rule::M3, Invariant::LeaseExclusive),
    ];
    for (rule, invariant) in cases {
        let mut config = seconds(5);
        config.sim.rules = Rules::ALL_ON.without(rule);
        // The rarest of them shows in one seed of eighty.
        let is_found = (1..=240).any(|seed| found(seed..=seed, &config, invariant) == 1);
        assert!(is_found, "{} is off and nothing shows it", rule.id());
    }
}

#[test]
fn every_rule_has_a_scenario_that_is_sound_with_it_and_shows_what_it_is_for() {
    let mut wrong = Vec::new();
    for rule in Rule::ALL {
        let scenarios = rules::of(*rule);
        if scenarios.is_empty() {
            wrong.push(format!("{} has no scenario", rule.id()));
        }
        wrong.extend(scenarios.into_iter().filter_map(|scenario| scenario.verdict().err()));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_read_that_stands_still_between_its_steps_is_refused_and_would_be_sound_without_rule_m4() {
    for (rules, is_answered) in [(Rules::ALL_ON, false), (Rules::ALL_ON.without(Rule::M4), true)] {
        let mut world = rules::world(rules, rules::as_it_is);
        let result = rules::regions::read_that_stands_still(&mut world);
        assert_eq!(matches!(result, OpResult::Value { .. }), is_answered, "{result:?}");
        assert!(world.check_history(), "{:?}", world.violations());
    }
}

#[test]
fn mixed_reads_are_not_linearizable_in_the_consistency_of_tikv() {
    let mut config = seconds(5);
    config.sim.core.consistency = Consistency::Tikv;
    assert!(found(1..=20, &config, Invariant::Linearizability) >= 3, "hole H1");
}

#[test]
fn worlds_that_make_no_sense_are_refused() {
    let unsafe_lease = SimConfig {
        core: Config { max_leader_lease: Duration::from_secs(1), ..SimConfig::core() },
        ..SimConfig::new(1)
    };
    let refused = World::new(unsafe_lease).unwrap_err();
    assert!(matches!(refused, SimError::Config(ConfigError::UnsafeLease { .. })), "{refused}");
    for (voters, learners) in [(0, 0), (10, 0), (3, 10)] {
        let refused = World::new(SimConfig { voters, learners, ..SimConfig::new(1) }).unwrap_err();
        assert!(matches!(refused, SimError::OutOfRange { .. }), "{refused}");
    }
    let no_keys = World::new(SimConfig { keys: Vec::new(), ..SimConfig::new(1) }).unwrap_err();
    assert_eq!(no_keys.to_string(), "keys is 0, but it must be at least 1");
}
