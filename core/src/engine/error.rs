//! What can go wrong between a store and its disk, and what to do about it.

use std::path::PathBuf;

/// Why an engine could not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// Another store, of this process or another, has the folder open.
    #[error(
        "the data folder {} is in use by a store that still runs: stop that one, or give this one \
         a folder of its own ({detail})", path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says.
        detail: String,
    },
    /// The files are sound but not of a layout that this version reads.
    #[error(
        "the data folder {} was written by another version or another program: open it with the \
         version that wrote it, or start with an empty folder ({detail})", path.display()
    )]
    OtherVersion {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says.
        detail: String,
    },
    /// A checksum or a file does not match what was written.
    #[error(
        "the data folder {} is damaged ({place}): check the disk, then restore the folder from a \
         backup, or remove it and let the store come back as a new one ({detail})", path.display()
    )]
    Corrupted {
        /// The folder.
        path: PathBuf,
        /// What was being done: opening, or the family and key that was read or written.
        place: String,
        /// What RocksDB says.
        detail: String,
    },
    /// No space is left.
    #[error(
        "the disk of the data folder {} is full: free space there, then start the store again \
         ({detail})", path.display()
    )]
    DiskFull {
        /// The folder.
        path: PathBuf,
        /// What RocksDB says.
        detail: String,
    },
    /// The operating system refused a file.
    #[error(
        "the data folder {} cannot be read or written ({place}): see that it is a folder this \
         user may write to and that its disk is well ({detail})", path.display()
    )]
    Io {
        /// The folder.
        path: PathBuf,
        /// What was being done: opening, or the family and key that was read or written.
        place: String,
        /// What the system says.
        detail: String,
    },
    /// A key is longer than [`MAX_KEY_BYTES`](super::MAX_KEY_BYTES).
    #[error(
        "a key of {bytes} bytes for the family {family}: keys have at most {} bytes",
        super::MAX_KEY_BYTES
    )]
    KeyTooLong {
        /// The family's name.
        family: &'static str,
        /// How long the key is.
        bytes: usize,
    },
}
