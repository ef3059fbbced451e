//! Random faults, some at a time, each undone after a while; the seed decides all of it.
//!
//! Leaders are hit more often than others, since most rules are about them. Clock rates are drawn
//! from the extremes of the allowed drift: those find a lease that is too long five to twelve times
//! as often as rates in between.

use std::collections::BTreeMap;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::ids::StoreId;
use crate::region::PeerRole;
use crate::sim::disk::Room;
use crate::sim::fault::Fault;
use crate::sim::queue::Event;
use crate::sim::requests::{Request, What};
use crate::sim::story::Happening;
use crate::sim::world::World;

/// How long until the next fault begins, in nanoseconds.
const GAP_NS: std::ops::Range<u64> = 5_000_000..250_000_000;
/// How long a fault lasts: from less than a lease to more than two election timeouts.
const SPAN_NS: std::ops::Range<u64> = 10_000_000..400_000_000;
/// No region is split beyond this many.
const REGIONS_MAX: usize = 5;
/// No more faults than this at a time.
const ACTIVE_MAX: usize = 3;

/// A fault that lasts, and what undoes it.
#[derive(Clone, Debug)]
enum Active {
    Cuts(Vec<(u64, u64)>),
    Drop,
    Duplicate,
    Reorder,
    Delay(u64, u64),
    PauseRaft(u64),
    PauseApply(u64),
    PauseReader(u64),
    Crash(u64),
    DiskStall(u64),
    Freeze(u64),
    Lull,
    DiskFull(u64),
}

impl Active {
    /// What it was, for people.
    fn told(&self) -> String {
        match self {
            Active::Cuts(_) => "the cut is healed".to_owned(),
            Active::Drop => "nothing is lost any more".to_owned(),
            Active::Duplicate => "nothing is repeated any more".to_owned(),
            Active::Reorder => "messages keep their order".to_owned(),
            Active::Delay(one, two) => format!("n{one} and n{two} are fast again"),
            Active::PauseRaft(node) => format!("the raft thread of n{node} goes on"),
            Active::PauseApply(node) => format!("the apply loop of n{node} goes on"),
            Active::PauseReader(node) => format!("the readers of n{node} go on"),
            Active::Crash(node) => format!("n{node} comes back"),
            Active::DiskStall(node) => format!("the disk of n{node} is fast again"),
            Active::Freeze(node) => format!("the clock of n{node} runs again"),
            Active::Lull => "clients go on".to_owned(),
            Active::DiskFull(node) => format!("n{node} has room on its disk again"),
        }
    }
}

/// What began, for people.
fn told_fault(fault: Fault, node: u64, active: Option<&Active>) -> String {
    match active {
        Some(Active::Cuts(cuts)) => {
            let cuts: Vec<String> =
                cuts.iter().map(|(from, to)| format!("n{from}→n{to}")).collect();
            format!("cut: {}", cuts.join(", "))
        }
        Some(Active::Delay(one, two)) => format!("slow between n{one} and n{two}"),
        Some(_) | None => format!("{fault} on n{node}"),
    }
}

/// Chooses faults.
#[derive(Debug)]
pub(super) struct Nemesis {
    rng: SmallRng,
    enabled: Vec<Fault>,
    active: BTreeMap<usize, Active>,
    count: usize,
    /// Since when there has been no fault; never while there is one, or before the first.
    calm_since_ns: Option<u64>,
    begun: BTreeMap<&'static str, u64>,
}

impl Nemesis {
    pub(super) fn new(seed: u64) -> Self {
        let (enabled, active, begun) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let (rng, calm_since_ns) = (SmallRng::seed_from_u64(seed), None);
        Nemesis { rng, enabled, active, count: 0, calm_since_ns, begun }
    }

    /// How long there has been no fault by now, in nanoseconds.
    pub(super) fn calm_ns(&self, now_ns: u64) -> u64 {
        self.calm_since_ns.map_or(0, |since_ns| now_ns - since_ns)
    }

    /// From now on nothing is wrong.
    pub(super) fn calms_down(&mut self, now_ns: u64) {
        self.calm_since_ns = Some(now_ns);
    }

    /// How often each fault has begun.
    pub(super) fn begun(&self) -> &BTreeMap<&'static str, u64> {
        &self.begun
    }
}

impl World {
    /// Lets these faults happen from now on.
    pub(super) fn start_faults(&mut self, faults: &[Fault]) {
        self.nemesis.enabled = faults.to_vec();
        if faults.contains(&Fault::ClockRate) {
            for node in 1..=self.nodes.len() as u64 {
                self.draw_clock_rate(node);
            }
        }
        self.plan_fault();
    }

    fn plan_fault(&mut self) {
        if !self.nemesis.enabled.is_empty() {
            let at_ns = self.now_ns() + self.nemesis.rng.random_range(GAP_NS);
            self.queue.push(at_ns, Event::FaultBegins);
        }
    }

    pub(super) fn fault_begins(&mut self) {
        if self.nemesis.enabled.is_empty() {
            return;
        }
        self.plan_fault();
        if self.nemesis.active.len() >= ACTIVE_MAX {
            return;
        }
        let fault = self.choose();
        let node = self.victim();
        *self.nemesis.begun.entry(fault.as_str()).or_default() += 1;
        self.note(node, "fault", fault.as_str());
        self.nemesis.calm_since_ns = self.nemesis.calm_since_ns.and(Some(self.now_ns()));
        let inflicted = self.inflict(fault, node);
        let words = told_fault(fault, node, inflicted.as_ref());
        self.tell(Some(node), 0, Happening::Fault(words));
        if let Some(active) = inflicted {
            self.nemesis.calm_since_ns = None;
            self.nemesis.count += 1;
            let number = self.nemesis.count;
            self.nemesis.active.insert(number, active);
            let at_ns = self.now_ns() + self.nemesis.rng.random_range(SPAN_NS);
            self.queue.push(at_ns, Event::FaultEnds { number });
        }
    }

    fn choose(&mut self) -> Fault {
        let Nemesis { rng, enabled, .. } = &mut self.nemesis;
        let mut left = rng.random_range(0..enabled.iter().map(|fault| fault.weight()).sum());
        let chosen = enabled.iter().find(|fault| {
            let is_it = left < fault.weight();
            left = left.saturating_sub(fault.weight());
            is_it
        });
        // `fault_begins` has seen that there is one.
        chosen.copied().unwrap_or(enabled[0])
    }

    /// A leader more often than not.
    fn victim(&mut self) -> u64 {
        let region = self.random_region();
        let any = self.nemesis.rng.random_range(1..=self.nodes.len() as u64);
        match self.leader(region) {
            Some(leader) if self.nemesis.rng.random_range(0..5) < 3 => leader,
            Some(_) | None => any,
        }
    }

    fn random_region(&mut self) -> u64 {
        let place = self.nemesis.rng.random_range(0..self.regions.len());
        self.regions[place].id
    }

    fn other(&mut self, node: u64) -> u64 {
        let nodes = self.nodes.len() as u64;
        (node + self.nemesis.rng.random_range(1..nodes.max(2)) - 1) % nodes + 1
    }

    /// Begins a fault; what undoes it, if it lasts.
    fn inflict(&mut self, fault: Fault, node: u64) -> Option<Active> {
        let percent = self.nemesis.rng.random_range(2..40);
        match fault {
            Fault::Partition => {
                let cuts = self.random_partition(node);
                self.cut_all(&cuts);
                Some(Active::Cuts(cuts))
            }
            Fault::OneWayCut => {
                let other = self.other(node);
                let cuts = match self.nemesis.rng.random() {
                    true => vec![(node, other)],
                    false => vec![(other, node)],
                };
                self.cut_all(&cuts);
                Some(Active::Cuts(cuts))
            }
            Fault::Drop => {
                self.network.edges_mut().for_each(|edge| edge.drop_percent = percent);
                Some(Active::Drop)
            }
            Fault::Duplicate => {
                self.network.edges_mut().for_each(|edge| edge.duplicate_percent = percent);
                Some(Active::Duplicate)
            }
            Fault::Reorder => {
                self.network.edges_mut().for_each(|edge| edge.reorder_percent = percent);
                Some(Active::Reorder)
            }
            Fault::Delay => {
                let other = self.other(node);
                let extra_ns = self.nemesis.rng.random_range(1_000_000..250_000_000);
                self.network.edge(node, other).extra_ns = extra_ns;
                if self.nemesis.rng.random() {
                    self.network.edge(other, node).extra_ns = extra_ns;
                }
                Some(Active::Delay(node, other))
            }
            Fault::PauseRaft => {
                self.pause_raft(node);
                Some(Active::PauseRaft(node))
            }
            Fault::PauseApply => {
                self.pause_apply(node);
                Some(Active::PauseApply(node))
            }
            Fault::PauseReader => {
                self.pause_reader(node);
                Some(Active::PauseReader(node))
            }
            Fault::CrashRestart => {
                self.crash_node(node);
                Some(Active::Crash(node))
            }
            Fault::DiskStall => {
                let extra_ns = self.nemesis.rng.random_range(1_000_000..150_000_000);
                self.node_mut(node).disk_extra_ns = extra_ns;
                Some(Active::DiskStall(node))
            }
            Fault::DiskFull => {
                let room = if self.nemesis.rng.random() { Room::None } else { Room::Low };
                self.set_disk_room(node, room);
                Some(Active::DiskFull(node))
            }
            Fault::Lull => {
                self.lulls += 1;
                Some(Active::Lull)
            }
            Fault::ClockFreeze => {
                self.node(node).clock.freeze();
                Some(Active::Freeze(node))
            }
            Fault::ClockRate => {
                self.draw_clock_rate(node);
                None
            }
            Fault::ClockStep => {
                let by_ns = self.nemesis.rng.random_range(1_000_000..500_000_000);
                self.node(node).clock.step_ns(-by_ns);
                None
            }
            Fault::TransferLeader => {
                self.random_transfer(node);
                None
            }
            Fault::Split => {
                self.random_split();
                None
            }
            Fault::Merge => {
                self.random_merge();
                None
            }
            Fault::ChangePeers => {
                self.random_change_of_peers();
                None
            }
        }
    }

    /// Both directions between two groups, one of which has `node`.
    fn random_partition(&mut self, node: u64) -> Vec<(u64, u64)> {
        let mut cuts = Vec::new();
        let nodes = self.nodes.len() as u64;
        let side: Vec<bool> = (1..=nodes)
            .map(|other| other == node || self.nemesis.rng.random_range(0..4) == 0)
            .collect();
        for from in 1..=nodes {
            for to in 1..=nodes {
                if side[from as usize - 1] != side[to as usize - 1] {
                    cuts.push((from, to));
                }
            }
        }
        cuts
    }

    fn cut_all(&mut self, cuts: &[(u64, u64)]) {
        cuts.iter().for_each(|(from, to)| self.network.edge(*from, *to).cuts += 1);
    }

    fn draw_clock_rate(&mut self, node: u64) {
        let extreme = (self.config.core.allowed_drift * 1e6) as i64;
        let rate = [-extreme, 0, extreme][self.nemesis.rng.random_range(0..3)];
        self.node(node).clock.set_rate_ppm(rate);
    }

    fn random_transfer(&mut self, node: u64) {
        let region = self.random_region();
        let from = self.leader(region).unwrap_or(node);
        let other = self.other(from);
        let Some(to) = self.peer_meta(region, other) else { return };
        let what = What::Transfer(to.peer_id());
        let op = self.new_request(Request::new(from, region, b"", what));
        self.submit(op);
    }

    fn random_split(&mut self) {
        if self.regions.len() >= REGIONS_MAX {
            return;
        }
        let place = self.nemesis.rng.random_range(0..self.config.keys.len());
        let mut key = self.config.keys[place].clone();
        if self.nemesis.rng.random() {
            // Right behind it.
            key.push(0);
        }
        let (region, right_derive) = (self.region_for(&key), self.nemesis.rng.random());
        let (_, request) = self.split_request(region, &key, right_derive);
        let op = self.new_request(request);
        self.submit(op);
    }

    /// Towards three voters at least, if there are nodes for it: a group of one or two is no test.
    fn random_change_of_peers(&mut self) {
        let region = self.random_region();
        let Some(known) = self.regions.iter().find(|known| known.id == region).cloned() else {
            return;
        };
        let count = self.nemesis.rng.random_range(1..=2);
        let mut changes = Vec::new();
        for _ in 0..count {
            let node = self.nemesis.rng.random_range(1..=self.nodes.len() as u64);
            let role = match self.nemesis.rng.random_range(0..3) {
                0 => PeerRole::Learner,
                _ => PeerRole::Voter,
            };
            let is_there = known.peer_on(StoreId(node)).is_some();
            let removes = is_there && self.nemesis.rng.random() && known.peers.len() > 2;
            match removes {
                true => changes.extend(self.remove_change(region, node)),
                false => changes.push(self.put_change(region, node, role)),
            }
        }
        let request = self.change_request(region, changes);
        let op = self.new_request(request);
        self.submit(op);
    }

    fn random_merge(&mut self) {
        let source = self.random_region();
        let Some(target) = self.neighbour(source) else { return };
        let request = self.merge_request(source, target);
        let op = self.new_request(request);
        self.submit(op);
    }

    pub(super) fn fault_ends(&mut self, number: usize) {
        let Some(active) = self.nemesis.active.remove(&number) else { return };
        let now_ns = self.now_ns();
        self.log.note(now_ns, None, "fault-ends", &format_args!("{active:?}"));
        let words = active.told();
        self.tell(None, 0, Happening::Fault(words));
        match active {
            Active::Cuts(cuts) => {
                for (from, to) in cuts {
                    let edge = self.network.edge(from, to);
                    edge.cuts = edge.cuts.saturating_sub(1);
                }
            }
            Active::Drop => self.network.edges_mut().for_each(|edge| edge.drop_percent = 0),
            Active::Duplicate => {
                self.network.edges_mut().for_each(|edge| edge.duplicate_percent = 0);
            }
            Active::Reorder => self.network.edges_mut().for_each(|edge| edge.reorder_percent = 0),
            Active::Delay(one, two) => {
                self.network.edge(one, two).extra_ns = 0;
                self.network.edge(two, one).extra_ns = 0;
            }
            Active::PauseRaft(node) => self.resume_raft(node),
            Active::PauseApply(node) => self.resume_apply(node),
            Active::PauseReader(node) => self.resume_reader(node),
            Active::Crash(node) => self.restart(node),
            Active::DiskStall(node) => self.node_mut(node).disk_extra_ns = 0,
            Active::DiskFull(node) => {
                self.set_disk_room(node, Room::Enough);
                self.restart(node);
            }
            Active::Lull => self.lulls -= 1,
            Active::Freeze(node) => self.node(node).clock.set_rate_ppm(0),
        }
        if self.nemesis.active.is_empty() {
            self.nemesis.calm_since_ns = Some(now_ns);
        }
    }

    /// Ends every fault, and lets none begin.
    pub(super) fn stop_faults(&mut self) {
        self.nemesis.enabled.clear();
        let active: Vec<usize> = self.nemesis.active.keys().copied().collect();
        active.into_iter().for_each(|number| self.fault_ends(number));
        self.heal();
        self.nodes.iter().for_each(|node| node.clock.set_rate_ppm(0));
    }
}
