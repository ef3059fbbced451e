//! The receiver's side: pieces are checked and staged on the disk, in their order.

use raft::eraftpb::Message as RaftMessage;

use prost::Message as _;

use super::piece::{PieceFault, SnapshotAsk, SnapshotMeta, SnapshotPiece, StagingState};
use crate::engine::{Engine, EngineError, Family, WriteBatch, keys};
use crate::ids::RegionId;
use crate::region::PeerMeta;

/// A snapshot that is being received.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) meta: SnapshotMeta,
    pub(crate) from: PeerMeta,
    /// Raft's own message, which it gets when the data is complete.
    pub(crate) message: Box<RaftMessage>,
    state: StagingState,
    /// Ticks since the last piece came.
    pub(crate) idle_ticks: usize,
}

/// What a piece has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Another one is wanted.
    More,
    /// That was the last one.
    Complete,
}

impl Incoming {
    /// Begins to receive a snapshot, or goes on where an earlier attempt has stopped.
    pub(crate) fn begin<E: Engine>(
        engine: &E,
        (meta, from): (SnapshotMeta, PeerMeta),
        message: Box<RaftMessage>,
        batch: &mut WriteBatch,
    ) -> Result<Self, EngineError> {
        let region = meta.region.region_id();
        let staged = load_staging(engine, region)?.filter(|state| state.id == meta.id);
        let state = match staged {
            Some(state) => state,
            None => {
                discard_staging(region, batch);
                let (id, next_key) = (meta.id.clone(), meta.region.start_key.clone());
                StagingState { id, next_key, ..StagingState::default() }
            }
        };
        Ok(Incoming { meta, from, message, state, idle_ticks: 0 })
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state.is_complete
    }

    /// How many pieces are staged.
    #[cfg(any(test, feature = "sim"))]
    pub(crate) fn pieces(&self) -> u64 {
        self.state.pieces
    }

    /// What is wanted next.
    pub(crate) fn ask(&self) -> SnapshotAsk {
        let StagingState { id, pieces, next_key, .. } = &self.state;
        SnapshotAsk { id: id.clone(), number: *pieces, from_key: next_key.clone() }
    }

    /// Stages a piece.
    ///
    /// # Errors
    /// [`PieceFault`], and nothing has changed.
    pub(crate) fn take(
        &mut self,
        piece: SnapshotPiece,
        batch: &mut WriteBatch,
    ) -> Result<Taken, PieceFault> {
        let (number, expected) = (piece.number, self.state.pieces);
        if piece.id != self.meta.id {
            return Err(PieceFault::OtherSnapshot { number });
        }
        if number < expected || self.state.is_complete {
            return Err(PieceFault::Repeated { number, expected });
        }
        if number > expected {
            return Err(PieceFault::Missing { number, expected });
        }
        for pair in piece.pairs()? {
            if !self.meta.region.contains(&pair.key) {
                let key = pair.key.escape_ascii().to_string();
                return Err(PieceFault::ForeignKey { number, key });
            }
        }
        self.idle_ticks = 0;
        self.state.pieces += 1;
        self.state.next_key = piece.next_key;
        self.state.is_complete = piece.is_last;
        let region = self.meta.region.region_id();
        batch.put(Family::State, keys::staged_piece(region, number), piece.data);
        batch.put(Family::State, keys::staging_state(region), self.state.encode_to_vec());
        Ok(if self.state.is_complete { Taken::Complete } else { Taken::More })
    }
}

/// How far a region's snapshot has come.
fn load_staging<E: Engine>(
    engine: &E,
    region: RegionId,
) -> Result<Option<StagingState>, EngineError> {
    let bytes = engine.get(Family::State, &keys::staging_state(region))?;
    // One that cannot be read is as good as none: the snapshot is asked for again.
    Ok(bytes.and_then(|bytes| StagingState::decode(bytes.as_slice()).ok()))
}

/// Removes what is staged for a region.
pub(crate) fn discard_staging(region: RegionId, batch: &mut WriteBatch) {
    batch.delete(Family::State, keys::staging_state(region));
    let (from, to) = keys::staged_pieces(region);
    batch.delete_range(Family::State, from, to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Durability, EngineSnapshot as _, MemoryEngine};
    use crate::region::Region;
    use crate::snapshot::Outgoing;
    use crate::snapshot::piece::{PIECE_BYTES, Pairs};

    fn region() -> Region {
        Region { id: 3, start_key: b"b".to_vec(), end_key: b"y".to_vec(), ..Region::default() }
    }

    fn meta(id: u8) -> SnapshotMeta {
        SnapshotMeta { id: vec![id; 16], region: region(), merging: None }
    }

    /// A sender with more than two pieces of data, and keys of its neighbours.
    fn sender() -> Outgoing<crate::engine::MemorySnapshot> {
        let (engine, mut batch) = (MemoryEngine::new(), WriteBatch::new());
        for key in ["a", "c", "d", "m", "x", "y"] {
            batch.put(Family::Data, key, vec![key.as_bytes()[0]; PIECE_BYTES / 2]);
        }
        engine.write(&batch, Durability::Synced).unwrap();
        Outgoing::new(meta(1), raft::eraftpb::Snapshot::default(), engine.snapshot())
    }

    fn begin(engine: &MemoryEngine, meta: SnapshotMeta) -> Incoming {
        let mut batch = WriteBatch::new();
        let from = PeerMeta::default();
        let incoming = Incoming::begin(engine, (meta, from), Box::default(), &mut batch).unwrap();
        engine.write(&batch, Durability::Unsynced).unwrap();
        incoming
    }

    fn take(
        engine: &MemoryEngine,
        incoming: &mut Incoming,
        piece: SnapshotPiece,
    ) -> Result<Taken, PieceFault> {
        let mut batch = WriteBatch::new();
        let taken = incoming.take(piece, &mut batch);
        engine.write(&batch, Durability::Unsynced).unwrap();
        taken
    }

    fn staged_keys(engine: &MemoryEngine) -> Vec<Vec<u8>> {
        let (from, to) = keys::staged_pieces(RegionId(3));
        let mut found = Vec::new();
        let snapshot = engine.snapshot();
        let mut visit = |_: &[u8], value: &[u8]| {
            found.extend(Pairs::decode(value).unwrap().pairs.into_iter().map(|pair| pair.key));
            true
        };
        snapshot.scan(Family::State, &from, &to, &mut visit).unwrap();
        found
    }

    #[test]
    fn a_cut_transfer_goes_on_with_the_piece_that_is_missing() {
        let (mut sender, engine) = (sender(), MemoryEngine::new());
        let mut incoming = begin(&engine, meta(1));
        let piece = sender.piece(&incoming.ask()).unwrap();
        assert_eq!(take(&engine, &mut incoming, piece), Ok(Taken::More));
        // The receiver starts again.
        let mut incoming = begin(&engine, meta(1));
        assert_eq!((incoming.pieces(), incoming.ask().number), (1, 1));
        let mut asked = 0;
        while !incoming.is_complete() {
            let piece = sender.piece(&incoming.ask()).unwrap();
            take(&engine, &mut incoming, piece).unwrap();
            asked += 1;
        }
        assert_eq!(staged_keys(&engine), ["c", "d", "m", "x"].map(|key| key.as_bytes().to_vec()));
        assert!(asked < 4, "pieces hold more than one pair");
        // Another snapshot starts from nothing.
        let incoming = begin(&engine, meta(2));
        assert_eq!((incoming.pieces(), staged_keys(&engine).len()), (0, 0));
    }

    #[test]
    fn wrong_pieces_are_refused_and_change_nothing() {
        let (mut sender, engine) = (sender(), MemoryEngine::new());
        let mut incoming = begin(&engine, meta(1));
        let first = sender.piece(&incoming.ask()).unwrap();
        let ahead = SnapshotPiece { number: 2, ..first.clone() };
        assert_eq!(
            take(&engine, &mut incoming, ahead),
            Err(PieceFault::Missing { number: 2, expected: 0 })
        );
        let mut damaged = first.clone();
        damaged.data[7] ^= 1;
        let fault = take(&engine, &mut incoming, damaged).unwrap_err();
        assert!(matches!(fault, PieceFault::Checksum { number: 0, .. }), "{fault}");
        let other = SnapshotPiece { id: vec![9; 16], ..first.clone() };
        assert_eq!(
            take(&engine, &mut incoming, other),
            Err(PieceFault::OtherSnapshot { number: 0 })
        );
        let foreign = crate::snapshot::piece::Pair { key: b"z".to_vec(), value: Vec::new() };
        let foreign = SnapshotPiece::new(vec![1; 16], 0, vec![foreign], None);
        let fault = take(&engine, &mut incoming, foreign).unwrap_err();
        assert!(fault.to_string().contains("outside the region, z"), "{fault}");
        assert!(staged_keys(&engine).is_empty());

        assert_eq!(take(&engine, &mut incoming, first.clone()), Ok(Taken::More));
        assert_eq!(
            take(&engine, &mut incoming, first),
            Err(PieceFault::Repeated { number: 0, expected: 1 })
        );
    }
}
