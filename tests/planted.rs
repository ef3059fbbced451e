//! Verdicts against the truth: hundreds of simulated runs with planted causes, judged from their traces
//! alone. The seeds are fixed here; `raftlens sim --plant random --seeds A..B` tries others.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn raftlens(arguments: &[&str], folder: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_raftlens"))
        .current_dir(folder)
        .args(arguments)
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// How many runs there were of each kind, and how many were judged right.
#[derive(Default)]
struct Tally {
    clean: (u64, u64),
    single: (u64, u64),
    double: (u64, u64),
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, matrix: &BTreeMap<String, BTreeMap<String, u64>>) {
        for (planted, row) in matrix {
            let (runs, right) = match planted.as_str() {
                "nothing" => (&mut self.clean.0, &mut self.clean.1),
                two if two.contains('+') => (&mut self.double.0, &mut self.double.1),
                _ => (&mut self.single.0, &mut self.single.1),
            };
            *runs += row.values().sum::<u64>();
            *right += row.get(planted).copied().unwrap_or(0);
            let wrong = row.iter().filter(|(found, _)| *found != planted);
            self.wrong.extend(wrong.map(|(found, count)| format!("{planted} as {found}: {count}")));
        }
    }
}

fn share((runs, right): (u64, u64)) -> f64 {
    right as f64 / runs as f64
}

#[test]
fn planted_causes_are_found_in_five_hundred_runs() {
    let mut tally = Tally::default();
    // A few at a time, since the traces of all would take gigabytes.
    for first in (1..=500).step_by(50) {
        let folder = tempfile::tempdir().unwrap();
        let seeds = format!("{first}..{}", first + 49);
        let written =
            raftlens(&["sim", "--plant", "random", "--seeds", &seeds, "-o", "."], folder.path());
        assert_eq!(written["runs"], 50);
        let score = raftlens(&["slow", ".", "--score", "truth.json"], folder.path());
        tally.add(&serde_json::from_value(score["matrix"].clone()).unwrap());
    }
    println!("clean {:?}, one {:?}, two {:?}", tally.clean, tally.single, tally.double);
    let Tally { clean, single, double, wrong } = tally;
    assert!(clean.0 > 50 && single.0 > 250 && double.0 > 50, "{clean:?} {single:?} {double:?}");
    assert!(share(clean) >= 0.99, "{clean:?} {wrong:#?}");
    assert!(share(single) >= 0.98, "{single:?} {wrong:#?}");
    assert!(share(double) >= 0.90, "{double:?} {wrong:#?}");
}

#[test]
fn each_cause_can_be_planted_by_its_name() {
    let causes = [
        "engine_snapshot",
        "engine_blocks",
        "engine_tombstones",
        "poller_busy",
        "mailbox_full",
        "lease_expired",
        "lease_suspect",
        "new_leader",
        "leader_change",
        "no_leader",
        "quorum_network",
        "quorum_voter",
        "disk_sync",
        "apply_lag_leader",
        "apply_lag_replica",
        "head_of_line",
        "read_index_late",
        "snapshot_install",
        "split_or_merge",
        "epoch_change",
        "deadline",
        "runtime_stall",
    ];
    let mut right = 0;
    for cause in causes {
        let folder = tempfile::tempdir().unwrap();
        raftlens(&["sim", "--plant", cause, "--seeds", "901..902", "-o", "."], folder.path());
        let truth: Value =
            serde_json::from_slice(&std::fs::read(folder.path().join("truth.json")).unwrap())
                .unwrap();
        assert_eq!(truth["runs"][0]["causes"], serde_json::json!([cause]));
        let planted = &truth["runs"][0]["planted"][0];
        assert!(planted["to_ns"].as_u64() > planted["from_ns"].as_u64(), "{planted}");
        let score = raftlens(&["slow", ".", "--score", "truth.json"], folder.path());
        assert_eq!(score["runs"], 2);
        right += score["right"].as_u64().unwrap();
    }
    assert!(right >= 38, "{right} of 40");
}

/// The same seed gives the same bytes, whatever runs beside it; another one does not.
#[test]
fn a_seed_is_one_run() {
    let write = |seeds: &str, jobs: &str| {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["sim", "--plant", "random", "--seeds", seeds, "-o", ".", "--jobs", jobs];
        raftlens(&arguments, folder.path());
        folder
    };
    let read = |folder: &tempfile::TempDir, seed: u64| {
        std::fs::read(folder.path().join(format!("seed-{seed}.otlp.jsonl"))).unwrap()
    };
    let (alone, beside) = (write("7", "1"), write("5..8", "2"));
    assert!(read(&alone, 7) == read(&beside, 7));
    assert!(read(&beside, 7) != read(&beside, 8));
}

/// Every nanosecond of every read belongs to a wait state, and next to nothing to none.
#[test]
fn shares_sum_to_the_whole_and_little_is_unattributed() {
    let folder = tempfile::tempdir().unwrap();
    raftlens(&["sim", "--plant", "random", "--seeds", "601..620", "-o", "."], folder.path());
    let mut unattributed = Vec::new();
    for seed in 601..=620 {
        let path = folder.path().join(format!("seed-{seed}.otlp.jsonl"));
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let traces = raftlens_tracer::format::read(file).unwrap().traces;
        let assembly = raftlens_tracer::assemble::Assembly::new(&traces);
        for root in raftlens_tracer::explain::reads(&assembly) {
            let read = raftlens_tracer::explain::attribute(&assembly, root).unwrap();
            let sum: u64 = read.shares.iter().map(|it| it.to_ns - it.from_ns).sum();
            assert_eq!(sum, read.duration_ns, "{read:?}");
            let none = read.in_state_ns(raftlens_tracer::explain::WaitState::Unattributed);
            unattributed.push(none as f64 / read.duration_ns.max(1) as f64);
        }
    }
    unattributed.sort_by(f64::total_cmp);
    let at = |share: f64| unattributed[((unattributed.len() - 1) as f64 * share) as usize];
    assert!(unattributed.len() > 10_000 && at(0.5) < 0.01 && at(0.99) < 0.05);
}
