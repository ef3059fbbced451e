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

    // The same spans in two files, and the id in front.
    let whole = fs::read_to_string(folder.path().join(trace)).unwrap();
    for half in 0..2 {
        let lines = whole.lines().enumerate().filter(|(at, _)| at % 2 == half);
        let lines: String = lines.map(|(_, line)| format!("{line}\n")).collect();
        fs::write(folder.path().join(format!("half-{half}.jsonl")), lines).unwrap();
    }
    let halves = ["explain", id, "half-0.jsonl", "half-1.jsonl", "--json"];
    assert_eq!(json_of(&raftlens(&halves, folder.path())), story);

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

/// What a command says on standard error; it must have succeeded.
fn warnings(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// A server of another host, whose clock is 1 ms behind: the other half of `STAGES`' third stage.
const SERVER: &str = r#"{"data":[{"traceID":"00000000000000000000000000000001","spans":[
{"traceID":"00000000000000000000000000000001","spanID":"0000000000000009","operationName":"work",
 "references":[{"refType":"CHILD_OF","traceID":"00000000000000000000000000000001","spanID":"0000000000000004"}],
 "startTime":70,"duration":10,"processID":"p1","tags":[{"key":"span.kind","type":"string","value":"server"}]}],
"processes":{"p1":{"serviceName":"back","tags":[]}}}]}"#;

#[test]
fn two_files_in_two_formats_are_one_input() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("front.json"), STAGES).unwrap();
    fs::write(folder.path().join("back.json"), SERVER).unwrap();
    let output = raftlens(&["slow", "front.json", "back.json"], folder.path());
    let told = text(&output);
    // The stage called `three` waited 10 of its 30 microseconds for the server.
    for line in ["critical path of 1 requests, 100 µs together", "10.0 %    10.0 µs  work"] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    assert_eq!(warnings(&output), "");
    // One half alone says that it is one.
    let output = raftlens(&["slow", "back.json"], folder.path());
    assert!(warnings(&output).contains("1 requests begin with a span whose caller is not there"));
    assert!(text(&output).contains("work"));
}

#[test]
fn what_if_says_what_would_be() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("stages.json"), STAGES).unwrap();
    let told = text(&raftlens(&["slow", "stages.json", "--what-if", "two=-20us"], folder.path()));
    assert!(told.contains("if two took 20.0 µs less: 1 of 1 requests change"), "{told}");
    assert!(told.contains("p99 falls by 20.0 µs: 100 µs -> 80.0 µs"), "{told}");
    let asked = ["slow", "stages.json", "--what-if", "two=-20us", "--json"];
    let found = json_of(&raftlens(&asked, folder.path()));
    assert_eq!(found["what_if"][0]["after"]["p99_ns"], 80_000);
    let output = raftlens(&["slow", "stages.json", "--what-if", "five=-50%"], folder.path());
    assert!(warnings(&output).contains("--what-if five: there is no such operation"));
    let output = raftlens(&["slow", "stages.json", "--what-if", "five"], folder.path());
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_window_that_is_too_small_says_so_and_reads_twice_for_charts() {
    let folder = tempfile::tempdir().unwrap();
    text(&raftlens(&["demo", "--out", "."], folder.path()));
    let trace = "traces.otlp.jsonl";
    let whole = json_of(&raftlens(&["slow", trace, "--json"], folder.path()));
    let output = raftlens(&["slow", trace, "--json", "--window-bytes", "1"], folder.path());
    let narrow = json_of(&output);
    assert_eq!(narrow["spans"], whole["spans"]);
    assert_eq!(narrow["reads"], whole["reads"]);
    assert!(narrow["judged"].as_u64().unwrap() > 0);
    let drawn = raftlens(&["slow", trace, "--window-bytes", "1", "-o", "charts"], folder.path());
    warnings(&drawn);
    assert!(fs::read_dir(folder.path().join("charts")).unwrap().count() > 0);
}

#[test]
fn the_time_of_all_reads_is_told_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    text(&raftlens(&["demo", "--out", "."], folder.path()));
    let arguments = ["slow", "traces.otlp.jsonl", "--totals", "--what-if", "quorum=-100%"];
    let told = text(&raftlens(&arguments, folder.path()));
    assert!(told.contains("where the time of all reads went"), "{told}");
    assert!(told.contains("if quorum took 100 % less"), "{told}");
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
    let cases: [(&[&str], i32, &str); 5] = [
        (&["slow", "none.json"], 1, "cannot open none.json"),
        (&["slow", "stages.json", "--threshold", "soon"], 2, "soon"),
        (&["explain", "stages.json", "ff"], 1, "there is no trace"),
        (&["explain", "stages.json", "xyz"], 2, "hexadecimal"),
        (&["explain", "stages.json"], 2, "TRACE_ID"),
    ];
    for (arguments, code, message) in cases {
        let output = raftlens(arguments, folder.path());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(message), "{said}");
    }
}
