//! Whose data a folder holds: written once into a fresh folder, compared at every start after that.
//!
//! Two stores that swap folders, or one that joins another cluster with the data of this one, would
//! vote with what others have promised. So a store that finds another's identity does not start.

use std::fmt;
use std::path::{Path, PathBuf};

use prost::Message;

use crate::engine::{Durability, Engine, EngineError, Family, WriteBatch, keys};

/// The layout of keys and values that this version writes and reads.
pub(crate) const FORMAT_VERSION: u64 = 2;

/// Whose data a folder holds, and how it is laid out.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct StoreIdent {
    /// The cluster that the store belongs to.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The store.
    #[prost(uint64, tag = "2")]
    pub store_id: u64,
    /// The layout of keys and values.
    #[prost(uint64, tag = "3")]
    pub format_version: u64,
}

impl StoreIdent {
    /// The identity of a store of this version.
    pub fn new(cluster_id: u64, store_id: u64) -> Self {
        StoreIdent { cluster_id, store_id, format_version: FORMAT_VERSION }
    }
}

impl fmt::Display for StoreIdent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StoreIdent { cluster_id, store_id, format_version } = self;
        write!(f, "store {store_id} of cluster {cluster_id}, format {format_version}")
    }
}

/// Why a store may not start on a folder.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreIdentError {
    /// The folder is laid out as another version does it.
    #[error(
        "the data folder {} has format {found}, this version reads format {expected}: open it with \
         the version that wrote it, or give the store an empty folder", path.display()
    )]
    OtherFormat {
        /// The folder.
        path: PathBuf,
        /// The format it has.
        found: u64,
        /// The format that was looked for.
        expected: u64,
    },
    /// The folder belongs to another store or another cluster.
    #[error(
        "the data folder {} belongs to {found}, but this is {expected}: give the store its own \
         folder, or start it with the ids of that one", path.display()
    )]
    OtherStore {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        found: StoreIdent,
        /// Who asked.
        expected: StoreIdent,
    },
    /// The folder holds data, but not whose.
    #[error(
        "the data folder {} holds data but does not say whose ({detail}): it is damaged or not a \
         store's folder; give the store an empty one", path.display()
    )]
    Unknown {
        /// The folder.
        path: PathBuf,
        /// What was found instead.
        detail: String,
    },
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Makes sure that `engine`, opened in `path`, holds the data of `expected`: writes the identity
/// into a fresh folder, else compares it.
///
/// # Errors
///
/// [`StoreIdentError`] when the data is somebody else's. Nothing is written then.
pub(crate) fn ensure(
    engine: &impl Engine,
    expected: StoreIdent,
    path: &Path,
) -> Result<(), StoreIdentError> {
    let path = || path.to_path_buf();
    let Some(bytes) = engine.get(Family::State, &keys::STORE_IDENT)? else {
        return claim(engine, expected, path());
    };
    let found = StoreIdent::decode(bytes.as_slice()).map_err(|error| StoreIdentError::Unknown {
        path: path(),
        detail: format!("its identity cannot be read: {error}"),
    })?;
    // The format comes first: under another one the ids may not even mean the same.
    if found.format_version != expected.format_version {
        let (found, expected) = (found.format_version, expected.format_version);
        return Err(StoreIdentError::OtherFormat { path: path(), found, expected });
    }
    if found != expected {
        return Err(StoreIdentError::OtherStore { path: path(), found, expected });
    }
    Ok(())
}

/// Writes the identity into a folder that holds nothing yet.
fn claim(engine: &impl Engine, expected: StoreIdent, path: PathBuf) -> Result<(), StoreIdentError> {
    for family in Family::ALL {
        let mut first_key = None;
        engine.scan(family, &[], &[], &mut |key, _| {
            first_key = Some(key.escape_ascii().to_string());
            false
        })?;
        if let Some(key) = first_key {
            let detail = format!("its family {} has the key \"{key}\"", family.name());
            return Err(StoreIdentError::Unknown { path, detail });
        }
    }
    let mut batch = WriteBatch::new();
    batch.put(Family::State, keys::STORE_IDENT, expected.encode_to_vec());
    engine.write(&batch, Durability::Synced)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::MemoryEngine;

    fn try_ensure(engine: &MemoryEngine, ident: StoreIdent) -> Result<(), StoreIdentError> {
        ensure(engine, ident, Path::new("/data/s1"))
    }

    #[test]
    fn a_fresh_folder_is_claimed_for_good() {
        let engine = MemoryEngine::new();
        try_ensure(&engine, StoreIdent::new(7, 1)).unwrap();
        engine.crash();
        try_ensure(&engine, StoreIdent::new(7, 1)).unwrap();
        for (cluster, store) in [(8, 1), (7, 2)] {
            let error = try_ensure(&engine, StoreIdent::new(cluster, store)).unwrap_err();
            assert!(matches!(error, StoreIdentError::OtherStore { .. }));
            let text = error.to_string();
            for part in ["/data/s1", "store 1 of cluster 7", "its own folder"] {
                assert!(text.contains(part), "{text}");
            }
        }
        let later = StoreIdent { format_version: FORMAT_VERSION + 1, ..StoreIdent::new(7, 1) };
        let error = try_ensure(&engine, later).unwrap_err();
        let StoreIdentError::OtherFormat { found, expected, .. } = error else { panic!("{error}") };
        assert_eq!((found, expected), (FORMAT_VERSION, FORMAT_VERSION + 1));
    }

    #[test]
    fn data_without_an_owner_is_refused() {
        let engine = MemoryEngine::new();
        let mut batch = WriteBatch::new();
        batch.put(Family::Data, "k", "v");
        engine.write(&batch, Durability::Synced).unwrap();
        let error = try_ensure(&engine, StoreIdent::new(7, 1)).unwrap_err();
        assert!(matches!(error, StoreIdentError::Unknown { .. }), "{error}");
        assert_eq!(engine.get(Family::State, &keys::STORE_IDENT).unwrap(), None);

        batch.put(Family::State, keys::STORE_IDENT, [0xff]);
        engine.write(&batch, Durability::Synced).unwrap();
        let error = try_ensure(&engine, StoreIdent::new(7, 1)).unwrap_err();
        assert!(error.to_string().contains("cannot be read"), "{error}");
    }
}
