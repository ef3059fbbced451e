//! The read path on the real driver: three stores, RocksDB, tokio, real time.

use std::time::Duration;

use raftlens_core::{Cluster, ClusterConfig, Config, ReadFrom, ReadMode, StoreId};

async fn cluster(path: &std::path::Path) -> Cluster {
    let mut config = ClusterConfig::new(path, vec![b"m".to_vec()]);
    config.config = Config::fast();
    let cluster = Cluster::start(config).await.expect("three stores");
    cluster.wait_for_leaders(Duration::from_secs(10)).await.expect("leaders");
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_read_in_every_way() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = cluster(folder.path()).await;
    let client = cluster.client();
    client.write(b"a", Some(b"1".to_vec())).await.unwrap();
    client.write(b"z", Some(b"2".to_vec())).await.unwrap();
    for (key, value) in [(b"a", b"1"), (b"z", b"2")] {
        for from in [
            ReadFrom::Leader,
            ReadFrom::LeaderQuorum,
            ReadFrom::Replica(StoreId(1)),
            ReadFrom::Replica(StoreId(2)),
            ReadFrom::Replica(StoreId(3)),
        ] {
            let answer = client.read(key, from).await.unwrap();
            assert_eq!(answer.value.as_deref(), Some(&value[..]), "{from:?}");
            println!("{from:?} {:?} {:?} {:?}", answer.mode, answer.reject, answer.waits);
        }
    }
    assert_eq!(client.read(b"a", ReadFrom::Leader).await.unwrap().mode, ReadMode::LeaseLocal);
    client.write(b"a", None).await.unwrap();
    assert_eq!(client.get(b"a").await.unwrap(), None);
    cluster.stop().await;
}
