//! The layout of an installed Graphviz: `dot` places what we measured, and only that.
//!
//! Boxes, rows, labels and titles are given as cells of fixed size, so `dot` never measures text;
//! it answers with coordinates as JSON, which are turned round here (its y grows upwards).

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::geometry::{Placed, PlacedArrow, Point, Rect, Size, SizedBox, SizedGraph};
use super::order::{Child, ReadingOrder, reading_order};
use super::{Layout, LayoutError, labels, validate};
use crate::dot::escape::quoted;
use crate::dot::syntax::{self, Attributes};

/// Points in an inch, the unit of `width` and `height`.
const INCH: f64 = 72.0;
/// Straight pieces that stand for one piece of a curve.
const CURVE_STEPS: usize = 8;

/// `dot` of an installed Graphviz.
#[derive(Clone, Debug)]
pub struct Graphviz {
    program: String,
}

impl Default for Graphviz {
    fn default() -> Self {
        Graphviz { program: "dot".to_owned() }
    }
}

impl Graphviz {
    /// Uses another program than the `dot` on the PATH.
    pub fn with_program(program: impl Into<String>) -> Self {
        Graphviz { program: program.into() }
    }

    /// Feeds `input` to the program and takes what it prints.
    fn run(&self, input: &str) -> Result<Vec<u8>, LayoutError> {
        let failed = |reason: String| LayoutError::DotFailed { reason };
        let mut child = Command::new(&self.program)
            .arg("-Tjson")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound => LayoutError::DotNotInstalled,
                _ => failed(error.to_string()),
            })?;
        // `dot` reads all of its input before it writes, so writing first cannot block for ever.
        let written = child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        match written {
            Some(Err(error)) => Err(failed(error.to_string())),
            Some(Ok(())) | None => Ok(output.stdout),
        }
    }
}

impl Layout for Graphviz {
    fn name(&self) -> &'static str {
        "dot"
    }

    fn place(&self, graph: &SizedGraph) -> Result<Placed, LayoutError> {
        validate(graph)?;
        if graph.boxes.is_empty() {
            return Ok(Placed::default());
        }
        let answer = self.run(&write(graph, &reading_order(graph)))?;
        let unreadable = || LayoutError::DotFailed {
            reason: "its answer lacks a place for some box or arrow".to_owned(),
        };
        // Labels come with stray bytes in some versions; numbers and ids are plain ASCII.
        let text = String::from_utf8_lossy(&answer);
        let answer: Value = serde_json::from_str(&text).map_err(|_| unreadable())?;
        let mut placed = read(graph, &answer).ok_or_else(unreadable)?;
        labels::settle(graph, &mut placed);
        placed.fit();
        Ok(placed)
    }
}

/// The graph as DOT with sizes in place of texts.
fn write(graph: &SizedGraph, order: &ReadingOrder) -> String {
    let mut stmts = vec![
        syntax::graph_defaults(vec![
            ("rankdir", quoted("LR")),
            ("newrank", quoted("true")),
            ("nodesep", quoted("0.25")),
            ("ranksep", quoted("0.5")),
        ]),
        syntax::node_defaults(vec![("fixedsize", quoted("true"))]),
        syntax::edge_defaults(vec![("arrowhead", quoted("none"))]),
    ];
    stmts.extend(inside(graph, order, 0));
    for (index, arrow) in graph.arrows.iter().enumerate() {
        let mut attributes: Attributes = vec![("id", quoted(&format!("a{index}")))];
        if let Some(label) = arrow.label {
            attributes.push(("label", blank(label)));
        }
        let tail = port(&graph.boxes[arrow.from], arrow.from_port);
        let head = port(&graph.boxes[arrow.to], arrow.to_port);
        stmts.push(syntax::edge(
            (&format!("b{}", arrow.from), tail.as_deref()),
            (&format!("b{}", arrow.to), head.as_deref()),
            attributes,
        ));
    }
    syntax::print("chart", stmts)
}

/// Boxes and clusters of one level, in reading order: `dot` breaks ties by the order of the file.
fn inside(graph: &SizedGraph, order: &ReadingOrder, level: usize) -> Vec<syntax::tree::Stmt> {
    let stmt = |child: &Child| match child {
        Child::Box(index) => syntax::node(&format!("b{index}"), sized_box(&graph.boxes[*index])),
        Child::Cluster(index) => {
            let title = graph.clusters[*index].title;
            let attributes =
                vec![("label", blank(title)), ("labeljust", quoted("l")), ("margin", quoted("12"))];
            syntax::cluster(&index.to_string(), attributes, inside(graph, order, index + 1))
        }
    };
    order.levels[level].iter().map(stmt).collect()
}

/// A box of exactly the measured size. An empty label keeps `dot` from measuring any font.
fn sized_box(sized: &SizedBox) -> Attributes {
    let Size { width, height } = sized.size;
    let mut attributes = vec![
        ("width", quoted(&format!("{:.4}", width / INCH))),
        ("height", quoted(&format!("{:.4}", height / INCH))),
    ];
    if sized.ports.is_empty() {
        attributes.extend([("shape", quoted("box")), ("label", quoted(""))]);
    } else {
        attributes.extend([
            ("shape", quoted("none")),
            ("margin", quoted("0")),
            ("label", rows(sized)),
        ]);
    }
    attributes
}

/// Cells for the rows of a box, so that arrows end at their heights.
fn rows(sized: &SizedBox) -> String {
    let mut cells = Vec::new();
    // Cells are cut at the borders of rows: a head without port, then one cell a row.
    let mut down = 0.0;
    let mut cell = |from: f64, to: f64, port: String| {
        let (width, height) = (sized.size.width.floor(), (to - from).floor().max(1.0));
        cells.push(format!(
            "<TR><TD FIXEDSIZE=\"TRUE\" WIDTH=\"{width}\" HEIGHT=\"{height}\"{port}></TD></TR>"
        ));
    };
    for (index, row) in sized.ports.iter().enumerate() {
        let (top, bottom) = (row.area.y, row.area.bottom());
        if top > down + 0.5 {
            cell(down, top, " PORT=\"anchor\"".to_owned());
        }
        cell(top.max(down), bottom, format!(" PORT=\"p{index}\""));
        down = bottom;
    }
    if sized.size.height > down + 0.5 {
        cell(down, sized.size.height, String::new());
    }
    table(&cells.concat())
}

/// The cell that an arrow end meets; boxes without rows have none, arrows meet their border.
fn port(sized: &SizedBox, port: Option<usize>) -> Option<String> {
    let anchor = || sized.anchor.filter(|_| !sized.ports.is_empty()).map(|_| "anchor".to_owned());
    port.map(|index| format!("p{index}")).or_else(anchor)
}

/// Room of a given size, in place of a text.
fn blank(size: Size) -> String {
    let (width, height) = (size.width.ceil(), size.height.ceil());
    table(&format!("<TR><TD FIXEDSIZE=\"TRUE\" WIDTH=\"{width}\" HEIGHT=\"{height}\"></TD></TR>"))
}

/// A table that adds nothing to its cells: no borders, no gaps.
fn table(rows: &str) -> String {
    format!(
        "<<TABLE BORDER=\"0\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"0\">{rows}</TABLE>>"
    )
}

/// Reads coordinates; `None` if a box, cluster or arrow has none.
fn read(graph: &SizedGraph, answer: &Value) -> Option<Placed> {
    let top = *numbers(answer.get("bb")?.as_str()?)?.get(3)?;
    let mut boxes = vec![None; graph.boxes.len()];
    let mut clusters = vec![None; graph.clusters.len()];
    for object in list(answer, "objects") {
        let name = object.get("name")?.as_str()?;
        if let Some(index) = index_behind(name, "cluster_") {
            let corners = numbers(object.get("bb")?.as_str()?)?;
            let [left, low, right, high] = corners[..] else { return None };
            let rect = Rect { x: left, y: top - high, width: right - left, height: high - low };
            *clusters.get_mut(index)? = Some(rect);
        } else if let Some(index) = index_behind(name, "b") {
            let at = numbers(object.get("pos")?.as_str()?)?;
            let Size { width, height } = graph.boxes.get(index)?.size;
            let (x, y) = (at.first()? - width / 2.0, top - at.get(1)? - height / 2.0);
            *boxes.get_mut(index)? = Some(Rect { x, y, width, height });
        }
    }
    let mut arrows = vec![None; graph.arrows.len()];
    for edge in list(answer, "edges") {
        let index = index_behind(edge.get("id")?.as_str()?, "a")?;
        let size = graph.arrows.get(index)?.label;
        *arrows.get_mut(index)? = Some(read_arrow(edge, top, size)?);
    }
    Some(Placed {
        size: Size::default(),
        boxes: boxes.into_iter().collect::<Option<_>>()?,
        clusters: clusters.into_iter().collect::<Option<_>>()?,
        arrows: arrows.into_iter().collect::<Option<_>>()?,
    })
}

/// The way of one arrow. Its label is centred on `lp`, with our size rather than the rounded one.
fn read_arrow(edge: &Value, top: f64, label: Option<Size>) -> Option<PlacedArrow> {
    let at = |pair: &str| {
        let numbers = numbers(pair)?;
        Some(Point { x: *numbers.first()?, y: top - *numbers.get(1)? })
    };
    let mut curve = Vec::new();
    for pair in edge.get("pos")?.as_str()?.split_whitespace() {
        // `s,x,y` and `e,x,y` are tips of arrow heads, which we draw ourselves.
        if !pair.starts_with(['s', 'e']) {
            curve.push(at(pair)?);
        }
    }
    // Without `lp` the label is placed later, as if it had none.
    let label = match (edge.get("lp").and_then(Value::as_str), label) {
        (Some(middle), Some(size)) => {
            let middle = at(middle)?;
            let (x, y) = (middle.x - size.width / 2.0, middle.y - size.height / 2.0);
            Some(Rect { x, y, width: size.width, height: size.height })
        }
        _ => None,
    };
    Some(PlacedArrow { points: flattened(&curve)?, label })
}

/// Points along a chain of cubic curves.
fn flattened(curve: &[Point]) -> Option<Vec<Point>> {
    let mut points = vec![*curve.first()?];
    for [a, b, c, d] in curve.windows(4).step_by(3).filter_map(|piece| piece.first_chunk()) {
        for step in 1..=CURVE_STEPS {
            let t = step as f64 / CURVE_STEPS as f64;
            let u = 1.0 - t;
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            points.push(Point { x: mix(a.x, b.x, c.x, d.x), y: mix(a.y, b.y, c.y, d.y) });
        }
    }
    (points.len() > 1).then_some(points)
}

/// Numbers between commas; `None` if any is not finite, so that no such coordinate gets further.
fn numbers(text: &str) -> Option<Vec<f64>> {
    let number = |part: &str| part.parse::<f64>().ok().filter(|number| number.is_finite());
    text.split(',').map(|part| number(part.trim())).collect()
}

/// The number in a name of ours, such as `b12`.
fn index_behind(name: &str, prefix: &str) -> Option<usize> {
    name.strip_prefix(prefix)?.parse().ok()
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_said_to_be_missing() {
        let graph = SizedGraph { boxes: vec![SizedBox::default()], ..SizedGraph::default() };
        let error = Graphviz::with_program("no-such-dot").place(&graph).unwrap_err();
        assert!(matches!(error, LayoutError::DotNotInstalled), "{error}");
    }

    #[test]
    fn a_straight_curve_stays_straight() {
        let curve: Vec<Point> = (0..7).map(|x| Point { x: f64::from(x), y: 1.0 }).collect();
        let points = flattened(&curve).unwrap();
        assert_eq!(points.len(), 1 + 2 * CURVE_STEPS);
        assert!(points.iter().all(|point| (point.y - 1.0).abs() < 1e-9));
        assert_eq!(points.last(), curve.last());
    }
}
