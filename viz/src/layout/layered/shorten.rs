//! Brings arrows that go a long way round nearer to the straight way, where that costs few crossings.
//!
//! Used last of all that orders the ranks, once it is known where things stand across: a search that
//! counts nothing but crossings leads an arrow round the whole picture to save one.

use std::rc::Rc;

use super::across::Across;
use super::crossings::{APART, Counter, Gaps};
use super::layers::Layers;
use super::net::Net;
use super::search::MANY;
use super::sift::Sifter;

/// The way, in points, that is as bad as a crossing of two arrows: about two boxes.
const WORTH: f64 = 250.0;

/// The layers with such arrows led another way; `None` where there are none.
pub(super) fn shorten(net: &Net, layers: &Layers, across: &Across) -> Option<Layers> {
    // Where boxes stand by an earlier picture, arrows do as well; in a large graph nobody follows one.
    if net.previous.iter().any(Option::is_some) || layers.items.len() > MANY {
        return None;
    }
    let at = &across.items;
    let is_far = |arrow: &usize| {
        let chain = &layers.chains[*arrow];
        let ends = chain.first().zip(chain.last());
        way(chain, at) - ends.map_or(0.0, |(first, last)| way(&[*first, *last], at)) > WORTH
    };
    let far: Vec<usize> = (0..layers.chains.len()).filter(is_far).collect();
    if far.is_empty() {
        return None;
    }
    let mut layers = layers.clone();
    let gaps = Rc::new(Gaps::new(net, &layers));
    let (mut counter, mut places) = (Counter::new(&gaps), layers.places());
    let cost = counter.cost(net, &layers, &places, u64::MAX);
    let mut sifter = Sifter::new(net, &layers, &gaps);
    sifter.resume(&mut layers, &mut places);
    // Lists of blocks cannot say every order.
    if counter.cost(net, &layers, &places, cost) > cost {
        return None;
    }
    let mut at = at.clone();
    let mut has_moved = false;
    for arrow in far {
        let chain = layers.chains[arrow].clone();
        for block in sifter.of_arrow(&layers, arrow) {
            has_moved |= sifter.straighten(&mut layers, &mut places, &mut at, (&chain, block));
        }
    }
    has_moved.then_some(layers)
}

/// How far a chain leads across.
fn way(chain: &[u32], at: &[f64]) -> f64 {
    let length = |pair: &[u32]| (at[pair[1] as usize] - at[pair[0] as usize]).abs();
    chain.windows(2).map(length).sum()
}

impl Sifter<'_> {
    /// Moves a block of a chain to where its way and its crossings are least together; whether it did.
    ///
    /// `at` says where everything stands across. Nothing makes room there for the block: that it is
    /// led beside something is all that has to be known.
    fn straighten(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        at: &mut [f64],
        (chain, (list, block)): (&[u32], (usize, u32)),
    ) -> bool {
        let Some(home) = self.lists[list].iter().position(|it| *it == block) else { return false };
        let items = self.items.of(&self.blocks[block as usize]).to_vec();
        let own: Vec<f64> = items.iter().map(|item| at[*item as usize]).collect();
        let mut best = (way(chain, at), home, own.clone());
        let mut now = home;
        for is_later in [false, true] {
            self.carry(layers, places, list, (now, home));
            now = home;
            items.iter().zip(&own).for_each(|(item, own)| at[*item as usize] = *own);
            let mut saved = 0;
            while let Some(next) = if is_later { Some(now + 1) } else { now.checked_sub(1) }
                && let Some(passed) = self.lists[list].get(next).copied()
            {
                saved += self.exchange(layers, places, list, (now, next));
                now = next;
                for item in &items {
                    let edge = self.edge(layers, at, passed, (*item, is_later));
                    at[*item as usize] = edge.unwrap_or(at[*item as usize]);
                }
                let worth = way(chain, at) - saved as f64 * (WORTH / APART as f64);
                if worth < best.0 {
                    best = (worth, now, items.iter().map(|item| at[*item as usize]).collect());
                }
            }
        }
        self.carry(layers, places, list, (now, best.1));
        items.iter().zip(&best.2).for_each(|(item, to)| at[*item as usize] = *to);
        best.1 != home
    }

    /// The first or the last edge across of a block in the rank of an item; `None` where it has
    /// nothing there.
    fn edge(
        &self,
        layers: &Layers,
        at: &[f64],
        block: u32,
        (item, is_last): (u32, bool),
    ) -> Option<f64> {
        let block = &self.blocks[block as usize];
        let rank = layers.items[item as usize].rank;
        if !(block.first..block.end).contains(&rank) {
            return None;
        }
        let edges = self.items.at(block, rank).iter().map(|index| {
            let (item, at) = (&layers.items[*index as usize], at[*index as usize]);
            if is_last { at + item.after } else { at - item.before }
        });
        if is_last { edges.reduce(f64::max) } else { edges.reduce(f64::min) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::geometry::{Size, SizedArrow, SizedBox, SizedGraph};
    use super::super::frame::Frame;
    use super::super::rank::rank;
    use super::super::{across, ends};
    use super::*;

    /// Box 0 calls `count` boxes in one rank, the last five of which call one more, which 0 calls too:
    /// whether that arrow, led past all of them on the far side, is led back to the last ones.
    fn is_led_back(count: usize) -> bool {
        let last = count + 1;
        let sized = SizedBox { size: Size { width: 60.0, height: 60.0 }, ..SizedBox::default() };
        let arrow = |from: usize, to: usize| SizedArrow { from, to, ..SizedArrow::default() };
        let mut arrows: Vec<SizedArrow> = (1..last).map(|to| arrow(0, to)).collect();
        arrows.extend((count - 4..last).map(|from| arrow(from, last)));
        arrows.push(arrow(0, last));
        let boxes = vec![sized; count + 2];
        let graph = SizedGraph { boxes, arrows, ..SizedGraph::default() };
        let net = &Net::parts(&graph, &Frame::new(&graph))[0];
        let ranking = rank(net);
        let mut layers = Layers::new(net, &ranking, &vec![false; net.arrows.len()]);
        // The bend is made last; it comes to stand first.
        layers.ranks[1].rotate_right(1);
        let offsets = ends::offsets(net, &ranking, &layers);
        let across = across::place(net, &layers, &offsets, 16.0);
        let shorter = shorten(net, &layers, &across);
        shorter.is_some_and(|shorter| shorter.ranks[1].first() != layers.ranks[1].first())
    }

    #[test]
    fn an_arrow_that_goes_round_everything_is_led_back() {
        assert!(is_led_back(12));
    }

    #[test]
    fn an_arrow_that_goes_round_little_stays() {
        assert!(!is_led_back(5));
    }
}
