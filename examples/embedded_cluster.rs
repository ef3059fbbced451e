//! Three stores in one process: a write, and the same key read in three ways.
//!
//! `cargo run --release --example embedded_cluster`

#![allow(clippy::print_stdout)]

use std::time::Duration;

use raftlens_core::{Cluster, ClusterConfig, ReadFrom, StoreId};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start(ClusterConfig::new(folder.path(), Vec::new())).await?;
    cluster.wait_for_leaders(Duration::from_secs(10)).await?;

    let client = cluster.client();
    client.write(b"city", Some(b"Lisbon".to_vec())).await?;
    for from in [ReadFrom::Leader, ReadFrom::LeaderQuorum, ReadFrom::Replica(StoreId(2))] {
        let answer = client.read(b"city", from).await?;
        let value = String::from_utf8(answer.value.unwrap_or_default())?;
        println!("{from:?}: {value}, served as {}", answer.mode.as_str());
    }
    cluster.stop().await;
    Ok(())
}
