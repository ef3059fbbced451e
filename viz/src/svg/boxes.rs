//! Boxes: a shape for each kind, title, what was measured, and the fields of a record.

use super::Tint;
use super::authored;
use super::ids::Ids;
use super::markup::{Markup, TextLook, number};
use crate::describe;
use crate::flow_graph::{BoxId, BoxKind, FlowBox, FlowGraph, Reading, Tone};
use crate::heat::SCALE;
use crate::layout::{Placed, Point, Rect};
use crate::measure::{BoxText, FIELD_ROW, NOTE_LINE, PAD_X, PAD_Y, Scene, TITLE_LINE, head_height};
use crate::provenance::Provenance;
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
    (ids, source_url, tint): (&Ids, Option<&str>, &Tint),
) {
    for (id, flow_box) in in_reading_order(graph, placed) {
        let index = id.index();
        if flow_box.authored.as_ref().is_some_and(|it| it.look.is_invisible) {
            continue;
        }
        let (heat, faint) = (tint.heated.of_box(index), tint.untaken.has_box(id));
        let mut look = style::look_of(flow_box);
        if let Some(step) = heat {
            look = BoxStyle { fill: SCALE[step].0, line: SCALE[step].1, ..look };
        }
        let more = classes(flow_box.tone, flow_box.provenance, heat, faint);
        let class = format!("box {}{more}", look.class);
        let told = told(flow_box);
        let label = told.first().map_or("", |(_, identity)| identity.as_str());
        let mut attributes = vec![
            ("id", ids.of_box(index)),
            ("class", class.as_str()),
            ("role", "graphics-symbol"),
            ("aria-label", label),
        ];
        attributes.extend(told.iter().map(|(key, value)| (*key, value.as_str())));
        let link = source_link(flow_box, source_url);
        // A link takes the focus by itself.
        attributes.extend(link.is_none().then_some(("tabindex", "0")));
        attributes.extend(faint.then_some(("opacity", "0.45")));
        if flow_box.provenance.is_dashed() {
            attributes.push(("stroke-dasharray", "3 3"));
        }
        out.open("g", &attributes);
        // The whole box is the link: a title alone is hard to hit.
        if let Some(link) = &link {
            out.open("a", &[("href", link)]);
        }
        // Must be the first child, or viewers show no tooltip.
        out.element("title", &[], &describe::flow_box(flow_box).join("\n"));
        let what = match flow_box.owner.last() {
            Some(owner) => format!("{} in {}", look.name, describe::cut(owner)),
            None => look.name.to_owned(),
        };
        out.element("desc", &[], &what);
        let rect = &placed.boxes[index];
        let text = &scene.boxes[index];
        match &flow_box.authored {
            Some(drawn) => authored::write(out, rect, (drawn, text), look),
            None => {
                shape(out, rect, &flow_box.kind, look);
                texts(out, rect, text, flow_box, look);
            }
        }
        if link.is_some() {
            out.close("a");
        }
        out.close("g");
    }
}

/// Boxes as they are read: column by column, or moment by moment. The keyboard follows the file.
fn in_reading_order<'a>(graph: &'a FlowGraph, placed: &Placed) -> Vec<(BoxId, &'a FlowBox)> {
    let mut boxes: Vec<_> = graph.boxes().collect();
    boxes.sort_by(|(one, _), (other, _)| {
        let place = |id: &BoxId| {
            let rect = &placed.boxes[id.index()];
            match graph.reading {
                Reading::Flow => (rect.x, rect.y),
                Reading::Time => (rect.y, rect.x),
            }
        };
        let (one, other) = (place(one), place(other));
        one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    boxes
}

/// What scripts can ask of a box.
fn told(flow_box: &FlowBox) -> Vec<(&'static str, String)> {
    let mut told = vec![("data-identity", describe::cut(&flow_box.identity))];
    if flow_box.calls > 0 {
        told.push(("data-calls", flow_box.calls.to_string()));
        told.extend(super::times(&flow_box.latency));
    }
    told.extend(flow_box.seen.map(|seen| ("data-seen", seen.told())));
    told.extend(flow_box.file.as_deref().map(|file| ("data-file", describe::cut(file))));
    told.extend(flow_box.line.map(|line| ("data-line", line.to_string())));
    told
}

/// The classes that stand beside a kind's own.
pub(super) fn classes(
    tone: Tone,
    provenance: Provenance,
    heat: Option<usize>,
    faint: bool,
) -> String {
    let mut all = String::new();
    if tone == Tone::Wrong {
        all.push_str(" wrong");
    }
    if provenance != Provenance::Unsaid {
        all.push_str(&format!(" {}", provenance.class()));
    }
    if let Some(step) = heat {
        all.push_str(&format!(" heat{step}"));
    }
    if faint {
        all.push_str(" faint");
    }
    all
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
