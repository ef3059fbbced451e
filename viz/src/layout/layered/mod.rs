//! The layered layout: directed, nested graphs with ports, read in one direction throughout.
//!
//! ```text
//! Frame --Net::parts--> Net --acyclic, rank--> Ranking --Layers::new--> Layers --order--> Layers
//!   --ends, across, shorten--> places across --along--> places
//!   --route (funnel, detour)--> Placed --pack, restore--> Placed
//! ```
//!
//! After Sugiyama, Tagawa and Toda (1981) and Gansner, Koutsofios, North and Vo (1993), with two
//! differences that make up its character: ranks run through all clusters, so that the picture has
//! one reading order, and arrows are led round boxes and foreign clusters as obstacles.

mod across;
mod acyclic;
mod along;
mod blocks;
mod crossings;
mod detour;
mod ends;
mod exchange;
mod frame;
mod funnel;
mod grid;
mod kicks;
mod layers;
mod net;
mod order;
mod pack;
mod rank;
mod relax;
mod resume;
mod route;
mod search;
mod settle;
mod shorten;
mod sides;
mod sift;
mod simplex;
mod starts;
mod swap;
mod tangles;

use super::geometry::{Placed, PlacedArrow, Point, Rect, Size, SizedBox, SizedGraph, Splines};
use across::Across;
use frame::Frame;
use layers::Layers;
use net::Net;
use rank::Ranking;
use route::Scene;

/// Room between boxes of a rank, where the author asks for none.
const BOX_GAP: f64 = 16.0;
/// Room between ranks, where the author asks for none.
const RANK_GAP: f64 = 36.0;

/// How much longer arrows may be across, for boxes to stand in the order of the input.
const MOST_STRETCHED: f64 = 1.3;

/// Places a graph that has been validated.
pub(crate) fn place(graph: &SizedGraph) -> Placed {
    let mut is_empty = vec![true; graph.clusters.len()];
    for cluster in &graph.clusters {
        if let Some(parent) = cluster.parent {
            is_empty[parent] = false;
        }
    }
    for cluster in graph.boxes.iter().filter_map(|sized| sized.cluster) {
        is_empty[cluster] = false;
    }
    if !is_empty.contains(&true) {
        return place_filled(graph);
    }
    // A cluster with nothing in it is placed by a box of no size.
    let mut filled = graph.clone();
    for cluster in (0..is_empty.len()).filter(|cluster| is_empty[*cluster]) {
        filled.boxes.push(SizedBox { cluster: Some(cluster), ..SizedBox::default() });
    }
    let mut placed = place_filled(&filled);
    placed.boxes.truncate(graph.boxes.len());
    placed
}

/// As [`place`], where every cluster has a box or another cluster in it.
fn place_filled(graph: &SizedGraph) -> Placed {
    let frame = Frame::new(graph);
    let nets = Net::parts(graph, &frame);
    let gaps = (
        graph.hints.box_gap.filter(|gap| gap.is_finite()).unwrap_or(BOX_GAP).clamp(4.0, 500.0),
        graph.hints.rank_gap.filter(|gap| gap.is_finite()).unwrap_or(RANK_GAP).clamp(16.0, 2000.0),
    );
    let mut parts: Vec<Placed> =
        nets.iter().map(|net| part(net, gaps, graph.hints.splines)).collect();
    parts.iter_mut().for_each(Placed::fit);
    let sizes: Vec<Size> = parts.iter().map(|part| part.size).collect();
    let places = pack::pack(&sizes, frame.aspect(graph.hints.aspect));
    let mut placed = Placed {
        size: Size::default(),
        boxes: vec![Rect::default(); graph.boxes.len()],
        clusters: vec![Rect::default(); graph.clusters.len()],
        arrows: vec![PlacedArrow::default(); graph.arrows.len()],
    };
    for ((net, part), (dx, dy)) in nets.iter().zip(parts).zip(places) {
        for (rect, origin) in part.boxes.iter().zip(&net.origins) {
            placed.boxes[*origin] = rect.moved(dx, dy);
        }
        for (rect, cluster) in part.clusters.iter().zip(&net.clusters) {
            placed.clusters[cluster.origin] = rect.moved(dx, dy);
        }
        for (mut arrow, sized) in part.arrows.into_iter().zip(&net.arrows) {
            for at in &mut arrow.points {
                *at = Point { x: at.x + dx, y: at.y + dy };
            }
            arrow.label = arrow.label.map(|rect| rect.moved(dx, dy));
            placed.arrows[sized.origin] = arrow;
        }
    }
    frame.restore(&mut placed);
    placed
}

/// Places one connected part.
fn part(net: &Net, (box_gap, rank_gap): (f64, f64), splines: Splines) -> Placed {
    let ranking = rank::rank(net);
    let Spread { layers, offsets, across } = spread(net, &ranking, box_gap);
    let along = along::place(net, &layers, rank_gap);
    let scene = Scene {
        net,
        ranking: &ranking,
        layers: &layers,
        offsets: &offsets,
        across: &across,
        along: &along,
    };
    route::route(&scene, splines)
}

/// One order of the ranks, and where everything stands across in it.
struct Spread {
    layers: Layers,
    offsets: Vec<[f64; 2]>,
    across: Across,
}

impl Spread {
    /// How far all arrows lead across, together.
    fn stretch(&self) -> f64 {
        self.across.stretch(&self.layers, &self.offsets)
    }
}

/// Orders the ranks of a part: near to the input where that makes no arrow much longer, and with no
/// arrow led a long way round for little.
fn spread(net: &Net, ranking: &Ranking, box_gap: f64) -> Spread {
    let placed = |layers: Layers| {
        let offsets = ends::offsets(net, ranking, &layers);
        let across = across::place(net, &layers, &offsets, box_gap);
        Spread { layers, offsets, across }
    };
    let (found, settled) = order::order(net, ranking);
    let found = placed(found);
    let most = MOST_STRETCHED * found.stretch();
    let settled = settled.into_iter().map(placed).find(|it| it.stretch() <= most);
    let chosen = settled.unwrap_or(found);
    let shorter = shorten::shorten(net, &chosen.layers, &chosen.across).map(placed);
    shorter.filter(|it| it.stretch() < chosen.stretch()).unwrap_or(chosen)
}
