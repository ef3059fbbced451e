//! The network simplex: integer places for nodes such that every arc keeps its least length and the
//! weighted sum of all lengths is as small as can be.
//!
//! Used twice by the layered layout: for ranks, and for places across the ranks. After Gansner,
//! Koutsofios, North, Vo, *A Technique for Drawing Directed Graphs* (1993), section 2.3: a spanning
//! tree of tight arcs with its cut values kept up to date. Where they number the tree by postorder,
//! which has to be done again for most of it at each exchange, the side under an arc is marked here
//! and hung up anew, and nothing else is touched.

/// One arc: `place[to] - place[from] >= least`, and each unit of its length costs `weight`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arc {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) least: i64,
    pub(crate) weight: i64,
}

const NONE: u32 = u32::MAX;

/// Places for `nodes` nodes, the smallest being zero in each connected part, and whether they are
/// the best (they may be merely good where `pivots` ran out).
///
/// The arcs must have no cycle. Each connected part is solved for itself. `start` are places that
/// keep all least lengths already, to begin from; the nearer to the best, the less is to be done.
pub(crate) fn solve(
    nodes: usize,
    arcs: &[Arc],
    pivots: usize,
    start: Option<Vec<i64>>,
) -> Vec<i64> {
    if nodes == 0 {
        return Vec::new();
    }
    let mut simplex = Simplex::new(nodes, arcs);
    match start.filter(|start| start.len() == nodes) {
        Some(start) => simplex.place = start,
        None => simplex.longest_paths(),
    }
    simplex.tight_tree();
    let mut left = pivots;
    while left > 0 {
        let Some(leave) = simplex.leaving() else { break };
        let Some(enter) = simplex.entering(leave) else {
            // No arc binds the two sides in that direction: the cut value cannot be used.
            simplex.cut[leave as usize] = 0;
            continue;
        };
        simplex.pivot(leave, enter);
        left -= 1;
    }
    simplex.normalize();
    simplex.place
}

struct Simplex<'a> {
    arcs: &'a [Arc],
    /// Arc numbers at each node, packed: `near[start[n]..start[n + 1]]`.
    start: Vec<u32>,
    near: Vec<u32>,
    place: Vec<i64>,
    /// Tree arcs, and where each stands in that list.
    tree: Vec<u32>,
    in_tree: Vec<u32>,
    cut: Vec<i64>,
    /// Rooted form of the tree: arc to the parent, and how many arcs are above each node.
    parent: Vec<u32>,
    depth: Vec<u32>,
    /// The nodes under the arc that leaves, and for each node the round in which it was one.
    under: Vec<u32>,
    marked: Vec<u32>,
    round: u32,
    /// Tree arcs at each node.
    tree_near: Vec<Vec<u32>>,
    roots: Vec<u32>,
    search: usize,
}

impl<'a> Simplex<'a> {
    fn new(nodes: usize, arcs: &'a [Arc]) -> Self {
        let mut start = vec![0u32; nodes + 1];
        for arc in arcs {
            start[arc.from as usize + 1] += 1;
            start[arc.to as usize + 1] += 1;
        }
        for index in 0..nodes {
            start[index + 1] += start[index];
        }
        let mut fill = start.clone();
        let mut near = vec![0u32; arcs.len() * 2];
        for (index, arc) in arcs.iter().enumerate() {
            for end in [arc.from, arc.to] {
                near[fill[end as usize] as usize] = index as u32;
                fill[end as usize] += 1;
            }
        }
        Simplex {
            arcs,
            start,
            near,
            place: vec![0; nodes],
            tree: Vec::with_capacity(nodes),
            in_tree: vec![NONE; arcs.len()],
            cut: vec![0; arcs.len()],
            parent: vec![NONE; nodes],
            depth: vec![0; nodes],
            under: Vec::new(),
            marked: vec![0; nodes],
            round: 0,
            tree_near: vec![Vec::new(); nodes],
            roots: Vec::new(),
            search: 0,
        }
    }

    fn at(&self, node: u32) -> &[u32] {
        &self.near[self.start[node as usize] as usize..self.start[node as usize + 1] as usize]
    }

    fn slack(&self, arc: u32) -> i64 {
        let Arc { from, to, least, .. } = self.arcs[arc as usize];
        self.place[to as usize] - self.place[from as usize] - least
    }

    /// A first feasible answer: every node as far forward as the arcs into it demand.
    fn longest_paths(&mut self) {
        let nodes = self.place.len();
        let mut waits = vec![0u32; nodes];
        for arc in self.arcs {
            waits[arc.to as usize] += 1;
        }
        let mut ready: Vec<u32> =
            (0..nodes as u32).filter(|node| waits[*node as usize] == 0).collect();
        let mut next = 0;
        while let Some(node) = ready.get(next).copied() {
            next += 1;
            for index in self.start[node as usize]..self.start[node as usize + 1] {
                let Arc { from, to, least, .. } = self.arcs[self.near[index as usize] as usize];
                if from != node {
                    continue;
                }
                let place = self.place[from as usize] + least;
                self.place[to as usize] = self.place[to as usize].max(place);
                waits[to as usize] -= 1;
                if waits[to as usize] == 0 {
                    ready.push(to);
                }
            }
        }
    }

    /// A spanning tree of tight arcs for each connected part, nodes moved until there is one.
    ///
    /// Trees grow by themselves first and are then joined, the smaller one moving: that keeps the
    /// work near `n log n` where one growing tree would need `n` rounds over everything.
    fn tight_tree(&mut self) {
        let nodes = self.place.len();
        let mut group: Vec<u32> = vec![NONE; nodes];
        let mut members: Vec<Vec<u32>> = Vec::new();
        for node in 0..nodes as u32 {
            if group[node as usize] != NONE {
                continue;
            }
            let mine = members.len() as u32;
            group[node as usize] = mine;
            let mut list = vec![node];
            let mut next = 0;
            while let Some(at) = list.get(next).copied() {
                next += 1;
                for index in self.start[at as usize]..self.start[at as usize + 1] {
                    let arc = self.near[index as usize];
                    let Arc { from, to, .. } = self.arcs[arc as usize];
                    let other = if from == at { to } else { from };
                    if group[other as usize] == NONE && self.slack(arc) == 0 {
                        group[other as usize] = mine;
                        list.push(other);
                        self.add_to_tree(arc);
                    }
                }
            }
            members.push(list);
        }
        // Smallest groups first: each joins the neighbour that it is nearest to.
        let mut heap: std::collections::BinaryHeap<std::cmp::Reverse<(usize, u32)>> = members
            .iter()
            .enumerate()
            .map(|(group, list)| std::cmp::Reverse((list.len(), group as u32)))
            .collect();
        while let Some(std::cmp::Reverse((size, mine))) = heap.pop() {
            if members[mine as usize].len() != size || size == 0 {
                continue;
            }
            let mut best: Option<(i64, u32)> = None;
            for node in &members[mine as usize] {
                for arc in self.at(*node) {
                    let Arc { from, to, .. } = self.arcs[*arc as usize];
                    if group[from as usize] == group[to as usize] {
                        continue;
                    }
                    let slack = self.slack(*arc);
                    if best.is_none_or(|(least, _)| slack < least) {
                        best = Some((slack, *arc));
                    }
                }
            }
            let Some((slack, arc)) = best else { continue };
            let Arc { from, to, .. } = self.arcs[arc as usize];
            let is_from = group[from as usize] == mine;
            let shift = if is_from { slack } else { -slack };
            let other = group[if is_from { to } else { from } as usize];
            let list = std::mem::take(&mut members[mine as usize]);
            for node in &list {
                self.place[*node as usize] += shift;
                group[*node as usize] = other;
            }
            members[other as usize].extend(list);
            heap.push(std::cmp::Reverse((members[other as usize].len(), other)));
            self.add_to_tree(arc);
        }
        self.roots = members.iter().filter_map(|list| list.first().copied()).collect();
        for root in 0..self.roots.len() {
            let root = self.roots[root];
            self.hang(root, NONE, 0);
        }
        self.first_cuts();
    }

    fn add_to_tree(&mut self, arc: u32) {
        self.in_tree[arc as usize] = self.tree.len() as u32;
        self.tree.push(arc);
        let Arc { from, to, .. } = self.arcs[arc as usize];
        self.tree_near[from as usize].push(arc);
        self.tree_near[to as usize].push(arc);
    }

    /// Hangs the part of the tree on the far side of `parent` from there, with `top` uppermost.
    fn hang(&mut self, top: u32, parent: u32, depth: u32) {
        self.parent[top as usize] = parent;
        self.depth[top as usize] = depth;
        let mut open = vec![top];
        while let Some(node) = open.pop() {
            let depth = self.depth[node as usize] + 1;
            for arc in &self.tree_near[node as usize] {
                if *arc == self.parent[node as usize] {
                    continue;
                }
                let child = self.other_end(*arc, node);
                self.parent[child as usize] = *arc;
                self.depth[child as usize] = depth;
                open.push(child);
            }
        }
    }

    fn other_end(&self, arc: u32, node: u32) -> u32 {
        let Arc { from, to, .. } = self.arcs[arc as usize];
        if from == node { to } else { from }
    }

    /// All cut values, leaves first.
    fn first_cuts(&mut self) {
        let mut order: Vec<u32> = (0..self.place.len() as u32).collect();
        order.sort_unstable_by_key(|node| std::cmp::Reverse(self.depth[*node as usize]));
        for node in order {
            let arc = self.parent[node as usize];
            if arc != NONE {
                self.cut[arc as usize] = self.cut_value(arc, node);
            }
        }
    }

    /// The cut value of the tree arc above `node`, from those of the tree arcs below it.
    fn cut_value(&self, arc: u32, node: u32) -> i64 {
        let is_head = self.arcs[arc as usize].to == node;
        let mut sum = 0;
        for other in self.at(node) {
            let Arc { to, weight, .. } = self.arcs[*other as usize];
            // Towards `node`'s side counts with the arc if the arc's head is there.
            let is_in = (to == node) == is_head;
            if *other == arc {
                sum += weight;
            } else if self.in_tree[*other as usize] != NONE {
                let below = self.cut[*other as usize];
                sum += if is_in { weight - below } else { below - weight };
            } else {
                sum += if is_in { weight } else { -weight };
            }
        }
        sum
    }

    /// A tree arc with a negative cut value: the most negative of the next few found.
    fn leaving(&mut self) -> Option<u32> {
        const LOOK: usize = 30;
        let count = self.tree.len();
        let mut best: Option<u32> = None;
        let mut found = 0;
        for step in 0..count {
            let index = (self.search + step) % count;
            let arc = self.tree[index];
            if self.cut[arc as usize] >= 0 {
                continue;
            }
            if best.is_none_or(|best| self.cut[arc as usize] < self.cut[best as usize]) {
                best = Some(arc);
            }
            found += 1;
            if found == LOOK {
                self.search = (index + 1) % count;
                break;
            }
        }
        best
    }

    /// The node under a tree arc.
    fn below(&self, arc: u32) -> u32 {
        let Arc { from, to, .. } = self.arcs[arc as usize];
        if self.parent[from as usize] == arc { from } else { to }
    }

    /// Marks the nodes under `top`, and lists them.
    fn mark_under(&mut self, top: u32) {
        self.round += 1;
        self.under.clear();
        self.under.push(top);
        let mut next = 0;
        while let Some(node) = self.under.get(next).copied() {
            next += 1;
            self.marked[node as usize] = self.round;
            for arc in &self.tree_near[node as usize] {
                if *arc != self.parent[node as usize] {
                    let Arc { from, to, .. } = self.arcs[*arc as usize];
                    self.under.push(if from == node { to } else { from });
                }
            }
        }
    }

    fn is_under(&self, node: u32) -> bool {
        self.marked[node as usize] == self.round
    }

    /// The arc of least slack that runs from the head's side of `leave` to its tail's side.
    fn entering(&mut self, leave: u32) -> Option<u32> {
        let top = self.below(leave);
        let wants_out = self.arcs[leave as usize].to == top;
        self.mark_under(top);
        let mut best: Option<(i64, u32)> = None;
        for node in &self.under {
            for arc in self.at(*node) {
                let Arc { from, to, .. } = self.arcs[*arc as usize];
                let is_out = from == *node;
                if is_out != wants_out || self.is_under(if is_out { to } else { from }) {
                    continue;
                }
                if self.in_tree[*arc as usize] != NONE {
                    continue;
                }
                let slack = self.slack(*arc);
                if best.is_none_or(|(least, _)| slack < least) {
                    best = Some((slack, *arc));
                    if slack == 0 {
                        return Some(*arc);
                    }
                }
            }
        }
        best.map(|(_, arc)| arc)
    }

    /// Exchanges one tree arc for another: moves the side under it, which [`Self::entering`] has
    /// marked, mends the cut values, and hangs that side up where it is tied now.
    fn pivot(&mut self, leave: u32, enter: u32) {
        let slack = self.slack(enter);
        let top = self.below(leave);
        if slack > 0 {
            // Towards its other end by the entering arc's slack.
            let shift = if self.arcs[leave as usize].from == top { -slack } else { slack };
            for node in &self.under {
                self.place[*node as usize] += shift;
            }
        }
        let cut = self.cut[leave as usize];
        let Arc { from: tail, to: head, .. } = self.arcs[enter as usize];
        self.mend_cuts(tail, head, cut);
        self.cut[enter as usize] = -cut;
        self.cut[leave as usize] = 0;
        let place = self.in_tree[leave as usize];
        self.tree[place as usize] = enter;
        self.in_tree[enter as usize] = place;
        self.in_tree[leave as usize] = NONE;
        let Arc { from, to, .. } = self.arcs[leave as usize];
        for end in [from, to] {
            self.tree_near[end as usize].retain(|arc| *arc != leave);
        }
        for end in [tail, head] {
            self.tree_near[end as usize].push(enter);
        }
        let (inside, outside) = if self.is_under(tail) { (tail, head) } else { (head, tail) };
        self.hang(inside, enter, self.depth[outside as usize] + 1);
    }

    /// Changes the cut values along the way in the tree from `tail` to `head`.
    fn mend_cuts(&mut self, tail: u32, head: u32, cut: i64) {
        let (mut up, mut down) = (tail, head);
        while up != down {
            let is_up = self.depth[up as usize] >= self.depth[down as usize];
            let node = if is_up { &mut up } else { &mut down };
            let arc = self.parent[*node as usize];
            let Arc { from, to, .. } = self.arcs[arc as usize];
            let agrees = (*node == from) == is_up;
            self.cut[arc as usize] += if agrees { cut } else { -cut };
            *node = if *node == from { to } else { from };
        }
    }

    /// Moves each connected part so that its smallest place is zero.
    fn normalize(&mut self) {
        for root in std::mem::take(&mut self.roots) {
            let mut list = vec![root];
            let mut next = 0;
            while let Some(node) = list.get(next).copied() {
                next += 1;
                for arc in &self.tree_near[node as usize] {
                    let Arc { from, to, .. } = self.arcs[*arc as usize];
                    let other = if from == node { to } else { from };
                    if self.parent[other as usize] == *arc {
                        list.push(other);
                    }
                }
            }
            let least = list.iter().map(|node| self.place[*node as usize]).min().unwrap_or(0);
            for node in list {
                self.place[node as usize] -= least;
            }
        }
    }
}
