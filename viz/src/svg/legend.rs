//! The legend: a sample of everything that occurs in this picture, and what could not be drawn.

use super::Tint;
use super::markup::{Markup, TextLook};
use super::{arrows, boxes};
use crate::flow_graph::{Arrow, ArrowKind, BoxKind, FlowGraph, LeftOut, Reading, Tone};
use crate::heat::SCALE;
use crate::layout::{Point, Rect};
use crate::provenance::Provenance;
use crate::style::{self, BOX_STYLES, QUIET};
use crate::text::Line;

const SIZE: f64 = 10.5;
const ROW: f64 = 20.0;
const SAMPLE: f64 = 30.0;
const GAP: f64 = 22.0;
/// Room between the picture and the legend.
const ABOVE: f64 = 18.0;

const WORDS_LOOK: TextLook = TextLook { class: "words", size: SIZE, fill: QUIET.light };

/// One sample with its words.
struct Entry {
    sample: Sample,
    words: Line,
}

enum Sample {
    Box(BoxKind),
    Arrow((ArrowKind, Tone), f64),
    Wrong,
    Provenance(Provenance),
    Faint,
    Heat,
    None,
}

/// All entries, broken into rows.
pub(super) struct Legend {
    rows: Vec<Vec<Entry>>,
}

impl Legend {
    /// What the legend of `graph` holds, in rows of at most `width`.
    pub(super) fn new(graph: &FlowGraph, tint: &Tint, width: f64) -> Legend {
        let mut rows: Vec<Vec<Entry>> = Vec::new();
        let mut used = f64::INFINITY;
        for entry in entries(graph, tint) {
            let needs = entry.width();
            if used + needs > width {
                rows.push(Vec::new());
                used = 0.0;
            }
            used += needs;
            if let Some(row) = rows.last_mut() {
                row.push(entry);
            }
        }
        Legend { rows }
    }

    /// Height with the room above.
    pub(super) fn height(&self) -> f64 {
        if self.rows.is_empty() { 0.0 } else { ABOVE + ROW * self.rows.len() as f64 }
    }

    /// Writes all rows below each other from `corner` on.
    pub(super) fn write(&self, out: &mut Markup, corner: Point) {
        if self.rows.is_empty() {
            return;
        }
        out.open("g", &[("class", "legend")]);
        for (index, row) in self.rows.iter().enumerate() {
            let y = corner.y + ABOVE + ROW * index as f64;
            let mut x = corner.x;
            for entry in row {
                entry.write(out, Point { x, y });
                x += entry.width();
            }
        }
        out.close("g");
    }
}

impl Entry {
    /// Measures the words, so that rows can be broken before anything is drawn.
    fn new(sample: Sample, words: &str) -> Entry {
        Entry { sample, words: Line::new(words, SIZE) }
    }

    /// Width of the sample with the gap to its words.
    fn sample_width(&self) -> f64 {
        if matches!(self.sample, Sample::None) { 0.0 } else { SAMPLE + 6.0 }
    }

    /// Width by the widest font, so that entries do not run into each other in any viewer.
    fn width(&self) -> f64 {
        self.sample_width() + self.words.room + GAP
    }

    /// Draws the sample with the same code as the picture, so both always look alike.
    fn write(&self, out: &mut Markup, corner: Point) {
        let middle = corner.y + ROW / 2.0;
        match &self.sample {
            Sample::Box(kind) => {
                let look = style::box_style(kind);
                let rect = Rect { x: corner.x, y: middle - 7.0, width: SAMPLE, height: 14.0 };
                out.open("g", &[("class", look.class)]);
                boxes::shape(out, &rect, kind, look);
                out.close("g");
            }
            Sample::Wrong => {
                let ends = [corner.x, corner.x + SAMPLE].map(|x| Point { x, y: middle });
                out.open("g", &[("class", "arrow data wrong")]);
                arrows::line(out, &ends, (style::WRONG.line.light, None), 2.6);
                out.close("g");
            }
            Sample::Arrow((kind, tone), width) => {
                let ends = [corner.x, corner.x + SAMPLE].map(|x| Point { x, y: middle });
                let class = match kind {
                    ArrowKind::Call => "arrow call",
                    ArrowKind::Data => "arrow data",
                };
                out.open("g", &[("class", class)]);
                let dashed = (*kind == ArrowKind::Data).then_some("6 3");
                let color = style::color_of(*kind, *tone).light;
                arrows::line(out, &ends, (color, dashed), *width);
                out.close("g");
            }
            Sample::Provenance(provenance) => {
                let ends = [corner.x, corner.x + SAMPLE].map(|x| Point { x, y: middle });
                let arrow = Arrow { provenance: *provenance, ..Arrow::new(ArrowKind::Call) };
                let dashed = provenance.is_dashed().then_some("3 3");
                let color = style::color_of_arrow(&arrow).light;
                out.open("g", &[("class", &format!("arrow call {}", provenance.class()))]);
                arrows::line(out, &ends, (color, dashed), style::arrow_width(0.2));
                out.close("g");
            }
            Sample::Faint => {
                let ends = [corner.x, corner.x + SAMPLE].map(|x| Point { x, y: middle });
                out.open("g", &[("class", "arrow call faint"), ("opacity", "0.45")]);
                let color = style::arrow_color(ArrowKind::Call).light;
                arrows::line(out, &ends, (color, None), style::arrow_width(0.0));
                out.close("g");
            }
            Sample::Heat => {
                let side = SAMPLE / SCALE.len() as f64;
                for (step, (fill, line)) in SCALE.iter().enumerate() {
                    let x = corner.x + side * step as f64;
                    let rect = Rect { x, y: middle - 6.0, width: side, height: 12.0 };
                    out.open("g", &[("class", &format!("heat{step}"))]);
                    out.rect("shape", &rect, 0.0, &[("fill", fill.light), ("stroke", line.light)]);
                    out.close("g");
                }
            }
            Sample::None => {}
        }
        let at = Point { x: corner.x + self.sample_width(), y: middle + SIZE * 0.36 };
        out.text(WORDS_LOOK, &self.words, at);
    }
}

/// Only what occurs in this picture: a legend of things that are not there is noise.
fn entries(graph: &FlowGraph, tint: &Tint) -> Vec<Entry> {
    let mut entries = Vec::new();
    // Shapes and colours of a chart are its author's, who knows what they stand for.
    if graph.authored.is_some() && graph.arrows().all(|(.., arrow)| arrow.count == 0) {
        entries.extend(left_out(graph.left_out).map(|words| Entry::new(Sample::None, &words)));
        return entries;
    }
    let kinds = [
        BoxKind::Function,
        BoxKind::Case,
        BoxKind::Variable,
        BoxKind::Struct { fields: Vec::new() },
    ];
    for (kind, look) in kinds.into_iter().zip(BOX_STYLES) {
        // The fields of a record do not matter here, only that it is one.
        let same = |other: &BoxKind| std::mem::discriminant(other) == std::mem::discriminant(&kind);
        if graph.boxes().any(|(_, flow_box)| same(&flow_box.kind)) {
            let words = match graph.reading {
                Reading::Flow => look.name,
                Reading::Time => in_time(&kind),
            };
            entries.push(Entry::new(Sample::Box(kind), words));
        }
    }
    let arrows = match graph.reading {
        Reading::Flow => [(ArrowKind::Call, "call"), (ArrowKind::Data, "data, hand-over")],
        Reading::Time => [(ArrowKind::Call, "next in this place"), (ArrowKind::Data, "message")],
    };
    for (kind, words) in arrows {
        let is_plain = |arrow: &Arrow| arrow.kind == kind && arrow.tone == Tone::Plain;
        if graph.arrows().any(|(.., arrow)| is_plain(arrow)) {
            let sample = Sample::Arrow((kind, Tone::Plain), style::arrow_width(0.1));
            entries.push(Entry::new(sample, words));
        }
    }
    if graph.arrows().any(|(.., arrow)| arrow.tone == Tone::Wrong) {
        entries.push(Entry::new(Sample::Wrong, style::WRONG.name));
    }
    if graph.arrows().any(|(.., arrow)| arrow.count > 0) {
        let hot = Sample::Arrow((ArrowKind::Call, Tone::Plain), style::arrow_width(1.0));
        entries.push(Entry::new(hot, "thicker: more of the time"));
        entries.push(Entry::new(Sample::None, "n× p50 / p99: how often, how long"));
    }
    entries.extend(tint.heated.words().map(|words| Entry::new(Sample::Heat, &words)));
    for provenance in Provenance::SAID {
        let boxes = graph.boxes().any(|(_, it)| it.provenance == provenance);
        if boxes || graph.arrows().any(|(.., it)| it.provenance == provenance) {
            entries.push(Entry::new(Sample::Provenance(provenance), provenance.words()));
        }
    }
    if tint.untaken.any() && !graph.is_merged() {
        entries.push(Entry::new(Sample::Faint, "faint: never taken in this run"));
    }
    entries.extend(left_out(graph.left_out).map(|words| Entry::new(Sample::None, &words)));
    entries
}

/// What kinds of boxes are where a picture is read in time.
fn in_time(kind: &BoxKind) -> &'static str {
    match kind {
        BoxKind::Function => "asked or answered",
        BoxKind::Case => "a change of state",
        BoxKind::Variable => "from outside",
        BoxKind::Struct { .. } => "record",
    }
}

/// What could not be drawn, in words.
fn left_out(left_out: LeftOut) -> Option<String> {
    let parts: Vec<String> = [
        (
            left_out.unknown_parents,
            "call from a span that is not in the input",
            "calls from spans that are not in the input",
        ),
        (
            left_out.unknown_links,
            "link to a span that is not in the input",
            "links to spans that are not in the input",
        ),
        (
            left_out.unknown_from,
            "origin of an event that names no box",
            "origins of events that name no box",
        ),
        (left_out.more_graphs, "further graph of the file", "further graphs of the file"),
        (left_out.colors, "unknown colour", "unknown colours"),
        (left_out.heads, "form of arrow head", "forms of arrow heads"),
        (left_out.functions, "further function", "further functions"),
    ]
    .into_iter()
    .filter(|(count, ..)| *count > 0)
    .map(|(count, one, many)| {
        format!("{} {}", crate::units::count(count), if count == 1 { one } else { many })
    })
    .collect();
    (!parts.is_empty()).then(|| format!("not drawn: {}", parts.join(", ")))
}
