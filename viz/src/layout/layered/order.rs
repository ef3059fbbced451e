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
use super::sift::Sifter;
use super::swap::Swaps;

/// Work that the search may do: one unit is one link looked at.
fn env(n: &str, d: u64) -> u64 {
    std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d)
}
static WORKV: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("WORK", 1_500_000));
static ROUNDSV: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| env("SHAKE", 12));
/// Work that is always done, however large the graph.
const LEAST_SWEEPS: u32 = 5;
/// Sweeps without progress after which a start is given up.
const PATIENCE: u32 = 4;

/// Which way of putting an item among its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Median,
    Mean,
}

/// Orders `layers`; the order of the input decides where crossings do not.
pub(crate) fn order(net: &Net, layers: &mut Layers) {
    let mut search = Search {
        net,
        counter: Counter::new(net, layers),
        siblings: vec![Vec::new(); net.clusters.len() + 1],
        best: None,
        work: 0,
        is_flat: net.clusters.is_empty(),
    };
    let has_previous = net.previous.iter().any(Option::is_some);
    if has_previous {
        search.start(layers, &previous(net, layers));
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
        for (index, (keys, rule)) in starts.iter().enumerate().take(env("SWEEPS", 6) as usize) {
            if index > 0 && search.is_done() {
                break;
            }
            search.start(layers, keys);
            search.improve(layers, *rule, 24);
        }
        if std::env::var("NOSIFT").is_err() {
            for (keys, _) in starts.iter().take(3) {
                if search.is_done() {
                    break;
                }
                search.sift(layers, keys);
            }
            search.sift_best(layers);
        }
        search.shake(layers);
    }
    if let Some((_, ranks)) = search.best.take() {
        layers.ranks = ranks;
        if std::env::var("DBG").is_ok() {
            let p = layers.places();
            let mut c = Counter::new(net, layers);
            let all = c.cost(net, layers, &p, u64::MAX);
            let cuts: u64 = (0..layers.ranks.len()).map(|r| c.cuts(net, layers, &p, r)).sum();
            eprintln!("DBG cost {} cuts {} work {}", all - cuts * 24, cuts, search.work);
        }
    }
}

struct Search<'a> {
    net: &'a Net,
    counter: Counter,
    /// For each cluster, and last for the whole: its child clusters in their order across.
    siblings: Vec<Vec<usize>>,
    best: Option<(u64, Vec<Vec<u32>>)>,
    work: u64,
    is_flat: bool,
}

impl Search<'_> {
    fn is_done(&self) -> bool {
        self.work > *WORKV || self.best.as_ref().is_some_and(|(cost, _)| *cost == 0)
    }

    /// Takes the order that `keys` give.
    fn start(&mut self, layers: &mut Layers, keys: &[f64]) {
        self.siblings.iter_mut().for_each(Vec::clear);
        for rank in 0..layers.ranks.len() {
            self.arrange(layers, rank, keys);
        }
    }

    /// Sweeps and exchanges from where `layers` stands, until nothing helps; keeps the best found.
    fn improve(&mut self, layers: &mut Layers, rule: Rule, sweeps: u32) {
        let mut places = layers.places();
        let mut least = self.judge(layers, &mut places);
        let mut stuck = 0;
        for sweep in 0..sweeps {
            if stuck >= PATIENCE || (sweep >= LEAST_SWEEPS && self.is_done()) || least == 0 {
                break;
            }
            self.sweep(layers, &mut places, rule, sweep % 2 == 0);
            let cost = self.judge(layers, &mut places);
            stuck = if cost < least { 0 } else { stuck + 1 };
            least = least.min(cost);
        }
    }

    /// Exchanges neighbours as long as it helps, and keeps the order if it is the best so far.
    fn judge(&mut self, layers: &mut Layers, places: &mut [u32]) -> u64 {
        let mut swaps = Swaps::new(self.net, layers);
        self.work += swaps.run(layers, places, (*WORKV).saturating_sub(self.work));
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
        let mut sifter = Sifter::new(self.net, layers);
        sifter.start(layers, &mut places, keys);
        sifter.run(layers, &mut places, WORKV.saturating_sub(self.work));
        self.work += sifter.work;
        if std::env::var("DBG2").is_ok() {
            let c = self.counter.cost(self.net, layers, &places, u64::MAX);
            eprintln!("sift {c} best {:?}", self.best.as_ref().map(|b| b.0));
        }
        self.judge(layers, &mut places);
    }

    /// Sifts whole blocks from the best order so far.
    fn sift_best(&mut self, layers: &mut Layers) {
        let Some((_, ranks)) = &self.best else { return };
        layers.ranks.clone_from(ranks);
        let mut keys = vec![0.0; layers.items.len()];
        for rank in &layers.ranks {
            for (place, item) in rank.iter().enumerate() {
                keys[*item as usize] = (place as f64 + 0.5) / rank.len() as f64;
            }
        }
        self.sift(layers, &keys);
    }

    /// One pass over all ranks, forwards or backwards.
    fn sweep(&mut self, layers: &mut Layers, places: &mut [u32], rule: Rule, is_forward: bool) {
        self.siblings.iter_mut().for_each(Vec::clear);
        let count = layers.ranks.len();
        let mut keys = vec![0.0; layers.items.len()];
        self.work += layers.links.len() as u64 * 2;
        for step in 0..count {
            let rank = if is_forward { step } else { count - 1 - step };
            let before = if is_forward { rank.checked_sub(1) } else { Some(rank + 1) };
            let before = before.and_then(|rank| layers.ranks.get(rank)).map_or(0, Vec::len);
            let here = layers.ranks[rank].len();
            let scale = if before == 0 { 1.0 } else { before as f64 / here as f64 };
            for item in &layers.ranks[rank] {
                let wanted = wanted(layers, places, *item, (rule, is_forward));
                // Without neighbours an item stays where it is among the others.
                let stays = || (f64::from(places[*item as usize]) + 0.5) * scale;
                keys[*item as usize] = wanted.unwrap_or_else(stays);
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
            items.sort_by(|a, b| keys[*a as usize].total_cmp(&keys[*b as usize]));
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
                    unit.key += key;
                    unit.items.push(*item);
                }
                None => units.push(Unit { cluster, key, items: vec![*item] }),
            }
        }
        for unit in &mut units {
            unit.key /= unit.items.len() as f64;
        }
        units.sort_by(|a, b| a.key.total_cmp(&b.key));
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
            let mut keys = vec![0.0; layers.items.len()];
            for rank in &layers.ranks {
                for (place, item) in rank.iter().enumerate() {
                    keys[*item as usize] =
                        (place as f64 + 0.5) / rank.len() as f64 + reach * (draw() - 0.5);
                }
            }
            self.sift(layers, &keys);
        }
    }
}

/// What is moved as one: an item, or a cluster's items in one rank.
struct Unit {
    cluster: Option<usize>,
    key: f64,
    items: Vec<u32>,
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
