//! Leads arrows from box to box, round everything that is not theirs.
//!
//! Tenth step of the layered layout. In each rank that an arrow passes, what stands before and
//! behind it there bounds a door; the shortest way through all doors is the arrow. Other arrows
//! between it and an obstacle keep their room, so that arrows round one corner run side by side.

use super::super::geometry::{Outline, Placed, PlacedArrow, Point, Rect, Splines};
use super::across::Across;
use super::along::Along;
use super::crossings::members;
use super::detour::Detours;
use super::ends;
use super::funnel::{Door, shortest};
use super::layers::{ARROW_GAP, Kind, Layers};
use super::net::Net;
use super::rank::Ranking;
use super::sides;

/// Room between an arrow and the obstacle that it passes, across and along.
const CLEAR: (f64, f64) = (7.0, 3.0);
/// Room between an arrow and the title of a cluster that it enters.
const TITLE_CLEAR: f64 = 4.0;
/// Obstacles looked at on either side of an arrow in one rank.
const LOOK: usize = 60;

/// All that is known when arrows are led.
pub(crate) struct Scene<'a> {
    pub(crate) net: &'a Net,
    pub(crate) ranking: &'a Ranking,
    pub(crate) layers: &'a Layers,
    pub(crate) offsets: &'a [[f64; 2]],
    pub(crate) across: &'a Across,
    pub(crate) along: &'a Along,
}

/// Places boxes and clusters of a part, and leads its arrows.
pub(crate) fn route(scene: &Scene<'_>, splines: Splines) -> Placed {
    let Scene { net, layers, across, along, .. } = scene;
    let rect = |(left, right): (f64, f64), (top, bottom): (f64, f64)| Rect {
        x: left,
        y: top,
        width: right - left,
        height: bottom - top,
    };
    let mut placed = Placed::default();
    for (index, node) in net.nodes.iter().enumerate() {
        let top = across.items[index] - node.across / 2.0;
        placed.boxes.push(rect(along.items[index], (top, top + node.across)));
    }
    for (index, place) in along.clusters.iter().enumerate() {
        placed.clusters.push(rect(*place, across.clusters[index]));
    }
    let places = layers.places();
    let fences = members(net, layers);
    let mut own = vec![false; net.clusters.len()];
    let mut left = Vec::new();
    let tracks = if splines == Splines::Orthogonal { scene.tracks() } else { Vec::new() };
    placed.arrows = vec![PlacedArrow::default(); net.arrows.len()];
    for (index, arrow) in net.arrows.iter().enumerate() {
        for end in [arrow.from, arrow.to] {
            net.path(net.nodes[end].cluster).for_each(|cluster| own[cluster] = true);
        }
        let is_contrary = ends::is_contrary(net, scene.ranking, index);
        let is_led = !is_contrary && !scene.is_cut(&places, &fences, index, &own);
        let points = is_led.then(|| scene.through(&placed, &places, index, &own));
        match points.flatten() {
            Some(mut points) => {
                if splines == Splines::Orthogonal {
                    let turned = scene.ranking.turned[index];
                    if turned {
                        points.reverse();
                    }
                    points = scene.squared(&points, &tracks, index);
                    if turned {
                        points.reverse();
                    }
                }
                placed.arrows[index].points = points;
            }
            None => left.push(index),
        }
        placed.arrows[index].label = scene.label(index);
        for end in [arrow.from, arrow.to] {
            net.path(net.nodes[end].cluster).for_each(|cluster| own[cluster] = false);
        }
    }
    if splines == Splines::Straight {
        for (arrow, sized) in placed.arrows.iter_mut().zip(&net.arrows) {
            if let (Some(first), Some(last), true) =
                (arrow.points.first(), arrow.points.last(), sized.from != sized.to)
            {
                arrow.points = vec![*first, *last];
            }
        }
    }
    if !left.is_empty() {
        for index in Detours::new(scene, &placed).lead(&left, &mut placed) {
            // Rather by the ranks, at another side than asked for, than through something else.
            let arrow = &net.arrows[index];
            let ends = [arrow.from, arrow.to].map(|end| net.nodes[end].cluster);
            own.iter_mut().enumerate().for_each(|(cluster, own)| {
                *own = ends.iter().any(|end| net.is_in(*end, cluster));
            });
            if !scene.is_cut(&places, &fences, index, &own)
                && let Some(points) = scene.through(&placed, &places, index, &own)
            {
                placed.arrows[index].points = points;
            }
        }
    }
    for (arrow, sized) in placed.arrows.iter_mut().zip(&net.arrows) {
        let clusters = [(sized.hints.to_cluster, true), (sized.hints.from_cluster, false)];
        for (cluster, at_head) in clusters {
            if let Some(cluster) = cluster.and_then(|cluster| placed.clusters.get(cluster)) {
                cut(&mut arrow.points, cluster, at_head);
            }
        }
    }
    placed
}

impl Scene<'_> {
    /// Whether the order of the ranks leads an arrow from one side of a foreign cluster to the other
    /// where that stands in between.
    fn is_cut(&self, places: &[u32], fences: &[Vec<u32>], index: usize, own: &[bool]) -> bool {
        let chain = &self.layers.chains[index];
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else { return false };
        let rank = |item: &u32| self.layers.items[*item as usize].rank;
        let (first, last) = (rank(first), rank(last));
        let foreign = fences.iter().enumerate().filter(|(cluster, _)| !own[*cluster]);
        for (cluster, members) in foreign {
            let span = self.layers.spans[cluster];
            let mut side = None;
            for at in span.first.max(first)..=span.last.min(last) {
                let item = chain[at - first] as usize;
                let is_before = places[item] < places[members[at - span.first] as usize];
                if side.replace(is_before).is_some_and(|side| side != is_before) {
                    return true;
                }
            }
        }
        false
    }

    /// The way of an arrow through the doors of its ranks, from its tail to its head.
    fn through(
        &self,
        placed: &Placed,
        places: &[u32],
        index: usize,
        own: &[bool],
    ) -> Option<Vec<Point>> {
        let chain = &self.layers.chains[index];
        let (first, last) = (*chain.first()?, *chain.last()?);
        let link = |item: u32, links: &[Vec<u32>]| {
            links[item as usize]
                .iter()
                .copied()
                .find(|link| {
                    let link = &self.layers.links[*link as usize];
                    link.arrow as usize == index
                })
                .map(|link| link as usize)
        };
        let out = self.offsets[link(first, &self.layers.links_out)?][0];
        let into = self.offsets[link(last, &self.layers.links_in)?][1];
        let end = |item: u32, offset: f64, is_tail: bool| {
            let rect = &placed.boxes[item as usize];
            let node = &self.net.nodes[item as usize];
            let inset = inset(node.outline, (rect.width, rect.height), offset);
            let x = if is_tail { rect.right() - inset } else { rect.x + inset };
            Point { x, y: rect.center().y + offset }
        };
        let (start, end) = (end(first, out, true), end(last, into, false));
        let passage = Passage { places, own, index, start, end };
        // An arrow rather crosses the title of a cluster of its own than anything else.
        let titles = self.titles(placed, index);
        let led =
            |passage: &Passage<'_>| self.led(passage, &titles).or_else(|| self.led(passage, &[]));
        let mut points = led(&passage)?;
        points = sides::straighter(self, placed, &passage, points, led);
        if self.ranking.turned[index] {
            points.reverse();
        }
        Some(points)
    }

    /// The titles of the clusters around either end of an arrow: all others are passed with their
    /// clusters.
    fn titles(&self, placed: &Placed, index: usize) -> Vec<Rect> {
        let arrow = &self.net.arrows[index];
        let clusters = [arrow.from, arrow.to].map(|end| self.net.nodes[end].cluster);
        let shared = self.net.shared(clusters[0], clusters[1]);
        let from = self.net.path(clusters[0]);
        let to = self.net.path(clusters[1]).take_while(|at| Some(*at) != shared);
        let title = |cluster: usize| {
            let rect = &placed.clusters[cluster];
            let pads = &self.net.clusters[cluster].pads;
            pads.title_in((rect.x, rect.right()), (rect.y, rect.bottom()))
        };
        from.chain(to).filter_map(title).collect()
    }

    /// The shortest way through the doors of an arrow.
    fn led(&self, passage: &Passage<'_>, titles: &[Rect]) -> Option<Vec<Point>> {
        let (chain, start, end) = (&self.layers.chains[passage.index], passage.start, passage.end);
        let mut doors = Vec::with_capacity(chain.len() * 4);
        for item in chain {
            let bound = if Some(item) == chain.first() {
                (start.x, f64::INFINITY, start.y)
            } else if Some(item) == chain.last() {
                (f64::NEG_INFINITY, end.x, end.y)
            } else {
                (f64::NEG_INFINITY, f64::INFINITY, self.across.items[*item as usize])
            };
            self.doors((passage, titles), *item, bound, &mut doors);
            if self.layers.items[*item as usize].kind == Kind::Label(passage.index) {
                // Within its label an arrow is not seen: it may pass from corner to corner.
                let item = *item as usize;
                let (middle, half) = (self.across.items[item], self.layers.items[item].before);
                let (from, upto) = self.along.items[item];
                for along in [from, upto] {
                    doors.push(Door { along, low: middle - half, high: middle + half });
                }
            }
        }
        shortest(start, end, &mut doors)
    }

    /// The doors that stand around `item` in its rank, within `from..upto` along; `at` is where
    /// the item is across, which is free in any case.
    fn doors(
        &self,
        (passage, titles): (&Passage<'_>, &[Rect]),
        item: u32,
        (from, upto, at): (f64, f64, f64),
        doors: &mut Vec<Door>,
    ) {
        let rank = self.layers.items[item as usize].rank;
        let place = passage.places[item as usize] as usize;
        let row = &self.layers.ranks[rank];
        let mut before = self.obstacles(rank, row[..place].iter().rev(), passage.own, false);
        let mut behind = self.obstacles(rank, row[place + 1..].iter(), passage.own, true);
        let limits = self.limits(rank);
        for title in titles {
            let from = (title.x - CLEAR.1).max(limits.0);
            let upto = (title.right() + CLEAR.1).min(limits.1);
            if from > upto {
                continue;
            }
            if at < title.center().y {
                behind.push(Obstacle { from, upto, edge: title.y - TITLE_CLEAR });
            } else {
                before.push(Obstacle { from, upto, edge: title.bottom() + TITLE_CLEAR });
            }
        }
        let edges = before.iter().chain(&behind).flat_map(|it| [it.from, it.upto]);
        for along in edges.filter(|along| *along > from && *along < upto) {
            let covers = |it: &&Obstacle| it.from <= along && along <= it.upto;
            let low =
                before.iter().filter(covers).map(|it| it.edge).fold(f64::NEG_INFINITY, f64::max);
            let high = behind.iter().filter(covers).map(|it| it.edge).fold(f64::INFINITY, f64::min);
            doors.push(Door { along, low: low.min(at), high: high.max(at) });
        }
    }

    /// What stands on one side of an arrow in a rank, nearest first, as far as it is not hidden by
    /// nearer things.
    fn obstacles<'b>(
        &self,
        rank: usize,
        row: impl Iterator<Item = &'b u32>,
        own: &[bool],
        is_behind: bool,
    ) -> Vec<Obstacle> {
        let mut found: Vec<Obstacle> = Vec::new();
        let mut passing = 0.0;
        let (mut covered, mut seen) = (None::<(f64, f64)>, 0);
        let limits = self.limits(rank);
        for item in row {
            let id = *item as usize;
            let item = &self.layers.items[id];
            let foreign = self.net.path(item.cluster).filter(|at| !own[*at]).last();
            let room = CLEAR.0 + passing;
            let (along, edge) = match (foreign, item.kind) {
                (Some(cluster), _) => {
                    let (first, last) = self.across.clusters[cluster];
                    (self.along.clusters[cluster], if is_behind { first } else { last })
                }
                (None, Kind::Bend(_)) => {
                    passing += ARROW_GAP;
                    continue;
                }
                (None, Kind::Holder) => continue,
                (None, Kind::Box(_) | Kind::Label(_)) => {
                    let middle = self.across.items[id];
                    let edge = if is_behind { middle - item.before } else { middle + item.after };
                    (self.along.items[id], edge)
                }
            };
            let from = (along.0 - CLEAR.1).max(limits.0);
            let upto = (along.1 + CLEAR.1).min(limits.1);
            let edge = if is_behind { edge - room } else { edge + room };
            let is_hidden = covered.is_some_and(|(a, b)| a <= from && upto <= b);
            if !is_hidden && from <= upto {
                found.push(Obstacle { from, upto, edge });
                covered = Some(covered.map_or((from, upto), |(a, b)| (a.min(from), b.max(upto))));
            }
            seen += 1;
            if covered.is_some_and(|(a, b)| a <= limits.0 && limits.1 <= b) {
                break;
            }
            if seen == LOOK {
                // What is further away is not looked at: nothing may go there.
                found.push(Obstacle { from: limits.0, upto: limits.1, edge });
                break;
            }
        }
        found
    }

    /// How far along a rank bounds what passes it: nearly to the middle of the gaps beside it, where
    /// neither its own nor its neighbour's borders reach.
    fn limits(&self, rank: usize) -> (f64, f64) {
        let middle = |gap: usize| f64::midpoint(self.along.gaps[gap].0, self.along.gaps[gap].1);
        let before = rank.checked_sub(1).map_or(f64::NEG_INFINITY, |gap| middle(gap) + 1.0);
        let is_last = rank + 1 == self.along.ranks.len();
        (before, if is_last { f64::INFINITY } else { middle(rank) - 1.0 })
    }

    /// The way of an arrow along and across only: it changes its place in the gaps between ranks,
    /// each link of a gap at a place of its own.
    fn squared(&self, points: &[Point], tracks: &[f64], index: usize) -> Vec<Point> {
        let chain = &self.layers.chains[index];
        let (Some(start), Some(end)) = (points.first(), points.last()) else { return Vec::new() };
        let mut way = vec![*start];
        let mut at = start.y;
        for pair in chain.windows(2) {
            let is_last = Some(&pair[1]) == chain.last();
            let to = if is_last { end.y } else { self.across.items[pair[1] as usize] };
            let link = self.layers.links_out[pair[0] as usize]
                .iter()
                .find(|link| self.layers.links[**link as usize].arrow as usize == index);
            if let Some(link) = link.filter(|_| (to - at).abs() > 1e-6) {
                let x = tracks[*link as usize];
                way.push(Point { x, y: at });
                way.push(Point { x, y: to });
                at = to;
            }
        }
        way.push(*end);
        way
    }

    /// For each link, where it may change its place across: spread over its gap, those that go
    /// furthest up first, so that few cross twice.
    fn tracks(&self) -> Vec<f64> {
        let mut tracks = vec![0.0; self.layers.links.len()];
        let mut gaps: Vec<Vec<u32>> = vec![Vec::new(); self.layers.ranks.len()];
        for (index, link) in self.layers.links.iter().enumerate() {
            gaps[self.layers.items[link.ends[0] as usize].rank].push(index as u32);
        }
        let at = |item: u32| self.across.items[item as usize];
        for (rank, mut links) in gaps.into_iter().enumerate() {
            links.sort_by(|a, b| {
                let key = |link: u32| {
                    let [from, to] = self.layers.links[link as usize].ends;
                    let (from, to) = (at(from), at(to));
                    // Going up, the upper one turns first; going down, the lower one.
                    if to < from { (0, from) } else { (1, -from) }
                };
                let (a, b) = (key(*a), key(*b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
            });
            let (from, upto) = self.along.gaps[rank];
            let step = (upto - from) / (links.len() + 1) as f64;
            for (place, link) in links.iter().enumerate() {
                tracks[*link as usize] = from + step * (place + 1) as f64;
            }
        }
        tracks
    }

    /// Where the label of an arrow stands, if it has a place in the ranks.
    fn label(&self, index: usize) -> Option<Rect> {
        let is_label = |item: &&u32| self.layers.items[**item as usize].kind == Kind::Label(index);
        let item = *self.layers.chains[index].iter().find(is_label)? as usize;
        let (from, upto) = self.along.items[item];
        let Kind::Label(_) = self.layers.items[item].kind else { return None };
        let half = self.layers.items[item].before;
        Some(Rect {
            x: from,
            y: self.across.items[item] - half,
            width: upto - from,
            height: 2.0 * half,
        })
    }
}

/// An arrow on its way through the ranks.
#[derive(Clone, Copy)]
pub(super) struct Passage<'a> {
    pub(super) places: &'a [u32],
    /// Clusters around either end.
    pub(super) own: &'a [bool],
    pub(super) index: usize,
    pub(super) start: Point,
    pub(super) end: Point,
}

/// Something in the way: its extent along, and the last place across that an arrow may take.
#[derive(Clone, Copy, Debug)]
struct Obstacle {
    from: f64,
    upto: f64,
    edge: f64,
}

/// How far inside its rectangle an outline lies, `offset` beside its middle.
pub(crate) fn inset(outline: Outline, (along, across): (f64, f64), offset: f64) -> f64 {
    let share = (2.0 * offset / across.max(1e-6)).clamp(-1.0, 1.0).abs();
    let half = along / 2.0;
    match outline {
        Outline::Rect => 0.0,
        Outline::Ellipse => half * (1.0 - (1.0 - share * share).sqrt()),
        Outline::Diamond => half * share,
    }
}

/// Ends (or begins) a way at the border of a cluster instead of inside it.
fn cut(points: &mut Vec<Point>, cluster: &Rect, at_head: bool) {
    if at_head {
        points.reverse();
    }
    // From inside outwards: the first piece that leaves.
    let is_inside = |at: &Point| {
        at.x >= cluster.x
            && at.x <= cluster.right()
            && at.y >= cluster.y
            && at.y <= cluster.bottom()
    };
    if points.first().is_some_and(is_inside)
        && let Some(out) = points.iter().position(|at| !is_inside(at))
    {
        let (a, b) = (points[out - 1], points[out]);
        let mut share = 1.0f64;
        for (from, step, low, high) in [
            (a.x, b.x - a.x, cluster.x, cluster.right()),
            (a.y, b.y - a.y, cluster.y, cluster.bottom()),
        ] {
            if step.abs() > 1e-9 {
                let to = if step > 0.0 { high } else { low };
                share = share.min(((to - from) / step).max(0.0));
            }
        }
        let border = Point { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
        points.splice(..out, [border]);
    }
    if at_head {
        points.reverse();
    }
}
