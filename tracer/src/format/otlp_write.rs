//! Writes OTLP JSON: ids as hexadecimal, 64-bit integers in quotes, enums as integers, and what is
//! zero or empty left out.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::any_value::AttributesJson;
use crate::model::{Attribute, Link, Span, SpanEvent, SpanKind, Status, TraceSet};

/// Writes one request with everything in it.
pub(super) fn document(traces: &TraceSet, mut output: impl Write) -> io::Result<()> {
    let request = Request { traces, spans: traces.spans.iter().collect() };
    serde_json::to_writer(&mut output, &request)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Writes one request a line, one line a trace: a file that is cut off keeps its other traces
/// whole.
pub(super) fn lines(traces: &TraceSet, mut output: impl Write) -> io::Result<()> {
    let by_trace = groups(traces.spans.iter(), |span| span.trace_id);
    for spans in by_trace {
        serde_json::to_writer(&mut output, &Request { traces, spans })?;
        output.write_all(b"\n")?;
    }
    output.flush()
}

/// Groups `items` by key, groups and their members in order of first appearance.
pub(super) fn groups<T, K: std::hash::Hash + Eq>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<Vec<T>> {
    let mut positions = HashMap::new();
    let mut groups: Vec<Vec<T>> = Vec::new();
    for item in items {
        let position = *positions.entry(key(&item)).or_insert(groups.len());
        if position == groups.len() {
            groups.push(Vec::new());
        }
        groups[position].push(item);
    }
    groups
}

struct Request<'a> {
    traces: &'a TraceSet,
    spans: Vec<&'a Span>,
}

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let resources: Vec<_> = groups(self.spans.iter().copied(), |span| span.resource)
            .into_iter()
            .map(|spans| ResourceSpans { traces: self.traces, spans })
            .collect();
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("resourceSpans", &resources)?;
        map.end()
    }
}

/// Spans of one resource; never empty.
struct ResourceSpans<'a> {
    traces: &'a TraceSet,
    spans: Vec<&'a Span>,
}

impl Serialize for ResourceSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let attributes = resource_attributes(self.traces, self.spans[0]);
        let scopes: Vec<_> =
            groups(self.spans.iter().copied(), |span| (&*span.scope_name, &*span.scope_version))
                .into_iter()
                .map(ScopeSpans)
                .collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("resource", &WithAttributes(attributes))?;
        map.serialize_entry("scopeSpans", &scopes)?;
        map.end()
    }
}

/// The attributes of a span's resource; none if the index is out of range, which only a set that
/// was put together by hand can have.
pub(super) fn resource_attributes<'a>(traces: &'a TraceSet, span: &Span) -> &'a [Attribute] {
    traces.resources.get(span.resource as usize).map_or(&[], |resource| &resource.attributes)
}

struct WithAttributes<'a>(&'a [Attribute]);

impl Serialize for WithAttributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        attributes_entry(&mut map, self.0, 0)?;
        map.end()
    }
}

/// Spans of one scope; never empty.
struct ScopeSpans<'a>(Vec<&'a Span>);

impl Serialize for ScopeSpans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spans: Vec<_> = self.0.iter().map(|span| SpanJson(span)).collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("scope", &ScopeJson(self.0[0]))?;
        map.serialize_entry("spans", &spans)?;
        map.end()
    }
}

struct ScopeJson<'a>(&'a Span);

impl Serialize for ScopeJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        text_entry(&mut map, "name", &self.0.scope_name)?;
        text_entry(&mut map, "version", &self.0.scope_version)?;
        map.end()
    }
}

struct SpanJson<'a>(&'a Span);

impl Serialize for SpanJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &span.trace_id.to_string())?;
        map.serialize_entry("spanId", &span.span_id.to_string())?;
        if let Some(parent) = span.parent_span_id {
            map.serialize_entry("parentSpanId", &parent.to_string())?;
        }
        text_entry(&mut map, "traceState", &span.trace_state)?;
        count_entry(&mut map, "flags", span.flags)?;
        map.serialize_entry("name", &*span.name)?;
        count_entry(&mut map, "kind", kind(span.kind))?;
        map.serialize_entry("startTimeUnixNano", &span.start_ns.to_string())?;
        map.serialize_entry("endTimeUnixNano", &span.end_ns.to_string())?;
        attributes_entry(&mut map, &span.attributes, span.dropped_attributes)?;
        if !span.events.is_empty() {
            let events: Vec<_> = span.events.iter().map(EventJson).collect();
            map.serialize_entry("events", &events)?;
        }
        count_entry(&mut map, "droppedEventsCount", span.dropped_events)?;
        if !span.links.is_empty() {
            map.serialize_entry("links", &LinksJson(&span.links))?;
        }
        count_entry(&mut map, "droppedLinksCount", span.dropped_links)?;
        if span.status != Status::Unset {
            map.serialize_entry("status", &StatusJson(&span.status))?;
        }
        map.end()
    }
}

struct EventJson<'a>(&'a SpanEvent);

impl Serialize for EventJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timeUnixNano", &self.0.time_ns.to_string())?;
        map.serialize_entry("name", &*self.0.name)?;
        attributes_entry(&mut map, &self.0.attributes, self.0.dropped_attributes)?;
        map.end()
    }
}

/// Links as OTLP writes them, also used for the tag that carries them through Jaeger.
pub(super) struct LinksJson<'a>(pub(super) &'a [Link]);

impl Serialize for LinksJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(LinkJson))
    }
}

struct LinkJson<'a>(&'a Link);

impl Serialize for LinkJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &link.trace_id.to_string())?;
        map.serialize_entry("spanId", &link.span_id.to_string())?;
        text_entry(&mut map, "traceState", &link.trace_state)?;
        attributes_entry(&mut map, &link.attributes, link.dropped_attributes)?;
        count_entry(&mut map, "flags", link.flags)?;
        map.end()
    }
}

struct StatusJson<'a>(&'a Status);

impl Serialize for StatusJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            Status::Unset => {}
            Status::Ok => map.serialize_entry("code", &1)?,
            Status::Error(message) => {
                map.serialize_entry("code", &2)?;
                text_entry(&mut map, "message", message)?;
            }
        }
        map.end()
    }
}

/// The number of a kind.
pub(super) fn kind(kind: SpanKind) -> u32 {
    match kind {
        SpanKind::Unspecified => 0,
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn text_entry<M: SerializeMap>(map: &mut M, key: &str, text: &str) -> Result<(), M::Error> {
    if text.is_empty() { Ok(()) } else { map.serialize_entry(key, text) }
}

fn count_entry<M: SerializeMap>(map: &mut M, key: &str, count: u32) -> Result<(), M::Error> {
    if count == 0 { Ok(()) } else { map.serialize_entry(key, &count) }
}

fn attributes_entry<M: SerializeMap>(
    map: &mut M,
    attributes: &[Attribute],
    dropped: u32,
) -> Result<(), M::Error> {
    if !attributes.is_empty() {
        map.serialize_entry("attributes", &AttributesJson(attributes))?;
    }
    count_entry(map, "droppedAttributesCount", dropped)
}
