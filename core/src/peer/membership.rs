//! Replicas come and go: what the peer does when a change of its group is applied, and when it
//! learns that it is not part of it any more.

use std::sync::Arc;

use prost::Message as _;
use raft::eraftpb::ConfChangeV2;

use crate::admin_command::{AdminCommand, ChangePeers};
use crate::apply::{ApplyTask, ApplyWork, change_peers, conf_change};
use crate::command::LogCommand;
use crate::engine::Engine;
use crate::error::Error;
use crate::message::{Payload, RaftMessage};
use crate::peer::{Peer, Proposal, ProposalKind};
use crate::poll_context::PollContext;
use crate::region::{PeerRole, Region, RegionEpoch};
use crate::rules::Rule;

impl<E: Engine> Peer<E> {
    /// Puts a change of the replicas into the log; its index.
    ///
    /// # Errors
    /// Why it cannot be made now, or at all.
    pub(crate) fn propose_change_peers(
        &mut self,
        ctx: &PollContext<E>,
        change: &ChangePeers,
    ) -> Result<u64, Error> {
        let refuse = |peer: &Self, reason: &str| {
            let (region, reason) = (peer.region_id(), reason.to_owned());
            Err(Error::ProposalRefused { region, reason })
        };
        let after = change_peers(self.region(), change)?;
        if self.raft_group.raft.has_pending_conf() {
            return refuse(self, "another change of its replicas is on its way");
        }
        if self.is_prepared_to_merge() || self.has_pending(ProposalKind::PrepareMerge) {
            return refuse(self, "it is about to be merged");
        }
        let leads_on = after
            .peer(self.meta.peer_id())
            .is_some_and(|peer| peer.role == self.meta.role || peer.role() == PeerRole::Voter);
        if !leads_on && !ctx.config.allow_remove_leader {
            return refuse(self, "its leader must hand over before it can be removed or demoted");
        }
        let log = LogCommand {
            epoch: self.region().epoch,
            mutations: Vec::new(),
            admin: Some(AdminCommand::ChangePeers(change.clone())),
        };
        let change = ConfChangeV2 { context: log.encode_to_vec(), ..conf_change(change) };
        let index = self.raft_group.raft.raft_log.last_index() + 1;
        let region = self.region_id();
        self.raft_group
            .propose_conf_change(Vec::new(), change)
            .map_err(|error| Error::ProposalRefused { region, reason: error.to_string() })?;
        Ok(index)
    }

    pub(crate) fn has_pending(&self, kind: ProposalKind) -> bool {
        self.proposals.iter().any(|proposal| proposal.kind == kind)
    }

    /// A change of the replicas is applied.
    pub(crate) fn on_peers_changed(
        &mut self,
        ctx: &mut PollContext<E>,
        region: Arc<Region>,
        change: &ConfChangeV2,
    ) {
        if let Err(error) = self.raft_group.apply_conf_change(change) {
            // The region was checked before: the two would have parted.
            ctx.effects.fault = Some(Error::Engine(format!("region {}: {error}", region.id)));
            return;
        }
        self.set_region(ctx, Arc::clone(&region));
        if region.peer(self.meta.peer_id()).is_none() {
            return self.destroy(ctx);
        }
        self.step_down_without_vote();
        if self.is_leader() {
            self.send_region_heartbeat(ctx);
            // Whoever is new, or does not know of the commit yet, hears of it.
            self.raft_group.ping();
        }
        self.leave_joint_configuration(ctx);
    }

    /// A leader that has lost its vote must not lead on. raft-rs would let it, and where one voter is
    /// left would take that one for this replica: it would confirm reads without asking anybody.
    fn step_down_without_vote(&mut self) {
        if self.is_leader() && self.meta.role() == PeerRole::Learner {
            self.leader_lease.expire();
            let term = self.term();
            self.raft_group.raft.become_follower(term, raft::INVALID_ID);
        }
    }

    /// A leader whose group is in two configurations leads it out of them: at once, and again at
    /// every tick, since the first attempt may have been another leader's.
    pub(crate) fn leave_joint_configuration(&mut self, ctx: &PollContext<E>) {
        if !self.is_leader() || !self.region().is_joint() {
            return;
        }
        if self.raft_group.raft.has_pending_conf() || self.is_prepared_to_merge() {
            return;
        }
        if let Ok(index) = self.propose_change_peers_to_leave(ctx) {
            let (term, propose_time, kind) = (self.term(), ctx.now, ProposalKind::Normal);
            self.proposals.push_back(Proposal { index, term, propose_time, kind, command: None });
        }
    }

    fn propose_change_peers_to_leave(&mut self, ctx: &PollContext<E>) -> Result<u64, Error> {
        self.propose_change_peers(ctx, &ChangePeers::default())
    }

    /// This replica is not part of its group any more. Readers are stopped before anything of its
    /// data goes, whatever their lease says (rules S4, S6; hole H7): a leader that removes itself
    /// has no role change on its way that would end the lease.
    pub(crate) fn destroy(&mut self, ctx: &mut PollContext<E>) {
        let region = self.region_id();
        if self.rules.holds(Rule::S4) {
            self.leader_lease.expire();
            ctx.meta.remove(region);
        }
        let reason = "this replica was removed";
        self.fail_all(|| Error::RegionNotFound(region), || Error::StaleCommand { region, reason });
        self.is_gone = true;
        // Behind everything that the apply loop still has of it.
        let (region_id, peer_id) = (region, self.meta.peer_id());
        let work = ApplyWork::Destroy;
        ctx.effects.apply.push(ApplyTask { region_id, peer_id, work });
        ctx.effects.deaths.push(region);
    }

    /// Somebody who is no member any more speaks to this one, and does not know: it is told.
    pub(crate) fn tell_removed(&self, ctx: &mut PollContext<E>, message: &RaftMessage) {
        let is_removed = self.region().peer(message.from.peer_id()).is_none()
            && message.epoch.conf_ver < self.region().epoch.conf_ver;
        if is_removed && self.is_initialized() {
            let told = self.own_message(ctx, message.from, Payload::Removed);
            ctx.effects.messages.push(told);
        }
    }

    /// A member says that this replica was removed in `epoch`.
    pub(crate) fn on_removed(&mut self, ctx: &mut PollContext<E>, epoch: RegionEpoch) {
        if epoch.conf_ver > self.region().epoch.conf_ver {
            self.destroy(ctx);
        }
    }
}
