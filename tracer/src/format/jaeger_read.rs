//! Reads Jaeger JSON: `{"data":[trace]}`, `{"data":trace}`, a bare trace, or a list of traces.
//!
//! Not here: Jaeger's other dialects (protobuf-JSON with base64 ids, Elasticsearch documents).

use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::ids::{jaeger_span_id, jaeger_trace_id};
use super::intern::Builder;
use super::jaeger_span::{RawSpan, Tag, attributes_of, into_span};
use super::jaeger_tags::UNKNOWN_SERVICE;
use super::walk::{Elements, Fields, List, Object, Text, skip};
use crate::conventions::SERVICE_NAME;
use crate::model::{ArcStr, Attribute, Value};

/// Reads a document that fills the whole of `bytes`.
pub(super) fn document(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    Traces(builder).deserialize(&mut parser)?;
    parser.end()
}

/// One trace, an object with `data`, or a list of traces.
struct Traces<'a>(&'a mut Builder);

impl<'de> DeserializeSeed<'de> for Traces<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Traces<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Jaeger trace, or a list of them")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let mut trace = TraceFields::new(self.0);
        let outcome = Object(&mut trace).visit_map(map);
        // Also after a fault: the spans that were whole get the processes that were seen.
        trace.assign_processes();
        outcome
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Traces(self.0))?.is_some() {}
        Ok(())
    }
}

struct TraceFields<'a> {
    builder: &'a mut Builder,
    /// The index of each span of this trace, with the process that it names.
    users: Vec<(usize, ProcessOf)>,
    /// Processes may stand before or after the spans.
    processes: HashMap<String, u32>,
}

/// Where a span says what its process is.
enum ProcessOf {
    Named(String),
    Inline(u32),
}

impl<'a> TraceFields<'a> {
    fn new(builder: &'a mut Builder) -> Self {
        TraceFields { builder, users: Vec::new(), processes: HashMap::new() }
    }

    fn assign_processes(self) {
        for (index, process) in self.users {
            let resource = match process {
                ProcessOf::Inline(resource) => resource,
                ProcessOf::Named(name) => match self.processes.get(&name) {
                    Some(resource) => *resource,
                    None => self.builder.resource(Vec::new()),
                },
            };
            self.builder.traces.spans[index].resource = resource;
        }
    }
}

impl<'de> Fields<'de> for TraceFields<'_> {
    const EXPECTED: &'static str = "a Jaeger trace with spans and processes";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "data" => map.next_value_seed(Traces(self.builder)),
            "spans" => map.next_value_seed(List(self)),
            "processes" => map.next_value_seed(Object(&mut Processes(self))),
            _ => skip(map),
        }
    }
}

impl<'de> Elements<'de> for TraceFields<'_> {
    const EXPECTED: &'static str = "a list of Jaeger spans";

    fn element<A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let Some(mut raw) = list.next_element::<RawSpan<'de>>()? else {
            return Ok(false);
        };
        let process = match raw.process.take() {
            Some(process) => ProcessOf::Inline(resource(self.builder, process)),
            None => ProcessOf::Named(raw.process_id.0.clone().into_owned()),
        };
        let span = into_span(raw, self.builder).map_err(A::Error::custom)?;
        self.users.push((self.builder.traces.spans.len(), process));
        self.builder.traces.spans.push(span);
        Ok(true)
    }
}

struct Processes<'a, 'b>(&'a mut TraceFields<'b>);

impl<'de> Fields<'de> for Processes<'_, '_> {
    const EXPECTED: &'static str = "processes by their id";

    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let process = map.next_value::<RawProcess<'de>>()?;
        let index = resource(self.0.builder, process);
        self.0.processes.insert(key.to_owned(), index);
        Ok(())
    }
}

/// A process as the file has it.
#[derive(Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawProcess<'a> {
    #[serde(borrow)]
    service_name: Text<'a>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

/// The index of the resource that `process` describes.
fn resource(builder: &mut Builder, process: RawProcess<'_>) -> u32 {
    let name = &*process.service_name.0;
    let mut attributes = Vec::new();
    if !name.is_empty() && name != UNKNOWN_SERVICE {
        let value = Value::Str(builder.interner.text(name));
        attributes.push(Attribute { key: ArcStr::from(SERVICE_NAME), value });
    }
    let rest = attributes_of(process.tags.unwrap_or_default(), &mut builder.interner);
    attributes.extend(rest);
    builder.resource(attributes)
}

/// An id of a trace and a span as one reference has them.
pub(super) fn ids(
    trace: &str,
    span: &str,
    builder: &mut Builder,
) -> (crate::model::TraceId, crate::model::SpanId) {
    let (trace_id, trace_mapped) = jaeger_trace_id(trace);
    let (span_id, span_mapped) = jaeger_span_id(span);
    builder.mapped_ids += usize::from(trace_mapped) + usize::from(span_mapped);
    (trace_id, span_id)
}
