//! Names of boxes and ports in a DOT file: readable, unique, and never read as something else.

use std::collections::HashSet;

use crate::flow_graph::{BoxKind, Cluster, FlowBox, FlowGraph};

/// Where an arrow may also end at a box; a port of such a name would be taken for one.
const COMPASS: &[&str] = &["n", "ne", "e", "se", "s", "sw", "w", "nw", "c", "_"];

/// A unique name for each box: its identity, with its owner in front where that is taken.
pub(crate) fn box_names(graph: &FlowGraph) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(graph.box_count());
    for (_, flow_box) in graph.boxes() {
        // A name from a DOT file stays what it is, even an empty one.
        let is_unnamed = flow_box.identity.is_empty() && flow_box.authored.is_none();
        let identity = if is_unnamed { "unnamed" } else { &flow_box.identity };
        let owner = flow_box.owner.join("/");
        let mut name = identity.to_owned();
        let mut tries = 1;
        while taken.contains(&name) {
            let number = if tries == 1 { String::new() } else { format!(" {tries}") };
            name = format!("{owner}/{identity}{number}");
            tries += 1;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

/// A unique name for each cluster: its path. Names of services may hold slashes, and Graphviz would
/// make one cluster of two with the same name.
pub(super) fn cluster_names(clusters: &[Cluster]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        let mut name = cluster.path.join("/");
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        names.push(name);
    }
    names
}

/// The port names of a record's fields, in their order.
pub(crate) fn port_names(flow_box: &FlowBox) -> Vec<String> {
    let BoxKind::Struct { fields } = &flow_box.kind else { return Vec::new() };
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(fields.len());
    for (index, field) in fields.iter().enumerate() {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let usable =
            !field.is_empty() && field.chars().all(word) && !COMPASS.contains(&field.as_str());
        let mut name = if usable { field.clone() } else { format!("field_{index}") };
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        names.push(name);
    }
    names
}

/// The port that an arrow names, as the name in the file.
pub(super) fn port_name(flow_box: &FlowBox, field: Option<&str>) -> Option<String> {
    let BoxKind::Struct { fields } = &flow_box.kind else { return None };
    let at = fields.iter().position(|name| Some(name.as_str()) == field)?;
    port_names(flow_box).into_iter().nth(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_whatever_the_owners_are_called() {
        let cluster = |path: &[&str]| Cluster {
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            parent: None,
        };
        let clusters = [cluster(&["a/b"]), cluster(&["a"]), cluster(&["a", "b"])];
        assert_eq!(cluster_names(&clusters), ["a/b", "a", "a/b_"]);
        let mut graph = FlowGraph::new("names");
        for owner in ["x", "y", "y "] {
            let owner = vec![owner.to_owned()];
            graph.add_box(FlowBox { identity: "f".to_owned(), owner, ..FlowBox::default() });
        }
        assert_eq!(box_names(&graph), ["f", "y/f", "y /f"]);
    }

    #[test]
    fn ports_are_words_and_no_compass_points() {
        let fields = ["term", "n", "a b", "term", ""].map(str::to_owned).to_vec();
        let record = FlowBox { kind: BoxKind::Struct { fields }, ..FlowBox::default() };
        assert_eq!(port_names(&record), ["term", "field_1", "field_2", "term_", "field_4"]);
        assert_eq!(port_name(&record, Some("a b")).as_deref(), Some("field_2"));
        assert_eq!(port_name(&record, Some("none")), None);
    }
}
