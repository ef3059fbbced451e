//! The golden form of traces: the same run gives the same text, whatever its ids and times were.
//!
//! ```text
//! trace 1
//! #1 read [store-1] {key=k1}
//!   #2 propose [store-1]
//!     ! case {title=LeaseState::Expired}
//! #3 apply_reads [store-1]
//!   ~ mailbox from #2
//! ```
//!
//! Ids are renumbered, times are left out, attributes are sorted by key, and siblings are sorted
//! by what they contain, since threads may run in any order. Where siblings are equal the order
//! does not show.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::assemble::{Assembly, Place};
use crate::conventions::{FILE, LINE};
use crate::model::{Attribute, Status, TraceSet, Value};

/// Left out by [`golden`]: they change with every edit of the source, or with every run.
const IGNORED: [&str; 3] = [FILE, LINE, "code.module.name"];

/// The golden form of `traces`, without attributes that say where code stands.
pub fn golden(traces: &TraceSet) -> String {
    golden_without(traces, &IGNORED)
}

/// The golden form of `traces` without the attributes named in `ignored`.
pub fn golden_without(traces: &TraceSet, ignored: &[&str]) -> String {
    let assembly = Assembly::new(traces);
    let mut form =
        Form { assembly: &assembly, ignored, texts: Vec::new(), numbers: HashMap::new() };
    form.describe();
    let order = form.order();
    let mut output = String::new();
    let mut trace_id = None;
    let mut trace_number = 0;
    for (span, depth) in order {
        let current = traces.spans[span].trace_id;
        if trace_id.replace(current) != Some(current) {
            trace_number += 1;
            let _ = writeln!(output, "trace {trace_number}");
        }
        form.write_span(&mut output, span, depth);
    }
    output
}

struct Form<'a> {
    assembly: &'a Assembly<'a>,
    ignored: &'a [&'a str],
    /// What each span contains, children included, ids excluded: what siblings are sorted by.
    texts: Vec<String>,
    /// The number of each span in the output.
    numbers: HashMap<usize, usize>,
}

impl Form<'_> {
    /// Fills `texts`, children before parents.
    fn describe(&mut self) {
        self.texts = vec![String::new(); self.assembly.traces().spans.len()];
        for top in self.assembly.tops() {
            for span in self.assembly.descendants(*top).into_iter().rev() {
                let mut text = self.line(span);
                for hand_over in self.assembly.follows(span) {
                    let name = &self.assembly.traces().spans[hand_over.from].name;
                    let _ = write!(text, "~{}{name}", hand_over.kind.unwrap_or_default());
                }
                for child in self.sorted(self.assembly.children(span)) {
                    let _ = write!(text, "({})", self.texts[child]);
                }
                self.texts[span] = text;
            }
        }
    }

    fn sorted(&self, spans: &[usize]) -> Vec<usize> {
        let mut spans = spans.to_vec();
        // A stable sort: equal siblings stay in the order of their start.
        spans.sort_by(|one, other| self.texts[*one].cmp(&self.texts[*other]));
        spans
    }

    /// All spans in output order with their depth, numbered.
    fn order(&mut self) -> Vec<(usize, usize)> {
        let spans = &self.assembly.traces().spans;
        let mut by_trace: HashMap<_, Vec<usize>> = HashMap::new();
        for top in self.assembly.tops() {
            by_trace.entry(spans[*top].trace_id).or_default().push(*top);
        }
        let mut groups: Vec<Vec<usize>> =
            by_trace.into_values().map(|tops| self.roots_first(&tops)).collect();
        // Equal traces are told apart by time alone, or two runs of one set could differ.
        groups.sort_by_cached_key(|tops| {
            let texts: Vec<_> = tops.iter().map(|top| self.texts[*top].clone()).collect();
            (texts, spans[tops[0]].start_ns, tops[0])
        });
        let mut order = Vec::with_capacity(spans.len());
        for top in groups.concat() {
            let mut open = vec![(top, 0)];
            while let Some((span, depth)) = open.pop() {
                self.numbers.insert(span, order.len() + 1);
                order.push((span, depth));
                let children = self.sorted(self.assembly.children(span));
                open.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
            }
        }
        order
    }

    /// Where a trace begins comes before what was handed over later in it.
    fn roots_first(&self, tops: &[usize]) -> Vec<usize> {
        let mut tops = self.sorted(tops);
        tops.sort_by_key(|top| self.assembly.is_handed_over(*top));
        tops
    }

    fn write_span(&self, output: &mut String, span: usize, depth: usize) {
        let indent = "  ".repeat(depth);
        let _ = writeln!(output, "{indent}#{} {}", self.numbers[&span], self.line(span));
        let data = &self.assembly.traces().spans[span];
        for event in &data.events {
            let details = self.attributes(&event.attributes);
            let _ = writeln!(output, "{indent}  ! {}{details}", event.name);
        }
        for hand_over in self.assembly.follows(span) {
            let kind = hand_over.kind.unwrap_or("link");
            let _ = writeln!(output, "{indent}  ~ {kind} from #{}", self.numbers[&hand_over.from]);
        }
        let outside = data.links.len() - self.assembly.follows(span).len();
        if outside > 0 {
            let _ = writeln!(output, "{indent}  ~ {outside} links to spans outside");
        }
    }

    /// One span without its ids, times, events and links.
    fn line(&self, span: usize) -> String {
        let traces = self.assembly.traces();
        let data = &traces.spans[span];
        let resource = traces.resources.get(data.resource as usize);
        let service = resource.and_then(|resource| resource.service_name()).unwrap_or("?");
        let mut line = format!("{} [{service}]{}", data.name, self.attributes(&data.attributes));
        match &data.status {
            Status::Unset => {}
            Status::Ok => line.push_str(" ok"),
            Status::Error(message) => {
                let _ = write!(line, " error: {message}");
            }
        }
        match self.assembly.place(span) {
            Place::Root | Place::Child(_) => {}
            Place::Orphan => line.push_str(" (orphan)"),
            Place::Ring => line.push_str(" (its own ancestor)"),
        }
        line
    }

    fn attributes(&self, attributes: &[Attribute]) -> String {
        let mut shown: Vec<_> = attributes
            .iter()
            .filter(|attribute| !self.ignored.contains(&&*attribute.key))
            .map(|attribute| format!("{}={}", attribute.key, text(&attribute.value)))
            .collect();
        shown.sort();
        if shown.is_empty() { String::new() } else { format!(" {{{}}}", shown.join(", ")) }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        // With its point, or 2.0 would look like the integer.
        Value::Double(number) => format!("{number:?}"),
        Value::Bytes(bytes) => format!("{bytes:02x?}"),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|entry| format!("{}={}", entry.key, text(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}
