//! What a format cannot hold, and how much of it a trace has: what a conversion loses.

use std::collections::HashSet;
use std::fmt;

use super::Format;
use super::jaeger_tags::UNKNOWN_SERVICE;
use crate::model::{Attribute, Span, SpanId, TraceId, TraceSet, Value};

/// A part of a trace that not every format can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Detail {
    /// Resources that no span comes from.
    UnusedResources,
    /// Spans whose trace or own id is zero, or whose parent's is.
    SpansWithoutId,
    /// Links whose trace or span id is zero.
    LinksWithoutId,
    /// Service names that read as "no name": empty, or Jaeger's `unknown-service`.
    EmptyServices,
    /// Times that are no whole microseconds.
    Nanoseconds,
    /// Spans that end before they start.
    BackwardSpans,
    /// Links with attributes, trace state or flags.
    LinkDetails,
    /// Links to spans that are not in the set.
    LinksElsewhere,
    /// Attributes that are lists or maps.
    NestedValues,
}

/// What becomes of a [`Detail`] in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The format has a place for it that every program knows.
    Kept,
    /// It stands in tags or arguments of our own: raftlens reads it back, others do not.
    OwnTags,
    /// It is gone or changed.
    Lost,
}

/// A detail, with how often it occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// What it is.
    pub detail: Detail,
    /// How often it occurs; never zero.
    pub count: usize,
}

/// What a set loses in a format.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// What is gone or changed when the file is read again.
    pub lost: Vec<Loss>,
    /// What only raftlens reads back.
    pub own_tags: Vec<Loss>,
}

/// Counts what `traces` would lose if written in `format`.
///
/// Keys that occur twice in one list of attributes are not looked at: OpenTelemetry forbids them,
/// and programs differ in which of the two they take.
pub fn losses(traces: &TraceSet, format: Format) -> Losses {
    let mut losses = Losses::default();
    for detail in Detail::ALL {
        let list = match detail.fate(format) {
            Fate::Kept => continue,
            Fate::OwnTags => &mut losses.own_tags,
            Fate::Lost => &mut losses.lost,
        };
        let count = detail.count(traces);
        if count > 0 {
            list.push(Loss { detail, count });
        }
    }
    losses
}

impl Detail {
    /// All details, in the order of the table in [`crate::format`].
    pub const ALL: [Detail; 9] = [
        Detail::UnusedResources,
        Detail::SpansWithoutId,
        Detail::LinksWithoutId,
        Detail::EmptyServices,
        Detail::Nanoseconds,
        Detail::BackwardSpans,
        Detail::LinkDetails,
        Detail::LinksElsewhere,
        Detail::NestedValues,
    ];

    /// What becomes of it in `format`; for one that is not written, in what it would be written.
    pub fn fate(self, format: Format) -> Fate {
        let is_jaeger = format == Format::JaegerJson;
        let is_chrome = format == Format::ChromeJson;
        match self {
            Detail::UnusedResources | Detail::SpansWithoutId => Fate::Lost,
            Detail::LinksWithoutId | Detail::EmptyServices if is_jaeger => Fate::Lost,
            Detail::Nanoseconds | Detail::LinkDetails | Detail::NestedValues if is_jaeger => {
                Fate::OwnTags
            }
            Detail::BackwardSpans if is_jaeger || is_chrome => Fate::OwnTags,
            Detail::LinkDetails | Detail::LinksElsewhere | Detail::LinksWithoutId if is_chrome => {
                Fate::OwnTags
            }
            _ => Fate::Kept,
        }
    }

    /// How often it occurs in `traces`.
    pub fn count(self, traces: &TraceSet) -> usize {
        let spans = traces.spans.iter();
        let links = traces.spans.iter().flat_map(|span| &span.links);
        match self {
            Detail::UnusedResources => {
                let used: HashSet<_> = spans.map(|span| span.resource as usize).collect();
                (0..traces.resources.len()).filter(|index| !used.contains(index)).count()
            }
            Detail::SpansWithoutId => spans.filter(|span| is_without_id(span)).count(),
            Detail::LinksWithoutId => {
                links.filter(|link| link.trace_id.0 == 0 || link.span_id.0 == 0).count()
            }
            Detail::EmptyServices => traces
                .resources
                .iter()
                .filter_map(|resource| resource.service_name())
                .filter(|name| name.is_empty() || *name == UNKNOWN_SERVICE)
                .count(),
            Detail::Nanoseconds => spans
                .flat_map(|span| {
                    let events = span.events.iter().map(|event| event.time_ns);
                    [span.start_ns, span.end_ns].into_iter().chain(events)
                })
                .filter(|time_ns| !time_ns.is_multiple_of(1000))
                .count(),
            Detail::BackwardSpans => spans.filter(|span| span.end_ns < span.start_ns).count(),
            Detail::LinkDetails => links
                .filter(|link| {
                    !link.attributes.is_empty()
                        || !link.trace_state.is_empty()
                        || link.flags != 0
                        || link.dropped_attributes != 0
                })
                .count(),
            Detail::LinksElsewhere => {
                let ids: HashSet<(TraceId, SpanId)> =
                    spans.map(|span| (span.trace_id, span.span_id)).collect();
                links.filter(|link| !ids.contains(&(link.trace_id, link.span_id))).count()
            }
            Detail::NestedValues => {
                let of_resources = traces.resources.iter().map(|it| &it.attributes);
                let of_spans = traces.spans.iter().flat_map(|span| {
                    let events = span.events.iter().map(|event| &event.attributes);
                    std::iter::once(&span.attributes).chain(events)
                });
                of_resources.chain(of_spans).flatten().filter(|it| is_nested(it)).count()
            }
        }
    }

    /// What it is, in the plural.
    pub fn name(self) -> &'static str {
        self.names().1
    }

    /// What one of it is, and what many of it are.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Detail::UnusedResources => ("resource without spans", "resources without spans"),
            Detail::SpansWithoutId => ("span without an id", "spans without an id"),
            Detail::LinksWithoutId => ("link without an id", "links without an id"),
            Detail::EmptyServices => ("empty service name", "empty service names"),
            Detail::Nanoseconds => {
                ("time finer than a microsecond", "times finer than a microsecond")
            }
            Detail::BackwardSpans => {
                ("span that ends before it starts", "spans that end before they start")
            }
            Detail::LinkDetails => {
                ("link with details of its own", "links with details of their own")
            }
            Detail::LinksElsewhere => ("link to a span elsewhere", "links to spans elsewhere"),
            Detail::NestedValues => {
                ("attribute that is a list or map", "attributes that are lists or maps")
            }
        }
    }
}

fn is_without_id(span: &Span) -> bool {
    span.trace_id.0 == 0 || span.span_id.0 == 0 || span.parent_span_id == Some(SpanId(0))
}

fn is_nested(attribute: &Attribute) -> bool {
    matches!(attribute.value, Value::Array(_) | Value::Map(_))
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Kept => "kept",
            Fate::OwnTags => "own tags",
            Fate::Lost => "lost",
        })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, many) = self.detail.names();
        write!(f, "{} {}", self.count, if self.count == 1 { one } else { many })
    }
}

impl Losses {
    /// Whether every program reads everything back.
    pub fn is_none(&self) -> bool {
        self.lost.is_empty() && self.own_tags.is_empty()
    }
}

impl fmt::Display for Losses {
    /// One line: what is lost, then what only raftlens reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list =
            |losses: &[Loss]| losses.iter().map(Loss::to_string).collect::<Vec<_>>().join(", ");
        match (self.lost.is_empty(), self.own_tags.is_empty()) {
            (true, true) => f.write_str("nothing is lost"),
            (false, true) => write!(f, "lost: {}", list(&self.lost)),
            (true, false) => write!(f, "only raftlens reads back: {}", list(&self.own_tags)),
            (false, false) => {
                let (lost, own_tags) = (list(&self.lost), list(&self.own_tags));
                write!(f, "lost: {lost}; only raftlens reads back: {own_tags}")
            }
        }
    }
}
