//! Lets the order of the input decide where crossings do not.
//!
//! Used by `order` at the end. Which of many equally good orders a search comes upon is luck, and
//! another box may bring another one. So clusters, and the picture as a whole, are turned over until
//! their first two boxes that share a rank stand as in the input, and blocks go to the place among
//! equal ones where fewest stand against the input. Both also find some crossings that can be saved.

use std::collections::HashMap;

use super::blocks::Block;
use super::crossings::Counter;
use super::layers::{Kind, Layers};
use super::net::Net;
use super::sift::Sifter;

/// Rounds over all clusters and blocks.
const ROUNDS: usize = 6;

impl Sifter<'_> {
    /// Settles the order of the lists, unless `limit` is used up before; returns the order before any
    /// block has gone to another place, when clusters and the whole have been turned over.
    pub(super) fn settle(&mut self, layers: &mut Layers, places: &mut [u32], limit: u64) -> Layers {
        let pairs = first_pairs(self.net, layers);
        let mut counter = Counter::new(&self.gaps);
        self.wishes = self.wishes(layers);
        let mut has_changed = self.turn_over(layers, places, (&mut counter, &pairs), limit);
        let turned = layers.clone();
        for _ in 0..ROUNDS {
            for list in (0..self.lists.len()).rev() {
                for block in self.lists[list].clone() {
                    if self.work > limit {
                        break;
                    }
                    has_changed |= self.sift(layers, places, list, block) > 0;
                }
            }
            if !has_changed {
                break;
            }
            has_changed = self.turn_over(layers, places, (&mut counter, &pairs), limit);
        }
        self.wishes.clear();
        turned
    }

    /// By how much an exchange of two neighbours of a list comes nearer to the order of the input.
    pub(super) fn wish(&self, list: usize, (at, next): (usize, usize)) -> i64 {
        if self.wishes.is_empty() {
            return 0;
        }
        let (low, high) = (at.min(next), at.max(next));
        let [a, b] = [low, high].map(|place| self.lists[list][place] as usize);
        let (one, other) = (self.spans[a], self.spans[b]);
        if one.0 >= other.1 || other.0 >= one.1 {
            return 0;
        }
        let (a, b) = (self.wishes[a], self.wishes[b]);
        i64::from(a > b) - i64::from(a < b)
    }

    /// For each block a number in the order of the input: a box, the earlier end of an arrow, the
    /// first box of a cluster.
    fn wishes(&self, layers: &Layers) -> Vec<usize> {
        let net = self.net;
        let mut first = vec![usize::MAX; net.clusters.len()];
        for (node, sized) in net.nodes.iter().enumerate() {
            net.path(sized.cluster).for_each(|cluster| first[cluster] = first[cluster].min(node));
        }
        let wish = |block: &Block| {
            let item = self.first_item(block);
            match (block.cluster, item.map(|item| layers.items[item as usize].kind)) {
                (Some(cluster), _) => first[cluster],
                (None, Some(Kind::Box(node))) => node,
                (None, Some(Kind::Bend(arrow) | Kind::Label(arrow))) => {
                    net.arrows[arrow].from.min(net.arrows[arrow].to)
                }
                (None, Some(Kind::Holder) | None) => 0,
            }
        };
        self.blocks.iter().map(wish).collect()
    }

    /// Turns clusters over, with all that is in them, where that saves crossings, or costs none and
    /// brings their first pair into the order of the input.
    fn turn_over(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        (counter, pairs): (&mut Counter, &[Option<(usize, usize)>]),
        limit: u64,
    ) -> bool {
        let mut has_changed = false;
        let mut cost = counter.cost(self.net, layers, places, u64::MAX);
        for (list, pair) in pairs.iter().enumerate().rev() {
            let Some((first, second)) = *pair else { continue };
            if self.work > limit {
                break;
            }
            self.work += 2 * (layers.links.len() + layers.items.len()) as u64;
            let is_right = places[first] < places[second];
            self.reverse(list);
            self.write(layers, places);
            let turned = counter.cost(self.net, layers, places, cost);
            if turned < cost || (turned == cost && !is_right) {
                cost = turned;
                has_changed = true;
            } else {
                self.reverse(list);
                self.write(layers, places);
            }
        }
        has_changed
    }

    /// Turns round a list and those of all clusters in it.
    fn reverse(&mut self, list: usize) {
        let mut open = vec![list];
        while let Some(list) = open.pop() {
            self.lists[list].reverse();
            let inner = self.lists[list].iter();
            open.extend(inner.filter_map(|block| self.blocks[*block as usize].cluster));
        }
    }
}

/// For each cluster, and last for the whole, its first box that shares a rank with a later one, and
/// the first of those. The two are of different blocks of it: what stands within one of its clusters
/// is for that one to decide.
fn first_pairs(net: &Net, layers: &Layers) -> Vec<Option<(usize, usize)>> {
    let whole = net.clusters.len();
    let mut pairs: Vec<Option<(usize, usize)>> = vec![None; whole + 1];
    let mut first_in_rank = HashMap::new();
    for (node, sized) in net.nodes.iter().enumerate() {
        // The block that the box is of: itself in its own cluster, then each cluster in the next one.
        let mut block = None;
        for list in net.path(sized.cluster).chain([whole]) {
            let rank = layers.items[node].rank;
            let (first, first_block) = *first_in_rank.entry((list, rank)).or_insert((node, block));
            let is_other = first != node && (block.is_none() || first_block != block);
            if is_other && pairs[list].is_none_or(|(known, _)| first < known) {
                pairs[list] = Some((first, node));
            }
            block = Some(list);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::super::geometry::{SizedArrow, SizedBox, SizedCluster, SizedGraph};
    use super::super::crossings::Gaps;
    use super::super::frame::Frame;
    use super::super::order::fractions;
    use super::super::rank::rank;
    use super::*;

    /// The ranks of a graph of `boxes` boxes in one cluster, after settling from the order turned
    /// over, boxes by number.
    fn settled(boxes: usize, arrows: &[(usize, usize)]) -> Vec<Vec<u32>> {
        let boxed = SizedBox { cluster: Some(0), ..SizedBox::default() };
        let arrow = |(from, to): &(usize, usize)| SizedArrow {
            from: *from,
            to: *to,
            ..SizedArrow::default()
        };
        let graph = SizedGraph {
            boxes: vec![boxed; boxes],
            clusters: vec![SizedCluster::default()],
            arrows: arrows.iter().map(arrow).collect(),
            ..SizedGraph::default()
        };
        let net = &Net::parts(&graph, &Frame::new(&graph))[0];
        let mut layers = Layers::new(net, &rank(net), &vec![false; arrows.len()]);
        layers.ranks.iter_mut().for_each(|rank| rank.reverse());
        let gaps = Rc::new(Gaps::new(net, &layers));
        let (keys, mut places) = (fractions(&layers), layers.places());
        let mut sifter = Sifter::new(net, &layers, &gaps);
        sifter.start(&mut layers, &mut places, &keys);
        sifter.settle(&mut layers, &mut places, u64::MAX);
        layers.ranks
    }

    #[test]
    fn what_crosses_nothing_stands_as_in_the_input() {
        assert_eq!(settled(4, &[(0, 1), (0, 2), (0, 3)]), [vec![0], vec![1, 2, 3]]);
        let two = [(0, 1), (0, 2), (1, 4), (1, 3), (2, 5)];
        assert_eq!(settled(6, &two), [vec![0], vec![1, 2], vec![3, 4, 5]]);
    }

    #[test]
    fn crossings_count_more_than_the_input() {
        let ranks = settled(5, &[(0, 1), (0, 2), (1, 4), (2, 3)]);
        assert_eq!(ranks, [vec![0], vec![1, 2], vec![4, 3]]);
    }
}
