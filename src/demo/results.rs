//! What a demonstration leaves behind: the charts of what ran, and its traces.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use raftlens_tracer::format;
use raftlens_tracer::model::TraceSet;
use raftlens_viz::{Chart, DrawOptions, Engine, FlowGraph, Format, Options, draw};

use crate::{charts, output};

/// Writes everything into `out`, each file whole or not at all; the paths in the order of writing.
pub(crate) fn write(traces: &TraceSet, out: &Path, engine: Engine) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (name, text) in charts::REFERENCES {
        let chart = Chart::parse(text).with_context(|| format!("the built-in chart {name}"))?;
        let options = Options {
            title: chart.title.clone(),
            boxes: Some(charts::boxes(&chart)),
            ..Options::default()
        };
        write_chart(traces, &options, engine, &out.join(name), &mut written)?;
    }
    let whole = Options {
        title: "A read, from call to answer".to_owned(),
        root: Some("async_snapshot".to_owned()),
        ..Options::default()
    };
    write_chart(traces, &whole, engine, &out.join("read_path"), &mut written)?;
    for (name, form) in [
        ("traces.otlp.jsonl", format::Format::OtlpJsonLines),
        ("traces.jaeger.json", format::Format::JaegerJson),
    ] {
        let path = out.join(name);
        format::write_file(traces, &path, form)?;
        written.push(path);
    }
    Ok(written)
}

fn write_chart(
    traces: &TraceSet,
    options: &Options,
    engine: Engine,
    path: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<()> {
    let graph = FlowGraph::from_trace(traces, options)
        .with_context(|| format!("the chart {}", options.title))?;
    for (ending, format) in [("dot", Format::Dot), ("svg", Format::Svg)] {
        let path = path.with_extension(ending);
        let text = draw(&graph, &DrawOptions { format, engine, ..DrawOptions::default() })?;
        output::write_file(&path, &text)?;
        written.push(path);
    }
    Ok(())
}
