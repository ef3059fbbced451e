//! Which subgraphs are clusters, and which cluster each box stands in.

use std::collections::{HashMap, HashSet};

use super::label::{self, Names};
use super::{attributes, html, look};
use crate::authored::{AuthoredCluster, TextLine};
use crate::dot::read::{Document, Subgraph, Value};

/// The clusters of a document.
pub(crate) struct Clusters {
    // For each subgraph, the cluster that it is or stands in, as an index of subgraphs; zero is none.
    around: Vec<usize>,
    // For each subgraph that is a cluster, the names from the outermost one to it.
    paths: HashMap<usize, Vec<String>>,
    // For each node its innermost cluster; zero is none.
    of_node: Vec<usize>,
    by_name: HashMap<String, usize>,
}

impl Clusters {
    /// Walks the subgraphs in the order of the file. A box belongs to the first of several clusters
    /// on one level, as in Graphviz.
    pub(crate) fn new(document: &Document) -> Clusters {
        let count = document.subgraphs.len();
        let mut clusters = Clusters {
            around: vec![0; count],
            paths: HashMap::new(),
            of_node: vec![0; document.nodes.len()],
            by_name: HashMap::new(),
        };
        let mut taken: HashSet<Vec<String>> = HashSet::new();
        let mut open: Vec<usize> = document.subgraphs[0].children.iter().rev().copied().collect();
        while let Some(index) = open.pop() {
            let subgraph = &document.subgraphs[index];
            let outer = clusters.around[subgraph.parent];
            clusters.around[index] = outer;
            if is_cluster(subgraph) {
                clusters.around[index] = index;
                let mut path = clusters.paths.get(&outer).cloned().unwrap_or_default();
                path.push(subgraph.name.to_string());
                // Two of one name in groups of their own are two clusters.
                while !taken.insert(path.clone()) {
                    path.iter_mut().next_back().into_iter().for_each(|name| name.push('\''));
                }
                clusters.paths.insert(index, path);
                clusters.by_name.entry(subgraph.name.to_string()).or_insert(index);
                for node in document.members(index) {
                    if clusters.of_node[node] == outer {
                        clusters.of_node[node] = index;
                    }
                }
            }
            open.extend(subgraph.children.iter().rev());
        }
        clusters
    }

    pub(crate) fn is_cluster(&self, subgraph: usize) -> bool {
        self.paths.contains_key(&subgraph)
    }

    /// The clusters around a node, outermost first.
    pub(crate) fn owner(&self, node: usize) -> Vec<String> {
        self.paths.get(&self.of_node[node]).cloned().unwrap_or_default()
    }

    /// The clusters around a node as indices of subgraphs, outermost first.
    pub(crate) fn chain(&self, document: &Document, node: usize) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = self.of_node[node];
        while next != 0 {
            chain.push(next);
            next = self.around[document.subgraphs[next].parent];
        }
        chain.reverse();
        chain
    }

    /// The cluster that a subgraph stands in.
    pub(crate) fn path_around(&self, subgraph: usize) -> Vec<String> {
        self.paths.get(&self.around[subgraph]).cloned().unwrap_or_default()
    }

    /// The cluster of this name, if it holds `inside` and not `outside`: what `lhead` may name.
    pub(crate) fn around(&self, name: &str, inside: usize, outside: usize) -> Option<Vec<String>> {
        let path = self.paths.get(self.by_name.get(name)?)?;
        let holds = |node: usize| {
            self.paths.get(&self.of_node[node]).is_some_and(|of| of.starts_with(path))
        };
        (holds(inside) && !holds(outside)).then(|| path.clone())
    }

    /// What was said of each cluster that holds a box.
    pub(crate) fn authored(&self, document: &Document) -> HashMap<Vec<String>, AuthoredCluster> {
        let one = |(index, path): (&usize, &Vec<String>)| {
            let subgraph = &document.subgraphs[*index];
            let get = |name: &str| subgraph.get(name).map(|value| value.text.to_string());
            let authored = AuthoredCluster {
                attributes: attributes(&subgraph.attributes),
                title: title(subgraph),
                look: look::cluster_look(&get),
            };
            (path.clone(), authored)
        };
        let mut used = HashSet::new();
        for node in 0..self.of_node.len() {
            let mut next = self.of_node[node];
            while next != 0 && used.insert(next) {
                next = self.around[document.subgraphs[next].parent];
            }
        }
        self.paths.iter().filter(|(index, _)| used.contains(index)).map(one).collect()
    }
}

/// Graphviz draws a border round subgraphs of such a name, or with `cluster=true`.
fn is_cluster(subgraph: &Subgraph) -> bool {
    let said = subgraph.own.iter().find(|(key, _)| &**key == "cluster");
    let by_word = said.is_some_and(|(_, Value { text, .. })| {
        matches!(text.to_ascii_lowercase().as_str(), "true" | "yes")
            || text.parse::<i64>().is_ok_and(|number| number != 0)
    });
    by_word || (subgraph.name.starts_with("cluster") && !subgraph.is_anonymous)
}

fn title(subgraph: &Subgraph) -> Vec<TextLine> {
    let names = Names { graph: &subgraph.name, ..Names::default() };
    match subgraph.get("label") {
        Some(value) if value.is_html => html::cells(&value.text, &names).lines,
        Some(value) => label::lines(&value.text, &names),
        None => Vec::new(),
    }
}
