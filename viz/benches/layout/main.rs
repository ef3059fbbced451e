//! What layouts are worth: quality, speed, stability and scale of ours beside `dot` and `elkrs`, on
//! the same charts in the same run, and the time from a million spans to a chart.
//!
//! `cargo bench -p raftlens-viz --bench layout -- --json` prints one JSON object a row, without it a
//! table. `--only quality|speed|stability|scale|spans` runs one part, `--charts N` takes the first N
//! charts, `--seed N` takes other boxes away in the stability part, `--dump FOLDER` writes the layouts
//! of the quality part as neutral JSON, and each chart's figures as CSV.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod corpus;
mod peers;
mod quality;
mod scale;
mod spans;
mod speed;
mod stability;
mod table;

use std::path::PathBuf;

use table::Table;

/// One part of the measurements.
type Part = fn(&Options, &mut Table);

/// What the command line asks for.
struct Options {
    only: Option<String>,
    charts: usize,
    seed: u64,
    dump: Option<PathBuf>,
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        let place = words.iter().position(|word| word == name)?;
        words.get(place + 1).cloned()
    };
    if let Some(child) = after("--child") {
        return scale::child(&child);
    }
    let options = Options {
        only: after("--only"),
        charts: after("--charts").and_then(|it| it.parse().ok()).unwrap_or(corpus::CHARTS),
        seed: after("--seed").and_then(|it| it.parse().ok()).unwrap_or(stability::SEED),
        dump: after("--dump").map(PathBuf::from),
    };
    let mut table = Table::new(words.iter().any(|word| word == "--json"));
    let parts: [(&str, Part); 5] = [
        ("quality", quality::measure),
        ("speed", speed::measure),
        ("stability", stability::measure),
        ("scale", scale::measure),
        ("spans", spans::measure),
    ];
    for (name, measure) in parts {
        if options.only.as_deref().is_none_or(|only| only == name) {
            measure(&options, &mut table);
        }
    }
}
