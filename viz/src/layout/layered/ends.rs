//! Where arrows meet their boxes.
//!
//! Seventh step of the layered layout. Arrows of one side of a box, or of one row of a record, are
//! spread over it in the order of their other ends, so that they neither cross nor hide each other.

use super::crossings::value;
use super::frame::Node;
use super::layers::{Layers, Link};
use super::net::{Net, NetArrow};
use super::rank::Ranking;

/// Most room between two arrows that meet the same side.
const SPREAD: f64 = 7.0;
/// Part of a side that arrows may use.
const USABLE: f64 = 0.72;

/// For each link, how far from the middle of its two items it meets them, across.
pub(crate) fn offsets(net: &Net, ranking: &Ranking, layers: &Layers) -> Vec<[f64; 2]> {
    let places = layers.places();
    let mut offsets = vec![[0.0; 2]; layers.links.len()];
    for (node, sized) in net.nodes.iter().enumerate() {
        for (links, near) in [(&layers.links_in[node], 1), (&layers.links_out[node], 0)] {
            let mut groups: Vec<(Option<usize>, Vec<u32>)> = Vec::new();
            for link in links {
                let port = port_at(net, ranking, &layers.links[*link as usize], near);
                match groups.iter_mut().find(|(known, _)| *known == port) {
                    Some((_, list)) => list.push(*link),
                    None => groups.push((port, vec![*link])),
                }
            }
            for (port, mut list) in groups {
                let far = 1 - near;
                list.sort_by_key(|link| {
                    let link = &layers.links[*link as usize];
                    (value(&places, link.ends[far], link.keys[far]), link.arrow)
                });
                let (middle, room) = meets(sized, port);
                let count = list.len();
                let step = if count > 1 { SPREAD.min(room / (count - 1) as f64) } else { 0.0 };
                for (index, link) in list.iter().enumerate() {
                    let shift = step * (index as f64 - (count - 1) as f64 / 2.0);
                    offsets[*link as usize][near] = middle - sized.across / 2.0 + shift;
                }
            }
        }
    }
    offsets
}

/// The port of the link's arrow at the box that the link's `near` end is.
fn port_at(net: &Net, ranking: &Ranking, link: &Link, near: usize) -> Option<usize> {
    let arrow = &net.arrows[link.arrow as usize];
    let is_tail = (near == 0) != ranking.turned[link.arrow as usize];
    if is_tail { arrow.from_port } else { arrow.to_port }
}

/// The middle of where arrows meet a box, from its first edge across, and how far they may spread.
pub(crate) fn meets(node: &Node, port: Option<usize>) -> (f64, f64) {
    match (port, node.anchor) {
        (Some(port), _) => {
            let (from, upto) = node.ports[port].across;
            (f64::midpoint(from, upto), (upto - from) * USABLE)
        }
        (None, Some(anchor)) => (anchor, (2.0 * anchor.min(node.across - anchor)) * USABLE),
        (None, None) => (node.across / 2.0, node.across * USABLE),
    }
}

/// Whether an arrow is asked to meet a box at a side that the ranks do not lead to.
pub(crate) fn is_contrary(net: &Net, ranking: &Ranking, arrow: usize) -> bool {
    use super::frame::End;
    let NetArrow { from, to, from_port, to_port, .. } = net.arrows[arrow];
    let side =
        |node: usize, port: Option<usize>| port.and_then(|it| net.nodes[node].ports[it].side);
    let turned = ranking.turned[arrow];
    let (out, into) = if turned { (End::Front, End::Back) } else { (End::Back, End::Front) };
    side(from, from_port).is_some_and(|asked| asked != out)
        || side(to, to_port).is_some_and(|asked| asked != into)
}
