//! The subscriber beside the recorder in a [tee](super::tee), and whether this thread is inside of it.
//!
//! While the other one is called, what it asks of the thread's subscriber, which is the tee, is meant
//! for itself: `tracing_subscriber`'s registry lets go of a span's parent by giving that subscriber its
//! own id of the parent. If the tee took it for one of its ids, a span of the recorder that happens
//! to have it would lose a handle, and the registry would never close the parent.

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use tracing::span::Id;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};

use super::address::SpanRef;
use super::callsites::{self, MOST_CALLSITES};

const UNASKED: u8 = 0;
const NEVER: u8 = 1;
const SOMETIMES: u8 = 2;
const ALWAYS: u8 = 3;

thread_local! {
    /// The tees whose other subscriber this thread is in, a bit each: one tee may stand in another.
    static CALLED: Cell<u64> = const { Cell::new(0) };
}

/// How many tees there were; more than 64 share bits, which matters only if one stands in another.
static TEES: AtomicU32 = AtomicU32::new(0);

/// The other subscriber, and what it said of each callsite.
pub(super) struct Beside<S> {
    subscriber: S,
    interest: Box<[AtomicU8]>,
    bit: u64,
}

/// Puts [`CALLED`] back, also when the other one panics.
struct Restore(u64);

impl Drop for Restore {
    fn drop(&mut self) {
        CALLED.set(self.0);
    }
}

impl<S: Subscriber> Beside<S> {
    pub(super) fn new(subscriber: S) -> Self {
        Beside {
            subscriber,
            interest: (0..MOST_CALLSITES).map(|_| AtomicU8::new(UNASKED)).collect(),
            bit: 1 << (TEES.fetch_add(1, Ordering::Relaxed) % u64::BITS),
        }
    }

    /// Calls the other one.
    #[inline]
    pub(super) fn call<T>(&self, act: impl FnOnce(&S) -> T) -> T {
        let before = CALLED.get();
        CALLED.set(before | self.bit);
        let _restore = Restore(before);
        act(&self.subscriber)
    }

    /// The other one, if it is being called in this thread: then ids are its own.
    #[inline(always)]
    pub(super) fn called(&self) -> Option<&S> {
        (CALLED.get() & self.bit != 0).then_some(&self.subscriber)
    }

    /// The other one, if `id` is its own. What is begun inside of it has no id but
    /// [`SpanRef::NOTHING`].
    #[inline(always)]
    pub(super) fn owner_of(&self, id: &Id) -> Option<&S> {
        self.called().filter(|_| SpanRef::of(id) != SpanRef::NOTHING)
    }

    /// Whether the other one wants spans or events of this callsite.
    pub(super) fn wants(&self, metadata: &'static Metadata<'static>) -> bool {
        match self.interest(metadata).load(Ordering::Relaxed) {
            NEVER => false,
            ALWAYS => true,
            _ => self.call(|other| other.enabled(metadata)),
        }
    }

    /// Asks for the other one's interest, and remembers it.
    pub(super) fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let interest = self.call(|other| other.register_callsite(metadata));
        let number = if interest.is_never() {
            NEVER
        } else if interest.is_always() {
            ALWAYS
        } else {
            SOMETIMES
        };
        self.interest(metadata).store(number, Ordering::Relaxed);
        interest
    }

    fn interest(&self, metadata: &'static Metadata<'static>) -> &AtomicU8 {
        &self.interest[callsites::number(metadata) as usize % MOST_CALLSITES]
    }
}
