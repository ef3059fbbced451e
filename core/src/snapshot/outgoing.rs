//! The sender's side: an engine snapshot, from which pieces are read when they are asked for.

use std::sync::Arc;

use raft::eraftpb;

use super::piece::{PIECE_BYTES, Pair, SnapshotAsk, SnapshotMeta, SnapshotPiece};
use crate::engine::{EngineError, EngineSnapshot, Family};

/// A snapshot that is being sent. It may have several receivers, each at its own piece.
#[derive(Debug)]
pub(crate) struct Outgoing<S> {
    pub(crate) meta: SnapshotMeta,
    /// What raft-rs is told of it.
    pub(crate) raft: eraftpb::Snapshot,
    snapshot: Arc<S>,
    /// Ticks since a piece was last asked for.
    pub(crate) idle_ticks: usize,
}

impl<S: EngineSnapshot> Outgoing<S> {
    pub(crate) fn new(meta: SnapshotMeta, raft: eraftpb::Snapshot, snapshot: S) -> Self {
        Outgoing { meta, raft, snapshot: Arc::new(snapshot), idle_ticks: 0 }
    }

    /// The piece that is asked for.
    ///
    /// # Errors
    /// What the engine says; the receiver asks again.
    pub(crate) fn piece(&mut self, ask: &SnapshotAsk) -> Result<SnapshotPiece, EngineError> {
        self.idle_ticks = 0;
        let region = &self.meta.region;
        let from = ask.from_key.clone().max(region.start_key.clone());
        let (mut pairs, mut bytes, mut next) = (Vec::new(), 0, None);
        self.snapshot.scan(Family::Data, &from, &region.end_key, &mut |key, value| {
            if bytes > 0 && bytes + key.len() + value.len() > PIECE_BYTES {
                next = Some(key.to_vec());
                return false;
            }
            bytes += key.len() + value.len();
            pairs.push(Pair { key: key.to_vec(), value: value.to_vec() });
            true
        })?;
        Ok(SnapshotPiece::new(self.meta.id.clone(), ask.number, pairs, next))
    }
}
