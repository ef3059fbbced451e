//! Places along the reading direction: where each rank begins, and where each box stands in it.
//!
//! Ninth step of the layered layout. Ranks are as wide as their widest box; between them is room for
//! the borders of clusters that end and begin there. A box that is only called stands at the front
//! of its rank and one that only calls at its back: their arrows are as short as can be.

use super::layers::{Kind, Layers};
use super::net::Net;

/// Room between a cluster's border and the next rank.
const BORDER_GAP: f64 = 10.0;

/// Places along.
#[derive(Clone, Debug, Default)]
pub(crate) struct Along {
    /// First and last edge of each rank.
    pub(crate) ranks: Vec<(f64, f64)>,
    /// First and last edge of each item.
    pub(crate) items: Vec<(f64, f64)>,
    /// First and last edge of each cluster.
    pub(crate) clusters: Vec<(f64, f64)>,
    /// The part of the gap behind each rank that neither boxes nor borders reach into.
    pub(crate) gaps: Vec<(f64, f64)>,
}

/// Places everything along; `rank_gap` is the room between ranks, in points.
pub(crate) fn place(net: &Net, layers: &Layers, rank_gap: f64) -> Along {
    let count = layers.ranks.len();
    let fronts = fronts(net, layers);
    let has_labels = layers.items.iter().any(|item| matches!(item.kind, Kind::Label(_)));
    // With labels every other rank holds labels alone: both gaps beside it make one.
    let rank_gap = if has_labels { rank_gap * 0.55 } else { rank_gap };
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let mut inner = vec![none; net.clusters.len()];
    let mut ends: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (cluster, span) in layers.spans.iter().enumerate().rev() {
        ends[span.last].push(cluster);
    }
    let mut along = Along {
        ranks: Vec::with_capacity(count),
        items: vec![(0.0, 0.0); layers.items.len()],
        clusters: vec![(0.0, 0.0); net.clusters.len()],
        gaps: Vec::with_capacity(count),
    };
    let mut from = 0.0;
    for (rank, row) in layers.ranks.iter().enumerate() {
        let width =
            row.iter().map(|item| layers.items[*item as usize].along).fold(0.0, f64::max);
        let upto = from + width;
        along.ranks.push((from, upto));
        for item in row {
            let place = within(layers, *item, (from, upto));
            along.items[*item as usize] = place;
            let item = &layers.items[*item as usize];
            if let (Some(cluster), Kind::Box(_) | Kind::Label(_)) = (item.cluster, item.kind) {
                let known = inner[cluster];
                inner[cluster] = (known.0.min(place.0), known.1.max(place.1));
            }
        }
        // Inner clusters come first in the list: outer ones reach round them.
        let mut reach = upto;
        for cluster in &ends[rank] {
            let pads = &net.clusters[*cluster].pads;
            let first = inner[*cluster].0 - pads.front;
            let place = (first, (inner[*cluster].1 + pads.back).max(first + pads.least_along));
            along.clusters[*cluster] = place;
            reach = reach.max(place.1);
            if let Some(parent) = net.clusters[*cluster].parent {
                inner[parent] = (inner[parent].0.min(place.0), inner[parent].1.max(place.1));
            }
        }
        let front = fronts.get(rank + 1).copied().unwrap_or(0.0);
        let has_borders = reach > upto || front > 0.0;
        let least = if has_borders { 2.0 * BORDER_GAP } else { 0.0 };
        from = (upto + rank_gap).max(reach + least + front);
        along.gaps.push((reach, from - front));
    }
    along
}

/// Where an item stands within its rank: as near as can be to where most of its arrows lead.
fn within(layers: &Layers, index: u32, (from, upto): (f64, f64)) -> (f64, f64) {
    let item = &layers.items[index as usize];
    let room = (upto - from - item.along).max(0.0);
    let into = layers.links_in[index as usize].len();
    let out = layers.links_out[index as usize].len();
    let share = match item.kind {
        Kind::Box(_) if out == 0 && into > 0 => 0.0,
        Kind::Box(_) if into == 0 && out > 0 => 1.0,
        Kind::Box(_) | Kind::Bend(_) | Kind::Label(_) | Kind::Holder => {
            0.5 + (out as f64 - into as f64).clamp(-2.0, 2.0) * 0.125
        }
    };
    let front = from + room * share;
    (front, front + item.along)
}

/// How much room the borders of clusters need before each rank.
fn fronts(net: &Net, layers: &Layers) -> Vec<f64> {
    let mut fronts = vec![0.0f64; layers.ranks.len()];
    for (index, span) in layers.spans.iter().enumerate() {
        let pads = net.path(Some(index)).take_while(|at| layers.spans[*at].first == span.first);
        let sum = pads.map(|at| net.clusters[at].pads.front).sum();
        fronts[span.first] = fronts[span.first].max(sum);
    }
    fronts
}
