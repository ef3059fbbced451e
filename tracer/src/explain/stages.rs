//! The spans that one read led to, through children and hand-overs, on whatever node, by the stages
//! that they are. `facts` and `attribution` read them.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::assemble::Assembly;
use crate::model::TraceId;
use crate::view::{Key, SpanSet, SpanView};

/// The stages that a read led to.
pub(super) struct Stages<'a, V> {
    pub(super) route: Option<V>,
    pub(super) propose: Option<V>,
    pub(super) inspect: Option<V>,
    pub(super) apply_reads: Option<(usize, V)>,
    /// Handled messages, in time order.
    pub(super) steps: Vec<Step<'a, V>>,
    pub(super) read_index: Option<usize>,
    pub(super) lease_of_leader: Option<V>,
    pub(super) last: Option<V>,
    /// The traces of reads that joined its read index, each once.
    pub(super) joined_by: Vec<TraceId>,
}

/// A message that a raft thread handled.
pub(super) struct Step<'a, V> {
    /// The index of its span.
    pub(super) at: usize,
    pub(super) span: V,
    /// Its type; empty if it is not stated.
    pub(super) message: &'a str,
}

/// More spans than this that joined a read are not counted: each of them is asked for its carrier.
const MOST_JOINED: usize = 1_000;
/// So many spans that were met are looked through; more are looked up.
const FEW: usize = 32;

/// Indices that were met.
#[derive(Default)]
struct Seen {
    few: [usize; FEW],
    count: usize,
    many: HashSet<usize, RandomState>,
}

impl Seen {
    /// Whether it is met for the first time.
    fn insert(&mut self, at: usize) -> bool {
        let few = self.few.get(..self.count).unwrap_or(&self.few);
        if few.contains(&at) {
            return false;
        }
        if let Some(place) = self.few.get_mut(self.count) {
            *place = at;
            self.count += 1;
            return true;
        }
        self.many.insert(at)
    }
}

impl<'a, V: SpanView<'a>> Stages<'a, V> {
    pub(super) fn of<S: SpanSet<View<'a> = V>>(assembly: &Assembly<'a, S>, root: usize) -> Self {
        let spans = assembly.traces();
        let mut stages = Stages {
            route: None,
            propose: None,
            inspect: None,
            apply_reads: None,
            steps: Vec::new(),
            read_index: None,
            lease_of_leader: None,
            last: None,
            joined_by: Vec::new(),
        };
        let trace = spans.view(root).map(V::trace_id);
        let mut seen = Seen::default();
        seen.insert(root);
        // The last of a row of calls needs no place here.
        let (mut open, mut next_up) = (Vec::new(), Some(root));
        while let Some(at) = next_up.take().or_else(|| open.pop()) {
            let Some(span) = spans.view(at) else { continue };
            stages.take(at, span);
            let called = assembly.children(at).iter().map(|it| (*it, None));
            let followers = assembly.followers(at).iter().map(|it| (it.to, it.kind));
            for (next, kind) in called.chain(followers) {
                let Some(of) = spans.view(next).map(V::trace_id) else { continue };
                if Some(of) != trace {
                    let joins = kind == Some("batch") && stages.joined_by.len() < MOST_JOINED;
                    stages.joined_by.extend(joins.then_some(of));
                } else if seen.insert(next) {
                    open.extend(next_up.replace(next));
                }
            }
        }
        // Several spans of a read may say that it joined.
        stages.joined_by.sort_unstable();
        stages.joined_by.dedup();
        stages.steps.sort_by_key(|step| (step.span.start_ns(), step.at));
        stages
    }

    fn take(&mut self, at: usize, span: V) {
        let is_stage = match &**span.name() {
            "route" => keep_first(&mut self.route, span),
            "propose" => keep_first(&mut self.propose, span),
            "step" => {
                let message = span.text(Key::MessageType).map_or("", |it| it);
                self.steps.push(Step { at, span, message });
                true
            }
            // The function of this name, which serves many reads at once, has no read index.
            "apply_reads" if span.has(Key::AppliedIndex) => {
                self.apply_reads = self.apply_reads.or(Some((at, span)));
                true
            }
            "inspect" if span.has(Key::LeaseRenewedBy) => keep_first(&mut self.inspect, span),
            "inspect" if span.has(Key::LeaseState) => keep_first(&mut self.lease_of_leader, span),
            "read_index" => {
                let is_stage =
                    span.text(Key::Function).is_some_and(|it| **it == *"Peer::read_index");
                if is_stage {
                    self.read_index = Some(at);
                }
                is_stage
            }
            _ => false,
        };
        if is_stage && self.last.is_none_or(|last| last.start_ns() < span.start_ns()) {
            self.last = Some(span);
        }
    }

    /// The span of the read that this one joined.
    pub(super) fn carrier<S: SpanSet>(&self, assembly: &Assembly<'_, S>) -> Option<usize> {
        let ends = self.apply_reads.map(|(at, _)| at).into_iter().chain(self.read_index);
        let mut links = ends.flat_map(|at| assembly.follows(at));
        links.find(|it| it.kind == Some("batch")).map(|it| it.from)
    }

    pub(super) fn steps_of(&self, kind: &'static str) -> impl Iterator<Item = V> {
        self.steps.iter().filter(move |step| step.message == kind).map(|step| step.span)
    }
}

fn keep_first<'a, V: SpanView<'a>>(slot: &mut Option<V>, span: V) -> bool {
    if slot.is_none_or(|kept| span.start_ns() < kept.start_ns()) {
        *slot = Some(span);
    }
    true
}
