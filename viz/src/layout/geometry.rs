//! Sizes in, places out: the one geometry that every layout engine takes and gives.
//!
//! Unit is the SVG point, x grows to the right and y downwards. [`SizedGraph`] knows no text and no
//! measurements, only sizes; [`Placed`] has the same boxes, clusters and arrows in the same order.

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Point {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Size {
    /// Left to right.
    pub width: f64,
    /// Top to bottom.
    pub height: f64,
}

/// A rectangle by its top left corner and size.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Left to right.
    pub width: f64,
    /// Top to bottom.
    pub height: f64,
}

impl Rect {
    /// Right edge.
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    /// Bottom edge.
    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// The middle.
    pub fn center(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// Whether both share more than an edge of `slack` points.
    pub fn overlaps(&self, other: &Rect, slack: f64) -> bool {
        self.x + slack < other.right()
            && other.x + slack < self.right()
            && self.y + slack < other.bottom()
            && other.y + slack < self.bottom()
    }

    /// Whether `inner` lies inside, give or take `slack` points.
    pub fn contains(&self, inner: &Rect, slack: f64) -> bool {
        inner.x >= self.x - slack
            && inner.y >= self.y - slack
            && inner.right() <= self.right() + slack
            && inner.bottom() <= self.bottom() + slack
    }

    /// The rectangle moved to the right and down.
    pub fn moved(&self, dx: f64, dy: f64) -> Rect {
        Rect { x: self.x + dx, y: self.y + dy, ..*self }
    }
}

/// Where a picture begins and which way it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Callers at the left (`rankdir=LR`).
    #[default]
    LeftRight,
    /// Callers at the top (`rankdir=TB`).
    TopDown,
    /// Callers at the right (`rankdir=RL`).
    RightLeft,
    /// Callers at the bottom (`rankdir=BT`).
    BottomUp,
}

/// How arrows run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Splines {
    /// Shortest ways round everything, with smooth corners.
    #[default]
    Curved,
    /// The same ways with sharp corners.
    Polyline,
    /// Along and across only.
    Orthogonal,
    /// Straight from box to box, whatever is between them.
    Straight,
}

/// A side of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The left side.
    West,
    /// The right side.
    East,
    /// The upper side.
    North,
    /// The lower side.
    South,
}

/// A part of a box that arrows can meet, e.g. a field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct SizedPort {
    /// The part, from the top left corner of the box.
    pub area: Rect,
    /// The side that arrows must use (a compass point); `None` lets the engine choose.
    pub side: Option<Side>,
}

/// The line that a box is drawn with; arrows end on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Outline {
    /// The whole rectangle.
    #[default]
    Rect,
    /// The largest ellipse in it.
    Ellipse,
    /// The largest diamond in it.
    Diamond,
}

/// A box to be placed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SizedBox {
    /// Its size, which no engine may change.
    pub size: Size,
    /// Index of the innermost cluster around it.
    pub cluster: Option<usize>,
    /// Rows that arrows can meet.
    pub ports: Vec<SizedPort>,
    /// Where arrows meet that name no port, from the top; `None` lets the engine choose. Set on
    /// records, so that their arrows do not end at a field that they have nothing to do with.
    pub anchor: Option<f64>,
    /// The line that it is drawn with.
    pub outline: Outline,
}

/// A cluster to be placed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SizedCluster {
    /// Index of the cluster around it; always smaller than its own.
    pub parent: Option<usize>,
    /// Room for its title, kept free at its top left.
    pub title: Size,
}

/// An arrow to be routed.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SizedArrow {
    /// Index of the box it starts at.
    pub from: usize,
    /// Index of the box it ends at.
    pub to: usize,
    /// Index into the ports of the first box.
    pub from_port: Option<usize>,
    /// Index into the ports of the second box.
    pub to_port: Option<usize>,
    /// Room for its label.
    pub label: Option<Size>,
    /// What the author of a chart said of its way.
    pub hints: ArrowHints,
}

/// What the author of a chart said of an arrow's way; each as Graphviz means it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrowHints {
    /// How much it pays to draw the arrow short and straight; 1 is usual, 0 is nothing.
    pub weight: f64,
    /// How many ranks its head stands behind its tail at least.
    pub min_len: u32,
    /// Whether it orders its ends at all.
    pub constraint: bool,
    /// The cluster whose border it starts at (`ltail`), which must hold its tail.
    pub from_cluster: Option<usize>,
    /// The cluster whose border it ends at (`lhead`), which must hold its head.
    pub to_cluster: Option<usize>,
}

impl Default for ArrowHints {
    fn default() -> Self {
        ArrowHints {
            weight: 1.0,
            min_len: 1,
            constraint: true,
            from_cluster: None,
            to_cluster: None,
        }
    }
}

/// Boxes that the author of a chart put into one rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RankKind {
    /// All in the same rank (`rank=same`).
    Same,
    /// All in the first rank (`rank=min`, `rank=source`).
    First,
    /// All in the last rank (`rank=max`, `rank=sink`).
    Last,
}

/// What the author of a chart said of the picture as a whole; each as Graphviz means it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Hints {
    /// Which way the picture is read.
    pub direction: Direction,
    /// How arrows run.
    pub splines: Splines,
    /// Room between neighbours in a rank, in points (`nodesep`); `None` for the engine's own.
    pub box_gap: Option<f64>,
    /// Room between ranks, in points (`ranksep`); `None` for the engine's own.
    pub rank_gap: Option<f64>,
    /// Boxes that share a rank, by index.
    pub ranks: Vec<(RankKind, Vec<usize>)>,
    /// Width over height that is asked for.
    pub aspect: Option<f64>,
    /// Middles of the boxes in an earlier picture, in the order of the boxes and as far as they
    /// were there: what stayed moves little. May be shorter than the list of boxes.
    pub previous: Vec<Option<Point>>,
}

/// All that a layout engine is told.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct SizedGraph {
    /// Boxes, first-seen first: where nothing else decides, this order does.
    pub boxes: Vec<SizedBox>,
    /// Clusters, outer ones before inner ones.
    pub clusters: Vec<SizedCluster>,
    /// Arrows.
    pub arrows: Vec<SizedArrow>,
    /// What the author said of the picture as a whole.
    pub hints: Hints,
}

/// The way of one arrow.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PlacedArrow {
    /// A polyline of at least two points, from the edge of one box to that of the other.
    pub points: Vec<Point>,
    /// Where its label stands.
    pub label: Option<Rect>,
}

/// All that a layout engine answers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Placed {
    /// Size of the whole picture; everything lies between the origin and this.
    pub size: Size,
    /// Same order as in the input.
    pub boxes: Vec<Rect>,
    /// Same order as in the input.
    pub clusters: Vec<Rect>,
    /// Same order as in the input.
    pub arrows: Vec<PlacedArrow>,
}

impl SizedGraph {
    /// The clusters around a box, innermost first.
    pub fn clusters_of(&self, index: usize) -> Vec<usize> {
        let mut around = Vec::new();
        let mut next = self.boxes[index].cluster;
        while let Some(cluster) = next {
            around.push(cluster);
            next = self.clusters[cluster].parent;
        }
        around
    }
}

impl Placed {
    /// Moves everything so that the picture begins at the origin, and sets its size.
    pub(crate) fn fit(&mut self) {
        let (mut left, mut top) = (f64::INFINITY, f64::INFINITY);
        let (mut right, mut bottom) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        let labels = self.arrows.iter().filter_map(|arrow| arrow.label.as_ref());
        for rect in self.boxes.iter().chain(&self.clusters).chain(labels) {
            (left, top) = (left.min(rect.x), top.min(rect.y));
            (right, bottom) = (right.max(rect.right()), bottom.max(rect.bottom()));
        }
        for point in self.arrows.iter().flat_map(|arrow| &arrow.points) {
            (left, top) = (left.min(point.x), top.min(point.y));
            (right, bottom) = (right.max(point.x), bottom.max(point.y));
        }
        if left > right {
            return;
        }
        for rect in self.boxes.iter_mut().chain(&mut self.clusters) {
            *rect = rect.moved(-left, -top);
        }
        for arrow in &mut self.arrows {
            arrow.label = arrow.label.map(|rect| rect.moved(-left, -top));
            for point in &mut arrow.points {
                *point = Point { x: point.x - left, y: point.y - top };
            }
        }
        self.size = Size { width: right - left, height: bottom - top };
    }
}
