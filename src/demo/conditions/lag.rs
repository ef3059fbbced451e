//! Reads while a replica has not yet applied what it must show.

use std::time::Duration;

use anyhow::{Context as _, Result};
use raftlens_core::{ReadFrom, StoreId};
use tokio::task::JoinSet;

use crate::demo::drive::{Drive, KEY};

/// Mode 3: something is committed that the leader has not applied. The reader's thread may not
/// answer (rule X1), the raft thread answers under the lease once it is applied.
pub(crate) async fn leader_behind(drive: &Drive) -> Result<()> {
    let leader = drive.leader().await?;
    behind(drive, leader, ReadFrom::Leader).await
}

/// A replica read waits until the replica has applied the index that the leader gave (rule T6).
pub(crate) async fn replica_behind(drive: &Drive) -> Result<()> {
    let follower = drive.follower().await?;
    behind(drive, follower, ReadFrom::Replica(follower)).await
}

async fn behind(drive: &Drive, store: StoreId, from: ReadFrom) -> Result<()> {
    for round in 0..5 {
        let gate = drive.cluster.store(store).context("the store runs")?.apply_gate();
        gate.close();
        let mut tasks = JoinSet::new();
        let writer = drive.client.clone();
        let value = format!("written while store {store} was behind, {round}").into_bytes();
        tasks.spawn(async move { writer.write(KEY, Some(value)).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
        for _ in 0..4 {
            let client = drive.client.clone();
            tasks.spawn(async move { client.read(KEY, from).await.map(drop) });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        gate.open();
        while let Some(done) = tasks.join_next().await {
            done??;
        }
    }
    Ok(())
}
