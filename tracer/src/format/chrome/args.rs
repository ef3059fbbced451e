//! The JSON of single trace events, with everything about a span in their `args`.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::value::PlainMap;
use super::write::Times;
use super::*;
use crate::model::{Attribute, Link, Span, SpanEvent, SpanKind, Status};

/// A trace event of any phase.
#[derive(Serialize)]
pub(super) struct EventJson<'a, A> {
    pub(super) ph: char,
    pub(super) cat: &'a str,
    pub(super) id: String,
    pub(super) pid: usize,
    pub(super) tid: usize,
    /// Microseconds.
    pub(super) ts: f64,
    pub(super) name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bind_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) flow_in: Option<bool>,
    pub(super) args: &'a A,
}

/// The event that names a process, with its resource.
pub(super) struct ProcessJson<'a> {
    pub(super) pid: usize,
    pub(super) name: &'a str,
    pub(super) attributes: &'a [Attribute],
}

impl Serialize for ProcessJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Args<'a> {
            name: &'a str,
            resource: PlainMap<'a>,
        }
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("ph", "M")?;
        map.serialize_entry("pid", &self.pid)?;
        map.serialize_entry("name", "process_name")?;
        let args = Args { name: self.name, resource: PlainMap(self.attributes) };
        map.serialize_entry("args", &args)?;
        map.end()
    }
}

/// What the beginning of a span says of it.
pub(super) struct SpanArgs<'a> {
    pub(super) times: Times,
    pub(super) position: usize,
    pub(super) span: &'a Span,
}

impl Serialize for SpanArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SpanArgs { times, position, span } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(SPAN, position)?;
        map.serialize_entry(TRACE_ID, &span.trace_id.to_string())?;
        map.serialize_entry(SPAN_ID, &span.span_id.to_string())?;
        if let Some(parent) = span.parent_span_id {
            map.serialize_entry(PARENT_SPAN_ID, &parent.to_string())?;
        }
        text(&mut map, KIND, kind_name(span.kind))?;
        match &span.status {
            Status::Unset => {}
            Status::Ok => text(&mut map, STATUS, "ok")?,
            Status::Error(message) => {
                text(&mut map, STATUS, "error")?;
                text(&mut map, STATUS_MESSAGE, message)?;
            }
        }
        text(&mut map, SCOPE, &span.scope_name)?;
        text(&mut map, SCOPE_VERSION, &span.scope_version)?;
        text(&mut map, TRACE_STATE, &span.trace_state)?;
        count(&mut map, FLAGS, span.flags)?;
        if !times.is_exact(span.start_ns) {
            map.serialize_entry(START_NS, &span.start_ns.to_string())?;
        }
        if !times.is_exact(span.end_ns) || span.end_ns < span.start_ns {
            map.serialize_entry(END_NS, &span.end_ns.to_string())?;
        }
        attributes(&mut map, &span.attributes)?;
        count(&mut map, DROPPED_ATTRIBUTES, span.dropped_attributes)?;
        count(&mut map, DROPPED_EVENTS, span.dropped_events)?;
        count(&mut map, DROPPED_LINKS, span.dropped_links)?;
        if !span.links.is_empty() {
            let links: Vec<_> = span.links.iter().map(LinkJson).collect();
            map.serialize_entry(LINKS, &links)?;
        }
        map.end()
    }
}

struct LinkJson<'a>(&'a Link);

impl Serialize for LinkJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(TRACE_ID, &link.trace_id.to_string())?;
        map.serialize_entry(SPAN_ID, &link.span_id.to_string())?;
        text(&mut map, TRACE_STATE, &link.trace_state)?;
        count(&mut map, FLAGS, link.flags)?;
        attributes(&mut map, &link.attributes)?;
        count(&mut map, DROPPED_ATTRIBUTES, link.dropped_attributes)?;
        map.end()
    }
}

/// What an event inside a span says.
pub(super) struct EventArgs<'a> {
    pub(super) times: Times,
    /// The span's position in the set.
    pub(super) span: usize,
    /// The event's position in the span.
    pub(super) number: usize,
    pub(super) event: &'a SpanEvent,
    /// The time in the file.
    pub(super) seen_ns: u64,
}

impl Serialize for EventArgs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let EventArgs { times, event, .. } = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(SPAN, &self.span)?;
        map.serialize_entry(EVENT, &self.number)?;
        if !times.is_exact(event.time_ns) || times.relative(event.time_ns) != self.seen_ns {
            map.serialize_entry(TIME_NS, &event.time_ns.to_string())?;
        }
        attributes(&mut map, &event.attributes)?;
        count(&mut map, DROPPED_ATTRIBUTES, event.dropped_attributes)?;
        map.end()
    }
}

/// What one end of an arrow says: only which span it stands in.
pub(super) struct ArrowArgs(pub(super) usize);

impl Serialize for ArrowArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(SPAN, &self.0)?;
        map.serialize_entry(FLOW, &true)?;
        map.end()
    }
}

/// One number under one name.
pub(super) struct Only(pub(super) &'static str, pub(super) usize);

impl Serialize for Only {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// A span's kind in `args`; empty when it is not stated.
pub(super) fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}

fn text<M: SerializeMap>(map: &mut M, key: &str, text: &str) -> Result<(), M::Error> {
    if text.is_empty() { Ok(()) } else { map.serialize_entry(key, text) }
}

fn count<M: SerializeMap>(map: &mut M, key: &str, count: u32) -> Result<(), M::Error> {
    if count == 0 { Ok(()) } else { map.serialize_entry(key, &count) }
}

fn attributes<M: SerializeMap>(map: &mut M, list: &[Attribute]) -> Result<(), M::Error> {
    if list.is_empty() { Ok(()) } else { map.serialize_entry(ATTRIBUTES, &PlainMap(list)) }
}
