//! A raft thread that panics takes its store down: what waits is answered, and what comes later is
//! refused at once, instead of everything waiting for a region that nobody drives any more.

// A condition is looked at again in small steps, with a bound.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use raft::eraftpb::MessageType;
use raftlens_core::{
    Action, Clock, Cluster, ClusterConfig, Config, Error, Instant, MessageFilter, MessageKind,
    MonotonicRawClock, ReadFrom, StoreId,
};

const LIMIT: Duration = Duration::from_secs(20);

/// A clock that fails every thread but the test's own, once it is told to.
struct FaultyClock {
    is_faulty: AtomicBool,
    test: ThreadId,
}

impl Clock for FaultyClock {
    fn monotonic_raw_now(&self) -> Instant {
        let is_mine = std::thread::current().id() == self.test;
        assert!(is_mine || !self.is_faulty.load(Ordering::SeqCst), "the clock has stopped");
        MonotonicRawClock.monotonic_raw_now()
    }
}

// On one thread, so that everything else that reads the clock is a thread of a store.
#[tokio::test(flavor = "current_thread")]
async fn a_panic_of_a_raft_thread_is_an_answer_to_all_who_wait() {
    let folder = tempfile::tempdir().unwrap();
    let is_faulty = AtomicBool::new(false);
    let clock = Arc::new(FaultyClock { is_faulty, test: std::thread::current().id() });
    let mut config = ClusterConfig::new(folder.path(), Vec::new());
    config.config = Config { deadline: LIMIT, ..Config::fast() };
    config.clock = Arc::<FaultyClock>::clone(&clock);
    let cluster = Cluster::start(config).await.unwrap();
    cluster.wait_for_leaders(LIMIT).await.unwrap();

    let client = cluster.client();
    let kind = Some(MessageKind::Raft(MessageType::MsgHeartbeatResponse));
    let filter = MessageFilter { kind, ..MessageFilter::default() };
    let held = cluster.network().add_filter(filter, Action::Hold);
    let (kv, ctx) = client.context(b"a", ReadFrom::LeaderQuorum).unwrap();
    let (waiting_kv, waiting_ctx) = (kv.clone(), ctx.clone());
    let waiting = tokio::spawn(async move { waiting_kv.async_snapshot(waiting_ctx).await });
    while cluster.network().held(held) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    clock.is_faulty.store(true, Ordering::SeqCst);
    let answer = tokio::time::timeout(LIMIT / 4, waiting).await.expect("an answer").unwrap();
    assert!(matches!(answer, Err(Error::Stopped(_))), "{:?}", answer.err());
    let asking = tokio::time::timeout(LIMIT / 4, kv.async_snapshot(ctx.clone()));
    assert!(asking.await.expect("an answer").is_err());
    let store: StoreId = ctx.header.store_id;
    let failure = cluster.store(store).unwrap().failure().expect("a failure");
    assert!(matches!(failure, Error::Broken(_)), "{failure}");
    assert!(failure.to_string().contains("the clock has stopped"), "{failure}");
    drop(kv);
    cluster.stop().await;
}
