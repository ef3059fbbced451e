//! Which items have a link that crosses another, or that would cut through a cluster.
//!
//! Used by `sift`: moving a block of which no link does either cannot save anything, and in most
//! charts that is most of them.

use super::crossings::{Gaps, value};
use super::layers::Layers;
use super::net::Net;

/// What is tangled in one order.
#[derive(Debug, Default)]
pub(super) struct Tangles {
    items: Vec<bool>,
    /// Clusters with such an item in them, or in whose way a link is.
    clusters: Vec<bool>,
    ends: Vec<(u32, u32, u32)>,
}

impl Tangles {
    /// Finds them anew.
    pub(super) fn find(&mut self, net: &Net, layers: &Layers, (gaps, places): (&Gaps, &[u32])) {
        self.items.clear();
        self.items.resize(layers.items.len(), false);
        self.clusters.clear();
        self.clusters.resize(net.clusters.len(), false);
        for (rank, links) in gaps.links.iter().enumerate() {
            self.crossings(layers, places, links);
            for fence in &gaps.fences[rank] {
                for link in links {
                    if fence.is_cut(net, layers, places, *link) {
                        self.clusters[fence.cluster] = true;
                        self.mark(layers, *link);
                    }
                }
            }
        }
        for (index, item) in layers.items.iter().enumerate() {
            if self.items[index] {
                net.path(item.cluster).for_each(|cluster| self.clusters[cluster] = true);
            }
        }
    }

    /// Marks the ends of links that cross another one of the same gap.
    fn crossings(&mut self, layers: &Layers, places: &[u32], links: &[u32]) {
        let mut ends = std::mem::take(&mut self.ends);
        ends.clear();
        ends.extend(links.iter().map(|id| {
            let link = &layers.links[*id as usize];
            let at = |end: usize| value(places, link.ends[end], link.keys[end]);
            (at(0), at(1), *id)
        }));
        ends.sort_unstable();
        // The farthest end of all that begin before, then the nearest of all that begin behind.
        let mut far = 0;
        for group in ends.chunk_by(|a, b| a.0 == b.0) {
            for (_, end, link) in group {
                if *end < far {
                    self.mark(layers, *link);
                }
            }
            far = far.max(group.iter().map(|it| it.1).max().unwrap_or(0));
        }
        let mut near = u32::MAX;
        for group in ends.chunk_by(|a, b| a.0 == b.0).rev() {
            for (_, end, link) in group {
                if *end > near {
                    self.mark(layers, *link);
                }
            }
            near = near.min(group.iter().map(|it| it.1).min().unwrap_or(u32::MAX));
        }
        self.ends = ends;
    }

    fn mark(&mut self, layers: &Layers, link: u32) {
        layers.links[link as usize].ends.iter().for_each(|end| self.items[*end as usize] = true);
    }

    pub(super) fn has_item(&self, item: u32) -> bool {
        self.items[item as usize]
    }

    pub(super) fn has_cluster(&self, cluster: usize) -> bool {
        self.clusters[cluster]
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::{
        ArrowHints, SizedArrow, SizedBox, SizedCluster, SizedGraph,
    };
    use super::super::frame::Frame;
    use super::super::rank::rank;
    use super::*;

    /// The boxes and clusters that are tangled, boxes of a rank in the order of their numbers.
    fn tangled(boxes: usize, inside: &[usize], arrows: &[(usize, usize)]) -> (Vec<u32>, bool) {
        let every = vec![SizedBox::default(); boxes];
        let mut graph = SizedGraph { boxes: every, ..SizedGraph::default() };
        if !inside.is_empty() {
            graph.clusters.push(SizedCluster::default());
        }
        inside.iter().for_each(|index| graph.boxes[*index].cluster = Some(0));
        let arrow = |(from, to): &(usize, usize)| SizedArrow {
            from: *from,
            to: *to,
            // Otherwise the cluster would be kept in one rank.
            hints: ArrowHints { weight: 100.0, ..ArrowHints::default() },
            ..SizedArrow::default()
        };
        graph.arrows = arrows.iter().map(arrow).collect();
        let nets = Net::parts(&graph, &Frame::new(&graph));
        assert_eq!(nets.len(), 1);
        let net = &nets[0];
        let layers = Layers::new(net, &rank(net), &vec![false; arrows.len()]);
        let mut tangles = Tangles::default();
        tangles.find(net, &layers, (&Gaps::new(net, &layers), &layers.places()));
        let items = (0..boxes as u32).filter(|item| tangles.has_item(*item)).collect();
        (items, !inside.is_empty() && tangles.has_cluster(0))
    }

    #[test]
    fn what_crosses_is_found_and_nothing_else() {
        let crossing = [(0, 3), (1, 2), (0, 2), (1, 4)];
        assert_eq!(tangled(5, &[], &crossing), (vec![0, 1, 2, 3], false));
        assert_eq!(tangled(4, &[], &[(0, 2), (1, 3), (0, 3)]), (vec![], false));
    }

    #[test]
    fn what_would_cut_through_a_cluster_is_found() {
        // The arrow from 0 to 3 begins before the cluster of 1 and 2 and ends behind it.
        assert_eq!(tangled(4, &[1, 2], &[(0, 2), (0, 3), (1, 3)]), (vec![0, 3], true));
        assert_eq!(tangled(4, &[1, 3], &[(0, 2), (0, 3), (1, 3)]), (vec![], false));
    }
}
