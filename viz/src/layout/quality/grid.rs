//! Squares of the plane with what lies in them: only neighbours are then held against each other.

use std::collections::HashMap;

use super::shapes::Corners;
use crate::layout::geometry::Point;

/// A grid of squares, each with a list of what lies in it.
pub(super) struct Grid {
    edge: f64,
    by_place: HashMap<(i64, i64), usize>,
    /// In the order in which they were first needed: the same picture gives the same order.
    pub(super) cells: Vec<Vec<usize>>,
}

impl Grid {
    pub(super) fn new(edge: f64) -> Self {
        Grid { edge, by_place: HashMap::new(), cells: Vec::new() }
    }

    fn add(&mut self, place: (i64, i64), what: usize) {
        let cells = &mut self.cells;
        let index = *self.by_place.entry(place).or_insert_with(|| {
            cells.push(Vec::new());
            cells.len() - 1
        });
        cells[index].push(what);
    }

    pub(super) fn add_area(&mut self, area: Corners, what: usize) {
        for column in self.index(area.left)..=self.index(area.right) {
            for row in self.index(area.top)..=self.index(area.bottom) {
                self.add((column, row), what);
            }
        }
    }

    pub(super) fn add_piece(&mut self, from: Point, to: Point, what: usize) {
        for (column, rows) in self.columns(from, to) {
            for row in rows.0..=rows.1 {
                self.add((column, row), what);
            }
        }
    }

    /// Calls `visit` with what lies in each square that a piece of an arrow runs through.
    pub(super) fn along(&self, from: Point, to: Point, mut visit: impl FnMut(&[usize])) {
        for (column, rows) in self.columns(from, to) {
            for row in rows.0..=rows.1 {
                if let Some(index) = self.by_place.get(&(column, row)) {
                    visit(&self.cells[*index]);
                }
            }
        }
    }

    /// Column by column, the first and last row that a piece touches.
    fn columns(&self, from: Point, to: Point) -> impl Iterator<Item = (i64, (i64, i64))> + use<> {
        let edge = self.edge;
        let index = move |at: f64| (at / edge).floor() as i64;
        let (left, right) = if from.x <= to.x { (from, to) } else { (to, from) };
        let steep = (right.y - left.y) / (right.x - left.x);
        // A hair wider than the piece: a crossing on the border of two squares is in both.
        let hair = edge * 1e-6;
        (index(left.x)..=index(right.x)).map(move |column| {
            let height = |x: f64| {
                let y = left.y + (x.clamp(left.x, right.x) - left.x) * steep;
                if y.is_finite() { y } else { left.y }
            };
            let (mut one, mut other) =
                (height(column as f64 * edge - hair), height((column + 1) as f64 * edge + hair));
            if right.x - left.x < hair {
                (one, other) = (left.y, right.y);
            }
            (column, (index(one.min(other) - hair), index(one.max(other) + hair)))
        })
    }

    fn index(&self, at: f64) -> i64 {
        (at / self.edge).floor() as i64
    }
}
