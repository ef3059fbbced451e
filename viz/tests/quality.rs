//! The embedded layout on the first charts of the corpus that `benches/layout` measures: what must be
//! zero is zero. How good the rest is, the bench says.

#[path = "../benches/layout/corpus/mod.rs"]
mod corpus;

use raftlens_viz::{Embedded, Layout, Point, Quality, Rect, faults, quality};

const CHARTS: usize = 60;

#[test]
fn nothing_is_run_through_overlapped_or_lost() {
    let mut bad = Vec::new();
    let mut total = Quality::default();
    for chart in corpus::charts(CHARTS) {
        let graph = chart.sized();
        let placed = match Embedded.place(&graph) {
            Ok(placed) => placed,
            Err(error) => {
                bad.push(format!("{}: {error}", chart.name));
                continue;
            }
        };
        bad.extend(faults(&graph, &placed).into_iter().map(|it| format!("{}: {it}", chart.name)));
        total = total + quality(&graph, &placed);
    }
    assert_eq!(bad, Vec::<String>::new());
    let zeros = [
        ("arrows through boxes", total.through_boxes),
        ("arrows through foreign clusters", total.through_clusters),
        ("overlapping boxes", total.box_overlaps),
        ("overlapping clusters", total.cluster_overlaps),
        ("containment", total.containment),
        ("lost", total.lost),
    ];
    assert_eq!(zeros.map(|(name, _)| (name, 0)), zeros);
}

/// Nearest that a way comes to a box, in points, felt a point at a time.
fn room(way: &[Point], rect: &Rect) -> f64 {
    let steps = way.windows(2).flat_map(|piece| {
        let (x, y) = (piece[1].x - piece[0].x, piece[1].y - piece[0].y);
        let count = x.hypot(y).ceil().max(1.0) as usize;
        (0..=count).map(move |step| {
            let share = step as f64 / count as f64;
            (piece[0].x + share * x, piece[0].y + share * y)
        })
    });
    let off = |at: f64, from: f64, upto: f64| (from - at).max(at - upto).max(0.0);
    let room =
        steps.map(|(x, y)| off(x, rect.x, rect.right()).hypot(off(y, rect.y, rect.bottom())));
    room.fold(f64::INFINITY, f64::min)
}

#[test]
fn round_corners_leave_two_points_to_what_they_pass() {
    let mut near = Vec::new();
    for chart in corpus::charts(CHARTS) {
        let graph = chart.sized();
        let Ok(placed) = Embedded.place(&graph) else { continue };
        for (sized, arrow) in graph.arrows.iter().zip(&placed.arrows) {
            let drawn = arrow.flattened();
            for (index, rect) in placed.boxes.iter().enumerate() {
                let is_end = index == sized.from || index == sized.to;
                let left = room(&drawn, rect);
                // Where the way itself is nearer, its corners can do nothing about it.
                if !is_end && left < room(&arrow.points, rect).min(2.0) - 0.1 {
                    near.push(format!("{}: {left:.2} points to box {index}", chart.name));
                }
            }
        }
    }
    assert_eq!(near, Vec::<String>::new());
}

#[test]
fn the_corpus_is_as_large_and_as_varied_as_it_is_said_to_be() {
    let charts = corpus::charts(corpus::CHARTS);
    assert!(charts.len() >= 300);
    let any = |has: fn(&corpus::Chart) -> bool| charts.iter().filter(|it| has(it)).count();
    assert!(charts.iter().all(|it| (5..=62).contains(&it.boxes.len())));
    assert!(any(|it| it.clusters.len() >= 8) >= 3);
    assert!(any(|it| it.boxes.iter().any(|of_box| !of_box.fields.is_empty())) >= 100);
    assert!(any(|it| it.arrows.iter().any(|arrow| arrow.from_field.is_some())) >= 100);
    assert!(any(|it| it.arrows.iter().any(|arrow| arrow.label.is_some())) >= 100);
    assert!(any(|it| it.arrows.iter().any(|arrow| arrow.from == arrow.to)) >= 10);
    let has_hub = |it: &corpus::Chart| {
        (0..it.boxes.len()).any(|hub| {
            it.arrows.iter().filter(|arrow| arrow.from == hub || arrow.to == hub).count() >= 15
        })
    };
    assert!(any(has_hub) >= 8);
    let is_deep = |it: &corpus::Chart| {
        let depth =
            |cluster| std::iter::successors(Some(cluster), |at: &usize| it.clusters[*at].parent);
        (0..it.clusters.len()).any(|cluster| depth(cluster).count() == 3)
    };
    assert!(any(is_deep) >= 15);
    let mut names: Vec<&str> = charts.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), charts.len());
}
