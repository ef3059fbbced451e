//! The shortest way through a row of doors.
//!
//! Used by `route`: a door is an interval across at one place along, doors come in order, and the
//! way may pass each anywhere. The funnel of Lee and Preparata (1984) in its simple form: from the
//! last corner, the way is seen that all doors so far leave open; where they leave none, it turns at
//! the door that closed it.

use super::super::geometry::Point;

/// A place that the way must pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Door {
    pub(crate) along: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Differences along below which two doors are one.
const SAME: f64 = 1e-6;

/// The shortest way from `start` to `end` through `doors`, which are sorted and put together in
/// place; `None` where two doors leave no way.
pub(crate) fn shortest(start: Point, end: Point, doors: &mut Vec<Door>) -> Option<Vec<Point>> {
    doors.retain(|door| door.along > start.x + SAME && door.along < end.x - SAME);
    doors.sort_by(|a, b| a.along.total_cmp(&b.along));
    doors.dedup_by(|next, door| {
        let is_same = next.along - door.along < SAME;
        if is_same {
            (door.low, door.high) = (door.low.max(next.low), door.high.min(next.high));
        }
        is_same
    });
    if doors.iter().any(|door| door.low > door.high + SAME) {
        return None;
    }
    doors.push(Door { along: end.x, low: end.y, high: end.y });
    let mut points = vec![start];
    let mut apex = start;
    let mut next = 0;
    while next < doors.len() {
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut least_at, mut most_at) = (next, next);
        let mut turn = None;
        for (index, door) in doors.iter().enumerate().skip(next) {
            let run = (door.along - apex.x).max(SAME);
            let (low, high) = ((door.low - apex.y) / run, (door.high - apex.y) / run);
            if low > most {
                turn = Some((most_at, doors[most_at].high));
                break;
            }
            if high < least {
                turn = Some((least_at, doors[least_at].low));
                break;
            }
            if low >= least {
                (least, least_at) = (low, index);
            }
            if high <= most {
                (most, most_at) = (high, index);
            }
        }
        let Some((door, across)) = turn else { break };
        apex = Point { x: doors[door].along, y: across };
        points.push(apex);
        next = door + 1;
    }
    points.push(end);
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(doors: &[(f64, f64, f64)]) -> Vec<(f64, f64)> {
        let mut doors = doors
            .iter()
            .map(|(along, low, high)| Door { along: *along, low: *low, high: *high })
            .collect();
        let (start, end) = (Point { x: 0.0, y: 0.0 }, Point { x: 10.0, y: 0.0 });
        let found = shortest(start, end, &mut doors).unwrap_or_default();
        found.iter().map(|point| (point.x, point.y)).collect()
    }

    #[test]
    fn open_doors_leave_a_straight_way() {
        assert_eq!(way(&[(5.0, -1.0, 1.0), (2.0, -3.0, 0.5)]), [(0.0, 0.0), (10.0, 0.0)]);
    }

    #[test]
    fn the_way_turns_at_the_corners_that_it_must_pass() {
        assert_eq!(
            way(&[(4.0, 2.0, 9.0), (6.0, 2.0, 9.0)]),
            [(0.0, 0.0), (4.0, 2.0), (6.0, 2.0), (10.0, 0.0)]
        );
        // The second door is passed at its lower edge, the first is wide enough.
        assert_eq!(
            way(&[(2.0, -9.0, 9.0), (5.0, -9.0, -5.0)]),
            [(0.0, 0.0), (5.0, -5.0), (10.0, 0.0)]
        );
        assert_eq!(
            way(&[(2.0, 3.0, 4.0), (8.0, -4.0, -3.0)]),
            [(0.0, 0.0), (2.0, 3.0), (8.0, -3.0), (10.0, 0.0)]
        );
    }

    #[test]
    fn doors_that_exclude_each_other_leave_no_way() {
        assert!(way(&[(5.0, 1.0, 2.0), (5.0, 3.0, 4.0)]).is_empty());
    }
}
