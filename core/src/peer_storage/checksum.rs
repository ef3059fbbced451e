//! The checksum behind every entry and state that raft must find again as it was.
//!
//! RocksDB has checksums of its own, for its files and its log. This one is taken where the bytes
//! are made and looked at where they are used, so it also covers what lies between: memory, another
//! engine, a tool that wrote to the folder. A vote or an entry with one flipped bit would be worse
//! than none.

use crate::engine::{Family, WriteBatch};

const BYTES: usize = 4;

/// Why stored bytes are not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsound {
    /// Not even the checksum is there.
    #[error("cut off after {0} bytes")]
    CutOff(usize),
    /// The bytes are not those that were written.
    #[error("damaged: its checksum is {stored:08x}, that of its bytes {computed:08x}")]
    Checksum {
        /// As it was written.
        stored: u32,
        /// Of the bytes as they are now.
        computed: u32,
    },
}

/// Puts a value with its checksum into a batch.
pub(super) fn put_sealed(
    batch: &mut WriteBatch,
    family: Family,
    key: impl Into<Vec<u8>>,
    mut value: Vec<u8>,
) {
    let checksum = crc32fast::hash(&value);
    value.extend_from_slice(&checksum.to_le_bytes());
    batch.put(family, key, value);
}

/// The value without its checksum.
pub(super) fn open(sealed: &[u8]) -> Result<&[u8], Unsound> {
    let (value, stored) =
        sealed.split_last_chunk::<BYTES>().ok_or(Unsound::CutOff(sealed.len()))?;
    let (stored, computed) = (u32::from_le_bytes(*stored), crc32fast::hash(value));
    if stored == computed { Ok(value) } else { Err(Unsound::Checksum { stored, computed }) }
}
