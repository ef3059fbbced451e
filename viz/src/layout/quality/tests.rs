//! Tests of the figures of a placed graph: each answers to its own fault.

use super::*;
use crate::layout::geometry::{PlacedArrow, Size, SizedArrow, SizedBox, SizedCluster};

/// Two arrows over cross between four boxes at the corners of a square; box 4 is in a cluster.
fn square() -> (SizedGraph, Placed) {
    let mut boxes = vec![SizedBox::default(); 5];
    boxes[4].cluster = Some(0);
    let arrow = |from, to| SizedArrow { from, to, ..SizedArrow::default() };
    let graph = SizedGraph {
        boxes,
        clusters: vec![SizedCluster::default()],
        arrows: vec![arrow(0, 3), arrow(1, 2)],
        ..SizedGraph::default()
    };
    let rect = |x: f64, y: f64| Rect { x, y, width: 20.0, height: 20.0 };
    let line = |ends: [(f64, f64); 2]| PlacedArrow {
        points: ends.map(|(x, y)| Point { x, y }).to_vec(),
        label: None,
    };
    let placed = Placed {
        size: Size { width: 420.0, height: 220.0 },
        boxes: vec![
            rect(0.0, 0.0),
            rect(0.0, 200.0),
            rect(200.0, 0.0),
            rect(200.0, 200.0),
            rect(400.0, 100.0),
        ],
        clusters: vec![Rect { x: 390.0, y: 90.0, width: 30.0, height: 40.0 }],
        arrows: vec![line([(20.0, 10.0), (200.0, 210.0)]), line([(20.0, 210.0), (200.0, 10.0)])],
    };
    (graph, placed)
}

fn changed(change: impl FnOnce(&mut SizedGraph, &mut Placed)) -> Quality {
    let (mut graph, mut placed) = square();
    change(&mut graph, &mut placed);
    quality(&graph, &placed)
}

#[test]
fn a_plain_cross_is_counted_once() {
    let found = changed(|_, _| {});
    let expected = Quality {
        boxes: 5,
        arrows: 2,
        clusters: 1,
        crossings: 1,
        independent_crossings: 1,
        length: 2.0 * 180.0_f64.hypot(200.0),
        area: 0.0924,
        ..Quality::default()
    };
    assert_eq!(found, expected);
    assert_eq!([found, found].into_iter().sum::<Quality>().crossings, 2);
}

#[test]
fn each_figure_answers_to_its_fault() {
    let shared = changed(|graph, _| graph.arrows[1].from = 0);
    assert_eq!((shared.crossings, shared.independent_crossings), (1, 0));
    let near = changed(|graph, placed| {
        graph.arrows[1].from = 0;
        placed.boxes[0].x = 90.0;
        placed.boxes[0].y = 90.0;
    });
    assert_eq!(near.crossings, 0);
    let through = changed(|_, placed| placed.boxes[4] = placed.boxes[4].moved(-305.0, 0.0));
    assert_eq!((through.through_boxes, through.containment), (2, 1));
    let foreign = changed(|_, placed| placed.clusters[0].x = 100.0);
    assert_eq!((foreign.through_clusters, foreign.containment), (2, 1));
    let overlap = changed(|_, placed| placed.boxes[1] = placed.boxes[0].moved(5.0, 5.0));
    assert_eq!(overlap.box_overlaps, 1);
    let against = changed(|graph, _| graph.hints.direction = Direction::RightLeft);
    assert_eq!(against.against, 2);
    let upwards = changed(|graph, _| graph.hints.direction = Direction::TopDown);
    assert_eq!(upwards.against, 1);
    let lost = changed(|_, placed| placed.arrows[0].points.clear());
    assert_eq!((lost.arrows, lost.lost, lost.crossings), (1, 1, 0));
    let bent = changed(|_, placed| {
        placed.arrows[0].points.insert(1, Point { x: 20.0, y: 210.0 });
    });
    assert!((bent.bend - std::f64::consts::FRAC_PI_4).abs() < 0.5, "{}", bent.bend);
    let clusters = changed(|graph, placed| {
        graph.clusters.push(SizedCluster::default());
        graph.boxes[3].cluster = Some(1);
        placed.clusters.push(Rect { x: 195.0, y: 100.0, width: 200.0, height: 120.0 });
    });
    assert_eq!(clusters.cluster_overlaps, 1);
}

#[test]
fn coordinates_beyond_reason_are_counted_and_not_followed() {
    let broken = changed(|_, placed| {
        placed.boxes[0].x = f64::NAN;
        placed.arrows[0].points[0].x = f64::INFINITY;
        placed.boxes[1].x = 1e300;
        placed.arrows[1].points[0].x = 1e300;
    });
    assert_eq!(broken.lost, 2);
}
