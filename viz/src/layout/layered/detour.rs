//! Leads the arrows that ranks cannot lead: those within a rank, those to their own box, and those
//! that must leave or meet a box at an odd side.
//!
//! Last step of the layered layout for a part, for few arrows. The way is the cheapest along corners
//! of what stands in between (length plus a price for turns), found by A* on the visibility graph,
//! whose lines are looked for only where the search comes by.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::super::geometry::{Placed, Point, Rect};
use super::ends::meets;
use super::frame::{End, Node};
use super::grid::{Grid, Obstacle};
use super::layers::LOOP_ROOM;
use super::route::{Scene, inset};

/// Room that a detour keeps from what it passes.
const CLEAR: f64 = 5.0;
/// How far an arrow goes straight out of its box.
const STUB: f64 = 9.0;
/// Price of one radian of turning, in points.
const TURN: f64 = 14.0;
/// Boxes and clusters whose corners a way may turn at: few at first, more where that leaves none.
const NEAREST: [usize; 2] = [48, 160];
/// Places that one search may settle.
const SETTLED: usize = 3000;

/// The search for detours in one part.
pub(crate) struct Detours<'a> {
    scene: &'a Scene<'a>,
    boxes: Vec<Rect>,
    clusters: Vec<Rect>,
    grid: Grid,
}

impl<'a> Detours<'a> {
    pub(crate) fn new(scene: &'a Scene<'a>, placed: &Placed) -> Self {
        let mut detours = Detours {
            scene,
            boxes: placed.boxes.clone(),
            clusters: placed.clusters.clone(),
            grid: Grid::default(),
        };
        let boxes = (0..detours.boxes.len()).map(Obstacle::Box);
        let all = boxes.chain((0..detours.clusters.len()).map(Obstacle::Cluster));
        // A stub ends at its box, hence the box as it is and not with room around it.
        let rects: Vec<(Obstacle, Rect)> = all.map(|it| (it, detours.rect(it, -0.5))).collect();
        detours.grid = Grid::new(rects);
        detours
    }

    fn rect(&self, obstacle: Obstacle, room: f64) -> Rect {
        let rect = match obstacle {
            Obstacle::Box(index) => &self.boxes[index],
            Obstacle::Cluster(index) => &self.clusters[index],
        };
        Rect {
            x: rect.x - room,
            y: rect.y - room,
            width: rect.width + 2.0 * room,
            height: rect.height + 2.0 * room,
        }
    }

    /// Leads the arrows `left` and writes their ways; returns those that found none.
    pub(crate) fn lead(&self, left: &[usize], placed: &mut Placed) -> Vec<usize> {
        let mut lost = Vec::new();
        let mut loops: HashMap<usize, usize> = HashMap::new();
        for index in left {
            let arrow = &self.scene.net.arrows[*index];
            placed.arrows[*index].points = if arrow.from == arrow.to {
                let count = loops.entry(arrow.from).or_default();
                *count += 1;
                self.to_itself(*index, *count - 1)
            } else {
                // A side that is built in is not worth a line through something else.
                let found = self.way(*index, true).or_else(|| self.way(*index, false));
                found.unwrap_or_else(|| {
                    lost.push(*index);
                    self.straight(*index)
                })
            };
        }
        lost
    }

    /// An arrow to its own box: under it, or beside its rows.
    fn to_itself(&self, index: usize, before: usize) -> Vec<Point> {
        let arrow = &self.scene.net.arrows[index];
        let (rect, node) = (&self.boxes[arrow.from], &self.scene.net.nodes[arrow.from]);
        if arrow.from_port != arrow.to_port {
            let at = |port| Point { x: rect.right(), y: rect.y + meets(node, port).0 };
            let (from, to) = (at(arrow.from_port), at(arrow.to_port));
            let out = rect.right() + STUB + 3.0 * before as f64;
            return vec![from, Point { x: out, ..from }, Point { x: out, ..to }, to];
        }
        let depth = LOOP_ROOM * (before as f64 + 0.75);
        let wide = (rect.width * 0.5).min(44.0);
        let (from, to) =
            (rect.right() - rect.width * 0.15, rect.right() - rect.width * 0.15 - wide);
        let edge = |x: f64| {
            let offset = x - rect.center().x;
            rect.bottom() - inset(node.outline, (rect.height, rect.width), offset)
        };
        let low = rect.bottom() + depth;
        vec![
            Point { x: from, y: edge(from) },
            Point { x: from, y: low },
            Point { x: to, y: low },
            Point { x: to, y: edge(to) },
        ]
    }

    /// Where an arrow may meet a box: the point on its edge and the point that it goes straight to.
    fn gates(&self, node: usize, port: Option<usize>, as_asked: bool) -> Vec<(Point, Point)> {
        let (rect, sized) = (&self.boxes[node], &self.scene.net.nodes[node]);
        let mut sides = vec![End::Back, End::Front, End::Before, End::After];
        let asked = port.and_then(|port| sized.ports[port].side).filter(|_| as_asked);
        if let Some(asked) = asked {
            sides = vec![asked];
        } else if !as_asked {
            // Whatever side is open.
        } else if port.is_some_and(|port| !touches(sized, port)) || sized.anchor.is_some() {
            sides.truncate(2);
        }
        let stub = if as_asked { STUB } else { 2.5 };
        sides.into_iter().map(|side| gate(rect, sized, port, (side, stub))).collect()
    }

    /// The cheapest way of an arrow, from and to the sides that are asked for or any.
    fn way(&self, index: usize, as_asked: bool) -> Option<Vec<Point>> {
        let net = self.scene.net;
        let arrow = &net.arrows[index];
        let starts = self.gates(arrow.from, arrow.from_port, as_asked);
        let ends = self.gates(arrow.to, arrow.to_port, as_asked);
        let mut own: Vec<usize> = net.path(net.nodes[arrow.from].cluster).collect();
        own.extend(net.path(net.nodes[arrow.to].cluster));
        let search = Search { detours: self, own };
        NEAREST.into_iter().find_map(|nearest| search.find(&starts, &ends, nearest))
    }

    /// The straight line between two boxes, whatever it passes.
    fn straight(&self, index: usize) -> Vec<Point> {
        let arrow = &self.scene.net.arrows[index];
        let (from, to) = (&self.boxes[arrow.from], &self.boxes[arrow.to]);
        let middles = (from.center(), to.center());
        vec![edge(from, middles.0, middles.1), edge(to, middles.1, middles.0)]
    }
}

/// Whether a port is at both edges along, so that arrows can meet it from either.
fn touches(node: &Node, port: usize) -> bool {
    let port = &node.ports[port];
    port.along.0 < 1.0 && port.along.1 > node.along - 1.0 && port.across.0 < 1.0
}

fn gate(rect: &Rect, node: &Node, port: Option<usize>, (side, stub): (End, f64)) -> (Point, Point) {
    let across = rect.y + meets(node, port).0;
    let along = port.map_or(rect.center().x, |port| {
        rect.x + f64::midpoint(node.ports[port].along.0, node.ports[port].along.1)
    });
    let offset_across = across - rect.center().y;
    let offset_along = along - rect.center().x;
    let sideways = inset(node.outline, (rect.width, rect.height), offset_across);
    let upwards = inset(node.outline, (rect.height, rect.width), offset_along);
    let (point, dx, dy) = match side {
        End::Front => (Point { x: rect.x + sideways, y: across }, -1.0, 0.0),
        End::Back => (Point { x: rect.right() - sideways, y: across }, 1.0, 0.0),
        End::Before => (Point { x: along, y: rect.y + upwards }, 0.0, -1.0),
        End::After => (Point { x: along, y: rect.bottom() - upwards }, 0.0, 1.0),
    };
    (point, Point { x: point.x + dx * stub, y: point.y + dy * stub })
}

/// Where the line from the middle of a box to another point leaves the box.
fn edge(rect: &Rect, from: Point, to: Point) -> Point {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let share = |half: f64, step: f64| if step.abs() > 1e-9 { half / step.abs() } else { 1.0 };
    let share = share(rect.width / 2.0, dx).min(share(rect.height / 2.0, dy)).min(0.5);
    Point { x: from.x + dx * share, y: from.y + dy * share }
}

/// One search.
struct Search<'a> {
    detours: &'a Detours<'a>,
    /// Clusters around either end, which may be passed.
    own: Vec<usize>,
}

impl Search<'_> {
    /// The cheapest way from one of `starts` to one of `ends`.
    fn find(
        &self,
        starts: &[(Point, Point)],
        ends: &[(Point, Point)],
        nearest: usize,
    ) -> Option<Vec<Point>> {
        let corners = self.corners(starts, ends, nearest);
        // Places: stubs of the starts, stubs of the ends, then corners.
        let mut places: Vec<Point> = starts.iter().chain(ends).map(|(_, stub)| *stub).collect();
        places.extend(&corners);
        let (first_end, first_corner) = (starts.len(), starts.len() + ends.len());
        let mut cost = vec![f64::INFINITY; places.len()];
        let mut from: Vec<Option<usize>> = vec![None; places.len()];
        let mut open = BinaryHeap::new();
        let rest = |at: &Point| {
            ends.iter().map(|(_, end)| distance(at, end)).fold(f64::INFINITY, f64::min)
        };
        for (index, (point, stub)) in starts.iter().enumerate() {
            if self.is_free(point, stub) {
                cost[index] = 0.0;
                open.push(Reverse((Cost(rest(stub)), index)));
            }
        }
        let is_open: Vec<bool> = ends.iter().map(|(end, stub)| self.is_free(stub, end)).collect();
        let mut settled = 0;
        let mut is_done = vec![false; places.len()];
        while let Some(Reverse((_, at))) = open.pop() {
            if std::mem::replace(&mut is_done[at], true) {
                continue;
            }
            if (first_end..first_corner).contains(&at) {
                return Some(unwind(at, &from, &places, (starts, &ends[at - first_end])));
            }
            settled += 1;
            if settled > SETTLED {
                return None;
            }
            let before = from[at].map_or_else(|| starts[at].0, |before| places[before]);
            for next in first_end..places.len() {
                if is_done[next] {
                    continue;
                }
                // Most places cost too much for their distance alone.
                let mut price = cost[at] + distance(&places[at], &places[next]);
                if price >= cost[next] {
                    continue;
                }
                price += TURN * turn(&before, &places[at], &places[next]);
                if next < first_corner {
                    if !is_open[next - first_end] {
                        continue;
                    }
                    price += TURN * turn(&places[at], &places[next], &ends[next - first_end].0);
                }
                if price < cost[next] && self.is_free(&places[at], &places[next]) {
                    cost[next] = price;
                    from[next] = Some(at);
                    open.push(Reverse((Cost(price + rest(&places[next])), next)));
                }
            }
        }
        None
    }

    /// Corners of the `nearest` things, the nearest to the straight way first.
    fn corners(
        &self,
        starts: &[(Point, Point)],
        ends: &[(Point, Point)],
        nearest: usize,
    ) -> Vec<Point> {
        let (Some((a, _)), Some((b, _))) = (starts.first(), ends.first()) else {
            return Vec::new();
        };
        let detours = self.detours;
        let boxes = (0..detours.boxes.len()).map(Obstacle::Box);
        let clusters = (0..detours.clusters.len()).map(Obstacle::Cluster);
        let mut near: Vec<(f64, Rect)> = boxes
            .chain(clusters.filter(|it| self.counts(*it)))
            .map(|it| {
                let rect = detours.rect(it, CLEAR + 2.0);
                let middle = rect.center();
                let far =
                    distance(a, &middle) + distance(b, &middle) - (rect.width + rect.height) / 2.0;
                (far, rect)
            })
            .collect();
        if near.len() > nearest {
            near.select_nth_unstable_by(nearest, |a, b| a.0.total_cmp(&b.0));
            near.truncate(nearest);
        }
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.iter()
            .flat_map(|(_, rect)| {
                [(rect.x, rect.y), (rect.right(), rect.y), (rect.x, rect.bottom())]
                    .into_iter()
                    .chain([(rect.right(), rect.bottom())])
                    .map(|(x, y)| Point { x, y })
            })
            .collect()
    }

    fn counts(&self, obstacle: Obstacle) -> bool {
        match obstacle {
            Obstacle::Box(_) => true,
            Obstacle::Cluster(index) => !self.own.contains(&index),
        }
    }

    /// Whether a line meets nothing.
    fn is_free(&self, a: &Point, b: &Point) -> bool {
        self.detours.grid.passes(a, b, |obstacle| self.counts(obstacle))
    }
}

/// The way back from `at` to a start, turned round.
fn unwind(
    at: usize,
    from: &[Option<usize>],
    places: &[Point],
    (starts, end): (&[(Point, Point)], &(Point, Point)),
) -> Vec<Point> {
    let mut points = vec![end.0, end.1];
    let mut at = at;
    while let Some(before) = from[at] {
        points.push(places[before]);
        at = before;
    }
    points.push(starts[at].0);
    points.reverse();
    // Points on a straight line turn nothing.
    let mut kept: Vec<Point> = Vec::with_capacity(points.len());
    for (index, point) in points.iter().enumerate() {
        let is_end = index == 0 || index + 1 == points.len();
        let straight = !is_end
            && kept.last().is_some_and(|before| turn(before, point, &points[index + 1]) < 1e-6);
        if !straight {
            kept.push(*point);
        }
    }
    kept
}

fn distance(a: &Point, b: &Point) -> f64 {
    // No coordinate is so large that its square would be none: `hypot` would be right and slow.
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    (dx * dx + dy * dy).sqrt()
}

/// The angle by which a way turns at `b`, in radians.
pub(super) fn turn(a: &Point, b: &Point, c: &Point) -> f64 {
    let (first, second) = ((b.x - a.x, b.y - a.y), (c.x - b.x, c.y - b.y));
    if first == (0.0, 0.0) || second == (0.0, 0.0) {
        return 0.0;
    }
    let cross = first.0 * second.1 - first.1 * second.0;
    let dot = first.0 * second.0 + first.1 * second.1;
    cross.atan2(dot).abs()
}

/// A price that can be ordered.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cost(f64);

impl Eq for Cost {}

impl Ord for Cost {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Cost {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
