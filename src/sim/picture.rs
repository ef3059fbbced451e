//! Makes a picture in time out of a story: one column for each node, boxes from top to bottom in the
//! order in which they happened, arrows for what led to what.

use std::collections::{BTreeMap, BTreeSet};

use raftlens_core::LeaseState;
use raftlens_core::sim::{Asked, Happening, Message, OpId, Scene, Story};
use raftlens_viz::{Arrow, ArrowKind, BoxId, BoxKind, FlowBox, FlowGraph, Reading, Tone};

use super::words;

/// A moment that will be a box.
#[derive(Clone, Debug)]
struct Moment {
    at_ns: u64,
    /// Its place in the story: what is there at one moment keeps its order.
    rank: usize,
    column: String,
    title: String,
    note: Option<String>,
    kind: BoxKind,
    tone: Tone,
}

/// The place of a moment in its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MomentId(usize);

/// A picture in the making.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    story: &'a Story,
    /// The times of boxes are told as seen from here.
    zero_ns: u64,
    moments: Vec<Moment>,
    arrows: Vec<(MomentId, MomentId, Arrow)>,
    calls: BTreeMap<OpId, MomentId>,
    answers: BTreeMap<OpId, MomentId>,
    /// How many operations have got a letter.
    letters: usize,
    /// Whether boxes say which region they are about.
    has_regions: bool,
}

impl<'a> Picture<'a> {
    pub(crate) fn new(story: &'a Story, zero_ns: u64) -> Self {
        let (moments, arrows) = (Vec::new(), Vec::new());
        let (calls, answers) = (BTreeMap::new(), BTreeMap::new());
        Picture { story, zero_ns, moments, arrows, calls, answers, letters: 0, has_regions: false }
    }

    /// Lets boxes say which region they are about: for pictures of more than one.
    pub(crate) fn tell_regions(&mut self) {
        self.has_regions = true;
    }

    /// Adds a box.
    pub(crate) fn add(&mut self, at_ns: u64, node: u64, title: String, kind: BoxKind) -> MomentId {
        let column = if node == 0 { "network".to_owned() } else { format!("n{node}") };
        self.add_in(&column, at_ns, title, kind)
    }

    /// Adds a box to a column by its name.
    pub(crate) fn add_in(
        &mut self,
        column: &str,
        at_ns: u64,
        title: String,
        kind: BoxKind,
    ) -> MomentId {
        let (column, tone, rank) = (column.to_owned(), Tone::Plain, usize::MAX);
        self.moments.push(Moment { at_ns, rank, column, title, note: None, kind, tone });
        MomentId(self.moments.len() - 1)
    }

    /// Gives a box the place of a scene among those of the same moment.
    fn rank(&mut self, id: MomentId, scene: &Scene) {
        let is_lease = matches!(scene.what, Happening::Lease { .. });
        let place = self.story.scenes.iter().position(|other| {
            // The world sees a lease when a step is over; within it, the lease changes before
            // anything leaves (rule L6).
            let is_same_step = (other.at_ns, other.node) == (scene.at_ns, scene.node)
                && matches!(other.what, Happening::Sent(_));
            std::ptr::eq(other, scene) || (is_lease && is_same_step)
        });
        self.moments[id.0].rank = place.unwrap_or(usize::MAX);
    }

    /// Adds words to the second line of a box.
    pub(crate) fn note(&mut self, id: MomentId, note: String) {
        self.moments[id.0].note = Some(note);
    }

    /// Draws a box in red.
    pub(crate) fn mark(&mut self, id: MomentId) {
        self.moments[id.0].tone = Tone::Wrong;
    }

    pub(crate) fn call_of(&self, op: OpId) -> Option<MomentId> {
        self.calls.get(&op).or_else(|| self.answers.get(&op)).copied()
    }

    pub(crate) fn answer_of(&self, op: OpId) -> Option<MomentId> {
        self.answers.get(&op).copied()
    }

    /// An arrow from one box to another one.
    pub(crate) fn arrow(&mut self, from: MomentId, to: MomentId, words: &[&str]) {
        let words = words.iter().map(|line| (*line).to_owned()).collect();
        self.arrows.push((from, to, Arrow { words, ..Arrow::new(ArrowKind::Data) }));
    }

    /// The arrow that must not be.
    pub(crate) fn wrong(&mut self, from: MomentId, to: MomentId, words: Vec<String>) {
        let arrow = Arrow { words, tone: Tone::Wrong, ..Arrow::new(ArrowKind::Data) };
        self.arrows.push((from, to, arrow));
        self.mark(to);
    }

    /// Adds a scene, in the words for its kind; none for kinds that are told by others.
    pub(crate) fn scene(&mut self, scene: &Scene) -> Option<MomentId> {
        let (at_ns, node) = (scene.at_ns, scene.node.unwrap_or(0));
        let (title, kind) = match &scene.what {
            Happening::Leads { term } => (format!("leads in term {term}"), BoxKind::Case),
            Happening::StepsDown { term } => {
                (format!("steps down: there is term {term}"), BoxKind::Case)
            }
            Happening::Lease { state, left_ns, by } => {
                (lease(*state, *left_ns, by.as_str()), BoxKind::Case)
            }
            Happening::Fault(words) => (words.clone(), BoxKind::Variable),
            Happening::Remark(words) => (words.clone(), BoxKind::Variable),
            Happening::Crashed => ("crashes".to_owned(), BoxKind::Variable),
            Happening::Started => ("starts again".to_owned(), BoxKind::Variable),
            Happening::Applied { index } => (format!("has applied up to {index}"), BoxKind::Case),
            Happening::Sent(message) => {
                (format!("sends {}", message.kind.as_str()), BoxKind::Function)
            }
            Happening::Received(message) => {
                (format!("receives {}", message.kind.as_str()), BoxKind::Function)
            }
            Happening::Called(_) | Happening::Answered(..) => return None,
        };
        let title = match self.has_regions && scene.region != 0 {
            true => format!("region {}: {title}", scene.region),
            false => title,
        };
        let id = self.add(at_ns, node, title, kind);
        self.rank(id, scene);
        Some(id)
    }

    /// Adds an operation: a box for its call and one for its answer, or one for both where nothing
    /// came between.
    pub(crate) fn operation(&mut self, op: OpId) {
        let story = self.story;
        let Some(operation) = story.operations.get(&op) else { return };
        let is_order = matches!(operation.asked, Asked::Transfer(_) | Asked::Change(_));
        let who = match is_order {
            true => "somebody".to_owned(),
            false => words::who(operation.client, self.letters),
        };
        self.letters += usize::from(!is_order);
        let (asked, result) = (words::asked(operation), words::result(&operation.result));
        let of_op = |scene: &&Scene| match &scene.what {
            Happening::Called(called) => *called == op,
            // That a transfer has begun says nothing; what a change does is seen.
            Happening::Answered(answered, _) => *answered == op && !is_order,
            _ => false,
        };
        let scenes: Vec<&Scene> = story.scenes.iter().filter(of_op).collect();
        let is_at_once = matches!(&scenes[..], [call, answer] if call.at_ns == answer.at_ns);
        for scene in scenes {
            let node = scene.node.unwrap_or(operation.node);
            match &scene.what {
                Happening::Answered(_, state) => {
                    let title = match is_at_once {
                        true => format!("{who} {asked}: {result}"),
                        false => format!("{who}: {result}"),
                    };
                    let id = self.add(scene.at_ns, node, title, BoxKind::Function);
                    self.rank(id, scene);
                    self.note(id, words::state(state));
                    self.answers.insert(op, id);
                }
                _ if is_at_once => {}
                _ => {
                    let title = format!("{who} {asked}");
                    let id = self.add(scene.at_ns, node, title, BoxKind::Function);
                    self.rank(id, scene);
                    self.calls.insert(op, id);
                }
            }
        }
    }

    /// Draws the messages that `wanted` says as arrows, each from a box where it was sent to one
    /// where it came in. What one node sends or hears of one kind at one moment is one box.
    pub(crate) fn messages(&mut self, wanted: impl Fn(&Message) -> bool) {
        let story = self.story;
        let received: BTreeSet<u64> = story
            .scenes
            .iter()
            .filter_map(|scene| match &scene.what {
                Happening::Received(message) => Some(message.number),
                _ => None,
            })
            .collect();
        let mut sent = BTreeMap::new();
        let mut boxes: BTreeMap<(u64, u64, String), MomentId> = BTreeMap::new();
        for scene in &story.scenes {
            match &scene.what {
                Happening::Sent(message) if wanted(message) => {
                    let lost = match received.contains(&message.number) {
                        true => "",
                        false => ", where it never arrives",
                    };
                    let title = format!("sends {} to", said(message));
                    let other = format!("n{}{lost}", message.to);
                    let id = self.message_box(&mut boxes, scene, message.from, (title, other));
                    sent.insert(message.number, id);
                }
                Happening::Received(message) if wanted(message) => {
                    let Some(from) = sent.get(&message.number).copied() else { continue };
                    let title = format!("hears {} of", said(message));
                    let other = format!("n{}", message.from);
                    let id = self.message_box(&mut boxes, scene, message.to, (title, other));
                    self.arrow(from, id, &[]);
                }
                _ => {}
            }
        }
    }

    /// The box of a message; one that differs in nothing but the other node shares it.
    fn message_box(
        &mut self,
        boxes: &mut BTreeMap<(u64, u64, String), MomentId>,
        scene: &Scene,
        node: u64,
        (title, other): (String, String),
    ) -> MomentId {
        let key = (scene.at_ns, node, title.clone());
        if let Some(id) = boxes.get(&key) {
            self.moments[id.0].title.push_str(&format!(", {other}"));
            return *id;
        }
        let id = self.add(scene.at_ns, node, format!("{title} {other}"), BoxKind::Function);
        self.rank(id, scene);
        boxes.insert(key, id);
        id
    }

    /// The graph of it.
    pub(crate) fn graph(mut self, title: impl Into<String>) -> FlowGraph {
        let mut graph = FlowGraph::new(title);
        graph.reading = Reading::Time;
        graph.first_owners = (1..=18).map(|node| format!("n{node}")).collect();
        let mut order: Vec<usize> = (0..self.moments.len()).collect();
        order.sort_by_key(|place| {
            let moment = &self.moments[*place];
            let is_change = moment.kind == BoxKind::Case;
            (moment.at_ns, moment.rank, !is_change, *place)
        });
        let mut boxes: BTreeMap<usize, BoxId> = BTreeMap::new();
        let mut last: BTreeMap<String, BoxId> = BTreeMap::new();
        for (row, place) in order.into_iter().enumerate() {
            let moment = &self.moments[place];
            let time = words::ms(moment.at_ns as i64 - self.zero_ns as i64);
            let note = match &moment.note {
                Some(note) => format!("{time} · {note}"),
                None => time,
            };
            let id = graph.add_box(FlowBox {
                identity: format!("{row}: {}", moment.title),
                title: moment.title.clone(),
                kind: moment.kind.clone(),
                tone: moment.tone,
                note: Some(note),
                owner: vec![moment.column.clone()],
                ..FlowBox::default()
            });
            boxes.insert(place, id);
            if let Some(before) = last.insert(moment.column.clone(), id) {
                graph.add_arrow(before, id, Arrow::new(ArrowKind::Call));
            }
        }
        // The red arrows last, so that they lie on top.
        self.arrows.sort_by_key(|(.., arrow)| arrow.tone == Tone::Wrong);
        for (from, to, arrow) in self.arrows {
            if let (Some(from), Some(to)) = (boxes.get(&from.0), boxes.get(&to.0)) {
                graph.add_arrow(*from, *to, arrow);
            }
        }
        graph
    }
}

/// A lease in words.
pub(crate) fn lease(state: LeaseState, left_ns: i64, by: &str) -> String {
    match state {
        LeaseState::Valid => format!("lease renewed by {by}, for {}", words::ms(left_ns)),
        LeaseState::Suspect => "lease is suspect: there may be another leader soon".to_owned(),
        LeaseState::Expired => "lease is over".to_owned(),
    }
}

/// A message in words.
fn said(message: &Message) -> String {
    let kind = message.kind.as_str();
    match kind {
        "MsgReadIndexResp" => format!("{kind} with index {}", message.index),
        _ if message.rejects => format!("{kind}: no"),
        _ => kind.to_owned(),
    }
}
