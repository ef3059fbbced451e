//! What messages say about the difference of two clocks: an interval that it must lie in.
//!
//! A message is not received before it is sent, so from a to b the clock of b is ahead by at most
//! what the receipt (on b's clock) seems to come after the sending (on a's); messages the other way
//! bound it from below. This is Cristian's argument ("Probabilistic clock synchronization", 1989),
//! as NTP uses it, over all messages at once: the least of each side counts. Bounds through third
//! nodes count too, by shortest paths; a cycle of negative length would be a contradiction.

use std::collections::BTreeMap;

/// No bound. Far from the ends of the type, so that sums do not overflow.
const NONE: i64 = i64::MAX / 4;
/// Times may have been cut to microseconds, each on its own.
const RESOLUTION_NS: i64 = 1_000;

/// By how much the clock of one node may be ahead of another one's, in nanoseconds; negative if it is
/// behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// At least so much, if messages say so.
    pub at_least_ns: Option<i64>,
    /// At most so much, if messages say so.
    pub at_most_ns: Option<i64>,
    /// How many messages bound it.
    pub messages: u64,
}

/// Upper bounds on `clock of to - clock of from`, by `(from, to)`.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    most: BTreeMap<(usize, usize), (i64, u64)>,
}

impl Bounds {
    /// A message from `from` to `to`, which seems to have taken `ns`.
    pub(super) fn message(&mut self, from: usize, to: usize, ns: i64) {
        let (most, messages) = self.most.entry((from, to)).or_insert((NONE, 0));
        *most = (*most).min(ns.saturating_add(RESOLUTION_NS).clamp(-NONE, NONE));
        *messages += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.most.is_empty()
    }

    /// Every pair that messages bound, the lower node first.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        let ordered = self.most.keys().map(|(from, to)| (*from.min(to), *from.max(to)));
        let mut pairs: Vec<_> = ordered.collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// By how much `node` may be ahead of `against`, from messages between the two alone.
    pub(super) fn between(&self, node: usize, against: usize) -> Interval {
        let most = self.most.get(&(against, node));
        let least = self.most.get(&(node, against));
        Interval {
            at_least_ns: least.map(|(ns, _)| -ns),
            at_most_ns: most.map(|(ns, _)| *ns),
            messages: most.map_or(0, |it| it.1) + least.map_or(0, |it| it.1),
        }
    }

    /// Adds the bounds of `newer`. A pair whose bounds would then contradict each other keeps only the
    /// newer ones, since its clocks have moved against each other; those pairs are returned.
    pub(super) fn merge(&mut self, newer: &Bounds) -> Vec<(usize, usize)> {
        for (pair, (most, messages)) in &newer.most {
            let mine = self.most.entry(*pair).or_insert((NONE, 0));
            *mine = (mine.0.min(*most), mine.1 + messages);
        }
        let mut moved = Vec::new();
        for (a, b) in self.pairs() {
            if !self.between(b, a).is_possible() && newer.between(b, a).is_possible() {
                for pair in [(a, b), (b, a)] {
                    self.most.remove(&pair);
                    if let Some(bound) = newer.most.get(&pair) {
                        self.most.insert(pair, *bound);
                    }
                }
                moved.push((a, b));
            }
        }
        moved
    }

    /// How much each of `nodes` nodes is ahead, so that no message comes before it was sent; pairs in
    /// `without` are left aside. Clocks that may agree do; `None` if the bounds contradict each other.
    pub(super) fn offsets(&self, nodes: usize, without: &[(usize, usize)]) -> Option<Vec<i64>> {
        let mut most = vec![vec![NONE; nodes]; nodes];
        for ((from, to), (ns, _)) in &self.most {
            let is_used = !without.contains(&(*from.min(to), *from.max(to)));
            if let (true, Some(cell)) =
                (is_used, most.get_mut(*from).and_then(|it| it.get_mut(*to)))
            {
                *cell = *ns;
            }
        }
        // Floyd and Warshall.
        for through in 0..nodes {
            let onward = most[through].clone();
            for row in &mut most {
                let first = row[through];
                if first == NONE {
                    continue;
                }
                for (cell, second) in row.iter_mut().zip(&onward) {
                    if *second != NONE {
                        *cell = (*cell).min((first + second).max(-NONE));
                    }
                }
            }
        }
        if (0..nodes).any(|node| most[node][node] < 0) {
            return None;
        }
        // With the shortest ways known, any choice within the bounds can be completed.
        let mut offsets: Vec<i64> = Vec::with_capacity(nodes);
        for (node, onward) in most.iter().enumerate() {
            let (mut least, mut at_most) = (-NONE, NONE);
            for ((other, offset), back) in most.iter().zip(&offsets).zip(onward) {
                let there = other[node];
                at_most = if there == NONE { at_most } else { at_most.min(offset + there) };
                least = if *back == NONE { least } else { least.max(offset - back) };
            }
            offsets.push(choose(least, at_most));
        }
        Some(offsets)
    }
}

/// Agreement if it is possible; the middle if both sides are known; else as little as needed, without
/// what times may have been cut by.
fn choose(least: i64, most: i64) -> i64 {
    if least <= 0 && most >= 0 {
        return 0;
    }
    match (least == -NONE, most == NONE) {
        (false, false) => least + (most - least) / 2,
        (true, _) => most - RESOLUTION_NS,
        (false, true) => least + RESOLUTION_NS,
    }
}

impl Interval {
    /// Whether any difference fits.
    pub fn is_possible(&self) -> bool {
        match (self.at_least_ns, self.at_most_ns) {
            (Some(least), Some(most)) => least <= most,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(messages: &[(usize, usize, i64)]) -> Bounds {
        let mut bounds = Bounds::default();
        messages.iter().for_each(|(from, to, ns)| bounds.message(*from, *to, *ns));
        bounds
    }

    #[test]
    fn messages_both_ways_leave_an_interval() {
        // One is 5 ms ahead; messages take 0.1 to 1 ms.
        let found =
            bounds(&[(0, 1, 5_100_000), (0, 1, 6_000_000), (1, 0, -4_200_000), (1, 0, -4_800_000)]);
        let interval = found.between(1, 0);
        let expected = (Some(4_799_000), Some(5_101_000));
        assert_eq!((interval.at_least_ns, interval.at_most_ns), expected);
        assert_eq!(found.offsets(2, &[]), Some(vec![0, 4_950_000]));
    }

    #[test]
    fn clocks_that_may_agree_do() {
        let found = bounds(&[(0, 1, 300_000), (1, 0, 20_000)]);
        assert_eq!(found.offsets(2, &[]), Some(vec![0, 0]));
    }

    #[test]
    fn one_way_alone_moves_as_little_as_needed() {
        assert_eq!(bounds(&[(0, 1, -50_000)]).offsets(2, &[]), Some(vec![0, -50_000]));
        assert_eq!(bounds(&[(1, 0, -50_000)]).offsets(2, &[]), Some(vec![0, 50_000]));
    }

    #[test]
    fn bounds_through_a_third_node_count() {
        let found =
            bounds(&[(0, 1, 9_000_000), (1, 0, -7_000_000), (1, 2, -7_000_000), (2, 1, 8_000_000)]);
        let offsets = found.offsets(3, &[]).unwrap();
        assert_eq!(offsets[1], 8_000_000);
        assert!((-8_001_000..=-6_999_000).contains(&(offsets[2] - offsets[1])), "{offsets:?}");
    }

    #[test]
    fn contradictions_are_noticed_between_two_and_around_three() {
        let two = bounds(&[(0, 1, -5_000_000), (1, 0, -5_000_000)]);
        assert!(!two.between(0, 1).is_possible());
        assert_eq!(two.offsets(2, &[]), None);
        assert_eq!(two.offsets(2, &[(0, 1)]), Some(vec![0, 0]));
        let three = bounds(&[(0, 1, -5_000_000), (1, 2, -5_000_000), (2, 0, -5_000_000)]);
        assert_eq!(three.offsets(3, &[]), None);
    }

    #[test]
    fn clocks_that_moved_keep_the_newer_bounds() {
        let mut all = bounds(&[(0, 1, 5_100_000), (1, 0, -4_800_000), (0, 2, 7)]);
        let newer = bounds(&[(0, 1, 100_000), (1, 0, 100_000)]);
        assert_eq!(all.merge(&newer), [(0, 1)]);
        assert_eq!(all.offsets(3, &[]), Some(vec![0, 0, 0]));
        assert_eq!(all.merge(&newer), []);
        assert_eq!(all.between(1, 0).messages, 4);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let found = bounds(&[(0, 1, i64::MAX), (1, 0, i64::MIN), (1, 2, i64::MIN), (2, 0, 0)]);
        let _ = (found.offsets(3, &[]), found.between(0, 1).is_possible());
    }
}
