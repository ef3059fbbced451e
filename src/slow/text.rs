//! What was found about slow reads, as lines for a person at a terminal.

use raftlens_tracer::explain::{ClockPair, Clocks, Explained, Group, Operation, Outcome, Sketch};
use raftlens_tracer::write_duration;

use crate::output::say;

/// Limits that move by more than this factor while an input is read are told.
const MOVED: f64 = 1.1;
/// Sentences and places of a group that are told.
const MOST_KINDS: usize = 3;
/// Pairs of clocks that are told one by one.
const MOST_PAIRS: usize = 10;

/// Reads: how many were slow, why, and what sets them apart.
pub(crate) fn reads(explained: &Explained, inputs: &[&str], (top, has_totals): (usize, bool)) {
    let reads = &explained.reads;
    let (all, failed) = (reads.count(), reads.failed());
    say!("{all} reads: {} slow, {failed} failed", reads.judged() - failed);
    clocks(explained);
    if reads.judged() == 0 {
        say!("nothing wrong: no read was slow, none failed");
    }
    let groups = reads.groups();
    for (name, group) in groups.iter().take(top) {
        tell_group(name, group, inputs);
    }
    if groups.len() > top {
        say!("\n{} more groups: --top {}", groups.len() - top, groups.len());
    }
    if reads.ungrouped() > 0 {
        say!("\n{} reads are in groups beyond the first {}", reads.ungrouped(), groups.len());
    }
    let differences = reads.differences();
    if !differences.is_empty() {
        say!("\nwhat sets them apart, by the part of their extra time:");
    }
    for it in differences.iter().take(top) {
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
    if has_totals {
        totals(explained);
    }
    outcomes(reads.outcomes());
}

fn tell_group(name: &str, group: &Group, inputs: &[&str]) {
    let Some(first) = group.slowest.first() else { return };
    let time = write_duration(group.total_ns);
    say!("\n{name}: {} reads, {time} together", group.count);
    for (sentence, count) in group.sentences().iter().take(MOST_KINDS) {
        say!("  {count} of {}: {sentence}", group.count);
    }
    let places = group.places();
    let shown = places.iter().take(MOST_KINDS).map(|(place, count)| format!("{place} ({count})"));
    let more = if places.len() > MOST_KINDS { ", ..." } else { "" };
    say!("  where: {}{more}", shown.collect::<Vec<_>>().join(", "));
    let slowest = write_duration(first.read.duration_ns);
    say!("  the slowest, {slowest}: {}", first.verdict.sentence);
    for line in &first.verdict.evidence {
        say!("    - {line}");
    }
    say!("  next: {}", first.verdict.cause.next_step());
    let input = if let [input] = inputs { input } else { "INPUT" };
    say!("  see:  raftlens explain {input} {}", first.read.trace_id);
}

/// Where the time of all reads went.
fn totals(explained: &Explained) {
    let reads = &explained.reads;
    let whole = reads.durations();
    say!("\nwhere the time of all reads went ({}):", quantiles(whole));
    for it in reads.states() {
        let share = it.times.sum_ns() as f64 / whole.sum_ns().max(1) as f64 * 100.0;
        let (state, count) = (it.state, it.times.count());
        say!("  {share:5.1} %  {state:<15} of {count} reads, {}", quantiles(&it.times));
    }
    say!("what was slow:");
    for limit in reads.limits() {
        let (asked, from) = (limit.asked.as_str(), write_duration(limit.last_ns));
        say!("  {asked} reads: from {from} on, of {}", limit.reads);
    }
}

/// Requests that are no reads: what was on their critical paths.
pub(crate) fn requests(explained: &Explained, source: &str, top: usize) {
    let paths = &explained.paths;
    let whole = paths.durations();
    say!("{source}: no Raft wait states were found");
    clocks(explained);
    let together = u64::try_from(whole.sum_ns()).unwrap_or(u64::MAX);
    say!("critical path of {} requests, {} together:", whole.count(), write_duration(together));
    if whole.count() > 1 {
        say!("  each: {}", quantiles(whole));
    }
    let operations = paths.operations();
    let shown = operations.iter().filter(|it| it.spans > 0);
    for operation in shown.take(top) {
        tell_operation(operation, &operations, whole.sum_ns());
    }
    outcomes(paths.outcomes());
}

fn tell_operation(it: &Operation, all: &[&Operation], whole_ns: u128) {
    let share = it.on_path.sum_ns() as f64 / whole_ns.max(1) as f64 * 100.0;
    let time = write_duration(u64::try_from(it.on_path.sum_ns()).unwrap_or(u64::MAX));
    let is_alone = all.iter().filter(|other| other.name == it.name).count() == 1;
    let service = if is_alone { String::new() } else { format!("[{}] ", it.service) };
    let mut details = format!("{} spans", it.spans);
    if it.on_path.count() > 1 {
        details += &format!("; {} in each request", quantiles(&it.on_path));
    }
    if let Some(slack) = it.slack.quantile_ns(0.5) {
        let count = it.slack.count();
        details += &format!("; {count} more beside it, slack p50 {}", write_duration(slack));
    }
    say!("  {share:5.1} %  {time:>9}  {service}{} ({details})", it.name);
}

fn quantiles(times: &Sketch) -> String {
    let at = |share| times.quantile_ns(share).map_or_else(|| "none".to_owned(), write_duration);
    format!("p50 {}, p99 {}", at(0.5), at(0.99))
}

fn outcomes(outcomes: &[Outcome]) {
    for it in outcomes {
        say!("\nif {}: {} of {} requests change", it.what_if, it.with, it.before.count());
        for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
            let (Some(before), Some(after)) =
                (it.before.quantile_ns(share), it.after.quantile_ns(share))
            else {
                continue;
            };
            let change = match before.cmp(&after) {
                std::cmp::Ordering::Equal => "stays".to_owned(),
                std::cmp::Ordering::Greater => {
                    format!("falls by {}", write_duration(before - after))
                }
                std::cmp::Ordering::Less => format!("rises by {}", write_duration(after - before)),
            };
            let (before, after) = (write_duration(before), write_duration(after));
            say!("  {name} {change}: {before} -> {after}");
        }
    }
}

fn clocks(explained: &Explained) {
    for line in clock_lines(&explained.clocks) {
        say!("{line}");
    }
}

/// Clocks that differ, one line each; those that may agree are not worth one.
pub(crate) fn clock_lines(clocks: &Clocks) -> Vec<String> {
    let pairs = clocks.pairs();
    let differ: Vec<_> = pairs.iter().filter(|it| it.ahead_ns != Some(0) || it.has_moved).collect();
    let told = differ.iter().take(MOST_PAIRS).map(|pair| format!("clocks: {}", tell_pair(pair)));
    let mut lines: Vec<String> = told.collect();
    if differ.len() > MOST_PAIRS {
        lines.push(format!("clocks: {} more pairs differ", differ.len() - MOST_PAIRS));
    }
    if clocks.has_left_out() {
        lines.push("clocks: there are so many nodes that some were not compared".to_owned());
    }
    lines
}

fn tell_pair(pair: &ClockPair) -> String {
    let ClockPair { node, against, interval, .. } = pair;
    let signed = |ns: i64| {
        let sign = if ns < 0 { "-" } else { "" };
        format!("{sign}{}", write_duration(ns.unsigned_abs()))
    };
    let moved = if pair.has_moved { "; it changed during the input" } else { "" };
    let Some(ahead_ns) = pair.ahead_ns else {
        return format!(
            "messages between {node} and {against} contradict each other, as when a clock is set: \
             each trace was moved on its own{moved}"
        );
    };
    let bounds = match (interval.at_least_ns, interval.at_most_ns) {
        (Some(least), Some(most)) => format!("{} to {}", signed(least), signed(most)),
        (Some(least), None) => format!("at least {}", signed(least)),
        (None, Some(most)) => format!("at most {}", signed(most)),
        (None, None) => "unbounded".to_owned(),
    };
    let direction = if ahead_ns < 0 { "behind" } else { "ahead of" };
    format!(
        "{node} is {} {direction} {against} ({bounds}, from {} messages), corrected{moved}",
        write_duration(ahead_ns.unsigned_abs()),
        interval.messages
    )
}

/// What could not be used as it should, one line each.
pub(crate) fn unfit(explained: &Explained) -> Vec<String> {
    let unfit = &explained.unfit;
    let is_whole = explained.whole.is_some();
    let mut lines = Vec::new();
    let mut say = |count: u64, words: String| {
        if count > 0 {
            lines.push(words);
        }
    };
    let count = explained.missing_carriers;
    let place = if is_whole { "in the input" } else { "within the window (--window-bytes)" };
    say(count, format!("{count} reads joined a carrier that was not {place}"));
    let count = unfit.late_spans;
    say(count, format!("{count} spans came after their trace was explained (--window-bytes)"));
    let count = unfit.cut_traces;
    say(
        count,
        format!("{count} traces outgrew the window and were explained in part (--window-bytes)"),
    );
    let count = unfit.left_out_spans;
    say(count, format!("{count} spans of such traces were left out"));
    let count = explained.paths.without_root() as u64;
    let are_requests = explained.reads.count() == 0;
    say(
        if are_requests { count } else { 0 },
        format!("{count} requests begin with a span whose caller is not there: they may be parts"),
    );
    for limit in explained.reads.limits() {
        let (first, last) = (limit.first_ns.max(1) as f64, limit.last_ns.max(1) as f64);
        if (first / last).max(last / first) > MOVED {
            let asked = limit.asked.as_str();
            lines.push(format!(
                "what counts as slow ({asked} reads) went from {} to {} while the input was read: \
                 --threshold fixes it",
                write_duration(limit.first_ns),
                write_duration(limit.last_ns)
            ));
        }
    }
    lines
}
