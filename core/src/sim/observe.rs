//! What the world sees of its nodes after each step: what the oracles are told, what the log notes,
//! what is counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Clock;
use crate::history::{History, Op};
use crate::ids::RegionId;
use crate::lease::LeaseState;
use crate::sim::oracle::{Invariant, LeaseHolder, Violation, lease_exclusive};
use crate::sim::requests::{AskRead, OpId, OpResult, What};
use crate::sim::story::Happening;
use crate::sim::world::World;

/// Of each invariant this many violations are kept: the first ones tell, the rest repeats them.
const VIOLATIONS_MAX: usize = 3;

impl World {
    /// Looks at a node after something has changed on it.
    pub(super) fn observe(&mut self, id: u64) {
        let now_ns = self.now_ns();
        let World { nodes, oracles, log, sleeps, .. } = self;
        let node = &mut nodes[id as usize - 1];
        let Some(running) = &mut node.running else { return };
        for (region, fsm) in &running.fsms {
            let (region, is_asleep) = (region.0, fsm.peer.hibernation.is_asleep());
            if is_asleep && running.asleep.insert(region) {
                *sleeps += u64::from(fsm.peer.is_leader());
                log.note(now_ns, Some(id), "sleeps", &format_args!("region={region}"));
            } else if !is_asleep && running.asleep.remove(&region) {
                log.note(now_ns, Some(id), "wakes", &format_args!("region={region}"));
            }
        }
        let (mut found, mut holding) = (Vec::new(), Vec::new());
        for (region, fsm) in &running.fsms {
            let (peer, region) = (&fsm.peer, region.0);
            let applied = peer.storage().applied_index();
            if let Err(words) =
                oracles.applied.seen((id, region), (peer.meta.id, node.incarnation), applied)
            {
                found.push((Invariant::AppliedMonotonic, words));
            }
            if !peer.is_leader() {
                continue;
            }
            holding.push(region);
            let term = peer.term();
            match oracles.elections.leads(region, term, id) {
                Ok(false) => {}
                Ok(true) => {
                    let log = &peer.raft_group.raft.raft_log;
                    let term_at = |index| log.term(index).ok();
                    let log = (log.last_index(), &term_at as &dyn Fn(u64) -> Option<u64>);
                    if let Err(words) = oracles.committed.leads(region, id, term, log) {
                        found.push((Invariant::CommittedEntries, words));
                    }
                }
                Err(words) => found.push((Invariant::ElectionSafety, words)),
            }
        }
        for region in holding {
            if let Some(holder) = self.lease_holder(id, RegionId(region))
                && let Err(words) = lease_exclusive(&holder, self.other_lease_holders(&holder))
            {
                found.push((Invariant::LeaseExclusive, words));
            }
        }
        for (invariant, words) in found {
            self.violate(invariant, words, Vec::new());
        }
        self.tell_changes(id);
    }

    /// Everybody else who would answer a read of one of its keys under a lease now.
    fn other_lease_holders(&self, holder: &LeaseHolder) -> impl Iterator<Item = LeaseHolder> {
        let others = self.nodes.iter().filter(|node| node.id != holder.node);
        others.flat_map(move |node| {
            let running = node.running.iter();
            let fsms = running.flat_map(|running| running.fsms.iter());
            let overlapping = fsms.filter(|(_, fsm)| fsm.peer.region().overlaps(&holder.region));
            overlapping.filter_map(move |(region, _)| self.lease_holder(node.id, *region))
        })
    }

    /// Whether a node would answer a read under a lease now: its peer, or a reader's thread of it.
    fn lease_holder(&self, id: u64, region: RegionId) -> Option<LeaseHolder> {
        let node = self.node(id);
        let running = node.running.as_ref()?;
        let peer = &running.fsms.get(&region)?.peer;
        let now = node.clock.monotonic_raw_now();
        let by_peer = peer.is_leader()
            && peer.storage().applied_index_term() == peer.term()
            && peer.raft_group.raft.in_lease()
            && peer.leader_lease.state_at(now) == LeaseState::Valid;
        if by_peer {
            let left_ns = peer.leader_lease.remaining_ns(now).unwrap_or_default();
            let (region, term) = (Arc::clone(peer.region()), peer.term());
            return Some(LeaseHolder { node: id, region, term, left_ns });
        }
        running.ctx.meta.look(region, |delegate| {
            let lease = delegate.leader_lease.as_ref()?;
            let by_reader = delegate.applied_term == delegate.term
                && lease.term() == delegate.term
                && lease.inspect(now) == LeaseState::Valid;
            let left_ns = lease.remaining_ns(now).unwrap_or_default();
            let (region, term) = (Arc::clone(&delegate.region), delegate.term);
            by_reader.then_some(LeaseHolder { node: id, region, term, left_ns })
        })
    }

    /// Notes that something happened that must not.
    pub(super) fn violate(&mut self, invariant: Invariant, words: String, operations: Vec<Op>) {
        let (at_ns, seed) = (self.now_ns(), self.config.seed);
        self.log.note(at_ns, None, "violation", &format_args!("{}: {words}", invariant.as_str()));
        let known = self.violations.iter().filter(|known| known.invariant == invariant).count();
        if known < VIOLATIONS_MAX {
            self.violations.push(Violation { invariant, seed, at_ns, words, operations });
        }
    }

    /// What went wrong so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// What clients and scripts have seen so far.
    pub fn history(&self) -> History {
        History { ops: self.history.iter().flatten().cloned().collect() }
    }

    /// How long a store may take at the longest until it has answered: its deadline by a slow
    /// clock, found at the next tick, and a round.
    pub(super) fn answer_max_ns(&self) -> u64 {
        let slowest = 1.0 + 2.0 * self.core.allowed_drift;
        let deadline = self.core.deadline.mul_f64(slowest) + 4 * self.core.base_tick;
        deadline.as_nanos() as u64 + 100_000_000
    }

    pub(super) fn note(&mut self, node: u64, event: &str, detail: &str) {
        self.log.note(self.truth.now_ns(), Some(node), event, &detail);
    }

    pub(super) fn note_applied(&mut self, node: u64, region: u64, index: u64) {
        let detail = format_args!("region={region} index={index}");
        self.log.note(self.truth.now_ns(), Some(node), "apply", &detail);
        self.tell(Some(node), region, Happening::Applied { index });
    }

    pub(super) fn note_request(&mut self, op: OpId) {
        self.tell_called(op);
        let request = &self.requests[op.0 as usize - 1];
        let key = request.key.escape_ascii();
        let (now_ns, node) = (self.truth.now_ns(), Some(request.node));
        match &request.what {
            What::Write(value) => {
                let value = value.escape_ascii();
                self.log.note(now_ns, node, "write", &format_args!("{op} {key}={value}"));
            }
            What::Read(ask) => {
                let ask = ask_name(*ask);
                self.log.note(now_ns, node, "read", &format_args!("{op} {key} {ask}"));
            }
            What::Admin(admin) => {
                let (region, admin) = (request.region, admin.as_str());
                self.log.note(now_ns, node, admin, &format_args!("{op} region={region}"));
            }
            What::Transfer(to) => {
                self.log.note(now_ns, node, "transfer", &format_args!("{op} peer={to}"));
            }
        }
    }

    pub(super) fn note_result(&mut self, op: OpId, result: &OpResult) {
        self.tell_answered(op);
        let node = self.requests[op.0 as usize - 1].node;
        let (now_ns, node) = (self.truth.now_ns(), Some(node));
        match result {
            OpResult::Value { value, mode, term } => {
                let value = value.as_deref().unwrap_or(b"nothing").escape_ascii();
                let detail = format_args!("{op} {value} {} term={term}", mode.as_str());
                self.log.note(now_ns, node, "answer", &detail);
            }
            OpResult::Written => self.log.note(now_ns, node, "written", &op),
            OpResult::Failed(error) => {
                self.log.note(now_ns, node, "refused", &format_args!("{op} {error}"));
            }
            OpResult::GivenUp | OpResult::Pending => self.log.note(now_ns, node, "given-up", &op),
        }
    }

    /// Counts what was answered, by how it was served.
    pub(super) fn count(&mut self, op: OpId, result: &OpResult) {
        let name = match (result, &self.request(op).what) {
            (OpResult::Value { .. }, What::Read(AskRead::Index { .. })) => "read_index_rpc",
            (OpResult::Value { mode, .. }, _) => mode.as_str(),
            (OpResult::Written, What::Write(_)) => "write",
            (OpResult::Written, What::Admin(admin)) => admin.as_str(),
            (OpResult::Written, What::Transfer(_) | What::Read(_)) => "transfer",
            (OpResult::Failed(_), _) => "refused",
            (OpResult::GivenUp | OpResult::Pending, _) => "given_up",
        };
        *self.operations.entry(name).or_default() += 1;
    }

    /// How many messages the nodes have refused, by kind; those alone that there were.
    pub fn refused_messages(&self) -> BTreeMap<&'static str, u64> {
        let mut all = BTreeMap::new();
        let counts = self.nodes.iter().flat_map(|node| node.gate.refused.counts());
        for (label, count) in counts.filter(|(_, count)| *count > 0) {
            *all.entry(label).or_default() += count;
        }
        all
    }

    /// How many operations there were, by how they were served.
    pub fn operations(&self) -> &BTreeMap<&'static str, u64> {
        &self.operations
    }
}

fn ask_name(ask: AskRead) -> &'static str {
    match ask {
        AskRead::Leader => "leader",
        AskRead::Scan => "scan",
        AskRead::Quorum => "quorum",
        AskRead::Replica => "replica",
        AskRead::Index { .. } => "index",
    }
}
