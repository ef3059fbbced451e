//! `FlowGraph`: the one graph of this crate, filled by a maker (spans, a chart) and taken by every
//! writer.
//!
//! Boxes are functions, branches, values and records, standing in nested clusters of owners; arrows
//! are calls and hand-overs of data. Each carries what was measured of it. Boxes and arrows keep the
//! order in which they were first seen, so the same input always gives the same bytes.

use std::collections::HashMap;

use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::authored::{AuthoredArrow, AuthoredBox, AuthoredGraph};
use crate::latency::Latency;
use crate::provenance::{Provenance, Seen};

/// What a box stands for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum BoxKind {
    /// A function that can be called.
    #[default]
    Function,
    /// A value that is read or made.
    Variable,
    /// A record, with the names of its fields from top to bottom.
    Struct {
        /// Field names; also the names of its ports.
        fields: Vec<String>,
    },
    /// A branch of a decision.
    Case,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing is said.
    #[default]
    Plain,
    /// What must not be: drawn in red, whatever its kind.
    Wrong,
}

/// How a picture is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reading {
    /// From left to right: boxes call each other.
    #[default]
    Flow,
    /// From top to bottom: each outermost cluster is a place, and boxes happened in their order.
    Time,
}

/// One box.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FlowBox {
    /// What the box is, independent of the picture: `Peer::inspect`.
    pub identity: String,
    /// What is written into it: `inspect`.
    pub title: String,
    /// What it stands for.
    pub kind: BoxKind,
    /// Whether it is as it should be.
    pub tone: Tone,
    /// Where it is known from.
    pub provenance: Provenance,
    /// Which views have it, where several were laid over each other.
    pub seen: Option<Seen>,
    /// A second line of it, in small; what was measured has precedence.
    pub note: Option<String>,
    /// The clusters that it stands in, outermost first.
    pub owner: Vec<String>,
    /// The source file, as a path.
    pub file: Option<String>,
    /// The line in [`FlowBox::file`], from 1.
    pub line: Option<u32>,
    /// How often it ran; zero when nothing was measured.
    pub calls: u64,
    /// How long each call took.
    pub latency: Latency,
    /// How its author drew it, if it comes from a DOT file.
    pub authored: Option<Box<AuthoredBox>>,
}

/// What an arrow says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArrowKind {
    /// The tail calls the head.
    Call,
    /// Data or control passes from the tail to the head without a call.
    Data,
}

/// One arrow; its ends are kept by the graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// Call or data.
    pub kind: ArrowKind,
    /// Whether it is as it should be.
    pub tone: Tone,
    /// Where it is known from.
    pub provenance: Provenance,
    /// Which views have it, where several were laid over each other.
    pub seen: Option<Seen>,
    /// What is written at it, line by line, in front of what was measured.
    pub words: Vec<String>,
    /// The hand-over that it goes through, e.g. `mailbox`.
    pub via: Option<String>,
    /// The field of the tail's record that it leaves.
    pub from_port: Option<String>,
    /// The field of the head's record that it meets.
    pub to_port: Option<String>,
    /// How often it was taken; zero when nothing was measured.
    pub count: u64,
    /// Call: how long the callee took. Data: how long the hand-over waited.
    pub latency: Latency,
    /// How its author drew it, if it comes from a DOT file.
    pub authored: Option<Box<AuthoredArrow>>,
}

impl Arrow {
    /// An arrow without ports and measurements.
    pub fn new(kind: ArrowKind) -> Self {
        Arrow {
            kind,
            tone: Tone::Plain,
            provenance: Provenance::Unsaid,
            seen: None,
            words: Vec::new(),
            via: None,
            from_port: None,
            to_port: None,
            count: 0,
            latency: Latency::new(),
            authored: None,
        }
    }

    /// Counts one passage that took `duration_ns`.
    pub fn record(&mut self, duration_ns: u64) {
        self.count += 1;
        self.latency.record(duration_ns);
    }
}

/// The place of a box in its graph, stable while the graph lives.
pub type BoxId = NodeIndex<u32>;
/// The place of an arrow in its graph, stable while the graph lives.
pub type ArrowId = EdgeIndex<u32>;

/// A cluster: one owner path that some box, or some other cluster, stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Names from the outermost owner to this one; never empty.
    pub path: Vec<String>,
    /// Index of the enclosing cluster.
    pub parent: Option<usize>,
}

/// What of the input could not be drawn. Nothing is left out silently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Spans whose parent is not in the input: drawn, but without the arrow to them.
    pub unknown_parents: u64,
    /// Links to spans that are not in the input.
    pub unknown_links: u64,
    /// Events whose `from` names no box: their arrow starts at the span's function instead.
    pub unknown_from: u64,
    /// Graphs behind the first one of a DOT file.
    pub more_graphs: u64,
    /// Colours of a DOT file that no scheme has: drawn in ours.
    pub colors: u64,
    /// Heads of arrows of a DOT file that are drawn more simply: the first of several, a whole for a half.
    pub heads: u64,
    /// Functions of a source that are beyond the depth or the number that was asked for.
    pub functions: u64,
}

/// Boxes and arrows with what was measured of them.
#[derive(Clone, Debug, Default)]
pub struct FlowGraph {
    /// What the picture is called.
    pub title: String,
    /// How it is read.
    pub reading: Reading,
    /// Outermost clusters that come before all others, in this order.
    pub first_owners: Vec<String>,
    /// What could not be drawn.
    pub left_out: LeftOut,
    /// What the author of a DOT file said of the whole.
    pub authored: Option<Box<AuthoredGraph>>,
    graph: DiGraph<FlowBox, Arrow>,
    // Owner and identity together: `inspect` of `Lease` and of `Peer` are two boxes.
    by_key: HashMap<(Vec<String>, String), BoxId>,
}

impl FlowGraph {
    /// An empty graph.
    pub fn new(title: impl Into<String>) -> Self {
        FlowGraph { title: title.into(), ..Self::default() }
    }

    /// Adds a box, or finds the one with the same owner and identity.
    ///
    /// What the known box lacks (file, line, fields) is taken over from `flow_box`, calls and
    /// latencies are added, and a function stays a function: an event that names a function points
    /// at it.
    pub fn add_box(&mut self, flow_box: FlowBox) -> BoxId {
        let key = (flow_box.owner.clone(), flow_box.identity.clone());
        if let Some(id) = self.by_key.get(&key) {
            let known = &mut self.graph[*id];
            known.absorb(flow_box);
            return *id;
        }
        let id = self.graph.add_node(flow_box);
        self.by_key.insert(key, id);
        id
    }

    /// Adds an arrow, or adds its counts to the one with the same ends, kind, hand-over and ports.
    pub fn add_arrow(&mut self, from: BoxId, to: BoxId, arrow: Arrow) -> ArrowId {
        let same = self.graph.edges_connecting(from, to).find(|edge| edge.weight().is_same(&arrow));
        if let Some(id) = same.map(|edge| edge.id()) {
            let known = &mut self.graph[id];
            known.count += arrow.count;
            known.latency.merge(&arrow.latency);
            return id;
        }
        self.graph.add_edge(from, to, arrow)
    }

    /// Adds an arrow beside any other of the same ends: each arrow of a file is drawn.
    pub fn add_parallel(&mut self, from: BoxId, to: BoxId, arrow: Arrow) -> ArrowId {
        self.graph.add_edge(from, to, arrow)
    }

    /// The box with this owner and identity.
    pub fn find(&self, owner: &[String], identity: &str) -> Option<BoxId> {
        self.by_key.get(&(owner.to_vec(), identity.to_owned())).copied()
    }

    /// The first box with this identity, whatever its owner.
    pub fn find_identity(&self, identity: &str) -> Option<BoxId> {
        self.graph.node_indices().find(|id| self.graph[*id].identity == identity)
    }

    /// All boxes, in the order in which they were first seen.
    pub fn boxes(&self) -> impl ExactSizeIterator<Item = (BoxId, &FlowBox)> {
        self.graph.node_indices().map(|id| (id, &self.graph[id]))
    }

    /// All arrows with their tail and head, in the order in which they were first seen.
    pub fn arrows(&self) -> impl ExactSizeIterator<Item = (ArrowId, BoxId, BoxId, &Arrow)> {
        let ends = |id| self.graph.edge_endpoints(id).unwrap_or_default();
        self.graph.edge_indices().map(move |id| (id, ends(id).0, ends(id).1, &self.graph[id]))
    }

    /// One box.
    pub fn flow_box(&self, id: BoxId) -> &FlowBox {
        &self.graph[id]
    }

    /// One box, to count on.
    pub(crate) fn flow_box_mut(&mut self, id: BoxId) -> &mut FlowBox {
        &mut self.graph[id]
    }

    /// One arrow.
    pub fn arrow(&self, id: ArrowId) -> &Arrow {
        &self.graph[id]
    }

    /// All arrows from one box to another, in no order.
    pub fn arrows_between(&self, from: BoxId, to: BoxId) -> impl Iterator<Item = ArrowId> {
        self.graph.edges_connecting(from, to).map(|edge| edge.id())
    }

    /// One arrow, to count on.
    pub(crate) fn arrow_mut(&mut self, id: ArrowId) -> &mut Arrow {
        &mut self.graph[id]
    }

    /// How many boxes there are.
    pub fn box_count(&self) -> usize {
        self.graph.node_count()
    }

    /// How many arrows there are.
    pub fn arrow_count(&self) -> usize {
        self.graph.edge_count()
    }

    /// Whether several views were laid over each other.
    pub fn is_merged(&self) -> bool {
        self.boxes().any(|(_, flow_box)| flow_box.seen.is_some())
            || self.arrows().any(|(.., arrow)| arrow.seen.is_some())
    }

    /// Whether anything in it must not be.
    pub fn has_wrong(&self) -> bool {
        let mut boxes = self.boxes().map(|(_, flow_box)| flow_box.tone);
        boxes.any(|tone| tone == Tone::Wrong)
            || self.arrows().any(|(.., arrow)| arrow.tone == Tone::Wrong)
    }

    /// Only the boxes that `keep` wants, and the arrows between them, in the same order.
    pub fn select(&self, mut keep: impl FnMut(&FlowBox) -> bool) -> FlowGraph {
        let mut selected = FlowGraph::new(self.title.clone());
        (selected.left_out, selected.reading) = (self.left_out, self.reading);
        selected.first_owners.clone_from(&self.first_owners);
        let mut places = vec![None; self.box_count()];
        for (id, flow_box) in self.boxes() {
            if keep(flow_box) {
                places[id.index()] = Some(selected.add_box(flow_box.clone()));
            }
        }
        for (_, from, to, arrow) in self.arrows() {
            if let (Some(from), Some(to)) = (places[from.index()], places[to.index()]) {
                selected.add_parallel(from, to, arrow.clone());
            }
        }
        selected.authored = self.authored.clone();
        for rank in selected.authored.iter_mut().flat_map(|authored| &mut authored.ranks) {
            rank.boxes = rank.boxes.iter().filter_map(|id| places[id.index()]).collect();
        }
        selected
    }

    /// All clusters, outer ones before inner ones, and for each box the cluster it stands in.
    pub fn clusters(&self) -> (Vec<Cluster>, Vec<Option<usize>>) {
        let mut clusters: Vec<Cluster> = Vec::new();
        let mut by_path: HashMap<&[String], usize> = HashMap::new();
        let mut of_box = Vec::with_capacity(self.box_count());
        for owner in &self.first_owners {
            let is_used = self.boxes().any(|(_, flow_box)| flow_box.owner.first() == Some(owner));
            let path = std::slice::from_ref(owner);
            if is_used && !by_path.contains_key(path) {
                by_path.insert(path, clusters.len());
                clusters.push(Cluster { path: path.to_vec(), parent: None });
            }
        }
        for (_, flow_box) in self.boxes() {
            let mut parent = None;
            for depth in 1..=flow_box.owner.len() {
                let path = &flow_box.owner[..depth];
                let index = *by_path.entry(path).or_insert_with(|| {
                    clusters.push(Cluster { path: path.to_vec(), parent });
                    clusters.len() - 1
                });
                parent = Some(index);
            }
            of_box.push(parent);
        }
        (clusters, of_box)
    }
}

impl FlowGraph {
    /// What stands above a cluster: what its author wrote, else the name of the owner.
    pub(crate) fn cluster_title(&self, cluster: &Cluster) -> String {
        let authored = self.authored.as_ref().and_then(|it| it.clusters.get(&cluster.path));
        match authored {
            Some(authored) => {
                let lines: Vec<&str> = authored.title.iter().map(|line| line.text.trim()).collect();
                lines.join(" ").trim().to_owned()
            }
            None => cluster.path.last().cloned().unwrap_or_default(),
        }
    }
}

impl FlowBox {
    /// Takes over what `other` knows of the same box.
    fn absorb(&mut self, other: FlowBox) {
        self.calls += other.calls;
        self.latency.merge(&other.latency);
        if self.file.is_none() {
            self.file = other.file;
            self.line = other.line;
        }
        match (&mut self.kind, other.kind) {
            // Fields that one event did not tell are added behind those already known.
            (BoxKind::Struct { fields }, BoxKind::Struct { fields: more }) => {
                for field in more {
                    if !fields.contains(&field) {
                        fields.push(field);
                    }
                }
            }
            (kind, BoxKind::Function) => *kind = BoxKind::Function,
            (
                BoxKind::Function | BoxKind::Variable | BoxKind::Case | BoxKind::Struct { .. },
                BoxKind::Variable | BoxKind::Case | BoxKind::Struct { .. },
            ) => {}
        }
    }
}

impl Arrow {
    /// Whether both are the same arrow between the same boxes, measurements aside.
    fn is_same(&self, other: &Arrow) -> bool {
        self.kind == other.kind
            && self.tone == other.tone
            && self.provenance == other.provenance
            && self.words == other.words
            && self.via == other.via
            && self.from_port == other.from_port
            && self.to_port == other.to_port
    }
}

#[cfg(test)]
mod tests;
