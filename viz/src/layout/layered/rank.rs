//! Gives each box its rank.
//!
//! Fourth step of the layered layout: the network simplex keeps arrows short, over all clusters at
//! once, so that one reading order runs through the whole picture. Each cluster holds its boxes
//! together by a virtual first and last rank of its own.

use petgraph::unionfind::UnionFind;

use super::super::geometry::RankKind;
use super::acyclic;
use super::net::Net;
use super::simplex::{self, Arc};

/// What it costs to make an arrow of weight 1 one rank longer.
const ARROW_WEIGHT: f64 = 4.0;
/// What it costs to make a cluster one rank longer: as much as two arrows. A compact cluster is in
/// the way of few arrows, and stays compact when something else changes; a heavier one makes the
/// arrows between clusters long.
const CLUSTER_WEIGHT: i64 = 8;
/// Work that the network simplex may do: pivots times nodes.
const WORK: usize = 60_000_000;

/// Ranks of a part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranking {
    /// Rank of each node, from 0.
    pub(crate) rank: Vec<usize>,
    /// Whether each arrow is drawn against the reading direction.
    pub(crate) turned: Vec<bool>,
    /// How many ranks there are, empty ones included.
    pub(crate) count: usize,
}

/// Ranks the nodes of `net`. With labels, arrows take two ranks: labels stand in the one between.
///
/// Of all rankings that cost the same, each node takes the earliest rank. There is one such ranking,
/// so a change of the graph changes no more of it than it must.
pub(crate) fn rank(net: &Net) -> Ranking {
    let step = if net.arrows.iter().any(|arrow| arrow.label.is_some()) { 2 } else { 1 };
    let (group, groups) = groups(net);
    let orders = |index: usize| {
        let arrow = &net.arrows[index];
        arrow.hints.constraint && group[arrow.from] != group[arrow.to]
    };
    let ordering: Vec<usize> = (0..net.arrows.len()).filter(|index| orders(*index)).collect();
    let ends: Vec<(usize, usize, f64)> = ordering
        .iter()
        .map(|index| {
            let arrow = &net.arrows[*index];
            (group[arrow.from], group[arrow.to], arrow.hints.weight)
        })
        .collect();
    let (firsts, lasts) = extremes(net, &group);
    let mut turned_pairs = acyclic::turned(groups, &ends);
    for (is_turned, (from, to, _)) in turned_pairs.iter_mut().zip(&ends) {
        // Nothing stands before the first rank or behind the last.
        if firsts.contains(to) || lasts.contains(from) {
            *is_turned = true;
        } else if firsts.contains(from) || lasts.contains(to) {
            *is_turned = false;
        }
    }
    let mut arcs: Vec<Arc> = Vec::with_capacity(ends.len());
    for ((index, (from, to, weight)), is_turned) in ordering.iter().zip(&ends).zip(&turned_pairs) {
        let (from, to) = if *is_turned { (*to, *from) } else { (*from, *to) };
        arcs.push(Arc {
            from: from as u32,
            to: to as u32,
            least: step * i64::from(net.arrows[*index].hints.min_len.min(1000)),
            weight: (weight.clamp(0.0, 1000.0) * ARROW_WEIGHT).round() as i64,
        });
    }
    let nodes = virtual_ranks(net, (&group, groups), &mut arcs);
    for (list, is_first) in [(&firsts, true), (&lasts, false)] {
        for extreme in list {
            for other in (0..groups).filter(|other| !list.contains(other)) {
                let (from, to) = if is_first { (*extreme, other) } else { (other, *extreme) };
                arcs.push(Arc { from: from as u32, to: to as u32, least: 0, weight: 0 });
            }
        }
    }
    earliest(groups, nodes, &mut arcs);
    let nodes = nodes + 1;
    let places = simplex::solve(nodes, &arcs, WORK / nodes, None);
    let mut rank: Vec<usize> = group.iter().map(|group| places[*group].max(0) as usize).collect();
    let least = rank.iter().copied().min().unwrap_or(0);
    rank.iter_mut().for_each(|rank| *rank -= least);
    let turned = net.arrows.iter().map(|arrow| rank[arrow.from] > rank[arrow.to]).collect();
    let count = rank.iter().copied().max().map_or(0, |last| last + 1);
    Ranking { rank, turned, count }
}

/// Makes the earliest of equal rankings the only best one: node number `nodes` holds all `groups`
/// by arcs that together weigh less than anything else.
fn earliest(groups: usize, nodes: usize, arcs: &mut Vec<Arc>) {
    // No cut of the tree has more than `groups` of them, so none outweighs what was there.
    let heavier = groups as i64 + 1;
    arcs.iter_mut().for_each(|arc| arc.weight *= heavier);
    let first = nodes as u32;
    arcs.extend((0..groups as u32).map(|to| Arc { from: first, to, least: 0, weight: 1 }));
}

/// Boxes that share a rank are one node here: the group of each box, and how many groups there are.
fn groups(net: &Net) -> (Vec<usize>, usize) {
    let mut joined = UnionFind::<usize>::new(net.nodes.len());
    for (_, group) in &net.ranks {
        for pair in group.windows(2) {
            joined.union(pair[0], pair[1]);
        }
    }
    let mut number = vec![usize::MAX; net.nodes.len()];
    let mut count = 0;
    let group = (0..net.nodes.len())
        .map(|node| {
            let root = joined.find(node);
            if number[root] == usize::MAX {
                number[root] = count;
                count += 1;
            }
            number[root]
        })
        .collect();
    (group, count)
}

/// The groups that are asked to stand in the first and in the last rank.
fn extremes(net: &Net, group: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let of = |wanted: RankKind| {
        let lists = net.ranks.iter().filter(|(kind, _)| *kind == wanted);
        let mut found: Vec<usize> =
            lists.filter_map(|(_, list)| list.first()).map(|node| group[*node]).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let (firsts, mut lasts) = (of(RankKind::First), of(RankKind::Last));
    lasts.retain(|last| !firsts.contains(last));
    (firsts, lasts)
}

/// Adds a first and a last rank for each cluster, held together by an arc; returns the node count.
fn virtual_ranks(net: &Net, (group, groups): (&[usize], usize), arcs: &mut Vec<Arc>) -> usize {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); net.clusters.len()];
    for (node, sized) in net.nodes.iter().enumerate() {
        for cluster in net.path(sized.cluster) {
            members[cluster].push(group[node]);
        }
    }
    let mut next = groups as u32;
    for list in &mut members {
        list.sort_unstable();
        list.dedup();
        if list.len() < 2 {
            continue;
        }
        let (first, last) = (next, next + 1);
        next += 2;
        for member in list {
            let member = *member as u32;
            arcs.push(Arc { from: first, to: member, least: 0, weight: 0 });
            arcs.push(Arc { from: member, to: last, least: 0, weight: 0 });
        }
        arcs.push(Arc { from: first, to: last, least: 0, weight: CLUSTER_WEIGHT });
    }
    next as usize
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::{SizedArrow, SizedBox, SizedCluster, SizedGraph};
    use super::super::frame::Frame;
    use super::*;

    fn ranks(clusters: &[Option<usize>], arrows: &[(usize, usize)]) -> Vec<usize> {
        let count = clusters.iter().flatten().max().map_or(0, |last| last + 1);
        let boxed = |cluster: &Option<usize>| SizedBox { cluster: *cluster, ..SizedBox::default() };
        let arrow = |(from, to): &(usize, usize)| SizedArrow {
            from: *from,
            to: *to,
            ..SizedArrow::default()
        };
        let graph = SizedGraph {
            boxes: clusters.iter().map(boxed).collect(),
            clusters: vec![SizedCluster::default(); count],
            arrows: arrows.iter().map(arrow).collect(),
            ..SizedGraph::default()
        };
        rank(&Net::parts(&graph, &Frame::new(&graph))[0]).rank
    }

    #[test]
    fn of_two_ranks_at_one_price_the_earlier_is_taken() {
        // Box 4 may stand behind 0 or before 3, and its two arrows are as long together.
        let arrows = [(0, 1), (1, 2), (2, 3), (0, 4), (4, 3)];
        assert_eq!(ranks(&[None; 5], &arrows), [0, 1, 2, 3, 1]);
    }

    #[test]
    fn clusters_are_held_together() {
        // Box 3, called from outside, would stand right behind 0.
        let arrows = [(0, 1), (1, 2), (2, 4), (0, 3), (3, 4)];
        let around = [None, None, None, Some(0), Some(0)];
        assert_eq!(ranks(&around, &arrows), [0, 1, 2, 2, 3]);
    }
}
