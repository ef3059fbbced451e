//! A first answer for the places across: everything near its neighbours, nothing too near.
//!
//! Used by `across`, whose network simplex is done the sooner the better it begins. Passes over the
//! constraints, from the first edge to the last and back, put each node where its neighbours in the
//! other ranks are on average, as far as what was placed before it allows.

use super::across::SCALE;
use super::layers::Layers;
use super::simplex::Arc;

/// Passes in each direction.
const PASSES: usize = 8;

/// Places that keep all of `arcs`; the first `nodes` nodes are the items, then a first and a last
/// border for each cluster.
pub(crate) fn start(layers: &Layers, offsets: &[[f64; 2]], arcs: &[Arc], nodes: usize) -> Vec<i64> {
    let items = layers.items.len();
    let mut near: Vec<Vec<(u32, i64)>> = vec![Vec::new(); nodes];
    for (link, offset) in layers.links.iter().zip(offsets) {
        let shift = ((offset[0] - offset[1]) * SCALE).round() as i64;
        let [a, b] = link.ends;
        near[a as usize].push((b, -shift));
        near[b as usize].push((a, shift));
    }
    let forward = Lists::new(arcs.iter().map(|arc| (arc.to, arc.from, arc.least)), nodes);
    let backward = Lists::new(arcs.iter().map(|arc| (arc.from, arc.to, arc.least)), nodes);
    let order = sorted(&forward, &backward, nodes);
    let mut place = vec![0i64; nodes];
    let middle = |place: &[i64], node: usize| {
        let list = &near[node];
        let sum: i64 = list.iter().map(|(other, shift)| place[*other as usize] + shift).sum();
        (!list.is_empty()).then(|| sum / list.len() as i64)
    };
    // Borders keep close to what is in them: the first one is pushed forwards, the last one back.
    let is_border =
        |node: usize, is_last: bool| node >= items && (node - items) % 2 == usize::from(is_last);
    for pass in 0..=PASSES {
        for node in order.iter().map(|node| *node as usize) {
            let least = forward.at(node).map(|(other, gap)| place[other as usize] + gap).max();
            let wanted = if pass == 0 || is_border(node, true) {
                i64::MIN
            } else {
                middle(&place, node).unwrap_or(place[node])
            };
            place[node] = match least {
                Some(least) => wanted.max(least),
                None if pass == 0 => 0,
                None => wanted.max(-1 << 40),
            };
        }
        for node in order.iter().rev().map(|node| *node as usize) {
            let most = backward.at(node).map(|(other, gap)| place[other as usize] - gap).min();
            let wanted = if is_border(node, false) {
                i64::MAX
            } else {
                middle(&place, node).unwrap_or(place[node])
            };
            if let Some(most) = most {
                place[node] = wanted.min(most);
            } else if wanted != i64::MAX {
                place[node] = wanted;
            }
        }
    }
    place
}

/// For each node a list of others with a distance, packed.
struct Lists {
    start: Vec<u32>,
    list: Vec<(u32, i64)>,
}

impl Lists {
    fn new(pairs: impl Iterator<Item = (u32, u32, i64)> + Clone, nodes: usize) -> Lists {
        let mut start = vec![0u32; nodes + 1];
        for (of, ..) in pairs.clone() {
            start[of as usize + 1] += 1;
        }
        for node in 0..nodes {
            start[node + 1] += start[node];
        }
        let mut fill = start.clone();
        let mut list = vec![(0, 0); start[nodes] as usize];
        for (of, other, gap) in pairs {
            list[fill[of as usize] as usize] = (other, gap);
            fill[of as usize] += 1;
        }
        Lists { start, list }
    }

    fn at(&self, node: usize) -> impl Iterator<Item = (u32, i64)> + '_ {
        self.list[self.start[node] as usize..self.start[node + 1] as usize].iter().copied()
    }
}

/// All nodes, each behind those that it must keep a distance from.
fn sorted(forward: &Lists, backward: &Lists, nodes: usize) -> Vec<u32> {
    let mut waits: Vec<usize> = (0..nodes).map(|node| forward.at(node).count()).collect();
    let mut order: Vec<u32> = (0..nodes as u32).filter(|node| waits[*node as usize] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for (other, _) in backward.at(node as usize) {
            waits[other as usize] -= 1;
            if waits[other as usize] == 0 {
                order.push(other);
            }
        }
    }
    order
}
