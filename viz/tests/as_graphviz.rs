//! DOT files as people write them: the same boxes, arrows and clusters as an installed Graphviz
//! sees; and the same verdict on what is no DOT.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use raftlens_viz::{AuthoredGraph, DotOptions, DrawOptions, FlowGraph, Format, draw};
use serde_json::Value;

/// What both sides are compared by.
#[derive(Debug, PartialEq, Default)]
struct Seen {
    /// Boxes with the clusters around each.
    boxes: BTreeMap<String, BTreeSet<String>>,
    /// Arrows from name to name, each as often as it occurs.
    arrows: BTreeMap<(String, String), usize>,
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(".").join("tests/dot");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().unwrap() == "dot").collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    files
}

/// Runs a program of Graphviz; `None`, loudly, where it is not installed.
fn graphviz(program: &str, args: &[&str], input: &[u8]) -> Option<Output> {
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: `{program}` is not installed, nothing was compared with Graphviz");
        return None;
    };
    let mut pipe = child.stdin.take().unwrap();
    let bytes = input.to_vec();
    // A program that refuses its input closes the pipe early.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Some(output)
}

fn ours(bytes: &[u8]) -> Seen {
    let graph = FlowGraph::from_dot(bytes, &DotOptions::default()).unwrap();
    let mut seen = Seen::default();
    for (_, flow_box) in graph.boxes() {
        seen.boxes.insert(flow_box.identity.clone(), flow_box.owner.iter().cloned().collect());
    }
    for (_, from, to, _) in graph.arrows() {
        let name = |id| graph.flow_box(id).identity.clone();
        *seen.arrows.entry((name(from), name(to))).or_default() += 1;
    }
    seen
}

fn theirs(json: &[u8]) -> Seen {
    let answer: Value = serde_json::from_str(&String::from_utf8_lossy(json)).unwrap();
    let list = |of: &Value, key: &str| of[key].as_array().cloned().unwrap_or_default();
    let names: BTreeMap<u64, String> = list(&answer, "objects")
        .iter()
        .map(|object| {
            (object["_gvid"].as_u64().unwrap(), object["name"].as_str().unwrap().to_owned())
        })
        .collect();
    let subgraphs = answer["_subgraph_cnt"].as_u64().unwrap();
    let mut seen = Seen::default();
    for (id, name) in names.iter().filter(|(id, _)| **id >= subgraphs) {
        seen.boxes.insert(name.clone(), BTreeSet::new());
        assert!(*id >= subgraphs);
    }
    for object in list(&answer, "objects") {
        let name = object["name"].as_str().unwrap().to_owned();
        if object["_gvid"].as_u64().unwrap() < subgraphs && name.starts_with("cluster") {
            for node in list(&object, "nodes") {
                let inside = &names[&node.as_u64().unwrap()];
                seen.boxes.get_mut(inside).unwrap().insert(name.clone());
            }
        }
    }
    for edge in list(&answer, "edges") {
        let name = |key: &str| names[&edge[key].as_u64().unwrap()].clone();
        *seen.arrows.entry((name("tail"), name("head"))).or_default() += 1;
    }
    seen
}

#[test]
fn boxes_arrows_and_clusters_are_those_of_graphviz() {
    for path in files() {
        let bytes = std::fs::read(&path).unwrap();
        let Some(output) = graphviz("dot", &["-Tjson"], &bytes) else { return };
        let theirs = theirs(&output.stdout);
        assert!(!theirs.boxes.is_empty(), "{}", path.display());
        assert_eq!(ours(&bytes), theirs, "{}", path.display());
    }
}

#[test]
fn what_is_written_again_is_the_same_graph() {
    let options = DrawOptions { format: Format::Dot, ..DrawOptions::default() };
    for path in files() {
        let first = FlowGraph::from_dot(&std::fs::read(&path).unwrap(), &DotOptions::default());
        let first = first.unwrap();
        let written = draw(&first, &options).unwrap();
        let again = FlowGraph::from_dot(written.as_bytes(), &DotOptions::default()).unwrap();
        let name = path.display();
        let boxes = |graph: &FlowGraph| graph.boxes().map(|(_, it)| it.clone()).collect::<Vec<_>>();
        for (first, again) in boxes(&first).iter().zip(&boxes(&again)) {
            assert_eq!(first, again, "{name}");
        }
        assert_eq!(first.box_count(), again.box_count(), "{name}");
        let arrows = |graph: &FlowGraph| {
            graph.arrows().map(|(_, from, to, it)| (from, to, it.clone())).collect::<Vec<_>>()
        };
        assert_eq!(arrows(&first), arrows(&again), "{name}");
        let (was, is) = (first.authored.as_ref().unwrap(), again.authored.as_ref().unwrap());
        assert_eq!(was.clusters, is.clusters, "{name}");
        // Ranks of clusters come behind those of the clusters around them.
        let ranks = |of: &AuthoredGraph| -> BTreeSet<String> {
            of.ranks.iter().map(|rank| format!("{rank:?}")).collect()
        };
        assert_eq!(ranks(was), ranks(is), "{name}");
        let rest = |of: &AuthoredGraph| AuthoredGraph { ranks: Vec::new(), ..of.clone() };
        assert_eq!(rest(was), rest(is), "{name}");
        assert_eq!(first.title, again.title);
        let Some(output) = graphviz("dot", &["-Tjson"], written.as_bytes()) else { continue };
        assert_eq!(ours(written.as_bytes()), theirs(&output.stdout), "{name}: {written}");
    }
}

/// Texts that one or the other might refuse.
const TEXTS: &[&str] = &[
    "digraph{}",
    "graph x{a--b}",
    "digraph{a--b}",
    "graph{a->b}",
    "digraph{a->}",
    "digraph{->a}",
    "digraph{a,b}",
    "digraph{a,b->c,d}",
    "digraph{a;;b}",
    "digraph{;}",
    "digraph{a b c}",
    "digraph{a=}",
    "digraph{a=b=c}",
    "digraph{a[b]}",
    "digraph{a[b=]}",
    "digraph{a[b=c,,d=e]}",
    "digraph{a[b=c;d=e f=g]}",
    "digraph{a[b=c][d=e]}",
    "digraph{a[,]}",
    "digraph{a[]}",
    "digraph{node}",
    "digraph{node[]}",
    "digraph{node[a=b][c=d]}",
    "digraph{node a}",
    "digraph{subgraph}",
    "digraph{subgraph x}",
    "digraph{subgraph x{}}",
    "digraph{subgraph{a}->b}",
    "digraph{{a}->{b}[c=d]}",
    "digraph{{a}[b=c]}",
    "digraph{a:b:c:d}",
    "digraph{a:b:c->d:e}",
    "digraph{a:b}",
    "digraph{a:}",
    "digraph{a->b->}",
    "digraph{\"a\"+\"b\"}",
    "digraph{a+b}",
    "digraph{\"a\"+b}",
    "digraph{<a>+<b>}",
    "digraph{<a<b>>}",
    "digraph{<a<b>}",
    "digraph{\"a}",
    "digraph{/* a}",
    "digraph{// a\n}",
    "digraph{# a\n}",
    "# a\ndigraph{}",
    "digraph{\n# a\n}",
    "strict digraph{}",
    "strict{}",
    "digraph digraph{}",
    "digraph \"digraph\"{}",
    "digraph graph{}",
    "digraph{edge->a}",
    "digraph{strict}",
    "digraph{1a}",
    "digraph{-a}",
    "digraph{-1}",
    "digraph{1.2.3}",
    "digraph{.}",
    "digraph{a.b}",
    "digraph{a-b}",
    "digraph{a$}",
    "digraph{é}",
    "digraph{a[b=<c>]}",
    "digraph{a[<b>=c]}",
    "digraph{a}}",
    "digraph{a",
    "digraph a b{}",
    "{}",
    "x",
    "digraph{} digraph{}",
    "digraph{} x",
    "digraph{a=\"b\"+\"c\"}",
    "digraph{graph[a=b]}",
    "digraph{graph a=b}",
    "digraph{a[label=\"b\" \"c\"]}",
    "digraph{a->{b->c}->d}",
    "digraph{a->b,{c}}",
    "digraph{a->{b},c}",
    "digraph{\"a\\\"}",
    "digraph{\"a\\\\\"}",
    "digraph<x>{}",
    "digraph{a[b=1.5c]}",
    "digraph{a->b[c=d]->e}",
    "digraph{<!-- a -->}",
    "digraph{a[b=<<!-- > -->>]}",
    "digraph{a @b}",
    "digraph{a[@b]}",
];

#[test]
fn what_is_dot_is_decided_as_by_graphviz() {
    let mut other = Vec::new();
    for text in TEXTS {
        let Some(output) = graphviz("nop", &[], text.as_bytes()) else { return };
        let ours = FlowGraph::from_dot(text.as_bytes(), &DotOptions::default());
        if ours.is_ok() != output.status.success() {
            let theirs = String::from_utf8_lossy(&output.stderr).into_owned();
            other.push(format!("{text}\n  ours: {:?}\n  theirs: {theirs}", ours.err()));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}
