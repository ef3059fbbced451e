//! `raftlens explain`: one trace as a numbered story, with where its time went and why.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use raftlens_tracer::assemble::Assembly;
use raftlens_tracer::explain::{
    Attribution, CriticalPath, Doing, Held, Verdict, WaitState, attribute, clocks, critical_path,
    judge, reads, verdict::Usual,
};
use raftlens_tracer::model::{ArcStr, TraceId};
use raftlens_tracer::write_duration;
use serde_json::{Value, json};

use crate::cmd::draw::parse_trace_id;
use crate::input::{read_all, source_name};
use crate::output::say;
use crate::slow::text;

/// Steps of a critical path that are shown; the shortest are left out.
const STEPS: usize = 30;

/// What `raftlens explain` takes.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The traces, as for `raftlens draw`, from one input or several, and the id of the one to explain,
    /// before or behind them.
    #[arg(required = true, num_args = 2.., value_names = ["INPUT", "TRACE_ID"])]
    words: Vec<String>,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
}

impl ExplainArgs {
    /// The id, and the inputs. A file may have a name that could be an id, so the last word goes first.
    fn parse(&self) -> Result<(TraceId, &[String])> {
        let Some((last, before)) = self.words.split_last() else { bail!("name a trace") };
        let (id, error) = match parse_trace_id(last) {
            Ok(id) => return Ok((id, before)),
            Err(error) => (before.first().and_then(|first| parse_trace_id(first).ok()), error),
        };
        id.map(|id| (id, self.words.get(1..).unwrap_or_default())).ok_or(error)
    }
}

pub(crate) fn run(args: &ExplainArgs) -> Result<ExitCode> {
    let (trace_id, inputs) = args.parse()?;
    let mut traces = read_all(inputs)?;
    let clocks = clocks::correct(&mut traces);
    let assembly = Assembly::new(&traces);
    let all: Vec<_> =
        reads(&assembly).into_iter().filter_map(|root| attribute(&assembly, root)).collect();
    let usual = Usual::of(&all);
    let own: Vec<&Attribution> = all.iter().filter(|read| read.trace_id == trace_id).collect();
    let spans = &traces.spans;
    let is_own = |root: &usize| spans.get(*root).is_some_and(|span| span.trace_id == trace_id);
    let Some(root) = own.first().map(|it| it.root).or_else(|| assembly.roots().find(is_own)) else {
        let names: Vec<_> = inputs.iter().map(|input| source_name(input)).collect();
        bail!("{}: there is no trace {trace_id}", names.join(", "));
    };
    let path = critical_path(&assembly, root);
    let stories: Vec<_> = own.iter().map(|it| (*it, judge(it, &usual))).collect();
    if args.json {
        say!("{:#}", as_json(trace_id, &assembly, &path, &stories));
        return Ok(ExitCode::SUCCESS);
    }
    if stories.is_empty() {
        say!("trace {trace_id}: no Raft wait states were found");
    }
    for (read, verdict) in &stories {
        tell(read, verdict);
    }
    print_path(&assembly, &path);
    for line in text::clock_lines(&clocks) {
        say!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(read: &Attribution, verdict: &Verdict) {
    say!("read of trace {}: {}", read.trace_id, write_duration(read.duration_ns));
    say!("verdict: {} ({})", verdict.sentence, verdict.cause.as_str());
    for line in &verdict.evidence {
        say!("  - {line}");
    }
    say!("next: {}\n", verdict.cause.next_step());
    for (at, (question, answer)) in answers(read).iter().enumerate() {
        say!("{:2}. {question}: {answer}", at + 1);
    }
    say!("\nwhere its time went:");
    for (state, time) in shares(read) {
        let share = time as f64 / read.duration_ns.max(1) as f64 * 100.0;
        say!("  {share:5.1} %  {:>9}  {state}", write_duration(time));
    }
    say!("");
}

/// Nanoseconds of each state that took time.
fn shares(read: &Attribution) -> Vec<(WaitState, u64)> {
    let times = WaitState::ALL.iter().map(|state| (*state, read.in_state_ns(*state)));
    times.filter(|(_, time)| *time > 0).collect()
}

/// What a read must answer from its trace alone; what is not recorded is said to be so.
fn answers(read: &Attribution) -> Vec<(&'static str, String)> {
    let facts = &read.facts;
    let unsaid = || "not recorded".to_owned();
    let text = |value: &Option<ArcStr>| value.as_deref().map_or_else(unsaid, str::to_owned);
    let time = |state| write_duration(read.in_state_ns(state));
    let start = read.shares.first().map_or(0, |share| share.from_ns);
    let since = |at: u64| write_duration(at.saturating_sub(start));
    let lease = match (&facts.lease, facts.lease_remaining_ns) {
        (None, _) => unsaid(),
        (Some(state), remaining) => {
            let left = remaining.and_then(|it| u64::try_from(it).ok()).map(write_duration);
            let left = left.map(|it| format!(", {it} left")).unwrap_or_default();
            let by = facts.lease_renewed_by.as_deref();
            let by = by.map(|it| format!(", last renewed by {it}")).unwrap_or_default();
            format!("{state}{left}{by}")
        }
    };
    let acks: Vec<_> = facts
        .acks
        .iter()
        .map(|ack| format!("store {} after {}", ack.store, since(ack.at_ns)))
        .collect();
    let questions: Vec<_> = facts.questions_ns.iter().map(|at| since(*at)).collect();
    let retries = match (questions.len(), &facts.error) {
        (0 | 1, None) => "none recorded".to_owned(),
        (0 | 1, Some(error)) => error.to_string(),
        (count, _) => format!("the leader was asked {count} times, after {}", questions.join(", ")),
    };
    let hop = match facts.leader {
        None => "none recorded".to_owned(),
        Some(leader) => format!(
            "asked store {leader} in {}, answered in {}, held up on the way for {}",
            time(WaitState::AskLeader),
            time(WaitState::LeaderAnswer),
            time(WaitState::HopMailbox)
        ),
    };
    let carrier = match (facts.carrier, facts.batch) {
        (Some((trace, span)), reads) => {
            format!("span {span} of trace {trace}, whose quorum it shared as one of {reads} reads")
        }
        (None, 0 | 1) if facts.joined_renewal => "no read: a renewal of the lease".to_owned(),
        (None, 0 | 1) => "joined none".to_owned(),
        (None, reads) if facts.joined_renewal => {
            format!("no read: a renewal of the lease, whose quorum {reads} reads shared")
        }
        (None, reads) => format!("joined none; {reads} reads shared its quorum"),
    };
    let last = facts.last.as_ref().map(|(name, store)| match store {
        Some(store) => format!("{name} on store {store}"),
        None => name.to_string(),
    });
    let listed = |items: Vec<String>| if items.is_empty() { unsaid() } else { items.join(", ") };
    vec![
        ("served by", text(&facts.mode)),
        ("sent to the raftstore for", text(&facts.reject)),
        ("lease", lease),
        ("mailbox, poll batch", mailbox(read)),
        ("carrier", carrier),
        ("acknowledged by", listed(acks)),
        (
            "quorum, apply, head of line",
            format!(
                "{}, {}, {}",
                time(WaitState::Quorum),
                write_duration(
                    read.in_state_ns(WaitState::ApplyLag) + read.in_state_ns(WaitState::Install)
                ),
                time(WaitState::HeadOfLine)
            ),
        ),
        ("follower hop", hop),
        ("retries, changes of roles", retries),
        (
            "snapshot",
            match facts.mode.as_deref() {
                Some("lease_shared") => "shared with an earlier read".to_owned(),
                _ => time(WaitState::EngineSnapshot),
            },
        ),
        ("last stage", last.unwrap_or_else(unsaid)),
        ("delayed by others", delayed_by(read)),
    ]
}

/// How long the read lay in the mailbox and in its poller's batch, and what the raft thread did then.
fn mailbox(read: &Attribution) -> String {
    let time = |state| write_duration(read.in_state_ns(state));
    let waits = format!("{}, {}", time(WaitState::Mailbox), time(WaitState::PollBatch));
    let Some(stay) = read.facts.stay else { return waits };
    let (Some(disk), Some(poller)) = (stay.disk_ns, stay.poller_ns) else { return waits };
    let nobody = stay.wait_ns.saturating_sub(disk).saturating_sub(poller);
    let [disk, poller, nobody] = [disk, poller, nobody].map(write_duration);
    format!(
        "{waits}; the raft thread waited for its disk {disk}, served regions {poller}, did not run {nobody}"
    )
}

/// What other requests had to do with its wait.
fn delayed_by(read: &Attribution) -> String {
    let mut others = Vec::new();
    if let Some((trace, span)) = read.facts.in_front {
        others.push(format!("the read in front, span {span} of trace {trace}"));
    }
    for stay in read.facts.stays() {
        if let (Held::Poller, Some(region), Some(store)) =
            (stay.largest().0, stay.region, stay.store)
        {
            others.push(format!("region {region}, which kept the raft thread of store {store}"));
        }
    }
    if let Some((trace, span)) = read.facts.carrier {
        others.push(format!("its carrier, span {span} of trace {trace}"));
    }
    if others.is_empty() { "none recorded".to_owned() } else { others.join("; ") }
}

fn print_path(assembly: &Assembly<'_>, path: &CriticalPath) {
    let spans = &assembly.traces().spans;
    let name = |span: usize| spans.get(span).map_or("", |span| &*span.name);
    let start = path.steps.first().map_or(0, |step| step.from_ns);
    let mut shown: Vec<usize> = (0..path.steps.len()).collect();
    let duration = |at: usize| path.steps.get(at).map_or(0, |step| step.duration_ns());
    shown.sort_by_key(|at| std::cmp::Reverse(duration(*at)));
    shown.truncate(STEPS);
    shown.sort_unstable();
    say!("critical path, {} of {} steps:", shown.len(), path.steps.len());
    for step in shown.iter().filter_map(|at| path.steps.get(*at)) {
        let words = match step.doing {
            Doing::Running => name(step.span).to_owned(),
            Doing::HandedOver { from } => format!("{} -> {}", name(from), name(step.span)),
        };
        let at = write_duration(step.from_ns.saturating_sub(start));
        say!("  {at:>9}  {:>9}  {words}", write_duration(step.duration_ns()));
    }
}

fn as_json(
    trace_id: TraceId,
    assembly: &Assembly<'_>,
    path: &CriticalPath,
    stories: &[(&Attribution, Verdict)],
) -> Value {
    let spans = &assembly.traces().spans;
    let name = |span: usize| spans.get(span).map(|span| span.name.to_string());
    let step = |step: &raftlens_tracer::explain::Step| {
        let from = match step.doing {
            Doing::Running => None,
            Doing::HandedOver { from } => name(from),
        };
        json!({
            "operation": name(step.span), "handed_over_by": from,
            "from_ns": step.from_ns, "to_ns": step.to_ns,
        })
    };
    let share = |(state, time): (WaitState, u64)| json!({"state": state.as_str(), "ns": time});
    let story = |(read, verdict): &(&Attribution, Verdict)| {
        let answer =
            |(question, answer): (&str, String)| json!({"what": question, "answer": answer});
        json!({
            "duration_ns": read.duration_ns,
            "cause": verdict.cause.as_str(),
            "verdict": verdict.sentence,
            "evidence": verdict.evidence,
            "next": verdict.cause.next_step(),
            "answers": answers(read).into_iter().map(answer).collect::<Vec<_>>(),
            "shares": shares(read).into_iter().map(share).collect::<Vec<_>>(),
        })
    };
    json!({
        "trace_id": trace_id.to_string(),
        "reads": stories.iter().map(story).collect::<Vec<_>>(),
        "critical_path": path.steps.iter().map(step).collect::<Vec<_>>(),
    })
}
