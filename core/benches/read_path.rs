//! What a lease read costs over the engine alone: reads per second through [`RaftKv`] against a
//! snapshot and a get of bare RocksDB, on the same data and the same number of threads.
//!
//! `cargo bench -p raftlens-core --bench read_path -- [--json] [--quick]`: a table, or one row a line.
//!
//! The two sides take turns, so that what else the machine does meets both; the median of the turns
//! is reported, and how far the slowest and the fastest lie apart.
//!
//! `--only raftlens 3000` (or `rocksdb`) does so many reads of one side and nothing else, for counting
//! instructions: their number is steady where time is not.

// A bench measures time, uses threads of its own and prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftlens_core::engine::RocksSnapshot;
use raftlens_core::{
    Client, Clock, Cluster, ClusterConfig, Mutation, RaftKv, ReadFrom, ReadMode, SnapContext,
};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use rocksdb::{BlockBasedOptions, DB, DBCompressionType, Options, ReadOptions};

const KEYS: usize = 10_000;
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 100;
const WRITES_AT_ONCE: usize = 500;

type Kv = RaftKv<raftlens_core::engine::RocksEngine>;

/// How much is measured.
#[derive(Clone, Copy)]
struct Effort {
    reads: usize,
    runs: usize,
}

/// Reads per second of both sides, one entry for each turn.
struct Measured {
    threads: usize,
    ours: Vec<f64>,
    peer: Vec<f64>,
}

/// Cheap to make, since it is made anew for every read.
fn key(number: usize) -> [u8; KEY_BYTES] {
    let mut key = *b"key-............";
    key[KEY_BYTES - 8..].copy_from_slice(&(number as u64).to_be_bytes());
    key
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    if let Some(only) = arguments.iter().position(|argument| argument == "--only") {
        let reads = arguments.get(only + 2).and_then(|reads| reads.parse().ok());
        return only_reads(
            arguments.get(only + 1).map(String::as_str),
            reads.expect("how many reads"),
        );
    }
    let effort = match has("--quick") {
        true => Effort { reads: 20_000, runs: 3 },
        false => Effort { reads: 200_000, runs: 9 },
    };
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = ClusterConfig::new(folder.path().join("cluster"), Vec::new());
    let cluster = runtime.block_on(filled_cluster(config));
    let client = cluster.client();
    let (kv, ctx) = client.context(&key(0), ReadFrom::Leader).unwrap();
    let database = filled_database(&folder.path().join("bare"));

    let rows: Vec<Measured> = [1, 2]
        .into_iter()
        .map(|threads| {
            let ours = || through_raft_kv(runtime.handle(), (&kv, &ctx), threads, effort.reads);
            let peer = || through_rocksdb(&database, threads, effort.reads);
            take_turns(threads, effort.runs, ours, peer)
        })
        .collect();
    if has("--json") {
        print_json(&rows)
    } else {
        print_table(&rows)
    }
    drop((kv, client));
    runtime.block_on(cluster.stop());
}

/// A clock that runs under valgrind, too, which does not let the other one find its system call.
struct StdClock(Instant);

impl Clock for StdClock {
    fn monotonic_raw_now(&self) -> raftlens_core::Instant {
        raftlens_core::Instant::from_ns(self.0.elapsed().as_nanos() as u64)
    }
}

/// Reads of one side, on one thread.
fn only_reads(side: Option<&str>, reads: usize) {
    let folder = tempfile::tempdir().unwrap();
    if side == Some("rocksdb") {
        let database = filled_database(folder.path());
        return one_thread_of_rocksdb(&database, keys(0, reads));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let mut config = ClusterConfig::new(folder.path(), Vec::new());
    config.clock = Arc::new(StdClock(Instant::now()));
    let cluster = runtime.block_on(filled_cluster(config));
    let (kv, ctx) = cluster.client().context(&key(0), ReadFrom::Leader).unwrap();
    one_thread_of_raft_kv(runtime.handle(), (&kv, &ctx), keys(0, reads));
    drop(kv);
    runtime.block_on(cluster.stop());
}

async fn filled_cluster(config: ClusterConfig) -> Cluster {
    let cluster = Cluster::start(config).await.unwrap();
    cluster.wait_for_leaders(Duration::from_secs(30)).await.unwrap();
    let client: Client = cluster.client();
    let numbers: Vec<usize> = (0..KEYS).collect();
    for chunk in numbers.chunks(WRITES_AT_ONCE) {
        let mutation = |&number: &usize| Mutation {
            key: key(number).to_vec(),
            value: Some(vec![7; VALUE_BYTES]),
        };
        let (kv, ctx) = client.context(&key(0), ReadFrom::Leader).unwrap();
        kv.write(ctx, chunk.iter().map(mutation).collect()).await.unwrap();
    }
    cluster
}

/// A database with the settings that a store gives the users' data.
fn filled_database(path: &Path) -> DB {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(8 << 20);
    options.set_memtable_prefix_bloom_ratio(0.05);
    options.set_memtable_whole_key_filtering(true);
    options.set_compression_type(DBCompressionType::None);
    let database = DB::open(&options, path).unwrap();
    for number in 0..KEYS {
        database.put(key(number), vec![7; VALUE_BYTES]).unwrap();
    }
    database
}

fn take_turns(
    threads: usize,
    runs: usize,
    ours: impl Fn() -> f64,
    peer: impl Fn() -> f64,
) -> Measured {
    // The first turn of each warms up.
    let _ = (ours(), peer());
    let mut measured = Measured { threads, ours: Vec::new(), peer: Vec::new() };
    for run in 0..runs {
        if run % 2 == 0 {
            measured.ours.push(ours());
            measured.peer.push(peer());
        } else {
            measured.peer.push(peer());
            measured.ours.push(ours());
        }
    }
    measured
}

/// Reads per second of `threads` threads that do `reads` each.
fn timed(threads: usize, reads: usize, work: impl Fn(usize) + Sync) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
    (threads * reads) as f64 / start.elapsed().as_secs_f64()
}

/// The keys that a thread reads, the same for both sides.
fn keys(thread: usize, reads: usize) -> impl Iterator<Item = [u8; KEY_BYTES]> {
    let mut rng = SmallRng::seed_from_u64(thread as u64);
    (0..reads).map(move |_| key(rng.random_range(0..KEYS)))
}

fn through_raft_kv(
    runtime: &tokio::runtime::Handle,
    (kv, ctx): (&Kv, &SnapContext),
    threads: usize,
    reads: usize,
) -> f64 {
    timed(threads, reads, |thread| {
        let kv = kv.clone();
        let elsewhere = one_thread_of_raft_kv(runtime, (&kv, ctx), keys(thread, reads));
        // A lease that runs out on a busy machine is no lease read.
        assert!(elsewhere <= reads / 100, "{elsewhere} of {reads} reads were not local");
    })
}

/// How many of the reads were answered on another thread.
#[inline(never)]
fn one_thread_of_raft_kv(
    runtime: &tokio::runtime::Handle,
    (kv, ctx): (&Kv, &SnapContext),
    keys: impl Iterator<Item = [u8; KEY_BYTES]>,
) -> usize {
    runtime.block_on(async {
        let mut elsewhere = 0;
        for key in keys {
            let answer = kv.async_snapshot(ctx.clone()).await.unwrap();
            elsewhere += usize::from(answer.mode != ReadMode::LeaseLocal);
            let snapshot: raftlens_core::RegionSnapshot<RocksSnapshot> = answer.value;
            assert_eq!(snapshot.get(&key).unwrap().map(|value| value.len()), Some(VALUE_BYTES));
        }
        elsewhere
    })
}

fn through_rocksdb(database: &DB, threads: usize, reads: usize) -> f64 {
    timed(threads, reads, |thread| one_thread_of_rocksdb(database, keys(thread, reads)))
}

#[inline(never)]
fn one_thread_of_rocksdb(database: &DB, keys: impl Iterator<Item = [u8; KEY_BYTES]>) {
    for key in keys {
        let snapshot = database.snapshot();
        let mut options = ReadOptions::default();
        options.set_snapshot(&snapshot);
        let value = database.get_pinned_opt(key, &options).unwrap().map(|value| value.to_vec());
        assert_eq!(value.map(|value| value.len()), Some(VALUE_BYTES));
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How far the slowest and the fastest turn lie apart, as a share of the median.
fn spread(values: &[f64]) -> f64 {
    let (low, high) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| (value.min(low), value.max(high)));
    (high - low) / median(values)
}

fn print_json(rows: &[Measured]) {
    for Measured { threads, ours, peer } in rows {
        let (mine, bare) = (median(ours), median(peer));
        println!(
            "{{\"bench\":\"lease_read\",\"case\":\"{threads} threads\",\"ours\":{mine:.0},\
             \"peer\":{bare:.0},\"peer_name\":\"rocksdb snapshot and get\",\"ratio\":{:.3},\
             \"unit\":\"reads/s\",\"runs\":{},\"ours_spread\":{:.3},\"peer_spread\":{:.3}}}",
            mine / bare,
            ours.len(),
            spread(ours),
            spread(peer),
        );
    }
}

fn print_table(rows: &[Measured]) {
    println!(
        "{:<12}{:>16}{:>10}{:>16}{:>10}{:>8}",
        "lease read", "raftlens /s", "spread", "rocksdb /s", "spread", "ratio"
    );
    for Measured { threads, ours, peer } in rows {
        let (mine, bare) = (median(ours), median(peer));
        println!(
            "{:<12}{mine:>16.0}{:>9.0}%{bare:>16.0}{:>9.0}%{:>8.2}",
            format!("{threads} threads"),
            100.0 * spread(ours),
            100.0 * spread(peer),
            mine / bare,
        );
    }
}
