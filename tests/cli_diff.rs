//! `raftlens diff`: what two runs or two charts differ in, as text, as JSON and as a picture.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn diff(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.arg("diff").args(arguments).current_dir(folder).output().unwrap()
}

/// A run in which `a` calls `b`, which takes `micros`, thirty times; and `more` once, if it is named.
fn run(micros: u64, more: Option<&str>) -> String {
    let mut spans = Vec::new();
    let mut span = |id: u64, parent: u64, name: &str, (from, nanos): (u64, u64)| {
        spans.push(format!(
            r#"{{"traceId":"{:032x}","spanId":"{id:016x}","parentSpanId":"{}","name":"{name}","startTimeUnixNano":"{from}","endTimeUnixNano":"{}"}}"#,
            id / 10 + 1,
            if parent == 0 { String::new() } else { format!("{parent:016x}") },
            from + nanos,
        ));
    };
    for read in 0..30 {
        let (root, begin) = (read * 10 + 10, 1_000_000_000 + read * 10_000_000);
        span(root, 0, "a", (begin, 9_000_000));
        span(root + 1, root, "b", (begin, micros * 1000 + read));
        if let Some(more) = more.filter(|_| read == 0) {
            span(root + 2, root, more, (begin, 1000));
        }
    }
    let spans = spans.join(",");
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#)
}

#[test]
fn runs_are_compared_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("before.json"), run(100, Some("c"))).unwrap();
    fs::write(at("after.json"), run(250, Some("d"))).unwrap();
    let output = diff(&["before.json", "after.json", "-o", "diff.svg"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "slower  b: p50 100 µs to 250 µs (×2.5",
        "slower  a -> b: p50 100 µs",
        "gone    a -> c: 1 to 0 times",
        "new     a -> d: 0 to 1 times",
        "2 new, 2 gone, 2 slower, 0 faster; 1 the same, or within noise",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let svg = fs::read_to_string(at("diff.svg")).unwrap();
    assert!(svg.contains("before.json to after.json") && svg.contains("arrow call slower"));

    let output = diff(&["before.json", "after.json", "--json"], folder.path());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let slower = &json["changes"].as_array().unwrap().iter().find(|it| it["to"] == "b").unwrap();
    assert_eq!(slower["change"], "slower");
    assert!(slower["latency"]["chance"].as_f64().unwrap() < 1e-6, "{slower}");

    let same = diff(&["before.json", "before.json"], folder.path());
    assert_eq!(same.status.code(), Some(0));
}

#[test]
fn charts_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("old.dot"), "digraph { a -> b; b -> c }").unwrap();
    fs::write(folder.path().join("new.dot"), "digraph { a -> b; a -> c }").unwrap();
    let output = diff(&["old.dot", "new.dot", "-o", "-"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        "gone    b -> c\nnew     a -> c\n1 new, 1 gone, 0 slower, 0 faster; 4 the same, or within noise\n"
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.dot"), "digraph { a }").unwrap();
    fs::write(folder.path().join("b.json"), run(1, None)).unwrap();
    let cases: [(&[&str], &str); 3] = [
        (&["a.dot", "b.json"], "one is a chart and the other a run"),
        (&["a.dot", "a.dot", "--root", "a"], "--root: charts are compared as a whole"),
        (&["a.dot", "a.dot", "-o", "x.bmp"], "the ending says no format"),
    ];
    for (arguments, message) in cases {
        let output = diff(arguments, folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(message), "{text}");
    }
}
