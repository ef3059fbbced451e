//! Compares the spans of two sets, for tests in which spans have travelled.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use raftlens_tracer::format;
use raftlens_tracer::model::{Span, TraceSet};

/// Reads a trace file that must be whole.
pub(crate) fn read(path: &Path) -> TraceSet {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    format::read(BufReader::new(file)).unwrap().traces
}

/// The spans by their ids, each with the attributes of its resource. Batches and storage change the
/// order of spans, and nothing else.
fn sorted(traces: &TraceSet) -> Vec<(&Span, String)> {
    let resources: Vec<String> = traces
        .resources
        .iter()
        .map(|resource| {
            let mut attributes: Vec<_> =
                resource.attributes.iter().map(|attribute| format!("{attribute:?}")).collect();
            attributes.sort();
            attributes.join("; ")
        })
        .collect();
    let mut spans: Vec<_> =
        traces.spans.iter().map(|span| (span, resources[span.resource as usize].clone())).collect();
    spans.sort_by_key(|(span, _)| (span.trace_id, span.span_id));
    spans
}

/// Compares everything that a span has.
#[track_caller]
pub(crate) fn assert_same(found: &TraceSet, expected: &TraceSet) {
    let (found, expected) = (sorted(found), sorted(expected));
    for ((span, resource), (other, other_resource)) in found.iter().zip(&expected) {
        // Which number a resource has is no property of the span.
        let span = Span { resource: 0, ..(*span).clone() };
        let other = Span { resource: 0, ..(*other).clone() };
        assert_eq!(span, other);
        assert_eq!(resource, other_resource);
    }
    assert_eq!(found.len(), expected.len());
}
