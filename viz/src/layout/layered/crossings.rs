//! What an order of the ranks costs: crossings of links, and links that would cut through a cluster.
//!
//! Used by `order`, which tries to make it small.

use std::rc::Rc;

use super::layers::Layers;
use super::net::Net;

/// What a link through a foreign cluster costs, in crossings: it has to be led round it.
pub(crate) const CUT_COST: u64 = 24;

/// Pairs of two items' links up to which comparing all is faster than sorting.
pub(super) const FEW_PAIRS: usize = 16;

/// What lies in the gaps between ranks; the same for every order of the ranks.
#[derive(Debug)]
pub(crate) struct Gaps {
    /// Links of the gap behind each rank.
    pub(crate) links: Vec<Vec<u32>>,
    /// Clusters that span the gap behind each rank, with an item of theirs on either side.
    pub(crate) fences: Vec<Vec<Fence>>,
    /// An item of each cluster in each of its ranks.
    pub(crate) members: Vec<Vec<u32>>,
}

/// A cluster on both sides of a gap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fence {
    pub(crate) cluster: usize,
    pub(crate) items: [u32; 2],
}

impl Gaps {
    pub(crate) fn new(net: &Net, layers: &Layers) -> Gaps {
        let mut links = vec![Vec::new(); layers.ranks.len()];
        for (index, link) in layers.links.iter().enumerate() {
            links[layers.items[link.ends[0] as usize].rank].push(index as u32);
        }
        let members = members(net, layers);
        let mut fences: Vec<Vec<Fence>> = vec![Vec::new(); layers.ranks.len()];
        for (cluster, members) in members.iter().enumerate() {
            let first = layers.spans[cluster].first;
            for (offset, pair) in members.windows(2).enumerate() {
                fences[first + offset].push(Fence { cluster, items: [pair[0], pair[1]] });
            }
        }
        Gaps { links, fences, members }
    }
}

impl Fence {
    /// Whether `link` passes from one side of the cluster to its other, being none of its own.
    pub(crate) fn is_cut(&self, net: &Net, layers: &Layers, places: &[u32], link: u32) -> bool {
        let ends = layers.links[link as usize].ends;
        let is_before =
            |side: usize| places[ends[side] as usize] < places[self.items[side] as usize];
        let is_inside =
            |side: usize| net.is_in(layers.items[ends[side] as usize].cluster, self.cluster);
        is_before(0) != is_before(1) && !is_inside(0) && !is_inside(1)
    }
}

/// Counts crossings; keeps its working memory.
#[derive(Debug)]
pub(crate) struct Counter {
    gaps: Rc<Gaps>,
    ends: Vec<(u32, u32)>,
    tree: Vec<u32>,
    /// For each place of either rank, how many fences stand before it.
    before: [Vec<i32>; 2],
}

impl Counter {
    pub(crate) fn new(gaps: &Rc<Gaps>) -> Counter {
        Counter {
            gaps: Rc::clone(gaps),
            ends: Vec::new(),
            tree: Vec::new(),
            before: [Vec::new(), Vec::new()],
        }
    }

    /// The cost of the whole order; gives up early once it is above `limit`.
    pub(crate) fn cost(&mut self, net: &Net, layers: &Layers, places: &[u32], limit: u64) -> u64 {
        let mut sum = 0;
        for rank in 0..layers.ranks.len() {
            sum += self.crossings(layers, places, rank);
            sum += self.cuts(net, layers, places, rank) * CUT_COST;
            if sum > limit {
                break;
            }
        }
        sum
    }

    /// Crossings in the gap behind `rank`: inversions, counted in a binary indexed tree (Barth,
    /// Jünger, Mutzel, *Simple and Efficient Bilayer Cross Counting*, 2002).
    fn crossings(&mut self, layers: &Layers, places: &[u32], rank: usize) -> u64 {
        let links = &self.gaps.links[rank];
        if links.len() < 2 {
            return 0;
        }
        self.ends.clear();
        self.ends.extend(links.iter().map(|link| {
            let link = &layers.links[*link as usize];
            (value(places, link.ends[0], link.keys[0]), value(places, link.ends[1], link.keys[1]))
        }));
        self.ends.sort_unstable();
        // Few links: comparing all pairs is faster than any tree.
        if self.ends.len() <= 24 {
            let mut sum = 0;
            for (index, (a, b)) in self.ends.iter().enumerate() {
                sum += self.ends[..index].iter().filter(|(c, d)| c < a && d > b).count() as u64;
            }
            return sum;
        }
        let width = layers.ranks[rank + 1].len() * 64;
        self.tree.clear();
        self.tree.resize(width.next_power_of_two() + 1, 0);
        let (mut sum, mut counted, mut from) = (0u64, 0u64, 0);
        while from < self.ends.len() {
            let same =
                self.ends[from..].iter().take_while(|end| end.0 == self.ends[from].0).count();
            for (_, b) in &self.ends[from..from + same] {
                let (mut at, mut upto) = (*b as usize + 1, 0u64);
                while at > 0 {
                    upto += u64::from(self.tree[at]);
                    at &= at - 1;
                }
                sum += counted - upto;
            }
            for (_, b) in &self.ends[from..from + same] {
                let mut at = *b as usize + 1;
                while at < self.tree.len() {
                    self.tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                counted += 1;
            }
            from += same;
        }
        sum
    }

    /// Links behind `rank` that pass from one side of a foreign cluster to its other.
    ///
    /// Clusters stand in one order on both sides, so a link cuts as many as it has more before it on
    /// one side than on the other, its own left out: no cluster need be looked at.
    fn cuts(&mut self, net: &Net, layers: &Layers, places: &[u32], rank: usize) -> u64 {
        let fences = &self.gaps.fences[rank];
        if fences.is_empty() {
            return 0;
        }
        for (side, before) in self.before.iter_mut().enumerate() {
            before.clear();
            before.resize(layers.ranks[rank + side].len() + 1, 0);
            for fence in fences {
                before[places[fence.items[side] as usize] as usize + 1] += 1;
            }
            for place in 1..before.len() {
                before[place] += before[place - 1];
            }
        }
        let mut sum = 0;
        for link in &self.gaps.links[rank] {
            let ends = layers.links[*link as usize].ends;
            let at = ends.map(|end| places[end as usize]);
            let clusters = ends.map(|end| layers.items[end as usize].cluster);
            let mut more = self.before[0][at[0] as usize] - self.before[1][at[1] as usize];
            let of_later = net.path(clusters[1]).take_while(|it| !net.is_in(clusters[0], *it));
            for own in net.path(clusters[0]).chain(of_later) {
                let first = layers.spans[own].first;
                let Some(offset) = rank.checked_sub(first) else { continue };
                let [Some(one), Some(other)] =
                    [offset, offset + 1].map(|offset| self.gaps.members[own].get(offset))
                else {
                    continue;
                };
                more -= i32::from(places[*one as usize] < at[0]);
                more += i32::from(places[*other as usize] < at[1]);
            }
            sum += u64::from(more.unsigned_abs());
        }
        sum
    }
}

/// An item of each cluster in each of its ranks.
pub(crate) fn members(net: &Net, layers: &Layers) -> Vec<Vec<u32>> {
    let mut members: Vec<Vec<u32>> =
        layers.spans.iter().map(|span| vec![0; span.last + 1 - span.first]).collect();
    for (index, item) in layers.items.iter().enumerate() {
        for cluster in net.path(item.cluster) {
            // Bends inside a cluster stay within its span.
            let at = item.rank - layers.spans[cluster].first;
            members[cluster][at] = index as u32;
        }
    }
    members
}

/// Where a link meets its rank: by the place of its item, then by where it leaves the item.
pub(crate) fn value(places: &[u32], item: u32, key: u8) -> u32 {
    places[item as usize] * 64 + u32::from(key)
}

/// Pairs of the first list's and the second's values that cross, less those that cross the other way
/// round; both lists are sorted.
pub(crate) fn inversions([a, b]: &[Vec<u32>; 2]) -> i64 {
    let (mut now, mut then) = (0i64, 0i64);
    let (mut below, mut same) = (0, 0);
    for at in a {
        while b.get(below).is_some_and(|other| other < at) {
            below += 1;
        }
        same = same.max(below);
        while b.get(same).is_some_and(|other| other == at) {
            same += 1;
        }
        now += below as i64;
        then += (b.len() - same) as i64;
    }
    now - then
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::{SizedArrow, SizedBox, SizedCluster, SizedGraph};
    use super::super::frame::Frame;
    use super::super::rank::rank;
    use super::super::sift::Sifter;
    use super::*;

    /// A graph of 24 boxes, in clusters of four that stand in larger ones.
    fn nested() -> SizedGraph {
        let mut graph = SizedGraph::default();
        for index in 0..6 {
            let parent = (index % 3 != 0).then_some(index / 3 * 3);
            graph.clusters.push(SizedCluster { parent, ..SizedCluster::default() });
        }
        for index in 0..24 {
            let cluster = (index % 7 != 0).then_some(index / 4);
            graph.boxes.push(SizedBox { cluster, ..SizedBox::default() });
        }
        for index in 0..60 {
            let (from, to) = (index * 7 % 24, index * 11 % 24);
            graph.arrows.push(SizedArrow { from, to, ..SizedArrow::default() });
        }
        graph
    }

    #[test]
    fn cuts_are_as_many_as_each_cluster_and_link_by_themselves_say() {
        let graph = nested();
        let nets = Net::parts(&graph, &Frame::new(&graph));
        let mut seen = 0;
        for net in &nets {
            let mut layers = Layers::new(net, &rank(net), &vec![false; net.arrows.len()]);
            let gaps = Rc::new(Gaps::new(net, &layers));
            let (mut counter, mut places) = (Counter::new(&gaps), layers.places());
            let mut sifter = Sifter::new(net, &layers, &gaps);
            for seed in 1..40u64 {
                let key = |item: usize| ((item as u64 + 3) * seed * 2_654_435_761 % 1009) as f64;
                let keys: Vec<f64> = (0..layers.items.len()).map(key).collect();
                sifter.start(&mut layers, &mut places, &keys);
                for rank in 0..layers.ranks.len() {
                    let cut = |fence: &Fence| {
                        let links = gaps.links[rank].iter();
                        links.filter(|link| fence.is_cut(net, &layers, &places, **link)).count()
                    };
                    let one_by_one = gaps.fences[rank].iter().map(cut).sum::<usize>() as u64;
                    assert_eq!(counter.cuts(net, &layers, &places, rank), one_by_one);
                    seen += one_by_one;
                }
            }
        }
        assert!(seen > 100, "only {seen} cuts were compared");
    }
}
