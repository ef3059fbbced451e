//! Figures of a placed graph: how many arrows cross, run through things or turn back, and how much
//! way and paper they need. Whatever the engine, the same rules, so that engines can be compared.
//!
//! Where [`faults`](super::faults) asks whether a picture is right, this asks how good it is. The
//! limits (a hit needs 2 points of way inside a box, crossings closer than 3 points are one, ...) are
//! those that the published figures of other engines were made with.

mod grid;
mod shapes;

use std::collections::{HashMap, HashSet};
use std::iter::Sum;
use std::ops::Add;

use super::geometry::{Direction, Placed, Point, Rect, SizedGraph};
use grid::Grid;
use shapes::{Corners, bend, distance, has_place, length, meeting, way_in};

/// Way inside a foreign box from which on an arrow passes through it, in points.
const THROUGH_BOX: f64 = 2.0;
/// The same for a foreign cluster.
const THROUGH_CLUSTER: f64 = 4.0;
/// Boxes and clusters are made smaller by this on each side before arrows are held against them.
const SKIN: f64 = 1.0;
/// Crossings of two arrows closer than this are one.
const SAME_CROSSING: f64 = 3.0;
/// Around a box that two arrows share, they run together: no crossing is counted there.
const NEAR_SHARED_BOX: f64 = 14.0;
/// Edge of the smallest cell of a grid, in points.
const LEAST_CELL: f64 = 60.0;
/// A picture has at most this many cells side by side, however large it is.
const MOST_CELLS: f64 = 2_000.0;

/// What was counted in one picture, or in many: qualities can be added.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Quality {
    /// Boxes with a place.
    pub boxes: usize,
    /// Arrows with a way.
    pub arrows: usize,
    /// Clusters with a place.
    pub clusters: usize,
    /// Crossings of two arrows, except near a box that both meet.
    pub crossings: usize,
    /// Those of them where the two arrows have no box in common.
    pub independent_crossings: usize,
    /// How often an arrow passes through a box that is not its end.
    pub through_boxes: usize,
    /// How often an arrow passes through a cluster that holds neither of its ends.
    pub through_clusters: usize,
    /// Pairs of boxes that overlap.
    pub box_overlaps: usize,
    /// Pairs of clusters that overlap without being nested.
    pub cluster_overlaps: usize,
    /// Boxes that stick out of their clusters or touch foreign ones.
    pub containment: usize,
    /// Arrows whose head stands before their tail in the reading direction.
    pub against: usize,
    /// Way of all arrows, in points.
    pub length: f64,
    /// Turns of an arrow in all its corners, in radians; the mean over the arrows of a picture, and
    /// the sum of those means over several pictures.
    pub bend: f64,
    /// Width times height, in millions of square points.
    pub area: f64,
    /// Boxes, clusters and arrows that have no finite place.
    pub lost: usize,
}

impl Add for Quality {
    type Output = Quality;

    fn add(self, other: Quality) -> Quality {
        Quality {
            boxes: self.boxes + other.boxes,
            arrows: self.arrows + other.arrows,
            clusters: self.clusters + other.clusters,
            crossings: self.crossings + other.crossings,
            independent_crossings: self.independent_crossings + other.independent_crossings,
            through_boxes: self.through_boxes + other.through_boxes,
            through_clusters: self.through_clusters + other.through_clusters,
            box_overlaps: self.box_overlaps + other.box_overlaps,
            cluster_overlaps: self.cluster_overlaps + other.cluster_overlaps,
            containment: self.containment + other.containment,
            against: self.against + other.against,
            length: self.length + other.length,
            bend: self.bend + other.bend,
            area: self.area + other.area,
            lost: self.lost + other.lost,
        }
    }
}

impl Sum for Quality {
    fn sum<I: Iterator<Item = Quality>>(all: I) -> Quality {
        all.fold(Quality::default(), Add::add)
    }
}

/// Counts what can be counted in `placed` as a picture of `graph`, read in the direction of
/// `graph.hints.direction`. A graph that contradicts itself gives figures of what is left of it.
pub fn quality(graph: &SizedGraph, placed: &Placed) -> Quality {
    let Placed { size, .. } = placed;
    let picture = Picture::new(graph, placed);
    let drawn = picture.ways.len();
    let expected = graph.boxes.len() + graph.clusters.len() + graph.arrows.len();
    let (boxes, clusters) =
        (picture.boxes.iter().flatten().count(), picture.clusters.iter().flatten().count());
    let mut quality = Quality {
        boxes,
        arrows: drawn,
        clusters,
        area: size.width * size.height / 1e6,
        lost: expected.saturating_sub(boxes + clusters + drawn),
        ..Quality::default()
    };
    for way in &picture.ways {
        quality.length += length(&way.points);
        quality.bend += bend(&way.points);
        quality.against += usize::from(picture.is_against(way, graph.hints.direction));
    }
    quality.bend /= drawn.max(1) as f64;
    let cell = picture.cell(size.width * size.height);
    (quality.crossings, quality.independent_crossings) = picture.crossings(cell);
    let grid = picture.grid_of_boxes(cell);
    quality.through_boxes = picture.through_boxes(&grid);
    quality.box_overlaps = picture.box_overlaps(&grid);
    quality.through_clusters = picture.through_clusters();
    quality.cluster_overlaps = picture.cluster_overlaps();
    quality.containment = picture.containment();
    quality
}

/// An arrow that was drawn.
struct Way {
    from: usize,
    to: usize,
    points: Vec<Point>,
    /// What all its points lie in.
    around: Corners,
}

/// What has a place, and who stands in which cluster.
struct Picture {
    boxes: Vec<Option<Rect>>,
    clusters: Vec<Option<Rect>>,
    ways: Vec<Way>,
    /// For each box, the clusters around it.
    around: Vec<Vec<usize>>,
    parents: Vec<Option<usize>>,
}

impl Picture {
    fn new(graph: &SizedGraph, placed: &Placed) -> Self {
        let rects = |places: &[Rect], count: usize| -> Vec<Option<Rect>> {
            let place = |index: usize| places.get(index).copied().filter(has_place);
            (0..count).map(place).collect()
        };
        let ends = |index: usize| graph.boxes.get(index).map(|_| index);
        let ways = graph.arrows.iter().zip(&placed.arrows).filter_map(|(sized, arrow)| {
            let finite =
                arrow.points.iter().all(|point| point.x.is_finite() && point.y.is_finite());
            (finite && arrow.points.len() > 1).then_some(())?;
            // Round corners, as they are drawn.
            let points = arrow.flattened();
            let (from, to) = (ends(sized.from)?, ends(sized.to)?);
            let around = Corners::around(&points);
            Some(Way { from, to, points, around })
        });
        // Only smaller indices are followed: a cluster inside itself would never end.
        let parent = |index: usize| graph.clusters[index].parent.filter(|parent| *parent < index);
        let parents: Vec<_> = (0..graph.clusters.len()).map(parent).collect();
        let chain = |innermost: Option<usize>| {
            let first = innermost.filter(|cluster| *cluster < parents.len());
            std::iter::successors(first, |cluster| parents[*cluster]).collect()
        };
        Picture {
            boxes: rects(&placed.boxes, graph.boxes.len()),
            clusters: rects(&placed.clusters, graph.clusters.len()),
            ways: ways.collect(),
            around: graph.boxes.iter().map(|sized| chain(sized.cluster)).collect(),
            parents,
        }
    }

    fn all_boxes(&self) -> impl Iterator<Item = (usize, &Rect)> {
        self.boxes.iter().enumerate().filter_map(|(index, rect)| Some((index, rect.as_ref()?)))
    }

    fn all_clusters(&self) -> impl Iterator<Item = (usize, Corners)> {
        let known = self.clusters.iter().enumerate();
        known.filter_map(|(index, rect)| Some((index, Corners::of(rect.as_ref()?))))
    }

    fn is_against(&self, way: &Way, direction: Direction) -> bool {
        let (Some(tail), Some(head)) = (&self.boxes[way.from], &self.boxes[way.to]) else {
            return false;
        };
        let (tail, head) = (tail.center(), head.center());
        let (right, down) = (head.x - tail.x, head.y - tail.y);
        let forward = match direction {
            Direction::LeftRight => right,
            Direction::RightLeft => -right,
            Direction::TopDown => down,
            Direction::BottomUp => -down,
        };
        way.from != way.to && forward < -1.0
    }

    /// Edge of a cell: about four cells for each box.
    fn cell(&self, area: f64) -> f64 {
        let wanted =
            ((area.max(1.0) / self.boxes.len().max(1) as f64).sqrt() / 2.0).max(LEAST_CELL);
        let boxes = self.all_boxes().map(|(_, rect)| Corners::of(rect));
        let reach = |edges: Corners| {
            [edges.left, edges.top, edges.right, edges.bottom].map(f64::abs).into_iter()
        };
        let farthest = boxes.chain(self.ways.iter().map(|way| way.around)).flat_map(reach);
        wanted.max(farthest.fold(0.0, f64::max) / MOST_CELLS)
    }

    /// Crossings of all arrows, and of those without a common box.
    fn crossings(&self, cell: f64) -> (usize, usize) {
        let mut grid = Grid::new(cell);
        let mut pieces = Vec::new();
        for (index, way) in self.ways.iter().enumerate() {
            for piece in way.points.windows(2) {
                grid.add_piece(piece[0], piece[1], pieces.len());
                pieces.push((index, piece[0], piece[1]));
            }
        }
        let mut seen = HashSet::new();
        let mut found: HashMap<(usize, usize), Vec<Point>> = HashMap::new();
        let mut independent = 0;
        for inhabitants in &grid.cells {
            for (place, first) in inhabitants.iter().enumerate() {
                let (one, from, to) = pieces[*first];
                for second in &inhabitants[place + 1..] {
                    let (other, other_from, other_to) = pieces[*second];
                    if one == other {
                        continue;
                    }
                    let Some(at) = meeting((from, to), (other_from, other_to)) else { continue };
                    // Two long pieces share several cells but meet once.
                    if !seen.insert((*first, *second)) {
                        continue;
                    }
                    let shared = self.shared_boxes(one, other);
                    if shared.iter().flatten().any(|index| self.is_near(*index, at)) {
                        continue;
                    }
                    let known = found.entry((one.min(other), one.max(other))).or_default();
                    if known.iter().any(|point| distance(*point, at) < SAME_CROSSING) {
                        continue;
                    }
                    known.push(at);
                    independent += usize::from(shared == [None, None]);
                }
            }
        }
        (found.values().map(Vec::len).sum(), independent)
    }

    fn shared_boxes(&self, one: usize, other: usize) -> [Option<usize>; 2] {
        let (one, other) = (&self.ways[one], &self.ways[other]);
        [one.from, one.to].map(|end| (end == other.from || end == other.to).then_some(end))
    }

    fn is_near(&self, index: usize, at: Point) -> bool {
        self.boxes[index].is_some_and(|rect| {
            let middle = rect.center();
            (at.x - middle.x).abs() <= rect.width / 2.0 + NEAR_SHARED_BOX
                && (at.y - middle.y).abs() <= rect.height / 2.0 + NEAR_SHARED_BOX
        })
    }

    fn grid_of_boxes(&self, cell: f64) -> Grid {
        let mut grid = Grid::new(cell);
        for (index, rect) in self.all_boxes() {
            grid.add_area(Corners::of(rect), index);
        }
        grid
    }

    fn through_boxes(&self, grid: &Grid) -> usize {
        let mut hits = 0;
        let mut way_inside: HashMap<usize, f64> = HashMap::new();
        let mut near = Vec::new();
        for way in &self.ways {
            way_inside.clear();
            for piece in way.points.windows(2) {
                near.clear();
                grid.along(piece[0], piece[1], |inhabitants| near.extend_from_slice(inhabitants));
                near.sort_unstable();
                near.dedup();
                for index in near.iter().filter(|index| **index != way.from && **index != way.to) {
                    let Some(rect) = &self.boxes[*index] else { continue };
                    let inside = way_in(piece[0], piece[1], Corners::of(rect).shrunk(SKIN));
                    if inside > 0.0 {
                        *way_inside.entry(*index).or_default() += inside;
                    }
                }
            }
            hits += way_inside.values().filter(|inside| **inside > THROUGH_BOX).count();
        }
        hits
    }

    fn through_clusters(&self) -> usize {
        let mut hits = 0;
        for (cluster, edges) in self.all_clusters() {
            let edges = edges.shrunk(SKIN);
            let foreign = self.ways.iter().filter(|way| {
                way.around.shrunk(-SKIN).overlaps(edges)
                    && !self.around[way.from].contains(&cluster)
                    && !self.around[way.to].contains(&cluster)
            });
            hits += foreign
                .filter(|way| {
                    let pieces = way.points.windows(2);
                    pieces.map(|piece| way_in(piece[0], piece[1], edges)).sum::<f64>()
                        > THROUGH_CLUSTER
                })
                .count();
        }
        hits
    }

    fn box_overlaps(&self, grid: &Grid) -> usize {
        let mut pairs = HashSet::new();
        let edges = |index: usize| self.boxes[index].as_ref().map(|it| Corners::of(it).shrunk(0.5));
        for inhabitants in &grid.cells {
            for (place, one) in inhabitants.iter().enumerate() {
                for other in &inhabitants[place + 1..] {
                    let (Some(a), Some(b)) = (edges(*one), edges(*other)) else { continue };
                    if a.overlaps(b) {
                        pairs.insert((*one, *other));
                    }
                }
            }
        }
        pairs.len()
    }

    fn cluster_overlaps(&self) -> usize {
        let mut is_used = vec![false; self.parents.len()];
        for cluster in self.around.iter().flatten() {
            is_used[*cluster] = true;
        }
        let nested = |inner: usize, outer: usize| {
            std::iter::successors(Some(inner), |cluster| self.parents[*cluster])
                .any(|cluster| cluster == outer)
        };
        let clusters: Vec<_> =
            self.all_clusters().filter(|(cluster, _)| is_used[*cluster]).collect();
        let mut pairs = 0;
        for (place, (one, edges)) in clusters.iter().enumerate() {
            for (other, others) in &clusters[place + 1..] {
                let apart = !edges.shrunk(0.5).overlaps(others.shrunk(0.5));
                pairs += usize::from(!apart && !nested(*other, *one) && !nested(*one, *other));
            }
        }
        pairs
    }

    fn containment(&self) -> usize {
        let mut faults = 0;
        for (cluster, edges) in self.all_clusters() {
            let (wider, narrower) = (edges.shrunk(-SKIN), edges.shrunk(SKIN));
            for (index, rect) in self.all_boxes() {
                let of_box = Corners::of(rect);
                let wrong = match self.around[index].contains(&cluster) {
                    true => !wider.holds(of_box),
                    false => of_box.overlaps(narrower),
                };
                faults += usize::from(wrong);
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests;
