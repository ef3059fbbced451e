//! One connected part of a picture, with indices of its own.
//!
//! Second step of the layered layout: boxes that no arrow and no cluster joins are laid out for
//! themselves and packed at the end.

use petgraph::unionfind::UnionFind;

use super::super::geometry::{ArrowHints, RankKind, SizedGraph};
use super::frame::{Frame, Node, Pads};

/// A cluster of a part.
#[derive(Clone, Debug)]
pub(crate) struct NetCluster {
    pub(crate) parent: Option<usize>,
    pub(crate) depth: usize,
    pub(crate) pads: Pads,
    /// Index in the whole picture.
    pub(crate) origin: usize,
    /// Its number in a walk from outer clusters to inner ones, and the one behind the last in it.
    within: (u32, u32),
}

/// An arrow of a part.
#[derive(Clone, Debug)]
pub(crate) struct NetArrow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) from_port: Option<usize>,
    pub(crate) to_port: Option<usize>,
    pub(crate) label: Option<(f64, f64)>,
    pub(crate) hints: ArrowHints,
    /// Index in the whole picture.
    pub(crate) origin: usize,
}

/// A connected part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Net {
    pub(crate) nodes: Vec<Node>,
    /// Index in the whole picture of each node.
    pub(crate) origins: Vec<usize>,
    /// Outer clusters before inner ones.
    pub(crate) clusters: Vec<NetCluster>,
    pub(crate) arrows: Vec<NetArrow>,
    pub(crate) ranks: Vec<(RankKind, Vec<usize>)>,
    /// Where each node was in an earlier picture, across.
    pub(crate) previous: Vec<Option<f64>>,
}

impl Net {
    /// The parts of `graph`, in the order of their first boxes. Clusters without boxes are in none.
    pub(crate) fn parts(graph: &SizedGraph, frame: &Frame) -> Vec<Net> {
        let (boxes, clusters) = (graph.boxes.len(), graph.clusters.len());
        let mut joined = UnionFind::<usize>::new(boxes + clusters);
        for (index, sized) in graph.boxes.iter().enumerate() {
            if let Some(cluster) = sized.cluster {
                joined.union(index, boxes + cluster);
            }
        }
        for (index, cluster) in graph.clusters.iter().enumerate() {
            if let Some(parent) = cluster.parent {
                joined.union(boxes + index, boxes + parent);
            }
        }
        for arrow in &graph.arrows {
            joined.union(arrow.from, arrow.to);
        }
        // What shares a rank has to be placed together.
        for (_, group) in &graph.hints.ranks {
            for pair in group.windows(2) {
                joined.union(pair[0], pair[1]);
            }
        }
        let mut nets: Vec<Net> = Vec::new();
        let mut net_of: Vec<Option<usize>> = vec![None; boxes + clusters];
        let mut local = vec![0usize; boxes + clusters];
        for (index, local) in local.iter_mut().enumerate().take(boxes) {
            let root = joined.find(index);
            let net = *net_of[root].get_or_insert_with(|| {
                nets.push(Net::default());
                nets.len() - 1
            });
            let net = &mut nets[net];
            *local = net.nodes.len();
            net.nodes.push(frame.nodes[index].clone());
            net.origins.push(index);
            net.previous.push(frame.previous.get(index).copied().flatten());
        }
        let is_used = used(graph);
        for (index, cluster) in graph.clusters.iter().enumerate() {
            let root = joined.find(boxes + index);
            let Some(net) = net_of[root].filter(|_| is_used[index]) else { continue };
            let net = &mut nets[net];
            let parent = cluster.parent.map(|parent| local[boxes + parent]);
            local[boxes + index] = net.clusters.len();
            let depth = parent.map_or(0, |parent| net.clusters[parent].depth + 1);
            let pads = frame.pads[index];
            net.clusters.push(NetCluster { parent, depth, pads, origin: index, within: (0, 1) });
        }
        let inner = |cluster: usize| local[boxes + cluster];
        for (index, arrow) in graph.arrows.iter().enumerate() {
            let Some(net) = net_of[joined.find(arrow.from)] else { continue };
            let holds = |asked: Option<usize>, end: usize| {
                asked.filter(|asked| graph.clusters_of(end).contains(asked)).map(inner)
            };
            let hints = ArrowHints {
                from_cluster: holds(arrow.hints.from_cluster, arrow.from),
                to_cluster: holds(arrow.hints.to_cluster, arrow.to),
                ..arrow.hints
            };
            nets[net].arrows.push(NetArrow {
                from: local[arrow.from],
                to: local[arrow.to],
                from_port: arrow.from_port,
                to_port: arrow.to_port,
                label: frame.labels[index],
                hints,
                origin: index,
            });
        }
        for (kind, group) in &graph.hints.ranks {
            let Some(net) = group.first().and_then(|at| net_of[joined.find(*at)]) else { continue };
            nets[net].ranks.push((*kind, group.iter().map(|at| local[*at]).collect()));
        }
        for net in &mut nets {
            for node in &mut net.nodes {
                node.cluster = node.cluster.map(inner);
            }
            net.number_clusters();
        }
        nets
    }

    /// Numbers clusters so that those within each are in one run.
    fn number_clusters(&mut self) {
        let mut sizes = vec![1u32; self.clusters.len()];
        for index in (0..self.clusters.len()).rev() {
            if let Some(parent) = self.clusters[index].parent {
                sizes[parent] += sizes[index];
            }
        }
        let (mut next, mut free) = (0, vec![0; self.clusters.len()]);
        for index in 0..self.clusters.len() {
            let free_in = match self.clusters[index].parent {
                Some(parent) => &mut free[parent],
                None => &mut next,
            };
            let first = *free_in;
            *free_in += sizes[index];
            free[index] = first + 1;
            self.clusters[index].within = (first, first + sizes[index]);
        }
    }

    /// The clusters around `cluster` and itself, innermost first.
    pub(crate) fn path(&self, cluster: Option<usize>) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(cluster, |at| self.clusters[*at].parent)
    }

    /// Whether `inner` is `outer` or stands in it.
    pub(crate) fn is_in(&self, inner: Option<usize>, outer: usize) -> bool {
        let (first, end) = self.clusters[outer].within;
        inner.is_some_and(|inner| (first..end).contains(&self.clusters[inner].within.0))
    }

    /// The child of `parent` that `cluster` is or stands in; `None` where it is `parent` itself.
    pub(crate) fn child_towards(
        &self,
        parent: Option<usize>,
        cluster: Option<usize>,
    ) -> Option<usize> {
        let depth = parent.map_or(0, |parent| self.clusters[parent].depth + 1);
        self.path(cluster).find(|at| self.clusters[*at].depth == depth)
    }

    /// The innermost cluster that holds both.
    pub(crate) fn shared(&self, a: Option<usize>, b: Option<usize>) -> Option<usize> {
        self.path(a).find(|at| self.is_in(b, *at))
    }
}

/// Whether each cluster has a box in it, at any depth.
fn used(graph: &SizedGraph) -> Vec<bool> {
    let mut is_used = vec![false; graph.clusters.len()];
    for sized in &graph.boxes {
        let mut next = sized.cluster;
        while let Some(cluster) = next.filter(|cluster| !is_used[*cluster]) {
            is_used[cluster] = true;
            next = graph.clusters[cluster].parent;
        }
    }
    is_used
}
