//! Walks the parsed statements of a chart: clusters open and close, defaults hold until they close.

use std::collections::HashMap;

use super::{Chart, ChartArrow, ChartBox, ChartError};
use crate::dot::escape::{record_fields, unquoted};
use crate::dot::syntax::tree::{
    Attribute, Edge, EdgeTy, GraphAttributes, Id, Node, NodeId, Port, Stmt, Subgraph, Vertex,
};
use crate::flow_graph::{ArrowKind, BoxKind};

/// Attributes by name, values as they stand in the file.
type Values = HashMap<String, String>;

/// What holds inside a cluster.
#[derive(Clone, Default)]
struct Scope {
    owner: Vec<String>,
    node: Values,
    edge: Values,
}

/// A chart that is being read.
#[derive(Default)]
pub(super) struct Walk {
    chart: Chart,
    by_name: HashMap<String, usize>,
    // For each box its ports by name, with the field that each belongs to.
    ports: Vec<HashMap<String, String>>,
}

impl Walk {
    /// Reads the statements of a whole file.
    pub(super) fn chart(id: &Id, stmts: &[Stmt]) -> Result<Chart, ChartError> {
        let mut walk = Walk::default();
        walk.chart.name = text(id);
        walk.chart.title = label(stmts).unwrap_or_else(|| walk.chart.name.clone());
        walk.inside(stmts, Scope::default())?;
        Ok(walk.chart)
    }

    /// Statements of one pair of braces. The scope is a copy: defaults end with their braces.
    fn inside(&mut self, stmts: &[Stmt], mut scope: Scope) -> Result<(), ChartError> {
        for stmt in stmts {
            match stmt {
                Stmt::Node(node) => self.node(node, &scope),
                Stmt::Subgraph(subgraph) => self.subgraph(subgraph, &scope)?,
                Stmt::Edge(edge) => self.edge(edge, &scope)?,
                Stmt::GAttribute(GraphAttributes::Node(list)) => scope.node.extend(values(list)),
                Stmt::GAttribute(GraphAttributes::Edge(list)) => scope.edge.extend(values(list)),
                // Labels were looked up before; other attributes of graphs are looks.
                Stmt::GAttribute(GraphAttributes::Graph(_)) | Stmt::Attribute(_) => {}
            }
        }
        Ok(())
    }

    /// A cluster adds its title to the owners of what is in it.
    fn subgraph(&mut self, subgraph: &Subgraph, scope: &Scope) -> Result<(), ChartError> {
        let mut inner = scope.clone();
        let name = text(&subgraph.id);
        // Graphviz draws a border only round subgraphs of such a name.
        if let Some(short) = name.strip_prefix("cluster") {
            let title = label(&subgraph.stmts);
            inner.owner.push(title.unwrap_or_else(|| short.trim_start_matches('_').to_owned()));
        }
        self.inside(&subgraph.stmts, inner)
    }

    /// A statement about a node: what it says replaces what an earlier arrow made up.
    fn node(&mut self, node: &Node, scope: &Scope) {
        let index = self.box_of(&node.id, scope);
        let mut all = scope.node.clone();
        all.extend(values(&node.attributes));
        let value = |key: &str| all.get(key).map(|raw| unquoted(raw));
        // `\N` is Graphviz' own default: the name of the node.
        let shown = value("label").filter(|_| all.get("label").is_none_or(|raw| raw != r#""\N""#));
        let class = value("class").unwrap_or_default();
        let known = &mut self.chart.boxes[index];
        known.id = value("id").unwrap_or_else(|| known.name.clone());
        known.url = value("URL").or_else(|| value("href"));
        known.classes = class.split_whitespace().map(str::to_owned).collect();
        known.title = shown.unwrap_or_else(|| known.name.clone());
        // Where a node is stated is where it stands, whatever arrow named it first.
        known.owner.clone_from(&scope.owner);
        let is_record = matches!(value("shape").as_deref(), Some("record" | "Mrecord"));
        let mut fields = Vec::new();
        if let Some(raw) = all.get("label").filter(|_| is_record) {
            let mut rows = record_fields(raw).into_iter();
            if let Some((port, title)) = rows.next() {
                known.title = title;
                self.ports[index].extend(port.map(|port| (port, String::new())));
            }
            for (port, field) in rows {
                self.ports[index].extend(port.map(|port| (port, field.clone())));
                fields.push(field);
            }
        }
        known.kind = kind(&known.classes, is_record, fields);
    }

    /// A chain of arrows is as many arrows as it has links, all of one look.
    fn edge(&mut self, edge: &Edge, scope: &Scope) -> Result<(), ChartError> {
        let vertices = match &edge.ty {
            EdgeTy::Pair(from, to) => vec![from, to],
            EdgeTy::Chain(chain) => chain.iter().collect(),
        };
        let mut all = scope.edge.clone();
        all.extend(values(&edge.attributes));
        let value = |key: &str| all.get(key).map(|raw| unquoted(raw)).unwrap_or_default();
        let is_data = value("class").split_whitespace().any(|word| word == "data")
            || value("style").split(',').any(|word| word.trim() == "dashed");
        let kind = if is_data { ArrowKind::Data } else { ArrowKind::Call };
        let mut ends = Vec::with_capacity(vertices.len());
        for vertex in vertices {
            let Vertex::N(id) = vertex else { return Err(ChartError::ArrowToGroup) };
            let index = self.box_of(id, scope);
            ends.push((index, self.field(index, id.1.as_ref())?));
        }
        for pair in ends.windows(2) {
            self.chart.arrows.push(ChartArrow {
                from: pair[0].0,
                to: pair[1].0,
                kind,
                from_port: pair[0].1.clone(),
                to_port: pair[1].1.clone(),
            });
        }
        Ok(())
    }

    /// The box of this name, made on the way if an arrow names it first.
    fn box_of(&mut self, id: &NodeId, scope: &Scope) -> usize {
        let name = text(&id.0);
        *self.by_name.entry(name.clone()).or_insert_with(|| {
            self.ports.push(HashMap::new());
            self.chart.boxes.push(ChartBox {
                id: name.clone(),
                title: name.clone(),
                owner: scope.owner.clone(),
                name,
                ..ChartBox::default()
            });
            self.chart.boxes.len() - 1
        })
    }

    /// The field behind a port; boxes without ports have only compass points, which name none.
    fn field(&self, index: usize, port: Option<&Port>) -> Result<Option<String>, ChartError> {
        let ports = &self.ports[index];
        let Some(Port(Some(id), _)) = port.filter(|_| !ports.is_empty()) else { return Ok(None) };
        let port = text(id);
        match ports.get(&port) {
            Some(field) => Ok(Some(field.clone()).filter(|field| !field.is_empty())),
            None => {
                let name = self.chart.boxes[index].name.clone();
                Err(ChartError::NoSuchField { name, port })
            }
        }
    }
}

/// The kind of a box: by its shape, else by its class, else a function.
fn kind(classes: &[String], is_record: bool, fields: Vec<String>) -> BoxKind {
    let has = |word: &str| classes.iter().any(|class| class == word);
    if is_record || has("struct") {
        BoxKind::Struct { fields }
    } else if has("variable") {
        BoxKind::Variable
    } else if has("case") {
        BoxKind::Case
    } else {
        BoxKind::Function
    }
}

/// The label of a graph or cluster, written as `label=x` or inside `graph[...]`.
fn label(stmts: &[Stmt]) -> Option<String> {
    let bare = stmts.iter().filter_map(|stmt| match stmt {
        Stmt::Attribute(attribute) => Some(std::slice::from_ref(attribute)),
        Stmt::GAttribute(GraphAttributes::Graph(list)) => Some(list.as_slice()),
        _ => None,
    });
    // The last one counts, as in Graphviz.
    bare.flat_map(|list| values(list).remove("label")).last().map(|raw| unquoted(&raw))
}

/// Attributes by name; of two with the same name the later counts, as in Graphviz.
fn values(list: &[Attribute]) -> Values {
    list.iter().map(|Attribute(key, value)| (text(key), raw(value))).collect()
}

fn text(id: &Id) -> String {
    unquoted(&raw(id))
}

/// The text as it stands in the file, with quotes if it has any.
fn raw(id: &Id) -> String {
    match id {
        Id::Html(text) | Id::Escaped(text) | Id::Plain(text) => text.clone(),
        Id::Anonymous(_) => String::new(),
    }
}
