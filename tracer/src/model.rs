//! The span model: plain data that every reader fills and every writer, analysis and chart takes.
//!
//! One [`TraceSet`] holds the spans of any number of traces. Times are nanoseconds since the Unix
//! epoch, ids are the raw bytes of OpenTelemetry, and nothing here depends on how the spans were
//! collected.

use std::fmt;

/// Text that any number of spans may share, one word wide.
pub use arcstr::ArcStr;

/// A 128-bit trace id; all zero is "no trace".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct TraceId(pub u128);

/// A 64-bit span id; zero is "no span".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The value of an attribute, as OpenTelemetry's `AnyValue` has them. The types that are rare stand
/// elsewhere, so that all others take two words: traces are mostly attributes. What it is takes the
/// whole first word, so that a value is moved as two words and not as so many bytes.
#[derive(Clone, Debug, PartialEq)]
#[repr(u64)]
pub enum Value {
    /// Text.
    Str(ArcStr),
    /// A truth value.
    Bool(bool),
    /// A signed 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Double(f64),
    /// Raw bytes.
    Bytes(Box<Vec<u8>>),
    /// A list of values, of any mix of types.
    Array(Box<Vec<Value>>),
    /// Nested attributes.
    Map(Box<Vec<Attribute>>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The name, e.g. `read.mode`.
    pub key: ArcStr,
    /// What it is.
    pub value: Value,
}

/// What produced a group of spans: a service, and what is known of its process.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Resource {
    /// All attributes, `service.name` among them.
    pub attributes: Vec<Attribute>,
}

/// What a span stands for between services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum SpanKind {
    /// Not stated.
    #[default]
    Unspecified,
    /// Work inside one process.
    Internal,
    /// The receiving side of a call.
    Server,
    /// The calling side of a call.
    Client,
    /// The sending side of a message.
    Producer,
    /// The receiving side of a message.
    Consumer,
}

/// How the work of a span ended.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Nothing was said.
    #[default]
    Unset,
    /// Stated to be good.
    Ok,
    /// An error, with what was said of it.
    Error(ArcStr),
}

/// Something that happened at one moment inside a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When, in nanoseconds since the Unix epoch.
    pub time_ns: u64,
    /// What, e.g. `case`.
    pub name: ArcStr,
    /// Its details.
    pub attributes: Vec<Attribute>,
    /// How many attributes the producer left out.
    pub dropped_attributes: u32,
}

/// A pointer from a span to another one that it follows from, in the same trace or elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The trace of the span pointed at.
    pub trace_id: TraceId,
    /// The span pointed at.
    pub span_id: SpanId,
    /// W3C trace state, as text; empty when there is none.
    pub trace_state: ArcStr,
    /// Its details; `link.kind` says what kind of hand-over it was.
    pub attributes: Vec<Attribute>,
    /// How many attributes the producer left out.
    pub dropped_attributes: u32,
    /// OTLP flags: W3C trace flags in bits 0-7, remote flags above.
    pub flags: u32,
}

/// One traced operation. The default has nothing: no ids, no name, no times.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id, unique within the trace.
    pub span_id: SpanId,
    /// The span that called it; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// W3C trace state, as text; empty when there is none.
    pub trace_state: ArcStr,
    /// OTLP flags: W3C trace flags in bits 0-7, remote flags above.
    pub flags: u32,
    /// The name of the operation.
    pub name: ArcStr,
    /// Its role between services.
    pub kind: SpanKind,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_ns: u64,
    /// End, in nanoseconds since the Unix epoch; never before the start in what raftlens writes.
    pub end_ns: u64,
    /// Index into [`TraceSet::resources`].
    pub resource: u32,
    /// The instrumentation scope's name; empty when there is none.
    pub scope_name: ArcStr,
    /// The instrumentation scope's version; empty when there is none.
    pub scope_version: ArcStr,
    /// What was recorded about it.
    pub attributes: Vec<Attribute>,
    /// How many attributes the producer left out.
    pub dropped_attributes: u32,
    /// What happened during it, in time order as recorded.
    pub events: Vec<SpanEvent>,
    /// How many events the producer left out.
    pub dropped_events: u32,
    /// The spans that it follows from.
    pub links: Vec<Link>,
    /// How many links the producer left out.
    pub dropped_links: u32,
    /// How it ended.
    pub status: Status,
}

/// The spans of any number of traces, with the resources that they came from.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct TraceSet {
    /// What produced the spans.
    pub resources: Vec<Resource>,
    /// The spans, in the order in which they were read or recorded.
    pub spans: Vec<Span>,
}

/// The value of `key` among `attributes`, if there.
pub fn find<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| &*attribute.key == key).map(|attribute| &attribute.value)
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(Box::new(bytes))
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Value::Array(Box::new(values))
    }
}

impl From<Vec<Attribute>> for Value {
    fn from(attributes: Vec<Attribute>) -> Self {
        Value::Map(Box::new(attributes))
    }
}

impl Value {
    /// The text of a [`Value::Str`].
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a [`Value::Int`].
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}

impl Span {
    /// The value of attribute `key`, if there.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        find(&self.attributes, key)
    }

    /// The text of attribute `key`, if it is there and is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attribute(key).and_then(Value::as_str)
    }

    /// How long it took, in nanoseconds; zero when the end lies before the start.
    pub fn duration_ns(&self) -> u64 {
        self.end_ns.saturating_sub(self.start_ns)
    }
}

impl Resource {
    /// The service's name, if stated.
    pub fn service_name(&self) -> Option<&str> {
        find(&self.attributes, "service.name").and_then(Value::as_str)
    }
}
