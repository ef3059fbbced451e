//! The hot path: entering and ending spans, and writing down what is said of them.
//!
//! ```text
//! subscriber.rs, layer.rs, guard.rs -> beginning.rs -> lease.rs, claim.rs -> pool.rs, block.rs
//!                                   -> recording.rs -> the same for events, records, links
//!                                                   -> ending.rs (a trace is over) -> collector.rs
//! ```

use tracing::span::Record;

use super::address::{Mixer, SpanRef};
use super::block::{Block, CELL_WORDS, HEAD_FLAGS, HEAD_ROOT};
use super::callsites::{self, UNKNOWN};
use super::claim::Place;
use super::counts::Counters;
use super::entry::{
    CALLSITE, END, EVENT_TIME, EVENT_WORDS, Kind, LINK_SPAN, LINK_TRACE_HIGH, LINK_TRACE_LOW,
    LINK_WORDS, RECORD_WORDS, SPAN, TIES, Tag, Ties, cells_of,
};
use super::fields::Fields;
use super::histogram::Histograms;
use super::kept::KeptList;
use super::lease::Room;
use super::parked::Parked;
use super::pool::Pool;
use super::quota::Quotas;
use super::read_fields::{self, Read};
use super::reasons::{Reason, Reasons};
use super::rules::{ERROR_FIELDS, Limits, Rules};
use super::sync::{AtomicU64, Ordering};
use super::thread::{self, Thread};
use super::ticks::Timer;
use crate::context::TraceContext;

/// What all front ends write to. What is looked at for each span comes first, and lies together.
#[repr(C)]
pub(super) struct Recording {
    /// Tells the spans of several recorders in one thread apart.
    pub(super) number: u32,
    pub(super) pool: Pool,
    pub(super) limits: Limits,
    pub(super) histograms: Histograms,
    pub(super) timer: Timer,
    pub(super) counters: Counters,
    pub(super) rules: Rules,
    pub(super) parked: Parked,
    pub(super) kept: KeptList,
    pub(super) quotas: Quotas,
    pub(super) mixer: Mixer,
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
        let now = self.timer.clock.counted();
        match now.filter(|_| thread.exit(self.number, span)) {
            Some(now) => self.left(thread, span, now),
            None => self.exit_any(thread, span),
        }
    }

    #[inline(never)]
    fn exit_any(&self, thread: &Thread, span: SpanRef) {
        let now = self.timer.clock.now();
        if !thread.exit(self.number, span) {
            thread.exit_any(self.number, span);
        }
        self.left(thread, span, now);
    }

    /// What is to be done when a span was left.
    #[inline(always)]
    fn left(&self, thread: &Thread, span: SpanRef, now: u64) {
        if let Some((block, at)) = self.span(span) {
            block.set(at + END, now);
        }
        if thread.lease.is_over(&self.pool, thread.depth()) {
            self.pool.end_lease(thread, self);
        }
    }

    /// The span ends now, as far as is known.
    pub(super) fn end(&self, span: SpanRef) {
        if let Some((block, at)) = self.span(span) {
            block.set(at + END, self.timer.clock.now());
        }
    }

    /// One more handle to a span.
    #[inline(always)]
    pub(super) fn hold(&self, span: SpanRef) {
        if let Some((block, at)) = self.span(span) {
            let word = block.word(at + TIES);
            if !Ties(word.load(Ordering::Relaxed)).is_forever() {
                word.fetch_add(Ties::HANDLE, Ordering::Relaxed);
            }
        }
    }

    /// One handle less; whether it was the last, which ends the span.
    #[inline(always)]
    pub(super) fn let_go(&self, thread: &Thread, span: SpanRef) -> bool {
        if let Some(entry) = thread.lease.entry(&self.pool, span) {
            let ties = Ties(entry[TIES].load(Ordering::Acquire));
            // Whoever has the only handle is the only one who could make another.
            if ties.handles() == 1 && entry[END].load(Ordering::Relaxed) != 0 {
                entry[TIES].store(ties.closed().0, Ordering::Relaxed);
                thread.lease.give_back();
                return true;
            }
        }
        self.let_go_any(thread, span)
    }

    /// The same for a span of several handles, for one that was never entered, and for one that the
    /// thread has no lease for.
    #[inline(never)]
    fn let_go_any(&self, thread: &Thread, span: SpanRef) -> bool {
        let Some((block, at)) = self.span(span) else { return false };
        let word = block.word(at + TIES);
        let mut ties = Ties(word.load(Ordering::Acquire));
        if ties.is_forever() {
            return false;
        }
        if ties.handles() != 1 {
            ties = Ties(word.fetch_sub(Ties::HANDLE, Ordering::AcqRel));
        }
        if ties.handles() != 1 {
            return false;
        }
        word.store(ties.closed().0, Ordering::Relaxed);
        if block.get(at + END) == 0 {
            block.set(at + END, self.timer.clock.now());
        }
        self.pool.release(SpanRef(block.get(HEAD_ROOT)).block(), thread, self);
        true
    }

    /// Writes down further fields of a span, which `tracing` gives.
    pub(super) fn record(&self, thread: &Thread, span: SpanRef, values: &Record<'_>) {
        let Some(room) = self.room(thread, span) else {
            return self.record_fields(thread, span, |fields| values.record(fields));
        };
        let mut fields = Fields::new(&thread.scratch, room.words_after(RECORD_WORDS), true);
        values.record(&mut fields);
        if fields.is_in_place() {
            self.record_in(&room, thread, span, &fields);
        } else {
            self.record_written(thread, span, fields);
        }
    }

    /// Writes down further fields of a span.
    pub(super) fn record_fields(
        &self,
        thread: &Thread,
        span: SpanRef,
        visit: impl FnOnce(&mut Fields<'_>),
    ) {
        let mut fields = thread.scratch.fields();
        visit(&mut fields);
        self.record_written(thread, span, fields);
    }

    /// Fields that stand already in cells that the thread has leased of the span's trace.
    fn record_in(&self, room: &Room<'_>, thread: &Thread, span: SpanRef, fields: &Fields<'_>) {
        let callsite = self.callsite_number(span);
        let words = fields.used();
        let cells = cells_of(RECORD_WORDS + words);
        let at = thread.lease.take(room, cells);
        let entry = room.block.cell(at.cell());
        entry[CALLSITE].store(u64::from(callsite), Ordering::Relaxed);
        entry[SPAN].store(span.0, Ordering::Relaxed);
        let tag = Tag::new(at.generation(), Kind::Record, cells, words);
        entry[0].store(tag.0, Ordering::Release);
        thread.lease.give_back();
        self.look_at(span, callsite, fields, words);
    }

    /// Fields that stand in the thread's memory.
    fn record_written(&self, thread: &Thread, span: SpanRef, mut fields: Fields<'_>) {
        let callsite = self.callsite_number(span);
        let words = fields.finish();
        self.add(thread, span, (Kind::Record, RECORD_WORDS, words), |block, at| {
            block.set(at + CALLSITE, u64::from(callsite));
            block.copy_in(at + RECORD_WORDS, fields.written(words));
        });
        self.look_at(span, callsite, &fields, words);
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
            block.copy_in(at + EVENT_WORDS, fields.written(words));
        });
        if is_error {
            self.flag(span, Reason::Error);
        } else {
            self.look_at(span, callsite, &fields, words);
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
            block.copy_in(at + LINK_WORDS, fields.written(words));
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

    /// Looks whether fields of a callsite, `count` words, mark the trace of their span.
    #[inline(always)]
    pub(super) fn look_at(&self, span: SpanRef, callsite: u32, fields: &Fields<'_>, count: usize) {
        let watched = self.limits.fields(callsite, &self.rules, || self.timer.scale());
        if watched != 0 && fields.has_any(watched, count) {
            self.look_closer(span, callsite, fields.written(count));
        }
    }

    #[cold]
    fn look_closer(&self, span: SpanRef, callsite: u32, fields: &[AtomicU64]) {
        let Some(callsite) = callsites::find(callsite) else { return };
        let words: Vec<u64> = fields.iter().map(|word| word.load(Ordering::Relaxed)).collect();
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
        self.span(span)?;
        callsites::find(self.callsite_number(span))
    }

    /// The number of an open span's callsite.
    fn callsite_number(&self, span: SpanRef) -> u32 {
        self.span(span).map_or(UNKNOWN, |(block, at)| Ties(block.get(at + TIES)).callsite())
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
