//! `raftlens record`: what a program sends is what the file has, however the recorder ends.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

mod spans;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use raftlens_tracer::format;
use raftlens_tracer::model::TraceSet;
use spans::{assert_same, read};

fn raftlens(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.current_dir(folder).env("TMPDIR", folder);
    for variable in ["ENDPOINT", "PROTOCOL", "TRACES_ENDPOINT", "TRACES_PROTOCOL"] {
        command.env_remove(format!("OTEL_EXPORTER_OTLP_{variable}"));
    }
    command
}

/// A recorder that writes `out.otlp.jsonl`; killed when the test is over.
struct Recorder {
    child: Child,
    stderr: BufReader<ChildStderr>,
    grpc: SocketAddr,
    http: SocketAddr,
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // One that has ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Recorder {
    fn start(folder: &Path, arguments: &[&str]) -> Recorder {
        Recorder::start_by(raftlens(folder), arguments)
    }

    /// Starts it by a command that is, or becomes, the recorder.
    fn start_by(mut command: Command, arguments: &[&str]) -> Recorder {
        let mut child = command
            .args(["record", "--listen", "127.0.0.1:0,0", "-o", "out.otlp.jsonl", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        // raftlens: receiving gRPC on 127.0.0.1:1, HTTP on 127.0.0.1:2
        let address = |name: &str| {
            let after = line.split(name).nth(1).unwrap_or_else(|| panic!("{line}"));
            after.trim().split(',').next().unwrap().trim().parse().unwrap()
        };
        Recorder { child, stderr, grpc: address("gRPC on "), http: address("HTTP on ") }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for its end; yields its counts, and what it said.
    fn end(&mut self) -> (serde_json::Value, String) {
        let (mut counts, mut words) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut counts).unwrap();
        self.stderr.read_to_string(&mut words).unwrap();
        assert!(self.child.wait().unwrap().success(), "{words}");
        (serde_json::from_str(&counts).unwrap(), words)
    }
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A real cluster whose spans go to its own file and over the network.
fn demonstrate(folder: &Path, protocol: &str, address: SocketAddr) {
    let mut command = raftlens(folder);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"));
    command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol);
    succeed(command.args(["demo", "--out", "demo"]));
}

fn records_what_is_sent(protocol: &str, address: fn(&Recorder) -> SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), &[]);
    demonstrate(folder.path(), protocol, address(&recorder));
    recorder.signal("-INT");
    let (counts, words) = recorder.end();
    let recorded = folder.path().join("out.otlp.jsonl");
    let (found, truth) = (read(&recorded), read(&folder.path().join("demo/traces.otlp.jsonl")));
    assert_same(&found, &truth);
    assert_eq!(counts["spans"], truth.spans.len());
    assert!(words.contains("out.otlp.jsonl"), "{words}");
    // The chart of what arrived is the chart of what happened.
    let chart = |input: &str| {
        succeed(raftlens(folder.path()).args(["draw", input, "--title", "reads"])).stdout
    };
    assert!(chart("out.otlp.jsonl") == chart("demo/traces.otlp.jsonl"), "the charts differ");
}

#[test]
fn a_cluster_is_recorded_over_grpc() {
    records_what_is_sent("grpc", |recorder| recorder.grpc);
}

#[test]
fn a_cluster_is_recorded_over_http() {
    records_what_is_sent("http/protobuf", |recorder| recorder.http);
}

/// Sends a span, and waits until it is acknowledged.
fn send_one(recorder: &Recorder) {
    use raftlens_tracer::init;
    let (subscriber, guard) = init().otlp(format!("http://{}", recorder.http)).build().unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("read").in_scope(|| {});
    });
    guard.shutdown().unwrap();
}

/// Posts spans with the ids from `first` on; yields the status, or none if nobody answered.
fn post(address: SocketAddr, first: u64, count: u64) -> Option<u16> {
    let spans: Vec<_> = (first..first + count)
        .map(|id| serde_json::json!({ "traceId": format!("{id:032x}"), "spanId": format!("{id:016x}"), "name": "read" }))
        .collect();
    let body = serde_json::json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).ok()?;
    let head = "POST /v1/traces HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).ok()?;
    line.split(' ').nth(1)?.parse().ok()
}

/// The ids of the spans in a file, in order.
fn ids(traces: &TraceSet) -> BTreeSet<u64> {
    traces.spans.iter().map(|span| span.span_id.0).collect()
}

#[test]
fn a_kill_amid_many_requests_loses_nothing_that_was_acknowledged() {
    const SENDERS: u64 = 4;
    const EACH: u64 = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), &[]);
    let http = recorder.http;
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            thread::spawn(move || {
                let ids = (sender * EACH + 1..).step_by(10);
                ids.take_while(|id| post(http, *id, 10) == Some(200)).collect::<Vec<_>>()
            })
        })
        .collect();
    let part = folder.path().join("out.otlp.jsonl.part");
    while fs::metadata(&part).unwrap().len() < 300_000 {
        thread::sleep(Duration::from_millis(1));
    }
    recorder.child.kill().unwrap();
    recorder.child.wait().unwrap();
    let firsts: Vec<u64> = senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    let written = ids(&format::read_partial(BufReader::new(File::open(&part).unwrap())).traces);
    let lost: Vec<_> = firsts
        .iter()
        .flat_map(|first| *first..first + 10)
        .filter(|id| !written.contains(id))
        .collect();
    assert!(lost.is_empty(), "{} of {} requests: {lost:?}", lost.len(), firsts.len());
    assert!(firsts.len() > 10);
}

/// A limit for files stands for a full disk: a write takes what there is room for, and then fails.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_refuses_for_now_and_spoils_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    limited.current_dir(folder.path()).env("TMPDIR", folder.path());
    // In blocks of 512 or 1024 bytes, as the shell has it; without the trap, the limit kills.
    let script = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    limited.args(["-c", script, env!("CARGO_BIN_EXE_raftlens")]);
    let mut recorder = Recorder::start_by(limited, &[]);
    assert_eq!(post(recorder.http, 1, 5), Some(200));
    assert_eq!(post(recorder.http, 1_000, 500), Some(503));
    assert_eq!(post(recorder.http, 6, 5), Some(200));
    recorder.signal("-INT");
    let (counts, words) = recorder.end();
    assert_eq!(ids(&read(&folder.path().join("out.otlp.jsonl"))), (1..=10).collect());
    assert_eq!(counts["refused"], serde_json::json!({ "not_written": 1 }));
    assert!(words.contains("could not be written"), "{words}");
}

#[test]
fn what_was_acknowledged_outlives_a_recorder_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), &[]);
    send_one(&recorder);
    recorder.child.kill().unwrap();
    recorder.child.wait().unwrap();
    assert!(!folder.path().join("out.otlp.jsonl").exists(), "it is not complete");
    assert_eq!(read(&folder.path().join("out.otlp.jsonl.part")).spans.len(), 1);
    let again = raftlens(folder.path())
        .args(["record", "--listen", "0,0", "-o", "out.otlp.jsonl"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1), "{words}");
    assert!(words.contains("killed"), "{words}");
}

#[test]
fn it_ends_by_itself_with_enough_spans_or_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::start(folder.path(), &["--spans", "2", "--fsync"]);
    send_one(&recorder);
    send_one(&recorder);
    assert_eq!(recorder.end().0["spans"], 2);
    assert_eq!(read(&folder.path().join("out.otlp.jsonl")).spans.len(), 2);
    fs::remove_file(folder.path().join("out.otlp.jsonl")).unwrap();
    let (counts, _) = Recorder::start(folder.path(), &["--for", "1ms"]).end();
    assert_eq!(counts["spans"], 0);
}

#[test]
fn a_terminated_recorder_completes_its_numbered_file() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--rotate-seconds", "3600", "--keep", "3"];
    let mut recorder = Recorder::start(folder.path(), &arguments);
    send_one(&recorder);
    recorder.signal("-TERM");
    assert_eq!(recorder.end().0["files"], serde_json::json!(["out-000001.otlp.jsonl"]));
    assert_eq!(read(&folder.path().join("out-000001.otlp.jsonl")).spans.len(), 1);
}

#[test]
fn what_cannot_work_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (arguments, code, expected) in [
        (&["--listen", &format!("grpc={address}")][..], 1, "taken"),
        (&["--listen", "tcp=1"], 2, "no protocol"),
        (&["--listen", "0", "--keep", "2"], 2, "--rotate-bytes"),
        (&["--listen", "0", "--for", "10"], 2, "90s"),
    ] {
        let output = raftlens(folder.path())
            .args(["record", "-o", "out.otlp.jsonl"])
            .args(arguments)
            .output()
            .unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words}");
        assert!(words.contains(expected), "{words}");
    }
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "something is left");
}
