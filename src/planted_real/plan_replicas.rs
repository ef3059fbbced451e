//! What an ailment does to a real cluster, step by step: ailments of replicas, and of apply loops.

use std::ops::Range;
use std::time::Duration;

use raft::eraftpb::MessageType;
use raftlens_core::{Action, MessageFilter, RegionId, StoreId};
use rand::Rng;

use crate::planted_real::load::Kind;
use crate::planted_real::plan::Plan;
use crate::planted_real::step::{Act, of_type};

/// From a write to reads that must see it: by then a quorum has it.
const WRITTEN: Duration = Duration::from_millis(8);
/// More than a log keeps for a replica that is away.
const WRITES: u32 = 60;

impl Plan<'_> {
    /// Spans in which a store applies nothing, each with a write at its beginning.
    fn gates(&mut self, store: u64) -> Vec<Range<Duration>> {
        let pauses = self.episodes(25..100, 30..120);
        for pause in &pauses {
            self.at(pause.start, Act::CloseGate(store));
            self.at(pause.start, Act::Requests(Kind::Write, self.region, 1));
            self.at(pause.end, Act::OpenGate(store));
        }
        pauses
    }

    pub(super) fn apply_lag_leader(&mut self) -> (u64, Duration) {
        let (region, leader) = (self.region, self.leader);
        // Its replica reads lag as well.
        self.throughout(Act::Avoid(Some(leader)), Act::Avoid(None));
        for pause in self.gates(leader) {
            for at in self.moments(pause.start + WRITTEN..pause.end, 4..15) {
                self.at(at, Act::Requests(Kind::Leader, region, 1));
            }
        }
        (leader, Duration::ZERO)
    }

    pub(super) fn apply_lag_replica(&mut self) -> (u64, Duration) {
        let replica = self.follower();
        self.throughout(Act::Favour(Some(replica)), Act::Favour(None));
        for pause in self.gates(replica) {
            for at in self.moments(pause.start + WRITTEN..pause.end, 8..25) {
                self.at(at, Act::ReadAt(Kind::Replica, self.region, replica));
            }
        }
        (replica, Duration::ZERO)
    }

    /// A read that must wait for the apply loop, and behind it others that need not.
    pub(super) fn head_of_line(&mut self) -> (u64, Duration) {
        let (region, replica) = (self.region, self.follower());
        self.throughout(Act::Avoid(Some(replica)), Act::Avoid(None));
        for pause in self.gates(replica) {
            let first = pause.start + WRITTEN;
            self.at(first, Act::ReadAt(Kind::Replica, region, replica));
            let behind = first + Duration::from_millis(4);
            for at in self.moments(behind..pause.end, 1..4) {
                self.at(at, Act::ReadAt(Kind::Index, region, replica));
            }
        }
        (replica, Duration::ZERO)
    }

    /// Questions of a replica to its leader, or the answers, are lost or late.
    pub(super) fn read_index_late(&mut self) -> (u64, Duration) {
        let (region, leader, replica) = (self.region, self.leader, self.follower());
        self.throughout(Act::Favour(Some(replica)), Act::Favour(None));
        let (kind, from, to) = match self.rng.random() {
            true => (MessageType::MsgReadIndex, replica, leader),
            false => (MessageType::MsgReadIndexResp, leader, replica),
        };
        let messages = MessageFilter {
            from: Some(StoreId(from)),
            to: Some(StoreId(to)),
            region: Some(RegionId(region)),
            ..of_type(kind)
        };
        let action = if self.rng.random() { Action::Drop } else { Action::Hold };
        for held in self.episodes(20..120, 30..120) {
            self.filter(held.clone(), messages, action);
            for _ in 0..self.rng.random_range(1..4) {
                let at =
                    held.start + (held.end - held.start).mul_f64(self.rng.random_range(0.0..0.9));
                self.at(at, Act::ReadAt(Kind::Replica, region, replica));
            }
        }
        (replica, Duration::ZERO)
    }

    /// A replica is away while much is written, and many read it as soon as it is back.
    pub(super) fn snapshot_install(&mut self) -> (u64, Duration) {
        let (region, replica) = (self.region, self.follower());
        // Shorter than an election timeout: the replica keeps its leader.
        let away = self.span.start..self.span.start + Duration::from_millis(330);
        self.at(away.start, Act::Avoid(Some(replica)));
        let from = MessageFilter { from: Some(StoreId(replica)), ..MessageFilter::default() };
        let to = MessageFilter { to: Some(StoreId(replica)), ..MessageFilter::default() };
        self.filter(away.clone(), from, Action::Drop);
        self.filter(away.clone(), to, Action::Drop);
        let bytes = self.rng.random_range(10_000..40_000);
        let written = away.start + Duration::from_millis(10);
        for count in 0..WRITES {
            self.at(written + Duration::from_millis(5) * count, Act::WriteMuch(region, bytes));
        }
        self.at(away.end, Act::Avoid(None));
        let reads = away.end..away.end + Duration::from_millis(self.rng.random_range(60..120));
        for at in self.moments(reads, 1..3) {
            self.at(at, Act::ReadAt(Kind::Replica, region, replica));
        }
        (replica, Duration::ZERO)
    }
}
