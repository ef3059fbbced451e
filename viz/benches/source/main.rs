//! How right the calls are that are read from source, and how fast: `cargo bench -p raftlens-viz
//! --features source --bench source -- [--json] [--lines FOLDER] [--precise INDEX.scip]`.
//!
//! The truth is what the compiler makes of `core`: its MIR without optimisation, in which every call
//! that is written or made by a macro stands with its callee. Calls that nobody writes are left out on
//! both sides: those of derives, operators, `for` loops, drops and dereferences. With an index, the
//! figures of the calls that are corrected by it are told, and those of syntax alone before them.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints, and stops")]

mod mir;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use raftlens_viz::from_source::{CallKind, ScipIndex, SourceGraph};

/// Caller and callee by name.
type Edge = (String, String);

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let is_json = args.iter().any(|arg| arg == "--json");
    let value = |name: &str| {
        args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)).map(PathBuf::from)
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let begun = Instant::now();
    let mut graph = SourceGraph::read(&[root.join("core/src")]).unwrap();
    let seconds = begun.elapsed().as_secs_f64();
    let by_syntax = graph.clone();
    let corrected = value("--precise").map(|file| {
        let begun = Instant::now();
        let precise = graph.correct(&ScipIndex::read(&file).unwrap());
        (precise, begun.elapsed().as_secs_f64())
    });
    let text =
        value("--mir").map_or_else(|| compile(root), |file| std::fs::read_to_string(file).unwrap());
    let truth = mir::calls(&text, root, &graph);
    let found = found(&graph, &truth);
    let right = found.intersection(&truth.calls).count();
    let precision = right as f64 / found.len() as f64;
    let recall = right as f64 / truth.calls.len() as f64;
    let mut lines = vec![(graph.lines, seconds)];
    if let Some(folder) = value("--lines") {
        let begun = Instant::now();
        let large = SourceGraph::read(&[folder]).unwrap();
        lines.push((large.lines, begun.elapsed().as_secs_f64()));
    }
    if is_json {
        let mut unresolved: BTreeMap<String, usize> = BTreeMap::new();
        for one in &graph.unresolved {
            *unresolved.entry(one.why.to_string()).or_default() += 1;
        }
        let report = serde_json::json!({
            "functions": graph.functions.len(), "calls": found.len(), "mir": truth.calls.len(),
            "precision": precision, "recall": recall, "unresolved": unresolved,
            "missed": truth.calls.difference(&found).collect::<Vec<_>>(),
            "wrong": found.difference(&truth.calls).collect::<Vec<_>>(),
            "read": lines.iter().map(|(lines, seconds)|
                serde_json::json!({ "lines": lines, "seconds": seconds })).collect::<Vec<_>>(),
        });
        println!("{report:#}");
        return;
    }
    if let Some((precise, seconds)) = &corrected {
        let found = self::found(&by_syntax, &truth);
        let right = found.intersection(&truth.calls).count() as f64;
        println!(
            "by syntax alone: precision {:.3}, recall {:.3}, {} unresolved",
            right / found.len() as f64,
            right / truth.calls.len() as f64,
            by_syntax.unresolved.len()
        );
        println!("corrected in {seconds:.2} s: {precise:?}");
    }
    for (from, to) in truth.calls.difference(&found) {
        println!("missed: {from} -> {to}");
    }
    for (from, to) in found.difference(&truth.calls) {
        println!("wrong: {from} -> {to}");
    }
    println!("{} calls, {} in MIR, {right} in both", found.len(), truth.calls.len());
    println!("precision {precision:.3}, recall {recall:.3}, {} unresolved", graph.unresolved.len());
    for (lines, seconds) in lines {
        println!("{lines} lines in {seconds:.2} s");
    }
}

/// Compiles `core` for its MIR; the other crates are those of the release build.
fn compile(root: &Path) -> String {
    let out = tempfile::tempdir().unwrap();
    let file = out.path().join("core.mir");
    let emit = format!("--emit=mir={}", file.display());
    let status = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args([
            "rustc",
            "--release",
            "--locked",
            "-p",
            "raftlens-core",
            "--features",
            "sim",
            "--lib",
        ])
        // Without optimisation nothing is inlined, so no call is gone.
        .args(["--", &emit, "-C", "opt-level=0"])
        .current_dir(root)
        .status()
        .unwrap();
    assert!(status.success(), "cargo rustc: {status}");
    std::fs::read_to_string(file).unwrap()
}

/// The calls that were read, between functions that were compiled.
fn found(graph: &SourceGraph, truth: &mir::Truth) -> BTreeSet<Edge> {
    let mut found = BTreeSet::new();
    for call in &graph.calls {
        // A function that is handed over is not called there.
        if matches!(call.kind, CallKind::Callback | CallKind::Value) {
            continue;
        }
        let from = &graph.functions[call.from];
        let to = &graph.functions[call.declared.unwrap_or(call.to)];
        let is_operator = to.of_trait.as_deref().is_some_and(names::is_unwritten);
        if truth.callers.contains(&from.name) && !is_operator {
            found.insert((from.name.clone(), to.name.clone()));
        }
    }
    found
}
