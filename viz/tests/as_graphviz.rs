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

/// Whole graphs in forms that are easily read otherwise than meant.
const GRAPHS: &[&str] = &[
    // Groups without a name as ends: every box on the one side to every one on the other.
    "digraph{a->{b c}->{d;e}}",
    "digraph{{a b}->{c->d}->{e{f g}}}",
    "graph{{a--b}--{a--c}}",
    "digraph{subgraph cluster_x{a}->subgraph cluster_y{b->{c d}}}",
    "digraph{a->{}->b}",
    "digraph{{{{a}}}->b}",
    "digraph{a->subgraph s{b c} d->subgraph s{e}}",
    // Boxes of several clusters, and clusters that are opened again.
    "digraph{subgraph cluster_x{a b}subgraph cluster_y{c}subgraph cluster_x{d}}",
    "digraph{subgraph cluster_x{a subgraph cluster_z{b}}a->c}",
    "digraph{subgraph clusterless{a}subgraph Cluster{b}subgraph cluster{c}}",
    "digraph{a->b subgraph cluster_x{c->d}subgraph x{e}}",
    // Ports and compass points.
    "digraph{a:p:nw->b:_ b:\"x y\":s->c:<d>:c}",
    "digraph{a:n:s->b; n->s; a:b->c:d:e->f}",
    "digraph{s[shape=record label=\"<f0>l|{<f1>m|r}\"]s:f0->s:f1:se->t}",
    // HTML labels, balanced and with comments and quotes in them.
    "digraph{a[label=<<TABLE><TR><TD PORT=\"p\">x</TD></TR></TABLE>>]a:p->b}",
    "digraph{a[label=<<b>x</b> &lt; \"y\">]b[label=<>]a->b}",
    "digraph{<a<i>b</i>>-><c>}",
    // Defaults: of what comes after, and of groups.
    "digraph{a node[shape=box]b{node[color=red]c}d edge[style=dotted]a->b}",
    "digraph{node[label=\"\"]a;b[label=x]a->b;node[label=y]a;c}",
    "digraph{edge[arrowhead=none];{edge[dir=back]a->b}a->c[dir=both]}",
    // Strict graphs, and edges with a key.
    "strict digraph{a->b a->b b->a a->a a->a}",
    "strict graph{a--b b--a[color=red]a--{b c}}",
    "digraph{a->b[key=1]a->b[key=1]a->b[key=2]a->b}",
    "graph{a--b[key=x]b--a[key=x]}",
    // Comments, and lines that a preprocessor has left.
    "/* a -> x */digraph// {\n{#y\na->/* \" */b // c\n#line 7 \"z\"\n->d}",
    "# 1 \"f.dot\"\ndigraph{a\n# 2 \"f.dot\"\n->b}",
    "digraph{\"//a\"->\"/*b*/\"->\"#c\"}",
    // Strings in several pieces and over several lines.
    "digraph{\"a\"+\"b\"->\"c\" /* x */ + // y\n \"d\"}",
    "digraph{\"a\\\nb\"->\"c\nd\"->\"e\\nf\"}",
    "digraph{\"a\\\"b\"->\"c\\\\\"->\"\\d\"->\"\"}",
    // All forms of names; words of the language in any case, and in quotes.
    "digraph{1->-2->.3->-.4->5.->6.7 _a->a1->ä->漢字}",
    "digraph{\"node\"->\"graph\" Digraph1->subgraphs \"1\"->1 \"a\"->a}",
    "DIGRAPH G{NODE[a=b]Edge[c=d]SubGraph s{a}a->b}",
    "digraph{a->b;c a b;}",
    "digraph{a[b=c,d=e;f=g h=i][j=k]}",
    "digraph{1a->2.5b}",
    "digraph{a->b}digraph{c->d}",
];

#[test]
fn graphs_in_odd_forms_are_those_of_graphviz() {
    for text in GRAPHS {
        let Some(output) = graphviz("dot", &["-Tjson"], text.as_bytes()) else { return };
        let json = String::from_utf8_lossy(&output.stdout);
        let mut answers = serde_json::Deserializer::from_str(&json).into_iter::<Value>();
        let first = answers.next().unwrap_or_else(|| panic!("{text}")).unwrap();
        assert_eq!(ours(text.as_bytes()), theirs(first.to_string().as_bytes()), "{text}");
    }
}

/// What is no DOT, with the line and column of the place that is at fault.
const REJECTED: &[(&str, usize, usize)] = &[
    ("digraph{\n  a -> b\n  c -> ;\n}", 3, 8),
    ("digraph{\n a [b=];\n}", 2, 7),
    ("digraph{\n\n  \"a\n}", 3, 3),
    ("digraph{ /* a\n}", 1, 10),
    ("digraph{\n a -- b }", 2, 4),
    ("graph{ é -> b }", 1, 10),
    ("digraph{ a\n", 2, 1),
    ("digraph{ a } }", 1, 14),
    ("digraph{\r\n\t漢 $ }", 2, 4),
    ("digraph{ \"a\" + b }", 1, 16),
    ("digraph{ a [label=<b<c>] }", 1, 19),
    ("", 1, 1),
];

#[test]
fn what_is_no_dot_is_refused_at_its_line_and_column() {
    for (text, line, column) in REJECTED {
        let error = FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()).unwrap_err();
        assert_eq!((error.line, error.column), (*line, *column), "{text:?}: {error}");
        // Graphviz takes an empty file for no graphs, and says nothing.
        let Some(output) = graphviz("nop", &[], text.as_bytes()) else { continue };
        assert!(!output.status.success() || text.is_empty(), "{text:?}");
    }
}

/// Editors write it; the scanner of some versions of Graphviz passes over it, and of others not.
#[test]
fn a_mark_of_byte_order_is_passed_over() {
    let plain = ours(b"digraph{a->b}");
    assert_eq!(ours("\u{feff}digraph{a->b}".as_bytes()), plain);
    assert_eq!(ours("\u{feff}#define TO ->\ndigraph{a TO b}".as_bytes()), plain);
}

#[test]
fn latin_1_is_read_where_the_file_says_so() {
    let file = |charset: &str| {
        let mut bytes = format!("digraph{{{charset} \"caf").into_bytes();
        bytes.extend(b"\xe9\" -> b}");
        bytes
    };
    for charset in ["charset=latin1;", "graph[ charset = \"ISO-8859-1\" ]", "CHARSET=l1"] {
        let seen = ours(&file(charset));
        assert!(seen.arrows.contains_key(&("café".to_owned(), "b".to_owned())), "{charset}");
        let Some(output) = graphviz("nop", &[], &file(charset)) else { continue };
        assert!(output.status.success(), "{charset}");
    }
    for charset in ["", "charset=utf8", "charset=latin15", "charset latin1"] {
        let error = FlowGraph::from_dot(&file(charset), &DotOptions::default()).unwrap_err();
        let column = "digraph{".len() + charset.len() + " \"caf".len() + 1;
        assert_eq!((error.line, error.column), (1, column), "{charset}");
        assert!(error.to_string().contains("charset=latin1"), "{error}");
    }
}

/// Every colour of every scheme, painted by both.
#[test]
fn colours_of_schemes_are_those_of_graphviz() {
    let schemes: Vec<Vec<&str>> = include_str!("../src/from_dot/brewer.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(' ').collect())
        .collect();
    let mut text = "graph{node[style=filled shape=box label=\"\"]".to_owned();
    for scheme in &schemes {
        text.push_str(&format!("{{node[colorscheme={}]", scheme[0]));
        for number in 1..scheme.len() {
            text.push_str(&format!("\"{} {number}\"[fillcolor={number}]", scheme[0]));
        }
        text.push('}');
    }
    text.push('}');
    let graph = FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()).unwrap();
    let ours: BTreeMap<&str, String> = graph
        .boxes()
        .map(|(_, drawn)| {
            let [r, g, b] = drawn.authored.as_ref().unwrap().look.fill.unwrap().rgb;
            (drawn.identity.as_str(), format!("#{r:02x}{g:02x}{b:02x}"))
        })
        .collect();
    assert_eq!(ours.len(), schemes.iter().map(|scheme| scheme.len() - 1).sum::<usize>());
    assert!(ours.len() > 1_500, "{}", ours.len());
    assert_eq!(graph.left_out.colors, 0);
    let Some(output) = graphviz("dot", &["-Tsvg"], text.as_bytes()) else { return };
    let svg = String::from_utf8_lossy(&output.stdout);
    let mut seen = 0;
    for part in svg.split("<title>").skip(1) {
        let name = part.split("</title>").next().unwrap();
        let Some(ours) = ours.get(name) else { continue };
        let fill = part.split("fill=\"").nth(1).unwrap().split('"').next().unwrap();
        // The one colour that Graphviz writes by name.
        let theirs = if fill == "white" { "#ffffff" } else { fill };
        assert_eq!(ours, theirs, "{name}");
        seen += 1;
    }
    assert_eq!(seen, ours.len());
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
