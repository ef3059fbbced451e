//! The order in which a chart is read: what is called first stands left, inside every cluster and
//! between clusters.
//!
//! An engine breaks cycles between clusters where it likes, which can put the entry of a chart into
//! its middle. So on every level (the whole chart, and the inside of each cluster) the children are
//! ordered here from the entry on; `graphviz` hands them to `dot` in that order.

use super::geometry::SizedGraph;

/// A box or a cluster, as a child of some level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Child {
    Box(usize),
    Cluster(usize),
}

/// What was decided.
#[derive(Debug)]
pub(crate) struct ReadingOrder {
    /// Children of the whole chart (first entry), then those of each cluster, in reading order.
    pub(crate) levels: Vec<Vec<Child>>,
}

/// Decides the order of all levels.
pub(crate) fn reading_order(graph: &SizedGraph) -> ReadingOrder {
    let discovered = discovery(graph);
    let mut levels = children(graph);
    let mut level_arrows: Vec<Vec<(Child, Child)>> = vec![Vec::new(); levels.len()];
    let partings: Vec<_> =
        graph.arrows.iter().map(|arrow| parting(graph, arrow.from, arrow.to)).collect();
    for (level, from, to) in partings.iter().flatten() {
        level_arrows[*level].push((*from, *to));
    }
    let first_seen = first_discovered(graph, &discovered);
    for (level, arrows) in levels.iter_mut().zip(&level_arrows) {
        level.sort_by_key(|child| first_seen.of(*child));
        *level = topological(level, arrows);
    }
    ReadingOrder { levels }
}

/// A number for every box and cluster.
struct Ranks {
    boxes: Vec<usize>,
    clusters: Vec<usize>,
}

impl Ranks {
    fn new(graph: &SizedGraph) -> Self {
        let none = usize::MAX;
        Ranks { boxes: vec![none; graph.boxes.len()], clusters: vec![none; graph.clusters.len()] }
    }

    fn of(&self, child: Child) -> usize {
        match child {
            Child::Box(index) => self.boxes[index],
            Child::Cluster(index) => self.clusters[index],
        }
    }
}

/// Numbers boxes depth first from the entries: boxes that nothing points at, and of these the one
/// first that leads to most. A trace begins with whatever ran first, often some background task.
fn discovery(graph: &SizedGraph) -> Vec<usize> {
    let mut next = vec![Vec::new(); graph.boxes.len()];
    let mut has_caller = vec![false; graph.boxes.len()];
    for arrow in &graph.arrows {
        next[arrow.from].push(arrow.to);
        has_caller[arrow.to] |= arrow.from != arrow.to;
    }
    let (mut entries, rest): (Vec<usize>, Vec<usize>) =
        (0..graph.boxes.len()).partition(|index| !has_caller[*index]);
    if entries.len() * (graph.boxes.len() + graph.arrows.len()) <= MOST_STEPS {
        let mut seen = vec![usize::MAX; graph.boxes.len()];
        // The sort is stable: entries that lead to equally many stay in first-seen order.
        entries.sort_by_cached_key(|entry| {
            std::cmp::Reverse(walk(&next, *entry, |index| {
                std::mem::replace(&mut seen[index], *entry) != *entry
            }))
        });
    }
    let mut number = vec![usize::MAX; graph.boxes.len()];
    let mut count = 0;
    for start in entries.into_iter().chain(rest) {
        walk(&next, start, |index| {
            let new = number[index] == usize::MAX;
            if new {
                number[index] = count;
                count += 1;
            }
            new
        });
    }
    number
}

/// Steps that may be spent on comparing entries; beyond that, first-seen order decides.
const MOST_STEPS: usize = 2_000_000;

/// Walks depth first from `start` through the boxes that `enter` says are new; how many there were.
fn walk(next: &[Vec<usize>], start: usize, mut enter: impl FnMut(usize) -> bool) -> usize {
    let mut entered = 0;
    let mut stack = vec![start];
    while let Some(index) = stack.pop() {
        if enter(index) {
            entered += 1;
            stack.extend(next[index].iter().rev());
        }
    }
    entered
}

/// The earliest discovered box inside every child.
fn first_discovered(graph: &SizedGraph, discovered: &[usize]) -> Ranks {
    let mut first = Ranks::new(graph);
    first.boxes.copy_from_slice(discovered);
    for (index, number) in discovered.iter().enumerate() {
        for cluster in graph.clusters_of(index) {
            first.clusters[cluster] = first.clusters[cluster].min(*number);
        }
    }
    first
}

/// The level at index 0 is the chart, that at `cluster + 1` the inside of a cluster.
fn children(graph: &SizedGraph) -> Vec<Vec<Child>> {
    let mut levels = vec![Vec::new(); graph.clusters.len() + 1];
    let level_of = |cluster: Option<usize>| cluster.map_or(0, |cluster| cluster + 1);
    for (index, sized) in graph.boxes.iter().enumerate() {
        levels[level_of(sized.cluster)].push(Child::Box(index));
    }
    for (index, cluster) in graph.clusters.iter().enumerate() {
        levels[level_of(cluster.parent)].push(Child::Cluster(index));
    }
    levels
}

/// The level on which the ends of an arrow are in different children, and these; `None` for a loop.
fn parting(graph: &SizedGraph, from: usize, to: usize) -> Option<(usize, Child, Child)> {
    if from == to {
        return None;
    }
    let (from_around, to_around) = (graph.clusters_of(from), graph.clusters_of(to));
    let common =
        from_around.iter().rev().zip(to_around.iter().rev()).take_while(|(a, b)| a == b).count();
    let level =
        common.checked_sub(1).map_or(0, |depth| from_around[from_around.len() - 1 - depth] + 1);
    let child = |around: &[usize], index: usize| match around.len().checked_sub(common + 1) {
        Some(depth) => Child::Cluster(around[depth]),
        None => Child::Box(index),
    };
    Some((level, child(&from_around, from), child(&to_around, to)))
}

/// Sorts `level` so that as few arrows as a depth-first search finds run backwards.
///
/// Kahn's algorithm over the arrows that the search does not find closing a cycle; of the children
/// that could come next, the one discovered first does.
fn topological(level: &[Child], arrows: &[(Child, Child)]) -> Vec<Child> {
    let mut sorted = level.to_vec();
    sorted.sort_unstable();
    let position = |child: Child| sorted.binary_search(&child).unwrap_or_default();
    let mut local = vec![0; level.len()];
    for (place, child) in level.iter().enumerate() {
        local[position(*child)] = place;
    }
    let mut next = vec![Vec::new(); level.len()];
    for (from, to) in arrows {
        next[local[position(*from)]].push(local[position(*to)]);
    }
    let finished = finish_times(&next);
    let mut waiting = vec![0usize; level.len()];
    for (from, targets) in next.iter_mut().enumerate() {
        // Forward arrows of the search lead to what was finished earlier.
        targets.retain(|to| finished[*to] < finished[from]);
        for to in targets.iter() {
            waiting[*to] += 1;
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        (0..level.len()).filter(|index| waiting[*index] == 0).collect();
    let mut order = Vec::with_capacity(level.len());
    while let Some(index) = ready.pop_first() {
        order.push(level[index]);
        for to in &next[index] {
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.insert(*to);
            }
        }
    }
    order
}

/// When a depth-first search from the first child on leaves each child. No recursion: charts may
/// be chains of any length.
fn finish_times(next: &[Vec<usize>]) -> Vec<usize> {
    let mut finished = vec![0; next.len()];
    let mut seen = vec![false; next.len()];
    let mut clock = 0;
    for start in 0..next.len() {
        if std::mem::replace(&mut seen[start], true) {
            continue;
        }
        let mut stack = vec![(start, 0)];
        while let Some((index, step)) = stack.last_mut() {
            let Some(to) = next[*index].get(*step).copied() else {
                clock += 1;
                finished[*index] = clock;
                stack.pop();
                continue;
            };
            *step += 1;
            if !std::mem::replace(&mut seen[to], true) {
                stack.push((to, 0));
            }
        }
    }
    finished
}

#[cfg(test)]
/// Numbers boxes by walking through all levels in their order.
fn places(levels: &[Vec<Child>], boxes: usize) -> Vec<usize> {
    let mut place = vec![0; boxes];
    let mut count = 0;
    let mut stack: Vec<Child> = levels[0].iter().rev().copied().collect();
    while let Some(child) = stack.pop() {
        match child {
            Child::Box(index) => {
                place[index] = count;
                count += 1;
            }
            Child::Cluster(index) => stack.extend(levels[index + 1].iter().rev()),
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{SizedArrow, SizedBox, SizedCluster};
    use super::*;

    fn graph(
        clusters: &[Option<usize>],
        boxes: &[Option<usize>],
        arrows: &[(usize, usize)],
    ) -> SizedGraph {
        SizedGraph {
            clusters: clusters
                .iter()
                .map(|parent| SizedCluster { parent: *parent, ..SizedCluster::default() })
                .collect(),
            boxes: boxes
                .iter()
                .map(|cluster| SizedBox { cluster: *cluster, ..SizedBox::default() })
                .collect(),
            arrows: arrows
                .iter()
                .map(|(from, to)| SizedArrow { from: *from, to: *to, ..SizedArrow::default() })
                .collect(),
            ..SizedGraph::default()
        }
    }

    #[test]
    fn a_call_back_between_clusters_leaves_the_entry_first() {
        // Boxes 0 and 1 in cluster 0, entry 2 and its callback 3 in cluster 1: 2 -> 0 -> 1 -> 3.
        let graph =
            graph(&[None, None], &[Some(0), Some(0), Some(1), Some(1)], &[(2, 0), (0, 1), (1, 3)]);
        let order = reading_order(&graph);
        assert_eq!(order.levels[0], [Child::Cluster(1), Child::Cluster(0)]);
        assert_eq!(places(&order.levels, 4), [2, 3, 0, 1]);
    }

    #[test]
    fn the_entry_that_leads_to_most_comes_first() {
        // Box 0 is seen first and leads to 1; the flow that starts at 2 leads to 3, 1 and 4.
        let graph = graph(&[], &[None; 5], &[(0, 1), (2, 3), (3, 1), (3, 4)]);
        let order = reading_order(&graph);
        assert_eq!(order.levels[0][..2], [Child::Box(2), Child::Box(3)]);
    }

    #[test]
    fn every_box_of_a_tangle_has_one_place() {
        let graph = graph(
            &[None, Some(0), None],
            &[Some(1), Some(0), Some(2), None, Some(2)],
            &[(0, 1), (1, 2), (2, 3), (3, 0), (3, 3), (4, 2), (2, 4), (1, 4)],
        );
        let order = reading_order(&graph);
        let mut places = places(&order.levels, 5);
        places.sort_unstable();
        assert_eq!(places, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_chain_of_any_length_is_ordered() {
        let arrows: Vec<(usize, usize)> = (0..50_000).map(|index| (index, index + 1)).collect();
        let graph = graph(&[], &vec![None; 50_001], &arrows);
        let order = reading_order(&graph);
        assert!(
            places(&order.levels, 50_001).iter().enumerate().all(|(index, place)| index == *place)
        );
    }
}
