//! Boxes and arrows in words: labels and tooltips, the same in every format.

use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox};
use crate::provenance::{Provenance, Seen};
use crate::text::{has_right_to_left, printable};
use crate::units;

/// Longest tooltip, in characters: what is longer is no name any more.
const LONGEST: usize = 4_000;

/// What was measured of a box, as its second line; what was noted of it when nothing was.
pub(crate) fn measured(flow_box: &FlowBox) -> Option<String> {
    if flow_box.calls == 0 {
        return flow_box.note.clone();
    }
    let calls = format!("{}×", units::count(flow_box.calls));
    match units::p50_p99(&flow_box.latency) {
        Some(times) => Some(format!("{calls} · {times}")),
        None => Some(calls),
    }
}

/// The label of an arrow: its words, then how often, and p50 and p99; empty without any of them.
pub(crate) fn arrow_label(arrow: &Arrow) -> Vec<String> {
    let mut lines: Vec<String> = arrow.words.iter().map(|line| cut(line)).collect();
    if arrow.count == 0 {
        return lines;
    }
    lines.push(format!("{}×", units::count(arrow.count)));
    lines.extend(units::p50_p99(&arrow.latency));
    lines
}

/// The tooltip of a box.
pub(crate) fn flow_box(flow_box: &FlowBox) -> Vec<String> {
    if let Some(words) = flow_box.authored.as_ref().and_then(|it| it.tooltip.as_deref()) {
        return vec![cut(words)];
    }
    let mut lines = vec![name(&flow_box.identity)];
    if !flow_box.owner.is_empty() {
        lines.push(format!("in {}", name(&flow_box.owner.join(" / "))));
    }
    if let BoxKind::Struct { fields } = &flow_box.kind {
        lines.push(format!("fields: {}", name(&fields.join(", "))));
    }
    if let Some(file) = &flow_box.file {
        let line = flow_box.line.map(|line| format!(":{line}")).unwrap_or_default();
        lines.push(format!("{}{line}", cut(file)));
    }
    lines.extend(flow_box.note.as_deref().map(cut));
    lines.extend(said(flow_box.provenance, flow_box.seen));
    if flow_box.calls > 0 {
        lines.push(times(flow_box.calls, "ran", &flow_box.latency));
    }
    lines
}

/// The tooltip of an arrow between these ends.
pub(crate) fn arrow(arrow: &Arrow, ends: (&FlowBox, &FlowBox)) -> Vec<String> {
    // The field stands behind its record, as in `RaftCommand . term`.
    let field = |port: &Option<String>| {
        port.as_ref().map(|port| format!(" . {}", name(port))).unwrap_or_default()
    };
    let tail = format!("{}{}", name(&ends.0.identity), field(&arrow.from_port));
    let head = format!("{}{}", name(&ends.1.identity), field(&arrow.to_port));
    let verb = match arrow.kind {
        ArrowKind::Call => "call",
        ArrowKind::Data => "data",
    };
    let via = arrow.via.as_ref().map(|via| format!(" through {}", name(via))).unwrap_or_default();
    let mut lines = vec![format!("{tail} → {head}"), format!("{verb}{via}")];
    lines.extend(arrow.words.iter().map(|line| name(line)));
    lines.extend(said(arrow.provenance, arrow.seen));
    if arrow.count > 0 {
        lines.push(times(arrow.count, "taken", &arrow.latency));
    }
    lines
}

/// Where it is known from, if that is said.
fn said(provenance: Provenance, seen: Option<Seen>) -> Option<String> {
    let words = match seen {
        Some(seen) => seen.words(),
        None => provenance.words().to_owned(),
    };
    (!words.is_empty()).then_some(words)
}

/// `ran 3×, p50 1.20 µs, p99 4.00 µs`; without times only how often.
fn times(count: u64, verb: &str, latency: &crate::latency::Latency) -> String {
    let often = format!("{verb} {}×", units::count(count));
    match (latency.p50_ns(), latency.p99_ns()) {
        (Some(p50), Some(p99)) => {
            format!("{often}, p50 {}, p99 {}", units::duration(p50), units::duration(p99))
        }
        _ => often,
    }
}

/// `text`, cut where it is longer than any name, and without marks that would turn its neighbours.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", printable(&text[..at])),
        None => printable(text),
    }
}

/// As [`cut`], and a name that is read from right to left does not turn what stands beside it.
fn name(text: &str) -> String {
    let text = cut(text);
    if has_right_to_left(&text) { format!("\u{2068}{text}\u{2069}") } else { text }
}
