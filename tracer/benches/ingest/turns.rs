//! Measures two sides in turns, so that what else the machine does meets both, and prints rows.

use std::hint::black_box;
use std::time::Instant;

/// What was measured of one case.
pub struct Row {
    pub case: &'static str,
    pub peer_name: &'static str,
    /// Megabytes a second, one entry a turn.
    ours: Vec<f64>,
    peer: Vec<f64>,
}

/// Runs both sides `runs` times on an input of `bytes` bytes. What they make is dropped after the
/// clock has stopped: a reader is not to blame for how its user lets go.
pub fn take_turns<A, B>(
    (case, peer_name): (&'static str, &'static str),
    (bytes, runs): (usize, usize),
    ours: impl Fn() -> A,
    peer: impl Fn() -> B,
) -> Row {
    let mut row = Row { case, peer_name, ours: Vec::new(), peer: Vec::new() };
    // The first turn of each warms up.
    for run in 0..=runs {
        let (mut mine, mut other) = (0.0, 0.0);
        if run % 2 == 0 {
            mine = megabytes_a_second(bytes, &ours);
            other = megabytes_a_second(bytes, &peer);
        } else {
            other += megabytes_a_second(bytes, &peer);
            mine += megabytes_a_second(bytes, &ours);
        }
        if run > 0 {
            row.ours.push(mine);
            row.peer.push(other);
        }
    }
    row
}

fn megabytes_a_second<T>(bytes: usize, work: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    let made = black_box(work());
    let seconds = start.elapsed().as_secs_f64();
    drop(made);
    bytes as f64 / 1e6 / seconds
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// How far the slowest and the fastest turn lie apart, as a share of the median.
fn spread(values: &[f64]) -> f64 {
    let (low, high) = values
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), value| (value.min(low), value.max(high)));
    (high - low) / median(values)
}

impl Row {
    pub fn print_json(&self) {
        let Row { case, peer_name, ours, peer } = self;
        let (mine, other) = (median(ours), median(peer));
        println!(
            "{{\"bench\":\"ingest\",\"case\":\"{case}\",\"ours\":{mine:.1},\"peer\":{other:.1},\
             \"peer_name\":\"{peer_name}\",\"ratio\":{:.3},\"unit\":\"MB/s\",\"runs\":{},\
             \"ours_spread\":{:.3},\"peer_spread\":{:.3}}}",
            mine / other,
            ours.len(),
            spread(ours),
            spread(peer),
        );
    }

    pub fn print_head() {
        println!(
            "{:<34}{:>10}{:>9}{:>10}{:>9}{:>8}  peer",
            "ingest", "ours MB/s", "spread", "peer MB/s", "spread", "ratio"
        );
    }

    pub fn print(&self) {
        let Row { case, peer_name, ours, peer } = self;
        let (mine, other) = (median(ours), median(peer));
        println!(
            "{case:<34}{mine:>10.0}{:>8.0}%{other:>10.0}{:>8.0}%{:>8.2}  {peer_name}",
            100.0 * spread(ours),
            100.0 * spread(peer),
            mine / other,
        );
    }
}
