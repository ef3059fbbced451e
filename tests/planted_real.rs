//! Causes planted on real clusters are named, with what was recorded as evidence. Threads, disk and
//! clock are those of the machine, so that it is not asked how often or how fast.

#![allow(clippy::unwrap_used, reason = "a test stops")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn raftlens(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_raftlens"))
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap()
}

fn json(arguments: &[&str], folder: &Path) -> Value {
    let output = raftlens(&[arguments, &["--json"]].concat(), folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_cause_that_is_planted_is_among_those_named() {
    for cause in ["read_index_late", "apply_lag_replica", "epoch_change"] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let written = json(&["sim", "--plant", cause, "--real", "--seeds", "1", "-o", "."], folder);
        assert_eq!(written["runs"], 1);
        let truth = std::fs::read(folder.join("truth.json")).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();
        let run = &truth["runs"][0];
        assert_eq!(run["driver"], "real");
        assert_eq!(run["causes"], serde_json::json!([cause]));
        let planted = &run["planted"][0];
        assert!(planted["to_ns"].as_u64() > planted["from_ns"].as_u64(), "{planted}");

        let trace = run["trace"].as_str().unwrap();
        let found = json(&["slow", trace, "--top", "100"], folder);
        let groups = found["groups"].as_array().unwrap();
        let named = groups.iter().find(|group| group["name"] == cause);
        let named = named.unwrap_or_else(|| panic!("{cause} is not among {groups:#?}"));
        let evidence = named["slowest"][0]["evidence"].as_array().unwrap();
        assert!(!evidence.is_empty(), "{named}");
        let score = json(&["slow", ".", "--score", "truth.json"], folder);
        assert_eq!(score["runs"], 1);
    }
}

#[test]
fn runs_follow_one_another_in_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["sim", "--plant", "none", "--real", "--seeds", "1..2", "-o", "."];
    assert_eq!(json(&arguments, folder.path())["runs"], 2);
    let truth = std::fs::read(folder.path().join("truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    for (run, seed) in [(0, 1), (1, 2)] {
        let run = &truth["runs"][run];
        assert_eq!((&run["seed"], &run["causes"]), (&seed.into(), &serde_json::json!([])));
        let found = json(&["slow", run["trace"].as_str().unwrap()], folder.path());
        assert!(found["reads"].as_u64().unwrap() > 100, "{found}");
    }
}

#[test]
fn what_cannot_be_planted_for_real_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for cause in ["engine_snapshot", "deadline,new_leader", "nonsense"] {
        let output = raftlens(&["sim", "--plant", cause, "--real", "-o", "."], folder.path());
        assert_eq!(output.status.code(), Some(2), "{cause}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("read_index_late"), "{told}");
        assert!(!folder.path().join("truth.json").exists());
    }
    let alone = raftlens(&["sim", "--real"], folder.path());
    assert_eq!(alone.status.code(), Some(2), "--real needs --plant");
}
