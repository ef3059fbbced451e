//! What the flight recorder kept, on its way to OpenTelemetry: any span processor or exporter.

use opentelemetry_sdk::trace::{SpanExporter, SpanProcessor};

use super::span_data::{resource, span_data};
use crate::model::TraceSet;
use crate::recorder::KeptSink;

/// Hands kept traces to a span processor: a batch processor with whatever exporter, for instance.
///
/// ```
/// # fn main() {
/// use opentelemetry_sdk::trace::{BatchSpanProcessor, InMemorySpanExporter};
/// # use raftlens_tracer::ToProcessor;
/// use raftlens_tracer::recorder::FlightRecorder;
///
/// let exporter = InMemorySpanExporter::default();
/// let recorder = FlightRecorder::builder().service_name("shop").build();
/// recorder.add_sink(ToProcessor::new(BatchSpanProcessor::builder(exporter.clone()).build()));
/// recorder.keep_all_for(std::time::Duration::from_secs(60));
/// tracing::subscriber::with_default(recorder.clone(), || {
///     tracing::info_span!("checkout", items = 3_u64).in_scope(|| {});
/// });
/// recorder.flush();
/// let exported = exporter.get_finished_spans().expect("in memory");
/// assert_eq!(exported[0].name, "checkout");
/// # }
/// ```
#[derive(Debug)]
pub struct ToProcessor<P> {
    processor: P,
    /// Whether the processor knows what the spans come from.
    is_introduced: bool,
}

impl<P: SpanProcessor> ToProcessor<P> {
    /// A sink that ends spans for `processor`.
    pub fn new(processor: P) -> Self {
        ToProcessor { processor, is_introduced: false }
    }
}

impl<P: SpanProcessor + 'static> KeptSink for ToProcessor<P> {
    fn accept(&mut self, traces: &TraceSet) {
        if !std::mem::replace(&mut self.is_introduced, true) {
            // Nobody else does it without a tracer provider; the service would have no name.
            let found = traces.resources.first().map(resource);
            self.processor.set_resource(&found.unwrap_or_else(|| resource(&Default::default())));
        }
        traces.spans.iter().for_each(|span| self.processor.on_end(span_data(span)));
    }

    fn flush(&mut self) {
        // What could not be delivered is counted by the processor.
        let _ = self.processor.force_flush();
    }
}

/// Hands kept traces to a span exporter, batch by batch, on the recorder's own thread. For exporters
/// that need no async runtime of their own.
#[derive(Debug)]
pub struct ToExporter<E> {
    exporter: E,
    is_introduced: bool,
}

impl<E: SpanExporter> ToExporter<E> {
    /// A sink that exports through `exporter`.
    pub fn new(exporter: E) -> Self {
        ToExporter { exporter, is_introduced: false }
    }
}

impl<E: SpanExporter + 'static> KeptSink for ToExporter<E> {
    fn accept(&mut self, traces: &TraceSet) {
        if !std::mem::replace(&mut self.is_introduced, true) {
            let found = traces.resources.first().map(resource);
            self.exporter.set_resource(&found.unwrap_or_else(|| resource(&Default::default())));
        }
        let spans = traces.spans.iter().map(span_data).collect();
        // An exporter that fails has nobody to tell here; it may log, and the next batch tries again.
        let _ = futures_executor::block_on(self.exporter.export(spans));
    }

    fn flush(&mut self) {
        let _ = self.exporter.force_flush();
    }
}
