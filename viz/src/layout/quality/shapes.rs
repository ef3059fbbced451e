//! Lines and rectangles as the quality of a picture needs them: lengths, turns, meetings, clippings.

use std::f64::consts::PI;

use crate::layout::geometry::{Point, Rect};

/// Pieces with a smaller product of directions than this are parallel.
const PARALLEL: f64 = 1e-9;

/// A rectangle by its edges, which is what comparisons need.
#[derive(Clone, Copy)]
pub(super) struct Corners {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Corners {
    pub(super) fn of(rect: &Rect) -> Corners {
        Corners { left: rect.x, top: rect.y, right: rect.right(), bottom: rect.bottom() }
    }

    pub(super) fn around(points: &[Point]) -> Corners {
        let nothing = Corners {
            left: f64::INFINITY,
            top: f64::INFINITY,
            right: f64::NEG_INFINITY,
            bottom: f64::NEG_INFINITY,
        };
        points.iter().fold(nothing, |all, point| Corners {
            left: all.left.min(point.x),
            top: all.top.min(point.y),
            right: all.right.max(point.x),
            bottom: all.bottom.max(point.y),
        })
    }

    /// Made smaller (or, below zero, larger) on all sides.
    pub(super) fn shrunk(self, by: f64) -> Corners {
        Corners {
            left: self.left + by,
            top: self.top + by,
            right: self.right - by,
            bottom: self.bottom - by,
        }
    }

    pub(super) fn overlaps(self, other: Corners) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(super) fn holds(self, inner: Corners) -> bool {
        inner.left >= self.left
            && inner.top >= self.top
            && inner.right <= self.right
            && inner.bottom <= self.bottom
    }
}

pub(super) fn has_place(rect: &Rect) -> bool {
    [rect.x, rect.y, rect.right(), rect.bottom()].iter().all(|edge| edge.is_finite())
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

pub(super) fn length(points: &[Point]) -> f64 {
    points.windows(2).map(|piece| distance(piece[0], piece[1])).sum()
}

/// How far the way turns in all its corners together, in radians.
pub(super) fn bend(points: &[Point]) -> f64 {
    let course = |piece: &[Point]| (piece[1].y - piece[0].y).atan2(piece[1].x - piece[0].x);
    let courses: Vec<f64> = points.windows(2).map(course).collect();
    courses
        .windows(2)
        .map(|pair| {
            let turn = (pair[1] - pair[0]).abs() % (2.0 * PI);
            turn.min(2.0 * PI - turn)
        })
        .sum()
}

/// Where two pieces meet, ends included.
pub(super) fn meeting(one: (Point, Point), other: (Point, Point)) -> Option<Point> {
    let along = (one.1.x - one.0.x, one.1.y - one.0.y);
    let across = (other.1.x - other.0.x, other.1.y - other.0.y);
    let turn = along.0 * across.1 - along.1 * across.0;
    if turn.abs() < PARALLEL {
        return None;
    }
    let between = (other.0.x - one.0.x, other.0.y - one.0.y);
    let on_one = (between.0 * across.1 - between.1 * across.0) / turn;
    let on_other = (between.0 * along.1 - between.1 * along.0) / turn;
    let is_on = |share: f64| (0.0..=1.0).contains(&share);
    (is_on(on_one) && is_on(on_other))
        .then_some(Point { x: one.0.x + on_one * along.0, y: one.0.y + on_one * along.1 })
}

/// How much of a piece lies inside, in points; by the clipping of Liang and Barsky (1984).
pub(super) fn way_in(from: Point, to: Point, area: Corners) -> f64 {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    let borders = [
        (-dx, from.x - area.left),
        (dx, area.right - from.x),
        (-dy, from.y - area.top),
        (dy, area.bottom - from.y),
    ];
    for (course, room) in borders {
        if course == 0.0 {
            if room < 0.0 {
                return 0.0;
            }
        } else if course < 0.0 {
            enter = enter.max(room / course);
        } else {
            leave = leave.min(room / course);
        }
    }
    (leave - enter).max(0.0) * dx.hypot(dy)
}
