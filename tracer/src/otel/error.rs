//! What can go wrong when recording is set up or its spans are delivered.

use std::path::PathBuf;
use std::time::Duration;

use crate::format::WriteFileError;

/// Recording could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Spans would go nowhere.
    #[error(
        "no destination for spans: call .file(..), .memory() or .otlp(..), or set \
         OTEL_EXPORTER_OTLP_ENDPOINT (which needs the feature `otlp`)"
    )]
    NoDestination,
    /// The folder of a trace file is not there.
    #[error("the trace file {} cannot be written: its folder does not exist; create it first", .0.display())]
    NoFolder(PathBuf),
    /// The program has a global subscriber already.
    #[error("a global subscriber is installed already; install one only, or use .build()")]
    AlreadyInstalled,
    /// The exporter did not accept its settings.
    #[error("spans cannot be sent to {endpoint}: {reason}")]
    Otlp {
        /// Where they were to go.
        endpoint: String,
        /// What was wrong, and what to do.
        reason: String,
    },
}

/// Spans could not be delivered. The instrumented program goes on in any case.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A trace file could not be written.
    #[error(transparent)]
    File(#[from] WriteFileError),
    /// The receiver refused spans or could not be reached.
    #[error(
        "{spans} spans were not delivered to {endpoint}: {reason}; check that a collector or Jaeger \
         listens there for OTLP over this protocol (4317 is the usual port for gRPC, 4318 for HTTP)"
    )]
    NotDelivered {
        /// Where they were to go.
        endpoint: String,
        /// How many were lost since the last flush.
        spans: u64,
        /// What the last attempt said.
        reason: String,
    },
    /// The receiver is too slow.
    #[error("{endpoint} did not take all spans within {waited:?}; {spans} are still waiting")]
    Timeout {
        /// Where they were to go.
        endpoint: String,
        /// How long was waited.
        waited: Duration,
        /// How many spans were still queued.
        spans: u64,
    },
}
