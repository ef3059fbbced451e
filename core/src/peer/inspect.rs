//! Stage `inspect`: may the leader answer alone, or must the quorum be asked?

use crate::clock::Instant;
use crate::command::{Body, RaftCmdRequest, ReadCommand};
use crate::engine::Engine;
use crate::lease::{LeaseState, trace_lease_state};
use crate::peer::Peer;
use crate::poll_context::PollContext;
use crate::read_queue::ReadIndexRequest;
use crate::request_policy::{RequestInspector, RequestPolicy, trace_policy};
use crate::rules::{Rule, Rules};
use crate::spans::{enter_function, stage_span};

/// A peer that is being asked how to serve a request.
struct PeerInspector<'a, E: Engine> {
    peer: &'a mut Peer<E>,
    ctx: &'a PollContext<E>,
}

impl<E: Engine> RequestInspector for PeerInspector<'_, E> {
    fn has_applied_to_current_term(&mut self) -> bool {
        self.peer.has_applied_to_current_term()
    }

    fn inspect_lease(&mut self) -> LeaseState {
        self.peer.inspect_lease(self.ctx)
    }
}

impl<E: Engine> Peer<E> {
    /// Decides how a request is served.
    pub(crate) fn inspect(
        &mut self,
        ctx: &PollContext<E>,
        request: &RaftCmdRequest,
    ) -> RequestPolicy {
        // Only reads of clients have a stage: a write's policy is plain from its kind, and a renewal
        // of our own belongs to no trace.
        let span = match request.body {
            Body::Read(ReadCommand::Renew) => tracing::Span::none(),
            Body::Read(_) => stage_span!(
                "inspect",
                "Peer",
                "Peer::inspect",
                read.policy = tracing::field::Empty,
                lease.state = tracing::field::Empty,
                lease.remaining_ns = tracing::field::Empty,
                lease.renewed_by = tracing::field::Empty,
            ),
            Body::Write(_) | Body::Admin(_) | Body::TransferLeader(_) => tracing::Span::none(),
        };
        let _entered = span.enter();
        let (policy, why) = PeerInspector { peer: self, ctx }.policy_of(request);
        trace_policy(policy, why);
        span.record("read.policy", policy.title());
        if !span.is_disabled() && self.is_leader() {
            let now = ctx.monotonic_raw_now();
            span.record("lease.state", self.leader_lease.state_at(now).title());
            span.record("lease.renewed_by", self.leader_lease.renewed_by().as_str());
            if let Some(remaining_ns) = self.leader_lease.remaining_ns(now) {
                span.record("lease.remaining_ns", remaining_ns);
            }
        }
        policy
    }

    /// Whether an entry of the current term is applied here: before that, entries that the last
    /// leader acknowledged may be missing from the data (rule T1).
    pub(crate) fn has_applied_to_current_term(&self) -> bool {
        let _span = enter_function!(
            "has_applied_to_current_term",
            "Peer",
            "Peer::has_applied_to_current_term"
        );
        self.storage().applied_index_term() == self.term() || !self.rules.holds(Rule::T1)
    }

    /// What the lease is worth. Without `Leader && check_quorum` voters have promised nothing, so
    /// it is suspect whatever its clock says (rule L14).
    pub(crate) fn inspect_lease(&mut self, ctx: &PollContext<E>) -> LeaseState {
        let _span = enter_function!("inspect_lease", "Peer", "Peer::inspect_lease");
        let state = if self.in_lease() || !self.rules.holds(Rule::L14) {
            let state = self.leader_lease.inspect(ctx.clock.0.as_ref());
            if state == LeaseState::Expired {
                self.leader_lease.expire();
            }
            state
        } else {
            LeaseState::Suspect
        };
        trace_lease_state(state);
        state
    }

    fn in_lease(&self) -> bool {
        let _span = enter_function!("in_lease", "raft-rs", "Raft::in_lease");
        self.raft_group.raft.in_lease()
    }
}

/// Whether a read may join `carrier`, the newest read index on its way (the block that the notes
/// call "not understood").
///
/// Joining is itself a lease argument: an acknowledgement of the carrier proves that no other
/// leader exists before its proposal plus one election timeout. So the carrier must be younger than
/// a lease (rule B1), and nothing may let another peer campaign sooner (rule B2): `Expired` is
/// fine, `Suspect` is not.
pub(crate) fn can_amend_read<S>(
    carrier: &ReadIndexRequest<S>,
    lease: LeaseState,
    lease_end_of: impl Fn(Instant) -> Instant,
    now: Instant,
    rules: Rules,
) -> bool {
    let is_trusted = lease != LeaseState::Suspect || !rules.holds(Rule::B2);
    let is_young = lease_end_of(carrier.propose_time) > now || !rules.holds(Rule::B1);
    is_trusted && is_young
}
