//! The critical paths of many requests as one: for each operation its own time on the path, how often
//! it was there, and how much room it had when it was not.
//!
//! An operation is a span's name within its service. *Slack* is how much later a call could have
//! ended without the request taking longer: until its caller, which was then waiting for the calls
//! beside it, went on, plus the caller's own slack; or until a sibling began that may have waited for
//! it (it began after the call had ended), plus that sibling's slack; whichever is less. Calls on the
//! path have none. Spans that were handed over, without a caller in the trace, have no such measure
//! and are left out of it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::assemble::Assembly;
use crate::explain::critical_path::{CriticalPath, critical_path};
use crate::explain::sketch::Sketch;
use crate::explain::what_if::{Outcome, WhatIf};
use crate::model::ArcStr;
use crate::view::{SpanSet, SpanView};

/// More operations than this are counted together.
const MOST_OPERATIONS: usize = 2_000;
/// Of the siblings of a span, so many that began before it, and so many that began later, are looked at.
const NEIGHBOURS: usize = 256;
/// What the others are called.
const OTHERS: &str = "(other operations)";

/// One operation on many critical paths.
#[derive(Clone, Debug, Default)]
pub struct Operation {
    /// The service; empty if it is not stated.
    pub service: ArcStr,
    /// The name of its spans.
    pub name: ArcStr,
    /// Its own time on the path of each request that it was on the path of.
    pub on_path: Sketch,
    /// Its spans on a path.
    pub spans: usize,
    /// The slack of its spans that were called and not on the path.
    pub slack: Sketch,
}

/// The critical paths of many requests.
#[derive(Debug, Default)]
pub struct PathTotals {
    operations: Vec<Operation>,
    /// By name: the services that have it, with their indices.
    ids: HashMap<ArcStr, Vec<OfService>, RandomState>,
    durations: Sketch,
    outcomes: Vec<Outcome>,
    /// Requests that begin with a span whose caller was not there.
    without_root: usize,
}

/// A service, and the index of an operation of it.
type OfService = (ArcStr, usize);

/// One request's time in an operation.
#[derive(Clone, Copy, Default)]
struct Part {
    ns: u64,
    spans: usize,
}

impl PathTotals {
    pub(super) fn new(what_if: &[WhatIf]) -> Self {
        let outcomes = what_if.iter().map(Outcome::new).collect();
        PathTotals { outcomes, ..PathTotals::default() }
    }

    /// Counts the request that begins at span `root`. Takes time proportional to its spans, but for
    /// sorting those below one span.
    pub(super) fn add<S: SpanSet>(&mut self, assembly: &Assembly<'_, S>, root: usize) {
        let Some(span) = assembly.traces().view(root) else { return };
        self.durations.add(span.duration_ns());
        self.without_root += usize::from(span.parent_span_id().is_some());
        let path = critical_path(assembly, root);
        let times = times_on_path(&path);
        let slacks = slacks(assembly, root, &times);
        let mut parts: HashMap<usize, Part, RandomState> = HashMap::default();
        for (at, ns) in &times {
            let id = self.id(assembly, *at);
            let part = parts.entry(id).or_default();
            (part.ns, part.spans) = (part.ns + ns, part.spans + 1);
        }
        for (id, part) in &parts {
            if let Some(operation) = self.operations.get_mut(*id) {
                operation.on_path.add(part.ns);
                operation.spans += part.spans;
            }
        }
        for (at, slack_ns) in &slacks {
            let id = self.id(assembly, *at);
            if let Some(operation) = self.operations.get_mut(id) {
                operation.slack.add(*slack_ns);
            }
        }
        if !self.outcomes.is_empty() {
            self.ask(assembly, root, &times);
        }
    }

    /// What the request would have taken.
    fn ask<S: SpanSet>(&mut self, assembly: &Assembly<'_, S>, root: usize, times: &Times) {
        let spans = assembly.traces();
        let duration_ns = spans.view(root).map_or(0, SpanView::duration_ns);
        for outcome in &mut self.outcomes {
            let of_it = times.iter().filter(|(at, _)| {
                spans.view(**at).is_some_and(|it| outcome.what_if.is_of(it.name()))
            });
            let (mut change, mut is_with) = (0, false);
            for (at, ns) in of_it {
                let room = i128::from(room_ns(assembly, *at));
                change += outcome.what_if.change_ns(*ns).max(-room);
                is_with = true;
            }
            outcome.add(duration_ns, change, is_with);
        }
    }

    fn id<S: SpanSet>(&mut self, assembly: &Assembly<'_, S>, at: usize) -> usize {
        let traces = assembly.traces();
        let Some(span) = traces.view(at) else { return 0 };
        let resource = traces.resources().get(span.resource() as usize);
        let service = resource.and_then(|it| it.service_name()).unwrap_or("");
        let known = self.ids.get(&**span.name());
        let known = known.and_then(|ids| ids.iter().find(|(of, _)| &**of == service));
        if let Some((_, id)) = known {
            return *id;
        }
        let (service, name): (ArcStr, ArcStr) = match self.operations.len() {
            0..MOST_OPERATIONS => (service.into(), span.name().clone()),
            MOST_OPERATIONS => ("".into(), OTHERS.into()),
            _ => return MOST_OPERATIONS,
        };
        let id = self.operations.len();
        self.ids.entry(name.clone()).or_default().push((service.clone(), id));
        self.operations.push(Operation { service, name, ..Operation::default() });
        id
    }

    /// How long the requests took.
    pub fn durations(&self) -> &Sketch {
        &self.durations
    }

    /// How many requests begin with a span whose caller was not there.
    pub fn without_root(&self) -> usize {
        self.without_root
    }

    /// The operations, those with the most time on paths first. All their times on paths add up to
    /// the durations of the requests.
    pub fn operations(&self) -> Vec<&Operation> {
        let mut found: Vec<&Operation> = self.operations.iter().collect();
        found.sort_by(|a, b| {
            let by_time = b.on_path.sum_ns().cmp(&a.on_path.sum_ns());
            by_time.then_with(|| (&a.name, &a.service).cmp(&(&b.name, &b.service)))
        });
        found
    }

    /// What would have been, in the order in which it was asked.
    pub fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }
}

/// Nanoseconds on the path of the spans that were on it.
type Times = HashMap<usize, u64, RandomState>;

fn times_on_path(path: &CriticalPath) -> Times {
    let mut times = Times::default();
    for step in &path.steps {
        *times.entry(step.span).or_default() += step.duration_ns();
    }
    times
}

/// The slack of each span that was called below `root` and was not on the path.
fn slacks<S: SpanSet>(assembly: &Assembly<'_, S>, root: usize, times: &Times) -> Times {
    let spans = assembly.traces();
    let mut slacks: Times = HashMap::default();
    let mut open = vec![(root, 0_u64)];
    // For siblings that began at a time or later, the earliest moment that one had to begin at.
    let mut latest: Vec<(u64, u64)> = Vec::new();
    while let Some((caller, slack_of_caller)) = open.pop() {
        let went_on = caller_went_on(assembly, caller);
        latest.clear();
        // The earliest of them first, so the last ones are looked at first.
        for (child, went_on_ns) in assembly.children(caller).iter().zip(&went_on).rev() {
            let Some(span) = spans.view(*child) else { continue };
            let mut slack = 0;
            if !times.contains_key(child) {
                // `latest` is in falling order of starts.
                let after = latest.partition_point(|(start, _)| *start >= span.end_ns());
                let sibling = after.checked_sub(1).and_then(|it| latest.get(it));
                let until_caller =
                    went_on_ns.saturating_sub(span.end_ns()).saturating_add(slack_of_caller);
                slack = sibling.map_or(until_caller, |(_, must)| {
                    until_caller.min(must.saturating_sub(span.end_ns()))
                });
                slacks.insert(*child, slack);
            }
            let must = span.start_ns().saturating_add(slack);
            let so_far = latest.last().map_or(u64::MAX, |(_, must)| *must);
            latest.push((span.start_ns(), must.min(so_far)));
            open.push((*child, slack));
        }
    }
    slacks
}

/// For each child of `caller`, the first moment from its end on at which no child ran, so that the
/// caller went on; no later than its end.
fn caller_went_on<S: SpanSet>(assembly: &Assembly<'_, S>, caller: usize) -> Vec<u64> {
    let spans = assembly.traces();
    let end_ns = spans.view(caller).map_or(0, SpanView::end_ns);
    let children = assembly.children(caller);
    let mut went_on = vec![end_ns; children.len()];
    let (mut first, mut until_ns) = (0, 0);
    let mut close = |from: usize, to: usize, at_ns: u64| {
        went_on.iter_mut().take(to).skip(from).for_each(|it| *it = at_ns.min(end_ns));
    };
    for (number, child) in children.iter().filter_map(|it| spans.view(*it)).enumerate() {
        if child.start_ns() >= until_ns {
            close(first, number, until_ns);
            first = number;
        }
        until_ns = until_ns.max(child.end_ns());
    }
    close(first, children.len(), until_ns);
    went_on
}

/// By how much a span on the path may get faster before a sibling that ran beside it is waited for
/// instead.
fn room_ns<S: SpanSet>(assembly: &Assembly<'_, S>, at: usize) -> u64 {
    let spans = assembly.traces();
    let (Some(span), Some(caller)) = (spans.view(at), assembly.parent(at)) else { return u64::MAX };
    let siblings = assembly.children(caller);
    let place = siblings
        .partition_point(|it| spans.view(*it).is_some_and(|it| it.start_ns() < span.start_ns()));
    let near = place.saturating_sub(NEIGHBOURS)..siblings.len().min(place + NEIGHBOURS);
    let near = siblings.get(near).unwrap_or_default().iter().filter(|it| **it != at);
    let beside = near.filter_map(|it| spans.view(*it));
    let beside = beside.filter(|it| it.end_ns() > span.start_ns() && it.end_ns() <= span.end_ns());
    let last = beside.map(|it| it.end_ns()).max();
    last.map_or(u64::MAX, |last| span.end_ns() - last)
}
