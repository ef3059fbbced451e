//! A region moves from one RocksDB to another as a snapshot: how much is in memory meanwhile, what a
//! cut in the middle costs, and how long it takes against a bare copy of the same data.
//!
//! `cargo bench -p raftlens-core --features sim --bench snapshot -- [--json] [--mb 1024]`

#![allow(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::Instant;

use raftlens_core::Region;
use raftlens_core::engine::{Durability, Engine, Family, RocksEngine, RocksOptions, WriteBatch};
use raftlens_core::sim::move_region;

const VALUE_BYTES: usize = 1024;
const BATCH: usize = 1024;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let json = words.iter().any(|word| word == "--json");
    let after = |name: &str| words.iter().skip_while(|word| *word != name).nth(1);
    let mb: usize = after("--mb").map_or(256, |mb| mb.parse().expect("a number of megabytes"));

    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| RocksEngine::open(folder.path().join(name), &RocksOptions::default());
    let (from, to, bare) = (open("from").unwrap(), open("to").unwrap(), open("bare").unwrap());
    fill(&from, mb << 20);
    let region = Region { id: 1, ..Region::default() };

    let before_mb = peak_mb();
    let began = Instant::now();
    // About half of the pieces.
    let cut_after = (mb as u64 * 4 / 2).max(1);
    let moved = move_region((&from, &to), &region, cut_after).unwrap();
    let ours_s = began.elapsed().as_secs_f64();
    let peak = peak_mb();

    let began = Instant::now();
    copy(&from, &bare);
    let bare_s = began.elapsed().as_secs_f64();
    assert_eq!(digest(&from), digest(&to), "the same data on both sides");

    let rows = [
        ("longest piece held", moved.longest_piece_bytes as f64 / 1e6, 64.0, "budget", "MB"),
        ("peak memory, of which most is RocksDB's", peak, before_mb, "before it began", "MB"),
        (
            "pieces sent again after a cut",
            moved.sent_again as f64,
            moved.pieces as f64,
            "all",
            "pieces",
        ),
        ("moved and installed", ours_s, bare_s, "scan and write", "s"),
    ];
    for (case, ours, peer, peer_name, unit) in rows {
        let case = format!("{mb} MB: {case}");
        let ratio = ours / peer;
        if json {
            println!(
                "{{\"bench\":\"snapshot\",\"case\":\"{case}\",\"ours\":{ours},\"peer\":{peer},\
                 \"peer_name\":\"{peer_name}\",\"ratio\":{ratio},\"unit\":\"{unit}\",\"runs\":1}}"
            );
        } else {
            println!("{case}: {ours:.3} {unit}, {peer_name} {peer:.3}, ratio {ratio:.3}");
        }
    }
}

fn fill(engine: &RocksEngine, bytes: usize) {
    let mut batch = WriteBatch::new();
    for number in 0..(bytes / VALUE_BYTES) as u64 {
        let value =
            number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().repeat(VALUE_BYTES / 8);
        batch.put(Family::Data, number.to_be_bytes(), value);
        if batch.len() == BATCH {
            engine.write(&batch, Durability::Unsynced).unwrap();
            batch.clear();
        }
    }
    engine.write(&batch, Durability::Synced).unwrap();
}

fn copy(from: &RocksEngine, to: &RocksEngine) {
    let mut batch = WriteBatch::new();
    from.scan(Family::Data, b"", b"", &mut |key, value| {
        batch.put(Family::Data, key, value);
        if batch.len() == BATCH {
            to.write(&batch, Durability::Unsynced).unwrap();
            batch.clear();
        }
        true
    })
    .unwrap();
    to.write(&batch, Durability::Synced).unwrap();
}

fn digest(engine: &RocksEngine) -> (u64, u32) {
    let (mut count, mut hasher) = (0, crc32fast::Hasher::new());
    engine
        .scan(Family::Data, b"", b"", &mut |key, value| {
            count += 1;
            hasher.update(key);
            hasher.update(value);
            true
        })
        .unwrap();
    (count, hasher.finalize())
}

/// The most memory that the process has had so far; 0 where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}
