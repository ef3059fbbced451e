//! Prints the calls of some Rust source, and what could not be told: `source_calls PATH..`. A path that
//! ends in `.scip` is an index, which corrects them.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::PathBuf;

use raftlens_viz::from_source::{ScipIndex, SourceGraph};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let named = std::env::args().skip(1).map(PathBuf::from);
    let (indexes, paths): (Vec<PathBuf>, Vec<PathBuf>) =
        named.partition(|path| path.extension().is_some_and(|ending| ending == "scip"));
    let mut graph = SourceGraph::read(&paths)?;
    for index in indexes {
        println!("{:?}", graph.correct(&ScipIndex::read(&index)?));
    }
    for call in &graph.calls {
        let (from, to) = (&graph.functions[call.from], &graph.functions[call.to]);
        let by_name = if call.is_by_name { ", by name" } else { "" };
        println!(
            "{} -> {} ({:?}{by_name}) {}:{}",
            from.name, to.name, call.kind, call.file, call.line
        );
    }
    for open in &graph.unresolved {
        let from = &graph.functions[open.from].name;
        println!("unresolved: {from} -> {} {}:{}: {}", open.text, open.file, open.line, open.why);
    }
    for left_out in &graph.left_out {
        println!("left out: {left_out}");
    }
    let (functions, calls, lines) = (graph.functions.len(), graph.calls.len(), graph.lines);
    println!("{lines} lines, {functions} functions, {calls} calls");
    Ok(())
}
