//! What the recorder keeps of each thread: which spans are entered, memory for fields, and a number.
//!
//! All of it is plain memory of the thread without a destructor, which is the cheapest to reach.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

use super::address::SpanRef;
use super::lease::Lease;
use super::scratch::Scratch;

/// Spans entered at the same time in one thread that need no heap.
const SHALLOW: usize = 64;
/// How many threads have a number of their own at the same time; all others share the last.
pub(super) const OWN_NUMBERS: usize = 64;
/// The number of threads that have none of their own.
pub(super) const SHARED_NUMBER: usize = OWN_NUMBERS;
/// The thread has not asked for a number yet.
const UNNUMBERED: u32 = u32::MAX;

/// A span that is entered.
#[derive(Clone, Copy)]
struct Entered {
    span: SpanRef,
    by: By,
}

/// The recorder that an entered span belongs to, and whether the span was entered before and not
/// left since: then it is not the current one again.
#[derive(Clone, Copy, PartialEq, Eq)]
struct By(u32);

impl By {
    const AGAIN: u32 = 1 << 31;

    fn recorder(self) -> u32 {
        self.0 & !By::AGAIN
    }
}

const NOBODY: Entered = Entered { span: SpanRef::NOTHING, by: By(By::AGAIN) };

/// One thread. What is looked at for each span comes first, and is one cache line.
#[repr(C, align(64))]
pub(super) struct Thread {
    pub(super) lease: Lease,
    depth: Cell<u32>,
    /// The recorder of the span below.
    fresh_of: Cell<u32>,
    /// The span that was begun here last and has not been entered since.
    fresh: Cell<SpanRef>,
    number: Cell<u32>,
    owners: [Cell<By>; SHALLOW],
    spans: [Cell<SpanRef>; SHALLOW],
    pub(super) scratch: Scratch,
}

thread_local! {
    static THREAD: Thread = const { Thread::new() };
    /// Spans entered beyond [`SHALLOW`].
    static DEEP: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
    /// Gives the thread's number back when the thread ends.
    static NUMBER: RefCell<Option<Number>> = const { RefCell::new(None) };
}

/// Gives `act` this thread.
#[inline(always)]
pub(super) fn with<T>(act: impl FnOnce(&Thread) -> T) -> T {
    THREAD.with(act)
}

impl Thread {
    /// A thread that has not entered anything.
    pub(super) const fn new() -> Self {
        Thread {
            lease: Lease::none(),
            depth: Cell::new(0),
            fresh_of: Cell::new(0),
            fresh: Cell::new(SpanRef::NOTHING),
            number: Cell::new(UNNUMBERED),
            owners: [const { Cell::new(NOBODY.by) }; SHALLOW],
            spans: [const { Cell::new(SpanRef::NOTHING) }; SHALLOW],
            scratch: Scratch::new(),
        }
    }

    #[inline]
    fn at(&self, depth: usize) -> Entered {
        if depth < SHALLOW {
            return Entered { span: self.spans[depth].get(), by: self.owners[depth].get() };
        }
        let deep = DEEP.try_with(|deep| deep.borrow().get(depth - SHALLOW).copied());
        deep.ok().flatten().unwrap_or(NOBODY)
    }

    #[inline]
    fn put(&self, depth: usize, entered: Entered) {
        if depth < SHALLOW {
            self.spans[depth].set(entered.span);
            self.owners[depth].set(entered.by);
            return;
        }
        // While the thread ends there is no more room; such spans are not current.
        let _ = DEEP.try_with(|deep| {
            let mut deep = deep.borrow_mut();
            let length = deep.len().max(depth - SHALLOW + 1);
            deep.resize(length, NOBODY);
            deep[depth - SHALLOW] = entered;
        });
    }

    #[inline]
    fn is(&self, depth: usize, recorder: u32, span: SpanRef) -> bool {
        let entered = self.at(depth);
        entered.span == span && entered.by.recorder() == recorder
    }

    /// Remembers a span that was begun just now: it cannot have been entered.
    #[inline(always)]
    pub(super) fn began(&self, recorder: u32, span: SpanRef) {
        self.fresh.set(span);
        self.fresh_of.set(recorder);
    }

    #[inline(always)]
    pub(super) fn enter(&self, recorder: u32, span: SpanRef) {
        let depth = self.depth();
        if self.fresh.get() == span && self.fresh_of.get() == recorder && depth < SHALLOW {
            self.fresh.set(SpanRef::NOTHING);
            self.spans[depth].set(span);
            self.owners[depth].set(By(recorder));
            self.depth.set(depth as u32 + 1);
            return;
        }
        self.enter_any(recorder, span, depth);
    }

    #[inline(never)]
    fn enter_any(&self, recorder: u32, span: SpanRef, depth: usize) {
        let again = self.spans[..depth.min(SHALLOW)].iter().any(|entered| entered.get() == span)
            || depth > SHALLOW;
        let again = again && (0..depth).any(|depth| self.is(depth, recorder, span));
        let by = By(recorder | if again { By::AGAIN } else { 0 });
        self.put(depth, Entered { span, by });
        self.depth.set(depth as u32 + 1);
    }

    /// Leaves a span, if it was the last that was entered and not entered again; else the way is
    /// [`exit_any`](Self::exit_any).
    #[inline(always)]
    pub(super) fn exit(&self, recorder: u32, span: SpanRef) -> bool {
        let top = self.depth().wrapping_sub(1);
        let is_last = top < SHALLOW
            && self.spans[top].get() == span
            && self.owners[top].get() == By(recorder);
        if is_last {
            self.depth.set(top as u32);
        }
        is_last
    }

    /// Leaves a span wherever it stands.
    #[cold]
    pub(super) fn exit_any(&self, recorder: u32, span: SpanRef) {
        let depth = self.depth();
        let place = (0..depth).rev().find(|&depth| self.is(depth, recorder, span));
        if let Some(place) = place {
            (place + 1..depth).for_each(|depth| self.put(depth - 1, self.at(depth)));
            self.depth.set(depth as u32 - 1);
        }
    }

    /// How many spans are entered.
    #[inline(always)]
    pub(super) fn depth(&self) -> usize {
        self.depth.get() as usize
    }

    /// The span of this recorder that was entered last.
    #[inline(always)]
    pub(super) fn current(&self, recorder: u32) -> Option<SpanRef> {
        match self.depth().checked_sub(1) {
            None => None,
            // Entered again is another number.
            Some(top) if top < SHALLOW && self.owners[top].get() == By(recorder) => {
                Some(self.spans[top].get())
            }
            Some(_) => self.current_below(recorder),
        }
    }

    fn current_below(&self, recorder: u32) -> Option<SpanRef> {
        let entered = (0..self.depth()).rev().map(|depth| self.at(depth));
        entered.filter(|entered| entered.by == By(recorder)).map(|entered| entered.span).next()
    }

    /// A number below [`OWN_NUMBERS`] that no other living thread has, or [`SHARED_NUMBER`].
    #[inline(always)]
    pub(super) fn number(&self) -> usize {
        match self.number.get() {
            UNNUMBERED => self.take_number(),
            number => number as usize,
        }
    }

    #[cold]
    fn take_number(&self) -> usize {
        let number = NUMBER
            .try_with(|own| {
                let mut own = own.borrow_mut();
                if own.is_none() {
                    *own = Number::take();
                }
                own.as_ref().map(|number| number.0 as usize)
            })
            .ok()
            .flatten()
            .unwrap_or(SHARED_NUMBER);
        self.number.set(number as u32);
        number
    }
}

/// Which numbers are taken, a bit each.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// A number that is given back.
struct Number(u32);

impl Number {
    fn take() -> Option<Number> {
        let mut taken = TAKEN.load(Ordering::Relaxed);
        loop {
            let free = taken.trailing_ones();
            let bit = 1u64.checked_shl(free)?;
            // Together with the release below: the next thread sees what the last one counted.
            match TAKEN.compare_exchange_weak(
                taken,
                taken | bit,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(Number(free)),
                Err(now) => taken = now,
            }
        }
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // Destructors of this thread that run later, and record something, share a number.
        let _ = THREAD.try_with(|thread| thread.number.set(SHARED_NUMBER as u32));
        TAKEN.fetch_and(!(1 << self.0), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SpanRef = SpanRef(1);
    const B: SpanRef = SpanRef(2);

    fn exit(thread: &Thread, recorder: u32, span: SpanRef) {
        if !thread.exit(recorder, span) {
            thread.exit_any(recorder, span);
        }
    }

    #[test]
    fn the_span_entered_last_is_current() {
        with(|thread| {
            assert_eq!(thread.current(1), None);
            thread.enter(1, A);
            thread.enter(2, B);
            assert_eq!((thread.current(1), thread.current(2)), (Some(A), Some(B)));
            thread.enter(1, B);
            thread.enter(1, A);
            assert_eq!(thread.current(1), Some(B), "entered again is not current again");
            exit(thread, 1, A);
            exit(thread, 2, B);
            exit(thread, 1, A);
            assert_eq!((thread.current(1), thread.current(2)), (Some(B), None));
            exit(thread, 1, B);
            assert_eq!(thread.depth.get(), 0);
        });
    }

    #[test]
    fn depth_has_no_end() {
        // Miri takes a thousand times as long.
        let deepest = if cfg!(miri) { 100 } else { 1000 };
        with(|thread| {
            for number in 1..=deepest {
                thread.enter(7, SpanRef(number));
            }
            assert_eq!(thread.current(7), Some(SpanRef(deepest)));
            exit(thread, 7, SpanRef(deepest / 2));
            for number in (1..=deepest).rev().filter(|number| *number != deepest / 2) {
                assert_eq!(thread.current(7), Some(SpanRef(number)));
                exit(thread, 7, SpanRef(number));
            }
            assert_eq!(thread.current(7), None);
        });
    }

    #[test]
    fn threads_get_their_numbers_back() {
        let number = || std::thread::spawn(|| with(Thread::number)).join().ok();
        let first = number();
        // Other tests run threads too, so only this is certain: numbers do not run out.
        for _ in 0..500 {
            assert!(number().is_some_and(|number| number < OWN_NUMBERS), "{first:?}");
        }
    }
}
