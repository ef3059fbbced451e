//! Puts labels where they hide nothing: not on boxes, titles of clusters or each other.
//!
//! Engines reserve room for most labels. What they left out, or put onto something, is moved along
//! its arrow to the nearest free place, and if there is none, beside it.

use super::geometry::{Placed, PlacedArrow, Point, Rect, Size, SizedGraph};

/// Places tried along an arrow, from its middle outwards.
const STEPS_ALONG: usize = 24;
/// Rings tried around the middle of an arrow when there is no place on it.
const RINGS: usize = 200;

/// Gives every label of `graph` a place of its own.
pub(crate) fn settle(graph: &SizedGraph, placed: &mut Placed) {
    let mut taken = Taken::new(graph, placed);
    let wanted: Vec<Option<Size>> = graph.arrows.iter().map(|arrow| arrow.label).collect();
    // Labels that already stand well go first, so that they need not give way.
    let mut homeless = Vec::new();
    for (index, size) in wanted.iter().enumerate() {
        let Some(size) = size else {
            placed.arrows[index].label = None;
            continue;
        };
        match placed.arrows[index].label.filter(|rect| taken.is_free(rect)) {
            Some(rect) => taken.add(rect),
            None => homeless.push((index, *size)),
        }
    }
    for (index, size) in homeless {
        let rect = free_place(&placed.arrows[index], size, &taken);
        taken.add(rect);
        placed.arrows[index].label = Some(rect);
    }
}

/// Rectangles that no label may touch, in a grid so that many are searched fast.
struct Taken {
    cells: std::collections::HashMap<(i64, i64), Vec<Rect>>,
}

/// Side of a grid cell in points; about the size of a box.
const CELL: f64 = 120.0;

impl Taken {
    fn new(graph: &SizedGraph, placed: &Placed) -> Taken {
        let mut taken = Taken { cells: std::collections::HashMap::new() };
        for rect in &placed.boxes {
            taken.add(*rect);
        }
        for (cluster, rect) in graph.clusters.iter().zip(&placed.clusters) {
            taken.add(title_rect(rect, cluster.title));
        }
        taken
    }

    fn is_free(&self, rect: &Rect) -> bool {
        let mut near = cells(rect).filter_map(|cell| self.cells.get(&cell)).flatten();
        !near.any(|other| other.overlaps(rect, 0.0))
    }

    fn add(&mut self, rect: Rect) {
        for cell in cells(&rect) {
            self.cells.entry(cell).or_default().push(rect);
        }
    }
}

/// The grid cells that a rectangle touches.
fn cells(rect: &Rect) -> impl Iterator<Item = (i64, i64)> {
    let range = |low: f64, high: f64| (low / CELL).floor() as i64..=(high / CELL).floor() as i64;
    let rows = range(rect.y, rect.bottom());
    range(rect.x, rect.right()).flat_map(move |column| rows.clone().map(move |row| (column, row)))
}

/// Where the title of a cluster is drawn.
pub(crate) fn title_rect(cluster: &Rect, title: Size) -> Rect {
    let width = (title.width + 16.0).min(cluster.width);
    Rect { x: cluster.x, y: cluster.y, width, height: title.height + 8.0 }
}

/// The free place nearest to the middle of the arrow.
fn free_place(arrow: &PlacedArrow, size: Size, taken: &Taken) -> Rect {
    for step in 0..STEPS_ALONG {
        // 0, +1, -1, +2, -2 and so on, as shares of half the length.
        let side = if step % 2 == 0 { -1.0 } else { 1.0 };
        let share = 0.5 + side * step.div_ceil(2) as f64 / STEPS_ALONG as f64;
        let rect = around(along(&arrow.points, share), size);
        if taken.is_free(&rect) {
            return rect;
        }
    }
    // No room on the line: the nearest free place beside it, ring by ring.
    let middle = along(&arrow.points, 0.5);
    for ring in 1..=RINGS {
        let far = ring as f64 * 6.0;
        for (dx, dy) in [(0.0, -1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 0.0), (1.0, 1.0), (-1.0, -1.0)]
        {
            let at = Point { x: middle.x + dx * far, y: middle.y + dy * far };
            let rect = around(at, size);
            if taken.is_free(&rect) {
                return rect;
            }
        }
    }
    around(middle, size)
}

/// A rectangle of this size with its middle here.
fn around(center: Point, size: Size) -> Rect {
    let (x, y) = (center.x - size.width / 2.0, center.y - size.height / 2.0);
    Rect { x, y, width: size.width, height: size.height }
}

/// The point at `share` of the length of a polyline.
pub(crate) fn along(points: &[Point], share: f64) -> Point {
    let length = |a: &Point, b: &Point| (b.x - a.x).hypot(b.y - a.y);
    let total: f64 = points.windows(2).map(|pair| length(&pair[0], &pair[1])).sum();
    let mut left = total * share.clamp(0.0, 1.0);
    for pair in points.windows(2) {
        let step = length(&pair[0], &pair[1]);
        if left <= step && step > 0.0 {
            let part = left / step;
            return Point {
                x: pair[0].x + (pair[1].x - pair[0].x) * part,
                y: pair[0].y + (pair[1].y - pair[0].y) * part,
            };
        }
        left -= step;
    }
    points.last().copied().unwrap_or_default()
}
