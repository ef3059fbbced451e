//! `raftlens slow`: which reads were slow, why, and what sets them apart from the others.
//!
//! The input is read whole, so memory grows with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::explain::{
    Asked, Attribution, Cause, Difference, Verdict, attribute, contrast, judge, reads,
};
use raftlens_tracer::explain::{
    critical_path,
    verdict::{Usual, median},
};
use raftlens_tracer::model::TraceSet;
use raftlens_tracer::{parse_duration, write_duration};
use raftlens_viz::{DrawOptions, FlowGraph, Heat, Options, draw};
use serde_json::{Value, json};

use crate::input::{read, source_name};
use crate::output;
use crate::output::say;
use crate::score;

/// A read is slow if it took so many times the median of its kind, and at least [`LEAST_NS`].
const SLOW: u64 = 3;
/// Below this nobody calls a read slow who has not said what slow is.
const LEAST_NS: u64 = 1_000_000;

/// What `raftlens slow` takes.
#[derive(Debug, Args)]
pub(crate) struct SlowArgs {
    /// The traces, as for `raftlens draw`; with --score, the folder of planted runs.
    #[arg(required_unless_present = "from", default_value = "", hide_default_value = true)]
    input: String,
    /// The same, by name.
    #[arg(long, value_name = "INPUT", conflicts_with = "input")]
    from: Option<String>,
    /// What is slow, such as 5ms. Without it: three times the median of the same kind (of leaders,
    /// with a quorum, of replicas), and 1 ms.
    #[arg(long, value_name = "TIME", value_parser = parse_threshold)]
    threshold: Option<Duration>,
    /// Show so many groups, and so many differences.
    #[arg(long, default_value_t = 10)]
    top: usize,
    /// What slow reads are grouped by.
    #[arg(long, default_value = "cause")]
    group_by: GroupBy,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Draw a chart for each group into this folder, its slow arrows in warm colours.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Compare the verdicts with what was planted, as this file says.
    #[arg(long, value_name = "truth.json", conflicts_with_all = ["from", "out", "group_by"])]
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
    fn input(&self) -> &str {
        self.from.as_deref().unwrap_or(&self.input)
    }

    fn threshold_ns(&self) -> Option<u64> {
        self.threshold.map(|it| u64::try_from(it.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A read that was slow or failed, and why.
struct Judged {
    read: usize,
    verdict: Verdict,
}

/// What was found in one set of traces.
struct Findings {
    reads: Vec<Attribution>,
    judged: Vec<Judged>,
}

pub(crate) fn run(args: &SlowArgs) -> Result<ExitCode> {
    if let Some(truth) = &args.score {
        return score::run(Path::new(args.input()), truth, args.json, |traces| {
            causes_of(traces, args.threshold_ns())
        });
    }
    let traces = read(args.input())?;
    let assembly = Assembly::new(&traces);
    let findings = find(&assembly, args.threshold_ns());
    if findings.reads.is_empty() {
        return without_reads(args, &assembly);
    }
    let groups = groups(&findings, args.group_by);
    let differences = differences(&findings);
    if args.json {
        say!("{:#}", as_json(&findings, &groups, &differences, args.top));
    } else {
        print_findings(args, &findings, &groups, &differences);
    }
    if let Some(folder) = &args.out {
        draw_groups(folder, &traces, &findings, &groups)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The causes of all slow or failed reads, the most reads first.
fn causes_of(traces: &TraceSet, threshold_ns: Option<u64>) -> Vec<Cause> {
    let findings = find(&Assembly::new(traces), threshold_ns);
    let mut counts: BTreeMap<Cause, usize> = BTreeMap::new();
    for judged in &findings.judged {
        *counts.entry(judged.verdict.cause).or_default() += 1;
    }
    let mut causes: Vec<_> = counts.into_iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    causes.into_iter().map(|(cause, _)| cause).collect()
}

fn find(assembly: &Assembly<'_>, threshold_ns: Option<u64>) -> Findings {
    let roots = reads(assembly);
    let reads: Vec<_> = roots.into_iter().filter_map(|root| attribute(assembly, root)).collect();
    let usual = Usual::of(&reads);
    let medians = medians(&reads);
    let is_slow = |read: &Attribution| {
        let limit = threshold_ns.unwrap_or_else(|| {
            let median = medians.get(&read.facts.asked).copied().unwrap_or(0);
            median.saturating_mul(SLOW).max(LEAST_NS)
        });
        read.duration_ns >= limit || read.facts.error.is_some()
    };
    let slow = reads.iter().enumerate().filter(|(_, read)| is_slow(read));
    let judged =
        slow.map(|(index, it)| Judged { read: index, verdict: judge(it, &usual) }).collect();
    Findings { reads, judged }
}

/// The median duration of the reads of each kind. What was asked for counts, not the way in which it
/// was served: a read that should have needed no quorum is slow for having needed one.
fn medians(reads: &[Attribution]) -> BTreeMap<Asked, u64> {
    let mut durations: BTreeMap<Asked, Vec<u64>> = BTreeMap::new();
    for read in reads {
        durations.entry(read.facts.asked).or_default().push(read.duration_ns);
    }
    let medians = durations.into_iter();
    medians.filter_map(|(asked, all)| Some((asked, median(all)?))).collect()
}

/// Slow reads that have the same key, as indices into the judged ones, the slowest first.
struct Group {
    name: String,
    members: Vec<usize>,
    total_ns: u64,
}

fn groups(findings: &Findings, by: GroupBy) -> Vec<Group> {
    let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, judged) in findings.judged.iter().enumerate() {
        let Some(read) = findings.reads.get(judged.read) else { continue };
        let number = |name: &str, value: Option<i64>| {
            value.map_or_else(|| format!("no {name}"), |it| format!("{name} {it}"))
        };
        let name = match by {
            GroupBy::Cause => judged.verdict.cause.as_str().to_owned(),
            GroupBy::Region => number("region", read.facts.region),
            GroupBy::Store => number("store", read.facts.store),
            GroupBy::Mode => read.facts.mode.clone().unwrap_or_else(|| "failed".to_owned()),
        };
        found.entry(name).or_default().push(index);
    }
    let duration = |index: &usize| duration_of(findings, *index);
    let group = |(name, mut members): (String, Vec<usize>)| {
        members.sort_by_key(|index| std::cmp::Reverse(duration(index)));
        let total_ns = members.iter().map(duration).sum();
        Group { name, members, total_ns }
    };
    let mut groups: Vec<Group> = found.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.total_ns));
    groups
}

fn duration_of(findings: &Findings, judged: usize) -> u64 {
    let judged = findings.judged.get(judged);
    judged.and_then(|it| findings.reads.get(it.read)).map_or(0, |read| read.duration_ns)
}

fn differences(findings: &Findings) -> Vec<Difference> {
    let mut is_judged = vec![false; findings.reads.len()];
    for judged in &findings.judged {
        if let Some(it) = is_judged.get_mut(judged.read) {
            *it = true;
        }
    }
    let pick = |wanted: bool| {
        let marked = findings.reads.iter().zip(&is_judged);
        marked.filter(|(_, is)| **is == wanted).map(|(read, _)| read).collect::<Vec<_>>()
    };
    contrast(&pick(true), &pick(false))
}

fn print_findings(
    args: &SlowArgs,
    findings: &Findings,
    groups: &[Group],
    differences: &[Difference],
) {
    let failed = findings.reads.iter().filter(|read| read.facts.error.is_some()).count();
    let (slow, all) = (findings.judged.len() - failed, findings.reads.len());
    say!("{all} reads: {slow} slow, {failed} failed");
    if findings.judged.is_empty() {
        say!("nothing wrong: no read was slow, none failed");
        return;
    }
    for group in groups.iter().take(args.top) {
        let Some(first) = group.members.first().and_then(|it| findings.judged.get(*it)) else {
            continue;
        };
        let Some(read) = findings.reads.get(first.read) else { continue };
        let time = write_duration(group.total_ns);
        say!("\n{}: {} reads, {time} together", group.name, group.members.len());
        say!("  the slowest: {}", first.verdict.sentence);
        for line in &first.verdict.evidence {
            say!("    - {line}");
        }
        say!("  next: {}", first.verdict.cause.next_step());
        say!("  see:  raftlens explain {} {}", args.input(), read.trace_id);
    }
    if groups.len() > args.top {
        say!("\n{} more groups: --top {}", groups.len() - args.top, groups.len());
    }
    if !differences.is_empty() {
        say!("\nwhat sets them apart, by the part of their extra time:");
    }
    for it in differences.iter().take(args.top) {
        say!(
            "  {:5.1} %  {}: {} of {} slow, {} of {} others",
            it.share * 100.0,
            it.what,
            it.slow_with,
            it.slow,
            it.normal_with,
            it.normal
        );
    }
}

fn as_json(findings: &Findings, groups: &[Group], differences: &[Difference], top: usize) -> Value {
    let read = |index: &usize| {
        let judged = findings.judged.get(*index)?;
        let read = findings.reads.get(judged.read)?;
        Some(json!({
            "trace_id": read.trace_id.to_string(),
            "duration_ns": read.duration_ns,
            "cause": judged.verdict.cause.as_str(),
            "verdict": judged.verdict.sentence,
            "evidence": judged.verdict.evidence,
            "next": judged.verdict.cause.next_step(),
        }))
    };
    let group = |group: &Group| {
        json!({
            "name": group.name,
            "count": group.members.len(),
            "total_ns": group.total_ns,
            "slowest": group.members.iter().take(top).filter_map(read).collect::<Vec<_>>(),
        })
    };
    let difference = |it: &Difference| {
        json!({
            "what": it.what, "share": it.share,
            "slow_with": it.slow_with, "slow": it.slow,
            "normal_with": it.normal_with, "normal": it.normal,
        })
    };
    json!({
        "reads": findings.reads.len(),
        "judged": findings.judged.len(),
        "failed": findings.reads.iter().filter(|read| read.facts.error.is_some()).count(),
        "groups": groups.iter().take(top).map(group).collect::<Vec<_>>(),
        "differences": differences.iter().take(top).map(difference).collect::<Vec<_>>(),
    })
}

/// One chart for each group, of the traces of its reads.
fn draw_groups(
    folder: &Path,
    traces: &TraceSet,
    findings: &Findings,
    groups: &[Group],
) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for group in groups {
        let judged = group.members.iter().filter_map(|it| findings.judged.get(*it));
        let ids: std::collections::BTreeSet<_> =
            judged.filter_map(|it| findings.reads.get(it.read)).map(|read| read.trace_id).collect();
        let spans = traces.spans.iter().filter(|span| ids.contains(&span.trace_id));
        let part =
            TraceSet { resources: traces.resources.clone(), spans: spans.cloned().collect() };
        let title = format!("{}: {} reads", group.name, group.members.len());
        let options = Options { title, ..Options::default() };
        let graph = FlowGraph::from_trace(&part, &options).context(group.name.clone())?;
        let picture = draw(&graph, &DrawOptions { heat: Heat::P99, ..DrawOptions::default() })?;
        let path = folder.join(format!("{}.svg", group.name.replace(' ', "_")));
        output::write_file(&path, picture)?;
        eprintln!("raftlens: wrote {}", path.display());
    }
    Ok(())
}

/// Requests of other services: the critical path of each root, summed by operation.
fn without_reads(args: &SlowArgs, assembly: &Assembly<'_>) -> Result<ExitCode> {
    let spans = &assembly.traces().spans;
    let mut on_path: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    let mut roots: Vec<usize> = assembly.roots().collect();
    let limit = args.threshold_ns().unwrap_or(0);
    roots.retain(|root| spans.get(*root).is_some_and(|span| span.duration_ns() >= limit));
    let mut total = 0_u64;
    for root in &roots {
        for (span, time) in critical_path(assembly, *root).by_span() {
            let Some(span) = spans.get(span) else { continue };
            let sum = on_path.entry(&span.name).or_default();
            *sum = (sum.0.saturating_add(time), sum.1 + 1);
            total = total.saturating_add(time);
        }
    }
    let mut rows: Vec<_> = on_path.into_iter().collect();
    rows.sort_by_key(|(name, (time, _))| (std::cmp::Reverse(*time), *name));
    rows.truncate(args.top);
    if args.json {
        let row = |(name, (time, count)): &(&str, (u64, usize))| json!({"operation": name, "on_path_ns": time, "spans": count});
        let operations: Vec<_> = rows.iter().map(row).collect();
        say!("{:#}", json!({"reads": 0, "requests": roots.len(), "operations": operations}));
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}: no Raft wait states were found", source_name(args.input()));
    say!("critical path of {} requests, {} together:", roots.len(), write_duration(total));
    for (name, (time, count)) in rows {
        let share = time as f64 / total.max(1) as f64 * 100.0;
        say!("  {share:5.1} %  {:>9}  {name} ({count} spans)", write_duration(time));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse_threshold(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(|| "a time such as 5ms or 200us".to_owned())
}
