//! Rows of results: as a table, or as one JSON object a line.

use serde_json::json;

/// Where results go.
pub(crate) struct Table {
    as_json: bool,
}

/// One result: ours and a peer's. Figures that do not exist are not numbers.
pub(crate) struct Row<'a> {
    pub(crate) case: &'a str,
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    pub(crate) peer_name: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) runs: usize,
}

impl Table {
    pub(crate) fn new(as_json: bool) -> Self {
        if !as_json {
            println!("{:<48} {:>12} {:>12} {:<16} {:>7}", "case", "ours", "peer", "", "ratio");
        }
        Table { as_json }
    }

    pub(crate) fn row(&mut self, row: &Row<'_>) {
        let Row { case, ours, peer, peer_name, unit, runs } = *row;
        // Nothing against nothing is equal; something against nothing has no ratio.
        let ratio = if ours == peer { 1.0 } else { ours / peer };
        if self.as_json {
            let finite = |number: f64| number.is_finite().then_some(number);
            let line = json!({
                "bench": "layout", "case": case, "ours": finite(ours), "peer": finite(peer),
                "peer_name": peer_name, "ratio": finite(ratio), "unit": unit, "runs": runs,
            });
            println!("{line}");
        } else {
            println!(
                "{case:<48} {:>12} {:>12} {peer_name:<16} {:>7} {unit}",
                short(ours),
                short(peer),
                short(ratio)
            );
        }
    }
}

fn short(number: f64) -> String {
    match number {
        _ if !number.is_finite() => "-".to_owned(),
        _ if number.fract() == 0.0 || number.abs() >= 1e5 => format!("{number:.0}"),
        _ if number.abs() < 10.0 => format!("{number:.3}"),
        _ => format!("{number:.1}"),
    }
}

/// The middle one; not a number when there is none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The mean; not a number when there is none.
pub(crate) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}
