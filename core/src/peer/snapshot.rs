//! Snapshots as a peer sends, receives and installs them; `snapshot/` has what travels.

use std::time::Duration;

use prost::Message as _;
use raft::SnapshotStatus;
use raft::eraftpb::{Message, MessageType};

use crate::apply::{ApplyTask, ApplyWork};
use crate::clock::Instant;
use crate::engine::Engine;
use crate::message::{CasualMessage, Payload};
use crate::peer::{Merging, Peer};
use crate::poll_context::PollContext;
use crate::region::{PeerMeta, Region};
use crate::rules::Rule;
use crate::snapshot::{Incoming, PieceFault, SnapshotAsk, SnapshotMeta, SnapshotPiece, Taken};

/// What a peer keeps of snapshots.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    incoming: Option<Incoming>,
    /// One is being installed; it was given to the apply loop, or has to be after a restart.
    pub(crate) installing: Option<Installing>,
    /// Offered while another one is put in, by whom: it is looked at after that.
    next: Option<(PeerMeta, Box<Message>)>,
    /// Since when a snapshot has been coming.
    offered_at: Option<Instant>,
    /// When the last one was offered, and when it was in.
    last: Option<(Instant, Instant)>,
}

impl Snapshots {
    /// How long of the time since `since` it took to get and put in a snapshot, if one came.
    pub(crate) fn install_since(&self, since: Instant) -> Option<Duration> {
        let (from, to) = self.last?;
        Some(to.saturating_since(from.max(since))).filter(|span| !span.is_zero())
    }
}

/// How far an installation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installing {
    /// Found after a restart.
    Interrupted,
    /// The apply loop has it.
    Running,
}

/// The sender.
impl<E: Engine> Peer<E> {
    /// A replica asks for a piece. One of a snapshot that is no more gets no answer: its receiver
    /// gives up, and raft-rs makes a new one.
    pub(crate) fn on_snapshot_ask(
        &mut self,
        ctx: &mut PollContext<E>,
        to: PeerMeta,
        ask: &SnapshotAsk,
    ) {
        let Some(piece) = self.storage().snapshot_piece(ask) else { return };
        match piece {
            Ok(piece) => self.send_to(ctx, to, Payload::SnapshotPiece(Box::new(piece))),
            Err(error) => tracing::warn!(%error, "a piece of a snapshot could not be read"),
        }
    }

    /// At every tick: lets go of a snapshot that nobody asks for, and lets raft-rs try again with
    /// whoever it was for.
    pub(crate) fn check_outgoing_snapshot(&mut self, ctx: &PollContext<E>) {
        let idle_max = ctx.config.snapshot_idle_ticks;
        if !self.storage().is_snapshot_idle(idle_max) || !self.is_leader() {
            return;
        }
        let waiting: Vec<u64> = self
            .raft_group
            .raft
            .prs()
            .iter()
            .filter(|(_, progress)| progress.state == raft::ProgressState::Snapshot)
            .map(|(id, _)| *id)
            .collect();
        for id in waiting {
            self.raft_group.report_snapshot(id, SnapshotStatus::Failure);
        }
    }

    fn send_to(&self, ctx: &mut PollContext<E>, to: PeerMeta, payload: Payload) {
        let message = self.own_message(ctx, to, payload);
        ctx.effects.messages.push(message);
    }
}

/// The receiver.
impl<E: Engine> Peer<E> {
    /// Whether a snapshot is being put in: its range has some of the data or none (rule P3).
    pub(crate) fn is_handling_snapshot(&self) -> bool {
        self.snapshots.installing.is_some() && self.rules.holds(Rule::P3)
    }

    /// Tells the leader that its snapshot cannot be taken, as a transport would that lost it.
    fn refuse_snapshot(&mut self, ctx: &mut PollContext<E>, leader: PeerMeta) {
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgSnapStatus);
        (message.from, message.to) = (self.meta.id, leader.id);
        (message.term, message.reject) = (self.term(), true);
        self.send_to(ctx, leader, Payload::Raft(Box::new(message)));
    }

    /// The leader has a snapshot for this replica. raft-rs gets the message when the data is here.
    pub(crate) fn on_snapshot_offered(
        &mut self,
        ctx: &mut PollContext<E>,
        from: PeerMeta,
        message: Box<Message>,
    ) {
        if self.snapshots.installing.is_some() {
            // The leader has cut its log meanwhile, and sends nothing else before it hears of this.
            self.snapshots.next = Some((from, message));
            return;
        }
        let snapshot = message.snapshot.clone().unwrap_or_default();
        let index = snapshot.metadata.as_ref().map_or(0, |metadata| metadata.index);
        let Ok(meta) = SnapshotMeta::decode(snapshot.data.as_slice()) else {
            tracing::warn!(
                region = self.region().id,
                "a snapshot without a description is dropped"
            );
            return;
        };
        if index <= self.storage().commit_index() {
            // raft-rs answers it with what this replica has.
            return self.step(ctx, *message, false);
        }
        if let Some(incoming) = &mut self.snapshots.incoming
            && incoming.meta.id == meta.id
        {
            incoming.message = message;
            incoming.from = from;
            return self.ask_for_piece(ctx);
        }
        let blocks = |other: &std::sync::Arc<Region>| !meta.region.supersedes(other);
        if ctx.meta.overlapping(&meta.region).iter().any(blocks) {
            // A split that is not applied here yet. The leader must not wait for this snapshot: as soon
            // as the split is applied, its log may be all that is missing.
            return self.refuse_snapshot(ctx, from);
        }
        let begun = Incoming::begin(&ctx.engine, (meta, from), message, &mut ctx.effects.writes);
        match begun {
            Ok(incoming) => {
                self.snapshots.incoming = Some(incoming);
                self.snapshots.offered_at = Some(ctx.now);
            }
            Err(error) => {
                ctx.effects.fault = Some(error.into());
                return;
            }
        }
        self.ask_for_piece(ctx);
    }

    /// Asks for the piece that is missing, or gives raft-rs the snapshot if none is.
    fn ask_for_piece(&mut self, ctx: &mut PollContext<E>) {
        let Some(incoming) = &self.snapshots.incoming else { return };
        if incoming.is_complete() {
            return self.give_snapshot_to_raft(ctx);
        }
        let (from, ask) = (incoming.from, incoming.ask());
        self.send_to(ctx, from, Payload::SnapshotAsk(Box::new(ask)));
    }

    /// All pieces are here. Replicas of regions that the snapshot's region has taken over end first:
    /// it has their data, and the log that they waited for will not come any more.
    fn give_snapshot_to_raft(&mut self, ctx: &mut PollContext<E>) {
        let Some(incoming) = &self.snapshots.incoming else { return };
        let metadata = incoming.message.snapshot.as_ref().and_then(|it| it.metadata.as_ref());
        let (index, term) = metadata.map_or((0, 0), |metadata| (metadata.index, metadata.term));
        if self.raft_group.raft.raft_log.match_term(index, term) {
            // The log has come that far meanwhile; raft-rs would only move its commit index.
            self.snapshots.incoming = None;
            return;
        }
        if self.last_applying_index > self.storage().applied_index() {
            // What the apply loop still has of the log must not come between the steps.
            return;
        }
        let others = ctx.meta.overlapping(&incoming.meta.region);
        let into = incoming.meta.region.region_id();
        if others.is_empty() {
            if let Some(incoming) = self.snapshots.incoming.take() {
                self.step(ctx, *incoming.message, false);
            }
        } else if others.iter().all(|other| incoming.meta.region.supersedes(other)) {
            for other in others {
                let message = CasualMessage::Superseded { by: into };
                ctx.effects.local.push((other.region_id(), message));
            }
        }
    }

    /// A piece has come.
    pub(crate) fn on_snapshot_piece(&mut self, ctx: &mut PollContext<E>, piece: SnapshotPiece) {
        let number = piece.number;
        let taken = match &mut self.snapshots.incoming {
            None => Err(PieceFault::OtherSnapshot { number }),
            Some(incoming) => incoming.take(piece, &mut ctx.effects.writes),
        };
        match taken {
            Ok(Taken::More | Taken::Complete) => self.ask_for_piece(ctx),
            Err(fault) => {
                ctx.meta.count_piece_fault(fault.as_str());
                tracing::debug!(region = self.region().id, %fault, "a piece is refused");
                match fault {
                    PieceFault::ForeignKey { .. } => self.snapshots.incoming = None,
                    PieceFault::Checksum { .. } | PieceFault::Missing { .. } => {
                        self.ask_for_piece(ctx);
                    }
                    PieceFault::OtherSnapshot { .. } | PieceFault::Repeated { .. } => {}
                }
            }
        }
    }

    /// At every tick: asks again for what has not come, and gives up what never will.
    pub(crate) fn check_incoming_snapshot(&mut self, ctx: &mut PollContext<E>) {
        if self.snapshots.installing == Some(Installing::Interrupted) {
            self.push_install(ctx);
        }
        let idle_max = ctx.config.snapshot_idle_ticks;
        let Some(incoming) = &mut self.snapshots.incoming else { return };
        incoming.idle_ticks += 1;
        if incoming.idle_ticks > idle_max {
            // What is staged stays: if the same snapshot is offered again, it goes on from there.
            self.snapshots.incoming = None;
        } else {
            self.ask_for_piece(ctx);
        }
    }

    /// raft-rs has taken the snapshot: its log starts behind it, and the data is put in.
    pub(crate) fn install_snapshot(
        &mut self,
        ctx: &mut PollContext<E>,
        snapshot: &raft::eraftpb::Snapshot,
    ) {
        let Ok(meta) = SnapshotMeta::decode(snapshot.data.as_slice()) else { return };
        let metadata = snapshot.metadata.clone().unwrap_or_default();
        let (index, term) = (metadata.index, metadata.term);
        let was_there = self.is_initialized();
        let region = std::sync::Arc::new(meta.region.clone());
        let store = self.raft_group.mut_store();
        store.begin_install(&meta, (index, term), &mut ctx.effects.writes);
        ctx.effects.must_sync = true;
        // What was held back is in the snapshot.
        self.merging = Merging::new(meta.merging);
        self.snapshots.incoming = None;
        self.last_applying_index = index;
        self.progress.set_commit(self.storage().commit_index());
        self.progress.set_applied(index);
        if !was_there {
            let delegate = crate::read_delegate::ReadDelegate::new(
                std::sync::Arc::clone(&region),
                self.meta.peer_id(),
                std::sync::Arc::clone(&self.progress),
                ctx.now,
            );
            ctx.meta.insert(region.region_id(), delegate);
        }
        self.set_region(ctx, region);
        self.push_install(ctx);
    }

    fn push_install(&mut self, ctx: &mut PollContext<E>) {
        self.snapshots.installing = Some(Installing::Running);
        let (region_id, peer_id) = (self.region_id(), self.meta.peer_id());
        for work in [ApplyWork::CleanRange, ApplyWork::Ingest] {
            ctx.effects.apply.push(ApplyTask { region_id, peer_id, work });
        }
    }

    /// The data is in. Reads that have waited for it go on (rule P10).
    pub(crate) fn on_snapshot_installed(&mut self, ctx: &mut PollContext<E>) {
        self.snapshots.installing = None;
        let offered_at = self.snapshots.offered_at.take();
        self.snapshots.last = offered_at.map(|at| (at, ctx.now));
        if let Some((from, message)) = self.snapshots.next.take() {
            self.on_snapshot_offered(ctx, from, message);
        }
    }

    /// Whether this replica knows its region: one that a first message has made does not, until its
    /// first snapshot.
    pub(crate) fn is_initialized(&self) -> bool {
        !self.region().peers.is_empty()
    }

    /// How many pieces of a snapshot have come; `None` if none is coming.
    #[cfg(feature = "sim")]
    pub(crate) fn snapshot_pieces(&self) -> Option<u64> {
        self.snapshots.incoming.as_ref().map(Incoming::pieces)
    }
}
