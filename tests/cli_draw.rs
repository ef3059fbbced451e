//! `raftlens draw`: pictures in bytes, their size, heat, and what is refused before a file is read.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// One service that calls another one, as Zipkin v2.
const TRACE: &str = r#"[
  {"traceId":"1","id":"1","name":"order","timestamp":1000,"duration":900,
   "localEndpoint":{"serviceName":"shop"}},
  {"traceId":"1","id":"2","parentId":"1","name":"charge","timestamp":1100,"duration":700,
   "localEndpoint":{"serviceName":"bank"}}]"#;

fn draw(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.current_dir(folder).arg("draw").args(args).output().unwrap()
}

/// A folder with a trace and a chart.
fn inputs() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("trace.json"), TRACE).unwrap();
    fs::write(folder.path().join("chart.dot"), "digraph { a -> b }").unwrap();
    folder
}

fn must(output: Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Width of a PNG, from its header.
fn width(png: &[u8]) -> u32 {
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "this is no PNG");
    u32::from_be_bytes(png[16..20].try_into().unwrap())
}

#[test]
fn pictures_in_bytes_are_drawn_from_traces_and_charts() {
    let folder = inputs();
    for input in ["trace.json", "chart.dot"] {
        let png = must(draw(folder.path(), &[input, "-f", "png"]));
        let large = must(draw(folder.path(), &[input, "-f", "png", "--scale", "4"]));
        assert!(width(&large).abs_diff(2 * width(&png)) <= 2, "twice the scale that is usual");
        must(draw(folder.path(), &[input, "-o", "chart.pdf"]));
        assert!(fs::read(folder.path().join("chart.pdf")).unwrap().starts_with(b"%PDF-"));
        must(draw(folder.path(), &[input, "-o", "chart.png"]));
        assert_eq!(fs::read(folder.path().join("chart.png")).unwrap(), png);
    }
}

#[test]
fn heat_is_in_the_colours_and_in_the_legend() {
    let folder = inputs();
    let plain = must(draw(folder.path(), &["trace.json", "-f", "svg"]));
    assert!(!String::from_utf8(plain).unwrap().contains(" heat"));
    for measure in ["count", "p50", "p99", "share"] {
        let svg = must(draw(folder.path(), &["trace.json", "-f", "svg", "--heat", measure]));
        let svg = String::from_utf8(svg).unwrap();
        assert!(svg.contains("class=\"box function heat"), "{measure}: {svg}");
        assert!(svg.contains("class=\"heat0\""), "{measure}: no scale in the legend: {svg}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    let folder = inputs();
    let rows: [(&[&str], &str); 6] = [
        (&["trace.json", "-f", "svg", "--scale", "2"], "PNG and PDF"),
        (&["trace.json", "-f", "png", "--scale", "0"], "0.1 to 100"),
        (&["trace.json", "-f", "png", "--scale", "NaN"], "0.1 to 100"),
        (&["trace.json", "--heat", "warm"], "p99"),
        (&["chart.dot", "--heat", "count"], "--heat"),
        (&["chart.dot", "--chart", "inspect"], "--chart"),
    ];
    for (args, says) in rows {
        let output = draw(folder.path(), args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}");
        assert!(error.contains(says) && output.stdout.is_empty(), "{args:?}: {error}");
    }
}

/// `script` of util-linux gives the command a terminal of its own.
#[cfg(target_os = "linux")]
#[test]
#[allow(clippy::print_stderr, reason = "says what it skips")]
fn a_terminal_gets_no_bytes() {
    let folder = inputs();
    let ours = env!("CARGO_BIN_EXE_raftlens");
    for format in ["png", "pdf"] {
        let line = format!("'{ours}' draw trace.json -f {format}; echo code $?");
        let mut command = Command::new("script");
        command.current_dir(folder.path()).args(["-q", "-c", &line, "/dev/null"]);
        let Ok(output) = command.output() else {
            eprintln!("SKIPPED: there is no `script` to make a terminal with");
            return;
        };
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("-o") && shown.contains("code 2"), "{format}: {shown}");
        assert!(!shown.contains("PNG\r\n") && !shown.contains("%PDF"), "{format}: {shown}");
    }
}
