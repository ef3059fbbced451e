//! Lets steep arrows leave and meet a box at its long side.
//!
//! Used by `route`. The first and the last arrow of a side may begin at the edge next to it instead,
//! where nothing stands close by: one that leads far across for its length then turns less. All
//! others keep to the side, so that the arrows of a box stay in their order.

use super::super::geometry::{Outline, Placed, Point};
use super::detour::turn;
use super::layers::{Kind, Layers};
use super::route::{Passage, Scene};

/// How far from its end a long side is met, as shares of the box along.
const SHARES: [f64; 2] = [0.22, 0.5];
/// Turning that has to be saved, in radians.
const WORTH: f64 = 0.2;
/// Room to a box beside the long side, and to an arrow that passes there.
const ROOM: (f64, f64) = (12.0, 60.0);
/// How far a way leads across at a long side, at least, for each point along: none grazes its box.
const STEEP: f64 = 0.5;

/// The way `points` of an arrow, or a straighter one from or to long sides of its boxes; `led` leads it
/// from other ends.
pub(super) fn straighter(
    scene: &Scene<'_>,
    placed: &Placed,
    passage: &Passage<'_>,
    points: Vec<Point>,
    led: impl Fn(&Passage<'_>) -> Option<Vec<Point>>,
) -> Vec<Point> {
    let mut best = points;
    let mut least = turning(&best);
    let mut ends = (passage.start, passage.end);
    for is_tail in [true, false] {
        if least < WORTH {
            break;
        }
        let own = ends;
        for at in candidates(scene, placed, passage, (is_tail, &best)).into_iter().flatten() {
            let (start, end) = if is_tail { (at, own.1) } else { (own.0, at) };
            let Some(way) = led(&Passage { start, end, ..*passage }) else { continue };
            let turned = turning(&way);
            let far =
                if is_tail { way.get(1) } else { way.len().checked_sub(2).map(|it| &way[it]) };
            let middle = placed.boxes[item(scene, passage, is_tail) as usize].center().y;
            let is_steep = far.is_some_and(|far| {
                let off = (far.y - at.y) * (at.y - middle).signum();
                off > STEEP * (far.x - at.x).abs()
            });
            if is_steep && turned < least - WORTH {
                (best, least, ends) = (way, turned, (start, end));
            }
        }
    }
    best
}

/// The box at one end of an arrow, as an item.
fn item(scene: &Scene<'_>, passage: &Passage<'_>, is_tail: bool) -> u32 {
    let chain = &scene.layers.chains[passage.index];
    if is_tail { chain[0] } else { chain[chain.len() - 1] }
}

/// Where an arrow may begin or end at the long side that it leads to, if it may.
fn candidates(
    scene: &Scene<'_>,
    placed: &Placed,
    passage: &Passage<'_>,
    (is_tail, way): (bool, &[Point]),
) -> [Option<Point>; 2] {
    let Scene { net, layers, .. } = scene;
    let index = item(scene, passage, is_tail);
    let (rect, node) = (&placed.boxes[index as usize], &net.nodes[index as usize]);
    let last = way.len() - 1;
    let (end, next) = if is_tail { (way[0], way[1]) } else { (way[last], way[last - 1]) };
    let is_behind = next.y > end.y;
    let is_plain = node.outline == Outline::Rect && node.ports.is_empty() && node.anchor.is_none();
    if !is_plain
        || (is_behind && layers.loops[index as usize] > 0)
        || !is_outermost(scene, passage, (index, is_tail), is_behind)
        || !has_room(scene, passage.places, index, is_behind)
    {
        return [None; 2];
    }
    let y = if is_behind { rect.bottom() } else { rect.y };
    SHARES.map(|share| {
        let x =
            if is_tail { rect.right() - share * rect.width } else { rect.x + share * rect.width };
        Some(Point { x, y })
    })
}

/// Whether an arrow is the last on its side of a box, or the first.
fn is_outermost(
    scene: &Scene<'_>,
    passage: &Passage<'_>,
    (item, is_tail): (u32, bool),
    is_behind: bool,
) -> bool {
    let Layers { links, links_in, links_out, .. } = scene.layers;
    let (list, near) = if is_tail { (links_out, 0) } else { (links_in, 1) };
    let list = &list[item as usize];
    let offset = |link: &u32| scene.offsets[*link as usize][near];
    let Some(own) = list.iter().find(|link| links[**link as usize].arrow as usize == passage.index)
    else {
        return false;
    };
    let own = offset(own);
    list.iter().map(offset).all(|other| if is_behind { other <= own } else { other >= own })
}

/// Whether nothing stands close to the long side of a box, and no arrow passes there.
fn has_room(scene: &Scene<'_>, places: &[u32], index: u32, is_behind: bool) -> bool {
    let Scene { layers, across, .. } = scene;
    let (item, place) = (&layers.items[index as usize], places[index as usize] as usize);
    let row = &layers.ranks[item.rank];
    let next = if is_behind { row.get(place + 1) } else { place.checked_sub(1).map(|it| &row[it]) };
    let Some(next) = next else { return true };
    let other = &layers.items[*next as usize];
    let (own, far) = (across.items[index as usize], across.items[*next as usize]);
    let room = if is_behind {
        far - other.before - (own + item.after)
    } else {
        own - item.before - (far + other.after)
    };
    room >= if matches!(other.kind, Kind::Bend(_)) { ROOM.1 } else { ROOM.0 }
}

/// How much a way turns, in radians.
fn turning(way: &[Point]) -> f64 {
    way.windows(3).map(|three| turn(&three[0], &three[1], &three[2])).sum()
}
