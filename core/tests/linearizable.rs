//! Clients on real threads read in every mode and write while leaders change, a store dies and comes
//! back, and a leader is cut off; the history they saw must be linearizable.
//!
//! The same while regions are split and merged.
//!
//! Nothing here waits for a time: each fault lasts until clients have done a number of operations in
//! spite of it, so that on a slow machine the test takes longer and checks the same.

#[path = "linearizable/reshape.rs"]
mod reshape;

use std::collections::BTreeMap;
use std::time::Duration;

use raftlens_core::history::{History, HistoryRecord, Op, OpKind, Recorder, Verdict, check};
use raftlens_core::{
    Client, Clock, Cluster, ClusterConfig, Config, MonotonicRawClock, ReadFrom, ReadMode, RegionId,
    StoreId,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

const CLIENTS: u64 = 6;
/// Two in each region, which are split at `m`.
const KEYS: [&[u8]; 4] = [b"a", b"b", b"x", b"y"];
/// Beyond this a phase has hung.
const PHASE_MAX: Duration = Duration::from_secs(20);

/// What clients and the one who makes the faults tell each other.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Operations that were answered, by what they were.
    answered: BTreeMap<&'static str, u64>,
    total: u64,
    is_over: bool,
}

/// One client: a loop of operations, each noted.
struct Worker {
    id: u64,
    client: Client,
    recorder: Recorder,
    rng: SmallRng,
    writes: u64,
    progress: watch::Sender<Progress>,
}

impl Worker {
    async fn run(mut self) {
        while !self.progress.borrow().is_over {
            let key = KEYS[self.rng.random_range(0..KEYS.len())];
            let done = match self.rng.random_range(0..8) {
                0..3 => self.write(key).await,
                3 => self.batch(key).await,
                4 => self.read(key, ReadFrom::Leader).await,
                5 => self.read(key, ReadFrom::LeaderQuorum).await,
                _ => {
                    let store = StoreId(self.rng.random_range(1..=3));
                    self.read(key, ReadFrom::Replica(store)).await
                }
            };
            let Some(done) = done else { continue };
            self.progress.send_modify(|progress| {
                *progress.answered.entry(done).or_default() += 1;
                progress.total += 1;
            });
        }
    }

    async fn write(&mut self, key: &[u8]) -> Option<&'static str> {
        self.writes += 1;
        let value = format!("{}.{}", self.id, self.writes).into_bytes();
        let call =
            self.recorder.call_write(key, value.clone(), MonotonicRawClock.monotonic_raw_now());
        match self.client.write(key, Some(value)).await {
            Ok(()) => self.recorder.write_returned(call, MonotonicRawClock.monotonic_raw_now()),
            // Open: it may take effect at any time.
            Err(error) if error.is_undetermined() => return None,
            Err(_) => {
                self.recorder.refused(call);
                return None;
            }
        }
        Some("write")
    }

    async fn read(&mut self, key: &[u8], from: ReadFrom) -> Option<&'static str> {
        let call = self.recorder.call_read(key, MonotonicRawClock.monotonic_raw_now());
        match self.client.read(key, from).await {
            Ok(answer) => {
                let now = MonotonicRawClock.monotonic_raw_now();
                self.recorder.read_returned(call, answer.value, now);
                Some(answer.mode.as_str())
            }
            Err(_) => {
                self.recorder.refused(call);
                None
            }
        }
    }

    /// Two reads of the key's region that share a snapshot. Both begin when the batch does.
    async fn batch(&mut self, key: &[u8]) -> Option<&'static str> {
        let (kv, mut ctx) = self.client.context(key, ReadFrom::Leader).ok()?;
        let now = MonotonicRawClock.monotonic_raw_now();
        let neighbour: &[u8] = if key < b"m".as_slice() { b"a" } else { b"x" };
        let calls = [key, neighbour].map(|key| (key, self.recorder.call_read(key, now)));
        ctx.read_id = Some(kv.begin_batch());
        let mut mode = None;
        for (key, call) in calls {
            let answer = kv.async_snapshot(ctx.clone()).await;
            let read = answer.and_then(|answer| Ok((answer.mode, answer.value.get(key)?)));
            match read {
                Ok((how, value)) => {
                    mode = Some(how.as_str());
                    let now = MonotonicRawClock.monotonic_raw_now();
                    self.recorder.read_returned(call, value, now);
                }
                Err(_) => self.recorder.refused(call),
            }
        }
        kv.end_batch();
        mode
    }
}

/// Lets clients do `count` more operations.
async fn more(progress: &watch::Sender<Progress>, count: u64) {
    let mut watched = progress.subscribe();
    let until = watched.borrow().total + count;
    let reached = watched.wait_for(|progress| progress.total >= until);
    let in_time = tokio::time::timeout(PHASE_MAX, reached).await.is_ok();
    assert!(in_time, "the cluster has come to a halt: {:?}", progress.borrow());
}

fn leader_store(cluster: &Cluster, region: RegionId) -> StoreId {
    let (_, leader) = cluster.pd().region(region).expect("a region of the cluster");
    leader.expect("a leader").store()
}

fn other_store(store: StoreId) -> StoreId {
    StoreId(store.0 % 3 + 1)
}

async fn transfer(cluster: &Cluster, region: RegionId) {
    let to = other_store(leader_store(cluster, region));
    // Refused when the leader has just changed by itself, which is a change as well.
    let _ = cluster.client().transfer_leader(region, to).await;
}

/// The faults, one after the other, with healthy stretches between.
async fn make_faults(cluster: &mut Cluster, progress: &watch::Sender<Progress>) {
    let (left, right) = (RegionId(1), RegionId(2));
    more(progress, 300).await;
    for region in [left, right, left, right] {
        transfer(cluster, region).await;
        more(progress, 100).await;
    }

    let cut = leader_store(cluster, left);
    cluster.network().isolate(cut);
    more(progress, 150).await;
    cluster.network().heal();
    more(progress, 150).await;

    let killed = leader_store(cluster, right);
    cluster.stop_store(killed).await;
    more(progress, 150).await;
    cluster.start_store(killed).expect("the data that it has left");
    more(progress, 150).await;

    for region in [left, right] {
        transfer(cluster, region).await;
    }
    more(progress, 150).await;
}

/// Runs the clients and the faults; what they saw, and how often each kind of operation was
/// answered.
async fn run(seed: u64, reshapes: bool) -> (History, BTreeMap<&'static str, u64>) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = ClusterConfig::new(folder.path(), vec![b"m".to_vec()]);
    config.config = Config { deadline: Duration::from_millis(1500), ..Config::fast() };
    config.seed = seed;
    let mut cluster = Cluster::start(config).await.expect("three stores");
    cluster.wait_for_leaders(PHASE_MAX).await.expect("leaders");

    let record = HistoryRecord::new();
    let (progress, _) = watch::channel(Progress::default());
    let workers: Vec<_> = (0..CLIENTS)
        .map(|id| {
            let worker = Worker {
                id,
                client: cluster.client(),
                recorder: record.recorder(id),
                rng: SmallRng::seed_from_u64(seed ^ id),
                writes: 0,
                progress: progress.clone(),
            };
            tokio::spawn(worker.run())
        })
        .collect();
    if reshapes {
        reshape::reshape(&mut cluster, &progress).await;
    } else {
        make_faults(&mut cluster, &progress).await;
    }
    progress.send_modify(|progress| progress.is_over = true);
    for worker in workers {
        worker.await.expect("a client");
    }
    // All faults are gone: everything must work again.
    let client = cluster.client();
    for key in KEYS {
        client.read(key, ReadFrom::Leader).await.expect("a read after the faults");
    }
    cluster.stop().await;
    (record.take(), progress.borrow().answered.clone())
}

/// The same history, in which one read sees a value that was overwritten before it began.
fn with_a_stale_read(history: &History) -> History {
    let mut history = history.clone();
    let returned = |op: &Op| op.returned_ns.filter(|_| op.is_write());
    for (place, read) in history.ops.iter().enumerate().rev() {
        if read.is_write() || read.returned_ns.is_none() {
            continue;
        }
        let before: Vec<&Op> = history
            .ops
            .iter()
            .filter(|op| op.key == read.key && returned(op).is_some_and(|at| at < read.invoked_ns))
            .collect();
        let overwritten = before.iter().find(|first| {
            before.iter().any(|later| returned(first).is_some_and(|at| at < later.invoked_ns))
        });
        if let Some(write) = overwritten {
            let value = write.value().map(<[u8]>::to_vec);
            history.ops[place].kind = OpKind::Read(value);
            return history;
        }
    }
    panic!("no key was written twice and read after that");
}

fn assert_linearizable(history: &History, answered: &BTreeMap<&'static str, u64>) {
    match check(history) {
        Verdict::Linearizable => {}
        Verdict::Violation { key, explanation, .. } => {
            panic!("key {}: {explanation}\n{answered:?}", key.escape_ascii());
        }
        Verdict::Malformed { explanation, .. } => panic!("the test itself: {explanation}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_see_of_regions_that_are_split_and_merged_is_linearizable() {
    let (history, answered) = run(2, true).await;
    for kind in ["write", ReadMode::LeaseLocal.as_str(), ReadMode::ReplicaLease.as_str()] {
        let count = answered.get(kind).copied().unwrap_or(0);
        assert!(count >= 20, "too few of {kind}: {answered:?}");
    }
    assert_linearizable(&history, &answered);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_see_is_linearizable() {
    let (history, answered) = run(1, false).await;
    for kind in [
        "write",
        ReadMode::LeaseLocal.as_str(),
        ReadMode::LeaseShared.as_str(),
        ReadMode::ReadQuorum.as_str(),
        ReadMode::ReplicaLease.as_str(),
    ] {
        let count = answered.get(kind).copied().unwrap_or(0);
        assert!(count >= 20, "too few of {kind}: {answered:?}");
    }
    assert_linearizable(&history, &answered);
    // The check would have seen it.
    let verdict = check(&with_a_stale_read(&history));
    assert!(matches!(verdict, Verdict::Violation { .. }), "{verdict:?}");
}
