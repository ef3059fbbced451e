//! From a DOT document to a [`FlowGraph`]: boxes by their names, clusters by theirs, everything that
//! the author said of looks and ways kept beside them.

pub(crate) mod clusters;
mod color;
mod encoding;
mod html;
pub(crate) mod label;
mod look;
pub(crate) mod record;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::authored::{
    AuthoredArrow, AuthoredBox, AuthoredGraph, AuthoredRank, Cell, DotAttribute, Shape,
};
use crate::dot::preprocess::{self, Source};
use crate::dot::read::{self, Attributes, Document, DotError, DotFault, Edge, Shared, Value};
use crate::flow_graph::{Arrow, ArrowKind, BoxId, BoxKind, FlowBox, FlowGraph, LeftOut};
use crate::layout::{ArrowHints, Direction, RankKind, Side, Splines};
use clusters::Clusters;
use label::Names;

/// Points in an inch, the unit of `nodesep` and `ranksep`.
const INCH: f64 = 72.0;
/// Gaps beyond this are no gaps any more.
const WIDEST_GAP: f64 = 2_000.0;

/// Where a DOT file comes from.
#[derive(Clone, Debug, Default)]
pub struct DotOptions {
    /// Its path: errors name it, and included files are looked for beside it.
    pub file: Option<PathBuf>,
    /// Further folders in which included files are looked for, in this order.
    pub include: Vec<PathBuf>,
}

impl FlowGraph {
    /// Reads a DOT file as people write it, with macros if it has any.
    ///
    /// A box is identified by its name in the file, a cluster by the names of the subgraphs around
    /// it. Boxes, arrows and clusters are those that Graphviz sees.
    ///
    /// # Errors
    /// When `bytes` are no DOT: with file, line, column, and what was expected.
    pub fn from_dot(bytes: &[u8], options: &DotOptions) -> Result<FlowGraph, DotError> {
        let source = source(bytes, options)?;
        Ok(graph(&read::document(&source)?))
    }
}

/// The text of a file, ready to be read.
pub(crate) fn source(bytes: &[u8], options: &DotOptions) -> Result<Source, DotError> {
    let file = options.file.as_deref();
    match std::str::from_utf8(bytes) {
        Ok(text) => preprocess::run(text.to_owned(), file, &options.include),
        Err(_) if encoding::says_latin1(bytes) => {
            preprocess::run(encoding::from_latin1(bytes), file, &options.include)
        }
        Err(error) => {
            let (good, bad) = bytes.split_at(error.valid_up_to());
            let good = String::from_utf8_lossy(good);
            let name = file.map(Path::to_string_lossy);
            let (file, line, column) = Source::plain(&*good, name.as_deref()).place(good.len());
            let byte = bad.first().copied().unwrap_or_default();
            Err(DotError { file, line, column, fault: DotFault::NotUtf8 { byte } })
        }
    }
}

/// The graph that a document describes.
fn graph(document: &Document) -> FlowGraph {
    let root = &document.subgraphs[0];
    let get = |name: &str| root.get(name).map(|value| value.text.to_string());
    let names = Names { graph: &root.name, ..Names::default() };
    let title = root.get("label").map(|value| text(value, &names)).unwrap_or_default();
    let mut graph = FlowGraph::new(title);
    graph.left_out.more_graphs = document.more_graphs;
    count_simplified(document, &mut graph.left_out);
    let clusters = Clusters::new(document);
    let direction = direction(get("rankdir").as_deref());
    let boxes: Vec<BoxId> = (0..document.nodes.len())
        .map(|index| graph.add_box(flow_box(document, index, &clusters, direction)))
        .collect();
    for edge in &document.edges {
        let arrow = arrow(document, edge, &clusters, &graph);
        graph.add_parallel(boxes[edge.tail.node], boxes[edge.head.node], arrow);
    }
    graph.authored = Some(Box::new(AuthoredGraph {
        name: root.name.to_string(),
        attributes: attributes(&root.own),
        is_undirected: !document.is_directed,
        is_strict: document.is_strict,
        direction,
        splines: splines(get("splines").as_deref()),
        box_gap: get("nodesep").and_then(|value| gap(&value)),
        rank_gap: get("ranksep").and_then(|value| gap(&value)),
        ranks: ranks(document, &clusters, &boxes),
        clusters: clusters.authored(document),
    }));
    graph
}

/// Counts what the file says of looks and is drawn in another way: colours that no scheme has, and
/// heads that are several or halves. Each wording counts once.
fn count_simplified(document: &Document, left_out: &mut LeftOut) {
    let (mut colors, mut heads) = (BTreeSet::new(), BTreeSet::new());
    for node in &document.nodes {
        colors.extend(look::unknown_colors(&|name| text_of(&node.attributes, name)));
    }
    for edge in &document.edges {
        let get = |name: &str| text_of(&edge.attributes, name);
        colors.extend(look::unknown_colors(&get));
        let names = ["arrowhead", "arrowtail"].into_iter().filter_map(get);
        heads.extend(names.filter(|name| name != "none" && look::head(name).1));
    }
    for subgraph in &document.subgraphs {
        let get = |name: &str| subgraph.get(name).map(|value| value.text.to_string());
        colors.extend(look::unknown_colors(&get));
    }
    (left_out.colors, left_out.heads) = (colors.len() as u64, heads.len() as u64);
}

fn text_of(attributes: &Shared, name: &str) -> Option<String> {
    attributes.get(name).map(|value| value.text.to_string())
}

fn flow_box(
    document: &Document,
    index: usize,
    clusters: &Clusters,
    direction: Direction,
) -> FlowBox {
    let node = &document.nodes[index];
    let get = |name: &str| node.attributes.get(name).map(|value| value.text.to_string());
    let names = Names { node: &node.name, graph: &document.subgraphs[0].name, ..Names::default() };
    let shape = look::shape(get("shape").as_deref());
    let default = Value { text: r"\N".into(), is_html: false };
    let label = node.attributes.get("label").unwrap_or(&default);
    let is_record = matches!(shape, Shape::Record | Shape::RoundRecord);
    // Fields of a record stand below each other where the chart is read across.
    let is_column = matches!(direction, Direction::LeftRight | Direction::RightLeft);
    let cell = match (label.is_html, is_record) {
        (true, _) => html::cells(&label.text, &names),
        (false, true) => record::cells(&label.text, &names, is_column),
        (false, false) => Cell { lines: label::lines(&label.text, &names), ..Cell::default() },
    };
    let mut texts = Vec::new();
    leaves(&cell, &mut texts);
    let classes = get("class").unwrap_or_default();
    let has = |word: &str| classes.split_whitespace().any(|class| class == word);
    let kind = if has("variable") {
        BoxKind::Variable
    } else if has("case") {
        BoxKind::Case
    } else if is_record || has("struct") {
        BoxKind::Struct { fields: texts.iter().skip(1).cloned().collect() }
    } else {
        BoxKind::Function
    };
    let url = get("URL").or_else(|| get("href")).filter(|url| !url.is_empty());
    let (file, line) = match url {
        // Only paths are split: a web address keeps its line.
        Some(url) if !url.contains("://") => match url.split_once("#L") {
            Some((file, line)) => (Some(file.to_owned()), line.parse().ok()),
            None => (Some(url), None),
        },
        url => (url, None),
    };
    let title = texts.into_iter().find(|text| !text.is_empty());
    let names = Names { label: title.as_deref().unwrap_or(""), ..names };
    let tooltip = node.attributes.get("tooltip").map(|value| text(value, &names));
    FlowBox {
        identity: node.name.to_string(),
        title: title.unwrap_or_default(),
        kind,
        owner: clusters.owner(index),
        file,
        line,
        authored: Some(Box::new(AuthoredBox {
            attributes: attributes(&node.attributes.all()),
            shape,
            look: look::look(&get),
            least: look::least(&get),
            outlines: look::outlines(&get),
            font_tenths: look::font_tenths(&get),
            cell,
            tooltip: tooltip.filter(|text| !text.is_empty()),
        })),
        ..FlowBox::default()
    }
}

/// The texts of all innermost cells.
fn leaves(cell: &Cell, texts: &mut Vec<String>) {
    if cell.grid.is_empty() {
        texts.push(label::joined(&cell.lines, " "));
    }
    cell.grid.iter().for_each(|part| leaves(&part.cell, texts));
}

fn arrow(document: &Document, edge: &Edge, clusters: &Clusters, graph: &FlowGraph) -> Arrow {
    let get = |name: &str| edge.attributes.get(name).map(|value| value.text.to_string());
    let ends = (&*document.nodes[edge.tail.node].name, &*document.nodes[edge.head.node].name);
    let names = Names { ends, graph: &document.subgraphs[0].name, ..Names::default() };
    let look = look::look(&get);
    let is_data = get("class").is_some_and(|it| it.split_whitespace().any(|word| word == "data"));
    let kind = if is_data || look.is_dashed { ArrowKind::Data } else { ArrowKind::Call };
    let words = ["taillabel", "label", "xlabel", "headlabel"].into_iter().flat_map(|name| {
        let lines = edge.attributes.get(name).map(|value| text_lines(value, &names));
        lines.unwrap_or_default()
    });
    let raw_port = |port: &Option<std::rc::Rc<str>>, name: &str| {
        port.as_deref().map(str::to_owned).or_else(|| get(name)).filter(|port| !port.is_empty())
    };
    let from_raw = raw_port(&edge.tail.port, "tailport");
    let to_raw = raw_port(&edge.head.port, "headport");
    let meets = |node: usize, raw: &Option<String>| {
        let drawn = graph.flow_box(BoxId::new(node)).authored.as_deref();
        raw.as_deref().map_or((None, None), |raw| port(drawn, raw))
    };
    let (from_port, from_side) = meets(edge.tail.node, &from_raw);
    let (to_port, to_side) = meets(edge.head.node, &to_raw);
    let (has_tail_head, is_headless) = heads(document.is_directed, &edge.attributes);
    let number = |name: &str| get(name).and_then(|value| value.trim().parse::<f64>().ok());
    Arrow {
        words: words.filter(|line| !line.is_empty()).collect(),
        from_port,
        to_port,
        authored: Some(Box::new(AuthoredArrow {
            attributes: attributes(&edge.attributes.all()),
            look,
            from_side,
            to_side,
            from_port: from_raw,
            to_port: to_raw,
            has_tail_head,
            is_headless,
            tail: look::head(&get("arrowtail").unwrap_or_default()).0,
            head: look::head(&get("arrowhead").unwrap_or_default()).0,
            url: ["edgeURL", "edgehref", "URL", "href"]
                .into_iter()
                .filter_map(&get)
                .find(|url| !url.is_empty()),
            hints: ArrowHints {
                weight: number("weight")
                    .filter(|it| it.is_finite())
                    .map_or(1.0, |it| it.clamp(0.0, 1e4)),
                min_len: number("minlen").map_or(1, |it| it.clamp(0.0, 1_000.0) as u32),
                constraint: get("constraint").is_none_or(|value| is_true(&value)),
                ..ArrowHints::default()
            },
            from_cluster: get("ltail")
                .and_then(|name| clusters.around(&name, edge.tail.node, edge.head.node)),
            to_cluster: get("lhead")
                .and_then(|name| clusters.around(&name, edge.head.node, edge.tail.node)),
        })),
        ..Arrow::new(kind)
    }
}

/// Whether there is a head at the beginning, and whether there is none at the end.
fn heads(is_directed: bool, attributes: &Shared) -> (bool, bool) {
    let is =
        |name: &str, word: &str| attributes.get(name).is_some_and(|value| &*value.text == word);
    let dir = attributes
        .get("dir")
        .map_or(if is_directed { "forward" } else { "none" }, |value| &value.text);
    let at_tail = matches!(dir, "back" | "both") && !is("arrowtail", "none");
    let at_head = !matches!(dir, "back" | "none") && !is("arrowhead", "none");
    (at_tail, !at_head)
}

/// The port and the side that a text behind a colon names at a box.
fn port(drawn: Option<&AuthoredBox>, raw: &str) -> (Option<String>, Option<Side>) {
    let has = |name: &str| drawn.is_some_and(|drawn| has_port(&drawn.cell, name));
    if has(raw) {
        return (Some(raw.to_owned()), None);
    }
    if let Some((name, point)) = raw.rsplit_once(':') {
        return (Some(name.to_owned()).filter(|name| has(name)), side(point));
    }
    (None, side(raw))
}

fn has_port(cell: &Cell, name: &str) -> bool {
    cell.port.as_deref() == Some(name) || cell.grid.iter().any(|part| has_port(&part.cell, name))
}

/// The side of a compass point; corners count for the side that arrows meet there.
fn side(point: &str) -> Option<Side> {
    match point {
        "n" => Some(Side::North),
        "s" => Some(Side::South),
        "e" | "ne" | "se" => Some(Side::East),
        "w" | "nw" | "sw" => Some(Side::West),
        _ => None,
    }
}

/// Subgraphs that put their boxes into one rank.
fn ranks(document: &Document, clusters: &Clusters, boxes: &[BoxId]) -> Vec<AuthoredRank> {
    let mut ranks = Vec::new();
    for (index, subgraph) in document.subgraphs.iter().enumerate().skip(1) {
        let Some((_, value)) = subgraph.own.iter().find(|(key, _)| &**key == "rank") else {
            continue;
        };
        let kind = match &*value.text {
            "same" => RankKind::Same,
            "min" | "source" => RankKind::First,
            "max" | "sink" => RankKind::Last,
            _ => continue,
        };
        if clusters.is_cluster(index) {
            continue;
        }
        let members: Vec<BoxId> = document.members(index).into_iter().map(|at| boxes[at]).collect();
        if !members.is_empty() {
            let mut owner = clusters.path_around(index);
            // Boxes that belong to another cluster are named from further out.
            for node in document.members(index) {
                let of = clusters.owner(node);
                let same = owner.iter().zip(&of).take_while(|(a, b)| a == b).count();
                owner.truncate(same);
            }
            ranks.push(AuthoredRank { kind, word: value.text.to_string(), owner, boxes: members });
        }
    }
    ranks
}

/// A label as one line.
fn text(value: &Value, names: &Names<'_>) -> String {
    text_lines(value, names).join(" ").trim().to_owned()
}

/// A label as lines, whatever its form.
fn text_lines(value: &Value, names: &Names<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    if value.is_html {
        let cell = html::cells(&value.text, names);
        match cell.grid.is_empty() {
            true => texts.extend(cell.lines.into_iter().map(|line| line.text)),
            false => leaves(&cell, &mut texts),
        }
    } else {
        texts.extend(label::lines(&value.text, names).into_iter().map(|line| line.text));
    }
    texts.iter().map(|line| line.trim().to_owned()).collect()
}

fn attributes(list: &Attributes) -> Vec<DotAttribute> {
    let attribute = |(name, value): &(std::rc::Rc<str>, Value)| DotAttribute {
        name: name.to_string(),
        value: value.text.to_string(),
        is_html: value.is_html,
    };
    list.iter().map(attribute).collect()
}

fn direction(rankdir: Option<&str>) -> Direction {
    match rankdir {
        Some("LR") => Direction::LeftRight,
        Some("RL") => Direction::RightLeft,
        Some("BT") => Direction::BottomUp,
        _ => Direction::TopDown,
    }
}

fn splines(value: Option<&str>) -> Splines {
    match value.map(str::to_ascii_lowercase).as_deref() {
        Some("ortho") => Splines::Orthogonal,
        Some("polyline") => Splines::Polyline,
        Some("line" | "false" | "no") => Splines::Straight,
        _ => Splines::Curved,
    }
}

/// Inches as points; what follows the number, such as `equally`, is no length.
fn gap(value: &str) -> Option<f64> {
    let inches: f64 = value.split_whitespace().next()?.parse().ok()?;
    Some(inches * INCH).filter(|gap| (0.0..=WIDEST_GAP).contains(gap))
}

/// `false`, `no` and zero say no, as in Graphviz.
fn is_true(value: &str) -> bool {
    !matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "0")
}
