//! Explains a stream of spans in one pass: spans come in batches, in any order that keeps what belongs
//! together near each other, and what is found out is there at the end.
//!
//! The way of a span: into the window of open traces (`open_traces.rs`); when the window is full, the
//! traces that seem complete are put together with those that links connect with them (`parts.rs`), the
//! clocks are corrected (`clocks.rs`), their reads are attributed (`attribution.rs`) and counted
//! (`read_totals.rs`), or, where there are no reads, the critical paths of their requests
//! (`path_totals.rs`).
//!
//! # Bounds
//!
//! The window holds briefs (`briefs.rs`) of so many bytes of spans ([`Settings::window_bytes`]), which
//! take about two fifths of that; putting them together takes about as much again, and all that is kept
//! beside it some 100 MB at most: a block of reads, up to 2,000 operations, 1,000 groups, 20,000
//! attribute values, 262,144 ids of traces. As long as the whole input fits into the window, its spans
//! are kept as well. So memory does not depend on the length of the input. A trace whose spans lie
//! further apart than an eighth of the window, or a read further from its carrier, is explained from
//! what is there, which is counted in [`Explained::unfit`] and [`Explained::missing_carriers`].

use std::mem;

use crate::assemble::Assembly;
use crate::explain::attribution::{attribute, reads};
use crate::explain::clocks::{Clocks, Messages, Shifts};
use crate::explain::open_traces::{OpenTraces, Unfit};
use crate::explain::parts::{Part, Parts};
use crate::explain::path_totals::PathTotals;
use crate::explain::read_totals::{GroupBy, ReadTotals};
use crate::explain::what_if::WhatIf;
use crate::model::TraceSet;
use crate::view::{SpanSet, SpanView};

/// How to explain.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many bytes of spans the window covers, which waits for traces to be complete; 80 MB. An
    /// input that is no larger is kept whole.
    pub window_bytes: usize,
    /// From which duration on a read is slow, or a request counts, in nanoseconds. Without it a read
    /// is slow from three times the median of its kind on, and from 1 ms on; all requests count.
    pub threshold_ns: Option<u64>,
    /// What slow reads are grouped by.
    pub group_by: GroupBy,
    /// How many reads of each group are kept to be told; 10.
    pub keep: usize,
    /// What would be.
    pub what_if: Vec<WhatIf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            window_bytes: 80 << 20,
            threshold_ns: None,
            group_by: GroupBy::Cause,
            keep: 10,
            what_if: Vec::new(),
        }
    }
}

/// Explains a stream; see the [module](self).
///
/// ```
/// # use raftlens_tracer::explain::{Explainer, Settings};
/// # let file = include_bytes!("../../fuzz/seeds/otlp_lines/three.jsonl");
/// let mut explainer = Explainer::new(Settings::default());
/// for batch in raftlens_tracer::format::stream(&file[..])? {
///     explainer.add(batch?);
/// }
/// let explained = explainer.finish();
/// println!("{} reads, {} slow or failed", explained.reads.count(), explained.reads.judged());
/// # Ok::<(), raftlens_tracer::format::FormatError>(())
/// ```
pub struct Explainer {
    settings: Settings,
    open: OpenTraces,
    clocks: Clocks,
    reads: ReadTotals,
    paths: PathTotals,
    spans: u64,
    missing_carriers: u64,
}

/// What was found out.
#[derive(Debug)]
pub struct Explained {
    /// Spans that came.
    pub spans: u64,
    /// All reads.
    pub reads: ReadTotals,
    /// The critical paths of all requests; only if there were no reads.
    pub paths: PathTotals,
    /// The clocks of the nodes.
    pub clocks: Clocks,
    /// What could not be used as it should.
    pub unfit: Unfit,
    /// Reads that joined a carrier whose spans were not there, or not near enough.
    pub missing_carriers: u64,
    /// The whole input, if it fitted into the window.
    pub whole: Option<TraceSet>,
}

impl Explainer {
    /// An explainer that has seen nothing.
    pub fn new(settings: Settings) -> Self {
        let what_if = &settings.what_if;
        let (by, keep) = (settings.group_by, settings.keep);
        Explainer {
            open: OpenTraces::new(settings.window_bytes),
            clocks: Clocks::default(),
            reads: ReadTotals::new(settings.threshold_ns, by, keep, what_if),
            paths: PathTotals::new(what_if),
            spans: 0,
            missing_carriers: 0,
            settings,
        }
    }

    /// Takes a batch of spans, with the resources that they are of.
    pub fn add(&mut self, batch: TraceSet) {
        self.spans += batch.spans.len() as u64;
        self.open.add(batch);
        if self.open.is_full() {
            self.turn(false);
            self.open.let_go();
        }
    }

    /// Explains what is left.
    pub fn finish(mut self) -> Explained {
        self.turn(true);
        self.reads.end_block();
        Explained {
            spans: self.spans,
            reads: self.reads,
            paths: self.paths,
            clocks: self.clocks,
            unfit: self.open.unfit,
            missing_carriers: self.missing_carriers,
            whole: self.open.whole,
        }
    }

    /// Explains the traces that seem complete; at the end, all.
    fn turn(&mut self, is_end: bool) {
        self.open.plan(is_end);
        let (parts, due) = (Parts::of(&self.open), self.open.due());
        let mut briefs = mem::take(&mut self.open.briefs);
        let sets: Vec<Part<'_>> = parts.each(&briefs).collect();
        let (assemblies, shifts) = self.put_together(&sets, &due);
        match shifts {
            None => self.explain(&assemblies, &due),
            Some(shifts) => {
                drop(assemblies);
                let before = briefs.shift(&shifts);
                let sets: Vec<Part<'_>> = parts.each(&briefs).collect();
                self.explain(&sets.iter().map(Assembly::new).collect::<Vec<_>>(), &due);
                // At the next turn more is known of the clocks.
                briefs.shift_back(before);
                // The whole input is given back as it was corrected.
                if let (true, Some(whole)) = (is_end, &mut self.open.whole) {
                    shifts.apply(whole);
                }
            }
        }
        self.open.briefs = briefs;
        if let (true, Some(whole)) = (is_end, &mut self.open.whole) {
            whole.resources.clone_from(&self.open.briefs.resources);
        }
    }

    /// Puts each part together, and says how the spans are to be moved by what all say of the clocks,
    /// if they are.
    fn put_together<'a>(
        &mut self,
        sets: &'a [Part<'a>],
        due: &[bool],
    ) -> (Vec<Assembly<'a, Part<'a>>>, Option<Shifts>) {
        let mut messages = Messages::default();
        let mut heard = Vec::with_capacity(sets.len());
        let mut assemblies = Vec::with_capacity(sets.len());
        for set in sets {
            let assembly = Assembly::new(set);
            heard.push(self.clocks.hear(&mut messages, &assembly, |it| set.is_among(due, it)));
            assemblies.push(assembly);
        }
        if !self.clocks.settle(&messages) {
            return (assemblies, None);
        }
        let mut shifts = Shifts::none(due.len());
        for (assembly, nodes) in assemblies.iter().zip(&heard) {
            shifts.set(assembly.traces().spans, &self.clocks.shifts(assembly, nodes));
        }
        (assemblies, Some(shifts))
    }

    fn explain(&mut self, assemblies: &[Assembly<'_, Part<'_>>], due: &[bool]) {
        for assembly in assemblies {
            let set = assembly.traces();
            for root in reads(assembly).into_iter().filter(|it| set.is_among(due, *it)) {
                if !self.is_first_time(set, root) {
                    continue;
                }
                if let Some(read) = attribute(assembly, root) {
                    self.reads.add(read);
                }
            }
            self.missing_carriers += missing_carriers(assembly, due);
        }
        // Paths are for inputs without reads.
        if self.reads.count() > 0 {
            return;
        }
        let least_ns = self.settings.threshold_ns.unwrap_or(0);
        for assembly in assemblies {
            let set = assembly.traces();
            for root in assembly.roots().filter(|it| set.is_among(due, *it)) {
                let is_long = set.view(root).is_some_and(|it| it.duration_ns() >= least_ns);
                if self.is_first_time(set, root) && is_long {
                    self.paths.add(assembly, root);
                }
            }
        }
    }

    /// Whether a span was not explained before, as the root of a request.
    fn is_first_time(&mut self, set: &Part<'_>, root: usize) -> bool {
        let is_done = set.spans.get(root).and_then(|it| self.open.is_done.get_mut(*it as usize));
        is_done.is_some_and(|it| !mem::replace(it, true))
    }
}

/// How many spans that are due joined one that is not there.
fn missing_carriers(assembly: &Assembly<'_, Part<'_>>, due: &[bool]) -> u64 {
    let set = assembly.traces();
    let is_missing = |at: &usize| {
        let mut carriers = set.carriers(*at);
        carriers.any(|it| assembly.find(it.trace_id, it.span_id).is_none())
    };
    let spans = (0..set.count()).filter(|at| set.is_among(due, *at));
    spans.filter(is_missing).count() as u64
}
