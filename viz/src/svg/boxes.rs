//! Boxes: a shape for each kind, title, what was measured, and the fields of a record.

use super::ids::Ids;
use super::markup::{Markup, TextLook, number};
use crate::describe;
use crate::flow_graph::{BoxKind, FlowBox, FlowGraph, Tone};
use crate::layout::{Placed, Point, Rect};
use crate::measure::{BoxText, FIELD_ROW, NOTE_LINE, PAD_X, PAD_Y, Scene, TITLE_LINE, head_height};
use crate::source_link::source_link;
use crate::style::{self, BoxStyle, INK, NOTE_SIZE, QUIET, TITLE_SIZE};

/// Side of the folded corner of a value.
const FOLD: f64 = 9.0;

const TITLE_LOOK: TextLook = TextLook { class: "title", size: TITLE_SIZE, fill: INK.light };
const NOTE_LOOK: TextLook = TextLook { class: "note", size: NOTE_SIZE, fill: QUIET.light };
const FIELD_LOOK: TextLook = TextLook { class: "field", size: NOTE_SIZE, fill: QUIET.light };

/// Writes all boxes.
pub(super) fn write(
    out: &mut Markup,
    graph: &FlowGraph,
    scene: &Scene,
    placed: &Placed,
    (ids, source_url): (&Ids, Option<&str>),
) {
    for (id, flow_box) in graph.boxes() {
        let index = id.index();
        let look = style::look_of(flow_box);
        let class = format!("box {}{}", look.class, wrong(flow_box.tone));
        let identity = describe::cut(&flow_box.identity);
        let attributes = [
            ("id", ids.of_box(index)),
            ("class", class.as_str()),
            ("data-identity", identity.as_str()),
        ];
        out.open("g", &attributes);
        // The whole box is the link: a title alone is hard to hit.
        let link = source_link(flow_box, source_url);
        if let Some(link) = &link {
            out.open("a", &[("href", link)]);
        }
        // Must be the first child, or viewers show no tooltip.
        out.element("title", &[], &describe::flow_box(flow_box).join("\n"));
        let rect = &placed.boxes[index];
        shape(out, rect, &flow_box.kind, look);
        texts(out, rect, &scene.boxes[index], flow_box, look);
        if link.is_some() {
            out.close("a");
        }
        out.close("g");
    }
}

/// The class that stands beside a kind's own.
pub(super) fn wrong(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Wrong => " wrong",
    }
}

/// The outline of a kind of box.
pub(super) fn shape(out: &mut Markup, rect: &Rect, kind: &BoxKind, look: BoxStyle) {
    let colors = [("fill", look.fill.light), ("stroke", look.line.light)];
    match kind {
        BoxKind::Function => out.rect("shape", rect, 5.0, &colors),
        BoxKind::Struct { .. } => out.rect("shape", rect, 0.0, &colors),
        BoxKind::Case => {
            // Round ends and a dashed border: told apart from functions without colour too.
            let dashed = [colors[0], colors[1], ("stroke-dasharray", "4 2")];
            out.rect("shape", rect, (rect.height / 2.0).min(16.0), &dashed);
        }
        BoxKind::Variable => folded(out, rect, colors),
    }
}

/// A sheet with a folded corner.
fn folded(out: &mut Markup, rect: &Rect, colors: [(&str, &str); 2]) {
    let fold = FOLD.min(rect.height / 2.0).min(rect.width / 2.0);
    let [left, top, right, bottom] = [rect.x, rect.y, rect.right(), rect.bottom()].map(number);
    let (inner, lower) = (number(rect.right() - fold), number(rect.y + fold));
    let outline = format!(
        "M{left} {top}H{inner}L{right} {lower}V{bottom}H{left}ZM{inner} {top}V{lower}H{right}"
    );
    out.empty("path", &[("class", "shape"), ("d", &outline), colors[0], colors[1]]);
}

/// Title and measurements, centred; fields below them, from the left as in a table.
fn texts(out: &mut Markup, rect: &Rect, text: &BoxText, flow_box: &FlowBox, look: BoxStyle) {
    let middle = rect.center().x;
    let mut y = rect.y + PAD_Y;
    for line in &text.title {
        let baseline = Point { x: middle, y: y + TITLE_LINE * 0.78 };
        out.centered(TITLE_LOOK, line, baseline);
        y += TITLE_LINE;
    }
    for note in &text.notes {
        let baseline = Point { x: middle, y: y + NOTE_LINE * 0.78 };
        out.centered(NOTE_LOOK, note, baseline);
        y += NOTE_LINE;
    }
    if matches!(flow_box.kind, BoxKind::Struct { .. }) {
        fields(out, rect, text, look);
    }
}

/// The rows of a record, each under a thin rule.
fn fields(out: &mut Markup, rect: &Rect, text: &BoxText, look: BoxStyle) {
    let mut y = rect.y + head_height(text);
    for field in &text.fields {
        let rule = format!("M{} {}H{}", number(rect.x), number(y), number(rect.right()));
        out.empty("path", &[("class", "rule"), ("d", &rule), ("stroke", look.line.light)]);
        let baseline = Point { x: rect.x + PAD_X, y: y + FIELD_ROW * 0.68 };
        if field.is_right_to_left() {
            // Such a line begins at the right.
            out.ending(FIELD_LOOK, field, Point { x: rect.right() - PAD_X, ..baseline });
        } else {
            out.text(FIELD_LOOK, field, baseline);
        }
        y += FIELD_ROW;
    }
}
