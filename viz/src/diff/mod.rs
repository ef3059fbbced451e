//! Two graphs of one program in one picture: what is new, what is gone, what got slower or faster.
//!
//! The graphs may be two runs, or two versions of a chart. A box is known again by its owner and
//! identity, an arrow by its ends, kind, hand-over and ports. The picture is one layout of all there
//! is; with the places of the first graph as [`Previous`](crate::Previous), what stayed stays put.
//! Colour is not the only sign: what changed also says so in words, and what is gone is dashed.

mod shift;

use std::collections::HashMap;

use crate::flow_graph::{Arrow, ArrowId, ArrowKind, BoxId, FlowBox, FlowGraph};
use crate::latency::Latency;
use crate::provenance::Provenance;
use crate::units;

pub use shift::{Shift, shift};

/// A change that is shown must be at least this share of the median before.
const LEAST_SHARE: f64 = 0.10;
/// How often chance alone may show any change at all in a whole picture.
const CHANCE: f64 = 0.01;

/// Two graphs laid over each other.
#[derive(Clone, Debug)]
pub struct Difference {
    /// All boxes and arrows of both, marked; what both have carries the measurements of the second.
    pub graph: FlowGraph,
    /// What changed: boxes in their order, then arrows.
    pub changes: Vec<Change>,
    /// Boxes and arrows that both have and that did not change beyond noise.
    pub same: usize,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What became of it.
    pub how: How,
    /// The box, or the tail of the arrow: owners and identity.
    pub from: String,
    /// The head, if it is an arrow.
    pub to: Option<String>,
    /// Call or data, if it is an arrow.
    pub kind: Option<ArrowKind>,
    /// How often before, and after.
    pub counts: [u64; 2],
    /// How the latencies differ; `None` where one of them has none.
    pub shift: Option<Shift>,
}

/// What became of a box or an arrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Only the second graph has it.
    Added,
    /// Only the first graph has it.
    Removed,
    /// It takes longer, by more than noise.
    Slower,
    /// It takes less long, by more than noise.
    Faster,
}

impl How {
    /// A word for programs and people.
    pub fn word(self) -> &'static str {
        match self {
            How::Added => "new",
            How::Removed => "gone",
            How::Slower => "slower",
            How::Faster => "faster",
        }
    }

    fn provenance(self) -> Provenance {
        match self {
            How::Added => Provenance::Added,
            How::Removed => Provenance::Removed,
            How::Slower => Provenance::Slower,
            How::Faster => Provenance::Faster,
        }
    }
}

/// Lays `before` and `after` over each other.
pub fn diff(title: &str, before: &FlowGraph, after: &FlowGraph) -> Difference {
    let mut made = Made {
        difference: Difference { graph: FlowGraph::new(title), changes: Vec::new(), same: 0 },
        chance: CHANCE / (after.box_count() + after.arrow_count()).max(1) as f64,
    };
    let graph = &mut made.difference.graph;
    graph.reading = after.reading;
    graph.first_owners.clone_from(&after.first_owners);
    graph.authored.clone_from(&after.authored);
    // Ranks of an author name boxes by their number, which is another one here.
    if let Some(authored) = &mut graph.authored {
        authored.ranks.clear();
    }
    let old = made.boxes(before, after);
    made.arrows((before, &old.0), (after, &old.1));
    made.difference
}

struct Made {
    difference: Difference,
    /// The probability below which a change of one part is none of chance.
    chance: f64,
}

impl Made {
    /// Adds the boxes of both; where those of each are now.
    fn boxes(&mut self, before: &FlowGraph, after: &FlowGraph) -> (Vec<BoxId>, Vec<BoxId>) {
        // The order of the first graph is the one that a reader knows.
        let mut places = [Vec::new(), Vec::new()];
        for (_, old) in before.boxes() {
            let new = after.find(&old.owner, &old.identity).map(|id| after.flow_box(id));
            let how = match new {
                Some(new) => self.how([&old.latency, &new.latency]),
                None => Some(How::Removed),
            };
            self.note(
                how,
                Change {
                    how: how.unwrap_or(How::Added),
                    from: full_name(old),
                    to: None,
                    kind: None,
                    counts: [old.calls, new.map_or(0, |new| new.calls)],
                    shift: new.and_then(|new| shift(&old.latency, &new.latency)),
                },
            );
            let shown = marked_box(new.unwrap_or(old), how);
            places[0].push(self.difference.graph.add_box(shown));
        }
        for (_, new) in after.boxes() {
            let known = self.difference.graph.find(&new.owner, &new.identity);
            places[1].push(known.unwrap_or_else(|| {
                self.note(
                    Some(How::Added),
                    Change {
                        how: How::Added,
                        from: full_name(new),
                        to: None,
                        kind: None,
                        counts: [0, new.calls],
                        shift: None,
                    },
                );
                self.difference.graph.add_box(marked_box(new, Some(How::Added)))
            }));
        }
        let [old, new] = places;
        (old, new)
    }

    /// Adds the arrows of both.
    fn arrows(
        &mut self,
        (before, old_places): (&FlowGraph, &[BoxId]),
        (after, new_places): (&FlowGraph, &[BoxId]),
    ) {
        // Arrows of equal keys are told apart by their order.
        let mut waiting: HashMap<ArrowKey, Vec<ArrowId>> = HashMap::new();
        for (id, from, to, arrow) in after.arrows() {
            let ends = (new_places[from.index()], new_places[to.index()]);
            waiting.entry(key(ends, arrow)).or_default().push(id);
        }
        waiting.values_mut().for_each(|ids| ids.reverse());
        let mut taken = vec![false; after.arrow_count()];
        for (_, from, to, old) in before.arrows() {
            let ends = (old_places[from.index()], old_places[to.index()]);
            let same = waiting.get_mut(&key(ends, old)).and_then(Vec::pop);
            let new = same.map(|id| after.arrow(id));
            if let Some(id) = same {
                taken[id.index()] = true;
            }
            let how = match new {
                Some(new) => self.how([&old.latency, &new.latency]),
                None => Some(How::Removed),
            };
            self.add_arrow(ends, [Some(old), new], how);
        }
        for (id, from, to, new) in after.arrows() {
            if !taken[id.index()] {
                let ends = (new_places[from.index()], new_places[to.index()]);
                self.add_arrow(ends, [None, Some(new)], Some(How::Added));
            }
        }
    }

    fn add_arrow(
        &mut self,
        (from, to): (BoxId, BoxId),
        [old, new]: [Option<&Arrow>; 2],
        how: Option<How>,
    ) {
        let Some(shown) = new.or(old) else { return };
        let graph = &self.difference.graph;
        let shift = old.zip(new).and_then(|(old, new)| shift(&old.latency, &new.latency));
        let change = Change {
            how: how.unwrap_or(How::Added),
            from: full_name(graph.flow_box(from)),
            to: Some(full_name(graph.flow_box(to))),
            kind: Some(shown.kind),
            counts: [old, new].map(|arrow| arrow.map_or(0, |arrow| arrow.count)),
            shift,
        };
        let mut arrow = shown.clone();
        if let Some(how) = how {
            arrow.provenance = how.provenance();
            arrow.words.insert(0, words(how, shift));
            // What changed is not to look as its author drew it.
            arrow.authored = None;
        }
        self.note(how, change);
        self.difference.graph.add_parallel(from, to, arrow);
    }

    fn note(&mut self, how: Option<How>, change: Change) {
        match how {
            Some(_) => self.difference.changes.push(change),
            None => self.difference.same += 1,
        }
    }

    /// Whether latencies differ by more than noise.
    fn how(&self, [old, new]: [&Latency; 2]) -> Option<How> {
        let shift = shift(old, new)?;
        let is_noise = shift.chance > self.chance || (shift.ratio - 1.0).abs() < LEAST_SHARE;
        match shift.ratio > 1.0 {
            _ if is_noise => None,
            true => Some(How::Slower),
            false => Some(How::Faster),
        }
    }
}

type ArrowKey = (BoxId, BoxId, ArrowKind, [Option<String>; 3]);

fn key((from, to): (BoxId, BoxId), arrow: &Arrow) -> ArrowKey {
    let ports = [arrow.via.clone(), arrow.from_port.clone(), arrow.to_port.clone()];
    (from, to, arrow.kind, ports)
}

fn marked_box(flow_box: &FlowBox, how: Option<How>) -> FlowBox {
    let mut marked = flow_box.clone();
    if let Some(how) = how {
        marked.provenance = how.provenance();
        // What was measured has precedence in the picture, and the tooltip has both.
        marked.note = Some(how.word().to_owned());
        marked.authored = None;
    }
    marked
}

/// `slower ×2.1, was 31.2 µs`, or only the word.
fn words(how: How, shift: Option<Shift>) -> String {
    match (how, shift) {
        (How::Slower | How::Faster, Some(shift)) => {
            let was = units::duration(shift.p50_ns[0]);
            format!("{} ×{:.2}, was {was}", how.word(), shift.ratio)
        }
        _ => how.word().to_owned(),
    }
}

fn full_name(flow_box: &FlowBox) -> String {
    // An identity such as `Peer::inspect` says its owner already.
    match flow_box.owner.last() {
        // The names of a DOT file are its own, and unique in it.
        Some(owner)
            if flow_box.authored.is_none() && !flow_box.identity.starts_with(owner.as_str()) =>
        {
            format!("{} in {}", flow_box.identity, flow_box.owner.join(" / "))
        }
        _ => flow_box.identity.clone(),
    }
}

#[cfg(test)]
mod tests;
