//! What the spans of a read say, as recorded; the verdict takes its evidence from here.

use crate::assemble::Assembly;
use crate::explain::engine_use::EngineUse;
use crate::explain::stages::{Stages, Step};
use crate::model::{ArcStr, SpanId, TraceId};
use crate::view::{Key, SpanSet, SpanView};

/// What a caller asked for, whichever way it was then served: reads of one kind are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asked {
    /// A read of the leader, from its lease if it has one.
    #[default]
    Leader,
    /// A read that asks a quorum in any case.
    Quorum,
    /// A read that any replica may answer.
    Replica,
    /// A scan, of whomever.
    Scan,
}

impl Asked {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Asked::Leader => "leader",
            Asked::Quorum => "quorum",
            Asked::Replica => "replica",
            Asked::Scan => "scan",
        }
    }
}

/// A stay in the mailbox of a raft thread, and what the threads of that store did meanwhile, in
/// nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stay {
    /// The store.
    pub store: Option<i64>,
    /// How long it was.
    pub wait_ns: u64,
    /// How much of it the threads waited for the disk; none if that was not recorded.
    pub disk_ns: Option<u64>,
    /// How much of it they served regions; none if that was not recorded.
    pub poller_ns: Option<u64>,
    /// The region that kept them longest.
    pub region: Option<i64>,
    /// Whether it was with the sender, who may have waited for something else, and not in a mailbox,
    /// where only the threads are waited for.
    pub with_sender: bool,
}

/// What a raft thread did while something lay in its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It waited for the disk.
    Disk,
    /// It served regions.
    Poller,
    /// It did not run.
    Nobody,
    /// That was not recorded.
    Unknown,
}

impl Stay {
    fn of<'a>(span: impl SpanView<'a>) -> Option<Stay> {
        Some(Stay {
            store: span.number(Key::Store),
            wait_ns: span.nanoseconds(Key::Mailbox)?,
            disk_ns: span.nanoseconds(Key::Disk),
            poller_ns: span.nanoseconds(Key::Poller),
            region: span.number(Key::PollerRegion),
            with_sender: false,
        })
    }

    /// How long its sender kept a message before it left, as its receiver's span says.
    fn kept<'a>(span: impl SpanView<'a>) -> Option<Stay> {
        Some(Stay {
            store: span.number(Key::MessageFrom),
            wait_ns: span.nanoseconds(Key::MessageKept)?,
            disk_ns: span.nanoseconds(Key::MessageKeptDisk),
            poller_ns: span.nanoseconds(Key::MessageKeptPoller),
            region: None,
            with_sender: true,
        })
    }

    /// What the thread did for most of the time, with its nanoseconds.
    pub fn largest(&self) -> (Held, u64) {
        let (Some(disk), Some(poller)) = (self.disk_ns, self.poller_ns) else {
            return (Held::Unknown, self.wait_ns);
        };
        let nobody = self.wait_ns.saturating_sub(disk).saturating_sub(poller);
        let parts = [(Held::Disk, disk), (Held::Poller, poller), (Held::Nobody, nobody)];
        parts.into_iter().max_by_key(|(_, ns)| *ns).unwrap_or((Held::Unknown, 0))
    }
}

/// An acknowledgement of the round that confirmed a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The voter's store.
    pub store: i64,
    /// When the voter handled the leader's heartbeat, if its span is there.
    pub asked_ns: Option<u64>,
    /// How long the leader had kept the heartbeat.
    pub kept_by_leader: Option<Stay>,
    /// How long the heartbeat had lain in the voter's mailbox.
    pub at_voter: Option<Stay>,
    /// How long the voter had kept the acknowledgement.
    pub kept_by_voter: Option<Stay>,
    /// When the leader handled the acknowledgement.
    pub at_ns: u64,
    /// How long the acknowledgement had lain in the leader's mailbox.
    pub at_leader: Option<Stay>,
}

impl Ack {
    /// The stays of the heartbeat and of the acknowledgement, in the order of time.
    pub fn stays(&self) -> impl Iterator<Item = &Stay> {
        [&self.kept_by_leader, &self.at_voter, &self.kept_by_voter, &self.at_leader]
            .into_iter()
            .flatten()
    }
}

/// What the spans of a read say, as recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The store that was asked.
    pub store: Option<i64>,
    /// The region.
    pub region: Option<i64>,
    /// What was asked for.
    pub asked: Asked,
    /// How the read was served, `read.mode`.
    pub mode: Option<ArcStr>,
    /// Why the reader's thread did not answer, `reject.reason`.
    pub reject: Option<ArcStr>,
    /// The replica's role when the raft thread took the read on.
    pub role: Option<ArcStr>,
    /// The read's stay in the mailbox of its region.
    pub stay: Option<Stay>,
    /// The stays of a replica's question and of its leader's answer, with their senders and in their
    /// receivers' mailboxes.
    pub hop_stays: Vec<Stay>,
    /// Of the wait for the apply loop, how long the raft thread waited for its disk, in nanoseconds.
    pub apply_disk_ns: Option<u64>,
    /// The lease as the raft thread, or the replica's leader, saw it.
    pub lease: Option<ArcStr>,
    /// What was left of the lease then, in nanoseconds.
    pub lease_remaining_ns: Option<i64>,
    /// What had renewed the lease last.
    pub lease_renewed_by: Option<ArcStr>,
    /// The read whose read index this one joined.
    pub carrier: Option<(TraceId, SpanId)>,
    /// It joined a round that was on its way and that no read had begun: a renewal of the lease.
    pub joined_renewal: bool,
    /// How many reads shared its round of acknowledgements, itself among them, as far as their spans
    /// are there; zero if it waited for none.
    pub batch: usize,
    /// The read in front, which this one had to wait for.
    pub in_front: Option<(TraceId, SpanId)>,
    /// The acknowledgements that the leader handled for it, earliest first.
    pub acks: Vec<Ack>,
    /// When the leader handled each question of the replica for this read.
    pub questions_ns: Vec<u64>,
    /// The leader that a replica has asked.
    pub leader: Option<i64>,
    /// The index that it had to see.
    pub read_index: Option<i64>,
    /// What was applied when the raft thread took it on.
    pub applied_index: Option<i64>,
    /// What it made the engine do, if it read one.
    pub engine: Option<EngineUse>,
    /// The error that it ended with.
    pub error: Option<ArcStr>,
    /// It had not ended when it was recorded: the span that was open then and had begun last.
    pub waits_in: Option<ArcStr>,
    /// The last stage that is known of it, and on which store.
    pub last: Option<(ArcStr, Option<i64>)>,
}

impl Facts {
    pub(super) fn of<'a, V: SpanView<'a>>(root: V, stages: &Stages<'a, V>) -> Facts {
        let text = |span: Option<V>, key: Key| span?.text(key).cloned();
        let lease = stages.inspect.or(stages.lease_of_leader);
        let state = text(lease, Key::LeaseState);
        let reject = text(Some(root), Key::RejectReason);
        let hops = stages.steps_of("MsgReadIndex").chain(stages.steps_of("MsgReadIndexResp"));
        let applied = stages.apply_reads.map(|(_, span)| span);
        let engine = EngineUse::of(root);
        let mode = text(Some(root), Key::Mode);
        let has_joined = mode.as_deref() == Some("read_index_batched");
        let names_carrier = applied.is_some_and(|it| it.links().any(|it| it.kind == Some("batch")));
        Facts {
            store: root.number(Key::Store),
            region: root.number(Key::Region),
            asked: match reject.as_deref() {
                _ if engine.is_some_and(|used| used.keys.is_some()) => Asked::Scan,
                Some("read_quorum") => Asked::Quorum,
                Some("replica_read") => Asked::Replica,
                _ => Asked::Leader,
            },
            mode,
            reject,
            role: text(stages.propose, Key::Role),
            stay: stages.propose.and_then(Stay::of),
            hop_stays: hops.flat_map(|it| [Stay::kept(it), Stay::of(it)]).flatten().collect(),
            apply_disk_ns: applied.and_then(|it| it.nanoseconds(Key::ApplyDisk)),
            lease: state.as_deref().map(lease_word),
            lease_remaining_ns: lease.and_then(|it| it.number(Key::LeaseRemaining)),
            lease_renewed_by: text(lease, Key::LeaseRenewedBy),
            carrier: None,
            joined_renewal: has_joined && !names_carrier && applied.is_some(),
            batch: 0,
            in_front: stages.apply_reads.and_then(|(_, span)| in_front(span)),
            acks: Vec::new(),
            questions_ns: stages.steps_of("MsgReadIndex").map(V::start_ns).collect(),
            leader: stages.steps_of("MsgReadIndex").find_map(|it| it.number(Key::Store)),
            read_index: stages.apply_reads.and_then(|(_, span)| span.number(Key::ReadIndex)),
            applied_index: stages.propose.and_then(|span| span.number(Key::AppliedIndex)),
            engine,
            error: text(Some(root), Key::Error),
            waits_in: text(Some(root), Key::WaitsIn),
            last: stages.last.map(|it| (ArcStr::clone(it.name()), it.number(Key::Store))),
        }
    }

    /// Whether the raft thread was a replica's, which asks its leader.
    pub fn asked_leader(&self) -> bool {
        self.role.as_deref().is_some_and(|role| role != "leader")
    }

    /// All stays in mailboxes, of the read and of the messages of its hop.
    pub fn stays(&self) -> impl Iterator<Item = &Stay> {
        self.stay.iter().chain(&self.hop_stays)
    }
}

/// The lease's state in small letters, without the name of its type.
fn lease_word(state: &str) -> ArcStr {
    state.trim_start_matches("LeaseState::").to_lowercase().into()
}

fn in_front<'a>(apply_reads: impl SpanView<'a>) -> Option<(TraceId, SpanId)> {
    let link = apply_reads.links().find(|link| link.kind == Some("head_of_line"))?;
    Some((link.trace_id, link.span_id))
}

/// The acknowledgements of the round that a read's stages belong to.
pub(super) fn acks<'a, S: SpanSet>(
    assembly: &Assembly<'a, S>,
    stages: &Stages<'a, S::View<'a>>,
) -> Vec<Ack> {
    let of_voters = stages.steps.iter().filter(|it| it.message == "MsgHeartbeatResponse");
    let is_heartbeat =
        |it: &S::View<'a>| it.text(Key::MessageType).is_some_and(|kind| **kind == *"MsgHeartbeat");
    let ack = |Step { at, span, .. }: &Step<'a, S::View<'a>>| {
        let asked = assembly.follows(*at).iter().find(|it| it.kind == Some("message"));
        let asked = asked.and_then(|it| assembly.traces().view(it.from)).filter(is_heartbeat);
        Some(Ack {
            store: span.number(Key::MessageFrom)?,
            asked_ns: asked.map(|it| it.start_ns()),
            kept_by_leader: asked.and_then(Stay::kept),
            at_voter: asked.and_then(Stay::of),
            kept_by_voter: Stay::kept(*span),
            at_ns: span.start_ns(),
            at_leader: Stay::of(*span),
        })
    };
    of_voters.filter_map(ack).collect()
}
