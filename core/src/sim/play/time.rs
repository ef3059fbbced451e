//! `run`: lets time pass, for a span, up to a moment, or until something is so.

use std::time::Duration;

use crate::lease::LeaseState;
use crate::sim::play::line::{Words, numbered};
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;
use crate::sim::requests::{OpId, OpResult};
use crate::sim::world::World;

/// How long `run until` waits at most: a few elections.
const PATIENCE: Duration = Duration::from_millis(600);

/// What a script waits for.
#[derive(Debug)]
enum Until {
    /// `n2 leads`, or `n2,n3 lead`: one of them does.
    Leads { nodes: Vec<u64>, region: u64 },
    /// `lease n1 expired`.
    Lease { node: u64, region: u64, state: LeaseState },
    /// `r2 gone`: no node has a replica of it.
    Gone(u64),
    /// `n2 r1 covers m`: its replica has this key. `r1 covers m`: so the placement driver says.
    Covers { node: Option<u64>, region: u64, key: Vec<u8> },
    /// `n4 has r1`, `n4 lacks r1`: a replica. `n4 installs r1`: a snapshot.
    Has { node: u64, region: u64, what: &'static str },
    /// `late answered`.
    Answered(OpId),
}

impl Until {
    fn is_so(&self, world: &World) -> bool {
        match self {
            Until::Leads { nodes, region } => nodes
                .iter()
                .any(|node| world.replica(*node, *region).is_some_and(|it| it.is_leader)),
            Until::Lease { node, region, state } => {
                world.lease_state(*node, *region) == Some(*state)
            }
            Until::Gone(region) => {
                (1..=world.nodes()).all(|node| world.replica(node, *region).is_none())
            }
            Until::Covers { node: None, region, key } => world.region_for(key) == *region,
            Until::Covers { node: Some(node), region, key } => {
                world.region_on(*node, *region).is_some_and(|region| region.contains(key))
            }
            Until::Has { node, region, what: "has" } => world.has_replica(*node, *region),
            Until::Has { node, region, what: "lacks" } => !world.has_replica(*node, *region),
            Until::Has { node, region, .. } => world.is_installing_snapshot(*node, *region),
            Until::Answered(op) => *world.result(*op) != OpResult::Pending,
        }
    }
}

impl Stage {
    /// `run 25ms`, `run to 15ms after every 100ms`, `run until n2,n3 lead`.
    pub(super) fn run(&mut self, words: &mut Words<'_>) -> Result<Vec<String>, Mistake> {
        if let Some(span) = words.maybe_span() {
            words.end()?;
            self.world.run_for(span);
            return Ok(Vec::new());
        }
        match words.one_of("end of a run, such as 25ms", &["to", "until"])? {
            "to" => self.run_to(words),
            _ => self.run_until(words),
        }
    }

    /// To the next moment that lies a span after a multiple of another one in true time. Leaders
    /// look for their quorum every election timeout: right behind that, one that is cut off remains
    /// a leader for the better part of two election timeouts (READ_PATH, E9).
    fn run_to(&mut self, words: &mut Words<'_>) -> Result<Vec<String>, Mistake> {
        let after = words.span("a span of time")?;
        words.one_of("word", &["after"])?;
        words.one_of("word", &["every"])?;
        let every = words.span("a span of time")?;
        words.end()?;
        let (after_ns, every_ns) = (after.as_nanos() as u64, every.as_nanos() as u64);
        if every_ns == 0 {
            let what = "a span of time of some length";
            return Err(Mistake::BadForm { word: "0".to_owned(), what });
        }
        let until_ns = self.world.now_ns().next_multiple_of(every_ns).saturating_add(after_ns);
        self.world.run_until(until_ns);
        Ok(Vec::new())
    }

    fn run_until(&mut self, words: &mut Words<'_>) -> Result<Vec<String>, Mistake> {
        let first = words.word("what to wait for")?;
        let until = if first == "lease" {
            let (node, region) = (self.node(words)?, words.region());
            let state = match words.one_of("state of a lease", &["valid", "suspect", "expired"])? {
                "valid" => LeaseState::Valid,
                "suspect" => LeaseState::Suspect,
                _ => LeaseState::Expired,
            };
            Until::Lease { node, region, state }
        } else if words.flag("answered") {
            Until::Answered(self.request(first)?)
        } else if words.flag("gone") {
            let what = "a region, such as r2";
            let region = numbered(first, 'r');
            Until::Gone(region.ok_or(Mistake::BadForm { word: first.to_owned(), what })?)
        } else if words.flag("covers") {
            let what = "a region, such as r2";
            let region = numbered(first, 'r');
            let region = region.ok_or(Mistake::BadForm { word: first.to_owned(), what })?;
            Until::Covers { node: None, region, key: words.word("a key")?.as_bytes().to_vec() }
        } else {
            let nodes = self.nodes(first)?;
            let region = words.region();
            match (
                words.one_of(
                    "state of a node",
                    &["leads", "lead", "covers", "has", "lacks", "installs"],
                )?,
                &nodes[..],
            ) {
                ("covers", [node]) => {
                    let key = words.word("a key")?.as_bytes().to_vec();
                    Until::Covers { node: Some(*node), region, key }
                }
                (what @ ("has" | "lacks" | "installs"), [node]) => {
                    Until::Has { node: *node, region: words.region(), what }
                }
                _ => Until::Leads { nodes, region },
            }
        };
        let limit = words.maybe_span().unwrap_or(PATIENCE);
        words.end()?;
        let began_ns = self.world.now_ns();
        let is_so = self.world.run_while(limit, |world| until.is_so(world));
        let after_ms = (self.world.now_ns() - began_ns) / 1_000_000;
        let mut came = match is_so {
            true => format!("after {after_ms} ms"),
            false => format!("not within {limit:?}"),
        };
        if let Until::Leads { nodes, region } = &until
            && nodes.len() > 1
            && let Some(leader) = self.world.leader(*region)
        {
            came = format!("n{leader}, {came}");
        }
        Ok(vec![came])
    }
}
