//! The layout of a picture in time: one column a place, one row a box, in the order of the graph.
//!
//! ```text
//!   clients      n1          n2
//!   [called] ---->+
//!                [proposed]
//!                 +- - - - ->+         an arrow leaves in the row of its tail,
//!                           [appended] goes down beside the column of its head,
//! ```
//!
//! and comes in in the row of its head: since every row has one box alone, no arrow meets another
//! box on its way. Columns are the outermost clusters, in the order of the graph.

use super::geometry::{Placed, PlacedArrow, Point, Rect, Size, SizedGraph};
use super::{Layout, LayoutError, labels, validate};

/// Room between two rows.
const ROW_GAP: f64 = 15.0;
/// Room between a box and the edge of its column.
const PAD: f64 = 12.0;
/// Room between an arrow that goes down beside a column and whatever is next to it.
const TRACK: f64 = 10.0;
/// Least room between two columns.
const LEAST_GUTTER: f64 = 26.0;
/// How far two arrows lie apart that leave or meet the same side of a box.
const ENDS_APART: f64 = 7.0;

/// The layout of pictures in time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lanes;

impl Layout for Lanes {
    fn name(&self) -> &'static str {
        "lanes"
    }

    fn place(&self, graph: &SizedGraph) -> Result<Placed, LayoutError> {
        validate(graph)?;
        if let Some(cluster) = graph.clusters.iter().position(|cluster| cluster.parent.is_some()) {
            return Err(LayoutError::NestedLanes { cluster });
        }
        if graph.boxes.is_empty() {
            return Ok(Placed::default());
        }
        let mut placed = Plan::new(graph).place();
        labels::settle(graph, &mut placed);
        placed.fit();
        Ok(placed)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// How an arrow goes.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Straight down to the next box of the same column, without words.
    Down,
    /// Out of `leaves`, down on a track beside the head's column, into `meets`.
    Around { leaves: Side, meets: Side, track: usize },
}

/// What is known before anything has a place. Gutter `n` lies left of column `n`, and one behind
/// the last.
struct Plan<'a> {
    graph: &'a SizedGraph,
    /// The column of each box; boxes without a cluster share one in front.
    column: Vec<usize>,
    has_loose: bool,
    ways: Vec<Way>,
    /// Of each column, how many tracks lie on its left and on its right.
    tracks: Vec<[usize; 2]>,
    /// Of each gutter, the room that labels need.
    label_room: Vec<f64>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a SizedGraph) -> Self {
        let has_loose = graph.boxes.iter().any(|sized| sized.cluster.is_none());
        let column = |cluster: Option<usize>| cluster.map_or(0, |at| at + usize::from(has_loose));
        let columns = graph.clusters.len() + usize::from(has_loose);
        let mut plan = Plan {
            graph,
            column: graph.boxes.iter().map(|sized| column(sized.cluster)).collect(),
            has_loose,
            ways: Vec::with_capacity(graph.arrows.len()),
            tracks: vec![[0, 0]; columns],
            label_room: vec![0.0; columns + 1],
        };
        for arrow in &graph.arrows {
            let way = plan.way(arrow.from, arrow.to, arrow.label.is_some());
            if let (Some(label), Way::Around { leaves, .. }) = (arrow.label, way) {
                let gutter = plan.column[arrow.from] + usize::from(leaves == Side::Right);
                plan.label_room[gutter] = plan.label_room[gutter].max(label.width + TRACK);
            }
            plan.ways.push(way);
        }
        plan
    }

    fn way(&mut self, from: usize, to: usize, has_label: bool) -> Way {
        let (here, there) = (self.column[from], self.column[to]);
        let (leaves, meets) = match here.cmp(&there) {
            std::cmp::Ordering::Less => (Side::Right, Side::Left),
            std::cmp::Ordering::Greater => (Side::Left, Side::Right),
            std::cmp::Ordering::Equal => {
                let between = (from.min(to) + 1..from.max(to)).any(|at| self.column[at] == here);
                // There is no room for words between two rows.
                if from < to && !between && !has_label {
                    return Way::Down;
                }
                (Side::Right, Side::Right)
            }
        };
        let tracks = &mut self.tracks[there][usize::from(meets == Side::Right)];
        *tracks += 1;
        Way::Around { leaves, meets, track: *tracks }
    }

    fn place(&self) -> Placed {
        let columns = self.columns();
        let rows = self.rows();
        let boxes = self.graph.boxes.iter().enumerate().map(|(at, sized)| {
            let (left, width) = columns[self.column[at]];
            let x = left + (width - sized.size.width) / 2.0;
            Rect { x, y: rows[at], width: sized.size.width, height: sized.size.height }
        });
        let boxes: Vec<Rect> = boxes.collect();
        let bottom = boxes.last().map_or(0.0, Rect::bottom) + PAD;
        let clusters = columns.iter().skip(usize::from(self.has_loose));
        Placed {
            size: Size::default(),
            arrows: self.arrows(&columns, &boxes),
            boxes,
            clusters: clusters
                .map(|(x, width)| Rect { x: *x, y: 0.0, width: *width, height: bottom })
                .collect(),
        }
    }

    /// Left edge and width of each column.
    fn columns(&self) -> Vec<(f64, f64)> {
        let mut left = 0.0;
        let mut columns = Vec::with_capacity(self.tracks.len());
        for column in 0..self.tracks.len() {
            let behind = column.checked_sub(1).map_or(0, |before| self.tracks[before][1]);
            let tracks = (behind + self.tracks[column][0]) as f64 * TRACK;
            let gutter = self.label_room[column] + tracks + 2.0 * TRACK;
            left += if column == 0 { tracks } else { gutter.max(LEAST_GUTTER) };
            let own = |at: &usize| self.column[*at] == column;
            let boxes = (0..self.graph.boxes.len()).filter(own);
            let widest = boxes.map(|at| self.graph.boxes[at].size.width).fold(0.0, f64::max);
            let title = column
                .checked_sub(usize::from(self.has_loose))
                .map_or(0.0, |cluster| self.graph.clusters[cluster].title.width);
            let width = (widest + 2.0 * PAD).max(title + 2.0 * PAD);
            columns.push((left, width));
            left += width;
        }
        columns
    }

    /// The top of each box's row.
    fn rows(&self) -> Vec<f64> {
        let titles = self.graph.clusters.iter().map(|cluster| cluster.title.height);
        let mut top = titles.fold(0.0, f64::max) + 2.0 * PAD;
        let row = |sized: &super::SizedBox| {
            let row = top;
            top += sized.size.height + ROW_GAP;
            row
        };
        self.graph.boxes.iter().map(row).collect()
    }

    fn arrows(&self, columns: &[(f64, f64)], boxes: &[Rect]) -> Vec<PlacedArrow> {
        let mut ends = Ends::new(self, boxes);
        let mut placed = Vec::with_capacity(self.ways.len());
        for (arrow, way) in self.graph.arrows.iter().zip(&self.ways) {
            let (tail, head) = (&boxes[arrow.from], &boxes[arrow.to]);
            placed.push(match way {
                Way::Down => {
                    let (x, from, to) = (tail.center().x, tail.bottom(), head.y);
                    let points = vec![Point { x, y: from }, Point { x, y: to }];
                    PlacedArrow { points, label: None }
                }
                Way::Around { leaves, meets, track } => {
                    let from = ends.next(arrow.from, *leaves);
                    let to = ends.next(arrow.to, *meets);
                    let (left, width) = columns[self.column[arrow.to]];
                    let far = *track as f64 * TRACK;
                    let x = if *meets == Side::Left { left - far } else { left + width + far };
                    let points = vec![from, Point { x, y: from.y }, Point { x, y: to.y }, to];
                    let column = self.column[arrow.from];
                    let label = arrow
                        .label
                        .map(|size| self.label(column, columns[column], (from, *leaves), size));
                    PlacedArrow { points, label }
                }
            });
        }
        placed
    }

    /// A label stands in the gutter that its arrow leaves into, behind the tracks beside the column.
    fn label(
        &self,
        column: usize,
        (left, width): (f64, f64),
        (at, leaves): (Point, Side),
        size: Size,
    ) -> Rect {
        let tracks =
            |side: Side| TRACK * (1 + self.tracks[column][usize::from(side == Side::Right)]) as f64;
        let x = match leaves {
            Side::Right => left + width + tracks(Side::Right),
            Side::Left => left - tracks(Side::Left) - size.width,
        };
        Rect { x, y: at.y - size.height / 2.0, width: size.width, height: size.height }
    }
}

/// Gives every end of an arrow a place of its own at the side of its box.
struct Ends<'a> {
    boxes: &'a [Rect],
    /// How many ends each side of each box has, left and right, and how many have their place.
    all: Vec<[usize; 2]>,
    given: Vec<[usize; 2]>,
}

impl<'a> Ends<'a> {
    fn new(plan: &Plan<'_>, boxes: &'a [Rect]) -> Self {
        let mut all = vec![[0, 0]; boxes.len()];
        for (arrow, way) in plan.graph.arrows.iter().zip(&plan.ways) {
            if let Way::Around { leaves, meets, .. } = way {
                all[arrow.from][usize::from(*leaves == Side::Right)] += 1;
                all[arrow.to][usize::from(*meets == Side::Right)] += 1;
            }
        }
        Ends { boxes, given: vec![[0, 0]; all.len()], all }
    }

    fn next(&mut self, of_box: usize, side: Side) -> Point {
        let place = usize::from(side == Side::Right);
        let (all, given) = (self.all[of_box][place], self.given[of_box][place]);
        self.given[of_box][place] += 1;
        let rect = &self.boxes[of_box];
        let apart = ENDS_APART.min(rect.height / (all + 1) as f64);
        let y = rect.center().y + (given as f64 - (all as f64 - 1.0) / 2.0) * apart;
        let x = if side == Side::Left { rect.x } else { rect.right() };
        Point { x, y }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SizedArrow, SizedBox, SizedCluster};
    use super::*;

    fn graph(columns: &[usize], arrows: &[(usize, usize)]) -> SizedGraph {
        let title = Size { width: 30.0, height: 12.0 };
        let label = Some(Size { width: 60.0, height: 14.0 });
        let sized = |column: &usize| SizedBox {
            size: Size { width: 80.0, height: 27.0 },
            cluster: Some(*column),
            ..SizedBox::default()
        };
        SizedGraph {
            boxes: columns.iter().map(sized).collect(),
            clusters: vec![SizedCluster { parent: None, title }; 3],
            arrows: arrows
                .iter()
                .map(|(from, to)| SizedArrow { from: *from, to: *to, label, ..Default::default() })
                .collect(),
            ..SizedGraph::default()
        }
    }

    #[test]
    fn rows_follow_the_order_and_no_arrow_meets_another_box() {
        let columns = [0, 1, 2, 1, 0, 2, 1, 0];
        let arrows = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 4),
            (0, 5),
            (5, 7),
            (1, 6),
            (0, 2),
            (0, 6),
            (2, 5),
            (7, 2),
        ];
        let graph = graph(&columns, &arrows);
        let placed = Lanes.place(&graph).unwrap();
        assert!(placed.boxes.windows(2).all(|pair| pair[0].bottom() < pair[1].y));
        for (index, (from, to)) in arrows.iter().enumerate() {
            let points = &placed.arrows[index].points;
            for pair in points.windows(2) {
                let (one, two) = (pair[0], pair[1]);
                let piece = Rect {
                    x: one.x.min(two.x),
                    y: one.y.min(two.y),
                    width: (one.x - two.x).abs(),
                    height: (one.y - two.y).abs(),
                };
                for (other, rect) in placed.boxes.iter().enumerate() {
                    // A line has no area; a hair's breadth gives it one.
                    let hair =
                        Rect { width: piece.width + 0.1, height: piece.height + 0.1, ..piece };
                    let met = other != *from && other != *to && rect.overlaps(&hair, 0.0);
                    assert!(!met, "arrow {from} -> {to} meets box {other}");
                }
            }
            if let Some(label) = placed.arrows[index].label {
                assert!(placed.boxes.iter().all(|rect| !rect.overlaps(&label, 0.0)), "{index}");
            }
        }
    }

    #[test]
    fn every_box_stands_in_its_column_and_columns_keep_apart() {
        let graph = graph(&[0, 2, 1, 1], &[(0, 1), (1, 2)]);
        let placed = Lanes.place(&graph).unwrap();
        for (sized, rect) in graph.boxes.iter().zip(&placed.boxes) {
            assert!(placed.clusters[sized.cluster.unwrap()].contains(rect, 0.0));
        }
        assert!(placed.clusters.windows(2).all(|pair| pair[0].right() + 20.0 < pair[1].x));
    }

    #[test]
    fn columns_inside_columns_are_refused() {
        let mut graph = graph(&[0], &[]);
        graph.clusters[1].parent = Some(0);
        let error = Lanes.place(&graph).unwrap_err();
        assert!(matches!(error, LayoutError::NestedLanes { cluster: 1 }), "{error}");
    }
}
