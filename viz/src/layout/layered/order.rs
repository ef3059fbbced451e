//! Orders the items of every rank so that few links cross.
//!
//! Sixth step of the layered layout. Sweeps over the ranks put each item where its neighbours are
//! (weighted median and barycentre: Sugiyama, Tagawa, Toda 1981; Gansner et al. 1993), exchanges of
//! neighbours then do what sweeps cannot. Clusters stay together in each rank, and any two of them
//! stand in the same order in all ranks that they share: a list per enclosing cluster, begun anew by
//! each sweep, says which (the constraint that dagre and `dot` keep by other means).

use super::crossings::{Counter, value};
use super::layers::{Kind, Layers};
use super::net::Net;
use super::rank::Ranking;
use super::sift::Sifter;
use super::swap::Swaps;

/// Work that the search may do: one unit is one link looked at.
fn env(n:&str,d:u64)->u64{std::env::var(n).ok().and_then(|v|v.parse().ok()).unwrap_or(d)}
static WORKV: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("WORK",1_500_000));
static LEAVEV: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("LEAVE",2_000_000));
static MODE: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("MODE",2));
static ROUNDSV: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("SHAKE",0));
/// Work that is always done, however large the graph.
const LEAST_SWEEPS: u32 = 5;
/// Sweeps without progress after which a start is given up.
const PATIENCE: u32 = 8;

/// Which way of putting an item among its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Median,
    Mean,
}

/// The layers of a ranked part, in the best order that was found; the order of the input decides
/// where crossings do not.
///
/// Where clusters are, it is also tried whether arrows had better leave them at once: first all of
/// them, then one by one.
pub(crate) fn order(net: &Net, ranking: &Ranking) -> (Layers, u64) {
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
        cost = shaken(net, &mut best, cost);
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
            if cost == 0 || work > *LEAVEV {
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
    cost = shaken(net, &mut best, cost);
    (best, cost)
}

/// Looks for a better order near that of `layers`; returns its cost.
fn shaken(net: &Net, layers: &mut Layers, cost: u64) -> u64 {
    let mut search = Search::new(net, layers);
    search.best = Some((cost, layers.ranks.clone()));
    search.shake(layers);
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
    /// Crossings above the best cost that moving everything may save.
    const NEAR: u64 = 2;
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
    let mut sifter = Sifter::new(net, other);
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
fn fractions(layers: &Layers) -> Vec<f64> {
    let mut keys = vec![0.0; layers.items.len()];
    for rank in &layers.ranks {
        for (place, item) in rank.iter().enumerate() {
            keys[*item as usize] = (place as f64 + 0.5) / rank.len() as f64;
        }
    }
    keys
}

/// Looks for a good order of `layers`; returns its cost.
fn search(net: &Net, layers: &mut Layers, work: &mut u64) -> u64 {
    let mut search = Search::new(net, layers);
    let has_previous = net.previous.iter().any(Option::is_some);
    if has_previous {
        let keys = previous(net, layers);
        search.start(layers, &keys);
        search.improve(layers, Rule::Median, 0);
    } else {
        let starts = [
            (depth_first(layers, true), Rule::Median),
            (depth_first(layers, false), Rule::Mean),
            (model(net, layers), Rule::Median),
            (depth_first(layers, true), Rule::Mean),
            (depth_first(layers, false), Rule::Median),
            (model(net, layers), Rule::Mean),
        ];
        for (index, (keys, rule)) in starts.iter().enumerate().take(env("SWEEPS", 2) as usize) {
            if index > 0 && search.is_done() {
                break;
            }
            search.start(layers, keys);
            search.improve(layers, *rule, 24);
        }
        for (keys, _) in starts.iter().take(env("SIFTS", 0) as usize) {
            if search.is_done() {
                break;
            }
            search.sift(layers, keys);
        }
        search.sift_best(layers);
    }
    *work += search.work;
    search.finish(layers)
}

struct Search<'a> {
    net: &'a Net,
    counter: Counter,
    swaps: Swaps<'a>,
    sifter: Option<Sifter<'a>>,
    /// For each cluster, and last for the whole: its child clusters in their order across.
    siblings: Vec<Vec<usize>>,
    best: Option<(u64, Vec<Vec<u32>>)>,
    work: u64,
    is_flat: bool,
    /// Whether what wants the same place changes its order.
    turns_equal: bool,
}

impl<'a> Search<'a> {
    fn new(net: &'a Net, layers: &Layers) -> Self {
        Search {
            net,
            counter: Counter::new(net, layers),
            swaps: Swaps::new(net, layers),
            sifter: None,
            siblings: vec![Vec::new(); net.clusters.len() + 1],
            best: None,
            work: 0,
            is_flat: net.clusters.is_empty(),
            turns_equal: false,
        }
    }

    /// Gives `layers` the best order that was found; returns its cost.
    fn finish(self, layers: &mut Layers) -> u64 {
        let Some((cost, ranks)) = self.best else { return u64::MAX };
        layers.ranks = ranks;
        cost
    }

    fn is_done(&self) -> bool {
        self.work > *WORKV || self.best.as_ref().is_some_and(|(cost, _)| *cost == 0)
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
            if stuck >= env("PAT", 8) as u32 || (sweep >= LEAST_SWEEPS && self.is_done()) || least == 0 {
                break;
            }
            let turns_equal = sweep % 4 < 2;
            self.sweep(layers, &mut places, rule, (sweep % 2 == 0, turns_equal));
            let cost = self.judge(layers, &mut places, turns_equal);
            stuck = if cost < least { 0 } else { stuck + 1 };
            least = least.min(cost);
        }
    }

    /// Exchanges neighbours as long as it helps, and keeps the order if it is the best so far.
    fn judge(&mut self, layers: &mut Layers, places: &mut [u32], moves_equal: bool) -> u64 {
        self.work += self.swaps.run(layers, places, ((*WORKV).saturating_sub(self.work), moves_equal));
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
        let mut sifter = self.sifter.take().unwrap_or_else(|| Sifter::new(self.net, layers));
        sifter.work = 0;
        sifter.start(layers, &mut places, keys);
        sifter.run(layers, &mut places, WORKV.saturating_sub(self.work));
        self.work += sifter.work;
        self.sifter = Some(sifter);
        if std::env::var("DBG2").is_ok() { let c = self.counter.cost(self.net, layers, &places, u64::MAX); eprintln!("sift {c} best {:?}", self.best.as_ref().map(|b| b.0)); }
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
    fn sweep(&mut self, layers: &mut Layers, places: &mut [u32], rule: Rule, (is_forward, turns_equal): (bool, bool)) {
        self.turns_equal = turns_equal;
        self.siblings.iter_mut().for_each(Vec::clear);
        let count = layers.ranks.len();
        let mut keys = vec![0.0; layers.items.len()];
        self.work += layers.links.len() as u64 * 2;
        for step in 0..count {
            let rank = if is_forward { step } else { count - 1 - step };
            let length = |rank: Option<usize>| {
                rank.and_then(|rank| layers.ranks.get(rank)).map_or(1.0, |rank| rank.len() as f64)
            };
            let lengths = [length(rank.checked_sub(1)), length(Some(rank + 1))];
            let near = usize::from(!is_forward);
            let here = layers.ranks[rank].len() as f64;
            for item in &layers.ranks[rank] {
                let ahead = wanted(layers, places, *item, (rule, is_forward));
                let behind = || wanted(layers, places, *item, (rule, !is_forward));
                let mode = *MODE;
                // Without neighbours an item stays where it is among the others.
                let key = match (ahead, mode) {
                    (Some(at), _) => at / lengths[near],
                    (None, 0) => (f64::from(places[*item as usize]) + 0.5) / here,
                    (None, 2) => f64::NAN,
                    (None, _) => behind().map_or((f64::from(places[*item as usize]) + 0.5) / here, |at| at / lengths[1 - near]),
                };
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
            self.arrange_within(layers, None, &items, keys, &mut sorted);
            items = sorted;
        }
        layers.ranks[rank] = items;
    }

    /// As [`Self::arrange`], for the items of one cluster in one rank.
    fn arrange_within(
        &mut self,
        layers: &Layers,
        parent: Option<usize>,
        items: &[u32],
        keys: &[f64],
        sorted: &mut Vec<u32>,
    ) {
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
                Some(_) => self.arrange_within(layers, unit.cluster, &unit.items, keys, sorted),
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

    /// Small graphs: more starts from the best order, each with some items thrown elsewhere, by a
    /// fixed sequence of numbers, so that the same graph always gives the same picture.
    fn shake(&mut self, layers: &mut Layers) {
        let mut numbers = 0x9e37_79b9_7f4a_7c15u64;
        let mut draw = move || {
            numbers ^= numbers << 13;
            numbers ^= numbers >> 7;
            numbers ^= numbers << 17;
            (numbers >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut rounds = 0;
        while !self.is_done() && rounds < *ROUNDSV {
            rounds += 1;
            let Some((_, ranks)) = &self.best else { return };
            layers.ranks.clone_from(ranks);
            let reach = [0.05, 0.1, 0.2, 0.4][rounds as usize % 4];
            let mut keys = fractions(layers);
            keys.iter_mut().for_each(|key| *key += reach * (draw() - 0.5));
            self.sift(layers, &keys);
        }
    }
}

/// What is moved as one: an item, or a cluster's items in one rank.
struct Unit {
    cluster: Option<usize>,
    /// Sum of the keys of its items, and how many have one.
    key: f64,
    keyed: f64,
    items: Vec<u32>,
}

/// Sorts what has a key; what has none keeps its slot.
fn sort_movable<T>(list: &mut Vec<T>, key: impl Fn(&T) -> f64, turns_equal: bool) {
    let slots: Vec<bool> = list.iter().map(|it| !key(it).is_nan()).collect();
    let (mut movable, mut fixed) = (Vec::with_capacity(list.len()), Vec::new());
    for (it, moves) in std::mem::take(list).into_iter().zip(&slots) {
        if *moves { movable.push(it) } else { fixed.push(it) }
    }
    if turns_equal {
        movable.reverse();
    }
    movable.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let (mut movable, mut fixed) = (movable.into_iter(), fixed.into_iter());
    list.extend(
        slots.iter().filter_map(|moves| if *moves { movable.next() } else { fixed.next() }),
    );
}

/// Where the neighbours of an item in the rank before stand; `None` without any.
fn wanted(
    layers: &Layers,
    places: &[u32],
    item: u32,
    (rule, is_forward): (Rule, bool),
) -> Option<f64> {
    let (links, far) = if is_forward {
        (&layers.links_in[item as usize], 0)
    } else {
        (&layers.links_out[item as usize], 1)
    };
    let at = |link: &u32| {
        let link = &layers.links[*link as usize];
        f64::from(value(places, link.ends[far], link.keys[far])) / 64.0
    };
    match links.len() {
        0 => None,
        1 => Some(at(&links[0])),
        2 => Some(f64::midpoint(at(&links[0]), at(&links[1]))),
        count if rule == Rule::Mean => Some(links.iter().map(at).sum::<f64>() / count as f64),
        count => {
            let mut all: Vec<f64> = links.iter().map(at).collect();
            all.sort_unstable_by(f64::total_cmp);
            let middle = count / 2;
            if count % 2 == 1 {
                return Some(all[middle]);
            }
            // Between the two middle ones, nearer to the side where neighbours are closer.
            let (left, right) = (all[middle - 1] - all[0], all[count - 1] - all[middle]);
            let sum = left + right;
            let share = if sum > 0.0 { left / sum } else { 0.5 };
            Some(all[middle - 1] + (all[middle] - all[middle - 1]) * share)
        }
    }
}

/// Keys by a depth-first walk along the arrows, or against them.
fn depth_first(layers: &Layers, is_forward: bool) -> Vec<f64> {
    let mut keys = vec![f64::NAN; layers.items.len()];
    let mut next = 0.0;
    let (out, into, far) = if is_forward {
        (&layers.links_out, &layers.links_in, 1)
    } else {
        (&layers.links_in, &layers.links_out, 0)
    };
    let roots = (0..layers.items.len()).filter(|item| into[*item].is_empty());
    for root in roots.chain(0..layers.items.len()) {
        let mut open = vec![root as u32];
        while let Some(item) = open.pop() {
            if !keys[item as usize].is_nan() {
                continue;
            }
            keys[item as usize] = next;
            next += 1.0;
            let heads = out[item as usize].iter().rev();
            open.extend(heads.map(|link| layers.links[*link as usize].ends[far]));
        }
    }
    keys
}

/// Keys by the order of the input.
fn model(net: &Net, layers: &Layers) -> Vec<f64> {
    by_boxes(net, layers, |node| Some(node as f64))
}

/// Keys by where boxes were in an earlier picture.
fn previous(net: &Net, layers: &Layers) -> Vec<f64> {
    by_boxes(net, layers, |node| net.previous[node])
}

/// Keys of boxes as `of` says, of bends between those of their ends. Boxes that it does not know
/// stand at the mean of their neighbours that it does.
fn by_boxes(net: &Net, layers: &Layers, of: impl Fn(usize) -> Option<f64>) -> Vec<f64> {
    let mut known: Vec<Option<f64>> = (0..net.nodes.len()).map(&of).collect();
    for _ in 0..3 {
        let before = known.clone();
        for (node, key) in known.iter_mut().enumerate().filter(|(_, key)| key.is_none()) {
            let near = net.arrows.iter().filter_map(|arrow| match node {
                node if node == arrow.from => before[arrow.to],
                node if node == arrow.to => before[arrow.from],
                _ => None,
            });
            let (sum, count) = near.fold((0.0, 0.0), |(sum, count), at| (sum + at, count + 1.0));
            *key = (count > 0.0).then(|| sum / count);
        }
    }
    let key = |node: usize| known[node].unwrap_or(0.0);
    let between = |arrow: usize, rank: usize| {
        let arrow = &net.arrows[arrow];
        let ends = [arrow.from, arrow.to].map(|end| (layers.items[end].rank as f64, key(end)));
        let length = ends[1].0 - ends[0].0;
        let share = if length == 0.0 { 0.5 } else { (rank as f64 - ends[0].0) / length };
        ends[0].1 + (ends[1].1 - ends[0].1) * share
    };
    layers
        .items
        .iter()
        .map(|item| match item.kind {
            Kind::Box(node) => key(node),
            Kind::Bend(arrow) | Kind::Label(arrow) => between(arrow, item.rank),
            Kind::Holder => 0.0,
        })
        .collect()
}
