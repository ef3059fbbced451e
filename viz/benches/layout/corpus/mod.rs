//! The charts that layouts are measured on: written ones, generated call flows, and large layered
//! graphs, each the same on every machine.
//!
//! ```text
//! written/*.txt --written::all--> Chart --dot::write-----------> what `dot` reads
//! seeds ---------flows::chart---> Chart --Chart::flow_graph----> what `draw` takes
//! sizes ---------layered::chart-> Chart --Chart::sized---------> what a `Layout` takes
//! ```
//!
//! Shared by `benches/layout`, `tests/quality.rs` and `examples/corpus.rs`, each of which uses a part.

#![allow(dead_code)]

pub(crate) mod dot;
mod flows;
pub(crate) mod layered;
mod random;
mod written;

use raftlens_viz::{
    Arrow, ArrowKind, BoxKind, Direction, DotOptions, FlowBox, FlowGraph, SizedGraph, sized,
};

pub(crate) use random::Random;

/// How many charts there are at least.
pub(crate) const CHARTS: usize = 320;

/// One chart, before anything is measured.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    /// What its file is called.
    pub(crate) name: String,
    /// Left to right, or top down.
    pub(crate) direction: Direction,
    /// Boxes in the order in which the file has them.
    pub(crate) boxes: Vec<ChartBox>,
    /// Clusters, outer ones before inner ones; each holds a box, itself or in an inner one.
    pub(crate) clusters: Vec<ChartCluster>,
    /// Arrows in the order in which the file has them.
    pub(crate) arrows: Vec<ChartArrow>,
}

/// A box of a chart.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartBox {
    /// What is written into it; also its name in the file.
    pub(crate) title: String,
    /// A second line.
    pub(crate) note: Option<String>,
    /// Fields of a record.
    pub(crate) fields: Vec<String>,
    /// The innermost cluster around it.
    pub(crate) cluster: Option<usize>,
}

/// A cluster of a chart.
#[derive(Clone, Debug)]
pub(crate) struct ChartCluster {
    /// Its title.
    pub(crate) name: String,
    /// The cluster around it.
    pub(crate) parent: Option<usize>,
}

/// An arrow of a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ChartArrow {
    /// Index of the box it starts at.
    pub(crate) from: usize,
    /// Index of the box it ends at.
    pub(crate) to: usize,
    /// The field it leaves.
    pub(crate) from_field: Option<usize>,
    /// The field it meets.
    pub(crate) to_field: Option<usize>,
    /// What is written at it.
    pub(crate) label: Option<String>,
    /// Whether it is dashed: data, not a call.
    pub(crate) is_data: bool,
}

/// The corpus: the written charts, then generated ones up to `count`.
pub(crate) fn charts(count: usize) -> Vec<Chart> {
    let mut charts = written::all();
    let missing = count.saturating_sub(charts.len());
    charts.extend((0..missing as u64).map(flows::chart));
    charts.truncate(count);
    charts
}

impl Chart {
    /// The chart as this crate draws it.
    pub(crate) fn flow_graph(&self) -> FlowGraph {
        let mut graph = FlowGraph::new(self.name.clone());
        let ids: Vec<_> = self.boxes.iter().map(|it| graph.add_box(self.flow_box(it))).collect();
        for arrow in &self.arrows {
            let kind = if arrow.is_data { ArrowKind::Data } else { ArrowKind::Call };
            let field = |end: usize, index: Option<usize>| {
                index.map(|index| self.boxes[end].fields[index].clone())
            };
            let drawn = Arrow {
                words: arrow.label.iter().cloned().collect(),
                from_port: field(arrow.from, arrow.from_field),
                to_port: field(arrow.to, arrow.to_field),
                ..Arrow::new(kind)
            };
            graph.add_arrow(ids[arrow.from], ids[arrow.to], drawn);
        }
        // Otherwise the engines would be measured on different charts.
        assert_eq!(graph.box_count(), self.boxes.len(), "{}: two boxes are one", self.name);
        assert_eq!(graph.arrow_count(), self.arrows.len(), "{}: two arrows are one", self.name);
        graph
    }

    /// The sizes of everything in it, as [`raftlens_viz::draw`] measures them.
    pub(crate) fn sized(&self) -> SizedGraph {
        let mut graph = sized(&self.flow_graph());
        graph.hints.direction = self.direction;
        let same = |index: usize| graph.clusters[index].parent == self.clusters[index].parent;
        assert!((0..self.clusters.len()).all(same), "{}: other clusters", self.name);
        graph
    }

    /// The sizes of everything in its file: the way in that a user's chart takes.
    pub(crate) fn sized_from_dot(&self) -> SizedGraph {
        let read = FlowGraph::from_dot(dot::write(self).as_bytes(), &DotOptions::default());
        let graph = sized(&read.expect("a file that `dot` reads as well"));
        let counts = (graph.boxes.len(), graph.clusters.len(), graph.arrows.len());
        let expected = (self.boxes.len(), self.clusters.len(), self.arrows.len());
        assert_eq!(counts, expected, "{}: read as another chart", self.name);
        assert_eq!(graph.hints.direction, self.direction, "{}", self.name);
        graph
    }

    fn flow_box(&self, of: &ChartBox) -> FlowBox {
        let kind = match of.fields.is_empty() {
            true => BoxKind::Function,
            false => BoxKind::Struct { fields: of.fields.clone() },
        };
        FlowBox {
            identity: of.title.clone(),
            title: of.title.clone(),
            note: of.note.clone(),
            owner: self.path(of.cluster),
            kind,
            ..FlowBox::default()
        }
    }

    /// Names of the clusters around something, outermost first.
    fn path(&self, innermost: Option<usize>) -> Vec<String> {
        let around = std::iter::successors(innermost, |index| self.clusters[*index].parent);
        let mut names: Vec<String> =
            around.map(|index| self.clusters[index].name.clone()).collect();
        names.reverse();
        names
    }

    /// The chart without one box and its arrows; clusters that become empty go as well.
    pub(crate) fn without(&self, gone: usize) -> Chart {
        let mut chart = self.clone();
        chart.boxes.remove(gone);
        chart.arrows.retain(|arrow| arrow.from != gone && arrow.to != gone);
        for arrow in &mut chart.arrows {
            arrow.from -= usize::from(arrow.from > gone);
            arrow.to -= usize::from(arrow.to > gone);
        }
        chart.drop_empty_clusters();
        chart
    }

    /// Brings boxes into the order in which a file has them: cluster by cluster.
    fn settle(&mut self) {
        self.drop_empty_clusters();
        let (mut order, mut clusters) = (Vec::with_capacity(self.boxes.len()), Vec::new());
        self.collect(None, &mut order, &mut clusters);
        self.reorder_clusters(&clusters);
        let mut place = vec![0; self.boxes.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        self.boxes = order.iter().map(|old| self.boxes[*old].clone()).collect();
        for arrow in &mut self.arrows {
            (arrow.from, arrow.to) = (place[arrow.from], place[arrow.to]);
        }
        self.arrows.sort_by_key(|arrow| arrow.from);
    }

    /// Walks through a level as the file has it: each cluster with what is in it, then boxes.
    fn collect(&self, level: Option<usize>, boxes: &mut Vec<usize>, clusters: &mut Vec<usize>) {
        for (index, cluster) in self.clusters.iter().enumerate() {
            if cluster.parent == level {
                clusters.push(index);
                self.collect(Some(index), boxes, clusters);
            }
        }
        boxes.extend((0..self.boxes.len()).filter(|index| self.boxes[*index].cluster == level));
    }

    /// Clusters in the order in which they are met: a [`FlowGraph`] numbers them so as well.
    fn reorder_clusters(&mut self, order: &[usize]) {
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new;
        }
        self.clusters = order.iter().map(|old| self.clusters[*old].clone()).collect();
        for cluster in &mut self.clusters {
            cluster.parent = cluster.parent.map(|parent| place[parent]);
        }
        for of_box in &mut self.boxes {
            of_box.cluster = of_box.cluster.map(|cluster| place[cluster]);
        }
    }

    fn drop_empty_clusters(&mut self) {
        let mut used = vec![false; self.clusters.len()];
        for of_box in &self.boxes {
            let around = std::iter::successors(of_box.cluster, |it| self.clusters[*it].parent);
            around.for_each(|cluster| used[cluster] = true);
        }
        let mut place = vec![None; used.len()];
        let mut kept = Vec::new();
        for (index, cluster) in self.clusters.iter().enumerate() {
            if used[index] {
                place[index] = Some(kept.len());
                let parent = cluster.parent.and_then(|parent| place[parent]);
                kept.push(ChartCluster { parent, ..cluster.clone() });
            }
        }
        for of_box in &mut self.boxes {
            of_box.cluster = of_box.cluster.and_then(|cluster| place[cluster]);
        }
        self.clusters = kept;
    }

    /// Adds an arrow unless the same one is there; whether it did.
    fn connect(&mut self, arrow: ChartArrow) -> bool {
        let is_new = !self.arrows.contains(&arrow);
        if is_new {
            self.arrows.push(arrow);
        }
        is_new
    }
}
