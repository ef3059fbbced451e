//! `raftlens draw`: a trace file or Rust source becomes a call-flow chart, and a DOT file a picture.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use raftlens_tracer::model::TraceId;
use raftlens_viz::from_source::{FlowOptions, flow_graph};
use raftlens_viz::{FlowGraph, Heat, Options, Previous};

use crate::cmd::Usage;
pub(crate) use crate::input::read;
use crate::input::{short_name, source_name};
use crate::picture::PictureArgs;
use crate::{charts, source, views};

/// What `raftlens draw` takes.
#[derive(Debug, Args)]
pub(crate) struct DrawArgs {
    /// The trace file (OTLP, Jaeger JSON, Zipkin JSON or Chrome trace events, packed or not); `-` for
    /// standard input; or a running Jaeger, as jaeger:http://HOST:16686?service=NAME&lookback=1h; or a
    /// chart as DOT (.dot or .gv).
    #[arg(required_unless_present_any = ["from", "source", "trace"], default_value = "", hide_default_value = true)]
    input: String,
    /// The same, by name.
    #[arg(long, value_name = "INPUT", conflicts_with = "input")]
    from: Option<String>,
    /// Draw who calls whom in Rust source: a crate, a folder of crates, or a file; may be repeated.
    #[arg(long, value_name = "PATH")]
    source: Vec<PathBuf>,
    /// Correct the calls of the source by an index of it in the format SCIP, which
    /// `rust-analyzer scip .` writes into `index.scip`: what syntax alone cannot tell is told then.
    #[arg(long, value_name = "INDEX.scip", requires = "source")]
    precise: Option<PathBuf>,
    /// How many calls away from the root what is drawn of a source may be.
    #[arg(long, value_name = "CALLS", default_value_t = 6, requires = "source")]
    depth: usize,
    /// Most boxes that are drawn of a source: the nearest of the root, else those with most calls.
    #[arg(long, value_name = "BOXES", default_value_t = 150, requires = "source")]
    most: usize,
    /// A folder in which files that a DOT file includes are looked for, after its own.
    #[arg(short = 'I', value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Draw only this trace.
    #[arg(long, value_name = "HEX")]
    trace_id: Option<String>,
    /// Draw only what starts at spans with this name, or at this function.
    #[arg(long, value_name = "SPAN_NAME")]
    root: Option<String>,
    /// Draw only the boxes of a documented chart: async_snapshot, router_send, inspect, read_local,
    /// read_index, apply_reads, lease_life, delegates, snapshot_cache, raft_read_index,
    /// follower_read, renew_lease, write, a DOT file, or a folder of them; may be repeated. With
    /// --source or --trace, the chart itself is drawn, and what the others say of it.
    #[arg(long, value_name = "NAME|PATH")]
    chart: Vec<String>,
    /// What a run did, in any format that is read, laid over the charts.
    #[arg(long, value_name = "INPUT", requires = "chart", conflicts_with_all = ["input", "from"])]
    trace: Option<String>,
    /// An earlier picture of nearly the same chart, written with `-f layout-json`: its boxes stay
    /// about where they were.
    #[arg(long, value_name = "OLD.json")]
    previous: Option<PathBuf>,
    /// What the colours of boxes and arrows tell: how often, p50, p99, or the share of the time.
    #[arg(long, value_name = "MEASURE", default_value = "none")]
    heat: HeatArg,
    #[command(flatten)]
    picture: PictureArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum HeatArg {
    None,
    Count,
    P50,
    P99,
    Share,
}

impl From<HeatArg> for Heat {
    fn from(heat: HeatArg) -> Heat {
        match heat {
            HeatArg::None => Heat::None,
            HeatArg::Count => Heat::Count,
            HeatArg::P50 => Heat::P50,
            HeatArg::P99 => Heat::P99,
            HeatArg::Share => Heat::Share,
        }
    }
}

impl DrawArgs {
    fn input(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.input)
    }
}

pub(crate) fn run(args: &DrawArgs) -> Result<ExitCode> {
    args.picture.check(args.previous.is_some())?;
    let trace_id = args.trace_id.as_deref().map(parse_trace_id).transpose()?;
    if !args.chart.is_empty() && (!args.source.is_empty() || args.trace.is_some()) {
        return draw_merged(args);
    }
    if !args.source.is_empty() {
        return draw_source(args);
    }
    let charts = views::read_charts(&args.chart)?;
    if charts::is_dot(args.input()) {
        return draw_dot(args);
    }
    let traces = read(args.input())?;
    let title = args.picture.title.clone().or_else(|| match charts.as_slice() {
        [chart] => Some(chart.title.clone()),
        _ => None,
    });
    let options = Options {
        title: title.unwrap_or_else(|| default_title(args)),
        trace_id,
        root: args.root.clone(),
        boxes: (!charts.is_empty()).then(|| charts.iter().flat_map(charts::boxes).collect()),
    };
    let graph =
        FlowGraph::from_trace(&traces, &options).with_context(|| source_name(args.input()))?;
    write_picture(args, &graph)
}

fn write_picture(args: &DrawArgs, graph: &FlowGraph) -> Result<ExitCode> {
    let previous = args.previous.as_deref().map(|path| previous(path, graph)).transpose()?;
    args.picture.write(graph, args.heat.into(), previous)?;
    Ok(ExitCode::SUCCESS)
}

/// The earlier picture in the file at `path`; says so if it is one of something else.
fn previous(path: &Path, graph: &FlowGraph) -> Result<Previous> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot open {name}"))?;
    let previous = Previous::parse(&text).with_context(|| name.to_string())?;
    if !previous.is_empty() && previous.known(graph) == 0 {
        let boxes = previous.len();
        eprintln!("raftlens: {name}: none of its {boxes} boxes is in this picture");
    }
    Ok(previous)
}

/// A chart as its author drew it.
fn draw_dot(args: &DrawArgs) -> Result<ExitCode> {
    let for_traces = [
        ("--trace-id", args.trace_id.is_some()),
        ("--root", args.root.is_some()),
        ("--chart", !args.chart.is_empty()),
        ("--heat", args.heat != HeatArg::None),
    ];
    if let Some((option, _)) = for_traces.iter().find(|(_, is_given)| *is_given) {
        return Err(Usage(format!("{option}: the input is a chart, which measured nothing")).into());
    }
    let mut graph = charts::read_drawn(args.input(), &args.include)?;
    if let Some(title) = &args.picture.title {
        graph.title.clone_from(title);
    }
    write_picture(args, &graph)
}

/// Charts, with what the source and a run say of them.
fn draw_merged(args: &DrawArgs) -> Result<ExitCode> {
    let elsewhere = [
        ("an input", !args.input().is_empty()),
        ("--trace-id", args.trace_id.is_some()),
        ("--root", args.root.is_some()),
    ];
    if let Some((option, _)) = elsewhere.iter().find(|(_, is_given)| *is_given) {
        let reason = "the charts say what is drawn; a run is laid over them with --trace";
        return Err(Usage(format!("{option}: {reason}")).into());
    }
    let graph = views::merged(&views::Asked {
        charts: &args.chart,
        source: &args.source,
        precise: args.precise.as_deref(),
        run: args.trace.as_deref(),
        title: args.picture.title.as_deref(),
    })?;
    write_picture(args, &graph)
}

/// Who calls whom in Rust source.
fn draw_source(args: &DrawArgs) -> Result<ExitCode> {
    let for_traces = [
        ("an input", !args.input().is_empty()),
        ("--trace-id", args.trace_id.is_some()),
        ("--chart", !args.chart.is_empty()),
        ("--heat", args.heat != HeatArg::None),
    ];
    if let Some((option, _)) = for_traces.iter().find(|(_, is_given)| *is_given) {
        return Err(
            Usage(format!("{option}: --source is drawn by itself, and measured nothing")).into()
        );
    }
    let read = source::read(&args.source, args.precise.as_deref())?;
    let title = args.picture.title.clone().unwrap_or_else(|| {
        let name = source::short_name(&args.source);
        args.root.as_ref().map_or(name.clone(), |root| format!("{root} in {name}"))
    });
    let options =
        FlowOptions { title, root: args.root.clone(), depth: args.depth, most: args.most };
    write_picture(args, &flow_graph(&read, &options)?)
}

fn default_title(args: &DrawArgs) -> String {
    let name = short_name(args.input());
    match &args.root {
        Some(root) => format!("{root} in {name}"),
        None => name.to_owned(),
    }
}

pub(crate) fn parse_trace_id(text: &str) -> Result<TraceId> {
    let digits = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u128::from_str_radix(text, 16) {
        Ok(id) if digits => Ok(TraceId(id)),
        _ => {
            let message = format!("trace id {text}: give up to 32 hexadecimal digits");
            Err(Usage(message).into())
        }
    }
}
