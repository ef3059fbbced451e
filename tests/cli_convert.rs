//! `raftlens convert`: what it writes, says and refuses.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use raftlens_tracer::format::{Format, read};
use raftlens_tracer::model::TraceSet;
use serde_json::Value as Json;

/// Two spans of one trace: a link with an attribute, a nested value, nanoseconds.
const TRACE: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"kv"}}]},"scopeSpans":[{"spans":[
{"traceId":"000000000000000000000000000000aa","spanId":"0000000000000001","name":"read","startTimeUnixNano":"1790000000000000001","endTimeUnixNano":"1790000000000009001",
"links":[{"traceId":"000000000000000000000000000000aa","spanId":"0000000000000002","attributes":[{"key":"link.kind","value":{"stringValue":"batch"}}]}]},
{"traceId":"000000000000000000000000000000aa","spanId":"0000000000000002","name":"round","startTimeUnixNano":"1790000000000002000","endTimeUnixNano":"1790000000000003000",
"attributes":[{"key":"peers","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":"2"}]}}}]}]}]}]}
"#;

fn convert(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.arg("convert").args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.json"), TRACE).unwrap();
    folder
}

fn traces(path: &Path) -> TraceSet {
    read(&fs::read(path).unwrap()[..]).unwrap().traces
}

#[test]
fn the_ending_decides_and_everything_comes_back() {
    let folder = folder();
    let whole = read(TRACE.as_bytes()).unwrap().traces;
    for (name, format) in [
        ("a.otlp.jsonl", Format::OtlpJsonLines),
        ("b.otlp.json", Format::OtlpJson),
        ("c.jaeger.json", Format::JaegerJson),
        ("d.chrome.json", Format::ChromeJson),
    ] {
        let output = convert(folder.path(), &["in.json", "-o", name]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        let path = folder.path().join(name);
        assert_eq!(traces(&path), whole, "{name}");
        let mut expected = Vec::new();
        raftlens_tracer::format::write(&whole, &mut expected, format).unwrap();
        assert!(fs::read(&path).unwrap() == expected, "{name}");
    }
}

#[test]
fn every_format_gives_the_same_chart() {
    let folder = folder();
    let draw = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
        command.args(["draw", name, "--title", "t"]).current_dir(folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let chart = draw("in.json");
    assert!(chart.contains("<svg"));
    for name in ["a.otlp.jsonl", "b.jaeger.json", "c.chrome.json"] {
        assert!(convert(folder.path(), &["in.json", "-o", name]).status.success());
        assert!(draw(name) == chart, "{name}");
    }
}

#[test]
fn standard_input_and_output_take_any_format() {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    let input = File::open(folder.path().join("in.json")).unwrap();
    let output = command.args(["convert", "-", "-f", "chrome"]).stdin(input).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = read(&output.stdout[..]).unwrap();
    assert_eq!(report.format, Some(Format::ChromeJson));
    assert_eq!(report.traces, read(TRACE.as_bytes()).unwrap().traces);

    let output = convert(folder.path(), &["in.json"]);
    assert_eq!(read(&output.stdout[..]).unwrap().format, Some(Format::OtlpJsonLines));
}

#[test]
fn zipkin_becomes_jaeger() {
    let folder = folder();
    let zipkin =
        r#"[{"traceId":"1","id":"2","name":"get","timestamp":5,"duration":1,"tags":{"a":"b"}}]"#;
    fs::write(folder.path().join("zipkin.json"), zipkin).unwrap();
    let output = convert(folder.path(), &["zipkin.json", "-f", "jaeger", "-o", "out"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let span = traces(&folder.path().join("out")).spans.remove(0);
    assert_eq!((&*span.name, span.start_ns, span.text("a")), ("get", 5_000, Some("b")));
}

#[test]
fn what_a_format_cannot_hold_is_said() {
    let folder = folder();
    let output = convert(folder.path(), &["in.json", "-o", "out.jaeger.json", "--json"]);
    let said = text(&output.stderr);
    let losses = "only raftlens reads back: 2 times finer than a microsecond, \
                  1 link with details of its own, 1 attribute that is a list or map";
    assert!(said.contains(losses), "{said}");
    let summary: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["from"], &summary["to"]), (&"otlp-json".into(), &"jaeger".into()));
    assert_eq!((&summary["traces"], &summary["spans"]), (&1.into(), &2.into()));
    assert_eq!(summary["lost"], Json::Array(Vec::new()));
    assert_eq!(summary["own_tags"][0]["count"], 2);
    assert_eq!(summary["damage"], Json::Null);
    let output = convert(folder.path(), &["in.json", "-o", "out.otlp.json"]);
    assert_eq!(text(&output.stderr), "", "nothing is lost, nothing is said");
}

#[test]
fn a_damaged_file_is_refused_or_taken_in_part() {
    let folder = folder();
    let cut = &TRACE[..TRACE.len() - 100];
    fs::write(folder.path().join("cut.json"), cut).unwrap();
    let output = convert(folder.path(), &["cut.json", "-o", "out.otlp.json"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cut.json") && said.contains(&format!("byte {}", cut.len())), "{said}");
    assert!(!folder.path().join("out.otlp.json").exists());

    let output =
        convert(folder.path(), &["cut.json", "-o", "out.otlp.json", "--partial", "--json"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("1 span taken, the rest is missing"), "{said}");
    assert_eq!(traces(&folder.path().join("out.otlp.json")).spans.len(), 1);
    let summary: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert!(summary["damage"].as_str().unwrap().contains("ends at byte"));
}

#[test]
fn bad_calls_are_refused_and_nothing_is_left() {
    let folder = folder();
    fs::write(folder.path().join("prose.txt"), "hello\n").unwrap();
    // (arguments, exit code, what the message must say)
    let rows: [(&[&str], i32, &[&str]); 9] = [
        (&["in.json", "-o", "out.json"], 2, &["out.json", ".jaeger.json", "-f"]),
        (&["in.json", "-o", "out.xyz"], 2, &["out.xyz"]),
        (&["in.json", "-o", "out", "-f", "svg"], 2, &["svg", "otlp-jsonl"]),
        (&["in.json", "-o", "out", "-f", "zipkin"], 2, &["Zipkin", "not written"]),
        (&["in.json", "--json"], 2, &["--json", "-o"]),
        (&[], 2, &["INPUT"]),
        (&["missing.json", "-o", "out.jsonl"], 1, &["missing.json"]),
        (&["prose.txt", "-o", "out.jsonl"], 1, &["prose.txt", "hello"]),
        (&["prose.txt", "-o", "out.jsonl", "--partial"], 1, &["prose.txt", "hello"]),
    ];
    for (args, code, says) in rows {
        let output = convert(folder.path(), args);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
        assert!(says.iter().all(|part| message.contains(part)), "{args:?}: {message}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
    let mut names: Vec<_> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["in.json", "prose.txt"]);
    let output = convert(folder.path(), &["in.json", "-o", "no/such/folder.jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no/such/folder.jsonl"));
}
