//! What an order of the ranks costs: crossings of links, and links that would cut through a cluster.
//!
//! Used by `order`, which tries to make it small.

use std::cmp::Ordering;
use std::rc::Rc;

use super::layers::Layers;
use super::net::Net;
use super::search::MANY;

/// What a crossing costs of two arrows that have no box in common, and of two that have: the eye
/// takes those for one bundle.
pub(super) const APART: u64 = 4;
const TOGETHER: u64 = 1;
/// What a link through a foreign cluster costs: it has to be led round it. As much as a few crossings;
/// a search for which it is out of the question does not find what lies behind such an order.
pub(crate) const CUT_COST: u64 = 6 * APART;

/// Pairs of two items' links up to which comparing all is faster than sorting.
const FEW_PAIRS: usize = 16;

/// What lies in the gaps between ranks; the same for every order of the ranks.
#[derive(Debug)]
pub(crate) struct Gaps {
    /// Links of the gap behind each rank.
    pub(crate) links: Vec<Vec<u32>>,
    /// Clusters that span the gap behind each rank, with an item of theirs on either side.
    pub(crate) fences: Vec<Vec<Fence>>,
    /// An item of each cluster in each of its ranks.
    pub(crate) members: Vec<Vec<u32>>,
    /// Far ends of the links of each item towards earlier ranks and towards later ones, packed.
    far: [Vec<Far>; 2],
    first: [Vec<u32>; 2],
    /// Whether crossings cost by their arrows; in a large graph all cost the same.
    weighs: bool,
}

/// The far end of a link, seen from its other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Far {
    pub(crate) item: u32,
    key: u32,
    tips: [u32; 2],
}

impl Far {
    /// Where it meets its rank.
    pub(crate) fn value(&self, places: &[u32]) -> u32 {
        places[self.item as usize] * 64 + self.key
    }
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
        let (mut far, mut first) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for (side, lists) in [&layers.links_in, &layers.links_out].into_iter().enumerate() {
            far[side].reserve(layers.links.len());
            for list in lists {
                first[side].push(far[side].len() as u32);
                far[side].extend(list.iter().map(|link| {
                    let link = &layers.links[*link as usize];
                    Far { item: link.ends[side], key: u32::from(link.keys[side]), tips: link.tips }
                }));
            }
            first[side].push(far[side].len() as u32);
        }
        let weighs = layers.items.len() <= MANY;
        Gaps { links, fences, members, far, first, weighs }
    }

    /// The far ends of the links of an item, towards later ranks or towards earlier ones.
    pub(crate) fn far(&self, item: u32, is_out: bool) -> &[Far] {
        let (side, item) = (usize::from(is_out), item as usize);
        &self.far[side][self.first[side][item] as usize..self.first[side][item + 1] as usize]
    }

    /// What a crossing of two arrows costs.
    pub(crate) fn price(&self, [a, b]: [u32; 2], [c, d]: [u32; 2]) -> u64 {
        if self.weighs && (a == c || a == d || b == c || b == d) { TOGETHER } else { APART }
    }

    /// What is saved by exchanging two items whose links lead to these far ends.
    pub(crate) fn saved(&self, places: &[u32], (one, other): (&Far, &Far)) -> i64 {
        let (a, b) = (one.value(places), other.value(places));
        match a.cmp(&b) {
            Ordering::Equal => 0,
            Ordering::Greater => self.price(one.tips, other.tips) as i64,
            Ordering::Less => -(self.price(one.tips, other.tips) as i64),
        }
    }

    /// What two items' links on one side save where the items change places; `near` is room to work in.
    pub(crate) fn exchanged(
        &self,
        places: &[u32],
        [a, b]: [&[Far]; 2],
        near: &mut [Vec<u32>; 2],
    ) -> i64 {
        if self.is_paired(a.len() * b.len()) {
            let pairs = a.iter().flat_map(|one| b.iter().map(move |other| (one, other)));
            return pairs.map(|pair| self.saved(places, pair)).sum();
        }
        for (near, links) in near.iter_mut().zip([a, b]) {
            near.clear();
            near.extend(links.iter().map(|far| far.value(places)));
            near.sort_unstable();
        }
        inversions(near)
    }

    /// Whether what pairs of links cost is best found out by looking at each of them.
    pub(crate) fn is_paired(&self, pairs: usize) -> bool {
        self.weighs || pairs <= FEW_PAIRS
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
    ends: Vec<(u32, u32, [u32; 2])>,
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
            let at = |end: usize| value(places, link.ends[end], link.keys[end]);
            (at(0), at(1), link.tips)
        }));
        self.ends.sort_unstable();
        // Few links: comparing all pairs is faster than any tree.
        if self.gaps.weighs || self.ends.len() <= 24 {
            let mut sum = 0;
            for (index, (a, b, tips)) in self.ends.iter().enumerate() {
                let crossed = self.ends[..index].iter().filter(|(c, d, _)| c < a && d > b);
                sum += crossed.map(|(.., others)| self.gaps.price(*tips, *others)).sum::<u64>();
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
            for (_, b, _) in &self.ends[from..from + same] {
                let (mut at, mut upto) = (*b as usize + 1, 0u64);
                while at > 0 {
                    upto += u64::from(self.tree[at]);
                    at &= at - 1;
                }
                sum += counted - upto;
            }
            for (_, b, _) in &self.ends[from..from + same] {
                let mut at = *b as usize + 1;
                while at < self.tree.len() {
                    self.tree[at] += 1;
                    at += at & at.wrapping_neg();
                }
                counted += 1;
            }
            from += same;
        }
        sum * APART
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

/// What pairs of the first list's and the second's values cost that cross, less those that cross the
/// other way round; both lists are sorted, all crossings cost the same.
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
    (now - then) * APART as i64
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
