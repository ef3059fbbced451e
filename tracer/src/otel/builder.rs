//! Sets recording up: where spans go, under which name, from which level on.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{InstrumentationScope, Key};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, TracerProviderBuilder};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use super::error::InitError;
use super::guard::{Guard, Way};
use super::level::LevelLayer;
#[cfg(feature = "otlp")]
use super::otlp::Protocol;
use super::pipeline::{Pipeline, Processor, Sink};
use super::store::{FileSink, MemoryHandle, Store};
use super::tracer::TypedTracer;
use super::typed::TypedLayer;
use crate::conventions::SERVICE_NAME;
use crate::format::Format;

/// How many spans memory and files hold unless told otherwise: about 200 MB at ten attributes each.
const DEFAULT_MOST_SPANS: usize = 200_000;
/// Links and events of one span: a read-index round has a link for every read that shares it.
const MOST_PER_SPAN: u32 = 4096;
/// Attributes of one span: twice OpenTelemetry's default, since an integer may be there twice
/// until the span ends.
const MOST_ATTRIBUTES: u32 = 256;

/// Begins to set recording up.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("traces.otlp.jsonl");
/// use raftlens_tracer::{format::Format, init};
///
/// let guard = init().service_name("shop").file(path, Format::OtlpJsonLines).install()?;
/// tracing::info_span!("checkout", items = 3_u64).in_scope(|| {});
/// guard.shutdown()?;
/// # Ok(())
/// # }
/// ```
pub fn init() -> Init {
    Init {
        service_name: None,
        level: LevelFilter::INFO,
        most_spans: DEFAULT_MOST_SPANS,
        files: Vec::new(),
        memory: false,
        #[cfg(feature = "otlp")]
        otlp: None,
    }
}

/// Recording that is being set up; see [`init`].
#[derive(Debug)]
#[must_use = "nothing is recorded before .build() or .install()"]
pub struct Init {
    service_name: Option<String>,
    pub(super) level: LevelFilter,
    pub(super) most_spans: usize,
    files: Vec<(PathBuf, Format)>,
    memory: bool,
    #[cfg(feature = "otlp")]
    otlp: Option<(Protocol, String)>,
}

impl Init {
    /// The name of the service. By default `OTEL_SERVICE_NAME`, else `service.name` in
    /// `OTEL_RESOURCE_ATTRIBUTES`, else the name of the executable.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// Which spans and events are recorded at first; [`LevelFilter::INFO`] by default. The guard
    /// can change it later.
    pub fn level(mut self, level: LevelFilter) -> Self {
        self.level = level;
        self
    }

    /// Also writes a trace file. It appears when the guard flushes or shuts down, always complete.
    pub fn file(mut self, path: impl Into<PathBuf>, format: Format) -> Self {
        self.files.push((path.into(), format));
        self
    }

    /// Also keeps spans in memory; [`Guard::memory`] yields them.
    pub fn memory(mut self) -> Self {
        self.memory = true;
        self
    }

    /// How many spans memory and each file hold (200,000 by default). Further ones are dropped and
    /// counted.
    pub fn most_spans(mut self, most_spans: usize) -> Self {
        self.most_spans = most_spans;
        self
    }

    /// Also sends spans to a collector or Jaeger at `url`, for instance `http://127.0.0.1:4318`,
    /// as OTLP over HTTP. Without a path, `/v1/traces` is appended.
    ///
    /// Without this call, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`
    /// says where to, and `OTEL_EXPORTER_OTLP_PROTOCOL` how, unless `OTEL_TRACES_EXPORTER` is
    /// `none`. Spans are sent to one place; the last of these calls counts.
    #[cfg(feature = "otlp")]
    pub fn otlp(mut self, url: impl Into<String>) -> Self {
        self.otlp = Some((Protocol::Http, url.into()));
        self
    }

    /// Also sends spans to a collector or Jaeger at `url`, for instance `http://127.0.0.1:4317`,
    /// as OTLP over gRPC. The program needs no asynchronous runtime for it, and may have one.
    #[cfg(feature = "otlp-grpc")]
    pub fn otlp_grpc(mut self, url: impl Into<String>) -> Self {
        self.otlp = Some((Protocol::Grpc, url.into()));
        self
    }

    /// Makes a subscriber, for programs that install it themselves or record in one scope only.
    ///
    /// # Errors
    ///
    /// [`InitError`] when spans would go nowhere or a destination is unusable.
    pub fn build(
        self,
    ) -> Result<(impl Subscriber + for<'a> LookupSpan<'a> + Send + Sync, Guard), InitError> {
        let resource = self.resource();
        let memory = Arc::new(Store::new(self.most_spans, resource.clone()));
        let pipeline = Arc::new(Pipeline::new(self.sinks(&resource, &memory)?));
        let provider = limits(SdkTracerProvider::builder())
            .with_resource(resource)
            .with_span_processor(Processor(Arc::clone(&pipeline)))
            .build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let level = LevelLayer::new(self.level);
        // Threads, idle times and targets cost a third of the bridge and answer no question; the
        // context of OpenTelemetry's own API is not used, since `tracing` has the current span.
        let bridge = OpenTelemetryLayer::new(TypedTracer(provider.tracer_with_scope(scope)))
            .with_location(true)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false);
        let subscriber =
            Registry::default().with(level.clone()).with(TypedLayer::default()).with(bridge);
        let memory = MemoryHandle(memory);
        let way = Way::Sdk(provider, level);
        Ok((subscriber, Guard { pipeline, way, memory, is_shut_down: false }))
    }

    /// Makes a subscriber and installs it for the whole program.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build), and [`InitError::AlreadyInstalled`].
    pub fn install(self) -> Result<Guard, InitError> {
        let (subscriber, guard) = self.build()?;
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|_| InitError::AlreadyInstalled)?;
        Ok(guard)
    }

    pub(super) fn sinks(
        &self,
        resource: &Resource,
        memory: &Arc<Store>,
    ) -> Result<Vec<Arc<dyn Sink>>, InitError> {
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        if self.memory {
            sinks.push(Arc::clone(memory) as Arc<dyn Sink>);
        }
        for (path, format) in &self.files {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            // Better now than after an hour of recording.
            if folder.is_some_and(|folder| !folder.is_dir()) {
                return Err(InitError::NoFolder(path.clone()));
            }
            let store = Store::new(self.most_spans, resource.clone());
            sinks.push(Arc::new(FileSink { store, path: path.clone(), format: *format }));
        }
        #[cfg(feature = "otlp")]
        sinks.extend(super::otlp::sink(self.otlp.as_ref(), resource)?);
        if sinks.is_empty() { Err(InitError::NoDestination) } else { Ok(sinks) }
    }

    /// What the SDK reads from `OTEL_RESOURCE_ATTRIBUTES`, under the service's name. The SDK's own
    /// order lets that variable win over `OTEL_SERVICE_NAME`, against the specification.
    pub(super) fn resource(&self) -> Resource {
        let detected = Resource::builder().build();
        let by_variable = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
        let by_attribute = || {
            let name = detected.get(&Key::new(SERVICE_NAME)).map(|value| value.to_string());
            name.filter(|name| !name.starts_with("unknown_service"))
        };
        let name = self
            .service_name
            .clone()
            .or(by_variable)
            .or_else(by_attribute)
            .unwrap_or_else(executable_name);
        Resource::builder().with_service_name(name).build()
    }
}

fn executable_name() -> String {
    let path = env::current_exe().ok();
    let stem = path.as_deref().and_then(|path| path.file_stem());
    stem.map_or_else(|| "unknown_service".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// Raises OpenTelemetry's limits of 128, except where the environment sets them.
fn limits(provider: TracerProviderBuilder) -> TracerProviderBuilder {
    let is_free = |name: &str| env::var_os(name).is_none();
    let mut provider = provider
        .with_max_attributes_per_event(MOST_ATTRIBUTES)
        .with_max_attributes_per_link(MOST_ATTRIBUTES);
    if is_free("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT") {
        provider = provider.with_max_attributes_per_span(MOST_ATTRIBUTES);
    }
    if is_free("OTEL_SPAN_EVENT_COUNT_LIMIT") {
        provider = provider.with_max_events_per_span(MOST_PER_SPAN);
    }
    if is_free("OTEL_SPAN_LINK_COUNT_LIMIT") {
        provider = provider.with_max_links_per_span(MOST_PER_SPAN);
    }
    provider
}
