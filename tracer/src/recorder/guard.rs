//! The direct interface: for paths so hot that even the dispatch of `tracing` shows.
//!
//! ```
//! use raftlens_tracer::recorder::{FlightRecorder, Kind};
//! use raftlens_tracer::kind;
//!
//! static READ: Kind = kind!("kv.read", "key", "region");
//! static LOCAL: Kind = kind!("local_read");
//! static CHECK: Kind = kind!("check");
//! static SNAPSHOT: Kind = kind!("snapshot");
//!
//! let recorder = FlightRecorder::builder().build();
//! recorder.keep_all_for(std::time::Duration::from_secs(60));
//! let mut read = recorder.start(&READ, |values| values.text(0, "k1").int(1, 7));
//! {
//!     let _local = read.child(&LOCAL, |values| values);
//! }
//! // Stages one after the other cost one reading of the clock each.
//! read.mark(&CHECK);
//! read.mark(&SNAPSHOT);
//! drop(read);
//! let kept = recorder.kept();
//! let names: Vec<_> = kept.spans.iter().map(|span| &*span.name).collect();
//! assert_eq!(names, ["kv.read", "local_read", "check", "snapshot"]);
//! ```

use super::FlightRecorder;
use super::address::SpanRef;
use super::block::CELL_WORDS;
use super::entry::{
    CALLSITE, Kind as EntryKind, MARKS_BASE, MARKS_CELLS, MARKS_WORDS, MOST_MARKS, SPAN, Tag,
};
use super::fields::Fields;
use super::kind::Kind;
use super::recording::{Parent, Recording};
use super::sync::Ordering;
use super::thread;
use crate::context::TraceContext;

/// The values of a span's fields, by their index in its [`Kind`].
pub struct Values<'a, 'b>(&'a mut Fields<'b>);

impl Values<'_, '_> {
    /// Sets field `index` to a text.
    #[inline(always)]
    pub fn text(self, index: usize, value: &str) -> Self {
        self.0.text(index, value);
        self
    }

    /// Sets field `index` to an integer.
    #[inline(always)]
    pub fn int(self, index: usize, value: i64) -> Self {
        self.0.int(index, value);
        self
    }

    /// Sets field `index` to an unsigned integer; beyond `i64::MAX` it is shown as text.
    #[inline(always)]
    pub fn unsigned(self, index: usize, value: u64) -> Self {
        self.0.unsigned(index, value);
        self
    }

    /// Sets field `index` to a float.
    #[inline(always)]
    pub fn float(self, index: usize, value: f64) -> Self {
        self.0.float(index, value);
        self
    }

    /// Sets field `index` to a truth value.
    #[inline(always)]
    pub fn truth(self, index: usize, value: bool) -> Self {
        self.0.truth(index, value);
        self
    }
}

/// A span that is small, `Copy`, and may be sent along with a request: what is begun elsewhere as
/// its child needs only this. It points at nothing when its trace is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadContext(SpanRef);

/// A span that is open until this is dropped, in whichever thread.
#[must_use = "the span ends when the guard is dropped"]
pub struct SpanGuard<'a> {
    recording: &'a Recording,
    span: SpanRef,
    marks: Marks,
}

/// Where the next mark goes.
#[derive(Clone, Copy)]
struct Marks {
    block: u32,
    at: usize,
    base: u64,
    count: usize,
}

const NO_MARKS: Marks = Marks { block: 0, at: 0, base: 0, count: MOST_MARKS };

impl FlightRecorder {
    /// Begins a trace.
    #[inline]
    pub fn start(
        &self,
        kind: &'static Kind,
        values: impl for<'a, 'b> FnOnce(Values<'a, 'b>) -> Values<'a, 'b>,
    ) -> SpanGuard<'_> {
        begin(&self.0.recording, Parent::None, kind, values)
    }

    /// Begins a span under one that may be open in another thread.
    #[inline]
    pub fn start_under(
        &self,
        parent: ReadContext,
        kind: &'static Kind,
        values: impl for<'a, 'b> FnOnce(Values<'a, 'b>) -> Values<'a, 'b>,
    ) -> SpanGuard<'_> {
        begin(&self.0.recording, Parent::Span(parent.0), kind, values)
    }
}

#[inline(always)]
fn begin<'r>(
    recording: &'r Recording,
    parent: Parent,
    kind: &'static Kind,
    values: impl for<'a, 'b> FnOnce(Values<'a, 'b>) -> Values<'a, 'b>,
) -> SpanGuard<'r> {
    let callsite = kind.callsite();
    let span = thread::with(|thread| {
        recording.begin(thread, parent, callsite, |fields| {
            values(Values(fields));
        })
    });
    SpanGuard { recording, span, marks: NO_MARKS }
}

impl<'r> SpanGuard<'r> {
    /// Begins a span under this one.
    #[inline]
    pub fn child(
        &self,
        kind: &'static Kind,
        values: impl for<'a, 'b> FnOnce(Values<'a, 'b>) -> Values<'a, 'b>,
    ) -> SpanGuard<'r> {
        begin(self.recording, Parent::Span(self.span), kind, values)
    }

    /// What others need to begin spans under this one.
    pub fn context(&self) -> ReadContext {
        ReadContext(self.span)
    }

    /// The ids of the span, for messages and links; `None` if it found no room.
    pub fn trace_context(&self) -> Option<TraceContext> {
        self.recording.context_of(self.span)
    }

    /// Links the span to one that it follows from.
    pub fn link(&self, from: TraceContext, kind: &str) {
        self.recording.link_here(self.span, from, kind);
    }

    /// Makes this span, a root whose ids nobody has asked for, part of the trace of `from`, linked
    /// to it. `false` if it is no root, and only linked.
    pub fn follow(&self, from: TraceContext, kind: &str) -> bool {
        let joined = self.recording.join(self.span, from, false);
        self.link(from, kind);
        joined
    }

    /// Sets a field later: the index is that of the span's kind.
    pub fn set(&self, values: impl for<'a, 'b> FnOnce(Values<'a, 'b>) -> Values<'a, 'b>) {
        thread::with(|thread| {
            self.recording.record_fields(thread, self.span, |fields| {
                values(Values(fields));
            });
        });
    }

    /// Says that a stage begins here, and that the one before it ends.
    #[inline]
    pub fn mark(&mut self, stage: &'static Kind) {
        let now = self.recording.timer.clock.now();
        if self.marks.count == MOST_MARKS && !self.more_marks(now) {
            return;
        }
        let Marks { block, at, base, count } = self.marks;
        let block = self.recording.pool.block(block);
        let mark = now.saturating_sub(base) << 16 | u64::from(stage.callsite() & 0xffff);
        block.set(at + MARKS_WORDS + count, mark);
        block.word(at + CALLSITE).store(count as u64 + 1, Ordering::Release);
        self.marks.count += 1;
    }

    /// Room for more marks. The last of those before gets its end here.
    #[cold]
    fn more_marks(&mut self, now: u64) -> bool {
        let (recording, span) = (self.recording, self.span);
        let pool = &recording.pool;
        let claimed = thread::with(|thread| {
            let place = pool.claim(span, MARKS_CELLS, thread, recording).ok()?;
            // The span itself keeps the trace alive from here on.
            pool.release(place.root, thread, recording);
            Some(place)
        });
        let Some(place) = claimed else { return false };
        let block = recording.pool.block(place.at.block());
        let at = place.at.cell() * CELL_WORDS;
        block.set(at + CALLSITE, 0);
        block.set(at + SPAN, self.span.0);
        block.set(at + MARKS_BASE, now);
        let tag = Tag::new(block.state().generation(), EntryKind::Marks, MARKS_CELLS, MOST_MARKS);
        block.word(at).store(tag.0, Ordering::Release);
        self.marks = Marks { block: place.at.block(), at, base: now, count: 0 };
        true
    }
}

impl Drop for SpanGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        thread::with(|thread| self.recording.let_go(thread, self.span));
    }
}

impl std::fmt::Debug for SpanGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SpanGuard({:?})", self.span)
    }
}
