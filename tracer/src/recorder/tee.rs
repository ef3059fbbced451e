//! The recorder together with any other subscriber: the recorder has everything that it wants at its
//! own price, and the other one gets what *it* wants (a terminal, a log file), spans and events alike.
//!
//! The two have different ids for a span. `tracing` sees the recorder's; the other one's are looked
//! up in a table that holds only the spans that the other one wanted, and not at all while it has
//! none. While the other one is called, ids are its own ([`beside`](super::beside)).

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::dispatcher::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use super::FlightRecorder;
use super::address::{Nameless, SpanRef};
use super::beside::Beside;
use super::recording::Parent;
use super::retold::retell;
use super::thread;

/// How many tables there are, so that threads seldom want the same.
const TABLES: usize = 16;

/// The recorder and another subscriber; made by [`FlightRecorder::tee`].
pub struct Tee<S> {
    recorder: FlightRecorder,
    other: Beside<S>,
    /// The other one's ids, by ours.
    ids: [Mutex<HashMap<u64, Id>>; TABLES],
    /// How many spans the other one has: while there are none, no table has to be looked into.
    known: AtomicU64,
    /// Counts spans that the recorder does not have.
    nameless: AtomicU64,
}

impl FlightRecorder {
    /// The recorder together with `other`.
    pub fn tee<S: Subscriber>(&self, other: S) -> Tee<S> {
        Tee {
            recorder: self.clone(),
            other: Beside::new(other),
            ids: std::array::from_fn(|_| Mutex::default()),
            known: AtomicU64::new(0),
            nameless: AtomicU64::new(0),
        }
    }
}

impl<S: Subscriber> Tee<S> {
    fn table(&self, id: u64) -> MutexGuard<'_, HashMap<u64, Id>> {
        // Blocks stand in bits 5 to 24 of an id, and differ from span to span.
        let table = (id >> 5) as usize % TABLES;
        // Nothing that can panic happens under the lock.
        self.ids[table].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The other one's id of a span, if it has the span.
    fn other_id(&self, id: &Id) -> Option<Id> {
        // Whoever has an id of a span that is known got it after it was counted.
        if self.known.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.table(id.into_u64()).get(&id.into_u64()).cloned()
    }

    /// Gives the other one a span, under the parent that it knows.
    fn new_span_of_other(&self, attributes: &Attributes<'_>) -> Id {
        let (metadata, values) = (attributes.metadata(), attributes.values());
        let parent = attributes.parent().map(|parent| self.other_id(parent));
        self.other.call(|other| match parent {
            None => other.new_span(attributes),
            Some(Some(parent)) => other.new_span(&Attributes::child_of(parent, metadata, values)),
            Some(None) => other.new_span(&Attributes::new_root(metadata, values)),
        })
    }

    fn number(&self) -> u64 {
        self.nameless.fetch_add(1, Ordering::Relaxed)
    }
}

impl<S: Subscriber> Subscriber for Tee<S> {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.recorder.0.level.remember(subscriber);
        self.other.call(|other| other.on_register_dispatch(subscriber));
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let other = self.other.register_callsite(metadata);
        if self.recorder.wants(metadata) { Interest::always() } else { other }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.recorder.wants(metadata) || self.other.call(|other| other.enabled(metadata))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Without a hint, the other one wants everything.
        Some(self.recorder.level().max(self.other.call(Subscriber::max_level_hint)?))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        if self.other.called().is_some() {
            // A span of the other subscriber's own doing: to show it could go on forever.
            return SpanRef::NOTHING.id();
        }
        let metadata = attributes.metadata();
        let mut address = if self.recorder.wants(metadata) {
            thread::with(|thread| {
                let recording = &self.recorder.0.recording;
                let parent = match recording.parent(thread, attributes) {
                    Parent::Span(parent) if parent.is_unwanted() => Parent::None,
                    parent => parent,
                };
                recording.begin_traced(thread, parent, attributes)
            })
        } else {
            SpanRef::nameless(self.number(), Nameless::Unwanted)
        };
        if self.other.wants(metadata) {
            if address == SpanRef::NOTHING {
                address = SpanRef::nameless(self.number(), Nameless::WithoutRoom);
            }
            let other = self.new_span_of_other(attributes);
            self.known.fetch_add(1, Ordering::Relaxed);
            self.table(address.0).insert(address.0, other);
        }
        address.id()
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(other) = self.other.owner_of(id) {
            return other.record(id, values);
        }
        self.recorder.record(id, values);
        if let Some(id) = self.other_id(id) {
            self.other.call(|other| other.record(&id, values));
        }
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        if let Some(other) = self.other.owner_of(id) {
            return other.record_follows_from(id, follows);
        }
        self.recorder.record_follows_from(id, follows);
        if let (Some(id), Some(follows)) = (self.other_id(id), self.other_id(follows)) {
            self.other.call(|other| other.record_follows_from(&id, &follows));
        }
    }

    fn event_enabled(&self, _: &Event<'_>) -> bool {
        // The other one is asked below; the recorder wants what its level says.
        true
    }

    fn event(&self, event: &Event<'_>) {
        if self.other.called().is_some() {
            // As with a span: whoever logs while logging would never come to an end.
            return;
        }
        let metadata = event.metadata();
        if self.recorder.wants(metadata) {
            self.recorder.event(event);
        }
        if !self.other.wants(metadata) {
            return;
        }
        let parent = event.parent().map(|parent| self.other_id(parent));
        self.other.call(|other| match parent {
            Some(parent) => retell(event, parent, other),
            None if other.event_enabled(event) => other.event(event),
            None => {}
        });
    }

    fn enter(&self, id: &Id) {
        if let Some(other) = self.other.owner_of(id) {
            return other.enter(id);
        }
        if !SpanRef::of(id).is_unwanted() {
            self.recorder.enter(id);
        }
        if let Some(id) = self.other_id(id) {
            self.other.call(|other| other.enter(&id));
        }
    }

    fn exit(&self, id: &Id) {
        if let Some(other) = self.other.owner_of(id) {
            return other.exit(id);
        }
        if !SpanRef::of(id).is_unwanted() {
            self.recorder.exit(id);
        }
        if let Some(id) = self.other_id(id) {
            self.other.call(|other| other.exit(&id));
        }
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(other) = self.other.owner_of(id) {
            return other.clone_span(id);
        }
        if let Some(id) = self.other_id(id) {
            self.other.call(|other| other.clone_span(&id));
        }
        self.recorder.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        if let Some(other) = self.other.owner_of(&id) {
            return other.try_close(id);
        }
        if let Some(other_id) = self.other_id(&id)
            && self.other.call(|other| other.try_close(other_id))
            && self.table(id.into_u64()).remove(&id.into_u64()).is_some()
        {
            self.known.fetch_sub(1, Ordering::Relaxed);
        }
        self.recorder.try_close(id)
    }

    fn current_span(&self) -> Current {
        match self.other.called() {
            Some(other) => other.current_span(),
            None => self.recorder.current_span(),
        }
    }

    // SAFETY: the pointers are to `self` and to a field of it, of the types asked for, and the
    // caller uses them only while it borrows the subscriber, as the trait demands. The other
    // subscriber is not looked into: whoever found it there would use our ids with it.
    #[allow(unsafe_code)]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == TypeId::of::<FlightRecorder>() {
            Some(std::ptr::from_ref(&self.recorder).cast())
        } else {
            None
        }
    }
}

impl<S> std::fmt::Debug for Tee<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tee({:?})", self.recorder)
    }
}
