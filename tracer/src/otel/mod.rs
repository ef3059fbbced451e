//! Recording through OpenTelemetry: the only part of the crate that knows it.
//!
//! ```text
//! tracing macros -> level.rs -> typed.rs -> tracing-opentelemetry -> tracer.rs (OpenTelemetry SDK)
//!                                                                        |
//!                            file, memory (store.rs), OTLP (queue.rs) <- pipeline.rs (amend.rs)
//! ```

mod amend;
mod builder;
pub(crate) mod context;
mod convert;
mod error;
mod guard;
#[cfg(feature = "recorder")]
mod kept;
mod level;
#[cfg(feature = "otlp")]
mod otlp;
#[cfg(feature = "otlp-grpc")]
mod otlp_grpc;
mod pipeline;
#[cfg(feature = "otlp")]
mod queue;
mod span_data;
mod store;
mod tracer;
mod typed;
#[cfg(feature = "recorder")]
mod with_recorder;

pub use builder::{Init, init};
pub use error::{ExportError, InitError};
pub use guard::{Counts, Guard};
#[cfg(feature = "recorder")]
pub use kept::{ToExporter, ToProcessor};
pub use span_data::{resource as otel_resource, span_data};
pub use store::MemoryHandle;
#[cfg(feature = "recorder")]
pub use with_recorder::InitRecorder;
