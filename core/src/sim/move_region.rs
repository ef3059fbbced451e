//! A region's data moved from one engine to another as a snapshot is, without peers: for measuring.

use crate::apply::{ApplyTask, ApplyWork, apply};
use crate::engine::{Durability, Engine, WriteBatch};
use crate::error::Error;
use crate::ids::PeerId;
use crate::peer_storage::{ApplyState, RegionState, put_region_state};
use crate::region::{PeerMeta, Region};
use crate::snapshot::{Incoming, Outgoing, SnapshotMeta};

/// What moving a region took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MovedRegion {
    /// How many pieces were sent, those after the cut too.
    pub pieces: u64,
    /// How many of them were sent a second time because of the cut.
    pub sent_again: u64,
    /// The longest piece, in bytes: neither side holds more than one.
    pub longest_piece_bytes: usize,
}

/// Moves what `from` has of `region` to `to`: in pieces that are staged, with a cut after `cut_after`
/// of them at which the receiver forgets all that it has not written, then installed in two steps.
///
/// # Errors
/// What either engine says, or a piece that was refused.
pub fn move_region<E: Engine>(
    (from, to): (&E, &E),
    region: &Region,
    cut_after: u64,
) -> Result<MovedRegion, Error> {
    let meta = SnapshotMeta { id: b"measured".to_vec(), region: region.clone(), merging: None };
    let mut sender =
        Outgoing::new(meta.clone(), raft::eraftpb::Snapshot::default(), from.snapshot());
    let mut moved = MovedRegion::default();
    let mut receiver = begin(to, &meta)?;
    while !receiver.is_complete() {
        if moved.pieces == cut_after {
            let before = receiver.ask().number;
            receiver = begin(to, &meta)?;
            moved.sent_again = before - receiver.ask().number;
        }
        let piece = sender.piece(&receiver.ask())?;
        moved.pieces += 1;
        moved.longest_piece_bytes = moved.longest_piece_bytes.max(piece.data.len());
        let mut batch = WriteBatch::new();
        let taken = receiver.take(piece, &mut batch);
        taken.map_err(|fault| Error::Engine(fault.to_string()))?;
        to.write(&batch, Durability::Unsynced)?;
    }
    let mut batch = WriteBatch::new();
    let applying = Some(ApplyState { applied_index: 6, applied_term: 6 });
    put_region_state(&RegionState { applying, ..RegionState::normal(region.clone()) }, &mut batch);
    to.write(&batch, Durability::Synced)?;
    for work in [ApplyWork::CleanRange, ApplyWork::Ingest] {
        apply(to, ApplyTask { region_id: region.region_id(), peer_id: PeerId(1), work })?;
    }
    Ok(moved)
}

fn begin<E: Engine>(to: &E, meta: &SnapshotMeta) -> Result<Incoming, Error> {
    let mut batch = WriteBatch::new();
    let from = (meta.clone(), PeerMeta::default());
    let incoming = Incoming::begin(to, from, Box::default(), &mut batch)?;
    to.write(&batch, Durability::Unsynced)?;
    Ok(incoming)
}
