//! Says what came of the seeds: as text, and as JSON.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use raftlens_core::sim::Violation;
use serde_json::{Value, json};

use super::search::Found;
use super::{proof, words};

/// A violation that was looked at.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) seed: u64,
    pub(crate) violation: Violation,
    /// The command that runs it again.
    pub(crate) replay: String,
    /// The command that draws its trace; none if nothing was recorded.
    pub(crate) draw: Option<String>,
    pub(crate) written: Vec<PathBuf>,
}

impl Explained {
    /// What was violated, with the operations that prove it and what to do next.
    pub(crate) fn text(&self) -> String {
        let violation = &self.violation;
        let mut out = String::new();
        let (name, at) = (violation.invariant.as_str(), words::seconds(violation.at_ns));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "violation of {name}, seed {}, found at {at}", self.seed);
        if let Some(proof) = proof::proof(&violation.operations) {
            let _ = writeln!(out, "  {}", proof.lines().join(" "));
        }
        if !violation.operations.is_empty() {
            let _ =
                writeln!(out, "  {:>12}  {:>12}  {:>9}  operation", "called", "returned", "client");
        }
        let mut operations = violation.operations.clone();
        operations.sort_by_key(|op| op.invoked_ns);
        for op in &operations {
            let returned = op.returned_ns.map_or_else(|| "-".to_owned(), words::seconds);
            let client = usize::try_from(op.client).ok().filter(|client| *client < 1_000_000);
            let (called, what) = (words::seconds(op.invoked_ns), words::op(op));
            let client = client.map_or_else(|| "-".to_owned(), |client| client.to_string());
            let _ = writeln!(out, "  {called:>12}  {returned:>12}  {client:>9}  {what}");
        }
        let _ = writeln!(out, "  why:    {}", violation.words);
        let _ = writeln!(out, "  replay: {}", self.replay);
        let _ = writeln!(out, "  draw:   {}", self.draw.as_deref().unwrap_or("-"));
        for path in &self.written {
            let _ = writeln!(out, "  wrote   {}", path.display());
        }
        out
    }

    fn json(&self) -> Value {
        let operations: Vec<Value> = self
            .violation
            .operations
            .iter()
            .map(|op| {
                json!({
                    "client": op.client,
                    "key": words::text(&op.key),
                    "kind": if op.is_write() { "write" } else { "read" },
                    "value": op.value().map(words::text),
                    "invoked_ns": op.invoked_ns,
                    "returned_ns": op.returned_ns,
                })
            })
            .collect();
        json!({
            "seed": self.seed,
            "invariant": self.violation.invariant.as_str(),
            "at_ns": self.violation.at_ns,
            "words": self.violation.words,
            "operations": operations,
            "replay": self.replay,
            "draw": self.draw,
            "written": self.written,
        })
    }
}

/// The figures of all seeds.
pub(crate) fn text(found: &Found, took: Duration) -> String {
    let simulated_s = found.simulated_ns as f64 / 1e9;
    let times = simulated_s / took.as_secs_f64().max(1e-9);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} seeds, {:.1} s simulated in {:.1} s: {times:.0} times real time",
        found.seeds,
        simulated_s,
        took.as_secs_f64()
    );
    let _ = writeln!(out, "{} events, {} elections", found.events, found.elections);
    let _ = writeln!(out, "operations: {}", counts(&found.operations));
    let _ = writeln!(out, "faults: {}", counts(&found.faults));
    if found.violated.is_empty() {
        let _ = writeln!(out, "no violation");
    } else {
        let seeds: Vec<String> = found.violated.keys().take(20).map(u64::to_string).collect();
        let more = if found.violated.len() > 20 { ", ..." } else { "" };
        let _ = writeln!(
            out,
            "{} of {} seeds violate an invariant: {}{more}",
            found.violated.len(),
            found.seeds,
            seeds.join(", ")
        );
    }
    out
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

/// The same as JSON.
pub(crate) fn json(found: &Found, explained: &[Explained], took: Duration) -> Value {
    let simulated_s = found.simulated_ns as f64 / 1e9;
    json!({
        "seeds": found.seeds,
        "simulated_s": simulated_s,
        "took_s": took.as_secs_f64(),
        "times_real_time": simulated_s / took.as_secs_f64().max(1e-9),
        "events": found.events,
        "elections": found.elections,
        "operations": found.operations,
        "faults": found.faults,
        "violated": found.violated.keys().collect::<Vec<_>>(),
        "violations": explained.iter().map(Explained::json).collect::<Vec<_>>(),
    })
}
