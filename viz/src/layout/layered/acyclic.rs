//! Chooses the arrows that are drawn against the reading direction, as few as can be.
//!
//! Third step of the layered layout. A depth-first walk from the entries, in the order of the input,
//! turns what points back to a caller. Within each knot of mutual calls, an insertion search (move
//! one box to where fewest arrows point back, until nothing helps) then saves turned arrows; where a
//! knot is entered by one box alone, that stays first, so that reading begins there.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

/// Largest knot that is searched; the search takes the square of its size.
const LARGEST_KNOT: usize = 150;

/// Whether each arrow `(tail, head, weight)` between `nodes` nodes is to be turned round.
///
/// Arrows from a node to itself are never turned.
pub(crate) fn turned(nodes: usize, arrows: &[(usize, usize, f64)]) -> Vec<bool> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut has_caller = vec![false; nodes];
    for (index, (from, to, _)) in arrows.iter().enumerate() {
        if from != to {
            out[*from].push(index);
            has_caller[*to] = true;
        }
    }
    let mut place = walk(&out, &has_caller, arrows);
    improve(&mut place, arrows);
    arrows.iter().map(|(from, to, _)| from != to && place[*from] > place[*to]).collect()
}

/// A depth-first walk; the place of each node in reverse postorder.
fn walk(out: &[Vec<usize>], has_caller: &[bool], arrows: &[(usize, usize, f64)]) -> Vec<usize> {
    let nodes = out.len();
    let mut seen = vec![false; nodes];
    let mut post = Vec::with_capacity(nodes);
    let entries = (0..nodes).filter(|node| !has_caller[*node]);
    for start in entries.chain(0..nodes) {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut open = vec![(start, 0)];
        while let Some((node, next)) = open.last_mut() {
            let Some(arrow) = out[*node].get(*next) else {
                post.push(*node);
                open.pop();
                continue;
            };
            *next += 1;
            let head = arrows[*arrow].1;
            if !seen[head] {
                seen[head] = true;
                open.push((head, 0));
            }
        }
    }
    let mut place = vec![0; nodes];
    for (index, node) in post.iter().rev().enumerate() {
        place[*node] = index;
    }
    place
}

/// Saves turned arrows inside each knot.
fn improve(place: &mut [usize], arrows: &[(usize, usize, f64)]) {
    if !arrows.iter().any(|(from, to, _)| place[*from] > place[*to]) {
        return;
    }
    let mut graph = DiGraph::<(), ()>::with_capacity(place.len(), arrows.len());
    let ids: Vec<_> = place.iter().map(|_| graph.add_node(())).collect();
    for (from, to, _) in arrows {
        graph.add_edge(ids[*from], ids[*to], ());
    }
    for knot in kosaraju_scc(&graph) {
        if (3..=LARGEST_KNOT).contains(&knot.len()) {
            let mut order: Vec<usize> = knot.iter().map(|node| node.index()).collect();
            order.sort_by_key(|node| place[*node]);
            let mut places: Vec<usize> = order.iter().map(|node| place[*node]).collect();
            places.sort_unstable();
            let is_entered = |node: &&usize| {
                arrows.iter().any(|(from, to, _)| to == *node && !order.contains(from))
            };
            let entries = order.iter().filter(is_entered).count();
            insertion_search(&mut order, arrows, entries <= 1);
            for (node, at) in order.iter().zip(places) {
                place[*node] = at;
            }
        }
    }
}

/// Moves one node at a time to its best place, until none has a better one.
fn insertion_search(order: &mut Vec<usize>, arrows: &[(usize, usize, f64)], keeps_first: bool) {
    let index_of = |order: &[usize], node: usize| order.iter().position(|at| *at == node);
    let mut inner: Vec<(usize, usize, f64)> = Vec::new();
    for (from, to, weight) in arrows {
        if from != to
            && let (Some(from), Some(to)) = (index_of(order, *from), index_of(order, *to))
        {
            // Equal counts are told apart by weight, never the other way round.
            inner.push((from, to, 1.0 + weight.clamp(0.0, 100.0) / 1e4));
        }
    }
    let count = order.len();
    let mut pull = vec![0.0f64; count * count];
    for (from, to, cost) in &inner {
        pull[from * count + to] += cost;
    }
    let mut sequence: Vec<usize> = (0..count).collect();
    for _ in 0..8 {
        let mut has_moved = false;
        for node in usize::from(keeps_first)..count {
            let Some(at) = sequence.iter().position(|other| *other == node) else { continue };
            let (mut best, mut best_at) = (-1e-9, at);
            // Passing `other` towards the front turns arrows other -> node back, and mends the rest.
            let mut change = 0.0;
            for to in (usize::from(keeps_first)..at).rev() {
                let other = sequence[to];
                change += pull[other * count + node] - pull[node * count + other];
                if change < best {
                    (best, best_at) = (change, to);
                }
            }
            change = 0.0;
            for (to, other) in sequence.iter().enumerate().skip(at + 1) {
                change += pull[node * count + other] - pull[other * count + node];
                if change < best {
                    (best, best_at) = (change, to);
                }
            }
            if best_at != at {
                sequence.remove(at);
                sequence.insert(best_at, node);
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
    *order = sequence.iter().map(|index| order[*index]).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned_count(nodes: usize, arrows: &[(usize, usize)]) -> usize {
        let arrows: Vec<_> = arrows.iter().map(|(from, to)| (*from, *to, 1.0)).collect();
        let turned = turned(nodes, &arrows);
        let mut graph = DiGraph::<(), ()>::new();
        let ids: Vec<_> = (0..nodes).map(|_| graph.add_node(())).collect();
        for ((from, to, _), turned) in arrows.iter().zip(&turned) {
            if from != to {
                let (from, to) = if *turned { (to, from) } else { (from, to) };
                graph.add_edge(ids[*from], ids[*to], ());
            }
        }
        assert!(!petgraph::algo::is_cyclic_directed(&graph));
        turned.iter().filter(|is_turned| **is_turned).count()
    }

    #[test]
    fn a_graph_without_cycles_keeps_its_arrows() {
        assert_eq!(turned_count(4, &[(0, 1), (1, 2), (0, 2), (3, 2)]), 0);
        assert_eq!(turned_count(2, &[(0, 0), (0, 1), (1, 1)]), 0);
    }

    #[test]
    fn the_way_back_to_the_entry_is_turned() {
        let arrows = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)];
        assert_eq!(turned(3, &arrows), [false, false, true]);
    }

    #[test]
    fn the_search_saves_what_the_walk_turned_needlessly() {
        // The walk goes 0 1 2 3 and turns 3 -> 1, 2 -> 1; entering 2 and 3 first turns only 1 -> 2.
        let arrows = [(0, 1), (1, 2), (2, 3), (2, 1), (3, 1), (0, 2), (0, 3)];
        assert_eq!(turned_count(4, &arrows), 1);
    }
}
