//! Charts written as Mermaid, read by Mermaid's own parser: the same boxes, arrows and clusters.
//! `make test-browser` runs it where Node and the packages `mermaid` and `jsdom` are, in a folder that
//! `RAFTLENS_MERMAID` names; what is missing is said aloud and skipped.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops, and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use raftlens_viz::{
    Arrow, ArrowKind, BoxKind, DotOptions, DrawOptions, FlowBox, FlowGraph, Format, draw,
};
use serde_json::Value;

/// What means something to Mermaid, to HTML or to Markdown, in places where it is only a label.
const LABELS: [&str; 24] = [
    "\"",
    "#quot;",
    "#35;",
    "&amp;",
    "</div><b>",
    "`code`",
    "end",
    "%% no comment",
    "%%{init: {}}%%",
    "a\nb",
    "]",
    "{{x}}",
    "a --> b",
    "|x|",
    "subgraph s",
    "click b0",
    ":::class",
    "\\",
    "读取 🦀 קריאה",
    "graph TD;",
    "style b0 fill:#f00",
    "* list",
    "$$x^2$$",
    " ",
];

/// The folder with Node's packages; says so if it is not there, or Node is not.
fn packages() -> Option<PathBuf> {
    let home = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
    };
    let folder = std::env::var_os("RAFTLENS_MERMAID").map(PathBuf::from);
    let folder = folder.or_else(|| Some(home()?.join("raftlens/mermaid")))?;
    let has = |package: &str| folder.join("node_modules").join(package).is_dir();
    let has_node = Command::new("node").arg("--version").output().is_ok();
    let is_there = has_node && has("mermaid") && has("jsdom");
    if !is_there {
        eprintln!(
            "SKIPPED: NOTHING was read by Mermaid's parser: install Node, and in {} run \
             `npm install mermaid jsdom`, or name a folder by RAFTLENS_MERMAID",
            folder.display()
        );
    }
    is_there.then_some(folder)
}

/// What Mermaid finds in each text.
fn read(folder: &Path, texts: &[String]) -> Vec<Value> {
    let scratch = tempfile::tempdir().unwrap();
    let file = scratch.path().join("texts.json");
    std::fs::write(&file, serde_json::to_string(texts).unwrap()).unwrap();
    let output = Command::new("node")
        // A module that comes this way finds packages in the folder where it runs.
        .args(["--input-type=module", "--eval", include_str!("mermaid/count.mjs"), "--"])
        .arg(&file)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mermaid(graph: &FlowGraph) -> String {
    let source_url = Some("https://example.com/{file}#L{line}".to_owned());
    let options = DrawOptions { format: Format::Mermaid, source_url, ..DrawOptions::default() };
    draw(graph, &options).unwrap()
}

/// A chart with `text` in every place.
fn labelled(text: &str) -> FlowGraph {
    let mut graph = FlowGraph::new(text);
    let fields = vec![text.to_owned(), "plain".to_owned()];
    let kinds = [BoxKind::Function, BoxKind::Case, BoxKind::Variable, BoxKind::Struct { fields }];
    let mut last = None;
    for (number, kind) in kinds.into_iter().enumerate() {
        let id = graph.add_box(FlowBox {
            identity: format!("{number}{text}"),
            title: text.to_owned(),
            kind,
            note: Some(text.to_owned()),
            owner: vec![text.to_owned(), number.to_string()],
            file: Some(text.to_owned()),
            line: Some(7),
            ..FlowBox::default()
        });
        if let Some(last) = last.replace(id) {
            let words = vec![text.to_owned()];
            let arrow = Arrow { via: Some(text.to_owned()), words, ..Arrow::new(ArrowKind::Data) };
            graph.add_arrow(last, id, arrow);
        }
    }
    graph
}

/// The documented charts, and charts with odd labels, by name.
fn charts() -> Vec<(String, FlowGraph)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new(".").join("../dot"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|ending| ending == "dot"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "{files:?}");
    let documented = files.into_iter().map(|file| {
        let bytes = std::fs::read(&file).unwrap();
        (file.display().to_string(), FlowGraph::from_dot(&bytes, &DotOptions::default()).unwrap())
    });
    documented.chain(LABELS.map(|text| (format!("{text:?}"), labelled(text)))).collect()
}

/// How many boxes, arrows and clusters there are.
fn counts(graph: &FlowGraph, text: &str) -> [u64; 3] {
    // Which clusters there are the graph does not tell outside of its crate; each is one such line.
    let clusters = text.lines().filter(|line| line.trim_start().starts_with("subgraph c")).count();
    [graph.box_count() as u64, graph.arrow_count() as u64, clusters as u64]
}

#[test]
#[ignore = "needs Node and Mermaid: make test-browser"]
fn mermaid_reads_every_chart_as_it_is() {
    let Some(folder) = packages() else { return };
    let charts = charts();
    let texts: Vec<String> = charts.iter().map(|(_, graph)| mermaid(graph)).collect();
    let found = read(&folder, &texts);
    assert_eq!(found.len(), charts.len());
    let mut faults = Vec::new();
    for (((name, graph), text), found) in charts.iter().zip(&texts).zip(&found) {
        let seen = ["boxes", "arrows", "clusters"].map(|key| found[key].as_u64());
        if seen != counts(graph, text).map(Some) {
            faults.push(format!("{name}: {found}\n{text}"));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), charts.len(), faults.join("\n"));
}

/// Else the test above shows nothing.
#[test]
#[ignore = "needs Node and Mermaid: make test-browser"]
fn mermaid_refuses_what_is_wrong() {
    let Some(folder) = packages() else { return };
    let right = mermaid(&labelled("x"));
    let wrong =
        [right.replace("\"]", "]"), right.replacen("  end\n", "", 1), "no chart".to_owned()];
    let found = read(&folder, &wrong);
    assert!(found.iter().all(|it| it["refused"].is_string()), "{found:?}");
}
