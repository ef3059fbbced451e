//! OTLP over gRPC: the exporter together with the runtime that its connection needs.
//!
//! The runtime belongs to the exporting thread and runs only there. A runtime with threads of its
//! own would let the connection's own spans into the recording, which then would never end; and a
//! runtime that is shared with the program could wait for itself at shutdown.

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Exporter};
use tokio::runtime::{Builder, Runtime};

/// The exporter, to be used on the thread that made it.
#[derive(Debug)]
pub(super) struct GrpcExporter {
    // Before the runtime, so that the connection is gone when the runtime ends.
    inner: SpanExporter,
    runtime: Runtime,
}

impl GrpcExporter {
    /// Connects when the first spans are sent, not now.
    pub(super) fn new(endpoint: &str, resource: &Resource) -> Result<Self, String> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime could be started: {error}"))?;
        let entered = runtime.enter();
        let mut inner = SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .build()
            .map_err(|error| error.to_string())?;
        inner.set_resource(resource);
        drop(entered);
        Ok(GrpcExporter { inner, runtime })
    }
}

impl Exporter for GrpcExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        // Waits here, on the exporting thread, which has nothing else to do.
        self.runtime.block_on(self.inner.export(batch))
    }

    fn shutdown(&self) -> OTelSdkResult {
        let _entered = self.runtime.enter();
        self.inner.shutdown()
    }
}
