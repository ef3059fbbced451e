//! Reads with nothing in their way, in each mode.

use anyhow::Result;
use raftlens_core::{ReadFrom, SnapContext};

use crate::demo::drive::{Drive, KEY, OTHER_KEY};

/// Mode 1: under the lease, on the reader's thread.
pub(crate) async fn lease(drive: &Drive) -> Result<()> {
    for _ in 0..300 {
        drive.read(ReadFrom::Leader).await?;
    }
    Ok(())
}

/// Mode 2: the reads of a batch share a snapshot. They go to one store, as a batch request does.
pub(crate) async fn shared_snapshot(drive: &Drive) -> Result<()> {
    drive.read(ReadFrom::Leader).await?;
    for _ in 0..30 {
        let (kv, ctx) = drive.client.context(KEY, ReadFrom::Leader)?;
        let read_id = Some(kv.begin_batch());
        for _ in 0..3 {
            let ctx = SnapContext { read_id: read_id.clone(), ..ctx.clone() };
            let snapshot = kv.async_snapshot(ctx).await?.value;
            snapshot.get(KEY)?;
        }
        kv.end_batch();
    }
    Ok(())
}

/// Mode 6, one after the other, and mode 5, many at once on one round.
pub(crate) async fn quorum(drive: &Drive) -> Result<()> {
    for _ in 0..60 {
        drive.read(ReadFrom::LeaderQuorum).await?;
    }
    for _ in 0..5 {
        let mut reads = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let client = drive.client.clone();
            reads.spawn(async move { client.read(KEY, ReadFrom::LeaderQuorum).await });
        }
        while let Some(read) = reads.join_next().await {
            read??;
        }
    }
    Ok(())
}

/// Mode 13: only the index, from the leader and from a replica.
pub(crate) async fn read_index_only(drive: &Drive) -> Result<()> {
    let follower = drive.follower().await?;
    for from in [ReadFrom::Leader, ReadFrom::Replica(follower)] {
        for _ in 0..20 {
            let (kv, ctx) = drive.client.context(KEY, from)?;
            kv.read_index(ctx).await?;
        }
    }
    Ok(())
}

/// Mode 8: on a replica, the leader answers from its lease. Also mode 3 for single keys.
pub(crate) async fn replica(drive: &Drive) -> Result<()> {
    let follower = drive.follower().await?;
    for _ in 0..60 {
        drive.read(ReadFrom::Replica(follower)).await?;
    }
    for key in [KEY, OTHER_KEY] {
        let (kv, ctx) = drive.client.context(key, ReadFrom::Replica(follower))?;
        for _ in 0..10 {
            kv.get(ctx.clone(), key.to_vec()).await?;
        }
    }
    Ok(())
}
