//! How long two runs, documented charts and source take to become two pictures: the runs diffed, and
//! one of them laid over charts and source. A million spans, 100,000 lines of other people's Rust.
//!
//! `cargo bench -p raftlens-viz --features source --bench views -- [--json] [--quick]`: a table, or
//! one JSON object a row. The source is that of crates this workspace depends on, as cargo has them;
//! the charts are drawn from it, and the runs walk along its calls (`program`).
//!
//! Everything begins with files and ends with SVG, as it does for the commands `diff` and `draw`.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints, and stops")]

mod crates;
mod program;

use std::path::{Path, PathBuf};
use std::time::Instant;

use raftlens_tracer::format::read_partial;
use raftlens_viz::diff::diff;
use raftlens_viz::from_source::SourceGraph;
use raftlens_viz::merge::{Views, merge};
use raftlens_viz::{Chart, DrawOptions, FlowGraph, Format, Options, Previous, draw};

use program::Program;

/// Lines of source, at least.
const LINES: usize = 100_000;
/// Spans of both runs together.
const SPANS: usize = 1_000_000;
/// What all of it may take.
const BUDGET_S: f64 = 5.0;

/// Seconds that each part took, in the order in which they run.
#[derive(Default)]
struct Parts {
    runs: f64,
    graphs: f64,
    difference: f64,
    source: f64,
    merge: f64,
}

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let (spans, rounds) = if has("--quick") { (SPANS / 10, 1) } else { (SPANS, 7) };
    let source = crates::with_lines(LINES);
    let program = Program::new(&SourceGraph::read(&source).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let runs = [1, 2].map(|number| {
        let path = folder.path().join(format!("run-{number}.jsonl"));
        program.run(number, spans / 2, &path);
        path
    });
    let mut all: Vec<Parts> = Vec::new();
    for round in 0..rounds {
        let (parts, counts) = measure(&runs, &program.charts, &source);
        if round == 0 && !has("--json") {
            let megabytes: u64 =
                runs.iter().map(|path| std::fs::metadata(path).unwrap().len() >> 20).sum();
            println!("{counts}, {megabytes} MB of OTLP JSON lines");
        }
        all.push(parts);
    }
    type Part = fn(&Parts) -> f64;
    let cases: [(&str, Part); 6] = [
        ("two runs diffed, three views merged, from files to SVG", |it| {
            it.runs + it.graphs + it.difference + it.source + it.merge
        }),
        ("of that, reading the runs", |it| it.runs),
        ("of that, their graphs", |it| it.graphs),
        ("of that, the difference and its picture", |it| it.difference),
        ("of that, reading the source", |it| it.source),
        ("of that, the three views and their picture", |it| it.merge),
    ];
    for (number, (case, part)) in cases.into_iter().enumerate() {
        let mut seconds: Vec<f64> = all.iter().map(part).collect();
        seconds.sort_by(f64::total_cmp);
        let [least, median, most] =
            [0, seconds.len() / 2, seconds.len() - 1].map(|place| seconds[place]);
        let budget = (number == 0).then_some(BUDGET_S);
        if has("--json") {
            let row = serde_json::json!({
                "bench": "views", "case": case, "ours": median, "peer": budget,
                "peer_name": budget.map_or("none", |_| "budget"),
                "ratio": budget.map(|budget| median / budget),
                "unit": "s", "runs": rounds, "least": least, "most": most,
            });
            println!("{row}");
        } else {
            println!("{case:<56} {median:>6.2} s ({least:.2} to {most:.2})");
        }
    }
}

/// Once from files to pictures; the seconds of each part, and in words how much it was.
fn measure(runs: &[PathBuf; 2], charts: &[String], source: &[PathBuf]) -> (Parts, String) {
    let mut parts = Parts::default();
    let mut spans = 0;
    // As `raftlens diff`: a run is a graph before the next one is read.
    let [before, after] = [0, 1].map(|number| {
        let traces = timed(&mut parts.runs, || read(&runs[number]));
        spans += traces.spans.len();
        timed(&mut parts.graphs, move || {
            FlowGraph::from_trace(&traces, &Options::default()).unwrap()
        })
    });
    let (difference, picture) = timed(&mut parts.difference, || {
        let difference = diff("before to after", &before, &after);
        let options = DrawOptions { format: Format::LayoutJson, ..DrawOptions::default() };
        let previous = Previous::parse(&draw(&before, &options).unwrap()).unwrap();
        let options = DrawOptions { previous: Some(previous), ..DrawOptions::default() };
        let picture = draw(&difference.graph, &options).unwrap();
        (difference, picture)
    });
    assert!(!difference.changes.is_empty() && picture.contains("</svg>"));
    let code = timed(&mut parts.source, || SourceGraph::read(source).unwrap());
    let (merged, picture) = timed(&mut parts.merge, || {
        let documented: Vec<Chart> =
            charts.iter().map(|text| Chart::parse(text).unwrap()).collect();
        let views = Views { documented: &documented, source: Some(&code), run: Some(&after) };
        let merged = merge("documented, coded, measured", &views);
        let picture = draw(&merged, &DrawOptions::default()).unwrap();
        (merged, picture)
    });
    let in_all = merged.boxes().filter(|(_, it)| {
        let seen = it.seen.unwrap_or_default();
        [seen.documented, seen.coded, seen.measured] == [Some(true); 3]
    });
    let in_all = in_all.count();
    assert!(in_all > 0 && picture.contains("</svg>"));
    let counts = format!(
        "{spans} spans, {} lines of source, {} charts; {} boxes and {} changes in the difference; \
         {} boxes of the charts, {in_all} of them in all three views",
        code.lines,
        charts.len(),
        difference.graph.box_count(),
        difference.changes.len(),
        merged.box_count(),
    );
    (parts, counts)
}

fn read(path: &Path) -> raftlens_tracer::model::TraceSet {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let report = read_partial(file);
    assert!(report.error.is_none(), "{:?}", report.error);
    report.traces
}

/// Runs `work` and adds the seconds that it took.
fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let made = work();
    *seconds += begun.elapsed().as_secs_f64();
    made
}
