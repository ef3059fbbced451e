//! The spans that one read led to, through children and hand-overs, on whatever node, by the stages
//! that they are. `facts` and `attribution` read them.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use crate::assemble::Assembly;
use crate::model::{Span, Value};

/// The stages that a read led to.
pub(super) struct Stages<'a> {
    pub(super) route: Option<&'a Span>,
    pub(super) propose: Option<&'a Span>,
    pub(super) inspect: Option<&'a Span>,
    pub(super) apply_reads: Option<(usize, &'a Span)>,
    /// Handled messages, in time order.
    pub(super) steps: Vec<Step<'a>>,
    pub(super) read_index: Option<usize>,
    pub(super) lease_of_leader: Option<&'a Span>,
    pub(super) last: Option<&'a Span>,
}

/// A message that a raft thread handled.
pub(super) struct Step<'a> {
    /// The index of its span.
    pub(super) at: usize,
    pub(super) span: &'a Span,
    /// Its type; empty if it is not stated.
    pub(super) message: &'a str,
}

/// So many spans that were met are looked through; more are looked up.
const FEW: usize = 32;

/// Indices that were met.
#[derive(Default)]
struct Seen {
    few: Vec<usize>,
    many: HashSet<usize, RandomState>,
}

impl Seen {
    /// Whether it is met for the first time.
    fn insert(&mut self, at: usize) -> bool {
        if self.few.contains(&at) || self.many.contains(&at) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(at);
            return true;
        }
        self.many.insert(at)
    }
}

impl<'a> Stages<'a> {
    pub(super) fn of(assembly: &Assembly<'a>, root: usize) -> Stages<'a> {
        let spans = &assembly.traces().spans;
        let mut stages = Stages {
            route: None,
            propose: None,
            inspect: None,
            apply_reads: None,
            steps: Vec::new(),
            read_index: None,
            lease_of_leader: None,
            last: None,
        };
        let trace = spans.get(root).map(|span| span.trace_id);
        let mut seen = Seen { few: Vec::with_capacity(FEW), ..Seen::default() };
        seen.insert(root);
        let mut open = Vec::with_capacity(FEW);
        open.push(root);
        while let Some(at) = open.pop() {
            let Some(span) = spans.get(at) else { continue };
            stages.take(at, span);
            let followers = assembly.followers(at).iter().map(|it| it.to);
            for next in assembly.children(at).iter().copied().chain(followers) {
                let is_own = spans.get(next).map(|span| span.trace_id) == trace;
                if is_own && seen.insert(next) {
                    open.push(next);
                }
            }
        }
        stages.steps.sort_by_key(|step| (step.span.start_ns, step.at));
        stages
    }

    fn take(&mut self, at: usize, span: &'a Span) {
        let is_stage = match &*span.name {
            "route" => keep_first(&mut self.route, span),
            "propose" => keep_first(&mut self.propose, span),
            "step" => {
                let message = span.text("message.type").unwrap_or_default();
                self.steps.push(Step { at, span, message });
                true
            }
            // The function of this name, which serves many reads at once, has no read index.
            "apply_reads" if span.attribute("raft.applied_index").is_some() => {
                self.apply_reads = self.apply_reads.or(Some((at, span)));
                true
            }
            "inspect" if span.attribute("lease.renewed_by").is_some() => {
                keep_first(&mut self.inspect, span)
            }
            "inspect" if span.attribute("lease.state").is_some() => {
                keep_first(&mut self.lease_of_leader, span)
            }
            "read_index" => {
                let is_stage = span.text("code.function.name") == Some("Peer::read_index");
                if is_stage {
                    self.read_index = Some(at);
                }
                is_stage
            }
            _ => false,
        };
        if is_stage && self.last.is_none_or(|last| last.start_ns < span.start_ns) {
            self.last = Some(span);
        }
    }

    /// The span of the read that this one joined.
    pub(super) fn carrier(&self, assembly: &Assembly<'_>) -> Option<usize> {
        let ends = self.apply_reads.map(|(at, _)| at).into_iter().chain(self.read_index);
        let mut links = ends.flat_map(|at| assembly.follows(at));
        links.find(|it| it.kind == Some("batch")).map(|it| it.from)
    }

    pub(super) fn steps_of(&self, kind: &'static str) -> impl Iterator<Item = &'a Span> {
        self.steps.iter().filter(move |step| step.message == kind).map(|step| step.span)
    }
}

fn keep_first<'a>(slot: &mut Option<&'a Span>, span: &'a Span) -> bool {
    if slot.is_none_or(|kept| span.start_ns < kept.start_ns) {
        *slot = Some(span);
    }
    true
}

pub(super) fn number(span: &Span, key: &str) -> Option<i64> {
    span.attribute(key).and_then(Value::as_int)
}

/// Nanoseconds in an attribute; none if it is not there or negative.
pub(super) fn nanoseconds(span: &Span, key: &str) -> Option<u64> {
    number(span, key).and_then(|it| u64::try_from(it).ok())
}
