//! Runs a seed once more, and writes what explains its violation.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use raftlens_core::Tracer;
use raftlens_core::sim::{
    Happening, OpId, Report, RunConfig, Story, Violation, World, prepare, run_in,
};
use raftlens_tracer::format;
use raftlens_tracer::model::{TraceId, TraceSet};
use raftlens_tracer::simulated::Recorder;
use raftlens_viz::{DrawOptions, FlowGraph, Format, Options, draw};

use super::violation;
use crate::output;
use crate::sim::propagation::RecordedPropagator;

/// Before a violation without operations, what was asked in so much time is traced.
const AROUND_NS: u64 = 20_000_000;

/// Whose the traces of simulated runs are.
pub(crate) const SERVICE: &str = "raftlens sim";

/// What of a run is looked at.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) story: Story,
    /// The requests that the operations of the violation were.
    pub(crate) operations: Vec<OpId>,
    pub(crate) log: String,
    pub(crate) traces: TraceSet,
}

/// Runs the seed of `report` again, and watches the span of time that `violation` needs.
pub(crate) fn watch(report: &Report, config: &RunConfig, violation: &Violation) -> Result<Watched> {
    let span = violation::span(violation);
    let mut config = config.clone();
    config.sim.tracer = Tracer::new(RecordedPropagator);
    let mut world = prepare(report.seed, &config)?;
    world.keep_story(span.clone());
    world.keep_log_of(span.clone());
    let time = world.true_time();
    let recorder = Recorder::new(move || time.now_ns(), span);
    let again = recorder.record(|| run_in(&mut world, &config));
    if again.hash != report.hash {
        bail!("seed {} went another way when it was watched", report.seed);
    }
    Ok(watched(&world, recorder.take(SERVICE), violation))
}

/// What is known of a world that has been watched.
pub(crate) fn watched(world: &World, traces: TraceSet, violation: &Violation) -> Watched {
    let story = world.story();
    let operations: Vec<OpId> = violation
        .operations
        .iter()
        .filter_map(|op| world.operation_ids(std::slice::from_ref(op)).first().copied())
        .collect();
    let mut log = String::new();
    for line in world.log() {
        log.push_str(line);
        log.push('\n');
    }
    let mut traced: BTreeSet<OpId> = operations.iter().copied().collect();
    if traced.is_empty() {
        let since_ns = violation.at_ns.saturating_sub(AROUND_NS);
        let recent = story.scenes.iter().filter(|scene| scene.at_ns >= since_ns);
        traced.extend(recent.filter_map(|scene| match &scene.what {
            Happening::Called(op) => Some(*op),
            _ => None,
        }));
    }
    let traces = traces_of(traces, &traced);
    Watched { story, operations, log, traces }
}

/// The traces of some operations, and those that they are linked to.
fn traces_of(mut all: TraceSet, operations: &BTreeSet<OpId>) -> TraceSet {
    let mut wanted: BTreeSet<TraceId> = BTreeSet::new();
    for span in all.spans.iter().filter(|span| &*span.name == "operation") {
        let number = span.attribute("sim.op").and_then(|value| value.as_int());
        let op = number.and_then(|number| u64::try_from(number).ok());
        if op.is_some_and(|op| operations.contains(&OpId(op))) {
            wanted.insert(span.trace_id);
        }
    }
    // One step: the carrier of a read, and the round that confirmed it.
    let linked: Vec<TraceId> = all
        .spans
        .iter()
        .filter(|span| wanted.contains(&span.trace_id))
        .flat_map(|span| span.links.iter().map(|link| link.trace_id))
        .collect();
    wanted.extend(linked);
    all.spans.retain(|span| wanted.contains(&span.trace_id));
    all
}

/// Writes everything that explains a violation into `folder`; the paths in the order of writing.
pub(crate) fn write(
    folder: &Path,
    watched: &Watched,
    violation: &Violation,
    title: &str,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut written = Vec::new();
    let graph = violation::draw(&watched.story, violation, &watched.operations, title);
    write_graph(&folder.join("violation"), &graph, &mut written)?;
    let path = folder.join("log.txt");
    output::write_file(&path, &watched.log)?;
    written.push(path);
    let path = folder.join("trace.otlp.jsonl");
    format::write_file(&watched.traces, &path, format::Format::OtlpJsonLines)?;
    written.push(path);
    // Nothing of it was recorded if all of it lies before the span that is watched.
    if !watched.traces.spans.is_empty() {
        let title = "What the operations of the violation went through".to_owned();
        let options = Options { title, ..Options::default() };
        let graph = FlowGraph::from_trace(&watched.traces, &options).context("the read path")?;
        write_graph(&folder.join("read_path"), &graph, &mut written)?;
    }
    Ok(written)
}

/// Writes a picture as SVG and as DOT.
pub(crate) fn write_graph(
    path: &Path,
    graph: &FlowGraph,
    written: &mut Vec<PathBuf>,
) -> Result<()> {
    for (ending, format) in [("dot", Format::Dot), ("svg", Format::Svg)] {
        let path = path.with_extension(ending);
        let text = draw(graph, &DrawOptions { format, ..DrawOptions::default() })?;
        output::write_file(&path, &text)?;
        written.push(path);
    }
    Ok(())
}
