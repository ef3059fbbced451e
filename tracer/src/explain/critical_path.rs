//! The critical path of a trace: what a request waited for at each moment of its time.
//!
//! The walk goes backwards from the end of the root. Inside a span it goes to what ended last before
//! the moment that it has reached; at the start of a span, to what the span followed from, else to
//! its caller. (Yang and Miller, "Critical path analysis for the execution of parallel and
//! distributed programs", 1988, on spans.) It holds one entry for each span that it meets and never
//! recurses, so a trace may have a million spans in a row.
//!
//! What spans leave open is settled so:
//!
//! - A child that ends just when its sibling starts comes before it. (Jaeger's user interface drops
//!   such stages.)
//! - A link to a span that started earlier is why the span started; the time between both belongs to
//!   the hand-over. A link to a span that started later is something that the span waited for. Links
//!   within the trace go before those to other traces.
//! - A child that outlasts its caller counts as far as the caller lasted, and one that started
//!   before the caller from where the caller started.
//! - A span whose caller is missing hands back to the span that led to it.
//!
//! Steps never leave the root's time and never overlap, so their sum is the root's duration.
//! Clocks are taken as they are: between processes whose clocks differ, steps are cut, not moved.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::assemble::{Assembly, HandOver};
use crate::view::{SpanSet, SpanView};

/// What went on during a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// The span ran, and waited for none of its children.
    Running,
    /// The span had been handed over and had not begun yet.
    HandedOver {
        /// Who handed it over, as an index into the set's spans.
        from: usize,
    },
}

/// One stretch of the path, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The span, as an index into the set's spans.
    pub span: usize,
    /// When the stretch begins.
    pub from_ns: u64,
    /// When it ends.
    pub to_ns: u64,
    /// What went on.
    pub doing: Doing,
}

impl Step {
    /// How long the step took, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.to_ns.saturating_sub(self.from_ns)
    }
}

/// The critical path below one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CriticalPath {
    /// The span whose time is explained.
    pub root: usize,
    /// The steps, earliest first, without gaps: they add up to the root's duration.
    pub steps: Vec<Step>,
}

impl CriticalPath {
    /// Nanoseconds on the path per span that was on it, the most first.
    pub fn by_span(&self) -> Vec<(usize, u64)> {
        let mut sums: HashMap<usize, u64, RandomState> = HashMap::default();
        for step in &self.steps {
            *sums.entry(step.span).or_default() += step.duration_ns();
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(span, sum)| (std::cmp::Reverse(*sum), *span));
        sums
    }
}

/// A span that the walk has met.
#[derive(Debug)]
struct Met {
    /// What it may have waited for, the last to end at the end.
    inside: Vec<usize>,
    /// Where to go when nothing says why it started.
    back: usize,
    /// The walk has just come to it, so what still ran at that moment counts.
    is_fresh: bool,
    /// The walk has reached its start.
    is_done: bool,
}

struct Walk<'a, 'b, S> {
    assembly: &'a Assembly<'b, S>,
    root: usize,
    met: HashMap<usize, Met, RandomState>,
    /// The path so far, latest first.
    steps: Vec<Step>,
    now: u64,
}

/// The critical path of the time of span `root`, an index into the set's spans. Takes time
/// proportional to the spans that it meets, but for sorting those below one span.
pub fn critical_path<S: SpanSet>(assembly: &Assembly<'_, S>, root: usize) -> CriticalPath {
    let Some(span) = assembly.traces().view(root) else {
        return CriticalPath { root, steps: Vec::new() };
    };
    let now = span.end_ns().max(span.start_ns());
    let mut walk = Walk { assembly, root, met: HashMap::default(), steps: Vec::new(), now };
    walk.run();
    walk.steps.reverse();
    CriticalPath { root, steps: walk.steps }
}

impl<S: SpanSet> Walk<'_, '_, S> {
    fn run(&mut self) {
        let mut at = self.root;
        self.meet(at, at);
        while self.now > self.start(self.root) {
            if let Some(inner) = self.last_inside(at) {
                self.step_to(at, self.end(inner), Doing::Running);
                self.meet(inner, at);
                at = inner;
                continue;
            }
            self.step_to(at, self.start(at), Doing::Running);
            at = self.before(at);
        }
    }

    fn start(&self, span: usize) -> u64 {
        self.assembly.traces().view(span).map_or(0, SpanView::start_ns)
    }

    fn end(&self, span: usize) -> u64 {
        self.assembly.traces().view(span).map_or(0, |it| it.end_ns().max(it.start_ns()))
    }

    /// Gives `at` the time back to `until`, within the root's time.
    fn step_to(&mut self, at: usize, until: u64, doing: Doing) {
        let until = until.clamp(self.start(self.root), self.now);
        if until < self.now {
            self.steps.push(Step { span: at, from_ns: until, to_ns: self.now, doing });
            self.now = until;
        }
    }

    fn meet(&mut self, span: usize, back: usize) {
        let assembly = self.assembly;
        let start = self.start(span);
        let joined = assembly.follows(span).iter().map(|it| it.from);
        let joined = joined.filter(|from| *from != span && self.start(*from) >= start);
        let mut inside: Vec<usize> = assembly.children(span).to_vec();
        inside.extend(joined);
        inside.sort_by_key(|it| (self.end(*it), self.start(*it), *it));
        self.met.insert(span, Met { inside, back, is_fresh: true, is_done: false });
    }

    /// What `at` waited for last before now, and was not met yet.
    fn last_inside(&mut self, at: usize) -> Option<usize> {
        let mut inside = std::mem::take(&mut self.met.get_mut(&at)?.inside);
        let is_fresh = self.met.get(&at).is_some_and(|met| met.is_fresh);
        let mut found = None;
        while let Some(inner) = inside.pop() {
            let ran_before = self.end(inner) <= self.now;
            let ran_now = is_fresh && self.start(inner) < self.now;
            if (ran_before || ran_now) && !self.met.contains_key(&inner) {
                found = Some(inner);
                break;
            }
        }
        let met = self.met.get_mut(&at)?;
        met.inside = inside;
        met.is_fresh = false;
        found
    }

    /// Where the walk goes from the start of `at`.
    fn before(&mut self, at: usize) -> usize {
        let Some(met) = self.met.get_mut(&at) else { return self.root };
        let back = met.back;
        if at == self.root || std::mem::replace(&mut met.is_done, true) {
            return self.root;
        }
        let caller = self.assembly.parent(at);
        let called_at = caller.map_or(0, |caller| self.start(caller));
        if let Some(from) = self.cause(at).filter(|from| self.end(*from) > called_at) {
            self.step_to(at, self.end(from), Doing::HandedOver { from });
            self.meet(from, caller.filter(|it| self.met.contains_key(it)).unwrap_or(back));
            return from;
        }
        match caller {
            Some(caller) => {
                if !self.met.contains_key(&caller) {
                    self.meet(caller, back);
                }
                caller
            }
            None => back,
        }
    }

    /// The span that handed `at` over last, of its own trace if there is one.
    fn cause(&self, at: usize) -> Option<usize> {
        let spans = self.assembly.traces();
        let trace_of = |span: usize| spans.view(span).map(SpanView::trace_id);
        let known = |it: &&HandOver<'_>| {
            self.start(it.from) < self.start(at) && !self.met.contains_key(&it.from)
        };
        let causes = self.assembly.follows(at).iter().filter(known);
        let last = causes.max_by_key(|it| (trace_of(it.from) == trace_of(at), self.end(it.from)));
        last.map(|it| it.from)
    }
}
