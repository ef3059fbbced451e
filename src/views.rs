//! Documented charts, source and a run laid over each other, from the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_viz::merge::{Views, merge};
use raftlens_viz::{Chart, FlowGraph, Options};

use crate::{charts, input, source};

/// What is laid over each other.
pub(crate) struct Asked<'a> {
    /// Names of built-in charts, files and folders of files.
    pub(crate) charts: &'a [String],
    /// Rust source.
    pub(crate) source: &'a [PathBuf],
    /// An index that corrects its calls.
    pub(crate) precise: Option<&'a Path>,
    /// What a run did.
    pub(crate) run: Option<&'a str>,
    /// In place of the charts' own.
    pub(crate) title: Option<&'a str>,
}

/// Reads all views and merges them.
pub(crate) fn merged(asked: &Asked<'_>) -> Result<FlowGraph> {
    let documented = read_charts(asked.charts)?;
    let source = match asked.source {
        [] => None,
        paths => Some(source::read(paths, asked.precise)?),
    };
    let run = asked.run.map(|run| measured(run, &documented)).transpose()?;
    let title = match (asked.title, documented.as_slice()) {
        (Some(title), _) => title.to_owned(),
        (None, [chart]) => chart.title.clone(),
        (None, charts) => format!("{} charts", charts.len()),
    };
    let views = Views { documented: &documented, source: source.as_ref(), run: run.as_ref() };
    Ok(merge(&title, &views))
}

/// All charts that were named.
pub(crate) fn read_charts(named: &[String]) -> Result<Vec<Chart>> {
    let mut found = Vec::new();
    for name in named {
        if !Path::new(name).is_dir() {
            found.push(charts::find(name)?);
            continue;
        }
        for path in charts::in_folder(Path::new(name))? {
            found.push(charts::find(&path.to_string_lossy())?);
        }
    }
    Ok(found)
}

/// What a run did to the boxes of the charts.
fn measured(run: &str, documented: &[Chart]) -> Result<FlowGraph> {
    let traces = input::read(run)?;
    let boxes = documented.iter().flat_map(charts::boxes).collect();
    let options = Options { boxes: Some(boxes), ..Options::default() };
    FlowGraph::from_trace(&traces, &options).with_context(|| input::source_name(run))
}
