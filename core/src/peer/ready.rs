//! What raft-rs wants done, in the order that the rules demand: role, commit index, messages,
//! reads, committed entries, then the disk.

use std::sync::Arc;

use raft::StateRole;
use raft::eraftpb::Entry;

use crate::apply::{Applied, ApplyRes, RegionChange};
use crate::engine::Engine;
use crate::error::Error;
use crate::lease::RenewedBy;
use crate::peer::Peer;
use crate::poll_context::PollContext;
use crate::read_delegate::Progress;
use crate::rules::Rule;
use crate::spans::enter_function;

impl<E: Engine> Peer<E> {
    /// Handles one Ready up to the point where its writes must reach the disk.
    pub(crate) fn handle_raft_ready_append(&mut self, ctx: &mut PollContext<E>) {
        let _span =
            enter_function!("handle_raft_ready_append", "Peer", "Peer::handle_raft_ready_append");
        let mut ready = self.raft_group.ready();
        let role_changed = ready.ss().is_some();
        if let Some(state) = ready.ss() {
            let role = state.raft_state;
            self.on_role_changed(ctx, role);
        }
        let committed_before = self.storage().commit_index();
        if let Some(hard_state) = ready.hs() {
            self.raft_group.mut_store().set_hard_state(hard_state, &mut ctx.effects.writes);
            self.on_commit_idx_changed(ctx, committed_before);
        }
        if !ready.snapshot().is_empty() {
            let snapshot = ready.snapshot().clone();
            self.install_snapshot(ctx, &snapshot);
        }
        self.release_parked_reads(ctx);
        let messages = ready.take_messages();
        self.send_raft_messages(ctx, messages);
        self.apply_reads(ctx, ready.take_read_states(), role_changed);
        self.handle_raft_committed_entries(ctx, ready.take_committed_entries());
        if let Err(error) =
            self.raft_group.mut_store().append(ready.entries(), &mut ctx.effects.writes)
        {
            // The log and raft-rs have parted; nothing after this could be trusted.
            ctx.effects.fault = Some(Error::Engine(error.to_string()));
        }
        ctx.effects.must_sync |= ready.must_sync();
        self.unpersisted = Some(ready);
    }

    /// Continues once the writes of the last Ready have reached the disk.
    pub(crate) fn on_persisted(&mut self, ctx: &mut PollContext<E>) {
        let Some(mut ready) = self.unpersisted.take() else { return };
        let messages = ready.take_persisted_messages();
        self.send_raft_messages(ctx, messages);
        let leads = ready.ss().is_some_and(|state| state.raft_state == StateRole::Leader);
        if leads && !self.rules.holds(Rule::L12) {
            let now = ctx.monotonic_raw_now();
            self.maybe_renew_leader_lease(ctx, now, RenewedBy::Election);
        }
        if ready.ss().is_some() {
            // Reads of the last term or leader will not be heard of again (rule T9).
            self.message_traces.clear();
            self.lease_answers.clear();
        }
        let mut light = self.raft_group.advance_append(ready);
        if let Some(commit) = light.commit_index() {
            let before = self.storage().commit_index();
            self.raft_group.mut_store().set_commit_index(commit, &mut ctx.effects.writes);
            self.on_commit_idx_changed(ctx, before);
            self.release_parked_reads(ctx);
        }
        let messages = light.take_messages();
        self.send_raft_messages(ctx, messages);
        self.handle_raft_committed_entries(ctx, light.take_committed_entries());
    }

    fn on_role_changed(&mut self, ctx: &mut PollContext<E>, role: StateRole) {
        self.refuse_forwarded_reads(ctx);
        if role == StateRole::Leader {
            self.publish(ctx, Progress::Term(self.term()));
            self.publish(ctx, Progress::AppliedTerm(self.storage().applied_index_term()));
            // Before the no-op of this term leaves, so its voters promise at a later time (L12).
            // It cannot be used before an entry of the term is applied (T1).
            if self.rules.holds(Rule::L12) {
                let now = ctx.monotonic_raw_now();
                self.maybe_renew_leader_lease(ctx, now, RenewedBy::Election);
            }
            self.send_region_heartbeat(ctx);
        } else {
            // Readers check no role: their lease is all that stops them (rule L8).
            if self.leader_lease.is_suspect() {
                // The reason is gone with the leadership.
                self.publish(ctx, Progress::Suspect(false));
            }
            if self.rules.holds(Rule::L8) {
                self.leader_lease.expire();
            }
        }
    }

    /// Publishes the commit index before any message that could show it to another node leaves
    /// (rules M1, X1).
    fn on_commit_idx_changed(&mut self, ctx: &PollContext<E>, before: u64) {
        if self.rules.holds(Rule::M1) {
            self.note_committed_changes(ctx, before);
        }
        self.progress.set_commit(self.storage().commit_index());
    }

    fn handle_raft_committed_entries(&mut self, ctx: &mut PollContext<E>, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        if self.is_leader() {
            let newest = entries
                .iter()
                .rev()
                .find_map(|entry| self.find_propose_time(entry.term, entry.index));
            if let Some(propose_time) = newest {
                self.maybe_renew_leader_lease(ctx, propose_time, RenewedBy::Write);
            }
        }
        if !self.rules.holds(Rule::T5) {
            for Entry { index, term, .. } in &entries {
                self.answer_write(Applied { index: *index, term: *term, result: Ok(()) });
            }
        }
        self.give_to_apply(ctx, entries);
    }

    /// Takes over how far the apply loop has got, and answers what has waited for it.
    pub(crate) fn post_apply(&mut self, ctx: &mut PollContext<E>, result: ApplyRes) {
        let (index, term) = (result.applied_index, result.applied_term);
        let term_changed = self.storage().applied_index_term() != term;
        self.raft_group.mut_store().set_applied(index, term);
        self.raft_group.advance_apply_to(index);
        for change in result.changes {
            self.on_region_change(ctx, change);
        }
        // Before writes are answered: whoever got an answer must find it covered (rule X1).
        self.progress.set_applied(index);
        if term_changed && self.is_leader() {
            self.publish(ctx, Progress::AppliedTerm(term));
        }
        for applied in result.results {
            self.answer_write(applied);
        }
        self.report_caught_up(ctx);
        self.answer_lagging_reads(ctx);
        if self.is_leader() {
            self.respond_leader_reads(ctx);
        } else {
            self.post_pending_read_index_on_replica(ctx);
        }
    }

    /// Follows what an administrative entry has done.
    fn on_region_change(&mut self, ctx: &mut PollContext<E>, change: RegionChange) {
        match change {
            RegionChange::Region(region) => self.set_region(ctx, region),
            RegionChange::Split { derived, created } => {
                self.on_split_applied(ctx, derived, created);
            }
            RegionChange::PrepareMerge { region, merging } => {
                self.on_prepare_merge_applied(ctx, region, merging);
            }
            RegionChange::CommitMerge { region, source } => {
                self.on_commit_merge_applied(ctx, region, source);
            }
            RegionChange::ChangePeers { region, change } => {
                self.on_peers_changed(ctx, region, &change);
            }
            RegionChange::CompactLog { truncated } => self.on_log_compacted(ctx, truncated),
            RegionChange::SnapshotInstalled => self.on_snapshot_installed(ctx),
            RegionChange::RollbackMerge { region } => self.on_rollback_merge_applied(ctx, region),
        }
    }

    pub(crate) fn set_region(&mut self, ctx: &PollContext<E>, region: Arc<crate::region::Region>) {
        // Readers that still hold the old region must not be let through by its lease (rule M4).
        if self.rules.holds(Rule::M4) {
            self.leader_lease.expire_remote_lease();
        }
        self.meta = region.peer(self.meta.peer_id()).copied().unwrap_or(self.meta);
        self.raft_group.mut_store().set_region(Arc::clone(&region));
        self.publish(ctx, Progress::Region(region));
    }
}
