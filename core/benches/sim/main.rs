//! How fast the simulator is against real time, and the history checker against a search for an
//! order (Wing and Gong with Lowe's memory), on histories that the search can do.
//!
//! `cargo bench --bench sim --features sim -- [--json] [--quick]`: a table, or one row a line.

// Measures time, prints a table, and stops at the first failure.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used)]

mod made;
mod search;

use std::time::Instant;

use raftlens_core::history::{Verdict, check};
use raftlens_core::sim::{RunConfig, run};
use rustix::time::{ClockId, clock_gettime};

/// One line of the result. A ratio above one is in our favour.
struct Row {
    bench: &'static str,
    case: String,
    ours: f64,
    peer: f64,
    peer_name: &'static str,
    ratio: f64,
    unit: &'static str,
    runs: usize,
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let quick = has("--quick");
    let mut rows = simulate(if quick { 5 } else { 60 });
    rows.extend(judge(if quick { 3 } else { 9 }));
    if has("--json") {
        rows.iter().for_each(print_json);
    } else {
        print_table(&rows);
    }
}

/// Seeds with all faults and every oracle, on this one thread.
fn simulate(seeds: u64) -> Vec<Row> {
    let config = RunConfig::default();
    // Once for the caches and the allocator.
    run(0, &config).unwrap();
    let (begin, mut simulated_ns) = (cpu_seconds(), 0);
    for seed in 1..=seeds {
        let report = run(seed, &config).unwrap();
        assert!(report.violations.is_empty(), "seed {seed}: {:?}", report.violations);
        simulated_ns += report.simulated_ns;
    }
    let (cpu, simulated) = (cpu_seconds() - begin, simulated_ns as f64 / 1e9);
    let case = "three nodes, six clients, all faults, every oracle".to_owned();
    let speed = simulated / cpu;
    let runs = seeds as usize;
    let mut rows = vec![Row {
        bench: "simulate",
        case,
        ours: speed,
        peer: 1.0,
        peer_name: "real time",
        ratio: speed,
        unit: "simulated s per CPU s",
        runs,
    }];
    if let Some(peak_mb) = peak_mb() {
        rows.push(Row {
            bench: "simulate",
            case: "peak memory of all of that".to_owned(),
            ours: peak_mb,
            peer: 500.0,
            peer_name: "budget",
            ratio: 500.0 / peak_mb,
            unit: "MB",
            runs,
        });
    }
    rows
}

/// The checker on a million operations, and against the search on as many as that can do.
fn judge(turns: usize) -> Vec<Row> {
    let history = made::history(1, made::Shape { ops: 1_000_000, clients: 32, keys: 1 });
    let seconds =
        median((0..turns).map(|_| timed(|| assert_eq!(check(&history), Verdict::Linearizable))));
    let mut rows = vec![Row {
        bench: "check",
        case: "1,000,000 operations, 32 clients, 1 key, 2 % of the writes unknown".to_owned(),
        ours: seconds * 1e3,
        peer: 1e3,
        peer_name: "budget",
        ratio: 1.0 / seconds,
        unit: "ms",
        runs: turns,
    }];
    for (ops, clients, keys) in [(1_000, 8, 10), (10_000, 8, 10), (10_000, 8, 100)] {
        let history = made::history(2, made::Shape { ops, clients, keys });
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..turns {
            ours.push(timed(|| assert_eq!(check(&history), Verdict::Linearizable)));
            theirs.push(timed(|| assert!(search::is_linearizable(&history))));
        }
        let (ours, theirs) = (median(ours.into_iter()), median(theirs.into_iter()));
        rows.push(Row {
            bench: "check",
            case: format!("{ops} operations, {clients} clients, {keys} keys"),
            ours: ours * 1e3,
            peer: theirs * 1e3,
            peer_name: "search (Wing, Gong, Lowe)",
            ratio: theirs / ours,
            unit: "ms",
            runs: turns,
        });
    }
    rows
}

fn timed(work: impl FnOnce()) -> f64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_secs_f64()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The most memory that this process has had, where the system tells.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

fn print_json(row: &Row) {
    let Row { bench, case, ours, peer, peer_name, ratio, unit, runs } = row;
    println!(
        "{{\"bench\":\"{bench}\",\"case\":\"{case}\",\"ours\":{ours:.3},\"peer\":{peer:.3},\
         \"peer_name\":\"{peer_name}\",\"ratio\":{ratio:.2},\"unit\":\"{unit}\",\"runs\":{runs}}}"
    );
}

fn print_table(rows: &[Row]) {
    for Row { bench, case, ours, peer, peer_name, ratio, unit, runs } in rows {
        println!("{bench:<9} {case}");
        println!(
            "          ours {ours:.2}, {peer_name} {peer:.2} {unit}, ratio {ratio:.1}, runs {runs}"
        );
    }
}
