//! OTLP over HTTP: `POST /v1/traces` with protobuf or JSON, as it is or in gzip.

use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    RETRY_AFTER as RETRY_AFTER_HEADER,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use prost14::Message as _;
use serde_json::json;
use tonic::body::Body;

use super::body::{drain, read_body, unpack};
use super::grpc;
use super::refusal::{Reason, Refusal};
use super::server::{Intake, RETRY_AFTER};
use super::writer::{Accepted, Payload};

const PATH: &str = "/v1/traces";
const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";
/// The two encodings of a request, and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Protobuf,
    Json,
}

/// Answers one request.
pub(super) async fn answer(intake: Arc<Intake>, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let form = form_of(&head.headers);
    if head.uri.path() == PATH && head.method != Method::POST {
        intake.refusals.count(Reason::NotTraces);
        let message = "traces are sent by POST";
        let mut response =
            refused(form, StatusCode::METHOD_NOT_ALLOWED, Reason::NotTraces, message);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    match take(&intake, &head, &mut body, form).await {
        Ok(accepted) => success(form, accepted),
        Err(Refusal { reason, message }) => {
            intake.refusals.count(reason);
            drain(body).await;
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
    head: &Parts,
    body: &mut Incoming,
    form: Option<Form>,
) -> Result<Accepted, Refusal> {
    let path = head.uri.path();
    if path != PATH {
        let message = format!("{path} is not taken; only traces are, at {PATH}");
        return Err(Refusal::new(Reason::NotTraces, message));
    }
    let form = form.ok_or_else(|| {
        let message = format!("the content type must be {PROTOBUF} or {JSON}");
        Refusal::new(Reason::ContentType, message)
    })?;
    let is_packed = match text(&head.headers, &CONTENT_ENCODING).unwrap_or("identity") {
        "identity" | "" => false,
        name if name.eq_ignore_ascii_case("gzip") => true,
        name => {
            let message = format!("content encoding {name:?} is not known; send gzip or none");
            return Err(Refusal::new(Reason::Encoding, message));
        }
    };
    let mut share = intake.budget.begin().await?;
    let stated = text(&head.headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok());
    let mut body = read_body(body, stated, intake.most_request_bytes, &mut share).await?;
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
