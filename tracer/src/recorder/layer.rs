//! The recorder as a layer on a registry, for programs that have one already. It costs several times
//! as much as the recorder alone, and almost all of that is the registry's; [`FlightRecorder::tee`]
//! is the cheaper way to have both.

use std::any::TypeId;
use std::marker::PhantomData;

use tracing::dispatcher::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::FlightRecorder;
use super::address::SpanRef;
use super::callsites;
use super::recording::Parent;
use super::thread;

/// The layer; made by [`FlightRecorder::layer`].
pub struct RecorderLayer<S> {
    lookup: Lookup,
    registry: PhantomData<fn(S)>,
}

/// Finds the recorder's address of a span that the registry has.
pub(super) struct Lookup {
    recorder: FlightRecorder,
    find: fn(&Dispatch, &Id) -> Option<SpanRef>,
}

impl Lookup {
    pub(super) fn find(&self, dispatch: &Dispatch, id: &Id) -> Option<(FlightRecorder, SpanRef)> {
        Some((self.recorder.clone(), (self.find)(dispatch, id)?))
    }
}

/// What a span of the registry carries.
struct Recorded(SpanRef);

impl FlightRecorder {
    /// The recorder as a layer on a registry.
    pub fn layer<S>(&self) -> RecorderLayer<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let lookup = Lookup { recorder: self.clone(), find: find_in::<S> };
        RecorderLayer { lookup, registry: PhantomData }
    }
}

fn find_in<S>(dispatch: &Dispatch, id: &Id) -> Option<SpanRef>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = dispatch.downcast_ref::<S>()?.span(id)?;
    let extensions = span.extensions();
    extensions.get::<Recorded>().map(|recorded| recorded.0)
}

fn address<S>(context: &Context<'_, S>, id: &Id) -> Option<SpanRef>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let span = context.span(id)?;
    let extensions = span.extensions();
    extensions.get::<Recorded>().map(|recorded| recorded.0)
}

impl<S> Layer<S> for RecorderLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.lookup.recorder.0.level.remember(subscriber);
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // What it does not want may be wanted by others.
        if self.lookup.recorder.wants(metadata) {
            Interest::always()
        } else {
            Interest::sometimes()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        None
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let recorder = &self.lookup.recorder;
        let Some(span) = context.span(id).filter(|_| recorder.wants(attributes.metadata())) else {
            return;
        };
        // The nearest that is recorded: others may be in between.
        let parent = span
            .scope()
            .skip(1)
            .find_map(|parent| parent.extensions().get::<Recorded>().map(|recorded| recorded.0));
        let parent = parent.map_or(Parent::None, Parent::Span);
        let recording = &recorder.0.recording;
        let address = thread::with(|thread| recording.begin_traced(thread, parent, attributes));
        span.extensions_mut().insert(Recorded(address));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = address(&context, id) else { return };
        let recording = &self.lookup.recorder.0.recording;
        thread::with(|thread| recording.record(thread, span, values));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let recording = &self.lookup.recorder.0.recording;
        let from = address(&context, follows).and_then(|follows| recording.context_of(follows));
        if let (Some(span), Some(from)) = (address(&context, id), from) {
            recording.link_here(span, from, "follows_from");
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let recorder = &self.lookup.recorder;
        let metadata = event.metadata();
        let span = context.event_scope(event).and_then(|mut scope| {
            scope.find_map(|span| span.extensions().get::<Recorded>().map(|recorded| recorded.0))
        });
        let Some(span) = span.filter(|_| recorder.wants(metadata)) else { return };
        let recording = &recorder.0.recording;
        let is_error = *metadata.level() == Level::ERROR && recording.rules.keep_errors;
        let callsite = callsites::number(metadata);
        thread::with(|thread| {
            recording.event(thread, span, (callsite, is_error), |fields| event.record(fields));
        });
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if let Some(span) = address(&context, id) {
            self.lookup.recorder.0.recording.end(span);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        if let Some(span) = address(&context, &id) {
            let recording = &self.lookup.recorder.0.recording;
            thread::with(|thread| recording.let_go(thread, span));
        }
    }

    // SAFETY: the pointers are to `self` and to a field of it, of the types asked for, and the
    // caller uses them only while it borrows the layer, as the trait demands.
    #[allow(unsafe_code)]
    unsafe fn downcast_raw(&self, id: TypeId) -> Option<*const ()> {
        if id == TypeId::of::<Self>() {
            Some(std::ptr::from_ref(self).cast())
        } else if id == TypeId::of::<Lookup>() {
            Some(std::ptr::from_ref(&self.lookup).cast())
        } else {
            None
        }
    }
}

impl<S> std::fmt::Debug for RecorderLayer<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecorderLayer")
    }
}
