//! What the spans of a lease read cost: reads per second with stages, with every function, and with
//! recording switched off, on one thread and one embedded cluster, in turns.
//!
//! `cargo bench --bench spans -- --json` prints one JSON object a row, without it a table.

#![allow(clippy::print_stdout)]

#[path = "../src/propagation.rs"]
mod propagation;

use std::time::{Duration, Instant};

use raftlens_core::{Cluster, ClusterConfig, ReadFrom, ReadMode, Tracer};
use raftlens_tracer::{Guard, init};
use serde_json::json;
use tracing::level_filters::LevelFilter;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(300);
const KEY: &[u8] = b"key";
const LEVELS: [(&str, LevelFilter); 3] = [
    ("off", LevelFilter::OFF),
    ("stage spans", LevelFilter::INFO),
    ("function spans", LevelFilter::TRACE),
];

fn main() {
    let as_json = std::env::args().any(|arg| arg == "--json");
    // Memory that is full after the first moments: what is measured is making spans, through the
    // whole of tracing-opentelemetry, not keeping them.
    let guard = init().service_name("bench").memory().most_spans(10_000).install().expect("once");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let rates = runtime.block_on(measure(&guard));
    let off = median(&rates[0]);
    for ((name, _), rates) in LEVELS.iter().zip(&rates).skip(1) {
        let ours = median(rates);
        let (low, high) = spread(rates);
        if as_json {
            let row = json!({
                "bench": "spans", "case": format!("lease read, {name}"), "ours": ours, "peer": off,
                "peer_name": "recording off", "ratio": ours / off, "unit": "reads/s", "runs": ROUNDS,
                "low": low, "high": high,
            });
            println!("{row}");
        } else {
            println!(
                "{name:<16} {ours:>10.0} reads/s ({low:.0} to {high:.0}), off {off:>10.0}, ratio {:.3}",
                ours / off
            );
        }
    }
}

async fn measure(guard: &Guard) -> [Vec<f64>; LEVELS.len()] {
    guard.set_level(LevelFilter::OFF);
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = ClusterConfig::new(folder.path(), Vec::new());
    config.tracer = Tracer::new(propagation::OtelPropagator);
    let cluster = Cluster::start(config).await.expect("three stores");
    cluster.wait_for_leaders(Duration::from_secs(10)).await.expect("a leader");
    let client = cluster.client();
    client.write(KEY, Some(b"value".to_vec())).await.expect("a write");
    let (kv, ctx) = client.context(KEY, ReadFrom::Leader).expect("a leader");
    let mut rates: [Vec<f64>; LEVELS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for (rates, (_, level)) in rates.iter_mut().zip(LEVELS) {
            guard.set_level(level);
            let start = Instant::now();
            let mut reads = 0_u32;
            while start.elapsed() < ROUND {
                for _ in 0..64 {
                    let answer = kv.async_snapshot(ctx.clone()).await.expect("a lease read");
                    assert!(answer.mode == ReadMode::LeaseLocal || answer.reject.is_some());
                    assert!(answer.value.get(KEY).expect("a value").is_some());
                }
                reads += 64;
            }
            rates.push(f64::from(reads) / start.elapsed().as_secs_f64());
        }
    }
    guard.set_level(LevelFilter::OFF);
    cluster.stop().await;
    rates
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn spread(rates: &[f64]) -> (f64, f64) {
    rates.iter().fold((f64::MAX, 0.0), |(low, high), &rate| (rate.min(low), rate.max(high)))
}
