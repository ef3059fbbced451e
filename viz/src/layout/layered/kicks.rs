//! Leaves a good order by one block at a time, and comes back to a better one.
//!
//! Used by `order` when sweeps and sifting find nothing more: iterated local search (Lourenço, Martin,
//! Stützle 2003). A tangled block is put somewhere else in its list, what it is then tangled with finds
//! new places before it may move again, and what cost more in the end is undone. A kick looks at a few
//! blocks and not at the whole part, so hundreds take the time of a few starts.

use super::layers::Layers;
use super::sift::{Sifter, WISHES};

/// Work that all kicks of a part may do.
const WORK: u64 = 1_000_000;
/// Kicks in vain after which there are no more: so many, and so many for each tangled block.
const PATIENCE: (usize, usize) = (6, 2);
/// Rounds in which what a kick has disturbed may settle.
const ROUNDS: usize = 4;

/// Where blocks are kicked to, as shares of their list: all blocks to the first, then all to the next,
/// and so on. Drawing lots would do as well, but then a box more would change all that come after.
const SHARES: [f64; 9] = [0.0, 1.0, 0.5, 0.25, 0.75, 0.125, 0.375, 0.625, 0.875];

impl Sifter<'_> {
    /// Kicks blocks until the order costs nothing or nothing comes of it; `cost` is what the order in
    /// which `layers` stands costs, which stands in the best one afterwards.
    pub(super) fn kick(&mut self, layers: &mut Layers, places: &mut [u32], cost: u64) {
        let mut cost = cost as i64;
        let mut kept = (self.lists.clone(), layers.ranks.clone());
        let mut best = kept.clone();
        let mut tangled = self.tangled(layers, places);
        let limit = self.work + WORK;
        let (mut kicks, mut in_vain) = (0, 0);
        while cost > 0 && self.work < limit && in_vain < PATIENCE.0 + PATIENCE.1 * tangled.len() {
            in_vain += 1;
            if tangled.is_empty() {
                break;
            }
            let (list, block) = tangled[kicks % tangled.len()];
            let share = SHARES[kicks / tangled.len() % SHARES.len()];
            kicks += 1;
            let Some(home) = self.lists[list].iter().position(|it| *it == block) else { break };
            let to = ((self.lists[list].len() - 1) as f64 * share).round() as usize;
            if to == home {
                continue;
            }
            let mut saved = self.walk(layers, places, list, (home, to));
            saved += self.mend(layers, places, (list, block));
            self.work += layers.items.len() as u64 / 4;
            if saved < 0 {
                self.lists.clone_from(&kept.0);
                layers.ranks.clone_from(&kept.1);
                layers.write_places(places);
                continue;
            }
            // Another order of the same cost is taken: it may lead to a better one.
            cost -= saved;
            kept.0.clone_from(&self.lists);
            kept.1.clone_from(&layers.ranks);
            if saved > 0 {
                in_vain = 0;
                best.clone_from(&kept);
            }
            tangled = self.tangled(layers, places);
        }
        // Where it did not, the wandering was for nothing.
        (self.lists, layers.ranks) = best;
        layers.write_places(places);
    }

    /// Moves a block through its list; returns what that saves.
    fn walk(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        list: usize,
        (from, to): (usize, usize),
    ) -> i64 {
        let (mut at, mut saved) = (from, 0);
        while at != to {
            let next = if to > at { at + 1 } else { at - 1 };
            saved += self.exchange(layers, places, list, (at, next));
            at = next;
        }
        saved
    }

    /// Finds new places for what a block is tangled with, then for itself; returns what that saves.
    fn mend(&mut self, layers: &mut Layers, places: &mut [u32], kicked: (usize, u32)) -> i64 {
        let mut saved = 0;
        for _ in 0..ROUNDS {
            let mut gained = 0;
            let crossed = self.crossed(layers, places, kicked.1);
            for (list, block) in crossed {
                gained += self.sift(layers, places, list, block) / WISHES;
            }
            gained += self.sift(layers, places, kicked.0, kicked.1) / WISHES;
            saved += gained;
            if gained == 0 {
                break;
            }
        }
        saved
    }

    /// All tangled blocks with their lists.
    fn tangled(&mut self, layers: &Layers, places: &[u32]) -> Vec<(usize, u32)> {
        self.tangles.find(self.net, layers, (&self.gaps, places));
        self.work += layers.links.len() as u64;
        let of_list = |list: usize| self.lists[list].iter().map(move |block| (list, *block));
        let all = (0..self.lists.len()).flat_map(of_list);
        all.filter(|(list, block)| self.lists[*list].len() > 1 && self.is_tangled(*block)).collect()
    }

    /// The blocks whose links cross those of a block, with their lists, and the clusters around them.
    fn crossed(&mut self, layers: &Layers, places: &[u32], of: u32) -> Vec<(usize, u32)> {
        let mut found: Vec<(usize, u32)> = Vec::new();
        let mut is_found = vec![false; self.blocks.len()];
        is_found[of as usize] = true;
        let mut looked_at = 0;
        for item in self.items.of(&self.blocks[of as usize]) {
            let near = [&layers.links_in, &layers.links_out].map(|links| &links[*item as usize]);
            for link in near.into_iter().flatten().map(|link| &layers.links[*link as usize]) {
                let others = &self.gaps.links[layers.items[link.ends[0] as usize].rank];
                looked_at += others.len();
                let [from, to] = link.values(places);
                for other in others.iter().map(|other| &layers.links[*other as usize]) {
                    let [start, end] = other.values(places);
                    if (from < start && to > end) || (from > start && to < end) {
                        other.ends.iter().for_each(|end| {
                            self.add_around(layers, *end, &mut is_found, &mut found);
                        });
                    }
                }
            }
        }
        self.work += looked_at as u64 / 4;
        found
    }

    /// Adds the block of an item, and the clusters around it, innermost first.
    fn add_around(
        &self,
        layers: &Layers,
        item: u32,
        is_found: &mut [bool],
        found: &mut Vec<(usize, u32)>,
    ) {
        let mut block = self.block_of[item as usize];
        let mut cluster = layers.items[item as usize].cluster;
        while !std::mem::replace(&mut is_found[block as usize], true) {
            found.push((cluster.unwrap_or(self.net.clusters.len()), block));
            let Some(outer) = cluster else { break };
            block = self.first_cluster + outer as u32;
            cluster = self.net.clusters[outer].parent;
        }
    }
}
