//! Parts the two halves of a call that share one span id, as Zipkin's B3 propagation has them.
//!
//! The client's half keeps the id. The server's gets one of its own, always the same, and is called
//! by the client's. What the file puts under the shared id goes to the half of its own service.

use std::collections::{HashMap, HashSet};

use super::ids::jaeger_span_id;
use crate::model::{Span, SpanId, SpanKind};

/// What is known of a span besides the model.
pub(super) struct Half {
    /// The server says that it uses the client's id.
    pub(super) is_shared: bool,
    /// Nothing says when it began.
    pub(super) lacks_start: bool,
    /// Start or duration are not stated.
    pub(super) lacks_time: bool,
    /// It got an id of its own.
    pub(super) is_parted: bool,
}

/// Parts what shares ids in `spans`, of which `halves` says the rest.
pub(super) fn part(spans: &mut [Span], halves: &mut [Half]) {
    let mut by_id: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, span) in spans.iter().enumerate() {
        by_id.entry((span.trace_id, span.span_id)).or_default().push(index);
    }
    // Who is at either end of each shared id: services, and the new ids of servers.
    let mut clients = HashSet::new();
    let mut servers = HashMap::new();
    let mut first_server = HashMap::new();
    for (ids, indexes) in by_id.iter().filter(|(_, indexes)| indexes.len() > 1) {
        let (of_servers, of_clients): (Vec<usize>, Vec<usize>) =
            indexes.iter().partition(|index| is_server(&spans[**index], &halves[**index]));
        if of_clients.is_empty() {
            continue;
        }
        clients.extend(of_clients.iter().map(|index| (*ids, spans[*index].resource)));
        for (number, index) in of_servers.into_iter().enumerate() {
            let span = &mut spans[index];
            span.parent_span_id = Some(span.span_id);
            span.span_id = server_id(*ids, number);
            halves[index].is_parted = true;
            servers.entry((*ids, span.resource)).or_insert(span.span_id);
            first_server.entry(*ids).or_insert(span.span_id);
        }
    }
    for (span, half) in spans.iter_mut().zip(&*halves).filter(|(_, half)| !half.is_parted) {
        let Some(parent) = span.parent_span_id else { continue };
        let ids = (span.trace_id, parent);
        let place = (ids, span.resource);
        let is_clients = !half.is_shared && clients.contains(&place);
        // Neither service is stated here: what is below a call is most likely below its server.
        let first = first_server.get(&ids).filter(|_| !is_clients);
        if let Some(server) = servers.get(&place).or(first) {
            span.parent_span_id = Some(*server);
        }
    }
    start_with_callers(spans, halves);
}

fn is_server(span: &Span, half: &Half) -> bool {
    half.is_shared || span.kind == SpanKind::Server
}

fn server_id((trace_id, span_id): (impl std::fmt::Display, SpanId), number: usize) -> SpanId {
    jaeger_span_id(&format!("server {number} of {trace_id} {span_id}")).0
}

/// A span of which nothing says when it began, begins with its caller.
fn start_with_callers(spans: &mut [Span], halves: &[Half]) {
    if halves.iter().all(|half| !half.lacks_start) {
        return;
    }
    let starts: HashMap<_, _> =
        spans.iter().map(|span| ((span.trace_id, span.span_id), span.start_ns)).collect();
    for (span, half) in spans.iter_mut().zip(halves) {
        let parent = span.parent_span_id.filter(|_| half.lacks_start);
        if let Some(start_ns) = parent.and_then(|id| starts.get(&(span.trace_id, id))) {
            let duration_ns = span.end_ns.saturating_sub(span.start_ns);
            span.start_ns = *start_ns;
            span.end_ns = start_ns.saturating_add(duration_ns);
        }
    }
}
