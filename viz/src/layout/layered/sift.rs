//! Moves whole arrows, boxes and clusters past each other where that saves crossings.
//!
//! Used by `order` beside its sweeps. Here the order is one list for each cluster: of its boxes, of
//! the arrows that pass through it, each as one block over all its ranks, and of its child clusters.
//! Every block is tried at every place of its list (global sifting: Bachmaier, Brandenburg, Brunner,
//! Hübner, *Global k-Level Crossing Reduction*, 2011, with nested lists). An arrow then stays on one
//! side of a cluster by itself, and two clusters stand in one order in all ranks.

use std::rc::Rc;

use super::blocks::{Block, Items};
use super::crossings::Gaps;
use super::layers::{Kind, Layers};
use super::net::Net;
use super::tangles::Tangles;

/// What a crossing counts against two blocks that stand against their wishes.
pub(super) const WISHES: i64 = 1 << 20;

/// The blocks of a part.
pub(crate) struct Sifter<'a> {
    pub(super) net: &'a Net,
    pub(super) blocks: Vec<Block>,
    pub(super) items: Items,
    /// First rank of each block, and the one behind its last.
    pub(super) spans: Vec<(u32, u32)>,
    /// The block that each item is of, in the list of its innermost cluster.
    pub(super) block_of: Vec<u32>,
    /// The block that the first cluster is.
    pub(super) first_cluster: u32,
    pub(super) gaps: Rc<Gaps>,
    pub(super) tangles: Tangles,
    /// For each cluster, and last for the whole, the blocks in it.
    pub(super) lists: Vec<Vec<u32>>,
    pub(super) near: [Vec<u32>; 2],
    pub(crate) work: u64,
    /// Where each block would stand if only the order of the input counted; empty while that does
    /// not count.
    pub(super) wishes: Vec<usize>,
}

impl<'a> Sifter<'a> {
    pub(crate) fn new(net: &'a Net, layers: &Layers, gaps: &Rc<Gaps>) -> Self {
        let mut sifter = Sifter {
            net,
            blocks: Vec::new(),
            items: Items::default(),
            spans: Vec::new(),
            block_of: vec![0; layers.items.len()],
            first_cluster: 0,
            gaps: Rc::clone(gaps),
            tangles: Tangles::default(),
            lists: vec![Vec::new(); net.clusters.len() + 1],
            near: [Vec::new(), Vec::new()],
            work: 0,
            wishes: Vec::new(),
        };
        // Pieces of one arrow in neighbouring ranks and the same cluster are one block.
        let mut open: Vec<Option<u32>> = vec![None; net.arrows.len()];
        for (index, item) in layers.items.iter().enumerate() {
            let arrow = match item.kind {
                Kind::Bend(arrow) | Kind::Label(arrow) => Some(arrow),
                Kind::Box(_) | Kind::Holder => None,
            };
            let known = arrow.and_then(|arrow| open[arrow]).filter(|block| {
                // Pieces of an arrow are made one behind the other.
                let is_next = sifter.blocks[*block as usize].end == item.rank;
                is_next && layers.items[index - 1].cluster == item.cluster
            });
            let block =
                known.unwrap_or_else(|| sifter.add(item.cluster, None, (item.rank, item.rank)));
            sifter.blocks[block as usize].end += 1;
            sifter.block_of[index] = block;
            if let Some(arrow) = arrow {
                open[arrow] = Some(block);
            }
        }
        let first = sifter.blocks.len();
        sifter.first_cluster = first as u32;
        for (index, cluster) in net.clusters.iter().enumerate() {
            let span = layers.spans[index];
            sifter.add(cluster.parent, Some(index), (span.first, span.last + 1));
        }
        sifter.items = Items::of_blocks(net, layers, (&mut sifter.blocks, &sifter.block_of), first);
        let span = |block: &Block| (block.first as u32, block.end as u32);
        sifter.spans = sifter.blocks.iter().map(span).collect();
        sifter
    }

    fn add(
        &mut self,
        parent: Option<usize>,
        cluster: Option<usize>,
        (first, end): (usize, usize),
    ) -> u32 {
        let id = self.blocks.len() as u32;
        self.blocks.push(Block { cluster, first, end, ranks: 0 });
        self.lists[parent.unwrap_or(self.net.clusters.len())].push(id);
        id
    }

    /// The first item of a block.
    pub(super) fn first_item(&self, block: &Block) -> Option<u32> {
        self.items.of(block).first().copied()
    }

    /// Sorts all lists by the mean of their blocks' `keys`, and the ranks by the lists.
    pub(crate) fn start(&mut self, layers: &mut Layers, places: &mut [u32], keys: &[f64]) {
        let keys = self.means(keys);
        for list in &mut self.lists {
            list.sort_by(|a, b| keys[*a as usize].total_cmp(&keys[*b as usize]));
        }
        self.write(layers, places);
    }

    /// The mean of the `keys` of each block's items.
    pub(super) fn means(&self, keys: &[f64]) -> Vec<f64> {
        let mean = |block: &Block| {
            let items = self.items.of(block).iter();
            let (sum, count) =
                items.fold((0.0, 0.0), |(sum, count), it| (sum + keys[*it as usize], count + 1.0));
            sum / f64::max(count, 1.0)
        };
        self.blocks.iter().map(mean).collect()
    }

    /// Orders the ranks as the lists say.
    pub(super) fn write(&self, layers: &mut Layers, places: &mut [u32]) {
        layers.ranks.iter_mut().for_each(Vec::clear);
        let mut open: Vec<(usize, usize)> = vec![(self.net.clusters.len(), 0)];
        while let Some((list, next)) = open.last_mut() {
            let Some(block) = self.lists[*list].get(*next) else {
                open.pop();
                continue;
            };
            *next += 1;
            let block = &self.blocks[*block as usize];
            if let Some(cluster) = block.cluster {
                open.push((cluster, 0));
                continue;
            }
            for item in self.items.of(block) {
                let rank = &mut layers.ranks[layers.items[*item as usize].rank];
                places[*item as usize] = rank.len() as u32;
                rank.push(*item);
            }
        }
    }

    /// Sifts every block, round by round, until nothing helps or `limit` is used up.
    pub(crate) fn run(&mut self, layers: &mut Layers, places: &mut [u32], limit: u64) {
        for _ in 0..12 {
            let mut gained = 0;
            self.tangles.find(self.net, layers, (&self.gaps, places));
            self.work += layers.links.len() as u64;
            for list in (0..self.lists.len()).rev() {
                let blocks = self.lists[list].clone();
                for block in blocks {
                    if !self.is_tangled(block) {
                        continue;
                    }
                    if self.work > limit {
                        return;
                    }
                    gained += self.sift(layers, places, list, block);
                }
            }
            if gained == 0 {
                break;
            }
        }
    }

    /// Whether moving the block may save anything.
    pub(super) fn is_tangled(&self, block: u32) -> bool {
        let block = &self.blocks[block as usize];
        match block.cluster {
            Some(cluster) => self.tangles.has_cluster(cluster),
            None => self.items.of(block).iter().any(|item| self.tangles.has_item(*item)),
        }
    }

    /// Sifts the blocks of one arrow only.
    pub(crate) fn run_arrow(&mut self, layers: &mut Layers, places: &mut [u32], arrow: usize) {
        for (list, block) in self.of_arrow(layers, arrow) {
            self.sift(layers, places, list, block);
        }
    }

    /// The blocks of one arrow, with the lists that they are in.
    pub(super) fn of_arrow(&self, layers: &Layers, arrow: usize) -> Vec<(usize, u32)> {
        let of_arrow = |item: &&u32| {
            matches!(layers.items[**item as usize].kind,
                Kind::Bend(of) | Kind::Label(of) if of == arrow)
        };
        let items = layers.chains[arrow].iter().filter(of_arrow);
        let list = |item: &u32| layers.items[*item as usize].cluster;
        let mut blocks: Vec<(usize, u32)> = items
            .map(|item| {
                let list = list(item).unwrap_or(self.net.clusters.len());
                (list, self.block_of[*item as usize])
            })
            .collect();
        blocks.dedup();
        blocks
    }

    /// Moves one block to its best place; returns what that saves, a crossing being [`WISHES`].
    pub(super) fn sift(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        list: usize,
        block: u32,
    ) -> i64 {
        let Some(home) = self.lists[list].iter().position(|it| *it == block) else { return 0 };
        let count = self.lists[list].len();
        let (mut best, mut best_at) = (0, home);
        let mut at = home;
        // To the nearer end first: less to walk.
        let ways: [isize; 2] = if home * 2 < count { [-1, 1] } else { [1, -1] };
        for way in ways {
            // What it costs to go back is known.
            self.carry(layers, places, list, (at, home));
            at = home;
            let mut gain = 0;
            loop {
                let next = at as isize + way;
                if next < 0 || next >= count as isize {
                    break;
                }
                gain += self.wish(list, (at, next as usize));
                gain += self.exchange(layers, places, list, (at, next as usize)) * WISHES;
                at = next as usize;
                // Of equal places the nearest to home is taken, so that nothing moves for nothing.
                let is_nearer = at.abs_diff(home) < best_at.abs_diff(home);
                if gain > best || (gain == best && best > 0 && is_nearer) {
                    (best, best_at) = (gain, at);
                }
            }
        }
        self.carry(layers, places, list, (at, best_at));
        best
    }
}
