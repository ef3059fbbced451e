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
        }
    }
}

/// Looks over what was read.
pub(super) fn finish(builder: Builder, format: Format, error: Option<FormatError>) -> ReadReport {
    let mut warnings = warnings_of(&builder.traces);
    let mut count = |number: usize, warning: fn(usize) -> Warning| {
        if number > 0 {
            warnings.push(warning(number));
        }
    };
    count(builder.mapped_ids, Warning::MappedIds);
    count(builder.lost_scope_attributes, Warning::LostScopeAttributes);
    ReadReport { traces: builder.traces, format: Some(format), warnings, error }
}

fn warnings_of(traces: &TraceSet) -> Vec<Warning> {
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
    /// How often it occurs.
    pub fn count(&self) -> usize {
        match self {
            Warning::NoSpans => 1,
            Warning::WithoutParent(count)
            | Warning::Duplicates(count)
            | Warning::EndBeforeStart(count)
            | Warning::Incomplete(count)
            | Warning::MappedIds(count)
            | Warning::LostScopeAttributes(count) => *count,
        }
    }
}
