//! How fast reads are explained: spans a second of one core, from the model to totals, and from Jaeger
//! JSON files to critical paths against what else computes those.
//!
//! `cargo bench -p raftlens-tracer --bench explain -- [--json] [--quick]`: a table, or one row a line.
//! `--only reads|lines|paths` measures one of them, `--window-bytes=N` takes another window than the default. `RAFTLENS_CRISP` names the command of
//! CRISP, `RAFTLENS_PYTHON` a Python with networkx; without one its row says SKIPPED.

// A bench measures time and prints.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, unreachable_pub)]

#[path = "../../tests/made_reads/mod.rs"]
mod made_reads;
mod memory;
mod peers;

use std::time::{Duration, Instant};

use raftlens_tracer::explain::{Explained, Explainer, Settings};
use raftlens_tracer::format::{Format, stream, write};
use raftlens_tracer::model::TraceSet;

use made_reads::Reads;

/// Reads that are made at a time: about as many spans as a reader of files hands out.
const BATCH: usize = 100;

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let (quick, json) = (has("--quick"), has("--json"));
    let only = std::env::args().skip_while(|argument| argument != "--only").nth(1);
    let is_wanted = |case: &str| only.as_deref().is_none_or(|only| only == case);
    if is_wanted("reads") {
        whole_reads(quick).print(json);
    }
    if is_wanted("lines") {
        from_json(quick).print(json);
    }
    if is_wanted("paths") {
        peers::rows(quick, json);
    }
}

/// One measurement of ours alone: spans a second, and the peak of resident memory.
struct Row {
    case: &'static str,
    /// Spans a second of processor time, one entry a run.
    spans_a_second: Vec<f64>,
    spans: u64,
    reads: usize,
    peak_mb: f64,
}

impl Row {
    fn print(&self, json: bool) {
        let mut sorted = self.spans_a_second.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
        let Row { case, spans, reads, peak_mb, .. } = self;
        if json {
            println!(
                "{{\"bench\":\"explain\",\"case\":\"{case}\",\"ours\":{median:.0},\"peer\":null,\
                 \"peer_name\":null,\"ratio\":null,\"unit\":\"spans/s\",\"runs\":{},\
                 \"lowest\":{low:.0},\"highest\":{high:.0},\"spans\":{spans},\"reads\":{reads},\
                 \"peak_rss_mb\":{peak_mb:.0}}}",
                sorted.len()
            );
        } else {
            println!(
                "{case}: {:.2} million spans/s of processor time ({:.2} to {:.2}), {reads} reads, \
                 {spans} spans, at most {peak_mb:.0} MB resident",
                median / 1e6,
                low / 1e6,
                high / 1e6
            );
        }
    }
}

/// The default, or as the call says.
fn settings() -> Settings {
    let mut settings = Settings::default();
    let mut arguments = std::env::args();
    let window = arguments.find_map(|it| it.strip_prefix("--window-bytes=")?.parse().ok());
    settings.window_bytes = window.unwrap_or(settings.window_bytes);
    settings
}

/// Processor time of this thread.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Adds the time that `work` takes to `total`.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let start = processor_time();
    let made = work();
    *total += processor_time() - start;
    made
}

/// A million reads, from the model: attribution, aggregation, the window, all but reading.
fn whole_reads(quick: bool) -> Row {
    let (reads, runs) = if quick { (100_000, 1) } else { (1_000_000, 3) };
    let mut row = Row {
        case: "reads attributed and summed up",
        spans_a_second: Vec::new(),
        spans: 0,
        reads,
        peak_mb: 0.0,
    };
    for run in 0..runs {
        memory::forget_peak();
        let mut maker = Reads::new(run);
        let mut explainer = Explainer::new(settings());
        let mut time = Duration::ZERO;
        for _ in 0..reads / BATCH {
            let batch = maker.batch(BATCH);
            timed(&mut time, || explainer.add(batch));
        }
        let explained = timed(&mut time, || explainer.finish());
        check(&explained, reads);
        row.spans = explained.spans;
        row.peak_mb = row.peak_mb.max(memory::peak_mb());
        row.spans_a_second.push(explained.spans as f64 / time.as_secs_f64());
    }
    row
}

/// The same from OTLP JSON lines in memory, with reading them.
fn from_json(quick: bool) -> Row {
    let (reads, runs) = if quick { (20_000, 1) } else { (200_000, 3) };
    let mut maker = Reads::new(1);
    let mut json = Vec::new();
    for _ in 0..reads / BATCH {
        write(&maker.batch(BATCH), &mut json, Format::OtlpJson).unwrap();
    }
    let mut row = Row {
        case: "the same from OTLP JSON lines",
        spans_a_second: Vec::new(),
        spans: 0,
        reads,
        peak_mb: 0.0,
    };
    for _ in 0..runs {
        memory::forget_peak();
        let mut time = Duration::ZERO;
        let explained = timed(&mut time, || explain(&json));
        check(&explained, reads);
        row.spans = explained.spans;
        row.peak_mb = row.peak_mb.max(memory::peak_mb() - json.len() as f64 / 1e6);
        row.spans_a_second.push(explained.spans as f64 / time.as_secs_f64());
    }
    row
}

fn check(explained: &Explained, reads: usize) {
    assert_eq!(explained.reads.count(), reads);
    assert_eq!((explained.unfit, explained.missing_carriers), (Default::default(), 0));
}

fn explain(bytes: &[u8]) -> Explained {
    let mut explainer = Explainer::new(settings());
    stream(bytes).unwrap().for_each(|batch: Result<TraceSet, _>| explainer.add(batch.unwrap()));
    explainer.finish()
}

/// Seconds that `work` takes on the wall.
fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}
