//! The read path on the real driver: three stores, RocksDB, tokio. Ticks are real, the leases' clock
//! stands still until a test moves it, so that no lease runs out by chance.

// Conditions are looked at again in small steps, each wait with a bound; nothing counts on a time.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use raft::eraftpb::MessageType;
use raftlens_core::engine::{BlockCache, EngineError};
use raftlens_core::{
    Action, Answer, Client, Cluster, ClusterConfig, Config, Error, FilterId, Instant, LocalNetwork,
    ManualClock, MessageFilter, MessageKind, MonotonicRawClock, Pd, PeerId, ReadFrom, ReadMode,
    RegionId, RejectReason, Store, StoreConfig, StoreError, StoreId, Tracer,
};

const LEFT: RegionId = RegionId(1);
const LIMIT: Duration = Duration::from_secs(20);

struct World {
    cluster: Cluster,
    client: Client,
    clock: ManualClock,
    _folder: tempfile::TempDir,
}

fn config(path: &Path) -> ClusterConfig {
    let mut config = ClusterConfig::new(path, vec![b"m".to_vec()]);
    // Renewals by ticks would take the place of the reads that the tests look at.
    config.config = Config { renew_lease_by_tick: false, deadline: LIMIT, ..Config::fast() };
    config
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        // Not at zero, where "never" lies.
        let clock = ManualClock::new(Instant::from_ns(1_000_000_000));
        let mut config = config(folder.path());
        config.clock = Arc::new(clock.clone());
        let cluster = Cluster::start(config).await.expect("three stores");
        cluster.wait_for_leaders(LIMIT).await.expect("leaders");
        let client = cluster.client();
        client.write(b"a", Some(b"1".to_vec())).await.unwrap();
        World { cluster, client, clock, _folder: folder }
    }

    fn leader(&self) -> StoreId {
        self.cluster.pd().region(LEFT).unwrap().1.expect("a leader").store()
    }

    /// A store that does not lead the left region.
    fn follower(&self) -> StoreId {
        StoreId(self.leader().0 % 3 + 1)
    }

    fn rejects(&self, store: StoreId, why: RejectReason) -> u64 {
        self.cluster.store(store).unwrap().kv().rejects().get(why)
    }

    fn hold(&self, kind: MessageType, to: StoreId, action: Action) -> FilterId {
        let kind = Some(MessageKind::Raft(kind));
        let filter = MessageFilter { kind, to: Some(to), ..MessageFilter::default() };
        self.cluster.network().add_filter(filter, action)
    }

    fn end_lease(&self) {
        self.clock.advance(Config::fast().max_leader_lease);
    }

    /// A read of `a` that goes on while the test does something else.
    fn start_read(&self, from: ReadFrom) -> Reading {
        let client = self.client.clone();
        tokio::spawn(async move { client.read_once(b"a", from).await })
    }

    async fn transfer(&self, to: StoreId) {
        self.client.transfer_leader(LEFT, to).await.unwrap();
    }
}

type Reading = tokio::task::JoinHandle<Result<Answer<Option<Vec<u8>>>, Error>>;

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, waiting).await.is_ok(), "never: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_read_in_every_way() {
    let world = World::new().await;
    let client = &world.client;
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
        }
    }
    let answer = client.read(b"a", ReadFrom::Leader).await.unwrap();
    assert_eq!((answer.mode, answer.reject), (ReadMode::LeaseLocal, None));
    client.write(b"a", None).await.unwrap();
    assert_eq!(client.get(b"a").await.unwrap(), None);
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_lease_acknowledgements_answer_and_a_second_read_joins() {
    let world = World::new().await;
    let leader = world.leader();
    let held = world.hold(MessageType::MsgHeartbeatResponse, leader, Action::Hold);
    world.end_lease();
    let carrier = world.start_read(ReadFrom::Leader);
    eventually("acknowledgements", || world.cluster.network().held(held) > 0).await;
    let expired = world.rejects(leader, RejectReason::LeaseExpire);
    let joined = world.start_read(ReadFrom::Leader);
    // It is in the raft thread's mailbox, in front of whatever comes now.
    eventually("the second read", || world.rejects(leader, RejectReason::LeaseExpire) > expired)
        .await;
    eventually("a later acknowledgement", || world.cluster.network().held(held) > 3).await;
    assert!(!carrier.is_finished() && !joined.is_finished());
    world.cluster.network().remove_filter(held);

    let carrier = carrier.await.unwrap().unwrap();
    assert_eq!(
        (carrier.mode, carrier.reject),
        (ReadMode::ReadIndex, Some(RejectReason::LeaseExpire))
    );
    assert_eq!(joined.await.unwrap().unwrap().mode, ReadMode::ReadIndexBatched);
    // The round has renewed the lease.
    let renewed = world.client.read(b"a", ReadFrom::Leader).await.unwrap();
    assert_eq!(renewed.mode, ReadMode::LeaseLocal);
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_puts_the_lease_under_suspicion() {
    let world = World::new().await;
    let (leader, follower) = (world.leader(), world.follower());
    world.hold(MessageType::MsgTimeoutNow, follower, Action::Drop);
    world.transfer(follower).await;
    let asking = async {
        loop {
            let answer = world.client.read(b"a", ReadFrom::Leader).await.unwrap();
            if answer.reject == Some(RejectReason::Suspect) {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(LIMIT, asking).await.expect("a suspect lease");
    assert_eq!(answer.mode, ReadMode::ReadIndex);
    // raft-rs gives the transfer up; then a read's empty entry, which must be younger than the
    // suspicion, lifts it.
    world.clock.advance(Duration::from_millis(1));
    let asking = async {
        while world.client.read(b"a", ReadFrom::Leader).await.unwrap().mode != ReadMode::LeaseLocal
        {
        }
    };
    tokio::time::timeout(LIMIT, asking).await.expect("a lease again");
    assert_eq!(world.leader(), leader);
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_leader_refuses_before_its_first_entry_is_committed() {
    let world = World::new().await;
    let next = world.follower();
    let held = world.hold(MessageType::MsgAppendResponse, next, Action::Hold);
    world.transfer(next).await;
    eventually("the new leader", || world.leader() == next).await;
    let error = world.client.read_once(b"a", ReadFrom::Leader).await.unwrap_err();
    assert!(matches!(error, Error::ReadIndexNotReady { .. }), "{error}");
    assert!(error.is_retryable());
    world.cluster.network().remove_filter(held);
    assert_eq!(world.client.get(b"a").await.unwrap().as_deref(), Some(&b"1"[..]));
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_catches_up_before_it_answers() {
    let world = World::new().await;
    let follower = world.follower();
    world.cluster.store(follower).unwrap().apply_gate().close();
    world.client.write(b"a", Some(b"2".to_vec())).await.unwrap();
    let reading = world.start_read(ReadFrom::Replica(follower));
    eventually("the read", || world.rejects(follower, RejectReason::ReplicaRead) > 0).await;
    // Others answer meanwhile.
    let answer = world.client.read(b"a", ReadFrom::Leader).await.unwrap();
    assert_eq!(answer.value.as_deref(), Some(&b"2"[..]));
    assert!(!reading.is_finished());
    world.cluster.store(follower).unwrap().apply_gate().open();
    let answer = reading.await.unwrap().unwrap();
    assert_eq!(answer.value.as_deref(), Some(&b"2"[..]));
    assert!(matches!(answer.mode, ReadMode::ReplicaLease | ReadMode::ReplicaQuorum));
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_has_not_applied_sends_its_reads_on() {
    let world = World::new().await;
    let leader = world.leader();
    world.cluster.store(leader).unwrap().apply_gate().close();
    let client = world.client.clone();
    let writing = tokio::spawn(async move { client.write(b"a", Some(b"2".to_vec())).await });
    let asking = async {
        // A replica shows the write before the leader acknowledges it.
        let from = ReadFrom::Replica(world.follower());
        while world.client.read(b"a", from).await.unwrap().value.as_deref() != Some(b"2") {}
    };
    tokio::time::timeout(LIMIT, asking).await.expect("the write at a replica");
    let reading = world.start_read(ReadFrom::Leader);
    eventually("the read", || world.rejects(leader, RejectReason::ApplyLag) > 0).await;
    assert!(!writing.is_finished() && !reading.is_finished());
    world.cluster.store(leader).unwrap().apply_gate().open();
    let answer = reading.await.unwrap().unwrap();
    assert_eq!((answer.mode, answer.value.as_deref()), (ReadMode::ReadLocal, Some(&b"2"[..])));
    writing.await.unwrap().unwrap();
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_without_a_leader_says_so() {
    let world = World::new().await;
    let alone = world.follower();
    world.cluster.network().isolate(alone);
    let asking = async {
        loop {
            let (kv, mut ctx) = world.client.context(b"a", ReadFrom::Replica(alone)).unwrap();
            // What is asked before it has noticed is never answered.
            ctx.deadline = Some(Duration::from_millis(100));
            if let Err(Error::NotLeader { leader, .. }) = kv.async_snapshot(ctx).await {
                return leader;
            }
        }
    };
    assert_eq!(tokio::time::timeout(LIMIT, asking).await.expect("an answer"), None);
    // The others go on, and it is no reason for them to doubt their leader.
    assert_eq!(world.client.get(b"a").await.unwrap().as_deref(), Some(&b"1"[..]));
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_fit_is_refused() {
    let world = World::new().await;
    let (kv, ctx) = world.client.context(b"a", ReadFrom::Leader).unwrap();
    let mut wrong_epoch = ctx.clone();
    wrong_epoch.header.epoch.version += 1;
    let error = kv.async_snapshot(wrong_epoch).await.unwrap_err();
    assert!(matches!(error, Error::EpochNotMatch { region: LEFT, .. }), "{error}");

    let mut wrong_peer = ctx.clone();
    wrong_peer.header.peer_id = PeerId(99);
    let error = kv.async_snapshot(wrong_peer).await.unwrap_err();
    assert!(matches!(error, Error::PeerNotMatch { expected: PeerId(99), .. }), "{error}");

    let mut unknown = ctx.clone();
    unknown.header.region_id = RegionId(99);
    let error = kv.async_snapshot(unknown).await.unwrap_err();
    assert_eq!(error, Error::RegionNotFound(RegionId(99)));

    let error = kv.get(ctx.clone(), b"z".to_vec()).await.unwrap_err();
    assert!(matches!(error, Error::KeyNotInRegion { region: LEFT, .. }), "{error}");
    let snapshot = kv.async_snapshot(ctx).await.unwrap().value;
    assert!(matches!(snapshot.get(b"z"), Err(Error::KeyNotInRegion { .. })));
    drop((snapshot, kv));
    world.cluster.stop().await;
}

#[test]
fn a_key_may_be_in_no_region() {
    let region = raftlens_core::Region { id: 1, end_key: b"m".to_vec(), ..Default::default() };
    let pd = Pd::new([region]);
    assert!(pd.region_for(b"a").is_some() && pd.region_for(b"m").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_shares_a_snapshot() {
    let world = World::new().await;
    let (kv, mut ctx) = world.client.context(b"a", ReadFrom::Leader).unwrap();
    ctx.read_id = Some(kv.begin_batch());
    let first = kv.async_snapshot(ctx.clone()).await.unwrap();
    let second = kv.async_snapshot(ctx.clone()).await.unwrap();
    assert_eq!((first.mode, second.mode), (ReadMode::LeaseLocal, ReadMode::LeaseShared));
    assert!(first.value.is_shared_with(&second.value));
    kv.end_batch();
    ctx.read_id = Some(kv.begin_batch());
    let next = kv.async_snapshot(ctx).await.unwrap();
    assert!(!next.value.is_shared_with(&first.value));
    drop((first, second, next, kv));
    world.cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_store_answers_what_waits_and_refuses_the_rest() {
    let mut world = World::new().await;
    let leader = world.leader();
    let held = world.hold(MessageType::MsgHeartbeatResponse, leader, Action::Hold);
    world.end_lease();
    let waiting = world.start_read(ReadFrom::Leader);
    eventually("acknowledgements", || world.cluster.network().held(held) > 0).await;
    let (kv, ctx) = world.client.context(b"a", ReadFrom::Leader).unwrap();
    world.cluster.stop_store(leader).await;
    assert_eq!(waiting.await.unwrap().unwrap_err(), Error::Stopped(LEFT));

    // Whoever still has a door to it gets an answer at once, well before the deadline.
    let asking = tokio::time::timeout(LIMIT / 4, kv.async_snapshot(ctx));
    let error = asking.await.expect("an answer").unwrap_err();
    assert_eq!(error, Error::RegionNotFound(LEFT));
    let reading = world.client.read(b"a", ReadFrom::Replica(leader));
    let answer = tokio::time::timeout(LIMIT / 4, reading).await.expect("an answer");
    assert_eq!(answer.unwrap_err(), Error::Stopped(LEFT));
    drop(kv);

    // The others elect a leader, and it comes back with what it had.
    world.cluster.network().heal();
    assert_eq!(world.client.get(b"a").await.unwrap().as_deref(), Some(&b"1"[..]));
    world.cluster.start_store(leader).unwrap();
    let asking =
        async { while world.client.read(b"a", ReadFrom::Replica(leader)).await.is_err() {} };
    tokio::time::timeout(LIMIT, asking).await.expect("a read at the restarted store");
    world.cluster.stop().await;
}

fn store_config(path: &Path, cluster_id: u64) -> StoreConfig {
    StoreConfig {
        store_id: StoreId(1),
        cluster_id,
        path: path.join("store-1"),
        config: Config::fast(),
        regions: Vec::new(),
        clock: Arc::new(MonotonicRawClock),
        block_cache: BlockCache::new(1 << 20),
        tracer: Tracer::default(),
        pd: Pd::default(),
        seed: 1,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_takes_no_folder_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(config(folder.path())).await.unwrap();
    let error = Cluster::start(config(folder.path())).await.unwrap_err();
    assert!(matches!(error, StoreError::Engine(EngineError::InUse { .. })), "{error}");
    cluster.stop().await;

    let network = LocalNetwork::default();
    let error = Store::start(store_config(folder.path(), 2), &network).unwrap_err();
    assert!(matches!(error, StoreError::Ident(_)), "{error}");
    // A store that is only dropped ends as well, a moment later.
    drop(Store::start(store_config(folder.path(), 1), &network).unwrap());
    let mut reopened = None;
    eventually("the folder is free", || {
        reopened = Store::start(store_config(folder.path(), 1), &network).ok();
        reopened.is_some()
    })
    .await;
    reopened.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_a_cluster_measure_elections_alike() {
    let folder = tempfile::tempdir().unwrap();
    let network = LocalNetwork::default();
    let first = Store::start(store_config(folder.path(), 1), &network).unwrap();
    let second = |config: Config, cluster_id| {
        let (store_id, path) = (StoreId(2), folder.path().join("store-2"));
        StoreConfig { store_id, path, config, ..store_config(folder.path(), cluster_id) }
    };
    let hasty = Config {
        election_ticks: 5,
        max_leader_lease: Duration::from_millis(150),
        ..Config::fast()
    };
    let refused = Store::start(second(hasty.clone(), 1), &network).unwrap_err();
    let StoreError::OtherTiming { store, other } = refused else { panic!("{refused}") };
    assert_eq!((store, other), (StoreId(2), StoreId(1)), "hole H6");
    assert!(!folder.path().join("store-2").exists(), "nothing was begun");
    // What each store may set for itself differs, and another cluster is no concern of this one.
    let slower = Config { raft_pollers: 1, ..Config::fast() };
    Store::start(second(slower, 1), &network).unwrap().stop().await;
    let other_folder = tempfile::tempdir().unwrap();
    let path = other_folder.path().join("store-2");
    let foreign = StoreConfig { path, ..second(hasty, 2) };
    Store::start(foreign, &network).unwrap().stop().await;
    first.stop().await;
}
