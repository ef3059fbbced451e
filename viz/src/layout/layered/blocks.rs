//! What sifting moves: blocks, and the items that each of them takes along.
//!
//! Used by `sift`. A block is a box, the arrow pieces of one cluster, or a cluster with all that is in
//! it; the items of all blocks stand in one list, since a search makes thousands of these.

use super::layers::Layers;
use super::net::Net;

/// What is moved as one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) cluster: Option<usize>,
    /// Its first rank, and the one behind its last.
    pub(super) first: usize,
    pub(super) end: usize,
    /// Where in the list of ranks of all blocks its own begin.
    pub(super) ranks: usize,
}

/// The items of all blocks: of one block after the other, by rank, unordered within a rank.
#[derive(Clone, Debug, Default)]
pub(super) struct Items {
    /// Where the items of each rank of each block begin, and last where all end.
    starts: Vec<u32>,
    list: Vec<u32>,
    /// Of each item in the list, whether a link towards earlier ranks leaves the block, and one towards
    /// later ranks.
    leaves: Vec<[bool; 2]>,
}

impl Items {
    pub(super) fn of(&self, block: &Block) -> &[u32] {
        let [from, upto] = [0, block.end - block.first].map(|rank| self.starts[block.ranks + rank]);
        &self.list[from as usize..upto as usize]
    }

    /// The items of a block in one of its ranks.
    pub(super) fn at(&self, block: &Block, rank: usize) -> &[u32] {
        &self.list[self.range(block, rank)]
    }

    /// Which of all items those of a block in one of its ranks are.
    pub(super) fn range(&self, block: &Block, rank: usize) -> std::ops::Range<usize> {
        let start = block.ranks + rank - block.first;
        self.starts[start] as usize..self.starts[start + 1] as usize
    }

    /// One of all items, by number.
    pub(super) fn item(&self, at: usize) -> u32 {
        self.list[at]
    }

    /// Whether that item's links leave its block, towards earlier ranks and towards later ones.
    pub(super) fn leaves(&self, at: usize) -> [bool; 2] {
        self.leaves[at]
    }

    /// Lists the items of all blocks, and writes into each where its own begin; `block_of` says of
    /// which each item is by itself, clusters are the blocks from `first_cluster` on.
    pub(super) fn of_blocks(
        net: &Net,
        layers: &Layers,
        (blocks, block_of): (&mut [Block], &[u32]),
        first_cluster: usize,
    ) -> Items {
        let mut ranks = 0;
        for block in blocks.iter_mut() {
            block.ranks = ranks;
            ranks += block.end - block.first;
        }
        // The blocks that an item is in, with the clusters that they are, and its place in each.
        let slots = |index: usize| {
            let item = &layers.items[index];
            let own = std::iter::once((None, block_of[index] as usize));
            let around = net.path(item.cluster);
            let around = around.map(move |cluster| (Some(cluster), first_cluster + cluster));
            own.chain(around).map(|(cluster, block)| {
                let block = &blocks[block];
                (cluster, block.ranks + item.rank - block.first)
            })
        };
        let mut starts = vec![0u32; ranks + 1];
        (0..layers.items.len()).flat_map(slots).for_each(|(_, slot)| starts[slot + 1] += 1);
        for slot in 0..ranks {
            starts[slot + 1] += starts[slot];
        }
        let mut next = starts.clone();
        let count = starts[ranks] as usize;
        let (mut list, mut leaves) = (vec![0; count], vec![[false; 2]; count]);
        for index in 0..layers.items.len() {
            let links = [&layers.links_in[index], &layers.links_out[index]];
            for (cluster, slot) in slots(index) {
                let is_out = |end: usize| match cluster {
                    Some(cluster) => !net.is_in(layers.items[end].cluster, cluster),
                    None => block_of[end] != block_of[index],
                };
                let far = |side: usize, link: &u32| layers.links[*link as usize].ends[side];
                let at = next[slot] as usize;
                next[slot] += 1;
                list[at] = index as u32;
                leaves[at] = [0, 1]
                    .map(|side| links[side].iter().any(|link| is_out(far(side, link) as usize)));
            }
        }
        Items { starts, list, leaves }
    }
}
