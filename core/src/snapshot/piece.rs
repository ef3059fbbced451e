//! What travels of a snapshot: pieces of sorted keys and values, each with its checksum.

use prost::Message;

use crate::peer_storage::MergeState;
use crate::region::Region;

/// A piece has about so many bytes at the most; a value that is longer is a piece of its own.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;

/// What a snapshot is of, inside raft-rs's own description of it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SnapshotMeta {
    /// Tells it from any other one.
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// The region as it was.
    #[prost(message, required, tag = "2")]
    pub(crate) region: Region,
    /// Its prepared merge, if there was one.
    #[prost(message, optional, tag = "3")]
    pub(crate) merging: Option<MergeState>,
}

/// A replica asks for a piece.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SnapshotAsk {
    /// Which snapshot.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// The number of the piece, from 0.
    #[prost(uint64, tag = "2")]
    pub number: u64,
    /// The first key that it may have.
    #[prost(bytes = "vec", tag = "3")]
    pub from_key: Vec<u8>,
}

/// A piece of a snapshot.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SnapshotPiece {
    /// Which snapshot.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// The number of the piece, from 0.
    #[prost(uint64, tag = "2")]
    pub number: u64,
    /// Keys and values.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// The CRC-32 of `data` behind its number.
    #[prost(uint32, tag = "4")]
    pub checksum: u32,
    /// The first key of the next piece.
    #[prost(bytes = "vec", tag = "5")]
    pub next_key: Vec<u8>,
    /// Whether this is the last one.
    #[prost(bool, tag = "6")]
    pub is_last: bool,
}

/// The content of a piece.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Pairs {
    #[prost(message, repeated, tag = "1")]
    pub(crate) pairs: Vec<Pair>,
}

/// A key and its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct Pair {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

/// How far a snapshot has come, on the disk of the replica that gets it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StagingState {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) id: Vec<u8>,
    /// How many pieces are staged.
    #[prost(uint64, tag = "2")]
    pub(crate) pieces: u64,
    /// The first key of the next one.
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) next_key: Vec<u8>,
    #[prost(bool, tag = "4")]
    pub(crate) is_complete: bool,
}

/// Why a piece was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PieceFault {
    /// It belongs to a snapshot that nobody here waits for.
    #[error("piece {number} is of a snapshot that is not being taken; it is dropped")]
    OtherSnapshot {
        /// The number of the piece.
        number: u64,
    },
    /// It was taken before.
    #[error("piece {number} has come again; piece {expected} is next")]
    Repeated {
        /// The number of the piece.
        number: u64,
        /// The one that is wanted.
        expected: u64,
    },
    /// One before it is missing.
    #[error("piece {number} has come before piece {expected}, which is asked for again")]
    Missing {
        /// The number of the piece.
        number: u64,
        /// The one that is wanted.
        expected: u64,
    },
    /// Its bytes are not those that were sent.
    #[error(
        "piece {number} is damaged, its checksum is {found:08x} and not {sent:08x}; it is asked for \
         again"
    )]
    Checksum {
        /// The number of the piece.
        number: u64,
        /// What was sent with it.
        sent: u32,
        /// What its bytes have.
        found: u32,
    },
    /// A key of it lies outside the region.
    #[error("piece {number} has a key outside the region, {key}; the snapshot is given up")]
    ForeignKey {
        /// The number of the piece.
        number: u64,
        /// The key, printable.
        key: String,
    },
}

impl PieceFault {
    /// Its name, for counting.
    pub fn as_str(&self) -> &'static str {
        match self {
            PieceFault::OtherSnapshot { .. } => "other-snapshot",
            PieceFault::Repeated { .. } => "repeated",
            PieceFault::Missing { .. } => "missing",
            PieceFault::Checksum { .. } => "checksum",
            PieceFault::ForeignKey { .. } => "foreign-key",
        }
    }
}

impl SnapshotPiece {
    /// A piece with its checksum.
    pub(crate) fn new(id: Vec<u8>, number: u64, pairs: Vec<Pair>, next: Option<Vec<u8>>) -> Self {
        let data = Pairs { pairs }.encode_to_vec();
        let checksum = checksum(number, &data);
        let is_last = next.is_none();
        let next_key = next.unwrap_or_default();
        SnapshotPiece { id, number, data, checksum, next_key, is_last }
    }

    /// Its keys and values, if they are what was sent.
    pub(crate) fn pairs(&self) -> Result<Vec<Pair>, PieceFault> {
        let (number, sent) = (self.number, self.checksum);
        let found = checksum(number, &self.data);
        let damaged = PieceFault::Checksum { number, sent, found };
        if found != sent {
            return Err(damaged);
        }
        Ok(Pairs::decode(self.data.as_slice()).map_err(|_| damaged)?.pairs)
    }
}

fn checksum(number: u64, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_be_bytes());
    hasher.update(data);
    hasher.finalize()
}
