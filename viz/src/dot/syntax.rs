//! The only module that knows graphviz-rust: DOT statements and their printer.

use graphviz_rust::dot_structures::{
    Attribute, Edge, EdgeTy, Graph, GraphAttributes, Id, Node, NodeId, Port, Stmt, Subgraph, Vertex,
};
use graphviz_rust::printer::{DotPrinter, PrinterContext};

use super::escape::quoted;

pub(crate) use graphviz_rust::dot_structures as tree;

/// Attributes as key and value; values are DOT text that is already quoted.
pub(crate) type Attributes = Vec<(&'static str, String)>;

/// A box with its attributes.
pub(crate) fn node(name: &str, attributes: Attributes) -> Stmt {
    Stmt::Node(Node::new(NodeId(escaped(name), None), list(attributes)))
}

/// An arrow; ends are names with an optional port.
pub(crate) fn edge(
    from: (&str, Option<&str>),
    to: (&str, Option<&str>),
    attributes: Attributes,
) -> Stmt {
    let end = |(name, port): (&str, Option<&str>)| {
        let port = port.map(|port| Port(Some(escaped(port)), None));
        Vertex::N(NodeId(escaped(name), port))
    };
    Stmt::Edge(Edge { ty: EdgeTy::Pair(end(from), end(to)), attributes: list(attributes) })
}

/// A cluster with what is in it.
pub(crate) fn cluster(name: &str, attributes: Attributes, inside: Vec<Stmt>) -> Stmt {
    let mut stmts = vec![graph_defaults(attributes)];
    stmts.extend(inside);
    Stmt::Subgraph(Subgraph { id: escaped(&format!("cluster_{name}")), stmts })
}

/// `graph[...]`, for the chart or the cluster that it stands in.
pub(crate) fn graph_defaults(attributes: Attributes) -> Stmt {
    Stmt::GAttribute(GraphAttributes::Graph(list(attributes)))
}

/// `node[...]`.
pub(crate) fn node_defaults(attributes: Attributes) -> Stmt {
    Stmt::GAttribute(GraphAttributes::Node(list(attributes)))
}

/// `edge[...]`.
pub(crate) fn edge_defaults(attributes: Attributes) -> Stmt {
    Stmt::GAttribute(GraphAttributes::Edge(list(attributes)))
}

/// The whole file: one statement a line.
pub(crate) fn print(name: &str, stmts: Vec<Stmt>) -> String {
    let graph = Graph::DiGraph { id: escaped(name), strict: false, stmts };
    // Edges longer than the inline size are printed as they are, so all are.
    let mut context = PrinterContext::default();
    format!("{}\n", graph.print(context.with_inline_size(0)))
}

fn escaped(text: &str) -> Id {
    Id::Escaped(quoted(text))
}

fn list(attributes: Attributes) -> Vec<Attribute> {
    let entry = |(key, value): (&str, String)| {
        // A value in angle brackets is an HTML-like label, all others come quoted.
        let value = if value.starts_with('<') { Id::Html(value) } else { Id::Escaped(value) };
        Attribute(Id::Plain(key.to_owned()), value)
    };
    attributes.into_iter().map(entry).collect()
}
