//! DOT: writes a [`FlowGraph`] as a file that Graphviz accepts and people can read.
//!
//! One box, cluster or arrow a line, in the graph's order, so that two versions can be compared
//! line by line.

mod attributes;
mod authored;
pub(crate) mod escape;
mod names;
pub(crate) mod preprocess;
pub(crate) mod read;
pub(crate) mod syntax;

use crate::flow_graph::{Arrow, ArrowId, BoxId, Cluster, FlowGraph};
use crate::style;

pub(crate) use names::box_names;
pub use read::{DotError, DotFault};

/// `graph` as DOT text; `source_url` is the template of links to source lines.
pub(crate) fn write(graph: &FlowGraph, source_url: Option<&str>) -> String {
    if let Some(said) = &graph.authored {
        return authored::write(graph, said, &box_names(graph));
    }
    let (clusters, of_box) = graph.clusters();
    let cluster_names = names::cluster_names(&clusters);
    let writer = Writer { graph, source_url, names: box_names(graph), cluster_names };
    let mut stmts = vec![
        syntax::graph_defaults(attributes::of_graph(&graph.title, graph.reading)),
        syntax::node_defaults(attributes::of_nodes()),
        syntax::edge_defaults(attributes::of_edges()),
    ];
    stmts.extend(writer.inside(None, &clusters, &of_box));
    stmts.extend(writer.arrows());
    let name = if graph.title.is_empty() { "flow" } else { &graph.title };
    syntax::print(name, stmts)
}

/// Writes one graph; all names are made beforehand, so that arrows and boxes agree on them.
struct Writer<'a> {
    graph: &'a FlowGraph,
    source_url: Option<&'a str>,
    names: Vec<String>,
    cluster_names: Vec<String>,
}

impl Writer<'_> {
    /// Boxes and clusters directly inside `parent`.
    fn inside(
        &self,
        parent: Option<usize>,
        clusters: &[Cluster],
        of_box: &[Option<usize>],
    ) -> Vec<syntax::tree::Stmt> {
        let mut stmts = Vec::new();
        for (id, flow_box) in self.graph.boxes() {
            if of_box[id.index()] == parent {
                let attributes = attributes::of_box(flow_box, self.source_url);
                stmts.push(syntax::node(&self.names[id.index()], attributes));
            }
        }
        for (index, cluster) in clusters.iter().enumerate() {
            if cluster.parent == parent {
                let attributes = attributes::of_cluster(&cluster.path, cluster.path.len() - 1);
                let inner = self.inside(Some(index), clusters, of_box);
                stmts.push(syntax::cluster(&self.cluster_names[index], attributes, inner));
            }
        }
        stmts
    }

    /// All arrows, after all boxes: an arrow that came first would place its boxes.
    fn arrows(&self) -> Vec<syntax::tree::Stmt> {
        let shares = style::time_shares(self.graph);
        let arrow = |(id, from, to, arrow): (ArrowId, BoxId, BoxId, &Arrow)| {
            let (tail, head) = (self.graph.flow_box(from), self.graph.flow_box(to));
            let from_port = names::port_name(tail, arrow.from_port.as_deref());
            let to_port = names::port_name(head, arrow.to_port.as_deref());
            syntax::edge(
                (&self.names[from.index()], from_port.as_deref()),
                (&self.names[to.index()], to_port.as_deref()),
                attributes::of_arrow(arrow, (tail, head), shares[id.index()]),
            )
        };
        self.graph.arrows().map(arrow).collect()
    }
}
