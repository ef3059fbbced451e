//! Large graphs of layers, flat or in clusters: for measuring time and memory.

use raftlens_viz::Direction;

use super::{Chart, ChartArrow, ChartBox, ChartCluster, Random};

/// Layers and boxes beside each other that share a cluster: 25 boxes.
const BLOCK: usize = 5;

/// A layered call graph of `boxes` boxes. About 1.3 arrows a box, most to the next layer and to a
/// near place; with `clustered`, each block of 25 neighbours is a cluster.
pub(crate) fn chart(boxes: usize, clustered: bool) -> Chart {
    let mut random = Random::new(boxes as u64);
    let width = ((boxes as f64).sqrt().ceil() as usize).max(1).next_multiple_of(BLOCK);
    let kind = if clustered { "clustered" } else { "flat" };
    let mut chart = Chart {
        name: format!("layered_{boxes}_{kind}"),
        direction: Direction::LeftRight,
        boxes: Vec::with_capacity(boxes),
        clusters: Vec::new(),
        arrows: Vec::new(),
    };
    let blocks = width / BLOCK;
    for index in 0..boxes {
        let (layer, place) = (index / width, index % width);
        let cluster = layer / BLOCK * blocks + place / BLOCK;
        while clustered && chart.clusters.len() <= cluster {
            let name = format!("module {}", chart.clusters.len());
            chart.clusters.push(ChartCluster { name, parent: None });
        }
        let cluster = clustered.then_some(cluster);
        chart.boxes.push(ChartBox {
            title: format!("step_{index}"),
            cluster,
            ..ChartBox::default()
        });
        if layer == 0 {
            continue;
        }
        let mut from = |layers: usize, places: usize| {
            let layer = layer - random.between(1, layers.min(layer));
            let place = (place + random.below(2 * places + 1)).saturating_sub(places);
            layer * width + place.min(width - 1)
        };
        let (near, far) = (from(1, 1), from(3, 6));
        chart.connect(ChartArrow { from: near, to: index, ..ChartArrow::default() });
        if random.chance(0.3) && far != near {
            chart.connect(ChartArrow { from: far, to: index, ..ChartArrow::default() });
        }
    }
    chart.settle();
    chart
}

/// The sizes that are measured, in boxes.
pub(crate) const SIZES: [usize; 6] = [100, 300, 1_000, 2_000, 5_000, 10_000];
