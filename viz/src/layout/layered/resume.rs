//! Reads the lists of blocks out of an order of the ranks.
//!
//! Used by `order` wherever sifting goes on from an order that something else has found. A block comes
//! behind those that stand before it in any rank; where ranks contradict each other, or say nothing,
//! the mean of its places decides.

use super::layers::Layers;
use super::order::fractions;
use super::sift::Sifter;

impl Sifter<'_> {
    /// Takes the order in which `layers` stands, as far as lists can say it, and brings `layers` into
    /// the order of the lists.
    pub(super) fn resume(&mut self, layers: &mut Layers, places: &mut [u32]) {
        let keys = self.means(&fractions(layers));
        let (after, mut waits) = self.precedences(layers);
        for list in &mut self.lists {
            // From the smallest key on, whatever waits for nothing: lists are short.
            let mut left = std::mem::take(list);
            left.sort_by(|a, b| keys[*a as usize].total_cmp(&keys[*b as usize]));
            while !left.is_empty() {
                let free = left.iter().position(|block| waits[*block as usize] == 0).unwrap_or(0);
                let block = left.remove(free);
                waits[block as usize] = 0;
                for other in &after[block as usize] {
                    let waits = &mut waits[*other as usize];
                    *waits = waits.saturating_sub(1);
                }
                list.push(block);
            }
        }
        self.write(layers, places);
    }

    /// For each block those that come right behind it in a rank, and how often it comes behind one.
    fn precedences(&self, layers: &Layers) -> (Vec<Vec<u32>>, Vec<u32>) {
        let whole = self.net.clusters.len();
        let mut after: Vec<Vec<u32>> = vec![Vec::new(); self.blocks.len()];
        let mut waits = vec![0; self.blocks.len()];
        let mut last: Vec<Option<(usize, u32)>> = vec![None; self.lists.len()];
        for (rank, row) in layers.ranks.iter().enumerate() {
            for item in row {
                let mut block = self.block_of[*item as usize];
                let mut cluster = layers.items[*item as usize].cluster;
                loop {
                    let list = cluster.unwrap_or(whole);
                    let before = last[list].replace((rank, block));
                    match before.filter(|(other, _)| *other == rank) {
                        // The same cluster goes on, and with it all around it.
                        Some((_, before)) if before == block => break,
                        Some((_, before)) => {
                            after[before as usize].push(block);
                            waits[block as usize] += 1;
                        }
                        None => {}
                    }
                    let Some(outer) = cluster else { break };
                    block = self.first_cluster + outer as u32;
                    cluster = self.net.clusters[outer].parent;
                }
            }
        }
        (after, waits)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::super::geometry::{SizedArrow, SizedBox, SizedCluster, SizedGraph};
    use super::super::crossings::{Counter, Gaps};
    use super::super::frame::Frame;
    use super::super::net::Net;
    use super::super::rank::rank;
    use super::*;

    /// A graph of 24 boxes, half of them in four clusters, and many arrows.
    fn tangle() -> Net {
        let boxed = |index: usize| SizedBox {
            cluster: index.is_multiple_of(2).then_some(index / 6),
            ..SizedBox::default()
        };
        let arrow = |index: usize| SizedArrow {
            from: index * 7 % 24,
            to: index * 11 % 24,
            ..SizedArrow::default()
        };
        let graph = SizedGraph {
            boxes: (0..24).map(boxed).collect(),
            clusters: vec![SizedCluster::default(); 4],
            arrows: (0..60).map(arrow).collect(),
            ..SizedGraph::default()
        };
        let mut nets = Net::parts(&graph, &Frame::new(&graph));
        nets.sort_by_key(|net| net.nodes.len());
        nets.pop().unwrap_or_default()
    }

    #[test]
    fn an_order_that_lists_can_say_is_kept_and_kicks_make_it_better() {
        let net = &tangle();
        let mut layers = Layers::new(net, &rank(net), &vec![false; net.arrows.len()]);
        let gaps = Rc::new(Gaps::new(net, &layers));
        let (mut counter, mut places) = (Counter::new(&gaps), layers.places());
        let mut gained = 0;
        for seed in 1..20u64 {
            let key = |item: usize| ((item as u64 + 3) * seed * 2_654_435_761 % 1009) as f64;
            let keys: Vec<f64> = (0..layers.items.len()).map(key).collect();
            let mut sifter = Sifter::new(net, &layers, &gaps);
            sifter.start(&mut layers, &mut places, &keys);
            let before = (layers.ranks.clone(), counter.cost(net, &layers, &places, u64::MAX));
            let mut other = Sifter::new(net, &layers, &gaps);
            other.resume(&mut layers, &mut places);
            assert_eq!(layers.ranks, before.0);
            other.kick(&mut layers, &mut places, before.1);
            assert_eq!(places, layers.places());
            let after = counter.cost(net, &layers, &places, u64::MAX);
            assert!(after <= before.1, "{} after {}", after, before.1);
            gained += before.1 - after;
        }
        assert!(gained > 100, "{gained}");
    }
}
