//! Moves whole arrows, boxes and clusters past each other where that saves crossings.
//!
//! Used by `order` beside its sweeps. Here the order is one list for each cluster: of its boxes, of
//! the arrows that pass through it, each as one block over all its ranks, and of its child clusters.
//! Every block is tried at every place of its list (global sifting: Bachmaier, Brandenburg, Brunner,
//! Hübner, *Global k-Level Crossing Reduction*, 2011, with nested lists). An arrow then stays on one
//! side of a cluster by itself, and two clusters stand in one order in all ranks.

use std::rc::Rc;

use super::blocks::{Block, Items};
use super::crossings::{CUT_COST, FEW_PAIRS, Gaps, inversions, value};
use super::layers::{Kind, Layers};
use super::net::Net;
use super::tangles::Tangles;

/// What a crossing counts against two blocks that stand against their wishes.
pub(super) const WISHES: i64 = 1 << 20;

/// The blocks of a part.
pub(crate) struct Sifter<'a> {
    pub(super) net: &'a Net,
    pub(super) blocks: Vec<Block>,
    items: Items,
    /// First rank of each block, and the one behind its last.
    pub(super) spans: Vec<(u32, u32)>,
    /// The block that each item is of, in the list of its innermost cluster.
    block_of: Vec<u32>,
    pub(super) gaps: Rc<Gaps>,
    tangles: Tangles,
    /// For each cluster, and last for the whole, the blocks in it.
    pub(super) lists: Vec<Vec<u32>>,
    near: [Vec<u32>; 2],
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
        let key = |block: &Block| {
            let items = self.items.of(block).iter();
            let (sum, count) =
                items.fold((0.0, 0.0), |(sum, count), it| (sum + keys[*it as usize], count + 1.0));
            sum / f64::max(count, 1.0)
        };
        let keys: Vec<f64> = self.blocks.iter().map(key).collect();
        for list in &mut self.lists {
            list.sort_by(|a, b| keys[*a as usize].total_cmp(&keys[*b as usize]));
        }
        self.write(layers, places);
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
    fn is_tangled(&self, block: u32) -> bool {
        let block = &self.blocks[block as usize];
        match block.cluster {
            Some(cluster) => self.tangles.has_cluster(cluster),
            None => self.items.of(block).iter().any(|item| self.tangles.has_item(*item)),
        }
    }

    /// Sifts the blocks of one arrow only.
    pub(crate) fn run_arrow(&mut self, layers: &mut Layers, places: &mut [u32], arrow: usize) {
        let of_arrow = |item: &&u32| {
            matches!(layers.items[**item as usize].kind,
                Kind::Bend(of) | Kind::Label(of) if of == arrow)
        };
        let mut blocks: Vec<u32> = layers.chains[arrow]
            .iter()
            .filter(of_arrow)
            .map(|item| self.block_of[*item as usize])
            .collect();
        blocks.dedup();
        for block in blocks {
            let Some(item) = self.items.of(&self.blocks[block as usize]).first() else { continue };
            let list = layers.items[*item as usize].cluster.unwrap_or(self.net.clusters.len());
            self.sift(layers, places, list, block);
        }
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
        let (mut best, mut best_at, mut gain) = (0, home, 0);
        let mut at = home;
        // To the nearer end first: less to walk.
        let ways: [isize; 2] = if home * 2 < count { [-1, 1] } else { [1, -1] };
        for way in ways {
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
        while at != best_at {
            let next = if best_at > at { at + 1 } else { at - 1 };
            self.exchange(layers, places, list, (at, next));
            at = next;
        }
        best
    }

    /// Exchanges two neighbours of a list; returns what that saves.
    fn exchange(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        list: usize,
        (at, next): (usize, usize),
    ) -> i64 {
        let (low, high) = (at.min(next), at.max(next));
        let (a, b) = (self.lists[list][low], self.lists[list][high]);
        self.lists[list].swap(low, high);
        self.work += 1;
        let (one, other) = (self.spans[a as usize], self.spans[b as usize]);
        if one.0 >= other.1 || other.0 >= one.1 {
            return 0;
        }
        let items = std::mem::take(&mut self.items);
        let (first, second) = (&{ self.blocks[a as usize] }, &{ self.blocks[b as usize] });
        let ranks = first.first.max(second.first)..first.end.min(second.end);
        let mut gain = 0;
        if first.cluster.is_none() && second.cluster.is_none() {
            // Side by side from rank to rank nothing changes: only where they meet and part.
            let pair = |rank: usize| {
                let item = |block: &Block| items.at(block, rank)[0];
                let one = Mover { item: item(first), block: a, cluster: None };
                [one, Mover { item: item(second), block: b, cluster: None }]
            };
            gain += self.pair(layers, places, pair(ranks.start), false);
            gain += self.pair(layers, places, pair(ranks.end - 1), true);
        } else {
            for rank in ranks.clone() {
                for one in items.range(first, rank) {
                    for other in items.range(second, rank) {
                        let [leaves, others] = [one, other].map(|at| items.leaves(at));
                        let [one, other] = [one, other].map(|at| items.item(at));
                        let one = Mover { item: one, block: a, cluster: first.cluster };
                        let other = Mover { item: other, block: b, cluster: second.cluster };
                        // Links that both go on side by side cross as before.
                        if leaves[1] || others[1] {
                            gain += self.pair(layers, places, [one, other], true);
                        }
                        if leaves[0] || others[0] {
                            gain += self.pair(layers, places, [one, other], false);
                        }
                    }
                }
            }
            gain += self.cuts(layers, places, (items.of(first), first, second), true);
            gain += self.cuts(layers, places, (items.of(second), second, first), false);
        }
        for rank in ranks {
            let (one, other) = (items.at(first, rank), items.at(second, rank));
            if let ([one], [other]) = (one, other) {
                let (low, high) = (places[*one as usize], places[*other as usize]);
                layers.ranks[rank].swap(low as usize, high as usize);
                (places[*one as usize], places[*other as usize]) = (high, low);
                continue;
            }
            let from = one.iter().map(|item| places[*item as usize]).min().unwrap_or(0) as usize;
            let row = &mut layers.ranks[rank];
            row[from..from + one.len() + other.len()].rotate_left(one.len());
            for (place, item) in row.iter().enumerate().skip(from).take(one.len() + other.len()) {
                places[*item as usize] = place as u32;
            }
        }
        self.items = items;
        gain
    }

    /// Crossings of two items' links on one side: now, less those after an exchange of their blocks.
    fn pair(&mut self, layers: &Layers, places: &[u32], pair: [Mover; 2], is_out: bool) -> i64 {
        let far = usize::from(is_out);
        let links = if is_out { &layers.links_out } else { &layers.links_in };
        let [a, b] = pair.map(|mover| links[mover.item as usize].as_slice());
        if a.is_empty() || b.is_empty() {
            return 0;
        }
        self.work += (a.len() + b.len()) as u64;
        let end = |link: u32| {
            let link = &layers.links[link as usize];
            (link.ends[far], value(places, link.ends[far], link.keys[far]))
        };
        if a.len() * b.len() <= FEW_PAIRS {
            let mut gain = 0;
            for one in a {
                let one = end(*one);
                let stays = self.stays(layers, pair[0], one.0);
                for other in b {
                    let other = end(*other);
                    // Both blocks go on side by side: what they do there is counted there.
                    if !(stays && self.stays(layers, pair[1], other.0)) {
                        gain += i64::from(one.1 > other.1) - i64::from(one.1 < other.1);
                    }
                }
            }
            return gain;
        }
        let mut near = std::mem::take(&mut self.near);
        for (list, links) in near.iter_mut().zip([a, b]) {
            list.clear();
            list.extend(links.iter().map(|link| end(*link).1));
            list.sort_unstable();
        }
        let mut gain = inversions(&near);
        for ((list, links), mover) in near.iter_mut().zip([a, b]).zip(pair) {
            list.clear();
            let ends = links.iter().map(|link| end(*link));
            list.extend(ends.filter(|end| self.stays(layers, mover, end.0)).map(|end| end.1));
            list.sort_unstable();
        }
        gain -= inversions(&near);
        self.near = near;
        gain
    }

    /// Whether `end` is of the block that moves with `mover`.
    fn stays(&self, layers: &Layers, mover: Mover, end: u32) -> bool {
        match mover.cluster {
            Some(cluster) => self.net.is_in(layers.items[end as usize].cluster, cluster),
            None => self.block_of[end as usize] == mover.block,
        }
    }

    /// What is saved where the items of `block` change to the other side of the cluster `fence`,
    /// `is_before` saying on which side they are now.
    fn cuts(
        &self,
        layers: &Layers,
        places: &[u32],
        (items, block, fence): (&[u32], &Block, &Block),
        is_before: bool,
    ) -> i64 {
        let Some(cluster) = fence.cluster else { return 0 };
        let mut gain = 0;
        for item in items {
            let rank = layers.items[*item as usize].rank;
            if !(fence.first..fence.end).contains(&rank) {
                continue;
            }
            let out = layers.links_out[*item as usize].iter().map(|link| (link, 1));
            let into = layers.links_in[*item as usize].iter().map(|link| (link, 0));
            for (link, far) in out.chain(into) {
                let other = layers.links[*link as usize].ends[far];
                let end = &layers.items[other as usize];
                let stays = match block.cluster {
                    Some(cluster) => self.net.is_in(end.cluster, cluster),
                    None => self.block_of[other as usize] == self.block_of[*item as usize],
                };
                if stays
                    || !(fence.first..fence.end).contains(&end.rank)
                    || self.net.is_in(end.cluster, cluster)
                {
                    continue;
                }
                let member = self.gaps.members[cluster][end.rank - fence.first];
                let is_end_before = places[other as usize] < places[member as usize];
                gain += if is_end_before == is_before { -1 } else { 1 };
            }
        }
        gain * CUT_COST as i64
    }
}

/// An item with the block that it moves with.
#[derive(Clone, Copy)]
struct Mover {
    item: u32,
    block: u32,
    cluster: Option<usize>,
}
