//! Reads OTLP JSON: `resourceSpans` > `scopeSpans` > `spans`, keys in any order, unknown ones
//! ignored, `null` the same as missing.

use std::sync::Arc;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess};

use super::any_value::{attributes, count};
use super::ids::HexId;
use super::intern::{Builder, Interner};
use super::number::Int;
use super::walk::{Elements, Fields, List, Object, skip, text, value};
use crate::model::{Attribute, Link, Span, SpanEvent, SpanId, SpanKind, Status, TraceId};

/// Reads one request that fills the whole of `bytes`.
pub(super) fn document(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    Object(&mut Request { builder }).deserialize(&mut parser)?;
    parser.end()
}

/// `ExportTraceServiceRequest`, also inside the `result` of Jaeger's query API.
struct Request<'a> {
    builder: &'a mut Builder,
}

impl<'de> Fields<'de> for Request<'_> {
    const EXPECTED: &'static str = "an object with resourceSpans";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "resourceSpans" => map.next_value_seed(List(self)),
            "result" => map.next_value_seed(Object(self)),
            _ => skip(map),
        }
    }
}

impl<'de> Elements<'de> for Request<'_> {
    const EXPECTED: &'static str = "a list of resourceSpans";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let first_span = self.builder.traces.spans.len();
        let mut group = ResourceSpans { builder: self.builder, resource: Vec::new() };
        let outcome = list.next_element_seed(Object(&mut group));
        // The resource may stand after its spans, so they get it at the end, also after a fault.
        let ResourceSpans { builder, resource } = group;
        if builder.traces.spans.len() > first_span {
            let index = builder.resource(resource);
            for span in &mut builder.traces.spans[first_span..] {
                span.resource = index;
            }
        }
        Ok(outcome?.is_some())
    }
}

struct ResourceSpans<'a> {
    builder: &'a mut Builder,
    resource: Vec<Attribute>,
}

impl<'de> Fields<'de> for ResourceSpans<'_> {
    const EXPECTED: &'static str = "an object with resource and scopeSpans";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "resource" => {
                let interner = &mut self.builder.interner;
                let mut fields = ResourceFields { interner, attributes: &mut self.resource };
                map.next_value_seed(Object(&mut fields))
            }
            // The second name is that of files written before 2022.
            "scopeSpans" | "instrumentationLibrarySpans" => map.next_value_seed(List(self)),
            _ => skip(map),
        }
    }
}

impl<'de> Elements<'de> for ResourceSpans<'_> {
    const EXPECTED: &'static str = "a list of scopeSpans";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let first_span = self.builder.traces.spans.len();
        let mut group = ScopeSpans { builder: self.builder, name: "".into(), version: "".into() };
        let outcome = list.next_element_seed(Object(&mut group));
        let ScopeSpans { builder, name, version } = group;
        for span in &mut builder.traces.spans[first_span..] {
            span.scope_name = Arc::clone(&name);
            span.scope_version = Arc::clone(&version);
        }
        Ok(outcome?.is_some())
    }
}

struct ResourceFields<'a> {
    interner: &'a mut Interner,
    attributes: &'a mut Vec<Attribute>,
}

impl<'de> Fields<'de> for ResourceFields<'_> {
    const EXPECTED: &'static str = "a resource";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "attributes" => *self.attributes = attributes(map, self.interner)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct ScopeSpans<'a> {
    builder: &'a mut Builder,
    name: Arc<str>,
    version: Arc<str>,
}

impl<'de> Fields<'de> for ScopeSpans<'_> {
    const EXPECTED: &'static str = "an object with scope and spans";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "scope" | "instrumentationLibrary" => map.next_value_seed(Object(&mut Scope(self))),
            "spans" => map.next_value_seed(List(self)),
            _ => skip(map),
        }
    }
}

impl<'de> Elements<'de> for ScopeSpans<'_> {
    const EXPECTED: &'static str = "a list of spans";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields = SpanFields { interner: &mut self.builder.interner, span: new_span() };
        if list.next_element_seed(Object(&mut fields))?.is_none() {
            return Ok(false);
        }
        let span = fields.span;
        if span.trace_id == TraceId(0) || span.span_id == SpanId(0) {
            return Err(A::Error::custom(format_args!(
                "the span {:?} has no id: expected traceId and spanId that are not all zero",
                span.name
            )));
        }
        self.builder.traces.spans.push(span);
        Ok(true)
    }
}

struct Scope<'a, 'b>(&'a mut ScopeSpans<'b>);

impl<'de> Fields<'de> for Scope<'_, '_> {
    const EXPECTED: &'static str = "an instrumentation scope";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let ScopeSpans { builder, name, version } = &mut *self.0;
        match key {
            "name" => *name = builder.interner.text(&text(map)?),
            "version" => *version = builder.interner.text(&text(map)?),
            "attributes" => {
                builder.lost_scope_attributes += attributes(map, &mut builder.interner)?.len();
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// A span before anything is known of it.
pub(super) fn new_span() -> Span {
    Span {
        trace_id: TraceId(0),
        span_id: SpanId(0),
        parent_span_id: None,
        trace_state: "".into(),
        flags: 0,
        name: "".into(),
        kind: SpanKind::Unspecified,
        start_ns: 0,
        end_ns: 0,
        resource: 0,
        scope_name: "".into(),
        scope_version: "".into(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        dropped_links: 0,
        status: Status::Unset,
    }
}

struct SpanFields<'a> {
    interner: &'a mut Interner,
    span: Span,
}

impl<'de> Fields<'de> for SpanFields<'_> {
    const EXPECTED: &'static str = "a span";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let SpanFields { interner, span } = self;
        match key {
            "traceId" => span.trace_id = TraceId(value::<A, HexId<16>>(map)?.0),
            "spanId" => span.span_id = span_id(map)?,
            "parentSpanId" => span.parent_span_id = Some(span_id(map)?).filter(|id| id.0 != 0),
            "traceState" => span.trace_state = interner.text(&text(map)?),
            "flags" => span.flags = value::<A, Int<u32>>(map)?.0,
            "name" => span.name = interner.text(&text(map)?),
            "kind" => span.kind = kind(value::<A, Int<i64>>(map)?.0),
            "startTimeUnixNano" => span.start_ns = value::<A, Int<u64>>(map)?.0,
            "endTimeUnixNano" => span.end_ns = value::<A, Int<u64>>(map)?.0,
            "attributes" => span.attributes = attributes(map, interner)?,
            "droppedAttributesCount" => span.dropped_attributes = count(map)?,
            "events" => map.next_value_seed(List(&mut Events(interner, &mut span.events)))?,
            "droppedEventsCount" => span.dropped_events = count(map)?,
            "links" => map.next_value_seed(List(&mut Links(interner, &mut span.links)))?,
            "droppedLinksCount" => span.dropped_links = count(map)?,
            "status" => {
                let mut fields = StatusFields { code: 0, message: "".into(), interner };
                map.next_value_seed(Object(&mut fields))?;
                span.status = fields.into_status();
            }
            _ => skip(map)?,
        }
        Ok(())
    }
}

fn span_id<'de, A: MapAccess<'de>>(map: &mut A) -> Result<SpanId, A::Error> {
    Ok(SpanId(value::<A, HexId<8>>(map)?.0 as u64))
}

/// Enums are integers in OTLP JSON; a number that is not known yet counts as not stated.
fn kind(number: i64) -> SpanKind {
    match number {
        1 => SpanKind::Internal,
        2 => SpanKind::Server,
        3 => SpanKind::Client,
        4 => SpanKind::Producer,
        5 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

struct StatusFields<'a> {
    interner: &'a mut Interner,
    code: i64,
    message: Arc<str>,
}

impl StatusFields<'_> {
    fn into_status(self) -> Status {
        match self.code {
            1 => Status::Ok,
            2 => Status::Error(self.message),
            _ => Status::Unset,
        }
    }
}

impl<'de> Fields<'de> for StatusFields<'_> {
    const EXPECTED: &'static str = "a status: {\"code\":0..2,\"message\":...}";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "code" => self.code = value::<A, Int<i64>>(map)?.0,
            "message" => self.message = self.interner.text(&text(map)?),
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Events<'a>(&'a mut Interner, &'a mut Vec<SpanEvent>);

impl<'de> Elements<'de> for Events<'_> {
    const EXPECTED: &'static str = "a list of events";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let event =
            SpanEvent { time_ns: 0, name: "".into(), attributes: vec![], dropped_attributes: 0 };
        let mut fields = EventFields(self.0, event);
        let more = list.next_element_seed(Object(&mut fields))?.is_some();
        if more {
            self.1.push(fields.1);
        }
        Ok(more)
    }
}

struct EventFields<'a>(&'a mut Interner, SpanEvent);

impl<'de> Fields<'de> for EventFields<'_> {
    const EXPECTED: &'static str = "an event";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let EventFields(interner, event) = self;
        match key {
            "timeUnixNano" => event.time_ns = value::<A, Int<u64>>(map)?.0,
            "name" => event.name = interner.text(&text(map)?),
            "attributes" => event.attributes = attributes(map, interner)?,
            "droppedAttributesCount" => event.dropped_attributes = count(map)?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

struct Links<'a>(&'a mut Interner, &'a mut Vec<Link>);

impl<'de> Elements<'de> for Links<'_> {
    const EXPECTED: &'static str = "a list of links";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields = LinkFields(self.0, new_link());
        let more = list.next_element_seed(Object(&mut fields))?.is_some();
        if more {
            self.1.push(fields.1);
        }
        Ok(more)
    }
}

/// A link before anything is known of it.
pub(super) fn new_link() -> Link {
    Link {
        trace_id: TraceId(0),
        span_id: SpanId(0),
        trace_state: "".into(),
        attributes: Vec::new(),
        dropped_attributes: 0,
        flags: 0,
    }
}

struct LinkFields<'a>(&'a mut Interner, Link);

impl<'de> Fields<'de> for LinkFields<'_> {
    const EXPECTED: &'static str = "a link";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let LinkFields(interner, link) = self;
        match key {
            "traceId" => link.trace_id = TraceId(value::<A, HexId<16>>(map)?.0),
            "spanId" => link.span_id = span_id(map)?,
            "traceState" => link.trace_state = interner.text(&text(map)?),
            "attributes" => link.attributes = attributes(map, interner)?,
            "droppedAttributesCount" => link.dropped_attributes = count(map)?,
            "flags" => link.flags = value::<A, Int<u32>>(map)?.0,
            _ => skip(map)?,
        }
        Ok(())
    }
}

/// Reads a list of links from text that stands on its own, as in a Jaeger tag.
pub(super) fn links_from_text(text: &str, interner: &mut Interner) -> Option<Vec<Link>> {
    let mut links = Vec::new();
    let mut parser = serde_json::Deserializer::from_str(text);
    List(&mut Links(interner, &mut links)).deserialize(&mut parser).ok()?;
    parser.end().ok()?;
    Some(links)
}
