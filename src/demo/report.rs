//! The table on the terminal: for each mode, how many reads, how long, and where the time went.
//! Everything in it comes from the traces.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use raftlens_tracer::model::{Span, TraceSet, Value};
use serde_json::json;

/// Where a read's time can have gone, by the attribute that says how much.
const WAITS: [(&str, &str); 5] = [
    ("wait.mailbox_ns", "mailbox"),
    ("wait.quorum_ns", "quorum"),
    ("wait.apply_ns", "apply"),
    ("wait.snapshot_ns", "snapshot"),
    ("wait.engine_ns", "engine"),
];

/// All reads that were served in one mode, or refused for one reason.
#[derive(Debug, Default)]
struct Row {
    durations_ns: Vec<u64>,
    waits_ns: [u64; WAITS.len()],
}

/// The reads of a run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
}

impl Table {
    pub(crate) fn of(traces: &TraceSet) -> Table {
        let mut table = Table::default();
        for span in traces.spans.iter().filter(|span| &*span.name == "async_snapshot") {
            let row = table.rows.entry(row_name(span)).or_default();
            row.durations_ns.push(span.duration_ns());
            for (total, (key, _)) in row.waits_ns.iter_mut().zip(WAITS) {
                let wait = span.attribute(key).and_then(Value::as_int).unwrap_or(0);
                *total += u64::try_from(wait).unwrap_or(0);
            }
        }
        for row in table.rows.values_mut() {
            row.durations_ns.sort_unstable();
        }
        table
    }

    pub(crate) fn text(&self, written: &[PathBuf], elapsed: Duration) -> String {
        let mut text = String::new();
        let mut line = |args: std::fmt::Arguments<'_>| {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{args}");
        };
        line(format_args!(
            "{:<34} {:>6} {:>10} {:>10}  where the time went",
            "mode", "reads", "p50", "p99"
        ));
        for (name, row) in &self.rows {
            let (p50, p99) = (row.percentile(0.5), row.percentile(0.99));
            let (reads, shares) = (row.durations_ns.len(), row.shares_text());
            line(format_args!(
                "{name:<34} {reads:>6} {:>10} {:>10}  {shares}",
                show(p50),
                show(p99)
            ));
        }
        line(format_args!(
            "\nEvery function was recorded, which makes the fast reads slower than they are."
        ));
        line(format_args!("Written in {:.1} s:", elapsed.as_secs_f64()));
        for path in written {
            line(format_args!("  {}", path.display()));
        }
        text
    }

    pub(crate) fn json(&self, written: &[PathBuf], elapsed: Duration) -> serde_json::Value {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(name, row)| {
                json!({
                    "mode": name,
                    "reads": row.durations_ns.len(),
                    "p50_ns": row.percentile(0.5),
                    "p99_ns": row.percentile(0.99),
                    "shares": row.shares().into_iter().collect::<serde_json::Map<_, _>>(),
                })
            })
            .collect();
        json!({ "modes": rows, "written": written, "elapsed_ms": elapsed.as_millis() as u64 })
    }
}

/// The mode of a read, or why it was refused.
fn row_name(span: &Span) -> String {
    if let Some(mode) = span.text("read.mode") {
        return mode.to_owned();
    }
    match span.text("reject.reason") {
        Some(reason) => format!("refused: {reason}"),
        None => "refused".to_owned(),
    }
}

impl Row {
    /// The smallest duration that this share of the reads does not exceed.
    fn percentile(&self, share: f64) -> u64 {
        let rank = (share * self.durations_ns.len() as f64).ceil() as usize;
        self.durations_ns.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }

    /// Each wait's share of the whole, and the rest: work, and hand-overs between threads.
    fn shares(&self) -> Vec<(String, serde_json::Value)> {
        let total: u64 = self.durations_ns.iter().sum();
        let share = |ns: u64| if total == 0 { 0.0 } else { ns as f64 / total as f64 };
        let mut shares: Vec<_> = WAITS
            .iter()
            .zip(self.waits_ns)
            .map(|((_, name), ns)| ((*name).to_owned(), json!(share(ns))))
            .collect();
        let waited: u64 = self.waits_ns.iter().sum();
        shares.push(("rest".to_owned(), json!(share(total.saturating_sub(waited)))));
        shares
    }

    fn shares_text(&self) -> String {
        let mut shares: Vec<_> = self
            .shares()
            .into_iter()
            .filter_map(|(name, share)| Some((name, share.as_f64()?)))
            .filter(|(_, share)| *share >= 0.005)
            .collect();
        shares.sort_by(|left, right| right.1.total_cmp(&left.1));
        let parts = shares.iter().map(|(name, share)| format!("{name} {:.0} %", share * 100.0));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Nanoseconds in the unit that keeps the figure short.
fn show(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let row = Row { durations_ns: (1..=100).collect(), ..Row::default() };
        assert_eq!((row.percentile(0.5), row.percentile(0.99), row.percentile(1.0)), (50, 99, 100));
        assert_eq!(Row::default().percentile(0.5), 0);
    }

    #[test]
    fn shares_sum_to_the_whole() {
        let row = Row { durations_ns: vec![60, 40], waits_ns: [10, 20, 30, 0, 0] };
        let sum: f64 = row.shares().iter().filter_map(|(_, share)| share.as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(row.shares_text(), "rest 40 %, apply 30 %, quorum 20 %, mailbox 10 %");
    }
}
