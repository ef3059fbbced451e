//! Checks a placed graph: whatever the engine, nothing overlaps and everything is where it belongs.

use super::geometry::{Placed, Point, Rect, SizedGraph};

/// Rounding that is no fault, in points.
const SLACK: f64 = 0.5;

/// What is wrong with `placed` as a picture of `graph`; empty when nothing is.
///
/// Checked: sizes kept, everything inside the picture, no two boxes overlap, boxes and clusters lie
/// inside their cluster and outside all others, arrows end at their boxes and pass through no other
/// and through no cluster that has neither of their ends, labels touch no box and no other label.
pub fn faults(graph: &SizedGraph, placed: &Placed) -> Vec<String> {
    let mut faults = Vec::new();
    // With lists of other lengths, the comparisons below would silently skip some.
    let counts = (placed.boxes.len(), placed.clusters.len(), placed.arrows.len());
    if counts != (graph.boxes.len(), graph.clusters.len(), graph.arrows.len()) {
        return vec!["boxes, clusters or arrows were lost".to_owned()];
    }
    frame(placed, &mut faults);
    boxes(graph, placed, &mut faults);
    clusters(graph, placed, &mut faults);
    arrows(graph, placed, &mut faults);
    labels(graph, placed, &mut faults);
    faults
}

/// Everything has a finite place inside the picture.
fn frame(placed: &Placed, faults: &mut Vec<String>) {
    let whole = Rect { x: 0.0, y: 0.0, width: placed.size.width, height: placed.size.height };
    let labels = placed.arrows.iter().filter_map(|arrow| arrow.label.as_ref());
    for rect in placed.boxes.iter().chain(&placed.clusters).chain(labels) {
        // Not-a-number fails every comparison, so it is caught here as well.
        if !whole.contains(rect, SLACK) {
            faults.push(format!("{rect:?} is outside the picture"));
        }
    }
    for point in placed.arrows.iter().flat_map(|arrow| &arrow.points) {
        let at = Rect { x: point.x, y: point.y, width: 0.0, height: 0.0 };
        if !whole.contains(&at, SLACK) {
            faults.push(format!("{point:?} is outside the picture"));
        }
    }
}

/// Boxes keep their sizes, keep apart, and are inside exactly their own clusters.
fn boxes(graph: &SizedGraph, placed: &Placed, faults: &mut Vec<String>) {
    for (index, (sized, rect)) in graph.boxes.iter().zip(&placed.boxes).enumerate() {
        let same = (sized.size.width - rect.width).abs() < SLACK
            && (sized.size.height - rect.height).abs() < SLACK;
        if !same {
            faults.push(format!("box {index} was given another size"));
        }
        for (other, other_rect) in placed.boxes.iter().enumerate().skip(index + 1) {
            if rect.overlaps(other_rect, SLACK) {
                faults.push(format!("boxes {index} and {other} overlap"));
            }
        }
        let around = graph.clusters_of(index);
        for (cluster, cluster_rect) in placed.clusters.iter().enumerate() {
            let inside = around.contains(&cluster);
            if inside && !cluster_rect.contains(rect, SLACK) {
                faults.push(format!("box {index} sticks out of cluster {cluster}"));
            }
            if !inside && cluster_rect.overlaps(rect, SLACK) {
                faults.push(format!("box {index} lies in foreign cluster {cluster}"));
            }
        }
    }
}

/// Clusters have room for their titles, and are nested or apart, never half across.
fn clusters(graph: &SizedGraph, placed: &Placed, faults: &mut Vec<String>) {
    let holds = |outer: usize, inner: usize| {
        let mut next = Some(inner);
        while let Some(cluster) = next {
            if cluster == outer {
                return true;
            }
            next = graph.clusters[cluster].parent;
        }
        false
    };
    for (outer, rect) in placed.clusters.iter().enumerate() {
        let title = graph.clusters[outer].title;
        if rect.width + SLACK < title.width || rect.height + SLACK < title.height {
            faults.push(format!("cluster {outer} has no room for its title"));
        }
        for (inner, inner_rect) in placed.clusters.iter().enumerate().skip(outer + 1) {
            if holds(outer, inner) {
                if !rect.contains(inner_rect, SLACK) {
                    faults.push(format!("cluster {inner} sticks out of cluster {outer}"));
                }
            } else if rect.overlaps(inner_rect, SLACK) {
                faults.push(format!("clusters {outer} and {inner} overlap"));
            }
        }
    }
}

/// Arrows begin and end at their boxes, and go round everything that is not theirs.
fn arrows(graph: &SizedGraph, placed: &Placed, faults: &mut Vec<String>) {
    for (index, (sized, arrow)) in graph.arrows.iter().zip(&placed.arrows).enumerate() {
        let (Some(first), Some(last)) = (arrow.points.first(), arrow.points.last()) else {
            faults.push(format!("arrow {index} was not drawn"));
            continue;
        };
        let ends = [
            (first, sized.from, sized.hints.from_cluster),
            (last, sized.to, sized.hints.to_cluster),
        ];
        for (point, end, border) in ends {
            // An arrow may be asked to end at the border of a cluster around its box.
            let border = border.and_then(|cluster| placed.clusters.get(cluster));
            let meets_border = border.is_some_and(|cluster| distance(point, cluster) < 2.0);
            if distance(point, &placed.boxes[end]) > 2.0 && !meets_border {
                faults.push(format!("arrow {index} does not meet box {end}"));
            }
        }
        let meets =
            |rect: &Rect| arrow.points.windows(2).any(|pair| crosses(&pair[0], &pair[1], rect));
        for (other, rect) in placed.boxes.iter().enumerate() {
            if other != sized.from && other != sized.to && meets(rect) {
                faults.push(format!("arrow {index} passes through box {other}"));
            }
        }
        let mut at_home = graph.clusters_of(sized.from);
        at_home.extend(graph.clusters_of(sized.to));
        for (cluster, rect) in placed.clusters.iter().enumerate() {
            if !at_home.contains(&cluster) && meets(rect) {
                faults.push(format!("arrow {index} passes through foreign cluster {cluster}"));
            }
        }
    }
}

/// Labels are all there, and hide neither boxes nor each other.
fn labels(graph: &SizedGraph, placed: &Placed, faults: &mut Vec<String>) {
    let labels: Vec<(usize, &Rect)> = (placed.arrows.iter().enumerate())
        .filter_map(|(index, arrow)| arrow.label.as_ref().map(|rect| (index, rect)))
        .collect();
    if labels.len() != graph.arrows.iter().filter(|arrow| arrow.label.is_some()).count() {
        faults.push("labels were lost".to_owned());
    }
    for (place, (index, rect)) in labels.iter().enumerate() {
        if let Some(other) = placed.boxes.iter().position(|other| other.overlaps(rect, SLACK)) {
            faults.push(format!("label of arrow {index} lies on box {other}"));
        }
        for (other, other_rect) in &labels[place + 1..] {
            if rect.overlaps(other_rect, SLACK) {
                faults.push(format!("labels of arrows {index} and {other} overlap"));
            }
        }
    }
}

/// How far a point is from the border of a rectangle that it should lie on; zero inside counts too,
/// because some engines end arrows a little inside rounded shapes.
fn distance(point: &Point, rect: &Rect) -> f64 {
    let dx = (rect.x - point.x).max(point.x - rect.right()).max(0.0);
    let dy = (rect.y - point.y).max(point.y - rect.bottom()).max(0.0);
    dx.hypot(dy)
}

/// Whether a piece of line runs through the inside of `rect` (clipped by Liang and Barsky).
pub(crate) fn crosses(a: &Point, b: &Point, rect: &Rect) -> bool {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    let sides = [
        (-dx, a.x - rect.x - SLACK),
        (dx, rect.right() - SLACK - a.x),
        (-dy, a.y - rect.y - SLACK),
        (dy, rect.bottom() - SLACK - a.y),
    ];
    for (slope, room) in sides {
        if slope == 0.0 {
            if room < 0.0 {
                return false;
            }
            continue;
        }
        let at = room / slope;
        if slope < 0.0 { from = from.max(at) } else { to = to.min(at) }
    }
    (to - from) * dx.hypot(dy) > 2.0
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{PlacedArrow, Size, SizedArrow, SizedBox};
    use super::*;

    /// Two boxes side by side and an arrow between them, then spoilt by `spoil`.
    fn spoilt(spoil: impl FnOnce(&mut Placed)) -> Vec<String> {
        let size = Size { width: 10.0, height: 10.0 };
        let sized = SizedBox { size, ..SizedBox::default() };
        let label = Some(Size { width: 4.0, height: 4.0 });
        let graph = SizedGraph {
            boxes: vec![sized.clone(), sized],
            clusters: vec![],
            arrows: vec![SizedArrow { from: 0, to: 1, label, ..SizedArrow::default() }],
            ..SizedGraph::default()
        };
        let rect = |x: f64| Rect { x, y: 0.0, width: 10.0, height: 10.0 };
        let mut placed = Placed {
            size: Size { width: 40.0, height: 10.0 },
            boxes: vec![rect(0.0), rect(30.0)],
            clusters: vec![],
            arrows: vec![PlacedArrow {
                points: vec![Point { x: 10.0, y: 5.0 }, Point { x: 30.0, y: 5.0 }],
                label: Some(Rect { x: 18.0, y: 3.0, width: 4.0, height: 4.0 }),
            }],
        };
        spoil(&mut placed);
        faults(&graph, &placed)
    }

    #[test]
    fn a_good_picture_has_no_faults() {
        assert_eq!(spoilt(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        assert!(spoilt(|placed| placed.boxes[1].x = 5.0)[0].contains("overlap"));
        assert!(spoilt(|placed| placed.boxes[1].x = f64::NAN)[0].contains("outside"));
        assert!(spoilt(|placed| placed.boxes[1].width = 7.0)[0].contains("another size"));
        assert!(spoilt(|placed| placed.arrows[0].points[0].x = 15.0)[0].contains("meet"));
        assert!(spoilt(|placed| placed.arrows[0].label = None)[0].contains("lost"));
        let on_box = Rect { x: 8.0, y: 3.0, width: 4.0, height: 4.0 };
        assert!(spoilt(|placed| placed.arrows[0].label = Some(on_box))[0].contains("lies on"));
        assert!(spoilt(|placed| placed.arrows.clear())[0].contains("lost"));
    }
}
