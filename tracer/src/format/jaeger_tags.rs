//! The tags through which Jaeger JSON carries what it has no field for.
//!
//! The OpenTelemetry names are those of the specification's Jaeger mapping, which Jaeger's UI
//! knows. The `raftlens.` names are ours: nanoseconds, link attributes and nested values. The
//! reader takes all of them back, so they never appear as attributes.

/// Tag: the span's kind, in lower case.
pub(super) const KIND: &str = "span.kind";
/// Tag: `OK` or `ERROR`.
pub(super) const STATUS_CODE: &str = "otel.status_code";
/// Tag: what was said of an error.
pub(super) const STATUS_DESCRIPTION: &str = "otel.status_description";
/// Tag: `true` on a span that failed; what the UI marks red.
pub(super) const ERROR: &str = "error";
/// Tag: instrumentation scope.
pub(super) const SCOPE_NAME: &str = "otel.scope.name";
/// Tag: its version.
pub(super) const SCOPE_VERSION: &str = "otel.scope.version";
/// Tag: the scope's name in files written before 2022.
pub(super) const LIBRARY_NAME: &str = "otel.library.name";
/// Tag: its version.
pub(super) const LIBRARY_VERSION: &str = "otel.library.version";
/// Tag: W3C trace state.
pub(super) const TRACE_STATE: &str = "w3c.tracestate";
/// Tag: attributes that the producer left out.
pub(super) const DROPPED_ATTRIBUTES: &str = "otel.dropped_attributes_count";
/// Tag: events that the producer left out.
pub(super) const DROPPED_EVENTS: &str = "otel.dropped_events_count";
/// Tag: links that the producer left out.
pub(super) const DROPPED_LINKS: &str = "otel.dropped_links_count";
/// Tag: the exact start, in nanoseconds since the epoch.
pub(super) const START_NS: &str = "raftlens.start_ns";
/// Tag: the exact duration, in nanoseconds.
pub(super) const DURATION_NS: &str = "raftlens.duration_ns";
/// Tag: the links with all their details, as OTLP JSON.
pub(super) const LINKS: &str = "raftlens.links";
/// Tag: attributes that are lists or maps, as OTLP JSON; a readable copy stands beside it.
pub(super) const NESTED: &str = "raftlens.nested";
/// Log field: the exact time of the event, in nanoseconds since the epoch.
pub(super) const TIME_NS: &str = "raftlens.time_ns";
/// Put before the key of an attribute that happens to have one of the names above.
pub(super) const ESCAPE: &str = "raftlens.attribute.";
/// Log field: the event's name.
pub(super) const EVENT: &str = "event";
/// Log field: the event's name in files written before OpenTelemetry.
pub(super) const MESSAGE: &str = "message";
/// Link attribute: the kind of a further reference; OpenTelemetry's name for it.
pub(super) const REFERENCE_TYPE: &str = "opentracing.ref_type";
/// Its value for a second parent.
pub(super) const CHILD_OF_LINK: &str = "child_of";
/// What the UI calls a process without a name.
pub(super) const UNKNOWN_SERVICE: &str = "unknown-service";

/// Whether a span attribute of this name must be escaped, lest the reader take it for a tag of
/// this table.
pub(super) fn is_reserved(key: &str) -> bool {
    key.starts_with("raftlens.")
        || matches!(
            key,
            KIND | STATUS_CODE
                | STATUS_DESCRIPTION
                | ERROR
                | SCOPE_NAME
                | SCOPE_VERSION
                | LIBRARY_NAME
                | LIBRARY_VERSION
                | TRACE_STATE
                | DROPPED_ATTRIBUTES
                | DROPPED_EVENTS
                | DROPPED_LINKS
        )
}

/// The same for a field of a log.
pub(super) fn is_reserved_in_log(key: &str) -> bool {
    key.starts_with("raftlens.") || matches!(key, EVENT | DROPPED_ATTRIBUTES)
}
