//! Aggregates traces of any size in memory that does not grow: how many spans there are of each name,
//! and how long they take. For a file, or for a made-up stream that is never stored anywhere.
//!
//! `cargo run --release -p raftlens-tracer --example aggregate -- FILE` prints a table.
//! `... -- --made lines|document|protobuf 10MB 1GB 10GB` reads made-up streams of these sizes one
//! after another, and prints how fast that was and the most memory that the process ever held.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    unreachable_pub,
    reason = "an example prints, and takes the time"
)]

mod made;
mod sketch;
#[path = "../../benches/ingest/spans.rs"]
mod spans;

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use raftlens_tracer::format::{FormatError, stream};
use raftlens_tracer::model::ArcStr;

use made::{Form, MadeStream};
use sketch::Sketch;

/// What is kept of all spans.
#[derive(Default)]
struct Totals {
    spans: u64,
    total_ns: u128,
    bytes: usize,
    by_name: HashMap<ArcStr, Sketch>,
}

/// More names than any service should have; the rest is counted under one.
const MOST_NAMES: usize = 10_000;

fn aggregate(input: impl BufRead) -> Result<Totals, FormatError> {
    let mut totals = Totals::default();
    let mut batches = stream(input)?;
    for batch in batches.by_ref() {
        for span in batch?.spans {
            let duration_ns = span.duration_ns();
            totals.spans += 1;
            totals.total_ns += u128::from(duration_ns);
            if let Some(sketch) = totals.by_name.get_mut(&span.name) {
                sketch.add(duration_ns);
                continue;
            }
            let is_full = totals.by_name.len() >= MOST_NAMES;
            let name = if is_full { "(other)".into() } else { span.name };
            totals.by_name.entry(name).or_default().add(duration_ns);
        }
    }
    totals.bytes = batches.bytes_read();
    Ok(totals)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [made, form, sizes @ ..] if made == "--made" && !sizes.is_empty() => {
            let form: Form = form.parse()?;
            println!("{:>8}{:>12}{:>10}{:>14}", "size", "spans", "MB/s", "peak memory");
            sizes.iter().try_for_each(|size| read_made(form, size))
        }
        [path] => {
            print_table(&aggregate(BufReader::new(File::open(path)?))?);
            Ok(())
        }
        _ => Err("expected FILE, or --made lines|document|protobuf SIZE...".into()),
    }
}

fn read_made(form: Form, size: &str) -> Result<(), Box<dyn Error>> {
    let bytes = bytes_of(size)?;
    let made = BufReader::new(MadeStream::new(form, bytes));
    let start = Instant::now();
    let totals = aggregate(made)?;
    let megabytes_a_second = totals.bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
    println!("{size:>8}{:>12}{megabytes_a_second:>10.0}{:>14}", totals.spans, peak_memory());
    Ok(())
}

fn bytes_of(size: &str) -> Result<u64, Box<dyn Error>> {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    let found = units.iter().find_map(|(name, unit)| Some((size.strip_suffix(name)?, unit)));
    let (number, unit) = found.ok_or("sizes are like 10MB or 1GB")?;
    Ok(number.parse::<u64>()? * unit)
}

/// The most memory that this process has held, where the system tells it.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}

fn print_table(totals: &Totals) {
    println!("{} spans, {:.3} s in total", totals.spans, totals.total_ns as f64 / 1e9);
    let mut names: Vec<_> = totals.by_name.iter().collect();
    names.sort_by_key(|(name, sketch)| (std::cmp::Reverse(sketch.count()), (*name).clone()));
    println!("{:>12}{:>14}{:>14}  name", "spans", "p50 us", "p99 us");
    for (name, sketch) in names.into_iter().take(40) {
        println!(
            "{:>12}{:>14.1}{:>14.1}  {name}",
            sketch.count(),
            sketch.quantile_ns(0.5) / 1e3,
            sketch.quantile_ns(0.99) / 1e3
        );
    }
}
