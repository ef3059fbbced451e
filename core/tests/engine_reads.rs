//! What a get and a scan make the engine do, on the real driver with RocksDB: the answer and the read's
//! span say it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use raftlens_core::{
    Cluster, ClusterConfig, Error, Mutation, ReadFrom, ReadMode, ScanRange, StoreId,
};

const LIMIT: Duration = Duration::from_secs(20);
const DELETED: usize = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_says_what_it_passed_whoever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let config = ClusterConfig::new(folder.path(), vec![b"m".to_vec()]);
    let cluster = Cluster::start(config).await.unwrap();
    cluster.wait_for_leaders(LIMIT).await.unwrap();
    let client = cluster.client();
    client.write(b"a", Some(b"1".to_vec())).await.unwrap();
    client.write(b"k", Some(b"2".to_vec())).await.unwrap();
    let (kv, ctx) = client.context(b"a", ReadFrom::Leader).unwrap();
    let delete = |count| Mutation { key: format!("d{count:03}").into_bytes(), value: None };
    kv.write(ctx, (0..DELETED).map(delete).collect()).await.unwrap();

    let all = ScanRange::all();
    for from in [ReadFrom::Leader, ReadFrom::LeaderQuorum, ReadFrom::Replica(StoreId(2))] {
        let (kv, ctx) = client.context(b"a", from).unwrap();
        let answer = kv.scan(ctx.clone(), all.clone()).await.unwrap();
        let keys: Vec<_> = answer.value.iter().map(|(key, _)| key.as_slice()).collect();
        assert_eq!(keys, [b"a", b"k"], "{from:?}");
        let usage = answer.waits.usage;
        assert_eq!((usage.tombstones, usage.keys), (DELETED as u64, Some(2)), "{from:?}");
        assert!(answer.waits.engine > Duration::ZERO, "{from:?}");
        // Behind the deleted keys there are none to pass.
        let range = ScanRange { from: b"e".to_vec(), to: b"l".to_vec(), limit: 1 };
        let answer = kv.scan(ctx.clone(), range).await.unwrap();
        assert_eq!((answer.value.len(), answer.waits.usage.tombstones), (1, 0), "{from:?}");
        let outside = ScanRange { to: b"z".to_vec(), ..all.clone() };
        let error = kv.scan(ctx, outside).await.unwrap_err();
        assert!(matches!(error, Error::KeyNotInRegion { .. }), "{error}");
    }

    let (kv, ctx) = client.context(b"a", ReadFrom::Leader).unwrap();
    let answer = kv.get(ctx, b"a".to_vec()).await.unwrap();
    assert_eq!(answer.value.as_deref(), Some(&b"1"[..]));
    assert!(answer.waits.engine > Duration::ZERO && answer.waits.usage.keys.is_none());
    assert_ne!(answer.mode, ReadMode::ReadQuorum);
    drop(kv);
    cluster.stop().await;
}
