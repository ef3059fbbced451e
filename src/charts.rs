//! The documented charts of the read path and of its neighbours, as the boxes that each of them shows.
//!
//! A chart of a run is drawn from its spans alone; the reference only says which boxes to look at.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_viz::{Chart, DotOptions, FlowGraph};

use crate::cmd::Usage;

/// The charts of the read path, by the names that `--chart` takes; the demonstration draws them.
pub(crate) const REFERENCES: [(&str, &str); 6] = [
    ("async_snapshot", include_str!("../dot/1_async_snapshot.dot")),
    ("router_send", include_str!("../dot/2_router_send.dot")),
    ("inspect", include_str!("../dot/3_inspect.dot")),
    ("read_local", include_str!("../dot/4_read_local.dot")),
    ("read_index", include_str!("../dot/5_read_index.dot")),
    ("apply_reads", include_str!("../dot/6_apply_reads.dot")),
];

/// Their neighbours, likewise; much of them has no spans, so a run alone shows little of them.
const NEIGHBOURS: [(&str, &str); 7] = [
    ("lease_life", include_str!("../dot/7_lease_life.dot")),
    ("delegates", include_str!("../dot/8_delegates.dot")),
    ("snapshot_cache", include_str!("../dot/9_snapshot_cache.dot")),
    ("raft_read_index", include_str!("../dot/10_raft_read_index.dot")),
    ("follower_read", include_str!("../dot/11_follower_read.dot")),
    ("renew_lease", include_str!("../dot/12_renew_lease.dot")),
    ("write", include_str!("../dot/13_write.dot")),
];

/// A chart by its name, or from a DOT file.
pub(crate) fn find(name: &str) -> Result<Chart> {
    let mut all = REFERENCES.iter().chain(&NEIGHBOURS);
    if let Some((_, text)) = all.find(|(known, _)| *known == name) {
        return Chart::parse(text).with_context(|| format!("the built-in chart {name}"));
    }
    let path = Path::new(name);
    if !path.exists() {
        let known = REFERENCES.iter().chain(&NEIGHBOURS).map(|(known, _)| *known);
        let known: Vec<_> = known.collect();
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
