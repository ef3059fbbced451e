//! How a request is to be served: the one decision that both the reader's thread and the raft
//! thread take, in the order admin, write, stale read, replica read, read quorum, applied term,
//! lease.

use crate::command::{Body, RaftCmdRequest};
use crate::lease::LeaseState;
use crate::spans::case;

/// How a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestPolicy {
    /// Answer from local data: the lease is valid.
    ReadLocal,
    /// A read of the past; needs a safe timestamp.
    StaleRead,
    /// Get a read index first.
    ReadIndex,
    /// Replicate a write.
    ProposeNormal,
    /// Replicate an administrative change.
    ProposeAdmin,
    /// Hand over the leadership.
    ProposeTransferLeader,
}

impl RequestPolicy {
    /// The box of a chart that stands for this policy.
    pub fn title(self) -> &'static str {
        match self {
            RequestPolicy::ReadLocal => "RequestPolicy::ReadLocal",
            RequestPolicy::StaleRead => "RequestPolicy::StaleRead",
            RequestPolicy::ReadIndex => "RequestPolicy::ReadIndex",
            RequestPolicy::ProposeNormal => "RequestPolicy::ProposeNormal",
            RequestPolicy::ProposeAdmin => "RequestPolicy::ProposeAdmin",
            RequestPolicy::ProposeTransferLeader => "RequestPolicy::ProposeTransferLeader",
        }
    }
}

/// Why a read is not `ReadLocal`; the reasons that come from the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLocal {
    /// The request asks for any replica's answer.
    ReplicaRead,
    /// The request asks for a quorum.
    ReadQuorum,
    /// No entry of the current term is applied yet (rule T1).
    AppliedTerm,
    /// The lease is expired, or there is none.
    LeaseExpired,
    /// The lease is under suspicion.
    LeaseSuspect,
}

/// What decides: the peer, or a reader's delegate of it.
pub(crate) trait RequestInspector {
    /// Whether an entry of the current term has been applied here (rule T1).
    fn has_applied_to_current_term(&mut self) -> bool;

    /// What the lease is worth; may read the clock.
    fn inspect_lease(&mut self) -> LeaseState;

    /// Decides; for a read index also says why it is no local read.
    fn policy_of(&mut self, request: &RaftCmdRequest) -> (RequestPolicy, Option<NotLocal>) {
        match request.body {
            Body::Admin(_) => return (RequestPolicy::ProposeAdmin, None),
            Body::TransferLeader(_) => return (RequestPolicy::ProposeTransferLeader, None),
            Body::Write(_) => return (RequestPolicy::ProposeNormal, None),
            Body::Read(_) => {}
        }
        let header = &request.header;
        if header.stale_read_ts.is_some() {
            return (RequestPolicy::StaleRead, None);
        }
        if header.replica_read {
            return (RequestPolicy::ReadIndex, Some(NotLocal::ReplicaRead));
        }
        if header.read_quorum {
            return (RequestPolicy::ReadIndex, Some(NotLocal::ReadQuorum));
        }
        if !self.has_applied_to_current_term() {
            return (RequestPolicy::ReadIndex, Some(NotLocal::AppliedTerm));
        }
        match self.inspect_lease() {
            LeaseState::Valid => (RequestPolicy::ReadLocal, None),
            LeaseState::Expired => (RequestPolicy::ReadIndex, Some(NotLocal::LeaseExpired)),
            // Suspect is more than expired: it also forbids joining a pending read (rule B2) and
            // renewal by a read index (rule L5).
            LeaseState::Suspect => (RequestPolicy::ReadIndex, Some(NotLocal::LeaseSuspect)),
        }
    }
}

/// The `case` event of a policy, following from what decided it.
pub(crate) fn trace_policy(policy: RequestPolicy, why: Option<NotLocal>) {
    match why {
        None if policy == RequestPolicy::ReadLocal => {
            case!(policy.title(), "Peer", from = LeaseState::Valid.title());
        }
        Some(NotLocal::LeaseExpired) => {
            case!(policy.title(), "Peer", from = LeaseState::Expired.title());
        }
        Some(NotLocal::LeaseSuspect) => {
            case!(policy.title(), "Peer", from = LeaseState::Suspect.title());
        }
        Some(NotLocal::AppliedTerm) => {
            case!(policy.title(), "Peer", from = "Peer::has_applied_to_current_term");
        }
        None | Some(NotLocal::ReplicaRead | NotLocal::ReadQuorum) => case!(policy.title(), "Peer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin_command::AdminCommand;
    use crate::command::{ReadCommand, RequestHeader};
    use crate::ids::PeerId;

    struct Fixed(bool, LeaseState);

    impl RequestInspector for Fixed {
        fn has_applied_to_current_term(&mut self) -> bool {
            self.0
        }

        fn inspect_lease(&mut self) -> LeaseState {
            self.1
        }
    }

    #[test]
    fn decides_in_the_documented_order() {
        use LeaseState::{Expired, Suspect, Valid};
        let plain = RequestHeader::default();
        let replica = RequestHeader { replica_read: true, read_quorum: true, ..plain.clone() };
        let quorum = RequestHeader { read_quorum: true, ..plain.clone() };
        let stale = RequestHeader { stale_read_ts: Some(1), replica_read: true, ..plain.clone() };
        let snap = Body::Read(ReadCommand::Snap);
        let rows = [
            (
                Body::Admin(AdminCommand::SetFlashback(true)),
                &stale,
                true,
                Valid,
                RequestPolicy::ProposeAdmin,
                None,
            ),
            (
                Body::TransferLeader(PeerId(1)),
                &plain,
                true,
                Valid,
                RequestPolicy::ProposeTransferLeader,
                None,
            ),
            (Body::Write(vec![]), &replica, true, Valid, RequestPolicy::ProposeNormal, None),
            (snap.clone(), &stale, true, Valid, RequestPolicy::StaleRead, None),
            (
                snap.clone(),
                &replica,
                true,
                Valid,
                RequestPolicy::ReadIndex,
                Some(NotLocal::ReplicaRead),
            ),
            (
                snap.clone(),
                &quorum,
                true,
                Valid,
                RequestPolicy::ReadIndex,
                Some(NotLocal::ReadQuorum),
            ),
            (
                snap.clone(),
                &plain,
                false,
                Valid,
                RequestPolicy::ReadIndex,
                Some(NotLocal::AppliedTerm),
            ),
            (
                snap.clone(),
                &plain,
                true,
                Expired,
                RequestPolicy::ReadIndex,
                Some(NotLocal::LeaseExpired),
            ),
            (
                snap.clone(),
                &plain,
                true,
                Suspect,
                RequestPolicy::ReadIndex,
                Some(NotLocal::LeaseSuspect),
            ),
            (snap, &plain, true, Valid, RequestPolicy::ReadLocal, None),
        ];
        for (body, header, applied, lease, policy, why) in rows {
            let request = RaftCmdRequest { header: header.clone(), body };
            assert_eq!(Fixed(applied, lease).policy_of(&request), (policy, why), "{request}");
        }
    }
}
