//! Makes a [`FlowGraph`] from recorded spans: what really ran, how often and how long.
//!
//! Three passes, so that nothing depends on the order in which spans were written: which spans are
//! wanted (`scope`), which boxes they and their events stand for (`places`), and then the arrows
//! between those: parents, links and events (`arrows`). The names of attributes, events and links
//! are those of [`raftlens_tracer::conventions`].

mod arrows;
mod places;
mod scope;

use raftlens_tracer::model::{TraceId, TraceSet};
use thiserror::Error;

use crate::flow_graph::FlowGraph;
use places::Places;
use scope::Scope;

/// Which part of the spans to draw.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Written above the picture.
    pub title: String,
    /// Only this trace.
    pub trace_id: Option<TraceId>,
    /// Only spans with this name, or whose function has this identity, with what they called and
    /// what follows from those by links.
    pub root: Option<String>,
    /// Only boxes with these identities, and the arrows between them. An entry may also be a
    /// title (`inspect`) when it is nobody's identity.
    pub boxes: Option<Vec<String>>,
}

/// Why there is nothing to draw.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FromTraceError {
    /// The input holds no span at all.
    #[error("the trace holds no spans: record with function-level spans on and try again")]
    Empty,
    /// No span belongs to the asked trace.
    #[error("no span belongs to trace {trace_id}; the input holds {traces} traces: {}", known.join(", "))]
    TraceNotFound {
        /// What was asked for.
        trace_id: String,
        /// How many traces there are.
        traces: usize,
        /// The first few of them.
        known: Vec<String>,
    },
    /// No span has the asked name.
    #[error("no span or function is called {root:?}; nearest names: {}", near.join(", "))]
    RootNotFound {
        /// What was asked for.
        root: String,
        /// Names that look like it, best first.
        near: Vec<String>,
    },
    /// None of the asked boxes is there.
    #[error("none of the {asked} selected boxes ran; nearest names: {}", near.join(", "))]
    NoBoxSelected {
        /// How many were asked for.
        asked: usize,
        /// Names that look like the first of them, best first.
        near: Vec<String>,
    },
}

impl FlowGraph {
    /// The flow of `traces`: one box per function, one arrow per call or hand-over between two.
    ///
    /// # Errors
    /// When there are no spans, or when nothing is left of them by `options`.
    pub fn from_trace(traces: &TraceSet, options: &Options) -> Result<FlowGraph, FromTraceError> {
        let scope = Scope::new(traces, options)?;
        let mut graph = FlowGraph::new(options.title.clone());
        let places = Places::new(&mut graph, traces, &scope);
        arrows::add(&mut graph, traces, &scope, &places);
        match &options.boxes {
            Some(wanted) => select(&graph, wanted),
            None => Ok(graph),
        }
    }
}

/// Keeps the wanted boxes; an error if that leaves none.
fn select(graph: &FlowGraph, wanted: &[String]) -> Result<FlowGraph, FromTraceError> {
    let titles: Vec<&String> =
        wanted.iter().filter(|name| graph.find_identity(name).is_none()).collect();
    let selected = graph.select(|flow_box| {
        wanted.contains(&flow_box.identity) || titles.contains(&&flow_box.title)
    });
    if selected.box_count() > 0 {
        return Ok(selected);
    }
    let first = wanted.first().map_or("", String::as_str);
    let known = graph.boxes().map(|(_, flow_box)| flow_box.identity.as_str());
    Err(FromTraceError::NoBoxSelected { asked: wanted.len(), near: near_names(first, known) })
}

/// Up to five of `known` that look most like `name`, best first.
pub(crate) fn near_names<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(f64, &str)> = known
        .map(|candidate| {
            let lower = candidate.to_lowercase();
            // People type the function without its type, so the part behind `::` counts as well.
            let tail = lower.rsplit("::").next().unwrap_or(&lower);
            let likeness = strsim::jaro_winkler(&wanted, &lower);
            (likeness.max(strsim::jaro_winkler(&wanted, tail)), candidate)
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(5).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests;
