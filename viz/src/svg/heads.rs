//! Heads of arrows in the shapes that authors choose: a path each, and where the line ends for it.

use super::arrows::{HEAD, head};
use super::markup::number;
use crate::authored::{ArrowHead, HeadShape};
use crate::layout::Point;

/// A head, ready to be written.
pub(super) struct Drawn {
    pub(super) path: String,
    /// Only its outline.
    pub(super) is_open: bool,
    /// Where the line of the arrow ends, so that it neither shows in the head nor misses it.
    pub(super) shaft_end: Point,
}

/// The head from `base`, one head's length before the end, to `tip`.
pub(super) fn drawn(of: ArrowHead, tip: &Point, base: &Point) -> Drawn {
    let (dx, dy) = ((tip.x - base.x) / HEAD.0, (tip.y - base.y) / HEAD.0);
    // `along` points from the base to the tip, `aside` of that line.
    let point = |along: f64, aside: f64| Point {
        x: base.x + dx * along - dy * aside,
        y: base.y + dy * along + dx * aside,
    };
    let polygon = |corners: &[(f64, f64)]| {
        let corners = corners.iter().map(|(along, aside)| {
            let Point { x, y } = point(*along, *aside);
            format!("{} {}", number(x), number(y))
        });
        format!("M{}Z", corners.collect::<Vec<_>>().join("L"))
    };
    let (long, wide) = HEAD;
    let (path, shaft_at) = match of.shape {
        HeadShape::Normal => (head(tip, base), 0.0),
        HeadShape::Inverse => (polygon(&[(0.0, 0.0), (long, wide), (long, -wide)]), 0.0),
        HeadShape::Vee => {
            (polygon(&[(long, 0.0), (0.0, wide), (long / 3.0, 0.0), (0.0, -wide)]), long / 3.0)
        }
        HeadShape::Crow => {
            let notch = long * 2.0 / 3.0;
            (polygon(&[(0.0, 0.0), (long, wide), (notch, 0.0), (long, -wide)]), long)
        }
        HeadShape::Diamond => {
            (polygon(&[(long, 0.0), (long / 2.0, wide), (0.0, 0.0), (long / 2.0, -wide)]), 0.0)
        }
        HeadShape::Box => {
            let near = long - 2.0 * wide;
            (polygon(&[(long, wide), (near, wide), (near, -wide), (long, -wide)]), near)
        }
        HeadShape::Tee => {
            let near = long - 2.0;
            (polygon(&[(long, wide), (near, wide), (near, -wide), (long, -wide)]), near)
        }
        HeadShape::Dot => {
            let (near, radius) = (point(long - 2.0 * wide, 0.0), number(wide));
            let [x0, y0, x1, y1] = [near.x, near.y, tip.x, tip.y].map(number);
            let arc = |x: &str, y: &str| format!("A{radius} {radius} 0 1 1 {x} {y}");
            (format!("M{x0} {y0}{}{}Z", arc(&x1, &y1), arc(&x0, &y0)), long - 2.0 * wide)
        }
    };
    Drawn { path, is_open: of.is_open, shaft_end: point(shaft_at, 0.0) }
}
