//! Who renews the leader's lease: the election, a committed write, a confirmed read.

use crate::clock::Instant;
use crate::engine::Engine;
use crate::lease::RenewedBy;
use crate::peer::Peer;
use crate::poll_context::PollContext;
use crate::read_delegate::Progress;
use crate::rules::Rule;

impl<E: Engine> Peer<E> {
    /// Renews the lease by a read index that a quorum has confirmed, from the time when its carrier
    /// was proposed, not its newest member (rules L1, B5). A suspect lease is not lifted by a read
    /// (rule L5).
    pub(crate) fn renew_lease_by_read(&mut self, ctx: &PollContext<E>, propose_time: Instant) {
        let is_trusted = !self.leader_lease.is_suspect() || !self.rules.holds(Rule::L5a);
        if self.is_leader() && is_trusted {
            self.maybe_renew_leader_lease(ctx, propose_time, RenewedBy::Read);
        }
    }

    /// Renews the lease and tells readers of it, unless the region is being split or merged (L11).
    pub(crate) fn maybe_renew_leader_lease(
        &mut self,
        ctx: &PollContext<E>,
        send_at: Instant,
        by: RenewedBy,
    ) {
        let is_changing = self.is_splitting() || self.is_merging() || self.region().is_in_flashback;
        if is_changing && self.rules.holds(Rule::L11) {
            return;
        }
        // When the renewing message was sent, never when its acknowledgement came (rule L1).
        let send_at = if self.rules.holds(Rule::L1) { send_at } else { ctx.monotonic_raw_now() };
        self.leader_lease.renew(send_at, by);
        if let Some(remote) = self.leader_lease.maybe_new_remote_lease(self.term()) {
            self.publish(ctx, Progress::LeaderLease(remote));
        }
    }

    /// Puts the lease under suspicion: a message that lets another replica campaign at once is
    /// about to leave (rule L6).
    pub(crate) fn suspect_lease(&mut self, ctx: &PollContext<E>) {
        self.leader_lease.suspect(ctx.monotonic_raw_now());
        self.publish(ctx, Progress::Suspect(true));
    }
}
