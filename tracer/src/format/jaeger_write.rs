//! Writes Jaeger JSON: the form that Jaeger's UI takes by upload and gives by download.
//!
//! It has microseconds only, and the UI hides a child that ends after its parent. So the duration
//! is the difference of the truncated times, which keeps every child inside its parent, and the
//! exact nanoseconds stand in tags.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value as Json;

use super::any_value::AttributesJson;
use super::jaeger_tags::*;
use super::number::name_of_unwritable;
use super::otlp_write::{LinksJson, groups, resource_attributes};
use crate::conventions::SERVICE_NAME;
use crate::model::{Attribute, Link, Span, SpanEvent, SpanKind, Status, TraceSet, Value, find};

/// The integers that a JavaScript number holds exactly; larger ones are written in quotes.
const MOST_EXACT: u64 = 1 << 53;

/// Writes all traces into one document.
pub(super) fn document(traces: &TraceSet, mut output: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut output, &Document(traces))?;
    output.write_all(b"\n")?;
    output.flush()
}

struct Document<'a>(&'a TraceSet);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let data: Vec<_> = groups(self.0.spans.iter(), |span| span.trace_id)
            .into_iter()
            .map(|spans| Trace::new(self.0, spans))
            .collect();
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("data", &data)?;
        map.serialize_entry("total", &data.len())?;
        map.serialize_entry("limit", &0)?;
        map.serialize_entry("offset", &0)?;
        map.serialize_entry("errors", &())?;
        map.end()
    }
}

/// One trace; never without spans. Processes are numbered within it: `p1`, `p2`, ...
struct Trace<'a> {
    traces: &'a TraceSet,
    spans: Vec<&'a Span>,
    /// The first span of each resource, in order of appearance.
    processes: Vec<&'a Span>,
}

impl<'a> Trace<'a> {
    fn new(traces: &'a TraceSet, spans: Vec<&'a Span>) -> Self {
        let processes = groups(spans.iter().copied(), |span| span.resource)
            .into_iter()
            .filter_map(|spans| spans.first().copied())
            .collect();
        Trace { traces, spans, processes }
    }

    fn process_id(&self, span: &Span) -> String {
        let number = self.processes.iter().position(|first| first.resource == span.resource);
        format!("p{}", number.unwrap_or(0) + 1)
    }
}

impl Serialize for Trace<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("traceID", &self.spans[0].trace_id.to_string())?;
        map.serialize_entry("spans", &Spans(self))?;
        map.serialize_entry("processes", &Processes(self))?;
        map.serialize_entry("warnings", &())?;
        map.end()
    }
}

struct Spans<'a>(&'a Trace<'a>);

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.spans.len()))?;
        for span in &self.0.spans {
            list.serialize_element(&SpanJson { span, process_id: self.0.process_id(span) })?;
        }
        list.end()
    }
}

struct Processes<'a>(&'a Trace<'a>);

impl Serialize for Processes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for span in &self.0.processes {
            let attributes = resource_attributes(self.0.traces, span);
            map.serialize_entry(&self.0.process_id(span), &process(attributes))?;
        }
        map.end()
    }
}

fn process(attributes: &[Attribute]) -> Json {
    let name = find(attributes, SERVICE_NAME).and_then(Value::as_str);
    let rest: Vec<_> = attributes
        .iter()
        .filter(|attribute| name.is_none() || &*attribute.key != SERVICE_NAME)
        .cloned()
        .collect();
    let mut tags = Vec::new();
    push_attributes(&mut tags, &rest, |key| key.starts_with("raftlens."));
    serde_json::json!({ "serviceName": name.unwrap_or(UNKNOWN_SERVICE), "tags": tags })
}

struct SpanJson<'a> {
    span: &'a Span,
    process_id: String,
}

impl Serialize for SpanJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.span;
        let start_us = span.start_ns / 1000;
        let end_us = span.end_ns / 1000;
        let logs: Vec<_> = span.events.iter().map(log).collect();
        let mut map = serializer.serialize_map(Some(11))?;
        map.serialize_entry("traceID", &span.trace_id.to_string())?;
        map.serialize_entry("spanID", &span.span_id.to_string())?;
        map.serialize_entry("flags", &span.flags)?;
        map.serialize_entry("operationName", &*span.name)?;
        map.serialize_entry("references", &references(span))?;
        map.serialize_entry("startTime", &start_us)?;
        map.serialize_entry("duration", &end_us.saturating_sub(start_us))?;
        map.serialize_entry("tags", &tags(span))?;
        map.serialize_entry("logs", &logs)?;
        map.serialize_entry("processID", &self.process_id)?;
        map.serialize_entry("warnings", &())?;
        map.end()
    }
}

/// The parent first: the UI takes the first reference within the trace for the parent.
fn references(span: &Span) -> Vec<Json> {
    let parent = span.parent_span_id.map(|id| reference("CHILD_OF", span.trace_id, id));
    let links = span.links.iter().map(|link| {
        let is_parent =
            find(&link.attributes, REFERENCE_TYPE).and_then(Value::as_str) == Some(CHILD_OF_LINK);
        // A second parent in the place of the first would be taken for it when read back.
        let kind =
            if is_parent && span.parent_span_id.is_some() { "CHILD_OF" } else { "FOLLOWS_FROM" };
        reference(kind, link.trace_id, link.span_id)
    });
    parent.into_iter().chain(links).collect()
}

fn reference(kind: &str, trace_id: impl ToString, span_id: impl ToString) -> Json {
    serde_json::json!({
        "refType": kind, "traceID": trace_id.to_string(), "spanID": span_id.to_string(),
    })
}

fn tags(span: &Span) -> Vec<Json> {
    let mut tags = Vec::new();
    push_text(&mut tags, KIND, kind(span.kind));
    match &span.status {
        Status::Unset => {}
        Status::Ok => push_text(&mut tags, STATUS_CODE, "OK"),
        Status::Error(message) => {
            push_text(&mut tags, STATUS_CODE, "ERROR");
            tags.push(tag(ERROR, "bool", true));
            push_text(&mut tags, STATUS_DESCRIPTION, message);
        }
    }
    push_attributes(&mut tags, &span.attributes, is_reserved);
    push_text(&mut tags, SCOPE_NAME, &span.scope_name);
    push_text(&mut tags, SCOPE_VERSION, &span.scope_version);
    push_text(&mut tags, TRACE_STATE, &span.trace_state);
    push_count(&mut tags, DROPPED_ATTRIBUTES, span.dropped_attributes);
    push_count(&mut tags, DROPPED_EVENTS, span.dropped_events);
    push_count(&mut tags, DROPPED_LINKS, span.dropped_links);
    push_times(&mut tags, span);
    if span.links.iter().any(has_details) {
        push_text(&mut tags, LINKS, &to_text(&LinksJson(&span.links)));
    }
    tags
}

fn push_times(tags: &mut Vec<Json>, span: &Span) {
    let is_whole = span.start_ns.is_multiple_of(1000) && span.end_ns.is_multiple_of(1000);
    if !is_whole || span.end_ns < span.start_ns {
        tags.push(tag(START_NS, "int64", integer(i128::from(span.start_ns))));
        let duration = i128::from(span.end_ns) - i128::from(span.start_ns);
        tags.push(tag(DURATION_NS, "int64", integer(duration)));
    }
}

/// Whether a link has more than a reference holds.
fn has_details(link: &Link) -> bool {
    !link.attributes.is_empty()
        || !link.trace_state.is_empty()
        || link.flags != 0
        || link.dropped_attributes != 0
}

fn log(event: &SpanEvent) -> Json {
    let mut fields = vec![tag(EVENT, "string", &*event.name)];
    push_attributes(&mut fields, &event.attributes, is_reserved_in_log);
    if !event.time_ns.is_multiple_of(1000) {
        fields.push(tag(TIME_NS, "int64", integer(i128::from(event.time_ns))));
    }
    push_count(&mut fields, DROPPED_ATTRIBUTES, event.dropped_attributes);
    serde_json::json!({ "timestamp": event.time_ns / 1000, "fields": fields })
}

fn push_attributes(tags: &mut Vec<Json>, attributes: &[Attribute], reserved: fn(&str) -> bool) {
    for attribute in attributes {
        let key = &*attribute.key;
        let escaped = reserved(key).then(|| format!("{ESCAPE}{key}"));
        let (kind, value) = tag_value(&attribute.value);
        tags.push(tag(escaped.as_deref().unwrap_or(key), kind, value));
    }
    let nested: Vec<_> = attributes
        .iter()
        .filter(|attribute| matches!(attribute.value, Value::Array(_) | Value::Map(_)))
        .cloned()
        .collect();
    if !nested.is_empty() {
        push_text(tags, NESTED, &to_text(&AttributesJson(&nested)));
    }
}

fn tag_value(value: &Value) -> (&'static str, Json) {
    match value {
        Value::Str(text) => ("string", Json::from(&**text)),
        Value::Bool(truth) => ("bool", Json::from(*truth)),
        Value::Int(number) => ("int64", integer(i128::from(*number))),
        Value::Double(number) => match name_of_unwritable(*number) {
            Some(name) => ("float64", Json::from(name)),
            None => ("float64", Json::from(*number)),
        },
        Value::Bytes(bytes) => ("binary", Json::from(STANDARD.encode(&**bytes))),
        Value::Array(_) | Value::Map(_) => ("string", Json::from(plain(value).to_string())),
    }
}

/// A nested value as plain JSON, for people who look at it in the UI.
fn plain(value: &Value) -> Json {
    match value {
        Value::Array(values) => values.iter().map(plain).collect(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.to_string(), plain(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Str(_) | Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Bytes(_) => {
            tag_value(value).1
        }
    }
}

fn integer(number: i128) -> Json {
    match i64::try_from(number) {
        Ok(small) if small.unsigned_abs() <= MOST_EXACT => Json::from(small),
        _ => Json::from(number.to_string()),
    }
}

fn tag(key: &str, kind: &str, value: impl Into<Json>) -> Json {
    serde_json::json!({ "key": key, "type": kind, "value": value.into() })
}

fn push_text(tags: &mut Vec<Json>, key: &str, text: &str) {
    if !text.is_empty() {
        tags.push(tag(key, "string", text));
    }
}

fn push_count(tags: &mut Vec<Json>, key: &str, count: u32) {
    if count != 0 {
        tags.push(tag(key, "int64", count));
    }
}

fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own types have text keys and write to memory")
}

fn kind(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Unspecified => "",
        SpanKind::Internal => "internal",
        SpanKind::Server => "server",
        SpanKind::Client => "client",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
    }
}
