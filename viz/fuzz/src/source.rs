//! What must hold for any bytes that the reader of Rust source is given as a file. The fuzz target
//! calls it, and so does the test `fuzz_source`, which needs no fuzzer.

use raftlens_viz::from_source::{FlowOptions, SourceGraph, flow_graph};
use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, Format, draw};

/// Name of the target, and of the folder of seeds.
pub const TARGET: &str = "source";

/// Reads `bytes` as a crate of one file, and panics when the reader breaks a promise. What it read.
pub fn read(bytes: &[u8]) -> SourceGraph {
    let Ok(folder) = tempfile::tempdir() else { panic!("there is no room for files") };
    let file = folder.path().join("lib.rs");
    assert!(std::fs::write(&file, bytes).is_ok(), "there is no room for files");
    let read = || match SourceGraph::read(std::slice::from_ref(&file)) {
        Ok(graph) => graph,
        // A panic of the reader arrives here as an error, too.
        Err(error) => panic!("a file that is there cannot be read: {error}"),
    };
    let graph = read();
    check(&graph, bytes);
    assert!(graph == read(), "the same file was read in two ways");
    graph
}

/// Everything that is told has its place in the file, and can be drawn.
fn check(graph: &SourceGraph, bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
    let count = graph.functions.len();
    for left_out in &graph.left_out {
        let is_inside = (1..=lines).contains(&left_out.line) && left_out.column >= 1;
        assert!(is_inside && !left_out.why.is_empty(), "{left_out}");
    }
    for function in &graph.functions {
        assert!(!function.name.is_empty() && (1..=lines).contains(&function.line), "{function:?}");
    }
    for call in &graph.calls {
        let ends = [Some(call.from), Some(call.to), call.declared];
        assert!(ends.into_iter().flatten().all(|end| end < count), "{call:?}");
        assert!((1..=lines).contains(&call.line), "{call:?}");
    }
    for mention in &graph.mentions {
        assert!(mention.from < count && mention.to < graph.names.len(), "{mention:?}");
    }
    assert!(graph.external.iter().all(|external| external.from < count));
    assert!(graph.unresolved.iter().all(|unresolved| unresolved.from < count));
    let Ok(flow) = flow_graph(graph, &FlowOptions::default()) else {
        panic!("without a root nothing is looked for")
    };
    let options = DrawOptions { format: Format::Dot, ..DrawOptions::default() };
    let Ok(text) = draw(&flow, &options) else { panic!("DOT needs no layout") };
    match FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()) {
        Ok(again) => assert_eq!(flow.arrow_count(), again.arrow_count(), "{text}"),
        Err(error) => panic!("what was written cannot be read: {error}\n{text}"),
    }
}
