//! Styles and colours of boxes, clusters and arrows, as DOT writes them.

use super::color::{color_in, is_unknown};
use crate::authored::{ArrowHead, HeadShape, Look, Rgba, Shape};

/// Points in an inch, the unit of `width` and `height`.
const INCH: f64 = 72.0;
/// Boxes are not made wider or higher than this.
const WIDEST: f64 = 2_000.0;
/// Most lines round a box.
const MOST_OUTLINES: u8 = 4;
/// Heads by their names; `inv` before those that begin like it.
const HEADS: [(&str, HeadShape); 8] = [
    ("normal", HeadShape::Normal),
    ("inv", HeadShape::Inverse),
    ("vee", HeadShape::Vee),
    ("crow", HeadShape::Crow),
    ("diamond", HeadShape::Diamond),
    ("dot", HeadShape::Dot),
    ("box", HeadShape::Box),
    ("tee", HeadShape::Tee),
];

/// Reads one attribute of the thing in question.
pub(super) type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What Graphviz fills with where no colour is given.
const UNNAMED_FILL: Rgba = Rgba { rgb: [0xd3, 0xd3, 0xd3], alpha: 255 };

/// The look of a box or an arrow.
pub(super) fn look(get: Get<'_>) -> Look {
    let mut look = styled(get);
    let line = get("color").and_then(|value| color(get, &value));
    look.line = line;
    if has_style(get, &["filled", "radial", "wedged", "striped"]) {
        let named = get("fillcolor").filter(|value| !value.is_empty());
        look.fill = match named {
            Some(value) => color(get, &value),
            None => line.or(Some(UNNAMED_FILL)),
        };
    }
    look
}

/// The look of a cluster: `bgcolor` fills it too, and `pencolor` is its border.
pub(super) fn cluster_look(get: Get<'_>) -> Look {
    let mut look = look(get);
    if has_style(get, &["filled"]) && get("fillcolor").is_none_or(|value| value.is_empty()) {
        let ground = get("color").or_else(|| get("bgcolor"));
        look.fill = ground.map_or(Some(UNNAMED_FILL), |value| color(get, &value));
    } else if look.fill.is_none() {
        look.fill = get("bgcolor").and_then(|value| color(get, &value));
    }
    look.line = get("pencolor").and_then(|value| color(get, &value)).or(look.line);
    look
}

/// The colour of a value, by the scheme that stands beside it.
fn color(get: Get<'_>, value: &str) -> Option<Rgba> {
    color_in(value, &get("colorscheme").unwrap_or_default())
}

/// Colours beside each other that no scheme has.
pub(super) fn unknown_colors(get: Get<'_>) -> Vec<String> {
    let scheme = get("colorscheme").unwrap_or_default();
    let names = ["color", "fillcolor", "fontcolor", "bgcolor", "pencolor"];
    let values = names.into_iter().filter_map(get);
    values.filter(|value| is_unknown(value, &scheme)).collect()
}

/// Least width and height of a box in points.
pub(super) fn least(get: Get<'_>) -> (u32, u32) {
    let points = |name: &str| {
        let inches = get(name).and_then(|value| value.trim().parse::<f64>().ok());
        // A float that is too large or not a number becomes the nearest length that can be drawn.
        (inches.unwrap_or(0.0) * INCH).ceil().clamp(0.0, WIDEST) as u32
    };
    (points("width"), points("height"))
}

/// How many lines run round a box: those of its shape, or as many as were asked for.
pub(super) fn outlines(get: Get<'_>) -> u8 {
    let asked = get("peripheries").and_then(|value| value.trim().parse::<u8>().ok());
    let of_shape = match get("shape").as_deref() {
        Some("doublecircle" | "doubleoctagon") => 2,
        Some("tripleoctagon") => 3,
        _ => 1,
    };
    asked.unwrap_or(of_shape).min(MOST_OUTLINES)
}

/// Size of letters in tenths of a point, if one was asked for that can be read.
pub(super) fn font_tenths(get: Get<'_>) -> Option<u16> {
    let points = get("fontsize").and_then(|value| value.trim().parse::<f64>().ok())?;
    points.is_finite().then(|| (points * 10.0).round().clamp(40.0, 960.0) as u16)
}

/// The head that a name of DOT stands for, and whether it stands for more than is drawn: several
/// heads behind each other are drawn as the first of them, and halves as wholes.
pub(super) fn head(name: &str) -> (ArrowHead, bool) {
    let (shape, is_open, rest) = match name {
        "" => return (ArrowHead::default(), false),
        "empty" => (HeadShape::Normal, true, ""),
        "invempty" => (HeadShape::Inverse, true, ""),
        "open" => (HeadShape::Vee, false, ""),
        "halfopen" => (HeadShape::Vee, false, "l"),
        "ediamond" => (HeadShape::Diamond, true, ""),
        _ => {
            let is_open = name.starts_with('o');
            let bare = name.strip_prefix('o').unwrap_or(name);
            let half = bare.starts_with(['l', 'r']);
            let bare = if half { &bare[1..] } else { bare };
            let known = HEADS.iter().find_map(|(word, shape)| {
                bare.strip_prefix(word).map(|rest| (*shape, if half { "l" } else { rest }))
            });
            let Some((shape, rest)) = known else { return (ArrowHead::default(), true) };
            (shape, is_open, rest)
        }
    };
    (ArrowHead { shape, is_open }, !rest.is_empty())
}

fn styled(get: Get<'_>) -> Look {
    let pen = get("penwidth").and_then(|value| value.trim().parse::<f64>().ok());
    Look {
        ink: get("fontcolor").and_then(|value| color(get, &value)),
        is_dashed: has_style(get, &["dashed"]),
        is_dotted: has_style(get, &["dotted"]),
        is_bold: has_style(get, &["bold"]),
        is_rounded: has_style(get, &["rounded"]),
        is_invisible: has_style(get, &["invis", "invisible"]),
        // A float that is too large or not a number becomes the nearest width that can be drawn.
        pen_tenths: pen.map(|pen| (pen * 10.0).round().clamp(0.0, 200.0) as u16),
        ..Look::default()
    }
}

fn has_style(get: Get<'_>, wanted: &[&str]) -> bool {
    let style = get("style").unwrap_or_default();
    style.split(',').any(|word| wanted.contains(&word.trim()))
}

/// The outline that a name of DOT stands for; Graphviz draws a rectangle for unknown ones.
pub(super) fn shape(name: Option<&str>) -> Shape {
    match name {
        None | Some("" | "ellipse" | "oval" | "circle" | "doublecircle" | "egg" | "Mcircle") => {
            Shape::Ellipse
        }
        Some("diamond" | "Mdiamond") => Shape::Diamond,
        Some("record") => Shape::Record,
        Some("Mrecord") => Shape::RoundRecord,
        Some("plaintext" | "none" | "plain") => Shape::Plain,
        Some("note") => Shape::Note,
        Some("cylinder") => Shape::Cylinder,
        Some("hexagon" | "octagon" | "doubleoctagon" | "tripleoctagon") => Shape::Hexagon,
        Some("parallelogram") => Shape::Parallelogram,
        Some("point") => Shape::Point,
        Some("underline") => Shape::Underline,
        Some(_) => Shape::Box,
    }
}
