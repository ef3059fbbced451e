//! What it saves to exchange two neighbours of a list: blocks with all that is in them.
//!
//! Used by `sift`, which walks blocks through their lists by such exchanges, thousands of times.

use std::rc::Rc;

use super::blocks::Block;
use super::crossings::{CUT_COST, inversions};
use super::layers::Layers;
use super::sift::Sifter;

impl Sifter<'_> {
    /// Exchanges two neighbours of a list; returns what that saves.
    pub(super) fn exchange(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        list: usize,
        (at, next): (usize, usize),
    ) -> i64 {
        let low = at.min(next);
        let pair = [low, low + 1].map(|place| self.lists[list][place]);
        let saved = self.saving(layers, places, pair);
        self.turn(layers, places, list, low);
        saved
    }

    /// Moves a block through its list without asking what that saves.
    pub(super) fn carry(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        list: usize,
        (from, to): (usize, usize),
    ) {
        (from..to).for_each(|at| self.turn(layers, places, list, at));
        (to..from).rev().for_each(|at| self.turn(layers, places, list, at));
    }

    /// The ranks that two blocks share.
    fn shared_ranks(&self, pair: [u32; 2]) -> std::ops::Range<usize> {
        let [one, other] = pair.map(|block| self.spans[block as usize]);
        one.0.max(other.0) as usize..one.1.min(other.1) as usize
    }

    /// What it saves to exchange two blocks that are neighbours in their list.
    fn saving(&mut self, layers: &Layers, places: &[u32], pair: [u32; 2]) -> i64 {
        self.work += 1;
        let ranks = self.shared_ranks(pair);
        if ranks.is_empty() {
            return 0;
        }
        let [a, b] = pair;
        let [first, second] = pair.map(|block| self.blocks[block as usize]);
        if first.cluster.is_none() && second.cluster.is_none() {
            // Side by side from rank to rank nothing changes: only where they meet and part.
            let at = |rank: usize| [first, second].map(|block| self.items.at(&block, rank)[0]);
            let (meet, part) = (at(ranks.start), at(ranks.end - 1));
            return self.side(places, meet, false) + self.side(places, part, true);
        }
        let items = std::mem::take(&mut self.items);
        let mut gain = 0;
        for rank in ranks {
            for one in items.range(&first, rank) {
                for other in items.range(&second, rank) {
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
        gain += self.cuts(layers, places, (items.of(&first), &first, &second), true);
        gain += self.cuts(layers, places, (items.of(&second), &second, &first), false);
        self.items = items;
        gain
    }

    /// Exchanges the block at a place of a list and the next one, in the list and in all their ranks.
    fn turn(&mut self, layers: &mut Layers, places: &mut [u32], list: usize, low: usize) {
        let pair = [low, low + 1].map(|place| self.lists[list][place]);
        self.lists[list].swap(low, low + 1);
        let ranks = self.shared_ranks(pair);
        let [first, second] = pair.map(|block| &self.blocks[block as usize]);
        for rank in ranks {
            let (one, other) = (self.items.at(first, rank), self.items.at(second, rank));
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
    }

    /// What the links of two items on one side save after an exchange, where not both go on in their
    /// blocks.
    fn side(&mut self, places: &[u32], pair: [u32; 2], is_out: bool) -> i64 {
        let [a, b] = pair.map(|item| self.gaps.far(item, is_out));
        if a.is_empty() || b.is_empty() {
            return 0;
        }
        self.work += (a.len() + b.len()) as u64;
        self.gaps.exchanged(places, [a, b], &mut self.near)
    }

    /// Crossings of two items' links on one side: now, less those after an exchange of their blocks.
    fn pair(&mut self, layers: &Layers, places: &[u32], pair: [Mover; 2], is_out: bool) -> i64 {
        let gaps = Rc::clone(&self.gaps);
        let [a, b] = pair.map(|mover| gaps.far(mover.item, is_out));
        if a.is_empty() || b.is_empty() {
            return 0;
        }
        self.work += (a.len() + b.len()) as u64;
        if gaps.is_paired(a.len() * b.len()) {
            let mut gain = 0;
            for one in a {
                let stays = self.stays(layers, pair[0], one.item);
                for other in b {
                    // Both blocks go on side by side: what they do there is counted there.
                    if !(stays && self.stays(layers, pair[1], other.item)) {
                        gain += gaps.saved(places, (one, other));
                    }
                }
            }
            return gain;
        }
        let mut near = std::mem::take(&mut self.near);
        for (list, links) in near.iter_mut().zip([a, b]) {
            list.clear();
            list.extend(links.iter().map(|far| far.value(places)));
            list.sort_unstable();
        }
        let mut gain = inversions(&near);
        for ((list, links), mover) in near.iter_mut().zip([a, b]).zip(pair) {
            list.clear();
            let stays = links.iter().filter(|far| self.stays(layers, mover, far.item));
            list.extend(stays.map(|far| far.value(places)));
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
            let ends = [false, true].map(|is_out| self.gaps.far(*item, is_out));
            for far in ends.into_iter().flatten() {
                let other = far.item;
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
