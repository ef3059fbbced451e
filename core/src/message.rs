//! What arrives in a region's mailbox, and what its peer sends to other stores.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb;

use crate::admin_command::CommitMerge;
use crate::apply::ApplyRes;
use crate::clock::Instant;
use crate::command::RaftCommand;
use crate::ids::RegionId;
use crate::region::{PeerMeta, Region, RegionEpoch};
use crate::snapshot::{SnapshotAsk, SnapshotPiece};
use crate::trace_context::TraceContext;

/// What the stores of one cluster have in common. A message with another tag is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClusterTag {
    /// The cluster's id.
    pub cluster_id: u64,
    /// Stands for all settings that must be the same everywhere (rule L16, hole H6), see
    /// [`Config::timing_fingerprint`](crate::Config::timing_fingerprint).
    pub timing: u64,
}

/// A message between two replicas of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct RaftMessage {
    /// The sender's cluster and what it must share with this one.
    pub cluster: ClusterTag,
    /// The region.
    pub region_id: RegionId,
    /// The sending replica.
    pub from: PeerMeta,
    /// The receiving replica.
    pub to: PeerMeta,
    /// The region as the sender knows it, on messages of raft-rs: a store that has no replica of it
    /// sees whether it should, or will when a split is applied.
    pub region: Option<Arc<Region>>,
    /// The sender's epoch.
    pub epoch: RegionEpoch,
    /// What it says.
    pub payload: Payload,
    /// On a `MsgReadIndexResp`: the leader answered from its lease, without a round (rule P13).
    pub from_lease: bool,
    /// The span that caused it, if a read did: W3C trace context rides along.
    pub trace: Option<TraceContext>,
    /// When it came in, by the receiver's clock: does not travel. Only of one with a trace, which says
    /// how long it then lay in the mailbox, or for a round that a traced read may have joined.
    pub received_at: Option<Instant>,
    /// How long its sender kept it: of one with a trace that was sent for the first time.
    pub kept: Option<Kept>,
}

/// How long a sender kept a message, from what had caused it until it could leave: an acknowledgement
/// waits for the disk, and a round for the other regions of its batch. A length of time means the same
/// on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// All of it.
    pub wait: Duration,
    /// How much of it the sender's raft thread waited for the disk.
    pub disk: Duration,
    /// How much of it that thread served regions.
    pub poller: Duration,
}

/// The content of a [`RaftMessage`].
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// For raft-rs.
    Raft(Box<eraftpb::Message>),
    /// A replica without a leader asks the others to wake up and make themselves heard (rule P7).
    RegionWakeUp,
    /// The read index with this context was dropped: whoever waits for it has to ask again (H5).
    ReadIndexDropped(Vec<u8>),
    /// The receiver is not part of its group since the sender's epoch.
    Removed,
    /// A piece of a snapshot is wanted.
    SnapshotAsk(Box<SnapshotAsk>),
    /// A piece of a snapshot.
    SnapshotPiece(Box<SnapshotPiece>),
    /// A leader whose region nobody uses asks the others to sleep with it (rule Hb1).
    Hibernate(SleepPoint),
    /// A replica agrees, and sleeps.
    HibernateAgreed(SleepPoint),
}

/// Where a region stands when it falls asleep: who agrees has the same log as the leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepPoint {
    /// The leader's term.
    pub term: u64,
    /// The index of the last entry, which is committed.
    pub index: u64,
}

/// The read index whose round a message acknowledges, as raft-rs has it.
pub(crate) fn acknowledged_read(message: &eraftpb::Message) -> Option<&[u8]> {
    let is_answer = message.msg_type() == eraftpb::MessageType::MsgHeartbeatResponse;
    (is_answer && !message.context.is_empty()).then_some(&message.context)
}

impl RaftMessage {
    /// The message's type, by the name that raft-rs gives it.
    pub fn kind(&self) -> MessageKind {
        match &self.payload {
            Payload::Raft(message) => MessageKind::Raft(message.msg_type()),
            Payload::RegionWakeUp => MessageKind::RegionWakeUp,
            Payload::ReadIndexDropped(_) => MessageKind::ReadIndexDropped,
            Payload::Removed => MessageKind::Removed,
            Payload::SnapshotAsk(_) => MessageKind::SnapshotAsk,
            Payload::SnapshotPiece(_) => MessageKind::SnapshotPiece,
            Payload::Hibernate(_) => MessageKind::Hibernate,
            Payload::HibernateAgreed(_) => MessageKind::HibernateAgreed,
        }
    }
}

/// The type of a message, for filters and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// One of raft-rs.
    Raft(eraftpb::MessageType),
    /// [`Payload::RegionWakeUp`].
    RegionWakeUp,
    /// [`Payload::ReadIndexDropped`].
    ReadIndexDropped,
    /// [`Payload::Removed`].
    Removed,
    /// [`Payload::SnapshotAsk`].
    SnapshotAsk,
    /// [`Payload::SnapshotPiece`].
    SnapshotPiece,
    /// [`Payload::Hibernate`].
    Hibernate,
    /// [`Payload::HibernateAgreed`].
    HibernateAgreed,
}

impl MessageKind {
    /// Those that are not raft-rs's.
    pub const OWN: [MessageKind; 7] = [
        MessageKind::RegionWakeUp,
        MessageKind::ReadIndexDropped,
        MessageKind::Removed,
        MessageKind::SnapshotAsk,
        MessageKind::SnapshotPiece,
        MessageKind::Hibernate,
        MessageKind::HibernateAgreed,
    ];

    /// Its name, e.g. `MsgHeartbeat`.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageKind::Raft(kind) => kind.as_str_name(),
            MessageKind::RegionWakeUp => "RegionWakeUp",
            MessageKind::ReadIndexDropped => "ReadIndexDropped",
            MessageKind::Removed => "Removed",
            MessageKind::SnapshotAsk => "SnapshotAsk",
            MessageKind::SnapshotPiece => "SnapshotPiece",
            MessageKind::Hibernate => "Hibernate",
            MessageKind::HibernateAgreed => "HibernateAgreed",
        }
    }
}

impl fmt::Display for RaftMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.store_id, self.to.store_id);
        write!(f, "n{from} -> n{to} {} region={}", self.kind().as_str(), self.region_id)
    }
}

/// Something for a peer that is neither a command nor a message.
#[derive(Debug)]
pub(crate) enum CasualMessage {
    /// A reader saw that the lease ends soon (rule L17).
    RenewLease,
    /// The placement driver knows who leads.
    QueryRegionLeaderResp {
        /// The leader.
        leader: PeerMeta,
    },
    /// Campaign now: for the first election of a new region.
    Campaign,
    /// To the target of a merge: the source on this store is ready.
    TakeOver(Box<TakeOver>),
    /// To the source of a merge: the target on this store waits for it.
    CatchUp(Box<CatchUp>),
    /// To the target of a merge: the source on this store has applied its log up to `commit`.
    CaughtUp { source: RegionId, commit: u64 },
    /// To the source of a merge: it is part of another region now.
    Merged { into: RegionId },
    /// A snapshot of another region has the data of this one, which was merged into it elsewhere.
    Superseded { by: RegionId },
}

/// What the target of a merge is asked to propose, if it leads and still has this epoch.
#[derive(Debug)]
pub(crate) struct TakeOver {
    pub(crate) epoch: RegionEpoch,
    pub(crate) merge: CommitMerge,
}

/// What the source of a merge has to have applied before the target on its store goes on.
#[derive(Debug)]
pub(crate) struct CatchUp {
    pub(crate) target: RegionId,
    pub(crate) commit: u64,
    /// The end of its log, in case that it lacks some of it.
    pub(crate) entries: Vec<eraftpb::Entry>,
}

/// What arrives in a region's mailbox.
#[derive(Debug)]
pub(crate) enum PeerMsg<S> {
    /// From another replica.
    RaftMessage(Box<RaftMessage>),
    /// From a client.
    RaftCommand(Box<RaftCommand<S>>),
    /// From the apply loop.
    ApplyRes(ApplyRes),
    /// A tick has passed.
    Tick,
    /// Anything else.
    Casual(CasualMessage),
}
