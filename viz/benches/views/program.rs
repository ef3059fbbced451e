//! A program to look at: charts of some of its functions, and runs that walk along its calls.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use raftlens_tracer::conventions::{FILE, FUNCTION, LINE, OWNER, SERVICE_NAME};
use raftlens_tracer::format::{self, write};
use raftlens_tracer::model::{
    ArcStr, Attribute, Resource, Span, SpanId, SpanKind, Status, TraceId, TraceSet, Value,
};
use raftlens_viz::from_source::{CallKind, FlowOptions, SourceGraph, flow_graph};
use raftlens_viz::{DrawOptions, Format, draw};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

/// As many charts as `dot/` has.
const CHARTS: usize = 13;
/// Boxes of a chart.
const BOXES: std::ops::RangeInclusive<usize> = 12..=30;
/// Calls between the entry of a chart and the farthest box of it.
const DEPTH: usize = 4;
/// Most spans of one trace.
const SPANS_A_TRACE: usize = 30;
/// What an exporter sends at a time.
const SPANS_A_LINE: usize = 500;

/// What is known of the program.
pub(crate) struct Program {
    /// Charts of it, as DOT.
    pub(crate) charts: Vec<String>,
    /// Functions that the charts begin with.
    entries: Vec<usize>,
    /// Callees of each function.
    calls: Vec<Vec<usize>>,
    /// What a span of each function says of it.
    names: Vec<(ArcStr, Vec<Attribute>)>,
}

impl Program {
    pub(crate) fn new(source: &SourceGraph) -> Program {
        let mut calls = vec![Vec::new(); source.functions.len()];
        for call in &source.calls {
            let runs = !matches!(call.kind, CallKind::Callback | CallKind::Value | CallKind::Macro);
            let has_body = source.functions[call.to].has_body;
            if runs && has_body && call.from != call.to && !calls[call.from].contains(&call.to) {
                calls[call.from].push(call.to);
            }
        }
        let mut entries: HashMap<usize, String> = HashMap::new();
        // Spread over the source, so that the charts are of several crates.
        let stride = (source.functions.len() / (CHARTS * 40)).max(1);
        let wanted = source.functions.len() / CHARTS;
        for part in 0..CHARTS {
            let candidates = (part * wanted..(part + 1) * wanted).step_by(stride);
            let found = candidates.into_iter().find_map(|index| {
                let title = source.functions[index].name.clone();
                let options = FlowOptions {
                    root: Some(title.clone()),
                    title,
                    depth: DEPTH,
                    most: *BOXES.end(),
                };
                let graph = flow_graph(source, &options).unwrap();
                let dot = DrawOptions { format: Format::Dot, ..DrawOptions::default() };
                BOXES.contains(&graph.box_count()).then(|| (index, draw(&graph, &dot).unwrap()))
            });
            entries.extend(found);
        }
        assert!(entries.len() > CHARTS / 2, "only {} charts in this source", entries.len());
        let mut entries: Vec<(usize, String)> = entries.into_iter().collect();
        entries.sort_unstable();
        let (entries, charts) = entries.into_iter().unzip();
        Program { charts, entries, calls, names: source.functions.iter().map(says).collect() }
    }

    /// Writes a run of `spans` spans as OTLP JSON lines. Runs with other numbers take other branches
    /// and other times.
    pub(crate) fn run(&self, number: u64, spans: usize, path: &Path) {
        let mut file = BufWriter::new(File::create(path).unwrap());
        let mut run = Run {
            program: self,
            number,
            random: SmallRng::seed_from_u64(number),
            clock_ns: 1_790_000_000_000_000_000,
            trace: Vec::new(),
        };
        let mut line = one_process();
        let mut left = spans;
        while left > 0 {
            let mut trace = run.trace(left.min(SPANS_A_TRACE));
            left -= trace.len();
            line.spans.append(&mut trace);
            if line.spans.len() >= SPANS_A_LINE || left == 0 {
                write(&line, &mut file, format::Format::OtlpJsonLines).unwrap();
                line = one_process();
            }
        }
        file.flush().unwrap();
    }
}

/// One run in the making.
struct Run<'a> {
    program: &'a Program,
    number: u64,
    random: SmallRng,
    clock_ns: u64,
    trace: Vec<Span>,
}

impl Run<'_> {
    fn trace(&mut self, most: usize) -> Vec<Span> {
        let entries = &self.program.entries;
        let entry = entries[self.random.random_range(0..entries.len())];
        let trace_id = TraceId(self.random.random());
        self.span(trace_id, None, (entry, most));
        std::mem::take(&mut self.trace)
    }

    /// A span of `function` and of what it calls, while there is room for `most` in the trace.
    fn span(
        &mut self,
        trace_id: TraceId,
        parent_span_id: Option<SpanId>,
        (function, most): (usize, usize),
    ) {
        let (name, attributes) = &self.program.names[function];
        let span_id = SpanId(self.random.random_range(1..u64::MAX));
        let place = self.trace.len();
        let slower = if function % 7 == 0 { self.number } else { 1 };
        let start_ns = self.clock_ns;
        self.trace.push(Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state: "".into(),
            flags: 0x101,
            name: ArcStr::clone(name),
            kind: SpanKind::Internal,
            start_ns,
            end_ns: start_ns,
            resource: 0,
            scope_name: "shop".into(),
            scope_version: "".into(),
            attributes: attributes.clone(),
            dropped_attributes: 0,
            events: Vec::new(),
            dropped_events: 0,
            links: Vec::new(),
            dropped_links: 0,
            status: Status::Unset,
        });
        self.clock_ns += slower * self.random.random_range(200..20_000);
        for callee in &self.program.calls[function] {
            // Each run has branches that it never takes.
            let is_never = callee % 11 == self.number as usize;
            if !is_never && self.trace.len() < most && self.random.random_ratio(2, 3) {
                self.span(trace_id, Some(span_id), (*callee, most));
            }
        }
        self.trace[place].end_ns = self.clock_ns;
    }
}

/// Name and attributes of a function's spans.
fn says(function: &raftlens_viz::from_source::Function) -> (ArcStr, Vec<Attribute>) {
    let title = function.name.rsplit("::").next().unwrap_or(&function.name);
    let text =
        |key: &str, value: &str| Attribute { key: key.into(), value: Value::Str(value.into()) };
    let attributes = vec![
        text(FUNCTION, &function.name),
        text(FILE, &function.file),
        Attribute { key: LINE.into(), value: Value::Int(i64::from(function.line)) },
        text(OWNER, &function.owner.join("/")),
    ];
    (title.into(), attributes)
}

fn one_process() -> TraceSet {
    let service = Attribute { key: SERVICE_NAME.into(), value: Value::Str("shop".into()) };
    TraceSet { resources: vec![Resource { attributes: vec![service] }], spans: Vec::new() }
}
