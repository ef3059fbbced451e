//! `raftlens slow`: which reads were slow, why, and what sets them apart from the others.
//!
//! The input is read once, span by span, in memory that does not grow with it; see the module
//! `explainer` of the tracer crate for how, and for what is kept. What is found is printed by
//! `slow/text.rs` and `slow/json.rs`, and drawn by `slow/charts.rs`.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use raftlens_tracer::explain::{self, Cause, Explained, Explainer, Settings, WaitState, WhatIf};
use raftlens_tracer::model::TraceSet;
use raftlens_tracer::parse_duration;

use crate::cmd::Usage;
use crate::input::{Inputs, source_name};
use crate::output::say;
use crate::score;
use crate::slow::{charts, json, text};

/// The least window in which a trace of usual size fits several times.
const LEAST_WINDOW: usize = 1 << 20;

/// What `raftlens slow` takes.
#[derive(Debug, Args)]
pub(crate) struct SlowArgs {
    /// The traces, as for `raftlens draw`; several inputs are read side by side, by the times in them.
    /// With --score, the folder of planted runs.
    #[arg(required_unless_present = "from", value_name = "INPUT")]
    inputs: Vec<String>,
    /// The same, by name.
    #[arg(long, value_name = "INPUT", conflicts_with = "inputs")]
    from: Option<String>,
    /// What is slow, such as 5ms. Without it: three times the median of the same kind (of leaders,
    /// with a quorum, of replicas, scans), and 1 ms.
    #[arg(long, value_name = "TIME", value_parser = parse_threshold)]
    threshold: Option<Duration>,
    /// Show so many groups, and so many differences.
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// What slow reads are grouped by.
    #[arg(long, default_value = "cause")]
    group_by: GroupBy,
    /// Say also where the time of all reads went.
    #[arg(long)]
    totals: bool,
    /// Say also how durations would change if something took another time: a wait state of reads
    /// such as quorum=-2ms, an operation of other requests such as "GET /cart=-50%". May be repeated.
    #[arg(long, value_name = "NAME=-TIME")]
    what_if: Vec<WhatIf>,
    /// How many bytes of spans may lie between those that belong together. Traces whose spans are
    /// further apart, and reads further from those that they waited with, are explained in part.
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().window_bytes)]
    window_bytes: usize,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Draw a chart for each group into this folder, its slow arrows in warm colours.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Compare the verdicts with what was planted, as this file says.
    #[arg(
        long,
        value_name = "truth.json",
        conflicts_with_all = ["from", "out", "group_by", "totals", "what_if"]
    )]
    score: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GroupBy {
    Cause,
    Region,
    Store,
    Mode,
}

impl SlowArgs {
    fn inputs(&self) -> Vec<&str> {
        match &self.from {
            Some(input) => vec![input],
            None => self.inputs.iter().map(String::as_str).collect(),
        }
    }

    fn threshold_ns(&self) -> Option<u64> {
        self.threshold.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX))
    }

    fn settings(&self) -> Settings {
        Settings {
            window_bytes: self.window_bytes.max(LEAST_WINDOW),
            threshold_ns: self.threshold_ns(),
            group_by: match self.group_by {
                GroupBy::Cause => explain::GroupBy::Cause,
                GroupBy::Region => explain::GroupBy::Region,
                GroupBy::Store => explain::GroupBy::Store,
                GroupBy::Mode => explain::GroupBy::Mode,
            },
            keep: self.top,
            what_if: self.what_if.clone(),
        }
    }
}

pub(crate) fn run(args: &SlowArgs) -> Result<ExitCode> {
    let inputs = args.inputs();
    if let Some(truth) = &args.score {
        let [folder] = inputs[..] else {
            return Err(Usage("--score: name one folder".to_owned()).into());
        };
        return score::run(Path::new(folder), truth, args.json, |traces| {
            causes_of(traces, args.threshold_ns())
        });
    }
    let explained = explain(args, &inputs)?;
    warn(args, &explained);
    if explained.reads.count() == 0 {
        match args.json {
            true => say!("{:#}", json::requests(&explained, args.top)),
            false => text::requests(&explained, &names(&inputs), args.top),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.json {
        say!("{:#}", json::reads(&explained, args.top));
    } else {
        text::reads(&explained, &inputs, (args.top, args.totals));
    }
    if let Some(folder) = &args.out {
        charts::draw(folder, &explained, &inputs)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn names(inputs: &[&str]) -> String {
    inputs.iter().map(|it| source_name(it)).collect::<Vec<_>>().join(", ")
}

fn explain(args: &SlowArgs, inputs: &[&str]) -> Result<Explained> {
    let mut explainer = Explainer::new(args.settings());
    let mut open = Inputs::open(inputs, args.window_bytes / 2)?;
    while let Some(batch) = open.next_batch()? {
        explainer.add(batch);
    }
    let explained = explainer.finish();
    open.warn(explained.whole.as_ref());
    Ok(explained)
}

/// Says on standard error what could not be known, and why.
fn warn(args: &SlowArgs, explained: &Explained) {
    for line in text::unfit(explained) {
        eprintln!("raftlens: {line}");
    }
    let is_read = explained.reads.count() > 0;
    for what_if in &args.what_if {
        let is_state = WaitState::ALL.iter().any(|it| what_if.is_of(it.as_str()));
        let operations = explained.paths.operations();
        let is_known = match is_read {
            true => is_state,
            false => operations.iter().any(|it| what_if.is_of(&it.name)),
        };
        if !is_known {
            let what = if is_read { "wait state" } else { "operation on a critical path" };
            eprintln!("raftlens: --what-if {}: there is no such {what}", what_if.name);
        }
    }
}

/// The causes of all slow or failed reads, the most reads first.
fn causes_of(traces: &TraceSet, threshold_ns: Option<u64>) -> Vec<Cause> {
    // The traces are in memory already, so the window may take them whole.
    let window_bytes = usize::MAX / 2;
    let mut explainer =
        Explainer::new(Settings { window_bytes, threshold_ns, ..Settings::default() });
    explainer.add(traces.clone());
    let reads = explainer.finish().reads;
    let groups = reads.groups().into_iter();
    let counted = groups.filter_map(|(_, it)| Some((it.slowest.first()?.verdict.cause, it.count)));
    let mut causes: Vec<_> = counted.collect();
    causes.sort_by_key(|(cause, count)| (Reverse(*count), *cause));
    causes.into_iter().map(|(cause, _)| cause).collect()
}

fn parse_threshold(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time such as 5ms or 200us".to_owned())
}
