//! How a replica comes to be on a running store: from the states that the engine holds of it.
//!
//! A store takes up all of its replicas like this when it starts, and one of them when a split or a
//! first message has made it. Both drivers, `store` and `sim`, call this and then give the replica a
//! mailbox.

use crate::apply::destroy;
use crate::engine::Engine;
use crate::error::Error;
use crate::ids::{RegionId, StoreId};
use crate::peer::{Installing, Peer, PeerFsm};
use crate::peer_storage::{PeerStorage, RegionState, load_region_state};
use crate::poll_context::PollContext;
use crate::rules::Rule;

/// A replica that the store is to run from now on; the engine has its states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) region: RegionId,
    /// It should campaign at once: it was beside the leader when its region came to be.
    pub(crate) campaigns: bool,
}

/// The replica of `state`'s region on this store; `None` if it is gone, or not of this store.
///
/// # Errors
/// What is damaged in its states, in words.
pub(crate) fn take_up<E: Engine>(
    ctx: &PollContext<E>,
    state: &RegionState,
    seed: u64,
) -> Result<Option<PeerFsm<E>>, Error> {
    let region = state.region.region_id();
    let Some(meta) = replica_on(state, ctx.store_id) else {
        if !state.is_tombstone {
            // It was removed, and its store went down before it had gone.
            destroy(&ctx.engine, region)?;
        }
        return Ok(None);
    };
    let Some(storage) = PeerStorage::load(ctx.engine.clone(), region, meta.peer_id())? else {
        return Ok(None);
    };
    let mut peer = Peer::new(meta, storage, state.wait_data, ctx, seed)?;
    peer.merging.prepared.clone_from(&state.merging);
    if state.applying.is_some() {
        peer.snapshots.installing = Some(Installing::Interrupted);
    }
    Ok(Some(PeerFsm { peer, has_ready: true }))
}

fn replica_on(state: &RegionState, store: StoreId) -> Option<crate::region::PeerMeta> {
    state.region.peer_on(store).copied().filter(|_| !state.is_tombstone)
}

/// Carries out a [`Birth`]; `None` if there is nothing to take up any more.
///
/// `replaces` says that a replica that a first message had made gives way to this one. What it has
/// voted is on the disk, but that it has heard a leader, and promised not to vote for another one, it
/// takes with it: as after a restart, this one then votes for nobody for a while (rule L15).
pub(crate) fn bear<E: Engine>(
    ctx: &mut PollContext<E>,
    birth: Birth,
    replaces: bool,
) -> Result<Option<PeerFsm<E>>, Error> {
    let Some(state) = load_region_state(&ctx.engine, birth.region)? else { return Ok(None) };
    let seed = ctx.next_seed();
    let mut fsm = take_up(ctx, &state, seed)?;
    if let Some(fsm) = fsm.as_mut().filter(|_| replaces && ctx.rules.holds(Rule::L15)) {
        fsm.peer.votes_from = ctx.monotonic_raw_now() + ctx.config.election_timeout();
    }
    Ok(fsm)
}
