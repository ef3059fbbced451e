//! `raftlens diff`: two runs, or two versions of a chart, as a list and in one picture.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use raftlens_viz::diff::{Change, Difference, How, diff};
use raftlens_viz::{ArrowKind, DrawOptions, FlowGraph, Format, Heat, Options, Previous, draw};
use serde_json::{Value, json};

use crate::cmd::Usage;
use crate::input::{self, short_name, source_name};
use crate::output::say;
use crate::picture::PictureArgs;
use crate::{charts, views};

/// What `raftlens diff` takes.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The run before, in any format that is read; or a chart as DOT (.dot or .gv).
    before: String,
    /// The run after, or the later version of the chart.
    after: String,
    /// Only what starts at spans with this name, or at this function.
    #[arg(long, value_name = "SPAN_NAME")]
    root: Option<String>,
    /// Only the boxes of a documented chart, as with `raftlens draw`; may be repeated.
    #[arg(long, value_name = "NAME|PATH")]
    chart: Vec<String>,
    /// Print the changes as JSON on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    picture: PictureArgs,
}

/// The exit code is 0 if nothing differs and 1 if something does, as that of `diff`.
pub(crate) fn run(args: &DiffArgs) -> Result<ExitCode> {
    let draws = args.picture.output != "-";
    if draws {
        args.picture.check(false)?;
    }
    let [before, after] = read(args)?;
    let title =
        args.picture.title.clone().unwrap_or_else(|| {
            format!("{} to {}", short_name(&args.before), short_name(&args.after))
        });
    let difference = diff(&title, &before, &after);
    if draws {
        // What stayed stands where it stood before.
        let options = DrawOptions { format: Format::LayoutJson, ..DrawOptions::default() };
        let previous = Previous::parse(&draw(&before, &options)?)?;
        args.picture.write(&difference.graph, Heat::None, Some(previous))?;
    }
    match args.json {
        true => say!("{:#}", report(&difference)),
        false => print(&difference),
    }
    Ok(if difference.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(args: &DiffArgs) -> Result<[FlowGraph; 2]> {
    let are_charts = [&args.before, &args.after].map(|input| charts::is_dot(input));
    if are_charts[0] != are_charts[1] {
        let message = "one is a chart and the other a run: `raftlens draw --chart CHART --trace RUN` \
                       lays them over each other, `raftlens check` lists what differs";
        return Err(Usage(message.to_owned()).into());
    }
    if args.before == "-" && args.after == "-" {
        return Err(Usage("only one of both can be standard input".to_owned()).into());
    }
    if are_charts[0] {
        let filters = [("--root", args.root.is_some()), ("--chart", !args.chart.is_empty())];
        if let Some((option, _)) = filters.iter().find(|(_, is_given)| *is_given) {
            return Err(Usage(format!("{option}: charts are compared as a whole")).into());
        }
        return Ok([charts::read_drawn(&args.before, &[])?, charts::read_drawn(&args.after, &[])?]);
    }
    let documented = views::read_charts(&args.chart)?;
    let boxes: Option<Vec<String>> =
        (!documented.is_empty()).then(|| documented.iter().flat_map(charts::boxes).collect());
    let graph = |input: &str| {
        let options =
            Options { root: args.root.clone(), boxes: boxes.clone(), ..Options::default() };
        FlowGraph::from_trace(&input::read(input)?, &options).with_context(|| source_name(input))
    };
    Ok([graph(&args.before)?, graph(&args.after)?])
}

fn print(difference: &Difference) {
    for change in &difference.changes {
        say!("{}", line(change));
    }
    let count = |how: How| difference.changes.iter().filter(|change| change.how == how).count();
    let [new, gone, slower, faster] =
        [How::Added, How::Removed, How::Slower, How::Faster].map(count);
    say!(
        "{new} new, {gone} gone, {slower} slower, {faster} faster; {} the same, or within noise",
        difference.same
    );
}

/// `slower  a -> b: p50 1.00 to 2.00 µs (×2.00), p99 ..., 100 to 100 times`.
fn line(change: &Change) -> String {
    let arrow = match change.kind {
        Some(ArrowKind::Data) => "~>",
        Some(ArrowKind::Call) | None => "->",
    };
    let name = match &change.to {
        Some(to) => format!("{} {arrow} {to}", change.from),
        None => change.from.clone(),
    };
    let mut parts = Vec::new();
    if let (How::Slower | How::Faster, Some(shift)) = (change.how, change.shift) {
        let [p50, p99] = [shift.p50_ns, shift.p99_ns]
            .map(|[before, after]| format!("{} to {}", duration(before), duration(after)));
        parts.push(format!("p50 {p50} (×{:.2})", shift.ratio));
        parts.push(format!("p99 {p99}"));
    }
    match change.counts {
        [0, 0] => {}
        [before, after] => parts.push(format!("{before} to {after} times")),
    }
    let detail = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    format!("{:7} {name}{detail}", change.how.word())
}

fn duration(ns: u64) -> String {
    raftlens_viz::duration(ns)
}

/// The changes for programs; durations in nanoseconds.
fn report(difference: &Difference) -> Value {
    let change = |change: &Change| {
        let kind = change.kind.map(|kind| match kind {
            ArrowKind::Call => "call",
            ArrowKind::Data => "data",
        });
        let shift = change.shift.map(|shift| {
            json!({
                "p50_ns": shift.p50_ns, "p99_ns": shift.p99_ns, "ratio": shift.ratio,
                "longer": shift.longer, "chance": shift.chance,
            })
        });
        json!({
            "change": change.how.word(), "from": change.from, "to": change.to, "kind": kind,
            "counts": change.counts, "latency": shift,
        })
    };
    let changes: Vec<Value> = difference.changes.iter().map(change).collect();
    json!({ "changes": changes, "same": difference.same })
}
