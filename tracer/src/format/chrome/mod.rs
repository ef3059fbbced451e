//! Chrome's trace events, which Perfetto and `chrome://tracing` open.
//!
//! What we write: a process is a node (a resource, split by the attributes of [`NODE_KEYS`]); the
//! spans of one trace on one node are nestable async events (`b`/`e`) whose id is the trace's,
//! several such tracks where they would not nest; what happens inside a span is an `n`. A link is
//! a flow between two `n` events, since the older `s`/`f` bind to slices of threads only and both
//! viewers drop them here. Times begin near zero, because a double cannot hold nanoseconds since
//! 1970; [`ANCHOR`] says when zero was.
//!
//! Everything that a viewer does not need stands in `args`, under the names of this file, so our
//! own files come back whole. Files of others have no ids: [`ids`] makes them.

mod args;
mod event;
mod flows;
mod ids;
mod lanes;
mod nodes;
mod own;
mod read;
mod slices;
mod spans;
mod threads;
mod value;
mod write;

pub(super) use read::document as read;
pub(super) use write::document as write;

/// Attributes that tell the nodes of one service apart, looked for in the resource and in the span
/// or else what called it; and what to put before their value.
const NODE_KEYS: [(&str, &str); 2] = [("service.instance.id", ""), ("raft.store_id", "store ")];

/// Of the file: when its time zero was, in nanoseconds since the Unix epoch, as text.
const ANCHOR: &str = "anchor_ns";
/// Of a `process_name`: the attributes of the resource.
const RESOURCE: &str = "resource";

/// The span's position in the set; on every event, so that it finds its span.
const SPAN: &str = "span";
/// The event's position in the span.
const EVENT: &str = "event";
/// Marks an `n` that only carries an arrow.
const FLOW: &str = "flow";
const TRACE_ID: &str = "trace_id";
const SPAN_ID: &str = "span_id";
const PARENT_SPAN_ID: &str = "parent_span_id";
const KIND: &str = "kind";
const STATUS: &str = "status";
const STATUS_MESSAGE: &str = "status_message";
const SCOPE: &str = "scope";
const SCOPE_VERSION: &str = "scope_version";
const TRACE_STATE: &str = "trace_state";
const FLAGS: &str = "flags";
const ATTRIBUTES: &str = "attributes";
const LINKS: &str = "links";
const DROPPED_ATTRIBUTES: &str = "dropped_attributes";
const DROPPED_EVENTS: &str = "dropped_events";
const DROPPED_LINKS: &str = "dropped_links";
/// Exact times as text, where the microseconds of the event do not say them.
const START_NS: &str = "start_ns";
const END_NS: &str = "end_ns";
const TIME_NS: &str = "time_ns";
