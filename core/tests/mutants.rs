//! The table of mutants: each safety rule is taken away in turn, and its scenario and random search
//! say whether that is noticed, and by what.
//!
//! `MUTANTS_SEEDS` worlds are searched for each rule, `MUTANTS_SECONDS` of simulated time each.

#[path = "rules/mod.rs"]
mod rules;

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use raftlens_core::sim::{Fault, Invariant, RunConfig, run};
use raftlens_core::{Consistency, Outcome, Rule, Rules};

/// So that it all ends in about three minutes on two cores.
const SEEDS: u64 = 30;
const SECONDS: u64 = 4;

/// What a search has found: how many worlds violate each invariant, and the first of them.
#[derive(Clone, Debug, Default)]
struct Search {
    by_kind: Vec<(Invariant, usize, u64)>,
}

impl Search {
    fn note(&mut self, invariant: Invariant, seed: u64) {
        match self.by_kind.iter_mut().find(|(known, ..)| *known == invariant) {
            Some((_, count, first)) => (*count, *first) = (*count + 1, seed.min(*first)),
            None => self.by_kind.push((invariant, 1, seed)),
        }
    }

    fn count(&self, invariant: Invariant) -> usize {
        self.by_kind.iter().find(|(known, ..)| *known == invariant).map_or(0, |found| found.1)
    }

    fn told(&self, seeds: u64) -> String {
        let told = |(invariant, count, first): &(Invariant, usize, u64)| {
            format!("{} {count}/{seeds} (seed {first})", invariant.as_str())
        };
        match self.by_kind.is_empty() {
            true => format!("nothing in {seeds}"),
            false => self.by_kind.iter().map(told).collect::<Vec<_>>().join(", "),
        }
    }
}

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Worlds of different kinds, by their seed: each hides some rules behind others. Replicas are not
/// read as TiKV reads, where that alone is a violation (hole H1).
fn world_of(seed: u64, seconds: u64, rules: Rules) -> RunConfig {
    let mut config = RunConfig { duration: Duration::from_secs(seconds), ..RunConfig::default() };
    config.sim.rules = rules;
    match seed % 6 {
        // Strict, as a store is by default.
        0 => {}
        1 => config.sim.learners = 1,
        2 => read_leaders_as_tikv(&mut config),
        3 => {
            read_leaders_as_tikv(&mut config);
            one_busy_region(&mut config);
        }
        // Little but what deposes leaders, and many who ask the old one.
        4 => {
            read_leaders_as_tikv(&mut config);
            one_busy_region(&mut config);
            config.faults = vec![
                Fault::Partition,
                Fault::OneWayCut,
                Fault::Delay,
                Fault::TransferLeader,
                Fault::PauseApply,
            ];
        }
        // Little but what moves keys to other regions and those to other leaders.
        _ => {
            read_leaders_as_tikv(&mut config);
            config.sim.think_ns = 0..3_000_000;
            config.faults = vec![
                Fault::Split,
                Fault::Merge,
                Fault::PauseApply,
                Fault::TransferLeader,
                Fault::OneWayCut,
            ];
        }
    }
    config
}

fn read_leaders_as_tikv(config: &mut RunConfig) {
    config.sim.core.consistency = Consistency::Tikv;
    config.sim.replica_reads = false;
}

fn one_busy_region(config: &mut RunConfig) {
    config.sim.split_keys.clear();
    config.sim.keys = vec![b"a".to_vec()];
    config.sim.think_ns = 0..3_000_000;
}

/// Searches for each of these sets of rules, on all cores.
fn search(all: &[Rules], seeds: u64, seconds: u64) -> Vec<Search> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut found = Vec::new();
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let (place, seed) = (job / seeds as usize, job as u64 % seeds + 1);
            let Some(rules) = all.get(place) else { return found };
            let report = run(seed, &world_of(seed, seconds, *rules)).expect("a world");
            let mut kinds: Vec<_> = report.violations.iter().map(|it| it.invariant).collect();
            kinds.dedup();
            kinds.sort_by_key(|kind| kind.as_str());
            kinds.dedup();
            found.extend(kinds.into_iter().map(|kind| (place, kind, seed)));
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut searches = vec![Search::default(); all.len()];
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            for (place, kind, seed) in worker.join().expect("a worker ends") {
                searches[place].note(kind, seed);
            }
        }
    });
    searches
}

/// One row: what was expected, what the scenarios say, what the search says; and what is wrong.
fn row(rule: Rule, search: &Search, seeds: u64) -> (String, Vec<String>) {
    let (id, mut wrong) = (rule.id(), Vec::new());
    let expected = rules::noticed_by(rule.outcome());
    let is_redundant = rule.outcome() == Outcome::Redundant;
    let scenarios = rules::of(rule);
    if scenarios.is_empty() {
        wrong.push(format!("{id} has no scenario"));
    }
    let mut shown = Vec::new();
    for scenario in scenarios {
        match scenario.verdict() {
            Ok(()) => shown.push(scenario.shows),
            Err(words) => wrong.push(words),
        }
    }
    if is_redundant && !search.by_kind.is_empty() {
        wrong.push(format!("{id} is not redundant: {}", search.told(seeds)));
    }
    let pair = rules::of(rule).iter().find_map(|scenario| scenario.pair);
    let caught = match pair {
        Some(pair) => format!("redundant with {}", pair.id()),
        None => expected.as_str().to_owned(),
    };
    let by_chance = match (is_redundant, search.count(expected)) {
        (false, 0) if search.by_kind.is_empty() => "script only".to_owned(),
        _ => search.told(seeds),
    };
    (format!("{id:<5}{caught:<22}{:<80}{by_chance}", shown.join("; ")), wrong)
}

#[test]
fn every_mutant_is_noticed_as_expected() {
    let (seeds, seconds) = (from_env("MUTANTS_SEEDS", SEEDS), from_env("MUTANTS_SECONDS", SECONDS));
    let mut all = vec![Rules::ALL_ON];
    all.extend(Rule::ALL.iter().map(|rule| Rules::ALL_ON.without(*rule)));
    let searches = search(&all, seeds, seconds);
    let mut wrong = Vec::new();
    if !searches[0].by_kind.is_empty() {
        wrong.push(format!("with every rule on: {}", searches[0].told(seeds)));
    }
    let mut table = format!(
        "{:<5}{:<22}{:<80}by chance, in {seeds} worlds of {seconds} s\n",
        "off", "caught by", "the scenario shows"
    );
    for (rule, search) in Rule::ALL.iter().zip(&searches[1..]) {
        let (line, faults) = row(*rule, search, seeds);
        table.push_str(&format!("{line}\n"));
        wrong.extend(faults);
    }
    // Around the test harness, which would keep it to itself.
    let _ = writeln!(std::io::stdout(), "\n{table}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
