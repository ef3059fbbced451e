//! Exchanges neighbours in a rank as long as that saves crossings.
//!
//! Used by `order` after each sweep. What is exchanged are two items of one cluster, or an item and
//! a whole cluster beside it; two clusters never, because their order runs through all their ranks.

use std::rc::Rc;

use super::crossings::{CUT_COST, Gaps};
use super::layers::Layers;
use super::net::Net;

/// Rounds over all ranks.
const ROUNDS: usize = 10;

/// The exchanges of one part.
pub(crate) struct Swaps<'a> {
    net: &'a Net,
    gaps: Rc<Gaps>,
    work: u64,
    least: i64,
    near: [Vec<u32>; 2],
}

/// A run of neighbours in a rank that moves as one.
#[derive(Clone, Copy)]
struct Run {
    from: usize,
    upto: usize,
    cluster: Option<usize>,
}

impl<'a> Swaps<'a> {
    pub(crate) fn new(net: &'a Net, gaps: &Rc<Gaps>) -> Self {
        let near = [Vec::new(), Vec::new()];
        Swaps { net, gaps: Rc::clone(gaps), work: 0, least: 1, near }
    }

    /// Exchanges until nothing helps or `limit` is used up; returns the work done.
    ///
    /// With `moves_equal`, first every exchange is made that costs nothing, which may open a way to
    /// others.
    pub(crate) fn run(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        (limit, moves_equal): (u64, bool),
    ) -> u64 {
        self.least = if moves_equal { 0 } else { 1 };
        self.work = 0;
        let count = layers.ranks.len();
        let mut is_due = vec![true; count];
        for _ in 0..ROUNDS {
            let mut has_changed = false;
            for rank in 0..count {
                let is_due_now = std::mem::take(&mut is_due[rank]);
                if !(is_due_now || self.least == 0) || self.work > limit {
                    continue;
                }
                if self.rank(layers, places, rank) {
                    has_changed = true;
                    let near = rank.saturating_sub(1)..(rank + 2).min(count);
                    near.for_each(|near| is_due[near] = true);
                }
            }
            if !has_changed && self.least == 1 {
                break;
            }
            self.least = 1;
        }
        self.work
    }

    /// One pass over one rank.
    fn rank(&mut self, layers: &mut Layers, places: &mut [u32], rank: usize) -> bool {
        let mut has_changed = false;
        let mut at = 1;
        while at < layers.ranks[rank].len() {
            let Some((a, b)) = self.runs(layers, rank, at) else {
                at += 1;
                continue;
            };
            let gain = self.gain(layers, places, rank, (a, b));
            if gain >= self.least {
                layers.ranks[rank][a.from..b.upto].rotate_left(a.upto - a.from);
                for place in a.from..b.upto {
                    places[layers.ranks[rank][place] as usize] = place as u32;
                }
                has_changed = true;
            }
            at += 1;
        }
        has_changed
    }

    /// The two runs that meet at `at`, unless both are clusters.
    fn runs(&self, layers: &Layers, rank: usize, at: usize) -> Option<(Run, Run)> {
        let items = &layers.ranks[rank];
        let cluster = |place: usize| layers.items[items[place] as usize].cluster;
        let (a, b) = (cluster(at - 1), cluster(at));
        if a == b {
            let run = |from: usize| Run { from, upto: from + 1, cluster: None };
            return Some((run(at - 1), run(at)));
        }
        let shared = self.net.shared(a, b);
        let inner = |of: Option<usize>| self.net.child_towards(shared, of);
        let (a, b) = (inner(a), inner(b));
        match (a, b) {
            (Some(outer), None) => {
                let is_in = |place: &usize| self.net.is_in(cluster(*place), outer);
                let from = (0..at).rev().take_while(is_in).last()?;
                let first = Run { from, upto: at, cluster: a };
                Some((first, Run { from: at, upto: at + 1, cluster: None }))
            }
            (None, Some(outer)) => {
                let is_in = |place: &usize| self.net.is_in(cluster(*place), outer);
                let upto = (at..items.len()).take_while(is_in).last()? + 1;
                let first = Run { from: at - 1, upto: at, cluster: None };
                Some((first, Run { from: at, upto, cluster: b }))
            }
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// How much is saved by exchanging `a` and `b`.
    fn gain(&mut self, layers: &Layers, places: &[u32], rank: usize, (a, b): (Run, Run)) -> i64 {
        let mut gain = 0;
        for first in a.from..a.upto {
            for second in b.from..b.upto {
                let pair = [layers.ranks[rank][first], layers.ranks[rank][second]];
                gain += self.pair(places, pair, true);
                gain += self.pair(places, pair, false);
            }
        }
        match (a.cluster, b.cluster) {
            (Some(cluster), None) => {
                let item = layers.ranks[rank][b.from];
                gain + self.cuts(layers, places, item, (cluster, false))
            }
            (None, Some(cluster)) => {
                let item = layers.ranks[rank][a.from];
                gain + self.cuts(layers, places, item, (cluster, true))
            }
            (None, None) | (Some(_), Some(_)) => gain,
        }
    }

    /// Crossings of two items' links on one side: now, less those after an exchange.
    fn pair(&mut self, places: &[u32], pair: [u32; 2], is_out: bool) -> i64 {
        let [a, b] = pair.map(|item| self.gaps.far(item, is_out));
        self.work += (a.len() + b.len()) as u64;
        self.gaps.exchanged(places, [a, b], &mut self.near)
    }

    /// What is saved where `item` changes to the other side of `cluster`: links that stay on one
    /// side of it in the ranks that it spans can be drawn.
    fn cuts(
        &self,
        layers: &Layers,
        places: &[u32],
        item: u32,
        (cluster, is_before): (usize, bool),
    ) -> i64 {
        let span = layers.spans[cluster];
        let mut gain = 0;
        let out = layers.links_out[item as usize].iter().map(|link| (link, 1));
        let into = layers.links_in[item as usize].iter().map(|link| (link, 0));
        for (link, far) in out.chain(into) {
            let other = layers.links[*link as usize].ends[far];
            let far = &layers.items[other as usize];
            if !(span.first..=span.last).contains(&far.rank) || self.net.is_in(far.cluster, cluster)
            {
                continue;
            }
            let fence = self.gaps.members[cluster][far.rank - span.first];
            let is_far_before = places[other as usize] < places[fence as usize];
            gain += if is_far_before == is_before { -1 } else { 1 };
        }
        gain * CUT_COST as i64
    }
}
