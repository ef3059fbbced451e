//! The processes of a file that we write: one for each node that the spans name.

use std::collections::HashMap;

use super::NODE_KEYS;
use super::lanes::Callers;
use super::value::label;
use crate::model::{Attribute, TraceSet, find};

/// A node: a resource, or the part of it that its spans tell apart.
pub(super) struct Node {
    /// Index of the resource.
    pub(super) resource: u32,
    /// What a viewer calls it; no two nodes of a file have the same name.
    pub(super) name: String,
}

/// The nodes of a set, and for each span the index of its node.
pub(super) fn nodes(traces: &TraceSet, callers: &Callers) -> (Vec<Node>, Vec<usize>) {
    let labels = labels(traces, callers);
    let mut nodes: Vec<Node> = Vec::new();
    let mut indexes = HashMap::new();
    let mut names = HashMap::new();
    let mut node_of = Vec::with_capacity(traces.spans.len());
    for (span, label) in traces.spans.iter().zip(labels) {
        let next = nodes.len();
        let node = *indexes.entry((span.resource, label.clone())).or_insert(next);
        if node == next {
            let name = unused(name_of(traces, span.resource, label.as_deref()), &mut names);
            nodes.push(Node { resource: span.resource, name });
        }
        node_of.push(node);
    }
    (nodes, node_of)
}

/// What each span, or else the nearest of its callers in the same resource, says of its node.
fn labels(traces: &TraceSet, callers: &Callers) -> Vec<Option<String>> {
    let spans = &traces.spans;
    let mut labels: Vec<Option<Option<String>>> = vec![None; spans.len()];
    for first in 0..spans.len() {
        let mut path = Vec::new();
        let mut at = first;
        let found = loop {
            if let Some(known) = &labels[at] {
                break known.clone();
            }
            path.push(at);
            if let Some(own) = node_label(&spans[at].attributes) {
                break Some(own);
            }
            let caller = callers.parent(at).filter(|caller| {
                callers.is_rooted(at) && spans[*caller].resource == spans[at].resource
            });
            match caller {
                Some(caller) => at = caller,
                None => break None,
            }
        };
        for span in path {
            labels[span] = Some(found.clone());
        }
    }
    labels.into_iter().map(Option::flatten).collect()
}

fn node_label(attributes: &[Attribute]) -> Option<String> {
    NODE_KEYS.iter().find_map(|(key, before)| {
        let text = label(find(attributes, key)?)?;
        Some(format!("{before}{text}"))
    })
}

fn name_of(traces: &TraceSet, resource: u32, of_span: Option<&str>) -> String {
    let resource = traces.resources.get(resource as usize);
    let service = resource.and_then(|it| it.service_name()).unwrap_or("unknown-service");
    let of_resource = resource.and_then(|it| node_label(&it.attributes));
    let parts = [Some(service), of_resource.as_deref(), of_span];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `name`, with a number behind it if it is taken.
fn unused(name: String, taken: &mut HashMap<String, usize>) -> String {
    let mut number = taken.get(&name).copied().unwrap_or(0);
    loop {
        number += 1;
        let candidate = if number == 1 { name.clone() } else { format!("{name} ({number})") };
        if number == 1 || !taken.contains_key(&candidate) {
            // Where to go on for the next of this name; the candidate itself may be one, too.
            taken.insert(candidate.clone(), 1);
            taken.insert(name, number);
            return candidate;
        }
    }
}
