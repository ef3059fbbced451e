//! `raftlens check`: charts against the source that they document, and against what a run did.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use raftlens_viz::check::{CheckOptions, Checked, Fault, check, mend};
use raftlens_viz::{Chart, DotOptions, FlowGraph, Options};
use serde_json::{Value, json};

use crate::output::say;
use crate::{charts, input, output, source};

/// What `raftlens check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Charts as DOT, or folders of them; the folders in a folder are not looked into.
    #[arg(required = true)]
    charts: Vec<PathBuf>,
    /// The Rust source that they document: a crate, a folder of crates, or a file; may be repeated.
    #[arg(long, required = true, value_name = "PATH")]
    source: Vec<PathBuf>,
    /// Correct the calls of the source by an index of it in the format SCIP, which
    /// `rust-analyzer scip .` writes into `index.scip`: what syntax alone cannot tell is told then.
    #[arg(long, value_name = "INDEX.scip")]
    precise: Option<PathBuf>,
    /// What a run did, in any format that is read: every arrow that it took must be in the chart.
    #[arg(long, value_name = "INPUT")]
    trace: Option<String>,
    /// Most functions without a box between the ends of an arrow.
    #[arg(long, value_name = "FUNCTIONS", default_value_t = CheckOptions::default().through)]
    through: usize,
    /// Do not ask for an arrow where the code has a call between two boxes.
    #[arg(long)]
    allow_undrawn: bool,
    /// Print the outcome as JSON on standard output.
    #[arg(long)]
    json: bool,
    /// Mend the charts in place: names, files and arrows, and nothing else of them.
    #[arg(long)]
    write: bool,
}

/// A chart with what was found.
struct Outcome {
    path: PathBuf,
    text: String,
    chart: Chart,
    checked: Checked,
}

pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let paths = files(&args.charts)?;
    let source = source::read(&args.source, args.precise.as_deref())?;
    let run = args.trace.as_deref().map(measured).transpose()?;
    let options = CheckOptions { through: args.through, complete: !args.allow_undrawn };
    let mut outcomes = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let bytes = fs::read(&path).with_context(|| format!("cannot open {name}"))?;
        let dot = DotOptions { file: Some(path.clone()), ..DotOptions::default() };
        let chart = Chart::from_dot(&bytes, &dot).with_context(|| name.clone())?;
        let checked = check(&chart, &source, run.as_ref(), options);
        let text = String::from_utf8(bytes).with_context(|| name.clone())?;
        outcomes.push(Outcome { path, text, chart, checked });
    }
    let mut left = 0;
    for outcome in &outcomes {
        left += match args.write {
            true => write_mended(outcome)?,
            false => outcome.checked.faults.len(),
        };
    }
    match args.json {
        true => say!("{:#}", report(&outcomes)),
        false => print(&outcomes, args.write),
    }
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The files that were named, and those in the folders that were.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in named {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        found.extend(charts::in_folder(path)?);
    }
    Ok(found)
}

/// What a run did, as a graph.
fn measured(trace: &str) -> Result<FlowGraph> {
    let traces = input::read(trace)?;
    FlowGraph::from_trace(&traces, &Options::default()).with_context(|| input::source_name(trace))
}

/// Writes the mended chart; how many faults are left.
fn write_mended(outcome: &Outcome) -> Result<usize> {
    if outcome.checked.faults.is_empty() {
        return Ok(0);
    }
    let mended = mend(&outcome.text, &outcome.chart, &outcome.checked.faults);
    if mended.text != outcome.text {
        output::write_file(&outcome.path, &mended.text)?;
    }
    for fault in &mended.left {
        eprintln!("raftlens: {}: left to you: {fault}", outcome.path.display());
    }
    Ok(mended.left.len())
}

fn print(outcomes: &[Outcome], is_mended: bool) {
    for Outcome { path, checked, .. } in outcomes {
        let name = path.display();
        for fault in &checked.faults {
            say!("{name}: {fault}");
        }
        let Checked { boxes, arrows, not_checked, faults } = checked;
        let faults = match (faults.len(), is_mended) {
            (0, _) => "nothing differs".to_owned(),
            (count, false) => format!("{count} differ: --write mends what is plain"),
            (count, true) => format!("{count} differed"),
        };
        say!(
            "{name}: {boxes} boxes and {arrows} arrows are in the code ({not_checked} arrows are no calls); {faults}"
        );
    }
}

/// The outcome for programs.
fn report(outcomes: &[Outcome]) -> Value {
    let fault = |fault: &Fault| {
        let mut entry = json!({ "kind": fault.kind(), "text": fault.to_string() });
        match fault {
            Fault::NoCode { name, now, .. } => {
                entry["box"] = json!(name);
                entry["now"] = json!(now.as_ref().map(|(now, _)| now));
            }
            Fault::Moved { name, to, .. } => {
                entry["box"] = json!(name);
                entry["now"] = json!(to);
            }
            Fault::NoCall { from, to, .. }
            | Fault::NotDrawn { from, to, .. }
            | Fault::Taken { from, to, .. } => {
                entry["from"] = json!(from);
                entry["to"] = json!(to);
            }
        }
        entry
    };
    let charts = outcomes.iter().map(|Outcome { path, checked, .. }| {
        json!({
            "chart": path.display().to_string(),
            "boxes": checked.boxes,
            "arrows": checked.arrows,
            "not_checked": checked.not_checked,
            "faults": checked.faults.iter().map(fault).collect::<Vec<_>>(),
        })
    });
    json!({ "charts": charts.collect::<Vec<_>>() })
}
