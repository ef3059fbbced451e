//! `raftlens draw`: a trace file or Rust source becomes a call-flow chart, and a DOT file a picture.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use raftlens_tracer::model::TraceId;
use raftlens_viz::from_source::{FlowOptions, flow_graph};
use raftlens_viz::{
    DotOptions, DrawOptions, Engine, FlowGraph, Format, Heat, Options, Picture, PictureOptions,
    Previous, draw, pdf, png,
};

use crate::cmd::Usage;
pub(crate) use crate::input::read;
use crate::input::{short_name, source_name};
use crate::{charts, output, source, views};

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
    /// How many calls away from the root what is drawn of a source may be.
    #[arg(long, value_name = "CALLS", default_value_t = 6, requires = "source")]
    depth: usize,
    /// Most boxes that are drawn of a source: the nearest of the root, else those with most calls.
    #[arg(long, value_name = "BOXES", default_value_t = 150, requires = "source")]
    most: usize,
    /// Where to write; `-` for standard output. The ending decides the format.
    #[arg(short, long, default_value = "-")]
    output: String,
    /// The format, if the ending of the output does not say it.
    #[arg(short, long)]
    format: Option<FormatArg>,
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
    /// What places the boxes.
    #[arg(long, default_value = "embedded")]
    layout: LayoutArg,
    /// An earlier picture of nearly the same chart, written with `-f layout-json`: its boxes stay
    /// about where they were.
    #[arg(long, value_name = "OLD.json")]
    previous: Option<PathBuf>,
    /// Width over height that the picture should have, as far as its parts allow: 16:9, or 1.78.
    #[arg(long, value_name = "W:H|RATIO", value_parser = parse_aspect)]
    aspect: Option<f64>,
    /// The title above the picture.
    #[arg(long)]
    title: Option<String>,
    /// Where links to the code lead, with {file} and {line}.
    #[arg(long, value_name = "TEMPLATE")]
    source_url: Option<String>,
    /// What the colours of boxes and arrows tell: how often, p50, p99, or the share of the time.
    #[arg(long, value_name = "MEASURE", default_value = "none")]
    heat: HeatArg,
    /// How large a PNG or PDF gets: 2 is twice as wide and high as the SVG (PNG 2, PDF 1).
    #[arg(long, value_name = "FACTOR")]
    scale: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    Svg,
    Png,
    Pdf,
    Dot,
    LayoutJson,
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

/// What places the boxes of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LayoutArg {
    /// Built in.
    Embedded,
    /// Graphviz, which must be installed.
    Dot,
}

impl From<LayoutArg> for Engine {
    fn from(layout: LayoutArg) -> Engine {
        match layout {
            LayoutArg::Embedded => Engine::Embedded,
            LayoutArg::Dot => Engine::Dot,
        }
    }
}

impl DrawArgs {
    fn input(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.input)
    }
}

pub(crate) fn run(args: &DrawArgs) -> Result<ExitCode> {
    let format = output_format(args)?;
    refuse_nonsense(args, format)?;
    check_hints(args, format.text())?;
    let trace_id = args.trace_id.as_deref().map(parse_trace_id).transpose()?;
    if !args.chart.is_empty() && (!args.source.is_empty() || args.trace.is_some()) {
        return draw_merged(args, format);
    }
    if !args.source.is_empty() {
        return draw_source(args, format);
    }
    let charts = views::read_charts(&args.chart)?;
    if is_dot(args.input()) {
        return draw_dot(args, format);
    }
    let traces = read(args.input())?;
    let title = args.title.clone().or_else(|| match charts.as_slice() {
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
    write_picture(args, format, &graph)
}

/// Draws the chart and writes it in the format that was asked for.
fn write_picture(args: &DrawArgs, format: FormatArg, graph: &FlowGraph) -> Result<ExitCode> {
    let options = DrawOptions {
        format: format.text(),
        engine: args.layout.into(),
        source_url: args.source_url.clone(),
        heat: args.heat.into(),
        previous: args.previous.as_deref().map(|path| previous(path, graph)).transpose()?,
        aspect: args.aspect,
    };
    let text = draw(graph, &options)?;
    let picture = PictureOptions { scale: args.scale, ..PictureOptions::default() };
    let drawn = match format {
        FormatArg::Png => png(&text, &picture)?,
        FormatArg::Pdf => pdf(&text, &picture)?,
        FormatArg::Svg | FormatArg::Dot | FormatArg::LayoutJson => {
            Picture { bytes: text.into_bytes(), notes: Vec::new() }
        }
    };
    for note in &drawn.notes {
        eprintln!("raftlens: {note}");
    }
    output::write(&args.output, &drawn.bytes)?;
    Ok(ExitCode::SUCCESS)
}

impl FormatArg {
    /// What is drawn first; PNG and PDF are made of an SVG.
    fn text(self) -> Format {
        match self {
            FormatArg::Svg | FormatArg::Png | FormatArg::Pdf => Format::Svg,
            FormatArg::Dot => Format::Dot,
            FormatArg::LayoutJson => Format::LayoutJson,
        }
    }

    /// Whether the file is bytes for programs and not text for people.
    fn is_binary(self) -> bool {
        matches!(self, FormatArg::Png | FormatArg::Pdf)
    }
}

/// Stops what cannot be meant before any file is read.
fn refuse_nonsense(args: &DrawArgs, format: FormatArg) -> Result<()> {
    if format.is_binary() && args.output == "-" && std::io::stdout().is_terminal() {
        bail!(Usage("a picture in bytes makes no sense on a terminal: name a file with -o".into()));
    }
    if let Some(scale) = args.scale {
        if !format.is_binary() {
            bail!(Usage("--scale is for PNG and PDF: say -f png, or -o FILE.png".into()));
        }
        if !(0.1..=100.0).contains(&scale) {
            bail!(Usage(format!("--scale {scale}: give a number from 0.1 to 100, such as 2")));
        }
    }
    Ok(())
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

/// Refuses wishes that nothing would look at.
fn check_hints(args: &DrawArgs, format: Format) -> Result<()> {
    let wishes = [("--previous", args.previous.is_some()), ("--aspect", args.aspect.is_some())];
    let Some((option, _)) = wishes.iter().find(|(_, is_given)| *is_given) else { return Ok(()) };
    let reason = match (format, args.layout) {
        (Format::Dot, _) => "a DOT file says nothing of places",
        (_, LayoutArg::Dot) => "only `--layout embedded` looks at it",
        (Format::Svg | Format::LayoutJson, LayoutArg::Embedded) => return Ok(()),
    };
    Err(Usage(format!("{option}: {reason}")).into())
}

/// Whether the input is a chart and no trace, by its ending.
fn is_dot(input: &str) -> bool {
    let ending = Path::new(input).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|it| it.eq_ignore_ascii_case("dot") || it.eq_ignore_ascii_case("gv"))
}

/// A chart as its author drew it.
fn draw_dot(args: &DrawArgs, format: FormatArg) -> Result<ExitCode> {
    let for_traces = [
        ("--trace-id", args.trace_id.is_some()),
        ("--root", args.root.is_some()),
        ("--chart", !args.chart.is_empty()),
        ("--heat", args.heat != HeatArg::None),
    ];
    if let Some((option, _)) = for_traces.iter().find(|(_, is_given)| *is_given) {
        return Err(Usage(format!("{option}: the input is a chart, which measured nothing")).into());
    }
    let path = PathBuf::from(args.input());
    let bytes = std::fs::read(&path).with_context(|| format!("cannot open {}", args.input()))?;
    let options = DotOptions { file: Some(path), include: args.include.clone() };
    let mut graph = FlowGraph::from_dot(&bytes, &options)?;
    if graph.left_out.more_graphs > 0 {
        let more = graph.left_out.more_graphs;
        eprintln!("raftlens: {}: only the first graph is drawn, {more} more follow", args.input());
    }
    if let Some(title) = &args.title {
        graph.title.clone_from(title);
    }
    write_picture(args, format, &graph)
}

/// Charts, with what the source and a run say of them.
fn draw_merged(args: &DrawArgs, format: FormatArg) -> Result<ExitCode> {
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
        run: args.trace.as_deref(),
        title: args.title.as_deref(),
    })?;
    write_picture(args, format, &graph)
}

/// Who calls whom in Rust source.
fn draw_source(args: &DrawArgs, format: FormatArg) -> Result<ExitCode> {
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
    let read = source::read(&args.source)?;
    let title = args.title.clone().unwrap_or_else(|| {
        let name = source::short_name(&args.source);
        args.root.as_ref().map_or(name.clone(), |root| format!("{root} in {name}"))
    });
    let options =
        FlowOptions { title, root: args.root.clone(), depth: args.depth, most: args.most };
    write_picture(args, format, &flow_graph(&read, &options)?)
}

fn default_title(args: &DrawArgs) -> String {
    let name = short_name(args.input());
    match &args.root {
        Some(root) => format!("{root} in {name}"),
        None => name.to_owned(),
    }
}

fn output_format(args: &DrawArgs) -> Result<FormatArg> {
    let ending = Path::new(&args.output).extension().and_then(|ending| ending.to_str());
    Ok(match (args.format, ending) {
        (Some(format), _) => format,
        (None, Some("svg")) => FormatArg::Svg,
        (None, Some("png")) => FormatArg::Png,
        (None, Some("pdf")) => FormatArg::Pdf,
        (None, Some("dot" | "gv")) => FormatArg::Dot,
        (None, _) if args.output == "-" => FormatArg::Svg,
        (None, _) => {
            let message = format!(
                "-o {}: the ending says no format: use .svg, .png, .pdf or .dot, or say -f",
                args.output
            );
            return Err(Usage(message).into());
        }
    })
}

/// `W:H` or the ratio itself; beyond a thousand to one nothing could be told apart.
fn parse_aspect(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|it| *it > 0.0);
    let ratio = match text.split_once(':') {
        Some((width, height)) => number(width).zip(number(height)).map(|(w, h)| w / h),
        None => number(text),
    };
    let ratio = ratio.filter(|ratio| (0.001..=1000.0).contains(ratio));
    ratio.ok_or_else(|| "width and height as 16:9, or one number from 0.001 to 1000".to_owned())
}

fn parse_trace_id(text: &str) -> Result<TraceId> {
    let digits = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match u128::from_str_radix(text, 16) {
        Ok(id) if digits => Ok(TraceId(id)),
        _ => {
            let message = format!("--trace-id {text}: a trace id is up to 32 hexadecimal digits");
            Err(Usage(message).into())
        }
    }
}
