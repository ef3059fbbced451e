//! The entry of the raft thread: messages of one region's mailbox, one after the other, then the
//! Ready that they led to.

use std::time::Duration;

use crate::callback::Callback;
use crate::clock::Instant;
use crate::command::{Body, RaftCmdRequest, RaftCommand, ReadCommand, RequestHeader};
use crate::engine::Engine;
use crate::error::Error;
use crate::message::{CasualMessage, PeerMsg};
use crate::peer::Peer;
use crate::peer::hibernate::WokenBy;
use crate::poll_context::PollContext;
use crate::region::{PeerMeta, Region};
use crate::request_checks::{check_flashback, check_region_epoch, check_term};
use crate::spans::{record, round_span};
use crate::thread_log::WaitParts;

/// What the driver keeps of one region.
pub(crate) struct PeerFsm<E: Engine> {
    pub(crate) peer: Peer<E>,
    /// Messages have come since the last Ready was collected.
    pub(crate) has_ready: bool,
}

/// A region's state machine together with its surroundings, for one round of polling.
pub(crate) struct PeerFsmDelegate<'a, E: Engine> {
    pub(crate) fsm: &'a mut PeerFsm<E>,
    pub(crate) ctx: &'a mut PollContext<E>,
}

/// When a command reached the raft thread, and how long it had waited for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picked {
    pub(crate) at: Instant,
    pub(crate) mailbox_wait: Duration,
    /// What the raft threads did in that time.
    pub(crate) parts: WaitParts,
}

impl<E: Engine> PeerFsmDelegate<'_, E> {
    /// Handles what has come for the region.
    pub(crate) fn handle_msgs(&mut self, messages: &mut Vec<PeerMsg<E::Snapshot>>) {
        for message in messages.drain(..) {
            if self.fsm.peer.is_gone {
                refuse_gone(&self.fsm.peer, message);
                continue;
            }
            self.fsm.has_ready = true;
            match message {
                PeerMsg::RaftCommand(command) => {
                    self.fsm.peer.wake(self.ctx, WokenBy::Request);
                    self.handle_command(*command);
                }
                PeerMsg::RaftMessage(message) => self.fsm.peer.on_raft_message(self.ctx, *message),
                PeerMsg::ApplyRes(result) => self.fsm.peer.post_apply(self.ctx, result),
                PeerMsg::Tick => self.on_tick(),
                PeerMsg::Casual(casual) => self.on_casual(casual),
            }
            self.fsm.peer.redraw_election_timeout(&self.ctx.config);
        }
    }

    fn handle_command(&mut self, command: RaftCommand<E::Snapshot>) {
        let at = self.ctx.monotonic_raw_now();
        let mailbox_wait = at.saturating_since(command.sent_at);
        let parts = self.ctx.log.split(command.sent_at, at);
        let picked = Picked { at, mailbox_wait, parts };
        if command.is_late(at) {
            // Nobody waits any more: answering late would only make others late (rule N5).
            return command.fail_late(at, self.fsm.peer.term());
        }
        self.propose_raft_command(command, picked);
    }

    /// Checks a command against what this replica is, and proposes it.
    pub(crate) fn propose_raft_command(
        &mut self,
        command: RaftCommand<E::Snapshot>,
        picked: Picked,
    ) {
        if let Err(error) = self.pre_propose_raft_command(&command.request) {
            let term = self.fsm.peer.term();
            return command.callback.fail(error, term);
        }
        self.fsm.peer.propose(self.ctx, command, picked);
    }

    /// The checks that need no raft: store, replica, role, witness, flashback, term, epoch.
    fn pre_propose_raft_command(&self, request: &RaftCmdRequest) -> Result<(), Error> {
        let (peer, header) = (&self.fsm.peer, &request.header);
        let region = peer.region();
        if header.store_id != self.ctx.store_id {
            return Err(Error::StoreNotMatch {
                expected: header.store_id,
                found: self.ctx.store_id,
            });
        }
        if header.peer_id != peer.meta.peer_id() {
            return Err(Error::PeerNotMatch {
                region: region.region_id(),
                expected: header.peer_id,
                found: peer.meta.peer_id(),
            });
        }
        let replica_may_answer = header.replica_read || is_read_index(request);
        if !peer.is_leader() && !replica_may_answer {
            let (region, leader) = (region.region_id(), peer.leader());
            return Err(Error::NotLeader { region, leader });
        }
        if peer.meta.is_witness && request.read().is_some() {
            return Err(Error::IsWitness(region.region_id()));
        }
        if !peer.is_initialized() || peer.is_handling_snapshot() {
            let (region, reason) = (region.region_id(), "the replica waits for a snapshot");
            return Err(Error::DataIsNotReady { region, reason });
        }
        if peer.wait_data && request.read().is_some() {
            let (region, reason) = (region.region_id(), "the replica still waits for its data");
            return Err(Error::DataIsNotReady { region, reason });
        }
        check_flashback(request, region)?;
        check_term(header, peer.term())?;
        check_region_epoch(header, region)
    }

    fn on_tick(&mut self) {
        let peer = &mut self.fsm.peer;
        let sleeps = peer.sleeps_through_tick(self.ctx);
        if !sleeps {
            if peer.snapshots.installing.is_none() {
                // Else it could campaign with a log whose start is not there yet.
                peer.raft_group.tick();
            }
            peer.retry_pending_reads(self.ctx);
        }
        peer.fail_late_commands(self.ctx);
        peer.report_leadership(self.ctx);
        peer.check_merge(self.ctx);
        peer.leave_joint_configuration(self.ctx);
        peer.compact_if_needed(self.ctx);
        peer.check_incoming_snapshot(self.ctx);
        peer.check_outgoing_snapshot(self.ctx);
        // A lease of a region that sleeps may end: nobody reads under it.
        if self.ctx.config.renew_lease_by_tick && !sleeps {
            self.renew_lease_if_needed();
        }
    }

    fn on_casual(&mut self, casual: CasualMessage) {
        self.fsm.peer.wake(self.ctx, WokenBy::Request);
        match casual {
            CasualMessage::RenewLease => {
                let advance = self.ctx.config.renew_advance();
                let lease = &mut self.fsm.peer.leader_lease;
                if !lease.needs_renewal(self.ctx.now, advance) {
                    // Readers were told of less than there is.
                    lease.refresh_remote();
                }
                self.renew_lease_if_needed();
            }
            CasualMessage::QueryRegionLeaderResp { leader } => {
                self.fsm.peer.wake_up(self.ctx, leader);
            }
            CasualMessage::TakeOver(take_over) => {
                self.fsm.peer.wake(self.ctx, WokenBy::Request);
                self.fsm.peer.take_over(self.ctx, *take_over);
            }
            CasualMessage::CatchUp(catch_up) => self.fsm.peer.catch_up(self.ctx, *catch_up),
            CasualMessage::CaughtUp { source, commit } => {
                self.fsm.peer.on_source_caught_up(self.ctx, source, commit);
            }
            CasualMessage::Superseded { by } => self.fsm.peer.end_superseded(self.ctx, by),
            CasualMessage::Merged { into } => self.fsm.peer.end_merged(self.ctx, into),
            // A replica that may have forgotten a promise not to vote must not vote for itself
            // either (rule L15).
            CasualMessage::Campaign if self.fsm.peer.may_have_promised(self.ctx) => {}
            CasualMessage::Campaign if self.fsm.peer.snapshots.installing.is_some() => {}
            // Who campaigns forgets its leader, and with it the promise that the lease rests on
            // (rule L13).
            CasualMessage::Campaign
                if self.fsm.peer.raft_group.raft.leader_id != raft::INVALID_ID => {}
            CasualMessage::Campaign => {
                if let Err(error) = self.fsm.peer.raft_group.campaign() {
                    tracing::debug!(target: "raft", %error, "no campaign");
                }
            }
        }
    }

    /// Renews a lease that ends soon with a read that nobody waits for (mode 15, rule L17).
    fn renew_lease_if_needed(&mut self) {
        let peer = &self.fsm.peer;
        let advance = self.ctx.config.renew_advance();
        if !peer.is_leader()
            || peer.pending_reads.has_unresolved()
            || !peer.leader_lease.needs_renewal(self.ctx.now, advance)
            || !peer.raft_group.raft.commit_to_current_term()
        {
            return;
        }
        let header = RequestHeader {
            region_id: peer.region_id(),
            peer_id: peer.meta.peer_id(),
            store_id: self.ctx.store_id,
            epoch: peer.region().epoch,
            read_quorum: true,
            ..RequestHeader::default()
        };
        let request = RaftCmdRequest { header, body: Body::Read(ReadCommand::Renew) };
        let (sent_at, callback) = (self.ctx.now, Callback::none());
        let command = RaftCommand { request, callback, sent_at, trace: None, deadline: None };
        let (mailbox_wait, parts) = (Duration::ZERO, WaitParts::default());
        let picked = Picked { at: sent_at, mailbox_wait, parts };
        self.fsm.peer.propose(self.ctx, command, picked);
    }

    /// Collects what raft-rs wants done, if anything has come since the last time. True when there
    /// is something to persist before [`PeerFsmDelegate::post_persist`] is called.
    pub(crate) fn collect_ready(&mut self) -> bool {
        let peer = &mut self.fsm.peer;
        if !std::mem::take(&mut self.fsm.has_ready) || !peer.raft_group.has_ready() {
            return false;
        }
        // A background Ready is of no interest to a reader of traces: only one that reads wait for.
        let span = if peer.pending_reads.is_empty() {
            tracing::Span::none()
        } else {
            round_span!("collect_ready", "Peer", "PeerFsmDelegate::collect_ready")
        };
        let _entered = span.enter();
        record!("Ready", "Peer");
        peer.handle_raft_ready_append(self.ctx);
        true
    }

    /// Continues after the writes of the last Ready have reached the disk.
    pub(crate) fn post_persist(&mut self) {
        self.fsm.peer.on_persisted(self.ctx);
        self.fsm.peer.redraw_election_timeout(&self.ctx.config);
        // What was persisted may have committed something at once, in a group of one.
        self.fsm.has_ready |= self.fsm.peer.raft_group.has_ready();
    }
}

/// What comes in the round in which a replica has ended is answered, not kept (rule N3).
fn refuse_gone<E: Engine>(peer: &Peer<E>, message: PeerMsg<E::Snapshot>) {
    if let PeerMsg::RaftCommand(command) = message {
        command.callback.fail(Error::RegionNotFound(peer.region_id()), peer.term());
    }
}

fn is_read_index(request: &RaftCmdRequest) -> bool {
    matches!(request.read(), Some(ReadCommand::ReadIndex))
}

/// A replica's meta within its region, for messages.
pub(crate) fn peer_meta(region: &Region, id: u64) -> Option<PeerMeta> {
    region.peer(crate::ids::PeerId(id)).copied()
}
