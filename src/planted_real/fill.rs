//! What lies in a region before clients come: values that no cache holds, or keys that are gone.

use raftlens_core::{Client, Cluster, Error, Mutation, ReadFrom};

use crate::planted_real::shape::{Filling, fill_key, key};

/// A cache that holds hardly more than the indexes of a few files.
pub(super) const SMALL_CACHE_BYTES: usize = 256 << 10;
/// As much as a block of the engine.
const VALUE_BYTES: usize = 4096;
/// Of the last values not all are in files yet: so many more are written. Twice what an engine keeps
/// in memory.
const BEHIND: usize = 4_096;
/// How much one write has.
const VALUES_A_WRITE: usize = 128;
const DELETES_A_WRITE: usize = 2_000;

/// Fills the first region.
///
/// # Errors
/// The [`Error`] of a write that failed.
pub(super) async fn fill(cluster: &Cluster, filling: Filling) -> Result<(), Error> {
    let client = cluster.client();
    let put = |count| Mutation { key: fill_key(count), value: Some(vec![b'.'; VALUE_BYTES]) };
    let delete = |count| Mutation { key: fill_key(count), value: None };
    match filling {
        Filling::Nothing => Ok(()),
        Filling::Values(values) => {
            let all: Vec<Mutation> = (0..values + BEHIND).map(put).collect();
            write(&client, &all, VALUES_A_WRITE).await
        }
        Filling::Deleted(keys) => {
            let all: Vec<Mutation> = (0..keys).map(delete).collect();
            write(&client, &all, DELETES_A_WRITE).await
        }
    }
}

async fn write(client: &Client, all: &[Mutation], at_once: usize) -> Result<(), Error> {
    for part in all.chunks(at_once) {
        let (kv, ctx) = client.context(&key(1), ReadFrom::Leader)?;
        kv.write(ctx, part.to_vec()).await?;
    }
    Ok(())
}
