//! What is asked of a region: a read, a write or an administrative change, with its header.

use std::fmt;
use std::time::Duration;

use prost::Message;

use crate::admin_command::AdminCommand;
use crate::callback::Callback;
use crate::clock::Instant;
use crate::engine::EngineUsage;
use crate::error::Error;
use crate::ids::{PeerId, RegionId, StoreId};
use crate::region::RegionEpoch;
use crate::trace_context::TraceContext;

/// Whom a request is for, and on which conditions.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RequestHeader {
    /// The region.
    pub region_id: RegionId,
    /// The replica.
    pub peer_id: PeerId,
    /// The store of that replica.
    pub store_id: StoreId,
    /// The region's epoch as the caller knows it.
    pub epoch: RegionEpoch,
    /// The term in which the caller read what it builds on; zero for none (rule T8).
    pub term: u64,
    /// Ask the quorum even when the lease is valid.
    pub read_quorum: bool,
    /// Any replica may answer, not the leader alone.
    pub replica_read: bool,
    /// A read of the past, at this timestamp (mode 10; refused here: there are no timestamps).
    pub stale_read_ts: Option<u64>,
    /// The request belongs to a flashback.
    pub flashback: bool,
}

/// The kinds of reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadCommand {
    /// The value of one key.
    Get {
        /// The key.
        key: Vec<u8>,
    },
    /// A snapshot of the region.
    Snap,
    /// Only the index up to which a reader must have applied the log (mode 13).
    ReadIndex,
    /// Nothing: a read index that renews the lease (mode 15).
    Renew,
}

/// One change of a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Mutation {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// Its new value; `None` deletes it.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub value: Option<Vec<u8>>,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A read.
    Read(ReadCommand),
    /// Changes of keys, applied together or not at all.
    Write(Vec<Mutation>),
    /// A change of the region.
    Admin(AdminCommand),
    /// Hand the leadership to this replica. Not replicated: raft-rs does it with messages.
    TransferLeader(PeerId),
}

/// A request to one region.
#[derive(Clone, Debug, PartialEq)]
pub struct RaftCmdRequest {
    /// Whom it is for.
    pub header: RequestHeader,
    /// What it asks for.
    pub body: Body,
}

impl RaftCmdRequest {
    /// The region that it is for (the charts' `get_region_id`).
    pub fn get_region_id(&self) -> RegionId {
        self.header.region_id
    }

    /// The read that it asks for, if it is one.
    #[inline]
    pub fn read(&self) -> Option<&ReadCommand> {
        match &self.body {
            Body::Read(read) => Some(read),
            Body::Write(_) | Body::Admin(_) | Body::TransferLeader(_) => None,
        }
    }
}

impl fmt::Display for RaftCmdRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.body {
            Body::Read(ReadCommand::Get { .. }) => "Get",
            Body::Read(ReadCommand::Snap) => "Snap",
            Body::Read(ReadCommand::ReadIndex) => "ReadIndex",
            Body::Read(ReadCommand::Renew) => "Renew",
            Body::Write(_) => "Write",
            Body::Admin(admin) => admin.as_str(),
            Body::TransferLeader(_) => "TransferLeader",
        };
        write!(f, "{what} region={} peer={}", self.header.region_id, self.header.peer_id)
    }
}

/// The form in which a write or admin command stands in the Raft log.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LogCommand {
    /// The epoch it was proposed at: apply refuses it when the region's version has moved on.
    #[prost(message, required, tag = "1")]
    pub(crate) epoch: RegionEpoch,
    #[prost(message, repeated, tag = "2")]
    pub(crate) mutations: Vec<Mutation>,
    /// A change of the region itself, if it is one.
    #[prost(oneof = "AdminCommand", tags = "4, 5, 6, 7, 8, 9, 10")]
    pub(crate) admin: Option<AdminCommand>,
}

/// A request on its way through a mailbox, with the callback that gets its one answer.
#[derive(Debug)]
pub struct RaftCommand<S> {
    /// The request.
    pub request: RaftCmdRequest,
    /// Who gets the answer.
    pub callback: Callback<S>,
    /// When it was put into the mailbox.
    pub sent_at: Instant,
    /// The `route` span, which the raftstore's spans follow from.
    pub trace: Option<TraceContext>,
    /// After this moment nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl<S> RaftCommand<S> {
    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_late(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| now >= deadline)
    }

    /// Answers a command that is late (rule N5).
    pub(crate) fn fail_late(self, now: Instant, term: u64) {
        let waited = now.saturating_since(self.sent_at);
        let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        let region = self.request.get_region_id();
        self.callback.fail(Error::DeadlineExceeded { region, waited_ms }, term);
    }
}

/// Where the time of a read went, as far as the raftstore saw it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadWaits {
    /// From the mailbox to the raft thread.
    pub mailbox: Duration,
    /// From the proposed read index to its confirmation: quorum, or the leader's answer.
    pub quorum: Duration,
    /// From the confirmation until this replica had applied what it must.
    pub apply: Duration,
    /// Taking the engine's snapshot.
    pub snapshot: Duration,
    /// Reading from the engine: a value, or the keys of a scan.
    pub engine: Duration,
    /// What that cost besides time.
    pub usage: EngineUsage,
}

/// Which keys of a region a scan visits, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanRange {
    /// The first key; empty for that of the region.
    pub from: Vec<u8>,
    /// The end, which is not visited; empty for that of the region.
    pub to: Vec<u8>,
    /// How many keys are found at most.
    pub limit: usize,
}

impl ScanRange {
    /// All keys of the region.
    pub fn all() -> ScanRange {
        ScanRange { limit: usize::MAX, ..ScanRange::default() }
    }
}

/// A key and its value.
pub type KeyValue = (Vec<u8>, Vec<u8>);
