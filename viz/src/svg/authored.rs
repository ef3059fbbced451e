//! Boxes as their authors drew them: outline, colours, cells.
//!
//! Colours of the author stand in `style` attributes, which win over the style sheet: a box with a
//! light ground keeps dark letters in a dark page.

use super::markup::{Markup, number};
use crate::authored::{Align, AuthoredBox, Look, Rgba, Shape};
use crate::layout::{Point, Rect};
use crate::measure::cells::{CELL_LINE, CELL_NOTE, DrawnCell, DrawnCells, OUTLINE_GAP};
use crate::measure::{BoxText, PAD_X, PAD_Y};
use crate::style::{BoxStyle, INK, QUIET};
use crate::text::Line;

/// Draws the box that stands at `rect`.
pub(super) fn write(
    out: &mut Markup,
    rect: &Rect,
    (drawn, text): (&AuthoredBox, &BoxText),
    look: BoxStyle,
) {
    let Some(cells) = &text.cells else { return };
    outline(out, rect, drawn, look);
    for inner in 1..drawn.outlines {
        let by = OUTLINE_GAP * f64::from(inner);
        let (width, height) = (rect.width - 2.0 * by, rect.height - 2.0 * by);
        let inner = Rect { x: rect.x + by, y: rect.y + by, width, height };
        outline(out, &inner, drawn, look);
    }
    let ink = ink(&drawn.look);
    for (index, cell) in cells.cells.iter().enumerate() {
        let area = cell.area.moved(rect.x, rect.y);
        let is_whole = index == 0;
        if let Some(fill) = cell.fill {
            out.rect("cell", &area, 0.0, &[("style", &format!("fill:{}", css(fill)))]);
        }
        if cell.has_border && !is_whole {
            let border = border(drawn.shape, &area, &cells.inner.moved(rect.x, rect.y));
            let style = line_style(&drawn.look, false);
            let look = [("fill", "none"), ("stroke", look.line.light), ("style", &style)];
            let mut attributes = vec![("class", "rule"), ("d", &border)];
            attributes.extend(look);
            out.empty("path", &attributes);
        }
        let ink = cell.fill.map_or(ink.clone(), |fill| Some(readable(fill)));
        lines(out, &area, (cell, cells.scale), ink.as_deref());
    }
    notes(out, rect, cells, (&text.notes, ink.as_deref()));
}

/// A colour for CSS, made of checked numbers only.
pub(super) fn css(color: Rgba) -> String {
    let [r, g, b] = color.rgb;
    match color.alpha {
        255 => format!("#{r:02x}{g:02x}{b:02x}"),
        alpha => format!("rgba({r},{g},{b},{})", number(f64::from(alpha) / 255.0)),
    }
}

/// The author's lines as CSS; `is_filled` says whether the element may be filled.
pub(super) fn line_style(look: &Look, is_filled: bool) -> String {
    let mut parts = Vec::new();
    if is_filled && let Some(fill) = look.fill {
        parts.push(format!("fill:{}", css(fill)));
    } else if !is_filled {
        parts.push("fill:none".to_owned());
    }
    parts.extend(look.line.map(|line| format!("stroke:{}", css(line))));
    if look.is_dashed {
        parts.push("stroke-dasharray:5 3".to_owned());
    } else if look.is_dotted {
        parts.push("stroke-dasharray:1.5 2.5".to_owned());
    }
    let pen = look.pen_tenths.map(|tenths| f64::from(tenths) / 10.0);
    let pen = pen.or(look.is_bold.then_some(2.0));
    parts.extend(pen.map(|pen| format!("stroke-width:{}", number(pen))));
    parts.join(";")
}

/// The colour of letters: the author's, else one that can be read on the author's ground.
fn ink(look: &Look) -> Option<String> {
    look.ink.map(css).or_else(|| look.fill.map(readable))
}

/// Dark letters on light ground, light ones on dark.
pub(super) fn readable(ground: Rgba) -> String {
    let [r, g, b] = ground.rgb.map(u32::from);
    // Weights of how bright the three look, in thousandths.
    let bright = (r * 299 + g * 587 + b * 114) / 1000;
    if bright > 140 || ground.alpha < 128 { INK.light.to_owned() } else { "#ffffff".to_owned() }
}

fn outline(out: &mut Markup, rect: &Rect, drawn: &AuthoredBox, look: BoxStyle) {
    let is_filled = drawn.shape != Shape::Plain || drawn.look.fill.is_some();
    let style = line_style(&drawn.look, is_filled);
    let ground = match drawn.shape {
        Shape::Point => look.line.light,
        _ => look.fill.light,
    };
    let style = match (drawn.shape, drawn.look.fill, drawn.look.line) {
        // A dot is of the colour of its line.
        (Shape::Point, None, line) => {
            let color = line.map_or_else(|| look.line.light.to_owned(), css);
            format!("fill:{color};{style}")
        }
        _ => style,
    };
    let style = match drawn.outlines {
        0 => format!("{style};stroke:none"),
        _ => style,
    };
    let mut attributes = vec![("fill", ground), ("stroke", look.line.light)];
    if !style.is_empty() {
        attributes.push(("style", style.as_str()));
    }
    let xy = |x: f64, y: f64| {
        format!("{} {}", number(rect.x + rect.width * x), number(rect.y + rect.height * y))
    };
    let polygon = |points: &[(f64, f64)]| {
        let corners: Vec<String> = points.iter().map(|(x, y)| xy(*x, *y)).collect();
        format!("M{}Z", corners.join("L"))
    };
    let slant = (rect.height / 2.0).min(20.0) / rect.width.max(1.0);
    let path = match drawn.shape {
        Shape::Box | Shape::Record if !drawn.look.is_rounded => {
            return out.rect("shape", rect, 0.0, &attributes);
        }
        Shape::Box | Shape::Record | Shape::RoundRecord => {
            return out.rect("shape", rect, 6.0, &attributes);
        }
        Shape::Plain if drawn.look.fill.is_some() => {
            return out.rect(
                "shape",
                rect,
                0.0,
                &[("stroke", "none"), ("style", &format!("{style};stroke:none"))],
            );
        }
        Shape::Plain => return,
        Shape::Ellipse | Shape::Point => {
            let middle = rect.center();
            let sides = [middle.x, middle.y, rect.width / 2.0, rect.height / 2.0].map(number);
            let names = ["cx", "cy", "rx", "ry"];
            let mut all = vec![("class", "shape")];
            all.extend(names.into_iter().zip(sides.iter().map(String::as_str)));
            all.extend(&attributes);
            return out.empty("ellipse", &all);
        }
        Shape::Diamond => polygon(&[(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)]),
        Shape::Hexagon => polygon(&[
            (slant, 0.0),
            (1.0 - slant, 0.0),
            (1.0, 0.5),
            (1.0 - slant, 1.0),
            (slant, 1.0),
            (0.0, 0.5),
        ]),
        Shape::Parallelogram => {
            polygon(&[(slant, 0.0), (1.0, 0.0), (1.0 - slant, 1.0), (0.0, 1.0)])
        }
        Shape::Note => {
            let (x, y) = (1.0 - 8.0 / rect.width.max(8.0), 8.0 / rect.height.max(8.0));
            let sheet = polygon(&[(0.0, 0.0), (x, 0.0), (1.0, y), (1.0, 1.0), (0.0, 1.0)]);
            format!("{sheet}M{}L{}L{}", xy(x, 0.0), xy(x, y), xy(1.0, y))
        }
        Shape::Cylinder => {
            let (rx, ry) = (number(rect.width / 2.0), "6");
            let (top, low) = (6.0 / rect.height.max(12.0), 1.0 - 6.0 / rect.height.max(12.0));
            format!(
                "M{}V{}A{rx} {ry} 0 0 0 {}V{}A{rx} {ry} 0 0 0 {}A{rx} {ry} 0 0 0 {}",
                xy(0.0, top),
                number(rect.y + rect.height * low),
                xy(1.0, low),
                number(rect.y + rect.height * top),
                xy(0.0, top),
                xy(1.0, top),
            )
        }
        Shape::Underline => format!("M{}L{}", xy(0.0, 1.0), xy(1.0, 1.0)),
    };
    let mut all = vec![("class", "shape"), ("d", path.as_str())];
    all.extend(attributes);
    out.empty("path", &all);
}

/// The line round a cell: whole in a table; in a record, which has an outline of its own, only where
/// it parts the cell from the one before.
fn border(shape: Shape, area: &Rect, inner: &Rect) -> String {
    let [left, top, right, bottom] = [area.x, area.y, area.right(), area.bottom()].map(number);
    if !matches!(shape, Shape::Record | Shape::RoundRecord) {
        return format!("M{left} {top}H{right}V{bottom}H{left}Z");
    }
    let mut path = String::new();
    if area.x > inner.x + 0.5 {
        path.push_str(&format!("M{left} {top}V{bottom}"));
    }
    if area.y > inner.y + 0.5 {
        path.push_str(&format!("M{left} {top}H{right}"));
    }
    path
}

/// The lines of a cell, in the middle of its height.
fn lines(out: &mut Markup, area: &Rect, (cell, scale): (&DrawnCell, f64), ink: Option<&str>) {
    let (step, size) = (CELL_LINE.0 * scale, CELL_LINE.1 * scale);
    let height = step * cell.lines.len() as f64;
    let mut y = area.center().y - height / 2.0;
    for (line, align) in &cell.lines {
        let (x, anchor) = match align {
            Align::Center => (area.center().x, Some("middle")),
            // By the widest font, so that it begins inside whichever is used.
            Align::Left => (area.x + PAD_X, None),
            Align::Right => (area.right() - PAD_X, Some("end")),
        };
        text(out, line, (Point { x, y: y + step * 0.78 }, anchor), ("title", size, ink));
        y += step;
    }
}

/// What was measured, below everything else.
fn notes(out: &mut Markup, rect: &Rect, cells: &DrawnCells, (notes, ink): (&[Line], Option<&str>)) {
    let inner = cells.inner.moved(rect.x, rect.y);
    let top = inner.bottom() - PAD_Y / 2.0 - CELL_NOTE.0 * notes.len() as f64;
    for (index, note) in notes.iter().enumerate() {
        let at = Point { x: inner.center().x, y: top + CELL_NOTE.0 * (index as f64 + 0.78) };
        text(out, note, (at, Some("middle")), ("note", CELL_NOTE.1, ink));
    }
}

/// A line of text with its width pinned, in the author's colour if there is one.
pub(super) fn text(
    out: &mut Markup,
    line: &Line,
    (at, anchor): (Point, Option<&str>),
    (class, size, ink): (&str, f64, Option<&str>),
) {
    if line.text.trim().is_empty() {
        return;
    }
    let (x, y) = (number(at.x), number(at.y));
    let (width, size) = (number(line.width), number(size));
    let fill = ink.unwrap_or(if class == "note" { QUIET.light } else { INK.light });
    let style = ink.map(|ink| format!("fill:{ink}"));
    let mut attributes = vec![("class", class), ("x", x.as_str()), ("y", y.as_str())];
    attributes.extend([("textLength", width.as_str()), ("lengthAdjust", "spacingAndGlyphs")]);
    attributes.extend([("font-size", size.as_str()), ("fill", fill)]);
    attributes.extend(style.as_deref().map(|style| ("style", style)));
    attributes.extend(anchor.map(|anchor| ("text-anchor", anchor)));
    out.element("text", &attributes, &line.text);
}
