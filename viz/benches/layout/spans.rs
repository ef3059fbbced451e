//! From a million spans to a chart: one process, no file.

use std::time::Instant;

use raftlens_tracer::model::{ArcStr, Resource, Span, SpanId, SpanKind, Status, TraceId, TraceSet};
use raftlens_viz::{DrawOptions, FlowGraph, Options as TraceOptions, draw};

use crate::Options;
use crate::corpus::Random;
use crate::table::{Row, Table, median};

const SPANS: usize = 1_000_000;
/// Spans of one trace.
const TRACE: usize = 20;
/// Functions that they are spans of.
const FUNCTIONS: usize = 60;
const ROUNDS: usize = 3;

pub(crate) fn measure(_: &Options, table: &mut Table) {
    let traces = traces();
    let (mut whole, mut drawing) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let graph = FlowGraph::from_trace(&traces, &TraceOptions::default()).expect("spans");
        let made = start.elapsed().as_secs_f64();
        draw(&graph, &DrawOptions::default()).expect("a chart");
        whole.push(start.elapsed().as_secs_f64());
        drawing.push(whole.last().copied().unwrap_or_default() - made);
    }
    let row =
        |case, ours| Row { case, ours, peer: f64::NAN, peer_name: "none", unit: "s", runs: ROUNDS };
    table.row(&row("spans: a million spans to a chart", median(whole)));
    table.row(&row("spans: of that, drawing", median(drawing)));
}

/// Traces in which functions call each other in a few ways.
fn traces() -> TraceSet {
    let mut random = Random::new(3);
    let text = |text: String| -> ArcStr { ArcStr::from(text) };
    let names: Vec<ArcStr> = (0..FUNCTIONS).map(|it| text(format!("function_{it}"))).collect();
    let scopes: Vec<ArcStr> = (0..6).map(|it| text(format!("bench::module_{it}"))).collect();
    let empty = text(String::new());
    let mut spans: Vec<Span> = Vec::with_capacity(SPANS);
    for index in 0..SPANS {
        let (trace, place) = (index / TRACE, index % TRACE);
        let parent = place.checked_sub(1).map(|last| last - random.below(last.min(3) + 1));
        let function = (place * 3 + random.below(2)) % FUNCTIONS;
        let start_ns = (trace * 1_000_000 + place * 1_000) as u64;
        spans.push(Span {
            trace_id: TraceId(trace as u128 + 1),
            span_id: SpanId(index as u64 + 1),
            parent_span_id: parent.map(|parent| SpanId((trace * TRACE + parent) as u64 + 1)),
            trace_state: ArcStr::clone(&empty),
            flags: 0,
            name: ArcStr::clone(&names[function]),
            kind: SpanKind::Internal,
            start_ns,
            end_ns: start_ns + 500 + random.below(100_000) as u64,
            resource: 0,
            scope_name: ArcStr::clone(&scopes[function / 10]),
            scope_version: ArcStr::clone(&empty),
            attributes: Vec::new(),
            dropped_attributes: 0,
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: Status::Unset,
        });
    }
    TraceSet { resources: vec![Resource::default()], spans }
}
