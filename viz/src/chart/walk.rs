//! From a DOT document to a chart: titles of clusters become owners, ports become fields.

use super::{Chart, ChartArrow, ChartBox, ChartError};
use crate::authored::Cell;
use crate::dot::read::{Document, Edge, EdgeEnd, Shared, Value};
use crate::flow_graph::{ArrowKind, BoxKind};
use crate::from_dot::clusters::Clusters;
use crate::from_dot::label::{self, Names};
use crate::from_dot::record;

/// A field of a record with the port that arrows name it by.
type Field = (Option<String>, String);

/// The chart that a document describes.
pub(super) fn chart(document: &Document) -> Result<Chart, ChartError> {
    let root = &document.subgraphs[0];
    let names = Names { graph: &root.name, ..Names::default() };
    let name = root.name.to_string();
    let title = root.get("label").map_or_else(|| name.clone(), |value| line(value, &names));
    let mut chart = Chart { name, title, ..Chart::default() };
    let clusters = Clusters::new(document);
    let mut fields = Vec::with_capacity(document.nodes.len());
    for index in 0..document.nodes.len() {
        let (chart_box, rows) = chart_box(document, index, &clusters);
        chart.boxes.push(chart_box);
        fields.push(rows);
    }
    for edge in &document.edges {
        chart.arrows.push(arrow(&chart, edge, &fields)?);
    }
    Ok(chart)
}

fn chart_box(document: &Document, index: usize, clusters: &Clusters) -> (ChartBox, Vec<Field>) {
    let node = &document.nodes[index];
    let names = Names { node: &node.name, graph: &document.subgraphs[0].name, ..Names::default() };
    let value = |key: &str| node.attributes.get(key).map(|value| line(value, &names));
    let title = |subgraph: &usize| {
        let cluster = &document.subgraphs[*subgraph];
        // A title that is inherited is that of something else.
        let own = cluster.own.iter().find(|(key, _)| &**key == "label");
        let short = cluster.name.strip_prefix("cluster").unwrap_or(&cluster.name);
        let names = Names { graph: &cluster.name, ..Names::default() };
        own.map_or(short.trim_start_matches('_').to_owned(), |(_, value)| line(value, &names))
    };
    let class = value("class").unwrap_or_default();
    let classes: Vec<String> = class.split_whitespace().map(str::to_owned).collect();
    let is_record = matches!(value("shape").as_deref(), Some("record" | "Mrecord"));
    let mut rows: Vec<Field> = Vec::new();
    if is_record && let Some(label) = node.attributes.get("label") {
        leaves(&record::cells(&label.text, &names, true), &mut rows);
    }
    let shown = match rows.first() {
        Some((_, title)) => title.clone(),
        None => value("label").unwrap_or_else(|| node.name.to_string()),
    };
    let fields = rows.iter().skip(1).map(|(_, field)| field.clone()).collect();
    let made = ChartBox {
        name: node.name.to_string(),
        id: value("id").unwrap_or_else(|| node.name.to_string()),
        code: value("code"),
        title: shown,
        owner: clusters.chain(document, index).iter().map(title).collect(),
        kind: kind(&classes, is_record, fields),
        url: value("URL").or_else(|| value("href")),
        classes,
    };
    (made, rows)
}

fn leaves(cell: &Cell, rows: &mut Vec<Field>) {
    if cell.grid.is_empty() {
        rows.push((cell.port.clone(), label::joined(&cell.lines, " ")));
    }
    cell.grid.iter().for_each(|part| leaves(&part.cell, rows));
}

fn arrow(chart: &Chart, edge: &Edge, fields: &[Vec<Field>]) -> Result<ChartArrow, ChartError> {
    Ok(ChartArrow {
        from: edge.tail.node,
        to: edge.head.node,
        kind: arrow_kind(&edge.attributes),
        from_port: field(chart, &edge.tail, fields)?,
        to_port: field(chart, &edge.head, fields)?,
    })
}

fn arrow_kind(attributes: &Shared) -> ArrowKind {
    let has = |key: &str, wanted: &str| {
        let value = attributes.get(key).map_or("", |value| &value.text);
        value.split([',', ' ']).any(|word| word == wanted)
    };
    let is_data = has("class", "data") || has("style", "dashed");
    if is_data { ArrowKind::Data } else { ArrowKind::Call }
}

/// The field behind a port; boxes without ports have only compass points, which name none.
fn field(
    chart: &Chart,
    end: &EdgeEnd,
    fields: &[Vec<Field>],
) -> Result<Option<String>, ChartError> {
    let rows = &fields[end.node];
    let has_ports = rows.iter().any(|(port, _)| port.is_some());
    let Some(port) = end.port.as_deref().filter(|_| has_ports) else { return Ok(None) };
    let port = port.split(':').next().unwrap_or(port);
    match rows.iter().position(|(known, _)| known.as_deref() == Some(port)) {
        // The first row is the title, which is the box as a whole.
        Some(0) => Ok(None),
        Some(at) => Ok(Some(rows[at].1.clone())),
        None => {
            let name = chart.boxes[end.node].name.clone();
            Err(ChartError::NoSuchField { name, port: port.to_owned() })
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

/// A value as one line, its escapes undone.
fn line(value: &Value, names: &Names<'_>) -> String {
    label::joined(&label::lines(&value.text, names), " ")
}
