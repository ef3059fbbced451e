//! Turns every reading direction into one: what the engine calls `along` grows from rank to rank,
//! `across` from neighbour to neighbour within a rank.
//!
//! First step of the layered layout. The engine below knows no `rankdir`; [`Frame::restore`] turns
//! its answer back.

use super::super::geometry::{
    Direction, Outline, Placed, PlacedArrow, Point, Rect, Side, Size, SizedGraph,
};

/// Room between a cluster's border and what is in it.
const CLUSTER_PAD: f64 = 9.0;
/// Room between the title of a cluster and what is under it.
const TITLE_PAD: f64 = 4.0;

/// A side of a box, seen along the reading direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Towards earlier ranks: where calls come in.
    Front,
    /// Towards later ranks: where calls go out.
    Back,
    /// Towards earlier neighbours.
    Before,
    /// Towards later neighbours.
    After,
}

/// A part of a box, in the turned frame, from the box's first corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Port {
    pub(crate) along: (f64, f64),
    pub(crate) across: (f64, f64),
    pub(crate) side: Option<End>,
}

/// A box in the turned frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) along: f64,
    pub(crate) across: f64,
    pub(crate) cluster: Option<usize>,
    pub(crate) ports: Vec<Port>,
    /// Where arrows without a port meet, from the first edge across.
    pub(crate) anchor: Option<f64>,
    pub(crate) outline: Outline,
}

/// Room that a cluster keeps at its borders, and the least that it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pads {
    pub(crate) front: f64,
    pub(crate) back: f64,
    pub(crate) before: f64,
    pub(crate) after: f64,
    pub(crate) least_along: f64,
    pub(crate) least_across: f64,
    /// Along and across of the title, which stands before everything else across; zero for none.
    pub(crate) title: (f64, f64),
    /// Whether the title stands at the last edge along, and not at the first.
    pub(crate) title_at_back: bool,
}

impl Pads {
    /// Where the title stands in a cluster with these edges along and across.
    pub(crate) fn title_in(&self, along: (f64, f64), across: (f64, f64)) -> Option<Rect> {
        let (width, height) = self.title;
        if width <= 0.0 || height <= 0.0 {
            return None;
        }
        let width = width.min(along.1 - along.0);
        let x = if self.title_at_back { along.1 - width } else { along.0 };
        Some(Rect { x, y: across.0, width, height: height.min(across.1 - across.0) })
    }
}

/// The turned frame of one picture.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    direction: Direction,
    pub(crate) nodes: Vec<Node>,
    pub(crate) pads: Vec<Pads>,
    /// Sizes of labels, turned: along, across.
    pub(crate) labels: Vec<Option<(f64, f64)>>,
    /// Earlier middles of boxes, across.
    pub(crate) previous: Vec<Option<f64>>,
}

impl Frame {
    /// Turns the sizes of `graph`.
    pub(crate) fn new(graph: &SizedGraph) -> Frame {
        let direction = graph.hints.direction;
        let turn = |size: Size| turned(direction, size.width, size.height);
        let nodes = graph.boxes.iter().map(|sized| {
            let (along, across) = turn(sized.size);
            let ports = sized.ports.iter().map(|port| {
                let Rect { x, y, width, height } = port.area;
                let (from, size) = (turned(direction, x, y), turned(direction, width, height));
                let far = if is_mirrored(direction) { along - from.0 - size.0 } else { from.0 };
                // Whatever is said of a port, arrows meet the box itself.
                let within = |from: f64, size: f64, most: f64| {
                    (from.clamp(0.0, most), (from + size).clamp(0.0, most))
                };
                Port {
                    along: within(far, size.0, along),
                    across: within(from.1, size.1, across),
                    side: port.side.map(|side| end_of(direction, side)),
                }
            });
            Node {
                along,
                across,
                cluster: sized.cluster,
                ports: ports.collect(),
                anchor: sized
                    .anchor
                    .filter(|_| !is_upright(direction))
                    .map(|anchor| anchor.min(across)),
                outline: sized.outline,
            }
        });
        let previous = graph.hints.previous.iter();
        Frame {
            direction,
            nodes: nodes.collect(),
            pads: graph.clusters.iter().map(|it| pads(direction, it.title)).collect(),
            labels: graph.arrows.iter().map(|arrow| arrow.label.map(turn)).collect(),
            previous: previous
                .map(|at| at.map(|at| if is_upright(direction) { at.x } else { at.y }))
                .collect(),
        }
    }

    /// Along over across, from width over height.
    pub(crate) fn aspect(&self, asked: Option<f64>) -> Option<f64> {
        let asked = asked.filter(|asked| asked.is_finite() && *asked > 0.0)?;
        Some(if is_upright(self.direction) { 1.0 / asked } else { asked }.clamp(1e-3, 1e3))
    }

    /// Turns an answer back, in place, and moves it to the origin.
    pub(crate) fn restore(&self, placed: &mut Placed) {
        let point = |at: Point| {
            let along = if is_mirrored(self.direction) { -at.x } else { at.x };
            if is_upright(self.direction) {
                Point { x: at.y, y: along }
            } else {
                Point { x: along, y: at.y }
            }
        };
        let rect = |rect: &Rect| {
            let near = point(Point { x: rect.x, y: rect.y });
            let far = point(Point { x: rect.right(), y: rect.bottom() });
            Rect {
                x: near.x.min(far.x),
                y: near.y.min(far.y),
                width: (near.x - far.x).abs(),
                height: (near.y - far.y).abs(),
            }
        };
        for place in placed.boxes.iter_mut().chain(&mut placed.clusters) {
            *place = rect(place);
        }
        for PlacedArrow { points, label } in &mut placed.arrows {
            points.iter_mut().for_each(|at| *at = point(*at));
            *label = label.as_ref().map(rect);
        }
        placed.fit();
    }
}

/// Whether ranks go down or up instead of sideways.
fn is_upright(direction: Direction) -> bool {
    matches!(direction, Direction::TopDown | Direction::BottomUp)
}

/// Whether ranks run against the axis of the picture.
fn is_mirrored(direction: Direction) -> bool {
    matches!(direction, Direction::RightLeft | Direction::BottomUp)
}

fn turned(direction: Direction, x: f64, y: f64) -> (f64, f64) {
    if is_upright(direction) { (y, x) } else { (x, y) }
}

fn end_of(direction: Direction, side: Side) -> End {
    let (is_along, is_far) = match (is_upright(direction), side) {
        (false, Side::West) | (true, Side::North) => (true, false),
        (false, Side::East) | (true, Side::South) => (true, true),
        (false, Side::North) | (true, Side::West) => (false, false),
        (false, Side::South) | (true, Side::East) => (false, true),
    };
    match (is_along, is_far != (is_along && is_mirrored(direction))) {
        (true, false) => End::Front,
        (true, true) => End::Back,
        (false, false) => End::Before,
        (false, true) => End::After,
    }
}

/// The title stands at the top left of the picture, wherever the ranks go.
fn pads(direction: Direction, title: Size) -> Pads {
    let top = if title.height > 0.0 { title.height + TITLE_PAD } else { CLUSTER_PAD };
    let (wide, high) = (title.width + 2.0 * CLUSTER_PAD, top + CLUSTER_PAD);
    let mut pads = Pads {
        front: CLUSTER_PAD,
        back: CLUSTER_PAD,
        before: CLUSTER_PAD,
        after: CLUSTER_PAD,
        least_along: if is_upright(direction) { high } else { wide },
        least_across: if is_upright(direction) { wide } else { high },
        title: (0.0, 0.0),
        title_at_back: is_mirrored(direction),
    };
    if title.width > 0.0 && title.height > 0.0 {
        pads.title = turned(direction, title.width + CLUSTER_PAD, title.height + TITLE_PAD / 2.0);
    }
    match direction {
        Direction::LeftRight | Direction::RightLeft => pads.before = top,
        Direction::TopDown => pads.front = top,
        Direction::BottomUp => pads.back = top,
    }
    pads
}
