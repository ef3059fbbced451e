//! A region is being split: what its peer must not do from the moment when that is committed, and
//! what it does when it is applied.
//!
//! The other replicas may have applied the split already and one of the new regions may be led
//! elsewhere. So the leader stops renewing its lease and answering read indexes as soon as the
//! split is committed, before any message can tell others of it (rules M1, M2). Reads under the
//! lease as it was stay right: a new region's other replicas wait a whole election timeout.

use std::sync::Arc;

use crate::birth::Birth;
use crate::engine::Engine;
use crate::pd::PdTask;
use crate::peer::{Peer, ProposalKind};
use crate::poll_context::PollContext;
use crate::region::Region;
use crate::rules::Rule;
use crate::spans::enter_function;

impl<E: Engine> Peer<E> {
    /// Whether a split of this region is committed and not applied here (rule M2).
    pub(crate) fn is_splitting(&self) -> bool {
        let _span = enter_function!("is_splitting", "Peer", "Peer::is_splitting");
        self.last_committed_split_index > self.storage().applied_index()
            && self.rules.holds(Rule::M2)
    }

    /// The commit index moves from `before`: notes what of it changes the region, before a message
    /// can show it to anybody else (rule M1).
    ///
    /// Only this term's own proposals are looked at. What an earlier leader proposed is committed
    /// here by an entry of this term, and until that is applied there is no read at all (T1, T4).
    pub(crate) fn note_committed_changes(&mut self, ctx: &PollContext<E>, before: u64) {
        let commit = self.storage().commit_index();
        if !self.is_leader() || commit <= before {
            return;
        }
        let is_new = |index: u64| index > before && index <= commit;
        let news: Vec<(ProposalKind, u64)> = self
            .proposals
            .iter()
            .filter(|proposal| proposal.kind != ProposalKind::Normal && is_new(proposal.index))
            .map(|proposal| (proposal.kind, proposal.index))
            .collect();
        for (kind, index) in news {
            match kind {
                ProposalKind::Normal
                | ProposalKind::CommitMerge
                | ProposalKind::RollbackMerge
                | ProposalKind::CompactLog => {}
                ProposalKind::Split => self.last_committed_split_index = index,
                ProposalKind::PrepareMerge => self.on_prepare_merge_committed(ctx, index),
            }
        }
    }

    /// A split is applied: the old region has its new range, and the new regions begin.
    pub(crate) fn on_split_applied(
        &mut self,
        ctx: &mut PollContext<E>,
        derived: Arc<Region>,
        created: Vec<Arc<Region>>,
    ) {
        self.set_region(ctx, derived);
        let campaigns = self.is_leader();
        if campaigns {
            ctx.effects.pd.push(PdTask::ReportSplit { created: created.clone() });
            self.send_region_heartbeat(ctx);
        }
        for region in created {
            // Beside the leader the new region need not wait for a timeout: this very store had the
            // lease. Anywhere else it must, that is what rule M2 rests on.
            ctx.effects.births.push(Birth { region: region.region_id(), campaigns });
        }
    }
}
