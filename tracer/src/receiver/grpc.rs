//! The trace service of OTLP over gRPC.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost14::Message as _;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::refusal::Refusal;
use super::server::{Intake, RETRY_AFTER};
use super::writer::{Accepted, Payload};

/// How much more memory a message takes that is decoded, by and large: many small strings.
const DECODED_FACTOR: usize = 4;

/// The service, for every connection a copy.
pub(super) fn service(
    intake: Arc<Intake>,
    most_request_bytes: usize,
) -> TraceServiceServer<Traces> {
    TraceServiceServer::new(Traces(intake))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(most_request_bytes)
}

#[derive(Debug)]
pub(super) struct Traces(Arc<Intake>);

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let request = request.into_inner();
        self.take(request).await.map_err(status).map(|accepted| Response::new(response(accepted)))
    }
}

impl Traces {
    async fn take(&self, request: ExportTraceServiceRequest) -> Result<Accepted, Refusal> {
        let mut share = self.0.budget.begin().await?;
        share.grow_to(request.encoded_len().saturating_mul(DECODED_FACTOR)).await?;
        self.0.queue.write(Payload::Message(Box::new(request)), share).await
    }
}

/// What is said of a request that was accepted, in both protocols.
pub(super) fn response(accepted: Accepted) -> ExportTraceServiceResponse {
    let rejected_spans = i64::try_from(accepted.rejected_spans).unwrap_or(i64::MAX);
    let partial_success = (rejected_spans > 0).then(|| ExportTracePartialSuccess {
        rejected_spans,
        error_message: "a span needs a trace id of 16 bytes and a span id of 8, not all zero; \
                        a parent has 8 bytes or none"
            .to_owned(),
    });
    ExportTraceServiceResponse { partial_success }
}

fn status(refusal: Refusal) -> Status {
    let Refusal { reason, message } = refusal;
    if !reason.is_retryable() {
        return Status::new(reason.code(), message);
    }
    let details = ErrorDetails::with_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(reason.code(), message, details)
}
