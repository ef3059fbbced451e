//! Styles and colours of boxes, clusters and arrows, as DOT writes them.

use super::color::color;
use crate::authored::{Look, Rgba, Shape};

/// Reads one attribute of the thing in question.
pub(super) type Get<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What Graphviz fills with where no colour is given.
const UNNAMED_FILL: Rgba = Rgba { rgb: [0xd3, 0xd3, 0xd3], alpha: 255 };

/// The look of a box or an arrow.
pub(super) fn look(get: Get<'_>) -> Look {
    let mut look = styled(get);
    let line = get("color").and_then(|value| color(&value));
    look.line = line;
    if has_style(get, &["filled", "radial", "wedged", "striped"]) {
        let named = get("fillcolor").filter(|value| !value.is_empty());
        look.fill = match named {
            Some(value) => color(&value),
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
        look.fill = ground.map_or(Some(UNNAMED_FILL), |value| color(&value));
    } else if look.fill.is_none() {
        look.fill = get("bgcolor").and_then(|value| color(&value));
    }
    look.line = get("pencolor").and_then(|value| color(&value)).or(look.line);
    look
}

fn styled(get: Get<'_>) -> Look {
    let pen = get("penwidth").and_then(|value| value.trim().parse::<f64>().ok());
    Look {
        ink: get("fontcolor").and_then(|value| color(&value)),
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
