//! The recorder as a `tracing` subscriber: for ordinary macros and `#[instrument]`.

use tracing::dispatcher::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

use super::FlightRecorder;
use super::address::SpanRef;
use super::callsites::{self, Callsite};
use super::recording::{Parent, Recording};
use super::thread::{self, Thread};

impl Recording {
    /// The parent of a new span, by what its macro was told and by what is current.
    #[inline(always)]
    pub(super) fn parent(&self, thread: &Thread, attributes: &Attributes<'_>) -> Parent {
        let parent = if attributes.is_contextual() {
            self.current(thread)
        } else {
            attributes.parent().map(SpanRef::of)
        };
        parent.map_or(Parent::None, Parent::Span)
    }

    /// Writes an event down, if it stands in a span.
    pub(super) fn event_traced(&self, thread: &Thread, event: &Event<'_>) {
        let span = if event.is_contextual() {
            self.current(thread)
        } else {
            event.parent().map(SpanRef::of)
        };
        let Some(span) = span else { return };
        let metadata = event.metadata();
        let is_error = *metadata.level() == Level::ERROR && self.rules.keep_errors;
        let callsite = callsites::number(metadata);
        self.event(thread, span, (callsite, is_error), |fields| event.record(fields));
    }
}

// None of these is marked to be inlined: they are called through a table, and compiled here each is
// one piece with all that it calls.
impl Subscriber for FlightRecorder {
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.0.level.remember(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level())
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let recording = &self.0.recording;
        thread::with(|thread| {
            recording.begin_traced(thread, recording.parent(thread, attributes), attributes)
        })
        .id()
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let span = SpanRef::of(id);
        thread::with(|thread| self.0.recording.record(thread, span, values));
    }

    fn record_follows_from(&self, id: &Id, follows: &Id) {
        let recording = &self.0.recording;
        if let Some(from) = recording.context_of(SpanRef::of(follows)) {
            recording.link_here(SpanRef::of(id), from, "follows_from");
        }
    }

    fn event(&self, event: &Event<'_>) {
        thread::with(|thread| self.0.recording.event_traced(thread, event));
    }

    fn enter(&self, id: &Id) {
        thread::with(|thread| self.0.recording.enter(thread, SpanRef::of(id)));
    }

    fn exit(&self, id: &Id) {
        thread::with(|thread| self.0.recording.exit(thread, SpanRef::of(id)));
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.0.recording.hold(SpanRef::of(id));
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        thread::with(|thread| self.0.recording.let_go(thread, SpanRef::of(&id)))
    }

    fn current_span(&self) -> Current {
        self.0.current_span()
    }
}

impl super::Shared {
    pub(super) fn current_span(&self) -> Current {
        let span = thread::with(|thread| self.recording.current(thread));
        match span.and_then(|span| Some((span, self.recording.callsite_of(span)?))) {
            Some((span, Callsite::Tracing(metadata))) => Current::new(span.id(), metadata),
            Some((_, Callsite::Kind(_))) | None => Current::none(),
        }
    }
}
