//! The six documented charts of the read path, as the boxes that each of them shows.
//!
//! A chart of a run is drawn from its spans alone; the reference only says which boxes to look at.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_viz::{Chart, DotOptions, FlowGraph};

use crate::cmd::Usage;

/// The reference charts, by the names that `--chart` takes.
pub(crate) const REFERENCES: [(&str, &str); 6] = [
    ("async_snapshot", include_str!("../dot/1_async_snapshot.dot")),
    ("router_send", include_str!("../dot/2_router_send.dot")),
    ("inspect", include_str!("../dot/3_inspect.dot")),
    ("read_local", include_str!("../dot/4_read_local.dot")),
    ("read_index", include_str!("../dot/5_read_index.dot")),
    ("apply_reads", include_str!("../dot/6_apply_reads.dot")),
];

/// A chart by its name, or from a DOT file.
pub(crate) fn find(name: &str) -> Result<Chart> {
    if let Some((_, text)) = REFERENCES.iter().find(|(known, _)| *known == name) {
        return Chart::parse(text).with_context(|| format!("the built-in chart {name}"));
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<_> = REFERENCES.iter().map(|(known, _)| *known).collect();
        let known = known.join(", ");
        return Err(Usage(format!("--chart {name}: no such file, and none of {known}")).into());
    }
    let bytes = std::fs::read(path).with_context(|| format!("cannot open {name}"))?;
    let options = DotOptions { file: Some(path.to_owned()), ..DotOptions::default() };
    // A fault in the file names it; others do not.
    Chart::from_dot(&bytes, &options).with_context(|| name.to_owned())
}

/// Whether an input is a chart and no trace, by its ending.
pub(crate) fn is_dot(input: &str) -> bool {
    let ending = Path::new(input).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|it| it.eq_ignore_ascii_case("dot") || it.eq_ignore_ascii_case("gv"))
}

/// A chart as its author drew it; says so if the file has more than one.
pub(crate) fn read_drawn(input: &str, include: &[PathBuf]) -> Result<FlowGraph> {
    let path = PathBuf::from(input);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot open {input}"))?;
    let options = DotOptions { file: Some(path), include: include.to_vec() };
    let graph = FlowGraph::from_dot(&bytes, &options)?;
    if graph.left_out.more_graphs > 0 {
        let more = graph.left_out.more_graphs;
        eprintln!("raftlens: {input}: only the first graph is drawn, {more} more follow");
    }
    Ok(graph)
}

/// The DOT files in a folder, by name; those in its folders are not looked for.
pub(crate) fn in_folder(folder: &Path) -> Result<Vec<PathBuf>> {
    let name = folder.display();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot open {name}"))? {
        found.push(entry.with_context(|| format!("cannot open {name}"))?.path());
    }
    found.retain(|path| is_dot(&path.to_string_lossy()));
    if found.is_empty() {
        return Err(Usage(format!("{name}: there is no .dot or .gv file in it")).into());
    }
    found.sort();
    Ok(found)
}

/// The boxes of a chart, as the identities of functions and cases.
pub(crate) fn boxes(chart: &Chart) -> Vec<String> {
    chart.boxes.iter().map(|chart_box| chart_box.id.clone()).collect()
}
