//! The part as layers: every arrow becomes a chain of links from one rank to the next.
//!
//! Fifth step of the layered layout. Where an arrow passes a rank it gets a bend of its own, its
//! label stands in the rank half way, and a cluster that has nothing in a rank that it spans gets a
//! holder, so that nothing else is put there.

use super::net::Net;
use super::rank::Ranking;

/// Room between two arrows that pass side by side.
pub(crate) const ARROW_GAP: f64 = 7.0;
/// Room that an arrow that leads to its own box needs beside it.
pub(crate) const LOOP_ROOM: f64 = 11.0;

/// What stands in a rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A box of the part.
    Box(usize),
    /// An arrow passes.
    Bend(usize),
    /// The label of an arrow.
    Label(usize),
    /// A cluster keeps its place.
    Holder,
}

/// Something that stands in a rank.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) rank: usize,
    pub(crate) cluster: Option<usize>,
    /// From its middle to its first and to its last edge across.
    pub(crate) before: f64,
    pub(crate) after: f64,
    /// Width along.
    pub(crate) along: f64,
}

/// A piece of an arrow between two neighbouring ranks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    /// Item in the earlier rank, and in the later one.
    pub(crate) ends: [u32; 2],
    /// Where the link leaves its items: 0 to 63, in the order across.
    pub(crate) keys: [u8; 2],
    pub(crate) arrow: u32,
    /// The boxes that its arrow joins.
    pub(crate) tips: [u32; 2],
}

impl Link {
    /// Where it meets its ranks, by the places of items.
    pub(crate) fn values(&self, places: &[u32]) -> [u32; 2] {
        [0, 1].map(|end| places[self.ends[end] as usize] * 64 + u32::from(self.keys[end]))
    }
}

/// Ranks that a cluster spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// A part in layers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    pub(crate) items: Vec<Item>,
    /// Items of each rank, in their order across.
    pub(crate) ranks: Vec<Vec<u32>>,
    pub(crate) links: Vec<Link>,
    /// Links of each item towards earlier ranks, and towards later ones.
    pub(crate) links_in: Vec<Vec<u32>>,
    pub(crate) links_out: Vec<Vec<u32>>,
    /// Items of each arrow from its earlier to its later end; empty where both ends share a rank.
    pub(crate) chains: Vec<Vec<u32>>,
    pub(crate) spans: Vec<Span>,
    /// How many arrows lead from each box to itself.
    pub(crate) loops: Vec<usize>,
}

impl Layers {
    /// Puts the ranked part into layers; items of a rank stand in the order of their making.
    ///
    /// `leaves` says of each arrow whether it leaves the clusters of its tail at once, and enters
    /// those of its head as late as it can.
    pub(crate) fn new(net: &Net, ranking: &Ranking, leaves: &[bool]) -> Layers {
        let mut layers = Layers {
            ranks: vec![Vec::new(); ranking.count],
            chains: vec![Vec::new(); net.arrows.len()],
            spans: spans(net, ranking),
            loops: vec![0; net.nodes.len()],
            ..Layers::default()
        };
        let mut extra = vec![0.0f64; net.nodes.len()];
        for arrow in net.arrows.iter().filter(|arrow| arrow.from == arrow.to) {
            layers.loops[arrow.from] += 1;
            extra[arrow.from] += LOOP_ROOM + arrow.label.map_or(0.0, |label| label.1 + 2.0);
        }
        for (index, node) in net.nodes.iter().enumerate() {
            let half = node.across / 2.0;
            layers.add(Item {
                kind: Kind::Box(index),
                rank: ranking.rank[index],
                cluster: node.cluster,
                before: half,
                after: half + extra[index],
                along: node.along,
            });
        }
        for (index, leaves) in leaves.iter().enumerate().take(net.arrows.len()) {
            layers.chain(net, ranking, index, *leaves);
        }
        layers.hold(net);
        layers
    }

    fn add(&mut self, item: Item) -> u32 {
        let id = self.items.len() as u32;
        self.ranks[item.rank].push(id);
        self.items.push(item);
        self.links_in.push(Vec::new());
        self.links_out.push(Vec::new());
        id
    }

    /// Adds the chain of one arrow.
    fn chain(&mut self, net: &Net, ranking: &Ranking, index: usize, leaves: bool) {
        let arrow = &net.arrows[index];
        let (mut ends, mut ports) = ((arrow.from, arrow.to), (arrow.from_port, arrow.to_port));
        if ranking.turned[index] {
            (ends, ports) = ((ends.1, ends.0), (ports.1, ports.0));
        }
        let (first, last) = (ranking.rank[ends.0], ranking.rank[ends.1]);
        if first == last {
            return;
        }
        let clusters = (net.nodes[ends.0].cluster, net.nodes[ends.1].cluster);
        let shared = net.shared(clusters.0, clusters.1);
        let label_rank = usize::midpoint(first, last);
        let mut chain = vec![ends.0 as u32];
        for rank in first + 1..last {
            let cluster = if leaves { shared } else { self.passes(net, clusters, shared, rank) };
            let label = arrow.label.filter(|_| rank == label_rank);
            let half = label.map_or(0.0, |label| label.1 / 2.0);
            chain.push(self.add(Item {
                kind: if label.is_some() { Kind::Label(index) } else { Kind::Bend(index) },
                rank,
                cluster,
                before: half,
                after: half,
                along: label.map_or(0.0, |label| label.0),
            }));
        }
        chain.push(ends.1 as u32);
        let key = |node: usize, port: Option<usize>| {
            let node = &net.nodes[node];
            let middle = port
                .map(|port| f64::midpoint(node.ports[port].across.0, node.ports[port].across.1))
                .or(node.anchor)
                .unwrap_or(node.across / 2.0);
            (middle / node.across.max(1.0) * 63.0).round().clamp(0.0, 63.0) as u8
        };
        let keys = (key(ends.0, ports.0), key(ends.1, ports.1));
        for (place, pair) in chain.windows(2).enumerate() {
            let id = self.links.len() as u32;
            let keys = [
                if place == 0 { keys.0 } else { 32 },
                if place + 2 == chain.len() { keys.1 } else { 32 },
            ];
            let (ends, tips) = ([pair[0], pair[1]], [arrow.from as u32, arrow.to as u32]);
            self.links.push(Link { ends, keys, arrow: index as u32, tips });
            self.links_out[pair[0] as usize].push(id);
            self.links_in[pair[1] as usize].push(id);
        }
        self.chains[index] = chain;
    }

    /// The cluster in which an arrow passes `rank`: as long as its tail's clusters last it stays in
    /// them, and it enters its head's as early as they begin; where both are there, it is between.
    fn passes(
        &self,
        net: &Net,
        (tail, head): (Option<usize>, Option<usize>),
        shared: Option<usize>,
        rank: usize,
    ) -> Option<usize> {
        let covers = |cluster: &usize| {
            let Span { first, last } = self.spans[*cluster];
            (first..=last).contains(&rank)
        };
        let within =
            |end: Option<usize>| net.path(end).take_while(|at| Some(*at) != shared).find(covers);
        match (within(tail), within(head)) {
            (Some(found), None) | (None, Some(found)) => Some(found),
            (None, None) | (Some(_), Some(_)) => shared,
        }
    }

    /// Adds holders where a cluster has nothing in a rank that it spans.
    fn hold(&mut self, net: &Net) {
        let mut is_held: Vec<Vec<bool>> =
            self.spans.iter().map(|span| vec![false; span.last + 1 - span.first]).collect();
        for item in &self.items {
            for cluster in net.path(item.cluster) {
                is_held[cluster][item.rank - self.spans[cluster].first] = true;
            }
        }
        // Inner clusters first: what holds them holds the outer ones as well.
        for cluster in (0..net.clusters.len()).rev() {
            for rank in self.spans[cluster].first..=self.spans[cluster].last {
                if is_held[cluster][rank - self.spans[cluster].first] {
                    continue;
                }
                for outer in net.path(Some(cluster)) {
                    is_held[outer][rank - self.spans[outer].first] = true;
                }
                self.add(Item {
                    kind: Kind::Holder,
                    rank,
                    cluster: Some(cluster),
                    before: 0.0,
                    after: 0.0,
                    along: 0.0,
                });
            }
        }
    }

    /// Whether an item is a box.
    pub(crate) fn is_box(&self, item: u32) -> bool {
        matches!(self.items[item as usize].kind, Kind::Box(_))
    }

    /// The place of each item in its rank.
    pub(crate) fn places(&self) -> Vec<u32> {
        let mut places = vec![0; self.items.len()];
        self.write_places(&mut places);
        places
    }

    /// Writes the place of each item in its rank.
    pub(crate) fn write_places(&self, places: &mut [u32]) {
        for rank in &self.ranks {
            for (place, item) in rank.iter().enumerate() {
                places[*item as usize] = place as u32;
            }
        }
    }
}

/// The ranks that each cluster spans, by the boxes in it.
fn spans(net: &Net, ranking: &Ranking) -> Vec<Span> {
    let mut spans = vec![Span { first: usize::MAX, last: 0 }; net.clusters.len()];
    for (node, sized) in net.nodes.iter().enumerate() {
        let rank = ranking.rank[node];
        for cluster in net.path(sized.cluster) {
            let span = &mut spans[cluster];
            *span = Span { first: span.first.min(rank), last: span.last.max(rank) };
        }
    }
    spans
}
