//! Room for what stands in an authored box: a grid of cells gets columns and rows as wide as their
//! contents ask for, and is laid out in one pass down and one up.

use crate::authored::{Align, AuthoredBox, Cell, Rgba, Shape};
use crate::layout::{Outline, Rect, Size, SizedBox};
use crate::style::{NOTE_SIZE, TITLE_SIZE};
use crate::text::Line;

use super::{LEAST_WIDTH, NOTE_LINE, PAD_X, PAD_Y, TITLE_LINE};

/// Longest line; authors break their lines themselves.
const ROOM: f64 = 900.0;
/// Most lines of one cell; the last one says that there are more.
const LINES: usize = 120;
/// Room between two lines round one box.
pub(crate) const OUTLINE_GAP: f64 = 4.0;
/// Side of a box that is only a dot.
const DOT: f64 = 8.0;

/// A part of a box, ready to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DrawnCell {
    /// From the top left corner of the box.
    pub(crate) area: Rect,
    pub(crate) lines: Vec<(Line, Align)>,
    pub(crate) port: Option<String>,
    pub(crate) fill: Option<Rgba>,
    pub(crate) has_border: bool,
}

/// All parts of an authored box, outer ones first, with the notes of what was measured below them.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct DrawnCells {
    pub(crate) cells: Vec<DrawnCell>,
    /// The part of the box in which text may stand, less than the whole for ellipses and diamonds.
    pub(crate) inner: Rect,
    /// Whether its text is in lines of the box itself, and not in cells.
    pub(crate) is_plain: bool,
    /// Size of its letters over that of ours.
    pub(crate) scale: f64,
}

/// A cell with the room that it needs.
struct Need<'a> {
    cell: &'a Cell,
    lines: Vec<(Line, Align)>,
    parts: Vec<Need<'a>>,
    columns: Vec<f64>,
    rows: Vec<f64>,
    size: Size,
}

/// Size and parts of an authored box; `notes` lines stand below its text.
pub(crate) fn authored(drawn: &AuthoredBox, notes: &[Line]) -> (SizedBox, DrawnCells) {
    if drawn.shape == Shape::Point {
        let size = Size { width: DOT, height: DOT };
        let sized = SizedBox { size, outline: Outline::Ellipse, ..SizedBox::default() };
        return (sized, DrawnCells::default());
    }
    let size = drawn.font_tenths.map_or(TITLE_SIZE, |tenths| f64::from(tenths) / 10.0);
    let scale = size / TITLE_SIZE;
    let need = need(&drawn.cell, size);
    let noted = NOTE_LINE * notes.len() as f64;
    let widest = notes.iter().map(|note| note.room + 2.0 * PAD_X).fold(need.size.width, f64::max);
    let inner =
        Size { width: widest.ceil().max(LEAST_WIDTH), height: (need.size.height + noted).ceil() };
    let is_plain = drawn.cell.grid.is_empty();
    let least = Size { width: f64::from(drawn.least.0), height: f64::from(drawn.least.1) };
    // Cells fill a box that is larger than they need; in a curve, only the curve grows.
    let inner = if fills(drawn.shape) { larger(inner, least) } else { inner };
    let (size, outline) = outlined(drawn.shape, inner, is_plain);
    let more = 2.0 * OUTLINE_GAP * f64::from(drawn.outlines.saturating_sub(1));
    let size = Size { width: size.width + more, height: size.height + more };
    let size = larger(size, least);
    let corner = ((size.width - inner.width) / 2.0, (size.height - inner.height) / 2.0);
    let inner = Rect { x: corner.0, y: corner.1, width: inner.width, height: inner.height };
    let mut cells = Vec::new();
    let area = Rect { height: inner.height - noted, ..inner };
    place(&need, area, &mut cells);
    (
        SizedBox { size, outline, ..SizedBox::default() },
        DrawnCells { cells, inner, is_plain, scale },
    )
}

/// Whether what stands in a shape reaches to its outline.
fn fills(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::Box | Shape::Record | Shape::RoundRecord | Shape::Plain | Shape::Underline
    )
}

fn larger(size: Size, least: Size) -> Size {
    Size { width: size.width.max(least.width), height: size.height.max(least.height) }
}

/// The whole size of a shape that has room for `inner`.
fn outlined(shape: Shape, inner: Size, is_plain: bool) -> (Size, Outline) {
    let Size { width, height } = inner;
    let grown = |x: f64, y: f64| Size { width: (width * x).ceil(), height: (height * y).ceil() };
    let wider = |by: f64| Size { width: width + by, height };
    match shape {
        // Text between the padding of its lines may reach into the curve a little.
        Shape::Ellipse if is_plain => {
            let root = std::f64::consts::SQRT_2;
            let (text_width, text_height) = (width - 2.0 * PAD_X + 4.0, height - PAD_Y);
            let size = Size {
                width: (text_width * root).ceil().max(LEAST_WIDTH),
                height: (text_height * root).ceil(),
            };
            (
                Size { width: size.width.max(width), height: size.height.max(height) },
                Outline::Ellipse,
            )
        }
        Shape::Diamond => (grown(1.7, 2.4), Outline::Diamond),
        Shape::Ellipse => (grown(1.42, 1.42), Outline::Ellipse),
        Shape::Hexagon | Shape::Parallelogram => (wider(height.min(40.0)), Outline::Rect),
        Shape::Note => (wider(8.0), Outline::Rect),
        Shape::Cylinder => (Size { width, height: height + 12.0 }, Outline::Rect),
        Shape::Box
        | Shape::Record
        | Shape::RoundRecord
        | Shape::Plain
        | Shape::Point
        | Shape::Underline => (inner, Outline::Rect),
    }
}

fn need(cell: &Cell, size: f64) -> Need<'_> {
    if cell.grid.is_empty() {
        let mut lines: Vec<(Line, Align)> = cell
            .lines
            .iter()
            .take(LINES)
            .map(|line| (Line::shortened(&line.text, size, ROOM), line.align))
            .collect();
        if cell.lines.len() > LINES {
            lines.push((Line::new("…", size), Align::Center));
        }
        let widest = lines.iter().map(|(line, _)| line.room).fold(0.0, f64::max);
        let room = Size {
            width: (widest + 2.0 * PAD_X).ceil(),
            height: TITLE_LINE * size / TITLE_SIZE * lines.len().max(1) as f64 + 2.0 * PAD_Y,
        };
        return Need {
            cell,
            lines,
            parts: Vec::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            size: room,
        };
    }
    let parts: Vec<Need<'_>> = cell.grid.iter().map(|part| need(&part.cell, size)).collect();
    let spans = |of: fn(&crate::authored::GridCell) -> (usize, usize), side: fn(&Size) -> f64| {
        let wanted = cell.grid.iter().zip(&parts).map(|(part, need)| (of(part), side(&need.size)));
        tracks(wanted.collect())
    };
    let columns = spans(|part| (part.at.0, part.span.0.max(1)), |size| size.width);
    let rows = spans(|part| (part.at.1, part.span.1.max(1)), |size| size.height);
    let room = Size { width: columns.iter().sum(), height: rows.iter().sum() };
    Need { cell, lines: Vec::new(), parts, columns, rows, size: room }
}

/// Widths of columns, or heights of rows, so that every cell has its room: first those that take
/// one, then what wider ones still lack is shared out.
fn tracks(mut wanted: Vec<((usize, usize), f64)>) -> Vec<f64> {
    let count = wanted.iter().map(|((at, span), _)| at + span).max().unwrap_or(0);
    let mut tracks = vec![0.0f64; count];
    wanted.sort_by_key(|((_, span), _)| *span);
    for ((at, span), room) in wanted {
        let part = &mut tracks[at..at + span];
        let lacking = room - part.iter().sum::<f64>();
        if lacking > 0.0 {
            part.iter_mut().for_each(|track| *track += lacking / span as f64);
        }
    }
    tracks
}

/// Gives a cell its area and its parts theirs; what is left over is shared out evenly.
fn place(need: &Need<'_>, area: Rect, out: &mut Vec<DrawnCell>) {
    out.push(DrawnCell {
        area,
        lines: need.lines.clone(),
        port: need.cell.port.clone(),
        fill: need.cell.fill,
        has_border: need.cell.has_border,
    });
    if need.parts.is_empty() {
        return;
    }
    let edges = |tracks: &[f64], start: f64, whole: f64| -> Vec<f64> {
        let more = (whole - tracks.iter().sum::<f64>()).max(0.0) / tracks.len() as f64;
        let mut at = start;
        let mut edges = vec![at];
        edges.extend(tracks.iter().map(|track| {
            at += track + more;
            at
        }));
        edges
    };
    let columns = edges(&need.columns, area.x, area.width);
    let rows = edges(&need.rows, area.y, area.height);
    for (part, inner) in need.cell.grid.iter().zip(&need.parts) {
        let (left, top) = (columns[part.at.0], rows[part.at.1]);
        let right = columns[part.at.0 + part.span.0.max(1)];
        let bottom = rows[part.at.1 + part.span.1.max(1)];
        let area = Rect { x: left, y: top, width: right - left, height: bottom - top };
        place(inner, area, out);
    }
}

/// Height of a line and size of its letters.
pub(crate) const CELL_LINE: (f64, f64) = (TITLE_LINE, TITLE_SIZE);
/// The same of the notes below.
pub(crate) const CELL_NOTE: (f64, f64) = (NOTE_LINE, NOTE_SIZE);
