//! Replicas come and go on real threads and RocksDB: one is removed with its data, comes back under
//! another id with a snapshot of what it missed, votes again, and takes the place of another one in
//! one step of two configurations.

// Conditions are looked at again in small steps, each wait with a bound; nothing counts on a time.
#![allow(clippy::disallowed_methods)]

use std::time::Duration;

use raftlens_core::{
    AdminCommand, ChangePeers, Cluster, ClusterConfig, Config, Error, PeerChange, PeerChangeKind,
    PeerMeta, PeerRole, ReadFrom, Region, RegionId, StoreId,
};

const REGION: RegionId = RegionId(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// The replica that comes back on store 4; the one before it was 14.
const NEWCOMER: u64 = 104;

fn config(path: &std::path::Path) -> ClusterConfig {
    ClusterConfig {
        stores: 4,
        config: Config {
            // Whoever was away does not find the log that it lacks.
            raft_log_gc_entries: 8,
            raft_log_max_entries: 16,
            ..Config::fast()
        },
        ..ClusterConfig::new(path, Vec::new())
    }
}

fn region(cluster: &Cluster) -> Region {
    cluster.pd().region(REGION).expect("region 1").0.as_ref().clone()
}

fn put(id: u64, store_id: u64, role: PeerRole) -> PeerChange {
    let peer = PeerMeta { id, store_id, role: role as i32, is_witness: false };
    PeerChange { kind: PeerChangeKind::Put as i32, peer }
}

fn remove(id: u64, store_id: u64) -> PeerChange {
    PeerChange { kind: PeerChangeKind::Remove as i32, ..put(id, store_id, PeerRole::Voter) }
}

/// Asks the leader again and again until the region is as it should be.
async fn change(cluster: &Cluster, changes: &[PeerChange], done: impl Fn(&Region) -> bool) {
    let client = cluster.client();
    let asked = async {
        while !done(&region(cluster)) {
            if let Ok((kv, ctx)) = client.context(b"k", ReadFrom::Leader) {
                let change = ChangePeers { changes: changes.to_vec() };
                let _ = kv.admin(ctx, AdminCommand::ChangePeers(change)).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asked).await.is_ok();
    assert!(in_time, "never: {changes:?}, {:?}", region(cluster));
}

/// Reads from a store's own replica until it has the value.
async fn reads_from(cluster: &Cluster, store: u64, key: &[u8], value: &str) {
    let client = cluster.client();
    let mut last = None;
    let asked = async {
        loop {
            let read = client.read_once(key, ReadFrom::Replica(StoreId(store))).await;
            match read {
                Ok(answer) if answer.value.as_deref() == Some(value.as_bytes()) => return,
                Ok(answer) => panic!("store {store} has {:?} for {key:?}", answer.value),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asked).await.is_ok();
    assert!(in_time, "store {store} never had {value}: {last:?}");
}

async fn write(cluster: &Cluster, key: &str, value: &str) {
    let client = cluster.client();
    client.write(key.as_bytes(), Some(value.into())).await.expect("a write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replica_goes_comes_back_with_a_snapshot_and_takes_another_ones_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(config(folder.path())).await.unwrap();
    cluster.wait_for_leaders(PATIENCE).await.unwrap();
    // Store 4 must not lead, or it would have to hand over first.
    let client = cluster.client();
    let handed_over = async {
        while cluster.pd().region(REGION).and_then(|it| it.1).is_none_or(|it| it.store_id != 1) {
            let _ = client.transfer_leader(REGION, StoreId(1)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, handed_over).await.expect("store 1 leads");
    write(&cluster, "k", "before").await;

    let is_gone = |region: &Region| region.peer_on(StoreId(4)).is_none();
    change(&cluster, &[remove(14, 4)], is_gone).await;
    // Enough of it that the log does not reach back.
    for number in 0..100 {
        write(&cluster, &format!("k{number}"), &format!("v{number}")).await;
    }
    write(&cluster, "k", "after").await;
    reads_from(&cluster, 2, b"k", "after").await;

    let learns = |region: &Region| region.peer_on(StoreId(4)).is_some_and(|it| it.id == NEWCOMER);
    change(&cluster, &[put(NEWCOMER, 4, PeerRole::Learner)], learns).await;
    reads_from(&cluster, 4, b"k", "after").await;
    reads_from(&cluster, 4, b"k7", "v7").await;

    // It takes the place of store 3's replica, which will only learn: two configurations joined.
    let swapped = |region: &Region| {
        let role = |store| region.peer_on(StoreId(store)).map(PeerMeta::role);
        role(4) == Some(PeerRole::Voter) && role(3) == Some(PeerRole::Learner)
    };
    let swap = [put(NEWCOMER, 4, PeerRole::Voter), put(13, 3, PeerRole::Learner)];
    change(&cluster, &swap, swapped).await;
    assert!(!region(&cluster).is_joint());

    // The voters 1, 2 and 4 go on without store 2: the newcomer's vote counts.
    cluster.stop_store(StoreId(2)).await;
    write(&cluster, "k", "of two").await;
    reads_from(&cluster, 4, b"k", "of two").await;
    cluster.stop_store(StoreId(4)).await;
    cluster.start_store(StoreId(2)).unwrap();
    cluster.start_store(StoreId(4)).unwrap();
    write(&cluster, "k", "of three").await;
    for store in [2, 3, 4] {
        reads_from(&cluster, store, b"k", "of three").await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_that_make_no_sense_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(config(folder.path())).await.unwrap();
    cluster.wait_for_leaders(PATIENCE).await.unwrap();
    let before = region(&cluster);
    let client = cluster.client();
    for (changes, words) in [
        (vec![], "no joint configuration"),
        (vec![remove(99, 4)], "no peer 99"),
        (vec![put(99, 4, PeerRole::Voter)], "already has its peer 14"),
        (vec![put(14, 3, PeerRole::Learner)], "on store 4, not 3"),
    ] {
        let (kv, ctx) = client.context(b"k", ReadFrom::Leader).unwrap();
        let change = AdminCommand::ChangePeers(ChangePeers { changes });
        let error = kv.admin(ctx, change).await.unwrap_err();
        assert!(matches!(error, Error::InvalidAdmin { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error} has no {words:?}");
    }
    assert_eq!(region(&cluster), before);
    cluster.stop().await;
}
