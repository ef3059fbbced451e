//! Prints what was measured: a row for each budget, then the other ways to record.

use crate::measure::{Measured, Setting};
use crate::variants::Variant;

pub(crate) fn print(measured: &Measured, as_json: bool) {
    for setting in Setting::ALL {
        for peer in [Variant::OpenTelemetry, Variant::Fastrace, Variant::Floor] {
            row(measured, Variant::Recorder, peer, setting, as_json);
        }
        let others =
            [Variant::Tracing, Variant::Tee, Variant::Layer, Variant::Calls, Variant::Marks];
        for ours in others {
            row(measured, ours, Variant::OpenTelemetry, setting, as_json);
        }
    }
}

fn row(measured: &Measured, ours: Variant, peer: Variant, setting: Setting, as_json: bool) {
    let (our_ns, peer_ns) = (measured.net(ours, setting), measured.net(peer, setting));
    // Ratios of each round: both sides of one had the same neighbours.
    let ratios: Vec<f64> = our_ns.iter().zip(&peer_ns).map(|(ours, peer)| ours / peer).collect();
    let (low, ratio, high) = spread(&ratios);
    let ((_, ours_ns, _), (_, theirs_ns, _)) = (spread(&our_ns), spread(&peer_ns));
    let Setting { threads, cold } = setting;
    let cache = if cold { "cold" } else { "warm" };
    let case = format!("{}, 3 fields, {threads} threads, {cache}", ours.name());
    let (peer_name, runs) = (peer.name(), measured.rounds());
    if as_json {
        println!(
            r#"{{"bench":"recorder","case":"{case}","ours":{ours_ns:.1},"peer":{theirs_ns:.1},"peer_name":"{peer_name}","ratio":{ratio:.4},"low":{low:.4},"high":{high:.4},"unit":"ns/span","runs":{runs}}}"#
        );
    } else {
        println!(
            "{case:<48} {ours_ns:>7.1} ns/span, {peer_name} {theirs_ns:>7.1}, ratio {ratio:.3} ({low:.3} to {high:.3})"
        );
    }
}

/// The least, the median and the most.
fn spread(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}
