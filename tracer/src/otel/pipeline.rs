//! From the end of a span to every destination. Runs on the thread that ended the span, so it only
//! amends and enqueues.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::amend::amend;
use super::error::ExportError;

/// Where finished spans go.
pub(super) trait Sink: Debug + Send + Sync {
    /// Takes a span, or counts it as dropped; never waits for anything slow.
    fn accept(&self, span: SpanData);
    /// Delivers what was accepted so far.
    fn flush(&self, timeout: Duration) -> Result<(), ExportError>;
    /// Delivers what was accepted and stops.
    fn shutdown(&self, timeout: Duration) -> Result<(), ExportError> {
        self.flush(timeout)
    }
    /// How many spans were not accepted, or were accepted and lost.
    fn dropped(&self) -> u64;
}

/// All destinations, and how many spans passed.
#[derive(Debug)]
pub(super) struct Pipeline {
    sinks: Vec<Arc<dyn Sink>>,
    started: AtomicU64,
    ended: AtomicU64,
}

impl Pipeline {
    pub(super) fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Pipeline { sinks, started: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.dropped()).sum()
    }

    /// Flushes every destination, also behind one that fails; the first fault is told.
    pub(super) fn flush(&self, timeout: Duration) -> Result<(), ExportError> {
        self.each(|sink| sink.flush(timeout))
    }

    pub(super) fn shutdown(&self, timeout: Duration) -> Result<(), ExportError> {
        self.each(|sink| sink.shutdown(timeout))
    }

    fn each(&self, act: impl Fn(&dyn Sink) -> Result<(), ExportError>) -> Result<(), ExportError> {
        let outcomes: Vec<_> = self.sinks.iter().map(|sink| act(&**sink)).collect();
        outcomes.into_iter().collect()
    }
}

/// The pipeline as the SDK wants it.
#[derive(Debug)]
pub(super) struct Processor(pub(super) Arc<Pipeline>);

/// The SDK's own calls are made by programs that reach its provider; ours go through the guard.
const SDK_TIMEOUT: Duration = Duration::from_secs(5);

impl SpanProcessor for Processor {
    fn on_start(&self, _: &mut Span, _: &Context) {
        self.0.started.fetch_add(1, Ordering::Relaxed);
    }

    fn on_end(&self, span: SpanData) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
        // A sampler may have a span recorded that is not to be exported.
        if !span.span_context.is_sampled() {
            return;
        }
        let span = amend(span);
        if let Some((last, others)) = self.0.sinks.split_last() {
            others.iter().for_each(|sink| sink.accept(span.clone()));
            last.accept(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.flush(SDK_TIMEOUT).map_err(|error| OTelSdkError::InternalFailure(error.to_string()))
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        // The guard has shut the destinations down before the provider, and has the typed error.
        Ok(())
    }
}
