//! What the flight recorder costs a store: lease reads per second through `RaftKv`, on one thread and
//! one embedded cluster, with the recorder on and without any instrumentation.
//!
//! `make bench-reads` runs it: the peer is this same program, built with feature `compiled-out`, in
//! which no `tracing` macro is left. The two take turns: `--compiled-out PATH` names the peer, which
//! runs with `--paced` and measures one round for each line that it is sent. Without a peer, the
//! rows compare with the recorder's level switched off.
//!
//! With `--json`, one JSON object a row, without it a table. `--only info 20000` does so many reads at
//! one level and nothing else, for counting instructions: their number is steady where time is not.

#![allow(clippy::print_stdout)]

#[path = "../src/propagation.rs"]
mod propagation;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftlens_core::engine::RocksEngine;
use raftlens_core::{
    Clock, Cluster, ClusterConfig, MonotonicRawClock, RaftKv, ReadFrom, ReadMode, SnapContext,
    Tracer,
};
use raftlens_tracer::recorder::FlightRecorder;
use serde_json::json;
use tracing::level_filters::LevelFilter;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(300);
const KEY: &[u8] = b"key";

/// What reads are measured on.
struct Reads {
    cluster: Cluster,
    kv: RaftKv<RocksEngine>,
    ctx: SnapContext,
    _folder: tempfile::TempDir,
}

impl Reads {
    async fn start(clock: impl Clock) -> Reads {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = ClusterConfig::new(folder.path(), Vec::new());
        config.tracer = Tracer::new(propagation::OtelPropagator);
        config.clock = Arc::new(clock);
        let cluster = Cluster::start(config).await.expect("three stores");
        cluster.wait_for_leaders(Duration::from_secs(10)).await.expect("a leader");
        let client = cluster.client();
        client.write(KEY, Some(b"value".to_vec())).await.expect("a write");
        let (kv, ctx) = client.context(KEY, ReadFrom::Leader).expect("a leader");
        Reads { cluster, kv, ctx, _folder: folder }
    }

    /// Reads per second, in one round.
    async fn round(&self) -> f64 {
        let start = Instant::now();
        let mut reads = 0_u32;
        while start.elapsed() < ROUND {
            self.read(64).await;
            reads += 64;
        }
        f64::from(reads) / start.elapsed().as_secs_f64()
    }

    /// So many reads.
    #[inline(never)]
    async fn read(&self, times: u32) {
        for _ in 0..times {
            let answer = self.kv.async_snapshot(self.ctx.clone()).await.expect("a lease read");
            assert!(answer.mode == ReadMode::LeaseLocal || answer.reject.is_some());
            assert!(answer.value.get(KEY).expect("a value").is_some());
        }
    }
}

/// The same program without instrumentation.
struct Peer {
    child: Child,
    requests: ChildStdin,
    rates: BufReader<ChildStdout>,
}

impl Peer {
    fn start(path: &str) -> Peer {
        let mut child = Command::new(path)
            .arg("--paced")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer that --compiled-out names");
        let requests = child.stdin.take().expect("piped");
        let rates = BufReader::new(child.stdout.take().expect("piped"));
        Peer { child, requests, rates }
    }

    fn round(&mut self) -> f64 {
        self.requests.write_all(b"\n").expect("the peer runs");
        let mut line = String::new();
        self.rates.read_line(&mut line).expect("the peer answers");
        line.trim().parse().expect("a rate")
    }

    fn stop(mut self) {
        drop(self.requests);
        self.child.wait().expect("the peer ends");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    if has("--paced") {
        paced(&runtime);
        return;
    }
    if cfg!(feature = "compiled-out") {
        println!("this is the peer; `make bench-reads` runs both");
        return;
    }
    if let Some(only) = arguments.iter().position(|argument| argument == "--only") {
        let level = arguments.get(only + 1).and_then(|level| level.parse().ok());
        let times = arguments.get(only + 2).and_then(|times| times.parse().ok());
        only_reads(&runtime, level.expect("a level"), times.expect("how many reads"));
        return;
    }
    let path = arguments.iter().position(|argument| argument == "--compiled-out");
    let peer = path.and_then(|place| arguments.get(place + 1)).map(|path| Peer::start(path));
    let recorder = FlightRecorder::builder().service_name("bench").build();
    tracing::subscriber::set_global_default(recorder.clone()).expect("the first");
    let rows = measure(&runtime, &recorder, peer);
    rows.print(has("--json"));
}

/// A clock that runs under valgrind, too, which does not let the other one find its system call.
struct StdClock(Instant);

impl Clock for StdClock {
    fn monotonic_raw_now(&self) -> raftlens_core::Instant {
        raftlens_core::Instant::from_ns(self.0.elapsed().as_nanos() as u64)
    }
}

/// Reads at one level.
fn only_reads(runtime: &tokio::runtime::Runtime, level: LevelFilter, times: u32) {
    let recorder = FlightRecorder::builder().service_name("bench").build();
    tracing::subscriber::set_global_default(recorder.clone()).expect("the first");
    recorder.set_level(level);
    let reads = runtime.block_on(Reads::start(StdClock(Instant::now())));
    runtime.block_on(reads.read(times));
    runtime.block_on(reads.cluster.stop());
}

/// Measures a round for each line of standard input.
fn paced(runtime: &tokio::runtime::Runtime) {
    let reads = runtime.block_on(Reads::start(MonotonicRawClock));
    for line in std::io::stdin().lines() {
        if line.is_err() {
            break;
        }
        println!("{}", runtime.block_on(reads.round()));
    }
    runtime.block_on(reads.cluster.stop());
}

struct Rows {
    peer_name: &'static str,
    peer: Vec<f64>,
    stages: Vec<f64>,
    functions: Vec<f64>,
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    recorder: &FlightRecorder,
    mut peer: Option<Peer>,
) -> Rows {
    recorder.set_level(LevelFilter::OFF);
    let reads = runtime.block_on(Reads::start(MonotonicRawClock));
    let round = |level: LevelFilter| {
        recorder.set_level(level);
        runtime.block_on(reads.round())
    };
    let peer_name = if peer.is_some() { "compiled out" } else { "recorder off" };
    let mut rows = Rows { peer_name, peer: vec![], stages: vec![], functions: vec![] };
    for _ in 0..ROUNDS {
        rows.stages.push(round(LevelFilter::INFO));
        rows.peer.push(match &mut peer {
            Some(peer) => {
                recorder.set_level(LevelFilter::OFF);
                peer.round()
            }
            None => round(LevelFilter::OFF),
        });
        rows.functions.push(round(LevelFilter::TRACE));
    }
    recorder.set_level(LevelFilter::OFF);
    assert_eq!(recorder.counts().traces_without_room, 0, "there was room for every read");
    runtime.block_on(reads.cluster.stop());
    if let Some(peer) = peer {
        peer.stop();
    }
    rows
}

impl Rows {
    fn print(&self, as_json: bool) {
        for (case, ours) in [("stage spans", &self.stages), ("function spans", &self.functions)] {
            let ratios: Vec<f64> =
                ours.iter().zip(&self.peer).map(|(ours, peer)| ours / peer).collect();
            let (low, ratio, high) = spread(&ratios);
            let ((_, ours, _), (_, peer, _)) = (spread(ours), spread(&self.peer));
            let peer_name = self.peer_name;
            if as_json {
                let row = json!({
                    "bench": "recorded_reads", "case": format!("lease read, {case} recorded"),
                    "ours": ours, "peer": peer, "peer_name": peer_name, "ratio": ratio,
                    "low": low, "high": high, "unit": "reads/s", "runs": ROUNDS,
                });
                println!("{row}");
            } else {
                println!(
                    "{case:<16} {ours:>9.0} reads/s, {peer_name} {peer:>9.0}, ratio {ratio:.3} ({low:.3} to {high:.3})"
                );
            }
        }
    }
}

/// The least, the median and the most.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}
