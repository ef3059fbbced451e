//! How boxes, clusters and arrows look in DOT: the same colours as in our SVG.

use super::escape::{quoted, quoted_lines, record_field};
use super::names::port_names;
use super::syntax::Attributes;
use crate::describe;
use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowBox, Reading, Tone};
use crate::source_link::source_link;
use crate::style::{self, ARROW_LABEL_SIZE, CLUSTER_SIZE, FONT, TITLE_SIZE};

/// Defaults of the chart.
pub(super) fn of_graph(title: &str, reading: Reading) -> Attributes {
    let rankdir = match reading {
        Reading::Flow => "LR",
        Reading::Time => "TB",
    };
    vec![
        ("rankdir", quoted(rankdir)),
        ("newrank", quoted("true")),
        ("compound", quoted("true")),
        ("nodesep", quoted("0.25")),
        ("ranksep", quoted("0.5")),
        ("fontname", quoted(FONT)),
        ("fontsize", quoted("16")),
        ("labelloc", quoted("t")),
        ("label", quoted(title)),
        ("tooltip", quoted(title)),
    ]
}

/// Defaults of boxes.
pub(super) fn of_nodes() -> Attributes {
    vec![
        ("fontname", quoted(FONT)),
        ("fontsize", quoted(&TITLE_SIZE.to_string())),
        ("shape", quoted("box")),
        ("margin", quoted("0.12,0.06")),
        ("height", quoted("0.3")),
        ("fontcolor", quoted(style::INK.light)),
    ]
}

/// Defaults of arrows.
pub(super) fn of_edges() -> Attributes {
    vec![
        ("fontname", quoted(FONT)),
        ("fontsize", quoted(&ARROW_LABEL_SIZE.to_string())),
        ("fontcolor", quoted(style::QUIET.light)),
        ("arrowsize", quoted("0.7")),
    ]
}

/// A cluster with its title.
pub(super) fn of_cluster(path: &[String], depth: usize) -> Attributes {
    let title = path.last().map_or("", String::as_str);
    vec![
        ("label", quoted(title)),
        ("tooltip", quoted(&path.join(" / "))),
        ("class", quoted("owner")),
        ("labeljust", quoted("l")),
        ("style", quoted("rounded,filled")),
        ("fontsize", quoted(&CLUSTER_SIZE.to_string())),
        ("fontcolor", quoted(style::QUIET.light)),
        ("color", quoted(style::CLUSTER_LINE.light)),
        ("fillcolor", quoted(style::cluster_fill(depth).light)),
    ]
}

/// A box: identity, link and look by its kind.
pub(super) fn of_box(flow_box: &FlowBox, source_url: Option<&str>) -> Attributes {
    let look = style::look_of(flow_box);
    let (class, shape, style) = match &flow_box.kind {
        BoxKind::Function => ("function", "box", "rounded,filled"),
        BoxKind::Variable => ("variable", "note", "filled"),
        BoxKind::Struct { .. } => ("struct", "record", "filled"),
        BoxKind::Case => ("case", "box", "rounded,dashed,filled"),
    };
    let mut attributes = vec![
        ("id", quoted(&flow_box.identity)),
        ("label", label(flow_box)),
        ("class", quoted(class)),
        ("shape", quoted(shape)),
        ("style", quoted(style)),
        ("color", quoted(look.line.light)),
        ("fillcolor", quoted(look.fill.light)),
        ("tooltip", quoted_lines(&describe::flow_box(flow_box))),
    ];
    // Graphviz makes `URL` a link in its SVG, as our own SVG has it.
    if let Some(link) = source_link(flow_box, source_url) {
        attributes.push(("URL", quoted(&link)));
    }
    attributes
}

/// Title and measurements, or for a record its title and a row with a port for each field.
fn label(flow_box: &FlowBox) -> String {
    let BoxKind::Struct { fields } = &flow_box.kind else {
        let mut lines = vec![flow_box.title.clone()];
        lines.extend(describe::measured(flow_box));
        return quoted_lines(&lines);
    };
    // In a chart from left to right the fields of a record stand below each other.
    let rows = port_names(flow_box).into_iter().zip(fields);
    let rows = rows.map(|(port, field)| format!("<{port}> {}", record_field(field)));
    let all: Vec<String> = std::iter::once(record_field(&flow_box.title)).chain(rows).collect();
    format!("\"{}\"", all.join("|"))
}

/// An arrow: grey for calls, dashed green for data, thicker where more time goes.
pub(super) fn of_arrow(arrow: &Arrow, ends: (&FlowBox, &FlowBox), share: f64) -> Attributes {
    let (class, style) = match (arrow.kind, arrow.tone) {
        (ArrowKind::Call, Tone::Plain) => ("call", "solid"),
        (ArrowKind::Data, Tone::Plain) => ("data", "dashed"),
        (ArrowKind::Call, Tone::Wrong) => ("call wrong", "bold"),
        (ArrowKind::Data, Tone::Wrong) => ("data wrong", "bold"),
    };
    // DOT has one palette: the light one, which Graphviz draws on white.
    let color = style::color_of(arrow.kind, arrow.tone).light;
    let mut attributes = vec![
        ("class", quoted(class)),
        ("style", quoted(style)),
        ("color", quoted(color)),
        ("penwidth", quoted(&format!("{:.1}", style::width_of(arrow, share)))),
        ("tooltip", quoted_lines(&describe::arrow(arrow, ends))),
    ];
    let lines = describe::arrow_label(arrow);
    if !lines.is_empty() {
        attributes.push(("label", quoted_lines(&lines)));
    }
    if arrow.tone == Tone::Wrong {
        attributes.push(("fontcolor", quoted(color)));
    }
    attributes
}
