//! OTLP over gRPC: the exporter together with the runtime that its connection needs.
//!
//! The runtime belongs to the exporting thread and runs only there. A runtime with threads of its
//! own would let the connection's own spans into the recording, which then would never end; and a
//! runtime that is shared with the program could wait for itself at shutdown. The price is that the
//! connection stands still between two requests, and does not notice that it was closed.

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as Exporter};
use tokio::runtime::{Builder, Runtime};

/// How often the connection gets its turn before a request.
const TURNS: usize = 16;

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
        self.runtime.block_on(async {
            // A receiver that was restarted has closed the connection long ago. What is sent on it
            // would be lost; noticed in time, it is made anew.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            self.inner.export(batch).await
        })
    }

    fn shutdown(&self) -> OTelSdkResult {
        let _entered = self.runtime.enter();
        self.inner.shutdown()
    }
}
