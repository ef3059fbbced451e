//! Rectangles in the cells of a grid, to find those that a line meets without looking at all of them.
//!
//! Used by `detour`, which asks for some thousand lines in a large picture.

use super::super::geometry::{Point, Rect};

/// Side of a cell, at least.
const CELL: f64 = 96.0;
/// Cells along either side, at most: a grid is never much larger than what is in it.
const MOST: f64 = 256.0;

/// What a line may not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    Box(usize),
    Cluster(usize),
}

/// Obstacles by the cells that they touch.
#[derive(Debug, Default)]
pub(super) struct Grid {
    rects: Vec<(Obstacle, Rect)>,
    /// Indices into `rects`, packed: those of cell `n` are `inside[first[n]..first[n + 1]]`.
    inside: Vec<u32>,
    first: Vec<u32>,
    origin: Point,
    cell: (f64, f64),
    count: (usize, usize),
}

impl Grid {
    pub(super) fn new(rects: Vec<(Obstacle, Rect)>) -> Grid {
        let sides = rects.iter().map(|(_, rect)| (rect.x, rect.y, rect.right(), rect.bottom()));
        let Some((left, top, right, bottom)) =
            sides.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1), a.2.max(b.2), a.3.max(b.3)))
        else {
            return Grid::default();
        };
        let along = |length: f64| {
            let count = (length / CELL).ceil().clamp(1.0, MOST);
            ((length / count).max(1.0), count as usize)
        };
        let (width, columns) = along(right - left);
        let (height, rows) = along(bottom - top);
        let mut grid = Grid {
            origin: Point { x: left, y: top },
            cell: (width, height),
            count: (columns, rows),
            first: vec![0; columns * rows + 1],
            ..Grid::default()
        };
        let cells: Vec<Vec<usize>> = rects.iter().map(|(_, rect)| grid.touched(rect)).collect();
        for cell in cells.iter().flatten() {
            grid.first[cell + 1] += 1;
        }
        for cell in 0..columns * rows {
            grid.first[cell + 1] += grid.first[cell];
        }
        let mut next = grid.first.clone();
        grid.inside = vec![0; cells.iter().map(Vec::len).sum()];
        for (index, cells) in cells.iter().enumerate() {
            for cell in cells {
                grid.inside[next[*cell] as usize] = index as u32;
                next[*cell] += 1;
            }
        }
        grid.rects = rects;
        grid
    }

    fn column(&self, x: f64) -> usize {
        (((x - self.origin.x) / self.cell.0).max(0.0) as usize).min(self.count.0.saturating_sub(1))
    }

    fn row(&self, y: f64) -> usize {
        (((y - self.origin.y) / self.cell.1).max(0.0) as usize).min(self.count.1.saturating_sub(1))
    }

    fn touched(&self, rect: &Rect) -> Vec<usize> {
        let rows = self.row(rect.y)..=self.row(rect.bottom());
        (self.column(rect.x)..=self.column(rect.right()))
            .flat_map(|column| rows.clone().map(move |row| column * self.count.1 + row))
            .collect()
    }

    /// Whether a line meets none of the obstacles that count.
    pub(super) fn passes(&self, a: &Point, b: &Point, counts: impl Fn(Obstacle) -> bool) -> bool {
        if self.rects.is_empty() {
            return true;
        }
        let (a, b) = if a.x <= b.x { (a, b) } else { (b, a) };
        let slope = if b.x > a.x { (b.y - a.y) / (b.x - a.x) } else { 0.0 };
        let reach = (a.y.min(b.y), a.y.max(b.y));
        let (first, last) = (self.column(a.x), self.column(b.x));
        for column in first..=last {
            // The piece of the line in this column; outside of the grid nothing stands.
            let left = self.origin.x + column as f64 * self.cell.0;
            let from = if column == first { a.y } else { a.y + (left - a.x) * slope };
            let upto = if column == last { b.y } else { a.y + (left + self.cell.0 - a.x) * slope };
            for row in self.row(from.min(upto) - 1e-6)..=self.row(from.max(upto) + 1e-6) {
                let cell = column * self.count.1 + row;
                let range = self.first[cell] as usize..self.first[cell + 1] as usize;
                for index in &self.inside[range] {
                    let (obstacle, rect) = &self.rects[*index as usize];
                    let is_beside = rect.y >= reach.1 || rect.bottom() <= reach.0;
                    if !is_beside && meets_line(a, b, rect) && counts(*obstacle) {
                        return false;
                    }
                }
            }
        }
        true
    }
}

/// Whether a line runs through the inside of a rectangle.
fn meets_line(a: &Point, b: &Point, rect: &Rect) -> bool {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (slope, room) in [
        (-dx, a.x - rect.x),
        (dx, rect.right() - a.x),
        (-dy, a.y - rect.y),
        (dy, rect.bottom() - a.y),
    ] {
        if slope == 0.0 {
            if room <= 0.0 {
                return false;
            }
        } else if slope < 0.0 {
            from = from.max(room / slope);
        } else {
            to = to.min(room / slope);
        }
    }
    to - from > 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The grid finds what looking at every rectangle finds, for lines of every slope and beyond it.
    #[test]
    fn a_grid_leaves_nothing_out() {
        let mut state = 7u64;
        let mut draw = |most: f64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 11) as f64 / (1u64 << 53) as f64 * most
        };
        let mut sized = |size: f64| Rect {
            x: draw(3000.0),
            y: draw(900.0),
            width: draw(size),
            height: draw(size),
        };
        let rects: Vec<_> = (0..60)
            .map(|index| (Obstacle::Box(index), sized(if index < 3 { 700.0 } else { 60.0 })))
            .collect();
        let lines: Vec<_> = (0..2000).map(|_| (sized(1.0), sized(1.0))).collect();
        let grid = Grid::new(rects.clone());
        let counts = |it: Obstacle| it != Obstacle::Box(0);
        let mut met = 0;
        for (index, (a, b)) in lines.iter().enumerate() {
            let a = Point { x: a.x * 1.4 - 600.0, y: a.y * 1.4 - 180.0 };
            let b = match index % 4 {
                0 => Point { x: a.x, y: b.y },
                1 => Point { x: b.x, y: a.y },
                _ => Point { x: b.x, y: b.y },
            };
            let is_free = !rects.iter().any(|(it, rect)| counts(*it) && meets_line(&a, &b, rect));
            met += usize::from(!is_free);
            assert_eq!(grid.passes(&a, &b, counts), is_free, "{a:?} to {b:?}");
        }
        assert!((200..1800).contains(&met), "{met}");
    }
}
