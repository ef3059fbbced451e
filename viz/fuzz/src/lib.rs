//! What must hold for any bytes that the reader of DOT is given. The fuzz targets call it, and so
//! does the test `fuzz_seeds`, which needs no fuzzer.

use raftlens_viz::{DotOptions, DrawOptions, FlowGraph, Format, draw, sized};

/// Targets by their names, which are also those of the folders of seeds.
pub const TARGETS: [&str; 2] = ["dot", "macros"];

/// Reads `bytes` as DOT and panics when the reader breaks a promise.
pub fn read(bytes: &[u8]) {
    match FlowGraph::from_dot(bytes, &DotOptions::default()) {
        Err(error) => {
            let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
            // An included file has lines of its own.
            assert!(error.file.is_some() || (1..=lines).contains(&error.line), "{error}");
            assert!(error.column >= 1 && !error.fault.to_string().is_empty(), "{error}");
        }
        Ok(graph) => check(&graph),
    }
}

/// A graph can be measured, and is the same once it was written and read again.
fn check(graph: &FlowGraph) {
    let room = sized(graph);
    for sized in &room.boxes {
        assert!(sized.size.width.is_finite() && sized.size.height > 0.0, "{:?}", sized.size);
        for port in &sized.ports {
            let (right, bottom) = (port.area.right(), port.area.bottom());
            let is_inside = right <= sized.size.width + 0.5 && bottom <= sized.size.height + 0.5;
            assert!(is_inside && port.area.x >= -0.5 && port.area.y >= -0.5, "{:?}", port.area);
        }
    }
    let options = DrawOptions { format: Format::Dot, ..DrawOptions::default() };
    let Ok(text) = draw(graph, &options) else { panic!("DOT needs no layout") };
    let again = match FlowGraph::from_dot(text.as_bytes(), &DotOptions::default()) {
        Ok(again) => again,
        Err(error) => panic!("what was written cannot be read: {error}\n{text}"),
    };
    let names = |of: &FlowGraph| -> Vec<(String, Vec<String>)> {
        of.boxes().map(|(_, it)| (it.identity.clone(), it.owner.clone())).collect()
    };
    assert_eq!(names(graph), names(&again), "{text}");
    assert_eq!(graph.arrow_count(), again.arrow_count(), "{text}");
}
