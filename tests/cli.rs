//! The command line: what it writes, what it refuses, and what it leaves behind.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The command, with a folder of its own for temporary files.
fn raftlens(temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.env("TMPDIR", temporary).env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

/// One demonstration for all tests that only look at what it leaves.
struct Demo {
    folder: tempfile::TempDir,
    output: Output,
}

fn demo() -> &'static Demo {
    static DEMO: OnceLock<Demo> = OnceLock::new();
    DEMO.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let out = folder.path().join("out");
        let output = raftlens(&temporary).arg("demo").arg("--out").arg(out).output().unwrap();
        Demo { folder, output }
    })
}

const CHARTS: [&str; 6] =
    ["async_snapshot", "router_send", "inspect", "read_local", "read_index", "apply_reads"];

#[test]
fn a_demonstration_writes_charts_and_traces_and_cleans_up() {
    let demo = demo();
    assert!(demo.output.status.success(), "{}", text(&demo.output.stderr));
    let out = demo.folder.path().join("out");
    let mut names: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut expected = vec!["traces.jaeger.json".to_owned(), "traces.otlp.jsonl".to_owned()];
    for chart in CHARTS.iter().chain(&["read_path"]) {
        expected.extend([format!("{chart}.dot"), format!("{chart}.svg")]);
    }
    expected.sort();
    assert_eq!(names, expected);
    assert!(is_empty(&demo.folder.path().join("tmp")), "temporary files are left");

    let table = text(&demo.output.stdout);
    for mode in [
        "lease_local",
        "lease_shared",
        "read_local",
        "read_index",
        "read_index_batched",
        "read_quorum",
        "replica_lease",
        "replica_quorum",
        "refused: epoch",
        "refused: peer_id_mismatch",
    ] {
        assert!(table.lines().any(|line| line.starts_with(mode)), "no row {mode} in\n{table}");
    }
}

#[test]
fn drawing_the_written_traces_gives_the_same_charts() {
    let demo = demo();
    let out = demo.folder.path().join("out");
    for chart in CHARTS {
        let drawn = fs::read_to_string(out.join(chart).with_extension("svg")).unwrap();
        for traces in ["traces.jaeger.json", "traces.otlp.jsonl"] {
            let output = raftlens(demo.folder.path())
                .args(["draw", "--chart", chart, "-f", "svg"])
                .arg(out.join(traces))
                .output()
                .unwrap();
            assert!(output.status.success(), "{}", text(&output.stderr));
            assert!(text(&output.stdout) == drawn, "{chart} from {traces} differs");
        }
    }
}

#[test]
fn standard_input_and_a_single_trace_can_be_drawn() {
    let demo = demo();
    let traces = demo.folder.path().join("out/traces.otlp.jsonl");
    let first = fs::read_to_string(&traces).unwrap();
    let id = first.split("\"traceId\":\"").nth(1).and_then(|rest| rest.get(..32)).unwrap();
    let output = raftlens(demo.folder.path())
        .args(["draw", "-", "--trace-id", id, "-f", "dot"])
        .stdin(fs::File::open(&traces).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("digraph"));
}

#[test]
fn bad_input_is_refused_with_what_and_where_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("prose.json"), "hello\n").unwrap();
    let whole = fs::read_to_string(demo().folder.path().join("out/traces.jaeger.json")).unwrap();
    fs::write(path("cut.json"), &whole[..100_000]).unwrap();
    fs::write(path("good.json"), &whole).unwrap();
    fs::write(path("chart.dot"), "digraph { a -> ").unwrap();
    // (arguments, exit code, what the message must say)
    let rows: [(&[&str], i32, &[&str]); 9] = [
        (&["draw", "prose.json"], 1, &["prose.json", "hello"]),
        (&["draw", "cut.json"], 1, &["cut.json", "byte 100000", "whole"]),
        (&["draw", "missing.json"], 1, &["missing.json"]),
        (&["draw", "good.json", "-o", "x.xyz"], 2, &["x.xyz", ".svg"]),
        (&["draw", "good.json", "--trace-id", "zz"], 2, &["zz", "hexadecimal"]),
        (&["draw", "good.json", "--root", "inspekt", "-o", "x.svg"], 1, &["inspekt", "inspect"]),
        (&["draw", "good.json", "--chart", "nope", "-o", "x.svg"], 2, &["nope", "read_index"]),
        (&["draw", "good.json", "--chart", "chart.dot", "-o", "x.svg"], 1, &["chart.dot", "line"]),
        (&["draw"], 2, &["INPUT"]),
    ];
    for (args, code, says) in rows {
        let output =
            raftlens(folder.path()).args(args).current_dir(folder.path()).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(says.iter().all(|part| message.contains(part)), "{args:?}: {message}");
        assert!(!path("x.svg").exists() && output.stdout.is_empty(), "{args:?} left something");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_demonstration_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = raftlens(&temporary)
        .args(["demo", "--out", "out"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Once the stores have their folder, the cluster is starting or runs.
    while is_empty(&temporary) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let sent = Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    assert!(is_empty(&temporary), "temporary files are left");
    assert!(is_empty(&folder.path().join("out")), "something half done is left");
}

#[test]
fn a_data_folder_that_holds_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir_all(data.join("store-1")).unwrap();
    fs::write(data.join("store-1/CURRENT"), "not a store").unwrap();
    let output = raftlens(folder.path())
        .args(["demo", "--data", "data", "--out", "out"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("store-1"), "{message}");
    assert!(is_empty(&folder.path().join("out")));
    assert_eq!(fs::read_to_string(data.join("store-1/CURRENT")).unwrap(), "not a store");
}

#[test]
fn traces_that_nobody_takes_are_still_drawn() {
    // A port that was free a moment ago, and has no listener now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = raftlens(folder.path())
        .args(["demo", "--out", "out", "--jaeger", &format!("http://{address}")])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(&address.to_string()), "{message}");
    assert!(folder.path().join("out/inspect.svg").exists());
}
