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

#[test]
fn slow_requests_leave_the_slow_one_as_traces_and_as_a_chart() {
    let out = tempfile::tempdir().expect("a folder");
    let output = Command::new(example("slow_requests")).arg(out.path()).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let file = std::fs::File::open(out.path().join("slow.jaeger.json")).expect("traces");
    let traces =
        raftlens_tracer::format::read(std::io::BufReader::new(file)).expect("a trace").traces;
    let slow = traces.spans.iter().filter(|span| {
        &*span.name == "request"
            && span.text("raftlens.kept").is_some_and(|why| why.contains("slow"))
    });
    let paths: Vec<_> = slow.filter_map(|span| span.text("url.path")).collect();
    assert!(paths.contains(&"/order/42"), "{paths:?}");
    let chart = std::fs::read_to_string(out.path().join("slow.svg")).expect("a chart");
    assert!(["request", "price", "wait_for_lock"].iter().all(|name| chart.contains(name)));
}
