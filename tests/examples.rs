//! Every example runs, and does what its first lines say.

use std::path::PathBuf;
use std::process::Command;

/// Where cargo has put an example: beside the command.
fn example(name: &str) -> PathBuf {
    let command = PathBuf::from(env!("CARGO_BIN_EXE_raftlens"));
    command.parent().expect("a folder").join("examples").join(name)
}

fn run(name: &str) -> String {
    let output = Command::new(example(name)).output().expect(name);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn embedded_cluster_reads_the_same_value_in_three_ways() {
    let lines = run("embedded_cluster");
    assert_eq!(lines.lines().filter(|line| line.contains("Lisbon")).count(), 3, "{lines}");
    assert!(lines.contains("lease_local") && lines.contains("read_quorum"), "{lines}");
}

#[test]
fn chart_of_any_service_draws_its_functions() {
    let picture = run("chart_of_any_service");
    for name in ["checkout", "reserve", "ask_for_payment", "in stock"] {
        assert!(picture.contains(name), "no {name}");
    }
    assert!(picture.starts_with("<svg") || picture.starts_with("<?xml"));
}
