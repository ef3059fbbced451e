//! Documented charts, source and a run laid over each other by `raftlens draw`.

// Helpers of tests may fail as tests do.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const CHART: &str = r#"digraph c { label="Two of them";
    a [id="Peer::propose", label="propose", class="function"];
    b [id="Peer::inspect", label="inspect", class="function"];
    c [id="Peer::gone", label="gone", class="function"];
    a -> b [class="call"]; a -> c [class="call"];
}"#;

const SOURCE: &str = "pub struct Peer;
impl Peer {
    pub fn propose(&self) { self.inspect(); }
    fn inspect(&self) {}
}
";

const RUN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"inspect",
 "attributes":[{"key":"code.function.name","value":{"stringValue":"Peer::inspect"}}],
 "startTimeUnixNano":"1000","endTimeUnixNano":"9000"},
{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002",
 "parentSpanId":"0000000000000001","name":"propose",
 "attributes":[{"key":"code.function.name","value":{"stringValue":"Peer::propose"}}],
 "startTimeUnixNano":"2000","endTimeUnixNano":"3000"}]}]}]}"#;

fn draw(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftlens"));
    command.arg("draw").args(arguments).current_dir(folder).output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    for (name, text) in [("c.dot", CHART), ("src/lib.rs", SOURCE), ("run.json", RUN)] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn each_part_of_the_picture_says_which_views_have_it() {
    let folder = folder();
    let output = draw(
        &["--chart", "c.dot", "--source", "src", "--trace", "run.json", "-o", "views.svg"],
        folder.path(),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let svg = fs::read_to_string(folder.path().join("views.svg")).unwrap();
    let element = |words: &str| {
        let found = svg.lines().find(|line| line.contains("<g ") && line.contains(words));
        found.unwrap_or_else(|| panic!("{words} is not in\n{svg}")).to_owned()
    };
    let expected = [
        (r#"data-identity="Peer::propose""#, r#"data-seen="documented code run""#, "box function"),
        (r#"data-identity="Peer::gone""#, r#"data-seen="documented""#, "gone"),
        ("call-Peer.propose--Peer.inspect", r#"data-seen="documented code""#, "never-taken"),
        ("call-Peer.inspect--Peer.propose", r#"data-seen="run""#, "undocumented"),
    ];
    for (part, seen, class) in expected {
        let element = element(part);
        assert!(element.contains(seen) && element.contains(class), "{element}");
    }
    assert!(svg.contains("Two of them") && svg.contains("taken, but not documented"));
}

#[test]
fn a_folder_of_charts_is_drawn_as_one() {
    let folder = folder();
    fs::create_dir(folder.path().join("charts")).unwrap();
    fs::write(folder.path().join("charts/1.dot"), CHART).unwrap();
    let other = r#"digraph { b [id="Peer::inspect"]; d [id="Lease::inspect"]; b -> d }"#;
    fs::write(folder.path().join("charts/2.dot"), other).unwrap();
    let output = draw(&["--chart", "charts", "--source", "src", "-f", "mermaid"], folder.path());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("title: \"2 charts\""), "{text}");
    assert_eq!(text.matches("-->").count(), 3, "{text}");
}

#[test]
fn what_is_meant_otherwise_is_refused() {
    let folder = folder();
    let cases: [(&[&str], &str); 3] = [
        (
            &["run.json", "--chart", "c.dot", "--source", "src"],
            "a run is laid over them with --trace",
        ),
        (&["--chart", "c.dot", "--source", "src", "--root", "a"], "--root: the charts say"),
        (&["--trace", "run.json"], "--chart"),
    ];
    for (arguments, message) in cases {
        let output = draw(arguments, folder.path());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(message), "{text}");
    }
}
