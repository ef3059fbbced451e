//! Small graphs written byte by byte: what SVG and DOT look like, and that they stay so.
//!
//! `UPDATE_GOLDENFILES=1 cargo test -p raftlens-viz --test golden` rewrites the files; read the
//! difference before committing it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

mod fixtures;

use std::io::Write;
use std::process::{Command, Stdio};

use fixtures::{chart, connect, data, place};
use raftlens_viz::{Arrow, ArrowKind, BoxKind, Chart, DrawOptions, FlowGraph, Format, draw};

/// One of everything: kinds, nesting, ports, both arrows, a loop, and text that needs escaping.
fn everything() -> FlowGraph {
    let mut graph = FlowGraph::new("One of everything");
    let start = place(&mut graph, "RaftKV", "RaftKv::async_snapshot", BoxKind::Function);
    let read = place(&mut graph, "LocalReader", "LocalReader::read", BoxKind::Function);
    let lease = place(&mut graph, "LocalReader/leader lease", "Valid", BoxKind::Case);
    let bound =
        place(&mut graph, "LocalReader/leader lease", "Lease<\"bound\"> & {x}", BoxKind::Variable);
    let fields = vec!["term".to_owned(), "n".to_owned(), "cb|Vec<u8>".to_owned()];
    let command = place(&mut graph, "", "RaftCommand", BoxKind::Struct { fields });
    connect(&mut graph, start, read, ArrowKind::Call);
    connect(&mut graph, read, lease, ArrowKind::Data);
    connect(&mut graph, lease, bound, ArrowKind::Call);
    connect(&mut graph, read, read, ArrowKind::Call);
    for field in ["term", "cb|Vec<u8>"] {
        let mut arrow = Arrow::new(ArrowKind::Data);
        arrow.via = Some("mailbox".to_owned());
        arrow.to_port = Some(field.to_owned());
        arrow.record(1_500);
        graph.add_arrow(read, command, arrow);
    }
    connect(&mut graph, command, start, ArrowKind::Data);
    graph.left_out.unknown_links = 2;
    graph
}

fn check(name: &str, text: &str) {
    let path = data(name);
    if std::env::var_os("UPDATE_GOLDENFILES").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let first = golden.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(golden == text, "{name} differs, first in line {:?}", first.map(|line| line + 1));
}

fn written(graph: &FlowGraph, format: Format) -> String {
    let source_url = Some("https://example.org/blob/main/{file}#L{line}".to_owned());
    draw(graph, &DrawOptions { format, source_url, ..DrawOptions::default() }).unwrap()
}

#[test]
fn one_of_everything() {
    let graph = everything();
    check("everything.svg", &written(&graph, Format::Svg));
    check("everything.dot", &written(&graph, Format::Dot));
    check("everything.layout.json", &written(&graph, Format::LayoutJson));
}

#[test]
fn a_chart_without_measurements() {
    let graph = chart("router_send", false);
    check("router_send.svg", &written(&graph, Format::Svg));
    check("router_send.dot", &written(&graph, Format::Dot));
}

#[test]
fn dot_is_read_back_as_the_same_graph() {
    let graph = everything();
    let chart = Chart::parse(&written(&graph, Format::Dot)).unwrap();
    assert_eq!(chart.title, graph.title);
    for of in &chart.boxes {
        let id = graph.find_identity(&of.id).unwrap();
        let flow_box = graph.flow_box(id);
        assert_eq!((&of.owner, &of.kind), (&flow_box.owner, &flow_box.kind), "{}", of.id);
    }
    let ports: Vec<_> = chart.arrows.iter().filter_map(|arrow| arrow.to_port.as_deref()).collect();
    assert_eq!(ports, ["term", "cb|Vec<u8>"]);
}

#[test]
fn graphviz_accepts_what_we_write() {
    let graphs = fixtures::CHARTS.map(|name| chart(name, true)).into_iter().chain([everything()]);
    for graph in graphs {
        match run_dot(&written(&graph, Format::Dot)) {
            Some((svg, warnings)) => {
                assert_eq!(warnings, "", "{}", graph.title);
                assert_eq!(svg.matches("class=\"node").count(), graph.box_count());
                assert_eq!(svg.matches("class=\"edge").count(), graph.arrow_count());
            }
            None => {
                eprintln!("`dot` is not on the PATH: its view of our DOT was not asked");
                return;
            }
        }
    }
}

/// Output and warnings of `dot -Tsvg`; `None` when it is not installed.
fn run_dot(input: &str) -> Option<(String, String)> {
    let mut child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Some((text(output.stdout), text(output.stderr)))
}
