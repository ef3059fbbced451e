//! Explains a stream of spans in one pass: spans come in batches, in any order that keeps what belongs
//! together near each other, and what is found out is there at the end.
//!
//! The way of a span: into the window of open traces (`open_traces.rs`); when the window is full, the
//! traces that seem complete are put together with all others in it, the clocks are corrected
//! (`clocks.rs`), their reads are attributed (`attribution.rs`) and counted (`read_totals.rs`), or,
//! where there are no reads, the critical paths of their requests (`path_totals.rs`).
//!
//! # Bounds
//!
//! The window holds briefs (`briefs.rs`) of so many bytes of spans ([`Settings::window_bytes`]), which
//! take about a quarter of that; putting them together takes about as much again, and all that is kept
//! beside it some 100 MB at most: a block of reads, up to 2,000 operations, 1,000 groups, 20,000
//! attribute values, 262,144 ids of traces. As long as the whole input fits into the window, its spans
//! are kept as well. So memory does not depend on the length of the input. A trace whose spans lie further apart than an eighth of
//! the window, or a read further from its carrier, is explained from what is there, which is counted
//! in [`Explained::unfit`] and [`Explained::missing_carriers`].

use std::mem;

use crate::assemble::Assembly;
use crate::explain::attribution::{attribute, reads};
use crate::explain::briefs::Briefs;
use crate::explain::clocks::Clocks;
use crate::explain::open_traces::{OpenTraces, Unfit};
use crate::explain::path_totals::PathTotals;
use crate::explain::read_totals::{GroupBy, ReadTotals};
use crate::explain::what_if::WhatIf;
use crate::model::TraceSet;
use crate::view::{SpanSet, SpanView};

/// How to explain.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many bytes of spans the window covers, which waits for traces to be complete; 128 MB. An
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
            window_bytes: 128 << 20,
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
        let due = self.open.due();
        let mut briefs = mem::take(&mut self.open.briefs);
        let assembly = Assembly::new(&briefs);
        match self.clocks.observe(&assembly, |span| due.get(span).is_some_and(|it| *it)) {
            None => self.explain(&assembly, &due),
            Some(shifts) => {
                drop(assembly);
                let before = briefs.shift(&shifts);
                self.explain(&Assembly::new(&briefs), &due);
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

    fn explain(&mut self, assembly: &Assembly<'_, Briefs>, due: &[bool]) {
        let is_due = |span: &usize| due.get(*span).copied().unwrap_or(false);
        for root in reads(assembly).into_iter().filter(is_due) {
            if self.open.is_done.get_mut(root).is_none_or(|it| mem::replace(it, true)) {
                continue;
            }
            if let Some(read) = attribute(assembly, root) {
                self.reads.add(read);
            }
        }
        self.missing_carriers += self.missing_carriers(assembly, due);
        if self.reads.count() > 0 {
            return;
        }
        let least_ns = self.settings.threshold_ns.unwrap_or(0);
        for root in assembly.roots().filter(is_due) {
            if self.open.is_done.get_mut(root).is_none_or(|it| mem::replace(it, true)) {
                continue;
            }
            let span = assembly.traces().view(root);
            if span.is_some_and(|it| it.duration_ns() >= least_ns) {
                self.paths.add(assembly, root);
            }
        }
    }

    /// How many spans that are due joined one that is not there.
    fn missing_carriers(&self, assembly: &Assembly<'_, Briefs>, due: &[bool]) -> u64 {
        let spans = due.iter().enumerate().filter(|(_, is_due)| **is_due);
        let is_missing = |at: usize| {
            let mut carriers = assembly.traces().carriers(at);
            carriers.any(|it| assembly.find(it.trace_id, it.span_id).is_none())
        };
        spans.filter(|(at, _)| is_missing(*at)).count() as u64
    }
}
