//! A message for a region that this store has no replica of: a new replica may be meant.
//!
//! A leader that has a new member sends to it as to any other; the replica comes to be by the first
//! message, knows nothing, and waits for its first snapshot. A replica that was removed must not come
//! back like that: its tombstone says in which epoch it was removed.

use crate::engine::Engine;
use crate::ids::StoreId;
use crate::message::{Payload, RaftMessage};
use crate::message_checks::RefusedMessage;
use crate::peer::{Peer, PeerFsm};
use crate::peer_storage::{PeerStorage, load_region_state};
use crate::poll_context::PollContext;
use crate::region::Region;

/// Why a message for an unknown region is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unwanted {
    /// It is for another store.
    OtherStore,
    /// It does not begin anything.
    NoBeginning,
    /// The replica that it is for was removed, or its region merged.
    Removed,
    /// The replica is on its way out, or on its way in.
    Busy,
}

impl Unwanted {
    /// Its name, for counting.
    fn as_str(self) -> &'static str {
        match self {
            Unwanted::OtherStore => "other-store",
            Unwanted::NoBeginning => "no-beginning",
            Unwanted::Removed => "removed",
            Unwanted::Busy => "busy",
        }
    }
}

/// The replica that a message begins; if it begins none, it is refused and counted.
pub(crate) fn begin_or_refuse<E: Engine>(
    ctx: &mut PollContext<E>,
    message: &RaftMessage,
) -> Option<PeerFsm<E>> {
    match begin(ctx, message) {
        Ok(fsm) => Some(fsm),
        Err(unwanted) => {
            let region = message.region_id;
            tracing::debug!(%region, why = unwanted.as_str(), "no replica begins");
            let why = RefusedMessage::UnknownRegion { region };
            ctx.refused.refuse(ctx.store_id, message, &why);
            None
        }
    }
}

fn begin<E: Engine>(
    ctx: &mut PollContext<E>,
    message: &RaftMessage,
) -> Result<PeerFsm<E>, Unwanted> {
    let region = message.region_id;
    if message.to.store() != StoreId(ctx.store_id.0) || message.to.id == 0 {
        return Err(Unwanted::OtherStore);
    }
    if let Ok(Some(state)) = load_region_state(&ctx.engine, region) {
        if !state.is_tombstone {
            return Err(Unwanted::Busy);
        }
        if message.epoch.conf_ver <= state.region.epoch.conf_ver {
            return Err(Unwanted::Removed);
        }
    }
    // The region's keys belong to another one here: a split that is not applied yet makes the
    // replica, with its data. Until then nobody is told that it has nothing.
    if let Some(meant) = &message.region {
        let is_kept = |other: &std::sync::Arc<Region>| !meant.supersedes(other);
        if ctx.meta.overlapping(meant).iter().any(is_kept) {
            return Err(Unwanted::Busy);
        }
    }
    let begins = match &message.payload {
        Payload::Raft(raft) => matches!(
            raft.msg_type(),
            raft::eraftpb::MessageType::MsgAppend
                | raft::eraftpb::MessageType::MsgHeartbeat
                | raft::eraftpb::MessageType::MsgSnapshot
                | raft::eraftpb::MessageType::MsgRequestVote
                | raft::eraftpb::MessageType::MsgRequestPreVote
        ),
        _ => false,
    };
    if !begins {
        return Err(Unwanted::NoBeginning);
    }
    let storage = PeerStorage::uninitialized(ctx.engine.clone(), region);
    let storage = storage.map_err(|_| Unwanted::Busy)?;
    let seed = ctx.next_seed();
    let peer = Peer::new(message.to, storage, false, ctx, seed).map_err(|_| Unwanted::Busy)?;
    Ok(PeerFsm { peer, has_ready: true })
}
