//! Reads Zipkin's version 2 JSON: a list of spans, several lists one after another, or one span a
//! line.
//!
//! Everything of a span is kept; what OpenTelemetry has a field or a name for goes there. Times are
//! microseconds. Two halves of a call may share one id: [`super::zipkin_halves`] parts them.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::ids::{jaeger_span_id, jaeger_trace_id};
use super::intern::Builder;
use super::jaeger_tags::{
    ERROR, LIBRARY_NAME, LIBRARY_VERSION, SCOPE_NAME, SCOPE_VERSION, STATUS_CODE, TRACE_STATE,
};
use super::number::Int;
use super::otlp_read::new_span;
use super::report::Warning;
use super::walk::Text;
use super::zipkin_halves::{Half, part};
use crate::conventions::SERVICE_NAME;
use crate::model::{ArcStr, Attribute, Span, SpanEvent, SpanKind, Status, Value};

const PEER_SERVICE: &str = "peer.service";
const PEER_ADDRESS: &str = "network.peer.address";
const PEER_PORT: &str = "network.peer.port";
const LOCAL_ADDRESS: &str = "network.local.address";
const LOCAL_PORT: &str = "network.local.port";
const DEBUG: &str = "zipkin.debug";

/// Reads documents that fill the whole of `bytes`.
pub(super) fn document(bytes: &[u8], builder: &mut Builder) -> Result<(), serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let first = builder.traces.spans.len();
    let mut halves = Vec::new();
    let outcome = loop {
        let read = Spans { builder, halves: &mut halves }.deserialize(&mut parser);
        // Whatever stands behind the first list must be another one.
        if read.is_err() || parser.end().is_ok() {
            break read;
        }
    };
    part(&mut builder.traces.spans[first..], &mut halves);
    let shared = halves.iter().filter(|half| half.is_parted).count();
    let without_time = halves.iter().filter(|half| half.lacks_time).count();
    builder.notice([Warning::SharedIds(shared), Warning::WithoutTime(without_time)]);
    outcome
}

/// A span, or a list of them.
struct Spans<'a> {
    builder: &'a mut Builder,
    halves: &'a mut Vec<Half>,
}

impl<'de> DeserializeSeed<'de> for Spans<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Spans<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Zipkin span, or a list of them")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let raw = RawSpan::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        let (span, half) = into_span(raw, self.builder).map_err(A::Error::custom)?;
        self.builder.traces.spans.push(span);
        self.halves.push(half);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // Also lists of lists: what Zipkin's `/api/v2/traces` returns.
        let Spans { builder, halves } = self;
        while list.next_element_seed(Spans { builder, halves })?.is_some() {}
        Ok(())
    }
}

/// A span as the file has it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RawSpan<'a> {
    #[serde(borrow)]
    trace_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    parent_id: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    timestamp: Option<Int<u64>>,
    duration: Option<Int<u64>>,
    #[serde(borrow)]
    local_endpoint: Option<Endpoint<'a>>,
    #[serde(borrow)]
    remote_endpoint: Option<Endpoint<'a>>,
    #[serde(borrow)]
    annotations: Option<Vec<Annotation<'a>>>,
    #[serde(borrow)]
    tags: Option<Tags<'a>>,
    shared: Option<bool>,
    debug: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Endpoint<'a> {
    #[serde(borrow)]
    service_name: Text<'a>,
    #[serde(borrow)]
    ipv4: Text<'a>,
    #[serde(borrow)]
    ipv6: Text<'a>,
    port: Option<Int<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotation<'a> {
    timestamp: Option<Int<u64>>,
    #[serde(borrow)]
    value: Text<'a>,
}

/// Tags in the order of the file. Values should be texts; others are taken as their JSON.
#[derive(Default)]
struct Tags<'a>(Vec<(Text<'a>, serde_json::Value)>);

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TagsVisitor;
        impl<'de> Visitor<'de> for TagsVisitor {
            type Value = Tags<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags<'de>, A::Error> {
                let mut tags = Vec::new();
                while let Some(tag) = map.next_entry()? {
                    tags.push(tag);
                }
                Ok(Tags(tags))
            }
        }
        deserializer.deserialize_map(TagsVisitor)
    }
}

fn into_span(raw: RawSpan<'_>, builder: &mut Builder) -> Result<(Span, Half), String> {
    if raw.trace_id.0.is_empty() || raw.id.0.is_empty() {
        return Err(format!("the span {:?} has no id: expected traceId and id", raw.name.0));
    }
    let mut span = new_span();
    let mut mapped = [false; 3];
    (span.trace_id, mapped[0]) = jaeger_trace_id(&raw.trace_id.0);
    (span.span_id, mapped[1]) = jaeger_span_id(&raw.id.0);
    if raw.parent_id.0.bytes().any(|byte| byte != b'0') {
        let (parent, is_mapped) = jaeger_span_id(&raw.parent_id.0);
        (span.parent_span_id, mapped[2]) = (Some(parent), is_mapped);
    }
    builder.mapped_ids += mapped.into_iter().filter(|is_mapped| *is_mapped).count();
    span.name = builder.interner.text(&raw.name.0);
    span.kind = kind(&raw.kind.0);
    for annotation in raw.annotations.unwrap_or_default() {
        span.events.push(SpanEvent {
            time_ns: annotation.timestamp.unwrap_or_default().0.saturating_mul(1000),
            name: builder.interner.text(&annotation.value.0),
            attributes: Vec::new(),
            dropped_attributes: 0,
        });
    }
    let start_us = raw.timestamp.map(|time| time.0).filter(|time| *time != 0);
    let duration_us = raw.duration.map(|duration| duration.0);
    set_times(&mut span, start_us, duration_us);
    take_tags(&mut span, raw.tags.unwrap_or_default(), builder);
    span.resource = take_local(&mut span, raw.local_endpoint.unwrap_or_default(), builder);
    take_remote(&mut span, raw.remote_endpoint.unwrap_or_default(), builder);
    if raw.debug == Some(true) {
        add(&mut span, DEBUG, Value::Bool(true), builder);
    }
    let half = Half {
        is_shared: raw.shared == Some(true),
        lacks_start: start_us.is_none() && span.start_ns == 0,
        lacks_time: start_us.is_none() || duration_us.is_none(),
        is_parted: false,
    };
    Ok((span, half))
}

/// What the span does not say of its time is taken from what happened in it.
fn set_times(span: &mut Span, start_us: Option<u64>, duration_us: Option<u64>) {
    let noted = || span.events.iter().map(|event| event.time_ns).filter(|time_ns| *time_ns != 0);
    let start_ns = start_us.map(|us| us.saturating_mul(1000)).or_else(|| noted().min());
    let start_ns = start_ns.unwrap_or(0);
    let end_ns = match duration_us {
        Some(us) => start_ns.saturating_add(us.saturating_mul(1000)),
        None => noted().max().unwrap_or(0).max(start_ns),
    };
    (span.start_ns, span.end_ns) = (start_ns, end_ns);
}

fn kind(text: &str) -> SpanKind {
    match text {
        "CLIENT" => SpanKind::Client,
        "SERVER" => SpanKind::Server,
        "PRODUCER" => SpanKind::Producer,
        "CONSUMER" => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

/// Tags become attributes; those of OpenTelemetry's exporter go where they came from.
fn take_tags(span: &mut Span, tags: Tags<'_>, builder: &mut Builder) {
    let mut error = None;
    let mut code = None;
    for (Text(key), value) in tags.0 {
        let text = match &value {
            serde_json::Value::String(text) => builder.interner.text(text),
            serde_json::Value::Null => builder.interner.text(""),
            other => ArcStr::from(other.to_string()),
        };
        match &*key {
            ERROR if &*text != "false" => error = Some(text),
            STATUS_CODE if matches!(&*text, "OK" | "ERROR") => code = Some(text),
            SCOPE_NAME | LIBRARY_NAME => span.scope_name = text,
            SCOPE_VERSION | LIBRARY_VERSION => span.scope_version = text,
            TRACE_STATE => span.trace_state = text,
            _ => {
                let key = builder.interner.text(&key);
                span.attributes.push(Attribute { key, value: Value::Str(text) });
            }
        }
    }
    // A bare `true` says nothing but that it failed.
    let message = error.clone().filter(|text| &**text != "true").unwrap_or_else(|| "".into());
    span.status = match code.as_deref() {
        Some("OK") => Status::Ok,
        None if error.is_none() => Status::Unset,
        _ => Status::Error(message),
    };
}

/// The service is the resource; addresses differ between spans of one service and stay with them.
fn take_local(span: &mut Span, local: Endpoint<'_>, builder: &mut Builder) -> u32 {
    add_address(span, &local, [LOCAL_ADDRESS, LOCAL_PORT], builder);
    let name = &*local.service_name.0;
    if name.is_empty() {
        return builder.resource(Vec::new());
    }
    let value = Value::Str(builder.interner.text(name));
    let key = builder.interner.text(SERVICE_NAME);
    builder.resource(vec![Attribute { key, value }])
}

fn take_remote(span: &mut Span, remote: Endpoint<'_>, builder: &mut Builder) {
    if !remote.service_name.0.is_empty() {
        let name = Value::Str(builder.interner.text(&remote.service_name.0));
        add(span, PEER_SERVICE, name, builder);
    }
    add_address(span, &remote, [PEER_ADDRESS, PEER_PORT], builder);
}

fn add_address(
    span: &mut Span,
    endpoint: &Endpoint<'_>,
    [address_key, port_key]: [&str; 2],
    builder: &mut Builder,
) {
    // OpenTelemetry has one address; a host that states both is reached under the older one.
    for address in [&endpoint.ipv4.0, &endpoint.ipv6.0] {
        if !address.is_empty() && span.attribute(address_key).is_none() {
            let value = Value::Str(builder.interner.text(address));
            add(span, address_key, value, builder);
        }
    }
    if let Some(Int(port)) = endpoint.port.filter(|port| port.0 != 0) {
        add(span, port_key, Value::Int(i64::from(port)), builder);
    }
}

/// Adds an attribute unless a tag of that name stands there already.
fn add(span: &mut Span, key: &str, value: Value, builder: &mut Builder) {
    if span.attribute(key).is_none() {
        span.attributes.push(Attribute { key: builder.interner.text(key), value });
    }
}
