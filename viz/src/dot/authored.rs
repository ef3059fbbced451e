//! Writes a graph that came from DOT as DOT again: the same boxes in the same order, with all that
//! their author said of them.
//!
//! Boxes come first, so that their order stays; clusters and ranks then name them. Attributes of a
//! cluster stand behind what is in it, which would inherit them otherwise.

use std::collections::HashMap;

use super::escape::raw;
use crate::authored::{AuthoredGraph, DotAttribute};
use crate::flow_graph::{Cluster, FlowGraph};

/// `graph` as DOT text; `names` are those of its boxes.
pub(super) fn write(graph: &FlowGraph, authored: &AuthoredGraph, names: &[String]) -> String {
    let strict = if authored.is_strict { "strict " } else { "" };
    let (word, sign) = if authored.is_undirected { ("graph", "--") } else { ("digraph", "->") };
    let name = match authored.name.as_str() {
        "" => String::new(),
        name => format!("{} ", raw(name)),
    };
    let mut out = format!("{strict}{word} {name}{{\n");
    for (id, flow_box) in graph.boxes() {
        let list = match &flow_box.authored {
            Some(authored) => attributes(&authored.attributes),
            None => format!(" [label={}]", super::escape::quoted(&flow_box.title)),
        };
        out.push_str(&format!("  {}{list}\n", raw(&names[id.index()])));
    }
    let (clusters, of_box) = graph.clusters();
    Groups::new(authored, &clusters, &of_box).write(None, 1, names, &mut out);
    for (_, from, to, arrow) in graph.arrows() {
        let author = arrow.authored.as_deref();
        let end = |name: &str, port: Option<&String>| {
            let port = port.map(|port| format!(":{}", raw(port))).unwrap_or_default();
            format!("{}{port}", raw(name))
        };
        let tail = end(&names[from.index()], author.and_then(|it| it.from_port.as_ref()));
        let head = end(&names[to.index()], author.and_then(|it| it.to_port.as_ref()));
        let list = author.map(|it| attributes(&it.attributes)).unwrap_or_default();
        out.push_str(&format!("  {tail} {sign} {head}{list}\n"));
    }
    out.push_str(&format!("  graph{}\n}}\n", bracketed(&authored.attributes)));
    out
}

/// What stands directly in each cluster; the last entry is for the chart itself.
struct Groups<'a> {
    authored: &'a AuthoredGraph,
    clusters: &'a [Cluster],
    boxes: Vec<Vec<usize>>,
    inner: Vec<Vec<usize>>,
    ranks: Vec<Vec<usize>>,
}

impl<'a> Groups<'a> {
    fn new(
        authored: &'a AuthoredGraph,
        clusters: &'a [Cluster],
        of_box: &[Option<usize>],
    ) -> Groups<'a> {
        let top = clusters.len();
        let empty = || vec![Vec::new(); top + 1];
        let mut groups =
            Groups { authored, clusters, boxes: empty(), inner: empty(), ranks: empty() };
        for (index, cluster) in of_box.iter().enumerate() {
            groups.boxes[cluster.unwrap_or(top)].push(index);
        }
        for (index, cluster) in clusters.iter().enumerate() {
            groups.inner[cluster.parent.unwrap_or(top)].push(index);
        }
        let by_path: HashMap<&[String], usize> =
            clusters.iter().enumerate().map(|(at, it)| (it.path.as_slice(), at)).collect();
        for (index, rank) in authored.ranks.iter().enumerate() {
            let owner = by_path.get(rank.owner.as_slice()).copied().unwrap_or(top);
            groups.ranks[owner].push(index);
        }
        groups
    }

    /// A cluster with what is in it; as deep as charts are nested, which reading bounds.
    fn write(&self, cluster: Option<usize>, depth: usize, names: &[String], out: &mut String) {
        let indent = "  ".repeat(depth);
        let index = cluster.unwrap_or(self.clusters.len());
        for rank in self.ranks[index].iter().map(|rank| &self.authored.ranks[*rank]) {
            let boxes: Vec<String> = rank.boxes.iter().map(|id| raw(&names[id.index()])).collect();
            let (word, boxes) = (raw(&rank.word), boxes.join(" "));
            out.push_str(&format!("{indent}{{ rank={word} {boxes} }}\n"));
        }
        for inner in &self.inner[index] {
            let path = &self.clusters[*inner].path;
            let name = path.last().map_or("", String::as_str);
            out.push_str(&format!("{indent}subgraph {} {{\n", raw(name)));
            let boxes: Vec<String> =
                self.boxes[*inner].iter().map(|index| raw(&names[*index])).collect();
            if !boxes.is_empty() {
                out.push_str(&format!("{indent}  {}\n", boxes.join(" ")));
            }
            self.write(Some(*inner), depth + 1, names, out);
            let said = self.authored.clusters.get(path);
            let list = said.map(|said| bracketed(&said.attributes)).unwrap_or_default();
            if !list.is_empty() {
                out.push_str(&format!("{indent}  graph{list}\n"));
            }
            out.push_str(&format!("{indent}}}\n"));
        }
    }
}

/// Attributes in brackets, or nothing where there are none.
fn attributes(list: &[DotAttribute]) -> String {
    if list.is_empty() { String::new() } else { bracketed(list) }
}

fn bracketed(list: &[DotAttribute]) -> String {
    let one = |attribute: &DotAttribute| {
        let value = match attribute.is_html {
            true => format!("<{}>", attribute.value),
            false => raw(&attribute.value),
        };
        format!("{}={value}", raw(&attribute.name))
    };
    let all: Vec<String> = list.iter().map(one).collect();
    format!(" [{}]", all.join(", "))
}
