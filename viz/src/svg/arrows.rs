//! Arrows with smooth corners, their heads, and their labels.

use super::Tint;
use super::authored;
use super::boxes::classes;
use super::heads;
use super::ids::Ids;
use super::markup::{Markup, TextLook, number};
use crate::authored::AuthoredArrow;
use crate::describe;
use crate::flow_graph::{Arrow, ArrowKind, BoxId, FlowGraph, Tone};
use crate::heat::SCALE;
use crate::layout::{Corner, Placed, Point, Rect, corners};
use crate::measure::{LABEL_LINE, Scene};
use crate::source_link::{plain_link, source_link};
use crate::style::{self, ARROW_LABEL_SIZE, QUIET};

/// Length and half width of a head.
pub(super) const HEAD: (f64, f64) = (8.0, 3.4);

const LABEL_LOOK: TextLook =
    TextLook { class: "measured", size: ARROW_LABEL_SIZE, fill: QUIET.light };

/// Writes lines and heads; labels come later, above the boxes' shadows.
pub(super) fn write(
    out: &mut Markup,
    graph: &FlowGraph,
    placed: &Placed,
    (ids, source_url): (&Ids, Option<&str>),
    tint: &Tint,
) {
    let shares = style::time_shares(graph);
    for (id, from, to, arrow) in graph.arrows() {
        let points = &placed.arrows[id.index()].points;
        if arrow.authored.as_ref().is_some_and(|it| it.look.is_invisible) {
            continue;
        }
        let heat = tint.heated.of_arrow(id.index());
        let faint = tint.untaken.has_arrow(id);
        let more = classes(arrow.tone, arrow.provenance, heat, faint);
        let class = format!("arrow {}{more}", class(arrow.kind));
        let ends = [from, to].map(|end| ids.of_box(end.index()));
        let count = arrow.count.to_string();
        let times = super::times(&arrow.latency);
        let mut attributes = vec![
            ("id", ids.of_arrow(id.index())),
            ("class", class.as_str()),
            ("role", "graphics-symbol"),
            ("data-from", ends[0]),
            ("data-to", ends[1]),
            ("data-count", &count),
        ];
        attributes.extend(times.iter().map(|(key, value)| (*key, value.as_str())));
        let seen = arrow.seen.map(|seen| seen.told());
        attributes.extend(seen.as_deref().map(|seen| ("data-seen", seen)));
        attributes.extend(faint.then_some(("opacity", "0.45")));
        out.open("g", &attributes);
        // To the code of what is called; out of the order of the keyboard, which the boxes have.
        let own = arrow.authored.as_ref().and_then(|author| author.url.as_deref());
        let link = match own {
            Some(url) => plain_link(url),
            None => source_link(graph.flow_box(to), source_url),
        };
        if let Some(link) = &link {
            out.open("a", &[("href", link), ("tabindex", "-1")]);
        }
        out.element("title", &[], &tooltip(graph, arrow, (from, to)));
        let color = match heat {
            Some(step) => SCALE[step].1.light,
            None => style::color_of_arrow(arrow).light,
        };
        let dashed = match arrow.provenance {
            provenance if provenance.is_dashed() => Some("3 3"),
            _ if arrow.kind == ArrowKind::Data && arrow.tone == Tone::Plain => Some("6 3"),
            _ => None,
        };
        let width = style::width_of(arrow, shares[id.index()]);
        match &arrow.authored {
            Some(author) => authored_line(out, points, (author, color), width),
            None => line(out, points, (color, dashed), width),
        }
        if link.is_some() {
            out.close("a");
        }
        out.close("g");
    }
}

/// One line with its head, also for the legend.
pub(super) fn line(
    out: &mut Markup,
    points: &[Point],
    (color, dashed): (&str, Option<&str>),
    width: f64,
) {
    let (Some(tip), Some(base)) = (points.last(), head_base(points)) else { return };
    // A copy: the head still needs the true tip.
    let mut shaft = points.to_vec();
    if let Some(end) = shaft.last_mut() {
        // The line ends inside the head, so that a thick one does not show beside the tip.
        *end = Point { x: (tip.x + 2.0 * base.x) / 3.0, y: (tip.y + 2.0 * base.y) / 3.0 };
    }
    let (path, width) = (smooth(points, &shaft), number(width));
    let mut attributes = vec![("class", "line"), ("d", &path), ("fill", "none")];
    attributes.extend([("stroke", color), ("stroke-width", &width)]);
    attributes.extend(dashed.map(|dashes| ("stroke-dasharray", dashes)));
    out.empty("path", &attributes);
    let head = head(tip, &base);
    out.empty("path", &[("class", "head"), ("d", &head), ("fill", color)]);
}

/// A line with heads and colours as its author wants them.
fn authored_line(
    out: &mut Markup,
    points: &[Point],
    (author, color): (&AuthoredArrow, &str),
    width: f64,
) {
    let backwards: Vec<Point> = points.iter().rev().copied().collect();
    let mut heads = Vec::new();
    let mut shaft = points.to_vec();
    if !author.is_headless
        && let (Some(tip), Some(base)) = (points.last(), head_base(points))
    {
        let drawn = heads::drawn(author.head, tip, &base);
        if let Some(end) = shaft.last_mut() {
            *end = drawn.shaft_end;
        }
        heads.push(drawn);
    }
    if author.has_tail_head
        && let (Some(tip), Some(base)) = (points.first(), head_base(&backwards))
    {
        let drawn = heads::drawn(author.tail, tip, &base);
        if let Some(start) = shaft.first_mut() {
            *start = drawn.shaft_end;
        }
        heads.push(drawn);
    }
    let (path, width) = (smooth(points, &shaft), number(width));
    let style = authored::line_style(&author.look, false);
    let mut attributes = vec![("class", "line"), ("d", &path), ("fill", "none")];
    attributes.extend([("stroke", color), ("stroke-width", &width), ("style", &style)]);
    out.empty("path", &attributes);
    let chosen = author.look.line.map(authored::css);
    for head in heads {
        let ink = chosen.as_deref().unwrap_or(color);
        let style = match (head.is_open, &chosen) {
            (true, _) => Some(format!("fill:none;stroke:{ink}")),
            (false, Some(ink)) => Some(format!("fill:{ink}")),
            (false, None) => None,
        };
        let mut attributes = vec![("class", "head"), ("d", head.path.as_str()), ("fill", color)];
        attributes.extend(style.as_deref().map(|style| ("style", style)));
        out.empty("path", &attributes);
    }
}

/// Where the head begins: one head's length before the tip, in the direction of the last piece.
fn head_base(points: &[Point]) -> Option<Point> {
    let tip = points.last()?;
    let far = |point: &&Point| (point.x - tip.x).hypot(point.y - tip.y) >= HEAD.0;
    // Pieces shorter than the head have no direction of their own.
    let before = points.iter().rev().find(far).or_else(|| points.first())?;
    let length = (before.x - tip.x).hypot(before.y - tip.y).max(1e-6);
    let share = HEAD.0 / length;
    Some(Point { x: tip.x + (before.x - tip.x) * share, y: tip.y + (before.y - tip.y) * share })
}

/// A triangle. Markers would be shorter, but their ids clash where pictures share a page.
pub(super) fn head(tip: &Point, base: &Point) -> String {
    let (dx, dy) = ((tip.x - base.x) / HEAD.0, (tip.y - base.y) / HEAD.0);
    let corner = |side: f64| (number(base.x - dy * side), number(base.y + dx * side));
    let (left, right) = (corner(HEAD.1), corner(-HEAD.1));
    format!("M{} {}L{} {}L{} {}Z", number(tip.x), number(tip.y), left.0, left.1, right.0, right.1)
}

/// A path along `shaft`, with the rounded corners of the whole way that it is a part of.
fn smooth(points: &[Point], shaft: &[Point]) -> String {
    let mut path = String::new();
    let xy = |point: &Point| format!("{} {}", number(point.x), number(point.y));
    let Some((first, rest)) = shaft.split_first() else { return path };
    path.push_str(&format!("M{}", xy(first)));
    let mut corners = corners(points);
    for point in rest {
        match corners.next().flatten() {
            Some(Corner { enter, at, leave }) => {
                path.push_str(&format!("L{}Q{} {}", xy(&enter), xy(&at), xy(&leave)));
            }
            None => path.push_str(&format!("L{}", xy(point))),
        }
    }
    path
}

/// Writes the labels, each on a ground of the colour that it stands on.
pub(super) fn write_labels(out: &mut Markup, graph: &FlowGraph, scene: &Scene, placed: &Placed) {
    let (clusters, _) = graph.clusters();
    let depths: Vec<usize> = clusters.iter().map(|cluster| cluster.path.len() - 1).collect();
    for (id, from, to, arrow) in graph.arrows() {
        let Some(rect) = &placed.arrows[id.index()].label else { continue };
        if arrow.authored.as_ref().is_some_and(|it| it.look.is_invisible) {
            continue;
        }
        let depth = depth_at(rect, placed, &depths);
        let (on, ground) = match depth {
            Some(depth) => {
                let level = depth % style::CLUSTER_FILLS.len();
                (format!("label on{level}"), style::cluster_fill(depth).light)
            }
            None => ("label".to_owned(), style::GROUND.light),
        };
        let (on, look) = match arrow.tone {
            Tone::Plain => (on, LABEL_LOOK),
            Tone::Wrong => {
                (on + " wrong", TextLook { fill: style::WRONG.line.light, ..LABEL_LOOK })
            }
        };
        out.open("g", &[("class", &on)]);
        out.element("title", &[], &tooltip(graph, arrow, (from, to)));
        out.rect("behind", rect, 3.0, &[("fill", ground), ("fill-opacity", "0.95")]);
        let x = rect.center().x;
        for (row, line) in scene.arrows[id.index()].iter().enumerate() {
            let y = rect.y + 1.5 + LABEL_LINE * (row as f64 + 0.8);
            out.centered(look, line, Point { x, y });
        }
        out.close("g");
    }
}

/// The depth of the innermost cluster that a label stands on.
fn depth_at(label: &Rect, placed: &Placed, depths: &[usize]) -> Option<usize> {
    let middle = label.center();
    let point = Rect { x: middle.x, y: middle.y, width: 0.0, height: 0.0 };
    let around = placed.clusters.iter().zip(depths).filter(|(rect, _)| rect.contains(&point, 0.0));
    around.map(|(_, depth)| *depth).max()
}

/// The class that scripts and the style sheet know the kind by.
fn class(kind: ArrowKind) -> &'static str {
    match kind {
        ArrowKind::Call => "call",
        ArrowKind::Data => "data",
    }
}

/// The same words on the line and on its label: either may be what the pointer finds.
fn tooltip(graph: &FlowGraph, arrow: &Arrow, (from, to): (BoxId, BoxId)) -> String {
    describe::arrow(arrow, (graph.flow_box(from), graph.flow_box(to))).join("\n")
}
