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
}

/// Places everything along; `rank_gap` is the room between ranks, in points.
pub(crate) fn place(net: &Net, layers: &Layers, rank_gap: f64) -> Along {
    let count = layers.ranks.len();
    let widest = |rank: &Vec<u32>| {
        rank.iter().map(|item| layers.items[*item as usize].along).fold(0.0, f64::max)
    };
    let widths: Vec<f64> = layers.ranks.iter().map(widest).collect();
    let mut along = Along {
        ranks: vec![(0.0, 0.0); count],
        items: vec![(0.0, 0.0); layers.items.len()],
        clusters: vec![(0.0, 0.0); net.clusters.len()],
    };
    let fronts = insets(net, layers, true);
    let backs = insets(net, layers, false);
    let has_labels = layers.items.iter().any(|item| matches!(item.kind, Kind::Label(_)));
    // With labels every other rank holds labels alone: both gaps beside it make one.
    let rank_gap = if has_labels { rank_gap * 0.55 } else { rank_gap };
    // Ranks with nothing in them but bends take no room of their own.
    let mut next = 0.0;
    for rank in 0..count {
        along.ranks[rank] = (next, next + widths[rank]);
        let borders = backs[rank] + fronts.get(rank + 1).copied().unwrap_or(0.0);
        let gap = if borders > 0.0 { rank_gap.max(borders + 2.0 * BORDER_GAP) } else { rank_gap };
        next += widths[rank] + gap;
        // Titles of clusters that end here may need more than what is in them.
        for (cluster, span) in layers.spans.iter().enumerate().filter(|(_, span)| span.last == rank)
        {
            let pads = &net.clusters[cluster].pads;
            let from = along.ranks[span.first].0 - pads.front;
            next = next.max(from + pads.least_along + BORDER_GAP);
        }
    }
    for (index, item) in layers.items.iter().enumerate() {
        let (from, upto) = along.ranks[item.rank];
        let room = (upto - from - item.along).max(0.0);
        let (into, out) = (layers.links_in[index].len(), layers.links_out[index].len());
        let share = match item.kind {
            Kind::Box(_) if out == 0 && into > 0 => 0.0,
            Kind::Box(_) if into == 0 && out > 0 => 1.0,
            Kind::Box(_) | Kind::Bend(_) | Kind::Label(_) | Kind::Holder => {
                0.5 + (out as f64 - into as f64).clamp(-2.0, 2.0) * 0.125
            }
        };
        let front = from + room * share;
        along.items[index] = (front, front + item.along);
    }
    clusters(net, layers, &mut along);
    along
}

/// How much room the borders of clusters need before each rank, or behind it.
fn insets(net: &Net, layers: &Layers, is_front: bool) -> Vec<f64> {
    let mut insets = vec![0.0f64; layers.ranks.len()];
    for (index, span) in layers.spans.iter().enumerate() {
        let rank = if is_front { span.first } else { span.last };
        let pads = net.path(Some(index)).take_while(|at| {
            let span = layers.spans[*at];
            rank == if is_front { span.first } else { span.last }
        });
        let sum = pads
            .map(|at| {
                let pads = &net.clusters[at].pads;
                if is_front { pads.front } else { pads.back }
            })
            .sum();
        insets[rank] = insets[rank].max(sum);
    }
    insets
}

/// Clusters reach from the first to the last thing in them, with room around it.
fn clusters(net: &Net, layers: &Layers, along: &mut Along) {
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let mut inner = vec![none; net.clusters.len()];
    for (index, item) in layers.items.iter().enumerate() {
        let (Some(cluster), true) = (item.cluster, item.along > 0.0) else { continue };
        let (from, upto) = along.items[index];
        inner[cluster] = (inner[cluster].0.min(from), inner[cluster].1.max(upto));
    }
    for cluster in (0..net.clusters.len()).rev() {
        let pads = &net.clusters[cluster].pads;
        let (from, upto) = (inner[cluster].0 - pads.front, inner[cluster].1 + pads.back);
        let place = (from, upto.max(from + pads.least_along));
        along.clusters[cluster] = place;
        if let Some(parent) = net.clusters[cluster].parent {
            inner[parent] = (inner[parent].0.min(place.0), inner[parent].1.max(place.1));
        }
    }
}
