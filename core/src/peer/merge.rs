//! A region is taken over by its neighbour: what its peers do meanwhile, on both sides.
//!
//! ```text
//!   source, leader        PrepareMerge in its log: no read, no write from its commit on (M3)
//!   source, each replica  at every tick: asks the target on its store to take it over
//!   target, leader        CommitMerge in its log, with the end of the source's log
//!   target, each replica  stops applying before it until the source on its store has caught up
//!   target, each replica  applies it: the range is its own, the source's replica ends
//! ```
//!
//! If the target has changed before it took the source over, its entry is void everywhere, and the
//! source's leader takes the merge back.

use std::sync::Arc;

use raft::eraftpb::Entry;
use raft::{GetEntriesContext, ProgressState, StateRole};

use crate::admin_command::{AdminCommand, CommitMerge, PrepareMerge, RollbackMerge};
use crate::apply::{ApplyTask, ApplyWork, check_neighbours};
use crate::command::LogCommand;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::RegionId;
use crate::message::{CasualMessage, CatchUp, TakeOver};
use crate::peer::{Peer, ProposalKind};
use crate::peer_storage::{MergeState, RegionState, load_region_state, put_region_state};
use crate::poll_context::PollContext;
use crate::region::Region;
use crate::rules::Rule;
use crate::spans::enter_function;

/// What an entry's context says of an entry that takes over another region: it is recognised
/// without being decoded.
pub(crate) const TAKES_OVER: &[u8] = b"commit-merge";

/// What a peer keeps of merges.
#[derive(Debug, Default)]
pub(crate) struct Merging {
    /// This region is ready to be taken over.
    pub(crate) prepared: Option<MergeState>,
    /// The index of the last prepared merge that is known to be committed (rule M1).
    pub(crate) last_committed_index: u64,
    /// The region that waits for this one to have applied its log up to an index.
    catching_up_for: Option<(RegionId, u64)>,
    /// Committed entries that wait behind one that takes over a region.
    held: Vec<Entry>,
    /// The source of the first held entry has caught up.
    source_is_ready: bool,
}

impl Merging {
    /// What is kept of a region that is ready to be merged, or is not, and nothing else.
    pub(crate) fn new(prepared: Option<MergeState>) -> Self {
        Merging { prepared, ..Merging::default() }
    }
}

/// The source.
impl<E: Engine> Peer<E> {
    /// Whether this region is about to become part of another one (rule M3).
    pub(crate) fn is_merging(&self) -> bool {
        let _span = enter_function!("is_merging", "Peer", "Peer::is_merging");
        self.is_prepared_to_merge() && self.rules.holds(Rule::M3)
    }

    /// The same, whatever rules hold: for what is no read.
    pub(crate) fn is_prepared_to_merge(&self) -> bool {
        self.merging.prepared.is_some()
            || self.merging.last_committed_index > self.storage().applied_index()
    }

    /// A prepared merge is committed: from here on the target may serve this range elsewhere.
    pub(crate) fn on_prepare_merge_committed(&mut self, ctx: &PollContext<E>, index: u64) {
        self.merging.last_committed_index = index;
        if self.rules.holds(Rule::M3) {
            self.suspect_lease(ctx);
        }
    }

    /// A prepared merge as it can be proposed now: with the index from which every replica has the
    /// log.
    pub(crate) fn complete_prepare_merge(
        &self,
        prepare: &PrepareMerge,
    ) -> Result<PrepareMerge, Error> {
        check_neighbours(self.region(), &prepare.target)?;
        let refuse = |reason: &str| {
            Err(Error::InvalidAdmin { region: self.region_id(), reason: reason.to_owned() })
        };
        let pending =
            self.proposals.iter().any(|proposal| proposal.kind == ProposalKind::PrepareMerge);
        if self.storage().applied_index_term() != self.term() {
            // An earlier leader may have left a compaction that is not applied here yet.
            return refuse("its leader is new and has not applied what is left of the last one");
        }
        let has_pending = pending || self.has_pending(ProposalKind::CompactLog);
        if has_pending || self.is_splitting() || self.region().is_joint() {
            return refuse("another change of it is on its way");
        }
        let first = self.raft_group.raft.raft_log.first_index();
        let mut min_index = self.storage().commit_index() + 1;
        for (_, progress) in self.raft_group.raft.prs().iter() {
            if progress.state == ProgressState::Snapshot || progress.matched + 1 < first {
                return refuse("a replica lacks more of the log than there is");
            }
            min_index = min_index.min(progress.matched + 1);
        }
        Ok(PrepareMerge { target: prepare.target.clone(), min_index })
    }

    /// The merge is prepared, here too.
    pub(crate) fn on_prepare_merge_applied(
        &mut self,
        ctx: &mut PollContext<E>,
        region: Arc<Region>,
        merging: MergeState,
    ) {
        self.merging.prepared = Some(merging);
        self.set_region(ctx, region);
        if self.is_leader() {
            if self.rules.holds(Rule::M3) {
                // One that was elected with this entry in its log has not seen it be committed.
                self.suspect_lease(ctx);
            }
            self.send_region_heartbeat(ctx);
        }
        self.ask_target_to_take_over(ctx);
    }

    /// The merge is taken back: an entry that was proposed later lifts the suspicion (rule L5).
    pub(crate) fn on_rollback_merge_applied(
        &mut self,
        ctx: &mut PollContext<E>,
        region: Arc<Region>,
    ) {
        self.merging.prepared = None;
        self.set_region(ctx, region);
        if self.is_leader() {
            self.send_region_heartbeat(ctx);
        }
    }

    /// At every tick, a region that is ready looks after its merge.
    pub(crate) fn check_merge(&mut self, ctx: &mut PollContext<E>) {
        self.give_held_entries_to_apply(ctx);
        let Some(prepared) = &self.merging.prepared else { return };
        let (target, expected) = (prepared.target.region_id(), prepared.target.epoch);
        let commit = prepared.commit;
        // In this order: the target's new range and this region's end are written together, so that
        // a target that has moved on by taking this region over is seen to have done so.
        let of_target = load_region_state(&ctx.engine, target);
        let own = load_region_state(&ctx.engine, self.region_id());
        let (Ok(of_target), Ok(Some(own))) = (of_target, own) else { return };
        if own.is_tombstone {
            return self.end_merged(ctx, target);
        }
        let has_moved_on = of_target.is_none_or(|state| {
            let epoch = state.region.epoch;
            state.is_tombstone
                || epoch.version > expected.version
                || epoch.conf_ver > expected.conf_ver
        });
        if has_moved_on {
            self.propose_rollback(ctx, commit);
        } else {
            self.ask_target_to_take_over(ctx);
        }
    }

    fn propose_rollback(&mut self, ctx: &PollContext<E>, commit: u64) {
        let is_pending =
            self.proposals.iter().any(|proposal| proposal.kind == ProposalKind::RollbackMerge);
        if self.is_leader() && !is_pending {
            let admin = AdminCommand::RollbackMerge(RollbackMerge { commit });
            self.propose_own_admin(ctx, admin, ProposalKind::RollbackMerge);
        }
    }

    fn ask_target_to_take_over(&self, ctx: &mut PollContext<E>) {
        let Some(prepared) = &self.merging.prepared else { return };
        let raft_log = &self.raft_group.raft.raft_log;
        let (low, high) = (prepared.min_index, prepared.commit + 1);
        let Ok(entries) = raft_log.slice(low, high, None, GetEntriesContext::empty(false)) else {
            return;
        };
        let source = self.region().as_ref().clone();
        let merge = CommitMerge { source, commit: prepared.commit, entries };
        let take_over = TakeOver { epoch: prepared.target.epoch, merge };
        let message = CasualMessage::TakeOver(Box::new(take_over));
        ctx.effects.local.push((prepared.target.region_id(), message));
    }

    /// The target's replica on this store cannot go on before this one has applied its log up to
    /// the prepared merge. What it lacks of it comes with the question.
    pub(crate) fn catch_up(&mut self, ctx: &mut PollContext<E>, catch_up: CatchUp) {
        let CatchUp { target, commit, entries } = catch_up;
        self.merging.catching_up_for = Some((target, commit));
        let committed = self.raft_group.raft.raft_log.committed;
        if committed < commit {
            // They are committed, whoever leads and whatever this replica has in their place.
            let missing: Vec<Entry> =
                entries.into_iter().filter(|entry| entry.index > committed).collect();
            let raft = &mut self.raft_group.raft;
            let term = missing.last().map_or(raft.term, |entry| entry.term.max(raft.term));
            if raft.state != StateRole::Follower || term > raft.term {
                raft.become_follower(term, raft::INVALID_ID);
            }
            // It has everything before them, though it may not know that this is committed.
            let before = missing.first().map_or(committed, |entry| entry.index - 1);
            if let Ok(term_before) = raft.raft_log.term(before) {
                raft.raft_log.maybe_append(before, term_before, commit, &missing);
            }
        }
        self.report_caught_up(ctx);
    }

    /// Tells the target when it may go on.
    pub(crate) fn report_caught_up(&mut self, ctx: &mut PollContext<E>) {
        let Some((target, commit)) = self.merging.catching_up_for else { return };
        if self.storage().applied_index() >= commit {
            self.merging.catching_up_for = None;
            let source = self.region_id();
            ctx.effects.local.push((target, CasualMessage::CaughtUp { source, commit }));
        }
    }

    /// The target has taken this region over: its replica here ends, and what waits is answered.
    pub(crate) fn end_merged(&mut self, ctx: &mut PollContext<E>, target: RegionId) {
        let region = self.region_id();
        self.is_gone = true;
        // Readers first, then whatever waits, then the log (rules S4, S6).
        self.leader_lease.expire();
        ctx.meta.remove(region);
        let reason = "the region has become part of another one";
        self.fail_all(
            || Error::RegionMerging { region, target },
            || Error::StaleCommand { region, reason },
        );
        let (from, to) =
            (crate::engine::keys::raft_state(region), crate::engine::keys::raft_end(region));
        ctx.effects.writes.delete_range(crate::engine::Family::Raft, from, to);
        ctx.effects.deaths.push(region);
    }
}

/// A replica that was left behind.
impl<E: Engine> Peer<E> {
    /// Another region has this one's range, and its snapshot is about to be put in: this replica was
    /// left behind by a merge. Its data goes with that snapshot's first step.
    pub(crate) fn end_superseded(&mut self, ctx: &mut PollContext<E>, by: RegionId) {
        let region = self.region().as_ref().clone();
        let tombstone = RegionState { is_tombstone: true, ..RegionState::normal(region) };
        put_region_state(&tombstone, &mut ctx.effects.writes);
        ctx.effects.must_sync = true;
        self.end_merged(ctx, by);
    }
}

/// The target.
impl<E: Engine> Peer<E> {
    /// A region on this store is ready to be taken over; its leader may be anywhere.
    pub(crate) fn take_over(&mut self, ctx: &PollContext<E>, take_over: TakeOver) {
        let TakeOver { epoch, merge } = take_over;
        let is_pending =
            self.proposals.iter().any(|proposal| proposal.kind == ProposalKind::CommitMerge);
        let is_possible = epoch == self.region().epoch
            && check_neighbours(&merge.source, self.region()).is_ok()
            && !self.is_prepared_to_merge();
        if self.is_leader() && is_possible && !is_pending {
            self.propose_own_admin(
                ctx,
                AdminCommand::CommitMerge(merge),
                ProposalKind::CommitMerge,
            );
        }
    }

    /// The source of the first held entry has applied its log to the end.
    pub(crate) fn on_source_caught_up(
        &mut self,
        ctx: &mut PollContext<E>,
        source: RegionId,
        commit: u64,
    ) {
        let waits_for = self.merging.held.first().and_then(merge_of);
        let is_it = waits_for
            .is_some_and(|merge| merge.source.region_id() == source && merge.commit == commit);
        if is_it {
            self.merging.source_is_ready = true;
            self.give_held_entries_to_apply(ctx);
        }
    }

    /// Gives committed entries to the apply loop, up to one that takes over a region: that one waits
    /// for the region's replica on this store.
    pub(crate) fn give_to_apply(&mut self, ctx: &mut PollContext<E>, mut entries: Vec<Entry>) {
        if !self.merging.held.is_empty() {
            return self.merging.held.append(&mut entries);
        }
        if let Some(place) = entries.iter().position(|entry| entry.context == TAKES_OVER) {
            self.merging.held = entries.split_off(place);
        }
        self.push_apply_task(ctx, entries);
        self.give_held_entries_to_apply(ctx);
    }

    fn give_held_entries_to_apply(&mut self, ctx: &mut PollContext<E>) {
        loop {
            let Some(first) = self.merging.held.first() else { return };
            if !self.merging.source_is_ready && !self.ask_source_to_catch_up(ctx, first) {
                return;
            }
            self.merging.source_is_ready = false;
            let mut entries = std::mem::take(&mut self.merging.held);
            let next = entries.iter().skip(1).position(|entry| entry.context == TAKES_OVER);
            if let Some(place) = next {
                self.merging.held = entries.split_off(place + 1);
            }
            self.push_apply_task(ctx, entries);
        }
    }

    /// Asks the source on this store; true if there is none, so that nothing has to be waited for.
    fn ask_source_to_catch_up(&self, ctx: &mut PollContext<E>, entry: &Entry) -> bool {
        let Some(merge) = merge_of(entry) else { return true };
        let source = merge.source.region_id();
        let is_there = load_region_state(&ctx.engine, source)
            .is_ok_and(|state| state.is_some_and(|state| !state.is_tombstone));
        if !is_there {
            // It was merged elsewhere meanwhile: then the entry is void, its epoch says so.
            return true;
        }
        let (target, commit) = (self.region_id(), merge.commit);
        let catch_up = CatchUp { target, commit, entries: merge.entries };
        ctx.effects.local.push((source, CasualMessage::CatchUp(Box::new(catch_up))));
        false
    }

    fn push_apply_task(&mut self, ctx: &mut PollContext<E>, entries: Vec<Entry>) {
        let Some(last) = entries.last() else { return };
        self.last_applying_index = last.index;
        let (region_id, peer_id) = (self.region_id(), self.meta.peer_id());
        let work = ApplyWork::Entries(entries);
        ctx.effects.apply.push(ApplyTask { region_id, peer_id, work });
    }

    /// The source's range is this region's now.
    pub(crate) fn on_commit_merge_applied(
        &mut self,
        ctx: &mut PollContext<E>,
        region: Arc<Region>,
        source: RegionId,
    ) {
        // No reader may find the source any more when it can find the target (rule S4).
        ctx.meta.remove(source);
        self.set_region(ctx, region);
        let into = self.region_id();
        ctx.effects.local.push((source, CasualMessage::Merged { into }));
        if self.is_leader() {
            self.send_region_heartbeat(ctx);
        }
    }
}

/// The merge in an entry that [`TAKES_OVER`]; none if it cannot be read, which stops the apply loop.
fn merge_of(entry: &Entry) -> Option<CommitMerge> {
    let command = <LogCommand as prost::Message>::decode(entry.data.as_slice()).ok()?;
    match command.admin {
        Some(AdminCommand::CommitMerge(merge)) => Some(merge),
        _ => None,
    }
}
