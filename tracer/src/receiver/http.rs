//! OTLP over HTTP: `POST /v1/traces` with protobuf or JSON, as it is or in gzip.

use std::io::Read as _;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER as RETRY_AFTER_HEADER,
};
use hyper::{Method, Request, Response, StatusCode};
use prost14::Message as _;
use serde_json::json;
use tokio::time::timeout;
use tonic::body::Body;

use super::budget::Share;
use super::grpc;
use super::refusal::{Reason, Refusal};
use super::server::{BODY_TIMEOUT, Intake, RETRY_AFTER};
use super::writer::{Accepted, Payload};

const PATH: &str = "/v1/traces";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
/// How much is unpacked before more memory is asked for.
const UNPACKED_STEP: usize = 1 << 16;

/// The two encodings of a request, and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// Answers one request.
pub(super) async fn answer(intake: Arc<Intake>, request: Request<Incoming>) -> Response<Body> {
    let form = form_of(request.headers());
    if request.uri().path() == PATH && request.method() != Method::POST {
        intake.refusals.count(Reason::NotTraces);
        let message = "traces are sent by POST";
        let mut response =
            refused(form, StatusCode::METHOD_NOT_ALLOWED, Reason::NotTraces, message);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match take(&intake, request, form).await {
        Ok(accepted) => success(form, accepted),
        Err(Refusal { reason, message }) => {
            intake.refusals.count(reason);
            let mut response = refused(form, reason.status(), reason, &message);
            if reason.is_retryable() {
                let seconds = HeaderValue::from(RETRY_AFTER.as_secs().max(1));
                response.headers_mut().insert(RETRY_AFTER_HEADER, seconds);
            }
            response
        }
    }
}

fn form_of(headers: &HeaderMap) -> Option<Form> {
    // Parameters such as the character set change nothing.
    let value = text(headers, &CONTENT_TYPE)?;
    match value.split(';').next().unwrap_or_default().trim() {
        kind if kind.eq_ignore_ascii_case(PROTOBUF) => Some(Form::Protobuf),
        kind if kind.eq_ignore_ascii_case(JSON) => Some(Form::Json),
        _ => None,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn take(
    intake: &Intake,
    request: Request<Incoming>,
    form: Option<Form>,
) -> Result<Accepted, Refusal> {
    let path = request.uri().path();
    if path != PATH {
        let message = format!("{path} is not taken; only traces are, at {PATH}");
        return Err(Refusal::new(Reason::NotTraces, message));
    }
    let form = form.ok_or_else(|| {
        let message = format!("the content type must be {PROTOBUF} or {JSON}");
        Refusal::new(Reason::ContentType, message)
    })?;
    let is_packed = match text(request.headers(), &CONTENT_ENCODING).unwrap_or("identity") {
        "identity" | "" => false,
        name if name.eq_ignore_ascii_case("gzip") => true,
        name => {
            let message = format!("content encoding {name:?} is not known; send gzip or none");
            return Err(Refusal::new(Reason::Encoding, message));
        }
    };
    let mut share = intake.budget.begin().await?;
    let read = timeout(BODY_TIMEOUT, read_body(request, intake.most_request_bytes, &mut share));
    let mut body = read.await.unwrap_or_else(|_| {
        Err(Refusal::new(Reason::Incomplete, "the body did not come in time"))
    })?;
    if is_packed {
        body = unpack(&body, intake.most_request_bytes, &mut share).await?;
    }
    let body = Bytes::from(body);
    let payload = match form {
        Form::Protobuf => Payload::Protobuf(body),
        Form::Json => Payload::Json(body),
    };
    intake.queue.write(payload, share).await
}

fn too_large(most: usize) -> Refusal {
    let message = format!("a request has at most {most} bytes, unpacked; send fewer spans at once");
    Refusal::new(Reason::TooLarge, message)
}

async fn read_body(
    request: Request<Incoming>,
    most: usize,
    share: &mut Share,
) -> Result<Vec<u8>, Refusal> {
    let stated = text(request.headers(), &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    if let Some(length) = stated {
        if length > most {
            return Err(too_large(most));
        }
        // At once, so that requests do not each hold a half of what they need.
        share.grow_to(length).await?;
    }
    let mut bytes = Vec::new();
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::new(Reason::Incomplete, error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > most {
            return Err(too_large(most));
        }
        share.grow_to(bytes.len() + data.len()).await?;
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

async fn unpack(packed: &[u8], most: usize, share: &mut Share) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut decoder = MultiGzDecoder::new(packed);
    loop {
        share.grow_by(UNPACKED_STEP).await?;
        let mut step = decoder.by_ref().take(UNPACKED_STEP as u64);
        let read = step
            .read_to_end(&mut bytes)
            .map_err(|error| Refusal::new(Reason::Malformed, format!("gzip: {error}")))?;
        if bytes.len() > most {
            return Err(too_large(most));
        }
        if read < UNPACKED_STEP {
            return Ok(bytes);
        }
    }
}

fn success(form: Option<Form>, accepted: Accepted) -> Response<Body> {
    let message = grpc::response(accepted);
    let body = match form {
        Some(Form::Protobuf) => message.encode_to_vec(),
        _ => match message.partial_success {
            None => b"{}".to_vec(),
            Some(partial) => json!({ "partialSuccess": {
                "rejectedSpans": partial.rejected_spans.to_string(),
                "errorMessage": partial.error_message,
            }})
            .to_string()
            .into_bytes(),
        },
    };
    respond(StatusCode::OK, form, body)
}

/// A refusal in the form of the request, as the specification wants it: a `google.rpc.Status`.
fn refused(
    form: Option<Form>,
    status: StatusCode,
    reason: Reason,
    message: &str,
) -> Response<Body> {
    let code = reason.code() as i32;
    let body = match form {
        Some(Form::Protobuf) => {
            let message = message.to_owned();
            tonic_types::Status { code, message, details: Vec::new() }.encode_to_vec()
        }
        _ => json!({ "code": code, "message": message }).to_string().into_bytes(),
    };
    respond(status, form, body)
}

fn respond(status: StatusCode, form: Option<Form>, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    let kind = if form == Some(Form::Protobuf) { PROTOBUF } else { JSON };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
