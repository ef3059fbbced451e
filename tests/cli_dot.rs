//! `raftlens draw` on DOT files: macros, included files, and errors that name the place.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::process::{Command, Output};

fn draw(folder: &std::path::Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.current_dir(folder).arg("draw").args(args).output().unwrap()
}

#[test]
fn a_chart_with_macros_is_drawn_and_a_fault_names_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir(path.join("styles")).unwrap();
    fs::write(
        path.join("styles/styles.h"),
        "#define field(n, t) <n> n: t\\l\nnode [shape=record]\n",
    )
    .unwrap();
    let chart = "#include \"styles.h\"\ndigraph log {\nINCLUDED\n  rankdir=LR\n  subgraph cluster_log { \
        label=\"日志\"; records [label=\"FileRecords|\n    field(file, File)|\n    field(start, int)\"] }\n  \
        records:start -> {a b}\n}\n";
    // What is included must stand where a statement may.
    let chart =
        chart.replace("#include \"styles.h\"\n", "").replace("INCLUDED", "#include \"styles.h\"");
    fs::write(path.join("log.dot"), &chart).unwrap();
    let output = draw(path, &["log.dot", "-f", "layout-json"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(error.contains("log.dot: line 2") && error.contains("-I"), "{error}");
    let output = draw(path, &["log.dot", "-I", "styles", "-f", "layout-json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |key: &str| json[key].as_array().unwrap().len();
    assert_eq!((count("nodes"), count("clusters"), count("edges")), (3, 1, 2));
    assert_eq!(json["rankdir"], "LR");
    let output = draw(path, &["log.dot", "-I", "styles", "-f", "svg"]);
    let svg = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(svg.contains(">start: int<") && svg.contains("日志"), "{svg}");
    fs::write(path.join("bad.dot"), "digraph {\n  a -> b\n  a -> \n}\n").unwrap();
    let output = draw(path, &["bad.dot"]);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("bad.dot: line 4, column 1: found `}`"), "{error}");
    let output = draw(path, &["log.dot", "--root", "x"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_next_picture_keeps_the_order_of_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("old.dot"), "digraph { rankdir=LR; a -> {d c b} }").unwrap();
    fs::write(path.join("new.dot"), "digraph { rankdir=LR; a -> {b c d e} }").unwrap();
    fs::write(path.join("prose.json"), "hello").unwrap();
    fs::write(path.join("other.json"), "{\"spans\": []}").unwrap();
    fs::write(path.join("else.json"), r#"{"rankdir":"LR","nodes":[{"id":"z","x":1,"y":1}]}"#)
        .unwrap();
    let order = |args: &[&str]| {
        let output = draw(path, args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let across = |name: &str| {
            let nodes = json["nodes"].as_array().unwrap();
            nodes.iter().find(|node| node["name"] == name).unwrap()["y"].as_f64().unwrap()
        };
        across("b") < across("d")
    };
    let as_json = ["-f", "layout-json"];
    assert_eq!(
        draw(path, &["old.dot", "-f", "layout-json", "-o", "old.json"]).status.code(),
        Some(0)
    );
    assert!(order(&[&["new.dot"], &as_json[..]].concat()));
    assert!(!order(&[&["new.dot", "--previous", "old.json"], &as_json[..]].concat()));
    let wide = draw(path, &["new.dot", "--aspect", "16:9", "--previous", "else.json", "-f", "svg"]);
    assert!(wide.status.success());
    assert!(String::from_utf8_lossy(&wide.stderr).contains("none of its 1 boxes"));
    // (arguments, exit code, what the message must say)
    let rows: [(&[&str], i32, &str); 8] = [
        (&["--previous", "prose.json"], 1, "prose.json"),
        (&["--previous", "prose.json"], 1, "line 1"),
        (&["--previous", "other.json"], 1, "rankdir"),
        (&["--previous", "missing.json"], 1, "missing.json"),
        (&["--previous", "old.json", "-f", "dot"], 2, "--previous"),
        (&["--aspect", "2", "--layout", "dot"], 2, "--aspect"),
        (&["--aspect", "0:1"], 2, "16:9"),
        (&["--aspect", "wide"], 2, "16:9"),
    ];
    for (args, code, says) in rows {
        let output = draw(path, &[&["new.dot"], args].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(error.contains(says) && output.stdout.is_empty(), "{args:?}: {error}");
    }
}
