//! Writes trace events: processes first, then trace by trace, track by track, one event a line.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;

use super::args::{ArrowArgs, EventArgs, EventJson, Only, ProcessJson, SpanArgs};
use super::lanes::{Callers, Seen, Step, lanes};
use super::nodes::{Node, nodes};
use super::{ANCHOR, SPAN};
use crate::conventions::LINK_KIND;
use crate::format::otlp_write::groups;
use crate::model::{Link, Span, SpanEvent, SpanId, TraceId, TraceSet, Value, find};

/// Writes all traces into one document.
pub(in crate::format) fn document(traces: &TraceSet, output: impl Write) -> io::Result<()> {
    let spans = &traces.spans;
    let mut positions = HashMap::new();
    for (position, span) in spans.iter().enumerate() {
        positions.entry((span.trace_id, span.span_id)).or_insert(position);
    }
    let callers = Callers::new(spans, &positions);
    let (nodes, node_of) = nodes(traces, &callers);
    // A time of zero means that nobody stated it; it must not cost all others their nanoseconds.
    let started = spans.iter().map(|span| span.start_ns).filter(|start_ns| *start_ns != 0);
    let times = Times { anchor_ns: started.min().unwrap_or(0) };
    let arrows = arrows(spans, &positions, times);
    let mut file =
        File { traces, nodes: &nodes, node_of: &node_of, arrows, times, marks: 0, output };
    file.begin()?;
    for of_trace in groups(0..spans.len(), |span| spans[*span].trace_id) {
        for of_node in groups(of_trace, |span| node_of[*span]) {
            let seen = of_node.into_iter().map(|span| times.seen(span, &spans[span])).collect();
            for (number, steps) in lanes(seen, &callers).iter().enumerate() {
                file.lane(number, steps)?;
            }
        }
    }
    file.output.write_all(b"\n]}\n")?;
    file.output.flush()
}

/// Turns times since 1970 into those of the file, and says which of them survive that.
#[derive(Clone, Copy)]
pub(super) struct Times {
    anchor_ns: u64,
}

impl Times {
    /// Beyond this, microseconds in a double lose their nanoseconds.
    const MOST_EXACT_NS: u64 = 1 << 52;

    pub(super) fn relative(self, time_ns: u64) -> u64 {
        time_ns.saturating_sub(self.anchor_ns)
    }

    pub(super) fn is_exact(self, time_ns: u64) -> bool {
        time_ns >= self.anchor_ns && self.relative(time_ns) <= Self::MOST_EXACT_NS
    }

    pub(super) fn seen(self, span: usize, of: &Span) -> Seen {
        let start_ns = self.relative(of.start_ns);
        Seen { span, start_ns, end_ns: self.relative(of.end_ns).max(start_ns) }
    }

    /// `time_ns` moved into the time that a viewer shows for the span.
    pub(super) fn inside(self, time_ns: u64, span: &Span) -> u64 {
        let seen = self.seen(0, span);
        self.relative(time_ns).clamp(seen.start_ns, seen.end_ns)
    }
}

/// One end of a link, drawn inside a span.
struct Arrow<'a> {
    id: usize,
    time_ns: u64,
    is_source: bool,
    link: &'a Link,
}

/// The arrows of all links whose other end is in the set, by span.
fn arrows<'a>(
    spans: &'a [Span],
    positions: &HashMap<(TraceId, SpanId), usize>,
    times: Times,
) -> HashMap<usize, Vec<Arrow<'a>>> {
    let mut arrows: HashMap<usize, Vec<Arrow<'_>>> = HashMap::new();
    let mut id = 0;
    for (position, span) in spans.iter().enumerate() {
        let time_ns = times.relative(span.start_ns);
        for link in &span.links {
            let Some(source) = positions.get(&(link.trace_id, link.span_id)) else { continue };
            id += 1;
            let leaves_ns = times.inside(span.start_ns, &spans[*source]);
            let mut arrow = |of: usize, time_ns: u64, is_source: bool| {
                arrows.entry(of).or_default().push(Arrow { id, time_ns, is_source, link });
            };
            arrow(*source, leaves_ns, true);
            arrow(position, time_ns, false);
        }
    }
    arrows
}

struct File<'a, W> {
    traces: &'a TraceSet,
    nodes: &'a [Node],
    node_of: &'a [usize],
    arrows: HashMap<usize, Vec<Arrow<'a>>>,
    times: Times,
    /// How many marks there were so far.
    marks: usize,
    output: W,
}

/// What happens inside the open spans of a track and is not written yet, by time and then in the
/// order in which it was added.
type Marks<'a> = BTreeMap<(u64, usize), (usize, Mark<'a>)>;

enum Mark<'a> {
    Event(usize, &'a SpanEvent),
    Arrow(Arrow<'a>),
}

/// Where an event stands: its phase, the number of the track, the span, the time in the file.
#[derive(Clone, Copy)]
struct At {
    phase: char,
    lane: usize,
    span: usize,
    time_ns: u64,
}

impl<'a, W: Write> File<'a, W> {
    fn begin(&mut self) -> io::Result<()> {
        let anchor_ns = self.times.anchor_ns;
        write!(
            self.output,
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"producer\":\"raftlens\",\
             \"{ANCHOR}\":\"{anchor_ns}\"}},\"traceEvents\":["
        )?;
        for (index, node) in self.nodes.iter().enumerate() {
            self.output.write_all(if index == 0 { b"\n" } else { b",\n" })?;
            let resource = self.traces.resources.get(node.resource as usize);
            let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
            let process = ProcessJson { pid: index + 1, name: &node.name, attributes };
            serde_json::to_writer(&mut self.output, &process)?;
        }
        Ok(())
    }

    fn lane(&mut self, lane: usize, steps: &[Step]) -> io::Result<()> {
        let traces = self.traces;
        let mut marks = Marks::new();
        for step in steps {
            let (Step::Begin(position) | Step::End(position)) = *step;
            let span = &traces.spans[position];
            let seen = self.times.seen(position, span);
            if *step == Step::Begin(position) {
                self.marks_before(seen.start_ns, lane, &mut marks)?;
                let at = At { phase: 'b', lane, span: position, time_ns: seen.start_ns };
                let args = SpanArgs { times: self.times, position, span };
                self.write(at, &span.name, None, &args)?;
                self.collect_marks(position, &mut marks);
            } else {
                self.marks_before(seen.end_ns.saturating_add(1), lane, &mut marks)?;
                let at = At { phase: 'e', lane, span: position, time_ns: seen.end_ns };
                self.write(at, &span.name, None, &Only(SPAN, position))?;
            }
        }
        Ok(())
    }

    fn collect_marks(&mut self, position: usize, marks: &mut Marks<'a>) {
        let span = &self.traces.spans[position];
        for arrow in self.arrows.remove(&position).unwrap_or_default() {
            self.marks += 1;
            marks.insert((arrow.time_ns, self.marks), (position, Mark::Arrow(arrow)));
        }
        for (number, event) in span.events.iter().enumerate() {
            self.marks += 1;
            let time_ns = self.times.inside(event.time_ns, span);
            marks.insert((time_ns, self.marks), (position, Mark::Event(number, event)));
        }
    }

    fn marks_before(
        &mut self,
        until_ns: u64,
        lane: usize,
        marks: &mut Marks<'a>,
    ) -> io::Result<()> {
        while let Some(first) = marks.first_entry().filter(|first| first.key().0 < until_ns) {
            let ((time_ns, _), (span, mark)) = first.remove_entry();
            let at = At { phase: 'n', lane, span, time_ns };
            match mark {
                Mark::Event(number, event) => {
                    let seen_ns = time_ns;
                    let args = EventArgs { times: self.times, span, number, event, seen_ns };
                    self.write(at, &event.name, None, &args)?;
                }
                Mark::Arrow(arrow) => {
                    let kind = find(&arrow.link.attributes, LINK_KIND).and_then(Value::as_str);
                    let name = kind.unwrap_or("link");
                    self.write(at, name, Some(&arrow), &ArrowArgs(span))?;
                }
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        at: At,
        name: &str,
        arrow: Option<&Arrow<'_>>,
        args: &impl Serialize,
    ) -> io::Result<()> {
        let node = self.node_of[at.span];
        let trace_id = self.traces.spans[at.span].trace_id;
        let event = EventJson {
            ph: at.phase,
            cat: &self.nodes[node].name,
            id: match at.lane {
                0 => trace_id.to_string(),
                lane => format!("{trace_id}.{lane}"),
            },
            pid: node + 1,
            // Viewers want one; zero is the idle thread of the system to Perfetto.
            tid: node + 1,
            ts: at.time_ns as f64 / 1000.0,
            name,
            bind_id: arrow.map(|arrow| format!("{:#x}", arrow.id)),
            flow_out: arrow.filter(|arrow| arrow.is_source).map(|_| true),
            flow_in: arrow.filter(|arrow| !arrow.is_source).map(|_| true),
            args,
        };
        self.output.write_all(b",\n")?;
        Ok(serde_json::to_writer(&mut self.output, &event)?)
    }
}
