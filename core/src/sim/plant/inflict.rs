//! What an ailment does to a world and to its clients, step by step.

use std::ops::Range;
use std::time::Duration;

use rand::Rng;
use rand::rngs::SmallRng;

use crate::sim::clock::whole_ns as ns;
use crate::sim::network::MessagePattern;
use crate::sim::plant::ailment::Ailment;
use crate::sim::plant::course::Planted;
use crate::sim::plant::load::{Kind, Load};
use crate::sim::requests::{AskRead, Request, What};
use crate::sim::world::World;

/// Something that happens at its time.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) at_ns: u64,
    pub(super) act: Act,
}

/// What can happen. Nodes and regions go by their numbers.
#[derive(Clone, Debug)]
pub(super) enum Act {
    SlowSnapshots(u64, Duration),
    /// So many blocks a read, so long each.
    LoseCache(u64, (u64, Duration)),
    /// So many deleted keys a scan, so long each.
    Litter(u64, (u64, Duration)),
    Burden(u64, u64, Duration),
    /// So many requests of a kind at once.
    Requests(Kind, u64, usize),
    /// One read at a node, whoever leads.
    ReadAt(AskRead, u64, u64),
    WriteMuch(u64, usize),
    Quiet(u64, bool),
    Hold(&'static str, u64, u64, u64),
    Release(&'static str, u64, u64, u64),
    Lose(&'static str, u64, u64, u64),
    Transfer(u64, u64),
    Crash(u64),
    Restart(u64),
    Cut(u64, u64),
    Mend(u64, u64),
    Slow(u64, u64, Duration),
    PauseApply(u64),
    ResumeApply(u64),
    PauseAll(u64),
    ResumeAll(u64),
    StallDisk(u64, Duration),
    Avoid(u64, bool),
    Favour(Option<u64>),
    Believe(Option<(u64, u64)>),
    Outdate(Option<u64>),
    Split(u64),
    Merge(u64, u64),
    Patience(Option<Duration>),
}

fn pattern(name: &str, region: u64) -> MessagePattern {
    MessagePattern::parse(name).unwrap_or(MessagePattern::ANY).in_region(region)
}

impl Act {
    pub(super) fn happen(self, world: &mut World, load: &mut Load, rng: &mut SmallRng) {
        match self {
            Act::SlowSnapshots(node, span) => world.slow_snapshots(node, span),
            Act::LoseCache(node, (blocks, each)) => world.lose_cache(node, blocks, each),
            Act::Litter(node, (tombstones, each)) => world.litter(node, tombstones, each),
            Act::Burden(node, region, span) => world.burden_raft(node, region, span),
            Act::Requests(kind, region, count) => {
                for _ in 0..count {
                    load.request(world, rng, (kind, region));
                }
            }
            Act::ReadAt(ask, region, node) => {
                let known = world.regions.iter().find(|known| known.id == region);
                let key = known.map(|known| [known.start_key.as_slice(), b"0"].concat());
                if let Some(key) = key {
                    world.ask(Request::new(node, region, &key, What::Read(ask)));
                }
            }
            Act::WriteMuch(region, bytes) => load.write_much(world, region, bytes),
            Act::Quiet(region, true) => drop(load.quiet.insert(region)),
            Act::Quiet(region, false) => drop(load.quiet.remove(&region)),
            Act::Hold(name, region, from, to) => world.hold(pattern(name, region), from, to),
            Act::Release(name, region, from, to) => {
                world.release(pattern(name, region), from, to);
            }
            Act::Lose(name, region, from, to) => {
                world.drop_held(pattern(name, region), from, to);
            }
            Act::Transfer(region, to) => drop(world.transfer(region, to)),
            Act::Crash(node) => world.crash(node),
            Act::Restart(node) => world.restart(node),
            Act::Cut(from, to) => world.cut(from, to),
            Act::Mend(from, to) => world.mend(from, to),
            Act::Slow(from, to, span) => world.slow(from, to, span),
            Act::PauseApply(node) => world.pause_apply(node),
            Act::ResumeApply(node) => world.resume_apply(node),
            Act::PauseAll(node) => {
                world.pause_raft(node);
                world.pause_apply(node);
                world.pause_reader(node);
            }
            Act::ResumeAll(node) => {
                world.resume_raft(node);
                world.resume_apply(node);
                world.resume_reader(node);
            }
            Act::StallDisk(node, span) => world.stall_disk(node, span),
            Act::Avoid(node, true) => drop(load.avoided.insert(node)),
            Act::Avoid(node, false) => drop(load.avoided.remove(&node)),
            Act::Favour(node) => load.favoured = node,
            Act::Believe(belief) => load.believed = belief,
            Act::Outdate(region) => {
                let known = world.regions.iter().find(|known| Some(known.id) == region);
                load.outdated = known.cloned();
            }
            Act::Split(region) => {
                let known = world.regions.iter().find(|known| known.id == region);
                if let Some(key) = known.map(|known| [known.start_key.as_slice(), b"5"].concat()) {
                    // Nobody uses the new region, which has no leader yet.
                    let (new, _) = world.split(region, &key);
                    load.quiet.insert(new);
                }
            }
            Act::Merge(source, target) => drop(world.merge(source, target)),
            Act::Patience(span) => load.patience = span,
        }
    }
}

/// The steps of an ailment, under way of being written down.
struct Plan<'a> {
    span: Range<u64>,
    steps: Vec<Step>,
    rng: &'a mut SmallRng,
    nodes: u64,
    region: u64,
    leader: u64,
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The steps of an ailment in a span of time, and what it is. The place is where the seed wants it.
pub(super) fn steps(
    ailment: Ailment,
    span: &Range<u64>,
    world: &World,
    rng: &mut SmallRng,
) -> (Planted, Vec<Step>) {
    let regions: Vec<u64> = world.regions.iter().map(|region| region.id).collect();
    let region = regions[rng.random_range(0..regions.len())];
    let leader = world.leader(region).unwrap_or(1);
    let (span, nodes) = (span.clone(), world.nodes());
    let mut plan = Plan { span: span.clone(), steps: Vec::new(), rng, nodes, region, leader };
    let (node, strength) = plan.write(ailment, world, &regions);
    let strength_ns = ns(strength);
    (Planted { ailment, node, region, span_ns: span, strength_ns }, plan.steps)
}

impl Plan<'_> {
    fn at(&mut self, at_ns: u64, act: Act) {
        self.steps.push(Step { at_ns, act });
    }

    /// From the beginning of the span to its end.
    fn throughout(&mut self, begin: Act, end: Act) {
        let Range { start, end: until } = self.span;
        self.at(start, begin);
        self.at(until, end);
    }

    fn random(&mut self, span: Range<u64>) -> Duration {
        Duration::from_micros(self.rng.random_range(span.start * 1000..span.end * 1000))
    }

    fn others(&self, node: u64) -> Vec<u64> {
        (1..=self.nodes).filter(|other| *other != node).collect()
    }

    /// A node that does not lead.
    fn follower(&mut self) -> u64 {
        let others = self.others(self.leader);
        others[self.rng.random_range(0..others.len())]
    }

    /// Spans of these lengths, with gaps between them, as many as there is room for.
    fn episodes(&mut self, lengths: Range<u64>, gap: Range<u64>) -> Vec<Range<u64>> {
        let (mut found, mut at) = (Vec::new(), self.span.start);
        loop {
            let until = at + ns(self.random(lengths.clone()));
            if until > self.span.end {
                return found;
            }
            found.push(at..until);
            at = until + ns(self.random(gap.clone()));
        }
    }

    /// Writes down the steps; the node that ails, and how long what is slow takes.
    fn write(&mut self, ailment: Ailment, world: &World, regions: &[u64]) -> (u64, Duration) {
        let (region, leader) = (self.region, self.leader);
        match ailment {
            Ailment::EngineSnapshot => {
                let slow = self.random(3..20);
                self.throughout(
                    Act::SlowSnapshots(leader, slow),
                    Act::SlowSnapshots(leader, Duration::ZERO),
                );
                (leader, slow)
            }
            Ailment::EngineBlocks => {
                // From a few of a disk that is slow to many of one that is not.
                let (slow, blocks) = (self.random(3..20), self.rng.random_range(1..60));
                let each = slow / u32::try_from(blocks).unwrap_or(1);
                let none = (0, Duration::ZERO);
                self.throughout(
                    Act::LoseCache(leader, (blocks, each)),
                    Act::LoseCache(leader, none),
                );
                (leader, slow)
            }
            Ailment::EngineTombstones => self.litter(),
            Ailment::PollerBusy => {
                let slow = self.random(5..25);
                let other = regions.iter().copied().find(|other| *other != region);
                let busy = other.unwrap_or(region);
                self.throughout(
                    Act::Burden(leader, busy, slow),
                    Act::Burden(leader, busy, Duration::ZERO),
                );
                (leader, slow)
            }
            Ailment::MailboxFull => {
                for burst in self.episodes(30..150, 1..2) {
                    let count = self.rng.random_range(45..120);
                    self.at(burst.start, Act::Requests(Kind::Quorum, region, count));
                }
                (leader, Duration::ZERO)
            }
            Ailment::LeaseExpired => {
                for quiet in self.episodes(120..250, 5..40) {
                    self.at(quiet.start, Act::Quiet(region, true));
                    self.at(quiet.end, Act::Quiet(region, false));
                    let count = self.rng.random_range(2..7);
                    self.at(quiet.end, Act::Requests(Kind::Leader, region, count));
                }
                (leader, Duration::ZERO)
            }
            Ailment::LeaseSuspect => {
                let to = self.follower();
                for held in self.episodes(50..90, 30..80) {
                    self.at(held.start, Act::Hold("MsgTimeoutNow", region, leader, to));
                    self.at(held.start, Act::Transfer(region, to));
                    self.at(held.end, Act::Lose("MsgTimeoutNow", region, leader, to));
                }
                (leader, Duration::ZERO)
            }
            Ailment::NewLeader => self.new_leaders(),
            Ailment::LeaderChange => {
                let until = (self.span.start + ns(self.random(280..450))).min(self.span.end);
                self.cut_off(leader, self.span.start..until);
                self.at(self.span.start, Act::Believe(Some((region, leader))));
                // Clients hear of the new leader after a while.
                let heard = self.span.start + ns(self.random(180..260));
                self.at(heard, Act::Believe(None));
                (leader, Duration::ZERO)
            }
            Ailment::NoLeader => {
                for node in 1..=self.nodes {
                    self.cut_off(node, self.span.clone());
                }
                (leader, Duration::ZERO)
            }
            Ailment::QuorumNetwork => {
                let slow = self.random(4..40);
                let ways = self.rng.random_range(0..3);
                for other in self.others(leader) {
                    if ways != 1 {
                        self.throughout(
                            Act::Slow(leader, other, slow),
                            Act::Slow(leader, other, Duration::ZERO),
                        );
                    }
                    if ways != 0 {
                        self.throughout(
                            Act::Slow(other, leader, slow),
                            Act::Slow(other, leader, Duration::ZERO),
                        );
                    }
                }
                (leader, slow)
            }
            Ailment::QuorumVoter => {
                let slow = self.random(4..30);
                let voter = self.follower();
                let away = self.others(leader).into_iter().find(|other| *other != voter);
                if let Some(away) = away {
                    self.throughout(Act::Crash(away), Act::Restart(away));
                }
                self.throughout(
                    Act::Burden(voter, region, slow),
                    Act::Burden(voter, region, Duration::ZERO),
                );
                self.throughout(Act::Avoid(voter, true), Act::Avoid(voter, false));
                (voter, slow)
            }
            Ailment::DiskSync => {
                let slow = self.random(4..40);
                let nodes = if self.rng.random() { vec![leader] } else { self.others(leader) };
                for node in &nodes {
                    self.throughout(
                        Act::StallDisk(*node, slow),
                        Act::StallDisk(*node, Duration::ZERO),
                    );
                }
                (nodes[0], slow)
            }
            Ailment::ApplyLagLeader => {
                self.pause_apply(leader);
                (leader, Duration::ZERO)
            }
            Ailment::ApplyLagReplica => {
                let replica = self.follower();
                self.throughout(Act::Favour(Some(replica)), Act::Favour(None));
                self.pause_apply(replica);
                (replica, Duration::ZERO)
            }
            Ailment::HeadOfLine => self.head_of_line(),
            Ailment::ReadIndexLate => self.read_index_late(),
            Ailment::SnapshotInstall => self.snapshot_install(),
            Ailment::SplitOrMerge => {
                let touches = |other: &&u64| other.abs_diff(region) == 1;
                let target = regions.iter().find(touches).copied().unwrap_or(region);
                let target_leader = world.leader(target).unwrap_or(1);
                let held = self.span.start + ns(self.random(60..250));
                for other in self.others(target_leader) {
                    self.at(self.span.start, Act::Hold("MsgAppend", target, target_leader, other));
                    self.at(held, Act::Release("MsgAppend", target, target_leader, other));
                }
                self.at(self.span.start, Act::Merge(region, target));
                (leader, Duration::ZERO)
            }
            Ailment::EpochChange => {
                let until = self.span.start + ns(self.random(60..300));
                self.at(self.span.start, Act::Outdate(Some(region)));
                self.at(self.span.start, Act::Split(region));
                self.at(until, Act::Outdate(None));
                (leader, Duration::ZERO)
            }
            Ailment::Deadline => {
                // A round of messages takes at least twice this.
                let fastest_us = world.config.latency_ns.start / 1000;
                let patience =
                    Duration::from_micros(self.rng.random_range(fastest_us / 2..fastest_us));
                self.throughout(Act::Patience(Some(patience)), Act::Patience(None));
                (leader, patience)
            }
            Ailment::RuntimeStall => {
                for pause in self.episodes(5..50, 20..120) {
                    // What is under way then is what is held up: a store that stands still takes nothing.
                    let count = self.rng.random_range(1..4);
                    self.at(
                        pause.start - ns(ms(1)) / 10,
                        Act::Requests(Kind::Quorum, region, count),
                    );
                    self.at(pause.start, Act::PauseAll(leader));
                    self.at(pause.end, Act::ResumeAll(leader));
                }
                (leader, Duration::ZERO)
            }
        }
    }

    /// Scans that pass many deleted keys.
    fn litter(&mut self) -> (u64, Duration) {
        let leader = self.leader;
        let (slow, each) =
            (self.random(3..20), Duration::from_nanos(self.rng.random_range(80..250)));
        let tombstones = ns(slow) / ns(each);
        let none = (0, Duration::ZERO);
        self.throughout(Act::Litter(leader, (tombstones, each)), Act::Litter(leader, none));
        (leader, slow)
    }

    fn pause_apply(&mut self, node: u64) {
        for pause in self.episodes(10..70, 20..120) {
            self.at(pause.start, Act::PauseApply(node));
            self.at(pause.end, Act::ResumeApply(node));
        }
    }

    fn cut_off(&mut self, node: u64, span: Range<u64>) {
        for other in self.others(node) {
            for (from, to) in [(node, other), (other, node)] {
                self.at(span.start, Act::Cut(from, to));
                self.at(span.end, Act::Mend(from, to));
            }
        }
    }

    /// The leadership goes round; the first entry of each leader is held back for a while.
    fn new_leaders(&mut self) -> (u64, Duration) {
        let region = self.region;
        let (mut leader, first) = (self.leader, self.leader);
        for held in self.episodes(30..90, 80..150) {
            let to = leader % self.nodes + 1;
            for other in self.others(to) {
                self.at(held.start, Act::Hold("MsgAppend", region, to, other));
                self.at(held.end, Act::Release("MsgAppend", region, to, other));
            }
            self.at(held.start, Act::Transfer(region, to));
            leader = to;
        }
        (first, Duration::ZERO)
    }

    /// A read that must wait for the apply loop, and behind it others that need not.
    fn head_of_line(&mut self) -> (u64, Duration) {
        let (region, replica) = (self.region, self.follower());
        self.throughout(Act::Avoid(replica, true), Act::Avoid(replica, false));
        for pause in self.episodes(15..60, 40..120) {
            self.at(pause.start, Act::PauseApply(replica));
            self.at(pause.start, Act::Requests(Kind::Write, region, 1));
            let first = pause.start + ns(ms(5));
            self.at(first, Act::ReadAt(AskRead::Replica, region, replica));
            let mut at = first + ns(self.random(1..2));
            while at < pause.end {
                let ask = AskRead::Index { consumer: replica };
                self.at(at, Act::ReadAt(ask, region, replica));
                at += ns(self.random(1..4));
            }
            self.at(pause.end, Act::ResumeApply(replica));
        }
        (replica, Duration::ZERO)
    }

    fn read_index_late(&mut self) -> (u64, Duration) {
        let (region, leader, replica) = (self.region, self.leader, self.follower());
        self.throughout(Act::Favour(Some(replica)), Act::Favour(None));
        let (name, from, to) = match self.rng.random() {
            true => ("MsgReadIndex", replica, leader),
            false => ("MsgReadIndexResp", leader, replica),
        };
        let is_lost = self.rng.random();
        for held in self.episodes(10..80, 30..120) {
            self.at(held.start, Act::Hold(name, region, from, to));
            for _ in 0..self.rng.random_range(1..4) {
                let at = self.rng.random_range(held.clone());
                self.at(at, Act::ReadAt(AskRead::Replica, region, replica));
            }
            let end = match is_lost {
                true => Act::Lose(name, region, from, to),
                false => Act::Release(name, region, from, to),
            };
            self.at(held.end, end);
        }
        (replica, Duration::ZERO)
    }

    /// A replica is away while much is written, and many read it as soon as it is back.
    fn snapshot_install(&mut self) -> (u64, Duration) {
        let (region, replica) = (self.region, self.follower());
        let away = self.span.start..self.span.start + ns(ms(220));
        self.at(away.start, Act::Avoid(replica, true));
        self.cut_off(replica, away.clone());
        let bytes = self.rng.random_range(30_000..90_000);
        for count in 0..120 {
            self.at(away.start + ns(ms(10)) + count * 1_500_000, Act::WriteMuch(region, bytes));
        }
        self.at(away.end, Act::Avoid(replica, false));
        let mut at = away.end;
        for _ in 0..self.rng.random_range(20..40) {
            at += ns(self.random(1..3));
            self.at(at, Act::ReadAt(AskRead::Replica, region, replica));
        }
        (replica, Duration::ZERO)
    }
}
