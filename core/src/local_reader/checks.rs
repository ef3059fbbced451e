//! What a reader's thread checks before it answers a read: whether the request fits what it knows of the
//! region, and whether the lease is a way to answer it at all. Whether the lease is valid comes later,
//! after the snapshot (`local_reader`).

use std::sync::Arc;

use super::{LocalReader, NotHere};
use crate::command::RaftCmdRequest;
use crate::engine::Engine;
use crate::error::Error;
use crate::lease::LeaseState;
use crate::read_delegate::ReadDelegate;
use crate::reject::RejectReason;
use crate::request_policy::{NotLocal, RequestInspector, RequestPolicy};
use crate::rules::{Rule, Rules};
use crate::spans::{enter_function, lean_stage_span};

/// A region's delegate that is asked how to serve a request.
struct Inspector<'a>(&'a ReadDelegate, Rules);

impl RequestInspector for Inspector<'_> {
    fn has_applied_to_current_term(&mut self) -> bool {
        self.0.applied_term == self.0.term || !self.1.holds(Rule::T1)
    }

    fn inspect_lease(&mut self) -> LeaseState {
        // Only whether there is one: its time is checked after the snapshot was taken (rule S1).
        if self.0.leader_lease.is_some() { LeaseState::Valid } else { LeaseState::Expired }
    }
}

impl<E: Engine> LocalReader<E> {
    /// Finds the delegate and checks the request against it; the checks in the order of TiKV:
    /// store, delegate, replica, term, epoch, witness, data, flashback, policy.
    pub(super) fn pre_propose_raft_command(
        &self,
        request: &RaftCmdRequest,
    ) -> Result<Arc<ReadDelegate>, NotHere> {
        let _span = enter_function!(
            "pre_propose_raft_command",
            "LocalReader",
            "LocalReader::pre_propose_raft_command"
        );
        let header = &request.header;
        if header.store_id != self.store_id {
            let error = Error::StoreNotMatch { expected: header.store_id, found: self.store_id };
            return Err(NotHere::refuse(RejectReason::StoreIdMismatch, error));
        }
        let delegate =
            self.get_delegate(header.region_id).ok_or(NotHere::Redirect(RejectReason::NoRegion))?;
        Self::check_peer_id(request, &delegate)?;
        Self::check_term(request, &delegate)?;
        Self::check_region_epoch(request, &delegate)?;
        Self::check_data(request, &delegate)?;
        match self.inspect(request, &delegate) {
            (RequestPolicy::ReadLocal, _) => Ok(delegate),
            (RequestPolicy::StaleRead, _) => {
                let reason = "there is no safe timestamp for a read of the past";
                let error = Error::DataIsNotReady { region: header.region_id, reason };
                Err(NotHere::refuse(RejectReason::SafeTs, error))
            }
            (_, why) => Err(NotHere::Redirect(match why {
                Some(NotLocal::ReplicaRead) => RejectReason::ReplicaRead,
                Some(NotLocal::AppliedTerm) => RejectReason::AppliedTerm,
                Some(NotLocal::LeaseExpired) => RejectReason::NoLease,
                Some(NotLocal::LeaseSuspect) => RejectReason::Suspect,
                Some(NotLocal::ReadQuorum) | None => RejectReason::ReadQuorum,
            })),
        }
    }

    /// Decides how the request is served. The stage is made when that is known, which takes a few
    /// comparisons: so its policy needs no writing of its own.
    fn inspect(
        &self,
        request: &RaftCmdRequest,
        delegate: &ReadDelegate,
    ) -> (RequestPolicy, Option<NotLocal>) {
        let (policy, why) = Inspector(delegate, self.rules).policy_of(request);
        let _stage = lean_stage_span!(
            "inspect",
            "LocalReader",
            "LocalReader::inspect",
            of_policy: "read.policy" = policy.title();
            later:
        );
        (policy, why)
    }

    fn check_peer_id(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let _span = enter_function!("check_peer_id", "LocalReader", "LocalReader::check_peer_id");
        let expected = request.header.peer_id;
        if expected == delegate.peer_id {
            return Ok(());
        }
        let (region, found) = (delegate.region.region_id(), delegate.peer_id);
        let error = Error::PeerNotMatch { region, expected, found };
        Err(NotHere::refuse(RejectReason::PeerIdMismatch, error))
    }

    fn check_term(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let _span = enter_function!("check_term", "LocalReader", "LocalReader::check_term");
        crate::request_checks::check_term(&request.header, delegate.term)
            .map_err(|error| NotHere::refuse(RejectReason::TermMismatch, error))
    }

    /// A mismatch is sent on: the raft thread may know a newer region than this delegate (rule M5).
    fn check_region_epoch(
        request: &RaftCmdRequest,
        delegate: &ReadDelegate,
    ) -> Result<(), NotHere> {
        let _span =
            enter_function!("check_region_epoch", "LocalReader", "LocalReader::check_region_epoch");
        crate::request_checks::check_region_epoch(&request.header, &delegate.region)
            .map_err(|_| NotHere::Redirect(RejectReason::Epoch))
    }

    /// Whether this replica has the data, and may show it.
    fn check_data(request: &RaftCmdRequest, delegate: &ReadDelegate) -> Result<(), NotHere> {
        let region = delegate.region.region_id();
        if delegate.is_witness {
            return Err(NotHere::refuse(RejectReason::Witness, Error::IsWitness(region)));
        }
        if delegate.wait_data {
            let reason = "the replica still waits for its data";
            let error = Error::DataIsNotReady { region, reason };
            return Err(NotHere::refuse(RejectReason::WaitData, error));
        }
        crate::request_checks::check_flashback(request, &delegate.region).map_err(|error| {
            let reason = match error {
                Error::FlashbackInProgress(_) => RejectReason::FlashbackInProgress,
                _ => RejectReason::FlashbackNotPrepared,
            };
            NotHere::refuse(reason, error)
        })
    }
}
