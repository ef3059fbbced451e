//! What a reader found: the spans, and what is odd about them.

use std::collections::HashSet;
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

use super::intern::Builder;
use super::{Format, FormatError};
use crate::model::TraceSet;

/// The outcome of reading a trace file.
#[derive(Debug)]
pub struct ReadReport {
    /// Every span that was whole.
    pub traces: TraceSet,
    /// The format that was found; `None` if there was none.
    pub format: Option<Format>,
    /// What is odd about the spans, each kind at most once.
    pub warnings: Vec<Warning>,
    /// What stopped the reading; `None` after a whole file.
    pub error: Option<FormatError>,
}

impl ReadReport {
    /// Nothing could be read at all.
    pub(super) fn failed(error: FormatError) -> Self {
        ReadReport {
            traces: TraceSet::default(),
            format: None,
            warnings: Vec::new(),
            error: Some(error),
        }
    }
}

/// Something odd about a trace that was read, with how often it occurs. All are survivable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The file is well-formed and has no spans.
    NoSpans,
    /// Spans whose parent is not in the file.
    WithoutParent(usize),
    /// Spans with the ids of an earlier span.
    Duplicates(usize),
    /// Spans that end before they start.
    EndBeforeStart(usize),
    /// Spans of which the producer left out attributes, events or links.
    Incomplete(usize),
    /// Jaeger ids that are not hexadecimal and were replaced by a hash of their text.
    MappedIds(usize),
    /// Attributes of instrumentation scopes, which are not kept.
    LostScopeAttributes(usize),
    /// Trace events that are no part of a span: counters, samples, objects, old asynchronous ones.
    NotCarriedOver(usize),
    /// Beginnings without an end, taken to the last time in the file or to the end of their caller.
    NeverEnded(usize),
    /// Ends without a beginning, left out.
    NeverBegun(usize),
    /// Trace events that stand behind a later one; put in order.
    OutOfOrder(usize),
    /// Slices of one thread that overlap without one being inside the other.
    Overlapping(usize),
    /// Things that happened outside every span, left out.
    LooseEvents(usize),
    /// Ends of flows that lead to no span, left out.
    LooseFlows(usize),
    /// Spans or events without a start (left out, or taken from what is known) or a duration.
    WithoutTime(usize),
    /// Times before 1970 or after 2554, moved to there.
    OutOfRange(usize),
    /// Server halves of Zipkin spans that shared their id with the client's, given their own.
    SharedIds(usize),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |count: &usize| match count {
            1 => "1 span".to_owned(),
            _ => format!("{count} spans"),
        };
        match self {
            Warning::NoSpans => f.write_str("the file has no spans"),
            Warning::WithoutParent(count) => {
                write!(f, "{} without their parent: the file may be a part", counted(count))
            }
            Warning::Duplicates(count) => {
                write!(f, "{} with the ids of an earlier one", counted(count))
            }
            Warning::EndBeforeStart(count) => {
                write!(f, "{} with an end before the start: taken as zero long", counted(count))
            }
            Warning::Incomplete(count) => {
                write!(f, "{} of which the producer left something out", counted(count))
            }
            Warning::MappedIds(count) => {
                write!(f, "{count} ids that are not hexadecimal were replaced")
            }
            Warning::LostScopeAttributes(count) => {
                write!(f, "{count} attributes of instrumentation scopes were not kept")
            }
            Warning::NotCarriedOver(count) => {
                write!(f, "{count} trace events that belong to no span were not carried over")
            }
            Warning::NeverEnded(count) => {
                write!(f, "{} without an end: taken as ending with what is around", counted(count))
            }
            Warning::NeverBegun(count) => {
                write!(f, "{count} ends without a beginning were left out")
            }
            Warning::OutOfOrder(count) => {
                write!(f, "{count} trace events out of order were put in order")
            }
            Warning::Overlapping(count) => {
                write!(f, "{} of one thread overlapping without nesting", counted(count))
            }
            Warning::LooseEvents(count) => {
                write!(f, "{count} events outside every span were left out")
            }
            Warning::LooseFlows(count) => {
                write!(f, "{count} flow ends that lead to no span were left out")
            }
            Warning::WithoutTime(count) => {
                write!(f, "{count} spans or events without a start or a duration")
            }
            Warning::OutOfRange(count) => {
                write!(f, "{count} times that do not fit 64 bits of nanoseconds were moved")
            }
            Warning::SharedIds(count) => {
                write!(f, "{} with the id of its caller: given one of its own", counted(count))
            }
        }
    }
}

/// Looks over what was read.
pub(super) fn finish(builder: Builder, format: Format, error: Option<FormatError>) -> ReadReport {
    let mut warnings = oddities(&builder.traces);
    warnings.extend(noticed(&builder));
    ReadReport { traces: builder.traces, format: Some(format), warnings, error }
}

/// What a reader noticed that its spans do not show.
pub(super) fn noticed(builder: &Builder) -> Vec<Warning> {
    let counted = [
        Warning::MappedIds(builder.mapped_ids),
        Warning::LostScopeAttributes(builder.lost_scope_attributes),
    ];
    let counted = counted.into_iter().filter(|warning| warning.count() > 0);
    counted.chain(builder.noticed.iter().copied()).collect()
}

/// What is odd about the spans of a set, each kind at most once, as [`read_partial`](super::read_partial)
/// says it of a whole input.
pub fn oddities(traces: &TraceSet) -> Vec<Warning> {
    if traces.spans.is_empty() {
        return vec![Warning::NoSpans];
    }
    // 64 bits of a random hash stand for both ids of a span: a quarter of the memory, and two
    // different ones are as good as never equal, whoever has chosen them.
    let hasher = RandomState::default();
    let mut seen = HashSet::with_capacity_and_hasher(traces.spans.len(), hasher.clone());
    let mut parents_ahead = Vec::new();
    let (mut duplicates, mut backwards, mut incomplete) = (0, 0, 0);
    // In one pass, since a large set does not fit into any cache.
    for span in &traces.spans {
        duplicates += usize::from(!seen.insert(hasher.hash_one((span.trace_id, span.span_id))));
        backwards += usize::from(span.end_ns < span.start_ns);
        let dropped = [span.dropped_attributes, span.dropped_events, span.dropped_links];
        incomplete += usize::from(dropped != [0; 3]);
        if let Some(parent) = span.parent_span_id {
            let parent = hasher.hash_one((span.trace_id, parent));
            if !seen.contains(&parent) {
                parents_ahead.push(parent);
            }
        }
    }
    let without_parent = parents_ahead.iter().filter(|parent| !seen.contains(*parent)).count();
    let kinds = [
        Warning::WithoutParent(without_parent),
        Warning::Duplicates(duplicates),
        Warning::EndBeforeStart(backwards),
        Warning::Incomplete(incomplete),
    ];
    kinds.into_iter().filter(|warning| warning.count() > 0).collect()
}

impl Warning {
    /// Whether the spans show it, so that [`oddities`] finds it.
    pub(super) fn is_of_spans(&self) -> bool {
        matches!(
            self,
            Warning::NoSpans
                | Warning::WithoutParent(_)
                | Warning::Duplicates(_)
                | Warning::EndBeforeStart(_)
                | Warning::Incomplete(_)
        )
    }

    /// How often it occurs.
    pub fn count(&self) -> usize {
        match self {
            Warning::NoSpans => 1,
            Warning::WithoutParent(count)
            | Warning::Duplicates(count)
            | Warning::EndBeforeStart(count)
            | Warning::Incomplete(count)
            | Warning::MappedIds(count)
            | Warning::LostScopeAttributes(count)
            | Warning::NotCarriedOver(count)
            | Warning::NeverEnded(count)
            | Warning::NeverBegun(count)
            | Warning::OutOfOrder(count)
            | Warning::Overlapping(count)
            | Warning::LooseEvents(count)
            | Warning::LooseFlows(count)
            | Warning::WithoutTime(count)
            | Warning::OutOfRange(count)
            | Warning::SharedIds(count) => *count,
        }
    }
}
