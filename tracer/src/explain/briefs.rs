//! Briefs of spans: what explaining looks at of each, one behind the other in a few pieces of memory.
//!
//! A span of the model stands in five or more places of memory and takes about 500 bytes; its brief
//! takes about 200, is made while the span is at hand, and is all that a stream keeps of it. Going
//! through briefs in their order means going through memory in its order.

use std::mem;

use crate::explain::clocks::Shifts;
use crate::explain::known_keys::KnownKeys;
use crate::model::{ArcStr, Attribute, Resource, Span, SpanId, SpanKind, TraceId, Value};
use crate::view::{Key, LinkView, SpanSet, SpanView};

/// Kinds of links that explaining tells apart.
const LINK_KINDS: [&str; 4] = ["batch", "message", "head_of_line", "apply"];
/// Only spans of this name are asked for their function.
const WITH_FUNCTION: &str = "read_index";

/// What is kept of a span.
#[derive(Debug)]
struct Brief {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    start_ns: u64,
    end_ns: u64,
    name: ArcStr,
    resource: u32,
    /// Where its attributes begin, and how many it has; the same of its links.
    first_noted: u32,
    first_link: u32,
    links: u32,
    noted: u8,
    kind: SpanKind,
    has_failed: bool,
}

/// An attribute that is looked at.
#[derive(Debug)]
enum Noted {
    Number(Key, i64),
    Text(Key, ArcStr),
    /// Of a type that nobody looks into.
    Other(Key),
}

impl Noted {
    fn of(key: Key, value: &Value) -> Noted {
        match value {
            Value::Int(number) => Noted::Number(key, *number),
            Value::Str(text) => Noted::Text(key, ArcStr::clone(text)),
            _ => Noted::Other(key),
        }
    }

    fn key(&self) -> Key {
        match self {
            Noted::Number(key, _) | Noted::Text(key, _) | Noted::Other(key) => *key,
        }
    }
}

#[derive(Debug)]
struct NotedLink {
    trace_id: TraceId,
    span_id: SpanId,
    /// The open trace of its own span.
    trace: u32,
    /// One of [`LINK_KINDS`], or the number of a kind that there is not.
    kind: u8,
}

/// Briefs of spans, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Briefs {
    briefs: Vec<Brief>,
    /// Of each of them the trace, by its place with the stream's open traces.
    traces: Vec<u32>,
    /// Of all spans, in their order.
    noted: Vec<Noted>,
    links: Vec<NotedLink>,
    keys: KnownKeys,
    /// What the spans came from.
    pub(super) resources: Vec<Resource>,
}

/// Room grows by this part of what there is: not by as much again, which no bound would count.
const GROWTH: usize = 4;

/// Adds to a list that may become long.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1_024.max(list.len() / GROWTH));
    }
    list.push(item);
}

impl Briefs {
    /// Takes down what is looked at of `span`, which is of the open trace `trace`. Returns how many
    /// bytes that takes, with texts as if nobody shared them.
    pub(super) fn add(&mut self, span: &Span, trace: u32) -> usize {
        let (first_noted, first_link) = (self.noted.len(), self.links.len());
        let mut text_bytes = 0;
        let mut seen = 0_u64;
        for Attribute { key, value } in &span.attributes {
            let Some(key) = self.keys.key(key) else { continue };
            let is_asked = key != Key::Function || *span.name == *WITH_FUNCTION;
            // Of a key that occurs twice the first counts.
            if is_asked && seen & 1 << key as u8 == 0 {
                seen |= 1 << key as u8;
                text_bytes += value.as_str().map_or(0, str::len);
                push(&mut self.noted, Noted::of(key, value));
            }
        }
        for LinkView { trace_id, span_id, kind } in span.links() {
            let known = LINK_KINDS.iter().position(|known| kind == Some(known));
            let kind = known.unwrap_or(LINK_KINDS.len()) as u8;
            push(&mut self.links, NotedLink { trace_id, span_id, trace, kind });
        }
        let (noted, links) = (self.noted.len() - first_noted, self.links.len() - first_link);
        push(&mut self.traces, trace);
        push(
            &mut self.briefs,
            Brief {
                trace_id: span.trace_id,
                span_id: span.span_id,
                parent_span_id: span.parent_span_id,
                start_ns: span.start_ns,
                end_ns: span.end_ns,
                name: ArcStr::clone(&span.name),
                resource: span.resource,
                first_noted: first_noted as u32,
                first_link: first_link as u32,
                links: links as u32,
                noted: noted as u8,
                kind: span.kind,
                has_failed: span.has_failed(),
            },
        );
        size_of::<Brief>()
            + size_of::<u32>()
            + noted * size_of::<Noted>()
            + links * size_of::<NotedLink>()
            + text_bytes
    }

    /// The open trace of each span.
    pub(super) fn traces(&self) -> &[u32] {
        &self.traces
    }

    /// All links, with the open trace of their span and the trace that they lead to.
    pub(super) fn linked_traces(&self) -> impl Iterator<Item = (u32, TraceId)> {
        self.links.iter().map(|it| (it.trace, it.trace_id))
    }

    fn links_of(&self, brief: &Brief) -> &[NotedLink] {
        let first = brief.first_link as usize;
        self.links.get(first..first + brief.links as usize).unwrap_or_default()
    }

    /// Keeps the spans of those open traces that stay, in their order.
    pub(super) fn retain(&mut self, stays: impl Fn(u32) -> bool) {
        let (mut spans, mut noted, mut links) = (0, 0, 0);
        for at in 0..self.briefs.len() {
            if !stays(self.traces[at]) {
                continue;
            }
            let brief = &mut self.briefs[at];
            let first = mem::replace(&mut brief.first_noted, noted as u32) as usize;
            for of_brief in first..first + usize::from(brief.noted) {
                self.noted.swap(noted, of_brief);
                noted += 1;
            }
            let first = mem::replace(&mut brief.first_link, links as u32) as usize;
            for of_brief in first..first + brief.links as usize {
                self.links.swap(links, of_brief);
                links += 1;
            }
            self.briefs.swap(spans, at);
            self.traces.swap(spans, at);
            spans += 1;
        }
        self.briefs.truncate(spans);
        self.traces.truncate(spans);
        self.noted.truncate(noted);
        self.links.truncate(links);
    }

    /// The resource of each span, to be changed.
    pub(super) fn resources_of_spans(&mut self) -> impl Iterator<Item = &mut u32> {
        self.briefs.iter_mut().map(|it| &mut it.resource)
    }

    /// Moves the spans as the clocks say; their times before are returned.
    pub(super) fn shift(&mut self, shifts: &Shifts) -> Vec<(u64, u64)> {
        let before = self.briefs.iter().map(|it| (it.start_ns, it.end_ns)).collect();
        for (brief, shift) in self.briefs.iter_mut().zip(shifts.each()) {
            brief.start_ns = brief.start_ns.saturating_add_signed(*shift);
            brief.end_ns = brief.end_ns.saturating_add_signed(*shift);
        }
        before
    }

    /// Moves them back to the times that they had before.
    pub(super) fn shift_back(&mut self, before: Vec<(u64, u64)>) {
        for (brief, times) in self.briefs.iter_mut().zip(before) {
            (brief.start_ns, brief.end_ns) = times;
        }
    }
}

/// One brief, with where its attributes and links are.
#[derive(Clone, Copy)]
pub(super) struct BriefView<'a> {
    all: &'a Briefs,
    brief: &'a Brief,
}

impl<'a> BriefView<'a> {
    fn noted(self, key: Key) -> Option<&'a Noted> {
        let first = self.brief.first_noted as usize;
        let noted = self.all.noted.get(first..first + usize::from(self.brief.noted))?;
        noted.iter().find(|it| it.key() == key)
    }
}

impl SpanSet for Briefs {
    type View<'a> = BriefView<'a>;

    fn count(&self) -> usize {
        self.briefs.len()
    }

    fn view(&self, at: usize) -> Option<BriefView<'_>> {
        self.briefs.get(at).map(|brief| BriefView { all: self, brief })
    }

    fn resources(&self) -> &[Resource] {
        &self.resources
    }
}

impl<'a> SpanView<'a> for BriefView<'a> {
    fn trace_id(self) -> TraceId {
        self.brief.trace_id
    }

    fn span_id(self) -> SpanId {
        self.brief.span_id
    }

    fn parent_span_id(self) -> Option<SpanId> {
        self.brief.parent_span_id
    }

    fn name(self) -> &'a ArcStr {
        &self.brief.name
    }

    fn kind(self) -> SpanKind {
        self.brief.kind
    }

    fn has_failed(self) -> bool {
        self.brief.has_failed
    }

    fn start_ns(self) -> u64 {
        self.brief.start_ns
    }

    fn end_ns(self) -> u64 {
        self.brief.end_ns
    }

    fn resource(self) -> u32 {
        self.brief.resource
    }

    fn links(self) -> impl Iterator<Item = LinkView<'a>> {
        self.all.links_of(self.brief).iter().map(|link| LinkView {
            trace_id: link.trace_id,
            span_id: link.span_id,
            kind: LINK_KINDS.get(usize::from(link.kind)).copied(),
        })
    }

    fn has(self, key: Key) -> bool {
        self.noted(key).is_some()
    }

    fn number(self, key: Key) -> Option<i64> {
        match self.noted(key)? {
            Noted::Number(_, number) => Some(*number),
            _ => None,
        }
    }

    fn text(self, key: Key) -> Option<&'a ArcStr> {
        match self.noted(key)? {
            Noted::Text(_, text) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
// Helpers of tests may fail as tests do.
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Link, Status};

    fn attribute(key: &str, value: Value) -> Attribute {
        Attribute { key: key.into(), value }
    }

    /// A span whose attributes, links and kind depend on its number.
    fn span(number: u64) -> Span {
        let value = |at: u64| match at % 4 {
            0 => Value::Int(at as i64 - 20),
            1 => Value::Str(format!("text {at}").into()),
            2 => Value::Bool(true),
            _ => Value::Int(i64::MAX),
        };
        let of_keys = (0..).zip(Key::ALL).filter(|(at, _)| !(number + at).is_multiple_of(3));
        let of_keys = of_keys.map(|(at, key)| attribute(key.as_str(), value(at + number)));
        let again = attribute(Key::Store.as_str(), Value::Int(99));
        let other = attribute("http.route", Value::Str("/".into()));
        let link = |at: usize| Link {
            trace_id: TraceId(at as u128),
            span_id: SpanId(number),
            trace_state: "".into(),
            attributes: vec![attribute("link.kind", Value::Str(LINK_KINDS[at].into()))],
            dropped_attributes: 0,
            flags: 0,
        };
        Span {
            trace_id: TraceId(number.into()),
            span_id: SpanId(number + 1),
            parent_span_id: number.is_multiple_of(2).then_some(SpanId(7)),
            name: if number.is_multiple_of(2) { WITH_FUNCTION.into() } else { "step".into() },
            kind: if number.is_multiple_of(5) { SpanKind::Client } else { SpanKind::Internal },
            start_ns: 100 + number,
            end_ns: 50 + 2 * number,
            status: if number.is_multiple_of(3) { Status::Error("".into()) } else { Status::Ok },
            attributes: std::iter::once(other).chain(of_keys).chain([again]).collect(),
            links: (0..number as usize % 5).map(link).collect(),
            ..Span::default()
        }
    }

    #[track_caller]
    fn assert_same(span: &Span, brief: BriefView<'_>) {
        assert_eq!(brief.trace_id(), span.trace_id);
        assert_eq!(brief.span_id(), span.span_id);
        assert_eq!(brief.parent_span_id(), span.parent_span_id);
        assert_eq!((brief.name(), brief.kind()), (&span.name, span.kind));
        assert_eq!((brief.start_ns(), brief.end_ns()), (span.start_ns, span.end_ns));
        assert_eq!(brief.has_failed(), span.has_failed());
        assert!(brief.links().eq(span.links()));
        for key in Key::ALL {
            if *key == Key::Function && *span.name != *WITH_FUNCTION {
                continue;
            }
            assert_eq!(brief.has(*key), span.has(*key), "{key:?}");
            assert_eq!(brief.number(*key), span.number(*key), "{key:?}");
            assert_eq!(brief.nanoseconds(*key), span.nanoseconds(*key), "{key:?}");
            assert_eq!(brief.text(*key), SpanView::text(span, *key), "{key:?}");
        }
    }

    #[test]
    fn a_brief_says_what_its_span_says() {
        let spans: Vec<Span> = (0..60).map(span).collect();
        let mut briefs = Briefs::default();
        for (at, span) in (0..).zip(&spans) {
            assert!(briefs.add(span, at) >= size_of::<Brief>());
        }
        spans.iter().zip(briefs.views()).for_each(|(span, brief)| assert_same(span, brief));
    }

    #[test]
    fn what_stays_says_the_same_afterwards() {
        let spans: Vec<Span> = (0..60).map(span).collect();
        let mut briefs = Briefs::default();
        for (at, span) in (0..).zip(&spans) {
            briefs.add(span, at / 7);
        }
        briefs.retain(|trace| trace % 2 == 1);
        let stay: Vec<&Span> = spans.chunks(7).skip(1).step_by(2).flatten().collect();
        assert_eq!((briefs.count(), briefs.traces().first()), (stay.len(), Some(&1)));
        stay.into_iter().zip(briefs.views()).for_each(|(span, brief)| assert_same(span, brief));
        let (noted, links) = (briefs.noted.len(), briefs.links.len());
        briefs.add(&spans[4], 0);
        assert_same(&spans[4], briefs.view(briefs.count() - 1).unwrap());
        assert!(briefs.noted.len() > noted && briefs.links.len() == links + 4);
    }
}
