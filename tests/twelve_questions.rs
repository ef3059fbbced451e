//! The twelve questions that every read must answer from its trace alone (DESIGN.md section 2), each put
//! to `raftlens explain` about a read whose circumstances were planted. Nothing but the trace is read.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};
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

/// A run with one planted cause.
struct Planted {
    folder: tempfile::TempDir,
    traces: PathBuf,
    what: Value,
}

impl Planted {
    fn new(cause: &str) -> Planted {
        Planted::of_seed(cause, 77)
    }

    fn of_seed(cause: &str, seed: u64) -> Planted {
        let folder = tempfile::tempdir().unwrap();
        let seeds = seed.to_string();
        raftlens(&["sim", "--plant", cause, "--seeds", &seeds, "-o", "."], folder.path());
        let truth = std::fs::read(folder.path().join("truth.json")).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let what = truth["runs"][0]["planted"][0].clone();
        let traces = folder.path().join(format!("seed-{seed}.otlp.jsonl"));
        Planted { folder, traces, what }
    }

    /// The slow reads with a cause, as `raftlens slow` lists them.
    fn slow_reads(&self, cause: &str) -> Vec<String> {
        let traces = self.traces.to_str().unwrap();
        let slow = raftlens(&["slow", traces, "--top", "100"], self.folder.path());
        let groups = slow["groups"].as_array().unwrap();
        let group = groups.iter().find(|group| group["name"] == cause);
        let group = group.unwrap_or_else(|| panic!("no {cause} in {slow:#}"));
        let reads = group["slowest"].as_array().unwrap();
        reads.iter().map(|read| read["trace_id"].as_str().unwrap().to_owned()).collect()
    }

    /// What the reads with a cause answer to a question.
    fn answers(&self, cause: &str, question: &str) -> Vec<String> {
        let traces = self.traces.to_str().unwrap();
        let mut answers = Vec::new();
        for id in self.slow_reads(cause).iter().take(30) {
            let told = raftlens(&["explain", traces, id], self.folder.path());
            for answer in told["reads"][0]["answers"].as_array().unwrap() {
                if answer["what"] == question {
                    answers.push(answer["answer"].as_str().unwrap().to_owned());
                }
            }
        }
        assert!(!answers.is_empty(), "nobody answers {question:?}");
        answers
    }

    fn store(&self) -> u64 {
        self.what["store"].as_u64().unwrap()
    }
}

fn all(answers: &[String], what: &str) {
    assert!(
        answers.iter().all(|answer| answer.contains(what)),
        "{what} is not in all of {answers:#?}"
    );
}

fn any(answers: &[String], what: &str) {
    assert!(
        answers.iter().any(|answer| answer.contains(what)),
        "{what} is in none of {answers:#?}"
    );
}

#[test]
fn one_which_mode_served_it_and_two_which_check_sent_it_on() {
    let run = Planted::new("lease_expired");
    any(&run.answers("lease_expired", "served by"), "read_index");
    all(&run.answers("lease_expired", "sent to the raftstore for"), "lease");
    let run = Planted::new("lease_suspect");
    all(&run.answers("lease_suspect", "sent to the raftstore for"), "suspect");
}

#[test]
fn three_the_lease_and_who_renewed_it() {
    let run = Planted::new("lease_suspect");
    let answers = run.answers("lease_suspect", "lease");
    all(&answers, "suspect");
    any(&answers, "last renewed by");
    let answers = Planted::new("quorum_network").answers("quorum_network", "lease");
    any(&answers, " left, last renewed by");
}

#[test]
fn four_the_mailbox_and_what_its_thread_did() {
    let run = Planted::new("poller_busy");
    any(&run.answers("poller_busy", "mailbox, poll batch"), "served regions");
    let run = Planted::new("disk_sync");
    any(&run.answers("disk_sync", "mailbox, poll batch"), "waited for its disk");
}

#[test]
fn five_the_carrier_of_a_read_that_joined_another_one() {
    let run = Planted::new("quorum_voter");
    let traces = std::fs::read_to_string(&run.traces).unwrap();
    let answers = run.answers("quorum_voter", "carrier");
    let joined: Vec<_> = answers.iter().filter(|answer| !answer.contains("joined none")).collect();
    assert!(!joined.is_empty(), "{answers:#?}");
    for answer in joined {
        let trace = answer.split("of trace ").nth(1).unwrap().split(',').next().unwrap();
        assert!(traces.contains(trace), "{answer}: no such trace");
        let reads = answer.split("as one of ").nth(1).unwrap().split(' ').next().unwrap();
        assert!(reads.parse::<usize>().unwrap() >= 2, "{answer}: it shared it with one at least");
    }
    any(&answers, "reads shared its quorum");
}

/// A renewal of the lease has no trace, so what is still to come of its round is recorded with the first
/// read that joins it.
#[test]
fn five_a_read_that_joined_a_renewal_of_the_lease_says_so_and_who_acknowledged_it() {
    let run = Planted::of_seed("quorum_network", 3);
    let traces = run.traces.to_str().unwrap();
    let slow = raftlens(&["slow", traces, "--top", "100"], run.folder.path());
    let groups = slow["groups"].as_array().unwrap().iter();
    let reads = groups.flat_map(|group| group["slowest"].as_array().unwrap());
    let has_joined = |read: &&Value| {
        let evidence = read["evidence"].as_array().unwrap();
        evidence.iter().any(|it| it.as_str().unwrap().contains("a renewal of the lease"))
    };
    let id = reads.clone().find(has_joined).unwrap_or_else(|| panic!("none joined one: {slow:#}"));
    let told = raftlens(&["explain", traces, id["trace_id"].as_str().unwrap()], run.folder.path());
    let answers = told["reads"][0]["answers"].as_array().unwrap();
    let answer = |what: &str| {
        let found = answers.iter().find(|answer| answer["what"] == what).unwrap();
        found["answer"].as_str().unwrap().to_owned()
    };
    assert!(answer("carrier").starts_with("no read: a renewal of the lease"), "{answers:#?}");
    assert!(answer("acknowledged by").contains("store"), "{answers:#?}");
    assert_ne!(told["reads"][0]["cause"], "quorum_voter", "nothing says whose fault it was");
}

#[test]
fn six_who_acknowledged_it_and_when() {
    let run = Planted::new("quorum_voter");
    all(&run.answers("quorum_voter", "acknowledged by"), &format!("store {} after", run.store()));
}

#[test]
fn seven_the_wait_for_the_quorum_the_apply_loop_and_the_line() {
    let nanoseconds = |text: &str| raftlens_tracer::parse_duration(&text.replace(' ', "")).unwrap();
    for (cause, larger) in [("quorum_network", 0), ("apply_lag_leader", 1), ("head_of_line", 2)] {
        let run = Planted::new(cause);
        let waits = run.answers(cause, "quorum, apply, head of line");
        let hops = run.answers(cause, "follower hop");
        // A network that is slow on the way between a replica and its leader is another question.
        let own = waits.iter().zip(&hops).filter(|(_, hop)| *hop == "none recorded");
        let own: Vec<_> =
            if larger == 0 { own.collect() } else { waits.iter().zip(&hops).collect() };
        assert!(!own.is_empty(), "{cause}: {hops:#?}");
        for (answer, _) in own {
            let parts: Vec<_> = answer.split(", ").map(nanoseconds).collect();
            let longest = parts.iter().max().unwrap();
            assert_eq!(&parts[larger], longest, "{cause}: {answer}");
        }
    }
}

#[test]
fn eight_the_hop_to_the_leader_and_nine_what_was_asked_again() {
    let run = Planted::new("read_index_late");
    any(&run.answers("read_index_late", "follower hop"), "asked store");
    let run = Planted::new("leader_change");
    any(&run.answers("leader_change", "retries, changes of roles"), "leader");
    // Somewhere among a few runs a question is asked twice.
    let again = ["read_index_late", "no_leader", "snapshot_install"].iter().any(|cause| {
        let run = Planted::new(cause);
        let answers = run.answers(cause, "retries, changes of roles");
        answers.iter().any(|answer| answer.contains("times") || answer.contains("ask again"))
    });
    assert!(again);
}

#[test]
fn ten_the_snapshot() {
    let run = Planted::new("engine_snapshot");
    let strength = run.what["strength_ns"].as_u64().unwrap();
    let shown = raftlens_tracer::write_duration(strength);
    all(&run.answers("engine_snapshot", "snapshot"), &shown);
}

#[test]
fn eleven_the_last_stage_of_a_read_that_was_never_answered() {
    let run = Planted::new("deadline");
    let answers = run.answers("deadline", "last stage");
    assert!(answers.iter().all(|answer| answer != "not recorded"), "{answers:#?}");
    any(&answers, "on store");
}

#[test]
fn twelve_the_others_that_delayed_it() {
    let run = Planted::new("head_of_line");
    all(&run.answers("head_of_line", "delayed by others"), "the read in front, span ");
    let run = Planted::new("poller_busy");
    any(&run.answers("poller_busy", "delayed by others"), "which kept the raft thread of store");
}
