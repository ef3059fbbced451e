//! Regions are split and merged while clients read and write them, and a store goes in the middle.

// Conditions are looked at again in small steps, each wait with a bound; nothing counts on a time.
#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use raftlens_core::{
    AdminCommand, Client, Cluster, Error, PrepareMerge, ReadFrom, RegionId, Split, SplitPiece,
};
use tokio::sync::watch;

use super::{PHASE_MAX, Progress, leader_store, more, transfer};

/// Both regions are split, their parts change leaders, and they are merged again, from the right
/// and from the left; a store goes in the middle of the second merge.
pub(crate) async fn reshape(cluster: &mut Cluster, progress: &watch::Sender<Progress>) {
    let (left, right) = (RegionId(1), RegionId(2));
    more(progress, 200).await;
    let inner = split(cluster, b"b", 3, false).await;
    more(progress, 150).await;
    transfer(cluster, inner).await;
    more(progress, 150).await;
    merge(cluster, inner, left).await;
    more(progress, 150).await;

    let outer = split(cluster, b"y", 4, true).await;
    more(progress, 150).await;
    // The store of the source's leader goes in the middle of it.
    let killed = leader_store(cluster, outer);
    prepare_merge(cluster, outer, right).await;
    cluster.stop_store(killed).await;
    more(progress, 100).await;
    cluster.start_store(killed).expect("the data that it has left");
    merge(cluster, outer, right).await;
    more(progress, 100).await;
    // The store that was down must do its part of the merge before it can lead.
    let leads_there = async {
        while leader_store(cluster, right) != killed {
            let _ = cluster.client().transfer_leader(right, killed).await;
            a_moment().await;
        }
    };
    in_time(cluster, "the store that was down leads", leads_there).await;
    more(progress, 100).await;
    let ids: Vec<u64> = cluster.pd().regions().iter().map(|region| region.id).collect();
    assert_eq!(ids, [1, 2], "merged again");
}

async fn in_time(cluster: &Cluster, what: &str, done: impl Future<Output = ()>) {
    let in_time = tokio::time::timeout(PHASE_MAX, done).await.is_ok();
    assert!(in_time, "never: {what}: {cluster:?}, {:?}", cluster.pd().regions());
}

async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

/// Asks the leader of the region of `key`; a refusal is for the caller to find out.
async fn ask(client: &Client, key: &[u8], admin: AdminCommand) -> Result<u64, Error> {
    let (kv, ctx) = client.context(key, ReadFrom::Leader)?;
    kv.admin(ctx, admin).await
}

/// Splits the region of `key` there, and again until it is done. The new region.
async fn split(cluster: &Cluster, key: &[u8], id: u64, right_derive: bool) -> RegionId {
    let (client, new) = (cluster.client(), RegionId(id));
    let peer_ids = (1..=3).map(|store| id * 10 + store).collect();
    let piece = SplitPiece { split_key: key.to_vec(), region_id: id, peer_ids };
    let admin = AdminCommand::Split(Split { pieces: vec![piece], right_derive });
    let is_led = || cluster.pd().region(new).is_some_and(|(_, leader)| leader.is_some());
    let done = async {
        while !is_led() {
            let _ = ask(&client, key, admin.clone()).await;
            a_moment().await;
        }
    };
    in_time(cluster, "a split", done).await;
    new
}

/// Merges a region into its neighbour. What is taken back, since the target has changed, is begun
/// again.
async fn merge(cluster: &Cluster, source: RegionId, target: RegionId) {
    let done = async {
        while cluster.pd().region(source).is_some() {
            prepare_merge(cluster, source, target).await;
            a_moment().await;
        }
    };
    in_time(cluster, "a merge", done).await;
}

/// Asks once. A refusal shows in what comes of it.
async fn prepare_merge(cluster: &Cluster, source: RegionId, target: RegionId) {
    let known = |id: RegionId| cluster.pd().region(id).map(|(region, _)| region);
    let (Some(source), Some(target)) = (known(source), known(target)) else { return };
    let prepare = PrepareMerge { target: target.as_ref().clone(), min_index: 0 };
    let admin = AdminCommand::PrepareMerge(prepare);
    let _ = ask(&cluster.client(), &source.start_key, admin).await;
}
