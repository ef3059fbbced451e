//! Smooth corners: how the polyline of an arrow is drawn, so that what is measured is what is drawn.
//!
//! Behind every layout engine: the SVG writes each corner as a quadratic curve, and
//! [`PlacedArrow::flattened`] gives the same curves as short pieces to all that measures.

use super::geometry::{PlacedArrow, Point};

/// Largest way that a corner is cut short by on either side, in points.
const CORNER: f64 = 16.0;
/// Most that a curve keeps off its polyline. Engines lead arrows past things at a distance of at
/// least 5 points, and 2 must be left.
const DEPTH: f64 = 3.0;
/// Way before a tip that its head covers.
const HEAD: f64 = 8.0;
/// Corners that turn less than this, as a sine, are no corners.
const STRAIGHT: f64 = 0.02;
/// Pieces that each curve is measured by.
const PIECES: u32 = 4;
/// Points closer than this are one: their direction would be a matter of rounding.
const SAME: f64 = 0.25;

/// A corner drawn as the quadratic curve from `enter` to `leave` with its control point in `at`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Corner {
    pub(crate) enter: Point,
    pub(crate) at: Point,
    pub(crate) leave: Point,
}

/// The rounding at each inner point of a polyline, in order; `None` where it is as good as straight.
pub(crate) fn corners(points: &[Point]) -> impl Iterator<Item = Option<Corner>> {
    points.windows(3).enumerate().map(|(index, three)| {
        let [before, at, after] = [three[0], three[1], three[2]];
        let (back, onward) = (Leg::new(at, before), Leg::new(at, after));
        let turn = back.x * onward.y - back.y * onward.x;
        let together = (back.x + onward.x).hypot(back.y + onward.y);
        if turn.abs() < STRAIGHT && together < 1.0 {
            return None;
        }
        // A quadratic curve stays a quarter of both cuts, as one arrow, away from its corner.
        let most = CORNER.min(4.0 * DEPTH / together.max(1e-6));
        let is_end = (index == 0, index + 3 == points.len());
        Some(Corner {
            enter: back.point(at, back.room(is_end.0).min(most)),
            at,
            leave: onward.point(at, onward.room(is_end.1).min(most)),
        })
    })
}

/// One of the two pieces at a corner, seen from there: its direction and its length.
struct Leg {
    x: f64,
    y: f64,
    length: f64,
}

impl Leg {
    fn new(at: Point, other: Point) -> Leg {
        let (x, y) = (other.x - at.x, other.y - at.y);
        let length = x.hypot(y).max(1e-6);
        Leg { x: x / length, y: y / length, length }
    }

    /// How much of it may be cut: the next corner has the other half, and a head wants to be straight.
    fn room(&self, is_end: bool) -> f64 {
        let half = self.length / 2.0;
        if is_end { half.min((self.length - HEAD).max(0.0)) } else { half }
    }

    fn point(&self, at: Point, distance: f64) -> Point {
        Point { x: at.x + self.x * distance, y: at.y + self.y * distance }
    }
}

impl Corner {
    /// The point of the curve at `share` of its way, from 0 to 1.
    fn point(&self, share: f64) -> Point {
        let rest = 1.0 - share;
        let [first, middle, last] = [rest * rest, 2.0 * rest * share, share * share];
        Point {
            x: first * self.enter.x + middle * self.at.x + last * self.leave.x,
            y: first * self.enter.y + middle * self.at.y + last * self.leave.y,
        }
    }
}

impl PlacedArrow {
    /// The way as it is drawn, in points: a polyline with the same ends as `points` and a few points
    /// for each rounded corner.
    pub fn flattened(&self) -> Vec<Point> {
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return Vec::new();
        };
        let mut way = vec![*first];
        let mut push = |point: Point| {
            let is_new = way.last().is_none_or(|last| distance(*last, point) >= SAME);
            if is_new {
                way.push(point);
            }
        };
        for (corner, at) in corners(&self.points).zip(&self.points[1..]) {
            match corner {
                Some(corner) => (0..=PIECES)
                    .map(|piece| corner.point(f64::from(piece) / f64::from(PIECES)))
                    .for_each(&mut push),
                None => push(*at),
            }
        }
        if self.points.len() > 1 {
            // The tip itself stays; what is too near to it goes.
            if way.len() > 1 && way.last().is_some_and(|point| distance(*point, *last) < SAME) {
                way.pop();
            }
            way.push(*last);
        }
        way
    }
}

fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(points: &[(f64, f64)]) -> (PlacedArrow, Vec<Point>) {
        let points = points.iter().map(|&(x, y)| Point { x, y }).collect();
        let arrow = PlacedArrow { points, label: None };
        let way = arrow.flattened();
        (arrow, way)
    }

    /// Distance of a point from a polyline.
    fn off(point: Point, points: &[Point]) -> f64 {
        let of_piece = |piece: &[Point]| {
            let (x, y) = (piece[1].x - piece[0].x, piece[1].y - piece[0].y);
            let along = (point.x - piece[0].x) * x + (point.y - piece[0].y) * y;
            let share = (along / (x * x + y * y).max(1e-9)).clamp(0.0, 1.0);
            distance(point, Point { x: piece[0].x + share * x, y: piece[0].y + share * y })
        };
        points.windows(2).map(of_piece).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn curves_keep_near_their_polyline_and_have_its_ends() {
        for degrees in (5..360).step_by(5) {
            let turn = f64::from(degrees).to_radians();
            for (first, second) in [(100.0, 100.0), (100.0, 9.0), (12.0, 100.0), (3.0, 2.0)] {
                let corner = (100.0, 0.0);
                let end = (corner.0 + second * turn.cos(), corner.1 + second * turn.sin());
                let (arrow, way) = way(&[(corner.0 - first, 0.0), corner, end]);
                assert_eq!((way.first(), way.last()), (arrow.points.first(), arrow.points.last()));
                for point in &way {
                    let off = off(*point, &arrow.points);
                    assert!(off <= DEPTH + 1e-6, "{degrees} degrees: {off} off");
                }
            }
        }
    }

    #[test]
    fn corners_are_rounded_and_straight_ways_stay() {
        let (_, square) = way(&[(0.0, 0.0), (50.0, 0.0), (50.0, 50.0)]);
        assert!(square.len() > 4 && !square.contains(&Point { x: 50.0, y: 0.0 }), "{square:?}");
        let (arrow, straight) = way(&[(0.0, 0.0), (50.0, 0.1), (100.0, 0.0)]);
        assert_eq!(straight, arrow.points);
    }

    #[test]
    fn no_point_comes_twice_and_nothing_is_made_of_nothing() {
        assert_eq!(way(&[]).1, []);
        assert_eq!(way(&[(1.0, 1.0)]).1.len(), 1);
        let (_, steps) = way(&[(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (8.0, 4.0), (8.0, 4.0)]);
        assert!(steps.windows(2).all(|two| distance(two[0], two[1]) >= SAME), "{steps:?}");
    }
}
