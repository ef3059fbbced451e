//! Looks for an order of the ranks with few crossings.
//!
//! Used by `order`. Sweeps over the ranks put each item where its neighbours are (weighted median and
//! barycentre: Sugiyama, Tagawa, Toda 1981; Gansner et al. 1993), exchanges of neighbours and the
//! sifting of whole blocks then do what sweeps cannot. Clusters stay together in each rank, and any
//! two of them stand in the same order in all ranks that they share: a list per enclosing cluster,
//! begun anew by each sweep, says which.

use std::rc::Rc;

use super::crossings::{Counter, Gaps};
use super::layers::Layers;
use super::net::Net;
use super::order::fractions;
use super::sift::Sifter;
use super::starts::{Rule, depth_first, input, previous, wanted};
use super::swap::Swaps;

/// Work that one look for a good order may do: one unit is one link looked at.
const WORK: u64 = 500_000;
/// Items above which a graph is large.
pub(super) const MANY: usize = 1_000;
/// Work that is always done, however large the graph.
const LEAST_SWEEPS: u32 = 5;
/// Sweeps from each start: what they do not find, sifting does in less time.
const SWEEPS: u32 = 6;
/// Sweeps without progress after which a start is given up.
const PATIENCE: u32 = 3;

/// Looks for a good order of `layers`; returns its cost.
pub(super) fn search(net: &Net, layers: &mut Layers, work: &mut u64) -> u64 {
    let mut search = Search::new(net, layers);
    let has_previous = net.previous.iter().any(Option::is_some);
    if has_previous {
        let keys = previous(net, layers);
        search.start(layers, &keys);
        search.improve(layers, Rule::Median, 0);
    } else {
        let mut starts = [
            (input(net, layers), Rule::Mean),
            (depth_first(layers, true), Rule::Median),
            (depth_first(layers, false), Rule::Mean),
        ];
        // Where there is work for one start only, it should not depend on how the file is written.
        if layers.items.len() > MANY {
            starts.rotate_left(1);
        }
        for (index, (keys, rule)) in starts.iter().enumerate() {
            if index > 0 && search.is_done() {
                break;
            }
            search.start(layers, keys);
            search.improve(layers, *rule, SWEEPS);
            if layers.items.len() <= MANY && !search.is_done() {
                search.sift(layers, keys);
            }
        }
        search.sift_best(layers);
    }
    *work += search.work;
    search.finish(layers)
}

pub(super) struct Search<'a> {
    net: &'a Net,
    pub(super) gaps: Rc<Gaps>,
    pub(super) counter: Counter,
    swaps: Swaps<'a>,
    sifter: Option<Sifter<'a>>,
    /// For each cluster, and last for the whole: its child clusters in their order across.
    siblings: Vec<Vec<usize>>,
    pub(super) best: Option<(u64, Vec<Vec<u32>>)>,
    pub(super) work: u64,
    is_flat: bool,
    /// Whether what wants the same place changes its order.
    turns_equal: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(net: &'a Net, layers: &Layers) -> Self {
        let gaps = Rc::new(Gaps::new(net, layers));
        Search {
            net,
            counter: Counter::new(&gaps),
            swaps: Swaps::new(net, &gaps),
            gaps,
            sifter: None,
            siblings: vec![Vec::new(); net.clusters.len() + 1],
            best: None,
            work: 0,
            is_flat: net.clusters.is_empty(),
            turns_equal: false,
        }
    }

    /// Gives `layers` the best order that was found; returns its cost.
    pub(super) fn finish(self, layers: &mut Layers) -> u64 {
        let Some((cost, ranks)) = self.best else { return u64::MAX };
        layers.ranks = ranks;
        cost
    }

    fn is_done(&self) -> bool {
        self.work > WORK || self.best.as_ref().is_some_and(|(cost, _)| *cost == 0)
    }

    /// Takes the order that `keys` give.
    fn start(&mut self, layers: &mut Layers, keys: &[f64]) {
        self.turns_equal = false;
        self.siblings.iter_mut().for_each(Vec::clear);
        for rank in 0..layers.ranks.len() {
            self.arrange(layers, rank, keys);
        }
    }

    /// Sweeps and exchanges from where `layers` stands, until nothing helps; keeps the best found.
    fn improve(&mut self, layers: &mut Layers, rule: Rule, sweeps: u32) {
        let mut places = layers.places();
        let mut least = self.judge(layers, &mut places, false);
        let mut stuck = 0;
        for sweep in 0..sweeps {
            if stuck >= PATIENCE || (sweep >= LEAST_SWEEPS && self.is_done()) || least == 0 {
                break;
            }
            let turns_equal = sweep % 4 >= 2;
            self.sweep(layers, &mut places, rule, (sweep % 2 == 0, turns_equal));
            let cost = self.judge(layers, &mut places, turns_equal);
            stuck = if cost < least { 0 } else { stuck + 1 };
            least = least.min(cost);
        }
    }

    /// Exchanges neighbours as long as it helps, and keeps the order if it is the best so far.
    pub(super) fn judge(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        moves_equal: bool,
    ) -> u64 {
        self.work += self.swaps.run(layers, places, (WORK.saturating_sub(self.work), moves_equal));
        let cost = self.counter.cost(self.net, layers, places, u64::MAX);
        self.work += layers.links.len() as u64;
        if self.best.as_ref().is_none_or(|(least, _)| cost < *least) {
            self.best = Some((cost, layers.ranks.clone()));
        }
        cost
    }

    /// Sifts whole blocks from the order that `keys` give.
    fn sift(&mut self, layers: &mut Layers, keys: &[f64]) {
        let mut places = layers.places();
        let mut sifter =
            self.sifter.take().unwrap_or_else(|| Sifter::new(self.net, layers, &self.gaps));
        sifter.work = 0;
        sifter.start(layers, &mut places, keys);
        sifter.run(layers, &mut places, WORK.saturating_sub(self.work));
        self.work += sifter.work;
        self.sifter = Some(sifter);
        self.judge(layers, &mut places, false);
    }

    /// Sifts whole blocks from the best order so far.
    fn sift_best(&mut self, layers: &mut Layers) {
        let Some((_, ranks)) = &self.best else { return };
        layers.ranks.clone_from(ranks);
        let keys = fractions(layers);
        self.sift(layers, &keys);
    }

    /// One pass over all ranks, forwards or backwards.
    fn sweep(
        &mut self,
        layers: &mut Layers,
        places: &mut [u32],
        rule: Rule,
        (is_forward, turns_equal): (bool, bool),
    ) {
        self.turns_equal = turns_equal;
        self.siblings.iter_mut().for_each(Vec::clear);
        let count = layers.ranks.len();
        let mut keys = vec![0.0; layers.items.len()];
        self.work += layers.links.len() as u64 * 2;
        for step in 0..count {
            let rank = if is_forward { step } else { count - 1 - step };
            let near = if is_forward { rank.checked_sub(1) } else { Some(rank + 1) };
            let near = near.and_then(|rank| layers.ranks.get(rank));
            let length = near.map_or(1.0, |rank| rank.len() as f64);
            for item in &layers.ranks[rank] {
                let ahead = wanted(layers, places, *item, (rule, is_forward));
                // Without neighbours an item keeps its slot.
                let key = ahead.map_or(f64::NAN, |at| at / length);
                keys[*item as usize] = key;
            }
            self.arrange(layers, rank, &keys);
            for (place, item) in layers.ranks[rank].iter().enumerate() {
                places[*item as usize] = place as u32;
            }
        }
    }

    /// Sorts a rank by `keys`, clusters kept together and in the order of their list.
    fn arrange(&mut self, layers: &mut Layers, rank: usize, keys: &[f64]) {
        let mut items = std::mem::take(&mut layers.ranks[rank]);
        if self.is_flat {
            sort_movable(&mut items, |item| keys[*item as usize], self.turns_equal);
        } else {
            let mut sorted = Vec::with_capacity(items.len());
            self.arrange_within(layers, (None, &items), keys, &mut sorted);
            items = sorted;
        }
        layers.ranks[rank] = items;
    }

    /// As [`Self::arrange`], for the items of one cluster in one rank.
    fn arrange_within(
        &mut self,
        layers: &Layers,
        (parent, items): (Option<usize>, &[u32]),
        keys: &[f64],
        sorted: &mut Vec<u32>,
    ) {
        if items.iter().all(|item| layers.items[*item as usize].cluster == parent) {
            let from = sorted.len();
            sorted.extend_from_slice(items);
            sort_movable(&mut sorted[from..], |item| keys[*item as usize], self.turns_equal);
            return;
        }
        let mut units: Vec<Unit> = Vec::new();
        for item in items {
            let cluster = self.net.child_towards(parent, layers.items[*item as usize].cluster);
            let key = keys[*item as usize];
            let known = cluster.and_then(|_| units.iter_mut().find(|it| it.cluster == cluster));
            match known {
                Some(unit) => {
                    unit.items.push(*item);
                    if !key.is_nan() {
                        unit.key += key;
                        unit.keyed += 1.0;
                    }
                }
                None if key.is_nan() => {
                    units.push(Unit { cluster, key: 0.0, keyed: 0.0, items: vec![*item] });
                }
                None => units.push(Unit { cluster, key, keyed: 1.0, items: vec![*item] }),
            }
        }
        // Without an opinion the quotient is no number, as it should be.
        sort_movable(&mut units, |unit| unit.key / unit.keyed, self.turns_equal);
        self.keep_order(parent, &mut units);
        for unit in units {
            match unit.cluster {
                Some(_) => self.arrange_within(layers, (unit.cluster, &unit.items), keys, sorted),
                None => sorted.extend(unit.items),
            }
        }
    }

    /// Puts clusters into the order of the list; those that it lacks are added where they stand.
    fn keep_order(&mut self, parent: Option<usize>, units: &mut [Unit]) {
        let list = &mut self.siblings[parent.unwrap_or(self.net.clusters.len())];
        let slots: Vec<usize> =
            (0..units.len()).filter(|index| units[*index].cluster.is_some()).collect();
        let known: Vec<usize> = slots
            .iter()
            .copied()
            .filter(|slot| units[*slot].cluster.is_some_and(|it| list.contains(&it)))
            .collect();
        // The known ones change places among themselves.
        let rank_of = |unit: &Unit| list.iter().position(|it| Some(*it) == unit.cluster);
        for round in 0..known.len() {
            for pair in 0..known.len() - 1 - round {
                let (a, b) = (known[pair], known[pair + 1]);
                if rank_of(&units[a]) > rank_of(&units[b]) {
                    units.swap(a, b);
                }
            }
        }
        let mut after = 0;
        for slot in slots {
            let Some(cluster) = units[slot].cluster else { continue };
            match list.iter().position(|it| *it == cluster) {
                Some(place) => after = place + 1,
                None => {
                    list.insert(after, cluster);
                    after += 1;
                }
            }
        }
    }

    /// Small graphs: kicks blocks out of the best order.
    pub(super) fn kick(&mut self, layers: &mut Layers) {
        let Some((_, ranks)) = &self.best else { return };
        if layers.items.len() > MANY {
            return;
        }
        layers.ranks.clone_from(ranks);
        let mut places = layers.places();
        let mut sifter = Sifter::new(self.net, layers, &self.gaps);
        sifter.resume(layers, &mut places);
        let cost = self.counter.cost(self.net, layers, &places, u64::MAX);
        sifter.kick(layers, &mut places, cost);
        self.judge(layers, &mut places, false);
    }
}

/// What is moved as one: an item, or a cluster's items in one rank.
#[derive(Default)]
struct Unit {
    cluster: Option<usize>,
    /// Sum of the keys of its items, and how many have one.
    key: f64,
    keyed: f64,
    items: Vec<u32>,
}

/// Sorts what has a key; what has none keeps its slot.
fn sort_movable<T: Default>(list: &mut [T], key: impl Fn(&T) -> f64, turns_equal: bool) {
    let by_key = |a: &T, b: &T| key(a).total_cmp(&key(b));
    if !list.iter().any(|it| key(it).is_nan()) {
        if turns_equal {
            list.reverse();
        }
        list.sort_by(by_key);
        return;
    }
    let slots: Vec<usize> = (0..list.len()).filter(|slot| !key(&list[*slot]).is_nan()).collect();
    let mut movable: Vec<T> = slots.iter().map(|slot| std::mem::take(&mut list[*slot])).collect();
    if turns_equal {
        movable.reverse();
    }
    movable.sort_by(by_key);
    for (slot, it) in slots.into_iter().zip(movable) {
        list[slot] = it;
    }
}
