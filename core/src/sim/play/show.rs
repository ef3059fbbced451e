//! What a script asks about its world: `show`, `count`, `mark` and `check`.

use crate::history::{Op, OpKind};
use crate::lease::LeaseState;
use crate::sim::oracle::Violation;
use crate::sim::play::line::Words;
use crate::sim::play::messages::messages;
use crate::sim::play::mistake::Mistake;
use crate::sim::play::stage::Stage;

impl Stage {
    pub(super) fn show_command(
        &mut self,
        name: &str,
        words: &mut Words<'_>,
    ) -> Result<Vec<String>, Mistake> {
        match name {
            "show" => self.show(words),
            "count" => self.count(words).map(|came| vec![came]),
            "mark" => {
                self.world.start_tally();
                self.marked = self.last_indexes();
                Ok(Vec::new())
            }
            _ => Ok(vec![self.check()]),
        }
    }

    fn show(&mut self, words: &mut Words<'_>) -> Result<Vec<String>, Mistake> {
        let known = ["leader", "lease", "replica", "value", "regions", "held", "asleep"];
        let came = match words.one_of("thing to show", &known)? {
            "leader" => match self.world.leader(words.region()) {
                Some(node) => format!("n{node}"),
                None => "nobody".to_owned(),
            },
            "lease" => {
                let (node, region) = (self.node(words)?, words.region());
                self.lease(node, region)
            }
            "replica" => {
                let (node, region) = (self.node(words)?, words.region());
                self.replica(node, region)
            }
            "asleep" => {
                let region = words.region();
                let asleep: Vec<String> = (1..=self.world.nodes())
                    .filter(|node| self.world.replica(*node, region).is_some_and(|it| it.is_asleep))
                    .map(|node| format!("n{node}"))
                    .collect();
                if asleep.is_empty() { "nobody".to_owned() } else { asleep.join(", ") }
            }
            "value" => {
                let key = words.word("a key")?.as_bytes();
                let value = |node| match self.world.applied_value(node, key) {
                    Some(value) => format!("{} on n{node}", value.escape_ascii()),
                    None => format!("nothing on n{node}"),
                };
                let values: Vec<String> = (1..=self.world.nodes()).map(value).collect();
                values.join(", ")
            }
            "regions" => {
                let regions = self.world.known_regions();
                let line = |region: &std::sync::Arc<crate::region::Region>| {
                    let (start, end) = (&region.start_key, &region.end_key);
                    let (start, end) = (start.escape_ascii(), end.escape_ascii());
                    format!("r{} has [{start}, {end}) at {}", region.id, region.epoch)
                };
                return Ok(regions.iter().map(line).collect());
            }
            _ => {
                let held = self.world.held();
                return Ok(if held.is_empty() { vec!["nothing".to_owned()] } else { held });
            }
        };
        Ok(vec![came])
    }

    fn lease(&self, node: u64, region: u64) -> String {
        let left_ns = self.world.lease_left_ns(node, region).unwrap_or_default();
        match self.world.lease_state(node, region) {
            Some(LeaseState::Valid) => format!("valid for {:.1} ms", left_ns as f64 / 1e6),
            Some(LeaseState::Suspect) => "suspect".to_owned(),
            Some(LeaseState::Expired) => "expired".to_owned(),
            None => format!("n{node} does not lead"),
        }
    }

    fn replica(&self, node: u64, region: u64) -> String {
        let Some(view) = self.world.replica(node, region) else {
            return format!("n{node} has none that runs");
        };
        let role = if view.is_leader { "leads" } else { "follows" };
        let behind = view.commit.saturating_sub(view.applied);
        format!("{role} in term {}, {behind} of its commits to apply", view.term)
    }

    /// `count rounds n1`, `count MsgReadIndex n3->n1`, `count entries n1`, all since `mark`.
    fn count(&mut self, words: &mut Words<'_>) -> Result<String, Mistake> {
        let counted = |count: u64, one: &str, more: &str| match count {
            1 => format!("1 {one}"),
            _ => format!("{count} {more}"),
        };
        if words.flag("rounds") {
            let node = self.node(words)?;
            let rounds = self.world.tally().map_or(0, |tally| tally.read_rounds(node));
            return Ok(counted(rounds as u64, "read-index round", "read-index rounds"));
        }
        if words.flag("entries") {
            let (node, region) = (self.node(words)?, words.region());
            let last = self.last_indexes().get(&(node, region)).copied().unwrap_or_default();
            let marked = self.marked.get(&(node, region)).copied().unwrap_or_default();
            return Ok(counted(last.saturating_sub(marked), "log entry", "log entries"));
        }
        let (pattern, edges) = self.pattern(words)?;
        let sent = |(from, to): &(u64, u64)| {
            self.world.tally().map_or(0, |tally| tally.sent(pattern, *from, *to))
        };
        Ok(messages(edges.iter().map(sent).sum::<u64>() as usize))
    }

    fn last_indexes(&self) -> std::collections::BTreeMap<(u64, u64), u64> {
        let mut indexes = std::collections::BTreeMap::new();
        for region in self.world.known_regions().iter().map(|region| region.id) {
            for node in 1..=self.world.nodes() {
                if let Some(view) = self.world.replica(node, region) {
                    indexes.insert((node, region), view.last);
                }
            }
        }
        indexes
    }

    /// Judges what was seen; what is wrong is told as of any command.
    fn check(&mut self) -> String {
        let is_linearizable = self.world.check_history();
        match self.world.violations().len() {
            0 => "sound".to_owned(),
            _ if is_linearizable => "linearizable, but not sound".to_owned(),
            _ => "not linearizable".to_owned(),
        }
    }
}

/// A violation, and the operations that prove it, in the order in which they were asked.
pub(super) fn violation(violation: &Violation) -> Vec<String> {
    // The operations say it better than the words behind the key.
    let words = match violation.operations.is_empty() {
        true => violation.words.as_str(),
        false => violation.words.split(": ").next().unwrap_or_default(),
    };
    let head = format!("violation of {}: {words}", violation.invariant.as_str());
    let mut operations: Vec<&Op> = violation.operations.iter().collect();
    operations.sort_by_key(|op| op.invoked_ns);
    std::iter::once(head).chain(operations.into_iter().map(operation)).collect()
}

fn operation(op: &Op) -> String {
    let ms = |ns: u64| format!("{:.3} ms", ns as f64 / 1e6);
    let until = op.returned_ns.map_or("without an end".to_owned(), |ns| format!("to {}", ms(ns)));
    let from = ms(op.invoked_ns);
    match &op.kind {
        OpKind::Write(value) => {
            format!("    {} written, from {from} {until}", value.escape_ascii())
        }
        OpKind::Read(value) => {
            let value = value.as_deref().unwrap_or(b"nothing").escape_ascii();
            format!("    {value} read, from {from} {until}")
        }
    }
}
