//! The sleep of a region that nobody uses: no ticks and no heartbeats, until something wakes it.
//!
//! The leader asks when its region has been quiet, every other replica agrees and sleeps, and the
//! leader sleeps when all have agreed. Nothing that a read relies on changes: a lease ends by the
//! clock whether somebody ticks or not, and a voter that does not tick keeps its promise the longer
//! (rule L13). What could go wrong is the waking, hence the rules:
//!
//! - Hb1: nothing may be on its way when a region falls asleep, since nobody would ask for it again.
//! - Hb2: ticks that a replica has slept through count when it wakes, or a leader that died
//!   meanwhile would be missed late; but never so many that it campaigns before a living leader had
//!   the time of a heartbeat to speak up, and none of those before a leader's message.
//!
//! Check-quorum: a leader that sleeps does not look for its quorum, so it does not step down. It
//! falls asleep only when everybody was heard of since it last looked, so the first look after
//! waking finds them alive, and there is a whole election timeout until the next one.

use std::collections::BTreeSet;

use raft::ProgressState;
use raft::eraftpb::MessageType;

use crate::config::Config;
use crate::engine::Engine;
use crate::message::{Payload, RaftMessage, SleepPoint};
use crate::peer::Peer;
use crate::poll_context::PollContext;
use crate::region::PeerMeta;

/// Whether a replica sleeps, and what it takes to fall asleep or wake up.
#[derive(Debug, Default)]
pub(crate) struct Hibernation {
    is_asleep: bool,
    /// Ticks since the region was last used.
    quiet_ticks: usize,
    /// Ticks slept through that raft-rs will be told of (rule Hb2).
    missing_ticks: usize,
    /// The leader has asked the others to sleep.
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    at: SleepPoint,
    agreed: BTreeSet<u64>,
}

/// What wakes a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WokenBy {
    /// Somebody wants something of it.
    Request,
    /// Its leader has spoken, and from then on its silence counts.
    Leader,
    /// Another replica.
    Replica,
}

impl Hibernation {
    #[cfg(feature = "sim")]
    pub(crate) fn is_asleep(&self) -> bool {
        self.is_asleep
    }
}

impl<E: Engine> Peer<E> {
    /// Whether raft-rs is not told of this tick: the replica sleeps, or asks the others to.
    pub(crate) fn sleeps_through_tick(&mut self, ctx: &mut PollContext<E>) -> bool {
        let Some(after_ticks) = ctx.config.hibernate_after_ticks else { return false };
        if self.hibernation.is_asleep {
            self.count_missing_tick(&ctx.config);
            return true;
        }
        self.hibernation.quiet_ticks = self.hibernation.quiet_ticks.saturating_add(1);
        if self.hibernation.quiet_ticks < after_ticks || !self.may_sleep() {
            return false;
        }
        // Instead of a tick: one that sent heartbeats would wake whoever has just agreed.
        self.ask_to_sleep(ctx);
        true
    }

    /// Rule Hb2: after the next tick there must be time left for the heartbeat of a leader that
    /// somebody has woken.
    fn count_missing_tick(&mut self, config: &Config) {
        let elapsed = self.raft_group.raft.election_elapsed + self.hibernation.missing_ticks;
        let is_follower = !self.is_leader();
        if is_follower && elapsed + 1 + config.heartbeat_ticks < config.election_ticks {
            self.hibernation.missing_ticks += 1;
        }
    }

    /// Whether this replica leads and nothing is on its way that would be forgotten (rule Hb1).
    fn may_sleep(&self) -> bool {
        let (raft, last) = (&self.raft_group.raft, self.storage().last_index());
        let is_idle = self.pending_reads.is_empty()
            && self.lagging_reads.is_empty()
            && self.proposals.is_empty()
            && self.forwarded_reads.is_empty()
            && raft.lead_transferee.is_none()
            && self.unpersisted.is_none();
        let is_settled = raft.raft_log.last_index() == last
            && self.storage().commit_index() == last
            && self.storage().applied_index() == last
            && raft.commit_to_current_term();
        // Those that only learn as well: a leader that sleeps sends them nothing.
        let mut others = raft.prs().iter().filter(|(id, _)| **id != self.meta.id);
        self.is_leader()
            && is_idle
            && is_settled
            && others.all(|(_, progress)| {
                progress.matched == last
                    && progress.recent_active
                    && progress.state == ProgressState::Replicate
            })
            && !self.is_prepared_to_merge()
            && !self.region().is_joint()
    }

    fn ask_to_sleep(&mut self, ctx: &mut PollContext<E>) {
        let at = SleepPoint { term: self.term(), index: self.storage().last_index() };
        self.hibernation.quiet_ticks = 0;
        self.hibernation.asked = Some(Asked { at, agreed: BTreeSet::new() });
        for to in self.others() {
            let message = self.own_message(ctx, to, Payload::Hibernate(at));
            ctx.effects.messages.push(message);
        }
        self.sleep_if_all_agree();
    }

    /// The leader asks this replica to sleep. One that has something to do, or has not seen what
    /// the leader has, goes on; so does one whose store does not hibernate.
    pub(crate) fn on_hibernate(
        &mut self,
        ctx: &mut PollContext<E>,
        from: PeerMeta,
        at: SleepPoint,
    ) {
        let is_from_leader = !self.is_leader()
            && self.term() == at.term
            && self.raft_group.raft.leader_id == from.id;
        let has_all =
            self.storage().last_index() == at.index && self.storage().commit_index() == at.index;
        let is_idle = self.pending_reads.is_empty()
            && self.lagging_reads.is_empty()
            && self.unpersisted.is_none();
        if ctx.config.hibernate_after_ticks.is_none() || !is_from_leader || !has_all || !is_idle {
            return;
        }
        self.hibernation =
            Hibernation { is_asleep: true, missing_ticks: 0, ..Hibernation::default() };
        let message = self.own_message(ctx, from, Payload::HibernateAgreed(at));
        ctx.effects.messages.push(message);
    }

    /// A replica agrees to sleep.
    pub(crate) fn on_hibernate_agreed(&mut self, from: PeerMeta, at: SleepPoint) {
        if let Some(asked) = &mut self.hibernation.asked
            && asked.at == at
        {
            asked.agreed.insert(from.id);
            self.sleep_if_all_agree();
        }
    }

    fn sleep_if_all_agree(&mut self) {
        let Some(Asked { at, agreed }) = &self.hibernation.asked else { return };
        let all_agree = self.others().iter().all(|other| agreed.contains(&other.id));
        if all_agree && self.term() == at.term && self.may_sleep() {
            self.hibernation = Hibernation { is_asleep: true, ..Hibernation::default() };
        }
    }

    /// The region is used, or another replica has something to say: nobody sleeps now.
    pub(crate) fn wake(&mut self, ctx: &mut PollContext<E>, by: WokenBy) {
        let Hibernation { is_asleep, missing_ticks, .. } = std::mem::take(&mut self.hibernation);
        if !is_asleep {
            return;
        }
        if self.is_leader() {
            // The others may have woken first, and count how long it is silent.
            return self.raft_group.ping();
        }
        if by != WokenBy::Leader {
            for _ in 0..missing_ticks {
                self.raft_group.tick();
            }
        }
        if by == WokenBy::Request {
            // Whoever asked may be sent to a leader that sleeps, or is gone: now that is found out.
            match self.leader() {
                Some(leader) => self.send_wake_up(ctx, leader),
                None => self.bcast_wake_up_message(ctx),
            }
        }
    }

    /// Wakes the replica for a message, unless it is one of those that come while a region falls
    /// asleep.
    pub(crate) fn wake_for(&mut self, ctx: &mut PollContext<E>, message: &RaftMessage) {
        let kind = match &message.payload {
            Payload::Hibernate(_) | Payload::HibernateAgreed(_) | Payload::Removed => return,
            Payload::Raft(raft) => Some(raft.msg_type()),
            Payload::RegionWakeUp
            | Payload::ReadIndexDropped(_)
            | Payload::SnapshotAsk(_)
            | Payload::SnapshotPiece(_) => None,
        };
        let is_from_leader = message.from.id == self.raft_group.raft.leader_id;
        match kind {
            // A renewal of the lease or the last heartbeat: that is no use of the region.
            Some(MessageType::MsgHeartbeatResponse) if self.is_leader() => {}
            Some(MessageType::MsgHeartbeat | MessageType::MsgAppend | MessageType::MsgSnapshot)
                if is_from_leader =>
            {
                self.wake(ctx, WokenBy::Leader)
            }
            Some(_) | None => self.wake(ctx, WokenBy::Replica),
        }
    }

    /// The other replicas of the region.
    pub(crate) fn others(&self) -> Vec<PeerMeta> {
        self.region().peers.iter().filter(|peer| peer.id != self.meta.id).copied().collect()
    }

    /// A message that is not raft-rs's.
    pub(crate) fn own_message(
        &self,
        ctx: &PollContext<E>,
        to: PeerMeta,
        payload: Payload,
    ) -> RaftMessage {
        RaftMessage {
            cluster: ctx.cluster,
            region_id: self.region_id(),
            region: None,
            from: self.meta,
            to,
            epoch: self.region().epoch,
            payload,
            from_lease: false,
            trace: None,
            received_at: None,
            kept: None,
        }
    }
}
