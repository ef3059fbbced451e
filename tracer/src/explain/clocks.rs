//! The clocks of the nodes that spans come from: how far they are apart, and spans moved so that no
//! message is received before it was sent.
//!
//! A node is a store (`raft.store_id`), else the host, instance or service of a span's resource; a
//! span without a store is on its caller's node if it is of the same process. What counts as a
//! message, and what it says:
//!
//! | spans on different nodes | bound |
//! |---|---|
//! | a link of kind `message`, or from a producer to a consumer | the follower did not start before what it follows |
//! | a call | the callee did not start before its caller |
//! | a call of a client that did not fail, to a server | the callee did not end after its caller |
//!
//! Over all traces this leaves an interval for each pair of clocks. Clocks that may agree are taken to
//! agree; else the middle of the interval counts. Drift within an input is ignored, but where the
//! interval would become empty and newer messages alone leave one, the newer ones count. Where none
//! is left at all, nothing is known of the pair: its spans are then moved trace by trace, each node's
//! as far as needed to start no earlier than what led there, as Jaeger does.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::assemble::Assembly;
use crate::explain::clock_bounds::{Bounds, Interval};
use crate::model::{Resource, SpanKind, TraceId, TraceSet, find};
use crate::view::{Key, SpanSet, SpanView};

/// More nodes than this are not compared.
const MOST_NODES: usize = 128;
/// Not a node that is compared.
const NO_NODE: usize = usize::MAX;
/// Who asked whom is followed over so many nodes of a trace when its spans are moved on their own.
const MOST_HOPS: usize = 8;
/// What names a node, the best first.
const NODE_KEYS: [(&str, &str); 3] =
    [("host.name", "host"), ("service.instance.id", "instance"), ("service.name", "service")];

/// How two clocks stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockPair {
    /// The node that the numbers are of.
    pub node: String,
    /// The node that it is compared with.
    pub against: String,
    /// By how much its clock may be ahead, as the messages between the two say.
    pub interval: Interval,
    /// By how much it was taken to be ahead, in nanoseconds; `None` where messages contradict each
    /// other.
    pub ahead_ns: Option<i64>,
    /// The difference changed during the input.
    pub has_moved: bool,
}

/// What is known of all clocks so far.
#[derive(Debug, Default)]
pub struct Clocks {
    names: Vec<String>,
    ids: HashMap<String, usize>,
    bounds: Bounds,
    moved: BTreeSet<(usize, usize)>,
    contradictory: Vec<(usize, usize)>,
    offsets: Vec<i64>,
    has_left_out: bool,
}

/// The messages of a set whose parts are heard one after the other.
#[derive(Debug, Default)]
pub(super) struct Messages {
    newer: Bounds,
    /// Nodes by store.
    stores: HashMap<i64, usize, RandomState>,
    /// The nodes of the set's resources.
    resources: Option<Vec<usize>>,
}

/// The node of each span of a part.
pub(super) struct Nodes(Vec<usize>);

/// By how much each span of a set is to be moved, in nanoseconds.
#[derive(Debug)]
pub struct Shifts(Vec<i64>);

impl Clocks {
    /// Takes in the messages to those spans of a set that `is_new`, and says how the set's spans are
    /// to be moved, if they are. Takes time proportional to the spans.
    pub fn observe<S: SpanSet>(
        &mut self,
        assembly: &Assembly<'_, S>,
        is_new: impl Fn(usize) -> bool,
    ) -> Option<Shifts> {
        let mut messages = Messages::default();
        let nodes = self.hear(&mut messages, assembly, is_new);
        self.settle(&messages).then(|| self.shifts(assembly, &nodes))
    }

    /// Takes down the messages to those spans of a part of a set that `is_new`. Returns the node of
    /// each span.
    pub(super) fn hear<S: SpanSet>(
        &mut self,
        messages: &mut Messages,
        assembly: &Assembly<'_, S>,
        is_new: impl Fn(usize) -> bool,
    ) -> Nodes {
        let nodes = self.nodes_of(assembly, messages);
        // Between fewer than two nodes no messages go.
        let receivers = if self.names.len() < 2 { 0..0 } else { 0..nodes.len() };
        for to in receivers.filter(|it| is_new(*it)) {
            each_message(assembly, &nodes, to, |from, start_ns, end_ns| {
                messages.newer.message(nodes[from], nodes[to], start_ns);
                if let Some(end_ns) = end_ns {
                    messages.newer.message(nodes[to], nodes[from], end_ns);
                }
            });
        }
        Nodes(nodes)
    }

    /// Takes in the messages of all parts; whether spans are to be moved.
    pub(super) fn settle(&mut self, messages: &Messages) -> bool {
        if !messages.newer.is_empty() {
            self.moved.extend(self.bounds.merge(&messages.newer));
            self.solve();
        }
        self.offsets.iter().any(|it| *it != 0) || !self.contradictory.is_empty()
    }

    fn solve(&mut self) {
        let pairs = self.bounds.pairs();
        let is_possible = |(a, b): &(usize, usize)| self.bounds.between(*b, *a).is_possible();
        self.contradictory = pairs.iter().copied().filter(|pair| !is_possible(pair)).collect();
        let offsets = self.bounds.offsets(self.names.len(), &self.contradictory);
        self.offsets = offsets.unwrap_or_else(|| {
            // Around three nodes, so it cannot be said between which two.
            self.contradictory = pairs;
            vec![0; self.names.len()]
        });
    }

    /// What is known of each pair of nodes between which messages went.
    pub fn pairs(&self) -> Vec<ClockPair> {
        let offset = |node: usize| self.offsets.get(node).copied().unwrap_or(0);
        let name = |node: usize| self.names.get(node).cloned().unwrap_or_default();
        let pair = |(against, node): (usize, usize)| ClockPair {
            node: name(node),
            against: name(against),
            interval: self.bounds.between(node, against),
            ahead_ns: (!self.contradictory.contains(&(against, node)))
                .then(|| offset(node) - offset(against)),
            has_moved: self.moved.contains(&(against, node)),
        };
        self.bounds.pairs().into_iter().map(pair).collect()
    }

    /// Whether there were so many nodes that some were not compared.
    pub fn has_left_out(&self) -> bool {
        self.has_left_out
    }

    fn id(&mut self, name: String) -> usize {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        if self.names.len() >= MOST_NODES {
            self.has_left_out = true;
            return NO_NODE;
        }
        let id = self.names.len();
        self.names.push(name.clone());
        self.ids.insert(name, id);
        id
    }

    /// The node of each span.
    fn nodes_of<S: SpanSet>(
        &mut self,
        assembly: &Assembly<'_, S>,
        messages: &mut Messages,
    ) -> Vec<usize> {
        let spans = assembly.traces();
        let Messages { stores, resources, .. } = messages;
        let mut own: Vec<Option<usize>> = Vec::with_capacity(spans.count());
        for span in spans.views() {
            own.push(span.number(Key::Store).map(|store| {
                *stores.entry(store).or_insert_with(|| self.id(format!("store {store}")))
            }));
        }
        let named = resources.get_or_insert_with(|| {
            spans.resources().iter().map(|it| self.id(node_name(it))).collect()
        });
        let unknown = || named.first().copied().unwrap_or(NO_NODE);
        let resource = |at: usize| spans.view(at).map(SpanView::resource);
        let mut walked = Vec::new();
        for start in 0..spans.count() {
            let mut at = start;
            // Up to a span whose node is known, or to where the process changes.
            let node = loop {
                if let Some(node) = own[at] {
                    break node;
                }
                walked.push(at);
                match assembly.parent(at).filter(|it| resource(*it) == resource(at)) {
                    Some(parent) => at = parent,
                    None => {
                        let of_resource = resource(at).and_then(|it| named.get(it as usize));
                        break of_resource.copied().unwrap_or_else(unknown);
                    }
                }
            };
            for span in walked.drain(..) {
                own[span] = Some(node);
            }
        }
        own.into_iter().map(|node| node.unwrap_or(NO_NODE)).collect()
    }

    /// How the spans of a part that was heard are to be moved.
    pub(super) fn shifts<S: SpanSet>(&self, assembly: &Assembly<'_, S>, nodes: &Nodes) -> Shifts {
        let Nodes(nodes) = nodes;
        let offset = |node: &usize| self.offsets.get(*node).map_or(0, |it| -it);
        let mut shifts: Vec<i64> = nodes.iter().map(offset).collect();
        if !self.contradictory.is_empty() {
            let alone = self.alone(assembly, nodes, &shifts);
            let spans = assembly.traces().views();
            for ((shift, span), node) in shifts.iter_mut().zip(spans).zip(nodes) {
                *shift += alone.get(&(span.trace_id(), *node)).copied().unwrap_or(0);
            }
        }
        Shifts(shifts)
    }

    /// By how much each node's spans of a trace are to be moved on their own, since nothing is known
    /// of the clocks: from the root's node outwards, as little as needed.
    fn alone<S: SpanSet>(
        &self,
        assembly: &Assembly<'_, S>,
        nodes: &[usize],
        shifts: &[i64],
    ) -> HashMap<(TraceId, usize), i64> {
        let spans = assembly.traces();
        let trace = |span: usize| spans.view(span).map(SpanView::trace_id).unwrap_or_default();
        let place = |span: usize| (trace(span), nodes[span]);
        let mut settled: HashMap<(TraceId, usize), i64> = HashMap::new();
        let mut begun = BTreeSet::new();
        for root in assembly.roots().filter(|root| begun.insert(trace(*root))) {
            settled.insert(place(root), 0);
        }
        for _ in 0..MOST_HOPS {
            let mut needs: HashMap<(TraceId, usize), i64> = HashMap::new();
            for to in (0..spans.count()).filter(|to| !settled.contains_key(&place(*to))) {
                each_message(assembly, nodes, to, |from, start_ns, _| {
                    let (a, b) = (nodes[from].min(nodes[to]), nodes[from].max(nodes[to]));
                    let Some(before) = settled.get(&place(from)) else { return };
                    let seems = start_ns + shifts[to] - shifts[from] - before;
                    let needed = match self.contradictory.contains(&(a, b)) {
                        true => (-seems).max(0),
                        false => *before,
                    };
                    let need = needs.entry(place(to)).or_default();
                    *need = needed.max(*need);
                });
            }
            if needs.is_empty() {
                break;
            }
            settled.extend(needs);
        }
        settled
    }
}

impl Shifts {
    /// Moves the spans of the set that was observed, with their events.
    pub fn apply(&self, traces: &mut TraceSet) {
        for (span, shift) in traces.spans.iter_mut().zip(&self.0) {
            span.start_ns = span.start_ns.saturating_add_signed(*shift);
            span.end_ns = span.end_ns.saturating_add_signed(*shift);
            for event in &mut span.events {
                event.time_ns = event.time_ns.saturating_add_signed(*shift);
            }
        }
    }

    /// None of so many spans moves.
    pub(super) fn none(spans: usize) -> Shifts {
        Shifts(vec![0; spans])
    }

    /// Moves the spans of a part, which have these indices in the whole, as `of_part` says.
    pub(super) fn set(&mut self, spans: &[u32], of_part: &Shifts) {
        for (span, shift) in spans.iter().zip(&of_part.0) {
            if let Some(at) = self.0.get_mut(*span as usize) {
                *at = *shift;
            }
        }
    }

    /// The shift of each span.
    pub(super) fn each(&self) -> &[i64] {
        &self.0
    }
}

/// Calls `take` with each span on another node from which a message to `to` came, how long the
/// message seems to have taken, and the same of the answer.
fn each_message<S: SpanSet>(
    assembly: &Assembly<'_, S>,
    nodes: &[usize],
    to: usize,
    mut take: impl FnMut(usize, i64, Option<i64>),
) {
    let spans = assembly.traces();
    let Some(callee) = spans.view(to) else { return };
    let is_other =
        |from: usize| nodes[from] != nodes[to] && nodes[from] != NO_NODE && nodes[to] != NO_NODE;
    if let Some(from) = assembly.parent(to).filter(|it| is_other(*it))
        && let Some(caller) = spans.view(from)
    {
        let answered = caller.kind() == SpanKind::Client
            && callee.kind() == SpanKind::Server
            && !caller.has_failed()
            && caller.end_ns() >= caller.start_ns()
            && callee.end_ns() >= callee.start_ns();
        let answer = answered.then(|| difference(caller.end_ns(), callee.end_ns()));
        take(from, difference(callee.start_ns(), caller.start_ns()), answer);
    }
    for hand_over in assembly.follows(to).iter().filter(|it| is_other(it.from)) {
        let Some(sender) = spans.view(hand_over.from) else { continue };
        let kinds = (sender.kind(), callee.kind());
        if hand_over.kind == Some("message") || kinds == (SpanKind::Producer, SpanKind::Consumer) {
            take(hand_over.from, difference(callee.start_ns(), sender.start_ns()), None);
        }
    }
}

/// `later - earlier` in nanoseconds, within a range that sums stay in.
fn difference(later: u64, earlier: u64) -> i64 {
    const MOST: i128 = i64::MAX as i128 / 8;
    (i128::from(later) - i128::from(earlier)).clamp(-MOST, MOST) as i64
}

fn node_name(resource: &Resource) -> String {
    let named = NODE_KEYS.iter().find_map(|(key, kind)| {
        let name = find(&resource.attributes, key)?.as_str()?;
        Some(format!("{kind} {name}"))
    });
    named.unwrap_or_else(|| "an unnamed process".to_owned())
}

/// Moves the spans of a whole set so that no message comes before it was sent, and says what is known
/// of the clocks.
pub fn correct(traces: &mut TraceSet) -> Clocks {
    let mut clocks = Clocks::default();
    let shifts = clocks.observe(&Assembly::new(traces), |_| true);
    if let Some(shifts) = shifts {
        shifts.apply(traces);
    }
    clocks
}
