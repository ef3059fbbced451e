//! How a span begins: the fields are written, and then what the recorder itself says of the span.
//!
//! Within a span that the thread is in, cells are leased first (`lease.rs`), so that fields are
//! written where they stay; elsewhere they are written into the thread's memory, and copied when it
//! is known how many cells they take.

use tracing::span::Attributes;

use super::address::SpanRef;
use super::block::CELL_WORDS;
use super::callsites;
use super::claim::{NoPlace, Place};
use super::entry::{END, Kind, SPAN_WORDS, START, TIES, Tag, Ties, cells_of};
use super::fields::Fields;
use super::lease::Room;
use super::recording::{Parent, Recording};
use super::sync::{AtomicU64, Ordering};
use super::thread::Thread;

impl Recording {
    /// Writes down a new span with the fields that `visit` gives. Its address, or
    /// [`SpanRef::NOTHING`] if there was no room.
    #[inline]
    pub(super) fn begin(
        &self,
        thread: &Thread,
        parent: Parent,
        callsite: u32,
        visit: impl FnOnce(&mut Fields<'_>),
    ) -> SpanRef {
        // `visit` may run anything, so cells are claimed only afterwards.
        let mut fields = thread.scratch.fields();
        visit(&mut fields);
        self.begin_with(thread, parent, callsite, fields)
    }

    /// The same with what a macro of `tracing` gives.
    #[inline(always)]
    pub(super) fn begin_traced(
        &self,
        thread: &Thread,
        parent: Parent,
        attributes: &Attributes<'_>,
    ) -> SpanRef {
        let callsite = callsites::number(attributes.metadata());
        let room = match parent {
            Parent::Span(parent) => self.room(thread, parent),
            Parent::None => None,
        };
        let mut fields = match &room {
            Some(room) => Fields::new(&thread.scratch, room.words_after(SPAN_WORDS), true),
            None => thread.scratch.fields(),
        };
        attributes.record(&mut fields);
        match room.filter(|_| fields.is_in_place()) {
            Some(room) => self.begin_in(&room, thread, (parent, callsite), &fields),
            None => self.begin_with(thread, parent, callsite, fields),
        }
    }

    /// Cells that the thread has leased, or leases now, of the trace of a span.
    #[inline(always)]
    pub(super) fn room(&self, thread: &Thread, span: SpanRef) -> Option<Room<'_>> {
        if self.pool.may_lease(thread, span) {
            // What stands in the way is found, and counted, by whoever then claims a place.
            let _ = self.pool.lease(span, thread, self);
        }
        thread.lease.room(&self.pool, span)
    }

    /// A span whose fields stand already in the cells that the thread has leased. Nothing was
    /// recorded since these were looked up.
    #[inline(always)]
    fn begin_in(
        &self,
        room: &Room<'_>,
        thread: &Thread,
        (parent, callsite): (Parent, u32),
        fields: &Fields<'_>,
    ) -> SpanRef {
        let words = fields.used();
        let cells = cells_of(SPAN_WORDS + words);
        let span = thread.lease.take(room, cells);
        let entry = room.block.cell(span.cell());
        self.write_span(
            entry,
            (parent, callsite),
            Tag::new(span.generation(), Kind::Span, cells, words),
        );
        thread.began(self.number, span);
        self.look_at(span, callsite, fields, words);
        span
    }

    /// A span whose fields stand in the thread's memory.
    #[inline(never)]
    fn begin_with(
        &self,
        thread: &Thread,
        parent: Parent,
        callsite: u32,
        mut fields: Fields<'_>,
    ) -> SpanRef {
        let words = fields.finish();
        let cells = cells_of(SPAN_WORDS + words);
        let span = match parent {
            Parent::None => match self.pool.open(thread.number(), cells) {
                Some(root) => root,
                None => return self.no_room(),
            },
            Parent::Span(parent) => match self.pool.claim(parent, cells, thread, self) {
                Ok(Place { at, .. }) => at,
                Err(why) => return self.not_recorded(parent, why),
            },
        };
        let block = self.pool.block(span.block());
        block.copy_in(span.cell() * CELL_WORDS + SPAN_WORDS, fields.written(words));
        let entry = block.cell(span.cell());
        self.write_span(
            entry,
            (parent, callsite),
            Tag::new(span.generation(), Kind::Span, cells, words),
        );
        thread.began(self.number, span);
        self.look_at(span, callsite, &fields, words);
        span
    }

    /// Writes all of a span but its fields, which are there already.
    #[inline(always)]
    fn write_span(
        &self,
        entry: &[AtomicU64; CELL_WORDS],
        (parent, callsite): (Parent, u32),
        tag: Tag,
    ) {
        let parent = match parent {
            Parent::Span(parent) => parent.0,
            Parent::None => 0,
        };
        entry[TIES].store(Ties::new(callsite, parent).0, Ordering::Relaxed);
        entry[END].store(0, Ordering::Relaxed);
        // As late as can be: what the recorder itself takes is not the span's time.
        entry[START].store(self.timer.clock.now(), Ordering::Relaxed);
        entry[0].store(tag.0, Ordering::Release);
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
}
