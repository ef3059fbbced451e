//! The order of the items in every rank, so that few links cross.
//!
//! Sixth step of the layered layout: `search` looks for a good order, here it is tried how arrows had
//! better pass the clusters of their ends, and `settle` brings the best near to the input.

use std::rc::Rc;

use super::crossings::{APART, Counter, Gaps};
use super::layers::{Kind, Layers};
use super::net::Net;
use super::rank::Ranking;
use super::search::{MANY, Search, search};
use super::sift::Sifter;

/// Work that may be spent on trying whether arrows leave their clusters.
const LEAVING_WORK: u64 = 200_000;
/// Work that may be spent on bringing the best order near that of the input.
const SETTLING_WORK: u64 = 300_000;

/// The layers of a ranked part in the best order that was found, and in others that are as good: the
/// nearest to the order of the input first.
///
/// Where clusters are, it is also tried whether arrows had better leave them at once: first all of
/// them, then one by one.
pub(crate) fn order(net: &Net, ranking: &Ranking) -> (Layers, Vec<Layers>) {
    let (best, cost) = fewest(net, ranking);
    // Nobody finds a box of a large graph by where it stands in the file.
    let is_large = best.items.len() > MANY;
    let has_previous = net.previous.iter().any(Option::is_some);
    let keeps = has_previous || is_large;
    let settled = if keeps { Vec::new() } else { settled(net, &best, cost) };
    (best, settled)
}

/// The layers in the best order that was found, and what it costs.
fn fewest(net: &Net, ranking: &Ranking) -> (Layers, u64) {
    let mut leaves = vec![false; net.arrows.len()];
    let mut best = Layers::new(net, ranking, &leaves);
    let mut work = 0;
    let mut cost = search(net, &mut best, &mut work);
    let passes = |index: &usize| {
        let chain = &best.chains[*index];
        let arrow = &net.arrows[*index];
        let clusters = [arrow.from, arrow.to].map(|end| net.nodes[end].cluster);
        let shared = net.shared(clusters[0], clusters[1]);
        chain.len() > 2
            && chain[1..chain.len() - 1]
                .iter()
                .any(|item| best.items[*item as usize].cluster != shared)
    };
    let candidates: Vec<usize> = (0..net.arrows.len()).filter(passes).collect();
    if cost == 0 || net.previous.iter().any(Option::is_some) {
        return (best, cost);
    }
    if candidates.is_empty() {
        cost = kicked(net, &mut best, cost);
        return (best, cost);
    }
    let all = vec![true; net.arrows.len()];
    let mut other = Layers::new(net, ranking, &all);
    let other_cost = search(net, &mut other, &mut work);
    if other_cost < cost {
        (best, cost, leaves) = (other, other_cost, all);
    }
    for round in 0..2 {
        let before = cost;
        for index in &candidates {
            if cost == 0 || work > LEAVING_WORK {
                break;
            }
            leaves[*index] = !leaves[*index];
            let mut other = Layers::new(net, ranking, &leaves);
            let other_cost = again(net, (&best, cost), &mut other, (*index, &mut work));
            // Of two equal ways the straight one through the cluster is taken.
            if other_cost < cost || (other_cost == cost && !leaves[*index] && round == 0) {
                (best, cost) = (other, other_cost);
            } else {
                leaves[*index] = !leaves[*index];
            }
        }
        if cost == before {
            break;
        }
    }
    cost = kicked(net, &mut best, cost);
    (best, cost)
}

/// The same with the order of the input deciding where crossings do not: in all, and only in which
/// way up clusters and the whole stand.
fn settled(net: &Net, best: &Layers, cost: u64) -> Vec<Layers> {
    let mut layers = best.clone();
    let gaps = Rc::new(Gaps::new(net, &layers));
    let mut places = layers.places();
    let mut sifter = Sifter::new(net, &layers, &gaps);
    sifter.resume(&mut layers, &mut places);
    let turned = sifter.settle(&mut layers, &mut places, SETTLING_WORK);
    let mut counter = Counter::new(&gaps);
    // Blocks leave out what only exchanges within a rank can do.
    let is_as_good = |other: &Layers| counter.cost(net, other, &other.places(), cost) <= cost;
    let mut found = vec![layers, turned];
    found.retain(is_as_good);
    found
}

/// Looks for a better order than that of `layers`; returns its cost.
fn kicked(net: &Net, layers: &mut Layers, cost: u64) -> u64 {
    let mut search = Search::new(net, layers);
    search.best = Some((cost, layers.ranks.clone()));
    search.kick(layers);
    search.finish(layers)
}

/// Orders `other`, which differs from `best` in where one arrow passes, from where that stands;
/// returns its cost. Where the arrow alone does not come near the best cost, nothing else is moved.
fn again(
    net: &Net,
    (best, least): (&Layers, u64),
    other: &mut Layers,
    (arrow, work): (usize, &mut u64),
) -> u64 {
    /// What the best cost may be exceeded by, for moving everything to save it: two crossings.
    const NEAR: u64 = 2 * APART;
    // To put everything into layers anew costs as much as a few looks at every link.
    *work += 30 * (other.links.len() + other.items.len()) as u64;
    let mut search = Search::new(net, other);
    let mut keys = fractions(best);
    keys.resize(other.items.len(), 0.5);
    // Boxes and bends are made in the same order; holders, which come last, may be others.
    for (key, item) in keys.iter_mut().zip(&other.items) {
        if item.kind == Kind::Holder {
            *key = 0.5;
        }
    }
    let mut places = other.places();
    let mut sifter = Sifter::new(net, other, &search.gaps);
    sifter.start(other, &mut places, &keys);
    sifter.run_arrow(other, &mut places, arrow);
    let cost = search.counter.cost(net, other, &places, u64::MAX);
    if cost > least + NEAR {
        *work += sifter.work + other.links.len() as u64;
        return cost;
    }
    sifter.run(other, &mut places, u64::MAX);
    search.judge(other, &mut places, false);
    *work += search.work + sifter.work;
    search.finish(other)
}

/// The place of each item in its rank, from 0 to 1.
pub(super) fn fractions(layers: &Layers) -> Vec<f64> {
    let mut keys = vec![0.0; layers.items.len()];
    for rank in &layers.ranks {
        for (place, item) in rank.iter().enumerate() {
            keys[*item as usize] = (place as f64 + 0.5) / rank.len() as f64;
        }
    }
    keys
}
