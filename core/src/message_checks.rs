//! Which messages from other stores are refused, and why: before anything has been done with them.
//!
//! A message is checked twice: its envelope by the store that it reaches ([`MessageGate`]), and what
//! is in it by the replica that it is for (`check_for_replica`). raft-rs trusts its caller, and stops
//! the process at a commit index beyond its log; so what only a broken or foreign sender can have
//! sent does not get there. Losing a message is always allowed in Raft, so a refusal loses nothing
//! that was acknowledged. Each is counted by its kind and told to `tracing`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use raft::eraftpb::{Message, MessageType};

use crate::ids::{PeerId, RegionId, StoreId};
use crate::message::{ClusterTag, Payload, RaftMessage, acknowledged_read};
use crate::poll_context::ClockHandle;
use crate::region::{PeerMeta, Region, RegionEpoch};

/// No term runs ahead of another one by more. A term is an election: at one every microsecond this
/// takes twelve days, while the replica that lags may have been away for years. A term near the end
/// of its range would be the last one: nobody could be elected after it.
pub(crate) const TERM_JUMP_MAX: u64 = 1 << 40;

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        = $label:literal, $text:literal;)*) => {
        /// Why a message was refused.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum RefusedMessage {
            $($(#[$doc])* #[error($text)] $variant { $($(#[$field_doc])* $field: $type,)* },)*
        }

        impl RefusedMessage {
            /// The name of each kind.
            pub const LABELS: &[&str] = &[$($label,)*];

            /// The name of its kind.
            pub fn label(&self) -> &'static str {
                match self {
                    $(RefusedMessage::$variant { .. } => $label,)*
                }
            }
        }
    };
}

refusals! {
    /// Another cluster has sent it.
    OtherCluster {
        /// The cluster of this store.
        ours: u64,
        /// The sender's cluster.
        theirs: u64,
    } = "other_cluster",
        "it is from cluster {theirs}, this store belongs to cluster {ours}: give each cluster its \
         own addresses";
    /// The sender measures elections or leases in another way (rule L16, hole H6).
    OtherTiming {
        /// The store that sent it.
        store: StoreId,
    } = "other_timing",
        "store {store} has another tick, election timeout, lease or drift than this one: start all \
         stores of a cluster with the same";
    /// It is for another store.
    OtherStore {
        /// This store.
        ours: StoreId,
        /// The store that it is for.
        theirs: StoreId,
    } = "other_store",
        "it is for store {theirs}, this is store {ours}: look at the addresses of both";
    /// This store has no replica of the region.
    UnknownRegion {
        /// The region.
        region: RegionId,
    } = "unknown_region",
        "region {region} is not on this store";
    /// It is for another replica: one that this store had, or will have.
    OtherReplica {
        /// The region.
        region: RegionId,
        /// The replica here.
        ours: PeerId,
        /// The replica that it is for.
        theirs: PeerId,
    } = "other_replica",
        "region {region}: it is for replica {theirs}, the one here is {ours}";
    /// The sender has been removed from the region and does not know it yet.
    RemovedReplica {
        /// The region.
        region: RegionId,
        /// The sender.
        from: PeerId,
        /// The sender's epoch.
        theirs: RegionEpoch,
        /// The epoch here.
        ours: RegionEpoch,
    } = "removed_replica",
        "region {region}: replica {from} was removed after epoch {theirs}, the region is at {ours}";
    /// The sender is no replica of the region, and no change of its members is on its way.
    Stranger {
        /// The region.
        region: RegionId,
        /// The sender.
        from: PeerId,
        /// The store that it says it is on.
        store: StoreId,
        /// The epoch of both.
        epoch: RegionEpoch,
    } = "stranger",
        "region {region}: at epoch {epoch} it has no replica {from} on store {store}";
    /// The envelope and its content name different replicas.
    ForgedSender {
        /// The region.
        region: RegionId,
        /// The sender and receiver on the envelope.
        envelope: (u64, u64),
        /// Those in it.
        content: (u64, u64),
    } = "forged_sender",
        "region {region}: replicas {envelope:?} stand on the envelope and {content:?} in it";
    /// A type of message that no replica sends to another one.
    NotForTheWire {
        /// The region.
        region: RegionId,
        /// Its type.
        kind: &'static str,
    } = "not_for_the_wire",
        "region {region}: {kind} is what a replica tells itself";
    /// A term that no sound run can have reached.
    ImpossibleTerm {
        /// The region.
        region: RegionId,
        /// The term in the message.
        theirs: u64,
        /// The term here.
        ours: u64,
    } = "impossible_term",
        "region {region}: term {theirs} is impossible, the term here is {ours}";
    /// Entries that cannot stand in a log behind each other.
    MalformedEntries {
        /// The region.
        region: RegionId,
        /// The index of the first one that is out of place.
        index: u64,
    } = "malformed_entries",
        "region {region}: the entry at {index} does not follow the one before it";
    /// It speaks of entries that this replica, which must have them, does not have.
    BeyondLog {
        /// The region.
        region: RegionId,
        /// The index in the message.
        index: u64,
        /// The last index here.
        last: u64,
    } = "beyond_log",
        "region {region}: it speaks of index {index}, the log here ends at {last}";
}

/// How many messages of each kind a store has refused.
#[derive(Debug)]
pub struct RefusedMessages([AtomicU64; RefusedMessage::LABELS.len()]);

impl Default for RefusedMessages {
    fn default() -> Self {
        RefusedMessages(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl RefusedMessages {
    /// Counts a refusal, and says why.
    pub(crate) fn refuse(&self, store: StoreId, message: &RaftMessage, why: &RefusedMessage) {
        let label = why.label();
        if let Some(place) = RefusedMessage::LABELS.iter().position(|known| *known == label) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
        tracing::debug!(
            target: "raft", store = store.0, reason = label, %message, "message refused: {why}"
        );
    }

    /// How many there were of a kind, by its label.
    pub fn get(&self, label: &str) -> u64 {
        self.counts().find(|(known, _)| *known == label).map_or(0, |(_, count)| count)
    }

    /// All kinds with their counts.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.0.iter().map(|count| count.load(Ordering::Relaxed));
        RefusedMessage::LABELS.iter().copied().zip(counts)
    }
}

/// Where messages come into a store.
#[derive(Clone, Debug)]
pub(crate) struct MessageGate {
    pub(crate) store: StoreId,
    pub(crate) cluster: ClusterTag,
    pub(crate) refused: Arc<RefusedMessages>,
    pub(crate) clock: ClockHandle,
}

impl MessageGate {
    /// The message, with the time of its arrival, if it may come in: it is of this cluster and for
    /// this store.
    pub(crate) fn receive(&self, mut message: Box<RaftMessage>) -> Option<Box<RaftMessage>> {
        if let Err(why) = self.check_envelope(&message) {
            self.refused.refuse(self.store, &message, &why);
            return None;
        }
        // A traced read may have joined a round that left without a trace.
        let is_answer =
            matches!(&message.payload, Payload::Raft(it) if acknowledged_read(it).is_some());
        let is_of_interest = message.trace.is_some() || is_answer;
        message.received_at = is_of_interest.then(|| self.clock.0.monotonic_raw_now());
        Some(message)
    }

    fn check_envelope(&self, message: &RaftMessage) -> Result<(), RefusedMessage> {
        let (ours, theirs) = (self.cluster, message.cluster);
        if ours.cluster_id != theirs.cluster_id {
            let (ours, theirs) = (ours.cluster_id, theirs.cluster_id);
            return Err(RefusedMessage::OtherCluster { ours, theirs });
        }
        if ours.timing != theirs.timing {
            return Err(RefusedMessage::OtherTiming { store: message.from.store() });
        }
        if message.to.store() != self.store {
            let (ours, theirs) = (self.store, message.to.store());
            return Err(RefusedMessage::OtherStore { ours, theirs });
        }
        Ok(())
    }
}

/// What a replica holds a message against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receiver<'a> {
    pub(crate) region: &'a Region,
    pub(crate) meta: PeerMeta,
    pub(crate) term: u64,
    pub(crate) last_index: u64,
    pub(crate) is_leader: bool,
}

/// Whether a replica may take a message.
///
/// # Errors
/// Why not; then it must be as if the message had been lost.
pub(crate) fn check_for_replica(
    receiver: Receiver<'_>,
    message: &RaftMessage,
) -> Result<(), RefusedMessage> {
    let (region, to) = (message.region_id, message.to);
    if to.id != receiver.meta.id || to.store_id != receiver.meta.store_id {
        let (ours, theirs) = (receiver.meta.peer_id(), to.peer_id());
        return Err(RefusedMessage::OtherReplica { region, ours, theirs });
    }
    check_member(receiver, message)?;
    match &message.payload {
        Payload::Raft(raft) => check_content(receiver, message, raft),
        // The rest is compared with what there is when it is handled.
        _ => Ok(()),
    }
}

/// A sender that is not known here may come from a later change of the members, which this replica
/// has yet to apply: its leader and the candidates of it must be heard.
fn check_member(receiver: Receiver<'_>, message: &RaftMessage) -> Result<(), RefusedMessage> {
    let Receiver { region: known, .. } = receiver;
    let sender = message.from;
    // The role may have changed since.
    if known.peer(sender.peer_id()).is_some_and(|peer| peer.store_id == sender.store_id) {
        return Ok(());
    }
    let (region, from) = (message.region_id, sender.peer_id());
    let (ours, theirs) = (known.epoch, message.epoch);
    match theirs.conf_ver.cmp(&ours.conf_ver) {
        std::cmp::Ordering::Greater => Ok(()),
        std::cmp::Ordering::Less => {
            Err(RefusedMessage::RemovedReplica { region, from, theirs, ours })
        }
        std::cmp::Ordering::Equal => {
            let (store, epoch) = (sender.store(), ours);
            Err(RefusedMessage::Stranger { region, from, store, epoch })
        }
    }
}

fn check_content(
    receiver: Receiver<'_>,
    message: &RaftMessage,
    raft: &Message,
) -> Result<(), RefusedMessage> {
    let (region, kind) = (message.region_id, raft.msg_type());
    let content = (raft.from, raft.to);
    let envelope = (message.from.id, message.to.id);
    // A read index that a replica passes on keeps the one who asked first (rule R7).
    let is_passed_on = kind == MessageType::MsgReadIndex && raft.to == envelope.1;
    if content != envelope && !is_passed_on {
        return Err(RefusedMessage::ForgedSender { region, envelope, content });
    }
    match kind {
        MessageType::MsgHup
        | MessageType::MsgBeat
        | MessageType::MsgPropose
        | MessageType::MsgTransferLeader
        | MessageType::MsgUnreachable
        | MessageType::MsgCheckQuorum => {
            let kind = kind.as_str_name();
            return Err(RefusedMessage::NotForTheWire { region, kind });
        }
        _ => {}
    }
    let (ours, theirs) = (receiver.term, raft.term);
    // A read index is of no term, anything else of one: raft-rs stops the process otherwise.
    let is_untimely = (theirs == 0) != (kind == MessageType::MsgReadIndex);
    if is_untimely || theirs > ours.saturating_add(TERM_JUMP_MAX) || theirs == u64::MAX {
        return Err(RefusedMessage::ImpossibleTerm { region, theirs, ours });
    }
    let last = receiver.last_index;
    // What raft-rs would follow without a look at its log.
    let index = match kind {
        MessageType::MsgAppend => return check_entries(region, raft),
        MessageType::MsgHeartbeat if theirs >= ours => raft.commit,
        MessageType::MsgAppendResponse if receiver.is_leader && theirs == ours && !raft.reject => {
            raft.index
        }
        _ => return Ok(()),
    };
    if index > last {
        return Err(RefusedMessage::BeyondLog { region, index, last });
    }
    Ok(())
}

/// Indexes without a gap, terms that rise up to the leader's.
fn check_entries(region: RegionId, raft: &Message) -> Result<(), RefusedMessage> {
    let (mut index, mut term) = (raft.index, raft.log_term);
    // Term zero is that of the empty log alone; raft-rs has it for any index beyond its own, too.
    if (index == 0) != (term == 0) {
        return Err(RefusedMessage::MalformedEntries { region, index });
    }
    for entry in &raft.entries {
        let is_next = index.checked_add(1) == Some(entry.index);
        if !is_next || entry.term < term || entry.term > raft.term {
            return Err(RefusedMessage::MalformedEntries { region, index: entry.index });
        }
        (index, term) = (entry.index, entry.term);
    }
    Ok(())
}

#[cfg(test)]
#[path = "message_checks_tests.rs"]
mod tests;
