//! Mermaid: writes a [`FlowGraph`] as a flowchart that wikis and code hosts draw themselves.
//!
//! Mermaid places everything by its own rules and knows no fields of records: an arrow that meets one
//! meets the whole record, and the file says how many do. Every text stands in quotes with whatever
//! Mermaid or HTML would read written as an entity, so that a label is only ever a label.

use crate::describe;
use crate::flow_graph::{Arrow, ArrowKind, BoxId, BoxKind, Cluster, FlowBox, FlowGraph, Reading};
use crate::layout::Direction;
use crate::provenance::Provenance;
use crate::source_link::source_link;
use crate::style::{self, BOX_STYLES, BoxStyle};
use crate::text::printable;

/// `graph` as a Mermaid flowchart; `source_url` is the template of links to source lines.
pub(crate) fn write(graph: &FlowGraph, source_url: Option<&str>) -> String {
    let (clusters, of_box) = graph.clusters();
    let mut out = String::new();
    if !graph.title.trim().is_empty() {
        // YAML takes a text in JSON's form.
        let title = serde_json::Value::from(printable(&graph.title));
        out.push_str(&format!("---\ntitle: {title}\n---\n"));
    }
    out.push_str(&format!("flowchart {}\n", direction(graph)));
    inside(graph, (None, 1), (&clusters, &of_box), &mut out);
    for (_, from, to, arrow) in graph.arrows() {
        out.push_str(&format!("  {}\n", line(from, to, arrow)));
    }
    looks(graph, &mut out);
    for (id, flow_box) in graph.boxes() {
        if let Some(link) = source_link(flow_box, source_url) {
            let tooltip = quoted(&describe::flow_box(flow_box).join(", "));
            out.push_str(&format!("  click b{} href \"{link}\" {tooltip}\n", id.index()));
        }
    }
    let fields =
        graph.arrows().filter(|(.., it)| it.from_port.is_some() || it.to_port.is_some()).count();
    if fields > 0 {
        out.push_str(&format!("  %% {fields} arrows meet a field of their record\n"));
    }
    out
}

fn direction(graph: &FlowGraph) -> &'static str {
    if graph.reading == Reading::Time {
        return "TB";
    }
    match graph.authored.as_ref().map_or(Direction::LeftRight, |authored| authored.direction) {
        Direction::LeftRight => "LR",
        Direction::RightLeft => "RL",
        Direction::TopDown => "TB",
        Direction::BottomUp => "BT",
    }
}

/// Boxes and clusters directly inside `parent`, `depth` steps in.
fn inside(
    graph: &FlowGraph,
    (parent, depth): (Option<usize>, usize),
    (clusters, of_box): (&[Cluster], &[Option<usize>]),
    out: &mut String,
) {
    // Names of owners nest as deep as somebody writes them, and a file need not show it.
    let indent = " ".repeat(2 * depth.min(20));
    for (id, flow_box) in graph.boxes() {
        if of_box[id.index()] == parent {
            let (open, close) = shape(&flow_box.kind);
            let label = label(flow_box);
            out.push_str(&format!("{indent}b{}{open}{label}{close}\n", id.index()));
        }
    }
    for (index, cluster) in clusters.iter().enumerate() {
        if cluster.parent == parent {
            let title = quoted(&graph.cluster_title(cluster));
            out.push_str(&format!("{indent}subgraph c{index}[{title}]\n"));
            inside(graph, (Some(index), depth + 1), (clusters, of_box), out);
            out.push_str(&format!("{indent}end\n"));
        }
    }
}

fn shape(kind: &BoxKind) -> (&'static str, &'static str) {
    match kind {
        BoxKind::Function => ("[", "]"),
        BoxKind::Case => ("([", "])"),
        BoxKind::Variable => ("[/", "/]"),
        BoxKind::Struct { .. } => ("[[", "]]"),
    }
}

/// What stands in a box: its title, the fields of a record, what was measured.
fn label(flow_box: &FlowBox) -> String {
    let mut lines = vec![describe::cut(&flow_box.title)];
    if let BoxKind::Struct { fields } = &flow_box.kind {
        lines.extend(fields.iter().map(|field| describe::cut(field)));
    }
    lines.extend(describe::measured(flow_box));
    quoted(&lines.join("\n"))
}

fn line(from: BoxId, to: BoxId, arrow: &Arrow) -> String {
    let is_dotted = arrow.kind == ArrowKind::Data || arrow.provenance.is_dashed();
    let shaft = if is_dotted { "-.->" } else { "-->" };
    let words = describe::arrow_label(arrow);
    let label = match words.is_empty() {
        true => String::new(),
        false => format!("|{}|", quoted(&words.join("\n"))),
    };
    format!("b{} {shaft}{label} b{}", from.index(), to.index())
}

/// Colours of kinds, and of what views or two graphs say of a part.
fn looks(graph: &FlowGraph, out: &mut String) {
    let look = |name: &str, look: BoxStyle| {
        format!("  classDef {name} fill:{},stroke:{}\n", look.fill.light, look.line.light)
    };
    let list = |is_one: &dyn Fn(&FlowBox) -> bool| {
        let ids =
            graph.boxes().filter(|(_, it)| is_one(it)).map(|(id, _)| format!("b{}", id.index()));
        ids.collect::<Vec<_>>().join(",")
    };
    for kind in BOX_STYLES {
        let ids = list(&|it| style::box_style(&it.kind).class == kind.class);
        if !ids.is_empty() {
            out.push_str(&look(kind.class, kind));
            out.push_str(&format!("  class {ids} {}\n", kind.class));
        }
    }
    for provenance in Provenance::SAID {
        let ids = list(&|it| it.provenance == provenance);
        if ids.is_empty() {
            continue;
        }
        let name = provenance.class();
        match style::provenance_style(provenance) {
            Some(special) => out.push_str(&look(name, special)),
            None => out.push_str(&format!("  classDef {name} stroke-dasharray:3 3,opacity:0.5\n")),
        }
        out.push_str(&format!("  class {ids} {name}\n"));
    }
    for (place, (.., arrow)) in graph.arrows().enumerate() {
        if arrow.provenance != Provenance::Unsaid {
            let color = style::color_of_arrow(arrow).light;
            out.push_str(&format!("  linkStyle {place} stroke:{color}\n"));
        }
    }
}

/// A text in quotes: what Mermaid, its Markdown or HTML would read is an entity in it.
fn quoted(text: &str) -> String {
    if text.trim().is_empty() {
        // Mermaid takes no empty text.
        return "\" \"".to_owned();
    }
    let mut out = String::from("\"");
    for (index, part) in text.split('\n').enumerate() {
        if index > 0 {
            out.push_str("<br/>");
        }
        for character in printable(part).chars() {
            match character {
                '"' => out.push_str("#quot;"),
                '#' => out.push_str("#35;"),
                '&' => out.push_str("#amp;"),
                '<' => out.push_str("#lt;"),
                '>' => out.push_str("#gt;"),
                '`' | '*' | '_' | '~' | '\\' | '$' | '%' | ';' | '{' | '}' | '[' | ']' | '|' => {
                    out.push_str(&format!("#{};", u32::from(character)));
                }
                character => out.push(character),
            }
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
