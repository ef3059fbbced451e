//! Places across the ranks: boxes, bends and the borders of clusters, in one network simplex.
//!
//! Eighth step of the layered layout. Neighbours in a rank keep apart, clusters keep around what is
//! theirs and apart from what is not, and long arrows are pulled straight (Gansner et al. 1993,
//! section 4.2, with cluster borders as nodes of the same problem).

use super::layers::{ARROW_GAP, Item, Kind, Layers, Link};
use super::net::Net;
use super::relax;
use super::simplex::{self, Arc};

/// Units of the simplex in a point.
pub(crate) const SCALE: f64 = 2.0;
/// Room between a cluster and what stands beside it.
const CLUSTER_GAP: f64 = 12.0;
/// Room between an arrow that passes and a box.
const PASS_GAP: f64 = 8.0;
/// Cost of making a cluster larger across, per point.
const CLUSTER_WEIGHT: i64 = 3;
/// Work that the network simplex may do: pivots times nodes.
const WORK: usize = 400_000_000;

/// Places across.
#[derive(Clone, Debug, Default)]
pub(crate) struct Across {
    /// Middle of each item.
    pub(crate) items: Vec<f64>,
    /// First and last edge of each cluster.
    pub(crate) clusters: Vec<(f64, f64)>,
}

impl Across {
    /// How far all links lead across, together.
    pub(crate) fn stretch(&self, layers: &Layers, offsets: &[[f64; 2]]) -> f64 {
        let length = |(link, offset): (&Link, &[f64; 2])| {
            let [from, to] = [0, 1].map(|end| self.items[link.ends[end] as usize] + offset[end]);
            (to - from).abs()
        };
        layers.links.iter().zip(offsets).map(length).sum()
    }
}

/// Places everything across; `box_gap` is the room between boxes, in points.
pub(crate) fn place(net: &Net, layers: &Layers, offsets: &[[f64; 2]], box_gap: f64) -> Across {
    let mut arcs = Arcs { arcs: Vec::new(), net, layers, box_gap };
    let items = layers.items.len();
    arcs.ranks();
    arcs.clusters();
    let mut nodes = items + 2 * net.clusters.len();
    let mut start = relax::start(layers, offsets, &arcs.arcs, nodes);
    for (index, link) in layers.links.iter().enumerate() {
        let weight = arcs.weight(link.arrow as usize, link.ends);
        if weight == 0 {
            continue;
        }
        let shift = units(offsets[index][0] - offsets[index][1]);
        // A node below both ends: what it costs is how far apart they are.
        let below = nodes as u32;
        nodes += 1;
        let least = [(-shift).max(0), shift.max(0)];
        for (end, least) in link.ends.into_iter().zip(least) {
            arcs.arcs.push(Arc { from: below, to: end, least, weight });
        }
        let [a, b] = link.ends.map(|end| start[end as usize]);
        start.push((a - least[0]).min(b - least[1]));
    }
    first_of_equals(net, (&mut arcs.arcs, &mut start));
    let nodes = nodes + 1;
    let places = simplex::solve(nodes, &arcs.arcs, WORK / nodes, Some(start));
    let at = |node: usize| places[node] as f64 / SCALE;
    Across {
        items: (0..items).map(at).collect(),
        clusters: (0..net.clusters.len())
            .map(|cluster| (at(items + 2 * cluster), at(items + 2 * cluster + 1)))
            .collect(),
    }
}

/// Makes those of equally good places the best that have boxes first across: a node before all
/// others holds them by arcs that together weigh less than anything else. Otherwise the way to the
/// answer would choose, and the same part of two pictures might look different.
fn first_of_equals(net: &Net, (arcs, start): (&mut Vec<Arc>, &mut Vec<i64>)) {
    let heavier = net.nodes.len() as i64 + 1;
    arcs.iter_mut().for_each(|arc| arc.weight *= heavier);
    let first = start.len() as u32;
    // Boxes are the first items.
    arcs.extend((0..net.nodes.len() as u32).map(|to| Arc { from: first, to, least: 0, weight: 1 }));
    start.push(start.iter().copied().min().unwrap_or(0));
}

/// Points as units, rounded up so that nothing comes too near.
fn units(points: f64) -> i64 {
    (points * SCALE).ceil() as i64
}

struct Arcs<'a> {
    arcs: Vec<Arc>,
    net: &'a Net,
    layers: &'a Layers,
    box_gap: f64,
}

impl Arcs<'_> {
    fn keep(&mut self, from: usize, to: usize, points: f64) {
        let (from, to) = (from as u32, to as u32);
        self.arcs.push(Arc { from, to, least: units(points), weight: 0 });
    }

    fn border(&self, cluster: usize, is_last: bool) -> usize {
        self.layers.items.len() + 2 * cluster + usize::from(is_last)
    }

    /// Neighbours in each rank keep apart: themselves, or the borders of clusters between them.
    fn ranks(&mut self) {
        for rank in &self.layers.ranks {
            let mut before: Option<u32> = None;
            for id in rank {
                self.neighbours(before, *id);
                before = Some(*id);
            }
            if let Some(last) = before {
                self.close(last, None);
            }
        }
    }

    fn neighbours(&mut self, before: Option<u32>, id: u32) {
        let item = &self.layers.items[id as usize];
        let Some(before) = before else {
            self.open(id, None);
            return;
        };
        let first = &self.layers.items[before as usize];
        if first.cluster == item.cluster {
            let gap = self.gap(first, item);
            self.keep(before as usize, id as usize, first.after + gap + item.before);
            return;
        }
        let shared = self.net.shared(first.cluster, item.cluster);
        let closed = self.close(before, shared);
        let opened = self.open(id, shared);
        let (from, edge) = closed.unwrap_or((before as usize, first.after));
        let (to, other) = opened.unwrap_or((id as usize, item.before));
        let passes = |item: &Item, border: Option<_>| border.is_none() && is_thin(item);
        let gap =
            if passes(first, closed) || passes(item, opened) { PASS_GAP } else { CLUSTER_GAP };
        self.keep(from, to, edge + gap + other);
    }

    /// Borders of the clusters that end behind `id`, up to `outer`: the outermost of them.
    fn close(&mut self, id: u32, outer: Option<usize>) -> Option<(usize, f64)> {
        let item = &self.layers.items[id as usize];
        let mut inner = (id as usize, item.after);
        let mut found = None;
        for cluster in self.net.path(item.cluster).take_while(|at| Some(*at) != outer) {
            let border = self.border(cluster, true);
            self.keep(inner.0, border, inner.1 + self.net.clusters[cluster].pads.after);
            inner = (border, 0.0);
            found = Some(inner);
        }
        found
    }

    /// Borders of the clusters that begin before `id`.
    fn open(&mut self, id: u32, outer: Option<usize>) -> Option<(usize, f64)> {
        let item = &self.layers.items[id as usize];
        let mut inner = (id as usize, item.before);
        let mut found = None;
        for cluster in self.net.path(item.cluster).take_while(|at| Some(*at) != outer) {
            let border = self.border(cluster, false);
            self.keep(border, inner.0, inner.1 + self.net.clusters[cluster].pads.before);
            inner = (border, 0.0);
            found = Some(inner);
        }
        found
    }

    /// Clusters take the room that they need at least, and no more than they must.
    fn clusters(&mut self) {
        for (index, cluster) in self.net.clusters.iter().enumerate() {
            let (first, last) = (self.border(index, false), self.border(index, true));
            self.arcs.push(Arc {
                from: first as u32,
                to: last as u32,
                least: units(cluster.pads.least_across),
                weight: CLUSTER_WEIGHT,
            });
        }
    }

    fn gap(&self, a: &Item, b: &Item) -> f64 {
        match (is_thin(a), is_thin(b)) {
            (true, true) => ARROW_GAP,
            (true, false) | (false, true) => PASS_GAP.min(self.box_gap),
            (false, false) => self.box_gap,
        }
    }

    /// What a point of a link across costs: the longer the arrow, the straighter it is.
    fn weight(&self, arrow: usize, ends: [u32; 2]) -> i64 {
        let boxes = ends.iter().filter(|end| self.layers.is_box(**end)).count();
        let straight = match boxes {
            0 => 8.0,
            1 => 3.0,
            _ => 1.0,
        };
        let weight = self.net.arrows[arrow].hints.weight.clamp(0.0, 1000.0);
        // Even an arrow of no weight should not wander.
        ((weight.max(0.1) * straight * 2.0).round() as i64).max(1)
    }
}

/// Whether an item is but an arrow or a holder passing.
fn is_thin(item: &Item) -> bool {
    matches!(item.kind, Kind::Bend(_) | Kind::Holder)
}
