//! Where items want to stand: by their neighbours, by a walk along the arrows, by the order of the
//! input, or by an earlier picture.
//!
//! Used by `search`.

use super::crossings::value;
use super::layers::{Kind, Layers};
use super::net::Net;

/// Which way of putting an item among its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Median,
    Mean,
}

/// Where the neighbours of an item in the rank before stand; `None` without any.
pub(super) fn wanted(
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
pub(super) fn depth_first(layers: &Layers, is_forward: bool) -> Vec<f64> {
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

/// Keys by where boxes were in an earlier picture.
pub(super) fn previous(net: &Net, layers: &Layers) -> Vec<f64> {
    by_boxes(net, layers, |node| net.previous[node])
}

/// Keys by the order of the input.
pub(super) fn input(net: &Net, layers: &Layers) -> Vec<f64> {
    by_boxes(net, layers, |node| Some(node as f64))
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
