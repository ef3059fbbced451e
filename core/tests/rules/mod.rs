//! One scenario for each rule that has a switch: with every rule on it is sound, without that one it
//! shows what the rule is for. The situations are those of the rules catalogue; node 1 leads at
//! first, and `k` is `v1` everywhere.
//!
//! Scenarios read as TiKV reads, unless they are about rule X1, which would hide half of them.

// Two test binaries share this, and not each of them uses all of it.
#![allow(dead_code)]

mod answers;
mod batch;
mod lease;
mod members;
pub(crate) mod regions;
mod replica;
mod term;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use raftlens_core::sim::{AskRead, Invariant, MessagePattern, OpId, OpResult, SimConfig, World};
use raftlens_core::{Consistency, Outcome, Rule, Rules};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const KEY: &[u8] = b"k";
const SEED: u64 = 7;

/// A situation in which a rule is needed.
pub(crate) struct Scenario {
    pub(crate) rule: Rule,
    /// The second line of defence: with it on, the rule's absence is harmless.
    pub(crate) pair: Option<Rule>,
    /// What goes wrong, in a few words.
    pub(crate) shows: &'static str,
    pub(crate) setup: fn(&mut SimConfig),
    pub(crate) play: fn(&mut World),
}

/// Every scenario.
pub(crate) fn all() -> Vec<&'static Scenario> {
    let parts = [
        lease::SCENARIOS,
        term::SCENARIOS,
        batch::SCENARIOS,
        replica::SCENARIOS,
        answers::SCENARIOS,
        members::SCENARIOS,
        regions::SCENARIOS,
    ];
    parts.into_iter().flatten().collect()
}

/// The scenarios of a rule.
pub(crate) fn of(rule: Rule) -> Vec<&'static Scenario> {
    all().into_iter().filter(|scenario| scenario.rule == rule).collect()
}

/// What must notice that a rule is off.
pub(crate) fn noticed_by(outcome: Outcome) -> Invariant {
    match outcome {
        Outcome::OneAnswer => Invariant::OneAnswer,
        Outcome::Linearizability | Outcome::TwoRegions | Outcome::Redundant | Outcome::Unit => {
            Invariant::Linearizability
        }
    }
}

impl Scenario {
    /// What goes wrong under these rules. A panic of a store is an invariant of its own.
    pub(crate) fn violations(&self, rules: Rules) -> Vec<Invariant> {
        let mut world = world(rules, self.setup);
        (self.play)(&mut world);
        world.check_history();
        world.violations().iter().map(|violation| violation.invariant).collect()
    }

    /// Whether the scenario shows what it is for; else in words what it shows instead.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let expected = noticed_by(self.rule.outcome());
        let alone = Rules::ALL_ON.without(self.rule);
        self.expect(Rules::ALL_ON, None)?;
        match self.pair {
            None => self.expect(alone, Some(expected)),
            Some(pair) => {
                self.expect(alone, None)?;
                self.expect(alone.without(pair), Some(expected))
            }
        }
    }

    fn expect(&self, rules: Rules, expected: Option<Invariant>) -> Result<(), String> {
        let off: Vec<_> = Rule::ALL.iter().filter(|rule| rules == rules.without(**rule)).collect();
        let found = catch_unwind(AssertUnwindSafe(|| self.violations(rules)));
        let found = found
            .map_err(|_| format!("{} ({}), off {off:?}: panic", self.rule.id(), self.shows))?;
        let is_so = match expected {
            None => found.is_empty(),
            Some(invariant) => found.contains(&invariant),
        };
        if is_so {
            return Ok(());
        }
        let (rule, shows) = (self.rule.id(), self.shows);
        Err(format!("{rule} ({shows}), off {off:?}: {found:?} instead of {expected:?}"))
    }
}

/// A world in which only what a scenario does renews a lease.
pub(crate) fn world(rules: Rules, setup: fn(&mut SimConfig)) -> World {
    let mut config = SimConfig::scripted(SEED);
    config.core.renew_lease_by_tick = false;
    config.core.consistency = Consistency::Tikv;
    config.rules = rules;
    setup(&mut config);
    let mut world = World::new(config).expect("a world");
    world.elect(1, 1).expect("n1 leads");
    write(&mut world, 1, b"v1");
    // Commit indexes get around with the next heartbeats.
    world.run_for(25 * MS);
    world
}

pub(crate) fn as_it_is(_: &mut SimConfig) {}

pub(crate) fn messages(name: &str) -> MessagePattern {
    MessagePattern::parse(name).expect("a type of message")
}

pub(crate) fn write(world: &mut World, node: u64, value: &[u8]) {
    write_to(world, node, KEY, value);
}

pub(crate) fn write_to(world: &mut World, node: u64, key: &[u8], value: &[u8]) {
    let op = world.start_write(node, key, value);
    assert_eq!(world.wait(op, 60 * MS), OpResult::Written, "{world:?}");
}

/// Reads, and waits a little: what is not answered by then has no quorum.
pub(crate) fn read(world: &mut World, node: u64, ask: AskRead) -> OpId {
    let op = world.start_read(node, KEY, ask);
    world.wait(op, 15 * MS);
    op
}

pub(crate) fn leads(world: &World, node: u64) -> bool {
    world.replica(node, 1).is_some_and(|replica| replica.is_leader)
}

/// Right after the leader has found its quorum alive: cut off now, it remains one for the better part
/// of two election timeouts (READ_PATH, E9).
pub(crate) fn run_to_a_fresh_quorum_window(world: &mut World) {
    world.run_until(world.now_ns().next_multiple_of(100_000_000) + 15_000_000);
}

/// n2 will be the next leader by its own timeout, as soon as n3 may vote for it.
pub(crate) fn n2_is_next(world: &mut World) {
    world.set_election_timeout(2, 1, 11);
    world.set_election_timeout(3, 1, 19);
}

/// Waits until n2 or n3 leads, by its own timeout.
pub(crate) fn elect_another(world: &mut World) -> u64 {
    let leader = |world: &World| [2, 3].into_iter().find(|node| leads(world, *node));
    world.run_while(600 * MS, |world| leader(world).is_some());
    leader(world).expect("a leader")
}

/// Hands the leadership over.
pub(crate) fn transfer(world: &mut World, to: u64) {
    world.transfer(1, to);
    assert!(world.run_while(50 * MS, |world| leads(world, to)), "{world:?}");
}

/// From now on nothing reaches the node.
pub(crate) fn deafen(world: &mut World, node: u64) {
    for other in (1..=world.nodes()).filter(|other| *other != node) {
        world.cut(other, node);
    }
}
