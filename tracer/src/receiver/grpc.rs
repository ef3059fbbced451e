//! The trace service of OTLP over gRPC.

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost14::Message as _;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::codegen::Service as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::body::read_body;
use super::budget::Share;
use super::refusal::{Reason, Refusal};
use super::server::{Intake, RETRY_AFTER};
use super::writer::{Accepted, Payload};

const ENCODING_HEADER: &str = "grpc-encoding";
/// How much more memory a message takes that is decoded, by and large: many small strings.
const DECODED_FACTOR: usize = 4;
/// What precedes a message: whether it is packed, and its length.
const FRAME_BYTES: usize = 5;

/// Answers one call.
pub(super) async fn answer(intake: Arc<Intake>, request: Request<Incoming>) -> Response<Body> {
    let response = match read(&intake, request).await {
        Ok(request) => {
            let Ok(response) = service(&intake).call(request).await;
            response
        }
        Err(refusal) => status(refusal).into_http(),
    };
    // Here, since the library refuses some calls by itself.
    if let Some(status) = Status::from_header_map(response.headers())
        && status.code() != Code::Ok
    {
        intake.refusals.count(Reason::of_status(&status));
    }
    response
}

/// Reads the call whole before the library sees it, which would take memory without asking.
async fn read(
    intake: &Intake,
    request: Request<Incoming>,
) -> Result<Request<Full<Bytes>>, Refusal> {
    let (mut head, mut body) = request.into_parts();
    let mut share = intake.budget.begin().await?;
    let most = intake.most_request_bytes + FRAME_BYTES;
    let bytes = read_body(&mut body, None, most, &mut share).await?;
    let encoding = head.headers.get(ENCODING_HEADER);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        // The library unpacks it; until that is done, it takes what it may become.
        share.grow_by(intake.most_request_bytes).await?;
    }
    head.extensions.insert(Handed(Arc::new(Mutex::new(Some(share)))));
    Ok(Request::from_parts(head, Full::new(Bytes::from(bytes))))
}

/// A share on its way through the library, whose extensions must be cloneable.
#[derive(Clone)]
struct Handed(Arc<Mutex<Option<Share>>>);

fn service(intake: &Arc<Intake>) -> TraceServiceServer<Traces> {
    TraceServiceServer::new(Traces(Arc::clone(intake)))
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(intake.most_request_bytes)
}

#[derive(Debug)]
struct Traces(Arc<Intake>);

#[tonic::async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let accepted = self.take(request).await.map_err(status)?;
        Ok(tonic::Response::new(response(accepted)))
    }
}

impl Traces {
    async fn take(
        &self,
        mut request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<Accepted, Refusal> {
        let handed = request.extensions_mut().remove::<Handed>();
        let share =
            handed.and_then(|Handed(share)| share.lock().map_or(None, |mut share| share.take()));
        let mut share = match share {
            Some(share) => share,
            None => self.0.budget.begin().await?,
        };
        let request = request.into_inner();
        share.set_to(request.encoded_len().saturating_mul(DECODED_FACTOR)).await?;
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
