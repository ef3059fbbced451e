//! The picture of a violation: what the operations prove, and what led to it. The wrong arrow is red.

use std::collections::BTreeSet;
use std::ops::Range;

use raftlens_core::LeaseState;
use raftlens_core::history::Op;
use raftlens_core::sim::{
    AskRead, Asked, Happening, Invariant, OpId, OpResult, Operation, Scene, Story, Violation,
};
use raftlens_viz::{BoxKind, FlowGraph};

use super::picture::{MomentId, Picture};
use super::proof::proof;

/// How far back a story goes, in nanoseconds: an election timeout, a leader's last words before it,
/// and some more.
const BEFORE_NS: u64 = 400_000_000;
/// The same for an operation that is not answered: longer than any deadline.
const UNANSWERED_NS: u64 = 2_500_000_000;
/// What happened right after.
const AFTER_NS: u64 = 1_000_000;
/// Most messages of a read, and most faults, that a picture shows.
const MESSAGES_MAX: usize = 5;
const FAULTS_MAX: usize = 3;

/// The span of time that explains a violation, in nanoseconds.
pub(crate) fn span(violation: &Violation) -> Range<u64> {
    let answers = violation.operations.iter().filter_map(|op| op.returned_ns);
    let end = match proof(&violation.operations) {
        Some(proof) => proof.stale.returned_ns.unwrap_or(violation.at_ns),
        None => answers.max().unwrap_or(violation.at_ns),
    };
    let calls = violation.operations.iter().map(|op| op.invoked_ns);
    let first = calls.min().unwrap_or(end).saturating_sub(AFTER_NS);
    // One that was never answered waits for longer than a lease.
    let before =
        if violation.invariant == Invariant::OneAnswer { UNANSWERED_NS } else { BEFORE_NS };
    first.max(end.saturating_sub(before)).min(end.saturating_sub(BEFORE_NS / 2))..end + AFTER_NS
}

/// Draws a violation. `ids` are the requests that its operations were.
pub(crate) fn draw(story: &Story, violation: &Violation, ids: &[OpId], title: &str) -> FlowGraph {
    let end_ns = span(violation).end - AFTER_NS;
    let mut picture = Picture::new(story, end_ns);
    let regions = regions_of(story, violation, ids, end_ns);
    if regions.len() > 1 {
        picture.tell_regions();
    }
    let mut shown: Vec<OpId> = ids.to_vec();
    shown.extend(writes_of(story, violation));
    shown.sort_unstable();
    shown.dedup();
    for op in &shown {
        picture.operation(*op);
    }
    let proved = proof(&violation.operations).and_then(|proof| {
        let id_of = |wanted: &Op| {
            let place = violation.operations.iter().position(|op| op == wanted)?;
            ids.get(place).copied()
        };
        Some((proof, id_of(proof.newer)?, id_of(proof.stale)?))
    });
    let accused = match &proved {
        Some((_, _, stale)) => story.operations.get(stale).map(|operation| operation.node),
        None => ids.first().and_then(|op| story.operations.get(op)).map(|operation| operation.node),
    };
    let context = Context { story, regions, end_ns };
    match proved {
        Some((proof, newer, stale)) => {
            context.leaders(&mut picture, accused);
            context.read_of(&mut picture, stale);
            if let (Some(from), Some(to)) = (picture.answer_of(newer), picture.answer_of(stale)) {
                picture.wrong(from, to, proof.lines());
            }
        }
        None if ids.is_empty() => context.two_leases(&mut picture, violation),
        None => {
            context.leaders(&mut picture, accused);
            let node = accused.unwrap_or(0);
            if let Some(op) = ids.first() {
                context.read_of(&mut picture, *op);
            }
            let words = first_sentence(&violation.words);
            let to = picture.add(violation.at_ns, node, words, BoxKind::Function);
            match ids.first().and_then(|op| picture.call_of(*op)) {
                Some(from) => picture.wrong(from, to, vec!["no answer came".to_owned()]),
                None => picture.mark(to),
            }
        }
    }
    picture.graph(title)
}

fn first_sentence(words: &str) -> String {
    words.chars().take(120).collect()
}

/// The writes of the two values that contradict each other: not every proof needs them.
fn writes_of(story: &Story, violation: &Violation) -> Vec<OpId> {
    let Some(proof) = proof(&violation.operations) else { return Vec::new() };
    let is_one = |operation: &Operation| match &operation.asked {
        Asked::Write(value) => {
            operation.key == proof.stale.key
                && [proof.newer.value(), proof.stale.value()].contains(&Some(value))
        }
        Asked::Read(_) | Asked::Transfer(_) | Asked::Change(_) => false,
    };
    let writes = story.operations.iter().filter(|(_, operation)| is_one(operation));
    writes.map(|(op, _)| *op).collect()
}

/// The regions that a violation is about: several where a split or a merge lies between.
fn regions_of(story: &Story, violation: &Violation, ids: &[OpId], end_ns: u64) -> BTreeSet<u64> {
    let operations = ids.iter().filter_map(|op| story.operations.get(op));
    let of_ops: BTreeSet<u64> = operations.map(|operation| operation.region).collect();
    if !of_ops.is_empty() {
        return of_ops;
    }
    let known: BTreeSet<u64> = story.scenes.iter().map(|scene| scene.region).collect();
    let contested: Vec<u64> = known
        .into_iter()
        .filter(|region| *region != 0 && leaders(story, *region, end_ns).len() > 1)
        .collect();
    let told = |region: &&u64| violation.words.contains(&format!("region {region} "));
    let found = contested.iter().find(told).or(contested.first());
    BTreeSet::from([found.copied().unwrap_or(1)])
}

/// Who leads a region at a moment, as each of them says itself.
fn leaders(story: &Story, region: u64, at_ns: u64) -> Vec<(u64, Scene)> {
    let mut leading: Vec<(u64, Scene)> = Vec::new();
    let scenes = story.scenes.iter().filter(|scene| scene.at_ns <= at_ns);
    for scene in scenes {
        let Some(node) = scene.node else { continue };
        match &scene.what {
            Happening::Leads { .. } if scene.region == region => {
                leading.push((node, scene.clone()))
            }
            Happening::StepsDown { .. } if scene.region == region => {
                leading.retain(|(other, _)| *other != node);
            }
            Happening::Crashed => leading.retain(|(other, _)| *other != node),
            _ => {}
        }
    }
    leading
}

/// What a picture is to tell around the operations.
struct Context<'a> {
    story: &'a Story,
    regions: BTreeSet<u64>,
    end_ns: u64,
}

impl Context<'_> {
    fn scenes(&self) -> impl Iterator<Item = &Scene> {
        let in_region = |scene: &&Scene| scene.region == 0 || self.regions.contains(&scene.region);
        self.story.scenes.iter().filter(|scene| scene.at_ns <= self.end_ns).filter(in_region)
    }

    /// Who led, how it came to lead, and what the lease of the accused node was.
    fn leaders(&self, picture: &mut Picture<'_>, accused: Option<u64>) {
        for scene in self.scenes() {
            match &scene.what {
                Happening::Leads { term } => {
                    let leads = picture.scene(scene);
                    if let (Some(leads), Some(node)) = (leads, scene.node) {
                        self.votes(picture, (leads, node, *term), accused);
                    }
                }
                Happening::StepsDown { .. } | Happening::Started | Happening::Crashed => {
                    picture.scene(scene);
                }
                _ => {}
            }
        }
        self.orders(picture);
        self.faults(picture);
        if let Some(node) = accused {
            self.lease(picture, node);
        }
    }

    /// The votes that made a leader, and when each of the voters had heard the accused node last.
    fn votes(
        &self,
        picture: &mut Picture<'_>,
        (leads, node, term): (MomentId, u64, u64),
        accused: Option<u64>,
    ) {
        let mut elected = None;
        for scene in self.scenes().filter(|scene| scene.node == Some(node)) {
            let Happening::Received(message) = &scene.what else { continue };
            let is_vote = message.kind.as_str() == "MsgRequestVoteResponse";
            if is_vote && message.term == term && !message.rejects {
                elected = Some(message.clone());
                break;
            }
        }
        let Some(vote) = elected else { return };
        let title = format!("votes for n{node} in term {term}");
        let voted = picture.add(vote.sent_ns, vote.from, title, BoxKind::Function);
        picture.arrow(voted, leads, &[]);
        let Some(old) = accused.filter(|old| *old != vote.from && *old != node) else { return };
        let heard = self.scenes().filter(|scene| scene.at_ns <= vote.sent_ns).filter(|scene| {
            scene.node == Some(vote.from)
                && matches!(&scene.what, Happening::Received(message) if message.from == old)
        });
        if let Some(scene) = heard.last() {
            let title = format!("hears n{old} for the last time");
            picture.add(scene.at_ns, vote.from, title, BoxKind::Function);
        }
    }

    /// Leaders that were asked to hand over or to change their region, and what came of it.
    fn orders(&self, picture: &mut Picture<'_>) {
        let asked = self.scenes().filter_map(|scene| match &scene.what {
            Happening::Called(op) => Some((op, self.story.operations.get(op)?)),
            _ => None,
        });
        let orders: Vec<OpId> = asked
            .filter(|(_, operation)| {
                matches!(operation.asked, Asked::Transfer(_) | Asked::Change(_))
            })
            .map(|(op, _)| *op)
            .collect();
        orders.iter().for_each(|op| picture.operation(*op));
        let end_ns = self.end_ns;
        picture.messages(|message| {
            message.kind.as_str() == "MsgTimeoutNow" && message.sent_ns <= end_ns
        });
    }

    fn faults(&self, picture: &mut Picture<'_>) {
        let begun = self.scenes().filter(|scene| match &scene.what {
            // A transfer is an operation.
            Happening::Fault(words) => scene.node.is_some() && !words.starts_with("transfer"),
            _ => false,
        });
        let begun: Vec<&Scene> = begun.collect();
        for scene in &begun[begun.len().saturating_sub(FAULTS_MAX)..] {
            picture.scene(scene);
        }
    }

    /// The last renewal of a node's lease, and every suspicion.
    fn lease(&self, picture: &mut Picture<'_>, node: u64) {
        let of_node = self.scenes().filter(|scene| scene.node == Some(node));
        let leases = of_node.filter_map(|scene| match &scene.what {
            Happening::Lease { state, .. } => Some((*state, scene)),
            _ => None,
        });
        let (mut renewed, mut suspected) = (None, Vec::new());
        for (state, scene) in leases {
            match state {
                LeaseState::Valid => renewed = Some(scene),
                LeaseState::Suspect => suspected.push(scene),
                LeaseState::Expired => {}
            }
        }
        for scene in renewed.into_iter().chain(suspected) {
            picture.scene(scene);
        }
    }

    /// What a read asked of others before it was answered.
    fn read_of(&self, picture: &mut Picture<'_>, op: OpId) {
        let Some(operation) = self.story.operations.get(&op) else { return };
        let is_of_op = |scene: &&Scene| matches!(scene.what, Happening::Called(it) if it == op);
        let Some(called_ns) = self.scenes().find(is_of_op).map(|scene| scene.at_ns) else { return };
        let is_replica = match (&operation.result, &operation.asked) {
            (OpResult::Value { mode, .. }, _) => mode.as_str().starts_with("replica"),
            (_, Asked::Read(AskRead::Replica | AskRead::Index { .. })) => true,
            (_, _) => false,
        };
        let node = operation.node;
        let end_ns = self.end_ns;
        let mut shown = Vec::new();
        for scene in self.scenes() {
            let Happening::Sent(message) = &scene.what else { continue };
            let is_read_index = message.kind.as_str().starts_with("MsgReadIndex");
            if message.is_for_read
                && (message.from == node || message.to == node)
                && message.sent_ns >= called_ns
                && is_replica == is_read_index
            {
                shown.push(message.number);
            }
        }
        shown.truncate(MESSAGES_MAX);
        picture.messages(|message| message.sent_ns <= end_ns && shown.contains(&message.number));
    }

    /// Two nodes that may read under a lease at the same moment.
    fn two_leases(&self, picture: &mut Picture<'_>, violation: &Violation) {
        let region = self.regions.first().copied().unwrap_or(1);
        let leading = leaders(self.story, region, self.end_ns);
        let (old, new) = match (&leading[..], holders(&violation.words)) {
            ([(old, _), .., (new, _)], _) => (*old, *new),
            // Of two regions that have keys in common: a split or a merge is half way.
            (_, Some(holders)) => holders,
            (_, None) => {
                let words = first_sentence(&violation.words);
                let id = picture.add(violation.at_ns, 0, words, BoxKind::Function);
                return picture.mark(id);
            }
        };
        self.leaders(picture, Some(old));
        let name = |node: u64| format!("n{node} ");
        let claim = |node: u64| {
            let rest = violation.words.split(&name(node)).nth(1).unwrap_or("");
            rest.split(',').next().unwrap_or("").trim().to_owned()
        };
        let title = format!("may answer reads {}", claim(new));
        let from = picture.add(violation.at_ns, new, title, BoxKind::Function);
        let title = format!("may still answer reads {}", claim(old));
        let to = picture.add(violation.at_ns, old, title, BoxKind::Function);
        let words = ["two leases at one moment:", "what the new leader writes, the old one misses"];
        picture.wrong(from, to, words.map(str::to_owned).to_vec());
    }
}

/// The nodes that a violation names as holders of leases: `...: n1 of region 2 ..., n3 of ...`.
fn holders(words: &str) -> Option<(u64, u64)> {
    let (_, named) = words.split_once(": ")?;
    let node = |part: &str| part.strip_prefix('n')?.split(' ').next()?.parse().ok();
    let mut nodes = named.split(", ").map(node);
    Some((nodes.next()??, nodes.next()??))
}
