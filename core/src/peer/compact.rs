//! The log does not grow for ever: the leader proposes to forget its start.
//!
//! What every replica has is forgotten first. When one lags so far that the log would grow beyond a
//! limit, it is left behind, and gets a snapshot.

use crate::admin_command::{AdminCommand, CompactLog};
use crate::engine::Engine;
use crate::peer::{Peer, ProposalKind};
use crate::peer_storage::TruncatedState;
use crate::poll_context::PollContext;

impl<E: Engine> Peer<E> {
    /// At every tick.
    pub(crate) fn compact_if_needed(&mut self, ctx: &PollContext<E>) {
        if !self.is_leader() {
            return;
        }
        let config = &ctx.config;
        let first = self.raft_group.raft.raft_log.first_index();
        let applied = self.storage().applied_index();
        if applied < first.saturating_add(config.raft_log_gc_entries) {
            return;
        }
        let matched = self.raft_group.raft.prs().iter().map(|(_, progress)| progress.matched).min();
        let everybody_has = matched.unwrap_or(0).min(applied);
        let limit = first.saturating_add(config.raft_log_max_entries);
        let index = if applied > limit { applied - 1 } else { everybody_has.saturating_sub(1) };
        if index >= first.saturating_add(config.raft_log_gc_entries / 2) {
            self.propose_compact_log(ctx, index);
        }
    }

    /// Proposes to forget the log up to `index`, if nothing speaks against it.
    pub(crate) fn propose_compact_log(&mut self, ctx: &PollContext<E>, index: u64) {
        // A merge counts on the log that there is when it is prepared.
        let is_busy = self.has_pending(ProposalKind::CompactLog)
            || self.has_pending(ProposalKind::PrepareMerge)
            || self.is_prepared_to_merge();
        let Ok(term) = self.raft_group.raft.raft_log.term(index) else { return };
        if !is_busy && index <= self.storage().applied_index() {
            let admin = AdminCommand::CompactLog(CompactLog { index, term });
            self.propose_own_admin(ctx, admin, ProposalKind::CompactLog);
        }
    }

    /// The log begins later now.
    pub(crate) fn on_log_compacted(&mut self, ctx: &mut PollContext<E>, truncated: TruncatedState) {
        self.raft_group.mut_store().compact_to(truncated, &mut ctx.effects.writes);
    }
}
