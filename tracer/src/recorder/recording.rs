//! The hot path: beginning and ending spans, and writing down what is said of them.
//!
//! ```text
//! subscriber.rs, layer.rs, guard.rs -> recording.rs -> pool.rs -> block.rs
//!                                            |
//!                              ending.rs (a trace is over) -> collector.rs -> kept.rs
//! ```

use tracing::field::Visit;

use super::address::{Mixer, SpanRef};
use super::block::{Block, CELL_WORDS, HEAD_FLAGS, HEAD_ROOT};
use super::callsites;
use super::claim::{NoPlace, Place};
use super::counts::Counters;
use super::entry::{
    CALLSITE, END, EVENT_TIME, EVENT_WORDS, HANDLES, Kind, LINK_SPAN, LINK_TRACE_HIGH,
    LINK_TRACE_LOW, LINK_WORDS, RECORD_WORDS, SPAN, SPAN_WORDS, START, Tag, cells_of,
};
use super::histogram::Histograms;
use super::kept::KeptList;
use super::parked::Parked;
use super::pool::Pool;
use super::quota::Quotas;
use super::read_fields::{self, Read};
use super::reasons::{Reason, Reasons};
use super::rules::{ByCallsite, ERROR_FIELDS, Rules};
use super::scratch::Fields;
use super::sync::Ordering;
use super::thread::{self, Thread};
use super::ticks::Timer;
use crate::context::TraceContext;

/// What all front ends write to.
pub(super) struct Recording {
    /// Tells the spans of several recorders in one thread apart.
    pub(super) number: u32,
    pub(super) pool: Pool,
    pub(super) mixer: Mixer,
    pub(super) timer: Timer,
    pub(super) rules: Rules,
    pub(super) limits: ByCallsite,
    pub(super) quotas: Quotas,
    pub(super) histograms: Histograms,
    pub(super) parked: Parked,
    pub(super) kept: KeptList,
    pub(super) counters: Counters,
}

/// Whose child a new span is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Parent {
    /// Nobody's: it begins a trace.
    None,
    /// A span of this recorder.
    Span(SpanRef),
}

impl Recording {
    /// Writes down a new span with the fields that `visit` gives. Its address, or
    /// [`SpanRef::NOTHING`] if there was no room.
    #[inline(always)]
    pub(super) fn begin(
        &self,
        thread: &Thread,
        parent: Parent,
        callsite: u32,
        visit: impl FnOnce(&mut Fields<'_>),
    ) -> SpanRef {
        let watched = self.limits.fields(callsite, &self.rules, || self.timer.scale());
        let mut fields = thread.scratch.fields();
        visit(&mut fields);
        let words = fields.finish();
        let cells = cells_of(SPAN_WORDS + words);
        let (span, parent) = match parent {
            Parent::None => match self.pool.open(thread.number(), cells) {
                Some(root) => (root, 0),
                None => return self.no_room(),
            },
            Parent::Span(parent) => match self.pool.claim(parent, cells, thread, self) {
                Ok(Place { at, is_leased, .. }) => {
                    if is_leased {
                        thread.lease.began(at);
                    }
                    (at, parent.0)
                }
                Err(why) => return self.not_recorded(parent, why),
            },
        };
        let block = self.pool.block(span.block());
        let at = span.cell() * CELL_WORDS;
        block.set(at + CALLSITE, u64::from(callsite));
        block.set(at + SPAN, parent);
        block.set(at + END, 0);
        block.set(at + HANDLES, 1);
        block.copy_in(at + SPAN_WORDS, fields.words());
        if fields.seen & watched != 0 {
            self.look_at(callsite, span, &fields);
        }
        // As late as can be: what the recorder itself takes is not the span's time.
        block.set(at + START, self.timer.clock.now());
        publish(block, at, Tag::new(span.generation(), Kind::Span, cells, words));
        thread.began(self.number, span);
        span
    }

    #[cold]
    fn no_room(&self) -> SpanRef {
        self.counters.traces_without_room.add();
        SpanRef::NOTHING
    }

    #[cold]
    fn not_recorded(&self, parent: SpanRef, why: NoPlace) -> SpanRef {
        let counters = &self.counters;
        match why {
            // Inside a trace that is not recorded, which was counted.
            NoPlace::Over if parent.is_nothing() => {}
            NoPlace::Over => counters.spans_too_late.add(),
            NoPlace::TraceFull => counters.spans_in_full_traces.add(),
            NoPlace::PoolEmpty => counters.spans_without_room.add(),
        }
        SpanRef::NOTHING
    }

    /// The block of a span that is open, and where in it the span lies.
    #[inline(always)]
    pub(super) fn span(&self, span: SpanRef) -> Option<(&Block, usize)> {
        let block = self.pool.find(span)?;
        Some((block, span.cell() * CELL_WORDS))
    }

    #[inline(always)]
    pub(super) fn enter(&self, thread: &Thread, span: SpanRef) {
        thread.enter(self.number, span);
    }

    /// Leaves a span; it ends now, unless it is entered again.
    #[inline(always)]
    pub(super) fn exit(&self, thread: &Thread, span: SpanRef) {
        thread.exit(self.number, span);
        self.end(span);
        if thread.lease.is_over(&self.pool, thread.depth()) {
            self.pool.end_lease(thread, self);
        }
    }

    /// The span ends now, as far as is known.
    #[inline(always)]
    pub(super) fn end(&self, span: SpanRef) {
        if let Some((block, at)) = self.span(span) {
            block.set(at + END, self.timer.clock.now());
        }
    }

    /// One more handle to a span.
    #[inline(always)]
    pub(super) fn hold(&self, span: SpanRef) {
        if let Some((block, at)) = self.span(span) {
            block.word(at + HANDLES).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One handle less; whether it was the last, which ends the span.
    #[inline(always)]
    pub(super) fn let_go(&self, thread: &Thread, span: SpanRef) -> bool {
        let Some((block, at)) = self.span(span) else { return false };
        let handles = block.word(at + HANDLES);
        // Whoever has the only handle is the only one who could make another.
        if handles.load(Ordering::Acquire) != 1 && handles.fetch_sub(1, Ordering::AcqRel) != 1 {
            return false;
        }
        block.set(at + HANDLES, 0);
        if block.get(at + END) == 0 {
            block.set(at + END, self.timer.clock.now());
        }
        let root = SpanRef(block.get(HEAD_ROOT)).block();
        self.pool.release(root, thread, self);
        true
    }

    /// Writes down further fields of a span.
    pub(super) fn record(
        &self,
        thread: &Thread,
        span: SpanRef,
        visit: impl FnOnce(&mut dyn Visit),
    ) {
        self.record_fields(thread, span, |fields| visit(fields));
    }

    /// As [`record`](Self::record), without `tracing`.
    pub(super) fn record_fields(
        &self,
        thread: &Thread,
        span: SpanRef,
        visit: impl FnOnce(&mut Fields<'_>),
    ) {
        let Some((block, at)) = self.span(span) else { return };
        let callsite = block.get(at + CALLSITE) as u32;
        let watched = self.limits.fields(callsite, &self.rules, || self.timer.scale());
        let mut fields = thread.scratch.fields();
        visit(&mut fields);
        let words = fields.finish();
        self.add(thread, span, (Kind::Record, RECORD_WORDS, words), |block, at| {
            block.set(at + CALLSITE, u64::from(callsite));
            block.copy_in(at + RECORD_WORDS, fields.words());
        });
        if fields.seen & watched != 0 {
            self.look_at(callsite, span, &fields);
        }
    }

    /// Writes down something that happened in a span: its callsite, and whether it is an error.
    pub(super) fn event(
        &self,
        thread: &Thread,
        span: SpanRef,
        (callsite, is_error): (u32, bool),
        visit: impl FnOnce(&mut Fields<'_>),
    ) {
        let mut fields = thread.scratch.fields();
        visit(&mut fields);
        let words = fields.finish();
        self.add(thread, span, (Kind::Event, EVENT_WORDS, words), |block, at| {
            block.set(at + CALLSITE, u64::from(callsite));
            block.set(at + EVENT_TIME, self.timer.clock.now());
            block.copy_in(at + EVENT_WORDS, fields.words());
        });
        let watched = self.limits.fields(callsite, &self.rules, || self.timer.scale());
        if is_error {
            self.flag(span, Reason::Error);
        } else if fields.seen & watched != 0 {
            self.look_at(callsite, span, &fields);
        }
    }

    /// Links a span to one that it follows from.
    pub(super) fn link(&self, thread: &Thread, span: SpanRef, from: TraceContext, kind: &str) {
        let mut fields = thread.scratch.fields();
        fields.text(0, kind);
        let words = fields.finish();
        self.add(thread, span, (Kind::Link, LINK_WORDS, words), |block, at| {
            block.set(at + CALLSITE, u64::from(from.flags));
            block.set(at + LINK_TRACE_HIGH, (from.trace_id.0 >> 64) as u64);
            block.set(at + LINK_TRACE_LOW, from.trace_id.0 as u64);
            block.set(at + LINK_SPAN, from.span_id.0);
            block.copy_in(at + LINK_WORDS, fields.words());
        });
    }

    /// Adds an entry about `span`: its kind, and how many words are fixed and how many more there are;
    /// `fill` writes them.
    #[inline]
    fn add(
        &self,
        thread: &Thread,
        span: SpanRef,
        (kind, fixed, words): (Kind, usize, usize),
        fill: impl FnOnce(&Block, usize),
    ) {
        let cells = cells_of(fixed + words);
        match self.pool.claim(span, cells, thread, self) {
            Ok(Place { root, at: address, .. }) => {
                let block = self.pool.block(address.block());
                let at = address.cell() * CELL_WORDS;
                fill(block, at);
                block.set(at + SPAN, span.0);
                publish(block, at, Tag::new(address.generation(), kind, cells, words));
                self.pool.release(root, thread, self);
            }
            Err(_) => self.entry_lost(span),
        }
    }

    #[cold]
    fn entry_lost(&self, span: SpanRef) {
        if !span.is_nothing() {
            self.counters.entries_lost.add();
        }
    }

    /// Marks the trace of a span to be kept.
    pub(super) fn flag(&self, span: SpanRef, reason: Reason) {
        self.set_flags(span, Reasons::of(reason).bits());
    }

    /// As [`flag`](Self::flag), for those who have no handle to the span.
    pub(super) fn keep_when_it_ends(&self, span: SpanRef, reason: Reason) {
        thread::with(|thread| {
            if let Ok(place) = self.pool.claim(span, 0, thread, self) {
                let flags = self.pool.block(place.root).word(HEAD_FLAGS);
                flags.fetch_or(Reasons::of(reason).bits(), Ordering::Relaxed);
                self.pool.release(place.root, thread, self);
            }
        });
    }

    pub(super) fn set_flags(&self, span: SpanRef, flags: u64) {
        let Some((block, _)) = self.span(span) else { return };
        let root = SpanRef(block.get(HEAD_ROOT));
        let word = self.pool.block(root.block()).word(HEAD_FLAGS);
        // Most flags are set already when they are set again.
        if word.load(Ordering::Relaxed) & flags != flags {
            word.fetch_or(flags, Ordering::Relaxed);
        }
    }

    /// Looks at fields that may mark the trace.
    #[cold]
    fn look_at(&self, callsite: u32, span: SpanRef, fields: &Fields<'_>) {
        let Some(callsite) = callsites::find(callsite) else { return };
        let words: Vec<u64> = fields.words().iter().map(std::cell::Cell::get).collect();
        for (index, value) in read_fields::read(&words) {
            let Some(name) = callsite.field(index) else { continue };
            let says_no = match &value {
                Read::Bool(truth) => !truth,
                Read::Text { text, .. } if name == ERROR_FIELDS[1] => {
                    !text.eq_ignore_ascii_case("error")
                }
                _ => false,
            };
            if says_no {
                continue;
            }
            if self.rules.flags.iter().any(|flag| flag == name) {
                self.flag(span, Reason::Flagged);
            }
            if ERROR_FIELDS.contains(&name) && self.rules.keep_errors {
                self.flag(span, Reason::Error);
            }
        }
    }

    /// The span that is current in this thread.
    #[inline(always)]
    pub(super) fn current(&self, thread: &Thread) -> Option<SpanRef> {
        thread.current(self.number)
    }

    /// The callsite of an open span.
    pub(super) fn callsite_of(&self, span: SpanRef) -> Option<callsites::Callsite> {
        let (block, at) = self.span(span)?;
        callsites::find(block.get(at + CALLSITE) as u32)
    }

    /// As [`link`](Self::link), in the present thread.
    pub(super) fn link_here(&self, span: SpanRef, from: TraceContext, kind: &str) {
        thread::with(|thread| self.link(thread, span, from, kind));
    }
}

/// Says that an entry is complete.
#[inline(always)]
fn publish(block: &Block, at: usize, tag: Tag) {
    block.word(at).store(tag.0, Ordering::Release);
}
