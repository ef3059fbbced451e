//! SVG: writes a placed graph as a picture with title, legend, tooltips and links.
//!
//! Texts are pinned to the width that was measured, so no viewer's font moves them out of their
//! boxes. Colours are CSS variables with a light and a dark form; viewers without variables use the
//! light ones, which are also plain attributes. Nothing in the file runs.

mod arrows;
mod authored;
mod boxes;
mod heads;
mod ids;
mod legend;
mod markup;
mod sheet;

use crate::describe;
use crate::draw::DrawOptions;
use crate::flow_graph::{FlowGraph, Reading};
use crate::heat::Heated;
use crate::latency::Latency;
use crate::layout::{Direction, Placed, Point, Rect};
use crate::measure::{CLUSTER_LINE, Scene};
use crate::provenance::Untaken;
use crate::style::{self, CLUSTER_SIZE, GROUND, HEADING_SIZE, INK, QUIET};
use crate::text::{Line, wrap};
use crate::units;
use ids::Ids;
use markup::{Markup, TextLook, number};

/// Room around the picture.
const MARGIN: f64 = 20.0;
/// Room for the title.
const HEADING: f64 = 34.0;
/// Least width, so that title and legend have room.
const LEAST_WIDTH: f64 = 420.0;
/// Room that the title of a picture in time may claim beyond its columns.
const WIDEST_HEADING: f64 = 640.0;
/// From one line of a title to the next.
const HEADING_LINE: f64 = 21.0;

const HEADING_LOOK: TextLook = TextLook { class: "heading", size: HEADING_SIZE, fill: INK.light };
const CLUSTER_LOOK: TextLook = TextLook { class: "title", size: CLUSTER_SIZE, fill: QUIET.light };

/// What the measurements add to the look of the parts.
struct Tint {
    heated: Heated,
    untaken: Untaken,
}

/// The times of a box or an arrow, for scripts, in nanoseconds.
fn times(latency: &Latency) -> Vec<(&'static str, String)> {
    let times = [("data-p50-ns", latency.p50_ns()), ("data-p99-ns", latency.p99_ns())];
    times.into_iter().filter_map(|(key, ns)| ns.map(|ns| (key, ns.to_string()))).collect()
}

/// The picture of `graph`, placed as `placed`.
pub(crate) fn write(
    graph: &FlowGraph,
    scene: &Scene,
    placed: &Placed,
    options: &DrawOptions,
) -> String {
    let source_url = options.source_url.as_deref();
    let tint = Tint { heated: Heated::new(graph, options.heat), untaken: Untaken::new(graph) };
    let least = match graph.reading {
        Reading::Flow => LEAST_WIDTH,
        // A picture of one or two columns is narrower than what it has to say.
        Reading::Time => {
            Line::new(&graph.title, HEADING_SIZE).room.clamp(LEAST_WIDTH, WIDEST_HEADING)
        }
    };
    let inner = placed.size.width.max(least);
    let heading = match (graph.title.is_empty(), graph.reading) {
        (true, _) => Vec::new(),
        (false, Reading::Flow) => vec![Line::shortened(&graph.title, HEADING_SIZE, inner)],
        // It tells what has happened, which may take a sentence.
        (false, Reading::Time) => wrap(&graph.title, HEADING_SIZE, inner, 3),
    };
    let more = HEADING_LINE * heading.len().saturating_sub(1) as f64;
    let top = MARGIN + if heading.is_empty() { 0.0 } else { HEADING + more };
    // Measured before anything is written, because the root element states the height.
    let legend = legend::Legend::new(graph, &tint, inner);
    let width = inner + 2.0 * MARGIN;
    let height = top + placed.size.height + legend.height() + MARGIN;
    let mut out = Markup::new();
    open(&mut out, graph, scene, (width, height));
    let ground = Rect { x: 0.0, y: 0.0, width, height };
    out.rect("ground", &ground, 0.0, &[("fill", GROUND.light)]);
    for (index, line) in heading.iter().enumerate() {
        let at = Point { x: MARGIN, y: MARGIN + HEADING_SIZE + HEADING_LINE * index as f64 };
        out.text(HEADING_LOOK, line, at);
    }
    let left = number(MARGIN);
    out.open("g", &[("transform", &format!("translate({left} {})", number(top)))]);
    clusters(&mut out, graph, scene, placed);
    let ids = Ids::new(graph);
    // Lines under boxes, so that no head paints over a border; labels on top of both.
    arrows::write(&mut out, graph, placed, (&ids, source_url), &tint);
    boxes::write(&mut out, graph, scene, placed, (&ids, source_url, &tint));
    arrows::write_labels(&mut out, graph, scene, placed);
    out.close("g");
    legend.write(&mut out, Point { x: MARGIN, y: top + placed.size.height });
    out.close("svg");
    out.finish()
}

/// The root element with what screen readers tell of the picture.
fn open(out: &mut Markup, graph: &FlowGraph, scene: &Scene, (width, height): (f64, f64)) {
    let (width, height) = (number(width), number(height));
    out.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("viewBox", &format!("0 0 {width} {height}")),
            ("width", &width),
            ("height", &height),
            ("role", "graphics-document document"),
            ("aria-labelledby", "chart-title chart-desc"),
            ("class", "raftlens-chart"),
            ("font-family", style::FONT_STACK),
        ],
    );
    let title = if graph.title.is_empty() { "Flow chart" } else { &graph.title };
    out.element("title", &[("id", "chart-title")], &describe::cut(title));
    let summary = summary(graph, scene.sized.hints.direction);
    out.element("desc", &[("id", "chart-desc")], &summary);
    out.raw(&sheet::css(graph));
}

/// How much there is to see, and how it is read.
fn summary(graph: &FlowGraph, direction: Direction) -> String {
    let (boxes, arrows) = (graph.box_count(), graph.arrow_count());
    let way = match (graph.reading, direction) {
        (Reading::Time, _) | (Reading::Flow, Direction::TopDown) => "top to bottom",
        (Reading::Flow, Direction::LeftRight) => "left to right",
        (Reading::Flow, Direction::RightLeft) => "right to left",
        (Reading::Flow, Direction::BottomUp) => "bottom to top",
    };
    let how = match graph.reading {
        Reading::Time => {
            ", each column one place. Grey arrows lead to what came next there, dashed green arrows \
             are messages, red is what must not be."
        }
        // Its author alone knows what the colours mean.
        Reading::Flow if graph.authored.is_some() => ".",
        Reading::Flow => {
            ". Grey arrows are calls, dashed green arrows are data; labels tell how often each was \
             taken and how long it took (p50 / p99)."
        }
    };
    let boxes = units::counted(boxes, "box", "boxes");
    let arrows = units::counted(arrows, "arrow", "arrows");
    format!("{boxes} and {arrows}, read from {way}{how}")
}

/// Grounds and titles of clusters: below everything, outer ones first.
fn clusters(out: &mut Markup, graph: &FlowGraph, scene: &Scene, placed: &Placed) {
    let (clusters, _) = graph.clusters();
    for (index, (cluster, rect)) in clusters.iter().zip(&placed.clusters).enumerate() {
        let depth = cluster.path.len() - 1;
        let authored = graph.authored.as_ref().and_then(|it| it.clusters.get(&cluster.path));
        if authored.is_some_and(|it| it.look.is_invisible) {
            continue;
        }
        let class = format!("cluster depth{}", depth % style::CLUSTER_FILLS.len());
        let path = describe::cut(&cluster.path.join(" / "));
        out.open("g", &[("class", &class), ("data-owner", &path)]);
        out.element("title", &[], &path);
        let look =
            [("fill", style::cluster_fill(depth).light), ("stroke", style::CLUSTER_LINE.light)];
        let at = Point { x: rect.x + 10.0, y: rect.y + CLUSTER_LINE };
        match authored.map(|it| &it.look) {
            None => {
                out.rect("ground", rect, 8.0, &look);
                out.text(CLUSTER_LOOK, &scene.clusters[index], at);
            }
            Some(author) => {
                let style = authored::line_style(author, true);
                let [fill, stroke] = look;
                out.rect("ground", rect, 8.0, &[fill, stroke, ("style", &style)]);
                let ink = author.ink.map(authored::css).or(author.fill.map(authored::readable));
                let look = ("title", CLUSTER_SIZE, ink.as_deref());
                authored::text(out, &scene.clusters[index], (at, None), look);
            }
        }
        out.close("g");
    }
}

#[cfg(test)]
mod tests;
