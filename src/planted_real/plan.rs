//! What an ailment does to a real cluster, step by step: ailments of leaders and of the network.
//! Those of replicas are in `plan_replicas`.

use std::ops::Range;
use std::time::Duration;

use raft::eraftpb::MessageType;
use raftlens_core::sim::plant::Ailment;
use raftlens_core::{Action, MessageFilter, RegionId, StoreId};
use rand::Rng;
use rand::rngs::SmallRng;

use crate::planted_real::load::{Kind, STORES};
use crate::planted_real::shape::{Filling, Shape};
use crate::planted_real::step::{Act, Step, of_type};

/// The steps of an ailment, under way of being written down. Times count from the first request.
pub(super) struct Plan<'a> {
    pub(super) span: Range<Duration>,
    pub(super) steps: Vec<Step>,
    pub(super) rng: &'a mut SmallRng,
    pub(super) region: u64,
    pub(super) leader: u64,
    /// How many filters it has used.
    pub(super) slots: usize,
}

/// What ails, and how.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    /// The store that ails.
    pub(super) store: u64,
    /// How long what is slow takes; zero for what is not about time.
    pub(super) strength: Duration,
    pub(super) steps: Vec<Step>,
}

/// The steps of an ailment of a region, and who ails.
pub(super) fn plan(
    ailment: Ailment,
    shape: &Shape,
    (region, leader): (u64, u64),
    rng: &mut SmallRng,
) -> Planned {
    let span = shape.ails_at..shape.ails_at + shape.ails_for;
    let mut plan = Plan { span, steps: Vec::new(), rng, region, leader, slots: 0 };
    let (store, strength) = plan.write(ailment, shape);
    let mut steps = plan.steps;
    steps.sort_by_key(|step| step.at);
    Planned { store, strength, steps }
}

impl Plan<'_> {
    pub(super) fn at(&mut self, at: Duration, act: Act) {
        self.steps.push(Step { at, act });
    }

    /// From the beginning of the span to its end.
    pub(super) fn throughout(&mut self, begin: Act, end: Act) {
        let Range { start, end: until } = self.span;
        self.at(start, begin);
        self.at(until, end);
    }

    pub(super) fn random_ms(&mut self, span: Range<u64>) -> Duration {
        Duration::from_micros(self.rng.random_range(span.start * 1000..span.end * 1000))
    }

    pub(super) fn others(&self, store: u64) -> Vec<u64> {
        (1..=STORES).filter(|other| *other != store).collect()
    }

    /// A store that does not lead.
    pub(super) fn follower(&mut self) -> u64 {
        let others = self.others(self.leader);
        others[self.rng.random_range(0..others.len())]
    }

    /// Spans of these lengths in milliseconds, with gaps between them, as many as there is room for.
    pub(super) fn episodes(
        &mut self,
        lengths: Range<u64>,
        gap: Range<u64>,
    ) -> Vec<Range<Duration>> {
        let (mut found, mut at) = (Vec::new(), self.span.start);
        loop {
            let until = at + self.random_ms(lengths.clone());
            if until > self.span.end {
                return found;
            }
            found.push(at..until);
            at = until + self.random_ms(gap.clone());
        }
    }

    /// Moments in a span, so many milliseconds apart.
    pub(super) fn moments(
        &mut self,
        during: Range<Duration>,
        apart_ms: Range<u64>,
    ) -> Vec<Duration> {
        let (mut found, mut at) = (Vec::new(), during.start);
        while at < during.end {
            found.push(at);
            at += self.random_ms(apart_ms.clone());
        }
        found
    }

    pub(super) fn filter(
        &mut self,
        during: Range<Duration>,
        filter: MessageFilter,
        action: Action,
    ) {
        self.slots += 1;
        self.at(during.start, Act::Filter(self.slots, filter, action));
        self.at(during.end, Act::Unfilter(self.slots));
    }

    fn write(&mut self, ailment: Ailment, shape: &Shape) -> (u64, Duration) {
        match ailment {
            Ailment::MailboxFull => self.mailbox_full(),
            Ailment::LeaseExpired => self.lease_expired(shape),
            Ailment::LeaseSuspect => self.lease_suspect(),
            Ailment::NewLeader => self.new_leaders(),
            Ailment::LeaderChange => self.cut_off(&[self.leader]),
            Ailment::NoLeader => self.cut_off(&[1, 2, 3]),
            Ailment::QuorumNetwork => self.quorum_network(),
            Ailment::SplitOrMerge => self.merge(shape),
            Ailment::EpochChange => self.epoch_change(),
            Ailment::Deadline => {
                // A runtime's timers count milliseconds.
                let patience = Duration::from_millis(1);
                self.throughout(Act::Patience(Some(patience)), Act::Patience(None));
                (self.leader, patience)
            }
            Ailment::RuntimeStall => self.runtime_stall(shape),
            Ailment::ApplyLagLeader => self.apply_lag_leader(),
            Ailment::ApplyLagReplica => self.apply_lag_replica(),
            Ailment::HeadOfLine => self.head_of_line(),
            Ailment::ReadIndexLate => self.read_index_late(),
            Ailment::SnapshotInstall => self.snapshot_install(),
            Ailment::DiskSync => self.disk_sync(),
            Ailment::EngineBlocks => {
                let keys = match shape.filling {
                    Filling::Values(count) => self.rng.random_range(count / 3..count),
                    _ => 1,
                };
                self.wide_scans(keys)
            }
            Ailment::EngineTombstones => self.wide_scans(10),
            // Refused before it comes to this.
            Ailment::EngineSnapshot | Ailment::PollerBusy | Ailment::QuorumVoter => {
                (self.leader, Duration::ZERO)
            }
        }
    }

    /// Clients that begin to scan what lies in the region besides the one key that they use.
    fn wide_scans(&mut self, keys: usize) -> (u64, Duration) {
        self.throughout(Act::WideScans(Some(keys)), Act::WideScans(None));
        (self.leader, Duration::ZERO)
    }

    fn mailbox_full(&mut self) -> (u64, Duration) {
        for burst in self.episodes(80..200, 1..2) {
            let count = self.rng.random_range(40..90);
            self.at(burst.start, Act::Burst(self.region, count));
        }
        (self.leader, Duration::ZERO)
    }

    /// Nobody reads for longer than a lease, then several do.
    fn lease_expired(&mut self, shape: &Shape) -> (u64, Duration) {
        let lease_ms = shape.config.max_leader_lease.as_millis() as u64;
        // What was asked last may renew the lease one hop later.
        for quiet in self.episodes(lease_ms + 40..lease_ms + 110, 5..40) {
            self.at(quiet.start, Act::Quiet(Some(self.region)));
            self.at(quiet.end, Act::Quiet(None));
            let count = self.rng.random_range(3..9);
            self.at(quiet.end, Act::Requests(Kind::Leader, self.region, count));
        }
        (self.leader, Duration::ZERO)
    }

    /// Transfers of which the last message is lost: suspicion lasts one election timeout.
    fn lease_suspect(&mut self) -> (u64, Duration) {
        let (region, leader, to) = (self.region, self.leader, self.follower());
        let lost = MessageFilter {
            from: Some(StoreId(leader)),
            region: Some(RegionId(region)),
            ..of_type(MessageType::MsgTimeoutNow)
        };
        self.filter(self.span.clone(), lost, Action::Drop);
        // The last one is early enough that it is over before its message is let through.
        let last = self.span.end.saturating_sub(Duration::from_millis(250));
        let mut at = self.span.start;
        while at < last {
            self.at(at, Act::Transfer(region, to));
            at += self.random_ms(150..300);
        }
        (leader, Duration::ZERO)
    }

    /// The leadership goes round; the first entry of each leader is held back for a while.
    fn new_leaders(&mut self) -> (u64, Duration) {
        for held in self.episodes(40..120, 80..150) {
            self.slots += 1;
            self.at(held.start, Act::NextLeader(self.slots, self.region));
            self.at(held.end, Act::Unfilter(self.slots));
        }
        (self.leader, Duration::ZERO)
    }

    /// Stores that hear of nobody, and nobody of them.
    fn cut_off(&mut self, stores: &[u64]) -> (u64, Duration) {
        for store in stores.iter().copied().map(StoreId) {
            let from = MessageFilter { from: Some(store), ..MessageFilter::default() };
            let to = MessageFilter { to: Some(store), ..MessageFilter::default() };
            self.filter(self.span.clone(), from, Action::Drop);
            self.filter(self.span.clone(), to, Action::Drop);
        }
        (self.leader, Duration::ZERO)
    }

    /// All messages of a way are held, and let go from time to time.
    fn quorum_network(&mut self) -> (u64, Duration) {
        let slow = self.random_ms(10..120);
        let ways = self.rng.random_range(0..3);
        let leader = Some(StoreId(self.leader));
        let there = MessageFilter { from: leader, ..MessageFilter::default() };
        let back = MessageFilter { to: leader, ..MessageFilter::default() };
        for (way, left_out) in [(there, 1), (back, 0)] {
            let mut at = self.span.start;
            while ways != left_out && at < self.span.end {
                let until = (at + slow).min(self.span.end);
                self.filter(at..until, way, Action::Hold);
                at = until;
            }
        }
        (self.leader, slow)
    }

    /// The region is merged into its neighbour, whose log hears of it late.
    fn merge(&mut self, shape: &Shape) -> (u64, Duration) {
        let region = self.region;
        let target = if region < shape.regions { region + 1 } else { region - 1 };
        let held = self.random_ms(60..250);
        let appends =
            MessageFilter { region: Some(RegionId(target)), ..of_type(MessageType::MsgAppend) };
        let start = self.span.start;
        self.filter(start..start + held, appends, Action::Hold);
        self.at(start, Act::Merge(region, target));
        for at in self.moments(start..start + held, 5..20) {
            self.at(at, Act::Requests(Kind::Quorum, region, 1));
        }
        (self.leader, held)
    }

    /// The region is split, and clients do not hear of it for a while.
    fn epoch_change(&mut self) -> (u64, Duration) {
        let until = self.span.start + self.random_ms(100..400);
        self.at(self.span.start, Act::Outdate(Some(self.region)));
        self.at(self.span.start, Act::Split(self.region));
        self.at(until, Act::Outdate(None));
        (self.leader, Duration::ZERO)
    }

    /// So much is written that the disk takes its time.
    fn disk_sync(&mut self) -> (u64, Duration) {
        let (region, bytes) = (self.region, self.rng.random_range(1_000_000..3_000_000));
        for at in self.moments(self.span.clone(), 20..60) {
            self.at(at, Act::WriteMuch(region, bytes));
        }
        (self.leader, Duration::ZERO)
    }

    /// The threads that clients run on are blocked, as by a call that should have been asynchronous.
    fn runtime_stall(&mut self, shape: &Shape) -> (u64, Duration) {
        let slow = self.random_ms(10..60);
        let slow_ms = slow.as_millis() as u64;
        for stall in self.episodes(slow_ms..slow_ms + 1, 30..120) {
            // What is under way then is what is held up.
            let count = self.rng.random_range(5..12);
            self.at(stall.start, Act::Requests(Kind::Quorum, self.region, count));
            self.at(stall.start, Act::BlockRuntime(shape.workers, slow));
        }
        (self.leader, slow)
    }
}
