//! Records spans, reads and writes trace files, and says how spans hang together.
//!
//! # Start
//!
//! ```
//! # #[cfg(not(feature = "otel"))]
//! # fn main() {}
//! # #[cfg(feature = "otel")]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use raftlens_tracer::{TraceContext, assemble::Assembly, format::Format, init};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("read.jaeger.json");
//!
//! let guard = init().service_name("store-1").memory().file(path, Format::JaegerJson).install()?;
//! let read = tracing::info_span!("read", key = "k1", deadline_ms = 50_u64);
//! let context = TraceContext::of(&read).ok_or("spans are switched off")?;
//! read.in_scope(|| tracing::info!(name: "case", title = "LeaseState::Expired"));
//! // The answer comes by a callback, when `read` no longer runs: no child, a hand-over.
//! let callback = tracing::info_span!(parent: None, "callback");
//! TraceContext::follow(&callback, context, "callback");
//! drop((read, callback));
//!
//! let traces = guard.memory().snapshot();
//! let assembly = Assembly::new(&traces);
//! let root = assembly.roots().next().ok_or("nothing was recorded")?;
//! assert_eq!(assembly.followers(root)[0].kind, Some("callback"));
//! guard.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Concepts
//!
//! - A **[span](model::Span)** is one operation, with times in nanoseconds. A
//!   [`TraceSet`](model::TraceSet) holds the spans of any number of traces; every reader fills it,
//!   and every writer, analysis and chart takes it. It knows nothing of how spans were collected.
//! - A **hand-over** (queue, callback, batch, message) is a link with a `link.kind`, never a child:
//!   see [`TraceContext`], and [`conventions`] for all names that give a span its place in a chart.
//! - A **[format](mod@format)** is a way to write traces to a file: OTLP, Jaeger JSON, Chrome trace
//!   events, and Zipkin to read. Each is told by content, read as far as it is whole, and written
//!   atomically; a table says what each cannot hold.
//! - **[Explanations](explain)** say where the time of a read went, and why.
//! - **[Views](view)** are what explaining looks at of a span, whatever form the span has.
//! - **[Assembly](assemble)** puts spans together; **[the golden form](normalize)** compares runs.
//!
//! # When a span ends
//!
//! A span ends when it is left for the last time, or later if an event was recorded after that; a
//! span that was never entered ends when its last handle is dropped. So a span that stands for
//! waiting should be held and not entered.
//!
//! # Features
//!
//! - `otel` (default): recording, through `tracing-opentelemetry`. Without it the crate is the
//!   plain model, formats and analysis, and needs neither `tracing` nor OpenTelemetry.
//! - `recorder` (default): the flight recorder, see its module; needs `tracing` and no OpenTelemetry.
//! - `simulated`: recording simulations, see its module: needs `tracing` alone.
//! - `otlp`: sending to a collector or Jaeger, as OTLP over HTTP. Not default, since its HTTP
//!   client more than doubles the time that the crate and its dependencies take to build.
//! - `otlp-grpc`: the same over gRPC.
//! - `live`: reading from a running Jaeger, see its module.
//! - `receiver`: receiving OTLP over gRPC and HTTP into files, see its module.
//!
//! # What it never does
//!
//! Recording never blocks the program on a file or a receiver and never fails it: what finds no
//! room is dropped and counted (`Guard::counts`). No input makes a reader panic.

pub mod assemble;
#[cfg(any(feature = "recorder", feature = "simulated"))]
mod clock;
mod context;
#[cfg(any(feature = "otel", feature = "recorder"))]
mod context_of_span;
pub mod conventions;
mod duration;
pub mod explain;
pub mod format;
#[cfg(any(feature = "otel", feature = "recorder"))]
mod level;
#[cfg(feature = "live")]
pub mod live;
pub mod model;
pub mod normalize;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "receiver")]
pub mod receiver;
#[cfg(feature = "recorder")]
pub mod recorder;
#[cfg(feature = "simulated")]
pub mod simulated;
pub mod view;

#[cfg(any(feature = "recorder", feature = "simulated"))]
pub use clock::TimeSource;
pub use context::{TraceContext, TraceParentError};
pub use duration::{parse_duration, write_duration};
#[cfg(feature = "otel")]
pub use otel::{
    Counts, ExportError, Guard, Init, InitError, MemoryHandle, init, otel_resource, span_data,
};
#[cfg(all(feature = "otel", feature = "recorder"))]
pub use otel::{InitRecorder, ToExporter, ToProcessor};
