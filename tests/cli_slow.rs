//! `raftlens slow` and `raftlens explain` on the demonstration's trace and on traces without Raft.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn raftlens(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

#[test]
fn the_slow_reads_of_the_demonstration_say_why() {
    let folder = tempfile::tempdir().unwrap();
    text(&raftlens(&["demo", "--out", "."], folder.path()));
    let trace = "traces.otlp.jsonl";
    let found = json_of(&raftlens(&["slow", trace, "--threshold", "2ms", "--json"], folder.path()));
    let reads = found["reads"].as_u64().unwrap();
    let judged = found["judged"].as_u64().unwrap();
    assert!(reads > 100 && judged > 0 && judged < reads, "{judged} of {reads}");
    let groups = found["groups"].as_array().unwrap();
    let count: u64 = groups.iter().map(|group| group["count"].as_u64().unwrap()).sum();
    assert!(count <= judged && !groups.is_empty());
    for read in groups.iter().flat_map(|group| group["slowest"].as_array().unwrap()) {
        // No verdict without evidence, but for the one that says that there is none.
        let has_evidence = !read["evidence"].as_array().unwrap().is_empty();
        assert!(has_evidence || read["cause"] == "unknown", "{read}");
        assert!(!read["verdict"].as_str().unwrap().is_empty(), "{read}");
    }

    // The demonstration drops a replica's question to its leader: the read ends at its deadline.
    let lost = groups.iter().find(|group| group["name"] == "read_index_late").unwrap();
    let id = lost["slowest"][0]["trace_id"].as_str().unwrap();
    let story = text(&raftlens(&["explain", trace, id], folder.path()));
    for number in 1..=12 {
        assert!(story.contains(&format!("\n{number:2}. ")), "{number} is not in\n{story}");
    }
    assert!(story.contains("no answer"), "{story}");
    let story = json_of(&raftlens(&["explain", trace, id, "--json"], folder.path()));
    let told = story.to_string();
    assert!(told.contains(id) && told.contains("read_index_late"), "{told}");

    let drawn = raftlens(&["slow", trace, "--threshold", "2ms", "-o", "charts"], folder.path());
    assert!(text(&drawn).contains("what sets them apart"));
    let chart = fs::read_to_string(folder.path().join("charts/read_index_late.svg")).unwrap();
    assert!(chart.contains("heat4"));
}

/// Requests of 10, 50, 30 and 10 microseconds, one after the other.
const STAGES: &str = r#"{"resourceSpans":[{"resource":{"attributes":[
{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"request",
 "startTimeUnixNano":"1000000","endTimeUnixNano":"1100000"},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002",
 "parentSpanId":"0000000000000001","name":"one","startTimeUnixNano":"1000000","endTimeUnixNano":"1010000"},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000003",
 "parentSpanId":"0000000000000001","name":"two","startTimeUnixNano":"1010000","endTimeUnixNano":"1060000"},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000004",
 "parentSpanId":"0000000000000001","name":"three","startTimeUnixNano":"1060000","endTimeUnixNano":"1090000"},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000005",
 "parentSpanId":"0000000000000001","name":"four","startTimeUnixNano":"1090000","endTimeUnixNano":"1100000"}
]}]}]}"#;

#[test]
fn a_service_without_raft_gets_its_critical_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stages.json"), STAGES).unwrap();
    let told = text(&raftlens(&["slow", "stages.json"], folder.path()));
    assert!(told.contains("no Raft wait states were found"), "{told}");
    for line in ["50.0 %    50.0 µs  two", "30.0 %    30.0 µs  three", "10.0 %    10.0 µs  one"]
    {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    assert!(!told.contains("request ("), "its stages leave it no time of its own:\n{told}");
}

#[test]
fn a_reader_who_has_read_enough_ends_it_quietly() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stages.json"), STAGES).unwrap();
    let script = format!("{} slow stages.json | true", env!("CARGO_BIN_EXE_raftlens"));
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn verdicts_are_scored_against_what_was_planted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.json"), STAGES).unwrap();
    let truth = json!({"runs": [{"trace": "run.json", "causes": []},
                                {"trace": "run.json", "causes": ["quorum_slow"]}]});
    fs::write(folder.path().join("truth.json"), truth.to_string()).unwrap();
    let score =
        json_of(&raftlens(&["slow", ".", "--score", "truth.json", "--json"], folder.path()));
    assert_eq!(
        (&score["runs"], &score["right"], &score["clean_runs"], &score["clean_right"]),
        (&json!(1), &json!(0), &json!(1), &json!(1)),
        "{score}"
    );
    // What does not fit says where.
    for (truth, message) in [
        (json!({}), "there is no list `runs`"),
        (json!({"runs": [{"trace": "../x", "causes": []}]}), "run 0"),
        (json!({"runs": [{"causes": []}]}), "no text `trace`"),
    ] {
        fs::write(folder.path().join("truth.json"), truth.to_string()).unwrap();
        let output = raftlens(&["slow", ".", "--score", "truth.json"], folder.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(message), "{said}");
    }
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stages.json"), STAGES).unwrap();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["slow", "none.json"], 1, "cannot open none.json"),
        (&["slow", "stages.json", "--threshold", "soon"], 2, "soon"),
        (&["explain", "stages.json", "ff"], 1, "there is no trace"),
        (&["explain", "stages.json", "xyz"], 2, "hexadecimal"),
    ];
    for (arguments, code, message) in cases {
        let output = raftlens(arguments, folder.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "{said}");
    }
}
